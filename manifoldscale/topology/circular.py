"""An angle for every point from the loops of a cloud.

A loop of the Rips complex has a dual cocycle: an integer on each edge whose sum around the
loop is one. The smoothest real cocycle of the same class changes little along every edge,
and integrates to an angle (de Silva, Morozov & Vejdemo-Johansson 2011, Discrete Comput.
Geom. 45:737). It is computed on landmarks, and carried to all points by a partition of
unity over balls about them (Perea 2020, in Topological Data Analysis: The Abel Symposium).

Several loops give several angles, up to integer combinations of each other. Those whose
cocycles are the least aligned, in the sense of the sum over edges of their products, are
found by reduction of this lattice (Scoccola, Gakhar, Bush, Schonsheck, Rask, Zhou & Perea
2023, "Toroidal coordinates").
"""

import dataclasses as dc
import itertools
from collections.abc import Callable

import numpy as np

from ..core.arrays import Bools, Floats, Ints
from ..core.errors import ManifoldScaleError, require
from .process import loops_of

PRIMES = (47, 41, 31)  # tried in turn: rarely, a cocycle modulo one is none in integers
# Of the way from the birth to the death of the loops: scales that are tried in turn.
# Smaller ones have fewer triangles, around each of which the integers must sum to zero.
WITHIN = (0.9, 0.7, 0.5, 0.3, 0.1)
BLOCK = 1024  # edges whose triangles are checked at once


@dc.dataclass(frozen=True, eq=False)
class Cocycles:
    """Smooth cocycles of loops on landmarks.

    Attributes
    ----------
    landmarks : (L x features).
    scale : edges up to this length are there.
    potential : (loops x L) what was added at each landmark to make them smooth, in turns.
    smooth : (loops x L x L) the cocycle along each edge, in turns; 0 where there is none.
    moved : (loops x L) how much further the potential is where all edges weigh the same.
    """

    landmarks: Floats
    scale: float
    potential: Floats
    smooth: Floats
    moved: Floats

    def angles(self, points: Floats) -> tuple[Floats, Bools]:
        """(points x loops) angles in [0, 2 pi), and which points a landmark is near enough
        to: half of the scale. The angle of the others is that of the nearest landmark.
        """
        shares, near, covered = self._shares(points)
        turns = [
            # From the nearest landmark along its edges to the others that cover the point.
            own[near] + np.einsum("pl,pl->p", shares, smooth[near])
            for own, smooth in zip(self.potential, self.smooth, strict=True)
        ]
        return 2 * np.pi * np.mod(np.stack(turns, axis=1), 1.0), covered

    def moves(self, points: Floats) -> Floats:
        """(points x loops) how far the angles would move, but for their mean, if all edges
        weighed the same.
        """
        found = 2 * np.pi * self._shares(points)[0] @ self.moved.T
        return np.asarray(found - found.mean(0))

    def _shares(self, points: Floats) -> tuple[Floats, Ints, Bools]:
        """(points x L) partition of unity; the nearest landmark, and whether it is near."""
        squared = (
            np.square(points).sum(1)[:, None]
            + np.square(self.landmarks).sum(1)
            - 2 * points @ self.landmarks.T
        )
        distance = np.sqrt(np.maximum(squared, 0))
        near, rows = distance.argmin(1), np.arange(len(points))
        covered = distance[rows, near] < self.scale / 2
        shares = np.maximum(self.scale / 2 - distance, 0)
        shares[~covered, near[~covered]] = 1.0
        return shares / shares.sum(1, keepdims=True), near, covered


def smooth_cocycles(
    landmarks: Floats,
    how_many: Callable[[Floats], int],
    covering_radius: float,
    time_limit: float,
) -> Cocycles:
    """Of the loops with the largest death / birth, as many as their bars, (bars x 2) births
    and deaths, are said to be.

    Raises
    ------
    ManifoldScaleError : there are fewer loops, they do not exist at a common scale at which
        the landmarks cover the points, or have no cocycle of integers.
    """
    for prime in PRIMES:
        bars, cocycles = loops_of(landmarks, prime, time_limit)
        chosen = how_many(bars)
        order = np.argsort(-bars[:, 1] / bars[:, 0], kind="stable")[:chosen]
        require(
            len(order) == chosen,
            f"There are {len(order)} loops in all; {chosen} were asked for.",
        )
        for scale in _scales(bars[order], covering_radius):
            edges = _edges(landmarks, scale)
            whole = [_lifted(cocycles[i], prime, edges) for i in order]
            if all(_is_closed(one, edges) for one in whole):
                return _smoothed(landmarks, scale, edges, np.stack(whole))
    raise ManifoldScaleError(
        f"No cocycle of integers was found modulo {', '.join(map(str, PRIMES))}: the loops "
        "may have torsion, see `ms.topology.compare_coefficients`."
    )


def _scales(bars: Floats, covering_radius: float) -> list[float]:
    """Scales at which all of the loops are there, and the landmarks cover the points if
    they can.
    """
    born, dead = float(bars[:, 0].max()), float(bars[:, 1].min())
    require(
        born < dead,
        f"The loops are not there at the same scale: one is born at {born:.3g}, another "
        f"dies at {dead:.3g}. Ask for fewer `loops`.",
    )
    inside = [born + share * (dead - born) for share in WITHIN]
    # Below twice the covering radius some points are in no ball.
    return [one for one in inside if one >= 2 * covering_radius] or inside


def _edges(landmarks: Floats, scale: float) -> Bools:
    squares = np.square(landmarks).sum(1)
    squared = squares[:, None] + squares - 2 * landmarks @ landmarks.T
    edges = np.sqrt(np.maximum(squared, 0)) < scale
    np.fill_diagonal(edges, False)
    return np.asarray(edges)


def _lifted(cocycle: Ints, prime: int, edges: Bools) -> Ints:
    """The antisymmetric matrix of a cocycle, with the integers nearest to zero."""
    matrix = np.zeros(edges.shape, dtype=np.int64)
    value = np.where(cocycle[:, 2] > prime // 2, cocycle[:, 2] - prime, cocycle[:, 2])
    matrix[cocycle[:, 0], cocycle[:, 1]] = value
    matrix[cocycle[:, 1], cocycle[:, 0]] = -value
    return np.where(edges, matrix, 0)


def _is_closed(cocycle: Ints, edges: Bools) -> bool:
    """Whether it sums to zero around every triangle."""
    first, second = np.nonzero(np.triu(cocycle))  # other triangles sum to zero
    for start in range(0, len(first), BLOCK):
        i, j = first[start : start + BLOCK], second[start : start + BLOCK]
        around = cocycle[i, j, None] + cocycle[j] - cocycle[i]
        if around[edges[i] & edges[j]].any():
            return False
    return True


def _smoothed(landmarks: Floats, scale: float, edges: Bools, whole: Ints) -> Cocycles:
    """The cocycles of the same classes with the least sum of squares, and least aligned.

    An edge weighs as much as the inverse product of how many edges its two ends have, which
    takes out how densely the landmarks lie (Coifman & Lafon 2006, Applied and Computational
    Harmonic Analysis 21:5): with equal weights most of the turn goes to where they are few.
    """
    degree = np.maximum(edges.sum(1), 1)
    weights = edges / np.outer(degree, degree)
    potential, plain = (_potential(one, whole) for one in (weights, edges.astype(float)))
    smooth = np.where(edges, whole + potential[:, None, :] - potential[:, :, None], 0.0)
    combined = reduced(np.einsum("ij,aij,bij->ab", weights, smooth, smooth))
    return Cocycles(
        landmarks,
        scale,
        combined @ potential,
        np.einsum("ab,bij->aij", combined, smooth),
        combined @ (plain - potential),
    )


def _potential(weights: Floats, whole: Ints) -> Floats:
    """(loops x L) what makes the weighted sum of squares of the cocycles least."""
    laplacian = np.diag(weights.sum(1)) - weights
    divergence = (weights * whole).sum(2)  # of the flow out of every landmark
    return np.asarray(np.linalg.lstsq(laplacian, divergence.T, rcond=None)[0].T)


def reduced(products: Floats) -> Ints:
    """Integer combinations of vectors with these inner products that are short: pairwise
    (Lagrange-Gauss) reduction, which for two vectors gives the shortest basis.

    >>> reduced(np.array([[1.0, 0.9], [0.9, 1.0]]))
    array([[ 1, -1],
           [ 0,  1]])
    """
    basis = np.eye(len(products), dtype=np.int64)
    changed = True
    while changed:
        changed = False
        for a, b in itertools.permutations(range(len(products)), 2):
            gram = basis @ products @ basis.T
            times = round(float(gram[a, b] / gram[b, b]))
            if times and gram[a, a] - 2 * times * gram[a, b] + times**2 * gram[b, b] < (
                gram[a, a] * (1 - 1e-9)
            ):
                basis[a] -= times * basis[b]
                changed = True
    return basis


def best_match(found: Floats, wanted: Floats) -> tuple[Ints, Floats]:
    """The combination of angles (n x loops), with coefficients -1, 0 and 1 that can be
    undone, nearest to other angles up to a shift; and the mean resultants of differences.

    Angles from a cocycle are determined up to such combinations, reflections and shifts.
    """
    loops = found.shape[1]
    rows = [
        np.array(row) for row in itertools.product((0, 1, -1), repeat=loops) if any(row)
    ]
    turned = np.exp(1j * found @ np.stack(rows).T)  # (n x combinations)
    resultants = abs(turned.T.conj() @ np.exp(1j * wanted)) / len(found)
    best: tuple[float, tuple[int, ...]] = (-1.0, ())
    for places in itertools.permutations(range(len(rows)), loops):
        if abs(round(np.linalg.det(np.stack([rows[i] for i in places])))) != 1:
            continue
        total = sum(resultants[i, column] for column, i in enumerate(places))
        if total > best[0] + 1e-12:
            best = total, places
    chosen = np.stack([rows[i] for i in best[1]])
    return chosen, np.array([resultants[i, c] for c, i in enumerate(best[1])])
