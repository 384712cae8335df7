"""Which site is a function of which: truths from the graph of the network."""

import dataclasses as dc
import json
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from torch.nn import functional

import manifoldscale as ms
from manifoldscale.networks import chunks, order
from manifoldscale.networks.extract import open_store

Graph = Mapping[str, Sequence[str]]  # site to the sites that it is computed from


def dominating(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Site to the others through which every path from the start leads, in the order of
    the graph; the start is what comes from nothing.
    """

    def reached(site: str, without: str) -> bool:
        if site == without:
            return False
        parents = graph[site]
        return not parents or any(reached(parent, without) for parent in parents)

    found = {
        site: tuple(a for a in graph if a != site and not reached(site, a))
        for site in graph
    }
    return {site: bounds for site, bounds in found.items() if bounds}


def bounds(model: nn.Module, data: Any, sites: Any = "*", **more: Any) -> dict:
    return dict(ms.extract(model, data, sites, **{"points": "flatten", **more}).bounded_by)


def chain(*sites: str) -> dict[str, tuple[str, ...]]:
    return {site: sites[:place] for place, site in enumerate(sites) if place}


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def x() -> Tensor:
    return torch.randn(20, 6)


class Calls(nn.Module):
    """A network of named modules and a function that calls them."""

    def __init__(self, run: Callable[..., Any], **modules: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def linear(n: int = 6, m: int = 6) -> nn.Linear:
    return nn.Linear(n, m)


def net() -> nn.Sequential:
    return nn.Sequential(linear(6, 8), nn.ReLU(inplace=True), linear(8, 3))


# Chains, skips, branches


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_chain_is_bounded_by_all_before(x: Tensor, dtype: torch.dtype) -> None:
    model = nn.Sequential(
        linear(6, 9), nn.ReLU(inplace=True), nn.Dropout(0.5), linear(9, 9), nn.GELU()
    ).to(dtype)
    assert bounds(model, x) == chain("@input", "0", "1", "3", "4")


def test_a_skip_goes_around_its_block(x: Tensor) -> None:
    model = Calls(
        lambda m, x: m.out(x + m.b(torch.tanh(m.a(x)))),
        a=linear(),
        b=linear(),
        out=linear(),
    )
    truth = dominating(
        {
            "@input": (),
            "a": ("@input",),
            "b:in": ("a",),
            "b": ("b:in",),
            "out:in": ("@input", "b"),
            "out": ("out:in",),
        }
    )
    assert truth["out"] == ("@input", "out:in")
    assert bounds(model, x) == {**truth, "out": truth["out"]}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_residual_block_of_convolutions(layout: torch.memory_format) -> None:
    def run(m: Any, x: Tensor) -> Tensor:
        return m.relu(x + m.conv2(m.relu(m.norm(m.conv1(x)))))

    model = Calls(
        run,
        conv1=nn.Conv2d(3, 3, 3, padding=1),
        norm=nn.BatchNorm2d(3),
        relu=nn.ReLU(inplace=True),
        conv2=nn.Conv2d(3, 3, 3, padding=1),
    )
    graph = {
        "@input": (),
        "conv1": ("@input",),
        "norm": ("conv1",),
        "relu": ("norm",),
        "conv2": ("relu",),
        "relu#2:in": ("@input", "conv2"),
        "relu#2": ("relu#2:in",),
    }
    images = torch.randn(20, 3, 6, 6).to(memory_format=layout)
    assert bounds(model.to(memory_format=layout), images) == dominating(graph)


def test_a_branch_alone_is_not_the_whole(x: Tensor) -> None:
    model = Calls(
        lambda m, x: m.out(torch.cat([m.a(x), 1e-3 * m.b(x)], dim=1)),
        a=linear(6, 4),
        b=linear(6, 4),
        out=linear(8, 5),
    )
    assert bounds(model, x) == {
        "a": ("@input",),
        "b": ("@input",),
        "out:in": ("@input",),
        "out": ("@input", "out:in"),
    }


def test_a_second_call_is_a_site_of_its_own(x: Tensor) -> None:
    model = Calls(lambda m, x: m.out(m.a(torch.tanh(m.a(x)))), a=linear(), out=linear())
    assert bounds(model, x) == chain("@input", "a", "a#2:in", "a#2", "out")
    skip = Calls(lambda m, x: m.a(x + torch.tanh(m.a(x))), a=linear())
    assert bounds(skip, x) == {
        "a": ("@input",),
        "a#2:in": ("@input",),
        "a#2": ("@input", "a#2:in"),
    }


def test_values_that_are_changed_in_place_count_as_they_were_read(x: Tensor) -> None:
    model = Calls(lambda m, x: m.out(m.a(x).mul_(2).add_(x)), a=linear(), out=linear())
    assert bounds(model, x) == {
        "a": ("@input",),
        "out:in": ("@input",),
        "out": ("@input", "out:in"),
    }
    # What the module gives is thrown away: the network goes on with what it changed.
    thrown = Calls(
        lambda m, x: (h := m.a(x), m.relu(h), m.out(h))[-1],
        a=linear(),
        relu=nn.ReLU(inplace=True),
        out=linear(),
    )
    assert bounds(thrown, x) == chain("@input", "a", "relu", "out")


def test_other_names_of_a_tensor_bound_as_it_does(x: Tensor) -> None:
    found = bounds(
        nn.Sequential(linear(), nn.Identity(), linear()), x, ["0", "1", "2:in", "2"]
    )
    assert found == {
        "0": ("1", "2:in"),
        "1": ("0", "2:in"),
        "2:in": ("0", "1"),
        "2": ("0", "1", "2:in"),
    }


# Modules that give or take several tensors

Pair = namedtuple("Pair", "first second")


@dc.dataclass(frozen=True)
class Frozen:
    first: Tensor
    second: Tensor


@pytest.mark.parametrize(
    "pack",
    [
        lambda a, b: (a, b),
        lambda a, b: [a, b],
        lambda a, b: {"first": a, "second": b},
        Pair,
        Frozen,
    ],
    ids=["tuple", "list", "dict", "named", "dataclass"],
)
def test_one_tensor_of_several(pack: Callable[..., Any], x: Tensor) -> None:
    two = Calls(lambda m, x: pack(m.a(x), m.b(x)), a=linear(), b=linear())

    def run(m: Any, x: Tensor) -> Any:
        given = m.two(x)
        given = vars(given) if isinstance(given, Frozen) else given
        given = list(given.values() if isinstance(given, dict) else given)
        return m.p(given[0]) * 1, m.q(given[1]) * 1

    model = Calls(run, two=two, p=linear(), q=linear())
    first = "first" if isinstance(two(x), dict | Frozen) else "0"
    found = bounds(model, x, ["@input", f"two/{first}", "p", "q"])
    assert found == {**chain("@input", f"two/{first}", "p"), "q": ("@input",)}


def test_states_of_recurrent_layers(x: Tensor) -> None:
    model = Calls(
        lambda m, x: m.out(m.lstm(m.embed(x))[0][:, -1]) + m.state(m.lstm_(x)[1][0][0]),
        embed=linear(),
        lstm=nn.LSTM(6, 5, batch_first=True),
        lstm_=nn.LSTM(6, 5, batch_first=True),
        out=linear(5, 4),
        state=linear(5, 4),
    )
    found = bounds(model, torch.randn(20, 7, 6))
    # The three tensors that a layer gives come at once: none goes on to another.
    for site in ("lstm/0", "lstm/1/0", "lstm/1/1"):
        assert found[site] == ("@input", "embed")
    assert found["out"] == ("@input", "embed", "lstm/0", "out:in")
    assert found["state:in"] == ("@input", "lstm_/1/0")
    assert found["Calls"] == ("@input",)


def test_the_axis_of_examples_may_be_the_second() -> None:
    model = Calls(
        lambda m, x: m.out(m.lstm(x.transpose(0, 1))[0]).transpose(0, 1) + 0,
        lstm=nn.LSTM(6, 5),
        out=linear(5, 4),
    )
    found = bounds(model, torch.randn(20, 7, 6), ["@input", "lstm/0", "out"])
    assert found == {"lstm/0": ("@input",), "out": ("@input", "lstm/0")}


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_transformer_layer(norm_first: bool, dtype: torch.dtype) -> None:
    layer = nn.TransformerEncoderLayer(
        16, 4, 32, batch_first=True, norm_first=norm_first, dtype=dtype
    )
    graphs: dict[bool, Graph] = {
        False: {
            "@input": (),
            "self_attn": ("@input",),
            "norm1:in": ("@input", "self_attn"),
            "norm1": ("norm1:in",),
            "linear1": ("norm1",),
            "dropout:in": ("linear1",),
            "linear2": ("dropout:in",),
            "norm2:in": ("norm1", "linear2"),
            "norm2": ("norm2:in",),
        },
        True: {
            "@input": (),
            "norm1": ("@input",),
            "self_attn": ("norm1",),
            "norm2:in": ("@input", "self_attn"),
            "norm2": ("norm2:in",),
            "linear1": ("norm2",),
            "dropout:in": ("linear1",),
            "linear2": ("dropout:in",),
            "TransformerEncoderLayer": ("norm2:in", "linear2"),
        },
    }
    truth = dominating(graphs[norm_first])
    assert "linear2" not in truth.get("norm2", truth.get("TransformerEncoderLayer"))
    assert bounds(layer, torch.randn(20, 5, 16)) == truth


# Other inputs


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = linear(), linear()

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        return self.b(self.a(x) * gate)


def test_an_input_that_differs_is_another_source(x: Tensor) -> None:
    gate = torch.ones(20, 6)
    gate[17, 2] = 0  # in one example of the batch, which must be among those chosen
    found = bounds(Gated(), {"x": x, "gate": gate})
    assert found == {"a": ("@input/x",), "b": ("b:in",)}
    # What the examples do not show stays unseen, as the documentation says.
    same = bounds(Gated(), {"x": x, "gate": torch.ones(20, 6)})
    assert same["b"] == ("@input/x", "a", "b:in")


class Spread(nn.Module):
    """Tokens from one vector: their mean is a function of it and of the mask."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.tokens, self.linear = linear(), linear(6, 20), linear(4, 3)

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        return self.linear(self.tokens(torch.tanh(self.a(x))).unflatten(1, (5, 4)))


@pytest.mark.parametrize("padded", [None, 0, 4], ids=["no", "left", "right"])
def test_points_that_a_mask_makes_are_functions_of_the_mask(
    x: Tensor, padded: int | None
) -> None:
    mask = torch.ones(20, 5, dtype=torch.int64)
    if padded is not None:
        mask[7:, padded] = 0
    points = {"*": "flatten", "linear": "TC:mean"}
    sites = ["a", "tokens", "linear"]
    found = bounds(Spread(), {"x": x, "attention_mask": mask}, sites, points=points)
    assert found == (chain(*sites) if padded is None else {"tokens": ("a",)})


def test_names_of_tokens_bound_nothing() -> None:
    model = nn.Sequential(nn.Embedding(50, 6), linear())
    assert bounds(model, torch.randint(50, (20, 7))) == {"1": ("0",)}


# What a point is


def test_what_loses_bounds_nothing_and_is_bounded() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.AdaptiveAvgPool2d(1)
    )
    images = torch.randn(20, 3, 8, 8)
    whole = bounds(model, images)
    assert whole == chain("@input", "0", "1", "2", "3")
    points = {"*": "flatten", "1": "mean", "2": "flatten+project:16"}
    found = bounds(model, images, points=points)
    assert found == {
        "0": ("@input",),
        "1": ("@input", "0"),
        "2": ("@input", "0"),
        "3": ("@input", "0", "2"),
    }
    assert bounds(model, images, ["@input", "0", "1", "2"], points="patches:2") == {}
    assert bounds(model, images, ["0", "1", "2"], points="mean") == {}


def test_constants_say_nothing(x: Tensor) -> None:
    model = nn.Sequential(linear(), linear(), nn.ReLU(), linear())
    with torch.no_grad():
        model[1].bias -= 100  # dead
    assert bounds(model, x) == {"0": ("@input",), "1": ("@input", "0")}


def test_one_site_needs_no_pass(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "_trial", None)
    assert bounds(net(), x, "1") == {}


# Networks of which nothing can be said


def noisy(module: nn.Module, x: Tensor) -> Tensor:
    return x + torch.from_numpy(np.random.default_rng().standard_normal(x.shape)).float()


@pytest.mark.parametrize(
    ("part", "behind"),
    [
        (Calls(lambda m, x: functional.dropout(x, 0.5, training=True)), None),
        (Calls(noisy), False),  # not by torch
        (nn.BatchNorm1d(6, track_running_stats=False), False),
        (Calls(lambda m, x: x + torch.arange(len(x))[:, None]), False),
        (Calls(lambda m, x: x + x.roll(1, 0)), False),
        (nn.BatchNorm1d(6), True),
    ],
    ids=["dropout", "numpy", "batch", "place", "neighbor", "running"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_chance_and_company(part: nn.Module, behind: bool | None, x: Tensor) -> None:
    model = nn.Sequential(linear(), linear(), part, linear())
    truth = {
        None: {},
        False: chain("@input", "0", "1"),
        True: chain("@input", "0", "1", "2", "3"),
    }
    assert bounds(model, x) == truth[behind]


def test_two_examples_show_company(x: Tensor) -> None:
    model = nn.Sequential(linear(), nn.BatchNorm1d(6, track_running_stats=False), linear())
    assert bounds(model, x[:2]) == {"0": ("@input",)}
    assert bounds(model, x[:1]) == {} == bounds(net(), x[:1])
    assert bounds(net(), x[:1].repeat(20, 1)) == {}


def test_a_pass_that_fails_establishes_nothing_for_its_site(x: Tensor) -> None:
    def run(m: Any, x: Tensor) -> Tensor:
        h = m.a(x)
        if not torch.equal(h, functional.linear(x, m.a.weight, m.a.bias)):
            raise RuntimeError("this is not mine")
        return m.c(m.b(h))

    model = Calls(run, a=linear(), b=linear(), c=linear())
    assert bounds(model, x) == {
        "a": ("@input",),
        "b": ("@input",),
        "c": ("@input", "b"),
    }
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_is_a_function_of_its_input(x: Tensor) -> None:
    assert bounds(torch.jit.trace(net().eval(), x), x) == {"Scripted": ("@input",)}


def test_in_inference_mode(x: Tensor) -> None:
    model = nn.Sequential(linear(), nn.GELU(), linear())
    with torch.inference_mode():
        assert bounds(model, x) == chain("@input", "0", "1", "2")


@pytest.mark.parametrize("wrap", ["compiled", "parallel"])
def test_wrapped_networks(x: Tensor, wrap: str) -> None:
    model = net()
    compiled = wrap == "compiled"
    wrapped = torch.compile(model, backend="eager") if compiled else nn.DataParallel(model)
    assert bounds(wrapped, x) == bounds(net(), x) != {}


# The network is as it was


def test_the_network_is_left_as_it_was(x: Tensor) -> None:
    model = Calls(
        lambda m, x: m.norm(m.b(m.a(x))), a=linear(), b=linear(), norm=nn.BatchNorm1d(6)
    ).train()
    model.b.eval()
    plain = model.eval()(x)
    model.train()
    model.b.eval()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    copy, state = x.clone(), torch.get_rng_state()
    reps = ms.extract(model, x)
    assert reps.bounded_by == chain("@input", "a", "b", "norm")
    assert [m.training for m in model.modules()] == [True, True, False, True]
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(x, copy)
    assert all(torch.equal(weights[k], v) for k, v in model.state_dict().items())
    assert torch.equal(model.eval()(x), plain)
    np.testing.assert_array_equal(reps["norm"].points, plain.detach())


def test_what_is_read_does_not_depend_on_the_order(
    x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = net()
    one = ms.extract(model, x)
    monkeypatch.setattr("manifoldscale.networks.extract.bounded_by", lambda *_: {})
    other = ms.extract(model, x)
    assert one.bounded_by and not other.bounded_by
    for site in one:
        np.testing.assert_array_equal(one[site].points, other[site].points)


# On disk, and by many workers


def test_a_store_keeps_it(
    x: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 300)
    model = net()
    truth = chain("@input", "0", "1", "2")
    ms.extract(model, x, store=tmp_path / "s", batch_size=4, shard=(0, 2))
    assert open_store(tmp_path / "s").bounded_by == truth
    # What is begun is not asked again.
    monkeypatch.setattr("manifoldscale.networks.extract.bounded_by", None)
    done = ms.extract(model, x, store=tmp_path / "s", batch_size=4)
    assert done.bounded_by == truth == open_store(tmp_path / "s").bounded_by


def test_of_a_store_that_says_nothing_nothing_is_known(x: Tensor, tmp_path: Path) -> None:
    model, place = net(), tmp_path / "s" / "zarr.json"
    ms.extract(model, x, store=tmp_path / "s", batch_size=4)
    group = json.loads(place.read_text())
    del group["attributes"]["manifoldscale"]["about"]["bounded_by"]
    place.write_text(json.dumps(group))
    assert open_store(tmp_path / "s").bounded_by == {}
    again = ms.extract(model, x, store=tmp_path / "s", batch_size=4)
    assert again.bounded_by == {} and len(again["2"]) == 20


def test_workers_change_nothing(x: Tensor) -> None:
    model = net()
    with ThreadPoolExecutor(2) as executor:
        found = ms.extract(model, x, batch_size=4, executor=executor).bounded_by
    assert found == chain("@input", "0", "1", "2")


# Any graph


@dc.dataclass(frozen=True)
class Node:
    """Values of earlier places, 0 the input, joined and given to a layer: one of its own,
    or that of an earlier node.
    """

    parents: tuple[int, ...]
    join: str
    layer: int


class Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = linear(width)
        nn.init.normal_(self.linear.weight, std=width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.linear(x))


JOINS: Mapping[str, Callable[[list[Tensor]], Tensor]] = {
    "sum": lambda parts: torch.stack(parts).sum(dim=0),
    "product": lambda parts: torch.stack(parts).cos().prod(dim=0),
    "cat": lambda parts: torch.cat(parts, dim=1),
}


class Random(nn.Module):
    def __init__(self, nodes: Sequence[Node]) -> None:
        super().__init__()
        self.nodes = nodes
        for place, node in enumerate(nodes):
            if node.layer == place:
                width = 6 * len(node.parents) if node.join == "cat" else 6
                self.add_module(f"n{place}", Layer(width))

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for node in self.nodes:
            parts = [values[parent] for parent in node.parents]
            given = parts[0] if len(parts) == 1 else JOINS[node.join](parts)
            values.append(self.get_submodule(f"n{node.layer}")(given))
        return values[-1]


def graph_of(nodes: Sequence[Node]) -> Graph:
    """Site to parents: what is joined is a tensor of its own."""
    graph: dict[str, tuple[str, ...]] = {"@input": ()}
    names, calls = ["@input"], dict.fromkeys(range(len(nodes)), 0)
    for node in nodes:
        calls[node.layer] += 1
        call = f"#{calls[node.layer]}" if calls[node.layer] > 1 else ""
        name = f"n{node.layer}{call}"
        given = tuple(names[parent] for parent in node.parents)
        if len(given) > 1:
            graph[f"{name}:in"] = given
            given = (f"{name}:in",)
        graph[f"n{node.layer}.linear{call}"] = given
        graph[name] = (f"n{node.layer}.linear{call}",)
        names.append(name)
    return graph


@st.composite
def random_nodes(draw: st.DrawFn) -> list[Node]:
    nodes: list[Node] = []
    for place in range(draw(st.integers(2, 8))):
        # Later values more often, so that there are chains.
        earlier = st.integers(0, place) | st.just(place)
        parents = tuple(draw(st.lists(earlier, min_size=1, max_size=3, unique=True)))
        join = draw(st.sampled_from(sorted(JOINS)))
        narrow = join != "cat" or len(parents) == 1
        shared = [
            n.layer for n in nodes if narrow and (n.join != "cat" or len(n.parents) == 1)
        ]
        nodes.append(Node(parents, join, draw(st.sampled_from([place, *shared]))))
    return nodes


@settings(max_examples=60, deadline=None)
@given(random_nodes(), st.integers(0, 2**31))
def test_functions_are_the_dominators_of_any_graph(nodes: list[Node], seed: int) -> None:
    torch.manual_seed(seed)
    graph = graph_of(nodes)
    reps = ms.extract(Random(nodes), torch.randn(12, 6))
    assert list(reps) == list(graph)
    assert reps.bounded_by == dominating(graph)
