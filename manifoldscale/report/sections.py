"""A section of the page for each kind of results."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.errors import ManifoldScaleError, is_real
from ..core.interval import number
from ..core.reading import Reading
from .by_site import estimate, how, site_blocks
from .parts import Card, Figure, Figures, How, Notes, Row, Section, Table
from .plots import ALPHA, exponents, losses
from .record import Record
from .series import Law, damaged, exponent_marks, losses_of, networks_of

Facts = Sequence[tuple[str, str]]


def section_of(record: Record, name: str) -> Section:
    """The section of a record; `name` is unique on the page.

    Raises
    ------
    ManifoldScaleError : something that a record of its kind has is missing.
    """
    try:
        return SECTIONS[record.kind](record, name)
    except ManifoldScaleError as error:
        raise damaged(record, error) from error
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise damaged(record, error) from error


def _study(record: Record, name: str) -> Section:
    content, provenance = record.content, record.content["provenance"]
    law = losses_of(record).laws[0]
    site, task = content["headline_site"], provenance["task"]
    best = content["comparisons"].get(site)
    known = provenance["known_dimension"]
    if not (known is None or is_real(known)):
        raise TypeError(f"known_dimension is {known!r}")
    facts = [("seed", str(provenance["seed"])), *_versions(provenance["versions"])]
    plan = content["study"]["plan"]
    sizes = plan["dataset_sizes"]
    blocks: list[Any] = []
    notes = [*law.exponent.caveats]
    notes += [n for n in (best or {}).get("caveats", ()) if n not in notes]
    if notes:
        blocks.append(Notes("Read with care", notes))
    blocks.append(_loss_figure(record, name, _other_floor(content)))
    blocks.append(_law_table(record, facts, notes=False))
    (network,) = networks_of(record)
    blocks += site_blocks(
        name,
        [network],
        facts,
        known_dim=known,
        headline=site,
        extra=_comparison_columns(content["comparisons"], content.get("at_scale", {})),
        title="Dimension layer by layer",
    )
    if content["predictions"]:
        blocks += _predictions(record, name, site)
    blocks.append(_study_provenance(content))
    return Section(
        name,
        f"{task}: learned manifold and scaling law",
        f"{_count(content)} networks of {provenance['parameters']:,} parameters, trained "
        f"on {sizes[0]:,} to {sizes[-1]:,} examples; the exponent of their test loss, the "
        "intrinsic dimension of what a separately trained network has learned, and the "
        "exponent that this dimension implies. Brackets are "
        f"{law.exponent.interval.level:.0%} intervals.",
        _study_cards(law.exponent, network, site, best),
        blocks,
    )


def _study_cards(
    exponent: Reading, network: Any, site: str, best: Mapping[str, Any] | None
) -> list[Card]:
    dim = next((r for where, r in network.of("dimension") if where == site), None)
    ratio = ("n/a", "") if best is None else _ratio(best)
    return [
        Card(f"measured exponent {ALPHA}_D", *estimate(exponent)),
        Card(f"dimension d at {site}", *(estimate(dim) if dim else ("n/a", ""))),
        Card(f"ratio r = {ALPHA}_D d / 4", *ratio),
    ]


def _ratio(compared: Mapping[str, Any]) -> tuple[str, str]:
    low, high = compared["low"], compared["high"]
    ends = f"[{_number(low)}, {'inf' if high is None else _number(high)}]"
    return _number(compared["ratio"]), ends


def _comparison_columns(
    comparisons: Mapping[str, Mapping[str, Any]],
    at_scale: Mapping[str, Mapping[str, Any]],
) -> dict[str, Callable[[str], str]]:
    def predicted(site: str) -> str:
        return _number(comparisons[site]["predicted"]) if site in comparisons else ""

    def ratio(site: str) -> str:
        return " ".join(_ratio(comparisons[site])) if site in comparisons else ""

    def scaled(site: str) -> str:
        return " ".join(_ratio(at_scale[site])) if site in at_scale else ""

    columns: dict[str, Callable[[str], str]] = {"4/d": predicted, "r": ratio}
    if at_scale:
        columns["r at the scale of the sweep"] = scaled
    return columns


def _other_floor(content: Mapping[str, Any]) -> str:
    other = content["alternative_fit"]
    if not other:
        return ""
    reading = Reading.from_dict(other["reading"])
    return f" With the floor {other['floor_rule']}: {reading.name} = {reading}."


def _predictions(record: Record, name: str, site: str) -> list[Any]:
    marks = exponent_marks(record)
    dim = number(record.content["predictions"][0]["dim"])
    said = "; ".join(f"{m.label} {number(m.value)} {m.interval}" for m in marks)
    figure = Figure(
        f"{name}-exponent",
        exponents(marks, site),
        f"What the dimension at {site} implies, and what was measured (shaded).",
        f"Exponents that the dimension implies, and the measured one: {said}.",
    )
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
        for p, mark in zip(record.content["predictions"], marks, strict=False)
    ]
    columns = [("law", False), ("kind", False), (ALPHA, True), ("interval", False)]
    table = Table(
        f"Each law at d = {dim} ({site}), and the conditions of its equality that this "
        "study does not guarantee.",
        [*columns, ("not guaranteed", False), ("source", False)],
        rows,
        "What the laws assume",
    )
    return [Figures("Exponents", [figure]), table]


def _study_provenance(content: Mapping[str, Any]) -> Table:
    plan, provenance = content["study"]["plan"], content["provenance"]
    return _facts(
        [
            ("task", _settings(plan["task"])),
            ("dataset sizes", ", ".join(map(str, plan["dataset_sizes"]))),
            (
                "seeds",
                f"{plan['seeds']} networks each, every one with its own initialisation, "
                f"training set and test set of {plan['n_test']}",
            ),
            (
                "network",
                f"{plan['depth']} hidden layers of {plan['widths'][0]} "
                f"{plan['activation']} units",
            ),
            ("training", _settings(plan["training"])),
            ("seed", str(provenance["seed"])),
            *_versions(provenance["versions"]),
            ("Python", provenance["python"]),
            ("seconds", _listed(content["timings"])),
        ]
    )


def _probe(record: Record, name: str) -> Section:
    about = record.content["about"]
    networks = networks_of(record)
    facts = [("seed", str(about["seed"])), ("manifoldscale", str(about["version"]))]
    blocks = site_blocks(name, networks, facts)
    for place, one in enumerate(networks_of(record, "differences")):
        title = f"Difference: {one.name}"
        blocks.append(
            Notes(
                title,
                ["At the same examples, errors taken as independent: conservative."],
            )
        )
        blocks += site_blocks(f"{name}-less{place}", [one], facts, title="")
    blocks.append(_facts([(key, _shown(value)) for key, value in about.items()]))
    return Section(
        name,
        f"{about['model']} on {about['data']}",
        f"The geometry of what {_plural(len(networks), 'network')} "
        f"{'has' if len(networks) == 1 else 'have'} learned, site by site, at "
        f"{about['examples']:,} examples.",
        [],
        blocks,
    )


def _sweep(record: Record, name: str) -> Section:
    content = record.content
    about = content["about"]
    facts = [("seed", str(about["seed"])), ("manifoldscale", str(about["version"]))]
    blocks: list[Any] = [_loss_figure(record, name), _law_table(record, facts)]
    reasons = [f"{c['label']}: {c['reason']}" for c in content["curves"] if c["reason"]]
    if reasons:
        blocks.insert(0, Notes("Curves without a fit", reasons))
    blocks.append(_facts([(key, _shown(value)) for key, value in about.items()]))
    runs = sum(len(curve["runs"]) for curve in content["curves"])
    return Section(
        name,
        f"Sweep {about['plan']}",
        f"Test losses of {runs:,} trained networks over {_axis_label(record)}, on "
        f"{_plural(len(content['curves']), 'curve')}.",
        [],
        blocks,
    )


def _fit(record: Record, name: str) -> Section:
    content, regime = record.content, record.content["regime"]
    facts = [("manifoldscale", str(content["about"]["version"]))]
    settle = [f"would settle it: {runs}" for runs in regime["settle"]]
    evidence = [
        f"{e['kind']}: {e['facts']}" + (f" → {e['speaks_for']}" if e["speaks_for"] else "")
        for e in regime["evidence"]
    ]
    return Section(
        name,
        f"Fit of {content['about']['table']}",
        f"Power laws of test losses over {_axis_label(record)}, and their regime.",
        [Card("regime", regime["verdict"], f"along {_axis_label(record)}")],
        [
            _loss_figure(record, name),
            _law_table(record, facts),
            *_forecasts(content.get("forecasts", ())),
            Notes(f"Regime: {regime['verdict']}", [*evidence, *settle, *regime["caveats"]]),
            *_not_fitted(content.get("left_out", ())),
            *_together(content["joint"]),
            _facts([(key, _shown(value)) for key, value in content["about"].items()]),
        ],
    )


def _forecasts(rows: Sequence[Mapping[str, Any]]) -> list[Notes]:
    """Of new runs, where any were asked for."""
    said = [
        f"{row['slice'] or 'all runs'}, at {row['size']:g}: {number(row['median'])} "
        f"[{number(row['low'])}, {number(row['high'])}]"
        for row in rows
    ]
    return [Notes("Forecasts: the loss of a new run, 95 %", said)] if said else []


def _not_fitted(slices: Sequence[Mapping[str, Any]]) -> list[Notes]:
    """The slices without a fit, and why; earlier versions saved none."""
    said = [f"{one['slice'] or 'all runs'}: {one['reason']}" for one in slices]
    return [Notes("Not fitted", said)] if said else []


def _together(joint: Mapping[str, Any] | None) -> list[Notes]:
    """The joint law, where there is one; earlier versions saved its numbers only."""
    if joint is None or "headline" not in joint:
        return []
    rival = f"As a sum of two powers: {joint['sum']['headline']}"
    return [Notes("Both resources together", [joint["headline"], *joint["caveats"], rival])]


SECTIONS = {"study": _study, "probe": _probe, "sweep": _sweep, "fit": _fit}


def _loss_figure(record: Record, name: str, more: str = "") -> Figures:
    shown = losses_of(record)
    said = "; ".join(f"{law.label or 'all runs'}: {law}" for law in shown.laws)
    figure = Figure(
        f"{name}-loss",
        losses(shown),
        "Small points are runs, large ones their means; the line is the fit, the band its "
        f"pointwise uncertainty.{more}",
        f"Test loss against {shown.axis.label}, on logarithmic axes. {said}.",
    )
    return Figures(f"Loss against {shown.axis.label}", [figure])


def _law_table(record: Record, facts: Facts, notes: bool = True) -> Table:
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
        for law in losses_of(record).laws
    ]
    columns = [("runs at", False), ("exponent", True), ("interval", False)]
    columns += [("floor", False), ("sizes", True), ("n", True)]
    return Table("The fitted power laws.", columns, rows)


def _how_floor(law: Law) -> How:
    facts = [("method", law.floor_rule)]
    if law.floor_interval.width > 0:
        facts.append(("level", f"{law.floor_interval.level:.0%}, profile likelihood"))
    return How("floor", facts)


def _axis_label(record: Record) -> str:
    return losses_of(record).axis.label


def _facts(facts: Facts) -> Table:
    rows = [Row(list(fact)) for fact in facts]
    caption = "Settings and versions. The same seed gives the same numbers."
    return Table(caption, [("what", False), ("value", False)], rows, "Provenance")


def _versions(versions: Mapping[str, str]) -> list[tuple[str, str]]:
    return [("versions", ", ".join(f"{name} {v}" for name, v in versions.items()))]


def _settings(stored: Mapping[str, Any]) -> str:
    settings = {k: v for k, v in stored.items() if k != "type"}
    return f"{stored['type']}({_listed(settings, ' = ')})"


def _listed(mapping: Mapping[str, Any], between: str = " ") -> str:
    return ", ".join(f"{key}{between}{_shown(value)}" for key, value in mapping.items())


def _shown(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Mapping) and value:
        return "; ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _number(value: float | None) -> str:
    return number(math.nan if value is None else value)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _count(content: Mapping[str, Any]) -> int:
    return len(content["learning_curve"]["runs"])
