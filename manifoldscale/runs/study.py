"""A study: the whole chain on one task, from a sweep to what its geometry implies."""

import dataclasses as dc
import functools as ft
import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.caveat import Remark
from ..core.errors import is_real, require
from ..core.learning_curve import LearningCurve
from ..core.measurement import Measurement, SiteMeasurements
from ..core.result import Table
from ..core.serialize import LATER, plain
from ..core.settings import whole
from ..report.by_site import estimate, site_blocks
from ..report.laws import FittedLaw
from ..report.networks import Network, before_read_out
from ..report.parts import Figures, Headline, Section
from ..scaling.laws import HEADLINE
from . import telling
from .how_made import how_made
from .infinite_width import (
    InfiniteWidth,
    bound_met,
    solved,
    told_caption,
    told_laws,
    told_lines,
)
from .result import RunResult
from .telling import ALPHA

if TYPE_CHECKING:
    from ..dimension import Dimension
    from ..scaling.comparison import Comparison
    from ..scaling.exponent import ExponentPrediction
    from ..scaling.power_law import PowerLaw
    from ..sweeps.plan import Plan

Progress = Callable[[str, int, int], None]  # stage, done, total
SCHEMA = 1
QUICK = 600  # examples from which a quick study predicts the losses of its kernels


@dc.dataclass(frozen=True)
class Study:
    """What a study does: a plan, and how its network is probed.

    Attributes
    ----------
    plan : the sweep over dataset sizes, at one width.
    n_points : examples at which the network is probed, at most.
    theory : whether the infinitely wide network is solved on the same examples.
    predicted_from : examples from whose Gram matrix its losses are predicted.
    """

    plan: "Plan"
    n_points: int = 10_000
    theory: bool = dc.field(default=True, metadata=LATER)
    predicted_from: int = dc.field(default=1500, metadata=LATER)

    def __post_init__(self) -> None:
        whole("n_points", self.n_points)
        whole("predicted_from", self.predicted_from, 0)
        require(
            isinstance(self.theory, bool),
            f"`theory` must be true or false; not {self.theory!r}.",
        )

    @property
    def width(self) -> int:
        return self.plan.widths[0]


def study(
    data: "str | Path | tuple[Any, Any] | Study" = "mnist5k",
    model: Any = None,
    *,
    plan: Any = None,
    teacher: int | None = None,
    quick: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> "StudyResult":
    """The whole chain on your data and your network, as `manifoldscale study` does it.

    Networks are trained at many dataset sizes; the exponent of their test loss is fitted;
    the dimension of every layer of another network is estimated; the exponent that the
    dimension implies is compared with the measured one.

    Parameters
    ----------
    data : a name from `ms.data.names()`, a file, a folder or "py:module:loader" as for
        `ms.probe`, (inputs, targets) in memory, or a `Study` of one's own. Whole numbers
        are classes, other numbers real targets.
    model : what is trained: "mlp", "cnn", "py:module:factory", or the factory itself, a
        function or class that makes a `torch.nn.Module`. It takes (inputs, outputs, width),
        or nothing. By default a multilayer perceptron.
    plan : settings, as sections "plan", "training", "task" and "study" of a TOML file, its
        path, or a mapping of mappings, `{"training": {"steps": 500}}`: those of a `Plan`
        but task and student, of its `Training`, of `sweeps.DataSet` or `sweeps.OwnData`,
        and `n_points`, `theory` and `predicted_from` of a `Study`. What it does not say is
        chosen to suit.
    teacher : in place of `data`, a teacher network on inputs of this known dimension.
    quick : a small sweep, in seconds: for a first look.
    seed : of everything that is drawn.
    out : a folder in which everything is kept, with tables, figures and a page; the same
        call again resumes. None keeps nothing on disk.
    executor : where networks are trained; None is this process. See `ms.sweeps.run`.
    progress : called with the stage, how much of it is done, and of how much.

    Raises
    ------
    ManifoldScaleError : data or a network that cannot be used, a folder that cannot be
        written, too few runs that gave a loss.
    """
    if isinstance(data, Study):
        asked = data
    else:
        asked = study_of(data, model, plan, teacher=teacher, seed=seed, quick=quick)
    result = run_study(asked, out, progress, executor)
    if out is not None:
        result.save(out)
    return result


def study_of(
    data: Any = "mnist5k",
    model: Any = None,
    plan: Any = None,
    *,
    teacher: int | None = None,
    seed: int = 0,
    quick: bool = False,
) -> Study:
    """The study of some data, or of a teacher; arguments and errors as for `study`."""
    from .steps.planned import planned

    found, more = planned(data, model, plan, teacher=teacher, seed=seed, quick=quick)
    settings = [field.name for field in dc.fields(Study) if field.name != "plan"]
    unknown = more.keys() - set(settings)
    require(
        not unknown,
        f"[study] has no setting {sorted(unknown)}; it has {', '.join(settings)}.",
    )
    points = 20_000 if teacher is not None else 10_000 if found.student == "mlp" else 5000
    usual = {"n_points": points} | ({"predicted_from": QUICK} if quick else {})
    return Study(found, **{**usual, **more})


def dataset_study(name: str = "mnist5k", *, seed: int = 0, quick: bool = False) -> Study:
    """The study of a real data set."""
    return study_of(name, seed=seed, quick=quick)


def teacher_study(dim: int, *, seed: int = 0, quick: bool = False) -> Study:
    """The controlled study, in which the dimension is known."""
    return study_of(teacher=dim, seed=seed, quick=quick)


@dc.dataclass(frozen=True, eq=False)
class StudyResult(RunResult):
    """What a study found.

    Attributes
    ----------
    curve : the losses; fit : their power law in D.
    alternative : the fit under the other assumption about the floor.
    dimensions : of each site of a network that is not among those of the curve.
    resolved : the dimension of each site that the dataset sizes of the fit resolve, see
        `dimension.resolved_by_sizes`.
    infinite_width : the exactly solvable limit of the networks, on the same examples.
    """

    study: Study
    curve: LearningCurve
    fit: "PowerLaw"
    alternative: "PowerLaw | None"
    dimensions: Table
    resolved: "Mapping[str, Dimension]"
    infinite_width: InfiniteWidth
    provenance: dict[str, Any]
    timings: dict[str, float]

    kind: ClassVar[str] = "study"

    @property
    def headline_site(self) -> str:
        """The last hidden layer before its activation, as in Sharma and Kaplan; of any
        other network than a multilayer perceptron the last site before the read-out.
        """
        plan = self.study.plan
        if plan.student == "mlp":
            return f"hidden{plan.depth}"
        return before_read_out(self.dimensions.keys())

    @ft.cached_property
    def predictions(self) -> "tuple[ExponentPrediction, ...]":
        """The laws at the headline site."""
        from .steps.chain import predictions

        dim = self.dimensions[self.headline_site]
        return predictions(self.study.plan, dim) if math.isfinite(dim.value) else ()

    @ft.cached_property
    def comparisons(self) -> "dict[str, Comparison]":
        """Site by site, r = alpha_D d / 4, d that of the manifold."""
        from .steps.chain import compared

        known = {n: dim for n, dim in self.dimensions.items() if math.isfinite(dim.value)}
        return compared(self.study.plan, known, self.fit)

    @ft.cached_property
    def at_scale(self) -> "dict[str, Comparison]":
        """The same at the scale of the sweep: d what its dataset sizes resolve."""
        from .steps.chain import compared

        return compared(self.study.plan, self.resolved, self.fit)

    @property
    def headline(self) -> "Comparison | None":
        """The comparison at the headline site; None where its dimension is unknown."""
        return self.comparisons.get(self.headline_site)

    @property
    def own_caveats(self) -> tuple[Remark, ...]:
        """Caveats of the headline comparison beyond those of the fit."""
        if self.headline is None:
            return ()
        return tuple(n for n in self.headline.caveats if n not in self.fit.caveats)

    @property
    def network(self) -> Network:
        """The probed network, measurement by measurement."""
        from .steps.geometry import measured

        sites = [
            SiteMeasurements(str(label["site"]), label["features"], (measured(dim),))
            for label, (_, dim) in zip(
                self.dimensions.labels or (), self.dimensions.items(), strict=True
            )
        ]
        return Network("probed network", tuple(sites))

    def headlines(self) -> list[str]:
        dim = self.dimensions[self.headline_site]
        ratio = "" if self.headline is None else self.headline.headline()
        said = [str(self.fit), f"d at {self.headline_site}: {dim.headline()}", ratio]
        said += [*self.infinite_width.headlines(), *self._bound()]
        return [*filter(None, said), *(f"  ! {note}" for note in self.own_caveats)]

    def _bound(self) -> list[str]:
        """Whether the bound of the geometry is met, loose or broken."""
        one = self.headline
        return [] if one is None else [bound_met(one.ratio, tuple(one.interval))]

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        compared = self.comparisons.items()
        return {
            "dimensions": [one.row() | self._ratio(one.site) for one in self.network.sites],
            "comparisons": [{"site": site, **one.row()} for site, one in compared],
            "runs": self.curve.rows(),
            **({"infinite_width": rows} if (rows := self.infinite_width.rows()) else {}),
        }

    def _ratio(self, site: str) -> dict[str, float]:
        """r = alpha_D d / 4 at a site, where its dimension is known."""
        one = self.comparisons.get(site)
        low, high = (math.nan, math.nan) if one is None else one.interval
        ratio = math.nan if one is None else one.ratio
        return {"ratio": ratio, "ratio_low": low, "ratio_high": high}

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            "study": plain(self.study),
            "alpha_D": plain(self.fit),
            "alternative_fit": plain(self.alternative),
            "sites": self.network.sites,
            "headline_site": self.headline_site,
            "predictions": plain(self.predictions),
            "comparisons": {site: plain(c) for site, c in self.comparisons.items()},
            "at_scale": {site: plain(c) for site, c in self.at_scale.items()},
            "learning_curve": plain(self.curve),
            "dimensions": dict(self.dimensions.items()),
            "resolved": dict(self.resolved),
            "theory": {**self.infinite_width.to_dict(), "bound": self._bound()},
            "provenance": self.provenance,
            "timings": self.timings,
        }


def run_study(
    study: Study,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> StudyResult:
    """Run a study; the registry in `folder` lets a second call resume.

    Writes runs.sqlite and probe.safetensors; `save` of the result writes the rest.

    Raises
    ------
    ManifoldScaleError : the folder cannot be written, or too few runs gave a loss.
    """
    from .steps import chain
    from .steps.probed import in_words
    from .steps.provenance import environment

    plan = study.plan
    place = None if folder is None else chain.writable(Path(folder))
    report = progress or (lambda *_: None)
    clock = chain.Clock()
    curve = chain.sweep(plan, place, report, executor)
    clock.lap("sweep")
    fit, alternative = chain.fits(curve)
    clock.lap("fit")
    clouds = chain.representations(plan, study.n_points, place)
    table = chain.dimensions(clouds, plan.root_seed, report)
    scaled = chain.at_scale(clouds, fit, plan.root_seed)
    clock.lap("probe")
    predicted_from = study.predicted_from if study.theory else None
    limit = solved(plan, curve, predicted_from, report)
    clock.lap("theory")
    return StudyResult(
        study=study,
        curve=curve,
        fit=fit,
        alternative=alternative,
        dimensions=table,
        resolved=scaled,
        infinite_width=limit,
        provenance={
            "task": plan.task.name,
            "known_dimension": plan.task.known_dim,
            "seed": plan.root_seed,
            "parameters": plan.shape(study.width).parameters,
            "network": in_words(plan),
            **environment(),
        },
        timings=clock.laps,
    )


def load(content: Mapping[str, Any]) -> StudyResult:
    """The result, from its results.json; the fits are made again from the losses."""
    from ..dimension import Dimension
    from ..sweeps.stored import plan_from
    from .steps import chain

    curve = LearningCurve.from_dict(content["learning_curve"])
    fit, alternative = chain.fits(curve)
    features = {one["site"]: one["features"] for one in content["sites"]}
    dims = {
        key: {site: Dimension.from_dict(dim) for site, dim in content[key].items()}
        for key in ("dimensions", "resolved")
    }
    found = dims["dimensions"]
    labels = [{"site": site, "features": features[site]} for site in found]
    stored = content["study"]
    later = {name: stored[name] for name in ("theory", "predicted_from") if name in stored}
    asked = Study(plan_from(stored["plan"]), stored["n_points"], **later)
    return StudyResult(
        study=asked,
        curve=curve,
        fit=fit,
        alternative=alternative,
        dimensions=Table(tuple(found.values()), tuple(labels)),
        resolved=dims["resolved"],
        infinite_width=InfiniteWidth.from_dict(content.get("theory"), curve),
        provenance=dict(content["provenance"]),
        timings=dict(content["timings"]),
    )


def tell(content: Mapping[str, Any]) -> Section:
    """The parts that show a study, from its results.json."""
    provenance, plan = content["provenance"], content["study"]["plan"]
    law = FittedLaw.of("", content["alpha_D"])
    laws = told_laws(content, law)
    network = Network.of("probed network", content["sites"], "trained")
    site, known = content["headline_site"], provenance["known_dimension"]
    best = content["comparisons"].get(site)
    if not (known is None or is_real(known)):
        raise TypeError(f"known_dimension is {known!r}")
    facts = [("seed", str(provenance["seed"])), *telling.versions(provenance["versions"])]
    care = dict.fromkeys([*law.exponent.caveats, *(best or {}).get("caveats", ())])
    stored, sizes = content["learning_curve"], plan["dataset_sizes"]
    losses = telling.loss_figure(
        *(law.axis, laws, {"runs": stored["runs"]}, stored.get("loss")),
        more=told_caption(content) + _other_floor(content),
        lines=told_lines(content, law),
    )
    implied = telling.implied(content["predictions"], law.exponent, site)
    return Section(
        f"{provenance['task']}: learned manifold and scaling law",
        f"{len(stored['runs'])} networks of {provenance['parameters']:,} parameters, "
        f"trained on {sizes[0]:,} to {sizes[-1]:,} examples; the exponent of their test "
        "loss, the intrinsic dimension of what a separately trained network has learned, "
        "and the exponent that this dimension implies. Brackets are "
        f"{law.exponent.interval.level:.0%} intervals.",
        _headlines(law.exponent, network, site, best),
        [
            *telling.notes("Read with care", list(care)),
            telling.loss_block(losses),
            telling.law_table(laws, facts, notes=False),
            *telling.notes("Beside the exactly solvable model", _said(content)),
            *site_blocks(
                [network],
                facts,
                known_dim=known,
                headline=site,
                extra=_ratios(content["comparisons"], content.get("at_scale", {})),
                title="Dimension layer by layer",
            ),
            Figures("Exponents", [implied]),
            *telling.assumptions(content["predictions"], site),
            how_made(content),
        ],
        together=("loss", "dimension", "exponent"),
    )


def _said(content: Mapping[str, Any]) -> list[str]:
    """What the infinitely wide network and the geometry say of these networks."""
    theory = content.get("theory")
    return [] if theory is None else [*theory["said"], *theory["bound"]]


def _headlines(
    exponent: Measurement, network: Network, site: str, best: Mapping[str, Any] | None
) -> list[Headline]:
    dim = dict(network.known("dimension")).get(site)
    unknown = ("n/a", "")
    ratio = unknown if best is None else telling.ratio(best)
    return [
        telling.headline(f"measured exponent {ALPHA}_D", *estimate(exponent)),
        telling.headline(f"dimension d at {site}", *(estimate(dim) if dim else unknown)),
        telling.headline(f"ratio r = {ALPHA}_D d / 4", *ratio),
    ]


def _ratios(
    comparisons: Mapping[str, Mapping[str, Any]],
    at_scale: Mapping[str, Mapping[str, Any]],
) -> dict[str, Callable[[str], str]]:
    """Further columns of the table of sites."""

    def predicted(site: str) -> str:
        return telling.known(comparisons[site]["predicted"]) if site in comparisons else ""

    def ratio(site: str) -> str:
        return " ".join(telling.ratio(comparisons[site])) if site in comparisons else ""

    def scaled(site: str) -> str:
        return " ".join(telling.ratio(at_scale[site])) if site in at_scale else ""

    columns: dict[str, Callable[[str], str]] = {HEADLINE: predicted, "r": ratio}
    return columns | ({"r at the scale of the sweep": scaled} if at_scale else {})


def _other_floor(content: Mapping[str, Any]) -> str:
    other = content["alternative_fit"]
    if not other:
        return ""
    found = Measurement.from_dict(other["reading"])
    return f" With the floor {other['floor_rule']}: {found.name} = {found}."
