"""The participation ratio of a covariance, without the bias of a finite sample."""

import dataclasses as dc
import math
from typing import Any

import numpy as np

from .arrays import Array, Floats
from .error_bars import jackknife_error, jackknife_freedom
from .errors import require
from .random import keyed

PARTS = 32  # of groups, for their jackknife


@dc.dataclass(frozen=True)
class Participation:
    """(tr C)^2 / tr(C^2), its jackknife standard error, and the ratio of the sample."""

    value: float
    stderr: float
    raw: float
    freedom: float


def participation(points: Floats) -> Participation:
    """The participation ratio of centred points (n x features), by U-statistics, and its
    delete-one jackknife in closed form. `dimension.ParticipationRatio` explains it.

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
    return Participation(value, stderr, float(sums[0] ** 2 / sums[1]), n - 1)


def participation_of_groups(points: Floats, groups: Array) -> Participation:
    """The participation ratio of points (n x features) that depend on each other within
    groups, from pairs of points of different groups only:

        (tr C)^2 from the mean of |x_i|^2 |x_k|^2,   tr C^2 from the mean of (x_i . x_k)^2

    of centred points. Leaving groups out in turn gives the error, and removes the bias of
    the order of one over their number that the centre leaves.

    Raises
    ------
    ManifoldScaleError : fewer than 5 groups, or too few for the spectrum.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    many = int(codes.max()) + 1
    require(
        many >= 5, f"The participation ratio needs at least 5 `groups`; there are {many}."
    )
    parts = min(many, PARTS)
    part = (keyed(0, "groups").permutation(many) % parts)[codes]
    found = math.log(_of_pairs_between(points, codes))
    kept = [part != left for left in range(parts)]
    left_out = [math.log(_of_pairs_between(points[k], codes[k])) for k in kept]
    value = math.exp(parts * found - (parts - 1) * float(np.mean(left_out)))
    error = float(jackknife_error(np.array(left_out)))
    centred = points - points.mean(0)
    trace, square, _ = scatter_sums(centred)
    freedom = jackknife_freedom(np.array(left_out))
    return Participation(value, value * error, float(trace**2 / square), freedom)


def _of_pairs_between(points: Floats, codes: Array) -> float:
    """tr(M)^2 / tr(M^2) over pairs of different groups."""
    x = (points - points.mean(0))[np.argsort(codes, kind="stable")]
    trace, square, _ = scatter_sums(x)
    traces = squares = 0.0
    sizes = np.unique(codes, return_counts=True)[1]
    ends = np.cumsum(sizes)
    for size in np.unique(sizes):
        of_groups = x[(ends - size)[sizes == size, None] + np.arange(size)]
        traces += np.square(np.square(of_groups).sum((1, 2))).sum()
        squares += np.square(_scatter(of_groups)).sum()
    require(
        bool(square - squares > 1e-12 * square),
        f"{len(sizes)} groups are too few for this spectrum: points of different groups "
        "are orthogonal, and the participation ratio is bounded from below only.",
    )
    return float((trace**2 - traces) / (square - squares))


def signal_participation(one: Floats, other: Floats) -> Participation:
    """The participation ratio of what two repeats of the same points (n x features each)
    share. Noise that is independent between repeats adds nothing on average:

        tr C    from the mean of a_i . b_i,
        tr C^2  from the mean of (a_i . b_k) (b_i . a_k) over pairs i != k

    of the centred repeats a and b, and the square of the first without its own noise. The
    standard error is a delete-one jackknife.

    Raises
    ------
    ManifoldScaleError : the repeats share no signal, or too little to tell.
    """
    a, b = (view - view.mean(0) for view in (one, other))
    n = len(a)
    cross = a @ b.T
    own = np.diag(cross).copy()
    both = cross * cross.T
    np.fill_diagonal(both, 0.0)
    traces, squares = own.sum(), both.sum()
    rows = 2 * both.sum(1)  # what leaves the sum with a point
    value = _ratio(traces, np.square(own).sum(), squares, n)
    require(
        math.isfinite(value),
        "The repeats have nothing in common beyond the noise: there is no signal spectrum.",
    )
    left_out = _ratio(
        traces - own, np.square(own).sum() - np.square(own), squares - rows, n - 1
    )
    require(
        bool(np.isfinite(left_out).all()),
        "The signal that the repeats share rests on single points: repeat more often.",
    )
    stderr = value * math.sqrt((n - 1) * float(np.log(left_out).var()))
    mean = (one + other) / 2
    return Participation(value, stderr, participation(mean - mean.mean(0)).raw, n - 1)


def _ratio(traces: Any, own: Any, squares: Any, n: int) -> Any:
    """(tr C)^2 / tr C^2 from sums over n points; NaN where either is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        squared_trace = (np.square(traces) - own) / (n * (n - 1))
        found = squared_trace / (squares / (n * (n - 1)))
    good = (np.asarray(squares) > 0) & (np.asarray(squared_trace) > 0)
    return np.where(good, found, np.nan)[()]


Sums = tuple[Floats, Floats, Floats]


def scatter_sums(points: Floats) -> Sums:
    """tr M, tr(M^2) and the sum of |x|^4 of centred points, where M = X'X."""
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
    """X'X or XX' of (..., n, features), the smaller: their squares have one trace."""
    n, features = points.shape[-2:]
    turned = np.swapaxes(points, -1, -2)
    return turned @ points if features <= n else points @ turned


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
