"""Teacher and student: a random target on inputs of known dimension."""

import dataclasses as dc
import functools
import itertools
import math
from collections.abc import Callable
from typing import Annotated

import numpy as np

from ..core.arrays import Floats
from ..core.errors import is_whole, one_of, require
from ..core.random import keyed
from ..core.settings import Count, NotNegative, Positive, Settings, among, at_least
from ..manifolds.manifold import Manifold
from .tasks import Split, Task

DOMAINS = ("cube", "sphere", "torus")
REFERENCE = 20_000  # inputs on which a teacher is standardised
BLOCK = 8192  # inputs that a teacher sees at once


@dc.dataclass(frozen=True)
class TeacherStudent(Settings, Task):
    """Regress on a fixed random network whose inputs have a known dimension.

    It follows the protocol of Sharma and Kaplan (JMLR 23(9), 2022). Inputs are uniform on a
    cube of dimension `dim`, here of unit variance along each side, padded with zeros to
    `ambient_dim` features. The teacher is a fully connected ReLU network of two hidden
    layers of `teacher_width` units, with weights of variance 1 / fan-in. It sees only the
    features that vary, so its kinks are equally dense in all dimensions. Its output is
    standardised to mean 0 and variance 1 over the inputs: the best constant has a loss of
    1.

    Without label noise the floor is exactly zero, except for the cross-entropy.

    Parameters
    ----------
    dim : dimension of the manifold of inputs.
    ambient_dim : number of features; those beyond the manifold's are zero.
    teacher_width : units of each hidden layer of the teacher.
    domain : "cube"; "sphere", of dimension `dim` in dim + 1 features; "torus", dim circles
        in 2 dim features; or a value of `ms.manifolds`. All have features of unit mean
        square.
    factors : dimensions that add up to `dim`, on the cube. The target is then the sum (or
        product, `combine`) of one teacher per factor, which sees only its own features. The
        inputs have dimension `dim`, the target at most that of the largest factor: here
        alpha >= 4/dim is not tight.
    combine : "sum" or "product", of the teachers of the factors.
    teacher : "network", or "random_features": one layer of `teacher_width` fixed random
        ReLU units with a random read-out.
    bias_std : standard deviation of the teacher's biases. With 0, as in the paper, the
        teacher is homogeneous of degree one: all its kinks pass through the origin, and it
        is linear along each ray.
    classes : number of classes; the targets are then probabilities, the softmax of
        `temperature` times as many standardised outputs, as for the cross-entropy in the
        paper. None for one real target.
    temperature : of these probabilities; higher is closer to one class per input.
    label_noise : standard deviation of Gaussian noise on training and test labels.
    input_noise : standard deviation of Gaussian noise on all features, added after the
        target was computed.
    teacher_seed : which teacher.
    """

    dim: Count = 4
    ambient_dim: Count = 20
    teacher_width: Count = 600
    bias_std: NotNegative = 0.5
    label_noise: NotNegative = 0.0
    teacher_seed: Annotated[int, at_least(0)] = 0
    domain: str | Manifold = "cube"
    factors: tuple[int, ...] = ()
    combine: Annotated[str, among("sum", "product")] = "sum"
    teacher: Annotated[str, among("network", "random_features")] = "network"
    classes: Annotated[int, at_least(2)] | None = None
    temperature: Positive = 6.0
    input_noise: NotNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.factors if isinstance(self.factors, list | tuple) else (None,)
        require(
            all(is_whole(factor) and factor >= 1 for factor in given),
            f"`factors` must be a list of dimensions, as (2, 3); not {self.factors!r}.",
        )
        object.__setattr__(self, "factors", tuple(map(int, given)))
        if not isinstance(self.domain, Manifold):
            one_of("domain", self.domain, DOMAINS)
        require(
            self.features <= self.ambient_dim,
            f"`dim` = {self.dim} on a {self.domain} takes {self.features} features; "
            f"`ambient_dim` is {self.ambient_dim}.",
        )
        require(
            not self.factors or (self.domain == "cube" and sum(self.factors) == self.dim),
            f"`factors` must add up to dim = {self.dim}, on a cube; they are "
            f"{self.factors}, on {self.domain!r}.",
        )
        require(
            self.classes is None or self.label_noise == 0,
            "`classes` are without label noise.",
        )
        if isinstance(self.domain, Manifold):
            require(
                self.domain.dim == self.dim,
                f"`dim` is {self.dim}; {self.domain} has dimension {self.domain.dim}.",
            )

    @property
    def features(self) -> int:
        """Features that the manifold fills."""
        if isinstance(self.domain, Manifold):
            return self.domain.natural_ambient_dim
        d = self.dim
        return {"cube": d, "sphere": d + 1, "torus": 2 * d}[self.domain]

    @property
    def name(self) -> str:
        dims = "+".join(map(str, self.factors)) if self.factors else str(self.dim)
        changes = [
            f", on a {self.domain}" if self.domain != "cube" else "",
            f", label noise {self.label_noise:g}" if self.label_noise else "",
            f", input noise {self.input_noise:g}" if self.input_noise else "",
        ]
        return f"teacher-student d={dims}" + "".join(changes)

    @property
    def inputs(self) -> int:
        return self.ambient_dim

    @property
    def outputs(self) -> int:
        return self.classes or 1

    @property
    def shared_data(self) -> bool:
        return False

    @property
    def known_dim(self) -> int | None:
        return None if self.input_noise else self.dim

    @property
    def met(self) -> tuple[str, ...]:
        return () if self.label_noise else ("noiseless",)

    @property
    def has_classes(self) -> bool:
        return self.classes is not None

    def floor(self, loss: str) -> float | None:
        if self.input_noise:
            return None
        if loss == "cross_entropy":
            targets = target(self)(_inputs(self, REFERENCE, keyed(0, "entropy")))
            return float(-(targets * np.log(targets)).sum(1).mean())
        if loss == "mse" or self.label_noise == 0:
            return self.label_noise**2
        return None

    def largest(self, n_test: int) -> None:
        return None

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        inputs = _inputs(self, n_test + n_train, keyed(seed, "inputs"))
        targets = target(self)(inputs)
        shifts = keyed(seed, "label noise").standard_normal(targets.shape)
        targets = targets + self.label_noise * shifts
        noisy = _noisy(self, inputs, keyed(seed, "input noise"))
        return Split(noisy[n_test:], targets[n_test:], noisy[:n_test], targets[:n_test])

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        inputs = _inputs(self, n, keyed(seed, "probe"))
        return _noisy(self, inputs, keyed(seed, "probe noise")), None


def _inputs(task: TeacherStudent, n: int, rng: np.random.Generator) -> Floats:
    """(n x ambient_dim) inputs without noise, of unit mean square over the features that
    vary. A shorter sample is the first part of a longer one.
    """
    inputs = np.zeros((n, task.ambient_dim))
    inputs[:, : task.features] = _on_domain(task, n, rng)
    return inputs


def _on_domain(task: TeacherStudent, n: int, rng: np.random.Generator) -> Floats:
    d = task.dim
    if task.domain == "cube":
        return np.asarray((rng.random((n, d)) - 0.5) * math.sqrt(12.0))
    if task.domain == "sphere":
        normal = rng.standard_normal((n, d + 1))
        lengths = np.linalg.norm(normal, axis=1, keepdims=True)
        return np.asarray(normal / lengths * math.sqrt(d + 1))
    if task.domain == "torus":
        angles = 2 * np.pi * rng.random((n, d, 1))
        circles = np.concatenate([np.cos(angles), np.sin(angles)], 2)
        return np.asarray(math.sqrt(2.0) * circles.reshape(n, 2 * d))
    assert isinstance(task.domain, Manifold)
    # The sampler of a manifold has its own order of draws. Fixed blocks keep a shorter
    # sample the first part of a longer one.
    blocks = [
        np.asarray(task.domain.sample(BLOCK, rng=child).points)
        for child in rng.spawn(math.ceil(n / BLOCK))
    ]
    return np.asarray(np.concatenate(blocks)[:n] / _size(task.domain))


@functools.lru_cache(maxsize=8)
def _size(manifold: Manifold) -> float:
    """The root mean square of a feature."""
    points = np.asarray(manifold.sample(REFERENCE, rng=0).points)
    return float(np.sqrt(np.square(points).mean()))


def _noisy(task: TeacherStudent, inputs: Floats, rng: np.random.Generator) -> Floats:
    if task.input_noise == 0:
        return inputs
    return np.asarray(inputs + task.input_noise * rng.standard_normal(inputs.shape))


Target = Callable[[Floats], Floats]


@dc.dataclass(frozen=True, eq=False)
class Teacher:
    """A random ReLU network of some of the features, its outputs standardised."""

    features: slice
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    mean: Floats | float = 0.0
    std: Floats | float = 1.0

    def __call__(self, inputs: Floats) -> Floats:
        parts = range(0, len(inputs), BLOCK)
        outputs = [self._raw(inputs[at : at + BLOCK, self.features]) for at in parts]
        return np.asarray((np.concatenate(outputs) - self.mean) / self.std)

    def _raw(self, hidden: Floats) -> Floats:
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weight + bias, 0)
        return np.asarray(hidden @ self.weights[-1] + self.biases[-1])


@functools.lru_cache(maxsize=8)
def target(task: TeacherStudent) -> Target:
    """The task's fixed target: (n x features) to (n x outputs)."""
    if not task.factors:
        single = _teacher(task, 0, slice(0, task.features))
        return _softmax(single, task.temperature) if task.classes else single
    ends = list(itertools.accumulate(task.factors, initial=0))
    parts = [
        _teacher(task, number, slice(*ends[number : number + 2]))
        for number in range(len(task.factors))
    ]
    scale = len(parts) ** -0.5 if task.combine == "sum" else 1.0
    merge = sum if task.combine == "sum" else math.prod

    def combined(inputs: Floats) -> Floats:
        return np.asarray(scale * merge(part(inputs) for part in parts))

    return _softmax(combined, task.temperature) if task.classes else combined


def _teacher(task: TeacherStudent, number: int, features: slice) -> Teacher:
    """One teacher, standardised on its own sample of inputs."""
    hidden = (task.teacher_width,) * (2 if task.teacher == "network" else 1)
    sizes = (features.stop - features.start, *hidden, task.outputs)
    rng = keyed(task.teacher_seed, "teacher", task.dim, number)
    pairs = list(itertools.pairwise(sizes))
    raw = Teacher(
        features,
        tuple(rng.standard_normal(pair) / math.sqrt(pair[0]) for pair in pairs),
        tuple(task.bias_std * rng.standard_normal(pair[1]) for pair in pairs),
    )
    outputs = raw(_inputs(task, REFERENCE, rng))
    return dc.replace(raw, mean=outputs.mean(0), std=outputs.std(0))


def _softmax(logits: Target, temperature: float) -> Target:
    def probabilities(inputs: Floats) -> Floats:
        scaled = temperature * logits(inputs)
        powers = np.exp(scaled - scaled.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True))

    return probabilities
