"""Speed-ups that are known."""

import json

import numpy as np
import pytest

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.scaling import speed_up

from .trajectories import networks, recipe


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_exact_curves_give_the_factor_at_all_losses(speed: float) -> None:
    found = speed_up(recipe(1.0, 0, noise=0.0), recipe(speed, 1, noise=0.0))
    assert found.factor == pytest.approx(speed, rel=0.01)
    np.testing.assert_allclose(found.factors, speed, rtol=0.05)
    assert not found.caveats


@pytest.mark.slow
@pytest.mark.parametrize("speed", [1.0, 3.0])
def test_intervals_hold_the_factor(speed: float) -> None:
    found = [speed_up(recipe(1.0, i), recipe(speed, 1000 + i)) for i in range(100)]
    assert np.mean([speed in one.interval for one in found]) >= 0.9
    assert np.mean([bool(one.caveats) for one in found]) <= 0.12  # 5 % by chance


def test_a_factor_that_changes_is_not_one() -> None:
    """(t)^1.2 in the place of t: the factor is x_a / x_b = x_a^(1 / 6), rising."""
    found = speed_up(recipe(1.0, 0), recipe(1.0, 1, power=1.2))
    (note,) = found.caveats
    assert note.caveat.name == "NOT_ONE_FACTOR" and "at a loss of" in note.detail
    places = (2 / (found.loss - 0.05)) ** 2
    np.testing.assert_allclose(found.factors, places ** (1 / 6), rtol=0.15)
    assert found.at_low[0] > 2 > 1.3 > found.at_high[0]
    assert found.at_high[0] < found.factor < found.at_low[0]


def runs_of(speed: float, seed: int) -> LearningCurve:
    rng = np.random.default_rng(seed)
    return LearningCurve(tuple(
        Run(loss=float((speed * size) ** -0.5 * np.exp(0.03 * rng.standard_normal())),
            dataset_size=int(size), seed=index)
        for size in np.geomspace(100, 10_000, 9).round() for index in range(5)
    ))  # fmt: skip


def test_along_data_and_compute() -> None:
    found = speed_up(runs_of(1.0, 0), runs_of(2.0, 1), "data")
    assert 2.0 in found.interval and found.interval.width < 0.5
    assert str(found).startswith("speed-up in dataset_size: ")
    cheap = networks(seed=3)
    twice = LearningCurve(
        tuple(Run(**{**run.row(), "compute": 2 * run.compute}) for run in networks().runs)
    )
    along = speed_up(twice, cheap, "compute")
    assert 2.0 in along.interval


def test_one_network_of_a_recipe_has_no_interval() -> None:
    found = speed_up(recipe(1.0, 0, seeds=1), recipe(2.0, 1))
    assert np.isnan(found.interval.low) and "no interval" in str(found)


def test_a_speed_up_is_a_result() -> None:
    found = speed_up(recipe(1.0, 0), recipe(2.0, 1))
    assert found.row()["factor"] == found.value and found.to_frame().shape[0] == 1
    assert json.loads(found.to_json())["factor"] == pytest.approx(found.factor)
    assert speed_up(recipe(1.0, 0), recipe(2.0, 1)).to_json() == found.to_json()
    found.plot()


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ManifoldScaleError, match="'steps', 'compute', 'data'; not 'width'"):
        speed_up(recipe(1.0, 0), recipe(1.0, 1), "width")
    with pytest.raises(
        ManifoldScaleError, match="no losses in common: `curve_a` goes from"
    ):
        speed_up(recipe(1.0, 0), recipe(1e9, 1))
    with pytest.raises(ManifoldScaleError, match="`curve_a` holds networks of 9 sizes"):
        speed_up(networks(), recipe(1.0, 1))
    with pytest.raises(
        ManifoldScaleError, match="`curve_b` must be a LearningCurve; not int"
    ):
        speed_up(recipe(1.0, 0), 3)
