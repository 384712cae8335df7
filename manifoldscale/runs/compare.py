"""A comparison: measured exponents against what the geometry of a network implies."""

import dataclasses as dc
import functools as ft
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .. import __version__
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.learning_curve import LearningCurve
from ..core.measurement import Measurement, stored_ends
from ..core.result import Quantity
from ..core.serialize import plain
from ..report.networks import Network, before_read_out
from ..report.parts import BySite, Figures, Listing, Row, Section
from ..report.ranges import beyond
from ..scaling.laws import HEADLINE, law_named
from . import telling
from .fit import Fit, FitResult, run_fit
from .probe import ProbeResult
from .record import kinds
from .result import RunResult, load as load_run
from .study import StudyResult
from .sweep import SweepResult

if TYPE_CHECKING:
    from ..scaling.comparison import Comparison
    from ..scaling.exponent import ExponentPrediction
    from .steps.ratios import Compared, Measured

SCHEMA = 1
GIVEN = "given"  # the site of a dimension that is no site's


@dc.dataclass(frozen=True)
class Compare:
    """What is compared: by which law, and at which site first.

    Attributes
    ----------
    law : a row of `scaling.LAWS`.
    site : None is the last before the read-out, as in Sharma and Kaplan.
    loss : "mse", "cross_entropy" or "abs^p", where the results do not say it.
    names : of the losses and of the geometry, in words.
    """

    law: str = HEADLINE
    site: str | None = None
    loss: str = "mse"
    names: tuple[str, str] = ("the losses", "the geometry")

    def __post_init__(self) -> None:
        law_named(self.law)


def compare(
    losses: Any,
    geometry: Any,
    *,
    law: str = HEADLINE,
    site: str | None = None,
    loss: str = "mse",
    out: str | Path | None = None,
) -> "CompareResult | Comparison":
    """Measured exponents against those that dimensions imply, as `manifoldscale compare`.

    With a prediction and a fit, `compare(ms.predict_exponent(dim), fit)`, it is their
    `Comparison` alone.

    Parameters
    ----------
    losses : the result of a fit, a sweep or a study, or its folder; or a table of losses,
        a `LearningCurve`.
    geometry : the result of a probe or a study, or its folder; or dimensions by site, a
        `Dimension`, a number.
    law : a row of `scaling.LAWS`.
    site : what is compared first; by default the last before the read-out.
    loss : "mse", "cross_entropy" or "abs^p", where the results do not say it.
    out : a folder for results.json, the table, figures and a page.

    Raises
    ------
    ManifoldScaleError : nothing that can be compared, a site that does not exist, losses
        that were scaled in width.
    """
    from ..scaling.comparison import compare as compare_one
    from ..scaling.exponent import ExponentPrediction
    from ..scaling.power_law import PowerLaw

    if isinstance(losses, ExponentPrediction | PowerLaw):
        prediction: Any = losses  # in the wrong order it says so
        return compare_one(prediction, geometry)
    shown = _geometry(geometry)
    which = ""
    if isinstance(shown, ProbeResult) and len(shown.networks) > 1:
        which = f", {shown.network.name}"
    asked = Compare(law, site, loss, (_named(losses), _named(geometry) + which))
    found = CompareResult(asked, _losses(losses), shown)
    if out is not None:
        found.save(out)
    return found


def _named(given: Any) -> str:
    if isinstance(given, str | Path):
        return str(given)
    return f"{given:g}" if isinstance(given, int | float) else type(given).__name__


def _losses(given: Any) -> RunResult:
    """A result with losses, of whatever holds some."""
    if isinstance(given, FitResult | StudyResult | SweepResult):
        return given
    if _is_saved(given):
        found = load_run(given)
        require(
            isinstance(found, FitResult | StudyResult | SweepResult),
            f"{given} holds a {found.kind}; losses are those of a fit, a sweep or a study.",
        )
        return found
    curve = given if isinstance(given, LearningCurve) else LearningCurve.from_frame(given)
    return run_fit(curve, Fit(name=_named(given)))


def _is_saved(given: Any) -> bool:
    """Whether it is the folder or the file of a run, and no table."""
    if not isinstance(given, str | Path):
        return False
    return Path(given).is_dir() or Path(given).name == "results.json"


@dc.dataclass(frozen=True, eq=False)
class Dimensions:
    """Dimensions by site, and those that some number of examples resolves."""

    values: Mapping[str, Quantity]
    resolved: Mapping[str, Quantity] = dc.field(default_factory=dict)


def _geometry(given: Any) -> "ProbeResult | StudyResult | Dimensions":
    """A result with dimensions, of whatever holds some."""
    if isinstance(given, ProbeResult | StudyResult | Dimensions):
        return given
    if isinstance(given, str | Path) and not _is_number(given):
        found = load_run(given)
        require(
            isinstance(found, ProbeResult | StudyResult),
            f"{given} holds a {found.kind}; dimensions are those of a probe or a study.",
        )
        assert isinstance(found, ProbeResult | StudyResult)
        return found
    if hasattr(given, "items"):
        return Dimensions({site: _dimension(site, dim) for site, dim in given.items()})
    require(
        isinstance(given, Quantity) or _is_number(given),
        f"`geometry` must be a result, its folder, dimensions or a number; not {given!r}.",
    )
    return Dimensions({GIVEN: _dimension(GIVEN, given)})


def _dimension(site: str, given: Any) -> Quantity:
    """A dimension, or a number taken as exact."""
    if isinstance(given, Quantity):
        return given
    require(
        _is_number(given), f"The dimension of {site!r} must be a number; not {given!r}."
    )
    value = float(given)
    return Quantity(value, Interval(value, value), GIVEN, 0)


def _is_number(given: Any) -> bool:
    try:
        return math.isfinite(float(given))
    except (TypeError, ValueError):
        return False


@dc.dataclass(frozen=True, eq=False)
class CompareResult(RunResult):
    """What a comparison found.

    Attributes
    ----------
    losses, geometry : the results that were compared.
    """

    asked: Compare
    losses: RunResult
    geometry: "ProbeResult | StudyResult | Dimensions"

    kind: ClassVar[str] = "compare"

    @ft.cached_property
    def dimensions(self) -> Dimensions:
        """By site, where they are known."""
        if isinstance(self.geometry, Dimensions):
            return self.geometry
        if isinstance(self.geometry, StudyResult):
            dims = self.geometry.dimensions.items()
            known = {site: dim for site, dim in dims if math.isfinite(dim.value)}
            return Dimensions(known, self.geometry.resolved)
        found = self.geometry.network.known("dimension")
        beside = {site: one.beside("resolved") for site, one in found}
        return Dimensions(
            {site: _quantity(one) for site, one in found},
            {site: _quantity(one) for site, one in beside.items() if one},
        )

    @ft.cached_property
    def measured(self) -> "tuple[Measured, ...]":
        """The exponents, a slice each."""
        from .steps.ratios import measured

        found = tuple(measured(self.losses, self.asked.loss))
        require(
            bool(found),
            "No power law along one resource could be fitted to the losses, so there is no "
            "exponent to compare: `fit` says why.",
        )
        return found

    @ft.cached_property
    def rows(self) -> "tuple[Compared, ...]":
        """Every exponent at every site."""
        return tuple(
            self._compared(one, site)
            for one in self.measured
            for site in self.dimensions.values
        )

    @property
    def site(self) -> str:
        """The site that is compared first.

        The theory speaks of the manifold on which the target is learned; the stand-in is
        the last hidden layer, here the last site before the read-out.
        """
        sites = list(self.dimensions.values)
        require(bool(sites), "The geometry has no site whose dimension is known.")
        if self.asked.site is not None:
            require(
                self.asked.site in sites,
                f"There is no site {self.asked.site!r} with a dimension; sites are "
                f"{', '.join(sites)}.",
            )
            return self.asked.site
        if isinstance(self.geometry, StudyResult) and self.geometry.headline_site in sites:
            return self.geometry.headline_site
        return before_read_out(sites)

    def at(self, site: str) -> "list[Compared]":
        return [row for row in self.rows if row.site == site]

    def first(self) -> "list[tuple[Compared, list[str]]]":
        """Every exponent at the site that comes first, and what follows from it."""
        from .steps.ratios import conclusions

        found = []
        for one, row in zip(self.measured, self.at(self.site), strict=True):
            others = [r for r in self.rows if r.label == row.label and r.site != row.site]
            found.append((row, conclusions(one, row, others)))
        return found

    def _compared(self, one: "Measured", site: str) -> "Compared":
        from ..scaling.comparison import compare as compare_one
        from .steps.ratios import Compared

        implied = self._implied(self.dimensions.values[site], one)
        scaled = self.dimensions.resolved.get(site)
        others = (one.other, one.floor_known)
        return Compared(
            one.label,
            site,
            compare_one(implied, one.fit),
            None if scaled is None else compare_one(self._implied(scaled, one), one.fit),
            *(None if fit is None else compare_one(implied, fit) for fit in others),
        )

    def _implied(self, dim: Quantity, one: "Measured") -> "ExponentPrediction":
        from ..scaling.exponent import predict_exponent

        return predict_exponent(dim, self.asked.law, one.loss, one.label_noise, one.met)

    def headlines(self) -> list[str]:
        said = []
        for row, follows in self.first():
            name = f"{row.label}: " if row.label else ""
            said.append(f"{name}{row.comparison.headline()} ({row.site})")
            said += [f"  {line}" for line in follows]
        return said

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        return {"comparison": [row.row() for row in self.rows]}

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            "about": {
                "losses": self.asked.names[0],
                "geometry": self.asked.names[1],
                "law": self.asked.law,
                "options": telling.options(self.asked, "law", "names"),
                "version": __version__,
            },
            "asked": plain(self.asked),
            "site": self.site,
            "rows": [{**row.row(), "ratios": row.measurement()} for row in self.rows],
            "first": [
                {
                    "slice": row.label,
                    "headline": row.comparison.headline(),
                    "ratio": number(row.comparison.ratio),
                    "interval": str(row.comparison.interval),
                    "conclusions": follows,
                    "caveats": list(map(str, row.comparison.caveats)),
                }
                for row, follows in self.first()
            ],
            "from": {"losses": self.losses, "geometry": self.geometry},
        }


def _quantity(one: Measurement) -> Quantity:
    return Quantity(one.value, one.interval, one.method, one.n_points)


def load(content: Mapping[str, Any]) -> CompareResult:
    """The result, from its results.json, with the results that were compared."""
    given, asked = content["from"], content["asked"]
    losses = kinds()[given["losses"]["kind"]].load(given["losses"])
    stored = given["geometry"]
    geometry: Any
    if "kind" in stored:
        geometry = kinds()[stored["kind"]].load(stored)
    else:
        geometry = Dimensions(*(_stored(stored[key]) for key in ("values", "resolved")))
    names = tuple(asked["names"])
    return CompareResult(
        Compare(asked["law"], asked["site"], asked["loss"], names), losses, geometry
    )


def _stored(dims: Mapping[str, Any]) -> dict[str, Quantity]:
    return {
        site: Quantity(
            d["value"],
            stored_ends(d["value"], d["interval"]),
            d["method"],
            d["n_points"],
        )
        for site, d in dims.items()
    }


def tell(content: Mapping[str, Any]) -> Section:
    """The parts that show a comparison, from its results.json."""
    first, law, site = content["first"], content["asked"]["law"], content["site"]
    about = content["about"]
    named = [one["slice"] or "all runs" for one in first]
    networks = tuple(
        Network.of(
            name if len(first) > 1 else f"r = exponent over {law}",
            [row["ratios"] for row in content["rows"] if row["slice"] == one["slice"]],
            "trained",
        )
        for name, one in zip(named, first, strict=True)
    )
    figure = BySite(
        "ratio",
        f"The measured exponent over {law} at each site; bars are intervals, the line is "
        "where they are equal." + beyond(networks, "ratio", 1.0),
        f"Ratio r of the measured exponent to {law} by site; its numbers are in the table.",
        networks,
        "ratio",
        1.0,
        f"equal to {law}",
    )
    return Section(
        f"{about['losses']} against {about['geometry']}",
        f"Measured exponents against {law}, with d the dimension at each site.",
        [
            telling.headline(
                f"r at {site}" + (f", {one['slice']}" if one["slice"] else ""),
                one["ratio"],
                one["interval"],
            )
            for one in first
        ],
        [
            *(
                block
                for name, one in zip(named, first, strict=True)
                for block in telling.notes(
                    f"What follows: {name}, {site}", [one["headline"], *one["conclusions"]]
                )
            ),
            Figures("Site by site", [figure]),
            _table(content["rows"], site),
            *telling.notes(
                "Read with care",
                list(dict.fromkeys(note for one in first for note in one["caveats"])),
            ),
            telling.about(content),
        ],
    )


def _table(rows: Sequence[Mapping[str, Any]], site: str) -> Listing:
    several = len({row["slice"] for row in rows}) > 1
    columns = [*([("runs at", False)] if several else []), ("site", False), ("d", True)]
    columns += [("implied", True), ("measured", True), ("r", True), ("interval", False)]
    columns += [("r, d resolved", True), ("r, other floor", True), ("verdict", False)]
    return Listing(
        "The exponent that each dimension implies, the measured one, and their ratio r.",
        columns,
        [
            Row(
                [
                    *([row["slice"] or "all runs"] if several else []),
                    row["site"],
                    *(telling.known(row[key]) for key in ("dimension", "predicted")),
                    telling.known(row["measured"]),
                    *telling.ratio(row),
                    telling.known(row["at_scale"]),
                    telling.known(row["other_floor"]),
                    row["in_words"],
                ],
                is_headline=row["site"] == site,
            )
            for row in rows
        ],
    )
