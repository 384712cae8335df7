"""What averaging networks removes, where the decomposition is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.scaling.ensembles import EnsembleTest, ensemble_test

E = 4
Outputs = Callable[[int, np.random.Generator], np.ndarray]


def averaged(
    outputs: Outputs,
    target: np.ndarray,
    widths: tuple[int, ...],
    limit: float | None,
    n: int = 12,
) -> EnsembleTest:
    """`n` ensembles of four, and the networks that they are of."""
    rng = np.random.default_rng(0)
    losses, ensembles = {}, {}
    for width in widths:
        made = np.array([outputs(width, rng) for _ in range(n * E)])
        means = made.reshape(n, E, *target.shape).mean(1)
        axes = tuple(range(1, made.ndim))
        losses[width] = ((made - target) ** 2).mean(axes)
        ensembles[width] = ((means - target) ** 2).mean(axes)
    return ensemble_test(losses, ensembles, E, limit=limit)


def ridge_regression(ridge: float) -> tuple[Outputs, np.ndarray, float]:
    """Sixty examples, random features of a ReLU; the targets, and the loss at infinite
    width from the arc-cosine kernel (Cho & Saul 2009).
    """
    rng = np.random.default_rng(1)
    x = rng.standard_normal((260, 10))
    x /= np.linalg.norm(x, axis=1)[:, None]
    y = np.tanh(3 * x[:, 2]) + 3 * x[:, 0] * x[:, 1]
    train, test = slice(None, 60), slice(60, None)

    def predict(kernel: np.ndarray) -> np.ndarray:
        gram = kernel[train, train] + ridge * np.eye(60)
        return kernel[test, train] @ np.linalg.solve(gram, y[train])

    def outputs(width: int, random: np.random.Generator) -> np.ndarray:
        features = np.maximum(x @ random.standard_normal((10, width)), 0)
        return predict(2 / width * features @ features.T)

    cosine = np.clip(x @ x.T, -1, 1)
    angle = np.arccos(cosine)
    exact = predict((np.sin(angle) + (np.pi - angle) * cosine) / np.pi)
    return outputs, y[test], float(((exact - y[test]) ** 2).mean())


@pytest.mark.slow
def test_random_features_are_variance() -> None:
    outputs, target, limit = ridge_regression(1e-3)
    for known in (limit, None):
        found = averaged(outputs, target, (100, 200, 400, 800), known, 40)
        assert found.verdict == "variance" and 1 in found.interval
        assert found.share == pytest.approx(1, abs=0.1)
        assert "variance: share" in str(found)


def test_a_large_ridge_moves_the_mean_output_too() -> None:
    """Features that are variance-limited, 1/w above the limit, and yet a share near a half:
    the mean of narrow ones has a larger ridge. A share below one excludes nothing.
    """
    outputs, target, limit = ridge_regression(1.0)
    found = averaged(outputs, target, (100, 200, 400, 800), limit, 40)
    assert found.verdict == "undetermined" and found.interval.high < 0.9


def superposed(n: int, seed: int | None = None) -> tuple[Outputs, np.ndarray]:
    """n sparse features kept in `width` dimensions and read along the same random
    directions; one set of directions, by `seed`, or others for every network.
    """
    rng = np.random.default_rng(2)
    x = (rng.random((150, n)) < 0.02) * rng.random((150, n))

    def outputs(width: int, random: np.random.Generator) -> np.ndarray:
        draw = random if seed is None else np.random.default_rng((seed, width))
        directions = draw.standard_normal((width, n))
        directions /= np.linalg.norm(directions, axis=0)
        return x @ directions.T @ directions

    return outputs, x


def test_overlaps_that_differ_between_networks_are_variance_too() -> None:
    """So that ensembles do not tell superposed features from variance: four networks are
    one that is four times as wide.
    """
    outputs, x = superposed(200)
    found = averaged(outputs, x, (25, 50, 100), 0.0)
    assert found.share == pytest.approx(1, abs=0.03) and found.verdict == "variance"
    # A squared overlap of 1/w: sum of x^2 over the others, over w.
    expected = (x**2).sum(1).mean() * 199 / 200 / np.array([25, 50, 100])
    assert found.losses == pytest.approx(expected, rel=0.03)
    assert found.ensembles == pytest.approx(expected / E, rel=0.03)


def test_overlaps_that_networks_share_are_bias() -> None:
    outputs, x = superposed(200, seed=3)
    found = averaged(outputs, x, (25, 50, 100), 0.0)
    assert found.share == pytest.approx(0, abs=1e-9) and found.verdict == "bias"


def test_features_that_are_left_out_are_bias() -> None:
    """As where every network keeps the w strongest features, and no other."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((150, 100)) * np.arange(1, 101) ** -1.0

    def most_frequent(width: int, random: np.random.Generator) -> np.ndarray:
        return np.where(np.arange(100) < width, x, 0)

    assert averaged(most_frequent, x, (5, 10, 20), 0.0).verdict == "bias"


def test_superposed_features_keep_the_exponent_one_where_width_is_scarce() -> None:
    """What tells them from variance: more data change nothing, the loss itself is 1/w."""
    outputs, x = superposed(200)
    rng = np.random.default_rng(5)
    rows = [
        {"width": w, "dataset_size": d, "loss": ((outputs(w, rng) - x) ** 2).mean()}
        for w in (5, 8, 12, 18, 27, 40, 60)
        for d in (10**5, 2 * 10**5)
        for _ in range(8)  # that alpha is one takes them: narrow networks scatter more
    ]
    found = ms.classify_regime(ms.LearningCurve.from_frame(rows), "width")
    assert found.verdict == "resolution-limited"
    assert found.fit is not None and found.fit.alpha == pytest.approx(1, abs=0.1)
    assert any(item.kind == "superposition" for item in found.evidence)


def normal(share: float, n: int, seed: int) -> EnsembleTest:
    """Losses at two widths, a fall of 0.4 with this share of variance."""
    rng = np.random.default_rng(seed)
    losses, ensembles = {}, {}
    for width, above in ((10, 0.8), (20, 0.4)):
        means = 1 + above, 1 + above * (1 - share * (1 - 1 / E))
        losses[width] = means[0] + 0.05 * rng.standard_normal(n)
        ensembles[width] = means[1] + 0.05 * rng.standard_normal(n)
    return ensemble_test(losses, ensembles, E)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_interval_covers(share: float, n: int) -> None:
    covered = [share in normal(share, n, seed).interval for seed in range(300)]
    assert np.mean(covered) >= 0.92


def test_a_loss_that_does_not_fall_has_no_share() -> None:
    same = {10: [1.0, 1.1, 0.9], 20: [1.0, 1.1, 0.95]}
    found = ensemble_test(same, same, 2)
    assert found.verdict == "undetermined" and math.isinf(found.interval.high)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": 1}, "at least 2"),
        ({"losses": [1, 2]}, "maps widths to losses"),
        ({"losses": {10: [1.0, 2.0]}}, "the same widths"),
        ({"losses": {10: [1.0], 20: [1.0, 2.0]}}, "two losses or more"),
        ({"limit": ms.Reference(99, 1.0, 0.1)}, "must be infinite"),
        ({"limit": "none"}, "must be a number"),
    ],
)
def test_calls_that_cannot_work(change: dict, message: str) -> None:
    two = {10: [1.0, 2.0], 20: [0.5, 1.0]}
    arguments = {"losses": two, "ensembles": two, "members": 2} | change
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ensemble_test(**arguments)
    with pytest.raises(ms.ManifoldScaleError, match="`limit` is needed"):
        ensemble_test({10: [1.0, 2.0]}, {10: [1.0, 2.0]}, 2)
