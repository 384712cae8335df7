"""A stream of one's own gives the numbers of a seeded torch, and touches nothing."""

import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from manifoldscale.networks.draws import DrawsFrom

X = torch.linspace(-1, 1, 30).reshape(5, 6)
DRAWS: dict[str, Callable[[], torch.Tensor]] = {
    "rand": lambda: torch.rand(3, dtype=torch.float64),
    "randn": lambda: torch.randn(3, 4),
    "randn out": lambda: torch.randn(3, out=torch.empty(3)),
    "randint": lambda: torch.randint(9, (5,)),
    "randint from": lambda: torch.randint(2, 9, (5,)),
    "randperm": lambda: torch.randperm(9),
    "rand_like": lambda: torch.rand_like(X),
    "randn_like": lambda: torch.randn_like(X),
    "randint_like": lambda: torch.randint_like(X, 2, 9),
    "bernoulli": lambda: torch.bernoulli(X.abs()),
    "normal": lambda: torch.normal(X, X.abs()),
    "multinomial": lambda: torch.multinomial(torch.ones(5), 3),
    "poisson": lambda: torch.poisson(X.abs()),
    "exponential_": lambda: torch.empty(4).exponential_(),
    "dropout": lambda: F.dropout(X, 0.5),
    "dropout, gradient": lambda: torch.autograd.grad(
        F.dropout(w := X.clone().requires_grad_(), 0.3).sum(), w
    )[0],
    "dropout2d": lambda: F.dropout2d(X[None, :, :, None], 0.5),
    "alpha_dropout": lambda: F.alpha_dropout(X, 0.5, True),
    "rrelu": lambda: F.rrelu(X, training=True),
    "gumbel": lambda: F.gumbel_softmax(X),
    "attention": lambda: F.scaled_dot_product_attention(
        X[None], X[None], X[None], None, 0.5
    ),
    "Linear": lambda: nn.Linear(4, 5).weight.detach(),
    "Conv2d": lambda: nn.Conv2d(1, 3, 3).bias.detach(),
    "Embedding": lambda: nn.Embedding(4, 3).weight.detach(),
    "GRU": lambda: nn.GRU(6, 3, 2, dropout=0.5)(X)[0].detach(),
    "orthogonal_": lambda: nn.init.orthogonal_(torch.empty(4, 4)),
    "trunc_normal_": lambda: nn.init.trunc_normal_(torch.empty(4, 4)),
    "Normal": lambda: torch.distributions.Normal(0.0, 1.0).sample((3,)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_numbers_are_those_of_a_seed(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        right = DRAWS[name]()
    before = torch.get_rng_state()
    with DrawsFrom(7) as stream:
        found = DRAWS[name]()
    assert stream.drawn and torch.equal(found, right)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_stream_goes_on_and_knows_whether_it_was_used() -> None:
    stream = DrawsFrom(0)
    with stream:
        F.dropout(X, 0.5, training=False) + nn.Identity()(X)
    assert not stream.drawn
    with stream:
        first = torch.rand(2)
    with stream:
        assert not torch.equal(torch.rand(2), first)


def test_threads_draw_each_their_own() -> None:
    found: dict[int, torch.Tensor] = {}

    def draw(seed: int) -> None:
        with DrawsFrom(seed):
            parts = [nn.Linear(20, 20).weight.detach() for _ in range(50)]
        found[seed] = torch.stack(parts)

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = dict(found)
    for seed in range(8):
        draw(seed)
        assert torch.equal(found[seed], together[seed])
