"""The sites of a network together, against sums over all that can be, and on networks."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.interval import Interval
from manifoldscale.dimension import Auto, Dimension, TwoNN, chain
from manifoldscale.dimension.belief import Belief


def belief(d: float, size: float = 0.1) -> Belief:
    return Belief(float(np.log(d)), size, size)


def by_summation(
    beliefs: Mapping[str, Belief], above: Mapping[str, str], grid: np.ndarray
) -> dict[str, np.ndarray]:
    """The marginals by a sum over every combination of dimensions, on a coarse grid."""
    sites, step = list(beliefs), grid[1] - grid[0]
    found = {site: np.zeros(len(grid)) for site in sites}
    for node, chance in zip(chain.NODES, chain.CHANCES, strict=True):
        shift = np.array([[chain.COMMON * node]])
        own = {
            s: np.exp(b.log_density(grid, shift, chain.LEFT))[0] for s, b in beliefs.items()
        }
        for places in itertools.product(range(len(grid)), repeat=len(sites)):
            at = dict(zip(sites, places, strict=True))
            weight = chance
            for site in sites:
                weight *= own[site][at[site]]
                if site in above:
                    a, b = at[above[site]], at[site]
                    falls = chain.FALLS * step / (grid[a] - grid[0] + step) * (b <= a)
                    weight *= (1 - chain.FALLS) * (a == b) + falls
            for site in sites:
                found[site][at[site]] += weight
    return {site: total / total.sum() for site, total in found.items()}


def test_messages_are_the_sum_over_all_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of four sites on a grid of seven dimensions."""
    grid = np.log(2.0) + 0.2 * np.arange(7)
    monkeypatch.setattr(chain, "GRID", grid)
    monkeypatch.setattr(chain, "STEP", 0.2)
    monkeypatch.setattr(chain, "REACH", grid - grid[0] + 0.2)
    monkeypatch.setattr(chain, "NODES", np.array([-2.0, 0.0, 1.5]))
    monkeypatch.setattr(chain, "CHANCES", np.array([0.2, 0.5, 0.3]))
    beliefs = {
        "in": belief(4.0, 0.1),
        "a": Belief(np.log(5.0), 0.4, 0.1),
        "b": belief(3.0, 0.3),
        "c": belief(6.0, 0.2),
    }
    above = {"a": "in", "b": "a", "c": "in"}
    expected = by_summation(beliefs, above, grid)
    found = chain.joint(beliefs, above, frozenset())
    for site, posterior in found.items():
        weights = posterior.weights / posterior.weights.sum()
        np.testing.assert_allclose(weights, expected[site])


def test_a_rough_site_is_bounded_by_its_input() -> None:
    beliefs = {"in": belief(4, 0.03), "deep": belief(8, 0.4)}
    found = chain.joint(beliefs, {"deep": "in"}, frozenset())
    assert found["deep"].median == pytest.approx(found["in"].median, rel=0.05)
    assert found["deep"].interval().high < 4.8


def test_a_fall_is_seen() -> None:
    beliefs = {"in": belief(6, 0.05), "out": belief(2, 0.05)}
    found = chain.joint(beliefs, {"out": "in"}, frozenset())
    assert found["out"].interval().high < 3 and found["in"].interval().low > 4.5


def test_many_noisy_sites_are_not_biased_low() -> None:
    """Where a running minimum is: of thirty sites with errors of 15 %, it reads a third
    low. The intervals do not shrink with their number either.
    """
    rng = np.random.default_rng(0)
    values, held = [], []
    for _ in range(40):
        common = 0.15 * rng.standard_normal()
        own = 0.08 * rng.standard_normal(30)
        beliefs = {str(i): belief(5 * np.exp(common + own[i]), 0.15) for i in range(30)}
        above = {str(i): str(i - 1) for i in range(1, 30)}
        last = chain.joint(beliefs, above, frozenset())["29"]
        values.append(last.median)
        held.append(5 in last.interval())
    assert abs(np.mean(np.log(values)) - np.log(5)) < 0.08
    assert np.mean(held) >= 0.9


def test_falls_along_several_networks_are_no_common_error() -> None:
    """A convolutional network on Fashion-MNIST along training, and at initialisation: sites
    of 8 to 24 that fall to the read-out. Their joint intervals meet those of each alone; an
    unbounded common error had put all 52 of them at 3.1.
    """
    stored = json.loads((Path(__file__).parent / "falling.json").read_text())
    shares: dict[str, float] = {}
    beliefs: dict[str, Belief] = {}
    above: dict[str, str] = {}
    alone: dict[str, Interval] = {}
    for network, sites in stored.items():
        before = ""
        for site, value, low, high, top in sites:
            name = site if site == "@input" else f"{site} of {network}"
            beliefs[name] = Belief.of(value, Interval(low, high), top)
            shares[name] = 1.0 if site == "@input" else 1 / len(stored)
            alone[name] = Interval(low, high)
            if before:
                above[name] = before
            before = name
    found = chain.joint(beliefs, above, frozenset(), shares)
    assert len(found) == 49 and 8 < found["@input"].median < 16
    for name, posterior in found.items():
        low, high = posterior.interval()
        assert low < alone[name].high and high > alone[name].low, name


def test_copies_of_a_network_tell_no_more_than_the_network() -> None:
    """A read-out of ten features costs a fall; without shares eight copies of it made the
    common error of all sites cheaper than eight falls, and the input 7.8 [7.5, 8.7] where
    the truth is 16 and the network alone has 13.1 [8.4, 22.3].
    """
    one = {"in": belief(15, 0.3), "a": belief(14.6, 0.3), "out": belief(8.3, 0.2)}
    line = {"a": "in", "out": "a"}
    alone = chain.joint(one, line, frozenset())
    beliefs, above, shares = {"in": one["in"]}, {}, {}
    for i in range(8):
        for site, before in line.items():
            name = f"{site}{i}"
            beliefs[name], shares[name] = one[site], 1 / 8
            above[name] = before if before == "in" else f"{before}{i}"
    copies = chain.joint(beliefs, above, frozenset(), shares)
    for name, posterior in copies.items():
        same = alone[name.rstrip("0123456789")]
        np.testing.assert_allclose(
            posterior.weights / posterior.weights.sum(),
            same.weights / same.weights.sum(),
            atol=1e-12,
        )


def test_functions_of_each_other_have_one_dimension() -> None:
    beliefs = {"a": belief(4, 0.1), "b": belief(5, 0.1)}
    found = chain.joint(beliefs, {"b": "a"}, frozenset({"b"}))
    np.testing.assert_allclose(found["a"].weights, found["b"].weights)


def test_the_nearest_earlier_site_bounds() -> None:
    order = {"a": ("in",), "b": ("in", "a"), "side": ("in",), "in": ()}
    found = chain.parents(order, ["in", "a", "b", "side"])
    assert found == {"a": "in", "b": "a", "side": "in"}
    mutual = {"a": ("in", "b"), "b": ("in", "a")}
    assert chain.parents(mutual, ["in", "a", "b"]) == {"a": "in", "b": "a"}


@pytest.fixture(scope="module")
def network() -> tuple[nn.Module, np.ndarray]:
    torch.manual_seed(0)
    layers = nn.Linear(3, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1)
    points = np.random.default_rng(0).uniform(-1, 1, (800, 3)).astype(np.float32)
    return nn.Sequential(*layers), points


def test_a_network_is_one_chain(network: tuple[nn.Module, np.ndarray]) -> None:
    reps = ms.extract(*network)
    table = ms.estimate(reps, Auto())
    assert table.keys() == list(reps) == ["@input", "0", "1", "2", "3", "4"]
    for site, dim in table.items():
        assert isinstance(dim, Dimension)
        assert dim.alone.value == ms.estimate(reps[site], Auto()).value
        assert dim.resolved == dim.alone.resolved and "given the other sites" in dim.basis
    assert all(3 in table[site].interval for site in ("@input", "0", "1", "2", "3"))
    assert 1 in table["4"].interval  # one feature
    values = [dim.value for dim in table]
    assert all(b <= 1.02 * a for a, b in itertools.pairwise(values))


def test_other_methods_take_each_site_alone(network: tuple[nn.Module, np.ndarray]) -> None:
    reps = ms.extract(*network, sites=["@input", "3"])
    both = ms.estimate(reps, [TwoNN(), Auto()])
    assert [label["method"] for label in both.labels] == ["TwoNN()", "Auto()"] * 2
    assert both[0].value == ms.estimate(reps["@input"], TwoNN()).value
    assert both[0].alone is None and both[1].alone is not None


def test_a_mapping_without_sites_is_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="without a site"):
        ms.estimate({}, Auto())


def test_a_site_without_an_estimate_loses_no_other(
    network: tuple[nn.Module, np.ndarray],
) -> None:
    model, points = network
    dead = nn.Sequential(model[0], nn.Tanh(), nn.Linear(40, 40), nn.ReLU())
    with torch.no_grad():
        dead[2].weight.zero_()
    table = ms.estimate(ms.extract(dead, points), Auto())
    assert np.isnan(table["3"].value) and table["3"].caveats
    assert 3 in table["1"].interval
    with pytest.raises(KeyError, match="'7'; there are @input, 0"):
        table["7"]


def test_what_bounds_a_site_and_what_contradicts_it_is_said() -> None:
    """Noise that a network adds to its input is no function of it; told as if it were, the
    site reads far above its input at the scale of the points.
    """
    rng = np.random.default_rng(1)
    plain = np.pad(rng.uniform(-1, 1, (1000, 2)), [(0, 0), (0, 18)])
    noisy = plain + 0.1 * rng.standard_normal(plain.shape)
    alone = {"in": ms.estimate(plain, Auto()), "out": ms.estimate(noisy, Auto())}
    found = chain.along_network(alone, {"out": ("in",)})
    told = {note.caveat: str(note) for note in found["out"].caveats}
    assert "by 'in'" in told[Caveat.BOUNDED] and "at 'in'" in told[Caveat.RISES]
    assert found["out"].alone is alone["out"] and found["out"].value < 3
    assert not {Caveat.BOUNDED, Caveat.RISES} & {n.caveat for n in found["in"].caveats}


def test_open_and_closed_ends_are_beliefs() -> None:
    open_ended = Belief.of(100.0, Interval(80.0, np.inf))
    assert open_ended.above > open_ended.below
    capped = Belief.of(3.0, Interval(2.5, 3.0))
    assert 0 < capped.above < capped.below
    low, high = Belief.of(4.0, Interval(3.0, 6.0)).interval()
    assert (low, high) == pytest.approx((3.0, 6.0))


def test_a_dimension_comes_back_from_json() -> None:
    from manifoldscale.core.serialize import plain

    dim = ms.estimate(ms.manifolds.Ball(4).sample(300, ambient=9, rng=5), Auto())
    found = chain.along_network({"a": dim, "b": dim}, {"b": ("a",)})["b"]
    again = Dimension.from_dict(plain(found))
    assert str(again) == str(found)
    assert again.alone.value == dim.value and again.resolved.value == dim.raw
