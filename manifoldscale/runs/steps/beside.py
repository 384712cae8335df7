"""The network in question beside each of the references, site by site."""

import dataclasses as dc
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core.caveat import Caveat
from ...core.errors import ManifoldScaleError
from ...core.random import nested_rows
from ...dimension.two_nn import TwoNN
from ...networks.extract import Representations
from ...networks.sites import INPUT
from ...similarity.compare import compare_representations
from ...similarity.paired import paired_difference
from ..beside import SHOWN

ENDS = ("", "_low", "_high")
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
    """The measures of a site; where one cannot be made, NaN and why."""
    row: dict[str, Any] = {f"{n}{end}": math.nan for n in SHOWN for end in ENDS}
    row |= {"n_points": len(own.arrays[site])}
    reasons = []
    for measure in (_measures, _resolved_difference):
        try:
            row |= measure(own, reps, site)
        except ManifoldScaleError as error:
            reasons.append(str(Caveat.NOT_ESTIMATED(str(error))))
    return row | {"caveats": "; ".join([row.get("caveats", ""), *reasons]).strip("; ")}


def _measures(own: Representations, reps: Representations, site: str) -> dict[str, Any]:
    found = compare_representations(
        own[site], reps[site], k=1, measures=("imbalance", "cka"), permutations=0
    )
    left_out = ("a", "b", "method")
    return {name: cell for name, cell in found.row().items() if name not in left_out}


def _resolved_difference(
    own: Representations, reps: Representations, site: str
) -> dict[str, Any]:
    found = paired_difference(reps[site], own[site], TwoNN())
    values = (found.value, *found.interval)
    return dict(zip((f"resolved_difference{end}" for end in ENDS), values, strict=True))
