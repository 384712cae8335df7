"""Tasks: where a run's training and test examples come from."""

import abc
import dataclasses as dc
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import ManifoldScaleError, require
from ..core.random import keyed
from .objectives import CLASSES


@dc.dataclass(frozen=True, eq=False)
class Split:
    """Inputs (n x features) and targets (n x outputs) of one run, train and test."""

    train_inputs: Floats
    train_targets: Floats
    test_inputs: Floats
    test_targets: Floats


def split_of(task: "Task", n_train: int, n_test: int, seed: int) -> Split:
    """Examples of a finite data set, drawn for one run; see `Task.draw`.

    Raises
    ------
    ManifoldScaleError : more examples than there are.
    """
    found = task.everything()
    assert found is not None
    inputs, targets = found
    train, test = task.rows(n_train, n_test, seed)
    return Split(inputs[train], targets[train], inputs[test], targets[test])


@dc.dataclass(frozen=True)
class Task(abc.ABC):
    """A supervised problem. Targets are real vectors; for cross-entropy they are class
    probabilities.
    """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The name of the task in tables."""

    @property
    @abc.abstractmethod
    def inputs(self) -> int:
        """Number of features of an input."""

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of an example, whose features are a row of `inputs` numbers here."""
        return (self.inputs,)

    @property
    def rows_first(self) -> bool:
        """Whether the examples are stored as rows: a student that takes either is given
        rows.
        """
        return True

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """Number of outputs of the network."""

    @property
    @abc.abstractmethod
    def shared_data(self) -> bool:
        """Whether runs share examples of one finite data set."""

    @property
    def copies_said(self) -> str:
        """How many of the examples are exact copies of others; empty if hardly any."""
        return ""

    @property
    def known_dim(self) -> int | None:
        """Dimension of the manifold of inputs, if known."""
        return None

    @property
    def label_noise(self) -> float:
        """Standard deviation of the noise on its labels, as far as it is known."""
        return 0.0

    @property
    def met(self) -> tuple[str, ...]:
        """Conditions of `scaling.CONDITIONS` that the task itself guarantees."""
        return ()

    @property
    def has_classes(self) -> bool:
        """Whether the targets are class probabilities."""
        return False

    def data(self) -> Mapping[str, Any]:
        """What determines the examples but is not a setting of the task: facts of a data
        set such as its checksum. Runs on other data are other runs.
        """
        return {}

    def floor(self, loss: str) -> float | None:
        """The irreducible value of a loss, if known."""
        return None

    @property
    def preparation(self) -> tuple[Floats, float]:
        """(offset, scale): networks are trained on (x - offset) / scale."""
        return np.zeros(self.inputs), 1.0

    def everything(self) -> tuple[Array, Array] | None:
        """Prepared inputs (n x features) and targets (n x outputs) of all examples of a
        finite data set; None where examples never run out, or are not kept.
        """
        return None

    def rows(self, n_train: int, n_test: int, seed: int) -> tuple[Array, Array]:
        """Which examples of `everything` a run trains on, and which it is tested on.

        Raises
        ------
        ManifoldScaleError : more examples than there are.
        """
        total = self.largest(0) or 0
        require(
            n_train + n_test <= total,
            f"{n_train} training and {n_test} test examples were asked for; "
            f"{self.name!r} has {total} in all.",
        )
        order = keyed(seed, "split").permutation(total)
        return order[n_test : n_test + n_train], order[:n_test]

    @abc.abstractmethod
    def largest(self, n_test: int) -> int | None:
        """The size of the largest training set, None if examples never run out."""

    @abc.abstractmethod
    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        """Examples of the run with this seed. A smaller training set of the same seed is
        the first part of a larger one, and the test set is the same.
        """

    @abc.abstractmethod
    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        """At most `n` unprepared inputs to probe a trained network on, and their labels, if
        any.
        """


def check_loss(task: Task, loss: str) -> None:
    """Refuse a loss that does not fit the targets of the task."""
    if loss in CLASSES and not task.has_classes:
        raise ManifoldScaleError(
            f"{loss} needs class targets; {task.name} has real ones: use 'mse'."
        )
