"""The lower envelope of trajectories against compute."""

import dataclasses as dc
import json

import numpy as np
import pytest

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.learning_curve import LearningCurve
from manifoldscale.scaling import compute_envelope, fit_power_law, fit_sum
from manifoldscale.scaling.envelope import lower_envelope

from .trajectories import EXPONENT, networks


def test_an_envelope_holds_no_row_that_another_beats() -> None:
    rng = np.random.default_rng(0)
    compute, loss = rng.random(200) + 0.1, rng.random(200) + 0.1
    rows = lower_envelope(compute, loss)
    assert (np.diff(compute[rows]) > 0).all() and (np.diff(loss[rows]) < 0).all()
    beaten = [
        bool(((compute <= c) & (loss < at)).any())
        for c, at in zip(compute, loss, strict=True)
    ]
    assert sorted(rows) == [i for i in range(200) if not beaten[i]]


def test_a_trajectory_beats_others_between_its_rows() -> None:
    compute, loss = [1, 100, 9, 11], [1.0, 0.01, 0.5, 0.09]
    assert lower_envelope(compute, loss).tolist() == [0, 2, 3, 1]
    # The first falls as 1 / C: at 9 it is 0.11, below 0.5; at 11 it is 0.0909.
    assert lower_envelope(compute, loss, list("aabb")).tolist() == [0, 3, 1]


@pytest.mark.parametrize(
    ("compute", "loss", "network", "said"),
    [
        ([1, 2], [1], None, "one length"),
        ([1, 0], [1, 1], None, "positive; 1 rows"),
        ([1, 2], [1, 1], ["a"], "`network` must have one entry per row"),
    ],
)
def test_what_is_no_envelope_is_refused(compute, loss, network, said) -> None:
    with pytest.raises(ManifoldScaleError, match=said):
        lower_envelope(compute, loss, network)


@pytest.mark.parametrize("floor", ["free", 0.1])
def test_the_exponent_of_a_sum_of_powers(floor: str | float) -> None:
    """Exact losses: what is off is that there are only so many sizes."""
    law = compute_envelope(networks(noise=0.0), floor=floor)
    assert law.alpha == pytest.approx(EXPONENT, abs=0.005)
    assert abs(law.alpha - EXPONENT) < max(3 * abs(law.finite_set), 0.001)
    assert law.floor == pytest.approx(0.1, abs=0.015)
    # At the optimum 0.4 (N / 1000)^-0.4 = 0.6 x 3 t^-0.6: N grows as C^0.6.
    rise = np.polyfit(np.log(law.compute), np.log(law.parameters), 1)[0]
    assert rise == pytest.approx(0.6, abs=0.05)
    assert law.parameters.min() > 1000 and law.parameters.max() < 256_000


def test_an_envelope_of_few_sizes_is_coarse_and_says_how_much() -> None:
    """Sizes that are a factor of eight apart, in place of two."""
    curve = networks(noise=0.001, sizes=13)
    apart = tuple(run for run in curve.runs if np.log2(run.parameters / 1000) % 3 == 0)
    coarse = compute_envelope(dc.replace(curve, runs=apart), floor=0.1)
    assert "COARSE_ENVELOPE" in {note.caveat.name for note in coarse.caveats}
    assert EXPONENT in coarse.interval


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "floor"), [(4, "free"), (4, 0.1), (1, "free")])
def test_intervals_of_envelopes_hold_the_truth(seeds: int, floor: str | float) -> None:
    held = [
        EXPONENT in compute_envelope(networks(seeds=seeds, seed=i), floor=floor).interval
        for i in range(60)
    ]
    assert np.mean(held) >= 0.9


def test_one_network_a_size_is_said() -> None:
    law = compute_envelope(networks(seeds=1))
    assert "ONE_NETWORK_A_SIZE" in {note.caveat.name for note in law.caveats}
    assert EXPONENT in law.interval


def test_an_envelope_is_a_result() -> None:
    law = compute_envelope(networks(sizes=6, seeds=2))
    assert law.headline().startswith("alpha_C 0.2") and "12 networks" in law.headline()
    assert str(law).count("\n  ! ") == len(law.caveats)
    assert law.row()["method"] == law.method and law.to_frame().shape[0] == 1
    assert json.loads(law.to_json())["alpha"] == pytest.approx(law.alpha)
    assert law.predict(law.compute) == pytest.approx(law.loss, rel=0.05)
    assert compute_envelope(networks(sizes=6, seeds=2)).to_json() == law.to_json()
    law.plot()


def test_envelopes_that_cannot_be() -> None:
    with pytest.raises(
        ManifoldScaleError, match="4 sizes, by their `parameters`; there are 3"
    ):
        compute_envelope(networks(sizes=3))
    uncounted = tuple(dc.replace(run, compute=None) for run in networks().runs)
    with pytest.raises(ManifoldScaleError, match="No step of these trajectories says its"):
        compute_envelope(LearningCurve(uncounted))
    same = tuple(dc.replace(run, compute=run.steps * 1.0) for run in networks().runs)
    with pytest.raises(ManifoldScaleError, match=r"between them \d of 9 sizes"):
        compute_envelope(LearningCurve(same))
    with pytest.raises(ManifoldScaleError, match="`compute_envelope\\(curve\\)`"):
        fit_power_law(networks(), axis="compute")
    one = networks().at(parameters=4000)
    assert fit_power_law(one, axis="compute").axis.name == "compute"


def test_sizes_and_steps_as_a_sum_of_two_powers() -> None:
    """The steps stand in the place of the data."""
    curve = networks(sizes=7, noise=0.01)
    late = tuple(
        dc.replace(run, dataset_size=run.steps) for run in curve.runs if run.steps > 10
    )
    law = fit_sum(dc.replace(curve, runs=late), floor=0.1)
    assert law.alpha_P == pytest.approx(0.4, abs=0.02)
    assert law.alpha_D == pytest.approx(0.6, abs=0.02)
    assert "TRAJECTORIES" in {note.caveat.name for note in law.caveats}
