"""Models and data by name."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale import data
from manifoldscale.core.extras import optional
from manifoldscale.networks.loading import load_model, load_network, save_network
from manifoldscale.networks.mlp import MLP

MODULE = """
import numpy as np, torch
def net(): return torch.nn.Linear(3, 2)
def nothing(): return 7
def pair(): return np.ones((5, 3)), np.arange(5)
def alone(): return np.ones((5, 3))
"""


@pytest.fixture
def here(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "mymodels.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "mymodels", raising=False)
    return tmp_path


def test_parameters_are_those_of_the_module() -> None:
    for shape in (MLP(5, 7, 1, 2), MLP(784, 64, 3, 10)):
        count = sum(p.numel() for p in shape.module().parameters())
        assert shape.parameters == count


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_checkpoint_round_trip(tmp_path: object, dtype: torch.dtype) -> None:
    shape = MLP(4, 6, 2, 3, activation="tanh")
    module = shape.module().to(dtype)
    save_network(module, tmp_path / "net.safetensors", shape)
    loaded = load_model(str(tmp_path / "net.safetensors"))
    inputs = torch.randn(5, 4, dtype=dtype)
    assert torch.equal(loaded(inputs), module(inputs)) and not loaded.training


def test_files_that_are_no_checkpoint(tmp_path: object) -> None:
    (tmp_path / "junk").write_bytes(b"not weights at all")
    with pytest.raises(ms.ManifoldScaleError, match="not a safetensors file"):
        load_network(tmp_path / "junk")
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ms.ManifoldScaleError, match="py:module:factory"):
        load_network(tmp_path / "other.safetensors")
    with pytest.raises(ms.ManifoldScaleError, match="neither a file nor"):
        load_model("nowhere.safetensors")


def test_a_factory(here: object) -> None:
    assert isinstance(load_model("py:mymodels:net"), nn.Linear)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("py:mymodels:nothing", "returned int"),
        ("py:mymodels:nett", "did you mean 'net'"),
        ("py:nomodule:net", "no module 'nomodule'"),
        ("py:mymodels", "not of the form"),
    ],
)
def test_factories_that_cannot_work(here: object, spec: str, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        load_model(spec)


def test_examples_by_name(here: object) -> None:
    assert data.load_examples("digits").inputs.shape == (1797, 64)
    assert data.load_examples("py:mymodels:alone").labels is None
    assert data.load_examples("py:mymodels:pair").labels is not None
    np.save("x.npy", np.ones((4, 2)))
    np.savez("x.npz", X=np.ones((4, 2)), y=np.arange(4))
    np.savez("y.npz", other=np.ones(3))
    np.save("zero.npy", np.float64(3))
    (here / "empty.npy").write_bytes(b"")
    (here / "junk.npz").write_bytes(b"junk")
    np.save("o.npy", np.array([{}]), allow_pickle=True)
    assert data.load_examples("x.npy").inputs.shape == (4, 2)
    assert data.load_examples("x.npz").labels.tolist() == [0, 1, 2, 3]
    for spec, message in [
        ("z.npy", "no such file"),
        ("y.npz", "it has other"),
        ("o.npy", "Python objects"),
        ("empty.npy", "cannot be read"),
        ("junk.npz", "cannot be read"),
        ("zero.npy", "single number"),
        ("py:mymodels:nothing", "must return an array"),
        ("mnist", "did you mean 'mnist5k'"),
    ]:
        with pytest.raises(ms.ManifoldScaleError, match=message):
            data.load_examples(spec)


def test_a_sample_keeps_labels_with_inputs() -> None:
    examples = data.Examples(np.arange(100)[:, None], np.arange(100))
    part = examples.sample(10, 3)
    np.testing.assert_array_equal(part.inputs[:, 0], part.labels)
    assert len(part.inputs) == 10 and examples.sample(1000) is examples


def weights(model: nn.Module) -> dict:
    return {name: torch.randn_like(value) for name, value in model.state_dict().items()}


@pytest.mark.parametrize("form", ["safetensors", "plain", "nested", "parallel"])
def test_a_factory_with_a_checkpoint(here: object, form: str) -> None:
    from safetensors.torch import save_file

    wanted = weights(nn.Linear(3, 2))
    name = "w.safetensors" if form == "safetensors" else "w.pt"
    if form == "safetensors":
        save_file(wanted, name)
    elif form == "parallel":
        torch.save({f"module.{key}": value for key, value in wanted.items()}, name)
    else:
        torch.save(wanted if form == "plain" else {"state_dict": wanted, "step": 3}, name)
    model = load_model("py:mymodels:net", name)
    assert torch.equal(model.weight, wanted["weight"]) and not model.training


def test_checkpoints_that_do_not_fit(here: object) -> None:
    torch.save({"weight": torch.ones(2, 4), "other": torch.ones(1)}, "w.pt")
    with pytest.raises(
        ms.ManifoldScaleError,
        match=r"lacks 'bias'; .*besides 'other'; .*shape are 'w",
    ):
        load_model("py:mymodels:net", "w.pt")
    torch.save({"step": 3}, "s.pt")
    with pytest.raises(ms.ManifoldScaleError, match="no tensors"):
        load_model("py:mymodels:net", "s.pt")
    with pytest.raises(ms.ManifoldScaleError, match="no such file"):
        load_model("py:mymodels:net", "nowhere.pt")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_has_an_input_and_an_output(here: object) -> None:
    torch.jit.trace(nn.Linear(3, 2), torch.ones(1, 3)).save("net.script")
    model = load_model("script:net.script")
    sites = [site.name for site in ms.sites(model, np.ones((4, 3)))]
    assert sites == ["@input", "Scripted"]


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"manifoldscale\[models\]"):
        optional("no_such_package_at_all", "models")


def test_a_folder_is_no_package_and_a_broken_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_a_folder").mkdir()
    (tmp_path / "broken_package.py").write_text("raise RuntimeError('no such operator')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ms.ManifoldScaleError, match=r"manifoldscale\[models\]"):
        optional("only_a_folder", "models")
    with pytest.raises(ms.ManifoldScaleError, match=r"fails \(no such operator\)"):
        optional("broken_package", "models")


def test_folders_of_images(here: object) -> None:
    image = pytest.importorskip("PIL.Image")
    for name, value in (("a", 0), ("b", 255)):
        (here / "pictures" / name).mkdir(parents=True)
        image.new("RGB", (4, 3), (value, 0, 0)).save(here / "pictures" / name / "1.png")
    found = data.load_examples("pictures")
    assert found.inputs.shape == (2, 3, 3, 4) and found.labels.tolist() == [0, 1]
    assert found.inputs[1, 0].min() == 1
    image.new("RGB", (5, 3)).save(here / "pictures" / "b" / "2.png")
    with pytest.raises(ms.ManifoldScaleError, match="2 shapes"):
        data.load_examples("pictures")
