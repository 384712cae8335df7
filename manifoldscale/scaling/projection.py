"""Variable projection: for a given exponent a power law is a linear fit.

L(x) = E + A x^-alpha is linear in (E, A). For each alpha of a grid the best E >= 0 and
A >= 0 follow in closed form, so the whole profile S(alpha) of the weighted sum of squares
is one array operation: no starting point, no local minimum missed, and a thousand
bootstrap fits at once.
"""

import dataclasses as dc

import numpy as np

from ..core.arrays import Floats

ALPHA_MIN, ALPHA_MAX = 0.01, 8.0
GRID = np.geomspace(ALPHA_MIN, ALPHA_MAX, 1200)


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
    """Weighted least squares of y = E + A z with E, A >= 0, for every row of z.

    z : (grid, n) powers of the scaled sizes; y, weights : (..., n); floor : E where it
    is known, None to fit it.
    """
    w = np.broadcast_to(weights, y.shape)
    if floor is not None:
        level = np.full((*y.shape[:-1], len(z)), floor)
    else:
        level = _free_floor(z, y, w)
    # With E given, A is a regression through the origin.
    szz = w @ (z * z).T
    szy = (w * y) @ z.T - level * (w @ z.T)
    amplitude = np.maximum(szy / szz, 0)
    residual = y[..., None, :] - level[..., None] - amplitude[..., None] * z
    cost = (w[..., None, :] * residual**2).sum(-1)
    return Profile(alpha, cost, level, amplitude)


def _free_floor(z: Floats, y: Floats, w: Floats) -> Floats:
    """The best E >= 0 given alpha: that of the plane, where it is positive.

    With centred sums C the plane has A = C_zy / C_zz and E = mean(y) - A mean(z). Where
    A would be negative, A = 0 and E is the mean.
    """
    total = w.sum(-1, keepdims=True)
    mean_z, mean_y = (w @ z.T) / total, (w * y).sum(-1, keepdims=True) / total
    # Centre z first: for small alpha it is nearly constant.
    centred = z - mean_z[..., None]
    czz = (w[..., None, :] * centred**2).sum(-1)
    czy = (w[..., None, :] * centred * (y - mean_y)[..., None, :]).sum(-1)
    slope = np.maximum(czy / np.maximum(czz, np.finfo(float).tiny), 0)
    return np.maximum(mean_y - slope * mean_z, 0)


def powers(x: Floats, alpha: Floats) -> tuple[Floats, float]:
    """(x / scale)^-alpha for every alpha, (grid, n), and the scale: the geometric mean
    of the finite sizes, which keeps A and E of one magnitude.
    """
    finite = np.isfinite(x)
    scale = float(np.exp(np.log(x[finite]).mean()))
    z = np.zeros((len(alpha), len(x)))
    z[:, finite] = (x[finite] / scale) ** -alpha[:, None]
    return z, scale
