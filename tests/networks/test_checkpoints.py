"""Checkpoints as people save them: read, or refused with the names that do not fit."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.networks.checkpoints import fill, read_weights
from manifoldscale.networks.models import load_model


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))


NET = network()
STATE = NET.state_dict()


def prefixed(prefix: str) -> dict[str, Any]:
    return {prefix + name: value for name, value in STATE.items()}


def same(model: nn.Module) -> bool:
    """Equal but for the counter, which has no use in eval mode."""
    own = {n: v for n, v in model.state_dict().items() if "num_batches" not in n}
    return all(torch.equal(value, STATE[name]) for name, value in own.items())


PREFIXES = ("model.", "net.", "backbone.", "module._orig_mod.", "a.b.")
OPTIMISER = torch.optim.Adam(NET.parameters())
NET(torch.randn(5, 4)).sum().backward()
OPTIMISER.step()


@pytest.mark.parametrize(
    "stored",
    [
        STATE,
        *[prefixed(p) for p in PREFIXES],
        *[
            {key: STATE, "optimizer": OPTIMISER.state_dict(), "epoch": 3}
            for key in ("model_state", "model_state_dict", "params", "state_dict_ema", "x")
        ],
        {"state": {"network": prefixed("module.")}, "step": torch.tensor(7)},
        {"n_averaged": torch.tensor(3), **prefixed("module.")},
        {name: value for name, value in STATE.items() if "num_batches" not in name},
        {name: value.double() for name, value in STATE.items()},
    ],
    ids=lambda stored: ", ".join(stored)[:40],
)
def test_weights_are_found_wherever_they_are(stored: Any, tmp_path: Path) -> None:
    torch.save(stored, tmp_path / "w.pt")
    assert same(fill(network(), tmp_path / "w.pt"))
    wrapped = nn.DataParallel(network())
    assert same(fill(wrapped, tmp_path / "w.pt").module)


def test_several_sets_of_weights_are_chosen_by_key(tmp_path: Path) -> None:
    path = tmp_path / "both.pt"
    other = {name: value + 1 for name, value in STATE.items()}
    head = {"head.weight": torch.ones(2, 2)}
    torch.save({"model": STATE, "ema": other, "head": head}, path)
    with pytest.raises(ManifoldScaleError, match=r"'model', 'ema'.*both.pt::ema"):
        fill(network(), path)
    assert same(fill(network(), f"{path}::model"))
    with pytest.raises(ManifoldScaleError, match=r"under 'best'; it has 'model', 'ema'"):
        fill(network(), f"{path}::best")
    torch.save({"model": STATE, "head": head}, path)
    assert same(fill(network(), path))  # one of them fits
    with pytest.raises(ManifoldScaleError, match="several sets"):
        read_weights(path)
    assert set(read_weights(f"{path}::head")) == {"head.weight"}


class Tied(nn.Module):
    def __init__(self, tied: bool = True) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.embed(x))


def test_tied_weights_may_stand_under_one_name(tmp_path: Path) -> None:
    model, path = Tied(), tmp_path / "m.safetensors"
    safetensors.torch.save_model(model, str(path))
    found = fill(Tied(), path)
    assert torch.equal(found.embed.weight, model.embed.weight)
    assert found.head.weight is found.embed.weight
    with pytest.raises(ManifoldScaleError, match=r"lacks '(head|embed).weight'"):
        fill(Tied(tied=False), path)
    apart = {"embed.weight": torch.ones(5, 4), "head.weight": torch.zeros(5, 4)}
    torch.save(apart, tmp_path / "apart.pt")
    with pytest.raises(ManifoldScaleError, match="under several names"):
        fill(Tied(), tmp_path / "apart.pt")


class Stateful(nn.Linear):
    scale: Any = 1.0

    def get_extra_state(self) -> Any:
        return {"scale": self.scale}

    def set_extra_state(self, state: Any) -> None:
        self.scale = state["scale"]


def test_extra_state_is_read_too(tmp_path: Path) -> None:
    model = Stateful(4, 3)
    model.scale = 2.0
    torch.save(model.state_dict(), tmp_path / "m.pt")
    found = fill(Stateful(4, 3), tmp_path / "m.pt")
    assert found.scale == 2.0 and torch.equal(found.weight, model.weight)
    weights = {"weight": model.weight.data, "bias": model.bias.data}
    torch.save(weights, tmp_path / "plain.pt")
    with pytest.raises(ManifoldScaleError, match="lacks '_extra_state'"):
        fill(Stateful(4, 3), tmp_path / "plain.pt")


def test_codes_of_a_quantised_weight_are_no_weights(tmp_path: Path) -> None:
    codes = {name: (value * 10).to(torch.int8) for name, value in STATE.items()}
    torch.save(codes, tmp_path / "q.pt")
    with pytest.raises(ManifoldScaleError, match=r"whole numbers.* '0.weight'"):
        fill(network(), tmp_path / "q.pt")


def test_lazy_layers_take_a_checkpoint(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(4, 3)).state_dict(), tmp_path / "w.pt")
    found = fill(nn.Sequential(nn.LazyLinear(3)), tmp_path / "w.pt")
    assert found[0].weight.shape == (3, 4)


@pytest.mark.parametrize(
    "contents", [b"", b"PK", b"{}", b"\x08\0\0\0\0\0\0\0{garbage", b"\0" * 99]
)
@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.bin"])
def test_damaged_files_are_one_clear_error(
    contents: bytes, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(contents)
    for call in (read_weights, lambda p: fill(network(), p), lambda p: load_model(str(p))):
        with pytest.raises(ManifoldScaleError, match=r"damaged|no tensors|written by"):
            call(path)


@pytest.mark.parametrize(
    "shape", ["{", "[]", '{"inputs": 4}', '{"inputs": "four"}', "null"]
)
def test_a_damaged_shape_is_one_clear_error(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    safetensors.torch.save_file(dict(STATE), str(path), {"manifoldscale.mlp": shape})
    with pytest.raises(ManifoldScaleError, match="damaged"):
        load_model(str(path))


def test_objects_beside_the_weights_are_refused(tmp_path: Path) -> None:
    stored = {
        "state_dict": STATE,
        "args": argparse.Namespace(lr=0.1),
        "best": np.float64(1),
    }
    torch.save(stored, tmp_path / "w.pt")
    with pytest.raises(ManifoldScaleError, match="more than tensors"):
        fill(network(), tmp_path / "w.pt")


@pytest.fixture
def bert(tmp_path: Path) -> Any:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=8,
    )
    return lambda name: getattr(transformers, name)(config)


def test_weights_that_a_folder_lacks_are_not_drawn(bert: Any, tmp_path: Path) -> None:
    bert("BertForMaskedLM").save_pretrained(tmp_path / "lm")
    one, other = (load_model(f"hf:{tmp_path / 'lm'}") for _ in range(2))
    assert one.state_dict().keys() == other.state_dict().keys()
    assert not any("pooler" in name for name in one.state_dict())
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    whole = bert("BertModel")
    whole.save_pretrained(tmp_path / "whole")
    assert "pooler.dense.weight" in load_model(f"hf:{tmp_path / 'whole'}").state_dict()
    renamed = {f"x.{n}.y": v for n, v in whole.state_dict().items()}
    for weights in (
        renamed,
        {n: v for n, v in whole.state_dict().items() if "query" not in n},
    ):
        safetensors.torch.save_file(
            weights, str(tmp_path / "whole" / "model.safetensors"), {"format": "pt"}
        )
        with pytest.raises(ManifoldScaleError, match=r"lacks .* weights of BertModel"):
            load_model(f"hf:{tmp_path / 'whole'}")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_damaged_folder_is_one_clear_error(bert: Any, file: str, tmp_path: Path) -> None:
    bert("BertModel").save_pretrained(tmp_path / "b")
    for contents in (b"", b"{", b"\xff\xfe"):
        (tmp_path / "b" / file).write_bytes(contents)
        with pytest.raises(ManifoldScaleError, match="cannot be loaded"):
            load_model(f"hf:{tmp_path / 'b'}")
