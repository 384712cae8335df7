"""What `manifoldscale probe` does: networks, their clouds, estimates that are kept."""

import contextlib
import dataclasses as dc
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..core.errors import ManifoldScaleError
from ..core.interval import with_interval
from ..core.reading import Reading, SiteReadings, difference
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
    probed, told = {}, {}
    for name, network, weights in _networks(request):
        found = _probe_one(name, network, examples, request, talk)
        if found is not None:
            probed[name] = found
            told[name] = f"weights: {weights}{_accuracy(network, examples, request)}"
    networks = _with_one_input(probed)
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


@dc.dataclass(frozen=True)
class Probed:
    """One network: the dimension of each site for itself, which site bounds which, and all
    readings, given the other sites of the network.
    """

    looks: Mapping[str, Any]
    bounded_by: Mapping[str, Sequence[str]]
    sites: tuple[SiteReadings, ...]


def _with_one_input(probed: Mapping[str, Probed]) -> dict[str, tuple[SiteReadings, ...]]:
    """The readings of networks that were shown the same input, whose dimension is one: what
    the sites of each say of it holds for all.
    """
    from ..probe import DEFAULT, beside, over_networks

    looked = {name: (one.looks, one.bounded_by) for name, one in probed.items()}
    dims = over_networks(DEFAULT, looked)
    networks = {}
    for name, one in probed.items():
        sites = []
        for site in one.sites:
            first, *rest = site.readings
            dim = dims[name][site.site]
            more = {**first.more, **beside(dim)}
            sites.append(dc.replace(site, readings=(Reading.of(dim, **more), *rest)))
        networks[name] = tuple(sites)
    return networks


def _probe_one(
    name: str, network: Any, examples: Any, request: Request, talk: bool
) -> Probed | None:
    """The readings of one network, a line as each comes; None for a shard."""
    from ..geometry.estimate import site_seed
    from ..networks.extract import extract
    from ..probe import Probing

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
        kept = Kept(
            None if place is None else place / "sites" / name,
            Probing(curvature=request.curvature),
            site_seed(request.seed),
        )
        looks, keys = {}, {}
        for site in clouds:
            keys[site] = kept.key(clouds, site)
            looks[site] = kept.look(clouds, site, keys[site])
            progress.advance(bar)
            if talk and err.is_terminal:
                dim = looks[site].dimension
                told = with_interval(dim.value, dim.interval)
                progress.console.print(f"  {site}: {told}")
        together = kept.probing.together(looks, clouds.bounded_by)
        sites = [
            kept.readings(clouds, site, look, together[site], keys[site])
            for site, look in looks.items()
        ]
        return Probed(looks, clouds.bounded_by, tuple(sites))


@dc.dataclass(frozen=True)
class Kept:
    """Estimates by site, a file each, so that a run that was stopped goes on with the next.

    A file counts for the same representation, methods, seed and version only. The dimension
    of a site for itself is a file, and its curvature, at the dimension that all sites give
    together, another.
    """

    folder: Path | None
    probing: Any
    seed: int

    def look(self, clouds: Any, site: str, key: Mapping[str, Any]) -> Any:
        """The dimension of a site: of the file where it counts, else made and written."""
        from ..dimension import Dimension
        from ..probe import Look

        found = self.read(site, key)
        if found is not None:
            with contextlib.suppress(ValueError, KeyError, TypeError, ManifoldScaleError):
                dim = Dimension.from_dict(found["dimension"], self.probing.dimension)
                return Look(dim, found["features"])
        look = self.probing.look(clouds, site, self.seed)
        self.write(site, key, {"dimension": look.dimension, "features": look.features})
        # The tables of all sites are small; their points are not.
        near = look.near and dc.replace(look.near, cloud=None)
        return dc.replace(look, near=near)

    def readings(
        self, clouds: Any, site: str, look: Any, dim: Any, key: Mapping[str, Any]
    ) -> SiteReadings:
        """All that is measured at a site, at its dimension given the other sites."""
        policy = clouds.policies.get(site)
        if not self.probing.curvature:
            geometry = self.probing.bend(clouds, site, dim, self.seed)
            return _pointed(SiteReadings(site, look.features, geometry.readings()), policy)
        key = {**key, "at": plain([dim.value, *dim.interval])}
        found = self.read(f"{site}.curvature", key)
        if found is not None:
            with contextlib.suppress(ValueError, KeyError, TypeError, ManifoldScaleError):
                return SiteReadings.from_dict(found)
        near = look.near and dc.replace(look.near, cloud=clouds[site])
        geometry = self.probing.bend(clouds, site, dim, self.seed, near)
        made = _pointed(SiteReadings(site, look.features, geometry.readings()), policy)
        self.write(f"{site}.curvature", key, made)
        return made

    def key(self, clouds: Any, site: str) -> dict[str, Any]:
        """What a file must be of to count; the whole representation is read for it."""
        from .. import __version__
        from ..networks import fingerprint

        if self.folder is None:
            return {}
        import numpy as np

        array = np.asarray(clouds.arrays[site])
        groups = () if clouds.groups is None else (np.asarray(clouds.groups),)
        settings: dict[str, Any] = plain(self.probing)
        return {
            "representation": fingerprint.of((array, *groups)),
            "method": settings,
            "seed": self.seed,
            "version": __version__,
        }

    def read(self, name: str, key: Mapping[str, Any]) -> Any:
        """What is in a file that counts, else None; what is damaged is made again."""
        if self.folder is None or not self.file(name).is_file():
            return None
        try:
            stored = json.loads(self.file(name).read_text(encoding="utf-8"))
            return stored["found"] if stored["key"] == key else None
        except (ValueError, KeyError, TypeError):
            return None

    def write(self, name: str, key: Mapping[str, Any], found: Any) -> None:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(self.file(name), dumps({"key": key, "found": found}))

    def file(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{quote(name, safe='')}.json"


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
    kept = (
        *("stderr", "systematic", "raw", "resolved", "resolved_low", "resolved_high"),
        *("alone", "alone_low", "alone_high", "scale", "point"),
    )
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
