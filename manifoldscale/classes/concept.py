"""How a concept is laid out: few items, such as weekdays, each in many templates."""

import dataclasses as dc
import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.error_bars import jackknife_error, log_interval, normal_interval
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.random import keyed
from ..core.result import Quantity, Result
from ..core.style import drawing
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import raw_points, scaled_points, unit
from .item_products import ItemProducts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 4, 5  # items, and templates: each half must have two without one
MOST_ORDERS = 20_160  # tried one by one; of more, so many are drawn less
DRAWN = 9_999


@dc.dataclass(frozen=True)
class ConceptQuantity(Quantity):
    """A number of a concept, with its standard error over templates."""

    stderr: float = float("nan")
    name: str = "share"


@dc.dataclass(frozen=True)
class OrderShare(ConceptQuantity):
    """The share of the variance between items that a stated order explains.

    Attributes
    ----------
    p_value : how probable a share as large is where the items have no order: among all
        orders of the items, or among 9,999 drawn ones.
    least_p : what `p_value` can reach with so many items.
    chance : the mean share over orders.
    """

    p_value: float = float("nan")
    least_p: float = float("nan")
    chance: float = float("nan")


@dc.dataclass(frozen=True, eq=False)
class ConceptGeometry(Result):
    """Where the items of a concept lie.

    Attributes
    ----------
    share : of the variance between the items in one template, the part that is the same in
        all templates.
    dim : directions that the items spread over: the participation ratio of that part.
    circle, line : the share of that part in the first harmonic of the order, or linear in
        the rank; None without an order.
    opening : how much farther the last item is from the first than successive items are
        from each other, as squared distances in units of the mean over all pairs: 0 on a
        ring of equal steps, 6 (items - 2) / (items + 1) on a straight line; None without
        an order.
    items : their names, in their order.
    plane : (items x 2) on the first two principal axes of that part, in units of the cloud.
    """

    share: ConceptQuantity
    dim: ConceptQuantity
    circle: OrderShare | None
    line: OrderShare | None
    opening: ConceptQuantity | None
    items: Array
    n_templates: int
    plane: Floats
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    main = "share"
    columns: ClassVar[tuple[str, ...]] = (
        "share",
        "share_interval=share.interval",
        "concept_dim=dim",
        "circle",
        "circle_p=circle.p_value",
        "line",
        "line_p=line.p_value",
        "opening",
        "n_items=items.size",
        "n_templates",
    )

    def headline(self) -> str:
        parts = [
            f"{one.name} {number(one.value)} {one.interval}"
            for one in (self.share, self.dim)
        ]
        for one in (self.circle, self.line):
            if one is not None:
                parts.append(
                    f"{one.name} {number(one.value)} {one.interval} (p = "
                    f"{number(one.p_value)}, at least {number(one.least_p)}; "
                    f"{number(one.chance)} by chance)"
                )
        if self.opening is not None:
            parts.append(f"opening {number(self.opening.value)} {self.opening.interval}")
        return (
            f"{', '.join(parts)} ({len(self.items)} items, {self.n_templates} templates, "
            f"n = {self.n_points:,})"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The items in the plane of their first two axes, joined in their order."""
        x, y = self.plane.T
        ordered = self.circle is not None
        ax.plot(x, y, "o-" if ordered else "o", ms=4)
        for name, a, b in zip(self.items, x, y, strict=True):
            ax.annotate(str(name), (a, b), (4, 3), textcoords="offset points", fontsize=8)
        ax.set(xlabel="first axis of the items", ylabel="second axis")
        ax.set_aspect("equal", adjustable="datalim")


@dc.dataclass(frozen=True)
class Concept(Method[ConceptGeometry]):
    """How much of a representation is a concept, in how many directions, in which order.

    The cloud has a row for each item in each template, as of "They met on {weekday}.": its
    `labels` are the items, its `groups` the templates; without groups, the first row of
    each item is of the first template, and so on. With z_it the row of item i about the
    mean of its template, the part G of the products that all templates share comes from
    pairs of different ones,

        G_ij = mean over t != u of z_it . z_ju,

    so it holds no noise of single templates. `share` is the intraclass correlation,
    tr G / (tr G + mean square of the rest). `dim` is (tr G)^2 / tr G^2, each from halves of
    the templates, which makes the products unbiased. The share of a circular order is
    sum_ij G_ij (2 / n) cos(2 pi (i - j) / n) / tr G, which no rotation or reflection of the
    order changes; of a line, that of the contrast of the ranks. Both are compared with
    orders of the items in all ways: with n items on a circle p cannot be less than
    2 / (n - 1)!. A line is partly explained by a circle (6 / pi^2 of it) and a circle by a
    line: `opening` tells them apart.

    Intervals are from a jackknife over templates: they speak of further templates, of the
    same items.

    Parameters
    ----------
    order : the items in their order; () tests none.
    seed : of halves, and of orders where there are too many to try all.

    Raises
    ------
    ManifoldScaleError : no labels, fewer than four items or five templates, an item that
        is not in every template once, an order of other items, or items that do not differ.
    """

    order: tuple[str | int, ...] = ()
    seed: int = 0

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> ConceptGeometry:
        points = scaled_points(self, near)
        items, rows = self._rows(near)
        require(
            bool(np.ptp(points[rows], axis=0).any()),
            f"The rows of the {len(items)} items do not differ: nothing tells the items "
            "apart here.",
        )
        n, found = rows.size, ItemProducts.of(points[rows], keyed(self.seed, "halves"))
        share = found.trace / (found.trace + found.rest)
        ordered = len(self.order) > 0
        in_all = ConceptQuantity(**self._jackknife(share, n, _within_one))
        return ConceptGeometry(
            share=in_all,
            dim=ConceptQuantity(
                **self._jackknife(found.participation, n, _dims_of(len(items))),
                name="concept_dim",
            ),
            circle=self._order("circle", found, n) if ordered else None,
            line=self._order("line", found, n) if ordered else None,
            opening=ConceptQuantity(
                **self._jackknife(_opening(found.shared), n, normal_interval),
                name="opening",
            )
            if ordered
            else None,
            items=items,
            n_templates=rows.shape[1],
            plane=_plane(found.shared[0]) * unit(raw_points(self, near)),
            method=self,
            n_points=n,
            caveats=(Caveat.NO_CONCEPT(),) if in_all.interval.low == 0 else (),
        )

    def _rows(self, near: Neighbors) -> tuple[Array, Ints]:
        """The items in their order, and (items x templates) rows of the cloud."""
        cloud = near.cloud
        if cloud is None or cloud.labels is None or cloud.labels.ndim != 1:
            raise ManifoldScaleError(
                f"{self} needs an item for each row: `ms.Cloud(X, labels=items, "
                "groups=templates)`."
            )
        names, first, item = np.unique(cloud.labels, return_index=True, return_inverse=True)
        counts = np.bincount(item)
        if cloud.groups is None:
            require(
                len(set(counts.tolist())) == 1,
                "Every item must be in every template; the items have "
                f"{counts.min()} to {counts.max()} rows.",
            )
            template = np.empty(len(item), dtype=np.int64)
            for i in range(len(names)):
                template[item == i] = np.arange(counts[i])
        else:
            template = np.unique(cloud.groups, return_inverse=True)[1]
        shape = len(names), int(template.max()) + 1
        require(
            shape[0] >= FEWEST[0] and shape[1] >= FEWEST[1],
            f"A concept needs at least {FEWEST[0]} items and {FEWEST[1]} templates; there "
            f"are {shape[0]} and {shape[1]}.",
        )
        rows = np.full(shape, -1)
        rows[item, template] = np.arange(len(item))
        require(
            bool((rows >= 0).all()) and rows.size == len(item),
            f"Each of {shape[0]} items must be once in each of {shape[1]} templates, which "
            f"takes {rows.size} rows; there are {len(item)}.",
        )
        places = self._places(names) if self.order else np.argsort(first)
        return names[places], rows[places]

    def _places(self, names: Array) -> Ints:
        """Where the items of the order are among the names."""
        known = {str(name): at for at, name in enumerate(names)}
        wanted = [str(item) for item in self.order]
        require(
            sorted(wanted) == sorted(known),
            f"`order` must name each of the items once, {', '.join(sorted(known))}; it "
            f"names {', '.join(wanted)}.",
        )
        return np.array([known[item] for item in wanted])

    def _jackknife(
        self, values: Floats, n: int, interval: Callable[[float, float, float], Interval]
    ) -> dict[str, Any]:
        """A statistic of all templates, then without each in turn, as a quantity."""
        value, others = float(values[0]), values[1:]
        stderr = float(jackknife_error(others))
        ends = interval(value, stderr, len(others) - 1)
        return {
            # Unbiased estimates of shares and dimensions may lie where none can be.
            "value": float(np.clip(value, *ends)),
            "interval": ends,
            "method": self,
            "n_points": n,
            "stderr": stderr,
        }

    def _order(self, name: str, found: ItemProducts, n: int) -> OrderShare:
        size = found.shared.shape[1]
        pattern = _pattern(name, size)
        explained = np.einsum("kij,ij->k", found.shared, pattern) / np.trace(
            found.shared, axis1=1, axis2=2
        )
        rng = keyed(self.seed, "orders")
        reached, least, total = _orders_as_good(
            found.shared[0], pattern, name == "circle", rng
        )
        return OrderShare(
            **self._jackknife(explained, n, _within_one),
            name=name,
            p_value=reached / total,
            least_p=least / total,
            chance=(2 if name == "circle" else 1) / (size - 1),
        )


def _within_one(value: float, stderr: float, freedom: float) -> Interval:
    ends = normal_interval(value, stderr, freedom)
    return ends.map(lambda end: min(max(end, 0.0), 1.0))


def _dims_of(items: int) -> Callable[[float, float, float], Interval]:
    """Intervals of the dimension: of nothing it is not known."""

    def ends(value: float, stderr: float, freedom: float) -> Interval:
        most = items - 1.0
        if not (0 < stderr < value):
            return Interval(1.0, most)
        found = log_interval(value, stderr, freedom)
        return found.map(lambda end: min(max(end, 1.0), most))

    return ends


def _pattern(name: str, size: int) -> Floats:
    """(items x items) the projection on the patterns of an order."""
    ranks = np.arange(size)
    if name == "circle":
        turns = 2 * np.pi * (ranks[:, None] - ranks) / size
        return np.asarray(2 / size * np.cos(turns))
    contrast = ranks - ranks.mean()
    return np.asarray(np.outer(contrast, contrast) / (contrast @ contrast))


def _orders_as_good(
    products: Floats, pattern: Floats, circular: bool, rng: np.random.Generator
) -> tuple[int, int, int]:
    """How many orders explain as much as the stated one, itself and its reflection
    included; how many these are; of how many.
    """
    size = len(products)
    distinct = math.factorial(size - 1) / 2 if circular else math.factorial(size) / 2
    own = float(np.sum(products * pattern))
    least = own - 1e-9 * abs(own)
    if distinct <= MOST_ORDERS:
        head = (0,) if circular else ()
        free = itertools.permutations(range(len(head), size))
        orders = np.array([(*head, *rest) for rest in free])
        least_reached, added = 2, 0
    else:
        orders = rng.permuted(np.tile(np.arange(size), (DRAWN, 1)), axis=1)
        least_reached, added = 1, 1
    reached = 0
    for part in np.array_split(orders, max(1, len(orders) * size**2 // 1_000_000)):
        moved = products[part[:, :, None], part[:, None, :]]
        reached += int((np.einsum("kij,ij->k", moved, pattern) >= least).sum())
    return reached + added, least_reached, len(orders) + added


def _opening(shared: Floats) -> Floats:
    """(k,) squared distance from last to first, less the mean of successive ones, over the
    mean of all.
    """
    own = np.diagonal(shared, axis1=1, axis2=2)
    squared = own[:, :, None] + own[:, None, :] - 2 * shared
    step = np.diagonal(squared, 1, axis1=1, axis2=2).mean(1)
    pairs = squared.shape[1] * (squared.shape[1] - 1)
    return np.asarray((squared[:, -1, 0] - step) / (squared.sum((1, 2)) / pairs))


def _plane(products: Floats) -> Floats:
    values, vectors = np.linalg.eigh((products + products.T) / 2)
    found = vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0))
    return np.asarray(found * np.sign(found[0] + 1e-300))
