"""The compute frontier of losses whose law is known."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.scaling import SumOfPowers, compute_frontier

EQUAL = SumOfPowers(floor=1.8, A=400.0, alpha_P=0.35, B=1200.0, alpha_D=0.35)
STEEP_D = SumOfPowers(floor=1.8, A=400.0, alpha_P=0.3, B=20_000.0, alpha_D=0.55)
STEEP_P = SumOfPowers(floor=1.8, A=20_000.0, alpha_P=0.55, B=400.0, alpha_D=0.3)
X = np.linspace(-1.5, 1.5, 15)  # log sizes about the best


def budgets(
    law: SumOfPowers, scatter: float, rng: int = 0, drift: float = 0.0
) -> LearningCurve:
    """Nine budgets of 15 models about the best size; `drift` moves them with compute."""
    random = np.random.default_rng(rng)
    runs = []
    for i, compute in enumerate(np.geomspace(6e18, 3e21, 9)):
        best = law.compute_optimal(compute / 6)[1]
        p = best * np.exp(X + drift * (i - 4))
        d = compute / 6 / p
        loss = law.predict(d, p) * np.exp(scatter * random.standard_normal(len(p)))
        rows = zip(loss, d, p, strict=True)
        runs += [Run(float(y), int(a), parameters=int(b)) for y, a, b in rows]
    return LearningCurve(tuple(runs))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["parametric", "isoflop"])
def test_intervals_hold_the_exponent(method: str) -> None:
    """Equal exponents, 24 draws: 23 expected, 20 is three standard errors below."""
    found = [compute_frontier(budgets(EQUAL, 0.003, rng), method) for rng in range(24)]
    assert sum(0.5 in one.interval_a for one in found) >= 20
    assert sum(0.5 in one.interval_b for one in found) >= 20
    best = EQUAL.compute_optimal(1e20 / 6)
    sizes = [one.parameters(1e20) for one in found]
    assert sum(bool(s.low < best[1] < s.high) for s in sizes) >= 20
    data = [one.dataset_size(1e20) for one in found]
    assert sum(bool(s.low < best[0] < s.high) for s in data) >= 20
    lowest = [one.loss(1e20) for one in found]
    assert sum(bool(s.low < EQUAL.predict(*best) < s.high) for s in lowest) >= 18
    assert np.median([one.interval_a.width for one in found]) < 0.06


@pytest.mark.parametrize(("law", "sign"), [(STEEP_D, -1), (STEEP_P, 1), (EQUAL, 0)])
def test_parabolas_are_biased_where_exponents_differ(law: SumOfPowers, sign: int) -> None:
    """Exact losses. With x = log P less that of the best size, the loss at one budget is a
    constant and K [e^(-a x) / a + e^(b x) / b], a = alpha_P and b = alpha_D; its third
    derivative over its second is b - a, and least squares over a symmetric range move the
    minimum of a parabola by -(b - a) / 6 <x^4> / <x^2>. It is the same at all budgets: the
    exponent is not moved.
    """
    found = compute_frontier(budgets(law, 0.0), "isoflop")
    shift = np.log(found.parameters(1e20).median / law.compute_optimal(1e20 / 6)[1])
    expected = -(law.alpha_D - law.alpha_P) / 6 * np.mean(X**4) / np.mean(X**2)
    assert shift == pytest.approx(expected, rel=0.1, abs=1e-4)
    assert np.sign(round(float(shift), 4)) == sign
    assert found.a == pytest.approx(law.optimal, abs=1e-3)


def test_a_range_that_drifts_biases_the_exponent_and_is_told() -> None:
    """Larger models at larger budgets, relative to the best, as where N was guessed."""
    drifting = compute_frontier(budgets(STEEP_D, 0.0, drift=0.2), "isoflop")
    assert abs(drifting.a - STEEP_D.optimal) > 0.004
    (note,) = [n for n in drifting.caveats if n.caveat.name == "PARABOLAS"]
    assert "twice as far" in note.detail
    parametric = compute_frontier(budgets(STEEP_D, 0.0, drift=0.2))
    assert parametric.a == pytest.approx(STEEP_D.optimal, abs=1e-4)
    assert not compute_frontier(budgets(STEEP_D, 0.0), "isoflop").caveats


def test_the_parametric_frontier_is_that_of_the_law() -> None:
    curve = budgets(STEEP_D, 0.002)
    law = ms.fit_sum(curve, level=0.9)
    found = compute_frontier(law, flops_per=2.0)
    compute = np.array([1e19, 1e21])
    d, p = law.compute_optimal(compute / 2)
    np.testing.assert_allclose(found.parameters(compute).median, p)
    np.testing.assert_allclose(found.dataset_size(compute).median, d)
    np.testing.assert_allclose(found.loss(compute).median, law.predict(d, p))
    assert found.a == law.optimal and found.interval_a == law.optimal_interval
    # The slope of the line has the interval of the exponent, in first order.
    assert 2 * found.line.half == pytest.approx(found.interval_a.width, rel=0.1)


def test_the_envelope_lies_above_and_picks_luck() -> None:
    """Trajectories of seven models: exact losses lie above the frontier, everywhere; those
    that scatter lie lower than these.
    """
    sizes = np.geomspace(5e7, 5e10, 7)
    data = np.geomspace(1e9, 3e12, 60)

    def trajectories(scatter: float) -> LearningCurve:
        random = np.random.default_rng(0)
        noise = np.exp(scatter * random.standard_normal((7, 60)))
        losses = EQUAL.predict(data, sizes[:, None]) * noise
        runs = [
            Run(float(losses[i, j]), int(d), parameters=int(p))
            for i, p in enumerate(sizes)
            for j, d in enumerate(data)
        ]
        return LearningCurve(tuple(runs))

    found = compute_frontier(trajectories(0.0), "envelope")
    inner = (found.minima.compute > 1e19) & (found.minima.compute < 1e23)
    truth = EQUAL.predict(*EQUAL.compute_optimal(found.minima.compute / 6))
    assert (found.minima.loss >= truth * (1 - 1e-9)).all()
    assert (found.minima.loss / truth)[inner].mean() > 1.001
    assert 0.5 in found.interval_a and found.interval_a.width < 0.4
    lucky = compute_frontier(trajectories(0.01), "envelope").minima
    truth = EQUAL.predict(*EQUAL.compute_optimal(lucky.compute / 6))
    assert np.mean(lucky.loss < truth) > 0.5
    assert [n.caveat.name for n in found.caveats] == ["ENVELOPE"]


@pytest.mark.parametrize("method", ["parametric", "isoflop", "envelope"])
def test_it_prints_and_draws(method: str) -> None:
    found = compute_frontier(budgets(EQUAL, 0.003), method)
    assert f"({method}, 135 pairs" in found.headline() and str(found).startswith("P ~ C^0.")
    assert found.row()["low_a"] < found.a == found.value < found.row()["high_a"]
    ax = found.plot(Figure().add_subplot())
    assert ax.get_xlabel() == "parameters $P$" and len(ax.lines) >= 11
    ax.figure.canvas.draw()


def test_what_cannot_be() -> None:
    curve = budgets(EQUAL, 0.003)
    law, one_model = ms.fit_sum(curve), curve.at(parameters=curve.runs[0].parameters)
    two_budgets = LearningCurve(curve.runs[:30])
    for call, message in (
        (lambda: compute_frontier(curve, "isoflops"), "`method`"),
        (lambda: compute_frontier(law, "isoflop"), "needs its LearningCurve"),
        (lambda: compute_frontier(curve, flops_per=0.0), "`flops_per`"),
        (lambda: compute_frontier(curve, level=95), "`level`"),
        (lambda: compute_frontier(one_model, "envelope"), "three models"),
        (lambda: compute_frontier(two_budgets, "isoflop"), "three budgets"),
    ):
        with pytest.raises(ms.ManifoldScaleError, match=message):
            call()
