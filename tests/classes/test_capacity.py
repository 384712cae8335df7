"""Capacity against what is known: points, spheres, and separability itself."""

import dataclasses as dc
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate, optimize

import manifoldscale as ms
from manifoldscale.classes import Capacity, sphere_capacity
from manifoldscale.core.caveat import Caveat


def circles(classes: int, radius: float, exemplars: int) -> ms.Cloud:
    """Circles in directions of their own, about unit centres, evenly spaced points."""
    turn = 2 * np.pi * np.arange(exemplars) / exemplars
    one = np.stack([np.ones(exemplars), radius * np.cos(turn), radius * np.sin(turn)], 1)
    points = np.kron(np.eye(classes), one)
    return ms.Cloud(points, labels=np.repeat(np.arange(classes), exemplars))


def blobs(classes: int = 4, exemplars: int = 10, features: int = 12) -> ms.Cloud:
    rng = np.random.default_rng(5)
    centres = 2 * rng.standard_normal((classes, 1, features))
    points = centres + rng.standard_normal((classes, exemplars, features))
    labels = np.repeat(np.arange(classes), exemplars)
    return ms.Cloud(points.reshape(-1, features), labels=labels)


@pytest.mark.parametrize("centre", [True, False])
def test_random_points_have_capacity_two(centre: bool) -> None:
    points = np.random.default_rng(0).standard_normal((100, 400))
    found = ms.estimate(ms.Cloud(points, labels=np.arange(100)), Capacity(centre=centre))
    assert found.capacity.value == pytest.approx(2.0, abs=0.1)
    assert 2.0 in found.capacity.interval
    assert found.radius.value < 1e-12
    assert math.isnan(found.dim.value) and math.isnan(found.capacity.stderr_examples)
    assert Caveat.POINT_CLASSES in {note.caveat for note in found.caveats}


def test_skewed_points_have_capacity_two_as_well() -> None:
    """In the mean over signs the cones of independent points have the intrinsic volumes of
    orthants, whatever their angles: the hyperplane arrangement has the same polynomial.
    """
    points = np.random.default_rng(1).standard_normal((30, 40)) + 1.0
    cloud = ms.Cloud(points, labels=np.arange(30))
    found = ms.estimate(cloud, Capacity(probes=300, centre=False))
    assert found.capacity.value == pytest.approx(2.0, abs=4 * found.capacity.stderr_probes)
    assert found.capacity.stderr_probes < 0.06


def test_the_integral_for_spheres_against_other_routes() -> None:
    assert sphere_capacity(0.0, 3) == 2.0
    assert sphere_capacity(1e-4, 3) == pytest.approx(2.0, rel=1e-3)
    for dim in (1, 2, 10):
        assert sphere_capacity(1e7, dim) == pytest.approx(1 / (dim + 0.5), rel=1e-5)
    # The cone of slope 1 in three dimensions is its own dual: half of all dimensions.
    assert 1 / sphere_capacity(1.0, 2) == pytest.approx(1.5, rel=1e-9)
    # Two points at +-R: a plane cone of angle 2 atan(R), whose statistical dimension is
    # 1 x the chance of a face + 2 x the chance of the inside = 1/2 + angle / pi.
    assert 1 / sphere_capacity(0.5, 1) == pytest.approx(0.5 + 2 * math.atan(0.5) / math.pi)
    # The double integral as in the paper, by brute force.
    radius, dim = 0.7, 4

    def squared(t: float, r: float) -> float:
        if r <= radius * t:
            return t * t + r * r
        return max(t + radius * r, 0.0) ** 2 / (1 + radius**2)

    def density(t: float, r: float) -> float:  # r^3 e^(-r^2/2) / 2 is chi with 4
        return r**3 * math.exp(-(r * r + t * t) / 2) / (2 * math.sqrt(2 * math.pi))

    mean, _ = integrate.dblquad(
        lambda t, r: squared(t, r) * density(t, r),
        *(0, 9, -9, 9),
        epsabs=1e-5,
    )
    assert 1 / sphere_capacity(radius, dim) == pytest.approx(mean, rel=1e-5)


def test_capacity_of_spheres_falls_with_radius_and_dimension() -> None:
    table = np.array([[sphere_capacity(r, d) for r in (0.2, 0.5, 1, 3)] for d in (1, 2, 8)])
    assert (np.diff(table, axis=0) < 0).all() and (np.diff(table, axis=1) < 0).all()


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.0])
def test_circles_have_the_capacity_radius_and_dimension_of_theory(radius: float) -> None:
    method = Capacity(exemplars=40, probes=100, centre=False)
    found = ms.estimate(circles(6, radius, 40), method)
    # A polygon of 40 corners lies within 0.3 % of its circle.
    theory = sphere_capacity(radius, 2)
    error = max(4 * found.capacity.stderr_probes, 0.003 * theory)
    assert found.capacity.value == pytest.approx(theory, abs=error)
    assert found.dim.value == pytest.approx(2.0, abs=4 * found.dim.stderr_probes + 0.05)
    assert found.centre_correlation < 1e-9
    assert found.radius.value <= radius
    if radius < 0.5:  # directions inside the cone are rare: anchors lie on the circle
        assert found.radius.value == pytest.approx(radius, rel=0.02)


def test_balls_of_more_dimensions_hold_less() -> None:
    rng = np.random.default_rng(2)
    values = []
    for dim in (1, 3, 6):
        u = rng.standard_normal((4, 30, dim))
        u /= np.linalg.norm(u, axis=2)[..., None]
        points = np.zeros((4, 30, 4 * (dim + 1)))
        for c in range(4):
            points[c, :, c] = 1
            points[c, :, 4 + c * dim : 4 + (c + 1) * dim] = 0.8 * u[c]
        cloud = ms.Cloud(points.reshape(120, -1), labels=np.repeat(range(4), 30))
        method = Capacity(exemplars=30, probes=30, centre=False)
        values.append(ms.estimate(cloud, method).capacity.value)
        assert values[-1] >= sphere_capacity(0.8, dim) * 0.93  # a sample reads high
    assert values[0] > values[1] > values[2]


def separable(points: np.ndarray, signs: np.ndarray) -> bool:
    """Whether some w has signs * (points @ w) >= 1, by a linear programme."""
    rows = -signs[:, None] * points
    bounds = [(None, None)] * points.shape[1]
    found = optimize.linprog(
        np.zeros(points.shape[1]), A_ub=rows, b_ub=-np.ones(len(points)), bounds=bounds
    )
    return found.status == 0


def test_half_of_the_dichotomies_are_separable_at_capacity() -> None:
    """The independent route: project to n random dimensions and try to separate."""
    cloud = circles(12, 0.7, 16)
    found = ms.estimate(cloud, Capacity(exemplars=16, probes=60, centre=False))
    critical = 12 / found.capacity.value
    rng, tries = np.random.default_rng(3), 60
    share = {}
    for shift in (-5, 5):
        n, hits = round(critical) + shift, 0
        for _ in range(tries):
            projected = cloud.points @ rng.standard_normal((cloud.ambient_dim, n))
            hits += separable(projected, rng.choice([-1.0, 1.0], 12)[cloud.labels])
        share[shift] = hits / tries
    assert share[-5] < 0.2 and share[5] > 0.8


def fewest_dimensions(cloud: ms.Cloud, bias: bool, rng: np.random.Generator) -> int:
    """From how many random dimensions on a random dichotomy is separable, by linear
    programmes; a bias is one of them, and is taken first.
    """
    signs = rng.choice([-1.0, 1.0], cloud.labels.max() + 1)[cloud.labels]
    random = cloud.points @ rng.standard_normal((cloud.ambient_dim, cloud.ambient_dim))
    features = np.column_stack([np.ones(len(random)), random]) if bias else random
    low, high = 0, features.shape[1]  # separable above, not below
    while high - low > 1:
        middle = (low + high) // 2
        if separable(features[:, :middle], signs):
            high = middle
        else:
            low = middle
    return high


FEW: dict[str, Any] = {
    "points": lambda n: ms.Cloud(
        np.random.default_rng(n).standard_normal((n, 8)), labels=np.arange(n)
    ),
    "circles": lambda n: circles(n, 0.7, 16),
    "blobs": lambda n: blobs(n, 8, 12),
    "digits": lambda n: ms.Cloud(
        (digits := ms.data.load("digits").cloud()).points[
            (rows := [i for c in range(n) for i in np.flatnonzero(digits.labels == c)[:10]])
        ],
        labels=digits.labels[rows],
    ),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "classes", [2, 4, *(pytest.param(n, marks=[pytest.mark.slow]) for n in (3, 6))]
)
@pytest.mark.parametrize("kind", FEW)
def test_few_classes_against_linear_programmes(kind: str, classes: int, bias: bool) -> None:
    """Dichotomies of one sign included. A random subspace of n dimensions meets a cone with
    a chance of twice a half-tail of its intrinsic volumes (Amelunxen et al. 2014, eq. 5.2),
    so that the mean of the fewest dimensions is that of the volumes, the statistical
    dimension, and one half, for any cone that is no subspace.
    """
    cloud, rng = FEW[kind](classes), np.random.default_rng(7)
    if not bias:  # away from the origin, which no class holds
        cloud = ms.Cloud(cloud.points + 4 * np.eye(cloud.ambient_dim)[0], cloud.labels)
    fewest = np.array([fewest_dimensions(cloud, bias, rng) for _ in range(120)]) - 0.5
    error = fewest.std(ddof=1) / len(fewest) ** 0.5
    method = Capacity(exemplars=20, probes=100, centre=bias)
    found = ms.estimate(cloud, method).capacity
    own = classes * found.stderr_probes / found.value**2
    assert classes / found.value == pytest.approx(
        fewest.mean(), abs=4 * math.hypot(error, own)
    )
    assert found.value <= 2 + 4 * found.stderr_probes + 1e-8


def test_the_solver_of_another_release_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that gives up, and one that stops too early."""
    method, cloud = Capacity(probes=5), blobs()
    right = ms.estimate(cloud, method).capacity.value

    def gives_up(*_: object, **__: object) -> None:
        raise RuntimeError("Maximum number of iterations reached.")

    def stops(columns: np.ndarray, u: np.ndarray, **_: object) -> tuple[np.ndarray, float]:
        return np.zeros(columns.shape[1]), 1.0

    for solver in (gives_up, stops):
        monkeypatch.setattr(optimize, "nnls", solver)
        found = ms.estimate(cloud, method).capacity.value
        assert found == pytest.approx(right, rel=1e-6)


@given(
    scale=st.floats(1e-50, 1e50),
    shift=st.floats(-3, 3),
    padding=st.integers(0, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=10, deadline=None)
def test_similarities_order_and_padding_change_nothing(
    scale: float, shift: float, padding: int, seed: int
) -> None:
    cloud, rng = blobs(), np.random.default_rng(seed)
    order = rng.permutation(len(cloud))
    points = np.pad(cloud.points, ((0, 0), (0, padding))) + shift
    points = points @ np.linalg.qr(rng.standard_normal((points.shape[1],) * 2))[0].T
    moved = ms.Cloud(scale * points[order], labels=cloud.labels[order])
    method = Capacity(exemplars=10, probes=5)
    first, second = ms.estimate(cloud, method), ms.estimate(moved, method)
    assert second.capacity.value == pytest.approx(first.capacity.value, rel=1e-6)
    assert second.radius.value == pytest.approx(first.radius.value, rel=1e-6)
    assert second.dim.value == pytest.approx(first.dim.value, rel=1e-6)


def test_without_centring_the_origin_counts() -> None:
    cloud = blobs()
    far = ms.Cloud(cloud.points + 50, labels=cloud.labels)
    near, away = (ms.estimate(c, Capacity(centre=False, probes=10)) for c in (cloud, far))
    assert away.radius.value < 0.2 * near.radius.value
    assert away.centre_correlation > 0.9 > near.centre_correlation


def test_capacity_is_the_harmonic_mean_of_the_classes() -> None:
    found = ms.estimate(blobs(), Capacity(probes=10))
    assert 1 / found.capacity.value == pytest.approx(
        np.mean(1 / found.capacity_of_class), rel=1e-9
    )


@pytest.mark.parametrize("centre", [True, False])
def test_without_any_separable_dichotomy_there_is_a_bound_only(centre: bool) -> None:
    """In two dimensions no dichotomy of 40 classes is separable: less than classes over
    features, the bias counted as one; no read-out shows a radius.
    """
    points, labels = np.random.default_rng(4).standard_normal((120, 2)), np.arange(120) % 40
    method = Capacity(probes=10, centre=centre)
    found = ms.estimate(ms.Cloud(points, labels=labels), method)
    assert Caveat.NOT_SEPARABLE in {note.caveat for note in found.caveats}
    assert math.isnan(found.capacity.value) and found.capacity.interval.low == 0
    assert found.capacity.interval.high == pytest.approx(40 / (2 + centre), rel=1e-6)
    assert math.isnan(found.radius.value) and math.isnan(found.dim.value)
    assert np.isnan([found.capacity_of_class, found.radius_of_class]).all()
    assert "n/a [0, " in str(found)


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("apart", [0.5, 2.0, 4.0, 12.0])
def test_what_no_read_out_separates_is_counted(apart: float, centre: bool) -> None:
    """Against a linear program for each dichotomy."""
    rng = np.random.default_rng(7)
    labels = np.arange(48) % 6
    points = rng.standard_normal((48, 7)) + apart * np.eye(7)[labels]
    method = Capacity(probes=12, centre=centre)
    found = ms.estimate(ms.Cloud(points, labels=labels), method)
    signs = method._probes(7, 6).signs[:12]
    if centre:
        points = np.column_stack([points, np.ones(48)])
    lost = np.mean([not separable(points, one[labels]) for one in signs])
    said = {n.caveat: n.detail for n in found.caveats}.get(Caveat.NOT_SEPARABLE, "0%")
    assert said.startswith(f"{lost:.0%}")
    unsure = lost + 2 * math.sqrt(lost * (1 - lost) / 12) >= 0.5
    assert math.isnan(found.capacity.value) == unsure
    if lost:
        assert found.capacity.interval.low <= 6 / (7 + centre)


def test_a_result_prints_tabulates_and_saves() -> None:
    found = ms.estimate(blobs(), Capacity(probes=5))
    assert str(found).startswith("capacity ") and "4 classes" in str(found)
    assert Caveat.EXEMPLARS in {note.caveat for note in found.caveats}
    frame = found.to_frame()
    assert frame["capacity_low"][0] < frame["capacity"][0] < frame["capacity_high"][0]
    assert '"radius_of_class"' in found.to_json()
    import matplotlib.pyplot as plt

    axes = found.plot()
    assert len(axes.texts) == 4
    plt.close(axes.figure)


@pytest.mark.slow
def test_the_interval_covers_fresh_examples() -> None:
    """The capacity of 30 examples a class, over fresh draws of the examples."""
    rng = np.random.default_rng(6)
    centres = rng.standard_normal((5, 1, 20))
    mix = rng.standard_normal((5, 20, 20)) / 6
    labels = np.repeat(np.arange(5), 30)

    def draw() -> ms.Cloud:
        points = centres + rng.standard_normal((5, 30, 20)) @ mix
        return ms.Cloud(points.reshape(-1, 20), labels=labels)

    found = [ms.estimate(draw(), Capacity(seed=i)).capacity for i in range(60)]
    truth = np.mean([one.value for one in found])
    hits = sum(truth in one.interval for one in found)
    assert 50 <= hits <= 60


def test_classes_of_one_point_have_radius_zero() -> None:
    """Not the rounding of their own mean."""
    points = np.random.default_rng(0).standard_normal((40, 30))
    found = ms.estimate(ms.Cloud(points, labels=np.arange(40)), Capacity(probes=5))
    assert found.radius.value == 0.0 and np.isnan(found.dim.value)


@pytest.mark.parametrize("value", [0, 2.5, "ten", True])
@pytest.mark.parametrize("name", ["exemplars", "probes"])
def test_bad_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=f"`{name}` must be"):
        Capacity(**{name: value})


def test_bad_data_are_refused() -> None:
    points = np.random.default_rng(0).random((20, 3))
    for labels, message in (
        (None, "needs a label"),
        (np.zeros(20, int), "at least two classes"),
        (np.zeros((20, 2), int), "must be 1-D"),
        (points[:, 0], "not real numbers"),
    ):
        with pytest.raises(ms.ManifoldScaleError, match=message):
            ms.estimate(ms.Cloud(points, labels=labels), Capacity())
    for settings_ in (
        {"radius": -1.0, "dim": 2},
        {"radius": "one", "dim": 2},
        {"radius": 1.0, "dim": 0},
    ):
        with pytest.raises(ms.ManifoldScaleError, match="must be"):
            sphere_capacity(**settings_)


def codes(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(stimuli x neurons) rates of eight classes of twenty stimuli, and their classes."""
    labels = np.repeat(np.arange(8), 20)
    inner = rng.standard_normal((160, 2)) / 2
    if kind == "blobs":
        means = rng.gamma(0.5, 1.0, (8, 150))[labels]
        spread = rng.standard_normal((160, 20)) @ rng.standard_normal((20, 150)) / 20**0.5
        return np.maximum(means + 0.3 * spread, 0.02), labels
    if kind == "rings":
        waves = np.concatenate([np.cos(4 * inner), np.sin(4 * inner)], 1)
        weights = rng.standard_normal((8, 4, 150))[labels] / 2
        means = rng.standard_normal((8, 150))[labels] / 2
        return np.exp(means + np.einsum("nf,nfk->nk", waves, weights)), labels
    planes = rng.standard_normal((8, 2, 6))[labels]
    latent = rng.standard_normal((8, 6))[labels] + np.einsum("nd,ndk->nk", inner, planes)
    seen = latent @ rng.standard_normal((6, 150)) / 6**0.5
    return (np.maximum(seen, 0) + 0.05 if kind == "relu" else np.exp(0.8 * seen)), labels


def recorded(rates: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> ms.Cloud:
    counts = rng.poisson(rates[..., None], (*rates.shape, 8)).astype(float)
    cloud = ms.population(counts, order="stimuli neurons trials")
    return dc.replace(cloud, labels=labels)


def test_noise_of_trials_leaves_a_lower_bound() -> None:
    rng = np.random.default_rng(0)
    rates, labels = codes("smooth", rng)
    method = Capacity(probes=10, exemplars=12)
    truth = ms.estimate(ms.Cloud(rates, labels=labels), method)
    noisy = ms.estimate(recorded(rates / rates.mean(), labels, rng), method)
    assert noisy.capacity.value < 0.7 * truth.capacity.value
    assert truth.capacity.value in noisy.capacity.interval
    assert (
        truth.dim.value in noisy.dim.interval
        and truth.radius.value in noisy.radius.interval
    )
    assert Caveat.CAPACITY_OF_NOISE in {note.caveat for note in noisy.caveats}
    quiet = ms.estimate(recorded(1e7 * rates, labels, rng), method)
    assert quiet.capacity.interval.high < math.inf
    assert Caveat.CAPACITY_OF_NOISE not in {note.caveat for note in quiet.caveats}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blobs", "rings", "smooth", "relu"])
def test_the_bound_holds_at_any_noise(kind: str) -> None:
    method, held = Capacity(probes=12, exemplars=20), []
    for seed, rate in itertools.product(range(3), (0.3, 1.0, 10.0, 1000.0)):
        rng = np.random.default_rng(seed)
        rates, labels = codes(kind, rng)
        rates *= rate / rates.mean()
        truth = ms.estimate(ms.Cloud(rates, labels=labels), method).capacity.value
        found = ms.estimate(recorded(rates, labels, rng), method).capacity.interval
        held.append(truth in found)
    assert np.mean(held) >= 11 / 12
