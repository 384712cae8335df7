"""What repetition is worth, on losses in which it is known."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.scaling import Huber, SumOfPowers, fit_repetition

# The law of C4 of Muennighoff et al. (2023): A = e^6.255, B = e^7.305, E = e^.6255.
BASE = SumOfPowers(
    floor=np.exp(0.6255),
    A=np.exp(6.255),
    alpha_P=0.35266,
    B=np.exp(7.305),
    alpha_D=0.35266,
)
R_D, R_P = 15.0, 5.0


def loss(d: float, p: float, u: float) -> float:
    """The formulas of the paper, written down again."""
    G = (BASE.A / BASE.B) ** (1 / (2 * 0.35266))
    best = min(G**2 * u, p)  # with equal exponents the best P is G^2 D
    p_new = best + best * R_P * (1 - np.exp(-(p / best - 1) / R_P))
    d_new = u + u * R_D * (1 - np.exp(-(d / u - 1) / R_D))
    return float(BASE.floor + BASE.A * p_new**-0.35266 + BASE.B * d_new**-0.35266)


def repeated(scatter: float, rng: int = 0) -> LearningCurve:
    random = np.random.default_rng(rng)
    runs = [
        Run(
            loss(u * epochs, p, u) * float(np.exp(scatter * random.standard_normal())),
            dataset_size=int(u * epochs),
            parameters=int(p),
            unique_examples=int(u),
        )
        for u in (1e8, 1e9, 1e10)
        for epochs in (1, 3, 10, 30, 100)
        for p in np.geomspace(0.3, 30, 5) * u / 20
    ]
    return LearningCurve(tuple(runs))


def test_it_finds_what_repetition_is_worth() -> None:
    found = fit_repetition(repeated(0.0), BASE)
    assert pytest.approx((R_D, R_P), rel=1e-4) == (found.R_D, found.R_P)
    assert found.objective < 1e-10 and found.n == 75 and found.repeated == 60
    assert found.predict(3e9, 1e9, 1e9) == pytest.approx(loss(3e9, 1e9, 1e9), rel=1e-5)
    d, p = found.effective([1e9, 1e9 * (1 + R_D), 1e14], 1e6, 1e9)
    # One pass is one pass; R_D more are worth 1 - 1/e of fresh ones; the end is 1 + R_D.
    np.testing.assert_allclose(d / 1e9, [1, 1 + R_D * (1 - np.exp(-1)), 1 + R_D], rtol=1e-3)
    np.testing.assert_allclose(p, 1e6, rtol=1e-6)  # few parameters are none in excess


@pytest.mark.slow
def test_intervals_hold_it() -> None:
    """24 draws at 2 % of scatter: 23 expected, 20 is three standard errors below."""
    laws = [fit_repetition(repeated(0.02, rng), BASE) for rng in range(24)]
    assert sum(R_D in law.interval_D for law in laws) >= 20
    assert sum(R_P in law.interval_P for law in laws) >= 20
    assert np.median([law.interval_D.high / law.interval_D.low for law in laws]) < 3


def test_the_objective_is_the_sum_of_costs() -> None:
    curve = repeated(0.03, 1)
    found = fit_repetition(curve, BASE, errors=Huber(1e-3))
    r = [
        np.log(
            run.loss / found.predict(run.dataset_size, run.parameters, run.unique_examples)
        )
        for run in curve.runs
    ]
    size = np.abs(r)
    costs = np.where(size < 1e-3, size**2 / 2, 1e-3 * (size - 5e-4))
    assert found.objective == pytest.approx(costs.sum(), rel=1e-9)
    assert found.minima[0] == (found.R_D, found.R_P, found.objective)
    assert [m[2] for m in found.minima] == sorted(m[2] for m in found.minima)
    assert pytest.approx(R_D, rel=0.3) == fit_repetition(curve, BASE, errors="auto").R_D


def test_examples_that_lose_nothing_have_no_upper_end() -> None:
    """Fresh examples under the name of repeated ones."""
    runs = [
        Run(
            float(BASE.predict(k * 1e9, p)),
            int(k * 1e9),
            parameters=p,
            unique_examples=10**9,
        )
        for k in (2, 4, 8, 16)
        for p in (10**7, 3 * 10**7)
    ]
    found = fit_repetition(LearningCurve(tuple(runs)), BASE)
    assert found.interval_D.high == np.inf and found.R_D > 1000


def test_it_prints_draws_and_refuses() -> None:
    curve = repeated(0.02)
    found = fit_repetition(curve, BASE, level=0.9)
    assert "60 with repetition" in str(found) and "(90 %)" in str(found)
    assert found.plot(Figure().add_subplot()).get_xlabel()
    assert found.to_frame().loc[0, "R_D"] == found.value
    fresh = [Run(r.loss, r.dataset_size, parameters=r.parameters) for r in curve.runs]
    with pytest.raises(ms.ManifoldScaleError, match="three runs that saw"):
        fit_repetition(LearningCurve(tuple(fresh)), BASE)
    with pytest.raises(ms.ManifoldScaleError, match="`base`"):
        fit_repetition(curve, "c4")
