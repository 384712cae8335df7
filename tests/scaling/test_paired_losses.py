"""Ratios of losses, run by run."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.scaling import loss_ratio

SIZES = (100, 200, 400, 800, 1600, 3200)


def two_curves(
    rng: np.random.Generator, ratio: float, faster: float, kind: str
) -> tuple[LearningCurve, LearningCurve]:
    """Two curves whose runs share a draw of examples, and have noise of their own."""
    first, other = [], []
    for size in SIZES:
        for seed in range(6):
            shared = 1 + 0.1 * rng.standard_normal()
            own = 0.03 * np.array(
                {"normal": rng.standard_normal, "heavy": lambda n: rng.standard_t(3, n)}[
                    kind
                ](2)
            )
            base = shared * size**-0.4
            scale = ratio * (size / SIZES[-1]) ** -faster
            first.append(Run(base * scale * np.exp(own[0]), dataset_size=size, seed=seed))
            other.append(Run(base * np.exp(own[1]), dataset_size=size, seed=seed))
    return LearningCurve(tuple(first)), LearningCurve(tuple(other))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "heavy"])
def test_intervals_hold(kind: str) -> None:
    rng = np.random.default_rng(0)
    held = np.zeros(2)
    for _ in range(200):
        found = loss_ratio(*two_curves(rng, 0.8, 0.05, kind))
        held += [0.8 in found.interval, 0.05 in found.faster_interval]
    assert (held >= 182).all(), held


def test_errors_that_all_sizes_of_a_seed_share_widen_the_interval() -> None:
    """As in paired plans, where each seed has a slope of its own."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        slopes = 0.05 + 0.1 * rng.standard_normal(4)
        first = [
            Run(size ** -(0.4 + slope), dataset_size=size, seed=seed)
            for size in SIZES
            for seed, slope in enumerate(slopes)
        ]
        other = [
            Run(size**-0.4, dataset_size=size, seed=s) for size in SIZES for s in range(4)
        ]
        found = loss_ratio(LearningCurve(tuple(first)), LearningCurve(tuple(other)))
        held += 0.05 in found.faster_interval
    assert held >= 180


def test_what_the_examples_do_cancels() -> None:
    found = loss_ratio(*two_curves(np.random.default_rng(1), 0.8, 0.05, "normal"))
    assert found.interval.width < 0.15  # the runs alone scatter by 10 %
    assert found.verdict == "below" and found.n_points == 36


def test_a_run_alone_has_an_open_interval() -> None:
    one = LearningCurve((Run(0.5, dataset_size=10),))
    found = loss_ratio(one, one)
    assert found.ratio == 1 and found.verdict == "not told apart"
    assert found.interval.high == np.inf and np.isnan(found.faster)


def test_curves_of_other_plans_are_refused() -> None:
    one = LearningCurve((Run(0.5, dataset_size=10),))
    other = LearningCurve((Run(0.5, dataset_size=20),))
    with pytest.raises(ms.ManifoldScaleError, match="same plan"):
        loss_ratio(one, other)
    twice = LearningCurve((Run(0.5, dataset_size=10), Run(0.9, dataset_size=10)))
    with pytest.raises(ms.ManifoldScaleError, match="same sizes and seed"):
        loss_ratio(twice, twice)
    with pytest.raises(ms.ManifoldScaleError, match="one kind of loss"):
        loss_ratio(one, LearningCurve(one.runs, loss="cross_entropy"))
    with pytest.raises(ms.ManifoldScaleError, match="LearningCurve"):
        loss_ratio(one, None)  # type: ignore[arg-type]
    zero = LearningCurve((Run(0.0, dataset_size=10),))
    with pytest.raises(ms.ManifoldScaleError, match="positive"):
        loss_ratio(one, zero)
