"""A quantity as it is stored: a number with its interval, method, sample size and caveats,
as plain values that JSON gives back unchanged.
"""

import dataclasses as dc
import math
from collections.abc import Iterable, Mapping
from statistics import NormalDist
from typing import Any

from .errors import ManifoldScaleError
from .interval import Interval, number
from .latex import BOUNDS
from .serialize import plain

# What may stand beside a value, and its heading: the dimension that the points resolve, and
# the dimension of a site alone, where the value uses all sites of the network.
BESIDE = {"resolved": "resolved by n", "alone": "site alone"}
# The columns beside the first quantity that the row of a site keeps.
COLUMNS = (
    *("stderr", "systematic", "raw", "resolved", "resolved_low", "resolved_high"),
    *("alone", "alone_low", "alone_high", "scale", "gof_p", "point"),
)
# Below which amount a quantity without a unit is of rounding size, and printed as 0.
NOTHING = {"turning": 1e-4, "stretch": 1e-9, "dimension": 1e-9, "kappa_extent": 1e-9}
ROUNDING = 1e-12  # relative rounding of a difference of equal numbers


@dc.dataclass(frozen=True)
class Measurement:
    """A quantity as it stands in tables, in results.json and on the page.

    Attributes
    ----------
    name : of the quantity, as "dimension" or "kappa_rms".
    value : NaN where there is no estimate; the reason is among the caveats.
    method, settings : the method as one reads it, and all of its settings by name.
    more : further numbers and words of this quantity: standard error, raw value, basis; a
        `bound` "below" where the lower end is known, and the value is not.
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
        # JSON has one null: beside a value it is an open end, otherwise an unknown one.
        low, high = self.interval
        ends = Interval(
            _end(self.value, low, -math.inf),
            _end(self.value, high, math.inf),
            self.interval.level,
        )
        object.__setattr__(self, "interval", ends)

    @classmethod
    def of(cls, quantity: Any, name: str = "", **more: Any) -> "Measurement":
        """The measurement of a result with `value, interval, method, n_points, caveats`."""
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

    def beside(self, name: str) -> "Measurement | None":
        """What is stored beside it under a name, such as the estimate of a site alone."""
        value = self.more.get(name)
        if value is None:
            return None
        low, high = (self.more.get(f"{name}_{end}") for end in ("low", "high"))
        ends = Interval(
            _number(low, -math.inf), _number(high, math.inf), self.interval.level
        )
        kept = self.more.get(f"{name}_bound")
        more = {"bound": kept} if kept else {}
        return dc.replace(self, value=float(value), interval=ends, caveats=(), more=more)

    @property
    def is_known(self) -> bool:
        return math.isfinite(self.value)

    @property
    def is_bound(self) -> bool:
        """Whether only the lower end of its interval is known."""
        return self.is_known and self.more.get("bound") == "below"

    @property
    def drawn(self) -> float:
        """The value; the lower end where only that is known."""
        return self.interval.low if self.is_bound else self.value

    def __str__(self) -> str:
        if not self.is_known:
            return "n/a"
        if self.is_bound:
            return self.printed[0]
        level = self.interval.labelled.removeprefix(str(self.interval))
        return f"{' '.join(self.printed)}{level}"

    @property
    def printed(self) -> tuple[str, str]:
        """The value and its interval as they are printed everywhere; what is of rounding
        size is 0.

        >>> turning = Measurement("turning", 3.7e-5, Interval(3e-5, 0.5), "Paths()", 64)
        >>> turning.printed
        ('0', '[0, 0.500]')
        >>> beyond = {"bound": "below"}
        >>> print(Measurement("d", 100, Interval(92, math.inf), "", 9, more=beyond))
        > 92.0
        """
        if self.name.startswith("betti_") and self.is_known:  # counted
            return f"{self.value:.0f}", "[{:.0f}, {:.0f}]".format(*self.interval)
        least = NOTHING.get(self.name, 0.0)
        low, high = (0.0 if abs(end) < least else end for end in self.interval)
        value = 0.0 if abs(self.value) < least else self.value
        interval = str(Interval(low, high)) if self.is_known else ""
        return f"> {number(low)}" if self.is_bound else number(value), interval

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
    def from_dict(cls, stored: Mapping[str, Any]) -> "Measurement":
        """A measurement from what `plain` made of it."""
        known = {"name", "value", "interval", "method", "method_text", "n_points"}
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
                more={k: v for k, v in stored.items() if k not in known | {"caveats"}},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ManifoldScaleError(f"A quantity is damaged: {error!r}.") from error


def kinds_beside(found: Iterable[Measurement]) -> list[str]:
    """What is stored beside any of these, in the order of `BESIDE`."""
    names = {name for one in found for name in BESIDE if one.beside(name)}
    return [name for name in BESIDE if name in names]


@dc.dataclass(frozen=True)
class SiteMeasurements:
    """What was measured at one site of a network.

    Attributes
    ----------
    features : number of features of the representation; None where it could not be made.
    measurements : one per quantity, the dimension first.
    """

    site: str
    features: int | None
    measurements: tuple[Measurement, ...]

    def __getitem__(self, name: str) -> Measurement:
        for one in self.measurements:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.measurements)
        raise KeyError(f"{name!r} was not measured at {self.site}; there are {known}")

    def __contains__(self, name: str) -> bool:
        return any(one.name == name for one in self.measurements)

    def with_more(self, more: Iterable[Measurement]) -> "SiteMeasurements":
        """With further quantities after these."""
        return dc.replace(self, measurements=(*self.measurements, *more))

    @property
    def caveats(self) -> tuple[str, ...]:
        """The caveats of all quantities, each once."""
        notes = (note for one in self.measurements for note in one.caveats)
        return tuple(dict.fromkeys(notes))

    def row(self) -> dict[str, Any]:
        """All that was measured here, as a row of a table."""
        first, *rest = self.measurements
        low, high = first.interval
        columns: dict[str, Any] = {"site": self.site, "features": self.features}
        columns |= {first.name: first.value, "low": low, "high": high}
        columns |= {"level": first.interval.level, "method": first.method}
        columns |= {"n_points": first.n_points}
        columns |= {key: first.more.get(key) for key in COLUMNS}
        columns |= {key: first.more[key] for key in BOUNDS if key in first.more}
        for other in rest:
            columns |= other.row()
        return {**columns, "caveats": "; ".join(self.caveats)}

    def to_dict(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "features": self.features,
            "readings": list(self.measurements),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "SiteMeasurements":
        """The measurements of a site from what `plain` made of them."""
        try:
            features = stored["features"]
            return cls(
                site=str(stored["site"]),
                features=None if features is None else int(features),
                measurements=tuple(map(Measurement.from_dict, stored["readings"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ManifoldScaleError(f"A site is damaged: {error}.") from error


def difference(first: Measurement, second: Measurement) -> Measurement:
    """`first` less `second`, with their errors taken as independent.

    The interval comes from the two intervals, which may be asymmetric or open, by the
    method of variance estimates recovery (Zou and Donner 2008): its low end is the
    difference less the root of the summed squares of two distances, of `first` to its low
    end and of `second` to its high end. If the levels differ, the interval has the higher
    level: the ends of the other are moved out by the ratio of the normal quantiles. At the
    same examples the two errors are correlated, and the interval is wider than necessary.

    >>> def read(value, low, high):
    ...     return Measurement("dimension", value, Interval(low, high), "TwoNN()", 100)
    >>> print(difference(read(9, 6, 12), read(5, 1, 9)))
    4.00 [-1.00, 9.00]
    """
    value = first.drawn - second.value
    if second.is_bound:
        value = math.nan
    level = max(first.interval.level, second.interval.level)
    (low, high), (low2, high2) = (_stretched(one, level) for one in (first, second))
    down = math.hypot(first.drawn - low, high2 - second.value)
    up = math.hypot(high - first.drawn, second.value - low2)
    least = ROUNDING * abs(value)
    ends = [end if abs(end) > least else 0.0 for end in (value - down, value + up)]
    return Measurement(
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
        more={
            "errors": "taken as independent: conservative at the same examples",
            **({"bound": "below"} if first.is_bound and not math.isnan(value) else {}),
        },
    )


def _stretched(one: Measurement, level: float) -> tuple[float, float]:
    """The ends of the interval at a higher level."""
    by = _quantile(level) / _quantile(one.interval.level)
    low, high = one.interval
    return one.drawn - by * (one.drawn - low), one.drawn + by * (high - one.drawn)


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)


def stored_ends(value: float, stored: Mapping[str, Any]) -> Interval:
    """The interval of a value, from what `plain` made of it. JSON has one null for open
    ends and for unknown ones.
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
