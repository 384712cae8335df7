"""Intervals, numbers, serialisation, random streams."""

import dataclasses as dc
import json
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

import manifoldscale as ms
from manifoldscale.core.errors import few, first_line
from manifoldscale.core.interval import Interval, number
from manifoldscale.core.random import generator, keyed
from manifoldscale.core.serialize import dumps, write_text


def test_an_interval_unpacks_and_knows_its_level() -> None:
    low, high = Interval(1, 2, level=0.9)
    assert (low, high) == (1, 2) and Interval(1, 2, 0.9).level == 0.9
    assert 1.5 in Interval(1, 2) and 2.5 not in Interval(1, 2)
    assert Interval(1, math.inf).is_open
    assert Interval(1, 2).map(lambda x: 1 / x) == Interval(0.5, 1)
    with pytest.raises(ms.ManifoldScaleError, match="low <= high"):
        Interval(2, 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (12.345, "12.3"),
        (1234.5, "1234"),
        (0.0, "0"),
        (0.9996, "1.00"),
        (-99.96, "-100"),
        (-2.5, "-2.50"),
        (math.nan, "n/a"),
        (math.inf, "inf"),
        (1e-9, "1.00e-09"),
        (1e9, "1.00e+09"),
    ],
)
def test_numbers_print_with_three_digits(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-8, max_value=1e8))
def test_printed_numbers_are_within_half_a_digit(value: float) -> None:
    assert float(number(value)) == pytest.approx(value, rel=6e-3)


def test_json_has_no_nan() -> None:
    @dc.dataclass(frozen=True)
    class Value:
        a: float
        b: np.ndarray

    text = dumps({"value": Value(math.nan, np.array([1.0, math.inf])), "n": np.int64(3)})
    assert json.loads(text) == {
        "value": {"type": "Value", "a": None, "b": [1.0, None]},
        "n": 3,
    }


def test_files_are_written_whole(tmp_path: object) -> None:
    write_text(tmp_path / "a.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_streams_depend_on_their_key_alone() -> None:
    def first(*key: int | str) -> float:
        return keyed(1, *key).random()

    assert first("a", 1) == first("a", 1)
    assert (
        len({first("a", 1), first("a", 2), first("b", 1), keyed(2, "a", 1).random()}) == 4
    )
    stream = np.random.default_rng(0)
    assert generator(stream) is stream
    for wrong in (-1, 1.5, "seed", True, None):
        with pytest.raises(ms.ManifoldScaleError, match="`rng`"):
            generator(wrong)


def test_an_error_without_words_is_told_by_its_kind() -> None:
    assert first_line(KeyError()) == "KeyError"
    assert first_line(ValueError("  one\ntwo")) == "one"
    assert few(["a", "b"]) == "'a', 'b'" and few(list("abcd")) == "'a', 'b', 'c' and more"
