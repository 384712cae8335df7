"""Inner products between items that all templates share, and without each template."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Bools, Floats

SPLITS = 64  # halves of the templates over which squares are averaged


@dc.dataclass(frozen=True, eq=False)
class ItemProducts:
    """The first of each axis is of all templates; then without each in turn.

    Attributes
    ----------
    shared : (1 + T, items x items) mean products of rows in different templates.
    trace : (1 + T,) of `shared`, per degree of freedom of the items.
    rest : (1 + T,) mean square of what differs between templates.
    participation : (1 + T,) (tr G)^2 / tr G^2, from halves of the templates.
    """

    shared: Floats
    trace: Floats
    rest: Floats
    participation: Floats

    @classmethod
    def of(cls, values: Floats, rng: np.random.Generator) -> "ItemProducts":
        """Of (items x templates x features)."""
        n, templates = values.shape[:2]
        rows = (values - values.mean(0)).reshape(n * templates, -1)
        blocks = (rows @ rows.T).reshape(n, templates, n, templates).transpose(1, 3, 0, 2)
        whole = np.ones((1, templates), bool)
        shared = _without_each(blocks, whole)[0]
        own = np.trace(np.einsum("ttij->tij", blocks), axis1=1, axis2=2)
        used = np.full(1 + templates, templates)
        used[1:] -= 1
        total = own.sum() - np.append(0.0, own)
        traces = np.trace(shared, axis1=1, axis2=2)
        # Sum of squares about the items' means: that in all less that of the means.
        rest = (total - total / used - (used - 1) * traces) / ((n - 1) * (used - 1))
        halves = np.array([rng.permutation(templates) for _ in range(SPLITS)])
        first = np.zeros((SPLITS, templates), bool)
        np.put_along_axis(first, halves[:, : templates // 2], True, axis=1)
        one, other = _without_each(blocks, first), _without_each(blocks, ~first)
        square = np.einsum("rkij,rkij->rk", one, other)
        product = np.einsum("rkii->rk", one) * np.einsum("rkii->rk", other)
        participation = np.nanmean(product, 0) / np.nanmean(square, 0)
        return cls(shared, traces / (n - 1), rest, participation)


def _without_each(blocks: Floats, chosen: Bools) -> Floats:
    """(splits, 1 + T, items x items) mean products over pairs of the chosen templates, and
    of those without each template in turn. NaN where a single one is left.
    """
    weights = chosen.astype(float)
    each = np.einsum("tsij,rs->rtij", blocks, weights, optimize=True)
    diagonal = np.einsum("ttij->tij", blocks)
    crossed = each - weights[..., None, None] * diagonal  # with the other chosen ones
    both = (crossed + np.swapaxes(crossed, -1, -2)) * weights[..., None, None]
    total = both.sum(1, keepdims=True) / 2
    sums = np.concatenate([total, total - both], axis=1)
    left = weights.sum(1, keepdims=True) - weights
    counts = np.concatenate([weights.sum(1, keepdims=True), left], axis=1)
    pairs = np.where(counts > 1, counts * (counts - 1), np.nan)
    return np.asarray(sums / pairs[..., None, None])
