"""Groups whose points lie close together, of which not all can count as neighbours."""

import numpy as np

from ..core.arrays import Array, Ints, places_in_groups
from ..core.random import keyed

EXCESS = 0.15  # share of pairs of one group, beyond chance, that misleads
SURE = 4.0  # standard errors of chance


def are_siblings(groups: Array, asked: Array, indices: Ints, among: Ints) -> bool:
    """Whether the two nearest neighbours of a point are of one group more often than
    chance: near copies of each other, with a ratio of distances near 1 whatever the
    dimension is.

    groups : of each row of the cloud; asked : (M,) those of the queries; indices : (M, k)
    row numbers of their neighbours, which are among the rows `among`.
    """
    if indices.shape[1] < 2:
        return False
    codes = np.unique(np.concatenate([groups, asked]), return_inverse=True)[1]
    of_rows, own = codes[: len(groups)], codes[len(groups) :]
    first, second = of_rows[indices[:, 0]], of_rows[indices[:, 1]]
    sizes = np.bincount(of_rows[among], minlength=int(codes.max()) + 1)
    others = len(among) - sizes[own] - 1
    chance = float(((sizes[first] - 1) / np.maximum(others, 1)).mean())
    excess = float((first == second).mean()) - chance
    noise = np.sqrt(max(chance * (1 - chance), 1 / len(first)) / len(first))
    return bool(excess > max(EXCESS * (1 - chance), SURE * noise))


def thinned(groups: Array, first: Array) -> list[Ints]:
    """Positions of at most m points of each group, for m of half the largest group, a
    quarter, ... and one: each a subset of the one before, drawn at random, those marked
    `first` (a boolean for each point) before others.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    drawn = keyed(0, "siblings").permutation(len(groups))
    place = places_in_groups(codes, np.lexsort((drawn, ~first, codes)))
    most, found = int(place.max()) + 1, []
    while most > 1:
        most //= 2
        found.append(np.flatnonzero(place < most))
    return found
