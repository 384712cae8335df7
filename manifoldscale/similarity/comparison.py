"""Two representations of the same examples, or two networks site by site, compared."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Remark
from ..core.errors import one_of, require
from ..core.interval import Interval, number
from ..core.overlay import drawn_on
from ..core.result import Quantity, Result, Table
from ..core.style import BLUE, draw_interval, drawing, name_heights
from .heat_map import draw_heat_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = {
    "imbalance": "imbalance from the row to the column",
    "overlap": "overlap of neighbours",
    "cka": "unbiased linear CKA",
    "shape": "shape distance",
}
MEASURES = tuple(WORDS)


@dc.dataclass(frozen=True)
class Similarity(Quantity):
    """A measure of two representations, with what unrelated ones would give.

    Attributes
    ----------
    unrelated : the value for representations that have nothing in common.
    null : the range of values when the rows of one are permuted, an interval of 95 % with
        39 permutations; None without permutations.
    """

    unrelated: float = math.nan
    null: Interval | None = None
    name: str = "cka"

    columns = ("unrelated",)


@dc.dataclass(frozen=True)
class RepresentationComparison(Result):
    """What two representations of the same examples have in common.

    Attributes
    ----------
    a, b : their names.
    imbalance_ab, imbalance_ba : information imbalance, about 0 where neighbours in the
        first are neighbours in the second, 1 where they say nothing about it.
    overlap : mean share of the k nearest neighbours that are neighbours in both.
    cka : unbiased linear centred kernel alignment; 1 for representations that differ by a
        rotation and a scale, 0 on average for unrelated ones.
    shape : Procrustes distance in radians, from 0 to pi / 2.
    label_overlap_a, label_overlap_b : mean share of the k nearest neighbours that have the
        label of the point.
    label_overlap_change : b minus a, with the interval of a paired difference.

    A measure that was not asked for, or needs labels where there are none, is None.
    """

    a: str
    b: str
    imbalance_ab: Similarity | None
    imbalance_ba: Similarity | None
    overlap: Similarity | None
    cka: Similarity | None
    shape: Similarity | None
    label_overlap_a: Similarity | None
    label_overlap_b: Similarity | None
    label_overlap_change: Similarity | None
    method: str
    n_points: int
    caveats: tuple[Remark, ...] = ()

    columns = ("a", "b")

    @property
    def measures(self) -> dict[str, Similarity]:
        """Those that are known, by their names."""
        named = {field.name: getattr(self, field.name) for field in dc.fields(self)}
        return {k: v for k, v in named.items() if isinstance(v, Similarity)}

    def cells(self) -> dict[str, Any]:
        cells = super().cells()
        for name, one in self.measures.items():
            ends = {f"{name}_low": one.interval.low, f"{name}_high": one.interval.high}
            cells |= {name: one.value, **ends}
            if one.null is not None:
                cells |= {f"{name}_null_low": one.null.low}
                cells |= {f"{name}_null_high": one.null.high}
        return cells

    def headline(self) -> str:
        parts = [
            f"{self._said(name)} {number(one.value)} {one.interval}"
            for name, one in self.measures.items()
        ]
        about = f"({self.method}, n = {self.n_points:,})"
        return f"{self.a} and {self.b}: {', '.join(parts)} {about}"

    def _said(self, measure: str) -> str:
        """The name of a measure in words."""
        ways = {"imbalance_ab": (self.a, self.b), "imbalance_ba": (self.b, self.a)}
        ends = {"label_overlap_a": self.a, "label_overlap_b": self.b}
        if measure in ways:
            return "imbalance {} to {}".format(*ways[measure])
        if measure in ends:
            return f"label overlap in {ends[measure]}"
        return measure.replace("_", " ")

    def reversed(self) -> "RepresentationComparison":
        """The same comparison with b first."""
        change = self.label_overlap_change
        return dc.replace(
            self,
            a=self.b,
            b=self.a,
            imbalance_ab=self.imbalance_ba,
            imbalance_ba=self.imbalance_ab,
            label_overlap_a=self.label_overlap_b,
            label_overlap_b=self.label_overlap_a,
            label_overlap_change=change and _negative(change),
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Every measure with its interval; grey, the range for permuted rows."""
        for place, one in enumerate(self.measures.values()):
            if one.null is not None:
                height = place + drawn_on(ax).base
                ax.plot([*one.null], [height, height], color="0.8", lw=6, zorder=0)
            draw_interval(ax, place, one.value, one.interval, BLUE)
        name_heights(ax, [self._said(name) for name in self.measures])
        ax.set(xlabel="measure")


@dc.dataclass(frozen=True)
class ComparisonMatrix(Table):
    """Every site of one network beside every site of another, or of itself.

    A sequence of `RepresentationComparison`, row after row of the matrix;
    `matrix["fc1", "fc2"]` is that of two sites, and `to_frame()` has a row for each.
    """

    @property
    def sites(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the rows and of the columns."""
        rows, columns = (
            tuple(dict.fromkeys(one[x] for one in self._names)) for x in (0, 1)
        )
        return rows, columns

    @property
    def _names(self) -> list[tuple[str, str]]:
        return [(one.a, one.b) for one in self]  # type: ignore[attr-defined]

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, tuple):
            return super().__getitem__(index)
        if index not in self._names:
            listed = " and ".join(", ".join(names) for names in self.sites)
            raise KeyError(f"{index!r}; there are {listed}")
        return self.results[self._names.index(index)]

    def values(self, measure: str = "cka") -> Floats:
        """(rows x columns) values of one measure: "imbalance" from the row to the column,
        "overlap", "cka" or "shape".
        """
        one_of("measure", measure, MEASURES)
        name = "imbalance_ab" if measure == "imbalance" else measure
        found = [getattr(one, name) for one in self]
        require(
            found[0] is not None,
            f"There is no {measure} in this matrix: ask for it with "
            f"`measures=[{measure!r}]`.",
        )
        shape = tuple(map(len, self.sites))
        return np.array([one.value for one in found]).reshape(shape)

    @drawing
    def plot(self, ax: "Axes", measure: str = "cka") -> None:
        """A heat map of one measure, see `values`."""
        draw_heat_map(ax, self.values(measure), *self.sites, WORDS[measure])


def _negative(one: Similarity) -> Similarity:
    return dc.replace(one, value=-one.value, interval=one.interval.map(lambda x: -x))
