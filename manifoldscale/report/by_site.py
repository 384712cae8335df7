"""What was measured site by site: figures, sliders and tables, for a study or a probe."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.interval import number
from ..core.reading import BESIDE, Reading, SiteReadings, kinds_beside
from .figures import figure_quantities
from .parts import Figure, Figures, How, Row, Slider, Step, Table
from .plots import along, alternative_text, by_site
from .series import Network, axis_label, in_words, quantities_of, sites_of

Extra = Mapping[str, Callable[[str], str]]  # heading to the cell of a site


def site_blocks(
    name: str,
    networks: Sequence[Network],
    provenance: Sequence[tuple[str, str]],
    *,
    known_dim: float | None = None,
    headline: str | None = None,
    extra: Extra | None = None,
    title: str = "Layer by layer",
) -> list[Any]:
    """Figures, sliders and the table of networks whose readings are by site."""
    quantities = figure_quantities(networks)
    figures = [
        Figure(
            f"{name}-{place}",
            by_site(networks, quantity, known_dim if quantity == "dimension" else None),
            f"{_capital(in_words(quantity))} at each site; bars are intervals.",
            alternative_text(quantity, networks),
        )
        for place, quantity in enumerate(quantities)
    ]
    blocks: list[Any] = [Figures(title, figures)]
    blocks += _sliders(name, networks, figures, provenance, headline)
    blocks += _tables(networks, provenance, headline, extra or {})
    return blocks


def _sliders(
    name: str,
    networks: Sequence[Network],
    figures: Sequence[Figure],
    provenance: Sequence[tuple[str, str]],
    headline: str | None,
) -> list[Any]:
    """One over the sites; and with several networks one over these."""
    sites = sites_of(networks)
    if len(sites) < 2:
        return []
    start = sites.index(headline) if headline in sites else len(sites) - 1
    steps = [Step(site, _at_site(site, networks, provenance)) for site in sites]
    targets = [(figure.name, "place") for figure in figures]
    if len(networks) == 1:
        return [Slider(f"{name}-site", "Site", steps, targets, start)]
    quantities = figure_quantities(networks)
    over = [
        Figure(
            f"{name}-along-{place}",
            along(networks, quantity),
            f"{_capital(in_words(quantity))} at the site that the slider is at.",
            f"{in_words(quantity)} at one site over {len(networks)} networks; its numbers "
            "are in the table below.",
        )
        for place, quantity in enumerate(quantities)
    ]
    targets += [(figure.name, "trace") for figure in over]
    shown = [Step("all"), *(Step(network.name) for network in networks)]
    pages = [(figure.name, "network") for figure in figures]
    return [
        Slider(f"{name}-network", "Network", shown, pages),
        Slider(f"{name}-site", "Site", steps, targets, start),
        Figures("", over),
    ]


def _at_site(
    site: str, networks: Sequence[Network], provenance: Sequence[tuple[str, str]]
) -> Table:
    """Everything that is known at one site."""
    rows = []
    for network in networks:
        for one in network.sites:
            if one.site == site:
                rows += [
                    _at_site_row(r, network, networks, provenance) for r in one.readings
                ]
    columns = [("quantity", False), ("value", True), ("interval", False), ("n", True)]
    return Table(f"At {site}.", [*columns, ("method", False)], rows)


def _at_site_row(
    reading: Reading,
    network: Network,
    networks: Sequence[Network],
    provenance: Sequence[tuple[str, str]],
) -> Row:
    label = axis_label(reading.name)
    name = label if len(networks) == 1 else f"{label}, {network.name}"
    value, interval = estimate(reading)
    cells = [name, value, interval, f"{reading.n_points:,}", reading.method]
    return Row(cells, [how(reading, provenance)], reading.caveats)


def _tables(
    networks: Sequence[Network],
    provenance: Sequence[tuple[str, str]],
    headline: str | None,
    extra: Extra,
) -> list[Table]:
    """A table a network, with a row a site and two columns a quantity."""
    tables = []
    for network in networks:
        quantities = quantities_of([network])
        columns: list[tuple[str, bool]] = [("site", False), ("features", True)]
        beside = {}
        for quantity in quantities:
            found = (one[quantity] for one in network.sites if quantity in one)
            beside[quantity] = kinds_beside(found)
            columns += [(axis_label(quantity), True), ("interval", False)]
            columns += [(BESIDE[name], False) for name in beside[quantity]]
        columns += [(heading, True) for heading in extra]
        rows = [
            _row(one, beside, provenance, extra, one.site == headline)
            for one in network.sites
        ]
        caption = (
            f"{_capital(network.name)}: every number with its interval; how it was made"
        )
        tables.append(Table(f"{caption} stands in the last column.", columns, rows))
    return tables


def _row(
    one: SiteReadings,
    beside: Mapping[str, Sequence[str]],
    provenance: Sequence[tuple[str, str]],
    extra: Extra,
    is_headline: bool,
) -> Row:
    cells = [one.site, "" if one.features is None else f"{one.features:,}"]
    for quantity, kinds in beside.items():
        cells += estimate(one[quantity]) if quantity in one else ["", ""]
        for name in kinds:
            other = one[quantity].beside(name) if quantity in one else None
            cells.append("" if other is None else str(other))
    cells += [cell(one.site) for cell in extra.values()]
    made = [how(reading, provenance) for reading in one.readings]
    return Row(cells, made, one.caveats, is_headline)


def estimate(reading: Reading) -> tuple[str, str]:
    """A number and its interval as they are printed everywhere."""
    return number(reading.value), str(reading.interval) if reading.is_known else ""


def how(reading: Reading, provenance: Sequence[tuple[str, str]]) -> How:
    """Method, settings, sample size and level of a number; seed and version of its run."""
    settings = {k: v for k, v in reading.settings.items() if k != "type"}
    facts = [
        ("method", reading.method),
        ("settings", json.dumps(settings, ensure_ascii=False) if settings else "none"),
        ("n", f"{reading.n_points:,}"),
        ("level", f"{reading.interval.level:.0%}"),
        *(
            (key, _fact(value))
            for key, value in reading.more.items()
            if value not in ("", None)
        ),
        *provenance,
    ]
    return How(axis_label(reading.name), facts)


def _fact(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
