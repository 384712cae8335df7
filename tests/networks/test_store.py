"""Extraction on disk: resumed, shared, and checked."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.networks import chunks, store as stores
from manifoldscale.networks.extract import open_store
from manifoldscale.networks.store import folder_name, read_store


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1000)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).standard_normal((103, 6)).astype(np.float32)
    return x, np.arange(103) % 5


def same(one: ms.Cloud, other: ms.Cloud) -> None:
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.ids, other.ids)


def test_what_is_stored_is_what_is_extracted(tmp_path: Path, data: tuple) -> None:
    memory = ms.extract(net(), data, batch_size=10)
    stored = ms.extract(net(), data, batch_size=10, store=tmp_path / "s")
    assert list(stored) == list(memory) and stored.sites == memory.sites
    for site in memory:
        same(stored[site], memory[site])
    assert stored.policies == memory.policies
    rows = stored.arrays["2"]
    np.testing.assert_array_equal(rows[[50, -1, 3, 3]], memory["2"].points[[50, -1, 3, 3]])
    np.testing.assert_array_equal(rows[5:90:7, 1], memory["2"].points[5:90:7, 1])
    np.testing.assert_array_equal(rows[4], memory["2"].points[4])


def test_zarr_and_xarray_open_it(tmp_path: Path, data: tuple) -> None:
    zarr, xarray = pytest.importorskip("zarr"), pytest.importorskip("xarray")
    stored = ms.extract(net(), data, store=tmp_path / "s", batch_size=10)
    group = zarr.open_group(tmp_path / "s", mode="r")
    np.testing.assert_array_equal(group["2"][:], stored["2"].points)
    table = xarray.open_zarr(tmp_path / "s", consolidated=False, chunks=None)
    np.testing.assert_array_equal(table["labels"], data[1])
    assert table["2"].dims == ("point", "2_1")


def test_shards_of_any_number_complete_each_other(tmp_path: Path, data: tuple) -> None:
    whole = ms.extract(net(), data, batch_size=10)
    place = tmp_path / "s"
    ms.extract(net(), data, batch_size=10, store=place, shard=(1, 3))
    with pytest.raises(ms.ManifoldScaleError, match="chunk 0 of 11 is not there yet"):
        open_store(place)["2"]
    ms.extract(net(), data, batch_size=77, store=place, shard=(0, 2))
    done = ms.extract(net(), data, batch_size=1, store=place)
    same(done["2"], whole["2"])
    open_store(place, verify=True)


@pytest.mark.parametrize("on_disk", [True, False])
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_executors(tmp_path: Path, data: tuple, kind: str, on_disk: bool) -> None:
    spawn = get_context("spawn")
    pool = (
        ThreadPoolExecutor(2)
        if kind == "threads"
        else ProcessPoolExecutor(1, mp_context=spawn)
    )
    place = tmp_path / "s" if on_disk else None
    with pool as executor:
        found = ms.extract(net(), data, batch_size=10, store=place, executor=executor)
    same(found["2"], ms.extract(net(), data, batch_size=10)["2"])


def test_random_tokens_on_disk(tmp_path: Path) -> None:
    x = torch.randn(21, 5, 6)
    memory = ms.extract(net(), x, "0", points="tokens:2", batch_size=4)["0"]
    stored = ms.extract(
        net(), x, "0", points="tokens:2", batch_size=4, store=tmp_path / "s"
    )
    np.testing.assert_array_equal(stored["0"].points, memory.points)
    np.testing.assert_array_equal(stored["0"].groups, memory.groups)
    with pytest.raises(ms.ManifoldScaleError, match="number of points per example"):
        ms.extract(net(), x, "0", points="tokens", store=tmp_path / "t")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ("weights", "weights was"),
        ("data", "data was"),
        ("sites", "sites was"),
        ("n", "exam"),
    ],
)
def test_what_differs_is_shown(
    tmp_path: Path, data: tuple, change: str, fields: str
) -> None:
    ms.extract(net(), data, "2", store=tmp_path / "s")
    model, arguments = net(), {"sites": "2"}
    if change == "weights":
        with torch.no_grad():
            model[0].weight[0, 0] += 1e-6
    elif change == "data":
        data[0][0, 0] += 1
    elif change == "sites":
        arguments["sites"] = "0"
    else:
        arguments["n"] = 50
    with pytest.raises(ms.ManifoldScaleError, match=fields):
        ms.extract(model, data, store=tmp_path / "s", **arguments)


@pytest.mark.parametrize("damage", ["truncated", "missing", "changed", "torn line"])
def test_damage_is_named_and_mended(tmp_path: Path, data: tuple, damage: str) -> None:
    place = tmp_path / "s"
    whole = ms.extract(net(), data, "2", batch_size=10, store=place)["2"]
    file = read_store(place).file("2", 3)
    journal = next((place / "@journal").glob("*.jsonl"))
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "missing":
        file.unlink()
    elif damage == "changed":
        file.write_bytes(b"\0" + file.read_bytes()[1:])
    else:
        journal.write_bytes(journal.read_bytes()[:-9])
    with pytest.raises(ms.ManifoldScaleError, match=r"[Cc]hunk \d"):
        open_store(place, verify=True)
    if damage == "changed":
        file.unlink()
    same(ms.extract(net(), data, "2", store=place)["2"], whole)
    open_store(place, verify=True)


def test_a_disk_without_room(
    tmp_path: Path, data: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage("/"))(100, 99, 1)
    with monkeypatch.context() as small:
        small.setattr(stores.shutil, "disk_usage", lambda path: usage)
        with pytest.raises(ms.ManifoldScaleError, match=r"GiB are needed and 0\.00 GiB"):
            ms.extract(net(), data, store=tmp_path / "s", batch_size=10)
    calls = []

    def full(path: Path, contents: object) -> None:
        calls.append(path)
        if len(calls) == 9:
            raise OSError(28, "No space left on device")
        write(path, contents)

    write = stores._write_whole
    with monkeypatch.context() as small:
        small.setattr(stores, "_write_whole", full)
        with pytest.raises(ms.ManifoldScaleError, match=r"No space left .* are kept"):
            ms.extract(net(), data, store=tmp_path / "s", batch_size=10)
    assert read_store(tmp_path / "s").done()
    stored = ms.extract(net(), data, store=tmp_path / "s", batch_size=10)
    same(stored["2"], ms.extract(net(), data, batch_size=10)["2"])


def test_folders_that_cannot_be_used(tmp_path: Path, data: tuple) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ms.ManifoldScaleError, match="cannot be written"):
        ms.extract(net(), data, store=tmp_path / "file" / "s")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(
        ms.ManifoldScaleError, match="holds files that are not an extraction"
    ):
        ms.extract(net(), data, store=tmp_path / "mine")
    with pytest.raises(ms.ManifoldScaleError, match="holds no extraction"):
        open_store(tmp_path / "nothing")
    with pytest.raises(ms.ManifoldScaleError, match="by number"):
        ms.extract(net(), iter([data[0]]), store=tmp_path / "s")
    with pytest.raises(ms.ManifoldScaleError, match="0 <= i < n"):
        ms.extract(net(), data, store=tmp_path / "s", shard=(3, 3))


@pytest.mark.parametrize("key", ["rows", "columns", "format"])
def test_descriptions_of_strangers_are_checked(
    tmp_path: Path, data: tuple, key: str
) -> None:
    ms.extract(net(), data, "2", store=tmp_path / "s")
    path = tmp_path / "s" / "zarr.json"
    about = json.loads(path.read_text())
    about["attributes"]["manifoldscale"][key] = {"rows": -1, "format": 99}.get(
        key, {"2": {"dtype": "object", "shape": [3]}}
    )
    path.write_text(json.dumps(about))
    with pytest.raises(ms.ManifoldScaleError, match=r"damaged|does not describe"):
        open_store(tmp_path / "s")


def test_two_writers_of_one_name(tmp_path: Path, data: tuple) -> None:
    ms.extract(net(), data, "2", store=tmp_path / "s")
    with (
        read_store(tmp_path / "s").journal("0-of-1"),
        pytest.raises(ms.ManifoldScaleError, match="another process is writing"),
    ):
        ms.extract(net(), data, "2", store=tmp_path / "s")


def test_labels_that_are_texts_are_kept(tmp_path: Path) -> None:
    x, labels = np.eye(5, dtype=np.float32), np.array(["a", "b", "", "ünï", "a"])
    for _ in range(2):
        reps = ms.extract(nn.Identity(), (x, labels), "@input", store=tmp_path / "s")
        assert reps.labels.tolist() == labels.tolist()
    with pytest.raises(ms.ManifoldScaleError, match="at most 64 bytes; one has 99"):
        long = np.array(["x" * 99] * 5)
        ms.extract(nn.Identity(), (x, long), "@input", store=tmp_path / "long")


def test_no_site_lies_outside_the_store() -> None:
    names = [folder_name(name) for name in ("..", ".", "...", "a/b", "..:in")]
    assert len(set(names)) == 5
    assert not any(set(name) <= {"."} or "/" in name for name in names)


SCRIPT = """
import sys
import numpy as np
import torch
from torch import nn
import manifoldscale as ms
{definition}
torch.manual_seed(0)
reps = ms.extract(Net(4, 3), np.ones((20, 4), "f4"), "Net", store="s")
print(float(reps["Net"].points.sum()))
"""
DEFINITIONS = {
    "plain": "class Net(nn.Linear):\n    pass",
    "an object in its state": (
        "class State:\n    pass\n"
        "class Net(nn.Linear):\n"
        "    def get_extra_state(self): return {'state': State()}\n"
        "    def set_extra_state(self, state): pass"
    ),
    "a function in its print": (
        "def act(x): return x\n"
        "class Net(nn.Linear):\n"
        "    def extra_repr(self): return f'act={act}'"
    ),
}


def in_a_process(definition: str, place: Path) -> subprocess.CompletedProcess[str]:
    (place / "script.py").write_text(SCRIPT.format(definition=definition))
    command = [sys.executable, "-W", "ignore", "script.py"]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "plain" else [pytest.mark.slow])
        for name in DEFINITIONS
    ],
)
def test_another_process_goes_on(name: str, tmp_path: Path) -> None:
    first, second = (in_a_process(DEFINITIONS[name], tmp_path) for _ in range(2))
    assert first.returncode == second.returncode == 0, second.stderr
    assert first.stdout == second.stdout


def test_an_edited_forward_is_another_network(tmp_path: Path) -> None:
    forward = "class Net(nn.Linear):\n    def forward(self, x): return super().forward(x)"
    assert in_a_process(forward, tmp_path).returncode == 0
    edited = in_a_process(f"{forward} * 2", tmp_path)
    assert edited.returncode == 1 and "begun differently: code was" in edited.stderr


def test_every_row_of_an_array_counts(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).random((3000, 4), np.float32), np.arange(3000) % 3
    net = nn.Linear(4, 3)
    ms.extract(net, (x, y), "@input", store=tmp_path / "s")
    other, labels = x.copy(), y.copy()
    other[7] = 0
    labels[19] = 5
    for changed in ((other, y), (x, labels)):
        with pytest.raises(ms.ManifoldScaleError, match="begun differently: data was"):
            ms.extract(net, changed, "@input", store=tmp_path / "s")
    ms.extract(net, (x.copy(), y.copy()), "@input", store=tmp_path / "s")


class Factor(nn.Module):
    """What it gives depends on more than weights and code."""

    def __init__(self) -> None:
        super().__init__()
        self.k, self.act, self.shift = 1.0, torch.relu, torch.ones(4)
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.k * self.fc(x)) + self.shift


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net, "k", 30.0),
        lambda net: setattr(net, "act", torch.tanh),
        lambda net: setattr(net, "shift", torch.zeros(4)),
        lambda net: net.fc.register_forward_hook(lambda m, i, o: o * 0),
    ],
    ids=["number", "function", "tensor", "hook"],
)
def test_a_network_that_gives_other_values_is_another(change: Any, tmp_path: Path) -> None:
    x, net = np.random.default_rng(0).random((50, 4), np.float32), Factor()
    first = ms.extract(net, x, "Factor", store=tmp_path / "s")["Factor"].points
    again = ms.extract(net, x, "Factor", store=tmp_path / "s", batch_size=2)
    np.testing.assert_array_equal(again["Factor"].points, first)
    change(net)
    with pytest.raises(ms.ManifoldScaleError, match="gives other values at 'Factor'"):
        ms.extract(net, x, "Factor", store=tmp_path / "s")
