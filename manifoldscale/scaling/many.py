"""Many fits of a power law at the same sizes, at once: for bootstraps and for simulations.

The same minimum as that of `profile_fit`, found without a loop over the sets of losses. On
the grid of exponents, sums over sizes become products of small matrices; between the grid
points, a golden-section search runs for all sets together.
"""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats
from .projection import COARSE, project

GOLDEN, GOLDEN_STEPS = (math.sqrt(5) - 1) / 2, 30  # to a millionth of the bracket
REWEIGHTINGS = 6


@dc.dataclass(frozen=True, eq=False)
class Many:
    """Fits of `sets` of losses, each (sets,).

    Attributes
    ----------
    alpha, floor : of each fit; amplitude : in units of loss at the size `scale`.
    cost : weighted sum of squares at the minimum.
    weights : (sets, sizes), of constant relative error about the fitted curves.
    """

    alpha: Floats
    floor: Floats
    amplitude: Floats
    cost: Floats
    weights: Floats
    scale: float

    def predict(self, x: Floats) -> Floats:
        """(sets, sizes) fitted losses."""
        power = (x / self.scale) ** -self.alpha[:, None]
        return np.asarray(self.floor[:, None] + self.amplitude[:, None] * power)


def geometric_mean(x: Floats) -> float:
    return math.exp(float(np.log(x[np.isfinite(x)]).mean()))


def fit_many(x: Floats, y: Floats, runs: Floats, floor: float | None = None) -> Many:
    """Fit every row of `y` (sets, sizes), with weights of constant relative error.

    x, runs : (sizes,); floor : known, or None to fit it.
    """
    mean = y
    for _ in range(REWEIGHTINGS):
        found = refined(x, y, runs / mean**2, floor)
        mean = found.predict(x)
    return found


def refined(x: Floats, y: Floats, weights: Floats, floor: float | None) -> Many:
    """The fits with these weights: the best of the grid, then between its neighbours."""
    scale, step = geometric_mean(x), math.log(COARSE[1] / COARSE[0])
    best = np.log(COARSE[grid_costs(x, y, weights, floor, COARSE).argmin(-1)])
    low, high = best - step, best + step
    for _ in range(GOLDEN_STEPS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        pair = np.exp(np.stack([left, right]))[..., None]
        costs = project((x / scale) ** -pair, y, weights, floor).cost
        falls = costs[0] > costs[1]
        low, high = np.where(falls, left, low), np.where(falls, high, right)
    alpha = np.exp((low + high) / 2)
    fitted = project((x / scale) ** -alpha[:, None], y, weights, floor)
    weights = np.broadcast_to(weights, y.shape)
    return Many(alpha, fitted.floor, fitted.amplitude, fitted.cost, weights, scale)


def costs_at(many: Many, x: Floats, y: Floats, alpha: float, floor: float | None) -> Floats:
    """(sets,) the profile at one exponent, with the weights of the fits."""
    return project((x / many.scale) ** -alpha, y, many.weights, floor).cost


def grid_costs(
    x: Floats, y: Floats, weights: Floats, floor: float | None, alpha: Floats
) -> Floats:
    """(sets, exponents) costs, from the weighted moments of losses and powers.

    The moments are those of what is left after a common mean: for small exponents the
    powers are nearly constant.
    """
    weights = np.broadcast_to(weights, y.shape)
    z = (x / geometric_mean(x)) ** -alpha[:, None]
    total = weights.sum(-1)[:, None]
    middle = z.mean(-1)
    mean_y = (weights * y).sum(-1)[:, None] / total
    rest_z, rest_y = z - middle[:, None], y - mean_y
    shift = weights @ rest_z.T / total
    variance = weights @ (rest_z**2).T / total - shift**2
    covariance = (weights * rest_y) @ rest_z.T / total
    about_floor = y - (0.0 if floor is None else floor)
    crossed = np.maximum((weights * about_floor) @ z.T, 0)
    squared = (weights * about_floor**2).sum(-1)[:, None]
    fixed = squared - crossed**2 / (weights @ (z**2).T)
    if floor is not None:
        return np.asarray(fixed)
    slope = np.maximum(covariance / np.maximum(variance, np.finfo(float).tiny), 0)
    free = (weights * rest_y**2).sum(-1)[:, None] - slope * covariance * total
    return np.asarray(np.where(mean_y - slope * (shift + middle) >= 0, free, fixed))
