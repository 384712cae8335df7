"""The plan of a study, from what was asked for: a network, data, a plan file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ...core.errors import ManifoldScaleError, require
from ...data import names
from ...sweeps.data_sets import DataSet
from ...sweeps.factory import width_of
from ...sweeps.own_data import OwnData
from ...sweeps.plan import Plan
from ...sweeps.students import STUDENTS, check_widths
from ...sweeps.tasks import Task
from ...sweeps.teachers import TeacherStudent
from ...sweeps.train import Training
from ..sweep import made, sections

MUP_RATE = 0.1  # of Adam; its rates have other units, see `sweeps.Plan`
SECTIONS = ("plan", "training", "task", "study")
FEWEST = 16  # training examples of the largest size
SEEN = 8  # times that a training set of a user's network is seen, at least, by default


def task_of(data: Any, teacher: int | None, given: Mapping[str, Any], said: str) -> Task:
    """The task of a teacher's dimension, a name, a file, or arrays."""
    kind: type[Task] = TeacherStudent
    settings: dict[str, Any] = {"dim": teacher}
    if teacher is not None:
        pass
    elif isinstance(data, tuple):
        require(
            len(data) == 2,
            f"`data` must be a name, a file or (inputs, targets); it is a tuple of "
            f"{len(data)}.",
        )
        return OwnData.of(*data, **given)
    else:
        require(
            isinstance(data, str | Path),
            f"`data` must be a name, a file, a folder, 'py:module:loader' or (inputs, "
            f"targets); not {type(data).__name__}.",
        )
        named = str(data) in names()
        kind = DataSet if named else OwnData
        settings = {"dataset" if named else "source": str(data)}
    task: Task = made(said, "task", kind, {**given, **settings})
    return task


def student_of(model: Any) -> str:
    """The student that a user names, or whose function or class is given."""
    if isinstance(model, str):
        require(
            model in STUDENTS or model.startswith("py:"),
            f"MODEL must be {', '.join(STUDENTS)} or py:module:factory; not {model!r}.",
        )
        return model
    require(
        callable(model) and not isinstance(model, nn.Module),
        "`model` must be a function or class that makes a network, as a study trains "
        f"many; not {'a network' if isinstance(model, nn.Module) else repr(model)}.",
    )
    name, module = getattr(model, "__qualname__", ""), getattr(model, "__module__", "")
    require(
        getattr(sys.modules.get(module), name, None) is model,
        f"`model` {name or model!r} cannot be found again by its name: define it at the "
        "top level of a module or script, or name it as 'py:module:function'.",
    )
    return f"py:{module}:{name}"


def given_by(plan: Any) -> tuple[str, dict[str, Any]]:
    """How a plan is called in messages, and its sections: of a TOML file, or a mapping."""
    if plan is None:
        return "the study", {}
    if isinstance(plan, Mapping):
        text: Any = {name: dict(section) for name, section in plan.items()}
        return "`plan`", sections("`plan`", text, SECTIONS)
    require(
        isinstance(plan, str | Path),
        "`plan` must be sections of settings, {'training': {...}}, or a TOML file; not "
        f"{plan!r}.",
    )
    path = Path(plan)
    try:
        return str(path), sections(str(path), path.read_text(encoding="utf-8"), SECTIONS)
    except (OSError, UnicodeDecodeError) as error:
        raise ManifoldScaleError(f"{path} cannot be read: {error}.") from error


def planned(
    data: Any,
    model: Any,
    plan: Any,
    *,
    teacher: int | None = None,
    seed: int = 0,
    quick: bool = False,
) -> tuple[Plan, dict[str, Any]]:
    """The plan of a study, and the settings of the study itself.

    What the plan does not say is chosen: dataset sizes at equal ratios over what the data
    allow; for another network than a multilayer perceptron, up to the size of which the
    steps see each example eight times.

    Raises
    ------
    ManifoldScaleError : no such data or network, a setting that does not exist, several
        widths, too few dataset sizes.
    """
    said, given = given_by(plan)
    own = dict(given.get("plan", {}))
    student = student_of(model or own.pop("student", "mlp"))
    require(
        "student" not in own or own.pop("student") == student,
        f"{said}: [plan] `student` differs from MODEL, {student!r}: leave it out.",
    )
    task = task_of(data, teacher, given.get("task", {}), said)
    usual = _usual(task, student, quick) | _width(student)
    if own.get("parametrisation") == "mup":
        usual["training"] |= {"learning_rate": MUP_RATE}
    training = made(
        said, "training", Training, {**usual.pop("training"), **given.get("training", {})}
    )
    if "dataset_sizes" not in own:
        own["dataset_sizes"] = _sizes(task, student, training, usual | own)
    settings = {"root_seed": seed, **usual, **own}
    settings.pop("count")
    found: Plan = made(
        said,
        "plan",
        Plan,
        {**settings, "task": task, "student": student, "training": training},
    )
    check_widths(student, found.widths)
    require(
        len(found.widths) == 1,
        f"{said}: a study has one width; `widths` has {len(found.widths)}. For several, "
        "see `manifoldscale sweep`.",
    )
    needed = 4 if task.floor(training.loss) is None else 3
    require(
        len(found.dataset_sizes) >= needed,
        f"{said}: the fit needs {needed} dataset sizes; there are "
        f"{len(found.dataset_sizes)}.",
    )
    return found, dict(given.get("study", {}))


def _usual(task: Task, student: str, quick: bool) -> dict[str, Any]:
    """What is not given: enough for an exponent, in minutes on two cores."""
    if task.largest(0) is None:
        steps, seeds, count = (600, 3, 5) if quick else (8000, 5, 8)
        usual = {
            "seeds": seeds,
            "count": count,
            "n_test": 2000,
            "training": {"steps": steps, "batch_size": 64, "learning_rate": 6e-3},
        }
        small = {"widths": (64 if quick else 128,), "depth": 2} if student == "mlp" else {}
        return usual | small
    steps, seeds, count = (300, 3, 5) if quick else (1000, 6, 9)
    usual = {
        "seeds": seeds,
        "count": count,
        "n_test": min(1000, (task.largest(0) or 0) // 4),
        "training": {"steps": steps},
        "depth": 3,
    }
    if student == "mlp":
        return usual
    del usual["depth"]
    # A step costs more, and members may have to be trained one by one.
    steps, seeds, count = (150, 2, 4) if quick else (600, 3, 6)
    # Adam's usual rate: at that of the perceptrons, which start with a small read-out, all
    # hidden units of a CNN as torch draws it died on Fashion-MNIST.
    training = {"steps": steps, "batch_size": 64, "learning_rate": 1e-3}
    return usual | {"seeds": seeds, "count": count, "training": training}


def _width(student: str) -> dict[str, Any]:
    """A small cnn; the width that a user's function has by default."""
    if student == "cnn":
        return {"widths": (16,)}
    own = width_of(student) if student.startswith("py:") else None
    return {} if own is None else {"widths": (own,)}


def _sizes(
    task: Task, student: str, training: Training, settings: Mapping[str, Any]
) -> tuple[int, ...]:
    """Dataset sizes over what the data allow."""
    n_test, count = int(settings["n_test"]), int(settings["count"])
    largest = task.largest(n_test)
    if largest is None:
        return spaced(64, 512, count) if count < 8 else spaced(100, 1600, count)
    require(
        largest >= FEWEST,
        f"DATA {task.name!r} has {task.largest(0)} examples, {n_test} of them for tests: "
        f"{largest} are too few to train on. Set a smaller `n_test`, or find more data.",
    )
    if student != "mlp" and training.batch_size and not training.epochs:
        largest = min(largest, max(FEWEST, training.steps * training.batch_size // SEEN))
    return spaced(max(2, min(100, largest // 20)), largest, count)


def spaced(low: int, high: int, count: int) -> tuple[int, ...]:
    """Sizes at equal ratios from `low` to `high`, both included."""
    sizes = (round(float(size)) for size in np.geomspace(low, high, count))
    return tuple(dict.fromkeys(sizes))
