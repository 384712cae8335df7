"""What was measured site by site, as parts: figures, sliders and tables."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.interval import number
from ..core.measurement import BESIDE, Measurement, SiteMeasurements, kinds_beside
from .networks import (
    Network,
    axis_label,
    file_name,
    in_words,
    quantities_drawn,
    quantities_of,
    sites_of,
)
from .parts import AlongNetworks, Block, BySite, Figures, How, Listing, Row, Slider, Step
from .ranges import beyond

Columns = Mapping[str, Callable[[str], str]]  # heading to the cell of a site
Facts = Sequence[tuple[str, str]]


def site_blocks(
    networks: Sequence[Network],
    provenance: Facts,
    *,
    prefix: str = "",
    known_dim: float | None = None,
    headline: str | None = None,
    extra: Columns | None = None,
    title: str = "Layer by layer",
) -> list[Block]:
    """Figures, sliders and tables of networks that were measured site by site.

    Parameters
    ----------
    provenance : what stands with every number: its seed, its version.
    prefix : of the names of figures and sliders.
    known_dim : of the input manifold.
    headline : the site to start at.
    extra : further columns of the tables.
    """
    networks = tuple(networks)
    figures = [
        BySite(
            prefix + file_name(quantity, place),
            f"At each site: {in_words(quantity)}; bars are intervals."
            + beyond(networks, quantity, known_dim if quantity == "dimension" else None),
            _alternative_text(quantity, networks),
            networks,
            quantity,
            known_dim if quantity == "dimension" else None,
            f"input manifold, d = {known_dim}",
        )
        for place, quantity in enumerate(quantities_drawn(networks))
    ]
    return [
        Figures(title, figures),
        *_sliders(prefix, networks, figures, provenance, headline),
        *_tables(networks, provenance, headline, extra or {}),
    ]


def _sliders(
    prefix: str,
    networks: tuple[Network, ...],
    figures: Sequence[BySite],
    provenance: Facts,
    headline: str | None,
) -> list[Block]:
    """One over the sites; and with several networks one over these."""
    sites = sites_of(networks)
    if len(sites) < 2:
        return []
    start = sites.index(headline) if headline in sites else len(sites) - 1
    steps = [Step(site, _at_site(site, networks, provenance)) for site in sites]
    targets = [(figure.name, "place") for figure in figures]
    if len(networks) == 1:
        return [Slider(f"{prefix}site", "Site", steps, targets, start)]
    over = [
        AlongNetworks(
            f"{figure.name}_along",
            f"At the site of the slider: {in_words(figure.quantity)}."
            + beyond(networks, figure.quantity, with_beside=False),
            f"{in_words(figure.quantity)} at one site over {len(networks)} networks; its "
            "numbers are in the table below.",
            networks,
            figure.quantity,
        )
        for figure in figures
    ]
    targets += [(figure.name, "trace") for figure in over]
    shown = [Step("all"), *(Step(network.name) for network in networks)]
    pages = [(figure.name, "network") for figure in figures]
    return [
        Slider(f"{prefix}network", "Network", shown, pages),
        Slider(f"{prefix}site", "Site", steps, targets, start),
        Figures("", over),
    ]


def _at_site(site: str, networks: Sequence[Network], provenance: Facts) -> Listing:
    """Everything that is known at one site, but for what is known nowhere."""
    rows = []
    known = _shown(networks)
    for network in networks:
        for one in network.sites:
            if one.site == site:
                rows += [
                    _at_site_row(r, network, networks, provenance)
                    for r in one.measurements
                    if r.name in known
                ]
    columns = [("quantity", False), ("value", True), ("interval", False), ("n", True)]
    return Listing(f"At {site}.", [*columns, ("method", False)], rows)


def _at_site_row(
    found: Measurement,
    network: Network,
    networks: Sequence[Network],
    provenance: Facts,
) -> Row:
    label = axis_label(found.name)
    name = label if len(networks) == 1 else f"{label}, {network.name}"
    value, interval = estimate(found)
    cells = [name, value, interval, f"{found.n_points:,}", found.method]
    return Row(cells, [how(found, provenance)], found.caveats)


def _tables(
    networks: Sequence[Network],
    provenance: Facts,
    headline: str | None,
    extra: Columns,
) -> list[Listing]:
    """A table per network, with a row per site and two columns per quantity."""
    tables = []
    for network in networks:
        quantities = _shown([network])
        columns: list[tuple[str, bool]] = [("site", False), ("features", True)]
        beside = {}
        for quantity in quantities:
            here = (one[quantity] for one in network.sites if quantity in one)
            beside[quantity] = kinds_beside(here)
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
        tables.append(Listing(f"{caption} stands in the last column.", columns, rows))
    return tables


def _shown(networks: Sequence[Network]) -> list[str]:
    """What is known somewhere, and the dimension: the notes of the rows say why the others
    are not.
    """
    known = ["dimension", *quantities_of(networks, known=True)]
    return [quantity for quantity in quantities_of(networks) if quantity in known]


def _row(
    one: SiteMeasurements,
    beside: Mapping[str, Sequence[str]],
    provenance: Facts,
    extra: Columns,
    is_headline: bool,
) -> Row:
    cells = [one.site, "" if one.features is None else f"{one.features:,}"]
    for quantity, kinds in beside.items():
        cells += estimate(one[quantity]) if quantity in one else ["", ""]
        for name in kinds:
            other = one[quantity].beside(name) if quantity in one else None
            cells.append("" if other is None else str(other))
    cells += [cell(one.site) for cell in extra.values()]
    made = [how(found, provenance) for found in one.measurements]
    return Row(cells, made, one.caveats, is_headline)


def estimate(found: Measurement) -> tuple[str, str]:
    """A number and its interval as they are printed everywhere."""
    return found.printed


def how(found: Measurement, provenance: Facts) -> How:
    """Method, settings, sample size and level of a number; seed and version of its run."""
    settings = {k: v for k, v in found.settings.items() if k != "type"}
    facts = [
        ("method", found.method),
        ("settings", json.dumps(settings, ensure_ascii=False) if settings else "none"),
        ("n", f"{found.n_points:,}"),
        ("level", f"{found.interval.level:.0%}"),
        *(
            (key, _fact(value))
            for key, value in found.more.items()
            if value not in ("", None)
        ),
        *provenance,
    ]
    return How(axis_label(found.name), facts)


def _fact(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _alternative_text(quantity: str, networks: Sequence[Network]) -> str:
    """What a figure by site shows, for those who do not see it."""
    said = []
    for network in networks:
        found = network.known(quantity)
        if found:
            values = [one.drawn for _, one in found]
            said.append(
                f"{network.name}: from {values[0]:.3g} at {found[0][0]} to "
                f"{values[-1]:.3g} at {found[-1][0]}, between {min(values):.3g} and "
                f"{max(values):.3g}"
            )
    listed = "; ".join(said) or "no value is known"
    return f"{in_words(quantity)} by site. {listed}. The numbers are in the table below."
