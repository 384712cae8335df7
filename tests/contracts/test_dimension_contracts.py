"""Every dimension method on every manifold: the truth is inside, and what must not
matter does not.

A method is added by one row of METHODS.
"""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import manifoldscale as ms
from manifoldscale.dimension import MLE, Auto, Calibrated, TwoNN
from manifoldscale.geometry.neighbors import find_neighbors

METHODS = [TwoNN(), TwoNN(trim=0.0), MLE(k=5), MLE(k=20), Calibrated(TwoNN()), Auto()]
MANIFOLDS = [
    ms.manifolds.Sphere(2),
    ms.manifolds.Sphere(5),
    ms.manifolds.Ball(3),
    ms.manifolds.FlatTorus(2),
    ms.manifolds.FlatTorus(4),
    ms.manifolds.SwissRoll(),
    ms.manifolds.Affine(1),
    ms.manifolds.Affine(3),
]
methods = pytest.mark.parametrize("method", METHODS, ids=str)


@methods
@pytest.mark.parametrize("manifold", MANIFOLDS, ids=str)
def test_truth_within_three_standard_errors_and_five_per_cent(
    method: object, manifold: ms.manifolds.Manifold
) -> None:
    dim = ms.estimate(manifold.sample(4000, ambient=20, rng=11), method)
    assert abs(dim.value - manifold.dim) < 3 * dim.stderr + 0.05 * manifold.dim
    low, high = dim.interval
    assert low < dim.value < high
    assert dim.n_points == 4000 and dim.method == method


CLOUD = ms.manifolds.Sphere(3).sample(600, ambient=8, noise=0.01, rng=12)


def value(points: np.ndarray, method: object) -> float:
    return ms.estimate(points, method).value


@methods
@given(scale=st.floats(1e-100, 1e100), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 999))
@settings(max_examples=10, deadline=None)
def test_similarities_padding_and_order_change_nothing(
    method: object, scale: float, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    reference = value(CLOUD.points, method)
    rotation, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    moved = (CLOUD.points @ rotation + shift) * scale
    assert value(moved, method) == pytest.approx(reference, rel=1e-6)
    padded = np.hstack([CLOUD.points, np.zeros((600, 5))])
    assert value(padded, method) == pytest.approx(reference, rel=1e-9)
    shuffled = CLOUD.points[rng.permutation(600)]
    assert value(shuffled, method) == pytest.approx(reference, rel=1e-9)


@methods
def test_block_size_and_precision_change_nothing(method: object) -> None:
    small, large = (
        ms.estimate(find_neighbors(CLOUD, 20, block_bytes=size), method)
        for size in (1 << 10, 1 << 24)
    )
    assert small.value == pytest.approx(large.value, rel=1e-12)
    single = CLOUD.points.astype(np.float32)
    assert value(single, method) == pytest.approx(large.value, rel=1e-4)


@methods
def test_a_mean_offset_in_float32_is_harmless(method: object) -> None:
    """float32 data about 1,000 give what float64 arithmetic on the same numbers gives."""
    shifted = (CLOUD.points + 1000).astype(np.float32)
    assert value(shifted, method) == pytest.approx(
        value(shifted.astype(np.float64), method), rel=1e-4
    )


@methods
def test_results_print_tabulate_and_save(method: object, tmp_path: object) -> None:
    dim = ms.estimate(CLOUD, method)
    assert str(dim).startswith(f"dimension {dim.value:.2f} [")
    assert dim.to_frame().loc[0, "dimension"] == dim.value
    assert str(method) in dim._repr_html_()
    text = dim.to_json(tmp_path / "dim.json")
    assert (tmp_path / "dim.json").read_text() == text
    assert f'"value": {dim.value!r}' in text


@methods
@pytest.mark.parametrize(
    "points",
    [
        np.ones((50, 3)),
        np.zeros((0, 4)),
        np.arange(5.0),
        np.zeros((2, 3, 4)),
        np.full((50, 3), np.nan),
        np.random.default_rng(0).random((3, 2)),
        np.full((50, 3), "a"),
    ],
    ids=["duplicates", "empty", "1-D", "3-D", "nan", "three points", "text"],
)
def test_clouds_that_cannot_be_used_give_one_typed_error(
    method: object, points: np.ndarray
) -> None:
    with pytest.raises(ms.ManifoldScaleError):
        ms.estimate(points, method)


@methods
def test_one_query_is_too_few_or_flagged(method: object) -> None:
    near = CLOUD.neighbors(20, anchors=1)
    try:
        dim = ms.estimate(near, method)
    except ms.ManifoldScaleError:
        return
    assert any(note.caveat.name == "FEW_POINTS" for note in dim.caveats)


@methods
def test_integers_and_booleans_are_numbers(method: object) -> None:
    rng = np.random.default_rng(3)
    integers = rng.integers(0, 10**6, (400, 3))
    assert value(integers, method) == value(integers.astype(float), method)
    dim = ms.estimate(rng.random((400, 40)) < 0.5, method)
    assert any(note.caveat.name == "DISCRETE" for note in dim.caveats)
