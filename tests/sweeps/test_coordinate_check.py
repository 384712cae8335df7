"""The change of activations with width is the one that theory knows, and is told."""

import dataclasses as dc

import numpy as np
import pytest
from torch import nn

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.interval import Interval
from manifoldscale.sweeps import Plan, TeacherStudent, Training, coordinate_check
from manifoldscale.sweeps.coordinate_check import LayerDrift

TASK = TeacherStudent(4, ambient_dim=8, teacher_width=50)
ADAM, SGD = Training(), Training(optimiser="sgd", learning_rate=0.02)
MUP = {"parametrisation": "mup"}
WIDTHS = (64, 256, 1024)

# Exponents of the first step (Yang & Hu 2021), for hidden1, hidden2 and the read-out, whose
# weights are of order w^-1/2 in "standard". A step of gradient descent changes a hidden
# weight by d = (df/dh) h, and the pre-activation by w terms of it: df/dh is w^-1/2, so
# hidden2 moves by w^(1/2) and the outputs by w, hidden1 by w^-1/2. Adam makes d one.
KNOWN = {
    "standard, sgd": ("standard", SGD, (-0.5, 0.5, 1.0)),
    "standard, adam": ("standard", ADAM, (0.0, 1.0, None)),
    "ntk, sgd": ("ntk", SGD, (-0.5, -0.5, 0.0)),
    "mup, sgd": ("mup", SGD, (0.0, 0.0, 0.0)),
    "mup, adam": ("mup", dc.replace(ADAM, learning_rate=0.1), (0.0, 0.0, 0.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("label", KNOWN)
def test_slopes_of_the_first_step_are_those_of_theory(label: str) -> None:
    kind, training, expected = KNOWN[label]
    plan = Plan(TASK, (128,), parametrisation=kind, training=training)
    check = coordinate_check(plan, WIDTHS, steps=1, seeds=12)
    assert [layer.name for layer in check.layers] == ["hidden1", "hidden2", "readout"]
    for layer, slope in zip(check.layers, expected, strict=True):
        assert slope is None or layer.slope == pytest.approx(slope, abs=0.2)
    assert check.verdict == ("does not drift" if kind == "mup" else "drifts")


@pytest.mark.slow
@pytest.mark.parametrize("richness", [1.0, 0.1])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_64_to_2048(optimiser: str, richness: float) -> None:
    """The standard parametrisation is flagged, the maximal update one passes; at another
    dimension, depth and activation than those that were looked at.
    """
    task = TeacherStudent(6, ambient_dim=12)
    training = Training(optimiser=optimiser, learning_rate=0.05)
    mup = Plan(task, (300,), depth=3, activation="tanh", richness=richness, **MUP,
               training=training)  # fmt: skip
    check = coordinate_check(mup)
    assert list(check.widths) == [64, 128, 256, 512, 1024, 2048]
    assert check.verdict == "does not drift", str(check)
    plain = dc.replace(mup, parametrisation="standard", richness=1.0)
    rate = 4e-3 if optimiser == "adam" else 0.05
    plain = dc.replace(plain, training=dc.replace(training, learning_rate=rate))
    assert coordinate_check(plain).verdict == "drifts"


def test_verdicts() -> None:
    def verdict(low: float, high: float, last: float = 1.0) -> str:
        return LayerDrift("fc", 1, (1.0, 1.0, last), 0.0, Interval(low, high)).verdict

    assert verdict(-0.1, 0.2) == "does not drift"
    assert verdict(0.3, 0.9) == verdict(-0.9, -0.3) == "drifts"
    assert verdict(0.1, 0.9) == verdict(-0.3, 0.1) == verdict(-1, 1) == "undetermined"
    assert verdict(-0.1, 0.1, last=np.inf) == "drifts"


def test_wide_networks_that_diverge_are_drift() -> None:
    plan = Plan(TASK, (64,), training=dc.replace(SGD, learning_rate=2.0, loss="abs^4"))
    check = coordinate_check(plan, (2, 64, 128, 1024), steps=6, seeds=1)
    assert check.verdict == "drifts" and "diverged" in str(check)


def own(inputs: int, outputs: int, width: int) -> nn.Module:
    frozen = nn.Linear(inputs, width).requires_grad_(False)
    return nn.Sequential(frozen, nn.Tanh(), nn.LayerNorm(width), nn.Linear(width, outputs))


def test_a_student_of_ones_own() -> None:
    """A frozen layer has no change; the read-out moves by w under Adam."""
    plan = Plan(TASK, (64,), (32, 128, 512), student=f"py:{__name__}:own")
    check = coordinate_check(plan, steps=1, seeds=2)
    assert [layer.name for layer in check.layers] == ["2", "3"]
    assert check.layers[1].slope == pytest.approx(1, abs=0.2)
    with pytest.raises(ms.ManifoldScaleError, match="at least three widths"):
        coordinate_check(plan, (8, 16))


def test_curves_over_widths_say_so() -> None:
    """Known of the parametrisation, until it is measured."""
    short = Training(steps=3)
    plan = Plan(TASK, (20,), (4, 8, 16, 32), seeds=2, n_test=20, training=short)
    curve = ms.sweeps.run(plan)
    assert "standard" in curve.drift
    again = ms.LearningCurve.from_dict(ms.core.serialize.plain(curve))
    assert again.drift == curve.drift
    fit = ms.fit_power_law(curve, axis="width", floor="zero")
    assert Caveat.DRIFT in {remark.caveat for remark in fit.caveats}
    for other in ({"widths": (8,)}, MUP):
        assert ms.sweeps.run(dc.replace(plan, **other)).drift == ""
    measured = coordinate_check(plan, (4, 8, 16), seeds=1)
    noted = dc.replace(measured, verdict="does not drift").noted(curve)
    assert noted.drift == "" and noted.runs == curve.runs
    noted = dc.replace(measured, verdict="drifts").noted(curve)
    assert noted.drift.startswith("measured after")
