"""What each site of a network makes of straight paths between neighbouring examples.

A network with kinks has no curvature at the scale of its straight pieces, and many a cloud
has too few points for one; how such a path bends is known for any network and any number of
examples.
"""

import dataclasses as dc
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from scipy import stats
from torch import nn

from ...core.arrays import Array, Floats, as_numpy
from ...core.errors import ManifoldScaleError, require
from ...core.interval import Interval
from ...core.measurement import Measurement
from ...core.serialize import plain
from ...core.settings import Settings, at_least
from ...curvature.polyline import stretch, turning
from ...data.examples import Examples
from ...geometry.cloud import Cloud
from ...networks.extract import blocks

LEVEL = 0.95
LEAST = {"turning": 0.0, "stretch": 1.0}  # of a straight path


@dc.dataclass(frozen=True)
class Paths(Settings):
    """Straight paths of inputs, each from an example to its nearest neighbour.

    At each site, of the polygon through the images of evenly spaced points: its turning,
    the sum of its angles, and its stretch, its length over the distance of its ends. Both
    have no unit, and a linear map leaves a path straight: 0 and 1. Where a network has
    kinks, finer steps see more turning; these are a fraction of the spacing of the data.

    Parameters
    ----------
    paths : how many at most.
    steps : of each path.
    among : the neighbour is searched among at most so many of the examples.
    """

    paths: Annotated[int, at_least(2)] = 64
    steps: Annotated[int, at_least(2)] = 16
    among: Annotated[int, at_least(4)] = 1000

    def __str__(self) -> str:
        return f"Paths(paths={self.paths}, steps={self.steps}, among={self.among})"

    @property
    def in_words(self) -> str:
        return (
            f"up to {self.paths} straight paths of inputs, each from an example to its "
            f"nearest neighbour among {self.among:,}, in {self.steps} steps. Turning is "
            "the sum of the angles by which their images bend, stretch the length of an "
            "image over the distance of its ends; a linear map leaves 0 and 1. Values are "
            "means over the paths, intervals their 95 % t-intervals. Where a network has "
            "kinks, finer steps see more turning"
        )

    def inputs(self, examples: Examples, seed: int) -> Any:
        """The points of all paths, path by path: (paths x (steps + 1), ...); by name where
        the network takes its input by name.

        Raises
        ------
        ManifoldScaleError : between such inputs there is no straight path.
        """
        given = examples.sample(self.among, seed).inputs
        names = list(given) if isinstance(given, Mapping) else []
        require(
            len(names) < 2,
            f"the network takes several inputs, {', '.join(names)}, between which no path "
            "is drawn",
        )
        some = as_numpy(given[names[0]] if names else given, "data")
        require(
            some.dtype.kind == "f",
            "the inputs are whole numbers, such as tokens, and between these there is no "
            "straight path",
        )
        rows = some.reshape(len(some), -1)
        near = Cloud(rows).neighbors(1, anchors=min(self.paths, len(rows)), rng=seed)
        pairs = np.stack([near.queries, near.indices[:, 0]], axis=1)
        # Two examples that are each other's neighbours are one path.
        once = np.unique(np.sort(pairs, axis=1), axis=0)
        first, last = (rows[once[:, i]].astype(float)[:, None] for i in (0, 1))
        share = np.linspace(0, 1, self.steps + 1)[:, None]
        points = (1 - share) * first + share * last
        made = points.reshape(-1, *some.shape[1:]).astype(some.dtype)
        return {names[0]: made} if names else made

    def measure(
        self,
        network: nn.Module,
        inputs: Any,
        sites: Sequence[str],
        points: str,
        batch_size: int,
        seed: int,
    ) -> dict[str, tuple[Measurement, ...]]:
        """Turning and stretch at each site, over the paths.

        Raises
        ------
        ManifoldScaleError : an example is several points, of which no path can be made.
        """
        each = self.steps + 1
        whole = each * max(1, batch_size // each)  # no path is cut
        found: dict[str, list[tuple[float, float]]] = {}
        passes = blocks(
            network, inputs, sites, points=points, batch_size=whole, rng=seed
        )  # the seed of the probe: the same random projections
        for block in passes:
            require(
                not block.grouped,
                "an example is several points here, and its path would be several curves",
            )
            for site, array in block.arrays.items():
                found.setdefault(site, []).extend(self._images(array))
        return {site: tuple(self._means(values)) for site, values in found.items()}

    def _images(self, array: Array) -> Iterator[tuple[float, float]]:
        for image in np.asarray(array).reshape(-1, self.steps + 1, array.shape[1]):
            if np.isfinite(image).all():
                yield turning(image), stretch(image)

    def _means(self, values: Sequence[tuple[float, float]]) -> Iterator[Measurement]:
        for name, column in zip(LEAST, np.array(values).reshape(-1, 2).T, strict=True):
            known = column[np.isfinite(column)]
            mean, interval = _mean(known, LEAST[name])
            yield Measurement(
                name,
                mean,
                interval,
                str(self),
                len(known),
                dict(plain(self)),
                () if len(known) else ("no path has an image of any length here",),
            )


def _mean(values: Floats, least: float) -> tuple[float, Interval]:
    """A mean with its t-interval, cut at the least value that is possible."""
    if len(values) < 2:
        value = float(values[0]) if len(values) else math.nan
        return value, Interval(math.nan, math.nan, LEVEL)
    mean = float(values.mean())
    reach = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values)
    low = min(max(mean - reach, least), mean)  # by rounding a mean may be below the least
    return mean, Interval(float(low), float(mean + reach), LEVEL)


def along_paths(
    network: nn.Module, examples: Examples, sites: Sequence[str], asked: Any
) -> tuple[Mapping[str, tuple[Measurement, ...]], str]:
    """The measurements at each site, and in words what they are or why there are none.

    `asked` is the probe, with its `points`, `batch_size` and `seed`.
    """
    paths = Paths()
    try:
        inputs = paths.inputs(examples, asked.seed)
        found = paths.measure(
            network, inputs, sites, asked.choices[0], asked.batch_size, asked.seed
        )
    except ManifoldScaleError as error:
        return {}, f"turning and stretch are not given: {error}"
    return found, f"turning and stretch: {paths.in_words}."
