"""Which axis holds the features, by what a tensor does; never by the name of a class."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError


class Turned(nn.Module):
    """A layer for channels last, in a network whose channels come first."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.movedim(1, -1)).movedim(-1, 1)


def first(kind: type[nn.Module]) -> type[nn.Module]:
    """A subclass that takes channels first."""

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return super(Own, self).forward(x.movedim(1, -1)).movedim(-1, 1)  # type: ignore[misc]

    Own = type(f"First{kind.__name__}", (kind,), {"forward": forward})
    return Own


class PoolingTokens(nn.Module):
    """A name that says pooling, and tokens that stay tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mix(x) + x.mean(1, keepdim=True)


class Patches(nn.Module):
    """An image to tokens and back to a map, at a fixed or any size."""

    def __init__(self, size: int | None = None) -> None:
        super().__init__()
        self.size = size
        self.embed, self.norm = nn.Conv2d(3, 8, 2, 2), nn.LayerNorm(8)
        self.act, self.last = nn.GELU(), nn.Conv2d(8, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert self.size in (None, x.shape[-1])
        y = self.embed(x)
        tokens = self.act(self.norm(y.flatten(2).transpose(1, 2)))
        return self.last(tokens.transpose(1, 2).reshape(y.shape))


class Mixing(nn.Module):
    """Tokens are mixed by a linear layer along them, on channels-first features, or after
    the axes are exchanged, in a network of any or of one size."""

    def __init__(self, turned: bool, size: int | None = None) -> None:
        super().__init__()
        self.turned, self.size = turned, size
        self.embed, self.norm = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8)
        self.tokens, self.head = nn.Linear(16, 16), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert self.size is None or x.shape[2:] == (self.size, self.size)
        y = self.embed(x).flatten(2)
        if self.turned:
            y = self.norm(y.transpose(1, 2)).transpose(1, 2)
        return self.head((y + self.tokens(y)).mean(2))


class States(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.LSTM(8, 6, 3, batch_first=True), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[1][0][-1])


IMAGES, SIGNALS, TOKENS = (2, 3, 6, 8), (2, 3, 12), (2, 9, 8)
CONV = nn.Conv2d(3, 8, 3, padding=1)
CASES = {
    "LayerNorm": (nn.Sequential(CONV, first(nn.LayerNorm)(8)), IMAGES, "1", "NCHW"),
    "RMSNorm": (nn.Sequential(CONV, first(nn.RMSNorm)(8)), IMAGES, "1", "NCHW"),
    "Linear": (nn.Sequential(CONV, first(nn.Linear)(8, 9)), IMAGES, "1", "NCHW"),
    "wrapped": (nn.Sequential(CONV, Turned(nn.Linear(8, 9))), IMAGES, "1", "NCHW"),
    "inside": (nn.Sequential(CONV, Turned(nn.Linear(8, 9))), IMAGES, "1.layer", "NHWC"),
    "after": (nn.Sequential(CONV, first(nn.RMSNorm)(8), nn.ReLU()), IMAGES, "2", "NCHW"),
    "whole": (nn.Sequential(CONV, nn.LayerNorm([8, 6, 8])), IMAGES, "1", "NCHW"),
    "last": (nn.Sequential(nn.Identity(), nn.LayerNorm(8)), IMAGES, "1", "NHWC"),
    "signal": (nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReLU()), SIGNALS, "1", "NCL"),
    "tokens": (nn.Sequential(nn.Linear(8, 8), PoolingTokens()), TOKENS, "1", "NTC"),
    "pooled": (nn.Sequential(CONV, nn.AdaptiveAvgPool2d(1)), IMAGES, "1", "NCHW"),
    "patches": (Patches(), (2, 3, 8, 8), "act", "NTC"),
    "fixed": (Patches(8), (2, 3, 8, 8), "act", "NTC"),
    "fixed map": (Patches(8), (2, 3, 8, 8), "embed", "NCHW"),
    "fixed head": (
        nn.Sequential(CONV, first(nn.LayerNorm)(8), nn.Flatten(), nn.Linear(384, 2)),
        IMAGES,
        "1",
        "NCHW",
    ),
    "mixed tokens": (Mixing(False), (2, 3, 16, 16), "tokens", "NCL"),
    "turned tokens": (Mixing(True), (2, 3, 16, 16), "tokens", "NCL"),
    "turned tokens, one size": (Mixing(True, 16), (2, 3, 16, 16), "tokens", "N??"),
    "outputs of an LSTM": (States(), TOKENS, "rnn/0", "NTC"),
    "states of an LSTM": (States(), TOKENS, "rnn/1/0", "?N?"),
    "input": (nn.Sequential(CONV), IMAGES, "@input", "NCHW"),
    "input of tokens": (nn.Sequential(nn.Linear(8, 8)), TOKENS, "@input", "NTC"),
}


@pytest.mark.parametrize("name", CASES)
def test_axes_are_found_by_what_they_do(name: str) -> None:
    model, shape, site, axes = CASES[name]
    found = {one.name: one.axes for one in ms.sites(model, torch.randn(shape))}
    assert found[site] == axes


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm", "Linear", "after", "whole"])
def test_the_mean_over_places_keeps_the_channels(name: str) -> None:
    model, shape, site, _ = CASES[name]
    x = torch.randn(20, *shape[1:])
    with torch.no_grad():
        right = model(x).mean((2, 3)).numpy()
    found = ms.extract(model, x, site, points="mean")[site].points
    np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


class Square(nn.Module):
    """Nothing tells which axis is which: no layer of torch, no size that may change."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ij,njk,kl->nil", self.weight, x, self.weight)


def test_where_nothing_tells_one_is_asked() -> None:
    x = torch.randn(20, 6, 6)
    with pytest.raises(ManifoldScaleError, match="'CHW:mean'"):
        ms.extract(Square(), x, "Square", points="mean")
    with torch.no_grad():
        y = Square()(x)
    for axes, axis in (("CL", 2), ("TC", 1)):
        word = f"{axes}:mean"
        reps = ms.extract(Square(), x, "Square", points=word)
        np.testing.assert_allclose(reps["Square"].points, y.mean(axis), atol=1e-6)
        assert f"({word})" in str(reps)
    each = ms.extract(Square(), x, "Square", points={"Square": "TC:tokens:2"})
    assert each["Square"].points.shape == (40, 6)
    for wrong in ("CHW:mean", "HW:mean", "CC:mean", "CX:mean", "CL:auto"):
        with pytest.raises(ManifoldScaleError, match=r"axes|no policy"):
            ms.extract(Square(), x, "Square", points=wrong)


def test_axes_that_are_told_are_kept_with_a_store(tmp_path: Any) -> None:
    x = torch.randn(20, 6, 6)
    stored = ms.extract(Square(), x, "Square", points="TC:tokens:2", store=tmp_path / "s")
    plain = ms.extract(Square(), x, "Square", points="TC:tokens:2")
    np.testing.assert_array_equal(stored["Square"].points, plain["Square"].points)
    assert stored.policies == plain.policies
