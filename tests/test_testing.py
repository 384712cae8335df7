"""The checks that are handed out catch what they are for."""

import dataclasses as dc
import math
import subprocess
import sys

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale import testing
from manifoldscale.core.method import Method
from manifoldscale.dimension import Dimension, ParticipationRatio, TwoNN


@dc.dataclass(frozen=True)
class Altered(Method[Dimension]):
    """TwoNN, with something done to its result."""

    @property
    def n_neighbors(self) -> int:
        return 2

    def __call__(self, near: ms.Neighbors, /) -> Dimension:
        return self.alter(dc.replace(TwoNN()(near), method=self), near)

    def alter(self, dim: Dimension, near: ms.Neighbors) -> Dimension:
        return dim


class InMetres(Altered):
    """It has a length of its own."""

    def alter(self, dim: Dimension, near: ms.Neighbors) -> Dimension:
        shift = 1e-3 * float(near.distances[:, 0].mean())
        return moved(dim, dim.value + shift)


class Sure(Altered):
    """Its errors are a third of what they are."""

    def alter(self, dim: Dimension, near: ms.Neighbors) -> Dimension:
        low, high = ((end - dim.value) / 3 + dim.value for end in dim.interval)
        return dc.replace(dim, stderr=dim.stderr / 3, interval=ms.Interval(low, high))


class Silent(Altered):
    """NaN where it cannot, without a reason."""

    def alter(self, dim: Dimension, near: ms.Neighbors) -> Dimension:
        tied = bool((near.distances[:, 0] == near.distances[:, 1]).any())
        return dc.replace(dim, value=math.nan, caveats=()) if tied else dim


class Off(Altered):
    """A fifth too high."""

    def alter(self, dim: Dimension, near: ms.Neighbors) -> Dimension:
        return moved(dim, 1.2 * dim.value)


class Greedy(Altered):
    """It asks for one neighbour and uses two: an error of its own, on every cloud."""

    @property
    def n_neighbors(self) -> int:
        return 1

    def __call__(self, near: ms.Neighbors, /) -> Dimension:
        return super().__call__(near.first(1))


def moved(dim: Dimension, value: float) -> Dimension:
    by = value - dim.value
    interval = ms.Interval(dim.interval.low + by, dim.interval.high + by)
    return dc.replace(dim, value=value, interval=interval)


def test_a_sound_method_passes() -> None:
    testing.check_method(Altered())


@pytest.mark.parametrize(
    ("method", "check", "words"),
    [
        (InMetres(), "check_similarity", r"multiplied by 1e-40, and 2\.\d+ as it was"),
        (Sure(), "check_error_bar", r"scatter by 0\.\d+, and the standard error is 0\.0"),
        (Silent(), "check_ties", "the value is nan, without a caveat"),
        (Off(), "check_truth", r"2\.\d+ \+- 0\.\d+ for Sphere.*, whose dimension is 2;"),
        (Greedy(), "check_bad_input", "three points raise IndexError: index 1 is out"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_a_broken_method_breaks_is_named(
    method: Method, check: str, words: str
) -> None:
    with pytest.raises(AssertionError, match=f"(?m)^{check}: .*{words}"):
        testing.check_method(method)
    with pytest.raises(AssertionError, match=words):
        getattr(testing, check)(method)


def test_only_what_is_broken_is_listed() -> None:
    with pytest.raises(AssertionError) as caught:
        testing.check_method(Sure())
    lines = str(caught.value).splitlines()
    assert (
        lines[0].endswith(f"fails 1 of {len(testing.CHECKS)} checks:") and len(lines) == 2
    )


def test_exceptions_are_for_what_fails() -> None:
    reasons = {
        "check_few_queries": "a covariance is of all points",
        "check_ties": "a covariance does not mind a lattice",
    }
    flat = [ms.manifolds.Ball(3)]
    testing.check_method(ParticipationRatio(), manifolds=flat, except_=reasons)
    with pytest.raises(AssertionError, match="check_ties passes; it was excepted"):
        testing.check_method(TwoNN(), except_={"check_ties": "none"})
    with pytest.raises(ms.ManifoldScaleError, match="'check_ties'"):
        testing.check_method(TwoNN(), except_={"check_tie": "none"})


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_the_checks_are_there_to_parametrise_over(check: object) -> None:
    check(TwoNN())


def test_a_length_of_ones_own_is_seen() -> None:
    testing.check_similarity(TwoNN())
    with pytest.raises(AssertionError, match="multiplied by"):
        testing.check_similarity(InMetres())


def test_no_test_package_is_needed() -> None:
    code = (
        "import sys; import manifoldscale.testing; "
        "assert not {'pytest', 'hypothesis'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rounding_is_not_asked_of_a_random_order() -> None:
    rng = np.random.default_rng(0)

    class Noisy(Altered):
        def alter(self, dim: Dimension, near: ms.Neighbors) -> Dimension:
            return moved(dim, dim.value + 0.1 * dim.stderr * rng.standard_normal())

    with pytest.raises(AssertionError, match="in another order"):
        testing.check_order(Noisy())
    testing.check_order(Noisy(), random=True)
