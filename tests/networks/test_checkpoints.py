"""Checkpoints as people save them: read, or refused with the names that do not fit."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.networks.checkpoints import fill, read_weights
from manifoldscale.networks.loading import load_model
from manifoldscale.runs.steps.provenance import hashes


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


LOSS = {"criterion.weight": torch.ones(2)}
AVERAGE = {f"ema_model.{name}": value + 1 for name, value in STATE.items()}


@pytest.mark.parametrize("key", ["state_dict", ""])
@pytest.mark.parametrize("prefix", ["model.", "model._orig_mod.", "net.model."])
def test_a_network_beside_its_loss_is_found(key: str, prefix: str, tmp_path: Path) -> None:
    """As Lightning saves it."""
    path = tmp_path / "w.ckpt"
    weights = {**prefixed(prefix), **LOSS}
    torch.save({key: weights, "epoch": 3} if key else weights, path)
    assert same(fill(network(), path))
    first = prefix.split(".")[0]
    assert same(fill(network(), f"{path}::{first}"))
    assert same(fill(network(), f"{path}::{key}.{first}".replace("::.", "::")))
    assert set(read_weights(f"{path}::criterion")) == {"weight"}
    with pytest.raises(ManifoldScaleError, match=r"begin with '(net|model)', 'criterion'"):
        fill(network(), f"{path}::backbone")


def test_an_average_is_never_taken_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "w.ckpt"
    torch.save({"state_dict": {**prefixed("model."), **AVERAGE, **LOSS}}, path)
    both = r"'state_dict.model', 'state_dict.ema_model'.*w.ckpt::state_dict.ema_model"
    for name in (path, f"{path}::state_dict"):
        with pytest.raises(ManifoldScaleError, match=both):
            fill(network(), name)
    assert same(fill(network(), f"{path}::model"))
    found = fill(network(), f"{path}::state_dict.ema_model")
    assert torch.equal(found.state_dict()["0.bias"], STATE["0.bias"] + 1)
    # Of an average and others that do not fit, it is not the stand-in.
    for stored in (
        {"model": {"x.weight": torch.ones(2)}, "ema": STATE},
        {**AVERAGE, **LOSS},
    ):
        torch.save(stored, path)
        with pytest.raises(ManifoldScaleError, match=r"only 'ema.*average.*::ema"):
            fill(network(), path)
    average = {name: value + 1 for name, value in STATE.items()}
    torch.save({"ema": average, "state_dict": {**prefixed("model."), **LOSS}}, path)
    with pytest.raises(ManifoldScaleError, match="several sets"):
        fill(network(), path)
    torch.save({"ema": STATE, "state_dict": {**prefixed("model."), **LOSS}}, path)
    assert same(fill(network(), path))  # the average is the network itself


def test_a_network_that_its_loss_holds_too_is_one(tmp_path: Path) -> None:
    path = tmp_path / "w.ckpt"
    torch.save({**prefixed("model."), **prefixed("loss.net."), **LOSS}, path)
    assert same(fill(network(), path))


def test_what_comes_nearest_is_said(tmp_path: Path) -> None:
    path = tmp_path / "w.ckpt"
    weights = {n: v for n, v in prefixed("model.").items() if n != "model.1.bias"}
    torch.save({"state_dict": {**weights, **LOSS}}, path)
    words = r"nearest under 'state_dict.model': it lacks '1.bias'\.$"
    with pytest.raises(ManifoldScaleError, match=words):
        fill(network(), path)


def test_a_layer_of_another_network_is_not_taken_unasked(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    layers = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    torch.save({**layers.state_dict(), "a.b.weight": torch.ones(3)}, path)
    with pytest.raises(ManifoldScaleError, match=r"These parts would fit: .*w.pt::0\."):
        fill(nn.Linear(4, 3), path)
    assert torch.equal(fill(nn.Linear(4, 3), f"{path}::0").weight, layers[0].weight)


class Parts(nn.Module):
    """Two layers with a name each, under a common one perhaps."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.fc = nn.Sequential(nn.Linear(4, 3)), nn.Linear(3, 2)


PARTS = Parts().state_dict()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fc.", "fc._orig_mod."),
        ("features.0.", "features.0._checkpoint_wrapped_module."),
        ("features.", "_fsdp_wrapped_module.features._fsdp_wrapped_module."),
        ("features.", "features.module."),
        ("fc.", "module.fc._orig_mod.module."),
    ],
)
def test_parts_of_wrappers_inside_of_names(old: str, new: str, tmp_path: Path) -> None:
    stored = {f"model.{name.replace(old, new)}": v for name, v in PARTS.items()}
    torch.save(stored, tmp_path / "w.pt")
    plain = fill(Parts(), tmp_path / "w.pt")
    wrapped = Parts()
    wrapped.features = nn.DataParallel(wrapped.features)
    wrapped.fc = torch.compile(wrapped.fc, backend="eager")
    for model in (plain, fill(wrapped, tmp_path / "w.pt")):
        assert all(map(torch.equal, model.state_dict().values(), PARTS.values()))


def test_two_weights_for_one_place_are_refused(tmp_path: Path) -> None:
    torch.save({**PARTS, "fc._orig_mod.bias": torch.ones(2)}, tmp_path / "w.pt")
    with pytest.raises(ManifoldScaleError, match=r"besides 'fc._orig_mod.bias'"):
        fill(Parts(), tmp_path / "w.pt")


def test_the_prefix_of_the_network_is_added(tmp_path: Path) -> None:
    model = nn.Module()
    model.net = nn.Module()
    model.net.inner = Parts()
    for prefix in ("", "inner.", "net.inner.", "module.", "model.inner."):
        torch.save({prefix + n: v for n, v in PARTS.items()}, tmp_path / "w.pt")
        nn.init.zeros_(model.net.inner.fc.weight)
        fill(model, tmp_path / "w.pt")
        assert torch.equal(model.net.inner.fc.weight, PARTS["fc.weight"])
    torch.save({n: v for n, v in PARTS.items() if n != "fc.bias"}, tmp_path / "w.pt")
    with pytest.raises(ManifoldScaleError, match=r"Module: it lacks 'net.inner.fc.bias'\."):
        fill(model, tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weight_norm_in_its_two_forms(tmp_path: Path) -> None:
    new = nn.utils.parametrizations.weight_norm
    old: Any = nn.utils.weight_norm
    for one, other in ((old, new), (new, old)):
        torch.manual_seed(0)
        saved = nn.Sequential(one(nn.Linear(4, 3)), nn.LSTM(3, 2))
        one(saved[1], "weight_hh_l0")
        torch.save(saved.state_dict(), tmp_path / "w.pt")
        found = nn.Sequential(other(nn.Linear(4, 3)), nn.LSTM(3, 2))
        other(found[1], "weight_hh_l0")
        fill(found, tmp_path / "w.pt")
        x = torch.randn(5, 4)
        assert torch.equal(found[0](x), saved[0](x))


def test_spectral_norm_in_its_two_forms(tmp_path: Path) -> None:
    new, old = nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm
    for one, other in ((old, new), (new, old)):
        torch.manual_seed(0)
        saved = nn.Sequential(one(nn.Conv1d(4, 3, 2)), nn.ReLU()).eval()
        torch.save(saved.state_dict(), tmp_path / "w.pt")
        found = nn.Sequential(other(nn.Conv1d(4, 3, 2)), nn.ReLU()).eval()
        fill(found, tmp_path / "w.pt")
        x = torch.randn(5, 4, 6)
        torch.testing.assert_close(found(x), saved(x))


def test_arrays_of_numpy_are_refused_with_what_works(tmp_path: Path) -> None:
    arrays = {name: value.numpy() for name, value in STATE.items()}
    for stored in (arrays, {"state_dict": arrays}):
        torch.save(stored, tmp_path / "w.pt")
        with pytest.raises(ManifoldScaleError, match=r"arrays .*of NumPy.*torch.as_tensor"):
            fill(network(), tmp_path / "w.pt")


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder as transformers writes it, of two files with an index."""
    places = {}
    for i, name in enumerate(STATE):
        places[name] = f"model-0000{i % 2 + 1}-of-00002.safetensors"
    for file in set(places.values()):
        held = {name: STATE[name] for name, place in places.items() if place == file}
        safetensors.torch.save_file(held, str(tmp_path / file))
    index = {"metadata": {}, "weight_map": places}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path


def test_an_index_stands_for_all_of_its_files(shards: Path) -> None:
    index = shards / "model.safetensors.index.json"
    assert same(fill(network(), index))
    assert set(read_weights(f"{index}::0")) == {"weight", "bias"}
    with pytest.raises(ManifoldScaleError, match=r"is a folder: name the file, as .*index"):
        fill(network(), shards)
    assert set(hashes(f"{index}::0")) == {file.as_posix() for file in shards.iterdir()}
    one = shards / "model-00001-of-00002.safetensors"
    with pytest.raises(
        ManifoldScaleError, match=r"one of several files.* name .*index.json"
    ):
        fill(network(), one)
    safetensors.torch.save_file({"x": torch.ones(2)}, str(one))
    with pytest.raises(ManifoldScaleError, match="weights that its files do not hold"):
        fill(network(), index)
    one.unlink()
    with pytest.raises(ManifoldScaleError, match=r"names model-00001.*not beside it"):
        fill(network(), index)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"weight_map": 3}', '{"weight_map": {"a": "i.index.json"}}'],
)
def test_a_damaged_index_is_one_clear_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "i.index.json").write_text(text)
    with pytest.raises(ManifoldScaleError, match=r"not an index|no tensors"):
        fill(network(), tmp_path / "i.index.json")


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(
        ManifoldScaleError, match="is a folder: it holds no file of weights"
    ):
        read_weights(tmp_path)


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


@pytest.mark.parametrize("name", ["w.safetensors", "w.bin", "w.index.json"])
def test_a_pointer_of_git_lfs_is_no_checkpoint(name: str, tmp_path: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 123\n"
    (tmp_path / name).write_text(text)
    with pytest.raises(ManifoldScaleError, match="git lfs pull"):
        fill(network(), tmp_path / name)
