"""Networks whose measurements are shown by site, and how quantities are called there."""

import dataclasses as dc
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.measurement import Measurement, SiteMeasurements
from ..core.style import roles

# How a quantity by site is called on an axis, and in words.
QUANTITIES = {
    "dimension": ("intrinsic dimension", "intrinsic dimension d"),
    "kappa_rms": ("curvature, 1 / length", "curvature in units of the representation"),
    "kappa_extent": (
        "curvature x R",
        "rms curvature times the rms radius R of the cloud, 1 for a sphere",
    ),
    "turning": (
        "turning, radians",
        "turning of straight paths between neighbouring examples, 0 if they stay straight",
    ),
    "stretch": (
        "stretch",
        "length over distance of the ends of such paths, 1 where they stay straight",
    ),
    "imbalance_from_previous": (
        "imbalance from previous",
        "information imbalance from the previous site, 0 where that tells all of this one",
    ),
    "imbalance_to_previous": (
        "imbalance to previous",
        "information imbalance back to the previous site, 0 where nothing of it was lost",
    ),
    "entropy": (
        "entropy, nats",
        "entropy of what the head would predict from a block, in nats",
    ),
    "ratio": ("r, measured over implied", "ratio of the measured to the implied exponent"),
    "alpha": ("spectral exponent", "exponent of the eigenvalues, rank^-alpha"),
    "participation": ("participation ratio", "participation ratio of the eigenvalues"),
    "effective_rank": ("effective rank", "effective rank of the eigenvalues"),
    "betti_0": ("components", "connected components, betti_0"),
    "betti_1": ("loops", "loops, betti_1"),
    "betti_2": ("voids", "voids, betti_2"),
    "capacity": ("capacity", "capacity, classes per dimension of a read-out"),
    "radius": (
        "radius of classes",
        "radius of classes, in units of the distance of their centres from the origin",
    ),
    "class_dim": ("dimension of classes", "dimension of the spread of classes"),
}
# Names of figures.
FILES = {
    **{q: q for q in ("dimension", "turning", "stretch", "entropy")},
    **{q: q for q in ("imbalance_from_previous", "imbalance_to_previous")},
    "kappa_extent": "curvature",
}
LEAST = {"stretch": 1.0}  # where an axis starts, if not at zero
LEFT_OUT = "kappa_rms"  # scales of layers are arbitrary: the figure is of kappa_extent
# What a network is there for. Those of `REFERENCES` are what the others are compared with.
# "control" is the network itself, shown shuffled words.
ROLES = (
    *("trained", "checkpoint", "initialisation", "against", "shuffled", "control"),
    "difference",
)
REFERENCES = ("initialisation", "against", "shuffled", "control")


@dc.dataclass(frozen=True)
class Network:
    """The measurements of one network, by site, or the difference of those of two.

    Attributes
    ----------
    name : how it is called in figures and tables.
    role : one of `ROLES`.
    points : what a point is, where several choices stand beside each other; else "".
    """

    name: str
    sites: tuple[SiteMeasurements, ...]
    role: str = "trained"
    points: str = ""

    @property
    def plain_name(self) -> str:
        """Without what a point is."""
        return self.name.removesuffix(f", {self.points}") if self.points else self.name

    @property
    def is_difference(self) -> bool:
        return self.role == "difference"

    @property
    def is_reference(self) -> bool:
        return self.role in REFERENCES

    @classmethod
    def of(
        cls, name: str, stored: Sequence[Mapping[str, Any]], role: str, points: str = ""
    ) -> "Network":
        """What `plain` made of its sites."""
        return cls(name, tuple(map(SiteMeasurements.from_dict, stored)), role, points)

    def along(self, sites: Sequence[str], quantity: str) -> list[Measurement | None]:
        """The measurement at each of these sites; None where there is none, or no value."""
        found = dict(self.known(quantity))
        return [found.get(site) for site in sites]

    def beside(
        self, sites: Sequence[str], quantity: str, name: str
    ) -> list[Measurement | None]:
        """What is kept beside the measurement at each of these sites."""
        return [one and one.beside(name) for one in self.along(sites, quantity)]

    def known(self, quantity: str) -> list[tuple[str, Measurement]]:
        """(site, measurement) where the value is known."""
        return [
            (one.site, one[quantity])
            for one in self.sites
            if quantity in one and one[quantity].is_known
        ]


# What a checkpoint is called by, where its name counts something: see `runs.steps`.
COUNTED = re.compile(r"(epoch|step|iteration|checkpoint) (\d+)")
WIDE = 100  # times the first number: then the axis is logarithmic


def along_training(networks: Sequence[Network]) -> tuple[str, list[float]] | None:
    """What is counted along training, and where each network is on its axis, the
    initialisation at zero; None where that is not known of all, or where the numbers span
    too much from zero for any axis.
    """
    found = [COUNTED.fullmatch(network.name) for network in networks]
    counted = {one[1] for one in found if one}
    places = [
        float(one[2])
        if one and network.role == "checkpoint"
        else (0.0 if network.role == "initialisation" else math.nan)
        for one, network in zip(found, networks, strict=True)
    ]
    if len(counted) != 1 or not all(map(math.isfinite, places)) or len(places) < 2:
        return None
    positive = [place for place in places if place > 0]
    spans = len(positive) > 2 and max(positive) > WIDE * min(positive)
    return None if 0.0 in places and spans else (counted.pop(), places)


def is_wide(places: Sequence[float]) -> bool:
    """Whether an axis along training is logarithmic."""
    return min(places) > 0 and max(places) > WIDE * min(places)


def roles_of(networks: Sequence[Network]) -> list[int | float]:
    """A colour for each; checkpoints have an order."""
    checkpoints = sum(network.role == "checkpoint" for network in networks)
    return roles(len(networks), ordered=checkpoints > 1)


def before_read_out(sites: Sequence[str]) -> str:
    """The last site before the read-out, the stand-in for the last hidden layer, on whose
    manifold the target is learned.
    """
    return sites[-2] if len(sites) > 2 else sites[-1]


def sites_of(networks: Sequence[Network]) -> list[str]:
    """Every site once, in the order of the networks."""
    names = (one.site for network in networks for one in network.sites)
    return list(dict.fromkeys(names))


def quantities_of(networks: Sequence[Network], known: bool = False) -> list[str]:
    """The quantities that stand at some site; with `known`, those with a value."""
    names = (
        found.name
        for network in networks
        for one in network.sites
        for found in one.measurements
        if found.is_known or not known
    )
    return list(dict.fromkeys(names))


def quantities_drawn(networks: Sequence[Network]) -> list[str]:
    """The quantities that have a figure: those with a value, dimension always."""
    names = dict.fromkeys(["dimension"] if networks else [])
    names |= dict.fromkeys(quantities_of(networks, known=True))
    return [name for name in names if name != LEFT_OUT]


def file_name(quantity: str, place: int) -> str:
    """The name of the figure of a quantity. One that is not known here came from a file: it
    is no name for files and elements of a page.
    """
    return FILES.get(quantity, f"quantity{place}")


def axis_label(quantity: str, networks: Sequence[Network] = ()) -> str:
    """How a quantity is called on an axis; between networks it is a difference."""
    label = QUANTITIES.get(quantity, (quantity, quantity))[0]
    differ = any(network.is_difference for network in networks)
    return f"difference in {label}" if differ else label


def in_words(quantity: str) -> str:
    return QUANTITIES.get(quantity, (quantity, quantity))[1]
