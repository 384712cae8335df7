"""Concepts: items in templates, on layouts that are known."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.classes import Concept
from manifoldscale.classes.concept import _orders_as_good, _pattern
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.random import keyed

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def layout(kind: str, items: int, rng: np.random.Generator) -> np.ndarray:
    """(items x directions) about their mean, of mean square one."""
    turns = 2 * np.pi * np.arange(items) / items
    waves = [np.stack([np.cos(k * turns), np.sin(k * turns)], 1) / k for k in (1, 2, 3)]
    found = {
        "circle": lambda: waves[0],
        "bent ring": lambda: np.concatenate(waves, 1),
        "line": lambda: np.linspace(-1, 1, items)[:, None],
        "random": lambda: rng.standard_normal((items, 5)),
    }[kind]()
    found = found - found.mean(0)
    return np.asarray(found / np.sqrt(np.square(found).sum() / (items - 1)))


def cloud(
    places: np.ndarray, templates: int, noise: float, rng: np.random.Generator
) -> ms.Cloud:
    """Every template shifts all items together, and each of them by itself."""
    axes = np.linalg.qr(rng.standard_normal((40, places.shape[1])))[0]
    shifts = 3 * rng.standard_normal((templates, 40))
    own = noise * rng.standard_normal((len(places), templates, 40)) / 40**0.5
    points = (places @ axes.T)[:, None] + shifts + own
    names = np.array([f"item {i:02d}" for i in range(len(places))])
    return ms.Cloud(
        points.reshape(-1, 40),
        labels=np.repeat(names, templates),
        groups=np.tile(np.arange(templates), len(places)),
    )


def known(places: np.ndarray, noise: float) -> dict[str, float]:
    products, n = places @ places.T, len(places)
    trace = np.trace(products)
    own = np.diag(products)
    squared = own[:, None] + own - 2 * products
    return {
        "share": 1 / (1 + noise**2),
        "dim": trace**2 / np.square(products).sum(),
        "circle": float((products * _pattern("circle", n)).sum() / trace),
        "line": float((products * _pattern("line", n)).sum() / trace),
        "opening": (squared[-1, 0] - np.diagonal(squared, 1).mean())
        / squared[np.triu_indices(n, 1)].mean(),
    }


def holds(interval: ms.Interval, value: float) -> bool:
    return interval.low - 1e-9 <= value <= interval.high + 1e-9


def in_order(items: int) -> Concept:
    return Concept(order=tuple(f"item {i:02d}" for i in range(items)))


def test_weekdays_on_a_circle() -> None:
    rng = np.random.default_rng(0)
    given = cloud(layout("circle", 7, rng), 12, 2.0, rng)
    days = np.repeat(np.array(DAYS), 12)
    found = ms.estimate(ms.Cloud(given.points, labels=days), Concept(order=DAYS))
    assert found.items.tolist() == list(DAYS)
    for name, value in known(layout("circle", 7, rng), 2.0).items():
        assert holds(getattr(found, name).interval, value)
    assert found.circle.least_p == pytest.approx(2 / math.factorial(6))
    assert found.circle.p_value == found.circle.least_p
    assert "p = 0.00278, at least 0.00278" in str(found)
    shuffled = Concept(order=tuple(np.random.default_rng(1).permutation(DAYS).tolist()))
    assert ms.estimate(ms.Cloud(given.points, labels=days), shuffled).circle.p_value > 0.05


def test_a_line_does_not_close() -> None:
    rng = np.random.default_rng(2)
    for items in (7, 12):
        found = ms.estimate(
            cloud(layout("line", items, rng), 10, 1.0, rng), in_order(items)
        )
        assert holds(found.opening.interval, 6 * (items - 2) / (items + 1))
        assert found.opening.interval.low > 2
        assert found.line.interval.low > 0.9
        assert found.line.p_value == found.line.least_p < 0.001


def test_items_that_share_nothing_say_so() -> None:
    rng = np.random.default_rng(5)
    points = rng.standard_normal((70, 40)) + np.tile(
        3 * rng.standard_normal((10, 40)), (7, 1)
    )
    found = ms.estimate(ms.Cloud(points, np.repeat(np.arange(7), 10)), Concept())
    assert 0.0 in found.share.interval and found.dim.interval.high == 6
    assert [note.caveat for note in found.caveats] == [Caveat.NO_CONCEPT]


def test_rows_may_come_in_any_order_and_templates_are_matched() -> None:
    rng = np.random.default_rng(3)
    given = cloud(layout("random", 6, rng), 8, 1.0, rng)
    found = ms.estimate(given, in_order(6))
    mixed = ms.estimate(given.take(rng.permutation(len(given))), in_order(6))
    assert mixed.to_frame().equals(found.to_frame()) or mixed.share.value == pytest.approx(
        found.share.value, rel=1e-9
    )
    assert mixed.circle.p_value == found.circle.p_value
    far = ms.Cloud(given.points * 2.0**30 + 5.0, given.labels, given.groups)
    assert ms.estimate(far, in_order(6)).dim.value == pytest.approx(
        found.dim.value, rel=1e-6
    )
    assert ms.estimate(given, Concept()).circle is None


def test_orders_are_counted_once_up_to_turns_and_reflections() -> None:
    """The best of all 7! orders of a perfect circle are its 14 turns and reflections."""
    products, pattern = _pattern("circle", 7), _pattern("circle", 7)
    everything = np.array(list(itertools.permutations(range(7))))
    explained = (products[everything[:, :, None], everything[:, None, :]] * pattern).sum(
        (1, 2)
    )
    assert (explained > explained.max() - 1e-9).sum() == 14
    rng = np.random.default_rng(0)
    assert _orders_as_good(products, pattern, True, rng) == (2, 2, math.factorial(6))
    line = _pattern("line", 5)
    assert _orders_as_good(line, line, False, rng) == (2, 2, math.factorial(5))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["circle", "bent ring", "line", "random"])
@pytest.mark.parametrize("templates", [5, 8, 20])
def test_intervals_cover(kind: str, templates: int) -> None:
    held: dict[str, list[bool]] = {}
    by_chance = []
    for seed in range(60):
        rng = keyed(seed, kind, templates)
        items, noise = int(rng.choice([5, 7, 12])), float(rng.choice([0.3, 1.0, 3.0]))
        places = layout(kind, items, rng)
        found = ms.estimate(cloud(places, templates, noise, rng), in_order(items))
        for name, value in known(places, noise).items():
            held.setdefault(name, []).append(holds(getattr(found, name).interval, value))
        by_chance.append(found.circle.p_value < 0.05)
    assert min(np.mean(one) for one in held.values()) >= 0.85
    assert np.mean([np.mean(one) for one in held.values()]) >= 0.92
    if kind == "random":
        assert np.mean(by_chance) <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: ms.Cloud(c.points), "an item for each row"),
        (lambda c: c.take(np.arange(len(c) - 1)), "once in each of 8 templates"),
        (lambda c: ms.Cloud(c.points[:-1], c.labels[:-1]), "have 7 to 8 rows"),
        (lambda c: c.take(np.arange(24)), "at least 4 items and 5 templates"),
        (
            lambda c: ms.Cloud(np.tile(c.points[:8], (6, 1)), c.labels, c.groups),
            "not differ",
        ),
    ],
)
def test_bad_data_are_refused(change: Callable[[ms.Cloud], ms.Cloud], words: str) -> None:
    rng = np.random.default_rng(4)
    given = cloud(layout("random", 6, rng), 8, 1.0, rng)
    with pytest.raises(ms.ManifoldScaleError, match=words):
        ms.estimate(change(given), Concept())
    with pytest.raises(ms.ManifoldScaleError, match="each of the items once"):
        ms.estimate(given, in_order(5))
