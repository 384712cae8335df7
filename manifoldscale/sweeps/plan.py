"""The plan of a sweep: which networks are trained on what."""

import dataclasses as dc
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from ..core.errors import require
from ..core.serialize import dumps, plain
from ..networks.mlp import MLP
from .tasks import Task, check_loss
from .train import Training

SCHEMA = 1  # raised when a change alters what a run computes
DEFAULT_TRAINING = Training()
PROBE_SEED = 10**6  # the network that is probed is none of those whose losses are fitted


@dc.dataclass(frozen=True)
class PackSpec:
    """Runs that are trained together: one shape, one size, several seeds."""

    shape: MLP
    dataset_size: int
    seeds: tuple[int, ...]


@dc.dataclass(frozen=True)
class Plan:
    """Every combination of dataset size, width and seed.

    >>> import manifoldscale as ms
    >>> task = ms.sweeps.TeacherStudent(dim=4)
    >>> plan = Plan(task, dataset_sizes=[100, 1000], widths=[64], seeds=3)
    >>> len(plan)
    6

    Parameters
    ----------
    task : a `DataSet` or a `TeacherStudent`.
    dataset_sizes : numbers of training examples D.
    widths : units of each hidden layer.
    seeds : how many networks at each combination, each with its own initialisation,
        training set, test set and order of batches.
    depth : hidden layers.
    training : optimiser, budget and loss.
    n_test : test examples of a run.
    root_seed : a sweep with another root seed is an independent repetition.
    """

    task: Task
    dataset_sizes: tuple[int, ...]
    widths: tuple[int, ...] = (128,)
    seeds: int = 8
    depth: int = 2
    activation: str = "relu"
    training: Training = DEFAULT_TRAINING
    n_test: int = 1000
    root_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dataset_sizes", "widths"):
            values = _sizes(name, getattr(self, name))
            object.__setattr__(self, name, values)
        require(isinstance(self.task, Task), f"`task` must be a Task; not {self.task!r}.")
        for name, least in (("seeds", 1), ("n_test", 2), ("depth", 1), ("root_seed", 0)):
            value = getattr(self, name)
            require(
                isinstance(value, int) and value >= least,
                f"`{name}` must be an integer of at least {least}; not {value!r}.",
            )
        self.shape(self.widths[0])  # checks the activation
        check_loss(self.task, self.training.loss)
        most = self.task.largest(self.n_test)
        require(
            most is None or max(self.dataset_sizes) <= most,
            f"`dataset_sizes` reaches {max(self.dataset_sizes)}, but {self.task.name!r} "
            f"leaves {most} examples beside the {self.n_test} of the test set.",
        )

    def __len__(self) -> int:
        return len(self.dataset_sizes) * len(self.widths) * self.seeds

    def shape(self, width: int) -> MLP:
        """The network at a width."""
        task = self.task
        return MLP(task.inputs, width, self.depth, task.outputs, self.activation)

    def packs(self) -> list[PackSpec]:
        """The units of work, the most expensive last."""
        seeds = tuple(range(self.seeds))
        return [
            PackSpec(self.shape(width), size, seeds)
            for width in sorted(self.widths)
            for size in sorted(self.dataset_sizes)
        ]

    def seed_of(self, shape: MLP, dataset_size: int, index: int) -> int:
        """The seed of one network: its own, so that errors at different sizes and widths
        are independent.
        """
        key = [self.root_seed, index, dataset_size, *shape.sizes]
        return int(np.random.SeedSequence(key).generate_state(1)[0])

    def key(self, shape: MLP, dataset_size: int, index: int) -> str:
        """A hash of everything that decides the loss of one run."""
        described = {
            "schema": SCHEMA,
            "task": plain(self.task),
            "shape": plain(shape),
            "training": plain(self.training),
            "dataset_size": dataset_size,
            "n_test": self.n_test,
            "seed": self.seed_of(shape, dataset_size, index),
        }
        return hashlib.sha256(dumps(described, indent=None).encode()).hexdigest()


def _sizes(name: str, values: Sequence[int]) -> tuple[int, ...]:
    require(isinstance(values, Iterable), f"`{name}` must be a list; not {values!r}.")
    sizes = tuple(values)
    require(bool(sizes), f"`{name}` is empty.")
    for size in sizes:
        whole = isinstance(size, int | np.integer) and size >= 1
        require(whole, f"`{name}` must hold positive integers; not {size!r}.")
    require(len(set(sizes)) == len(sizes), f"`{name}` holds a size twice: {sizes}.")
    return tuple(int(size) for size in sizes)
