"""Every setting of every value takes NumPy's numbers as it takes Python's, and refuses what
is none."""

import dataclasses as dc
import json
import math
from typing import Annotated, Any

import numpy as np
import pytest
from torch import nn

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.serialize import plain
from manifoldscale.core.settings import (
    FINITE,
    Count,
    Level,
    Positive,
    Settings,
    above,
    among,
    at_least,
    real,
    whole,
)
from manifoldscale.networks.mlp import MLP
from manifoldscale.networks.points import Flatten, Position, Project, Several
from manifoldscale.sweeps import (
    DataSet,
    Plan,
    RandomHierarchy,
    SparseParities,
    TeacherStudent,
    Training,
)

TEACHER = TeacherStudent(2, ambient_dim=4)
VALUES: list[Any] = [
    ms.dimension.TwoNN(),
    ms.dimension.MLE(k=10),
    ms.dimension.Gride(1, 2),
    ms.dimension.BIDE(),
    ms.dimension.ABIDE(),
    ms.dimension.CorrelationDimension(),
    ms.dimension.LocalPCA(),
    ms.dimension.NearestNeighborScaling(),
    ms.dimension.PersistentHomology(),
    ms.dimension.ParticipationRatio(),
    ms.dimension.I3D(),
    ms.dimension.Hamming(),
    ms.dimension.Auto(),
    ms.dimension.AcrossScales(ms.dimension.TwoNN(), at_scale=100),
    ms.dimension.Calibrated(ms.dimension.TwoNN()),
    ms.dimension.Local(ms.dimension.MLE(k=10)),
    ms.curvature.Quadric(2, k=30),
    ms.curvature.GaussMap(2),
    ms.curvature.KappaOfScale(2),
    ms.curvature.MAPC(2),
    ms.curvature.ReachEstimate(2),
    ms.curvature.VolumeGrowth(2),
    ms.topology.Rips(),
    ms.topology.CircularCoordinates(),
    ms.dimension.AboveNoise(),
    ms.classes.Capacity(),
    ms.classes.Concept(order=("Monday", "Tuesday", "Wednesday", "Thursday")),
    ms.spectra.Covariance(),
    ms.views.UMAP(),
    ms.views.PCA(),
    ms.manifolds.Sphere(3, radius=2.0),
    ms.manifolds.Torus(2.0, 1.0),
    ms.manifolds.Grassmann(4, 2),
    ms.manifolds.Stiefel(4, 2),
    ms.manifolds.SpecialOrthogonal(3),
    ms.manifolds.FlatTorus(2),
    ms.manifolds.KernelSphere(2, width=64),
    ms.theory.NTK(depth=2),
    ms.theory.NNGP(depth=2),
    ms.theory.ConvNTK(depth=2),
    ms.theory.Gaussian(1.5),
    ms.theory.Matern(2.5),
    MLP(4, 8, 2, 1),
    Several("tokens", 4),
    Position(2, 5),
    Project(Flatten(), 64),
    TEACHER,
    DataSet("digits"),
    SparseParities(),
    RandomHierarchy(),
    Training(steps=5),
    Plan(TEACHER, (20, 30), (4,), seeds=1, depth=1, n_test=20),
]
NUMBERS = [
    pytest.param(value, field.name, id=f"{type(value).__name__}.{field.name}")
    for value in VALUES
    for field in dc.fields(value)
    if field.init and type(getattr(value, field.name)) in (int, float)
]


@pytest.mark.parametrize(("value", "name"), NUMBERS)
def test_a_number_of_numpy_is_the_number(value: Any, name: str) -> None:
    given = getattr(value, name)
    kinds = [np.int64, np.int32, np.uint16] if type(given) is int else [np.float64]
    for kind in kinds:
        again = dc.replace(value, **{name: kind(given)})
        assert type(getattr(again, name)) is type(given)
        assert again == value
        assert hash(again) == hash(value)
        assert str(again) == str(value)
        assert json.dumps(plain(again)) == json.dumps(plain(value))


@pytest.mark.parametrize(("value", "name"), NUMBERS)
@pytest.mark.parametrize("wrong", [True, np.True_, "many", [1]], ids=repr)
def test_what_is_no_number_is_refused_by_name(value: Any, name: str, wrong: Any) -> None:
    with pytest.raises(ManifoldScaleError, match=f"`{name}`"):
        dc.replace(value, **{name: wrong})


def test_numbers_of_arguments() -> None:
    assert whole("k", np.int32(3)) == 3
    assert type(whole("k", np.uint8(3))) is int
    assert type(real("radius", np.float32(0.5))) is float
    for wrong in (True, np.True_, 2.0, "2", None, 0):
        with pytest.raises(ManifoldScaleError, match="`k` must be a whole number"):
            whole("k", wrong)
    for wrong in (True, "2", None, float("nan"), float("inf")):
        with pytest.raises(ManifoldScaleError, match="`radius` must be a finite number"):
            real("radius", wrong)


@dc.dataclass(frozen=True)
class Ruled(Settings):
    """One field a rule."""

    share: Annotated[float, at_least(0, below=1)] = 0.5
    part: Annotated[float, above(0, most=1)] | None = None
    slope: Annotated[float, FINITE] = 1.0
    degree: Annotated[int, at_least(0, most=2, advice="Degree 3 costs too much.")] = 1
    rule: Annotated[str, among("ml", "linear")] = "ml"
    size: Count = 1
    scale: Positive = 1.0
    level: Level = 0.95


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("share", 1.0, "at least 0 and below 1; not 1.0."),
        ("share", math.nan, "at least 0 and below 1; not nan."),
        ("part", 0, "above 0 and at most 1; not 0."),
        ("part", "half", "a number or None; not 'half'."),
        ("slope", math.inf, "a finite number; not inf."),
        ("degree", 3, "at least 0 and at most 2; not 3. Degree 3 costs too much."),
        ("rule", "best", "one of 'ml', 'linear'; not 'best'."),
        ("size", 0, "a positive integer; not 0."),
        ("size", 2.0, "a whole number; not 2.0."),
        ("scale", 0.0, "positive; not 0.0."),
        ("scale", math.inf, "a finite number; not inf."),
        ("level", 95, "between 0 and 1, as in 0.95; not 95."),
    ],
)
def test_a_rule_says_what_it_wants_and_what_it_found(
    name: str, wrong: Any, words: str
) -> None:
    with pytest.raises(ManifoldScaleError) as found:
        Ruled(**{name: wrong})
    assert str(found.value) == f"`{name}` must be {words}"


def test_what_keeps_its_rules_is_taken() -> None:
    assert Ruled(0, 1.0, -3, 2, "linear", np.int64(9), 1e300, 0.5).size == 9
    assert Ruled(part=None) == Ruled()


@pytest.mark.parametrize("rng", [3, np.int64(3), np.uint8(3)])
def test_seeds_of_numpy_draw_the_same(rng: Any) -> None:
    sphere = ms.manifolds.Sphere(3)
    assert np.array_equal(
        sphere.sample(20, rng=rng).points, sphere.sample(20, rng=3).points
    )


POINTS = np.random.default_rng(0).standard_normal((60, 4)).astype("f4")
NEAR = ms.Cloud(POINTS).neighbors(8)
PLAN = Plan(TEACHER, (20, 30), (4,), seeds=1, depth=1, n_test=20)
COUNTS = {  # what takes a whole number, by the name that an error must give
    "n: sample": lambda v: ms.manifolds.Sphere(3).sample(v),
    "ambient": lambda v: ms.manifolds.Sphere(3).sample(9, ambient=v),
    "k: neighbors": lambda v: ms.Cloud(POINTS).neighbors(v),
    "k: first": lambda v: NEAR.first(v),
    "n: extract": lambda v: ms.extract(nn.Linear(4, 4), POINTS, n=v),
    "batch_size": lambda v: ms.extract(nn.Linear(4, 4), POINTS, batch_size=v),
    "rng: extract": lambda v: ms.extract(nn.Linear(4, 4), POINTS, rng=v),
    "shard": lambda v: ms.extract(nn.Linear(4, 4), POINTS, store="s", shard=(v, 9)),
    "n: examples": lambda v: ms.data.load_examples("digits").sample(v),
    "width: train_one": lambda v: ms.sweeps.train_one(PLAN, v, 20),
    "dataset_size": lambda v: ms.sweeps.train_one(PLAN, 4, v),
    "seed: train_one": lambda v: ms.sweeps.train_one(PLAN, 4, 20, v),
    "dataset_sizes": lambda v: dc.replace(PLAN, dataset_sizes=(v, 30)),
    "widths": lambda v: dc.replace(PLAN, widths=(v,)),
    "depth: ntk": lambda v: ms.theory.ntk(POINTS, depth=v),
    "width: ntk_mlp": lambda v: ms.theory.ntk_mlp(4, v, 2),
    "dim": lambda v: ms.theory.sphere_spectrum(ms.theory.NTK(), v, 6),
    "n: spectrum": lambda v: ms.theory.power_law_spectrum(1.0, n=v),
    "draws": lambda v: ms.theory.simulate_linear_random_features(
        np.arange(1.0, 50) ** -2, [5], [9], draws=v
    ),
}


@pytest.mark.parametrize("label", COUNTS)
@pytest.mark.parametrize("wrong", [True, 4.5, "four", None], ids=repr)
def test_what_counts_takes_no_other(label: str, wrong: Any) -> None:
    if wrong is None and label.partition(":")[0] in ("n", "ambient"):
        pytest.skip("None is every one, or none")
    with pytest.raises(ManifoldScaleError, match=f"`{label.partition(':')[0]}`"):
        COUNTS[label](wrong)
