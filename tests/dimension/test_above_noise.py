"""Dimension of means over repeated trials, whose neighbours lie within the noise."""

import dataclasses as dc
import itertools
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.random import keyed
from manifoldscale.geometry.noise import noise_of_trials

AUTO, ABOVE = ms.dimension.Auto(), ms.dimension.AboveNoise()
D, C = ms.dimension, ms.curvature


def ring(trials: int, rate: float = 1.0, n: int = 400, neurons: int = 150) -> np.ndarray:
    """(stimuli x neurons x trials) spike counts of head-direction cells."""
    rng = keyed(trials, "ring", n, neurons)
    angles, preferred = (rng.uniform(0, 2 * np.pi, m) for m in (n, neurons))
    rates = np.exp(1.5 * (np.cos(angles[:, None] - preferred) - 1))
    rates *= rate / rates.mean()
    return rng.poisson(rates[..., None], (n, neurons, trials)).astype(float)


def population(counts: np.ndarray) -> Any:
    return ms.population(counts, order="stimuli neurons trials")


def test_the_noise_of_means_is_that_of_the_trials() -> None:
    """Two neurons in three share their noise: the dimensions of it are
    (sum of variances)^2 / sum of squared eigenvalues.
    """
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((30, 30)) * np.geomspace(2, 0.2, 30)
    covariance = mixing @ mixing.T
    responses = rng.standard_normal((800, 1, 30)) * 5
    responses = responses + rng.standard_normal((800, 6, 30)) @ mixing.T
    found = noise_of_trials(responses.transpose(0, 2, 1))
    assert found is not None and found.trials == 6
    assert found.squared.mean() == pytest.approx(np.trace(covariance) / 6, rel=0.03)
    dims = np.trace(covariance) ** 2 / np.trace(covariance @ covariance)
    assert found.dims == pytest.approx(dims, rel=0.05)


def test_missing_trials_and_single_ones() -> None:
    rng = np.random.default_rng(1)
    scale = np.linspace(0.5, 2, 20)
    responses = rng.standard_normal((600, 20, 5)) * scale[:, None]
    gone = rng.random(responses.shape) < 0.3
    gone[:, 3, 1:] = True  # one trial of this neuron at every stimulus but the first
    gone[..., 0] = False
    gone[0] = False
    trials = np.where(gone, np.nan, responses)
    found = noise_of_trials(trials)
    assert found is not None
    counts = (~gone).sum(2)
    others = np.arange(20) != 3
    expected = (scale[others] ** 2 / counts[:, others]).sum(1).mean()
    own = found.squared.mean() - trials[0, 3].var(ddof=1) * (1 / counts[:, 3]).mean()
    assert own == pytest.approx(expected, rel=0.03)
    assert noise_of_trials(responses[..., :1]) is None


def test_squared_distances_scatter_as_they_should() -> None:
    rng = np.random.default_rng(2)
    means = np.zeros((2, 80))
    means[1, 0] = 3.0
    drawn = means[:, None] + rng.standard_normal((3000, 2, 8, 80)) * 1.5
    squared, expected = [], 0.0
    for one in drawn:
        noise = noise_of_trials(one.transpose(0, 2, 1))
        assert noise is not None
        noise = dc.replace(noise, dims=80.0)  # two points cannot tell it
        squared.append(((one[0] - one[1]).mean(0) ** 2).sum() - noise.squared.sum())
        expected += float(noise.deviation(np.array(9.0))) / len(drawn)
    assert np.mean(squared) == pytest.approx(9.0, abs=0.15)
    assert np.std(squared) == pytest.approx(expected, rel=0.06)


def test_uneven_noise_scatters_as_its_square() -> None:
    """Equal means; the noise of stimuli differs by factors of ten. Its median would make
    the scatter less than half of what it is.
    """
    rng = np.random.default_rng(4)
    scale = np.exp(0.6 * rng.standard_normal((200, 1, 1)))
    pairs = np.triu_indices(200, 1)
    found, said, of_median = [], [], []
    for _ in range(30):  # a few noisy stimuli make most of the scatter of one recording
        trials = scale * rng.standard_normal((200, 60, 8))
        noise = noise_of_trials(trials)
        assert noise is not None and noise.dims == pytest.approx(60, rel=0.1)
        between = cdist(*[trials.mean(2)] * 2, "sqeuclidean")
        between -= np.add.outer(noise.squared, noise.squared)
        found.append(np.mean(between[pairs] ** 2))
        said.append(float(noise.deviation(np.array(0.0))) ** 2)
        even = dc.replace(noise, squared=np.full(200, np.median(noise.squared)))
        of_median.append(float(even.deviation(np.array(0.0))) ** 2)
    assert np.mean(found) == pytest.approx(np.mean(said), rel=0.12)
    assert np.mean(of_median) < 0.25 * np.mean(found)


MANIFOLDS = (
    ms.manifolds.SwissRoll(),
    ms.manifolds.SpecialOrthogonal(3),
    ms.manifolds.FlatTorus(4),
    ms.manifolds.Ball(6),
    ms.manifolds.Grassmann(4, 2),
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["even", "uneven", "of few directions"])
def test_noise_that_is_not_of_counts(kind: str) -> None:
    """Gaussian noise, also of a size that differs between stimuli, or shared by features,
    on manifolds that made nothing of the model.
    """
    held, excluded = [], []
    for which, manifold in enumerate(MANIFOLDS):
        for trials, noise in itertools.product((4, 8, 16, 32), (0.1, 0.2)):
            rng = keyed(which, kind, trials, int(10 * noise))
            points = manifold.sample(600, rng=rng).points
            points = points @ rng.standard_normal((points.shape[1], 100))
            points /= points.std()
            own = np.exp(0.6 * rng.standard_normal((600, 1, 1)) * (kind == "uneven"))
            draws = rng.standard_normal((600, 100, trials))
            if kind == "of few directions":
                mixing = rng.standard_normal((100, 20)) / 20**0.5
                draws = np.einsum("gf,pft->pgt", mixing, draws[:, :20])
            responses = points[..., None] + 2 * noise * own * draws
            try:
                interval = ms.estimate(population(responses), AUTO).interval
            except ManifoldScaleError as error:
                assert "not identifiable" in str(error)
                continue
            held.append(manifold.dim in interval)
            excluded.append(manifold.dim not in interval)
    assert len(held) >= 12
    assert np.mean(held) >= 0.9 and np.sum(excluded) <= 2, (len(held), np.mean(held))


def test_a_ring_of_few_trials() -> None:
    cloud = population(ring(6))
    found = ms.estimate(cloud, AUTO)
    assert 1.0 in found.interval and found.interval.high < 2
    assert "standard errors apart, 6 trials" in found.basis
    assert not found.caveats
    naive = ms.estimate(cloud, ms.dimension.TwoNN())
    assert naive.value > 5
    assert any(note.caveat is Caveat.WITHIN_NOISE for note in naive.caveats)


def test_without_noise_nothing_changes() -> None:
    """At a million spikes per trial the noise is not felt."""
    counts = ring(4, rate=1e6)
    with_trials, means = population(counts), ms.Cloud(population(counts).points)
    assert with_trials.noise is not None
    one, other = (ms.estimate(cloud, AUTO) for cloud in (with_trials, means))
    assert one.value == other.value and one.caveats == other.caveats


def test_too_much_noise_says_how_many_trials_it_takes() -> None:
    with pytest.raises(ManifoldScaleError, match=r"not identifiable.* About") as raised:
        ms.estimate(population(ring(2, rate=0.15)), AUTO)
    words = str(raised.value).split()
    needed = int(words[words.index("About") + 1])
    assert needed > 2
    found = ms.estimate(population(ring(2 * needed, rate=0.15)), AUTO)
    assert 1.0 in found.interval


def test_groups_of_stimuli_are_not_taken_for_a_manifold() -> None:
    rng = keyed(0, "groups")
    centres = 4 * rng.random((12, 200))
    rates = centres[rng.integers(12, size=500)] + 0.2 * rng.random((500, 3)) @ rng.random(
        (3, 200)
    )
    counts = rng.poisson(rates[..., None], (*rates.shape, 8)).astype(float)
    with pytest.raises(ManifoldScaleError, match=r"groups|little more than the noise"):
        ms.estimate(population(counts), AUTO)


def test_it_needs_trials() -> None:
    with pytest.raises(ManifoldScaleError, match=r"needs the noise.*population"):
        ms.estimate(np.random.default_rng(0).random((300, 5)), ABOVE)


def test_scale_and_order_do_not_matter() -> None:
    counts = ring(6)
    found = ms.estimate(population(counts), ABOVE)
    order = np.random.default_rng(0).permutation(len(counts))
    for other in (counts * 2.0**40, counts[:, ::-1], counts[order]):
        again = ms.estimate(population(other), ABOVE)
        assert again.value == pytest.approx(found.value, rel=1e-6)
        assert again.interval.low == pytest.approx(found.interval.low, rel=1e-5)


def strip(ratio: float, trials: int, seed: int) -> Any:
    """Two linear variables, one `ratio` times as wide as the other."""
    rng = np.random.default_rng(seed)
    axes = rng.standard_normal((2, 40))
    signal = (rng.random((500, 2)) * [1, 1 / ratio]) @ axes
    noise = 0.02 * rng.standard_normal((500, trials, 40))
    return ms.population(signal[:, None] + noise, order="stimuli trials neurons")


@pytest.mark.parametrize("ratio", [25.0, 20.0, 8.0])
def test_a_variable_of_small_extent_is_not_overlooked(ratio: float) -> None:
    given = 0
    for seed in range(3):
        try:
            found = ms.estimate(strip(ratio, 10, seed), AUTO)
        except ManifoldScaleError as error:
            assert "changes with the scale" in str(error)
            continue
        given += 1
        assert 2.0 in found.interval
    assert given == 3 or ratio > 10


def test_noise_of_trials_that_go_together_is_told() -> None:
    rng = np.random.default_rng(6)
    angle = rng.uniform(0, 2 * np.pi, 300)
    waves = np.outer(angle, np.arange(1, 7))
    signal = np.concatenate([np.cos(waves), np.sin(waves)], 1) @ rng.standard_normal(
        (12, 40)
    )
    steps = rng.standard_normal((300, 40, 10))
    for memory in (0.0, 0.5):
        noise = steps.copy()
        for t in range(1, 10):
            noise[..., t] = memory * noise[..., t - 1] + steps[..., t]
        cloud = population(signal[..., None] + 0.05 * noise)
        assert cloud.noise is not None
        assert (cloud.noise.memory > 0.2) == (memory > 0) and cloud.noise.memory < 0.6
        spectrum = ms.estimate(cloud, ms.spectra.Covariance(repeats=True, ranks=(1, 8)))
        said = {note.caveat for note in spectrum.caveats}
        assert (Caveat.TRIALS_CORRELATED in said) == (memory > 0)
        if memory:
            with pytest.raises(ManifoldScaleError, match="successive trials"):
                ms.estimate(cloud, ABOVE)


def test_one_trial_does_not_tell_its_noise() -> None:
    rng = np.random.default_rng(7)
    single = ms.population(rng.random((200, 1, 12)), order="stimuli trials neurons")
    assert single.one_trial and single.noise is None
    labelled = dc.replace(single, labels=np.arange(200) % 4)
    for method in (D.TwoNN(), AUTO, ms.spectra.Covariance(ranks=(1, 8)), C.GaussMap(2)):
        found = ms.estimate(labelled, method)
        assert Caveat.ONE_TRIAL in {note.caveat for note in found.caveats}
    capacity = ms.estimate(labelled, ms.classes.Capacity(exemplars=10, probes=3))
    assert capacity.capacity.interval.high == np.inf
    assert not population(rng.random((50, 12, 3))).one_trial


def test_noise_follows_the_points() -> None:
    cloud = population(ring(4))
    assert cloud.noise is not None
    part = cloud.take(np.arange(100, 300))
    assert part.noise is not None
    assert np.array_equal(part.noise.squared, cloud.noise.squared[100:300])


def test_bins_of_time_have_their_own_noise() -> None:
    rng = np.random.default_rng(3)
    scale = np.array([1.0, 3.0])[:, None, None, None]  # of the two bins
    responses = 10 * rng.random((2, 50, 30, 1)) + scale * rng.standard_normal(
        (2, 50, 30, 9)
    )
    cloud = ms.population(responses, order="time neurons stimuli trials")
    assert cloud.noise is not None and len(cloud) == 60
    by_bin = cloud.noise.squared.reshape(30, 2).mean(0)
    np.testing.assert_allclose(by_bin, 50 * np.array([1.0, 9.0]) / 9, rtol=0.1)


@pytest.mark.parametrize(
    "method",
    [
        *(D.TwoNN(), D.MLE(k=20), D.Gride(), D.BIDE(), D.ABIDE(), D.LocalPCA()),
        *(D.CorrelationDimension(), D.PersistentHomology(), D.NearestNeighborScaling()),
        *(D.AcrossScales(D.Gride()), D.Local(D.MLE(k=20)), D.Calibrated(D.TwoNN())),
        *(C.GaussMap(1), C.MAPC(1), C.VolumeGrowth(1), C.ReachEstimate(1)),
        *(D.ParticipationRatio(), ms.spectra.Covariance()),
    ],
    ids=lambda method: type(method).__name__,
)
def test_what_is_made_of_noisy_means_says_so(method: Any) -> None:
    found = ms.estimate(population(ring(6)), method)
    codes = {note.caveat for note in found.caveats}
    assert codes & {Caveat.WITHIN_NOISE, Caveat.SPECTRUM_OF_NOISE}
    if type(method).__module__.startswith(C.__name__):
        assert found.interval.high == np.inf


def test_curvature_of_a_ring_of_noisy_means() -> None:
    """GaussMap calls it flat; the fit of a quadric knows the noise."""
    rng = keyed(0, "curvature")
    angles, preferred = (rng.uniform(0, 2 * np.pi, m) for m in (400, 200))

    def rates(at: np.ndarray) -> np.ndarray:
        found: np.ndarray = 3 * np.exp(1.5 * (np.cos(at[:, None] - preferred) - 1))
        return found

    step = 1e-3
    ahead, here, back = (rates(angles + shift) for shift in (step, 0, -step))
    speed, turn = (ahead - back) / (2 * step), (ahead - 2 * here + back) / step**2
    length2 = np.square(speed).sum(1)
    along = (speed * turn).sum(1) / length2
    bent = np.square(turn - along[:, None] * speed).sum(1) / length2**2
    truth = float(np.sqrt(bent.mean()))
    for trials in (4, 12):
        cloud = population(
            rng.poisson(here[..., None], (*here.shape, trials)).astype(float)
        )
        assert truth in ms.estimate(cloud, C.GaussMap(1)).interval
        found = ms.estimate(cloud, C.Quadric(1)).pooled.kappa_rms.interval
        assert truth in found and found.high < 2.5 * truth
