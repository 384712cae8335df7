"""The network in question beside each of the references, site by site."""

import dataclasses as dc
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core.caveat import Caveat
from ...core.errors import ManifoldScaleError
from ...core.random import nested_rows
from ...networks.extract import Representations
from ...networks.sites import INPUT
from ...similarity.compare import compare_representations
from ..beside import SHOWN

MOST = 3000  # points that are compared, as all pairs of them are measured


def few_points(clouds: Representations) -> Representations:
    """Some points of every site, drawn by their groups, in memory."""
    n = len(next(iter(clouds.arrays.values())))
    if n <= MOST:
        return clouds
    groups = np.arange(n) if clouds.groups is None else np.asarray(clouds.groups)
    names, code = np.unique(groups, return_inverse=True)
    drawn = nested_rows(max(MOST * len(names) // n, 1), len(names), 0)
    rows = np.flatnonzero(np.isin(code, drawn))
    arrays = {site: np.asarray(array[rows]) for site, array in clouds.arrays.items()}
    return dc.replace(
        clouds,
        arrays=arrays,
        labels=None if clouds.labels is None else np.asarray(clouds.labels)[rows],
        ids=None if clouds.ids is None else np.asarray(clouds.ids)[rows],
        groups=None if clouds.groups is None else groups[rows],
    )


def beside(
    question: tuple[str, Representations], others: Mapping[str, Representations]
) -> list[dict[str, Any]]:
    """A row for every site that the network in question shares with another one, but for
    the input, which is the same.
    """
    name, own = question
    return [
        {"site": site, "network": name, "beside": other, **_compared(own, reps, site)}
        for other, reps in others.items()
        for site in own
        if site in reps and not site.startswith(INPUT)
    ]


def _compared(own: Representations, reps: Representations, site: str) -> dict[str, Any]:
    """The measures of a site; where they cannot be made, NaN and why."""
    try:
        found = compare_representations(
            own[site], reps[site], k=1, measures=("imbalance", "cka"), permutations=0
        )
        row, left_out = found.row(), ("a", "b", "method")
        return {name: cell for name, cell in row.items() if name not in left_out}
    except ManifoldScaleError as error:
        nan = {f"{name}{end}": math.nan for name in SHOWN for end in ("", "_low", "_high")}
        reason = str(Caveat.NOT_ESTIMATED(str(error)))
        return {**nan, "n_points": len(own.arrays[site]), "caveats": reason}
