"""Exponents of spectra that are known, and what must not matter."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.random import keyed
from manifoldscale.spectra import Covariance
from manifoldscale.spectra.covariance import eigenvalues, slope


def power_law(alpha: float, n: int, features: int, seed: int = 0) -> np.ndarray:
    scales = np.arange(1, features + 1) ** (-alpha / 2)
    return np.random.default_rng(seed).standard_normal((n, features)) * scales


def test_the_slope_of_an_exact_power_law_is_exact() -> None:
    values = 3.0 * np.arange(1.0, 101) ** -1.7
    assert slope(values, (5, 100)) == pytest.approx(1.7, rel=1e-12)


def test_eigenvalues_are_those_of_the_covariance() -> None:
    for shape in ((50, 8), (8, 50)):
        points = np.random.default_rng(0).standard_normal(shape)
        expected = np.linalg.eigvalsh(np.cov(points.T))[::-1][: min(shape[0] - 1, shape[1])]
        np.testing.assert_allclose(eigenvalues((points,)), expected, rtol=1e-9)
        # Two equal repeats are one.
        np.testing.assert_allclose(eigenvalues((points, points)), expected, rtol=1e-9)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0, 3.0])
def test_the_exponent_of_a_power_law_is_found(alpha: float) -> None:
    found = ms.estimate(power_law(alpha, 1000, 500), Covariance()).alpha
    assert found.value == pytest.approx(alpha, abs=0.03)
    assert alpha in found.interval
    assert found.interval.width < 0.2


def test_repeats_remove_noise_that_would_bend_the_spectrum() -> None:
    rng, signal = np.random.default_rng(1), power_law(1.5, 800, 200)
    # Variance 4e-4 a feature, that of the signal at rank 180: directions are still found.
    rows = [signal + 0.02 * rng.standard_normal(signal.shape) for _ in range(2)]
    both = ms.Cloud(np.concatenate(rows), groups=np.tile(np.arange(800), 2))
    clean = ms.estimate(both, Covariance(repeats=True))
    assert clean.alpha.value == pytest.approx(1.5, abs=0.06)
    assert 1.5 in clean.alpha.interval and clean.n_points == 800
    noisy = ms.estimate(rows[0], Covariance())
    assert noisy.alpha.value < 1.45 and noisy.alpha.interval.high < 1.5
    assert Caveat.BENT_SPECTRUM in {note.caveat for note in noisy.caveats}


def code_of_a_circle(alpha: float, n: int = 1000) -> np.ndarray:
    """Sines and cosines of a point on a circle, whose eigenvalues fall as rank^-alpha."""
    turn = np.random.default_rng(2).uniform(0, 2 * np.pi, (n, 1))
    order = np.arange(1, 121)
    size = order ** (-alpha / 2)
    return np.concatenate([size * np.cos(order * turn), size * np.sin(order * turn)], 1)


@pytest.mark.parametrize("alpha, verdict", [(2.0, "rough"), (4.0, "smooth")])
def test_the_bound_of_a_differentiable_code(alpha: float, verdict: str) -> None:
    """d = 1: three. The derivative has eigenvalues order^2 rank^-alpha, and its variance is
    finite where alpha is above 3.
    """
    cloud = code_of_a_circle(alpha)
    dim = ms.estimate(code_of_a_circle(6.0), ms.dimension.TwoNN())
    found = ms.estimate(cloud, Covariance(dim=dim))
    assert found.bound is not None and found.excess is not None
    assert found.bound.value == pytest.approx(3.0, abs=0.2)
    assert found.alpha.value == pytest.approx(alpha, abs=0.15)
    assert found.verdict == verdict and verdict in str(found)
    low, high = found.bound.interval
    assert low == pytest.approx(1 + 2 / dim.interval.high)
    assert high == pytest.approx(1 + 2 / dim.interval.low)


def test_near_the_bound_the_verdict_is_open() -> None:
    unsure = ms.estimate(power_law(2.0, 400, 100), Covariance(dim=2.0))
    assert unsure.verdict == "undetermined"
    assert ms.estimate(power_law(2.0, 400, 100), Covariance()).verdict == ""


def test_ranks_of_equal_eigenvalues() -> None:
    """q equal eigenvalues have participation ratio and effective rank q."""
    found = ms.estimate(power_law(0.0, 2000, 20), Covariance(ranks=(1, 20)))
    assert 20 in found.participation.interval
    assert found.effective_rank.value == pytest.approx(20, abs=0.1)
    ratio = ms.estimate(power_law(1.0, 300, 50), ms.dimension.ParticipationRatio())
    ours = ms.estimate(power_law(1.0, 300, 50), Covariance()).participation
    assert ours.value == pytest.approx(ratio.value, rel=1e-12)
    assert ours.stderr == pytest.approx(ratio.stderr, rel=1e-12)


@given(
    scale=st.floats(1e-50, 1e50),
    shift=st.floats(-10, 10),
    padding=st.integers(0, 5),
    seed=st.integers(0, 99),
)
@settings(max_examples=10, deadline=None)
def test_similarities_and_padding_change_nothing(
    scale: float, shift: float, padding: int, seed: int
) -> None:
    points, rng = power_law(1.5, 120, 40), np.random.default_rng(seed)
    moved = np.pad(points, ((0, 0), (0, padding))) + shift
    moved = scale * moved @ np.linalg.qr(rng.standard_normal((40 + padding,) * 2))[0]
    first, second = ms.estimate(points, Covariance()), ms.estimate(moved, Covariance())
    assert second.alpha.value == pytest.approx(first.alpha.value, rel=1e-5)
    assert tuple(second.alpha.interval) == pytest.approx(tuple(first.alpha.interval), 1e-4)
    np.testing.assert_allclose(
        second.eigenvalues[:40], scale**2 * first.eigenvalues[:40], rtol=1e-6
    )


def test_the_order_of_rows_moves_parts_but_not_the_plain_eigenvalues() -> None:
    points = power_law(1.5, 200, 40)
    turned = ms.estimate(points[::-1].copy(), Covariance())
    found = ms.estimate(points, Covariance())
    np.testing.assert_allclose(found.eigenvalues, turned.eigenvalues, rtol=1e-9)
    assert turned.alpha.value == pytest.approx(found.alpha.value, abs=found.alpha.stderr)


def test_a_result_prints_tabulates_and_saves() -> None:
    found = ms.estimate(power_law(1.5, 200, 60), Covariance(dim=2.0))
    assert str(found).startswith("alpha 1.") and "over ranks 4-20" in str(found)
    assert Caveat.FEW_POINTS in {note.caveat for note in found.caveats}
    frame = found.to_frame()
    assert frame["alpha_low"][0] < frame["alpha"][0] < frame["alpha_high"][0]
    assert '"eigenvalues"' in found.to_json()
    axes = found.plot()
    assert axes.get_xlabel() == "rank" and len(axes.lines) == 3
    plt.close(axes.figure)


def test_a_far_correction_is_said() -> None:
    points = power_law(0.0, 60, 400)
    notes = {n.caveat for n in ms.estimate(points, Covariance(ranks=(1, 25))).caveats}
    assert Caveat.FINITE_SPECTRUM in notes


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.5])
def test_the_interval_covers_the_exponent(alpha: float) -> None:
    hits = 0
    for seed in range(100):
        points = power_law(alpha, 500, 300, seed)
        hits += alpha in ms.estimate(points, Covariance()).alpha.interval
    assert 88 <= hits <= 100


@pytest.mark.parametrize(
    "given_, message",
    [
        ({"ranks": (5, 5)}, "`ranks` must be"),
        ({"ranks": (0, 5)}, "`ranks` must be"),
        ({"dim": 0.0}, "`dim` must be a positive number"),
        ({"dim": "two"}, "`dim` must be a Quantity or a number or None"),
        ({"ranks": 3}, "`ranks` must be"),
        ({"ranks": ("a", "b")}, "`ranks` must be"),
    ],
)
def test_bad_settings_are_refused(given_: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        Covariance(**given_)


def test_bad_data_are_refused() -> None:
    points = power_law(1.0, 100, 20)
    for data, method, message in (
        (points[:30], Covariance(), "at least 40 points"),
        (points * 1e200, Covariance(), "scale them, as `points / .*200`"),
        (points * 1e-200, Covariance(), "scale them"),
        (points, Covariance(ranks=(1, 30)), "`ranks` reach to 30"),
        (points, Covariance(repeats=True), "needs a stimulus for each row"),
        (
            ms.Cloud(points, groups=np.arange(100)),
            Covariance(repeats=True),
            "100 of 100 stimuli have only one row",
        ),
    ):
        with pytest.raises(ms.ManifoldScaleError, match=message):
            ms.estimate(data, method)
    assert math.isfinite(ms.estimate(points, Covariance()).alpha.value)


@pytest.mark.parametrize("alpha", [0.5, 0.7])
def test_what_lies_beyond_a_rank_does_not_flatten_a_slow_spectrum(alpha: float) -> None:
    """Twice as many features as points: the plain slope is low by 0.15, halves of the
    points show a fifth of it, and the interval holds the exponent.
    """
    plain, values = [], []
    for seed in range(4):
        found = ms.estimate(power_law(alpha, 200, 400, seed), Covariance())
        plain.append(slope(found.eigenvalues, found.ranks))
        values.append(found.alpha.value)
        assert alpha in found.alpha.interval and found.alpha.interval.width < 0.7
        assert Caveat.FINITE_SPECTRUM in {note.caveat for note in found.caveats}
    off, before = (abs(np.mean(some) - alpha) for some in (values, plain))
    assert before > 0.1 and off < before / 2


def test_noise_that_twice_would_change_the_exponent_widens_it() -> None:
    cloud, _ = repeated(1, snr=1.0)
    quiet, _ = repeated(1, snr=30.0)
    noisy, clear = (ms.estimate(c, Covariance(repeats=True)).alpha for c in (cloud, quiet))
    assert 1.0 in noisy.interval and 1.0 in clear.interval
    assert noisy.systematic > 2 * clear.systematic


def elliptical(alpha: float, n: int, features: int, seed: int) -> np.ndarray:
    size = np.exp(0.35 * np.random.default_rng(seed + 1000).standard_normal((n, 1)))
    return size * power_law(alpha, n, features, seed)


def skewed(alpha: float, n: int, features: int, seed: int) -> np.ndarray:
    scales = np.arange(1, features + 1) ** (-alpha / 2)
    return (np.random.default_rng(seed).exponential(size=(n, features)) - 1) * scales


def waves(alpha: float, n: int, features: int, seed: int) -> np.ndarray:
    """Of a point on a torus, of rising frequency: equal variances but for the scales."""
    orders = sorted(itertools.product(range(-3, 4), repeat=4), key=np.linalg.norm)
    orders = [order for order in orders if order > (0, 0, 0, 0)][: features // 2]
    turn = np.random.default_rng(seed).uniform(0, 2 * np.pi, (n, 4)) @ np.array(orders).T
    both = np.stack([np.cos(turn), np.sin(turn)], 2).reshape(n, features)
    return both * np.arange(1, features + 1) ** (-alpha / 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [elliptical, skewed, waves])
def test_intervals_hold_exponents_below_one(kind) -> None:
    held = []
    for seed in range(10):
        for alpha in (0.35, 0.55, 0.75):
            for n, features in ((300, 120), (160, 250)):
                points = kind(alpha, n, features, seed)
                held.append(alpha in ms.estimate(points, Covariance()).alpha.interval)
    assert np.mean(held) >= 0.9


def test_few_eigenvalues_have_a_participation_ratio_and_no_exponent() -> None:
    """Three equal eigenvalues, of repeats too; 45 points of any number of features."""
    rng = np.random.default_rng(8)
    points = rng.standard_normal((800, 3))
    trials = points[..., None] + rng.standard_normal((800, 3, 4))
    code = ms.population(trials, order="stimuli neurons trials")
    for data, method in (
        (points, Covariance(dim=2)),
        (code, Covariance(dim=2, repeats=True)),
    ):
        found = ms.estimate(data, method)
        assert math.isnan(found.alpha.value) and found.verdict == "undetermined"
        assert found.participation.value == pytest.approx(3, abs=0.05)
        assert 3 in found.participation.interval
        assert found.effective_rank.value == pytest.approx(3, abs=0.05)
        assert [n.caveat for n in found.caveats] == [Caveat.FEW_EIGENVALUES]
        assert "ranks" not in str(found).split("(")[0]
        figure, ax = plt.subplots()
        assert len(found.plot(ax).lines) == 1  # the sample
        plt.close(figure)
        assert found.to_frame()["last_rank"][0] == 0
    few = ms.estimate(rng.standard_normal((45, 20)), Covariance())
    assert math.isnan(few.alpha.value)
    assert few.participation.value == pytest.approx(20, abs=3)


def test_ranks_below_the_noise_have_no_exponent() -> None:
    """Three directions of signal, thirty of noise: cross-validated eigenvalues beyond the
    third are of either sign.
    """
    rng = np.random.default_rng(0)
    signal = np.zeros((400, 33))
    signal[:, :3] = 3 * rng.standard_normal((400, 3))
    trials = np.concatenate([signal + rng.standard_normal(signal.shape) for _ in range(2)])
    cloud = ms.Cloud(trials, groups=np.tile(np.arange(400), 2))
    values = eigenvalues((trials[:400], trials[400:]))
    last = int(np.flatnonzero(values <= 0)[0])  # positive in the whole, by chance
    found = ms.estimate(cloud, Covariance(dim=1, ranks=(1, last), repeats=True))
    assert math.isnan(found.alpha.value) and found.verdict == "undetermined"
    assert Caveat.NO_SPECTRUM in {note.caveat for note in found.caveats}
    assert len(found.plot().lines) == 2  # the sample and the bound


def repeated(seed: int, snr: float, trials: int = 4) -> tuple[ms.Cloud, float]:
    """A population of 80 neurons with eigenvalues 1 / rank in noise of as many dimensions,
    and the participation ratio of the signal.
    """
    rng = keyed(seed, "repeated", snr)
    values = 1 / np.arange(1.0, 81)
    values /= values.sum()
    signal = rng.standard_normal((400, 80)) * np.sqrt(values)
    noise = rng.standard_normal((400, 80, trials)) / np.sqrt(80 * snr)
    cloud = ms.population(signal[..., None] + noise, order="stimuli neurons trials")
    return cloud, 1 / float(np.square(values).sum())


def test_the_participation_of_a_signal_has_no_noise_in_it() -> None:
    cloud, truth = repeated(0, snr=0.2)
    found = ms.estimate(cloud, Covariance(repeats=True))
    assert truth in found.participation.interval
    plain = ms.estimate(cloud, Covariance())
    assert plain.participation.value > 2 * truth
    assert Caveat.SPECTRUM_OF_NOISE in {note.caveat for note in plain.caveats}
    notes = {note.caveat for note in found.caveats}
    assert notes <= {Caveat.NO_SPECTRUM, Caveat.FINITE_SPECTRUM}  # of the exponent


@pytest.mark.slow
@pytest.mark.parametrize("snr", [0.1, 0.3, 1.0])
def test_intervals_of_the_participation_of_a_signal(snr: float) -> None:
    held, values = [], []
    for seed in range(40):
        cloud, truth = repeated(seed, snr)
        found = ms.estimate(cloud, Covariance(repeats=True)).participation
        held.append(truth in found.interval)
        values.append(found.value)
    assert np.mean(values) == pytest.approx(truth, rel=0.05)
    assert np.mean(held) >= 0.9


def test_all_repeats_count() -> None:
    """Rows of groups, and an array with an axis of trials, are the same two halves."""
    rng = keyed(0, "all repeats")
    trials = rng.standard_normal((60, 12, 1)) * np.geomspace(3, 0.3, 12)[:, None]
    trials = trials + 0.5 * rng.standard_normal((60, 12, 5))
    cloud = ms.population(trials, order="stimuli neurons trials")
    rows = trials.transpose(2, 0, 1).reshape(-1, 12)  # all stimuli once, and again
    grouped = ms.Cloud(rows, groups=np.tile(np.arange(60), 5))
    one, other = (
        ms.estimate(c, Covariance(repeats=True, ranks=(1, 5))) for c in (cloud, grouped)
    )
    np.testing.assert_allclose(one.eigenvalues, other.eigenvalues, rtol=1e-10)
    assert one.participation.value == pytest.approx(other.participation.value)


@pytest.mark.slow
def test_sequences_are_left_out_whole() -> None:
    """Fifty sequences of twenty rows that forget slowly, with a known spectrum."""
    spectrum = 1 / np.arange(1, 201)
    shares = spectrum / spectrum.sum()
    rank = math.exp(-(shares * np.log(shares)).sum())
    held = []
    for seed in range(20):
        steps = np.random.default_rng(seed).standard_normal((50, 20, 200))
        for now in range(1, 20):
            steps[:, now] = 0.8 * steps[:, now - 1] + 0.6 * steps[:, now]
        points = steps.reshape(1000, 200) * np.sqrt(spectrum)
        cloud = ms.Cloud(points, groups=np.repeat(np.arange(50), 20))
        found = ms.estimate(cloud, Covariance(ranks=(3, 40)))
        assert found.alpha.interval.width < 0.5
        ends = (found.alpha.interval, found.effective_rank.interval)
        held.append([1.0 in ends[0], rank in ends[1]])
    assert (np.mean(held, axis=0) >= 0.9).all()


def test_few_sequences_have_no_error() -> None:
    cloud = ms.Cloud(power_law(1.0, 100, 20), groups=np.arange(100) // 20)
    with pytest.raises(ms.ManifoldScaleError, match="at least 10 `groups`; there are 5"):
        ms.estimate(cloud, Covariance())
