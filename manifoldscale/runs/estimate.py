"""An estimate: the geometry of one array or recording, everything that is known of it."""

import dataclasses as dc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..core.arrays import Floats
from ..core.interval import number
from ..core.measurement import Measurement, SiteMeasurements
from ..report.by_site import estimate as printed, how
from ..report.networks import axis_label, in_words
from ..report.parts import Figures, Headline, Line, LinesFigure, Listing, Row, Section
from . import telling
from .result import RunResult

if TYPE_CHECKING:
    from ..core.method import Method
    from ..dimension import Dimension

SCHEMA = 1
MOST_POINTS = 10_000
SAID = ("data", "seed", "out")  # settings that `about` names by themselves
Progress = Callable[[str, int, int, str], None]  # stage, done, total, what was found


@dc.dataclass(frozen=True)
class Estimate:
    """What is estimated of what.

    Attributes
    ----------
    data : a file or a name as a command line has it; or what `ms.population` takes, or a
        `Cloud`. Without names of its axes and without `order`, an array of two axes or a
        table is points x features, as in `ms.estimate`.
    order, stimuli, window, labels, groups : as in `ms.population`.
    n_points : points at most, drawn at random where there are more.
    curvature, topology : whether they are estimated too; the first up to ten dimensions.
    seed : of what is drawn.
    out : a folder in which results, tables, figures and a page are kept.
    method : of the dimension; `dimension.Auto()` where it is None.
    """

    data: Any
    order: Any = None
    stimuli: Any = None
    window: tuple[float, float] | None = None
    labels: Any = None
    groups: Any = None
    n_points: int = MOST_POINTS
    curvature: bool = True
    topology: bool = True
    seed: int = 0
    out: Path | None = None
    method: "Method[Dimension] | None" = None


def estimate_all(
    data: Any,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **asked: Any,
) -> "EstimateResult":
    """Dimension, curvature, spectrum, topology and capacity of one array or recording, as
    `manifoldscale estimate` does it.

    >>> import manifoldscale as ms
    >>> points = ms.manifolds.Sphere(2).sample(300, rng=0).points
    >>> found = ms.estimate_all(points, curvature=False, topology=False)
    >>> 2.0 in found["dimension"].interval
    True

    Parameters
    ----------
    data : an array (points x features), a `Cloud`, a file, or whatever `ms.population`
        takes. `found.about["read"]` says what was taken for what.
    out : a folder in which results.json, tables, figures and a page are kept.
    progress : called with the stage, how much of it is done, of how much, and what was
        found last.
    asked : the other settings of an `Estimate`: order, stimuli, window, labels, groups,
        n_points, curvature, topology, seed, method.

    Raises
    ------
    ManifoldScaleError : data that cannot be used. What cannot be estimated has NaN and the
        reason; the rest is not lost.
    """
    place = None if out is None else Path(out)
    found = run_estimate(Estimate(data, out=place, **asked), progress)
    if place is not None:
        found.save(place)
    return found


@dc.dataclass(frozen=True, eq=False)
class EstimateResult(RunResult):
    """What was estimated; `result["dimension"].value`.

    Attributes
    ----------
    about : what was asked and read, versions.
    found : every quantity.
    eigenvalues : of the covariance, as shares of the variance, in falling order; empty
        where there is no spectrum.
    bars : of persistent homology: degree, birth, death and p_value of each, and whether
        noise does not explain it.
    """

    about: Mapping[str, Any]
    found: SiteMeasurements
    eigenvalues: tuple[float, ...] = ()
    bars: tuple[Mapping[str, Any], ...] = ()

    kind: ClassVar[str] = "estimate"

    def __getitem__(self, quantity: str) -> Measurement:
        return self.found[quantity]

    def __contains__(self, quantity: object) -> bool:
        return quantity in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:
        return [one.name for one in self.found.measurements]

    def rows(self) -> list[dict[str, Any]]:
        """A row per quantity."""
        return [
            {
                "quantity": one.name,
                "value": one.value,
                "low": one.interval.low,
                "high": one.interval.high,
                "level": one.interval.level,
                "n_points": one.n_points,
                "method": one.method,
                "caveats": "; ".join(one.caveats),
            }
            for one in self.found.measurements
        ]

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        ranks = [{"rank": i, "share": v} for i, v in enumerate(self.eigenvalues, 1)]
        more = {"eigenvalues": ranks, "bars": [dict(one) for one in self.bars]}
        return {"quantities": self.rows(), **{k: v for k, v in more.items() if v}}

    def headlines(self) -> list[str]:
        known = [one for one in self.found.measurements if one.is_known]
        return [
            *self.about["read"],
            *(f"{in_words(one.name)}: {one}" for one in known),
            *(f"  ! {note}" for note in self.found.caveats),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            "about": self.about,
            "found": self.found,
            "eigenvalues": self.eigenvalues,
            "bars": self.bars,
        }


def run_estimate(asked: Estimate, progress: Progress | None = None) -> EstimateResult:
    """Read the data, and estimate all that is asked for."""
    from .. import __version__
    from .steps.one_cloud import cloud_of, measured_of
    from .steps.provenance import hashes

    name, cloud, read = cloud_of(asked)
    found = measured_of(asked, name, cloud, progress or (lambda *_: None))
    about = {
        "data": name,
        "read": [*read, *found.said],
        "files": hashes(asked.data if isinstance(asked.data, str) else None),
        "options": _options(asked),
        "points": len(cloud),
        "seed": asked.seed,
        "version": __version__,
    }
    return EstimateResult(about, found.measurements, found.eigenvalues, found.bars)


def _options(asked: Estimate) -> dict[str, Any]:
    """The settings that are not at their defaults; of arrays, that they were given."""
    given = {f.name: getattr(asked, f.name) for f in dc.fields(asked)}
    kinds = {"labels", "groups", "stimuli"}
    short: dict[str, Any] = {
        name: "in memory" if name in kinds and not isinstance(value, str) else value
        for name, value in given.items()
        if value is not None
    }
    return telling.options(dc.replace(asked, **short), *SAID)


def load(content: Mapping[str, Any]) -> EstimateResult:
    """The result, from its results.json."""
    return EstimateResult(
        dict(content["about"]),
        SiteMeasurements.from_dict(content["found"]),
        tuple(content["eigenvalues"]),
        tuple({k: _ends(v) for k, v in one.items()} for one in content["bars"]),
    )


def _ends(value: Any) -> Any:
    """JSON has no infinity: a bar without a death does not end."""
    return float("inf") if value is None else value


def tell(content: Mapping[str, Any]) -> Section:
    """The parts that show an estimate, from its results.json."""
    found, about = load(content), content["about"]
    facts = [("seed", str(about["seed"])), ("manifoldscale", str(about["version"]))]
    rows = [
        Row(
            [in_words(one.name), *printed(one), f"{one.n_points:,}", one.method],
            [how(one, facts)],
            one.caveats,
        )
        for one in found.found.measurements
    ]
    columns = [("quantity", False), ("value", True), ("interval", False), ("n", True)]
    figures = [*_spectrum(found), *_diagram(found)]
    return Section(
        str(about["data"]),
        f"The geometry of {about['points']:,} points in {found.found.features:,} "
        "dimensions: every number with its interval, and what stands against it.",
        _headlines(found),
        [
            *telling.notes("What was read", about["read"]),
            Listing(
                "How each was made stands in the last column.",
                [*columns, ("method", False)],
                rows,
                "What was found",
            ),
            *([Figures("Spectrum and holes", figures)] if figures else []),
            telling.provenance(
                [(key, telling.shown(v)) for key, v in about.items() if key != "read"]
            ),
        ],
    )


def _headlines(found: EstimateResult) -> list[Headline]:
    """The dimension, the loops, and the capacity where there are labels."""
    shown = [name for name in ("dimension", "betti_1", "capacity") if name in found.found]
    return [
        telling.headline(axis_label(name), *printed(found[name]))
        for name in shown
        if found[name].is_known
    ]


def _spectrum(found: EstimateResult) -> list[LinesFigure]:
    values: Floats = np.asarray(found.eigenvalues, dtype=np.float64)
    kept = np.flatnonzero(values > 0)
    if not len(kept):
        return []
    lines = [Line("eigenvalues", np.asarray(kept + 1, np.float64), values[kept])]
    alpha = found["alpha"] if "alpha" in found.found else None
    fitted = ""
    if alpha is not None and alpha.is_known:
        first, last = alpha.more["ranks"]
        ranks: Floats = np.arange(first, last + 1, dtype=np.float64)
        logs = np.log(values[first - 1 : last] * ranks**alpha.value)
        law = ranks**-alpha.value * float(np.exp(np.average(logs, weights=1 / ranks)))
        said = f"rank^-{number(alpha.value)} {alpha.interval}"
        lines.append(Line(said, ranks, law, "dashed"))
        fitted = ", and the power law over the ranks that were fitted"
    share = "share of the variance"
    return [
        LinesFigure(
            "spectrum",
            f"Eigenvalues of the covariance{fitted}; those below zero are left out.",
            f"{share} against rank, on logarithmic axes; the numbers are in "
            "eigenvalues.csv.",
            "rank",
            share,
            lines,
            "xy",
        )
    ]


def _diagram(found: EstimateResult) -> list[LinesFigure]:
    """Births and deaths, of holes and of noise."""
    if not found.bars:
        return []
    degree = np.array([int(bar["degree"]) for bar in found.bars], dtype=int)
    birth = np.array([float(bar["birth"]) for bar in found.bars])
    death = np.array([bar["death"] for bar in found.bars], dtype=float)
    is_found = np.array([bool(bar["is_found"]) for bar in found.bars])
    if not np.isfinite(birth).all():
        raise ValueError("a bar without a birth")
    top = 1.05 * float(np.concatenate([birth, death[np.isfinite(death)]]).max())
    death = np.minimum(death, top)
    lines = [Line("", np.array([0.0, top]), np.array([0.0, top]), "line", None, 7)]
    for k in np.unique(degree):
        for hole in (False, True):
            own = (degree == k) & (is_found == hole)
            if own.any():
                label = f"degree {k}, {'found' if hole else 'noise'}"
                x, y = _far(birth[own], death[own])
                lines.append(Line(label, x, y, "points"))
    caption = (
        "A bar of degree k is a hole from birth to death: far above the diagonal it is "
        "more than noise."
    )
    alt = "Deaths against births of the bars; the numbers are in bars.csv."
    return [LinesFigure("holes", caption, alt, "birth", "death", lines)]


def _far(birth: Floats, death: Floats, most: int = 300) -> tuple[Floats, Floats]:
    """The longest bars."""
    order = np.argsort(birth - death, kind="stable")[:most]
    return birth[order], death[order]
