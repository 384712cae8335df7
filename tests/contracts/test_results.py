"""What every result of the package keeps: columns, interval, method, number of points,
caveats, a picture. A result class is added by one row of MAKERS.
"""

import dataclasses as dc
import functools
import importlib
import inspect
import json
import math
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure
from torch import nn

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.result import Quantity, Result

from ..scaling.trajectories import networks, recipe

# Their makers are added with their columns.

Make = Callable[[], Any]


@functools.cache
def cloud() -> ms.Cloud:
    points = ms.manifolds.Sphere(2).sample(600, ambient=8, noise=0.01).points
    return ms.Cloud(points, labels=np.arange(len(points)) % 3, name="sphere")


@functools.cache
def estimated(method: Any) -> Any:
    return ms.estimate(cloud(), method)


def from_sphere(method: Any) -> Make:
    return lambda: estimated(method)


def persistence() -> Any:
    return estimated(ms.topology.Rips(landmarks=40, subsamples=3))


@functools.cache
def compared() -> Any:
    return ms.compare_representations(cloud(), cloud().points[:, :2])


def spectrum() -> Any:
    return ms.theory.sphere_spectrum(ms.theory.NTK(), dim=3, degrees=30)


def through_layers() -> Any:
    circle = ms.curvature.great_circle([1.0, 0.0], [0.0, 1.0])
    return ms.curvature.through_layers(nn.Sequential(nn.Linear(2, 9), nn.Tanh()), circle)


def learning_curve() -> Any:
    values = np.arange(1.0, 100) ** -2
    return ms.theory.kernel_learning_curve(values, np.sqrt(values), [10, 20])


def fitted() -> Any:
    return ms.fit_power_law(*losses())


def losses() -> tuple[Any, Any]:
    sizes = np.repeat(np.geomspace(100, 10_000, 9), 3)
    noise = 1 + 0.02 * np.random.default_rng(0).standard_normal(len(sizes))
    return sizes, (0.1 + (sizes / 100) ** -0.5) * noise


def two_resources() -> ms.LearningCurve:
    rows = [
        {"dataset_size": d, "parameters": p, "loss": 1 + 9 * d**-0.4 + 9 * p**-0.5}
        for d in (100, 300, 1000, 3000, 9000)
        for p in (200, 600, 2000, 20_000)
    ]
    return ms.LearningCurve.from_frame(rows)


def repeated() -> Any:
    base = ms.scaling.SumOfPowers(floor=1.0, A=30.0, alpha_P=0.5, B=30.0, alpha_D=0.5)
    rows = [
        {"dataset_size": d, "parameters": p, "unique_examples": 1000,
         "loss": float(base.predict(min(d, 2000), p))}
        for d in (1000, 2000, 4000, 8000) for p in (300, 900)
    ]  # fmt: skip
    return ms.scaling.fit_repetition(ms.LearningCurve.from_frame(rows), base)


def on_digits() -> Any:
    plan = ms.sweeps.Plan(ms.sweeps.DataSet("digits"), [50, 100, 200], seeds=2)
    return ms.theory.beside(plan, predicted_from=300)


def recipe_of_sizes(slope: float) -> ms.LearningCurve:
    rows = [
        {"dataset_size": d, "seed": s, "loss": (1 + s / 9) * d ** (-slope / 2)}
        for d in (10, 100, 1000)
        for s in range(3)
    ]
    return ms.LearningCurve.from_frame(rows)


def ring() -> Any:
    """The angles of points on a circle."""
    circle = ms.manifolds.Sphere(1).sample(80)
    return ms.estimate(circle, ms.topology.CircularCoordinates(landmarks=40, repeats=2))


def weekdays() -> Any:
    """Seven items in eight templates, in the order of their names."""
    points = np.random.default_rng(0).standard_normal((56, 12))
    cloud = ms.Cloud(points, labels=np.repeat(list("abcdefg"), 8))
    return ms.estimate(cloud, ms.classes.Concept(order=tuple("abcdefg")))


def narrow_plan() -> Any:
    """Networks of three widths, on few examples."""
    task = ms.sweeps.TeacherStudent(2, ambient_dim=4, teacher_width=20)
    return ms.sweeps.Plan(task, (20,), (4, 8, 16), seeds=1, depth=1, n_test=20)


MAKERS: dict[str, Make] = {
    "Quantity": lambda: Quantity(2.0, ms.Interval(1.0, 3.0), "by hand", 9),
    "Dimension": from_sphere(ms.dimension.TwoNN()),
    "dimension.ScaleCurve": from_sphere(ms.dimension.AcrossScales()),
    "LocalDimension": from_sphere(ms.dimension.Local(ms.dimension.MLE(k=10))),
    "ScalingDimension": from_sphere(ms.dimension.NearestNeighborScaling()),
    "Curvature": from_sphere(ms.curvature.Quadric(2)),
    "KappaRMS": lambda: estimated(ms.curvature.Quadric(2)).pooled.kappa_rms,
    "ScalarCurvature": lambda: estimated(ms.curvature.Quadric(2)).pooled.scalar,
    "MeanAbsolutePrincipal": from_sphere(ms.curvature.MAPC(2)),
    "curvature.ScaleCurve": from_sphere(ms.curvature.KappaOfScale(2)),
    "Reach": from_sphere(ms.curvature.ReachEstimate(2)),
    "SecondFormNorm": from_sphere(ms.curvature.GaussMap(2)),
    "Persistence": persistence,
    "Betti": lambda: persistence().betti[1],
    "Coefficients": lambda: ms.topology.compare_coefficients(
        cloud(), ms.topology.Rips(landmarks=40, subsamples=3)
    ),
    "Angles": ring,
    "CircularCorrelation": lambda: ring().against(np.linspace(0, 6, 80))[0],
    "CovarianceSpectrum": from_sphere(ms.spectra.Covariance()),
    "SpectrumQuantity": lambda: estimated(ms.spectra.Covariance()).alpha,
    "ClassGeometry": from_sphere(ms.classes.Capacity(exemplars=20, probes=3)),
    "ClassQuantity": lambda: (
        ms.estimate(
            ms.Cloud(cloud().points[:9], labels=range(9)), ms.classes.Capacity(probes=3)
        ).capacity
    ),
    "ConceptGeometry": weekdays,
    "ConceptQuantity": lambda: weekdays().dim,
    "OrderShare": lambda: weekdays().circle,
    "RepresentationComparison": compared,
    "Similarity": lambda: compared().cka,
    "PairedDifference": lambda: ms.paired_difference(
        cloud(), cloud().points[:, :2], ms.dimension.ParticipationRatio(), parts=5
    ),
    "View": from_sphere(ms.views.PCA()),
    "Trustworthiness": lambda: estimated(ms.views.PCA()).trustworthiness,
    "CurveThroughLayers": through_layers,
    "Spectrum": spectrum,
    "SpectralExponent": lambda: spectrum().exponent(),
    "KernelGeometry": lambda: ms.theory.kernel_geometry(
        ms.theory.NNGP(activation="erf"), dim=2
    ),
    "MeanField": lambda: ms.theory.mean_field("tanh", 1.5, 0.1),
    "LinearizedTraining": lambda: ms.theory.linearized_training(
        np.eye(3), [1.0, 2.0, 3.0], [0.0, 1.0]
    ),
    "KernelLearningCurve": learning_curve,
    "GramLearningCurve": lambda: ms.theory.gram_learning_curve(
        ms.theory.Laplace(9.0)(np.random.default_rng(0).standard_normal((60, 30))),
        np.random.default_rng(1).standard_normal(60),
        [10, 20],
    ),
    "Beside": on_digits,
    "HermiteSpectrum": lambda: ms.theory.hermite_spectrum(
        ms.theory.Gaussian(6.0), cloud().points, cloud().points[:, 0], rank=20
    ),
    "RandomFeatureCurve": lambda: ms.theory.linear_random_features(
        np.arange(1.0, 50) ** -2, [5, 10], [9, 20, 40]
    ),
    "CoordinateCheck": lambda: ms.sweeps.coordinate_check(narrow_plan(), (4, 8, 16)),
    "KernelMovement": lambda: ms.sweeps.kernel_movement(narrow_plan()),
    "PowerLaw": fitted,
    "LossRatio": lambda: ms.scaling.loss_ratio(recipe_of_sizes(1.0), recipe_of_sizes(2.0)),
    "RangeSelection": lambda: ms.select_range(*losses()),
    "ModelComparison": lambda: ms.compare_models(*losses()),
    "Rollout": lambda: ms.rollout(*losses()),
    "RegimeVerdict": lambda: ms.classify_regime(two_resources().at(parameters=600)),
    "JointLaw": lambda: ms.fit_joint(two_resources()),
    "SumLaw": lambda: ms.fit_sum(two_resources()),
    "ComputeFrontier": lambda: ms.scaling.compute_frontier(two_resources()),
    "RepetitionLaw": repeated,
    "SpeedUp": lambda: ms.speed_up(recipe(1.0, 0), recipe(2.0, 1)),
    "ComputeEnvelope": lambda: ms.compute_envelope(networks()),
    "EnsembleTest": lambda: ms.scaling.ensemble_test(
        {8: [0.3, 0.31], 16: [0.2, 0.21]}, {8: [0.2, 0.21], 16: [0.15, 0.16]}, 4
    ),
    "ExponentPrediction": lambda: ms.predict_exponent(MAKERS["Dimension"]()),
    "Comparison": lambda: ms.compare(ms.predict_exponent(MAKERS["Dimension"]()), fitted()),
    "RelationTest": lambda: ms.relation([2.0, 4, 6, 8, 12], [2.1, 0.9, 0.7, 0.5, 0.3]),
    "DualityTest": lambda: ms.duality([0.5, 0.7, 0.4], [0.52, 0.66, 0.41]),
}


def subclasses(of: type) -> Iterator[type]:
    for one in of.__subclasses__():
        yield one
        yield from subclasses(one)


def result_classes() -> list[type]:
    """Every result class of the package that is made: a frozen dataclass."""
    for module in pkgutil.walk_packages(ms.__path__, "manifoldscale."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {*subclasses(Result), Quantity}
    ours = [c for c in found if c.__module__.startswith("manifoldscale.")]
    frozen = [c for c in ours if "__dataclass_fields__" in vars(c)]
    made = [c for c in frozen if not inspect.isabstract(c)]
    return sorted(made, key=lambda c: (c.__module__, c.__name__))


CLASSES = result_classes()


def key(of: type) -> str:
    """The name of a class, with its room where two rooms have one of that name."""
    room = of.__module__.split(".")[1]
    several = sum(c.__name__ == of.__name__ for c in CLASSES) > 1
    return f"{room}.{of.__name__}" if several else of.__name__


@functools.cache
def made(of: type) -> Any:
    found = MAKERS[key(of)]()
    assert type(found) is of
    return found


results = pytest.mark.parametrize("of", CLASSES, ids=key)


@results
def test_a_row_has_the_company_of_the_number(of: type) -> None:
    found = made(of)
    row = found.row()
    assert row["method"] == str(found.method) and row["method"]
    assert row["n_points"] == found.n_points >= 0
    assert row["caveats"] == "; ".join(map(str, found.caveats))
    simple = (str, bool, int, float, np.generic, type(None))
    assert all(isinstance(cell, simple) for cell in row.values()), row
    assert list(found.to_frame().columns)[:1] == list(row)[:1]


@results
def test_one_number_has_a_value_and_an_interval(of: type) -> None:
    found = made(of)
    if not found.main and not isinstance(found, Quantity):
        numbers = [v for k, v in found.row().items() if isinstance(v, int | float)]
        assert not hasattr(found, "value") and len(numbers) > 1  # n_points is one
        return
    if isinstance(found.value, str):
        assert found.value in found.row().values()
        return
    low, high = found.interval
    row = found.row()
    assert (row["low"], row["high"]) == pytest.approx((low, high), nan_ok=True)
    assert row["level"] == found.interval.level
    assert math.isnan(found.value) or low <= found.value <= high


@results
def test_a_caveat_is_never_dropped(of: type) -> None:
    found = made(of)
    if "caveats" not in {field.name for field in dc.fields(found)}:
        return  # they are those of its parts
    noted = dc.replace(found, caveats=(Caveat.FEW_POINTS("9 of them"),))
    assert "9 of them" in noted.row()["caveats"]
    assert "9 of them" in str(noted) and "9 of them" in noted._repr_html_()


@results
def test_arrays_are_read_only(of: type) -> None:
    found = made(of)
    for field in dc.fields(found):
        value = getattr(found, field.name)
        for array in value if isinstance(value, tuple) else (value,):
            assert not (isinstance(array, np.ndarray) and array.flags.writeable), field.name


@results
def test_it_is_said_saved_and_drawn(of: type) -> None:
    found = made(of)
    assert str(found).splitlines()[0] and "<code>" in found._repr_html_()
    assert json.loads(found.to_json())
    figure, ax = plt.subplots()
    assert found.plot(ax) is ax and ax.has_data()
    plt.close(figure)


@results
def test_it_is_drawn_over_another_with_a_label_and_a_colour(of: type) -> None:
    found, ax = made(of), Figure(figsize=(3.5, 2.7)).add_subplot()
    assert {"ax", "label", "color"} <= inspect.signature(of.plot).parameters.keys()
    assert found.plot(ax, label="A", color="#0011aa") is ax
    found.plot(ax, label="B", color="#aa0011")
    legend = ax.get_legend()
    texts = [text.get_text() for text in legend.get_texts()] if legend else []
    assert any(t.startswith("A") for t in texts) and any(t.startswith("B") for t in texts)
    colors = [line.get_color() for line in ax.lines]
    colors += [mark.get_facecolor() for mark in (*ax.collections, *ax.patches)]
    shades = {to_hex(row) for color in colors for row in to_rgba_array(color)}
    assert {"#0011aa", "#aa0011"} <= shades


def test_every_maker_makes_a_class() -> None:
    assert MAKERS.keys() <= {key(of) for of in CLASSES}


def test_a_table_of_different_results_is_one_csv(tmp_path: Any) -> None:
    dim, view = MAKERS["Dimension"](), MAKERS["View"]()
    ms.Table((dim, view)).to_csv(tmp_path / "mixed.csv")
    import pandas as pd

    read = pd.read_csv(tmp_path / "mixed.csv")
    assert set(read.columns) == {*dim.row(), *view.row()}
    assert read["trustworthiness"][1] == pytest.approx(view.value)
    assert math.isnan(read["trustworthiness"][0]) and math.isnan(read["dimension"][1])
