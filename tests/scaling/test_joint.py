"""The joint law against the closed form that it is exact in."""

import dataclasses as dc
import math

import numpy as np
import pytest
from matplotlib.figure import Figure

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.scaling.joint import fit_joint, shape

DATA = [30, 100, 300, 1000, 3000, 10_000]
PARAMETERS = [50, 150, 500, 1500, 5000]


def truth(alpha: float, ridge: float = 0.0, times: int = 1) -> LearningCurve:
    """The form is that of large sizes: at 30 its exponent is 1 % low, at 300 0.1 %."""
    data, parameters = ([times * size for size in sizes] for sizes in (DATA, PARAMETERS))
    spectrum = ms.theory.power_law_spectrum(alpha)
    return ms.theory.linear_random_features(
        spectrum.eigenvalues, parameters, data, ridge, degeneracies=spectrum.degeneracies
    ).to_curve()


def noisy(curve: LearningCurve, seed: int, floor: float = 0.0, power: float = 1.0):
    """5 % scatter; `power` relabels features as parameters, P = features^(1 / power)."""
    rng = np.random.default_rng(seed)
    runs = [
        dc.replace(
            run,
            loss=(run.loss + floor) * (1 + 0.05 * rng.standard_normal()),
            parameters=round(run.parameters ** (1 / power)),
        )
        for run in curve.runs
    ]
    return LearningCurve(tuple(runs))


@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_without_ridge_it_is_the_crossover_form(alpha: float) -> None:
    u, v = np.array([50.0, 300.0, 1e5]), np.array([500.0, 100.0, 100.0])
    few, many = np.minimum(u, v), np.maximum(u, v)
    np.testing.assert_allclose(
        shape(u, v, alpha, 0.0), few**-alpha / (1 - few / many), rtol=1e-10
    )


@pytest.mark.parametrize("alpha", [0.4, 1.0])
@pytest.mark.parametrize("ridge", [1e-5, 1e-2])
def test_with_ridge_it_is_the_random_feature_model(alpha: float, ridge: float) -> None:
    """For lambda_i = i^-b, sum_i L_i = C gamma^(-1/b) - 1/2, C = (pi/b) / sin(pi/b): the
    half is left out of the form, so that sizes are large here. rho = ridge C^-b, K = C^b.
    """
    sizes = np.array([3000, 10_000, 10_000, 100_000])
    spectrum, b = ms.theory.power_law_spectrum(alpha), 1 + alpha
    exact = ms.theory.linear_random_features(
        spectrum.eigenvalues, sizes, sizes, ridge, degeneracies=spectrum.degeneracies
    ).error
    scale = (math.pi / b / math.sin(math.pi / b)) ** b
    features, samples = np.meshgrid(sizes.astype(float), sizes.astype(float), indexing="ij")
    form = scale * shape(samples, features, alpha, ridge / scale)
    np.testing.assert_allclose(form, exact, rtol=2e-3)


@pytest.mark.parametrize("alpha", [0.3, 0.6, 1.2])
@pytest.mark.parametrize("ridge", [0.0, 1e-2])
def test_the_closed_form_is_recovered(alpha: float, ridge: float) -> None:
    fit = fit_joint(truth(alpha, ridge))
    assert fit.alpha_D == pytest.approx(alpha, rel=0.02)
    assert fit.alpha_P == fit.alpha_D and fit.ratio == pytest.approx(1, rel=0.02)
    assert fit.misfit < 0.006 and not fit.caveats
    predicted = fit.predict(fit.grid.data, fit.grid.parameters)
    np.testing.assert_allclose(predicted, fit.grid.loss, rtol=0.05)


def test_parameters_may_count_by_a_power() -> None:
    """P grows as the square of the features: alpha_P is half of alpha_D."""
    fit = fit_joint(noisy(truth(0.6), 0, power=0.5), kappa=None)
    assert 0.5 / 1.15 < fit.kappa < 0.5 * 1.15
    assert 0.6 in fit.interval_D and 0.3 in fit.interval_P
    assert fit_joint(noisy(truth(0.6), 0, power=0.5), kappa=0.5).alpha_P == pytest.approx(
        0.3, rel=0.1
    )


def test_a_floor_is_found_or_given() -> None:
    curve = noisy(truth(0.6, times=10), 1, floor=0.01)
    assert fit_joint(curve).floor == pytest.approx(0.01, rel=0.2)
    assert 0.6 in fit_joint(curve, floor=0.01).interval_D
    assert fit_joint(curve, floor="zero").misfit > fit_joint(curve).misfit


@pytest.mark.slow
def test_intervals_cover() -> None:
    """95 % of 100 draws within four standard errors."""
    curve = truth(0.6, times=10)
    fits = [fit_joint(noisy(curve, seed), floor="zero") for seed in range(100)]
    held = [0.6 in fit.interval_D for fit in fits]
    assert abs(np.mean(held) - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 100)


def test_designs_that_cannot_tell() -> None:
    runs = [
        Run((d**-0.5) * 1.2, dataset_size=d, parameters=10 * d + k)
        for d in (100, 300, 1000, 3000, 10_000)
        for k in (0, d)
    ]
    found = {note.caveat.name for note in fit_joint(LearningCurve(tuple(runs))).caveats}
    assert {"ALIGNED_DESIGN", "ONE_SIDED_GRID"} & found


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_losses_that_are_a_sum_of_powers_are_told(language_models, noise: float) -> None:
    fit = fit_joint(language_models(noise, 4 if noise else 1))
    found = {note.caveat.name: note.detail for note in fit.caveats}
    assert ("LACK_OF_FIT" in found) == (noise > 0)
    assert "alpha_P 0.3" in found["SUM_FITS_BETTER"]
    assert fit.rival.alpha_P == pytest.approx(0.34, rel=5 * noise + 1e-3)


def test_losses_that_follow_the_form_have_no_rival() -> None:
    curve = truth(0.6, times=10)
    runs = tuple(run for seed in range(3) for run in noisy(curve, seed).runs)
    names = {note.caveat.name for note in fit_joint(LearningCurve(runs)).caveats}
    assert not names & {"LACK_OF_FIT", "SUM_FITS_BETTER"}


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [4, 6])
def test_losses_of_another_form_are_told_without_replicates(sizes: int) -> None:
    """10 (P D)^-0.2 has no peak, and is no sum of powers either: 10 % of residuals."""
    rng = np.random.default_rng(0)
    runs = [
        Run(10 * (p * d) ** -0.2 * (1 + 0.01 * rng.standard_normal()), d, parameters=p)
        for d in np.geomspace(100, 10_000, sizes).astype(int).tolist()
        for p in np.geomspace(1000, 100_000, sizes).astype(int).tolist()
    ]
    fit = fit_joint(LearningCurve(tuple(runs)))
    assert "STRUCTURED_RESIDUALS" in {note.caveat.name for note in fit.caveats}
    for seed in range(3):
        own = fit_joint(noisy(truth(0.6, times=10), seed + 10))
        assert "STRUCTURED_RESIDUALS" not in {note.caveat.name for note in own.caveats}


def test_it_prints_and_plots() -> None:
    fit = fit_joint(truth(0.6))
    assert str(fit).startswith("alpha_D 0.59") and fit.row()["kappa"] == 1
    assert "peak at parameters" in fit.headline()
    assert fit.plot(Figure().add_subplot()).get_yscale() == "log"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"axis": "data"}, "the other resource"),
        ({"axis": "width"}, "No run says"),
        ({"kappa": -1.0}, "`kappa`"),
        ({"kappa": "free"}, "`kappa`.*None to fit it; not 'free'"),
        ({"floor": None}, "`floor`"),
        ({"floor": "none"}, "`floor`"),
        ({"floor": 10.0}, "`floor`"),
    ],
)
def test_settings_that_cannot_work(settings: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        fit_joint(truth(0.6), **settings)


def test_grids_that_cannot_be_fitted() -> None:
    curve = truth(0.6)
    with pytest.raises(ms.ManifoldScaleError, match="three values of parameters"):
        fit_joint(curve.at(parameters=50))
    few = LearningCurve(tuple(run for run in curve.runs if run.dataset_size + run.parameters in (80, 250, 800)))  # fmt: skip # noqa: E501
    with pytest.raises(ms.ManifoldScaleError, match="pairs of sizes"):
        fit_joint(few)
    with pytest.raises(ms.ManifoldScaleError, match="must be a LearningCurve"):
        fit_joint([1, 2, 3])
