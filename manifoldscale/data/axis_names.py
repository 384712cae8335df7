"""What the axes of a recording are called: dimensions of an xarray, columns of a table.

A name that says more than these words is not taken for one: what it means is asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.errors import ManifoldScaleError, few, require
from ..core.names import words_of

AXES = ("neurons", "stimuli", "trials", "time")
RESPONSES = "responses"
WORDS = {
    "stimuli": ("stimulus", "stimuli", "stim", "stims", "condition", "conditions", "image",
                "images", "picture", "pictures", "scene", "scenes", "sound", "sounds",
                "odor", "odors", "odour", "odours"),
    "neurons": ("neuron", "neurons", "unit", "units", "cell", "cells", "neuroid",
                "neuroids", "channel", "channels", "electrode", "electrodes", "roi",
                "rois", "voxel", "voxels"),
    "trials": ("trial", "trials", "repeat", "repeats", "repetition", "repetitions", "rep",
               "reps", "presentation", "presentations"),
    "time": ("time", "times", "timepoint", "timepoints", "time point", "time bin",
             "time bins", "timebin", "bin", "bins", "frame", "frames"),
    RESPONSES: ("response", "responses", "rate", "rates", "firing rate", "firing rates",
                "spike count", "spike counts", "count", "counts", "spikes", "activity",
                "value", "values", "dff"),
}  # fmt: skip
MEANINGS = {name: axis for axis, names in WORDS.items() for name in names}
NUMBERING = {"id", "ids", "index", "idx", "nr", "no", "number"}


def meaning(name: Any) -> str | None:
    """What an axis or a column of this name holds; None if the name does not say.

    >>> meaning("NeuronID"), meaning("image_id"), meaning("trial"), meaning("cell_type")
    ('neurons', 'stimuli', 'trials', None)
    """
    words = list(words_of(name))
    while len(words) > 1 and words[-1] in NUMBERING:
        words.pop()
    return MEANINGS.get(" ".join(words))


def axes_of(order: Any, ndim: int) -> tuple[str, ...]:
    """The words of `order`, one per axis."""
    words = order.replace(",", " ").split() if isinstance(order, str) else order
    axes = tuple(str(word) for word in words) if isinstance(words, list | tuple) else ()
    require(
        len(axes) == ndim
        and {"neurons", "stimuli"} <= set(axes) <= set(AXES)
        and len(set(axes)) == len(axes),
        f"`order` must name the {ndim} axes of `responses`, neurons and stimuli and "
        f"perhaps trials and time, each once; not {order!r}.",
    )
    return axes


def roles_of(
    names: Iterable[Any], order: Mapping[Any, str] | None, labels: Sequence[Any] = ()
) -> dict[Any, str]:
    """Which of these names is which axis: as a mapping `order` says, else as they mean.
    What was asked for as `labels` gives way to other names of the same meaning.

    Raises
    ------
    ManifoldScaleError : `order` has a name that is not there or a word that is none; two
        names for one axis.
    """
    names, given = list(names), dict(order or {})
    for name, word in given.items():
        require(
            name in names,
            f"`order` names {name!r}, which is not among {few(names, 12)}.",
        )
        require(
            word in WORDS,
            f"`order` maps {name!r} to {word!r}; it must be one of {', '.join(WORDS)}.",
        )
    found = {name: given.get(name) or meaning(name) for name in names}
    # A name that only means an axis gives way to the one that was said to be it.
    said = set(given.values())
    meant = {role for name, role in found.items() if name not in (*given, *labels)}
    roles = {
        name: role
        for name, role in found.items()
        if role is not None
        and (name in given or role not in said)
        and (name not in labels or role not in meant)
    }
    for role in set(roles.values()):
        same = [name for name, one in roles.items() if one == role]
        require(
            len(same) == 1,
            f"{' and '.join(map(repr, same))} could both be the {role}: say which, as "
            f"`order={{{same[0]!r}: {role!r}}}`.",
        )
    return roles


def ask(unknown: Sequence[Any], what: str, missing: Sequence[str]) -> ManifoldScaleError:
    """The error for names that do not say what they hold."""
    example = ", ".join(
        f"{name!r}: {role!r}" for name, role in zip(unknown, missing or AXES, strict=False)
    )
    return ManifoldScaleError(
        f"{what} {few(unknown, 6)}: the name does not say whether these "
        f"are neurons, stimuli, trials or time. Say it, as `order={{{example}}}`."
    )
