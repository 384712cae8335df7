"""Manifold capacity: how many classes a linear read-out can hold a feature."""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array, Floats, Ints, frozen
from ..core.caveat import Caveat, Remark
from ..core.error_bars import log_interval, normal_interval
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.random import keyed
from ..core.result import Quantity, Result
from ..core.settings import check_fields, whole
from ..core.style import drawing
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import raw_points, scaled_points, unit
from .cones import Anchored, Probes, anchored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = 5  # of the jackknife over examples
ARRAYS = ("classes", "capacity_of_class", "radius_of_class", "dim_of_class")


@dc.dataclass(frozen=True)
class ClassQuantity(Quantity):
    """A number of all classes, with the standard errors of probes and of examples apart."""

    stderr_probes: float = float("nan")
    stderr_examples: float = float("nan")
    name: str = "capacity"


@dc.dataclass(frozen=True, eq=False)
class ClassGeometry(Result):
    """Capacity of class manifolds, and the geometry that makes it.

    Attributes
    ----------
    capacity : classes a dimension at which half of the random dichotomies are separable.
    radius : of the anchors about the centres, in units of the distance of the centres from
        the origin, root mean square over classes.
    dim : of the spread of the anchors, mean over classes.
    centre_correlation : mean |cos| of the angles between centres.
    classes : (P,) the labels; capacity_of_class, radius_of_class, dim_of_class : (P,).
        capacity is the harmonic mean of those of the classes.
    n_exemplars : points a class that were used, at most.
    """

    capacity: ClassQuantity
    radius: ClassQuantity
    dim: ClassQuantity
    centre_correlation: float
    classes: Array
    capacity_of_class: Floats
    radius_of_class: Floats
    dim_of_class: Floats
    n_exemplars: int
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def headline(self) -> str:
        parts = [
            f"{one.name} {number(one.value)} {one.interval}"
            for one in (self.capacity, self.radius, self.dim)
        ]
        return (
            f"{', '.join(parts)}, centre correlation {number(self.centre_correlation)} "
            f"({self.method}, {len(self.classes)} classes, n = {self.n_points:,})"
        )

    def row(self) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for one in (self.capacity, self.radius, self.dim):
            row[one.name] = one.value
            row[f"{one.name}_low"], row[f"{one.name}_high"] = one.interval
        return {
            **row,
            "centre_correlation": self.centre_correlation,
            "n_classes": len(self.classes),
            "n_exemplars": self.n_exemplars,
            "method": str(self.method),
            "n_points": self.n_points,
            "caveats": "; ".join(str(note) for note in self.caveats),
        }

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Radius and dimension of each class, its capacity beside it; returns the ax."""
        ax.plot(self.radius_of_class, self.dim_of_class, "o", color="C0")
        for label, x, y, load in zip(
            self.classes,
            self.radius_of_class,
            self.dim_of_class,
            self.capacity_of_class,
            strict=True,
        ):
            text = f"{label} ({number(load, 2)})"
            ax.annotate(text, (x, y), (4, 2), textcoords="offset points", fontsize=8)
        ax.set(
            xlabel="radius of the class, in units of its centre",
            ylabel="dimension of the class",
            title="class (its capacity)",
        )


@dc.dataclass(frozen=True)
class Capacity(Method[ClassGeometry]):
    """Mean-field manifold capacity of the classes that the labels name.

    With P classes, random signs y and a Gaussian vector t,

        1 / capacity = (1 / P) E |projection of t on the cone of all y_c x, x in class c|^2

    (Chou et al. 2024, with no assumption on the centres; Chung, Lee & Sompolinsky 2018,
    Phys. Rev. X 8:031003, for classes in directions of their own). From P / capacity random
    dimensions a read-out separates half of the dichotomies of the classes: the mean is the
    statistical dimension of the cone, at which random projections stop to be separable
    (Amelunxen et al. 2014, Information and Inference 3:224). Linearly independent points
    have capacity 2.

    The read-out has a bias, unless the origin counts (`centre`). Then each point has a
    further coordinate, a large constant: the bias is one of the P / capacity dimensions, a
    dichotomy of one sign needs no other, and any other one is a matter of the differences
    between points of opposite signs. For few classes that is a large part: of two classes
    half of the dichotomies are of one sign.

    Radius and dimension are those of the anchors, where the projection touches a class, as
    in the paper of 2018: R^2 = E |anchor - centre|^2 / |centre|^2 and
    D = E (t . (anchor - centre))^2 / |anchor - centre|^2.

    The standard errors are of the probes, and of the examples by a jackknife over five
    parts of each class. A finite sample of a class spans a smaller cone than the class:
    capacity reads high, and that is not in the interval; the caveat says how far half of
    the examples read.

    Each of the 2 x `probes` directions is a least-squares problem of all exemplars, solved
    seven times for the errors: 500 exemplars in 784 dimensions take some 10 s, in 64
    two.

    Parameters
    ----------
    exemplars : points a class, at most; of more, that many are drawn.
    probes : pairs of random directions.
    centre : the read-out has a bias, and where the origin lies does not count; radius and
        correlation of the centres are about the mean of the classes.
    seed : of probes and draws.

    Raises
    ------
    ManifoldScaleError : no labels, fewer than two classes, or no points but distances.
    """

    exemplars: int = 50
    probes: int = 30
    centre: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        for name, least in (("exemplars", 1), ("probes", 2)):
            whole(name, getattr(self, name), least)

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> ClassGeometry:
        labels, classes = _labels(near)
        points = scaled_points(self, near)[near.rows] + self._origin(near)
        parts = self._drawn(points, labels, len(classes))
        if self.centre:
            mean = np.mean([part.mean(axis=0) for part in parts], axis=0)
            parts = [part - mean for part in parts]
        parts = _within_span(parts)
        dims = parts[0].shape[1]
        stream = keyed(self.seed, "probes")
        probes = Probes.drawn(self.probes, dims, len(parts), self.centre, stream)
        found = anchored(parts, probes)
        left_out = self._left_out(parts, probes)
        loads = found.load.mean(axis=0)
        capacity = self._capacity(found, left_out, len(points))
        return ClassGeometry(
            capacity=capacity,
            radius=self._quantity("radius", _radius, found, left_out, len(points)),
            dim=self._quantity("class_dim", _dim, found, left_out, len(points)),
            centre_correlation=_correlation(parts),
            classes=classes,
            capacity_of_class=np.divide(1, loads, where=loads > 0, out=loads * np.nan),
            radius_of_class=np.sqrt(found.radius2.mean(axis=0)),
            dim_of_class=found.spread.mean(axis=0),
            n_exemplars=max(map(len, parts)),
            method=self,
            n_points=len(points),
            caveats=self._caveats(near, parts, probes, found),
        )

    def _origin(self, near: Neighbors) -> Floats | float:
        """What centring took away, where the origin counts."""
        if self.centre:
            return 0.0
        raw = raw_points(self, near)
        return np.asarray(raw.mean(axis=0, dtype=np.float64) / unit(raw))

    def _drawn(self, points: Floats, labels: Ints, n_classes: int) -> list[Floats]:
        """Up to `exemplars` points of each class, in a random order."""
        parts = []
        for c in range(n_classes):
            own = points[labels == c]
            order = keyed(self.seed, "exemplars", c).permutation(len(own))
            parts.append(own[order[: self.exemplars]])
        return parts

    def _left_out(self, parts: Sequence[Floats], probes: Probes) -> list[Anchored]:
        """The same with one fifth of each class left out in turn; none where a class has
        fewer than two points.
        """
        groups = min(PARTS, *(len(part) for part in parts))
        if groups < 2:
            return []
        return [
            anchored([part[np.arange(len(part)) % groups != g] for part in parts], probes)
            for g in range(groups)
        ]

    def _capacity(
        self, found: Anchored, left_out: Sequence[Anchored], n: int
    ) -> ClassQuantity:
        load = self._quantity("load", _load, found, left_out, n)
        value = 1 / load.value
        ends = [load.interval.high, load.interval.low]
        return dc.replace(
            load,
            name="capacity",
            value=value,
            interval=Interval(*(1 / end for end in ends)),
            stderr_probes=load.stderr_probes * value**2,
            stderr_examples=load.stderr_examples * value**2,
        )

    def _quantity(
        self, name: str, of: Any, found: Anchored, left_out: Sequence[Anchored], n: int
    ) -> ClassQuantity:
        """A statistic with its errors: pairs of probes are independent, and parts of the
        classes are left out in turn.
        """
        value, influence = of(found)
        pairs = len(influence)
        probes = float(np.std(influence, ddof=1)) / math.sqrt(pairs)
        examples, groups = 0.0, len(left_out)
        if left_out:
            each = np.array([of(one)[0] for one in left_out])
            examples = float(np.sqrt((groups - 1) * each.var()))
        error = math.hypot(probes, examples)
        # Satterthwaite's degrees of freedom of a sum of two variances.
        small = probes**4 / (pairs - 1) + examples**4 / max(groups - 1, 1)
        freedom = error**4 / small if small > 0 else math.inf
        positive = value > 0 and math.isfinite(error)
        interval = (log_interval if positive else normal_interval)(value, error, freedom)
        return ClassQuantity(
            value=value,
            interval=interval,
            method=self,
            n_points=n,
            name=name,
            stderr_probes=probes,
            stderr_examples=examples if left_out else math.nan,
        )

    def _caveats(
        self, near: Neighbors, parts: Sequence[Floats], probes: Probes, found: Anchored
    ) -> tuple[Remark, ...]:
        notes = []
        if near.n_duplicates:
            total = near.n_points + near.n_duplicates
            notes.append(Caveat.DUPLICATES(f"{near.n_duplicates:,} of {total:,} points"))
        fewest = min(map(len, parts))
        if fewest < 2:
            notes.append(Caveat.POINT_CLASSES(f"{sum(len(p) == 1 for p in parts)} classes"))
        else:
            half = anchored([part[: len(part) // 2] for part in parts], probes)
            notes.append(Caveat.EXEMPLARS(f"{1 / _load(half)[0]:.3g} with half of them"))
        full = float(found.full.mean())
        if full > 0:
            notes.append(Caveat.NOT_SEPARABLE(f"{full:.0%} of the probes"))
        return tuple(notes)


def _load(found: Anchored) -> tuple[float, Floats]:
    """Mean load, and that of each pair of probes."""
    each = found.load.mean(axis=1)
    return float(each.mean()), each


def _radius(found: Anchored) -> tuple[float, Floats]:
    """Root mean squared radius, and its linear change with each pair of probes."""
    each = found.radius2.mean(axis=1)
    value = math.sqrt(float(each.mean()))
    return value, each / (2 * value) if value > 0 else each


def _dim(found: Anchored) -> tuple[float, Floats]:
    each = found.spread.mean(axis=1)
    return float(each.mean()), each


def _labels(near: Neighbors) -> tuple[Ints, Array]:
    """Class numbers of the distinct points, and the labels of the classes."""
    given = None if near.cloud is None else near.cloud.labels
    if given is None:
        raise ManifoldScaleError(
            "Capacity needs a label for each point: `ms.Cloud(X, labels=y)`."
        )
    require(given.ndim == 1, f"`labels` must be 1-D; their shape is {given.shape}.")
    classes, codes = np.unique(given[near.rows], return_inverse=True)
    require(
        len(classes) >= 2,
        f"Capacity needs at least two classes; all labels are {classes[0]!r}.",
    )
    require(
        len(classes) <= len(codes) and classes.dtype.kind != "f",
        "`labels` must be classes, not real numbers: use integers or strings.",
    )
    return np.asarray(codes, dtype=np.int64), classes


def _within_span(parts: Sequence[Floats]) -> list[Floats]:
    """The classes in orthonormal coordinates of the space that they span: a Gaussian vector
    is Gaussian there, and the rest of it is projected to nothing.
    """
    sizes = np.cumsum([len(part) for part in parts])[:-1]
    u, s, _ = np.linalg.svd(np.concatenate(parts), full_matrices=False)
    u *= np.sign(u[np.abs(u).argmax(axis=0), np.arange(u.shape[1])])  # the same always
    rank = int((s > 1e-10 * s[0]).sum())
    require(rank > 0, "All points are equal: there are no classes to tell apart.")
    return np.split(u[:, :rank] * s[:rank], sizes)


def _correlation(parts: Sequence[Floats]) -> float:
    """Mean |cos| over pairs of centres."""
    centres = np.array([part.mean(axis=0) for part in parts])
    norms = np.linalg.norm(centres, axis=1)
    cosines = centres @ centres.T / np.maximum(np.outer(norms, norms), 1e-300)
    return float(np.abs(cosines[np.triu_indices(len(parts), 1)]).mean())
