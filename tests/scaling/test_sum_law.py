"""The sum of two power laws, on losses that are one."""

import dataclasses as dc

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import optimize

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run


@pytest.mark.parametrize("floor", ["free", 1.69])
def test_it_finds_the_coefficients_of_exact_losses(language_models, floor) -> None:
    law = ms.fit_sum(language_models(0.0), floor=floor)
    found = [law.alpha_D, law.alpha_P, law.floor, law.A, law.B]
    np.testing.assert_allclose(found, [0.28, 0.34, 1.69, 406.4, 410.7], rtol=1e-3)
    assert law.optimal == pytest.approx(0.28 / 0.62, rel=1e-3)
    assert law.predict(np.inf, np.inf) == law.floor
    assert (law.floor_interval.width > 0) == (floor == "free")


def test_the_best_pair_is_where_a_search_finds_it(language_models) -> None:
    law = ms.fit_sum(language_models(0.01, 2))
    for product in (1e18, 1e21):
        search = optimize.minimize_scalar(
            lambda log_p, c=product: float(law.predict(c / np.exp(log_p), np.exp(log_p))),
            bounds=(np.log(1e6), np.log(1e12)),
            method="bounded",
            options={"xatol": 1e-9},
        )
        data, parameters = law.compute_optimal(product)
        assert data * parameters == pytest.approx(product)
        assert np.log(parameters) == pytest.approx(search.x, abs=1e-4)


@pytest.mark.parametrize("unit", [1e-3, 1e6])
def test_units_change_nothing_but_the_amplitudes(language_models, unit: float) -> None:
    curve = language_models(0.01)
    runs = [
        dc.replace(run, dataset_size=run.dataset_size * unit, loss=run.loss * unit)
        for run in curve.runs
    ]
    here, there = ms.fit_sum(curve), ms.fit_sum(LearningCurve(tuple(runs)))
    assert there.alpha_D == pytest.approx(here.alpha_D, rel=1e-5)
    assert there.floor == pytest.approx(here.floor * unit, rel=1e-5)
    np.testing.assert_allclose(tuple(there.interval_P), tuple(here.interval_P), rtol=1e-4)


def power_laws(
    rng: int, alpha_D: float, alpha_P: float, floor: float, side: int, noise: float
) -> LearningCurve:
    """Both powers fall from one over two decades."""
    random = np.random.default_rng(rng)
    runs = [
        Run(
            (floor + (p / 1e3) ** -alpha_P + (d / 1e3) ** -alpha_D)
            * (1 + noise * random.standard_normal()),
            dataset_size=d,
            parameters=p,
        )
        for p in np.geomspace(1e3, 1e5, side)
        for d in np.geomspace(1e3, 1e5, side)
    ]
    return LearningCurve(tuple(runs))


@pytest.mark.slow
@pytest.mark.parametrize(
    "truth",
    [
        (0.28, 0.34, 0.85, 7, 0.01),
        (0.28, 0.34, 0.0, 5, 0.03),  # at the edge: no floor
        (1.0, 0.5, 0.3, 6, 0.05),
        (0.5, 0.5, 2.0, 5, 0.02),
    ],
)
def test_intervals_cover(truth: tuple[float, float, float, int, float]) -> None:
    alpha_D, alpha_P, floor, *_ = truth
    laws = [ms.fit_sum(power_laws(rng, *truth)) for rng in range(300)]
    held = {
        "alpha_D": [alpha_D in law.interval_D for law in laws],
        "alpha_P": [alpha_P in law.interval_P for law in laws],
        "floor": [floor in law.floor_interval for law in laws],
        "optimal": [alpha_D / (alpha_D + alpha_P) in law.optimal_interval for law in laws],
    }
    for name, inside in held.items():  # four standard errors below, wide above
        assert 0.90 < np.mean(inside) <= 0.995, (name, np.mean(inside))


def test_losses_of_the_joint_law_lack_fit() -> None:
    """Random features have a peak at P = D, which no sum of falling powers has."""
    spectrum = ms.theory.power_law_spectrum(0.6)
    sizes = [100, 300, 1000, 3000]
    curve = ms.theory.linear_random_features(
        spectrum.eigenvalues, sizes, sizes[:-1], 0.0, degeneracies=spectrum.degeneracies
    ).to_curve()
    random = np.random.default_rng(0)
    runs = [
        dc.replace(run, loss=run.loss * (1 + 0.02 * random.standard_normal()))
        for run in curve.runs
        if run.dataset_size != run.parameters
        for _ in range(3)
    ]
    law = ms.fit_sum(LearningCurve(tuple(runs)))
    assert "LACK_OF_FIT" in {note.caveat.name for note in law.caveats}


def test_it_prints_and_plots(language_models) -> None:
    law = ms.fit_sum(language_models(0.01, 2))
    assert str(law).startswith("alpha_D 0.2") and "49 pairs" in law.headline()
    assert law.plot(Figure().add_subplot()).get_xlabel()
    assert law.row()["optimal_low"] < law.optimal < law.row()["optimal_high"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"axis": "data"}, "the other resource"),
        ({"axis": "width"}, "No run says"),
        ({"floor": "none"}, "`floor`"),
        ({"floor": 10.0}, "`floor`"),
        ({"level": 95}, "`level`"),
    ],
)
def test_settings_that_cannot_work(language_models, settings: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.fit_sum(language_models(0.0), **settings)


def one_term(seed: int, swapped: bool = False, slope: float = 10.0) -> LearningCurve:
    """1 + 10 D^-0.3 on a grid of D and P, 1 % of scatter."""
    rng = np.random.default_rng(seed)
    sizes = [(d, p) for d in (100, 464, 2154, 10_000) for p in (1e3, 4641, 21_544, 1e5)]
    runs = [
        Run(
            (1 + slope * d**-0.3) * (1 + 0.01 * rng.standard_normal()),
            dataset_size=int(p if swapped else d),
            parameters=int(d if swapped else p),
        )
        for d, p in sizes
    ]
    return LearningCurve(tuple(runs))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_term_that_the_losses_do_not_have(swapped: bool) -> None:
    """Its exponent is not known, the other one is, and no pair of sizes is best."""
    laws = [ms.fit_sum(one_term(seed, swapped)) for seed in range(12)]
    name = "dataset_size" if swapped else "parameters"
    for law in laws:
        one, other = law.interval_D, law.interval_P
        idle, kept = (one, other) if swapped else (other, one)
        assert tuple(idle) == (0, np.inf) and 0 < kept.width < 0.2
        assert law.floor_interval.width > 0 and ", given" not in law.facts()
        (said,) = [n for n in law.caveats if n.caveat.name == "IDLE_RESOURCE"]
        assert said.detail == name
        assert np.isfinite(law.predict([100, np.inf], 1e3)).all()
        with pytest.raises(ms.ManifoldScaleError, match=f"do not depend on {name}"):
            law.compute_optimal(1e6)
    held = [0.3 in (law.interval_P if swapped else law.interval_D) for law in laws]
    assert sum(held) >= 10


def test_losses_that_depend_on_nothing() -> None:
    law = ms.fit_sum(one_term(3, slope=0.0))
    assert np.isinf([law.interval_D.high, law.interval_P.high]).all()
    assert law.interval_D.low == law.interval_P.low == 0 and law.floor <= 1.01
