"""Many fits at once are the fits one by one; the wild bootstrap widens with lack of fit."""

import numpy as np
import pytest
from scipy import stats

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.scaling.profile_fit import Problem, reweighted
from manifoldscale.scaling.projection import GRID, Profile

X = np.geomspace(100, 10_000, 8)


def drawn(sets: int, floor: float = 0.1, spread: float = 0.03) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((sets, len(X)))
    return (floor + (X / 100) ** -0.5) * (1 + spread * noise)


@pytest.mark.parametrize("floor", [None, 0.0, 0.05])
def test_costs_of_many_are_those_of_one_profile(floor: float | None) -> None:
    y, weights = drawn(3), np.random.default_rng(1).random((3, len(X))) + 0.5
    costs = Profile(X, y, weights, floor).at(GRID[:, None]).cost
    for row, w, found in zip(y, weights, costs.T, strict=True):
        np.testing.assert_allclose(
            found, Profile(X, row, w, floor).at(GRID).cost, rtol=1e-10
        )


@pytest.mark.parametrize("floor", ["free", "zero"])
def test_many_fits_are_the_fits_one_by_one(floor: str) -> None:
    y = drawn(6)
    known = None if floor == "free" else 0.0
    many = reweighted(Problem(X, y, np.ones(len(X)), known))
    # Two runs a size, so that the errors of neighbouring sizes are known to be their own.
    fits = [
        ms.fit_power_law(np.tile(X, 2), np.append(row * 1.001, row * 0.999), floor=floor)
        for row in y
    ]
    np.testing.assert_allclose(many.alpha, [fit.alpha for fit in fits], rtol=1e-6)
    np.testing.assert_allclose(many.floor, [fit.floor for fit in fits], atol=1e-6)
    # An end of the interval is where the profile reaches the limit.
    freedom = len(X) - (3 if known is None else 2)
    limit = many.cost * (1 + stats.f.ppf(0.95, 1, freedom) / freedom)
    low = np.array([fit.interval.low for fit in fits])
    ends = Profile(X, y, many.weights, known).at(low).cost
    np.testing.assert_allclose(ends, limit, rtol=1e-3)


def test_lack_of_fit_comes_with_the_wild_bootstrap() -> None:
    rng = np.random.default_rng(3)
    missed = 1 + 0.1 * rng.standard_normal(8)
    x, y = np.repeat(X, 5), np.repeat((0.1 + (X / 100) ** -0.5) * missed, 5)
    fit = ms.fit_power_law(x, y * (1 + 0.01 * rng.standard_normal(40)))
    assert fit.robust is not None and 0.5 in fit.robust and fit.robust.width > 0.1
    (note,) = [n for n in fit.caveats if n.caveat.name == "LACK_OF_FIT"]
    assert f"wild bootstrap over sizes: {fit.robust}" in note.detail
    assert ms.fit_power_law(X, X**-0.5).robust is None


def curve(train: float, stderr: float) -> LearningCurve:
    rng = np.random.default_rng(2)
    runs = [
        Run(
            float(size**-0.5 * (1 + 0.05 * rng.standard_normal())),
            dataset_size=int(size),
            loss_stderr=stderr * size**-0.5,
            train_loss=train * size**-0.5,
        )
        for size in np.repeat(X, 5)
    ]
    return LearningCurve(tuple(runs))


def test_noise_of_seeds_and_of_test_sets_stand_apart() -> None:
    fit = ms.fit_power_law(curve(train=0.0, stderr=0.04))
    assert fit.losses.test_noise == pytest.approx(0.04, rel=0.05)
    total = fit.losses.seed_noise**2 + fit.losses.test_noise**2
    assert total == pytest.approx(fit.losses.spread**2)
    assert "TEST_NOISE" in {n.caveat.name for n in fit.caveats}
    quiet = ms.fit_power_law(curve(train=0.0, stderr=0.005))
    assert not {"TEST_NOISE", "OPTIMISER_FLOOR"} & {n.caveat.name for n in quiet.caveats}


def test_training_that_has_not_ended_is_called_an_optimiser_floor() -> None:
    fit = ms.fit_power_law(curve(train=0.5, stderr=0.005))
    (note,) = [n for n in fit.caveats if n.caveat.name == "OPTIMISER_FLOOR"]
    assert "%" in note.detail
