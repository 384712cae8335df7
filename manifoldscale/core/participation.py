"""The participation ratio of a covariance, without the bias of a finite sample."""

import dataclasses as dc
import math

import numpy as np

from .arrays import Floats
from .errors import require


@dc.dataclass(frozen=True)
class Participation:
    """(tr C)^2 / tr(C^2), its jackknife standard error, and the ratio of the sample."""

    value: float
    stderr: float
    raw: float


def participation(points: Floats) -> Participation:
    """Of centred points (n x features): U-statistics, and the delete-one jackknife in
    closed form. What it is, is said at `dimension.ParticipationRatio`.

    Raises
    ------
    ManifoldScaleError : fewer than 5 points, or all differences of pairs orthogonal.
    """
    n = len(points)
    require(n >= 5, f"The participation ratio needs at least 5 points; there are {n}.")
    sums = scatter_sums(points)
    square, trace = (float(part) for part in unbiased_moments(sums, n))
    require(
        trace > 1e-12 * square,
        f"{n} points are too few for this spectrum: all differences of pairs are "
        "orthogonal, and the participation ratio is bounded from below only.",
    )
    value = square / trace
    numerators, denominators = unbiased_moments(_without_each(points, sums), n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        left_out = np.log(numerators / denominators)
    require(
        bool(np.isfinite(left_out).all()),
        "The participation ratio rests on single points; there are too few of them.",
    )
    stderr = value * math.sqrt((n - 1) * float(left_out.var()))
    return Participation(value, stderr, float(sums[0] ** 2 / sums[1]))


Sums = tuple[Floats, Floats, Floats]


def scatter_sums(points: Floats) -> Sums:
    """Of centred points: tr M, tr(M^2) and the sum of |x|^4, where M = X'X."""
    squares = np.einsum("ij,ij->i", points, points)
    return squares.sum(), np.square(_scatter(points)).sum(), np.square(squares).sum()


def unbiased_moments(sums: Sums, n: int) -> tuple[Floats, Floats]:
    """Unbiased (tr C)^2 and tr(C^2): the averages of the kernels over quadruples."""
    trace, square, fourth = sums
    scale = (n - 1) / (n * (n - 2) * (n - 3))
    trace2, square = trace**2 / (n - 1) ** 2, square / (n - 1) ** 2
    rest = n / (n - 1) * fourth
    return (
        scale * (2 * square + (n * n - 3 * n + 1) * trace2 - rest),
        scale * ((n - 1) * (n - 2) * square + trace2 - rest),
    )


def _scatter(points: Floats) -> Floats:
    """X'X or XX', whichever is smaller: their squares have one trace."""
    n, features = points.shape
    return points.T @ points if features <= n else points @ points.T


def _without_each(points: Floats, sums: Sums) -> Sums:
    """`scatter_sums` with each point left out in turn and the rest centred again."""
    n, features = points.shape
    trace, square, fourth = sums
    s = np.einsum("ij,ij->i", points, points)
    if features <= n:
        quadratic = np.einsum("ij,ij->i", points @ (points.T @ points), points)
        weighted = points @ (points.T @ s)
    else:
        gram = points @ points.T
        quadratic, weighted = np.square(gram).sum(axis=1), gram @ s
    c, m = n / (n - 1), n - 1
    # The centre moves by -x_i / m, so |x_j|^2 becomes s_j + 2 g_ij / m + s_i / m^2.
    moved = s + 2 * s / m + s / m**2
    everyone = (
        fourth
        + 4 * quadratic / m**2
        + n * s**2 / m**4
        + 4 * weighted / m
        + 2 * trace * s / m**2
    )
    return (
        trace - c * s,
        square - 2 * c * quadratic + (c * s) ** 2,
        everyone - moved**2,
    )
