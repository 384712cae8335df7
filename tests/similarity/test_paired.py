"""Differences on the same examples: smaller errors than of two intervals, and true ones."""

from typing import Any

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.random import keyed

D = ms.dimension
LABELS = np.arange(300) % 3


def pair(seed: int, n: int = 300, apart: float = 1.5) -> tuple[ms.Cloud, ms.Cloud]:
    """Two layers of a random network, with classes."""
    rng, weights = keyed(seed, "pair"), keyed(0, "weights")
    inputs = rng.standard_normal((n, 6)) + apart * np.eye(3, 6)[LABELS[:n]]
    first = np.tanh(inputs @ weights.standard_normal((6, 30)) / 2)
    second = np.maximum(first @ weights.standard_normal((30, 20)) / 3 + 0.5, 0)
    return ms.Cloud(first, LABELS[:n]), ms.Cloud(second, LABELS[:n])


CASES: dict[str, tuple[Any, str, int]] = {
    "TwoNN": (D.TwoNN(), "", 300),
    "MLE": (D.MLE(k=20), "", 300),
    "resolved": (D.Auto(), "resolved", 300),
    "participation": (ms.spectra.Covariance(), "participation", 300),
    "capacity": (ms.classes.Capacity(exemplars=24, probes=5), "", 72),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_interval_holds_the_mean_difference(case: str) -> None:
    """Of other examples of the same number."""
    method, of, n = CASES[case]
    apart = 4.0 if case == "capacity" else 1.5  # of classes that overlap it is a bound only
    found = [
        ms.paired_difference(*pair(seed, n, apart), method, of, parts=10)
        for seed in range(1, 41)
    ]
    values = np.array([one.value for one in found])
    held = [one.interval.low <= values.mean() <= one.interval.high for one in found]
    assert np.mean(held) >= 0.85
    assert np.mean([one.stderr for one in found]) > 0.7 * values.std()


def test_what_both_share_cancels() -> None:
    first, _ = pair(1)
    rng = np.random.default_rng(0)
    other = ms.Cloud(first.points + 0.1 * rng.standard_normal(first.points.shape), LABELS)
    found = ms.paired_difference(first, other, D.MLE(k=20))
    alone = [ms.estimate(cloud, D.MLE(k=20)).interval for cloud in (first, other)]
    assert found.interval.width < 0.8 * np.hypot(alone[0].width, alone[1].width)
    assert found.value > 0 and found.interval.low > 0  # noise fills more dimensions
    back = ms.paired_difference(other, first, D.MLE(k=20))
    assert back.value == -found.value and back.stderr == pytest.approx(found.stderr)
    assert "difference" in str(found)


def test_a_part_is_left_out_of_one_table_as_of_a_new_search() -> None:
    """Three searches in all, and the numbers of one for each part."""
    a, b = pair(2)
    for method in (D.TwoNN(), D.MLE(k=20)):
        found = ms.paired_difference(a, b, method, parts=7)
        doubled = [
            ms.Cloud(c.points[[*range(300), 5]], groups=[*range(300), 5]) for c in (a, b)
        ]
        searched = ms.paired_difference(*doubled, method, parts=7)  # copies: none is reused
        assert found.value == pytest.approx(searched.value, rel=1e-12)
        assert found.stderr == pytest.approx(searched.stderr, rel=1e-9)


def test_the_same_has_no_difference() -> None:
    first, _ = pair(1)
    found = ms.paired_difference(first, first.points * 4 + 1, D.TwoNN(), parts=5)
    assert found.value == pytest.approx(0, abs=1e-9) and found.stderr < 1e-9


def test_groups_stay_together() -> None:
    """Copies of every example with little noise: as many examples as there are groups."""
    rng = np.random.default_rng(1)
    once = np.repeat(rng.standard_normal((60, 5)), 6, axis=0)
    groups = np.repeat(np.arange(60), 6)
    wide = once * [1, 1, 1, 1, 3] + 1e-3 * rng.standard_normal((360, 5))
    method = D.ParticipationRatio()
    with_groups = ms.paired_difference(
        ms.Cloud(once + 1e-3 * rng.standard_normal((360, 5)), groups=groups),
        ms.Cloud(wide, groups=groups),
        method,
        parts=10,
    )
    without = ms.paired_difference(once, wide, method, parts=10)
    assert with_groups.stderr > 1.5 * without.stderr


def test_bad_calls_are_refused() -> None:
    first, second = pair(1)
    for other, settings, words in (
        (second.take(np.arange(200)), {}, "300 points"),
        (ms.Cloud(second.points, LABELS[::-1]), {}, "labels of 'a' and 'b' differ"),
        (second, {"of": "resolve"}, "`of` must name a number"),
        (second, {"parts": 2}, "`parts` must be a whole number of at least 5"),
        (second, {"parts": 200}, "need at least 400 examples"),
    ):
        with pytest.raises(ms.ManifoldScaleError, match=words):
            ms.paired_difference(first, other, D.TwoNN(), **settings)
