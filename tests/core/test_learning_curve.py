"""What a learning curve says of its runs."""

import math

import pytest

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.learning_curve import Axis, LearningCurve, Run

CURVE = LearningCurve(
    (
        Run(3.0, 200, 8, compute=1.5),
        Run(1.0, 200, 16, compute=2.5),
        Run(9.0, 100, 8),
        Run(math.nan, 100, 8, failure="it diverged"),
        Run(math.nan, 400, 16, failure="it diverged"),
        Run(5.0, None, 8),
    )
)


def test_means_are_over_the_runs_that_have_a_loss_and_a_size() -> None:
    assert list(CURVE.means().items()) == [(100, 9.0), (200, 2.0)]
    assert CURVE.means(Axis.width) == {8: 17 / 3, 16: 1.0}
    assert CURVE.means("compute") == {1.5: 3.0, 2.5: 1.0}
    assert CURVE.at(width=16).means() == {200: 1.0}
    assert CURVE.means("steps") == {}
    assert all(type(size) is int for size in CURVE.means())
    with pytest.raises(ManifoldScaleError, match="`axis`"):
        CURVE.means("examples")
