"""Files that would run code when they are unpickled: refused, and nothing runs."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.data import load_examples
from manifoldscale.networks.checkpoints import read_weights
from manifoldscale.networks.loading import load_model


class Attack:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return Path.touch, (self.canary,)


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "canary"


def test_the_attack_works_where_it_is_not_stopped(canary: Path) -> None:
    pickle.loads(pickle.dumps(Attack(canary)))
    assert canary.exists()


@pytest.mark.parametrize("how", ["pickle", "torch", "inside"])
def test_checkpoints(canary: Path, how: str) -> None:
    path = Path("model.pt")
    if how == "pickle":
        path.write_bytes(pickle.dumps(Attack(canary), protocol=2))
    else:
        contents = {"inside": {"w": torch.ones(2), "x": Attack(canary)}}
        torch.save(contents.get(how, Attack(canary)), path)
    with pytest.raises(ms.ManifoldScaleError, match="refused: it holds more than tensors"):
        read_weights(path)
    with pytest.raises(ms.ManifoldScaleError, match="not a safetensors file"):
        load_model("model.pt")
    with pytest.raises(ms.ManifoldScaleError, match="not a TorchScript program"):
        load_model("script:model.pt")
    assert not canary.exists()


def test_arrays_and_labels(canary: Path) -> None:
    attack = np.array([Attack(canary)], dtype=object)
    np.save("x.npy", attack, allow_pickle=True)
    np.savez("y.npz", X=np.ones((1, 2)), y=attack)
    for name in ("x.npy", "y.npz"):
        with pytest.raises(ms.ManifoldScaleError, match="never"):
            load_examples(name)
    assert not canary.exists()


def test_a_store(canary: Path) -> None:
    ms.extract(nn.Identity(), np.ones((9, 2), np.float32), store="s")
    chunk = next(Path("s/@input/c").rglob("0"))
    if chunk.is_dir():
        chunk = chunk / "0"
    chunk.write_bytes(pickle.dumps(Attack(canary)))
    from manifoldscale.networks.extract import open_store

    with pytest.raises(ms.ManifoldScaleError, match="bytes instead of"):
        open_store("s")["@input"]
    assert not canary.exists()
