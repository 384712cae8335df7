"""Do the intervals of a sum of two power laws, and its forecasts, hold the truth? Many
draws: run with -m slow.
"""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.scaling.powers import SumOfPowers

pytestmark = pytest.mark.slow

KINDS = ["normal", "student", "uneven", "outliers"]
# Hoffmann et al. (2022) as published, and as Besiroglu et al. (2024) found their runs.
PUBLISHED = SumOfPowers(floor=1.69, A=406.4, alpha_P=0.34, B=410.7, alpha_D=0.28)
FOUND = SumOfPowers(floor=1.817, A=482.0, alpha_P=0.348, B=2085.0, alpha_D=0.366)


def square(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Seven sizes of either resource."""
    p, d = np.meshgrid(np.geomspace(5e7, 1e10, 7), np.geomspace(1e9, 5e11, 7))
    return p.ravel(), d.ravel()


def budgets(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """240 models at nine budgets of compute, about the best size of each."""
    compute = np.repeat(np.geomspace(6e18, 3e21, 9), 27)[:240]
    p = np.sqrt(compute / 120) * np.exp(random.uniform(-1.6, 1.6, 240))
    return p, compute / (6 * p)


def noise(kind: str, n: int, scatter: float, random: np.random.Generator) -> np.ndarray:
    if kind == "student":
        return scatter * random.standard_t(3, n) / 1.2
    error = scatter * random.standard_normal(n)
    if kind == "uneven":
        return error * np.exp(random.permutation(np.linspace(-1, 1, n)))
    if kind == "outliers":  # 2 % are off by 5 to 10 %
        off = random.random(n) < 0.02
        error += off * random.uniform(0.05, 0.1, n) * random.choice([-1, 1], n)
    return error


def drawn(
    rng: int, design: str, kind: str
) -> tuple[LearningCurve, SumOfPowers, np.random.Generator]:
    random = np.random.default_rng([rng, len(design)])
    (p, d), law, scatter = (
        (square(random), PUBLISHED, 0.01)
        if design == "square"
        else (budgets(random), FOUND, 0.005)
    )
    if kind == "falling":  # the smallest models scatter six times as much as the largest
        rank = np.argsort(np.argsort(p * d)) / (len(p) - 1)
        error = scatter * np.exp(0.9 - 1.8 * rank) * random.standard_normal(len(p))
    else:
        error = noise(kind, len(p), scatter, random)
    rows = zip(law.predict(d, p) * np.exp(error), d, p, strict=True)
    runs = [Run(float(y), int(x), parameters=int(z)) for y, x, z in rows]
    return LearningCurve(tuple(runs)), law, random


@pytest.mark.parametrize("kind", [*KINDS, "falling"])
@pytest.mark.parametrize("design", ["square", "budgets"])
def test_intervals_cover(design: str, kind: str) -> None:
    """150 draws: the mean over the four numbers is 90 to 98 %; of the 40 shares of all
    cases, each with a standard error of 1 to 3 %, none is below 86 % or all.
    """
    held = []
    for rng in range(150):
        curve, truth, _ = drawn(rng, design, kind)
        law = ms.fit_sum(curve)
        pairs = [
            (truth.alpha_D, law.interval_D),
            (truth.alpha_P, law.interval_P),
            (truth.optimal, law.optimal_interval),
            (truth.floor, law.floor_interval),
        ]
        held.append([value in interval for value, interval in pairs])
    shares = np.mean(held, axis=0)
    assert 0.90 <= shares.mean() <= 0.98 and shares.min() >= 0.86, shares
    assert shares[:3].max() < 1, shares


@pytest.mark.parametrize("kind", ["normal", "student", "outliers"])
def test_forecasts_hold_new_runs(kind: str) -> None:
    """Of a law that is right: inside its sizes, and ten times beyond in either, 100 tables.
    The error of the form, which is none here, may only widen them.
    """
    inside, beyond = [], []
    for rng in range(100):
        curve, truth, random = drawn(rng, "square", kind)
        law = ms.fit_sum(curve)
        for d, p, held in ((2e10, 7e8, inside), (5e12, 1e11, beyond)):
            loss = truth.predict(d, p) * np.exp(noise(kind, 50, 0.01, random)[:5])
            ahead = law.forecast(d, p)
            held.append(np.mean((ahead.low <= loss) & (loss <= ahead.high)))
    assert 0.90 <= np.mean(inside) <= 0.985, np.mean(inside)
    assert np.mean(beyond) >= 0.90, np.mean(beyond)
