"""The infinitely wide network on the examples of a sweep.

Every network of a plan has a limit of infinite width: Bayesian inference with its NNGP
kernel, or gradient descent, which is kernel regression with its tangent kernel (Lee et al.
2018; Jacot et al. 2018). Both are solved exactly here, on the training set of each network
and on its test set, so the losses differ by what a finite network learns otherwise, and not
by the examples. Beside them stands what is predicted from the Gram matrix of some
examples, without any regression (`gram_learning_curve.py`).

The kernel has a metric, D^2(x, x') = K(x, x) + K(x', x') - 2 K(x, x'), in which a test
point is at some distance from its nearest training example. Of a target drawn from the
Gaussian process of the kernel the expected squared error at x is the variance given all
training examples, at most that given the nearest, at most D^2; of a target in the kernel's
space it is at most |f|^2 D^2. So if the mean of D^2 falls as D^(-2 / d_Theta), such targets
have alpha_D >= 2 / d_Theta. With K = const - r^(2 nu) at short distances, d_Theta is
d / min(nu, 1): twice the dimension for the tangent kernel of ReLU networks.

A multilayer perceptron of a sweep starts with weights of variance gain / fan-in and biases
of variance 0.1^2. Its kernels have these variances in every layer, the read-out included
(which a sweep in the standard parametrisation starts smaller, so that a network begins near
zero), and the rates of the NTK parametrisation: with `parametrisation="ntk"` and gradient
descent they are the limit itself, otherwise that of the same architecture.
"""

import dataclasses as dc
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.arrays import Array, Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, is_real, require
from ..core.interval import number
from ..core.learning_curve import Axis, LearningCurve
from ..core.random import keyed
from ..core.result import Result
from ..core.settings import whole
from ..core.style import COLORS, drawing, log_axes
from .gram_learning_curve import GramLearningCurve, gram_learning_curve
from .kernels import NNGP, NTK
from .modes import not_negative
from .on_examples import JITTER, Singular, Solved, as_matrix, solutions

LARGEST = 5000  # training examples, above which a solution takes too long
PREDICTED_FROM = 1500  # examples from whose Gram matrix losses are predicted
SCALED_BY = 100  # examples that give the scale of a kernel
WITHIN = 0.8  # share of these up to which the prediction was tested

Kernels = Mapping[str, Any]
Progress = Callable[[int, int], None]


@dc.dataclass(frozen=True, eq=False)
class Beside(Result):
    """Kernel regression on the examples of a sweep.

    Attributes
    ----------
    curves : by kernel, the losses on the training and test sets of the sweep's runs, in
        their order: squared errors summed over outputs.
    predicted : by kernel, the losses that the Gram matrix of some examples predicts, at
        sizes of up to 0.8 of their number.
    nearest : by kernel, the mean squared distance of a test point from its nearest
        training example in the metric of the kernel, for each run.
    kernels : what each kernel is, in words.
    ridge : added to the diagonal of every training Gram matrix.
    n_points : number of solutions.
    """

    curves: Mapping[str, LearningCurve]
    predicted: Mapping[str, LearningCurve]
    nearest: Mapping[str, LearningCurve]
    kernels: Mapping[str, str]
    ridge: float
    n_points: int
    caveats: tuple[Remark, ...] = ()

    method = "kernel regression on the examples of a sweep"
    columns = ("kernels=named", "sizes=n_sizes", "ridge", "off=off")

    @property
    def named(self) -> str:
        return ", ".join(self.kernels)

    @property
    def n_sizes(self) -> int:
        return next(iter(self.curves.values())).distinct(Axis.data)

    @property
    def off(self) -> float:
        """The largest relative difference of a predicted loss from the mean of the exact
        ones at its size; NaN where nothing is predicted.
        """
        found = [self.error(name) for name in self.predicted]
        return max(found, default=math.nan)

    def error(self, name: str) -> float:
        """The same for one kernel."""
        exact = self.curves[name].means()
        pairs = self.predicted[name].means().items()
        return max((abs(loss / exact[size] - 1) for size, loss in pairs), default=math.nan)

    def headline(self) -> str:
        found = []
        for name, curve in self.curves.items():
            loss = curve.means()
            low, high = min(loss), max(loss)
            found.append(
                f"{name} {number(loss[low])} at D = {low:,} to {number(loss[high])} "
                f"at {high:,}"
            )
        said = "" if math.isnan(self.off) else f"; predicted within {self.off:.1%}"
        return f"{self.method}: {', '.join(found)}{said}"

    def rows(self) -> list[dict[str, Any]]:
        """A row for each kernel and size: mean loss, and what is predicted."""
        return [
            {
                "kernel": name,
                "dataset_size": size,
                "loss": loss,
                "predicted": self.predicted[name].means().get(size, math.nan)
                if name in self.predicted
                else math.nan,
            }
            for name, curve in self.curves.items()
            for size, loss in curve.means().items()
        ]

    @drawing
    def plot(self, ax: Any) -> None:
        """Exact losses, and the predicted ones as lines."""
        drawn: list[Floats] = []
        for color, (name, curve) in zip(COLORS, self.curves.items(), strict=False):
            exact = curve.means()
            ax.plot(list(exact), list(exact.values()), "o", color=color, label=name)
            line = self.predicted[name].means() if name in self.predicted else {}
            ax.plot(list(line), list(line.values()), "--", color=color)
            drawn += [np.array([*exact.values(), *line.values()])]
        ax.set(xlabel=Axis.data.label, ylabel="test loss (squared error)")
        sizes = np.array([size for curve in self.curves.values() for size in curve.means()])
        log_axes(ax, sizes.astype(float), np.concatenate(drawn))
        ax.legend()

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Beside":
        """The result from what `plain` made of it."""
        curves = {
            key: {n: LearningCurve.from_dict(one) for n, one in stored[key].items()}
            for key in ("curves", "predicted", "nearest")
        }
        return cls(
            **curves,
            kernels=dict(stored["kernels"]),
            ridge=float(stored["ridge"]),
            n_points=int(stored["n_points"]),
            caveats=tuple(
                Remark(Caveat[note["caveat"].upper()], note["detail"])
                for note in stored["caveats"]
            ),
        )


def beside(
    plan: Any,
    kernels: Kernels | None = None,
    *,
    ridge: float = 0.0,
    time: float = math.inf,
    predicted_from: int = PREDICTED_FROM,
    progress: Progress | None = None,
) -> Beside:
    """Regression with the kernels of the infinitely wide network, on the training and test
    sets of a plan.

    >>> import manifoldscale as ms
    >>> plan = ms.sweeps.Plan(ms.sweeps.DataSet("digits"), [100, 400], seeds=2)
    >>> found = ms.theory.beside(plan, predicted_from=1200)
    >>> list(found.curves), len(found.curves["NTK"]), found.off < 0.2
    (['NTK', 'NNGP'], 4, True)

    Parameters
    ----------
    plan : a `sweeps.Plan`, whose networks are trained on the squared error.
    kernels : by name; each takes (n1 x features) and (n2 x features) inputs, or one of
        them, and gives a Gram matrix. By default NTK and NNGP of the plan's multilayer
        perceptron. For a convolutional network give `ConvNTK(...)` of images of your own:
        `{"ConvNTK": lambda x, *y: ConvNTK(depth=2)(image(x), *map(image, y))}`.
    ridge : added to the diagonal of the training Gram matrix. Where float64 does not tell
        one from a singular matrix, because examples are repeated or the kernel is smooth,
        1e-9 of the mean diagonal is added in all runs of the kernel, and said.
    time : at which gradient flow df/dt = -K (f - y) from f = 0 is stopped; inf is the end.
        Any other time takes an eigendecomposition for each run, about ten times as long.
    predicted_from : examples of the task, at most, whose Gram matrix gives the predicted
        losses; 0 predicts nothing. Nothing is predicted for a `time`.
    progress : called with how many runs are done, and of how many.

    Runs above 5,000 training examples are left out, and said.

    Raises
    ------
    ManifoldScaleError : a plan whose networks have no kernel in closed form (`kernels` says
        which to take), whose loss is another one, or whose runs are all too large.
    """
    require(
        hasattr(plan, "seed_of"),
        f"`plan` must be a Plan, as `ms.sweeps.Plan(task, dataset_sizes)`; not {plan!r}.",
    )
    named = isinstance(kernels, Mapping) and bool(kernels)
    require(
        kernels is None or (named and all(map(callable, dict(kernels).values()))),
        "`kernels` must name functions that give Gram matrices, as {'NTK': NTK()}; not "
        f"{kernels!r}.",
    )
    found = kernels_of(plan) if kernels is None else dict(kernels)
    _check_losses(plan)
    delta = not_negative("ridge", ridge)
    require(is_real(time) and time > 0, f"`time` must be positive, or inf; not {time!r}.")
    n = whole("predicted_from", predicted_from, 0)
    runs = [one for one in plan.runs() if one[1] <= LARGEST]
    require(
        bool(runs), f"All dataset sizes of the plan are above the {LARGEST:,} of a kernel."
    )
    total, report = len(runs) * len(found), progress or (lambda *_: None)
    solved: dict[str, list[Solved]] = {}
    jitter = dict.fromkeys(found, 0.0)
    for place, (name, kernel) in enumerate(found.items()):

        def advance(done: int, before: int = place * len(runs)) -> None:
            report(before + done, total)

        try:
            solved[name] = _all(plan, kernel, runs, delta, time, advance)
        except Singular:  # then all runs of the kernel have the same jitter
            inputs, _ = _sample(plan, SCALED_BY)
            jitter[name] = JITTER * float(as_matrix(kernel(inputs)).diagonal().mean())
            solved[name] = _all(plan, kernel, runs, delta + jitter[name], time, advance)
    theory = {}
    if n and math.isinf(time):
        sizes = sorted({run[1] for run in runs})
        several = {
            name: _theory(plan, kernel, sizes, delta + jitter[name], n)
            for name, kernel in found.items()
        }
        theory = {name: one for name, one in several.items() if one is not None}
    notes = [
        note.caveat(f"{name}: {note.detail}")
        for name, one in theory.items()
        for note in one.caveats
    ]
    added = {name: extra for name, extra in jitter.items() if extra}
    return Beside(
        {name: _curve(plan, several) for name, several in solved.items()},
        {name: curve for name, one in theory.items() if (curve := _known(one)).runs},
        {
            name: LearningCurve(
                tuple(one.nearest for one in several), loss="squared distance", floor=0.0
            )
            for name, several in solved.items()
        },
        {name: str(kernel) for name, kernel in found.items()},
        delta,
        total,
        (*_caveats(plan, added), *notes),
    )


def _check_losses(plan: Any) -> None:
    """Refuse a plan whose networks do not fit the squared error of a training set."""
    loss = plan.training.loss
    require(
        loss == "mse",
        f"The networks of the plan are trained on {loss!r}; kernel regression minimises "
        "the squared error, 'mse', and its losses are in other units.",
    )
    require(
        not plan.training.online,
        "The plan is trained `online`: its examples are drawn anew, and kernel regression "
        "has one training set.",
    )


def kernels_of(plan: Any) -> dict[str, Any]:
    """NTK and NNGP of the multilayer perceptron of a plan.

    Raises
    ------
    ManifoldScaleError : another student: no closed form is known.
    """
    if plan.student != "mlp":
        why = (
            "the cnn has max-pooling, which has no kernel in closed form"
            if plan.student == "cnn"
            else f"no closed form is known of {plan.student!r}"
        )
        raise ManifoldScaleError(
            f"There is no infinitely wide network beside this plan: {why}. Give "
            "`kernels`, such as `ConvNTK` of a network without pooling, or the "
            "`empirical_ntk` of one at its initialisation."
        )
    settings = (plan.depth, plan.activation, *plan.initial_variances)
    return {"NTK": NTK(*settings), "NNGP": NNGP(*settings)}


def _curve(plan: Any, solved: list[Solved]) -> LearningCurve:
    task = plan.task
    return LearningCurve(
        tuple(one.loss for one in solved),
        loss="mse",
        floor=task.floor("mse"),
        shared_data=task.shared_data or plan.paired,
        task=task.name,
    )


def _all(
    plan: Any,
    kernel: Any,
    runs: list[Any],
    ridge: float,
    time: float,
    advance: Callable[[int], None],
) -> list[Solved]:
    """The solutions of all runs, with their progress."""
    found = []
    for one in solutions(plan, kernel, runs, ridge, time):
        found.append(one)
        advance(len(found))
    return found


def _caveats(plan: Any, jitter: Mapping[str, float]) -> tuple[Remark, ...]:
    notes = []
    far = sorted(size for size in plan.dataset_sizes if size > LARGEST)
    if far:
        notes.append(Caveat.LEFT_OUT_SIZES(f"D = {', '.join(map('{:,}'.format, far))}"))
    if jitter:
        said = ", ".join(f"{name}: {extra:.1e}" for name, extra in jitter.items())
        notes.append(Caveat.RIDGE_ADDED(said))
    return tuple(notes)


def _known(theory: GramLearningCurve) -> LearningCurve:
    """What is predicted, without the sizes at which nothing is."""
    curve = theory.to_curve()
    return dc.replace(curve, runs=tuple(r for r in curve.runs if math.isfinite(r.loss)))


def _theory(
    plan: Any, kernel: Any, sizes: list[int], ridge: float, most: int
) -> GramLearningCurve | None:
    """What the Gram matrix of some examples predicts, at the sizes within its reach."""
    inputs, targets = _sample(plan, most)
    within = [size for size in sizes if size <= WITHIN * len(inputs)]
    if not within:
        return None
    try:
        return gram_learning_curve(as_matrix(kernel(inputs)), targets, within, ridge)
    except ManifoldScaleError:  # singular without a ridge: nothing is predicted
        return None


def _sample(plan: Any, n: int) -> tuple[Array, Array]:
    """At most `n` examples of the task."""
    task = plan.task
    known = task.everything()
    if known is not None:
        rows = keyed(plan.root_seed, "prediction").permutation(len(known[0]))[:n]
        return known[0][rows], known[1][rows]
    split = task.draw(n, 2, plan.root_seed)
    return split.train_inputs, split.train_targets
