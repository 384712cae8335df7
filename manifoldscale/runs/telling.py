"""Parts that several kinds of run are told with, from the content of results.json."""

import dataclasses as dc
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.interval import number
from ..core.learning_curve import Axis
from ..core.measurement import Measurement
from ..core.serialize import plain
from ..core.style import roles
from ..report.by_site import Facts, estimate, how
from ..report.laws import FittedLaw, Mark, floats, stored_interval
from ..report.parts import (
    Exponents,
    Figures,
    Headline,
    How,
    Line,
    LinesFigure,
    Listing,
    LossFigure,
    Notes,
    Row,
)
from ..report.ranges import beyond_marks

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
LOSS_LABELS = {
    "mse": "test loss (squared error)",
    "cross_entropy": "test loss (nats)",
}
Runs = Mapping[str, Sequence[Mapping[str, Any]]]  # rows of runs, by curve


def loss_figure(
    axis: Axis,
    laws: Sequence[FittedLaw],
    runs: Runs | None = None,
    loss: Any = None,
    more: str = "",
    lines: Sequence[Line] = (),
) -> LossFigure:
    """Losses with their laws, and what is laid over them; `more` ends the caption."""
    said = "; ".join(f"{law.label or 'all runs'}: {law}" for law in laws)
    points = "Small points are runs, large ones their means" if runs else "Points are means"
    return LossFigure(
        "loss",
        f"{points}; the line is the fit, the band its pointwise uncertainty.{more}",
        f"Test loss against {axis.label}, on logarithmic axes. {said}.",
        axis,
        loss_label(loss),
        tuple(laws),
        {label: _sizes_and_losses(rows, axis) for label, rows in (runs or {}).items()},
        tuple(lines),
    )


def loss_label(loss: Any) -> str:
    """How an axis calls a kind of loss, with its unit where that is known."""
    return LOSS_LABELS.get(str(loss), "test loss")


def _sizes_and_losses(rows: Sequence[Mapping[str, Any]], axis: Axis) -> tuple[Any, Any]:
    """Of the runs that gave a loss."""
    good = [row for row in rows if row["loss"] is not None and row[axis.value] is not None]
    return floats([row[axis.value] for row in good]), floats([r["loss"] for r in good])


def loss_block(figure: LossFigure) -> Figures:
    return Figures(f"Loss against {figure.axis.label}", [figure])


def local_figure(
    axis: Axis, laws: Sequence[FittedLaw], local: Sequence[Mapping[str, Any] | None]
) -> list[LinesFigure]:
    """The exponents between neighbouring sizes, where they were saved, over that of all."""
    lines: list[Line] = []
    colors = roles(len(laws), ordered=True)
    for color, law, found in zip(colors, laws, local, strict=True):
        if found is None:
            return []
        x, y = floats(found["x"]), floats(found["exponent"])
        error = 1.96 * floats(found["stderr"])
        lines.append(Line(law.label, x, y, "points", error, color))
        if law.exponent.is_known:
            ends, flat = law.x[[0, -1]], np.full(2, law.exponent.value)
            lines.append(Line("", ends, flat, "dashed", None, color))
    if not lines:
        return []
    label = f"local {axis.exponent} above the floor"
    caption = (
        "Minus the slope of log(L - floor) from each size to the next, with intervals; the "
        "dashed line is the exponent of the fit. Where they fall or rise together, the "
        "losses leave the law."
    )
    alt = f"{label} against {axis.label}; the numbers are in results.json."
    return [LinesFigure("local", caption, alt, axis.label, label, lines, log="x")]


def law_table(laws: Sequence[FittedLaw], facts: Facts, notes: bool = True) -> Listing:
    rows = [
        Row(
            [
                law.label or "all runs",
                *estimate(law.exponent),
                law.floor_in_words,
                str(len(law.x)),
                str(law.exponent.n_points),
            ],
            [how(law.exponent, facts), _how_floor(law)],
            law.exponent.caveats if notes else (),
        )
        for law in laws
    ]
    columns = [("runs at", False), ("exponent", True), ("interval", False)]
    columns += [("floor", False), ("sizes", True), ("n", True)]
    return Listing("The fitted power laws.", columns, rows)


def _how_floor(law: FittedLaw) -> How:
    facts = [("method", law.floor_rule)]
    if law.floor_interval.width > 0:
        facts.append(("level", f"{law.floor_interval.level:.0%}, profile likelihood"))
    return How("floor", facts)


def headline(label: str, value: str, interval: str) -> Headline:
    """A number and its interval as they are printed. Where an end is open, the number says
    little, and the bound stands instead of it.
    """
    low, _, high = interval.strip("[]").partition(", ")
    if "inf" not in (low.lstrip("-"), high):
        return Headline(label, value, interval)
    if low not in ("-inf", "0"):
        return Headline(label, f"> {low}", f"{interval}, no upper end")
    if high != "inf":
        return Headline(label, f"< {high}", f"{interval}, no lower end")
    return Headline(label, "not bounded", interval, is_minor=True)


def ratio(compared: Mapping[str, Any]) -> tuple[str, str]:
    low, high = compared["low"], compared["high"]
    ends = f"[{known(low)}, {'inf' if high is None else known(high)}]"
    return known(compared["ratio"]), ends


def regime(verdict: str, axis: Axis, has_both: Any) -> list[Headline]:
    """With both resources a regime along one that is open is no headline."""
    is_open = verdict == "undetermined"
    if is_open and has_both:
        return []
    return [Headline("regime", verdict, f"along {axis.label}", is_minor=is_open)]


def exponents(
    laws: Sequence[FittedLaw], resources: Mapping[str, Any] | None
) -> list[Headline]:
    """The exponent of the largest slice; with both resources, theirs."""
    if resources is None:
        law = max(laws, key=lambda one: len(one.x))
        name = f"{law.exponent.name} {f'at {law.label}' if law.label else ''}".strip()
        return [headline(name, *estimate(law.exponent))]
    found = []
    for name, key in (("D", "D"), (Axis.of(resources["axis"]).symbol, "P")):
        ends = {end: resources[f"{end}_{key}"] for end in ("low", "high")}
        printed = ratio({"ratio": resources[f"alpha_{key}"], **ends})
        found.append(headline(f"alpha_{name}, both resources", *printed))
    return found


def known(value: float | None) -> str:
    return number(math.nan if value is None else value)


def implied(
    predictions: Sequence[Mapping[str, Any]], exponent: Measurement, site: str
) -> Exponents:
    """The exponents that the dimension implies, and the measured one."""
    marks = [
        *_marks(predictions),
        Mark("measured", exponent.value, exponent.interval, "fit of the sweep"),
    ]
    said = "; ".join(f"{m.label} {number(m.value)} {m.interval}" for m in marks)
    return Exponents(
        "exponent",
        f"What the dimension at {site} implies, and what was measured; its interval is "
        f"shaded.{beyond_marks(marks)}",
        f"Exponents that the dimension implies, and the measured one: {said}.",
        tuple(marks),
        site,
    )


def _marks(predictions: Sequence[Mapping[str, Any]]) -> list[Mark]:
    return [
        Mark(
            f"{p['law']} ({p['kind']})",
            p["alpha"],
            stored_interval(p["interval"]),
            p["statement"],
        )
        for p in predictions
    ]


def assumptions(predictions: Sequence[Mapping[str, Any]], site: str) -> list[Listing]:
    """What each law needs; nothing where the dimension of the site is not known."""
    if not predictions:
        return []
    rows = [
        Row(
            [
                p["law"],
                p["kind"],
                number(mark.value),
                str(mark.interval),
                "; ".join(p["unmet"]),
                p["source"],
            ]
        )
        for p, mark in zip(predictions, _marks(predictions), strict=True)
    ]
    columns = [("law", False), ("kind", False), (ALPHA, True), ("interval", False)]
    return [
        Listing(
            f"Each law at d = {number(predictions[0]['dim'])} ({site}), and the conditions "
            "of its equality that are not guaranteed here.",
            [*columns, ("not guaranteed", False), ("source", False)],
            rows,
            "What the laws assume",
        )
    ]


def notes(title: str, lines: Sequence[str]) -> list[Notes]:
    """A block of notes; none where there is nothing to say."""
    return [Notes(title, lines)] if lines else []


def provenance(facts: Facts) -> Listing:
    rows = [Row(list(fact)) for fact in facts]
    caption = "Settings and versions. The same seed gives the same numbers."
    return Listing(caption, [("what", False), ("value", False)], rows, "Provenance")


def versions(found: Mapping[str, str]) -> list[tuple[str, str]]:
    return [("versions", ", ".join(f"{name} {v}" for name, v in found.items()))]


def options(asked: Any, *left_out: str) -> dict[str, Any]:
    """The settings of a run that are not at their defaults, but for those `left_out`."""
    fields = [field for field in dc.fields(asked) if field.name not in left_out]
    given = {field.name: getattr(asked, field.name) for field in fields}
    return {f.name: plain(given[f.name]) for f in fields if given[f.name] != f.default}


def about(content: Mapping[str, Any]) -> Listing:
    """The provenance of a run that says it under `about`."""
    return provenance([(key, shown(value)) for key, value in content["about"].items()])


def settings(stored: Mapping[str, Any]) -> str:
    """A stored value with all of its settings, as it would be called."""
    given = {k: v for k, v in stored.items() if k != "type"}
    return f"{stored['type']}({listed(given, ' = ')})"


def listed(mapping: Mapping[str, Any], between: str = " ") -> str:
    return ", ".join(f"{key}{between}{shown(value)}" for key, value in mapping.items())


def shown(value: Any) -> str:
    """A value of results.json in words."""
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Mapping) and value:
        return "; ".join(f"{key}: {shown(item)}" for key, item in value.items())
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
