"""Dimension by site, for one network or for several beside each other."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..core.result import Table
from ..probe import dimensions
from .lines import COLORS
from .style import HEIGHT, STYLE, WIDTH, save_figure


def save_profile(tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write figures/dimension.png and .pdf: a line a network, a place a site."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [pair for table in tables.values() for pair in dimensions(table)]
    sites = list(dict.fromkeys(site for site, _ in pairs))
    width = max(WIDTH, 0.22 * len(sites) + 1.5)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, HEIGHT + 0.6), layout="constrained")
        draw_profile(tables, sites, figure.subplots())
        return [save_figure(figure, folder / f"dimension.{k}") for k in ("png", "pdf")]


def draw_profile(tables: Mapping[str, Table], sites: list[str], ax: Axes) -> None:
    """Dimension with its interval at every site; networks a little apart."""
    for place, (name, table) in enumerate(tables.items()):
        found = [(s, d) for s, d in dimensions(table) if math.isfinite(d.value)]
        shift = 0.12 * (place - (len(tables) - 1) / 2)
        x = np.array([sites.index(site) + shift for site, _ in found])
        values = np.array([dim.value for _, dim in found])
        # An end that is open is drawn to twice the value at most.
        ends = [
            (dim.interval.low, min(dim.interval.high, 2 * dim.value)) for _, dim in found
        ]
        low, high = np.array(ends).reshape(-1, 2).T
        errors = np.nan_to_num(np.maximum([values - low, high - values], 0))
        style: Any = {"color": COLORS[place % len(COLORS)], "ms": 4, "lw": 1, "capsize": 2}
        ax.errorbar(x, values, errors, fmt="o-", label=name, **style)
    ax.set_xticks(range(len(sites)), sites, rotation=40, ha="right", rotation_mode="anchor")
    ax.set(ylabel="intrinsic dimension")
    ax.set_ylim(bottom=0)
    if len(tables) > 1:
        ax.legend()
