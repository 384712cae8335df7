"""Betti numbers of spaces that are known, and what must not matter."""

import dataclasses as dc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from ripser import ripser
from scipy.spatial.distance import cdist

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.random import keyed
from manifoldscale.topology import cost, process
from manifoldscale.topology.landmarks import farthest_points
from manifoldscale.topology.rips import Rips

K = ms.manifolds
QUICK = Rips(landmarks=60, subsamples=0)


def figure_eight(n: int, seed: int = 0) -> np.ndarray:
    """Two unit circles that touch at the origin, uniform by length."""
    rng = np.random.default_rng(seed)
    turn, side = rng.uniform(0, 2 * np.pi, n), rng.choice([-1, 1], n)
    return np.stack([side * (1 - np.cos(turn)), np.sin(turn)], axis=1)


def numbers(found: ms.topology.Persistence) -> list[float]:
    return [one.value for one in found.betti]


def intervals(found: ms.topology.Persistence) -> list[tuple[float, float]]:
    return [tuple(one.interval) for one in found.betti]


KNOWN = {
    "circle": (K.Sphere(1).sample(400), Rips(landmarks=60), [1, 1]),
    "figure eight": (figure_eight(800), Rips(landmarks=80), [1, 2]),
    "two circles": (
        np.concatenate([K.Sphere(1).sample(400).points + i for i in (0, 5)]),
        Rips(landmarks=80),
        [2, 2],
    ),
    "sphere": (K.Sphere(2).sample(700), Rips(up_to=2, landmarks=60), [1, 0, 1]),
    "ball": (K.Ball(3).sample(700), Rips(up_to=2, landmarks=60), [1, 0, 0]),
    "torus": (
        K.Torus().sample(4000),
        Rips(up_to=2, landmarks=250, threshold=2.0, subsamples=9),
        [1, 2, 1],
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_betti_numbers_of_known_spaces(name: str) -> None:
    cloud, method, truth = KNOWN[name]
    found = ms.estimate(cloud, method)
    assert numbers(found) == truth
    assert all(b in one.interval for b, one in zip(truth, found.betti, strict=True))
    assert all(one.interval.width <= 1 for one in found.betti)
    level = 1 - 2 / (method.subsamples + 1)
    assert found.betti[0].interval.level == pytest.approx(level)


def test_a_klein_bottle_has_torsion() -> None:
    """(1, 2, 1) over Z2 and (1, 1, 0) over Z3, apart in their intervals in degree 2."""
    bottle = K.KleinBottle()
    method = Rips(up_to=2, landmarks=250, threshold=2.1, subsamples=9)
    both = ms.topology.compare_coefficients(bottle.sample(4000), method)
    assert numbers(both.over_2) == list(bottle.betti) == [1, 2, 1]
    assert numbers(both.over_3) == list(bottle.rational_betti) == [1, 1, 0]
    for over, truth in ((both.over_2, (1, 2, 1)), (both.over_3, (1, 1, 0))):
        for one, expected in zip(over.betti, truth, strict=True):
            assert expected in one.interval
    assert both.torsion == (0, 1, 1) and both.apart[2]
    assert Caveat.TORSION in {note.caveat for note in both.caveats}
    assert both.row()["torsion_2"] == 1 and "over Z3" in str(both)


def test_a_sphere_has_no_torsion() -> None:
    both = ms.topology.compare_coefficients(K.Sphere(1).sample(200), QUICK)
    assert both.torsion == (0, 0) and both.apart == (False, False)
    assert Caveat.TORSION not in {note.caveat for note in both.caveats}


def test_the_diagrams_are_those_of_ripser() -> None:
    points = np.random.default_rng(0).random((60, 3))
    found = ms.estimate(points, Rips(up_to=2, subsamples=0))
    theirs = ripser(points, maxdim=2)["dgms"]
    for ours, other in zip(found.diagrams[1:], theirs[1:], strict=True):
        other = other[other[:, 1] > other[:, 0]]
        np.testing.assert_allclose(np.sort(ours, 0), np.sort(other, 0), rtol=1e-5)
    deaths = theirs[0][:-1, 1]
    np.testing.assert_allclose(found.diagrams[0][1:, 1], deaths[::-1], rtol=1e-5)


def test_the_covering_radius_is_that_of_the_landmarks() -> None:
    points = np.random.default_rng(1).random((300, 2))
    chosen = farthest_points(points, 40)
    apart = np.linalg.norm(points[:, None] - points[chosen.rows], axis=2)
    assert chosen.covering_radius == pytest.approx(apart.min(axis=1).max(), rel=1e-12)
    # Farthest points are at least as far from each other as any point is from them.
    among = apart[chosen.rows][np.triu_indices(40, 1)]
    assert among.min() >= chosen.covering_radius
    found = ms.estimate(points, dc.replace(QUICK, landmarks=40))
    assert found.covering_radius == pytest.approx(chosen.covering_radius, rel=1e-9)
    assert set(found.landmarks) == set(chosen.rows)
    assert farthest_points(points, 300).covering_radius == 0


@given(
    scale=st.floats(1e-100, 1e100),
    shift=st.floats(-10, 10),
    padding=st.integers(0, 5),
    seed=st.integers(0, 99),
)
@settings(max_examples=5, deadline=None)
def test_similarities_order_and_padding_change_nothing(
    scale: float, shift: float, padding: int, seed: int
) -> None:
    points, rng = figure_eight(150), np.random.default_rng(seed)
    turned = np.pad(points, ((0, 0), (0, padding))) + shift
    turned = turned @ np.linalg.qr(rng.standard_normal((2 + padding,) * 2))[0].T
    moved = scale * turned[rng.permutation(150)]
    first, second = (ms.estimate(one, QUICK) for one in (points, moved))
    assert numbers(first) == numbers(second) == [1, 2]
    for ours, other in zip(first.diagrams, second.diagrams, strict=True):
        ours, other = ours[:3, 1], other[:3, 1] / scale
        np.testing.assert_allclose(ours, other, rtol=1e-5)


def test_the_same_seed_gives_the_same_numbers() -> None:
    cloud = K.Torus().sample(300)
    method = Rips(landmarks=50, subsamples=5)
    first, again = ms.estimate(cloud, method), ms.estimate(cloud, method)
    assert first.row() == again.row()
    assert first.betti[1].counts == again.betti[1].counts


def test_a_result_prints_tabulates_and_saves() -> None:
    found = ms.estimate(K.Sphere(1).sample(80), Rips(subsamples=3))
    text = str(found)
    assert text.startswith("betti over Z2 1 [1, 1], 1 [1, 1] (Rips(")
    assert "would show from death / birth" in text
    assert "few points" in text
    frame = found.to_frame()
    assert len(frame) == 1 and frame["betti_1"][0] == 1 and "entropy_1" in frame
    bars = found.bars()
    assert len(bars) == sum(map(len, found.diagrams)) and bars["p_value"].min() == 0
    assert '"betti"' in found.to_json()
    scales = np.array([0.5, 1.5])
    assert found.betti_curve(1, scales).tolist() == [1, 1]
    assert (found.landscape(1, scales) > 0).all()
    assert found.total[1] > 0
    with pytest.raises(ValueError, match="read-only"):
        found.diagrams[0][0] = 0
    import matplotlib.pyplot as plt

    axes = found.plot()
    assert axes.get_xlabel() == "birth"
    plt.close(axes.figure)


def test_trouble_is_said() -> None:
    circle = K.Sphere(1).sample(300)
    notes = {n.caveat for n in ms.estimate(circle, QUICK).caveats}
    assert {Caveat.LANDMARKS, Caveat.NO_SUBSAMPLES} <= notes
    found = ms.estimate(circle, dc.replace(QUICK, threshold=1.0))
    assert Caveat.CUT_OFF in {n.caveat for n in found.caveats} and numbers(found)[1] == 1
    assert np.isnan(found.betti[1].interval.low)
    torus = ms.estimate(K.FlatTorus(2).sample(400), Rips(landmarks=300, subsamples=9))
    assert torus.betti[1].interval.width > 0
    assert Caveat.BETTI_UNSTABLE in {n.caveat for n in torus.caveats}
    repeated = np.repeat(circle.points, 2, axis=0)
    notes = {n.caveat for n in ms.estimate(repeated, QUICK).caveats}
    assert Caveat.DUPLICATES in notes


@pytest.mark.parametrize(
    "points",
    [
        np.stack(np.meshgrid(range(8), range(8)), axis=-1).reshape(-1, 2),
        np.arange(30)[:, None],
        np.random.default_rng(0).random((100, 12)) < 0.5,
    ],
    ids=["lattice", "line", "bits"],
)
def test_tied_distances_are_said(points: np.ndarray) -> None:
    found = ms.estimate(points, Rips(up_to=2, landmarks=25, subsamples=3))
    assert Caveat.DISCRETE in {note.caveat for note in found.caveats}
    assert 1 in found.betti[0].interval


def test_components_alone_need_no_ripser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_worker", None)
    blobs = np.random.default_rng(0).standard_normal((300, 3))
    blobs[:100] += 30
    found = ms.estimate(blobs, Rips(up_to=0))
    assert numbers(found) == [2] and intervals(found) == [(2, 2)]


@pytest.mark.parametrize(
    "settings_, message",
    [
        ({"up_to": 3}, "`up_to` must be 0, 1 or 2"),
        ({"coefficients": 5}, "`coefficients` must be 2 or 3"),
        ({"landmarks": 3}, "`landmarks` must be at least 10"),
        ({"threshold": 0.0}, "`threshold` must be positive"),
        ({"threshold": "all"}, "`threshold` must be a number; not 'all'"),
        ({"landmarks": 50.5}, "`landmarks` must be a whole number or None; not 50.5"),
        ({"subsamples": -1}, "`subsamples` must be at least 0; not -1"),
        ({"subsamples": True}, "`subsamples` must be a whole number; not True"),
        ({"level": 1.0}, "`level` must be between 0 and 1"),
    ],
)
def test_bad_settings_are_refused(settings_: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        Rips(**settings_)


def test_bad_data_are_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`method` must be a `Rips`"):
        ms.topology.compare_coefficients(np.eye(20), 3)
    with pytest.raises(ms.ManifoldScaleError, match="at least 10 distinct points"):
        ms.estimate(np.random.default_rng(0).random((5, 2)), Rips())
    near = ms.Neighbors.from_distances(np.abs(np.subtract.outer(range(20), range(20))))
    with pytest.raises(ms.ManifoldScaleError, match="needs the points"):
        ms.estimate(near, Rips())


def test_a_cost_beyond_the_limits_is_refused_with_a_number_that_fits() -> None:
    cloud = K.Sphere(3).sample(800)
    greedy = Rips(up_to=2, landmarks=500)
    with pytest.raises(ms.ManifoldScaleError, match=r"use `landmarks=\d+`") as caught:
        ms.estimate(cloud, greedy)
    fits = int(str(caught.value).split("`landmarks=")[1].split("`")[0])
    points = cloud.points[farthest_points(cloud.points, fits).rows]
    runs = 1 + greedy.subsamples
    cost.check(cost.predicted(points, 2, np.inf, runs), 600, 4e9)
    with pytest.raises(ms.ManifoldScaleError):
        more = cloud.points[farthest_points(cloud.points, 2 * fits).rows]
        cost.check(cost.predicted(more, 2, np.inf, runs), 600, 4e9)


def test_the_predicted_number_of_simplices_is_right() -> None:
    """Triangles within the threshold, counted one by one."""
    points = np.random.default_rng(0).random((60, 2))
    apart = np.linalg.norm(points[:, None] - points, axis=2) <= 0.5
    i, j, k = np.array([t for t in np.ndindex(60, 60, 60) if t[0] < t[1] < t[2]]).T
    exact = (apart[i, j] & apart[j, k] & apart[i, k]).sum()
    assert cost.predicted(points, 1, 0.5, 1).simplices == pytest.approx(exact, rel=0.2)


def test_a_process_that_takes_too_long_is_stopped() -> None:
    clouds = [np.random.default_rng(0).random((400, 3))] * 50
    with pytest.raises(ms.ManifoldScaleError, match="took longer than 1 s"):
        process.diagrams(clouds, 2, 2, np.inf, 1.0)


def test_a_process_that_dies_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "WORKER", "no such file.py")
    monkeypatch.setattr(process, "_idle", [])
    with pytest.raises(ms.ManifoldScaleError, match=r"died \(.*no such file"):
        ms.estimate(K.Sphere(1).sample(50), QUICK)


def grid_cells(seed: int, trials: int) -> np.ndarray:
    """(1,000 stimuli x 300 neurons) of one module: three plane waves over two phases; with
    trials, the mean of Poisson counts of one spike a trial.
    """
    rng = keyed(seed, "grid cells")
    phases, preferred = (rng.uniform(0, 2 * np.pi, (n, 2)) for n in (1000, 300))
    waves = np.array([[1, 0], [0, 1], [-1, -1]])
    angles = (phases[:, None] - preferred) @ waves.T
    rates = np.exp((np.cos(angles).sum(2) - 3) / 1.5)
    rates /= rates.mean()
    if not trials:
        return rates
    return rng.poisson(rates[..., None], (*rates.shape, trials)).mean(2)


@pytest.mark.parametrize("trials", [0, 8])
def test_a_module_of_grid_cells_is_a_torus(trials: int) -> None:
    rips = ms.topology.Rips(up_to=2, subsamples=0)
    found = ms.estimate(grid_cells(0, trials), rips)
    assert [one.value for one in found.betti] == [1, 2, 1]


@pytest.mark.slow
@pytest.mark.parametrize("trials", [0, 8])
def test_modules_of_grid_cells_are_tori(trials: int) -> None:
    """Seven of eight at least, each of them with halves that see both loops."""
    rips = ms.topology.Rips(up_to=2, subsamples=0)
    found = [ms.estimate(grid_cells(seed, trials), rips) for seed in range(8)]
    tori = [[one.value for one in result.betti] == [1, 2, 1] for result in found]
    assert sum(tori) >= 7
    loops = ms.estimate(grid_cells(0, trials), ms.topology.Rips()).betti[1]
    assert 2.0 in loops.interval and loops.interval.low >= 1


def tuned(manifold: ms.manifolds.Manifold, seed: int, trials: int) -> np.ndarray:
    """(1,000 stimuli x 200 neurons) with Gaussian tuning in the space of the manifold."""
    rng = keyed(seed, "tuned", trials)
    at, preferred = (manifold.sample(n, rng=rng).points for n in (1000, 200))
    width = np.square(at).sum(1).mean() / 3
    rates = np.exp(-cdist(at, preferred, "sqeuclidean") / width)
    rates /= rates.mean()
    if not trials:
        return rates
    return rng.poisson(rates[..., None], (*rates.shape, trials)).mean(2)


@pytest.mark.slow
@pytest.mark.parametrize("trials", [0, 8])
def test_codes_of_klein_bottles_and_of_spheres(trials: int) -> None:
    """Over Z2 a Klein bottle has the Betti numbers of a torus."""
    for manifold, loops in ((ms.manifolds.KleinBottle(), 2), (ms.manifolds.Sphere(2), 0)):
        found = [
            ms.estimate(tuned(manifold, seed, trials), ms.topology.Rips(subsamples=0))
            for seed in range(8)
        ]
        assert sum(one.betti[1].value == loops for one in found) >= 7


@pytest.mark.slow
def test_what_rolled_sheets_show_is_in_the_interval() -> None:
    rolls = [
        ms.estimate(
            ms.manifolds.SwissRoll().sample(400, rng=seed),
            ms.topology.Rips(landmarks=100, subsamples=19),
        )
        for seed in range(10)
    ]
    assert all(0.0 in one.betti[1].interval for one in rolls)
    unsure = [one for one in rolls if one.betti[1].interval.width > 0]
    assert unsure and all(one.caveats for one in unsure)


@pytest.mark.slow
def test_codes_of_five_dimensions_have_no_loops() -> None:
    rips = ms.topology.Rips(subsamples=0)
    for seed in range(20):
        rng = keyed(seed, "mixed")
        x = rng.uniform(-1, 1, (1000, 5)) @ rng.standard_normal((5, 64)) / 1.5
        hidden = np.maximum(x + 0.5 * rng.standard_normal(64), 0)
        rates = np.logaddexp(0, hidden @ rng.standard_normal((64, 300)) / 5)
        assert ms.estimate(rates, rips).betti[1].value == 0
