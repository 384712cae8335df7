"""What is kept of a quantity comes back from JSON as it was."""

import json
import math

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.latex import latex_table
from manifoldscale.core.measurement import Measurement, SiteMeasurements, difference
from manifoldscale.core.serialize import dumps
from manifoldscale.runs.steps.geometry import measured


def reading(value: float, low: float, high: float) -> Measurement:
    return Measurement("dimension", value, ms.Interval(low, high), "TwoNN()", 100)


def again(one: Measurement) -> Measurement:
    return Measurement.from_dict(json.loads(dumps(one)))


@pytest.mark.parametrize(
    "one",
    [
        reading(1 / 3, 0.1, 0.7),
        reading(2.0, 0.5, math.inf),
        reading(-2.0, -math.inf, 0.1),
        reading(1e-300, 0.0, 5e300),
    ],
)
def test_it_comes_back_from_json(one: Measurement) -> None:
    assert again(one) == one and again(one).row() == one.row()


def test_what_is_not_known_comes_back_as_that() -> None:
    """Infinite ends around no value say no more than NaN, and JSON has one null."""
    dead = again(reading(math.nan, -math.inf, math.inf))
    assert not dead.is_known and str(dead) == "n/a"
    assert math.isnan(dead.interval.low) and math.isnan(dead.interval.high)


def test_it_keeps_all_of_a_result() -> None:
    dim = ms.estimate(ms.manifolds.Sphere(2).sample(400), ms.dimension.MLE(k=10))
    one = again(Measurement.of(dim, stderr=dim.stderr))
    assert one.value == dim.value and tuple(one.interval) == tuple(dim.interval)
    assert one.method == "MLE(k=10)" and one.settings["k"] == 10
    assert one.n_points == 400 and one.more["stderr"] == dim.stderr
    assert list(one.caveats) == [str(note) for note in dim.caveats]


@pytest.mark.parametrize("missing", ["value", "interval", "n_points", "method", "caveats"])
def test_a_damaged_one_is_one_clear_error(missing: str) -> None:
    stored = json.loads(dumps(reading(1.0, 0.5, 2.0)))
    del stored[missing]
    with pytest.raises(ms.ManifoldScaleError, match=f"damaged.*{missing}"):
        Measurement.from_dict(stored)
    with pytest.raises(ms.ManifoldScaleError, match="damaged"):
        SiteMeasurements.from_dict({"site": "a", "features": 3, "readings": [stored]})


def test_the_interval_of_a_difference_covers() -> None:
    """Normal estimates: that of independent ones covers 95 %, that of equal ones more."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(5, 0.5, 4000), rng.normal(4, 0.3, 4000)

    def covers(a: float, b: float) -> bool:
        one = reading(a, a - 0.98, a + 0.98)
        return 1.0 in difference(one, reading(b, b - 0.588, b + 0.588)).interval

    share = np.mean([covers(a, b) for a, b in zip(first, second, strict=True)])
    assert share == pytest.approx(0.95, abs=0.012)
    # What both have in common cancels in the difference, and not in its interval.
    together = np.mean([covers(a, 4 + 0.6 * (a - 5)) for a in first])
    assert together > 0.99


def test_an_open_end_stays_open_in_a_difference() -> None:
    found = difference(reading(5.0, 4.0, math.inf), reading(2.0, 1.0, 3.0))
    assert found.value == 3.0 and found.interval.high == math.inf
    assert found.interval.low == pytest.approx(3 - math.sqrt(2))
    unknown = difference(reading(math.nan, math.nan, math.nan), reading(2.0, 1.0, 3.0))
    assert not unknown.is_known and unknown.caveats == ("not known on one side",)


def test_a_difference_of_two_levels_has_the_higher() -> None:
    """The ends at 90 % were called those of 95 %, or the reverse. Normal errors: 1.645 and
    1.960 of them.
    """
    first = Measurement("dimension", 5.0, ms.Interval(5 - 0.8225, 5 + 0.8225, 0.90), "m", 9)
    second = reading(4.0, 4 - 0.588, 4 + 0.588)
    found = difference(first, second)
    half = 1.959964 * math.hypot(0.5, 0.3)
    assert found.interval.level == 0.95
    assert tuple(found.interval) == pytest.approx((1 - half, 1 + half), abs=1e-3)
    back = difference(second, first).interval
    assert (-back.high, -back.low) == pytest.approx(tuple(found.interval))
    wide = Measurement("dimension", 5.0, ms.Interval(4.0, math.inf, 0.90), "m", 9)
    assert difference(wide, second).interval.high == math.inf


def bound(low: float) -> Measurement:
    """A dimension at the cap of its references, of which the lower end is known."""
    ends = ms.Interval(low, math.inf)
    return Measurement("dimension", 100, ends, "Auto()", 9, more={"bound": "below"})


def test_a_value_at_its_cap_is_a_bound_everywhere() -> None:
    found = again(bound(92.3))
    assert str(found) == "> 92.3" and found.printed == ("> 92.3", "[92.3, inf]")
    site = SiteMeasurements("fc1", 384, (found,))
    row = site.row()
    assert row["high"] == math.inf and row["bound"] == "below"
    assert "$> 92.3$" in latex_table([{**row, "alone": None}])
    assert "bound" not in SiteMeasurements("a", 3, (reading(2.0, 1.0, 3.0),)).row()


def test_a_number_called_bound_marks_no_value() -> None:
    """1 + 2 / d, beside the exponent of a spectrum."""
    row = {"alpha": 2.0, "low": 1.9, "high": 2.1, "bound": 1.5}
    assert "> 1.9" not in latex_table([row]) and "2.00" in latex_table([row])
    assert "1.5" in latex_table([{"law": "4/d", "bound": 1.5}])


def test_the_difference_to_a_bound_is_a_bound_or_unknown() -> None:
    over = difference(bound(92.0), reading(12.0, 8.0, 15.0))
    assert over.is_bound and over.interval.high == math.inf
    assert over.interval.low == pytest.approx(92 - 12 - 3)  # the error of the other
    assert not difference(reading(12.0, 8.0, 15.0), bound(92.0)).is_known


def test_a_dimension_beyond_its_references_is_stored_as_a_bound() -> None:
    points = np.random.default_rng(0).standard_normal((400, 300))
    dim = ms.estimate(points, ms.dimension.Auto())
    found = measured(dim)
    assert found.is_bound and found.interval == ms.Interval(dim.interval.low, math.inf)
    assert dim.in_short == str(found) and f"$> {found.interval.low:.1f}$" in dim.to_latex()
    back = ms.dimension.Dimension.from_dict(json.loads(dim.to_json()))
    assert back.is_bound and back.headline() == dim.headline()


def test_a_dimension_beyond_its_references_is_drawn_from_its_lower_end() -> None:
    points = np.random.default_rng(0).standard_normal((400, 300))
    dim = ms.estimate(points, ms.dimension.Auto())
    ax = dim.plot()
    marks = {str(line.get_marker()): line.get_xdata() for line in ax.lines}
    assert ">" in marks and marks["o"][0] == pytest.approx(dim.interval.low)
