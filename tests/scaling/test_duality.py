"""The two relations of alpha_D to alpha_P, on exponents and on losses that follow one."""

import numpy as np
import pytest

import manifoldscale as ms


def learned_quanta(a: float, draws: np.ndarray, rng: int) -> np.ndarray:
    """Loss after D draws: what is needed of the quanta that were seen less than 3 times."""
    p = np.arange(1, 200_001) ** -(1 + a)
    p /= p.sum()
    random = np.random.default_rng(rng)
    return np.array([p[random.poisson(p * d) < 3].sum() for d in draws])


@pytest.mark.parametrize("a", [0.5, 1.0, 1.5])
def test_quanta_that_are_learned_one_by_one(a: float) -> None:
    """alpha_P = a and alpha_D = a / (1 + a), up to the finite number of quanta, 200,000:
    the sizes stay a hundred times below it.
    """
    p = np.arange(1, 200_001) ** -(1 + a)
    p /= p.sum()
    held = np.unique(np.geomspace(30, 2000, 12).astype(int))
    of_P = np.polyfit(np.log(held), np.log([p[n:].sum() for n in held]), 1)[0]
    draws = np.geomspace(300, 1000.0 ** (1 + a), 12)
    draws = draws[draws < 3e6]
    of_D = np.polyfit(np.log(draws), np.log(learned_quanta(a, draws, 0)), 1)[0]
    assert -of_P == pytest.approx(a, rel=0.06)
    assert -of_D == pytest.approx(a / (1 + a), rel=0.06)
    found = ms.test_duality([(-of_D, 0.03 * -of_D)] * 2, [(-of_P, 0.03 * -of_P)] * 2)
    assert found.agrees_with == ("quanta",)


@pytest.mark.parametrize(
    ("theory", "other"), [("duality", "quanta"), ("quanta", "duality")]
)
def test_exponents_that_follow_one_theory(theory: str, other: str) -> None:
    """Its p-value is even, and the other theory is excluded: 200 draws of 8 pairs."""
    p_own, p_other, held = [], [], []
    for seed in range(200):
        random = np.random.default_rng(seed)
        alpha_P = random.uniform(0.3, 1.2, 8)
        alpha_D = alpha_P if theory == "duality" else alpha_P / (1 + alpha_P)
        seen_D, seen_P = (
            alpha * np.exp(0.05 * random.standard_normal(8)) for alpha in (alpha_D, alpha_P)
        )
        found = ms.test_duality(
            list(zip(seen_D, 0.05 * seen_D, strict=True)),
            list(zip(seen_P, 0.05 * seen_P, strict=True)),
        )
        both = {"duality": found.p_value, "quanta": found.p_quanta}
        p_own.append(both[theory])
        p_other.append(both[other])
        interval = found.interval if theory == "duality" else found.quanta_interval
        held.append(1.0 in interval)
    assert max(p_other) < 0.01
    assert np.mean(np.array(p_own) < 0.05) < 0.1 and np.mean(p_own) > 0.4
    assert np.mean(held) > 0.9


def test_both_are_printed() -> None:
    found = ms.test_duality([0.5, 0.7, 0.4], [0.52, 0.66, 0.41])
    assert "alpha_D = alpha_P: p" in str(found) and "quanta" in str(found)
    expected = np.exp(
        np.mean(np.log([0.5 * 1.52 / 0.52, 0.7 * 1.66 / 0.66, 0.4 * 1.41 / 0.41]))
    )
    assert found.quanta_ratio == pytest.approx(expected)
    assert found.row()["quanta_low"] < found.quanta_ratio < found.row()["quanta_high"]
