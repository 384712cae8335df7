"""Real data as a task: classes merged, images pooled, noise added."""

import dataclasses as dc
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import require
from ..core.random import keyed
from ..core.settings import check_fields
from ..data import Dataset, card, load
from .tasks import Split, Task

# The data sets as they were when runs began to be kept. Keys of runs name the facts of a
# data set only where they are others, so that runs from before are found.
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
class DataSet(Task):
    """Classify a real data set of `datasets/`.

    Every run draws its own split into test and training examples from all of the data.
    Targets are one-hot. Inputs are centred and scaled by one number, so that a pixel has
    unit mean square.

    Parameters
    ----------
    superclasses : the classes are merged into this many groups, class c into group
        c mod superclasses, as Bahri et al. merge those of CIFAR-100: the inputs stay as
        they are, and with them their dimension.
    pool : square images are averaged over blocks of pool x pool pixels.
    input_noise : standard deviation of Gaussian noise on the prepared inputs, in units of
        the root mean square of a pixel; an image has one noise, in training and test.
    """

    dataset: str = "mnist5k"
    superclasses: int | None = None
    pool: int = 1
    input_noise: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        require(
            self.superclasses is None or self.superclasses >= 2,
            f"`superclasses` must be at least 2; not {self.superclasses}.",
        )
        require(
            self.input_noise >= 0, f"`input_noise` must be >= 0; not {self.input_noise}."
        )
        require(self.pool >= 1, f"`pool` must be at least 1; not {self.pool}.")
        sides = card(self.dataset).shape
        require(
            all(side % self.pool == 0 for side in sides),
            f"`pool` = {self.pool} does not divide images of "
            f"{' x '.join(map(str, sides))} pixels.",
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
    def outputs(self) -> int:
        classes = card(self.dataset).classes
        return min(self.superclasses or classes, classes)

    @property
    def shared_data(self) -> bool:
        return True

    @property
    def has_classes(self) -> bool:
        return True

    def data(self) -> Mapping[str, Any]:
        about = card(self.dataset)
        facts = {
            name: getattr(about, name) for name in ("sha256", "shape", "maximum", "classes")
        }
        return {} if facts == FIRST_PUBLISHED.get(self.dataset) else facts

    @property
    def preparation(self) -> tuple[Floats, float]:
        return _preparation(self.dataset, self.pool)

    def largest(self, n_test: int) -> int:
        return card(self.dataset).points - n_test

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        inputs = _prepared(self.dataset, self.pool, self.input_noise)
        targets = np.eye(self.outputs)[_loaded(self.dataset).labels % self.outputs]
        require(
            n_train + n_test <= len(inputs),
            f"{n_train} training and {n_test} test examples were asked for; "
            f"{self.dataset!r} has {len(inputs)} in all.",
        )
        rows = keyed(seed, "split").permutation(len(inputs))
        test, train = rows[:n_test], rows[n_test : n_test + n_train]
        return Split(inputs[train], targets[train], inputs[test], targets[test])

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        data = _loaded(self.dataset)
        rows = np.sort(keyed(seed, "probe").permutation(len(data))[:n])
        inputs = _pooled(data.inputs[rows], self.pool)
        if self.input_noise:
            noise = _noise(self.dataset, inputs.shape[1])[rows]
            inputs = inputs + self.preparation[1] * self.input_noise * noise
        return inputs, data.labels[rows]


@functools.cache
def _loaded(name: str) -> Dataset:
    return load(name)


def _pooled(images: Array, pool: int) -> Array:
    """(n x pixels) square images, averaged over blocks; as they are for pool = 1."""
    if pool == 1:
        return images
    side = math.isqrt(images.shape[1])
    blocks = images.reshape(len(images), side // pool, pool, side // pool, pool)
    return np.asarray(blocks.mean((2, 4), dtype=np.float64)).reshape(len(images), -1)


@functools.cache
def _preparation(name: str, pool: int) -> tuple[Floats, float]:
    """The mean input, and the root mean square of a centred pixel."""
    inputs = _pooled(_loaded(name).inputs, pool).astype(np.float64)
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
    inputs = np.subtract(_pooled(_loaded(name).inputs, pool), offset)
    inputs /= scale
    if input_noise:
        inputs += input_noise * _noise(name, inputs.shape[1])
    return inputs
