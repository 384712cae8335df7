"""Whether activations drift with width: how far a few steps of training move each layer.

A sweep over widths compares networks that differ in size alone only if a step moves the
activations of all of them alike. The change of a layer after a few steps goes as w^c, where
theory gives a c that is a multiple of 1/2 for every parametrisation (Yang & Hu 2021): the
slope of log change against log width tells 0 from 1/2, and so from all others. After the
first step it is that of theory; later steps find what starts small and then grows, and may
be chaotic at rates that are too high.
"""

import dataclasses as dc
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Ints
from ..core.caveat import Caveat, Remark
from ..core.devices import device_of
from ..core.errors import require
from ..core.interval import Interval, with_interval
from ..core.learning_curve import LearningCurve
from ..core.result import Result
from ..core.settings import whole
from ..core.style import drawing, log_axes
from .factory import layout_of
from .over_widths import slope_of_logs
from .plan import PackSpec, Plan, sizes_of
from .run import check_plan, train_pack
from .students import check_widths
from .trial import make_pack

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTHS = (64, 128, 256, 512, 1024, 2048)
EXAMPLES = 128  # at most so many in a step; the change is taken on half as many others
NO_DRIFT = 0.25  # halfway from no drift to the least that theory knows, w^(1/2)
DRIFTS, STAYS, UNDETERMINED = "drifts", "does not drift", "undetermined"


@dc.dataclass(frozen=True)
class LayerDrift:
    """The change of one layer's outputs, before its activation, after a number of steps.

    changes : at each width, root mean square over units and inputs, geometric mean over
        seeds; infinite where a network diverged.
    slope : c of change ~ w^c, with its interval from the scatter of widths about the line.
    """

    name: str
    steps: int
    changes: tuple[float, ...]
    slope: float
    interval: Interval

    @property
    def verdict(self) -> str:
        if not np.isfinite(self.changes).all():
            return DRIFTS if np.isfinite(self.changes[0]) else UNDETERMINED
        low, high = self.interval
        if low > NO_DRIFT or high < -NO_DRIFT:
            return DRIFTS
        return STAYS if max(high, -low) < NO_DRIFT else UNDETERMINED

    def __str__(self) -> str:
        return f"{self.name} w^{with_interval(self.slope, self.interval)}"


@dc.dataclass(frozen=True, eq=False)
class CoordinateCheck(Result):
    """How the change of every layer goes with width, after one and after a few steps.

    verdict : "drifts" if the interval of some slope is beyond 1/4, upwards or downwards, or
        wide networks diverge; "does not drift" if all are within 1/4; "undetermined"
        otherwise.
    layers : one entry per layer, from the inputs on, after the first step, and after all.
    widths : (widths,), rising.
    n_points : trained networks.
    """

    plan: Plan
    steps: int
    widths: Ints
    layers: tuple[LayerDrift, ...]
    verdict: str
    n_points: int
    caveats: tuple[Remark, ...] = ()

    main = "verdict"
    columns = (
        "verdict",
        "layer=worst.name",
        "steps=worst.steps",
        "slope=worst.slope",
        "slope_interval=worst.interval",
        "narrowest=widths.0",
        "widest=widths.-1",
    )
    method = "coordinate check"

    @property
    def worst(self) -> LayerDrift:
        """The layer that drifts most surely: whose interval is farthest beyond 1/4."""
        diverged = [one for one in self.layers if not np.isfinite(one.changes).all()]

        def beyond(one: LayerDrift) -> float:
            return max(one.interval.low, -one.interval.high)

        return (diverged or [max(self.layers, key=beyond)])[0]

    def noted(self, curve: LearningCurve) -> LearningCurve:
        """The curve of this plan, with what was measured in place of what is known of its
        parametrisation: no caveat if activations do not drift.
        """
        measured = f"measured after {_plural(self.worst.steps)}: change of {self.worst}"
        return dc.replace(curve, drift="" if self.verdict == STAYS else measured)

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The change of each layer after the last step against width."""
        widths = self.widths.astype(float)
        last = [layer for layer in self.layers if layer.steps == self.steps]
        for layer in last:
            ax.plot(widths, layer.changes, "o-", label=layer.name)
        changes = np.array([layer.changes for layer in last]).ravel()
        ax.set(xlabel="width w", ylabel=f"change after {_plural(self.steps)}")
        log_axes(ax, widths, changes[np.isfinite(changes)])
        ax.legend()

    def headline(self) -> str:
        parts = []
        for steps in sorted({layer.steps for layer in self.layers}):
            listed = (str(one) for one in self.layers if one.steps == steps)
            parts.append(f"after {_plural(steps)} {', '.join(listed)}")
        said = "; ".join(parts)
        return f"coordinate check: {self.verdict} with width (change {said})"


def coordinate_check(
    plan: Plan,
    widths: Sequence[int] | None = None,
    *,
    steps: int = 5,
    seeds: int = 4,
    device: str = "cpu",
) -> CoordinateCheck:
    """Train the networks of a plan for a few steps at several widths, and see how the
    change of their activations depends on width.

    >>> from manifoldscale.sweeps import Plan, TeacherStudent
    >>> plan = Plan(TeacherStudent(2), dataset_sizes=[64], parametrisation="mup")
    >>> print(coordinate_check(plan, widths=(32, 64, 128, 256), seeds=2).verdict)
    does not drift

    Parameters
    ----------
    plan : its task, student and training count; its rate is kept constant, and a step has
        at most 128 examples. Networks with one seed see the same examples at all widths.
    widths : at least three; by default 64 ... 2,048 for the student "mlp", which takes
        seconds, and those of the plan for others.
    steps : after which the change is taken, beside that of the first step.
    seeds : networks at each width.

    Raises
    ------
    ManifoldScaleError : fewer than three widths, a student without width, or a device that
        is not there.
    """
    check_plan(plan)
    device_of(device, plan.training.torch_dtype)
    given = widths if widths is not None else WIDTHS
    chosen = sorted(sizes_of("widths", given if plan.student == "mlp" else plan.widths))
    if widths is not None:
        chosen = sorted(sizes_of("widths", widths))
    require(len(chosen) >= 3, f"`widths` must hold at least three widths; not {chosen}.")
    check_widths(plan.student, tuple(chosen))
    steps, seeds = whole("steps", steps), whole("seeds", seeds)
    layers, lost = [], set()
    for count in sorted({1, steps}):
        short = _shortened(plan, chosen, count)
        runs = [[_changes(short, w, i, device) for i in range(seeds)] for w in chosen]
        layers += _layers(np.array(chosen), count, runs)
        lost |= {w for w, of in zip(chosen, runs, strict=True) if not _finite(of)}
    require(bool(layers), "No layer of the student is moved by training.")
    words = {layer.verdict for layer in layers}
    verdict = STAYS if words == {STAYS} else DRIFTS if DRIFTS in words else UNDETERMINED
    listed = ", ".join(map(str, sorted(lost)))
    said = f"networks of width {listed} diverged, and slopes are without them"
    return CoordinateCheck(
        plan=plan,
        steps=steps,
        widths=np.array(chosen),
        layers=tuple(layers),
        verdict=verdict,
        n_points=len(chosen) * seeds,
        caveats=(Caveat.NOT_ESTIMATED(said),) if lost else (),
    )


def _shortened(plan: Plan, widths: Sequence[int], steps: int) -> Plan:
    n = min(EXAMPLES, plan.training.batch(max(plan.dataset_sizes)))
    training = dc.replace(plan.training, steps=steps, epochs=0.0, schedule="constant",
                          online=False, plateau=0.0, keep="last")  # fmt: skip
    return dc.replace(plan, dataset_sizes=(n,), widths=tuple(widths), training=training,
                      n_test=EXAMPLES // 2, paired=True)  # fmt: skip


def _changes(plan: Plan, width: int, index: int, device: str) -> dict[str, float]:
    """By layer, the change of its outputs on test examples; infinite after divergence."""
    shape, n = plan.shape(width), plan.dataset_sizes[0]
    seed = plan.seed_of(shape, n, index)
    rows = plan.task.draw(n, plan.n_test, seed).test_inputs
    x = layout_of(shape)(torch.from_numpy(rows).to(device, plan.training.torch_dtype))
    before = outputs_of(
        make_pack(shape, (seed,), plan.training.torch_dtype, device).member(0), x
    )
    trained = train_pack(plan, PackSpec(shape, ((n, index),)), device).pack
    after = outputs_of(trained.member(0), x)
    good = bool(trained.flat.values.any())  # those of a diverged network are set to zero
    found = {name: _rms(after[name] - before[name]) for name in before}
    return {k: v if good and np.isfinite(v) else np.inf for k, v in found.items()}


def outputs_of(network: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The outputs of every module with parameters of its own, by name."""
    found: dict[str, Tensor] = {}
    hooks = [
        part.register_forward_hook(
            lambda _, __, output, name=name: found.update({name: output})
        )
        for name, part in network.named_modules()
        if list(part.parameters(recurse=False))
    ]
    try:
        with torch.no_grad():
            network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def _rms(change: Tensor) -> float:
    return float(change.double().square().mean().sqrt())


def _finite(runs: Sequence[dict[str, float]]) -> bool:
    return bool(np.isfinite([value for run in runs for value in run.values()]).all())


def _layers(
    widths: Ints, steps: int, runs: Sequence[Sequence[dict[str, float]]]
) -> list[LayerDrift]:
    """The layers that training moves, which networks of all widths have."""
    layers = []
    for name in runs[0][0]:
        if not all(one.get(name, 0.0) > 0 for of in runs for one in of):
            continue
        logs = np.log([[one[name] for one in of] for of in runs])
        slope, interval = slope_of_logs(widths, logs)
        changes = tuple(map(float, np.exp(logs.mean(1))))
        layers.append(LayerDrift(name, steps, changes, slope, interval))
    return layers


def _plural(steps: int) -> str:
    return "the first step" if steps == 1 else f"{steps} steps"
