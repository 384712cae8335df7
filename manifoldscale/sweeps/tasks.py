"""Tasks: where a run's training and test examples come from."""

import abc
import dataclasses as dc
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.arrays import Floats
from ..core.errors import ManifoldScaleError
from .losses import CLASSES


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
    def has_classes(self) -> bool:
        """Whether the targets are class probabilities."""
        return False

    def data(self) -> Mapping[str, Any]:
        """What decides the examples and is no setting of the task: facts of a data set, as
        its checksum. Runs on other data are other runs.
        """
        return {}

    def floor(self, loss: str) -> float | None:
        """The irreducible value of a loss, where it is known."""
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
        """Examples of the run with this seed. A smaller training set of the same seed is
        the first part of a larger one, and the test set is the same.
        """

    @abc.abstractmethod
    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        """At most `n` inputs, as they are, to probe a trained network on, and labels
        where there are some.
        """


def check_loss(task: Task, loss: str) -> None:
    """Whether the loss fits the task's targets."""
    if loss in CLASSES and not task.has_classes:
        raise ManifoldScaleError(
            f"{loss} needs class targets; {task.name} has real ones: use 'mse'."
        )
