"""All that is estimated of one cloud, and where it comes from."""

import dataclasses as dc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...classes import Capacity
from ...core.arrays import Array
from ...core.caveat import Caveat
from ...core.errors import ManifoldScaleError, require
from ...core.interval import Interval
from ...core.measurement import Measurement, SiteMeasurements
from ...core.method import Method
from ...core.random import generator
from ...core.result import Quantity
from ...data.population import read_population
from ...data.recording_files import READERS
from ...dimension import Dimension
from ...geometry.cloud import Cloud
from ...geometry.neighbors import Neighbors
from ...geometry.within_noise import in_noise, in_words
from ...spectra import Covariance, CovarianceSpectrum
from ...topology import Persistence, Rips
from .geometry import DEFAULT, Probing

Report = Callable[[str, int, int, str], None]  # stage, done, total, what was found
ROWS = "stimuli neurons"  # what two axes without names are: points x features
FOR_RECORDINGS = ("order", "stimuli", "window", "labels", "groups")
CLASSES = 0.5  # of the points at most: otherwise labels are no classes


@dc.dataclass(frozen=True, eq=False)
class OneCloud:
    """What was found: the quantities, the spectrum, the bars, and what is to be said of the
    data.
    """

    measurements: SiteMeasurements
    eigenvalues: tuple[float, ...]
    bars: tuple[Mapping[str, Any], ...]
    said: tuple[str, ...]


def cloud_of(asked: Any) -> tuple[str, Cloud, list[str]]:
    """The name of the data, the cloud, and what was read; `asked` is the `Estimate`."""
    data = str(asked.data) if isinstance(asked.data, Path) else asked.data
    named = data if isinstance(data, str) else f"a {type(data).__name__} in memory"
    is_other = isinstance(data, Cloud) or (isinstance(data, str) and _is_of_a_card(data))
    given = [one for one in FOR_RECORDINGS if getattr(asked, one) is not None]
    require(
        not (is_other and given),
        f"`{'`, `'.join(given)}`: only for arrays, tables and files of recordings; not for "
        f"{named}.",
    )
    if isinstance(data, Cloud):
        cloud, read = data, [f"{data}"]
        named = data.name or named
    elif is_other:
        cloud, read = _examples(data)
    else:
        cloud, found = read_population(
            data,
            order=asked.order,
            stimuli=asked.stimuli,
            window=asked.window,
            labels=asked.labels,
            groups=asked.groups,
            unnamed=ROWS,
        )
        read = list(found)
    cloud = _with_whole_labels(cloud)
    if len(cloud) > asked.n_points:
        read.append(f"{asked.n_points:,} of {len(cloud):,} points, drawn at random")
        rows = generator(asked.seed).choice(len(cloud), asked.n_points, replace=False)
        cloud = cloud.take(np.sort(rows))
    return named, cloud, read


def _with_whole_labels(cloud: Cloud) -> Cloud:
    """Labels that are whole numbers as integers: MATLAB has only real ones."""
    labels = cloud.labels
    if labels is None or labels.dtype.kind != "f" or not (labels % 1 == 0).all():
        return cloud
    return dc.replace(cloud, labels=labels.astype(np.int64))


def _is_of_a_card(data: str) -> bool:
    """Whether it is no file of a recording: a data set, a function of the user."""
    return Path(data.partition("::")[0]).suffix.lower() not in READERS


def _examples(data: str) -> tuple[Cloud, list[str]]:
    from ...data.examples import load_examples

    found = load_examples(data)
    require(
        not isinstance(found.inputs, Mapping),
        f"{data} holds tokens, which are no points: `manifoldscale probe` reads what a "
        "network makes of them.",
    )
    points = np.asarray(found.inputs).reshape(len(found), -1)
    cloud = Cloud(points, found.labels)
    read = [found.read] if found.read else []
    return cloud, [*read, f"{data}: {len(points):,} points x {points.shape[1]:,} features"]


def measured_of(asked: Any, name: str, cloud: Cloud, report: Report) -> OneCloud:
    """Everything, one after the other; `asked` is the `Estimate`."""
    total = 2 + asked.topology + (cloud.labels is not None)
    report(name, 0, total, "")
    probing = Probing(asked.method or DEFAULT, asked.curvature)
    look = probing.look({name: cloud}, name, asked.seed)
    dim, near = look.dimension, look.near or cloud.neighbors(0)
    found = list(
        probing.bend({name: cloud}, name, dim, asked.seed, look.near).measurements()
    )
    report(name, 1, total, dim.headline())
    spectrum = _try(Covariance(_known(dim), repeats=cloud.noise is not None), near)
    found += _of_spectrum(spectrum)
    report(name, 2, total, spectrum.headline())
    holes = None
    if asked.topology:
        holes = _try(Rips(seed=asked.seed), near)
        found += _of_holes(holes)
        report(name, 3, total, holes.headline())
    if cloud.labels is not None:
        found += _of_classes(cloud.labels, near)
        report(name, total, total, "")
    noise = in_words(near, in_noise(near))
    sites = SiteMeasurements(name, cloud.ambient_dim, tuple(found))
    return OneCloud(sites, _shares(spectrum), _bars(holes), (noise,) if noise else ())


def _shares(found: Any) -> tuple[float, ...]:
    """The eigenvalues as shares of the variance."""
    if not isinstance(found, CovarianceSpectrum):
        return ()
    return tuple((found.eigenvalues / found.eigenvalues.sum()).tolist())


def _known(dim: Dimension) -> Quantity | None:
    return dim if np.isfinite(dim.value) and dim.value > 0 else None


def _try(method: Method[Any], near: Neighbors) -> Any:
    """The result; or the reason why there is none, as a number that is not known."""
    try:
        return method(near.first(min(method.n_neighbors, near.k)))
    except ManifoldScaleError as error:
        return _unknown(method, near.n_points, str(error))


def _unknown(method: Method[Any], n: int, reason: str) -> Quantity:
    nan = float("nan")
    return Quantity(nan, Interval(nan, nan), method, n, (Caveat.NOT_ESTIMATED(reason),))


def _of_spectrum(found: Any) -> list[Measurement]:
    if not isinstance(found, CovarianceSpectrum):
        return [Measurement.of(found, "alpha")]
    more: dict[str, Any] = {"ranks": list(found.ranks), "verdict": found.verdict}
    if found.bound is not None:
        more["bound"] = found.bound.value
    # The method without the dimension that it was given, which stands above.
    method = dc.replace(found.method, dim=None)
    first, *rest = (
        dc.replace(one, method=method)
        for one in (found.alpha, found.participation, found.effective_rank)
    )
    first = dc.replace(first, caveats=found.caveats)
    return [Measurement.of(first, **more), *map(Measurement.of, rest)]


def _of_holes(found: Any) -> list[Measurement]:
    if not isinstance(found, Persistence):
        return [Measurement.of(found, "betti_1")]
    numbers = []
    for one in found.betti:
        more: dict[str, Any] = {"detectable": one.detectable} if one.degree else {}
        noted = dc.replace(one, caveats=(*one.caveats, *found.caveats))
        numbers.append(Measurement.of(noted, **more))
    return numbers


def _bars(found: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(found, Persistence):
        return ()
    bars = found.bars()[["degree", "birth", "death", "p_value"]]
    bars["is_found"] = bars["p_value"] <= found.method.level
    return tuple(bars.to_dict("records"))


def _of_classes(labels: Array, near: Neighbors) -> list[Measurement]:
    """The capacity of the classes; of labels that are none, why there is no number."""
    method, n = Capacity(), len(labels)
    is_real = labels.dtype.kind == "f"
    count = n if labels.ndim > 1 else len(np.unique(labels))
    if is_real or count > CLASSES * n:
        said = "real numbers" if is_real else f"{count:,} values"
        reason = f"the labels are {said} of {n:,} points, which are no classes"
        return [Measurement.of(_unknown(method, n, reason), "capacity")]
    found = _try(method, near)
    if isinstance(found, Quantity):
        return [Measurement.of(found, "capacity")]
    first = dc.replace(found.capacity, caveats=found.caveats)
    return [Measurement.of(one) for one in (first, found.radius, found.dim)]
