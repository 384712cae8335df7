"""The same task with labels that are independent of their inputs."""

import dataclasses as dc
from collections.abc import Mapping
from typing import Any

from ..core.arrays import Floats
from ..core.random import keyed
from .tasks import Split, Task


@dc.dataclass(frozen=True)
class ShuffledLabels(Task):
    """Another task with its training targets permuted among its training inputs, as in
    Zhang et al. (2017): inputs and the shares of the classes stay, and only memorising is
    left.

    >>> import manifoldscale as ms
    >>> task = ShuffledLabels(ms.sweeps.TeacherStudent(dim=2))
    >>> split, plain = (t.draw(50, 10, 0) for t in (task, task.task))
    >>> bool((split.train_inputs == plain.train_inputs).all())
    True

    Parameters
    ----------
    task : the other task; in a plan file a section [task.task].
    """

    task: Task

    @property
    def name(self) -> str:
        return f"{self.task.name}, labels shuffled"

    @property
    def inputs(self) -> int:
        return self.task.inputs

    @property
    def example_shape(self) -> tuple[int, ...]:
        return self.task.example_shape

    @property
    def rows_first(self) -> bool:
        return self.task.rows_first

    @property
    def outputs(self) -> int:
        return self.task.outputs

    @property
    def shared_data(self) -> bool:
        return self.task.shared_data

    @property
    def known_dim(self) -> int | None:
        return self.task.known_dim

    @property
    def has_classes(self) -> bool:
        return self.task.has_classes

    def data(self) -> Mapping[str, Any]:
        return self.task.data()

    @property
    def preparation(self) -> tuple[Floats, float]:
        return self.task.preparation

    def largest(self, n_test: int) -> int | None:
        return self.task.largest(n_test)

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        split = self.task.draw(n_train, n_test, seed)
        order = keyed(seed, "shuffled labels").permutation(n_train)
        return dc.replace(split, train_targets=split.train_targets[order])

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        return self.task.points(n, seed)
