"""What `manifoldscale probe` does: networks, their clouds, estimates that are kept."""

import dataclasses as dc
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..core.errors import ManifoldScaleError
from ..core.reading import SiteReadings, difference
from ..core.result import write_csv
from ..core.serialize import dumps, plain, write_text
from .console import err, progress_bar
from .provenance import are_known, hashes, weights_of

SCHEMA = 1  # of results.json, as `report` reads it
TRAINED, GIVEN = "trained", "network"  # with weights of a file; with those of a factory


@dc.dataclass(frozen=True)
class Request:
    """The command line of a probe."""

    model: str
    data: str
    patterns: tuple[str, ...]
    policy: str
    points: int
    curvature: bool
    checkpoint: str | None
    checkpoints: tuple[str, ...]
    at_init: bool
    against: tuple[str, ...]
    shuffled_labels: bool
    batch_size: int
    seed: int
    folder: str | None
    shard: tuple[int, int] | None

    @property
    def place(self) -> Path | None:
        return None if self.folder is None else Path(self.folder)


@dc.dataclass(frozen=True)
class Found:
    """What a probe found: the readings of each network, and which of them are there to be
    compared with.
    """

    about: Mapping[str, Any]
    networks: Mapping[str, tuple[SiteReadings, ...]]
    references: tuple[str, ...]

    def differences(self) -> dict[str, tuple[SiteReadings, ...]]:
        """The last of the networks in question less each of the references."""
        main = [name for name in self.networks if name not in self.references]
        return {
            f"{main[-1]} less {name}": _less(self.networks[main[-1]], self.networks[name])
            for name in self.references
            if main and name in self.networks
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row a site; the network is a column where there are several."""
        return [
            ({"network": name} if len(self.networks) > 1 else {}) | row
            for name, rows in self.by_network().items()
            for row in rows.values()
        ]

    def by_network(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The row of each site, by network and site."""
        return {
            name: {one.site: _row(one) for one in sites}
            for name, sites in self.networks.items()
        }

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "probe",
            "schema": SCHEMA,
            "about": self.about,
            "networks": self.networks,
            "differences": self.differences(),
        }


def run_probe(request: Request, talk: bool) -> Found:
    """Probe every network; in a shard, only extract."""
    from .. import __version__
    from ..data import load_examples

    whole = load_examples(request.data)
    examples = whole.sample(request.points, request.seed)
    networks, told = {}, {}
    for name, network, weights in _networks(request):
        sites = _probe_one(name, network, examples, request, talk)
        if sites is not None:
            networks[name] = sites
            told[name] = f"weights: {weights}{_accuracy(network, examples, request)}"
    references = [name for name in networks if _is_reference(name)]
    drawn = "" if len(whole) == len(examples) else f", drawn of {len(whole):,}"
    about = {
        "model": request.model,
        "data": request.data,
        "checkpoint": request.checkpoint,
        "read": f"{len(examples):,} examples{drawn}"
        + (f" ({whole.read})" if whole.read else ""),
        "networks": told,
        "files": hashes(
            *[request.model, request.checkpoint, request.data],
            *[*request.checkpoints, *request.against],
        ),
        "points": request.policy,
        "examples": len(examples),
        "batch_size": request.batch_size,
        "seed": request.seed,
        "version": __version__,
    }
    return Found(about, networks, tuple(references))


def _is_reference(name: str) -> bool:
    return name in ("initialisation", "shuffled labels") or name.startswith("against ")


def _accuracy(network: Any, examples: Any, request: Request) -> str:
    """What the network makes of the labels, where there are any."""
    from ..networks.accuracy import accuracy

    if examples.labels is None:
        return ""
    found = accuracy(network, examples, examples.labels, batch_size=request.batch_size)
    return "" if found is None else f"; {found}"


def _networks(request: Request) -> Iterator[tuple[str, Any, str]]:
    """The networks to probe by name, and where their weights are from; one in memory at a
    time. The one in question is the last of those along training.
    """
    from ..networks.initialise import at_initialisation
    from ..networks.models import load_model

    if request.shuffled_labels:
        from ..study import on_shuffled_labels

        shuffled = on_shuffled_labels(request.model)
    if request.at_init:
        model = load_model(request.model, request.checkpoint or _last(request))
        fresh = at_initialisation(model, request.seed)
        yield "initialisation", fresh, f"drawn by its modules, seed {request.seed}"
    for place, path in enumerate(request.checkpoints):
        yield f"{place:03d}-{Path(path).stem}", load_model(request.model, path), path
    if request.checkpoint is not None or not request.checkpoints:
        name = TRAINED if are_known(request.model, request.checkpoint) else GIVEN
        weights = weights_of(request.model, request.checkpoint)
        yield name, load_model(request.model, request.checkpoint), weights
    for name, path in told_apart(request.against).items():
        yield f"against {name}", load_model(request.model, path), path
    if request.shuffled_labels:
        yield "shuffled labels", shuffled, "trained alike on shuffled labels"


def _last(request: Request) -> str | None:
    return request.checkpoints[-1] if request.checkpoints else None


def told_apart(paths: Sequence[str]) -> dict[str, str]:
    """Names of files: what they are called, with as many of their folders as tell each from
    the others.
    """
    whole = [Path(path).absolute().with_suffix("").parts for path in paths]
    for parts in range(1, max(map(len, whole), default=1) + 1):
        names = ["-".join(one[-parts:]) for one in whole]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    again = sorted({path for path in paths if list(paths).count(path) > 1}) or list(paths)
    raise ManifoldScaleError(f"--against names a file twice: {', '.join(again)}.")


def _probe_one(
    name: str, network: Any, examples: Any, request: Request, talk: bool
) -> tuple[SiteReadings, ...] | None:
    """The readings of one network, a line as each comes; None for a shard."""
    from ..networks.extract import extract
    from ..probe import Probing, site_seed

    place = request.place
    with progress_bar() as progress:
        bar = progress.add_task("extract", total=len(examples))
        clouds = extract(
            network,
            examples,
            request.patterns,
            points=request.policy,
            store=None if place is None else place / "representations" / name,
            shard=request.shard,
            batch_size=request.batch_size,
            rng=request.seed,
            progress=lambda n: progress.advance(bar, n),
        )
        if request.shard is not None:
            return None
        bar = progress.add_task("probe", total=len(clouds))
        probing = Probing(curvature=request.curvature)
        kept = Kept(None if place is None else place / "sites" / name)
        found = []
        for site in clouds:
            found.append(kept.readings(clouds, site, probing, site_seed(request.seed)))
            progress.advance(bar)
            if talk and err.is_terminal:
                progress.console.print(f"  {site}: {found[-1]['dimension']}")
    return tuple(found)


@dc.dataclass(frozen=True)
class Kept:
    """Estimates by site, a file each, so that a run that was stopped goes on with the next.

    A file counts for the same representation, methods, seed and version only.
    """

    folder: Path | None

    def readings(self, clouds: Any, site: str, probing: Any, seed: int) -> SiteReadings:
        """Those of the file where it counts; else they are made and written."""
        from ..probe import probe_site

        key = self.key(clouds, site, probing, seed)
        found = self.read(site, key)
        if found is None:
            geometry, features = probe_site(clouds, site, probing, seed)
            found = SiteReadings(site, features, geometry.readings())
            found = _pointed(found, clouds.policies.get(site))
            if self.folder is not None:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_text(self.file(site), dumps({"key": key, "found": found}))
        return found

    def key(self, clouds: Any, site: str, probing: Any, seed: int) -> dict[str, Any]:
        from .. import __version__
        from ..networks import fingerprint

        if self.folder is None:
            return {}
        import numpy as np

        array = np.asarray(clouds.arrays[site])
        groups = () if clouds.groups is None else (np.asarray(clouds.groups),)
        settings: dict[str, Any] = plain(probing)
        return {
            "representation": fingerprint.of((array, *groups)),
            "method": settings,
            "seed": seed,
            "version": __version__,
        }

    def read(self, site: str, key: Mapping[str, Any]) -> SiteReadings | None:
        if self.folder is None or not self.file(site).is_file():
            return None
        try:
            stored = json.loads(self.file(site).read_text(encoding="utf-8"))
            same = stored["key"] == key
            return SiteReadings.from_dict(stored["found"]) if same else None
        except (ValueError, KeyError, TypeError, ManifoldScaleError):
            return None  # damaged: it is made again

    def file(self, site: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{quote(site, safe='')}.json"


def _pointed(found: SiteReadings, policy: Any) -> SiteReadings:
    """The readings with what a point was."""
    dim, *rest = found.readings
    told = dc.replace(dim, more={**dim.more, "point": str(policy or "")})
    return dc.replace(found, readings=(told, *rest))


def _less(
    first: tuple[SiteReadings, ...], second: tuple[SiteReadings, ...]
) -> tuple[SiteReadings, ...]:
    """Quantity by quantity, at the sites that both have."""
    others = {one.site: one for one in second}
    return tuple(
        SiteReadings(
            one.site,
            one.features,
            tuple(
                difference(reading, others[one.site][reading.name])
                for reading in one.readings
                if reading.name in others[one.site]
            ),
        )
        for one in first
        if one.site in others
    )


def _row(one: SiteReadings) -> dict[str, Any]:
    dim, *rest = one.readings
    kept = ("stderr", "systematic", "raw", "scale", "point")
    more = {key: dim.more.get(key) for key in kept}
    low, high = dim.interval
    columns: dict[str, Any] = {"site": one.site, "features": one.features}
    columns |= {"dimension": dim.value, "low": low, "high": high}
    columns |= {"level": dim.interval.level, "method": dim.method, "n_points": dim.n_points}
    columns |= more
    for reading in rest:
        columns |= reading.row()
    return {**columns, "caveats": "; ".join(one.caveats)}


def save_probe(found: Found, place: Path) -> None:
    """Write results.json, sites.csv, figures and the page."""
    from ..report.figures import save_figures
    from ..report.page import save_page

    write_text(place / "results.json", dumps(found))
    write_csv(place / "sites.csv", found.rows())
    save_figures(found, place / "figures")
    save_page(found, place / "report.html")
