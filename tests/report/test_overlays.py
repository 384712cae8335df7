"""What all figures have in common: labels, colours, results over each other, legends off
the data, numbered ticks, formulas.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

import manifoldscale as ms
from manifoldscale.core.interval import Interval
from manifoldscale.core.measurement import Measurement, SiteMeasurements
from manifoldscale.core.overlay import as_formula, overlaid
from manifoldscale.core.style import BLUE, ORANGE
from manifoldscale.report.networks import Network
from manifoldscale.report.parts import BySite
from manifoldscale.report.static import draw

from .test_plots import fitted, losses, made


def axes() -> Axes:
    return Figure(figsize=(3.5, 2.7), layout="constrained").add_subplot()


def legend_texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def pixels(ax: Axes) -> np.ndarray:
    """Where data are drawn: vertices of lines and bars, and points."""
    found = [np.zeros((0, 2))]
    for line in ax.lines:
        if line.get_transform() == ax.transData:
            found.append(ax.transData.transform(np.asarray(line.get_xydata(), float)))
    for one in ax.collections:
        if isinstance(one, LineCollection):
            found += [ax.transData.transform(part) for part in one.get_segments()]
        if isinstance(one, PathCollection):
            found.append(ax.transData.transform(np.asarray(one.get_offsets(), float)))
    for patch in ax.patches:
        if isinstance(patch, StepPatch):
            found.append(ax.transData.transform(patch.get_path().vertices))
    xy = np.concatenate(found)
    return xy[np.isfinite(xy).all(axis=1)]


def test_two_power_laws_are_told_apart() -> None:
    """Colours of curve, band and means; both sizes within the limits, with their ticks."""
    x = np.geomspace(100, 1e4, 8).repeat(2)
    noise = 1 + 0.01 * np.random.default_rng(0).standard_normal(len(x))
    near, far = (ms.fit_power_law(s * x, y * x**-0.5 * noise) for s, y in ((1, 1), (60, 9)))
    ax = axes()
    near.plot(ax, label="near", color=BLUE)
    far.plot(ax, label="far", color=ORANGE)
    assert legend_texts(ax) == ["near", "far"]
    assert {to_rgb(line.get_color()) for line in ax.lines} == {to_rgb(BLUE), to_rgb(ORANGE)}
    low, high = ax.get_xlim()
    assert low <= 100 and high >= 60e4
    assert ax.get_ylim()[1] >= 0.09 * 10
    ax.figure.canvas.draw()
    assert sum(low <= tick <= high for tick in ax.get_xticks()) >= 2


def test_intervals_stand_below_each_other_with_both_names() -> None:
    one, two = (
        ms.core.result.Quantity(v, ms.Interval(v - 1, v + 1), n, 9)
        for v, n in ((2.0, "TwoNN"), (9.0, "MLE"))
    )
    ax = axes()
    one.plot(ax, label="A", color="C0")
    two.plot(ax, label="B", color="C1")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["TwoNN", "MLE"]
    assert legend_texts(ax) == ["A", "B"]
    heights = {float(line.get_ydata()[0]) for line in ax.lines}
    assert heights == {0.0, 1.0}
    assert ax.get_xlim()[0] < 1 and ax.get_xlim()[1] > 10
    ax.clear()  # as if nothing had been there
    two.plot(ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["MLE"]


def test_limits_of_ones_own_axes_stay() -> None:
    ax = axes()
    ax.set(xlim=(1, 1e6), ylim=(1e-4, 1e4))
    fitted().plot(ax, label="A")
    assert ax.get_xlim() == (1, 1e6) and ax.get_ylim() == (1e-4, 1e4)


REAL = (
    *("PowerLaw", "SumLaw", "JointLaw", "LearningCurve", "ModelComparison", "Comparison"),
    *(
        "AcrossScales",
        "Local",
        "Spectrum",
        "CovarianceSpectrum",
        "Curvature",
        "Persistence",
    ),
    *("ThroughLayers", "RegimeVerdict", "ComputeFrontier", "MeanFieldLayers", "Table"),
)


@pytest.mark.slow
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("name", REAL)
def test_legends_are_off_the_data(name: str, twice: bool) -> None:
    ax = axes()
    result = made(name)
    result.plot(ax, **({"label": "A"} if twice else {}))
    if twice:
        result.plot(ax, label="B", color=ORANGE)
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    legend = ax.get_legend()
    if legend is None:
        assert not twice
        return
    box = legend.get_window_extent(canvas.get_renderer())
    xy = pixels(ax)
    inside = (xy > [box.x0, box.y0]).all(axis=1) & (xy < [box.x1, box.y1]).all(axis=1)
    assert len(xy) and not inside.any(), name
    width, height = canvas.get_width_height()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width + 1 and box.y1 <= height + 1


def is_off_the_data(ax: Axes) -> bool:
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    legend = ax.get_legend()
    assert legend is not None
    box, xy = legend.get_window_extent(canvas.get_renderer()), pixels(ax)
    return not ((xy > [box.x0, box.y0]) & (xy < [box.x1, box.y1])).all(axis=1).any()


@pytest.mark.parametrize("names", [["trained"], ["trained", "initialisation", "against"]])
@pytest.mark.parametrize("falls", [True, False])
def test_legends_of_figures_by_site_are_off_the_data(names: list[str], falls: bool) -> None:
    """Bars that fill the axes from below, and values that rise or fall over the sites."""
    values = np.linspace(9, 3, 7) if falls else np.linspace(3, 9, 7)
    ends = [(v, Interval(0.1, 1.6 * v)) for v in values]
    more = {"alone": 5.0, "alone_low": 0.2, "alone_high": 30.0}
    networks = tuple(
        Network(
            name,
            tuple(
                SiteMeasurements(
                    f"layer{i}", 9, (Measurement("dimension", v, e, "m", 99, more=more),)
                )
                for i, (v, e) in enumerate(ends)
            ),
        )
        for name in names
    )
    ax = axes()
    with overlaid(ax):
        draw(BySite("by", "", "", networks, "dimension", 4.0, "input manifold"), ax)
    assert len(legend_texts(ax)) >= 3 and is_off_the_data(ax)


def test_the_legend_of_forecasts_is_off_the_data() -> None:
    ax = axes()
    ms.rollout(*losses()).plot(ax)
    assert is_off_the_data(ax)


@pytest.mark.parametrize(
    "name",
    [
        *("PowerLaw", "SumLaw", "LearningCurve", "RangeSelection", "KappaOfScale"),
        *("Spectrum", "KernelLearningCurve", "MeanFieldLayers", "ThroughLayers"),
        *("RepetitionLaw", "EnsembleTest", "CovarianceSpectrum", "AcrossScales"),
    ],
)
def test_a_logarithmic_axis_has_two_numbers(name: str) -> None:
    ax = made(name).plot(axes())
    ax.figure.canvas.draw()
    for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        if axis.get_scale() == "log":
            ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
            shown = [t for at, t in ticks if low <= at <= high and t.get_text()]
            assert len(shown) >= 2, (name, axis.axis_name)


@pytest.mark.parametrize("spread", [1.0001, 1.02, 1.3, 3.0, 40.0, 400.0, 1e7])
def test_numbers_for_any_range(spread: float) -> None:
    sizes = np.geomspace(100, 10_000, 6)
    values = np.geomspace(0.37 * spread, 0.37, 6)
    ax = axes()
    ms.LearningCurve.from_frame(
        [{"dataset_size": int(x), "loss": y} for x, y in zip(sizes, values, strict=True)]
    ).plot(ax)
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    assert sum(low <= at <= high and bool(t.get_text()) for at, t in ticks) >= 2


def test_the_exponent_and_its_interval_stand_in_the_figure_of_a_fit() -> None:
    fit, ax = fitted(), axes()
    fit.plot(ax)
    (text,) = legend_texts(ax)
    assert text.startswith("$\\alpha_D$ ") and str(fit.interval) in text
    assert ax.get_xlabel() == "training examples $D$"


def test_symbols_become_formulas() -> None:
    assert as_formula("alpha_P") == "$\\alpha_P$"
    assert as_formula("parameters P = 200") == "parameters $P$ = 200"
    assert as_formula("width w", "w") == "width $w$"
    assert as_formula("rank^-1.20 [1, 2]") == "rank$^{-1.20}$ [1, 2]"
    assert as_formula("curvature x R", "R") == "curvature $\\times\\ R$"
    assert (
        as_formula("local alpha_D above the floor") == "local $\\alpha_D$ above the floor"
    )
    assert as_formula(r"costs \$5, alpha_D") == r"costs \$5, alpha_D"  # of a user, as it is
    assert as_formula("model D") == "model D"


def test_a_legend_beside_nothing_that_is_known() -> None:
    ax = axes()
    with overlaid(ax):
        ax.errorbar([0, 1], [np.nan, np.nan], [[0, 0], [0, 0]], fmt="o", label="none")
        ax.errorbar([0, 1], [1.0, np.nan], [[1, 0], [1, 0]], fmt="o", label="one")
        ax.legend()
    assert legend_texts(ax) == ["none", "one"]


def test_nothing_global_changes() -> None:
    before = dict(mpl.rcParams)
    fitted().plot(axes(), label="A", color="C1")
    assert dict(mpl.rcParams) == before
    plt.close("all")
