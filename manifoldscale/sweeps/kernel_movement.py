"""Lazy or rich: the tangent kernel of each network of a plan before and after its training,
regression with both beside the network, and how the movement depends on width.

A lazy network is regression with the kernel that it starts with. Its kernel then moves by
1 / w (Jacot et al. 2018; Dyer & Gur-Ari 2020). Where features are learned, the kernel moves
by as much at any width, and regression with the kernel after training is nearer to the
network (Geiger et al. 2020; Fort et al. 2020; Vyas et al. 2022).
"""

import dataclasses as dc
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, number, with_interval
from ..core.learning_curve import LearningCurve, Run
from ..core.result import Result
from ..core.settings import real
from ..core.style import drawing, log_axes
from ..networks.mlp import ACTIVATIONS
from ..theory.empirical_ntk import empirical_ntk
from ..theory.kernel_change import kernel_alignment, kernel_drift
from ..theory.kernel_regression import nested_predictions
from ..theory.ntk_mlp import NTKLinear
from .early_stopping import halves
from .factory import layout_of
from .over_widths import slope_of_logs
from .pack import MLPPack, Pack
from .packing import packs
from .plan import PackSpec, Plan
from .run import check_plan, train_pack
from .tasks import Split
from .train import Trained
from .trial import make_pack

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIDGE = 1e-8  # of a kernel's mean diagonal: far below any loss, above rounding


@dc.dataclass(frozen=True)
class Moved:
    """One network: its test loss, and the test losses of regression with its tangent kernel
    before and after training, on the same training and test examples.

    drift : |after - before| / |before|, in Frobenius norm, on these examples.
    alignment : of after with before, centred; it does not see a change of scale.
    task_before, task_after : alignment of the kernels with the labels.
    """

    width: int
    dataset_size: int
    seed: int
    network: float
    before: float = math.nan
    after: float = math.nan
    drift: float = math.nan
    alignment: float = math.nan
    task_before: float = math.nan
    task_after: float = math.nan
    converged: bool = False


@dc.dataclass(frozen=True, eq=False)
class KernelMovement(Result):
    """How far tangent kernels move in training, and what the movement is worth.

    drift_exponent : x of drift ~ w^-x at the largest dataset size, with its interval: 1
        where training is lazy, 0 where features are learned at any width. NaN with fewer
        than three widths.
    runs : a `Moved` for each network.
    """

    plan: Plan
    runs: tuple[Moved, ...]
    drift_exponent: float
    interval: Interval
    caveats: tuple[Remark, ...] = ()

    main = "drift_exponent"
    columns = (
        "drift_exponent",
        "width=widest.width",
        "dataset_size=widest.dataset_size",
        "network=widest.network",
        "before=widest.before",
        "after=widest.after",
        "drift=widest.drift",
        "alignment=widest.alignment",
        "task_before=widest.task_before",
        "task_after=widest.task_after",
    )
    method = "tangent kernels before and after training"

    @property
    def n_points(self) -> int:
        """Trained networks."""
        return len(self.runs)

    @property
    def widest(self) -> Moved:
        """Means over seeds at the largest width and dataset size."""
        return self.means[-1]

    @property
    def means(self) -> tuple[Moved, ...]:
        """Means over seeds of each width and dataset size, in rising order."""
        cells: dict[tuple[int, int], list[Moved]] = {}
        for run in sorted(self.runs, key=lambda one: (one.width, one.dataset_size)):
            cells.setdefault((run.width, run.dataset_size), []).append(run)
        return tuple(map(_mean, cells.values()))

    def curve(self, which: str = "network") -> LearningCurve:
        """The losses of the networks, or of regression with the kernels "before" or "after"
        training: for fits along data or width.
        """
        rows = [{"loss": getattr(run, which), "dataset_size": run.dataset_size,
                 "width": run.width, "seed": run.seed} for run in self.runs]  # fmt: skip
        shared = self.plan.task.shared_data or self.plan.paired
        found = tuple(Run(**row) for row in rows if math.isfinite(row["loss"]))
        return LearningCurve(found, loss="mse", shared_data=shared, task=which)

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The drift against width at each dataset size; at one width, the losses of network
        and kernels against the dataset size.
        """
        means = self.means
        if len({one.width for one in means}) > 1:
            for size in sorted({one.dataset_size for one in means}):
                at = [one for one in means if one.dataset_size == size]
                ax.plot([one.width for one in at], [one.drift for one in at], "o-",
                        label=f"D = {size}")  # fmt: skip
            ax.set(xlabel="width w", ylabel="drift of the tangent kernel")
            shown = [("width", "drift")]
        else:
            for name in ("network", "before", "after"):
                label = name if name == "network" else f"kernel {name} training"
                sizes = [one.dataset_size for one in means]
                ax.plot(sizes, [getattr(one, name) for one in means], "o-", label=label)
            ax.set(xlabel="training examples D", ylabel="test loss")
            shown = [("dataset_size", n) for n in ("network", "before", "after")]
        points = [(getattr(m, x), getattr(m, y)) for m in means for x, y in shown]
        x, y = np.array([p for p in points if math.isfinite(p[1])]).reshape(-1, 2).T
        log_axes(ax, x, y)
        ax.legend()

    def headline(self) -> str:
        one = self.widest
        return (
            f"tangent kernels: drift ~ w^-x, x = "
            f"{with_interval(self.drift_exponent, self.interval)}; at w = {one.width:,}, "
            f"D = {one.dataset_size:,}: drift {number(one.drift)}, alignment "
            f"{number(one.alignment)}, loss of the network {number(one.network)}, of the "
            f"kernel before {number(one.before)} and after {number(one.after)}"
        )


def kernel_movement(
    plan: Plan,
    *,
    ridge: float = RIDGE,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> KernelMovement:
    """Train the networks of a plan, and compare each with regression with its tangent
    kernel before and after training, on its own training and test examples.

    >>> from manifoldscale.sweeps import Plan, TeacherStudent, Training
    >>> plan = Plan(TeacherStudent(2), [30], widths=[8, 16], seeds=2, n_test=50,
    ...             training=Training(steps=20))
    >>> len(kernel_movement(plan).runs)
    4

    A kernel is that of gradient descent in the parametrisation of the plan, also where
    Adam trains. With several outputs it is the mean of those of the outputs. Regression
    starts from zero, not from the function of the network at initialisation: in the "ntk"
    parametrisation, and in "mup" at a small richness, that function is part of the lazy
    network's error.

    Parameters
    ----------
    plan : with the loss "mse". A network takes two kernels of (dataset size + n_test)
        points.
    ridge : of the regressions, over the mean of the kernel's diagonal.
    progress : called with the number of networks finished since the last call.

    Raises
    ------
    ManifoldScaleError : a loss other than "mse"; a network without a tangent kernel; a
        device that is not there.
    """
    check_plan(plan)
    require(
        plan.training.loss == "mse",
        "`plan`: regression with a kernel minimises squared errors, and the loss is "
        f"{plan.training.loss!r}: use 'mse'.",
    )
    share = real("ridge", ridge, 0.0)
    runs: list[Moved] = []
    for spec in packs(plan, plan.runs(), None):
        trained = train_pack(plan, spec, device)
        seeds = [plan.seed_of(spec.shape, *member) for member in spec.members]
        start = make_pack(spec.shape, seeds, plan.training.torch_dtype, device)
        for place in range(len(spec.members)):
            runs.append(_moved(plan, spec, place, start, trained, share))
        if progress is not None:
            progress(len(spec.members))
    exponent, interval = _drift_exponent(runs)
    return KernelMovement(plan, tuple(runs), exponent, interval, _caveats(runs))


def _moved(
    plan: Plan, spec: PackSpec, place: int, start: Pack, trained: Trained, ridge: float
) -> Moved:
    """What became of one network of a pack."""
    size, index = spec.members[place]
    loss = trained.test_loss[place]
    found = Moved(spec.shape.width, size, index, loss)
    if math.isnan(loss):
        return found
    split = plan.task.draw(size, plan.n_test, plan.seed_of(spec.shape, size, index))
    if plan.training.keep == "best":
        split, _ = halves(split)
    rows = np.concatenate([split.train_inputs, split.test_inputs])
    x = layout_of(spec.shape)(torch.from_numpy(rows))
    first, last = (
        empirical_ntk(tangent_module(pack, place), x, outputs="mean").cpu().numpy()
        for pack in (start, trained.pack)
    )
    labels = np.concatenate([split.train_targets, split.test_targets])
    task = labels @ labels.T
    return dc.replace(
        found,
        before=_regression(first, split, ridge),
        after=_regression(last, split, ridge),
        drift=kernel_drift(last, first),
        alignment=kernel_alignment(last, first),
        task_before=kernel_alignment(first, task),
        task_after=kernel_alignment(last, task),
        converged=trained.converged(place),
    )


def tangent_module(pack: Pack, index: int) -> nn.Module:
    """A member with the parameters that training moves: factors of the layers of a
    perceptron stay factors, so that its tangent kernel is that of its parametrisation. That
    of "mup" is gamma^2 w times smaller than the kernel that moves its outputs.
    """
    if not isinstance(pack, MLPPack):
        return pack.member(index)
    shape, layers = pack.shape, OrderedDict[str, nn.Module]()
    stacked = zip(pack.scales, pack.weights, pack.biases, strict=True)
    for i, ((weight_scale, bias_scale), weight, bias) in enumerate(stacked):
        fan_in, fan_out = shape.sizes[i : i + 2]
        linear = NTKLinear(fan_in, fan_out, bias_variance=1.0)
        linear.weight_scale, linear.bias_scale = weight_scale, bias_scale
        with torch.no_grad():
            linear.weight.copy_(weight[index].T)
            assert linear.bias is not None
            linear.bias.copy_(bias[index, 0])
        layers[f"hidden{i + 1}" if i < shape.depth else "readout"] = linear
        if i < shape.depth:
            layers[f"act{i + 1}"] = ACTIVATIONS[shape.activation]()
    return nn.Sequential(layers)


def _regression(kernel: Floats, split: Split, ridge: float) -> float:
    """The test loss of regression with a kernel of all points, training examples first."""
    n = len(split.train_inputs)
    delta = ridge * float(np.trace(kernel)) / len(kernel)
    gram, between = kernel[:n, :n].copy(), kernel[:n, n:].copy()
    (predicted,) = nested_predictions(gram, between, split.train_targets, [n], delta)
    return float(np.square(predicted - split.test_targets).sum(1).mean())


def _mean(runs: Sequence[Moved]) -> Moved:
    """The mean of networks of one size over their seeds, without those that failed."""
    good = [run for run in runs if math.isfinite(run.network)] or runs
    names = [field.name for field in dc.fields(Moved) if field.type is float]
    means: dict[str, Any] = {
        name: float(np.mean([getattr(run, name) for run in good])) for name in names
    }
    return dc.replace(runs[0], **means, converged=all(run.converged for run in good))


def _drift_exponent(runs: Sequence[Moved]) -> tuple[float, Interval]:
    """x of drift ~ w^-x at the largest dataset size, from the seeds known at all widths."""
    most = max(run.dataset_size for run in runs)
    drifts = {(r.width, r.seed): r.drift for r in runs if r.dataset_size == most}
    widths = np.array(sorted({width for width, _ in drifts}))
    seeds = sorted({seed for _, seed in drifts})
    table = np.array([[drifts[width, seed] for seed in seeds] for width in widths])
    known = table[:, (np.isfinite(table) & (table > 0)).all(0)]
    if not known.size:
        return math.nan, Interval(-math.inf, math.inf)
    slope, interval = slope_of_logs(widths, np.log(known))
    return -slope, interval.map(lambda value: -value)


def _caveats(runs: Sequence[Moved]) -> tuple[Remark, ...]:
    remarks, n = [], len(runs)
    failed = sum(math.isnan(run.network) for run in runs)
    if failed:
        remarks.append(Caveat.FAILED_RUNS(f"{failed} of {n} runs"))
    late = sum(not run.converged for run in runs) - failed
    if late:
        remarks.append(Caveat.NOT_CONVERGED(f"{late} of {n} runs"))
    if len({run.width for run in runs}) < 3:
        remarks.append(Caveat.NOT_ESTIMATED("an exponent of width needs three widths"))
    return tuple(remarks)
