"""The tasks by name, one row per task, and plans restored from stored results."""

from collections.abc import Mapping
from typing import Any

from ..core.errors import ManifoldScaleError
from .data_sets import DataSet
from .hierarchy import RandomHierarchy
from .own_data import OwnData
from .parities import SparseParities
from .plan import Plan
from .shuffled import ShuffledLabels
from .tasks import Task
from .teachers import TeacherStudent
from .train import Training

# To add a task, write its class in a file of its own, and add a row.
TASKS: dict[str, type[Task]] = {
    "TeacherStudent": TeacherStudent,
    "DataSet": DataSet,
    "OwnData": OwnData,
    "ShuffledLabels": ShuffledLabels,
    "SparseParities": SparseParities,
    "RandomHierarchy": RandomHierarchy,
}


def plan_from(stored: Mapping[str, Any]) -> Plan:
    """The plan that `plain` turned into `stored`.

    >>> from manifoldscale.core.serialize import plain
    >>> plan = Plan(TeacherStudent(3), dataset_sizes=[10, 20])
    >>> plan_from(plain(plan)) == plan
    True

    Raises
    ------
    ManifoldScaleError : its task is neither a data set nor a teacher on a named domain, or
        it was made by another version.
    """
    settings = dict(stored)
    try:
        training = dict(settings.pop("training"))
        settings.pop("type")
        training.pop("type")
        task = _task_from(settings.pop("task"))
        return Plan(task=task, training=Training(**training), **settings)
    except (KeyError, TypeError, AttributeError, ManifoldScaleError) as error:
        raise ManifoldScaleError(
            f"The plan of these results cannot be made again ({error}): it is of another "
            "version, or its task is one of your own."
        ) from error


def _task_from(stored: Mapping[str, Any]) -> Task:
    """A task, with its sequences as tuples and any inner task restored."""
    settings = dict(stored)
    kind = TASKS[settings.pop("type")]
    if "task" in settings:
        settings["task"] = _task_from(settings["task"])
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
