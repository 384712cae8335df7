"""What repeated examples are worth, and parameters in excess of the examples.

Muennighoff et al. (2023, arXiv 2305.16264): if D = U (1 + R) examples are seen, of which U
are distinct, repeated ones count less and less,

    D' = U + U R_D (1 - exp(-R / R_D)).

R_D repeated passes are worth 1 - 1/e of fresh ones, and no number of passes is worth more
than R_D. The same holds for parameters beyond P_U, the best number for U fresh examples
under the base law (`SumOfPowers.best_parameters`): with P = P_U (1 + R),

    P' = P_U + P_U R_P (1 - exp(-R / R_P)),        L = E + A P'^-alpha_P + B D'^-alpha_D.

R_P is their R_N*. E, A, B and the exponents belong to fresh examples, and are given.
"""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.random import keyed
from ..core.result import Result
from ..core.style import drawing
from .powers import SumOfPowers
from .sum_law import SumLaw
from .tails import ErrorLaw, Huber, errors_of, scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST, MOST = 1e-2, 1e5  # passes; an interval that reaches an end is open there
GRID = np.geomspace(LEAST, MOST, 71)  # ten to a decade
STEP = math.sqrt(GRID[1] / GRID[0])  # from a place on the grid to the end of its cell
AS_PUBLISHED = Huber(1e-3)  # errors
RESAMPLES = 400


@dc.dataclass(frozen=True, eq=False)
class RepetitionLaw(Result):
    """What repetition is worth.

    Attributes
    ----------
    R_D, interval_D : passes over the same examples until they are worth 1 - 1/e of fresh
        ones; the interval is open where the runs do not show that examples lose value.
    R_P, interval_P : the same for excess parameters.
    base : the law of fresh examples.
    errors, objective : the law of the errors, and the sum of their costs.
    minima : (R_D, R_P, objective) of every minimum of the objective, the lowest first.
    n : number of runs; repeated : number of runs that saw an example twice.
    misfit : median absolute residual of the log losses.
    """

    R_D: float
    interval_D: Interval
    R_P: float
    interval_P: Interval
    base: SumOfPowers
    errors: ErrorLaw
    objective: float
    minima: tuple[tuple[float, float, float], ...]
    n: int
    repeated: int
    misfit: float
    caveats: tuple[Remark, ...] = ()

    main = "R_D"
    columns = (
        "R_D",
        "low_D=interval_D.low",
        "high_D=interval_D.high",
        "R_P",
        "low_P=interval_P.low",
        "high_P=interval_P.high",
        "objective",
        "errors",
        "n",
    )
    method = "repetition law"

    @property
    def interval(self) -> Interval:
        """Of R_D, under the name that every result has."""
        return self.interval_D

    @property
    def n_points(self) -> int:
        """Number of runs."""
        return self.n

    def effective(
        self, dataset_size: Any, parameters: Any, unique_examples: Any
    ) -> tuple[Floats, Floats]:
        """D' and P': fresh examples and parameters of the same worth; sizes broadcast
        against each other.
        """
        sizes = (dataset_size, parameters, unique_examples)
        d, p, u = (np.asarray(size, dtype=float) for size in sizes)
        best = self.base.best_parameters(np.minimum(d, u))
        return _saturating(d, u, self.R_D), _saturating(p, best, self.R_P)

    def predict(self, dataset_size: Any, parameters: Any, unique_examples: Any) -> Floats:
        """The loss after `dataset_size` examples with so many distinct ones."""
        return self.base.predict(*self.effective(dataset_size, parameters, unique_examples))

    def headline(self) -> str:
        return (
            f"R_D {number(self.R_D)} {self.interval_D.labelled}, R_P {number(self.R_P)} "
            f"{self.interval_P.labelled} ({self.n} runs, {self.repeated} with repetition, "
            f"residuals {100 * self.misfit:.1f} %, errors {self.errors})"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """What passes over the same examples are worth, in passes over fresh ones."""
        passes = np.geomspace(1, 1000, 200)
        low, high = (_saturating(passes, 1.0, min(end, MOST)) for end in self.interval_D)
        (line,) = ax.plot(passes, _saturating(passes, 1.0, self.R_D), label="as fitted")
        shade = line.get_color()
        ax.fill_between(passes, low, high, color=shade, alpha=0.2, lw=0, label="interval")
        ax.plot(passes, passes, "k--", lw=1, label="fresh examples")
        ax.set(xscale="log", yscale="log", ylim=(0.9, 300))
        ax.set(xlabel="passes over the same examples", ylabel="worth, in fresh passes")
        ax.legend()


def fit_repetition(
    curve: LearningCurve,
    base: SumOfPowers | SumLaw,
    *,
    level: float = 0.95,
    errors: str | ErrorLaw = AS_PUBLISHED,
) -> RepetitionLaw:
    """Fit R_D and R_P to runs that saw their examples more than once.

    Parameters
    ----------
    curve : runs that say their dataset size, parameters and `unique_examples`; without the
        last, all examples count as distinct.
    base : the law of fresh examples, taken as exact: fitted to other runs, or to runs of
        one pass.
    level : of the intervals, between percentiles of 400 resamples of the runs.
    errors : of the log losses, as in `fit_sum`; the objective of Muennighoff et al. by
        default.

    The objective has several minima: the lowest is taken, and the others are reported.

    Raises
    ------
    ManifoldScaleError : no run repeats an example; runs without sizes; a base without one
        of its terms.
    """
    check_level(level)
    law = base.numbers if isinstance(base, SumLaw) else base
    require(
        isinstance(law, SumOfPowers),
        f"`base` must be a SumOfPowers or a fitted SumLaw; not {type(base).__name__}.",
    )
    runs = _runs_of(curve, law)
    # A law of errors is chosen by the residuals of the published objective.
    first = AS_PUBLISHED if isinstance(errors, str) else errors
    minima = runs.minima(first, 1.0)
    errors = errors_of(errors, runs.residuals(*minima[0][:2]))
    scale = scale_of(errors, runs.residuals(*minima[0][:2]), 2)
    for _ in range(0 if errors == first else 2):  # the scale and the minima by turns
        scale = scale_of(errors, runs.residuals(*minima[0][:2]), 2)
        minima = runs.minima(errors, scale)
    interval_D, interval_P = runs.intervals(errors, scale, level, minima[0][:2])
    R_D, R_P, objective = minima[0]
    rivals = [m for m in minima[1:] if m[0] in interval_D and m[1] in interval_P]
    said = "; ".join(f"R_D {number(m[0])}, R_P {number(m[1])}" for m in rivals)
    return RepetitionLaw(
        R_D, interval_D, R_P, interval_P, law, errors, objective, minima,
        n=len(runs.loss),
        repeated=int((runs.data > runs.unique).sum()),
        misfit=float(np.median(np.abs(runs.residuals(R_D, R_P)))),
        caveats=(Caveat.SEVERAL_MINIMA(said),) if rivals else (),
    )  # fmt: skip


def _saturating(size: Any, fresh: Any, R: float) -> Floats:
    """fresh + fresh R (1 - exp(-excess / R)), the excess in units of `fresh`."""
    fresh = np.minimum(size, fresh)
    return np.asarray(fresh * (1 - R * np.expm1(-(size / fresh - 1) / R)))


@dc.dataclass(frozen=True, eq=False)
class _Runs:
    """The runs, (runs,) each. best : the best number of parameters for their distinct
    examples.
    """

    base: SumOfPowers
    data: Floats
    parameters: Floats
    unique: Floats
    loss: Floats
    best: Floats

    def residuals(self, R_D: float, R_P: float) -> Floats:
        """Log observed less log predicted."""
        d = _saturating(self.data, self.unique, R_D)
        p = _saturating(self.parameters, self.best, R_P)
        return np.asarray(np.log(self.loss / self.base.predict(d, p)))

    def costs(self, errors: ErrorLaw, scale: float) -> Floats:
        """(grid, grid, runs) over R_D and R_P."""
        d = np.stack([_saturating(self.data, self.unique, R) for R in GRID])
        p = np.stack([_saturating(self.parameters, self.best, R) for R in GRID])
        r = np.log(self.loss / self.base.predict(d[:, None], p[None]))
        return np.stack([errors.cost(row / scale) for row in r])

    def minima(
        self, errors: ErrorLaw, scale: float
    ) -> tuple[tuple[float, float, float], ...]:
        """The minima of the objective, polished from those of the grid, lowest first."""
        total = self.costs(errors, scale).sum(axis=-1)
        edge = np.pad(total, 1, constant_values=np.inf)
        n = len(GRID)
        around = [edge[i : i + n, j : j + n] for i in range(3) for j in range(3)]
        places = np.argwhere(total <= np.min(around, axis=0))
        ends = math.log(LEAST), math.log(MOST)

        def cost(z: Floats) -> float:
            R_D, R_P = np.exp(np.clip(z, *ends))
            return float(errors.cost(self.residuals(R_D, R_P) / scale).sum())

        found: dict[tuple[float, float], tuple[float, float, float]] = {}
        for place in places:
            best = optimize.minimize(
                cost, np.log(GRID[place]), method="Nelder-Mead",
                options={"xatol": 1e-7, "fatol": 1e-13, "maxiter": 2000},
            )  # fmt: skip
            R_D, R_P = map(float, np.exp(np.clip(best.x, *ends)))
            key = round(math.log(R_D), 2), round(math.log(R_P), 2)
            found[key] = R_D, R_P, float(best.fun)
        return tuple(sorted(found.values(), key=lambda one: one[2]))

    def intervals(
        self, errors: ErrorLaw, scale: float, level: float, at: tuple[float, float]
    ) -> tuple[Interval, Interval]:
        """Between percentiles of resampled runs, on the grid; they hold the value."""
        costs = self.costs(errors, scale).reshape(-1, len(self.loss))
        n = len(self.loss)
        random = keyed(0, "resample runs for what repetition is worth")
        counts = random.multinomial(n, np.ones(n) / n, RESAMPLES)
        places = np.argmin(costs @ counts.T, axis=0)
        of_D, of_P = np.unravel_index(places, (len(GRID), len(GRID)))
        return _between(of_D, at[0], level), _between(of_P, at[1], level)


def _between(places: Ints, value: float, level: float) -> Interval:
    """Percentiles of places on the grid, to the outer ends of their cells."""
    low, high = np.quantile(places, [(1 - level) / 2, (1 + level) / 2])
    first, last = math.floor(low), math.ceil(high)
    start = 0.0 if first == 0 else float(GRID[first] / STEP)
    end = math.inf if last == len(GRID) - 1 else float(GRID[last] * STEP)
    return Interval(min(start, value), max(end, value), level)


def _runs_of(curve: LearningCurve, law: SumOfPowers) -> _Runs:
    d, p, loss = curve.column(Axis.data), curve.column(Axis.parameters), curve.losses
    said = [
        math.nan if run.unique_examples is None else run.unique_examples
        for run in curve.runs
    ]
    unique = np.fmin(np.array(said, dtype=float), d)
    good = np.isfinite(d) & np.isfinite(p) & np.isfinite(loss) & (loss > 0)
    require(bool(good.any()), "No run says its dataset_size, its parameters and its loss.")
    d, p, u, loss = d[good], p[good], unique[good], loss[good]
    require(
        int((d > u).sum()) >= 3,
        "The worth of repetition needs three runs that saw examples more than once, with "
        "`unique_examples` below their dataset_size.",
    )
    best = np.minimum(law.best_parameters(u), p)
    return _Runs(law, d, p, u, loss, best)
