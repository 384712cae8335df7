"""What the figures show, apart from how: the same series feed Matplotlib and Plotly."""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import Floats
from ..core.errors import ManifoldScaleError
from ..core.interval import Interval
from ..core.learning_curve import Axis
from ..core.reading import Reading, SiteReadings
from ..scaling.floor import floor_in_words
from .record import Record

LOSS_LABELS = {
    "mse": "test loss (squared error)",
    "cross_entropy": "test loss (nats)",
}
# How a quantity by site is called on an axis, and in words.
QUANTITIES = {
    "dimension": ("intrinsic dimension", "intrinsic dimension d"),
    "kappa_rms": ("curvature, 1 / length", "curvature in units of the representation"),
    "kappa_extent": (
        "curvature x R",
        "rms curvature times the rms radius R of the cloud, 1 for a sphere",
    ),
}


@dc.dataclass(frozen=True)
class Network:
    """The readings of one network, by site, or the difference of those of two."""

    name: str
    sites: tuple[SiteReadings, ...]
    is_difference: bool = False

    def along(self, sites: Sequence[str], quantity: str) -> list[Reading | None]:
        """The reading at each of these sites; None where there is none, or no value."""
        found = dict(self.of(quantity))
        return [found.get(site) for site in sites]

    def beside(
        self, sites: Sequence[str], quantity: str, name: str
    ) -> list[Reading | None]:
        """What is kept beside the reading at each of these sites."""
        return [one and one.beside(name) for one in self.along(sites, quantity)]

    def of(self, quantity: str) -> list[tuple[str, Reading]]:
        """(site, reading) where the value is known."""
        return [
            (one.site, one[quantity])
            for one in self.sites
            if quantity in one and one[quantity].is_known
        ]


def networks_of(record: Record, key: str = "networks") -> list[Network]:
    """The networks of a probe, in order; the one of a study."""
    if record.kind == "study":
        stored: Mapping[str, Any] = {"probed network": record.content["sites"]}
    else:
        stored = record.content.get(key, {})
    return [
        Network(name, tuple(map(SiteReadings.from_dict, sites)), key == "differences")
        for name, sites in stored.items()
    ]


def sites_of(networks: Sequence[Network]) -> list[str]:
    """Every site once, in the order of the networks."""
    names = (one.site for network in networks for one in network.sites)
    return list(dict.fromkeys(names))


def quantities_of(networks: Sequence[Network], known: bool = False) -> list[str]:
    """The quantities that stand at some site; with `known`, those with a value."""
    names = (
        reading.name
        for network in networks
        for one in network.sites
        for reading in one.readings
        if reading.is_known or not known
    )
    return list(dict.fromkeys(names))


def axis_label(quantity: str, networks: Sequence[Network] = ()) -> str:
    """How a quantity is called on an axis; between networks it is a difference."""
    label = QUANTITIES.get(quantity, (quantity, quantity))[0]
    differ = any(network.is_difference for network in networks)
    return f"difference in {label}" if differ else label


def in_words(quantity: str) -> str:
    return QUANTITIES.get(quantity, (quantity, quantity))[1]


@dc.dataclass(frozen=True, eq=False)
class Law:
    """A fitted power law: means, curve and band."""

    label: str
    exponent: Reading
    axis: Axis
    floor: float
    floor_interval: Interval
    floor_rule: str
    x: Floats
    y: Floats
    runs: Floats
    line: Mapping[str, Floats]

    @classmethod
    def of(cls, label: str, stored: Mapping[str, Any]) -> "Law":
        """What `plain` made of a `PowerLaw`."""
        return cls(
            label=label,
            exponent=Reading.from_dict(stored["reading"]),
            axis=Axis.of(stored["axis"]),
            floor=math.nan if stored["floor"] is None else float(stored["floor"]),
            floor_interval=_interval(stored["floor_interval"]),
            floor_rule=str(stored["floor_rule"]),
            x=_floats(stored["losses"]["x"]),
            y=_floats(stored["losses"]["y"]),
            runs=_floats(stored["losses"]["runs"]),
            line={key: _floats(stored["line"][key]) for key in ("x", "y", "low", "high")},
        )

    @property
    def power(self) -> str:
        """The exponent as it stands over D."""
        return f"-{self.exponent.value:.2f}"

    @property
    def formula(self) -> str:
        symbol = self.axis.symbol
        return f"E + A {symbol}" if self.floor else f"A {symbol}"

    @property
    def floor_in_words(self) -> str:
        return floor_in_words(self.floor, self.floor_interval, self.floor_rule)

    def __str__(self) -> str:
        return (
            f"{self.exponent.name} {self.exponent} (floor {self.floor_in_words}; "
            f"{len(self.x)} sizes, {self.exponent.n_points} runs)"
        )


@dc.dataclass(frozen=True, eq=False)
class Losses:
    """Losses over an axis: every run where they are known, and the fitted laws."""

    axis: Axis
    y_label: str
    laws: tuple[Law, ...]
    runs: Mapping[str, tuple[Floats, Floats]]

    @property
    def x_values(self) -> Floats:
        return np.concatenate([*(law.x for law in self.laws), *(x for x, _ in self._runs)])

    @property
    def y_values(self) -> Floats:
        return np.concatenate([*(law.y for law in self.laws), *(y for _, y in self._runs)])

    @property
    def _runs(self) -> list[tuple[Floats, Floats]]:
        return list(self.runs.values())


def losses_of(record: Record) -> Losses:
    """The losses of a study, a sweep or a fit."""
    content = record.content
    if record.kind == "study":
        law = Law.of("", content["alpha_D"])
        stored = content["learning_curve"]
        runs = {"runs": _runs(stored["runs"], law.axis)}
        return Losses(law.axis, _loss_label(stored.get("loss")), (law,), runs)
    if record.kind == "fit":
        laws = tuple(Law.of(one["slice"], one["fit"]) for one in content["fits"])
        return Losses(laws[0].axis, "test loss", laws, {})
    axis = Axis.of(content["axis"])
    laws = tuple(
        Law.of(_joined(one["label"], part["slice"]), part["fit"])
        for one in content["curves"]
        for part in one["fits"]
    )
    runs = {one["label"]: _runs(one["runs"], axis) for one in content["curves"]}
    return Losses(axis, _loss_label(content.get("loss")), laws, runs)


def _joined(*labels: str) -> str:
    return ", ".join(label for label in labels if label)


def _loss_label(loss: Any) -> str:
    return LOSS_LABELS.get(str(loss), "test loss")


def _runs(rows: Sequence[Mapping[str, Any]], axis: Axis) -> tuple[Floats, Floats]:
    """Sizes and losses of the runs that gave one."""
    good = [row for row in rows if row["loss"] is not None and row[axis.value] is not None]
    return _floats([row[axis.value] for row in good]), _floats([r["loss"] for r in good])


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([math.nan if v is None else v for v in values], dtype=float)


@dc.dataclass(frozen=True)
class Mark:
    """An estimate with its interval, at a named place."""

    name: str
    value: float
    interval: Interval
    note: str = ""

    @property
    def label(self) -> str:
        bounded = math.isfinite(self.interval.high)
        return self.name if bounded else f"{self.name} (no upper end)"


def exponent_marks(record: Record) -> list[Mark]:
    """The predicted exponents of a study, then the measured one."""
    predicted = [
        Mark(
            f"{p['law']} ({p['kind']})",
            p["alpha"],
            _interval(p["interval"]),
            p["statement"],
        )
        for p in record.content["predictions"]
    ]
    fit = Law.of("", record.content["alpha_D"]).exponent
    return [*predicted, Mark("measured", fit.value, fit.interval, "fit of the sweep")]


def _interval(ends: Mapping[str, Any]) -> Interval:
    return Interval(
        -math.inf if ends["low"] is None else ends["low"],
        math.inf if ends["high"] is None else ends["high"],
        ends["level"],
    )


def damaged(record: Record, error: Exception) -> ManifoldScaleError:
    """The one error for results of a known kind in which something is missing."""
    from .record import RecordError

    name = record.name or f"The {record.kind}"
    return RecordError(f"{name}: its results are damaged ({error!r}).")
