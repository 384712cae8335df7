"""Manifold capacity: how many classes per feature a linear read-out can hold."""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from ..core.arrays import Array, Bools, Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.error_bars import log_interval, normal_interval
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.random import keyed
from ..core.result import Quantity, Result
from ..core.settings import Count, at_least
from ..core.style import drawing
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import raw_points, scaled_points, unit
from ..geometry.within_noise import of_trials
from .cones import Anchored, Probes, anchored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPLITS = 4  # of each class into halves, whose scatter is that of the whole
FELT = 0.1  # of the standard error: what twice the noise may change where it is not felt


@dc.dataclass(frozen=True)
class ClassQuantity(Quantity):
    """A number of all classes, with separate standard errors from probes and examples."""

    stderr_probes: float = float("nan")
    stderr_examples: float = float("nan")
    name: str = "capacity"

    @property
    def stderr(self) -> float:
        """Of probes and examples; of probes alone where a class has one example."""
        examples = self.stderr_examples
        return math.hypot(self.stderr_probes, 0.0 if math.isnan(examples) else examples)


@dc.dataclass(frozen=True, eq=False)
class ClassGeometry(Result):
    """Capacity of class manifolds, and the geometry behind it.

    Attributes
    ----------
    capacity : classes per dimension at which half of the random dichotomies are separable.
    radius : of the anchors about the centres, in units of the distance of the centres from
        the origin, root mean square over classes.
    dim : dimension of the spread of the anchors, mean over classes.
    centre_correlation : mean |cos| of the angles between centres.
    classes : (P,) the labels; capacity_of_class, radius_of_class, dim_of_class : (P,).
        `capacity` is the harmonic mean of the capacities of the classes.
    n_exemplars : the largest number of points used per class.
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

    main = "capacity"
    columns = (
        "capacity",
        "capacity_interval=capacity.interval",
        "radius",
        "class_dim=dim",
        "centre_correlation",
        "n_classes=classes.size",
        "n_exemplars",
    )

    def headline(self) -> str:
        parts = [
            f"{one.name} {number(one.value)} {one.interval}"
            for one in (self.capacity, self.radius, self.dim)
        ]
        return (
            f"{', '.join(parts)}, centre correlation {number(self.centre_correlation)} "
            f"({self.method}, {len(self.classes)} classes, n = {self.n_points:,})"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Radius and dimension of each class, with its capacity beside it."""
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
    Phys. Rev. X 8:031003, for classes in separate directions). From P / capacity random
    dimensions a read-out separates half of the dichotomies of the classes: the mean is the
    statistical dimension of the cone, at which random projections cease to be separable
    (Amelunxen et al. 2014, Information and Inference 3:224). Linearly independent points
    have capacity 2.

    With `centre` the read-out has a bias. Then each point has one more coordinate, a large
    constant, and the bias is one of the P / capacity dimensions. A dichotomy of one sign
    needs no other dimension; all others depend on the differences between points of
    opposite signs. For few classes this matters: with two classes, half of the dichotomies
    have one sign.

    Radius and dimension describe the anchors, where the projection touches a class, as in
    the paper of 2018: R^2 = E |anchor - centre|^2 / |centre|^2 and
    D = E (t . (anchor - centre))^2 / |anchor - centre|^2.

    The standard errors come from the probes and, by halves of each class, from the
    examples. A finite sample of a class spans a smaller cone than the
    class, so the capacity is too high, which the interval does not include; a caveat gives
    the capacity with half of the examples.

    Noise of the means of trials (`ms.population`) turns classes into wider ones: their
    capacity is too low, the more the fewer dimensions they have, and no extrapolation held
    on simulated populations. Where twice the noise lowers the capacity, its interval is
    open above, that of the dimension begins at zero, and the radius is not known.

    A dichotomy that no read-out separates in all D features has a cone that fills them, and
    D is a lower bound of its load. Where these may be half of the dichotomies, the capacity
    is not known: NaN, with an interval from zero to the bound that follows (P / D with
    `centre=False`). No probe touches a class there: no radius, no dimension.

    Each of the 2 x `probes` directions is a least-squares problem of all exemplars, and
    eight of half of them for the errors: 500 exemplars take about 10 s in 784 dimensions,
    2 s in 64.

    Parameters
    ----------
    exemplars : at most so many points per class, drawn if there are more.
    probes : pairs of random directions.
    centre : the read-out has a bias, and the origin does not matter; radius and correlation
        of the centres are about the mean of the classes.
    seed : of probes and draws.

    Raises
    ------
    ManifoldScaleError : no labels, fewer than two classes, or distances without points.
    """

    exemplars: Count = 50
    probes: Annotated[int, at_least(2)] = 30
    centre: bool = True
    seed: int = 0

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> ClassGeometry:
        labels, classes = _labels(near)
        points = scaled_points(self, near)[near.rows] + self._origin(near)
        parts = _within_span(self._centred(points, labels))
        probes = self._probes(parts[0].shape[1], len(parts))
        found = anchored(parts, probes)
        halves = self._halves(parts, probes)
        loads = found.load.mean(axis=0)
        n = len(points)
        capacity = self._capacity(found, halves, n)
        radius = self._quantity("radius", _radius, found, halves, n)
        dim = self._quantity("class_dim", _dim, found, halves, n)
        notes = self._caveats(near, parts, halves, found)
        plain, noisier = self._noisier(near, points, labels)
        unknown = of_trials(near)
        if unknown or noisier < plain - FELT * capacity.stderr:
            more = f"{noisier / plain - 1:.0%} with twice the noise"
            said = more if math.isfinite(plain) else "of unknown size"
            notes += (Caveat.CAPACITY_OF_NOISE(said), *unknown)
            capacity = _bounded(capacity, high=math.inf)
            radius, dim = _bounded(radius, 0.0, math.inf), _bounded(dim, low=0.0)
        known = 1.0
        if _may_be_half(found.full):
            known = math.nan
            capacity = _bounded(dc.replace(capacity, value=known), low=0.0)
            radius, dim = (
                _bounded(dc.replace(one, value=known), 0.0, math.inf)
                for one in (radius, dim)
            )
        elif found.full.any():  # at D features more than half are separable
            least = len(parts) / (parts[0].shape[1] + self.centre)
            capacity = _bounded(capacity, low=min(least, capacity.interval.low))
        return ClassGeometry(
            capacity=capacity,
            radius=radius,
            dim=dim,
            centre_correlation=_correlation(parts),
            classes=classes,
            capacity_of_class=known
            * np.divide(1, loads, where=loads > 0, out=loads * np.nan),
            radius_of_class=known * np.sqrt(found.radius2.mean(axis=0)),
            dim_of_class=known * found.spread.mean(axis=0),
            n_exemplars=max(map(len, parts)),
            method=self,
            n_points=n,
            caveats=notes,
        )

    def _centred(self, points: Floats, labels: Ints) -> list[Floats]:
        """The exemplars of each class, about their mean if the origin does not matter."""
        parts = self._drawn(points, labels, int(labels.max()) + 1)
        mean = np.mean([part.mean(axis=0) for part in parts], axis=0) * self.centre
        return [part - mean for part in parts]

    def _probes(self, dims: int, classes: int) -> Probes:
        stream = keyed(self.seed, "probes")
        return Probes.drawn(self.probes, dims, classes, self.centre, stream)

    def _noisier(
        self, near: Neighbors, points: Floats, labels: Ints
    ) -> tuple[float, float]:
        """The capacity, and that with as much noise again, from the same probes in the span
        of both; equal where the noise is unknown.

        Differences of halves of the trials have the covariance of the noise of the means,
        and not its errors.
        """
        if near.cloud is None or near.cloud.noise is None:
            return math.inf, math.inf
        first, second = (half[near.rows] for half in near.cloud.noise.halves)
        signs = keyed(self.seed, "noise").choice([-1.0, 1.0], (len(points), 1))
        again = points + signs * (first - second) / 2 / unit(raw_points(self, near))
        plain = self._centred(points, labels)
        both = _within_span([*plain, *self._centred(again, labels)])
        probes = self._probes(both[0].shape[1], len(plain))
        sides = both[: len(plain)], both[len(plain) :]
        one, other = (1 / _load(anchored(side, probes))[0] for side in sides)
        return one, other

    def _origin(self, near: Neighbors) -> Floats | float:
        """What centring subtracted, if the origin matters."""
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

    def _halves(self, parts: Sequence[Floats], probes: Probes) -> list[Anchored]:
        """The same on both halves of random splits of each class; empty if a class has
        fewer than two points.

        A cone hangs on few exemplars, those at the edge of their class, for which leaving
        out a fifth in turn shows too little: halves do show it (Shao & Wu 1989, Annals of
        Statistics 17:1176).
        """
        if min(map(len, parts)) < 2:
            return []
        found = []
        for split in range(SPLITS):
            orders = [
                keyed(self.seed, "split", split, c).permutation(len(part))
                for c, part in enumerate(parts)
            ]
            for half in (0, 1):
                rows = [np.array_split(order, 2)[half] for order in orders]
                chosen = [part[own] for part, own in zip(parts, rows, strict=True)]
                found.append(anchored(chosen, probes))
        return found

    def _capacity(
        self, found: Anchored, halves: Sequence[Anchored], n: int
    ) -> ClassQuantity:
        load = self._quantity("load", _load, found, halves, n)
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
        self, name: str, of: Any, found: Anchored, halves: Sequence[Anchored], n: int
    ) -> ClassQuantity:
        """A statistic with its errors, from independent pairs of probes, and from halves of
        the classes.
        """
        value, influence = of(found)
        pairs = len(influence)
        probes = float(np.std(influence, ddof=1)) / math.sqrt(pairs)
        examples, n_halves = 0.0, len(halves)
        if halves:
            each = np.array([of(one)[0] for one in halves])
            mean = float(each.mean())
            # Half a class has another value; what scatters is in proportion to it.
            examples = float(each.std(ddof=1)) * (value / mean if mean > 0 else 1.0)
        error = math.hypot(probes, examples)
        # Satterthwaite's degrees of freedom of a sum of two variances.
        small = probes**4 / (pairs - 1) + examples**4 / max(n_halves - 1, 1)
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
            stderr_examples=examples if halves else math.nan,
        )

    def _caveats(
        self,
        near: Neighbors,
        parts: Sequence[Floats],
        halves: Sequence[Anchored],
        found: Anchored,
    ) -> tuple[Remark, ...]:
        notes = near.remarks()
        if not halves:
            notes.append(Caveat.POINT_CLASSES(f"{sum(len(p) == 1 for p in parts)} classes"))
        else:
            load = np.mean([_load(half)[0] for half in halves])
            notes.append(Caveat.EXEMPLARS(f"{1 / load:.3g} with half of them"))
        if found.full.any():
            said = f"{found.full.mean():.0%} of the dichotomies"
            notes.append(Caveat.NOT_SEPARABLE(said))
        return tuple(notes)


def _bounded(
    quantity: ClassQuantity, low: float | None = None, high: float | None = None
) -> ClassQuantity:
    """A quantity that is known from one side."""
    ends = quantity.interval
    interval = Interval(
        ends.low if low is None else low, ends.high if high is None else high
    )
    return dc.replace(quantity, interval=interval)


def _may_be_half(full: Bools) -> bool:
    """Whether half of the dichotomies or more may not be separable, within two standard
    errors of their share.
    """
    share = float(full.mean())
    return share + 2 * math.sqrt(share * (1 - share) / len(full)) >= 0.5


def _load(found: Anchored) -> tuple[float, Floats]:
    """Mean load, and the load of each pair of probes."""
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
    """The classes in orthonormal coordinates of their span: a Gaussian vector is Gaussian
    there, and the rest of it projects to zero.
    """
    sizes = np.cumsum([len(part) for part in parts])[:-1]
    u, s, _ = np.linalg.svd(np.concatenate(parts), full_matrices=False)
    # Fix the signs of the directions, which an SVD leaves open.
    u *= np.sign(u[np.abs(u).argmax(axis=0), np.arange(u.shape[1])])
    rank = int((s > 1e-10 * s[0]).sum())
    require(rank > 0, "All points are equal: there are no classes to tell apart.")
    return np.split(u[:, :rank] * s[:rank], sizes)


def _correlation(parts: Sequence[Floats]) -> float:
    """Mean |cos| over pairs of centres."""
    centres = np.array([part.mean(axis=0) for part in parts])
    norms = np.linalg.norm(centres, axis=1)
    cosines = centres @ centres.T / np.maximum(np.outer(norms, norms), 1e-300)
    return float(np.abs(cosines[np.triu_indices(len(parts), 1)]).mean())
