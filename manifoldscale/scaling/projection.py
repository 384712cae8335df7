"""Variable projection: for a given exponent a power law is a linear fit.

L(x) = E + A x^-alpha is linear in (E, A). For each alpha of a grid the best E >= 0 and
A >= 0 follow in closed form, so the whole profile S(alpha) of the weighted sum of squares
is one array operation: no starting point, no local minimum missed, and hundreds of
bootstrap fits at once.
"""

import dataclasses as dc

import numpy as np

from ..core.arrays import Floats

ALPHA_MIN, ALPHA_MAX = 0.01, 8.0
GRID = np.geomspace(ALPHA_MIN, ALPHA_MAX, 1200)
COARSE = slice(None, None, 5)  # of the grid, where many fits are made


@dc.dataclass(frozen=True)
class Profile:
    """The best fit at each exponent of a grid; arrays of shape (..., grid)."""

    alpha: Floats
    cost: Floats
    floor: Floats
    amplitude: Floats


def project(
    z: Floats, y: Floats, weights: Floats, floor: float | None, alpha: Floats
) -> Profile:
    """Weighted least squares of y = E + A z with E, A >= 0.

    z : (grid, n) powers of the scaled sizes, see `powers`; y : (..., n); weights : (n,);
    floor : E where it is known, None to fit it.
    """
    if floor is None:
        level = _free_floor(z, y, weights)
    else:
        level = np.full((*y.shape[:-1], len(z)), floor)
    # With E given, A is a regression through the origin.
    szy = (weights * y) @ z.T - level * (z @ weights)
    amplitude = np.maximum(szy / (z * z @ weights), 0)
    residual = y[..., None, :] - level[..., None] - amplitude[..., None] * z
    return Profile(alpha, residual**2 @ weights, level, amplitude)


def _free_floor(z: Floats, y: Floats, weights: Floats) -> Floats:
    """The best E >= 0 given alpha: that of the straight line, where it is positive.

    The line has slope A = C_zy / C_zz in centred sums and E = mean(y) - A mean(z). Where
    A would be negative, A = 0 and E is the mean.
    """
    share = weights / weights.sum()
    mean_z = z @ share
    mean_y = (y @ share)[..., None]
    centred = z - mean_z[:, None]  # first: for small alpha z is nearly constant
    variance = centred**2 @ share
    covariance = (y - mean_y) @ (centred * share).T
    slope = np.maximum(covariance / np.maximum(variance, np.finfo(float).tiny), 0)
    return np.asarray(np.maximum(mean_y - slope * mean_z, 0))


def powers(x: Floats, alpha: Floats) -> tuple[Floats, float]:
    """(x / scale)^-alpha for every alpha, (grid, n), and the scale: the geometric mean
    of the finite sizes, which keeps A and E of one magnitude. An infinite size has power
    zero.
    """
    finite = np.isfinite(x)
    scale = float(np.exp(np.log(x[finite]).mean()))
    z = np.zeros((len(alpha), len(x)))
    z[:, finite] = (x[finite] / scale) ** -alpha[:, None]
    return z, scale
