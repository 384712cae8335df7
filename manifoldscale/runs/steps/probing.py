"""The networks of a probe, one by one: extracted, measured, and set beside each other.

What is `asked` is a `runs.probe.Probe`.
"""

import dataclasses as dc
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ...core.errors import one_of, require
from ...data.examples import Examples, load_examples
from ...data.shuffled import SHUFFLES
from ...geometry.estimate import site_seed
from ...networks.accuracy import accuracy
from ...networks.extract import Representations, extract
from ...networks.points import Word, plain
from ...networks.policies import points_from
from ...report.networks import Network
from .beside import beside as compared, few_points
from .curves import along_paths
from .geometry import DEFAULT, Look, Probing, measured, over_networks
from .kept import KeptSites
from .profile import profiled
from .subjects import Subject

Progress = Callable[[str, int, int, str], None]  # stage, done, total, what was found


@dc.dataclass(frozen=True)
class Probed:
    """One network: the dimension of each site for itself, which site bounds which, and all
    measurements, given the other sites of the network. `curves` and `profile` say what is
    measured beside the geometry, or why not; `points` are some of the points, where there
    is a network to compare them with.
    """

    looks: Mapping[str, Look]
    bounded_by: Mapping[str, Sequence[str]]
    network: Network
    curves: str = ""
    profile: str = ""
    points: Representations | None = None


def check(asked: Any) -> None:
    """Refuse what cannot work before anything is computed."""
    for kind in asked.shuffle:
        one_of("shuffle", kind, SHUFFLES)
    require(
        not (words_of(asked) and "sentences" in asked.shuffle),
        "Words that are exchanged between sentences are in no sentence any more: points of "
        "words (word:FILE) have the control shuffle='words' only.",
    )


def words_of(asked: Any) -> list[str]:
    """The files of words that the points name."""
    found = [plain(p) for p in map(points_from, asked.choices) if p is not None]
    return list(dict.fromkeys(one.name for one in found if isinstance(one, Word)))


def examples_of(asked: Any, shuffle: str = "") -> Examples:
    """The data, or a control."""
    data = asked.data
    if isinstance(data, str):
        words = words_of(asked) if data.startswith("text:") else []
        return load_examples(data, words=words, shuffle=shuffle, seed=asked.seed)
    pair = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    found = data if isinstance(data, Examples) else Examples(*pair)
    return found.shuffled(shuffle, asked.seed) if shuffle else found


def about_network(subject: Subject, examples: Examples, asked: Any) -> str:
    """Whose weights, and what the network makes of the labels, where there are any."""
    said = [f"weights: {subject.weights}"]
    if subject.shuffle:
        said.append(f"shown {SHUFFLES[subject.shuffle]}")
    if examples.labels is not None:
        size = asked.batch_size
        found = accuracy(subject.network, examples, examples.labels, batch_size=size)
        said += [str(found)] if found is not None else []
    return "; ".join(said)


def probe_one(
    subject: Subject, examples: Examples, asked: Any, report: Progress
) -> list[Probed]:
    """The measurements of one network for each choice of points; none for a shard."""
    extracted = 0

    def advance(n: int) -> None:
        nonlocal extracted
        extracted += n
        report(f"extract {subject.name}", extracted, len(examples), "")

    several = len(asked.choices) > 1
    clouds: Any = extract(
        subject.network,
        examples,
        asked.sites,
        points=list(asked.choices) if several else asked.choices[0],
        store=asked.out and asked.out / "representations" / subject.folder,
        shard=asked.shard,
        batch_size=asked.batch_size,
        rng=asked.seed,
        progress=advance,
    )
    if asked.shard is not None:
        return []
    named = clouds if several else {"": clouds}
    return [
        _measured(
            subject,
            examples,
            dc.replace(asked, points=points or asked.points),
            one,
            points,
            report,
        )
        for points, one in named.items()
    ]


def _measured(
    subject: Subject,
    examples: Examples,
    asked: Any,
    clouds: Representations,
    points: str,
    report: Progress,
) -> Probed:
    """The measurements of one network at points of one kind."""
    name = f"{subject.name}, {points}" if points else subject.name
    kept = _kept(f"{subject.folder}, {quote(points)}" if points else subject.folder, asked)
    looks, keys = {}, {}
    for done, site in enumerate(clouds, 1):
        keys[site] = kept.key(clouds, site)
        looks[site] = kept.look(clouds, site, keys[site])
        told = f"{site}: {looks[site].dimension.in_short}"
        report(f"probe {name}", done, len(clouds), told)
    together = kept.probing.together(looks, clouds.bounded_by)
    sites = [
        kept.measure(clouds, site, look, together[site], keys[site])
        for site, look in looks.items()
    ]
    curves = profile = ""
    if asked.curvature if asked.curves is None else asked.curves:
        followed, curves = along_paths(subject.network, examples, list(looks), asked)
        sites = [one.with_more(followed.get(one.site, ())) for one in sites]
    some = few_points(clouds) if asked.profile or asked.has_references else None
    if asked.profile and some is not None:
        more, profile = profiled(subject.network, examples, some, asked)
        sites = [one.with_more(more.get(one.site, ())) for one in sites]
    network = Network(name, tuple(sites), subject.role, points)
    return Probed(looks, clouds.bounded_by, network, curves, profile, some)


def _kept(name: str, asked: Any) -> KeptSites:
    probing = Probing(asked.method or DEFAULT, asked.curvature)
    folder = asked.out and asked.out / "sites" / name
    return KeptSites(folder, probing, site_seed(asked.seed))


def explained(probed: Sequence[Probed]) -> dict[str, str]:
    """In words, what was measured beside the geometry."""
    last = probed[-1]
    said = {"curves": last.curves, "profile": last.profile}
    return {name: words for name, words in said.items() if words}


def beside(
    mains: Sequence[Network], networks: Sequence[Network], probed: Sequence[Probed]
) -> tuple[dict[str, Any], ...]:
    """The network in question compared with the references, where there are any."""
    points = {one.network.name: one.points for one in probed if one.points is not None}
    rows: list[dict[str, Any]] = []
    for main in mains:
        others = {
            one.name: points[one.name]
            for one in networks
            if one.is_reference and one.name != main.name and one.points == main.points
        }
        if others:
            rows += compared((main.name, points[main.name]), others)
    return tuple(rows)


def with_one_input(asked: Any, probed: Sequence[Probed]) -> tuple[Network, ...]:
    """The networks were shown the same input, whose dimension is one: what the sites of
    each say of it holds for all.
    """
    looked = {one.network.name: (one.looks, one.bounded_by) for one in probed}
    dims = over_networks(asked.method or DEFAULT, looked)
    networks = []
    for one in probed:
        sites = []
        for site in one.network.sites:
            first, *rest = site.measurements
            dim = measured(dims[one.network.name][site.site], point=first.more["point"])
            sites.append(dc.replace(site, measurements=(dim, *rest)))
        networks.append(dc.replace(one.network, sites=tuple(sites)))
    return tuple(networks)
