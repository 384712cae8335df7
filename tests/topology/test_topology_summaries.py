"""Numbers and functions of a diagram, against their definitions."""

import math

import numpy as np
import pytest
from scipy.integrate import trapezoid

import manifoldscale as ms
from manifoldscale.topology import betti_curve, landscape, persistence_entropy

DIAGRAM = np.array([[0.0, 4.0], [1.0, 3.0], [2.0, np.inf]])


def test_entropy_of_equal_bars_is_the_log_of_their_number() -> None:
    bars = np.array([[0.0, 1.0], [2.0, 3.0], [5.0, 6.0]])
    assert persistence_entropy(bars) == pytest.approx(math.log(3), rel=1e-12)
    assert persistence_entropy(bars[:1]) == 0
    # Lengths 4 and 2: -(2/3 log 2/3 + 1/3 log 1/3); the infinite bar has no share.
    expected = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert persistence_entropy(DIAGRAM) == pytest.approx(expected, rel=1e-12)
    assert math.isnan(persistence_entropy(np.array([[0.0, np.inf]])))


def test_a_betti_curve_counts_bars_half_open() -> None:
    scales = np.array([-1.0, 0.0, 1.0, 2.5, 3.0, 4.0])
    assert betti_curve(DIAGRAM, scales).tolist() == [0, 1, 2, 3, 2, 1]


def test_landscapes_are_ordered_tents() -> None:
    scales = np.linspace(0, 4, 9)
    first, second, third = landscape(DIAGRAM, scales, levels=3)
    np.testing.assert_allclose(first, np.minimum(scales, 4 - scales))
    np.testing.assert_allclose(second, np.minimum(scales - 1, 3 - scales).clip(min=0))
    assert (third == 0).all()
    # The integral of the first of one bar of length L is (L / 2)^2.
    fine = np.linspace(0, 4, 4001)
    area = trapezoid(landscape(DIAGRAM[:1], fine)[0], fine)
    assert area == pytest.approx(4.0, rel=1e-6)
    with pytest.raises(ms.ManifoldScaleError, match="`levels` must be at least 1"):
        landscape(DIAGRAM, scales, levels=0)
