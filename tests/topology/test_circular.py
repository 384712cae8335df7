"""Angles around loops, against known angles."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.random import keyed
from manifoldscale.topology import circular
from manifoldscale.topology.circular import best_match, reduced

Circular = ms.topology.CircularCoordinates
QUICK = Circular(landmarks=100, repeats=2)


def ring(noise: float = 0.05, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """A circle in ten dimensions, unevenly filled, and its angle."""
    rng = keyed(0, "ring", n)
    angle = rng.vonmises(0.5, 0.5, n)
    flat = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    turn = np.linalg.qr(rng.standard_normal((10, 10)))[0][:2]
    return flat @ turn + noise * rng.standard_normal((n, 10)), angle


def grid_cells(n: int, trials: int) -> tuple[np.ndarray, np.ndarray]:
    rng = keyed(1, "grid", n)
    phases, preferred = (rng.uniform(0, 2 * np.pi, (m, 2)) for m in (n, 200))
    waves = np.array([[1, 0], [0, 1], [-1, -1]])
    rates = np.exp((np.cos((phases[:, None] - preferred) @ waves.T).sum(2) - 3) / 1.5)
    counts = rng.poisson(2 * (rates / rates.mean())[..., None], (n, 200, trials))
    return counts.mean(2), phases


def test_the_angle_around_a_ring() -> None:
    points, angle = ring()
    found = ms.estimate(points, QUICK)
    assert found.loops == 1 and found.covered.all() and found.error < 0.2
    (agreement,) = found.against(angle)
    assert abs(agreement.value) > 0.95
    assert agreement.value in agreement.interval and agreement.interval.width < 0.05
    assert "1 angle of 500 points" in str(found)


def test_errors_are_as_large_as_the_noise_makes_them() -> None:
    points, angle = ring(noise=0.2)
    found = ms.estimate(points, Circular(landmarks=100, repeats=6, loops=1))
    turned = np.exp(1j * (found.angles[:, 0] - angle))
    if abs(turned.mean()) < 0.5:
        turned = np.exp(1j * (found.angles[:, 0] + angle))
    missed = np.angle(turned / turned.mean())
    assert 0.3 < found.error / np.median(abs(missed)) < 3


def uneven(kind: str, seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """A circle with noise on one side, or with few points on one side."""
    rng = keyed(seed, kind, n)
    angle = rng.uniform(0, 2 * np.pi, n)
    if kind == "few":
        angle = 0.97 * 2 * np.pi * rng.beta(2, 2, n)
    flat = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    noise = np.where((kind == "noisy") & (np.cos(angle) > 0), 0.2, 0.05)[:, None]
    return flat + noise * rng.standard_normal(flat.shape), angle


@pytest.mark.parametrize("kind", ["noisy", "few"])
def test_errors_hold_what_an_uneven_density_does(kind: str) -> None:
    """Most of the turn once went to where landmarks are few, with errors of a tenth."""
    points, angle = uneven(kind, 1)
    found = ms.estimate(points, Circular(landmarks=80, repeats=4, loops=1))
    missed = []
    for sign in (-1, 1):
        turned = np.exp(1j * (found.angles[:, 0] + sign * angle))
        missed.append(np.angle(turned / turned.mean()))
    least = min(missed, key=lambda one: float(abs(one).mean()))
    assert np.sqrt((least**2).mean()) < 0.6
    assert (abs(least) <= 2 * found.errors[:, 0]).mean() > 0.7


def test_moves_are_the_angles_of_equal_weights() -> None:
    """Of a path around four landmarks by hand: two edges a landmark, so no difference."""
    square = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    edges = np.abs(np.subtract.outer(np.arange(4), np.arange(4))) % 2 == 1
    whole = np.zeros((1, 4, 4), dtype=np.int64)
    whole[0, 3, 0], whole[0, 0, 3] = 1, -1
    found = circular._smoothed(square, 1.5, edges, whole)
    np.testing.assert_allclose(np.abs(found.smooth[0][edges]), 0.25)
    np.testing.assert_allclose(found.moves(square), 0, atol=1e-9)


def test_two_phases_of_grid_cells() -> None:
    points, phases = grid_cells(600, trials=8)
    found = ms.estimate(points, Circular(landmarks=200, repeats=0))
    assert found.loops == 2
    assert all(one.value > 0.95 for one in found.against(phases))
    axes = found.plot()
    assert axes.get_xlabel() == "first angle"


def test_without_a_loop_there_is_no_angle() -> None:
    points = np.random.default_rng(0).standard_normal((300, 3))
    with pytest.raises(ManifoldScaleError, match=r"more than noise.*loops=1"):
        ms.estimate(points, QUICK)
    forced = ms.estimate(points, Circular(loops=1, landmarks=100, repeats=4))
    assert forced.error > 0.5  # other landmarks, another loop
    assert "angle unsure" in str(forced)


@pytest.mark.parametrize("dim, loops", [(1, 1), (2, 2)])
def test_loops_are_those_of_rips_by_one_computation(monkeypatch, dim, loops) -> None:
    turn = np.random.default_rng(dim).uniform(0, 2 * np.pi, (700, dim))
    cloud = ms.Cloud(np.concatenate([np.cos(turn), np.sin(turn)], axis=1))
    betti = ms.estimate(cloud, ms.topology.Rips(landmarks=150, subsamples=0)).betti
    runs, plain = [], circular.loops_of
    monkeypatch.setattr(
        circular, "loops_of", lambda *given: runs.append(0) or plain(*given)
    )
    found = ms.estimate(cloud, Circular(landmarks=150, repeats=0))
    assert found.loops == loops == betti[1].value and len(runs) == 1


def test_turns_scales_and_order_do_not_matter() -> None:
    points, _ = ring()
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.standard_normal((10, 10)))[0]
    order = rng.permutation(len(points))
    first = ms.estimate(points, QUICK).angles
    again = ms.estimate(1e6 * (points @ turn)[order], QUICK).angles
    _, resultants = best_match(again, first[order])
    assert resultants[0] > 1 - 1e-6


def test_outliers_are_uncovered() -> None:
    points, _ = ring(noise=0.02)
    far = np.concatenate([points, [[50.0] * 10], [[50.0] * 9 + [80.0]]])
    found = ms.estimate(far, Circular(loops=1, landmarks=60, repeats=0))
    assert found.covered[:-2].all()


def test_the_shortest_basis_of_a_plane() -> None:
    """Against all small integer combinations."""
    rng = np.random.default_rng(2)
    for _ in range(50):
        vectors = rng.standard_normal((2, 3)) * [[1.0], [5.0]]
        products = vectors @ vectors.T
        basis = reduced(products)
        assert abs(round(np.linalg.det(basis))) == 1
        lengths = np.sort(np.diag(basis @ products @ basis.T))
        coefficients = [(a, b) for a in range(-9, 10) for b in range(-9, 10) if a or b]
        shortest = min(np.array(c) @ products @ np.array(c) for c in coefficients)
        assert lengths[0] == pytest.approx(shortest)


def test_combinations_that_can_be_undone_are_found() -> None:
    rng = np.random.default_rng(3)
    angles = rng.uniform(0, 2 * np.pi, (400, 2))
    mixed = np.stack([angles[:, 0] + angles[:, 1], -angles[:, 1] + 2.0], axis=1)
    chosen, resultants = best_match(mixed, angles)
    assert (resultants > 1 - 1e-9).all()
    assert abs(round(np.linalg.det(chosen))) == 1


def test_known_angles_must_fit() -> None:
    points, angle = ring()
    found = ms.estimate(points, QUICK)
    with pytest.raises(ManifoldScaleError, match=r"500 x 1.*\(500, 2\)"):
        found.against(np.stack([angle, angle], axis=1))
    with pytest.raises(ManifoldScaleError, match="for each point"):
        found.against(angle[:-1])
