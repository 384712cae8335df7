"""Data that an expert would look at twice: the answer, or the refusal, is one to sign."""

import numpy as np
import pytest
import torch

import manifoldscale as ms
from manifoldscale.core.method import Method
from manifoldscale.dimension import (
    ABIDE,
    BIDE,
    I3D,
    MLE,
    AcrossScales,
    Auto,
    Calibrated,
    CorrelationDimension,
    Dimension,
    Gride,
    Hamming,
    Local,
    LocalPCA,
    NearestNeighborScaling,
    ParticipationRatio,
    PersistentHomology,
    TwoNN,
)

BY_DISTANCE = [
    TwoNN(),
    TwoNN(algorithm="linear"),
    MLE(k=20),
    Gride(),
    BIDE(),
    ABIDE(),
    CorrelationDimension(),
    NearestNeighborScaling(),
    PersistentHomology(blocks=4, n_max=800),
    Calibrated(TwoNN()),
    AcrossScales(),
    Auto(),
]
by_distance = pytest.mark.parametrize("method", BY_DISTANCE, ids=str)


def names(result: ms.Table | Dimension) -> set[str]:
    return {note.caveat.name for note in result.caveats}


# A Swiss roll of extent 10 to 20 with noise in all of 20 features.


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_under_a_little_noise_the_roll_is_a_plateau(noise: float) -> None:
    points = ms.manifolds.SwissRoll().sample(4000, ambient=20, noise=noise).points
    dim = ms.estimate(points, AcrossScales())
    assert dim.value == pytest.approx(2, rel=0.05) and 2 in dim.interval
    assert dim.trend == "noise" and "NOISE" in names(dim)
    assert dim.curve[0].value > 1.2 * dim.value


def test_under_more_noise_the_roll_has_no_dimension_but_one_at_each_scale() -> None:
    points = ms.manifolds.SwissRoll().sample(4000, ambient=20, noise=0.1).points
    dim = ms.estimate(points, AcrossScales())
    assert dim.plateau is None and "NO_PLATEAU" in names(dim)
    assert dim.curve[0].value > 5 and dim.curve[-1].value == pytest.approx(2, rel=0.1)


# A line and a ball of dimension 5, apart, a thousand points each.


@pytest.fixture(scope="module")
def line_and_ball() -> np.ndarray:
    points = np.zeros((2000, 12))
    points[:1000, :1] = ms.manifolds.Ball(1).sample(1000, rng=1).points
    points[1000:, :5] = ms.manifolds.Ball(5).sample(1000, rng=2).points
    points[:1000, 11] = 5
    return points


def test_a_line_and_a_ball_are_two_dimensions(line_and_ball: np.ndarray) -> None:
    local = ms.estimate(line_and_ball, Local(MLE(k=20)))
    assert "MIXTURE" in names(local)
    (low, share), (high, _) = local.modes
    assert low == pytest.approx(1, rel=0.1) and high == pytest.approx(5, rel=0.12)
    assert share == pytest.approx(0.5, abs=0.05)


def test_a_line_and_a_ball_look_like_no_reference(line_and_ball: np.ndarray) -> None:
    """One number for both lies between them, and says that the cloud is like no other."""
    dim = ms.estimate(line_and_ball, Auto())
    assert 1 < dim.value < 5
    assert names(dim) & {"UNLIKE_REFERENCES", "MIXTURE"}


# The last layer of a trained classifier: ten classes collapsed, rectified, float32.


def last_layer(n: int) -> np.ndarray:
    """Ten planes of Gaussian points about far centres in 64 features; half are zero."""
    rng = np.random.default_rng(0)
    centres = 30 * np.abs(rng.standard_normal((10, 64))) * (rng.random((10, 64)) < 0.5)
    of = rng.integers(10, size=n)
    planes = rng.standard_normal((10, 2, 64))
    within = np.einsum("ni,nij->nj", 0.3 * rng.standard_normal((n, 2)), planes[of])
    return np.maximum(centres[of] + within * (centres[of] > 0), 0).astype(np.float32)


@pytest.mark.parametrize("method", [TwoNN(), Gride(), MLE(k=20), Auto()], ids=str)
def test_at_small_scale_a_collapsed_layer_has_the_dimension_of_a_class(
    method: Method,
) -> None:
    dim = ms.estimate(last_layer(3000), method)
    assert dim.value == pytest.approx(2, rel=0.06)


def test_scales_beyond_a_class_are_seen_as_such() -> None:
    """Of 300 points a class has 30: at the rank of 16 and above, the others come in."""
    inside = ms.estimate(last_layer(3000), AcrossScales())
    assert inside.trend == "flat" and inside.value == pytest.approx(2, rel=0.06)
    beyond = ms.estimate(last_layer(300), AcrossScales())
    assert beyond.trend == "clusters" and "CLUSTERED" in names(beyond)
    assert 2 in beyond.interval and beyond.curve[-1].value < 1


def test_a_linear_dimension_counts_the_classes_and_says_that_it_is_linear() -> None:
    dim = ms.estimate(last_layer(3000), ParticipationRatio())
    assert 5 < dim.value < 9 and "LINEAR" in names(dim)


# Spike counts of neurons tuned to one angle, 2,000 presentations.


def spikes(neurons: int, peak: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * rng.random((2000, 1))
    preferred = np.linspace(0, 2 * np.pi, neurons, endpoint=False)
    return rng.poisson(peak * np.exp(2 * (np.cos(angle - preferred) - 1)))


@by_distance
def test_small_counts_are_called_discrete(method: Method) -> None:
    """The advice is a method for counts, and not one for real numbers."""
    dim = ms.estimate(spikes(9, 3), method)
    note = next(note for note in dim.caveats if note.caveat.name == "DISCRETE")
    assert "I3D()" in str(note) and "Hamming()" in str(note)
    assert "FINITE_SAMPLE_BIAS" not in names(dim)


def test_an_offset_that_rounds_the_numbers_is_no_lattice() -> None:
    """float32 has steps of 1/16 at a million, float16 and bfloat16 of 1/2 at 600 and 100,
    whatever array holds them; a grid has steps of its own in any type.
    """
    ball = ms.manifolds.Sphere(3).sample(1500, ambient=10, rng=0).points
    grid = np.round(ball * 16) / 16
    cases = {
        "float32": (ball + 1e6).astype(np.float32),
        "float32 in float64": (ball + 1e6).astype(np.float32).astype(float),
        "float16": (8 * ball + 600).astype(np.float16),
        "bfloat16": torch.tensor(8 * ball + 100).bfloat16().float().numpy(),
    }
    for name, points in cases.items():
        dim = ms.estimate(points, TwoNN())
        note = next(note for note in dim.caveats if note.caveat.name == "ROUNDED")
        assert str(note).startswith(
            f"rounded ({name.split()[0]} goes"
        ) and "DISCRETE" not in names(dim)
        assert "I3D" not in str(dim)
    for points in (grid, grid.astype(np.float32), np.round(ball * 20) + 100):
        assert "DISCRETE" in names(ms.estimate(points, TwoNN()))
        assert "ROUNDED" not in names(ms.estimate(points, TwoNN()))


def test_counting_noise_fills_dimensions_at_small_scale_only() -> None:
    """The latent angle is one dimension; a Poisson count scatters by the root of its mean,
    so that a lattice estimate falls with its radius, and says so.
    """
    small = ms.estimate(spikes(9, 30), I3D())
    assert small.value > 4 and "SCALE_DEPENDENT" in names(small)
    large = ms.estimate(spikes(9, 30), I3D(outer=64))
    assert large.value == pytest.approx(1.5, abs=0.2)
    larger = ms.estimate(spikes(9, 1000), I3D(outer=400))
    assert larger.value == pytest.approx(1.3, abs=0.3)


def test_counts_on_too_sparse_a_lattice_are_refused_with_advice() -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"counting noise.*AcrossScales\(\)"):
        ms.estimate(spikes(50, 20), I3D())


# Bits: 10,000 rows of 8, so that there are 256 states.


@pytest.fixture(scope="module")
def bits() -> np.ndarray:
    return np.random.default_rng(0).random((10_000, 8)) < 0.5


@by_distance
def test_methods_on_distances_refuse_bits_or_flag_them(
    method: Method, bits: np.ndarray
) -> None:
    try:
        dim = ms.estimate(bits, method)
    except ms.ManifoldScaleError as error:
        said = str(error)
    else:
        said = str(dim)
        assert {"DISCRETE", "DUPLICATES"} <= names(dim)
    assert "Hamming()" in said


def test_bits_are_counted(bits: np.ndarray) -> None:
    assert ms.estimate(bits, Hamming()).value == pytest.approx(8, rel=0.01)


# Outputs of a softmax over five classes: they sum to one.


@pytest.mark.parametrize(
    "method",
    [TwoNN(), MLE(k=20), Gride(), ABIDE(), LocalPCA(), ParticipationRatio(), Auto()],
    ids=str,
)
@pytest.mark.parametrize("sharpness", [1.0, 10.0])
def test_a_softmax_has_one_dimension_less_than_classes(
    method: Method, sharpness: float
) -> None:
    logits = sharpness * np.random.default_rng(0).standard_normal((2000, 5))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    dim = ms.estimate(shares.astype(np.float32), method)
    assert 1 < dim.value < 4.5
    assert dim.interval.low < 4 + 1e-9


# Units that are dead, stimuli that were shown twice.


@pytest.mark.parametrize("method", [*BY_DISTANCE, LocalPCA()], ids=str)
def test_dead_units_and_repeats_change_nothing(method: Method) -> None:
    alive = ms.manifolds.Sphere(3).sample(1500, ambient=20, rng=0).points
    alive = np.maximum(alive, 0).astype(np.float32)
    wide = np.hstack([alive, np.zeros((1500, 500), np.float32)])
    dim = ms.estimate(np.vstack([wide, wide[:500]]), method)
    assert dim.value == pytest.approx(ms.estimate(alive, method).value, rel=1e-6)
    assert "DUPLICATES" in names(dim) and dim.n_points == 1500


# One row that went wrong.


@pytest.mark.parametrize(
    "method",
    [*BY_DISTANCE, LocalPCA(), ParticipationRatio()],
    ids=str,
)
def test_one_outlier_moves_nothing_or_is_refused(method: Method) -> None:
    points = ms.manifolds.Sphere(3).sample(2000, ambient=20, rng=0).points.copy()
    points[0] = 1e6
    try:
        dim = ms.estimate(points, method)
    except ms.ManifoldScaleError as error:
        assert "point" in str(error)
        refuses = (NearestNeighborScaling, PersistentHomology, ParticipationRatio)
        assert isinstance(method, refuses)
    else:
        assert dim.value == pytest.approx(3, rel=0.07)


# A line in a thousand features, far from the origin, in float32.


@pytest.mark.parametrize("method", [*BY_DISTANCE, LocalPCA()], ids=str)
def test_a_line_far_from_the_origin_is_a_line(method: Method) -> None:
    rng = np.random.default_rng(0)
    direction = rng.standard_normal(1000) / np.sqrt(1000)
    points = (100 + 10 * rng.random((2000, 1)) * direction).astype(np.float32)
    dim = ms.estimate(points, method)
    assert abs(dim.value - 1) < 3 * dim.stderr + 0.03


def test_where_float32_has_no_digits_left_its_rounding_is_noise() -> None:
    """About 10,000 its steps are as large as the distances of neighbours."""
    rng = np.random.default_rng(0)
    direction = rng.standard_normal(1000) / np.sqrt(1000)
    points = (1e4 + 10 * rng.random((2000, 1)) * direction).astype(np.float32)
    dim = ms.estimate(points, AcrossScales())
    assert dim.curve[-1].value == pytest.approx(1, rel=0.06)
    assert names(dim) & {"NO_PLATEAU", "NOISE"}


# A hundred points in a square.


@pytest.mark.parametrize("method", BY_DISTANCE, ids=str)
def test_a_hundred_points_in_a_square(method: Method) -> None:
    """The interval holds 2, or a caveat says why it may not."""
    points = np.random.default_rng(0).random((100, 2))
    try:
        dim = ms.estimate(points, method)
    except ms.ManifoldScaleError as error:
        assert "100" in str(error)
    else:
        assert dim.value == pytest.approx(2, rel=0.35)
        assert 2 in dim.interval or names(dim) & {"CROWDED", "NEAR_AMBIENT", "FEW_POINTS"}
