"""Students: the networks that a sweep trains, one row per student.

To add one, write a frozen dataclass that is a `Shape`, in a file of its own, and add a row.
It is given the settings of the plan that are fields of the class.
"""

import dataclasses as dc
from collections.abc import Mapping
from typing import Any

from ..core.errors import ManifoldScaleError, require
from ..networks.cnn import CNN
from ..networks.layout import FLAT, Layout
from ..networks.mlp import MLP
from ..networks.shape import Shape
from .factory import made_by, needs_sizes, parameters_of, takes_width

STUDENTS: Mapping[str, Any] = {"mlp": MLP, "cnn": CNN}
# Of a plan, for its student.
SETTINGS = ("depth", "activation", "parametrisation", "richness")


def shape_of(
    student: str,
    inputs: int,
    outputs: int,
    width: int,
    settings: Mapping[str, Any],
    changed: set[str],
    choices: tuple[Layout, ...] = (FLAT,),
) -> Shape:
    """The network of this width; `settings` has a value for each of `SETTINGS`, and
    `changed` names those that are not at their defaults. A user's function that needs no
    arguments has defaults of its own, which only these replace.

    choices : the layouts that a user's module may take its examples in.
    """
    taken = {name: settings[name] for name in taken_by(student)}
    if student not in STUDENTS:
        if not needs_sizes(student):
            taken = {name: value for name, value in taken.items() if name in changed}
        return made_by(student, inputs, outputs, width, taken, choices)
    shape: Shape = STUDENTS[student](inputs=inputs, outputs=outputs, width=width, **taken)
    return shape


def taken_by(student: str) -> tuple[str, ...]:
    """Which of `SETTINGS` the student takes."""
    if student in STUDENTS:
        names = {field.name for field in dc.fields(STUDENTS[student])}
    else:
        require(
            isinstance(student, str) and student.startswith("py:"),
            f"`student` must be one of {', '.join(map(repr, STUDENTS))}, or "
            f"'py:module:function'; not {student!r}.",
        )
        names = parameters_of(student)
    return tuple(name for name in SETTINGS if name in names)


def check_widths(student: str, widths: tuple[int, ...]) -> None:
    """Refuse several widths of a student that has none."""
    require(
        len(widths) == 1 or not student.startswith("py:") or takes_width(student),
        f"`student` {student!r} takes no width, so it is one network; `widths` has "
        f"{len(widths)}. Give one, or let the function take it: def student(inputs, "
        "outputs, width).",
    )


def check_taken(student: str, names: set[str]) -> None:
    """Refuse settings that the student does not take: they would change nothing."""
    named = [name for name in SETTINGS if name in names]
    own = taken_by(student) if named else ()
    ignored = [name for name in named if name not in own]
    if not ignored:
        return
    remedy = "Leave it out, or use the student 'mlp'."
    if student.startswith("py:"):
        remedy = (
            "A function of yours is given it where it has a parameter of that name: "
            f"def student(inputs, outputs, width, {ignored[0]})."
        )
    raise ManifoldScaleError(
        f"The student {student!r} does not take {' or '.join(map('`{}`'.format, ignored))} "
        f"and would be the same network whatever is given. {remedy}"
    )
