"""Tasks: where a run's training and test examples come from."""

import abc
import dataclasses as dc
import functools
import itertools

import numpy as np

from ..core.arrays import Floats
from ..core.errors import ManifoldScaleError, one_of, require
from ..core.random import keyed
from ..data import Dataset, load

LOSSES = ("mse", "cross_entropy")


@dc.dataclass(frozen=True, eq=False)
class Split:
    """Inputs (n x features) and targets (n x outputs) of one run, train and test."""

    train_inputs: Floats
    train_targets: Floats
    test_inputs: Floats
    test_targets: Floats


@dc.dataclass(frozen=True)
class Task(abc.ABC):
    """A supervised problem. Targets are real vectors; for cross-entropy they are class
    probabilities.
    """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """How the task is called in tables."""

    @property
    @abc.abstractmethod
    def inputs(self) -> int:
        """Features of an input."""

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """Outputs of the network."""

    @property
    @abc.abstractmethod
    def shared_data(self) -> bool:
        """Whether runs share examples of one finite data set."""

    @property
    def known_dim(self) -> int | None:
        """Dimension of the manifold of inputs, where it is known."""
        return None

    @property
    def floor(self) -> float | None:
        """The irreducible loss, where it is known."""
        return None

    @property
    def preparation(self) -> tuple[Floats, float]:
        """(offset, scale): networks are trained on (x - offset) / scale."""
        return np.zeros(self.inputs), 1.0

    @abc.abstractmethod
    def largest(self, n_test: int) -> int | None:
        """The largest training set, None where examples never run out."""

    @abc.abstractmethod
    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        """Examples of the run with this seed and size. Every (seed, size) draws its own
        test and training set, so that errors at different sizes are as independent as
        the data allow.
        """

    @abc.abstractmethod
    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        """At most `n` inputs, as they are, to probe a trained network on, and labels
        where there are some.
        """


@dc.dataclass(frozen=True)
class DataSet(Task):
    """Classify a real data set of `datasets/`.

    Every run draws its own split into test and training examples from all of the data.
    Targets are one-hot. Inputs are centred and scaled by one number, so that a pixel has
    unit mean square.
    """

    dataset: str = "mnist5k"

    @property
    def name(self) -> str:
        return self.dataset

    @property
    def inputs(self) -> int:
        return int(self._data.inputs.shape[1])

    @property
    def outputs(self) -> int:
        return self._data.card.classes

    @property
    def shared_data(self) -> bool:
        return True

    @property
    def _data(self) -> Dataset:
        return _loaded(self.dataset)

    @property
    def preparation(self) -> tuple[Floats, float]:
        return _preparation(self.dataset)

    def largest(self, n_test: int) -> int:
        return len(self._data) - n_test

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        require(
            n_train + n_test <= len(self._data),
            f"{n_train} training and {n_test} test examples were asked for; "
            f"{self.dataset!r} has {len(self._data)} in all.",
        )
        rows = keyed(seed, "split", n_train).permutation(len(self._data))
        test, train = rows[:n_test], rows[n_test : n_test + n_train]
        inputs, targets = _prepared(self.dataset)
        return Split(inputs[train], targets[train], inputs[test], targets[test])

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        rows = np.sort(keyed(seed, "probe").permutation(len(self._data))[:n])
        return self._data.inputs[rows], self._data.labels[rows]


@functools.cache
def _loaded(name: str) -> Dataset:
    return load(name)


@functools.cache
def _preparation(name: str) -> tuple[Floats, float]:
    """The mean input, and the root mean square of a centred pixel."""
    inputs = _loaded(name).inputs.astype(np.float64)
    offset = inputs.mean(0)
    return offset, float(np.sqrt(((inputs - offset) ** 2).mean()))


@functools.cache
def _prepared(name: str) -> tuple[Floats, Floats]:
    """Prepared inputs and one-hot targets of all examples."""
    data = _loaded(name)
    offset, scale = _preparation(name)
    return (data.inputs - offset) / scale, np.eye(data.card.classes)[data.labels]


@dc.dataclass(frozen=True)
class TeacherStudent(Task):
    """Regress on a fixed random network whose inputs have a known dimension.

    After the protocol of Sharma and Kaplan (JMLR 23(9), 2022): inputs uniform on a cube
    of dimension `dim`, here of unit variance along each side, padded with zeros to
    `ambient_dim` features; the teacher is a fully connected ReLU network of two hidden
    layers of `teacher_width` units, weights of variance 1 / fan-in. Its output is
    standardised to mean 0 and variance 1 over the inputs, so that a loss of 1 is that of
    the best constant.

    Without label noise the floor is zero exactly.

    Parameters
    ----------
    dim : dimension of the manifold of inputs.
    bias_std : standard deviation of the teacher's biases. With 0, as in the paper, the
        teacher is homogeneous of degree one: its kinks all pass through the origin, and
        along each ray it is linear.
    label_noise : standard deviation of Gaussian noise on training and test labels.
    teacher_seed : which teacher.
    """

    dim: int = 4
    ambient_dim: int = 20
    teacher_width: int = 600
    bias_std: float = 0.5
    label_noise: float = 0.0
    teacher_seed: int = 0

    def __post_init__(self) -> None:
        require(
            1 <= self.dim <= self.ambient_dim,
            f"`dim` must be between 1 and ambient_dim = {self.ambient_dim}; not "
            f"{self.dim}.",
        )
        require(
            self.label_noise >= 0, f"`label_noise` must be >= 0; not {self.label_noise}."
        )

    @property
    def name(self) -> str:
        return f"teacher-student d={self.dim}"

    @property
    def inputs(self) -> int:
        return self.ambient_dim

    @property
    def outputs(self) -> int:
        return 1

    @property
    def shared_data(self) -> bool:
        return False

    @property
    def known_dim(self) -> int:
        return self.dim

    @property
    def floor(self) -> float:
        return self.label_noise**2

    def largest(self, n_test: int) -> None:
        return None

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        rng = keyed(seed, "examples", n_train)
        inputs = self._inputs(n_train + n_test, rng)
        targets = teacher(self)(inputs)
        targets = targets + self.label_noise * rng.standard_normal(targets.shape)
        return Split(
            inputs[:n_train], targets[:n_train], inputs[n_train:], targets[n_train:]
        )

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        return self._inputs(n, keyed(seed, "probe")), None

    def _inputs(self, n: int, rng: np.random.Generator) -> Floats:
        inputs = np.zeros((n, self.ambient_dim))
        inputs[:, : self.dim] = rng.random((n, self.dim)) - 0.5
        # Unit mean square over the features that vary.
        return np.asarray(inputs * np.sqrt(12.0))


@dc.dataclass(frozen=True, eq=False)
class _Teacher:
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    mean: float = 0.0
    std: float = 1.0

    def __call__(self, inputs: Floats) -> Floats:
        hidden = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weight + bias, 0)
        outputs = hidden @ self.weights[-1] + self.biases[-1]
        return np.asarray((outputs - self.mean) / self.std)


@functools.lru_cache(maxsize=8)
def teacher(task: TeacherStudent) -> _Teacher:
    """The task's fixed teacher, standardised on 20,000 inputs of its own."""
    sizes = (task.ambient_dim, task.teacher_width, task.teacher_width, 1)
    rng = keyed(task.teacher_seed, "teacher", task.dim)
    pairs = list(itertools.pairwise(sizes))
    raw = _Teacher(
        tuple(rng.standard_normal(pair) / np.sqrt(pair[0]) for pair in pairs),
        tuple(task.bias_std * rng.standard_normal(pair[1]) for pair in pairs),
    )
    outputs = raw(task._inputs(20_000, rng))
    return dc.replace(raw, mean=float(outputs.mean()), std=float(outputs.std()))


def check_loss(task: Task, loss: str) -> None:
    """Whether the loss fits the task's targets."""
    one_of("loss", loss, LOSSES)
    if loss == "cross_entropy" and not isinstance(task, DataSet):
        raise ManifoldScaleError(
            f"cross_entropy needs class targets; {task.name} has real ones: use 'mse'."
        )
