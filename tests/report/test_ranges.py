"""Axes of figures are for their values: what is far wider is cut, and an arrow says so."""

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from manifoldscale.core.interval import Interval
from manifoldscale.core.learning_curve import Axis
from manifoldscale.core.measurement import Measurement, SiteMeasurements
from manifoldscale.core.quantiles import smooth_quantile
from manifoldscale.core.style import COLORS, color_of, roles
from manifoldscale.core.ticks import plain_ticks
from manifoldscale.report.interactive import interactive
from manifoldscale.report.laws import Mark
from manifoldscale.report.networks import Network
from manifoldscale.report.parts import BySite, Exponents, Line, LinesFigure
from manifoldscale.report.ranges import beyond
from manifoldscale.report.static import draw
from manifoldscale.runs import telling
from manifoldscale.runs.resources import _figure

INF = float("inf")


def by_site(ends: list[tuple[float, float]], alone: float = 20.0, **more: Any) -> BySite:
    beside = {"alone": 15.0, "alone_low": 9.0, "alone_high": alone}
    sites = tuple(
        SiteMeasurements(
            f"layer{i}",
            9,
            (Measurement("dimension", 12.0, Interval(*end), "m", 99, more=beside),),
        )
        for i, end in enumerate(ends)
    )
    return BySite("by", "", "", (Network("net", sites),), "dimension", **more)


def axes(figure: Any) -> Axes:
    ax = Figure().add_subplot()
    draw(figure, ax)
    return ax


def arrows(ax: Axes) -> list[str]:
    return [str(line.get_marker()) for line in ax.lines if line.get_marker() in "<>v^"]


def arrows_of(plot: Any) -> list[str]:
    found = [one.marker.symbol for one in plot.data if one.meta and "of" in one.meta]
    return [s for symbols in found for s in symbols if s.startswith("triangle")]


def test_an_interval_of_one_site_alone_does_not_stretch_the_axis() -> None:
    figure = by_site([(9.0, 16.0)] * 4, alone=2352.0)
    ax, plot = axes(figure), interactive(figure)
    for low, high in (ax.get_ylim(), plot.layout.yaxis.range):
        assert low <= 0 and 16 < high < 20
    assert arrows(ax) == ["^"] * 4 and arrows_of(plot) == ["triangle-up"] * 4
    assert "beyond the figure" in beyond(figure.networks, "dimension")


def test_nothing_is_cut_without_need() -> None:
    figure = by_site([(9.0, 16.0)] * 4, alone=16.5)
    assert arrows(axes(figure)) == arrows_of(interactive(figure)) == []
    assert beyond(figure.networks, "dimension") == ""


@pytest.mark.parametrize("end", [(9.0, INF), (9.0, 800.0), (-INF, 16.0)])
def test_an_end_that_is_cut_has_no_cap(end: tuple[float, float]) -> None:
    figure = by_site([end, (9.0, 16.0)], alone=15.5)
    ax, plot = axes(figure), interactive(figure)
    caps = [line.get_ydata() for line in ax.lines if line.get_marker() in "_"]
    assert sum(np.isnan(np.asarray(one, float)).sum() for one in caps) == 1
    assert len(arrows(ax)) == len(arrows_of(plot)) == 1
    bars = plot.data[0].error_y
    assert sorted([bars.array[0], bars.arrayminus[0]])[0] == 0


def test_marks_at_the_first_and_last_site_are_within() -> None:
    ax = axes(by_site([(9.0, 16.0)] * 3))
    x = np.concatenate([np.ravel(line.get_xdata()) for line in ax.lines])
    low, high = ax.get_xlim()
    assert low < x.min() - 0.2 and high > x.max() + 0.2


def test_an_open_exponent_ends_in_the_same_arrow_in_both() -> None:
    marks = (
        Mark("4/d", 0.32, Interval(0.2, 0.7)),
        Mark("measured", 6.2, Interval(0.026, INF)),
    )
    figure = Exponents("e", "", "", marks, "here")
    ax, plot = axes(figure), interactive(figure)
    assert arrows(ax) == [">"] and arrows_of(plot) == ["triangle-right"]
    assert list(plot.data[-2].error_x.array if plot.data[-2].error_x.array else ()) == [0]
    # Over more than a decade: what is implied is seen beside it.
    assert ax.get_xscale() == plot.layout.xaxis.type == "log"
    low, high = ax.get_xlim()
    assert low < 0.026 and high > 6.2
    (shape,) = plot.layout.shapes
    assert (shape.x0, shape.x1) == pytest.approx((0.026, high))


def test_ordered_curves_have_colours_of_their_own() -> None:
    x = np.array([1.0, 2.0])
    curves = [
        {"size": 10.0**k, "x": x, "y": x / (k + 1), "curve": {"x": x, "y": x / (k + 1)}}
        for k in range(9)
    ]
    (figure,) = _figure("isoflop", curves, "P", "C = ")
    drawn = {str(line.get_color()) for line in axes(figure).lines}
    assert len(drawn) == 9
    assert len({one.line.color for one in interactive(figure).data}) == 9


def test_roles_are_told_apart() -> None:
    for count in (1, 3, 7, 8, 20):
        for ordered in (True, False):
            shades = [color_of(role) for role in roles(count, ordered)]
            assert len(set(shades)) == count
    assert [color_of(role) for role in roles(3)] == list(COLORS[:3])
    # From dark to light, so that grey keeps the order.
    light = [
        sum(int(c[i : i + 2], 16) for i in (1, 3, 5))
        for c in (color_of(role) for role in roles(9, ordered=True))
    ]
    assert all(a < b for a, b in itertools.pairwise(light))


@pytest.mark.parametrize("ends", [(250, 8000), (250, 2000), (100, 10_000), (40, 130)])
def test_ticks_stand_at_both_ends_of_round_sizes(ends: tuple[int, int]) -> None:
    ticks = plain_ticks(np.array(ends, dtype=float))
    assert (ticks[0], ticks[-1]) == ends and 3 <= len(ticks) <= 7


def test_the_last_power_of_ten_is_within_the_axis() -> None:
    c = np.geomspace(1e18, 1e22, 40)
    line = Line("best P", c, c**0.5, band=(0.5 * c**0.5, 2 * c**0.5))
    plot = interactive(LinesFigure("f", "", "", "C", "P", [line], log="xy"))
    assert plot.layout.xaxis.range[1] > 22
    assert plot.layout.yaxis.range[1] > np.log10(2 * c[-1] ** 0.5)


def test_a_number_without_an_end_is_no_headline() -> None:
    told = telling.headline("alpha", "6.21", "[0.0260, inf]")
    assert told.value == "> 0.0260" and told.note.startswith("[0.0260, inf]")
    assert telling.headline("r", "0.3", "[-inf, 0.900]").value == "< 0.900"
    assert telling.headline("r", "0.3", "[0, inf]").is_minor
    assert telling.headline("r", "0.3", "[0.200, 0.400]").value == "0.3"


def test_an_open_regime_of_two_resources_is_no_headline() -> None:
    assert telling.regime("undetermined", Axis.data, {"axis": "parameters"}) == []
    (one,) = telling.regime("undetermined", Axis.data, None)
    assert one.is_minor
    (one,) = telling.regime("resolution-limited", Axis.data, None)
    assert not one.is_minor


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [
        *(("turning", 3.7e-5, "0"), ("stretch", 2.5e-13, "0"), ("turning", 0.02, "0.0200")),
        ("kappa_rms", 2.5e-13, "2.50e-13"),  # has the unit of the representation
    ],
)
def test_what_is_of_rounding_size_is_printed_as_zero(
    name: str, value: float, printed: str
) -> None:
    found = Measurement(name, value, Interval(-value, 2 * value), "m", 9)
    assert found.printed[0] == printed and str(found).startswith(printed + " [")


def test_a_loss_whose_kind_is_known_has_a_unit() -> None:
    assert telling.loss_label("cross_entropy") == "test loss (nats)"
    assert telling.loss_label("loss") == telling.loss_label(None) == "test loss"


def test_a_band_has_no_steps() -> None:
    """Curves that cross: the second differences of the bound are those of a smooth one."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 200)
    curves = rng.normal(0, 1, (400, 1)) + rng.normal(0, 2, (400, 1)) * x
    smooth, plain = smooth_quantile(curves, 0.025), np.quantile(curves, 0.025, axis=0)
    rough = [np.abs(np.diff(one, 2)).max() for one in (smooth, plain)]
    assert rough[0] < 0.5 * rough[1]
    assert smooth == pytest.approx(-1.96 * np.hypot(1, 2 * x), rel=0.15)


def test_a_bound_is_an_arrow_from_its_known_end() -> None:
    more = {"bound": "below"}
    found = Measurement("dimension", 100.0, Interval(41.0, INF), "m", 99, more=more)
    sites = tuple(SiteMeasurements(name, 384, (found,)) for name in ("a", "b"))
    figure = BySite("by", "", "", (Network("net", sites),), "dimension")
    ax, plot = axes(figure), interactive(figure)
    assert arrows(ax) == ["^", "^"] and arrows_of(plot) == ["triangle-up"] * 2
    assert [float(y) for y in plot.data[0].y] == [41.0, 41.0]
