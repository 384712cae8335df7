"""Every result draws itself, in one style, with its own numbers."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.core.result import Result
from manifoldscale.core.style import SINGLE, new_figure, save_figure, styled

SIZES = np.geomspace(100, 10_000, 8)


def losses(alpha: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = SIZES.round().repeat(3)
    return x, (0.05 + (x / 100) ** -alpha) * (1 + 0.03 * rng.standard_normal(len(x)))


def curve() -> ms.LearningCurve:
    rows = [
        {"dataset_size": int(d), "width": w, "loss": (d / 100) ** -0.5 + 1 / w}
        for d in SIZES.round()
        for w in (16, 64)
    ]
    return ms.LearningCurve.from_frame(rows)


def sphere() -> ms.Neighbors:
    return ms.manifolds.Sphere(2).sample(600, rng=0).neighbors(64, anchors=100)


def fitted() -> Any:
    return ms.fit_power_law(*losses())


def predicted() -> Any:
    dim = ms.estimate(sphere(), ms.dimension.TwoNN())
    return ms.predict_exponent(dim)


RIPS = ms.topology.Rips(landmarks=40, subsamples=3)


def circled() -> ms.Cloud:
    return ms.manifolds.Sphere(1).sample(200, rng=0)


def classes() -> ms.Cloud:
    points = np.random.default_rng(0).standard_normal((120, 30))
    return ms.Cloud(points / np.arange(1, 31), labels=np.arange(120) % 4)


def circle() -> Any:
    net = nn.Sequential(nn.Linear(2, 30), nn.Tanh(), nn.Linear(30, 30), nn.Tanh())
    path = ms.curvature.great_circle([1.0, 0.0], [0.0, 1.0])
    return ms.curvature.through_layers(net, path, n=64)


def grid() -> ms.LearningCurve:
    rows = [
        {"D": d, "P": p, "loss": 1.1 * min(d, p) ** -0.5 / (1 - min(d, p) / max(d, p))}
        for d in (100, 300, 1000, 3000, 11_000)
        for p in (200, 2000, 20_000)
    ]
    names = {"D": "dataset_size", "P": "parameters"}
    return ms.LearningCurve.from_frame(
        [{names.get(k, k): v for k, v in row.items()} for row in rows]
    )


def methods() -> Any:
    several = [ms.dimension.TwoNN(), ms.dimension.MLE(k=20), ms.dimension.Gride()]
    return ms.estimate(sphere(), several)


def on(method: Any) -> Any:
    return lambda: ms.estimate(sphere(), method)


def repeated() -> Any:
    base = ms.scaling.SumOfPowers(floor=1.0, A=30.0, alpha_P=0.5, B=30.0, alpha_D=0.5)
    runs = tuple(
        Run(float(base.predict(min(d, 2000), p)), d, parameters=p, unique_examples=1000)
        for d in (1000, 2000, 4000, 8000)
        for p in (300, 900)
    )
    return ms.scaling.fit_repetition(LearningCurve(runs), base)


ranks = np.arange(1, 2001)
MAKE: dict[str, Callable[[], Any]] = {
    "Dimension": on(ms.dimension.Auto()),
    "AcrossScales": on(ms.dimension.AcrossScales(ms.dimension.Gride(), octaves=4)),
    "Local": on(ms.dimension.Local(ms.dimension.MLE(k=20))),
    "NearestNeighborScaling": on(ms.dimension.NearestNeighborScaling()),
    "Curvature": on(ms.curvature.Quadric(2, k=64)),
    "KappaOfScale": on(ms.curvature.KappaOfScale(2, k=64)),
    "ThroughLayers": circle,
    "Table": methods,
    "LearningCurve": curve,
    "PowerLaw": fitted,
    "RangeSelection": lambda: ms.select_range(*losses()),
    "ModelComparison": lambda: ms.compare_models(*losses()),
    "JointLaw": lambda: ms.fit_joint(grid(), floor="zero"),
    "SumLaw": lambda: ms.fit_sum(grid()),
    "ComputeFrontier": lambda: ms.scaling.compute_frontier(ms.fit_sum(grid())),
    "RepetitionLaw": repeated,
    "RegimeVerdict": lambda: ms.classify_regime(curve().at(width=64)),
    "EnsembleTest": lambda: ms.scaling.ensemble_test(
        {8: [0.3, 0.31], 16: [0.2, 0.21]}, {8: [0.2, 0.21], 16: [0.15, 0.16]}, 4
    ),
    "ExponentPrediction": predicted,
    "Comparison": lambda: ms.compare(predicted(), fitted()),
    "RelationTest": lambda: ms.test_relation([2.0, 4, 6, 8, 12], [2.1, 0.9, 0.7, 0.5, 0.3]),
    "DualityTest": lambda: ms.test_duality([0.5, 0.7, 0.4], [0.52, 0.66, 0.41]),
    "Spectrum": lambda: ms.theory.sphere_spectrum(ms.theory.NTK(), 3, 12),
    "KernelLearningCurve": lambda: ms.theory.kernel_learning_curve(
        ranks**-2.0, 1 / ranks, sizes=[10, 100, 1000]
    ),
    "RandomFeatureCurve": lambda: ms.theory.linear_random_features(
        ranks**-2.0, [10, 100], [10, 30, 100, 300], ridge=1e-3
    ),
    "LinearizedTraining": lambda: ms.theory.linearized_training(
        np.exp(-abs(np.subtract.outer(*[np.linspace(-1, 1, 12)] * 2))),
        np.sin(3 * np.linspace(-1, 1, 12)[:8, None]),
        times=[0.1, 1, 10],
    ),
    "Persistence": lambda: ms.estimate(circled(), RIPS),
    "Coefficients": lambda: ms.topology.compare_coefficients(circled(), RIPS),
    "ClassGeometry": lambda: ms.estimate(classes(), ms.classes.Capacity(probes=20)),
    "ConceptGeometry": lambda: ms.estimate(
        classes(), ms.classes.Concept(order=(0, 1, 2, 3))
    ),
    "CovarianceSpectrum": lambda: ms.estimate(classes(), ms.spectra.Covariance(dim=4)),
    "View": lambda: ms.estimate(classes(), ms.views.PCA()),
    "MeanFieldLayers": lambda: ms.theory.mean_field("tanh", 2.0, 0.1).layers(10),
}


@functools.cache
def made(name: str) -> Any:
    return MAKE[name]()


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[Any, Axes]]:
    found = {}
    for name in MAKE:
        result = made(name)
        found[name] = result, result.plot(Figure(figsize=(3.5, 2.7)).add_subplot())
    return found


@pytest.mark.parametrize("name", MAKE)
def test_every_result_draws_itself(drawn: dict, name: str) -> None:
    _, ax = drawn[name]
    assert ax.has_data(), name
    assert ax.get_xlabel(), name
    ax.figure.canvas.draw()  # labels and ticks can be laid out


def points_of(ax: Axes) -> set[float]:
    """Every x and y that a line of the axes holds, rounded."""
    values = np.concatenate([np.ravel(line.get_xydata()) for line in ax.lines])
    return {float(f"{v:.6g}") for v in values[np.isfinite(values)]}


def test_artists_carry_the_numbers(drawn: dict) -> None:
    def holds(name: str, *values: float) -> bool:
        return {float(f"{value:.6g}") for value in values} <= points_of(drawn[name][1])

    dim, fit = drawn["Dimension"][0], drawn["PowerLaw"][0]
    assert holds("Dimension", dim.value, *dim.interval)
    assert holds("PowerLaw", *fit.losses.x, *fit.losses.y)
    assert holds("Table", *(one.value for one in drawn["Table"][0]))
    compared = drawn["Comparison"][0]
    assert holds("Comparison", compared.prediction.alpha, *compared.fit.interval)
    scales = drawn["AcrossScales"][0]
    assert holds("AcrossScales", *scales.examples, *(one.value for one in scales.curve))
    kernel = drawn["KernelLearningCurve"][0]
    assert holds("KernelLearningCurve", *kernel.sizes, *kernel.error)


def test_an_unknown_number_is_not_drawn() -> None:
    dead = ms.core.result.Quantity(np.nan, ms.Interval(np.nan, np.nan), "none", 0)
    ax = dead.plot(Figure().add_subplot())
    assert not ax.lines and ax.get_yticklabels()[0].get_text() == "none"


def test_an_open_interval_ends_in_an_arrow() -> None:
    open_end = ms.core.result.Quantity(2.0, ms.Interval(1.0, np.inf), "one", 10)
    ax = open_end.plot(Figure().add_subplot())
    assert points_of(ax) >= {2.0, 1.0} and np.isfinite(ax.get_xlim()).all()


def test_without_axes_a_column_wide_figure_is_made() -> None:
    import matplotlib.pyplot as plt

    plt.close("all")
    before = matplotlib.rcParams["font.size"]
    ax = fitted().plot()
    assert ax.figure.get_size_inches()[0] == SINGLE
    assert not ax.spines["top"].get_visible()
    assert matplotlib.rcParams["font.size"] == before  # nothing global has changed
    plt.close("all")


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_the_same_numbers_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    files = []
    for name in ("a", "b"):
        with styled():
            figure, (ax,) = new_figure()
            fitted().plot(ax)
        files.append(save_figure(figure, tmp_path / f"{name}.{ending}").read_bytes())
    assert files[0] == files[1]
    with pytest.raises(ms.ManifoldScaleError, match=re.escape(".png, .pdf, .svg")):
        save_figure(figure, tmp_path / "c.jpg")


def test_every_result_of_the_package_has_a_plot() -> None:
    """A new result without one is named here; those that are words or settings are not."""
    import importlib
    import pkgutil

    for module in pkgutil.walk_packages(ms.__path__, "manifoldscale."):
        if not re.search(r"\.(cli|testing|sklearn)", module.name):
            importlib.import_module(module.name)

    def below(kind: type) -> set[type]:
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    without = {kind.__name__ for kind in below(Result) if not hasattr(kind, "plot")}
    assert without <= {"Result", "KernelGeometry", "MeanField", "SiteGeometry"}
