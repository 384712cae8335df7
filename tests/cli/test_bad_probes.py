"""Whatever is wrong with MODEL, DATA or an option of `probe` and `sites` is one message."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from manifoldscale.cli.main import main

CODE = """
import numpy as np, torch
from torch import nn

def net(): return nn.Sequential(nn.Linear(4, 3), nn.ReLU())
def cnn(): return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
def lazy(): return nn.LazyLinear(3)
def none(): return None
def number(): return 3
def boom(): raise RuntimeError("boom")
def needs(x): return x

class Fails(nn.Module):
    def forward(self, x): raise KeyError("inside")

def points(): return np.random.default_rng(0).standard_normal((60, 4)).astype("f4")
def empty(): return np.zeros((0, 4), "f4")
def texts(): return np.array(["a"] * 60)
def nans(): return np.full((60, 4), np.nan, "f4")
def objects(): return np.array([object()] * 60)
def complex_(): return np.ones((60, 4), complex)
def labels(): return points(), np.arange(3)
def single(): return np.float64(3)
def masked(): return np.ma.masked_greater(points(), 0)
def images(): return np.ones((60, 1, 8, 8), "f4")
"""
MODELS = [
    "nothing",
    "junk.safetensors",
    "empty.pt",
    "ok.npy",
    "folder",
    "py:bad:net:x",
    "py:bad",
    "py::",
    "py:nomodule:f",
    "py:bad:nofunction",
    "py:bad:none",
    "py:bad:number",
    "py:bad:boom",
    "py:bad:needs",
    "py:syntax:net",
    "hf:folder",
    "hf:void",
    "hf:nothing",
    "script:empty.pt",
    "script:nothing",
    "script:folder",
    ":",
    "py:bad:lazy",
    "py:bad:Fails",
    "py:bad:cnn",
]
DATA = [
    "nothing",
    "empty.npy",
    "junk.npy",
    "junk.npz",
    "objects.npy",
    "number.npy",
    "none.npz",
    "texts.npy",
    "number.npz",
    "records.npy",
    "folder",
    "void",
    "broken",
    "hfbad",
    "hfsplits",
    "text:lines.txt@void",
    "text:lines.txt@folder",
    "text:binary.txt@void",
    "text:nothing@x",
    "text:",
    "zero.png",
    "empty.pt",
    "py:bad:empty",
    "py:bad:texts",
    "py:bad:objects",
    "py:bad:complex_",
    "py:bad:labels",
    "py:bad:single",
    "py:bad:masked",
    "py:bad:none",
    "py:bad:boom",
    "py:bad:images",
    "digits",
]
OPTIONS = [
    "--sites=nope",
    "--sites=re:(",
    "--sites=",
    "--sites=!*",
    "--policy=x",
    "--policy=CHW:mean",
    "--policy=tokens:0",
    "--policy=flatten+project:2",
    "--policy=",
    "--points=2",
    "--checkpoint=none",
    "--checkpoint=empty.pt",
    "--checkpoint=folder",
    "--checkpoint=nothing.pt",
    "--checkpoint=list.pt",
    "--checkpoint=junk.safetensors",
    "--checkpoint=ok.npy::x",
    "--along-training=empty.pt",
    "--against=empty.pt",
    "--shuffled-labels",
    "--out=ok.npy",
    "--out=ok.npy/x",
    "--csv=folder",
    "--csv=no/such/x.csv",
    "--shard=0/2",
    "--seed=-1",
    "--batch-size=0",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name, contents in {
        "bad.py": CODE.encode(),
        "syntax.py": b"def net(:\n",
        "empty.npy": b"",
        "junk.npy": b"\x93NUMPY junk",
        "junk.npz": b"PK\x03\x04junk",
        "junk.safetensors": b"junkjunkjunk",
        "empty.pt": b"",
        "zero.png": b"",
        "lines.txt": b"a b\n",
        "binary.txt": b"\xff\xfe\x00",
        "folder/x.png": b"not an image",
        "folder/config.json": b"{",
        "broken/a.png": b"\x89PNG\r\n\x1a\n" + b"0" * 40,
        "hfbad/state.json": b"{",
        "hfsplits/dataset_dict.json": b"{}",
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(contents)
    Path("void").mkdir()
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.save("ok.npy", np.random.default_rng(0).random((60, 4), np.float32))
    np.save("number.npy", 3.0)
    np.save("texts.npy", np.array(["a"] * 60))
    np.save("records.npy", np.zeros(60, dtype=[("a", "f4"), ("b", "i4")]))
    np.savez("none.npz", a=1)
    np.savez("number.npz", X=2.0, y=3)
    torch.save({"a": 1}, "nothing.pt")
    torch.save([torch.ones(2)], "list.pt")
    for name in ("bad", "syntax"):
        sys.modules.pop(name, None)
    return tmp_path


def refused(*words: str) -> str:
    """The message, of a command that ends with one and with no traceback of ours."""
    found = CliRunner().invoke(main, list(words))
    raised = found.exception
    assert raised is None or isinstance(raised, SystemExit), (words, raised)
    assert found.exit_code in (1, 2), (words, found.output)
    assert "Error" in found.output and "manifoldscale/" not in found.output
    return found.output


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what reads the files
def test_models(here: Path) -> None:
    for model in MODELS:
        assert len(refused("sites", model, "ok.npy")) > 20
        refused("probe", model, "ok.npy", "--no-curvature")


@pytest.mark.filterwarnings("ignore")
def test_data(here: Path) -> None:
    for data in DATA:
        refused("sites", "py:bad:net", data)
        refused("probe", "py:bad:net", data, "--no-curvature")
    refused("probe", "py:bad:net", "py:bad:nans", "--no-curvature")


@pytest.mark.filterwarnings("ignore")
def test_options(here: Path) -> None:
    for option in OPTIONS:
        refused("probe", "py:bad:net", "ok.npy", "--no-curvature", option)
