"""The joint law L(D, P) that holds all four regimes.

In the linear random-feature model (`manifoldscale.theory.linear_random_features`) with a
power-law spectrum, u = D samples and v features have

    L = K u v z^-b Q / [a c + Q (a + c)],   b = 1 + alpha,  Q = z / b,
    a = u - z,  c = v - z,  a c = rho v z^b,

z the one root below m = min(u, v), rho a ridge. Without ridge z = m and, with M the larger
of u and v,

    L = K m^-alpha / (1 - m / M):

resolution-limited in the smaller one, m^-alpha; variance-limited in the larger one, 1 / M
above the limit; with the peak of double descent between, which the ridge rounds off. A
sum A P^-alpha + B D^-beta has no 1 / M and so only two of the regimes.

Parameters of a network count as v = (P / ratio)^kappa features: kappa = 1 for models linear
in P, 1/2 where the width counts and P grows as its square. Then alpha_D = alpha and
alpha_P = kappa alpha.
"""

import dataclasses as dc
import math
from typing import Any

import numpy as np
from scipy import optimize, stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import is_real, require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis, LearningCurve
from .floor import stated_floor
from .grid import Grid, GridLaw, grid_of, require_enough
from .projection import project
from .scatter import MISFIT
from .sum_law import SumLaw, sum_of_powers

BISECTIONS = 60
REWEIGHTINGS = 2
START_ALPHAS = np.array([0.15, 0.3, 0.6, 1.0, 1.6])
START_RIDGES = np.array([1e-12, 1e-4, 1e-2])  # of rho m^(b - 1) at the middle size
ROUNDING = 1e-4  # relative errors below this are the form's own
EXCLUDED = 6.0  # difference of AICc from which the worse form counts as excluded
FORM_ERROR = 0.006  # relative error of the form itself where sizes are small


@dc.dataclass(frozen=True, eq=False)
class JointLaw(GridLaw):
    """A fitted L(D, P).

    Attributes
    ----------
    alpha_D, alpha_P : Exponents with `interval_D`, `interval_P`; alpha_P = kappa alpha_D.
    ratio, ratio_interval : P parameters count as (P / ratio)^kappa examples, so that the
        peak is at P = ratio D^(1 / kappa).
    kappa : as fitted or given.
    floor, amplitude, ridge : E, K and rho.
    misfit : relative root mean square of the residuals, in which 0.01 is one per cent.
    rival : the sum of two power laws fitted to the same losses; where it describes them
        better, a caveat says so and gives its exponents.
    """

    ratio: float
    ratio_interval: Interval
    kappa: float
    floor: float
    amplitude: float
    ridge: float
    misfit: float
    rival: SumLaw
    caveats: tuple[Remark, ...] = ()

    def predict(self, dataset_size: Any, parameters: Any) -> Floats:
        """The fitted loss, sizes broadcast against each other; np.inf is no size here."""
        u, p = np.broadcast_arrays(
            np.asarray(dataset_size, dtype=float), np.asarray(parameters, dtype=float)
        )
        v = (p / self.ratio) ** self.kappa
        return np.asarray(
            self.floor + self.amplitude * shape(u, v, self.alpha_D, self.ridge)
        )

    def headline(self) -> str:
        return (
            f"{self.exponents_in_words}, peak at {self.grid.axis.value} = "
            f"{number(self.ratio)} D^{number(1 / self.kappa)}, floor {number(self.floor)} "
            f"({len(self.grid)} pairs, residuals {100 * self.misfit:.1f} %)"
        )

    def row(self) -> dict[str, Any]:
        return super().row() | {
            "ratio": self.ratio,
            "kappa": self.kappa,
            "floor": self.floor,
            "ridge": self.ridge,
            "misfit": self.misfit,
        }


def shape(u: Floats, v: Floats, alpha: float, ridge: float) -> Floats:
    """The formula on top with K = 1; u, v of one shape."""
    b, few = 1 + alpha, np.minimum(u, v)
    low, high = np.zeros_like(few), np.ones_like(few)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        z = few * middle
        above = (u - z) * (v - z) > ridge * v * z**b
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    z = few * (low + high) / 2
    Q = z / b
    return np.asarray(u * v * z**-b * Q / (ridge * v * z**b + Q * (u + v - 2 * z)))


def fit_joint(
    curve: LearningCurve,
    axis: Axis | str = Axis.parameters,
    kappa: float | None = 1.0,
    floor: str | float = "free",
    level: float = 0.95,
) -> JointLaw:
    """Fit the joint law to runs over both resources.

    Parameters
    ----------
    curve : runs that say their dataset size and the other resource.
    axis : the other resource, "parameters" or "width".
    kappa : power with which it counts; None fits it.
    floor : "free", "zero" or a number.
    level : of the intervals, those of the linearised fit, with Student's t.

    Losses are means over seeds, with a constant relative error.

    Raises
    ------
    ManifoldScaleError : less than three values of either resource, fewer pairs than
        unknowns and two, settings that make no sense.
    """
    check_level(level)
    grid = grid_of(curve, axis)
    require(
        kappa is None or (is_real(kappa) and 0 < kappa < math.inf),
        f"`kappa` must be positive, or None to fit it; not {kappa!r}.",
    )
    known = stated_floor(floor, float(grid.loss.min()))
    unknowns = 4 + (kappa is None) + (known is None)
    require_enough(grid, unknowns)
    search = _Search(grid, kappa, known, grid.runs / grid.loss**2)
    for _ in range(REWEIGHTINGS):  # constant relative error about the fit, not the data
        best = search.run()
        fitted = search.fitted(best.x)
        search = dc.replace(search, weights=grid.runs / fitted**2, start=best.x)
    best = search.run()
    alpha, ratio, ridge, power = search.named(best.x)
    linear = search.linear(best.x)
    freedom = len(grid) - unknowns
    errors = search.errors(best, freedom) * float(stats.t.ppf(0.5 + level / 2, freedom))

    def interval(value: float, half: float) -> Interval:
        # Beyond a factor of e^20 there is no knowledge, and no number either.
        spread = math.exp(half) if half < 20 else math.inf
        return Interval(value / spread, value * spread, level)

    rival = sum_of_powers(grid, known, level, "normal")
    half_P = math.hypot(errors[0], errors[3]) if kappa is None else errors[0]
    return JointLaw(
        alpha_D=alpha,
        interval_D=interval(alpha, errors[0]),
        alpha_P=power * alpha,
        interval_P=interval(power * alpha, half_P),
        ratio=ratio,
        ratio_interval=interval(ratio, errors[1]),
        kappa=power,
        floor=linear[0],
        amplitude=linear[1],
        ridge=ridge,
        misfit=math.sqrt(2 * best.cost / grid.runs.sum()),
        grid=grid,
        rival=rival,
        caveats=(
            *grid.remarks,
            *_notes(grid, ratio, power),
            *_misfits(grid, 2 * float(best.cost), unknowns, rival),
            *_structure(grid, search.residuals(best.x), search.tangent(best)),
        ),
    )


@dc.dataclass(frozen=True, eq=False)
class _Search:
    """Least squares over (log alpha, log ratio, log ridge, log kappa), the floor and the
    amplitude projected out.
    """

    grid: Grid
    kappa: float | None
    floor: float | None
    weights: Floats
    start: Floats | None = None

    def named(self, x: Floats) -> tuple[float, float, float, float]:
        alpha, ratio, ridge = (math.exp(value) for value in x[:3])
        power = self.kappa if self.kappa is not None else math.exp(x[3])
        # In units in which its effect does not depend on the exponent.
        middle = math.exp(float(np.log(self.grid.data).mean()))
        return alpha, ratio, ridge * middle**-alpha, power

    def basis(self, x: Floats) -> Floats:
        alpha, ratio, ridge, power = self.named(x)
        v = (self.grid.parameters / ratio) ** power
        return shape(self.grid.data, v, alpha, ridge)

    def linear(self, x: Floats) -> tuple[float, float]:
        found = project(self.basis(x), self.grid.loss, self.weights, self.floor)
        return float(found.floor), float(found.amplitude)

    def fitted(self, x: Floats) -> Floats:
        floor, amplitude = self.linear(x)
        return np.asarray(floor + amplitude * self.basis(x))

    def residuals(self, x: Floats) -> Floats:
        return np.asarray(np.sqrt(self.weights) * (self.grid.loss - self.fitted(x)))

    def tangent(self, best: Any) -> Floats:
        """(pairs, unknowns) directions in which the weighted fit can move."""
        linear = [self.basis(best.x)]
        if self.floor is None:
            linear.append(np.ones(len(self.grid)))
        roots = np.sqrt(self.weights)[:, None]
        return np.column_stack([best.jac, roots * np.column_stack(linear)])

    def starts(self) -> list[Floats]:
        """A coarse grid, best first."""
        spans = np.log(self.grid.parameters), np.log(self.grid.data)
        span = float(np.ptp(spans[0] - spans[1])) / 2
        middle = float((spans[0] - spans[1]).mean())
        powers = [] if self.kappa is not None else [[math.log(k)] for k in (0.5, 1.0, 2.0)]
        starts = [
            np.array([math.log(alpha), middle + shift, math.log(ridge), *power])
            for alpha in START_ALPHAS
            for shift in np.linspace(-span, span, 9)
            for ridge in START_RIDGES
            for power in (powers or [[]])
        ]
        return sorted(starts, key=lambda x: float((self.residuals(x) ** 2).sum()))

    def run(self) -> Any:
        """Polished from `start`, else from the three best of the grid."""
        starts = self.starts()[:3] if self.start is None else [self.start]
        low = [math.log(0.01), -60.0, math.log(1e-14), -3.0][: len(starts[0])]
        high = [math.log(8.0), 60.0, math.log(1e4), 3.0][: len(starts[0])]
        polished = [
            optimize.least_squares(
                self.residuals,
                np.clip(start, low, high),
                bounds=(low, high),
                x_scale=1.0,
                max_nfev=60,
            )
            for start in starts
        ]
        return min(polished, key=lambda found: found.cost)

    def errors(self, best: Any, freedom: int) -> Floats:
        """Standard errors of the four parameters; zero where one is given.

        Without its own column a ridge of nothing would make the rest singular.
        """
        variance = max(2 * best.cost / freedom, ROUNDING**2)
        active = np.linalg.norm(best.jac, axis=0) > 1e-6 * np.sqrt(self.grid.runs.sum())
        covariance = np.linalg.pinv(best.jac[:, active].T @ best.jac[:, active]) * variance
        errors = np.full(4, np.inf)
        errors[len(best.x) :] = 0.0
        errors[np.flatnonzero(active)] = np.sqrt(np.diag(covariance))
        return errors


def _notes(grid: Grid, ratio: float, kappa: float) -> tuple[Remark, ...]:
    notes = grid.aligned()
    distance = kappa * np.log(grid.parameters / ratio) - np.log(grid.data)
    if not (np.abs(distance) < math.log(2)).any():
        notes.append(Caveat.RIDGE_UNIDENTIFIED())
    if not ((distance > math.log(2)).any() and (distance < -math.log(2)).any()):
        notes.append(Caveat.ONE_SIDED_GRID())
    return tuple(notes)


def _misfits(grid: Grid, cost: float, unknowns: int, rival: SumLaw) -> tuple[Remark, ...]:
    """Do the losses follow the form at all, and do they follow a sum of powers better?"""
    # What the form itself is off by at small sizes is no evidence against it.
    beyond = cost - FORM_ERROR**2 * float(grid.runs.sum())
    notes = grid.lack_of_fit(beyond, unknowns)
    better = _aicc(grid, cost, unknowns) - _aicc(grid, rival.cost, rival.unknowns)
    if beyond > 0 and better > EXCLUDED:
        facts = f"AICc lower by {number(better, 2)}: {rival.facts()}"
        notes.append(Caveat.SUM_FITS_BETTER(facts))
    return tuple(notes)


def _structure(grid: Grid, left: Floats, tangent: Floats) -> tuple[Remark, ...]:
    """Without replicates: whether a quadratic surface in the logarithms of both sizes runs
    through the residuals, by an F test, where scatter would leave none.

    left : weighted residuals; tangent : what of a surface the fit has taken already.
    """
    if grid.freedom > 0 and grid.spread > 0:
        return ()
    d, p = (np.log(sizes / sizes.mean()) for sizes in (grid.data, grid.parameters))
    surface = np.column_stack([np.ones_like(d), d, p, d * d, d * p, p * p])
    surface = surface / np.linalg.norm(surface, axis=0)
    surface = surface * (np.sqrt(grid.runs) / np.sqrt(grid.runs.mean()))[:, None]
    taken = _span(tangent / np.maximum(np.linalg.norm(tangent, axis=0), ROUNDING))
    new = _span(surface - taken @ (taken.T @ surface))
    free = len(grid) - taken.shape[1] - new.shape[1]
    if free < 2 or new.shape[1] == 0:
        return ()
    explained = float(((new.T @ left) ** 2).sum())
    rest = max(float(left @ left) - explained, ROUNDING**2 * float(grid.runs.sum()))
    explained -= FORM_ERROR**2 * float(grid.runs.sum())
    ratio = max(explained, 0.0) / new.shape[1] / (rest / free)
    chance = float(stats.f.sf(ratio, new.shape[1], free))
    if not chance < MISFIT:
        return ()
    return (Caveat.STRUCTURED_RESIDUALS(f"p = {number(chance, 2)}"),)


def _span(columns: Floats) -> Floats:
    """An orthonormal basis of what columns span, but for rounding."""
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(basis[:, sizes > 1e-3])


def _aicc(grid: Grid, cost: float, unknowns: int) -> float:
    """Of normal relative errors of unknown size, itself an unknown."""
    n, k = len(grid), unknowns + 1
    variance = max(cost / n, ROUNDING**2)
    correction = 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.inf
    return n * math.log(variance) + 2 * k + correction
