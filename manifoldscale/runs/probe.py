"""A probe: the geometry of what each site of a trained network has learned."""

import dataclasses as dc
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.measurement import SiteMeasurements, difference
from ..report.by_site import Facts, site_blocks
from ..report.networks import Network
from ..report.parts import Block, Section
from . import telling
from .beside import listing
from .result import RunResult

if TYPE_CHECKING:
    from ..core.method import Method
    from ..data.examples import Examples
    from ..dimension import Dimension

SCHEMA = 1
MOST_POINTS = 10_000
DIFFERENCE = "difference"  # the role of what is no network, but one less another
# Settings that `about` names by themselves, or that change no number.
SAID = ("model", "data", "checkpoint", "points", "batch_size", "seed", "out", "shard")
Progress = Callable[[str, int, int, str], None]  # stage, done, total, what was found


@dc.dataclass(frozen=True)
class Probe:
    """What a probe does.

    Attributes
    ----------
    model, data : as a command line names them; or a module, and inputs with or without
        labels.
    sites : which, as in `ms.extract`; points : what a point is; several, read in one pass,
        are words with commas between them, or a list.
    n_points : examples at most, drawn at random where there are more.
    curvature : whether it is fitted too, up to ten dimensions.
    curves : whether straight paths between neighbouring examples are followed, see
        `runs.steps.curves.Paths`; None is as `curvature`.
    checkpoint : weights of the model.
    along_training : checkpoints to put beside each other, in order; a pattern, as
        "epoch_*.pt", stands for its files in the order of their numbers.
    at_init, against, shuffled_labels : what to compare with, site by site: the model at
        initialisation, these checkpoints, the network trained alike on shuffled labels.
    shuffle : controls of a text, site by site: the network itself, shown the "words" of
        each sentence in random order, or words exchanged between "sentences".
    profile : whether each site is also compared with the one before, and what the network's
        head would predict from it: see `runs.steps.profile`.
    out : a folder in which everything is kept; again: resumes.
    shard : (i, n) to extract only the i-th of n parts, into `out`.
    method : of the dimension; `dimension.Auto()` where it is None.
    """

    model: Any
    data: Any
    sites: tuple[str, ...] = ("*",)
    points: str | Sequence[str] = "auto"
    n_points: int = MOST_POINTS
    curvature: bool = True
    curves: bool | None = None
    checkpoint: str | None = None
    along_training: tuple[str, ...] = ()
    at_init: bool = False
    against: tuple[str, ...] = ()
    shuffled_labels: bool = False
    shuffle: tuple[str, ...] = ()
    profile: bool = False
    batch_size: int = 256
    seed: int = 0
    out: Path | None = None
    shard: tuple[int, int] | None = None
    method: "Method[Dimension] | None" = None

    @property
    def has_references(self) -> bool:
        """Whether there are networks to compare with."""
        return self.at_init or self.shuffled_labels or bool(self.against or self.shuffle)

    @property
    def choices(self) -> tuple[str, ...]:
        """What a point is, one word for each."""
        words = self.points.split(",") if isinstance(self.points, str) else self.points
        return tuple(word.strip() for word in words)


def probe(
    model: Any,
    data: Any,
    *,
    sites: str | Sequence[str] = "*",
    out: str | Path | None = None,
    progress: Progress | None = None,
    **asked: Any,
) -> "ProbeResult":
    """Dimension and curvature at each site of a network, as `manifoldscale probe` does it.

    Parameters
    ----------
    model : a `torch.nn.Module`, or what a command line names.
    data : inputs, or `(inputs, labels)`; or a name, a file, a folder.
    sites : names or patterns, as in `ms.extract`.
    out : a folder in which representations, estimates, tables, figures and a page are
        kept; the same call again resumes.
    progress : called with the stage, how much of it is done, of how much, and what was
        found last.
    asked : the other settings of a `Probe`: points, n_points, curvature, curves,
        checkpoint, along_training, at_init, against, shuffled_labels, shuffle, profile,
        batch_size, seed, method.

    Raises
    ------
    ManifoldScaleError : a model or data that cannot be used. A site at which no estimate
        can be made (a dead layer, say) has NaN and the reason; the others are not lost.
    """
    chosen = (sites,) if isinstance(sites, str) else tuple(sites)
    place = None if out is None else Path(out)
    found = run_probe(Probe(model, data, chosen, out=place, **asked), progress)
    assert found is not None  # but for a shard
    if place is not None:
        found.save(place)
    return found


@dc.dataclass(frozen=True, eq=False)
class ProbeResult(RunResult):
    """What a probe found; `result["fc1"]["dimension"].value` of the network in question.

    Attributes
    ----------
    about : what was asked, where the weights are from, versions.
    networks : all that were probed, with what each is there for.
    beside : information imbalance and CKA between the network in question and each of the
        references, a row for each site that both have.
    """

    about: Mapping[str, Any]
    networks: tuple[Network, ...]
    beside: tuple[Mapping[str, Any], ...] = ()

    kind: ClassVar[str] = "probe"

    @property
    def in_question(self) -> tuple[Network, ...]:
        """The network in question, the last that is no reference, for each choice of what a
        point is.
        """
        mine = [one for one in self.networks if not one.is_reference] or self.networks
        return tuple({one.points: one for one in mine}.values())

    @property
    def network(self) -> Network:
        """The one in question; of several choices of what a point is, for the first."""
        return self.in_question[0]

    def __getitem__(self, site: str) -> SiteMeasurements:
        for one in self.network.sites:
            if one.site == site:
                return one
        raise KeyError(f"{site!r}; there are {', '.join(self.keys())}")

    def __contains__(self, site: object) -> bool:
        return site in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:
        """The sites of the network in question."""
        return [one.site for one in self.network.sites]

    def differences(self) -> tuple[Network, ...]:
        """The network in question less each of the references."""
        return tuple(
            Network(
                f"{main.plain_name} less {one.name}",
                _less(main.sites, one.sites),
                DIFFERENCE,
                main.points,
            )
            for main in self.in_question
            for one in self.networks
            if one.is_reference and one is not main and one.points == main.points
        )

    def rows(self) -> list[dict[str, Any]]:
        """A row per site; the network is a column where there are several."""
        several = len(self.networks) > 1
        return [
            ({"network": network.name} if several else {}) | one.row()
            for network in self.networks
            for one in network.sites
        ]

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        rows = {"beside": [dict(row) for row in self.beside]} if self.beside else {}
        return {"sites": self.rows(), **rows}

    def headlines(self) -> list[str]:
        return [
            f"{one.site}: d {one['dimension']}"
            + (f", curvature x R {one['kappa_extent']}" if "kappa_extent" in one else "")
            for one in self.network.sites
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            "about": self.about,
            "networks": {one.name: one.sites for one in self.networks},
            "roles": {one.name: one.role for one in self.networks},
            "points": {one.name: one.points for one in self.networks if one.points},
            "differences": {one.name: one.sites for one in self.differences()},
            "beside": self.beside,
        }


def run_probe(asked: Probe, progress: Progress | None = None) -> ProbeResult | None:
    """Probe every network; a shard only extracts, and gives nothing."""
    from .steps import probing
    from .steps.checkpoints import in_order
    from .steps.inputs import shown_to
    from .steps.subjects import subjects

    asked = dc.replace(asked, along_training=in_order(asked.along_training))
    probing.check(asked)
    whole = probing.examples_of(asked)
    chosen = examples = whole.sample(asked.n_points, asked.seed)
    probed: list[probing.Probed] = []
    told: dict[str, str] = {}
    for subject in subjects(asked):
        mine = chosen
        if subject.shuffle:  # the same examples in the same order
            control = probing.examples_of(asked, subject.shuffle)
            mine = control.sample(asked.n_points, asked.seed)
        shown = shown_to(subject.network, mine, asked.data, subject.preparation)
        examples = examples if subject.shuffle else shown
        found = probing.probe_one(subject, shown, asked, progress or (lambda *_: None))
        probed += found
        words = probing.about_network(subject, shown, asked)
        told |= {one.network.name: words for one in found}
    if asked.shard is not None:
        return None
    about = _about(asked, whole, examples, told)
    about |= probing.explained(probed)
    networks = probing.with_one_input(asked, probed)
    result = ProbeResult(about, networks)
    rows = probing.beside(result.in_question, networks, probed)
    return dc.replace(result, beside=rows)


def _about(
    asked: Probe, whole: "Examples", examples: "Examples", told: Mapping[str, str]
) -> dict[str, Any]:
    """Where the numbers come from."""
    from .. import __version__
    from .steps.provenance import hashes

    drawn = "" if len(whole) == len(examples) else f", drawn of {len(whole):,}"
    model, data = _named(asked.model), _named(asked.data)
    files = [model, asked.checkpoint, data, *asked.along_training, *asked.against]
    return {
        "model": model,
        "data": data,
        "checkpoint": asked.checkpoint,
        "read": f"{len(examples):,} examples{drawn}"
        + (f" ({examples.read})" if examples.read else ""),
        "networks": told,
        "files": hashes(*files),
        "points": ", ".join(asked.choices),
        "options": telling.options(asked, *SAID),
        "examples": len(examples),
        "batch_size": asked.batch_size,
        "seed": asked.seed,
        "version": __version__,
    }


def _named(given: Any) -> str:
    return given if isinstance(given, str) else f"a {type(given).__name__} in memory"


def _less(
    first: Sequence[SiteMeasurements], second: Sequence[SiteMeasurements]
) -> tuple[SiteMeasurements, ...]:
    """Quantity by quantity, at the sites that both have."""
    others = {one.site: one for one in second}
    return tuple(
        SiteMeasurements(
            one.site,
            one.features,
            tuple(
                difference(found, others[one.site][found.name])
                for found in one.measurements
                if found.name in others[one.site]
            ),
        )
        for one in first
        if one.site in others
    )


def load(content: Mapping[str, Any]) -> ProbeResult:
    """The result, from its results.json."""
    rows = tuple(content.get("beside", ()))  # results of earlier versions have none
    return ProbeResult(dict(content["about"]), tuple(networks_of(content)[0]), rows)


def tell(content: Mapping[str, Any]) -> Section:
    """The parts that show a probe, from its results.json."""
    about = content["about"]
    networks, differences = networks_of(content)
    facts = [("seed", str(about["seed"])), ("manifoldscale", str(about["version"]))]
    blocks = _by_choice(networks, facts)
    if "curves" in about:
        blocks += telling.notes("Paths between examples", [str(about["curves"])])
    if "profile" in about:
        blocks += telling.notes("Along the layers", [str(about["profile"])])
    if differences:
        said = "At the same examples, errors taken as independent: conservative."
        blocks += telling.notes("Differences", [said])
        blocks += _by_choice(differences, facts, prefix="difference_", title="")
    if content.get("beside"):
        blocks.append(listing(content["beside"]))
    count = len({one.plain_name for one in networks})
    return Section(
        f"{about['model']} on {about['data']}",
        f"The geometry of {about['examples']:,} examples in "
        f"{telling.plural(count, 'network')}, site by site.",
        [],
        [*blocks, telling.about(content)],
    )


def _by_choice(
    networks: Sequence[Network],
    facts: Facts,
    prefix: str = "",
    title: str = "Layer by layer",
) -> list[Block]:
    """The parts of each choice of what a point is, each with figures of its own."""
    choices = list(dict.fromkeys(one.points for one in networks))
    if len(choices) < 2:
        return site_blocks(networks, facts, prefix=prefix, title=title)
    blocks: list[Block] = []
    for points in choices:
        own = [one for one in networks if one.points == points]
        mine = [dc.replace(one, name=one.plain_name) for one in own]
        name = re.sub("[^A-Za-z0-9-]+", "_", points)
        said = f"{title or 'Differences'}: {points}"
        blocks += site_blocks(mine, facts, prefix=f"{name}_{prefix}", title=said)
    return blocks


def networks_of(content: Mapping[str, Any]) -> tuple[list[Network], list[Network]]:
    """The networks of a results.json, and their differences."""
    roles = content.get("roles", {})
    points = content.get("points", {})  # where there are several choices
    networks = [
        Network.of(name, sites, roles.get(name) or _role(name), points.get(name, ""))
        for name, sites in content["networks"].items()
    ]
    differences = [
        Network.of(name, sites, DIFFERENCE, points.get(name.partition(" less ")[2], ""))
        for name, sites in content.get("differences", {}).items()
    ]
    return networks, differences


def _role(name: str) -> str:
    """The role of a network in results of earlier versions, which its name told."""
    known = {"initialisation": "initialisation", "shuffled labels": "shuffled"}
    return known.get(name) or ("against" if name.startswith("against ") else "trained")
