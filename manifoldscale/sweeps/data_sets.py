"""Real data as a task: classes merged or real targets, images pooled, noise added."""

import dataclasses as dc
import functools
import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import require
from ..core.random import keyed
from ..core.settings import Count, NotNegative, Settings, at_least
from ..data import Dataset, card, load
from .tasks import Split, Task, split_of

# The data sets as first published. The key of a run names the facts of a data set only if
# they differ from these, so older runs are still found.
FIRST_PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "digits": {
        "sha256": "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826",
        "shape": (8, 8),
        "maximum": 16,
        "classes": 10,
    },
    "fashion-mnist": {
        "sha256": "2cbc59191665e1ba3f2494648f17edac5974f748ab89fb2ae05597d658161f54",
        "shape": (28, 28),
        "maximum": 255,
        "classes": 10,
    },
    "mnist5k": {
        "sha256": "246e0c30eeea57c8d0037d3f38c8e00651ec204cc61b8022563e9aeeb9d756f4",
        "shape": (28, 28),
        "maximum": 255,
        "classes": 10,
    },
}


@dc.dataclass(frozen=True)
class DataSet(Settings, Task):
    """Learn a real data set of `datasets/`.

    Every run draws its own split into test and training examples from all of the data.
    Classes are one-hot targets. Real targets are standardised: the best constant has a
    squared error of 1. Inputs are centred and scaled by one number, to a mean square of 1.

    Parameters
    ----------
    dataset : its name, one of `manifoldscale datasets`.
    superclasses : the classes are merged into this many groups, class c into group
        c mod superclasses, as Bahri et al. do with CIFAR-100. The inputs and their
        dimension stay the same.
    pool : images are averaged over blocks of pool x pool pixels.
    input_noise : standard deviation of Gaussian noise on the prepared inputs, in units of
        the root mean square of a pixel; an image has the same noise in training and test.
    """

    dataset: str = "mnist5k"
    superclasses: Annotated[int, at_least(2)] | None = None
    pool: Count = 1
    input_noise: NotNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        about = card(self.dataset)
        sides = about.shape[:2]
        require(
            self.pool == 1 or (len(sides) == 2 and all(s % self.pool == 0 for s in sides)),
            f"`pool` = {self.pool} does not divide examples of "
            f"{' x '.join(map(str, about.shape))}.",
        )
        require(
            self.superclasses is None or about.classes > 0,
            f"`superclasses` needs classes; {self.dataset!r} has {about.targets_in_words}.",
        )

    @property
    def name(self) -> str:
        changes = [
            f"{self.superclasses} superclasses" if self.superclasses else "",
            f"pooled {self.pool} x {self.pool}" if self.pool > 1 else "",
            f"input noise {self.input_noise:g}" if self.input_noise else "",
        ]
        return ", ".join([self.dataset, *filter(None, changes)])

    @property
    def inputs(self) -> int:
        return math.prod(card(self.dataset).shape) // self.pool**2

    @property
    def example_shape(self) -> tuple[int, ...]:
        shape = card(self.dataset).shape
        return (*(side // self.pool for side in shape[:2]), *shape[2:])

    @property
    def outputs(self) -> int:
        outputs = card(self.dataset).outputs
        return min(self.superclasses or outputs, outputs)

    @property
    def shared_data(self) -> bool:
        return True

    @property
    def has_classes(self) -> bool:
        return card(self.dataset).classes > 0

    def data(self) -> Mapping[str, Any]:
        about = card(self.dataset)
        facts = {
            name: getattr(about, name) for name in ("sha256", "shape", "maximum", "classes")
        }
        if about.targets:
            facts["targets"] = about.targets
        return {} if facts == FIRST_PUBLISHED.get(self.dataset) else facts

    @property
    def preparation(self) -> tuple[Floats, float]:
        return _preparation(self.dataset, self.pool)

    def largest(self, n_test: int) -> int:
        return card(self.dataset).points - n_test

    def everything(self) -> tuple[Array, Array]:
        inputs = _prepared(self.dataset, self.pool, self.input_noise)
        return inputs, _targets(self.dataset, self.outputs)

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        return split_of(self, n_train, n_test, seed)

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        data = _loaded(self.dataset)
        rows = np.sort(keyed(seed, "probe").permutation(len(data))[:n])
        inputs = _pooled(data.inputs[rows], data.card.shape, self.pool)
        if self.input_noise:
            noise = _noise(self.dataset, inputs.shape[1])[rows]
            inputs = inputs + self.preparation[1] * self.input_noise * noise
        return inputs, None if data.labels is None else data.labels[rows]


@functools.cache
def _loaded(name: str) -> Dataset:
    return load(name)


def _pooled(images: Array, shape: tuple[int, ...], pool: int) -> Array:
    """(n x pixels) images, averaged over blocks; unchanged for pool = 1."""
    if pool == 1:
        return images
    height, width, *channels = shape
    blocks = images.reshape(-1, height // pool, pool, width // pool, pool, *channels)
    return np.asarray(blocks.mean((2, 4), dtype=np.float64)).reshape(len(images), -1)


@functools.lru_cache(maxsize=2)
def _targets(name: str, outputs: int) -> Floats:
    """(n x outputs): one-hot, or real ones of mean 0 and variance 1."""
    data = _loaded(name)
    if data.labels is not None:
        return np.asarray(np.eye(outputs)[data.labels % outputs])
    return np.asarray((data.targets - data.targets.mean(0)) / data.targets.std(0))


@functools.cache
def _preparation(name: str, pool: int) -> tuple[Floats, float]:
    """The mean input, and the root mean square of a centred pixel."""
    data = _loaded(name)
    inputs = _pooled(data.inputs, data.card.shape, pool).astype(np.float64)
    offset = inputs.mean(0)
    return offset, float(np.sqrt(((inputs - offset) ** 2).mean()))


@functools.lru_cache(maxsize=1)
def _noise(name: str, features: int) -> Array:
    rng = keyed(0, "input noise", name)
    return rng.standard_normal((len(_loaded(name)), features), dtype=np.float32)


@functools.lru_cache(maxsize=2)
def _prepared(name: str, pool: int, input_noise: float) -> Floats:
    """Prepared inputs of all examples."""
    offset, scale = _preparation(name, pool)
    data = _loaded(name)
    inputs = np.subtract(_pooled(data.inputs, data.card.shape, pool), offset)
    inputs /= scale
    if input_noise:
        inputs += input_noise * _noise(name, inputs.shape[1])
    return inputs
