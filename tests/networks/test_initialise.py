"""At initialisation no weight is a trained one: all are drawn anew, or their names said."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.networks.curves import great_circle, through_layers
from manifoldscale.networks.initialise import at_initialisation, copied

X = torch.linspace(-1, 1, 40).reshape(10, 4)


def trained(layer: nn.Module, *more: nn.Module) -> nn.Sequential:
    """A network far from where it began."""
    net = nn.Sequential(layer, *more)
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.is_floating_point():
                tensor.mul_(5).add_(1)
    return net


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(4, 4),
    "BatchNorm": lambda: nn.BatchNorm1d(4),
    "LayerNorm": lambda: nn.LayerNorm(4),
    "Embedding": lambda: nn.EmbeddingBag(9, 4),
    "GRU": lambda: nn.GRU(4, 4),
    "attention": lambda: nn.MultiheadAttention(4, 2),
    "transformer": lambda: nn.TransformerEncoderLayer(4, 2, 8),
    "PReLU": lambda: nn.PReLU(4),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_weight_is_as_when_the_layer_is_made(name: str) -> None:
    """Drawn from the distribution that makes it: its range is that of many new layers."""
    net = trained(LAYERS[name]())
    fresh = at_initialisation(net, 3)
    assert not any(tensor.isnan().any() for tensor in fresh.state_dict().values())
    again = at_initialisation(net, 3)
    many = [nn.Sequential(LAYERS[name]()).state_dict() for _ in range(30)]
    for key, value in fresh.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
        drawn = torch.stack([one[key] for one in many]).double()
        low, high = float(drawn.min()), float(drawn.max())
        slack = 0.5 * (high - low) + 1e-9
        assert low - slack <= value.double().min() and value.double().max() <= high + slack


def half_reset() -> nn.Module:
    class Half(nn.Linear):
        def reset_parameters(self) -> None:
            if self.bias is not None:
                nn.init.zeros_(self.bias)

    layer = Half(4, 4)
    nn.init.eye_(layer.weight)
    return layer


def relative_reset() -> nn.Module:
    class Shrinks(nn.Linear):
        def reset_parameters(self) -> None:
            nn.init.zeros_(self.bias)
            with torch.no_grad():
                self.weight.mul_(0.1)

    layer = Shrinks(4, 4)
    nn.init.eye_(layer.weight)
    return layer


class Codebook(nn.Module):
    def __init__(self, persistent: bool = True) -> None:
        super().__init__()
        self.register_buffer("codes", torch.randn(4, 4), persistent=persistent)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.codes


class Codes(nn.Module):
    """Weights as bytes, with their scale beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(4, 4, dtype=torch.int8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.to(x.dtype)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x


DERIVED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "pruned": (
        lambda: prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5),
        "weight_orig",
    ),
    "spectral norm": (lambda: spectral_norm(nn.Linear(4, 4)), "weight_orig"),
    "weight norm": (lambda: weight_norm(nn.Linear(4, 4)), "weight_g"),
    "parametrised": (lambda: parametrizations.weight_norm(nn.Linear(4, 4)), "original0"),
    "orthogonal": (lambda: parametrizations.orthogonal(nn.Linear(4, 4)), "original"),
    "a partial reset": (half_reset, "weight"),
    "a reset from what it was": (relative_reset, "weight"),
    "a buffer": (Codebook, "codes"),
    "bytes": (Codes, "weight"),
    "a parameter without reset": (Scaled, "scale"),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("after", ["a pass", "a step"])
def test_what_is_not_drawn_is_named(name: str, after: str) -> None:
    make, weight = DERIVED[name]
    net = nn.Sequential(make(), nn.Linear(4, 2))
    net.train()(X).sum().backward() if after == "a step" else net(X)
    with pytest.raises(ManifoldScaleError, match=rf"'0\..*{weight}"):
        at_initialisation(net)
    circle = great_circle([1.0, 0, 0, 0], [0.0, 1, 0, 0])
    bent = through_layers(net.eval(), circle, n=64)
    assert bent.initial is None and weight in str(bent.caveats[-1])


def test_buffers_that_no_checkpoint_holds_stay() -> None:
    net = nn.Sequential(Codebook(persistent=False), nn.Linear(4, 2))
    fresh = at_initialisation(net)
    assert torch.equal(fresh[0].codes, net[0].codes)
    assert not torch.equal(fresh[1].weight, net[1].weight)


def test_nothing_global_is_drawn_or_seeded() -> None:
    net = trained(nn.Linear(4, 4))
    before = torch.get_rng_state()
    at_initialisation(net)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_copy_computes_the_same_after_a_step() -> None:
    net = nn.Sequential(spectral_norm(nn.Linear(4, 4)), nn.Tanh())
    net.train()(X).sum().backward()
    with torch.no_grad():
        net.eval()
        assert torch.allclose(copied(net)(X), net(X))


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(8), nn.Tanh(), nn.LazyLinear(3))


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(4, 3))


@pytest.mark.parametrize("make", [lazy, on_meta])
def test_weights_that_do_not_exist_are_not_measured(make: Callable[[], nn.Module]) -> None:
    circle = great_circle([1.0, 0, 0, 0], [0.0, 1, 0, 0])
    calls: list[Callable[[nn.Module], object]] = [
        lambda net: ms.extract(net, X, "0"),
        lambda net: ms.sites(net, X[:2]),
        at_initialisation,
        lambda net: through_layers(net, circle, n=64),
        lambda net: ms.theory.empirical_ntk(net, X),
    ]
    for call in calls:
        net = make()
        kinds = [type(module) for module in net.modules()]
        with pytest.raises(ManifoldScaleError, match=r"uninitialised \('0.weight'"):
            call(net)
        assert [type(module) for module in net.modules()] == kinds


def test_transformers_draw_their_own_way() -> None:
    transformers = pytest.importorskip("transformers")
    settings = {"n_positions": 8, "n_embd": 16, "n_layer": 1, "n_head": 2}
    net = transformers.GPT2Model(transformers.GPT2Config(vocab_size=40, **settings))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3).add_(1)
            parameter._is_hf_initialized = True  # as a loaded one is marked
    fresh = at_initialisation(net)
    weight = fresh.wte.weight.detach()
    assert 0.015 < float(weight.std()) < 0.025 and abs(float(weight.mean())) < 0.005
    assert np.array_equal(fresh.ln_f.weight.detach(), np.ones(16))
