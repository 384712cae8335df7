"""Centred kernel alignment without the bias of few points.

With linear kernels K = X X' and L = Y Y', zeros on their diagonals,

    HSIC(K, L) = [tr K L + 1'K1 1'L1 / ((n - 1) (n - 2)) - 2 / (n - 2) 1'K L1] / (n (n - 3))

is unbiased (Song et al. 2012, J. Machine Learning Research 13:1393, eq. 5), and CKA is
HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) (Kornblith et al. 2019; with this estimate Nguyen,
Raghu and Kornblith 2021). The biased estimate, tr of the centred kernels, nears 1 where
features outnumber points, whatever the representations (Murphy, Zylberberg and Fyshe 2024).
"""

import dataclasses as dc
from collections.abc import Iterable, Sequence

import numpy as np

from ..core.arrays import Floats, Ints
from .aligned import Aligned, Estimate, row_blocks

LEAST = 5  # points without one of which HSIC is still defined
WIDE = 200  # features above which permutations use as many random directions

Pair = tuple[int, int]


@dc.dataclass(frozen=True, eq=False)
class Sums:
    """What HSIC needs of two kernels K and L.

    Attributes
    ----------
    product : the rows of tr KL.
    k, other : the row sums of K and of L, 1'K and 1'L.
    k_other, other_k : K times those of L, and L times those of K.
    """

    product: Floats
    k: Floats
    other: Floats
    k_other: Floats
    other_k: Floats

    def hsic(self) -> float:
        n = len(self.k)
        both = self.k @ self.other
        totals = (self.product.sum(), self.k.sum(), self.other.sum(), both)
        return float(_hsic(n, *map(np.asarray, totals)))

    def left_out(self) -> Floats:
        """HSIC without each point in turn."""
        both = self.k @ self.other - self.k * self.other + self.product
        both -= self.k_other + self.other_k
        trace = self.product.sum() - 2 * self.product
        sums = (self.k.sum() - 2 * self.k, self.other.sum() - 2 * self.other)
        return np.asarray(_hsic(len(self.k) - 1, trace, *sums, both))


def _hsic(n: int, trace: Floats, k: Floats, other: Floats, both: Floats) -> Floats:
    rest = k * other / ((n - 1) * (n - 2)) - 2 * both / (n - 2)
    return np.asarray((trace + rest) / (n * (n - 3)))


def alignments(points: Aligned, pairs: Sequence[Pair]) -> dict[Pair, Estimate]:
    """CKA of pairs of layers; NaN if HSIC of a layer with itself is not positive.

    Points of one group are not independent: HSIC is the mean over sets of points, one of
    each group.
    """
    used = sorted({one for pair in pairs for one in pair})
    own = [(one, one) for one in used]
    parts = list(_slots(points))
    weights = np.array([len(rows) for rows in parts]) / sum(map(len, parts))
    value = dict.fromkeys([*own, *pairs], 0.0)
    without = {pair: np.zeros(len(points.sizes)) for pair in value}
    for weight, rows in zip(weights, parts, strict=True):
        layers = {one: _layer(points, one)[rows] for one in used}
        for pair, sums in _all_sums(layers, list(value)).items():
            value[pair] += weight * (hsic := sums.hsic())
            each = np.full(len(points.sizes), hsic)
            each[points.group[rows]] = sums.left_out()
            without[pair] += weight * each
    return {
        (a, b): Estimate(
            float(_ratio(*(np.array(value[p]) for p in ((a, b), (a, a), (b, b))))),
            _ratio(*(without[p] for p in ((a, b), (a, a), (b, b)))),
        )
        for a, b in pairs
    }


def _ratio(both: Floats, a: Floats, b: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where((a > 0) & (b > 0), both / np.sqrt(a * b), np.nan))


def _slots(points: Aligned) -> Iterable[Ints]:
    """Sets of rows with at most one of each group, that together hold nearly all rows."""
    place = np.arange(len(points)) - points.starts[points.group]
    for slot in range(points.sizes.max()):
        rows = np.flatnonzero(place == slot)
        if len(rows) >= LEAST:
            yield rows


def _layer(points: Aligned, place: int) -> Floats:
    layer = points.layers[place]
    assert layer is not None
    return layer


def least_share(layer: Floats) -> float:
    """The least share of the variance that one direction can have, the sum of the squared
    eigenvalues over the square of their sum; 0 where there is one feature alone.
    """
    n, features = layer.shape
    centred = layer - layer.mean(axis=0)
    products = centred.T @ centred if features <= n else centred @ centred.T
    total = float(np.trace(products))
    many = features > 1 and total > 0
    return float(np.square(products / total).sum()) if many else 0.0


def _all_sums(layers: dict[int, Floats], pairs: Sequence[Pair]) -> dict[Pair, Sums]:
    """The sums of every pair, from one product of each layer with itself, in blocks."""
    layers = {one: layer - layer.mean(axis=0) for one, layer in layers.items()}
    n, place = len(next(iter(layers.values()))), {one: i for i, one in enumerate(layers)}
    diagonal = np.stack([np.einsum("ij,ij->i", x, x) for x in layers.values()], axis=1)
    weighted = np.empty((len(layers), n, len(layers)))
    product = {pair: np.empty(n) for pair in pairs}
    for rows in row_blocks(n, n, len(layers)):
        grams = {one: layer[rows] @ layer.T for one, layer in layers.items()}
        for one, gram in grams.items():
            weighted[place[one], rows] = gram @ diagonal
        for (a, b), into in product.items():
            into[rows] = np.einsum("ij,ij->i", grams[a], grams[b])
    sums = {}
    for a, b in pairs:
        i, j = place[a], place[b]
        # Rows of centred kernels sum to zero, so without the diagonal to minus that.
        k, other = -diagonal[:, i], -diagonal[:, j]
        rest = k * other
        k_other, other_k = rest - weighted[i, :, j], rest - weighted[j, :, i]
        sums[a, b] = Sums(product[a, b] - rest, k, other, k_other, other_k)
    return sums


def permuted(points: Aligned, pair: Pair, orders: Ints, seed: int) -> Floats:
    """(permutations,) CKA when the rows of the second layer are permuted."""
    if not len(orders):
        return np.empty(0)
    rng = np.random.default_rng(seed)
    value = np.zeros((3, len(orders)))
    for rows in _slots(points):
        x, y = (_narrow(_layer(points, one)[rows], rng) for one in pair)
        n, dx, dy = len(rows), np.square(x).sum(axis=1), np.square(y).sum(axis=1)
        own = [_of_features(n, x.T @ x, dx, dx), _of_features(n, y.T @ y, dy, dy)]
        for place, order in enumerate(orders):
            # Groups change place with groups of their size: slots stay together.
            moved = np.searchsorted(rows, order[rows])
            both = _of_features(n, x.T @ y[moved], dx, dy[moved])
            value[:, place] += n * np.array([both, *own])
    return _ratio(*value)


def _narrow(layer: Floats, rng: np.random.Generator) -> Floats:
    """The layer in few random directions if it is wide: the spread under permutations
    depends only on the largest eigenvalues, which these keep.
    """
    if layer.shape[1] > WIDE:
        layer = layer @ rng.standard_normal((layer.shape[1], WIDE))
    return np.asarray(layer - layer.mean(axis=0))


def _of_features(n: int, cross: Floats, dx: Floats, dy: Floats) -> Floats:
    """HSIC of centred layers from their cross product and their squared norms."""
    trace = np.square(cross).sum() - dx @ dy
    return _hsic(n, trace, dx.sum(), dy.sum(), dx @ dy)
