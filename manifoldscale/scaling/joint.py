"""The joint law L(D, P) that holds all four regimes.

In the linear random-feature model (`manifoldscale.theory.linear_random_features`) with a
power-law spectrum, u = D samples and v features have

    L = K u v z^-b Q / [a c + Q (a + c)],   b = 1 + alpha,  Q = z / b,
    a = u - z,  c = v - z,  a c = rho v z^b,

with z the only root below m = min(u, v), and rho a ridge. Without ridge z = m and, with M
the larger of u and v,

    L = K m^-alpha / (1 - m / M):

This is resolution-limited in the smaller one, as m^-alpha, and variance-limited in the
larger one, as 1 / M above the limit, with the peak of double descent between, which the
ridge rounds off. A sum A P^-alpha + B D^-beta has no 1 / M and so only two of the regimes.

Parameters of a network count as v = (P / ratio)^kappa features: kappa = 1 for models linear
in P, 1/2 where the width counts and P grows as its square. Then alpha_D = alpha and
alpha_P = kappa alpha.
"""

import dataclasses as dc
import math
from typing import Any

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import is_real, require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis, LearningCurve
from .floor import stated_floor
from .grid import Grid, GridLaw, grid_of, require_enough
from .scatter import EXCLUDED, MISFIT, ROUNDING, about, aicc
from .separable import Separable
from .sum_law import SumLaw, sum_of_powers

BISECTIONS = 60
START_ALPHAS = np.array([0.15, 0.3, 0.6, 1.0, 1.6])
START_RIDGES = np.array([1e-12, 1e-4, 1e-2])  # of rho m^(b - 1) at the middle size
FORM_ERROR = 0.006  # relative error of the form itself where sizes are small


@dc.dataclass(frozen=True, eq=False)
class JointLaw(GridLaw):
    """A fitted L(D, P).

    Attributes
    ----------
    alpha_D, alpha_P : exponents with `interval_D`, `interval_P`; alpha_P = kappa alpha_D.
    ratio, ratio_interval : P parameters count as (P / ratio)^kappa examples; the peak is at
        P = ratio D^(1 / kappa).
    kappa : as fitted or given.
    floor, amplitude, ridge : E, K and rho.
    misfit : relative root mean square of the residuals; 0.01 is one per cent.
    rival : the sum of two power laws fitted to the same losses; where it describes them
        better, a caveat says so and gives its exponents.
    worse_by : the AICc of this law less that of a rival that is clearly better; else 0.
    """

    ratio: float
    ratio_interval: Interval
    kappa: float
    floor: float
    amplitude: float
    ridge: float
    misfit: float
    rival: SumLaw
    worse_by: float = 0.0
    caveats: tuple[Remark, ...] = ()

    columns = (*GridLaw.columns, "ratio", "kappa", "floor", "ridge", "misfit")

    @property
    def method(self) -> str:
        return f"joint law, kappa = {number(self.kappa)}"

    def predict(self, dataset_size: Any, parameters: Any) -> Floats:
        """The fitted loss, sizes broadcast against each other; they must be finite."""
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
    *,
    axis: Axis | str = Axis.parameters,
    floor: str | float = "free",
    level: float = 0.95,
    kappa: float | None = 1.0,
) -> JointLaw:
    """Fit the joint law to runs over both resources.

    Parameters
    ----------
    curve : runs that say their dataset size and the other resource.
    axis : the other resource, "parameters" or "width".
    floor : "free", "zero" or a number.
    level : of the intervals, which come from the linearised fit, with Student's t.
    kappa : power with which the other resource counts; None fits it.

    Losses are means over seeds, with a constant relative error.

    Raises
    ------
    ManifoldScaleError : fewer than three values of either resource, fewer pairs than
        unknowns plus two, settings that make no sense.
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
    problem = JointProblem(grid, known, np.sqrt(grid.runs) / grid.loss, kappa)
    problem, best = problem.relative()
    alpha, ratio, ridge, power = problem.named(best.x)
    fitted_floor, amplitude = problem.coefficients(best.x)
    freedom = len(grid) - unknowns
    errors = problem.errors(best, freedom) * float(stats.t.ppf(0.5 + level / 2, freedom))
    rival = sum_of_powers(grid, known, level, "normal")
    half_P = math.hypot(errors[0], errors[3]) if kappa is None else errors[0]
    misfits, worse = _misfits(grid, 2 * float(best.cost), unknowns, rival)
    return JointLaw(
        alpha_D=alpha,
        interval_D=about(alpha, errors[0], level),
        alpha_P=power * alpha,
        interval_P=about(power * alpha, half_P, level),
        ratio=ratio,
        ratio_interval=about(ratio, errors[1], level),
        kappa=power,
        floor=float(fitted_floor) if known is None else known,
        amplitude=float(amplitude),
        ridge=ridge,
        misfit=math.sqrt(2 * best.cost / grid.runs.sum()),
        grid=grid,
        rival=rival,
        worse_by=worse,
        caveats=(
            *grid.remarks,
            *_notes(grid, ratio, power),
            *misfits,
            *_structure(grid, problem.residuals(best.x), problem.tangent(best)),
        ),
    )


@dc.dataclass(frozen=True, eq=False)
class JointProblem(Separable):
    """The search is over log alpha, log ratio, log ridge and, where kappa is not given, log
    kappa.
    """

    kappa: float | None

    def named(self, x: Floats) -> tuple[float, float, float, float]:
        alpha, ratio, ridge = (math.exp(value) for value in x[:3])
        power = self.kappa if self.kappa is not None else math.exp(x[3])
        # The ridge in units in which its effect does not depend on the exponent.
        middle = math.exp(float(np.log(self.grid.data).mean()))
        return alpha, ratio, ridge * middle**-alpha, power

    def columns(self, x: Floats) -> Floats:
        alpha, ratio, ridge, power = self.named(x)
        v = (self.grid.parameters / ratio) ** power
        basis = shape(self.grid.data, v, alpha, ridge)
        return np.column_stack([np.full(len(basis), float(self.floor is None)), basis])

    def tangent(self, best: Any) -> Floats:
        """(pairs, unknowns) directions in which the weighted fit can move."""
        linear = self.columns(best.x)[:, 0 if self.floor is None else 1 :]
        return np.column_stack([best.jac, self.roots[:, None] * linear])

    def starts(self) -> list[Floats]:
        spans = np.log(self.grid.parameters), np.log(self.grid.data)
        span = float(np.ptp(spans[0] - spans[1])) / 2
        middle = float((spans[0] - spans[1]).mean())
        powers = [] if self.kappa is not None else [[math.log(k)] for k in (0.5, 1.0, 2.0)]
        return [
            np.array([math.log(alpha), middle + shift, math.log(ridge), *power])
            for alpha in START_ALPHAS
            for shift in np.linspace(-span, span, 9)
            for ridge in START_RIDGES
            for power in (powers or [[]])
        ]

    @property
    def ends(self) -> tuple[Floats, Floats]:
        low = np.array([math.log(0.01), -60.0, math.log(1e-14), -3.0])
        high = np.array([math.log(8.0), 60.0, math.log(1e4), 3.0])
        n = 3 + (self.kappa is None)
        return low[:n], high[:n]

    def errors(self, best: Any, freedom: int) -> Floats:
        """Standard errors of the four parameters; zero where one is given.

        A parameter without effect, such as a vanishing ridge, is left out: its column would
        make the rest singular. Its error is infinite.
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


def _misfits(
    grid: Grid, cost: float, unknowns: int, rival: SumLaw
) -> tuple[list[Remark], float]:
    """Do the losses follow the form at all, and do they follow a sum of powers better, and
    by how much?
    """
    # The form has an error of its own at small sizes, which is not evidence against it.
    beyond = cost - FORM_ERROR**2 * float(grid.runs.sum())
    notes = grid.lack_of_fit(beyond, unknowns)
    n = len(grid)
    better = aicc(cost, n, unknowns) - aicc(rival.cost, n, rival.unknowns)
    if beyond <= 0 or better <= EXCLUDED:
        return notes, 0.0
    facts = f"AICc lower by {number(better, 2)}: {rival.facts()}"
    return [*notes, Caveat.SUM_FITS_BETTER(facts)], better


def _structure(grid: Grid, left: Floats, tangent: Floats) -> tuple[Remark, ...]:
    """Without replicates: do the residuals follow a quadratic surface in the log sizes? An
    F test; scatter alone would leave no such surface.

    left : weighted residuals; tangent : directions that the fit has already taken out.
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
    """An orthonormal basis of the span of the columns, up to rounding."""
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(basis[:, sizes > 1e-3])
