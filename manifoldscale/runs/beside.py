"""How the comparison of networks, site by site, is shown: on the page and in a terminal."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.interval import Interval, number
from ..report.parts import Listing, Row

SHOWN = {  # the measures of a row, and their headings
    "imbalance_ab": "imbalance to it",
    "imbalance_ba": "imbalance from it",
    "cka": "CKA",
    "resolved_difference": "difference of resolved d",
}
SAID = (
    "The network in question and another one at the same examples. Imbalance is 0 where "
    "nearest neighbours in the first are near in the second, 1 where they say nothing of "
    "it; CKA is 1 for representations equal up to a rotation, 0 for unrelated ones. The "
    "difference is of the dimension that these points resolve, the network in question "
    "less the other: errors of sampling that both share cancel."
)


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row as it is read: site, networks, measures with their intervals."""
    return [str(row["site"]), str(row["beside"]), *(_measure(row, one) for one in SHOWN)]


def _measure(row: Mapping[str, Any], name: str) -> str:
    # Results of earlier versions have fewer measures.
    value, low, high = (_real(row.get(f"{name}{end}")) for end in ("", "_low", "_high"))
    return f"{number(value)} {Interval(low, high)}" if math.isfinite(value) else "n/a"


def _real(value: float | None) -> float:
    return math.nan if value is None else float(value)


def listing(rows: Sequence[Mapping[str, Any]]) -> Listing:
    """The rows as a part of the page."""
    columns = [("site", False), ("beside", False), *((one, True) for one in SHOWN.values())]
    return Listing(
        SAID,
        columns,
        [Row(cells(row), notes=[note] if (note := row["caveats"]) else []) for row in rows],
        "Representations beside each other",
    )
