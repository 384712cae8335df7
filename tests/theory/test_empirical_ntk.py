"""Tangent kernels of finite networks: two routes, one kernel, and its limit."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import manifoldscale as ms
from manifoldscale.theory import (
    empirical_ntk,
    kernel_alignment,
    kernel_drift,
    ntk,
    ntk_mlp,
)

X = torch.randn(7, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Residual(nn.Module):
    """Not a sequence: it takes the general route."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) if x.sum() > 0 else -self.linear(x)


def seeded(*layers: nn.Module) -> nn.Sequential:
    model = nn.Sequential(*layers)
    stream = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5, generator=stream)
    return model


def by_hand(model: nn.Module, x: Tensor) -> Tensor:
    """J J^T, one backward pass an example and output, in float64."""
    model = copy.deepcopy(model).double()
    rows = []
    for example in x:
        for output in model(example[None]).flatten():
            trained = [p for p in model.parameters() if p.requires_grad]
            gradients = torch.autograd.grad(
                output, trained, retain_graph=True, allow_unused=True
            )
            rows.append(torch.cat([g.flatten() for g in gradients if g is not None]))
    jacobian = torch.stack(rows).reshape(len(x), -1, len(rows[0]))
    return torch.einsum("iop,jqp->ijoq", jacobian, jacobian)


def shared() -> nn.Sequential:
    twice = nn.Linear(4, 4)
    return seeded(twice, nn.Tanh(), twice)


def tied() -> nn.Sequential:
    model = seeded(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    return model


def partly_frozen() -> nn.Sequential:
    model = seeded(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    model[0].weight.requires_grad_(False)
    model[2].bias.requires_grad_(False)
    return model


def first_layer_frozen() -> nn.Sequential:
    model = seeded(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    return model.requires_grad_(False).append(nn.Linear(2, 2))


MODELS = {
    "mlp": lambda: seeded(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8), nn.GELU(),
                          nn.Linear(8, 3)),
    "in place": lambda: seeded(nn.Linear(4, 16), nn.ReLU(inplace=True), nn.Linear(16, 3)),
    "no bias": lambda: seeded(nn.Linear(4, 9, bias=False), nn.Tanh(), nn.Linear(9, 1)),
    "ntk": lambda: ntk_mlp(4, 12, 2, 3, "erf", 1.7, 0.3),
    "shared": shared,
    "tied": tied,
    "partly frozen": partly_frozen,
    "first layers frozen": first_layer_frozen,
    "layer norm": lambda: seeded(nn.Linear(4, 6), nn.LayerNorm(6), nn.ReLU(inplace=True),
                                 nn.Linear(6, 2)),
    "prelu": lambda: seeded(nn.Linear(4, 6), nn.PReLU(), nn.Linear(6, 2)),
    "batch norm": lambda: seeded(nn.Linear(4, 6), nn.BatchNorm1d(6),
                                 nn.Linear(6, 2)).eval(),
    "convolution": lambda: seeded(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 3, 2), nn.ReLU(),
                                  nn.Flatten(), nn.Linear(9, 2)),
    "branching": Branching,
    "dropout": lambda: seeded(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 2)).eval(),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_kernel_is_that_of_the_gradients(name: str) -> None:
    model = MODELS[name]()
    exact = by_hand(model, X)
    n_parameters = len(list(model.parameters()))
    for x1, x2, rows in ((X, None, slice(None)), (X[:3], X, slice(3))):
        full = empirical_ntk(model, x1, x2)
        torch.testing.assert_close(full, exact[rows], rtol=1e-10, atol=1e-12)
        trace = empirical_ntk(model, x1, x2, outputs="trace")
        torch.testing.assert_close(trace, full.diagonal(dim1=2, dim2=3).sum(-1))
        mean = empirical_ntk(model, x1, x2, outputs="mean")
        torch.testing.assert_close(mean, trace / full.shape[-1])
    assert len(list(model.parameters())) == n_parameters


@pytest.mark.parametrize("name", ["mlp", "layer norm"])
def test_tiles_join(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one, two or all rows give one kernel."""
    import sys

    module = sys.modules["manifoldscale.theory.empirical_ntk"]
    model = MODELS[name]()
    whole = empirical_ntk(model, X)
    for numbers in (1, 500):
        monkeypatch.setattr(module, "NUMBERS", numbers)
        torch.testing.assert_close(empirical_ntk(model, X), whole)
        torch.testing.assert_close(empirical_ntk(model, X, X[:3]), whole[:, :3])


def test_both_routes_agree() -> None:
    model = MODELS["mlp"]()
    torch.testing.assert_close(empirical_ntk(model, X), empirical_ntk(Residual(model), X))


def test_images_through_a_flatten() -> None:
    model = seeded(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    torch.testing.assert_close(
        empirical_ntk(model, X.reshape(7, 1, 2, 2)), empirical_ntk(model[1:], X)
    )


def test_the_model_is_left_as_it_was() -> None:
    model = seeded(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Linear(6, 2)
    )
    model.eval()[3].train()
    before = copy.deepcopy(model.state_dict())
    inputs = X.clone()
    for one in (model, MODELS["in place"]()):
        empirical_ntk(one, inputs)
        assert all(p.grad is None and p.dtype == torch.float32 for p in one.parameters())
    assert not model.training and model[3].training
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    torch.testing.assert_close(inputs, X, rtol=0, atol=0)


@pytest.mark.parametrize(
    "model",
    [
        seeded(nn.Linear(4, 6), nn.BatchNorm1d(6)),
        seeded(nn.Linear(4, 6), nn.BatchNorm1d(6, track_running_stats=False)).eval(),
        seeded(nn.Linear(4, 6), nn.Dropout(0.1)),
    ],
)
def test_outputs_must_be_functions_of_their_inputs(model: nn.Module) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"in training mode.*model.eval"):
        empirical_ntk(model, X)


class Pair(Branching):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def test_bad_calls_are_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="one tensor with a row"):
        empirical_ntk(Pair(), X)
    with pytest.raises(ms.ManifoldScaleError, match="no trainable parameter"):
        empirical_ntk(nn.Sequential(nn.ReLU()), X)
    with pytest.raises(ms.ManifoldScaleError, match="`outputs` must be one of"):
        empirical_ntk(MODELS["mlp"](), X, outputs="sum")
    with pytest.raises(ms.ManifoldScaleError, match="batch of inputs"):
        empirical_ntk(MODELS["mlp"](), X[:0])
    for name in ("mlp", "prelu", "convolution"):
        with pytest.raises(ms.ManifoldScaleError, match=r"not finite .* `x1`"):
            empirical_ntk(MODELS[name](), 1e200 * X.double())


@pytest.mark.parametrize(("activation", "bias"), [("relu", 0.0), ("tanh", 0.2)])
def test_wide_networks_have_the_infinite_kernel(activation: str, bias: float) -> None:
    """The deviation halves from width 256 to 1,024, as w^-1/2, averaged over 8 seeds."""
    limit = ntk(X, None, 2, activation, 2.0, bias)
    drift = {
        width: np.mean([
            kernel_drift(
                empirical_ntk(
                    ntk_mlp(4, width, 2, 1, activation, 2.0, bias, rng=seed),
                    X,
                    outputs="mean",
                ),
                limit,
            )
            for seed in range(8)
        ])
        for width in (256, 1024)
    }  # fmt: skip
    assert drift[1024] < 0.1
    assert drift[256] / drift[1024] == pytest.approx(2, abs=0.7)


def test_alignment() -> None:
    rng = np.random.default_rng(0)
    kernel = (lambda a: a @ a.T)(rng.standard_normal((20, 30)))
    assert kernel_alignment(kernel, 3 * kernel) == pytest.approx(1)
    assert kernel_alignment(kernel, 3 * kernel + 5) == pytest.approx(1)
    assert kernel_alignment(kernel, 3 * kernel + 5, centered=False) < 0.99
    labels = np.sign(rng.standard_normal(20))
    task = np.outer(labels, labels)
    assert kernel_alignment(kernel + 100 * task, task) > kernel_alignment(kernel, task)
    with pytest.raises(ms.ManifoldScaleError, match="shapes"):
        kernel_alignment(kernel, kernel[:3, :3])
    with pytest.raises(ms.ManifoldScaleError, match="outputs='mean'"):
        kernel_alignment(np.ones((2, 2, 1, 1)), np.ones((2, 2, 1, 1)))
    with pytest.raises(ms.ManifoldScaleError, match="constant and centred"):
        kernel_alignment(np.ones((3, 3)), kernel[:3, :3])


def test_drift() -> None:
    assert kernel_drift(np.eye(4), np.eye(4)) == 0
    assert kernel_drift(1.5 * np.eye(4), np.eye(4)) == pytest.approx(0.5)
    with pytest.raises(ms.ManifoldScaleError, match="zero"):
        kernel_drift(np.eye(2), np.zeros((2, 2)))


class _Squeezed(nn.Module):
    """A regression without an axis of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).squeeze(-1)


class _Detached(_Squeezed):
    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def test_outputs_without_an_axis_without_a_gradient_and_inputs_of_another_shape() -> None:
    x = torch.randn(5, 3)
    kernel = empirical_ntk(_Squeezed(), x)  # x.x' + 1: of the weights and the bias
    assert torch.allclose(kernel[..., 0, 0], (x @ x.T + 1).double(), atol=1e-6)
    with pytest.raises(ms.ManifoldScaleError, match="no gradient in its parameters"):
        empirical_ntk(_Detached(), x)
    with pytest.raises(ms.ManifoldScaleError, match=r"of shape \(1, 4\), examples first"):
        empirical_ntk(_Squeezed(), torch.randn(5, 4))
