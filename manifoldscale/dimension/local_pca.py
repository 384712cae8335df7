"""Local principal components: the dimension of the tangent space at each point."""

import dataclasses as dc
from collections.abc import Callable, Iterator
from typing import Annotated

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat
from ..core.covariance_moments import unbiased_moments
from ..core.errors import require
from ..core.interval import Interval
from ..core.method import Method
from ..core.settings import among, at_least
from ..geometry.neighbors import Neighbors
from .dimension import Dimension, pooled_dimension
from .exponential import Rate, crowding, rate_dimension, relative_error, shared_variance
from .from_points import raw_points

BLOCK_BYTES = 1 << 25
FEWEST = 5
MATERIAL = 0.01  # relative change with k that does not matter
SMALLEST = 1e-20  # least squared relative error, for neighbourhoods that are all alike
RULES = ("participation", "fo", "fan", "ca")


@dc.dataclass(frozen=True)
class LocalPCA(Method[Dimension]):
    """The dimension of the local covariance, by one of four rules.

    Neighbours that are uniform in a ball of a d-dimensional tangent space have the
    covariance R^2 / (d + 2) in d directions and none in the others. With eigenvalues
    l_1 >= l_2 >= ... of the covariance of the `k` neighbours:

    "participation" : the participation ratio (sum l)^2 / (sum l^2), with numerator and
        denominator unbiased at this k (see `ParticipationRatio`) and summed over the
        queries before the ratio is taken. It is continuous, and exact for a flat uniform
        cloud at any k >= 4. Edges, which cut the neighbourhood, and density gradients lower
        it by a few per cent; curvature and noise count by their variance. The interval does
        not include their bias: if half the neighbours give another value, a caveat says so.
    "fo" : how many eigenvalues exceed 0.05 l_1 (Fukunaga & Olsen 1971).
    "fan" : the first gap above 10, or 80 % of the variance, after subtracting the mean of
        the last 5 % (Fan et al. 2010, arXiv 1002.2050).
    "ca" : the q that is nearest to the law of the ball, allowing for curvature (CA-PCA,
        Gilbert & O'Neill 2023, arXiv 2309.13478):

            || 1/(q+2) - (l_j + (3q+4)/(q(q+4)) t_q) / R^2 ||_{j <= q} + 2 t_q / R^2

        is least, where t_q = sum of l_j over j > q, and R lies midway between the
        distances of the k-th and the (k+1)-th neighbour.

    The last three give each query a whole number, and their value is the mean. With few
    neighbours they are too low in high dimension: k must be several times d. The interval
    allows for shared neighbours; for whole numbers it is wider by half a vote.

    Parameters
    ----------
    k : number of neighbours, at least 5.
    rule : "participation", "fo", "fan" or "ca".
    """

    k: Annotated[int, at_least(FEWEST)] = 20
    rule: Annotated[str, among(RULES)] = "participation"

    @property
    def n_neighbors(self) -> int:
        return self.k + (self.rule == "ca")

    def __call__(self, near: Neighbors, /) -> Dimension:
        pooled = self._pooled_ratio if self.rule == "participation" else self._pooled_votes
        dim = pooled(near)
        # It uses directions, for which a grid is as good as a random sample.
        kept = [note for note in dim.caveats if note.caveat is not Caveat.EVEN_SPACING]
        return dc.replace(dim, caveats=tuple(kept))

    def _pooled_votes(self, near: Neighbors) -> Dimension:
        votes = self.local(near)
        value = float(votes.mean())
        variance, linked = shared_variance(votes - value, near, self.k)
        # Votes that all agree are not certain: one more above and one below are added.
        independent = float(np.square(votes - value).sum())
        stderr = float(np.sqrt(max(variance, independent) + 2)) / len(votes)
        half = 1.96 * stderr + 0.5  # half a vote
        interval = Interval(max(value - half, 0.0), value + half)
        remarks = [Caveat.INTEGER_VOTES(), *crowding(linked)]
        return pooled_dimension(self, near, value, stderr, interval, remarks)

    def _pooled_ratio(self, near: Neighbors) -> Dimension:
        rate = self._rate(near)
        dim = rate_dimension(self, near, rate, self.k)
        if self.k < 2 * FEWEST:
            return dim
        half = dc.replace(self, k=self.k // 2)._rate(near)
        moved = rate.influence - half.influence
        error, _ = relative_error(moved, float(np.sqrt(moved @ moved)), near)
        if abs(np.log(half.value / rate.value)) < max(2 * error, MATERIAL):
            return dim
        note = Caveat.SCALE_DEPENDENT(f"{half.value:.3g} with {self.k // 2} neighbours")
        return dc.replace(dim, caveats=(*dim.caveats, note))

    def _rate(self, near: Neighbors) -> Rate:
        squares, traces = self._ratios(near)
        require(
            len(traces) > 1 and float(traces.sum()) > 0,
            "The local covariance is not resolved: use more anchors or a larger k.",
        )
        influence = squares / squares.sum() - traces / traces.sum()
        information = 1 / max(float(np.square(influence).sum()), SMALLEST)
        return Rate(float(squares.sum() / traces.sum()), influence, information)

    def local(self, near: Neighbors) -> Floats:
        """The estimate of each query on its own: a vote, or a ratio."""
        if self.rule == "participation":
            squares, traces = self._ratios(near)
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(np.where(traces > 0, squares / traces, np.inf))
        return np.concatenate([VOTES[self.rule](*part) for part in self._spectra(near)])

    def _ratios(self, near: Neighbors) -> tuple[Floats, Floats]:
        """Unbiased (tr C)^2 and tr(C^2) of each neighbourhood, in units of r_k."""
        parts = []
        for scatter, squares, _ in self._scatters(near):
            sums = (
                squares.sum(1),
                np.square(scatter).sum((1, 2)),
                np.square(squares).sum(1),
            )
            parts.append(unbiased_moments(sums, self.k))
        squares, traces = (np.concatenate(column) for column in zip(*parts, strict=True))
        return squares, traces

    def _spectra(self, near: Neighbors) -> Iterator[tuple[Floats, Floats]]:
        """Eigenvalues of the local covariances, falling, and the squared radii."""
        for scatter, _, radii in self._scatters(near):
            values = np.linalg.eigvalsh(scatter)[:, ::-1] / (self.k - 1)
            # Centred points have at most k - 1 directions; the rest is rounding.
            yield np.maximum(values[:, : self.k - 1], 0.0), radii**2

    def _scatters(self, near: Neighbors) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Blocks of neighbourhoods X (queries x k x features), centred and in units of r_k:
        X'X or XX', whichever is smaller, the squares of their points, and the radius of
        each in this unit.
        """
        points = raw_points(self, near)
        size = 8 * self.k * max(self.k, points.shape[1])
        for rows in np.array_split(
            np.arange(near.n_queries), -(-near.n_queries * size // BLOCK_BYTES)
        ):
            indices, distances = near.indices[rows], near.distances[rows]
            last = distances[:, self.k - 1]
            here = points[indices[:, : self.k]].astype(np.float64)
            # Subtract the query first: a mean far from zero would cost digits.
            here -= points[near.queries[rows]].astype(np.float64)[:, None]
            radii = (last + distances[:, -1]) / (2 * last)
            yield *_scatter(here, last), radii


def _scatter(points: Floats, unit: Floats) -> tuple[Floats, Floats]:
    """X'X or XX' of each block, whichever is smaller, and the squares of its points, both
    about the mean and in a unit. XX' is centred afterwards: it is the smaller by far.
    """
    points /= unit[:, None, None]
    if points.shape[2] > points.shape[1]:
        scatter = points @ points.transpose(0, 2, 1)
        scatter -= scatter.mean(1, keepdims=True)
        scatter -= scatter.mean(2, keepdims=True)
        return scatter, np.einsum("bii->bi", scatter)
    points -= points.mean(axis=1, keepdims=True)
    squares = np.einsum("bij,bij->bi", points, points)
    return points.transpose(0, 2, 1) @ points, squares


def fukunaga_olsen(values: Floats, _: Floats) -> Floats:
    """How many eigenvalues exceed a twentieth of the largest."""
    return np.asarray((values > 0.05 * values[:, :1]).sum(axis=1), dtype=np.float64)


def fan(values: Floats, _: Floats) -> Floats:
    """The first gap above 10, or the first 80 % of the variance, less noise."""
    shares = values.cumsum(1) / values.sum(1, keepdims=True)
    order = np.arange(values.shape[1])
    tail = order >= (shares > 0.95).argmax(1)[:, None]
    rest = values - (values * tail).sum(1, keepdims=True) / tail.sum(1, keepdims=True)
    reached = np.ones(values.shape, dtype=bool)  # the last eigenvalue always ends it
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = rest[:, :-1] / rest[:, 1:] > 10
        full = rest.cumsum(1) / rest.sum(1, keepdims=True) > 0.8
    reached[:, :-1] = gaps | full[:, :-1]
    return np.asarray(1.0 + reached.argmax(1))


def curvature_adjusted(values: Floats, squared_radii: Floats) -> Floats:
    """The q whose ball law, adjusted for curvature, is nearest to the eigenvalues."""
    scaled = values / squared_radii[:, None]
    tails = scaled.sum(1, keepdims=True) - scaled.cumsum(1)
    errors = np.empty_like(scaled)
    for q in range(1, scaled.shape[1] + 1):
        tail = np.maximum(tails[:, q - 1], 0.0)
        adjusted = scaled[:, :q] + ((3 * q + 4) / (q * (q + 4)) * tail)[:, None]
        errors[:, q - 1] = np.linalg.norm(1 / (q + 2) - adjusted, axis=1) + 2 * tail
    return np.asarray(1.0 + errors.argmin(1))


VOTES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "fo": fukunaga_olsen,
    "fan": fan,
    "ca": curvature_adjusted,
}
