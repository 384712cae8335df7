"""A plan as it was, from the results that were made with it."""

from collections.abc import Mapping
from typing import Any

from ..core.errors import ManifoldScaleError
from .data_sets import DataSet
from .plan import Plan
from .teachers import TeacherStudent
from .train import Training

TASKS = {"DataSet": DataSet, "TeacherStudent": TeacherStudent}


def plan_from(stored: Mapping[str, Any]) -> Plan:
    """The plan that `plain` made `stored` of.

    >>> from manifoldscale.core.serialize import plain
    >>> plan = Plan(TeacherStudent(3), dataset_sizes=[10, 20])
    >>> plan_from(plain(plan)) == plan
    True

    Raises
    ------
    ManifoldScaleError : its task is no data set and no teacher on a named domain, or it
        was made by another version.
    """
    settings = dict(stored)
    try:
        task, training = dict(settings.pop("task")), dict(settings.pop("training"))
        kind = TASKS[task.pop("type")]
        settings.pop("type")
        training.pop("type")
        return Plan(task=kind(**_tuples(task)), training=Training(**training), **settings)
    except (KeyError, TypeError, AttributeError, ManifoldScaleError) as error:
        raise ManifoldScaleError(
            f"The plan of these results cannot be made again ({error}): it is of another "
            "version, or its task is one of your own."
        ) from error


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """Sequences as a task holds them."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
