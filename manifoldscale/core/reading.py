"""What is kept of a quantity: a number with its interval, method, size and caveats, in
plain values that come back from JSON as they were.
"""

import dataclasses as dc
import math
from collections.abc import Iterable, Mapping
from statistics import NormalDist
from typing import Any

from .errors import ManifoldScaleError
from .interval import Interval, number
from .serialize import plain

# What may stand beside a value, and its heading: the dimension that the points resolve, and
# that of a site for itself, where the value is that given the other sites.
BESIDE = {"resolved": "resolved by n", "alone": "site alone"}
ROUNDING = 1e-12  # of a difference of equal numbers


@dc.dataclass(frozen=True)
class Reading:
    """A quantity as it stands in tables, in results.json and on the page.

    Attributes
    ----------
    name : of the quantity, as "dimension" or "kappa_rms".
    value : NaN where there is no estimate; the reason is among the caveats.
    method, settings : the method as one reads it, and all of its settings by name.
    more : further numbers and words of this quantity: standard error, raw value, basis.
    """

    name: str
    value: float
    interval: Interval
    method: str
    n_points: int
    settings: Mapping[str, Any] = dc.field(default_factory=dict)
    caveats: tuple[str, ...] = ()
    more: Mapping[str, Any] = dc.field(default_factory=dict)

    def __post_init__(self) -> None:
        # JSON has one null: an end that is open beside a value, else one nobody knows.
        low, high = self.interval
        ends = Interval(
            _end(self.value, low, -math.inf),
            _end(self.value, high, math.inf),
            self.interval.level,
        )
        object.__setattr__(self, "interval", ends)

    @classmethod
    def of(cls, quantity: Any, name: str = "", **more: Any) -> "Reading":
        """Of a result with `value, interval, method, n_points, caveats`."""
        settings = plain(quantity.method)
        return cls(
            name=name or quantity.name,
            value=float(quantity.value),
            interval=quantity.interval,
            method=str(quantity.method),
            n_points=int(quantity.n_points),
            settings=settings if isinstance(settings, dict) else {"type": settings},
            caveats=tuple(map(str, quantity.caveats)),
            more=plain(more),
        )

    def beside(self, name: str) -> "Reading | None":
        """What is kept beside it under a name, as the estimate of a site for itself."""
        value = self.more.get(name)
        if value is None:
            return None
        low, high = (self.more.get(f"{name}_{end}") for end in ("low", "high"))
        ends = Interval(
            _number(low, -math.inf), _number(high, math.inf), self.interval.level
        )
        return dc.replace(self, value=float(value), interval=ends, caveats=(), more={})

    @property
    def is_known(self) -> bool:
        return math.isfinite(self.value)

    def __str__(self) -> str:
        return f"{number(self.value)} {self.interval.labelled}" if self.is_known else "n/a"

    def row(self) -> dict[str, Any]:
        """Columns that start with the name, for a table of many quantities."""
        low, high = self.interval
        return {self.name: self.value, f"{self.name}_low": low, f"{self.name}_high": high}

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "interval": self.interval,
            "method": self.settings,
            "method_text": self.method,
            "n_points": self.n_points,
            "caveats": list(self.caveats),
            **self.more,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Reading":
        """What `plain` made of a reading."""
        known = {
            "name",
            "value",
            "interval",
            "method",
            "method_text",
            "n_points",
            "caveats",
        }
        try:
            value = _number(stored["value"], math.nan)
            return cls(
                name=str(stored["name"]),
                value=value,
                interval=stored_ends(value, stored["interval"]),
                method=str(stored["method_text"]),
                n_points=int(stored["n_points"]),
                settings=dict(stored["method"]),
                caveats=tuple(map(str, stored["caveats"])),
                more={key: item for key, item in stored.items() if key not in known},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ManifoldScaleError(f"A quantity is damaged: {error!r}.") from error


def kinds_beside(found: Iterable[Reading]) -> list[str]:
    """What is kept beside any of these, in the order of `BESIDE`."""
    names = {name for one in found for name in BESIDE if one.beside(name)}
    return [name for name in BESIDE if name in names]


@dc.dataclass(frozen=True)
class SiteReadings:
    """What was measured at one site of a network.

    Attributes
    ----------
    features : of the representation; None where it could not be made.
    readings : one a quantity, the dimension first.
    """

    site: str
    features: int | None
    readings: tuple[Reading, ...]

    def __getitem__(self, name: str) -> Reading:
        return next(one for one in self.readings if one.name == name)

    def __contains__(self, name: str) -> bool:
        return any(one.name == name for one in self.readings)

    @property
    def caveats(self) -> tuple[str, ...]:
        """Of all quantities, each once."""
        notes = (note for one in self.readings for note in one.caveats)
        return tuple(dict.fromkeys(notes))

    def to_dict(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "features": self.features,
            "readings": list(self.readings),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "SiteReadings":
        """What `plain` made of the readings of a site."""
        try:
            features = stored["features"]
            return cls(
                site=str(stored["site"]),
                features=None if features is None else int(features),
                readings=tuple(map(Reading.from_dict, stored["readings"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ManifoldScaleError(f"A site is damaged: {error}.") from error


def difference(first: Reading, second: Reading) -> Reading:
    """`first` less `second`, the errors taken as independent.

    The ends are those of the two intervals, asymmetric or open as they are, by the method
    of variance estimates recovery (Zou and Donner 2008): the low end is the difference
    less the root of the squared distances of `first` to its low end and of `second` to its
    high one. Of two levels the interval has the higher: the ends of the other are moved
    out by the ratio of the normal quantiles. At the same examples the two errors go
    together, so that the interval is wider than it need be.

    >>> def read(value, low, high):
    ...     return Reading("dimension", value, Interval(low, high), "TwoNN()", 100)
    >>> print(difference(read(9, 6, 12), read(5, 1, 9)))
    4.00 [-1.00, 9.00]
    """
    value = first.value - second.value
    level = max(first.interval.level, second.interval.level)
    (low, high), (low2, high2) = (_stretched(one, level) for one in (first, second))
    down = math.hypot(first.value - low, high2 - second.value)
    up = math.hypot(high - first.value, second.value - low2)
    least = ROUNDING * abs(value)
    ends = [end if abs(end) > least else 0.0 for end in (value - down, value + up)]
    return Reading(
        name=first.name,
        value=value,
        interval=Interval(math.nan, math.nan, level)
        if math.isnan(value)
        else Interval(ends[0], ends[1], level),
        method=first.method
        if first.method == second.method
        else f"{first.method} less {second.method}",
        n_points=min(first.n_points, second.n_points),
        settings={"first": dict(first.settings), "second": dict(second.settings)},
        caveats=("not known on one side",) if math.isnan(value) else (),
        more={"errors": "taken as independent: conservative at the same examples"},
    )


def _stretched(one: Reading, level: float) -> tuple[float, float]:
    """The ends of the interval at a higher level."""
    by = _quantile(level) / _quantile(one.interval.level)
    low, high = one.interval
    return one.value - by * (one.value - low), one.value + by * (high - one.value)


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)


def stored_ends(value: float, stored: Mapping[str, Any]) -> Interval:
    """The interval of a value, of what `plain` made of it: JSON has one null for an end
    that is open and one that nobody knows.
    """
    low, high = (_number(stored[end], math.nan) for end in ("low", "high"))
    return Interval(
        _end(value, low, -math.inf), _end(value, high, math.inf), float(stored["level"])
    )


def _number(stored: Any, where_null: float) -> float:
    return where_null if stored is None else float(stored)


def _end(value: float, end: float, where_open: float) -> float:
    if math.isfinite(end):
        return end
    return where_open if math.isfinite(value) else math.nan
