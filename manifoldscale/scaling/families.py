"""Curves that a falling loss may follow: power laws, and what is taken for one.

Each family is L(x) = E + A z(x; shape) with z falling, so that E and A >= 0 follow by
projection and only the shape is searched: on a grid first, which needs no starting point,
then by simplex from its best.
"""

import dataclasses as dc
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize

from ..core.arrays import Floats
from .projection import ALPHA_MAX, ALPHA_MIN, geometric_mean, project

SHARPNESS = 4.0  # of a break: it is over within a factor of about two on either side


@dc.dataclass(frozen=True)
class Family:
    """A kind of curve.

    Attributes
    ----------
    formula : as it is printed.
    unknowns : number of parameters, E and A included.
    basis : (shapes, k) parameters and (sizes,) sizes in units of their geometric mean, to
        (shapes, sizes) values z.
    grid : the shapes that are tried, from the sizes.
    floor : 0 where E is not an unknown, else None.
    is_power_law : whether the loss is a power law above a constant.
    within : the families with this one as a special case: they always fit at least as well.
    """

    name: str
    formula: str
    unknowns: int
    basis: Callable[[Floats, Floats], Floats]
    grid: Callable[[Floats], Floats]
    floor: float | None
    is_power_law: bool = False
    within: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What it is, without the functions that compute it."""
        return {name: getattr(self, name) for name in ("name", "formula", "unknowns")}


def _column(values: Floats) -> Floats:
    return values[:, None]


def _product(*values: Floats) -> Floats:
    return np.array(list(itertools.product(*values)))


def _power(shape: Floats, x: Floats) -> Floats:
    return np.asarray(x ** -shape[:, :1])


def _curved(shape: Floats, x: Floats) -> Floats:
    slope, bend = shape[:, :1], shape[:, 1:]
    return np.asarray(np.exp(-slope * np.log(x) - bend * np.log(x) ** 2))


def _broken(shape: Floats, x: Floats) -> Floats:
    """x^-a up to the break, x^-b beyond (Caballero et al. 2023, one break)."""
    early, late, place = (shape[:, [i]] for i in range(3))
    beyond = np.logaddexp(0, SHARPNESS * (np.log(x) - place)) / SHARPNESS
    return np.asarray(np.exp(-early * np.log(x) - (late - early) * beyond))


def _exponential(shape: Floats, x: Floats) -> Floats:
    return np.asarray(np.exp(-x / shape[:, :1]))


def _logarithm(shape: Floats, x: Floats) -> Floats:
    return np.broadcast_to(-np.log(x), (len(shape), len(x)))


ALPHAS = _column(np.geomspace(ALPHA_MIN, ALPHA_MAX, 120))
SLOPES = np.array([0.03, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])


def _breaks(x: Floats) -> Floats:
    """Slopes before and after, and breaks at the inner sizes."""
    inside = np.log(x[1:-1])
    return _product(np.append(0, SLOPES), np.append(0, SLOPES), inside)


FAMILIES = (
    Family(
        "power law", "A x^-alpha", 2, _power, lambda x: ALPHAS, 0.0, True,
        within=("power law with floor", "curved power law", "broken power law"),
    ),
    Family(
        "power law with floor", "E + A x^-alpha", 3, _power, lambda x: ALPHAS, None, True
    ),
    Family(
        "variance-limited", "E + A / x", 2, _power, lambda x: np.ones((1, 1)), None, True,
        within=("power law with floor",),
    ),
    Family(
        "exponential", "E + A exp(-x / b)", 3, _exponential,
        lambda x: _column(np.geomspace(x.min() / 3, 30 * x.max(), 120)), None,
    ),
    Family("logarithm", "E - A log x", 2, _logarithm, lambda x: np.zeros((1, 1)), None),
    Family(
        "curved power law", "A x^-(alpha + b log x)", 3, _curved,
        lambda x: _product(SLOPES, np.linspace(-0.3, 0.3, 25)), 0.0,
    ),
    Family(
        "broken power law", "A x^-alpha, x^-beta beyond a break", 4, _broken, _breaks, 0.0
    ),
)  # fmt: skip


@dc.dataclass(frozen=True, eq=False)
class Member:
    """The best member of a family: E = floor, A = amplitude; x in units of `scale`."""

    family: Family
    shape: Floats
    floor: float
    amplitude: float
    cost: float
    scale: float

    def predict(self, x: Floats) -> Floats:
        """The fitted loss at sizes `x`."""
        z = self.family.basis(self.shape[None], x / self.scale)[0]
        return np.asarray(self.floor + self.amplitude * z)


def fit_family(family: Family, x: Floats, y: Floats, weights: Floats) -> Member:
    """The best member of the grid, improved by Nelder and Mead's simplex."""
    scale = geometric_mean(x)
    at = x / scale

    def costs(shapes: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):  # shapes far from any loss
            z = family.basis(shapes, at)
            found = project(z, y, weights, family.floor).cost
        return np.nan_to_num(found, nan=np.inf)

    shapes = family.grid(at)
    best = shapes[costs(shapes).argmin()]
    if len(shapes) > 1:
        best = optimize.minimize(
            lambda shape: float(costs(shape[None])[0]) if _allowed(shape, best) else np.inf,
            best,
            method="Nelder-Mead",
            options={"xatol": 1e-6, "fatol": 1e-9 * float(weights @ y**2), "maxiter": 300},
        ).x
    found = project(family.basis(best[None], at), y, weights, family.floor)
    floor, amplitude, cost = found.floor[0], found.amplitude[0], found.cost[0]
    return Member(family, best, float(floor), float(amplitude), float(cost), scale)


def _allowed(shape: Floats, start: Floats) -> bool:
    """The first parameter of every shape is positive, or starts at zero."""
    return bool(shape[0] > 0 or (start[0] == 0 and shape[0] > -0.05))
