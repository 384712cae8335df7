"""The law of the errors, on residuals whose law is known."""

import numpy as np
import pytest
from scipy import stats

import manifoldscale as ms
from manifoldscale.scaling.forecast import Forecast
from manifoldscale.scaling.tails import (
    ErrorLaw,
    Huber,
    Normal,
    Student,
    errors_of,
    log_likelihood,
    robust_scale,
    scale_of,
)

LAWS = [Normal(), Student(2.0), Student(5.0), Huber(0.5)]


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_weight_and_slope_are_derivatives_of_the_cost(law: ErrorLaw) -> None:
    u, h = np.array([-4.0, -1.3, -0.2, 0.1, 0.4, 2.0, 7.0]), 1e-5
    first = (law.cost(u + h) - law.cost(u - h)) / (2 * h)
    np.testing.assert_allclose(law.weight(u) * u, first, rtol=1e-6)
    second = (law.cost(u + h) - 2 * law.cost(u) + law.cost(u - h)) / h**2
    if isinstance(law, Huber):  # 3 of 7 lie within delta, 4 within the median of |u|
        assert law.slope(u).mean() == pytest.approx(4 / 7 * 0.5 / 1.3)
    else:
        np.testing.assert_allclose(law.slope(u), second, atol=1e-4)


@pytest.mark.parametrize("freedom", [2.0, 3.0, 10.0])
def test_the_likelihood_is_that_of_scipy(freedom: float) -> None:
    r = np.random.default_rng(0).standard_t(freedom, 300) * 0.02
    law = Student(freedom)
    scale = scale_of(law, r)
    assert log_likelihood(law, r) == pytest.approx(
        stats.t(freedom, scale=scale).logpdf(r).sum()
    )
    for other in (0.98, 1.02):  # the scale is the likeliest
        assert stats.t(freedom, scale=other * scale).logpdf(r).sum() < log_likelihood(
            law, r
        )
    assert log_likelihood(Normal(), r) == pytest.approx(
        stats.norm(scale=np.sqrt((r**2).mean())).logpdf(r).sum()
    )


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 100, 300])
def test_normal_residuals_have_no_tails(n: int) -> None:
    """At most 5 %, with three standard errors of 600 draws."""
    random = np.random.default_rng(n)
    said = [errors_of("auto", random.standard_normal(n)) != Normal() for _ in range(600)]
    assert np.mean(said) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)


def test_tails_are_seen() -> None:
    """t(3), a hundred residuals; and where two of a hundred lie ten times too far."""
    random = np.random.default_rng(1)
    drawn = [errors_of("auto", random.standard_t(3, 100)) for _ in range(200)]
    assert np.mean([isinstance(law, Student) for law in drawn]) > 0.85
    r = random.standard_normal(100)
    r[:2] = 10.0
    assert isinstance(errors_of("auto", r), Student)
    assert 0.7 < scale_of(errors_of("auto", r), r) < 1.1 < scale_of(Normal(), r)
    assert 0.8 < robust_scale(r) < 1.2


def test_what_is_asked_for_is_taken() -> None:
    r = np.random.default_rng(2).standard_t(2, 200)
    assert errors_of(Huber(1e-3), r) == Huber(1e-3) and errors_of("normal", r) == Normal()
    assert errors_of("student", r[:10]).freedom in (2.0, 3.0, 5.0, 10.0)
    assert errors_of("auto", r[:19]) == Normal() == errors_of("auto", np.zeros(50))
    assert scale_of(Huber(1e-3), r) == 1.0
    assert str(Student(3.0)) == "Student(freedom=3.0)"
    for bad in ("huber", 3, None):
        with pytest.raises(ms.ManifoldScaleError, match="`errors` must be one of"):
            errors_of(bad, r)
    for law in (lambda: Huber(0.0), lambda: Student(-1.0), lambda: Student("3")):
        with pytest.raises(ms.ManifoldScaleError):
            law()


def test_a_forecast_prints_and_checks_itself() -> None:
    some = Forecast(*(np.full((3, 4), x) for x in (2.0, 1.9, 2.1)), level=0.9)
    assert len(some) == 12 and str(some).splitlines()[-1] == "and 4 more"
    assert str(some).startswith("2.00 [1.90, 2.10] (90 %)")
    with pytest.raises(ms.ManifoldScaleError, match="one shape"):
        Forecast(np.ones(2), np.ones(2), np.ones(3))
