"""Responses with named axes, from arrays, labelled arrays, ragged lists and trials.

No axis is found by its place: an array has the order that its user says, a labelled array
the meaning of its names. Trials that were not recorded are NaN.
"""

import dataclasses as dc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import Array, Ints, as_numpy, check_same_rows, is_absent
from ..core.errors import ManifoldScaleError, few, require
from .axis_names import AXES, ask, axes_of, meaning, roles_of

ROUNDING = 1e-12  # of the largest: numbers that are closer are one name
NOTHING: Mapping[str, Any] = {}
BINNED = (
    "average it or bin a stated window first, as `{}`; or make each time bin a point, by "
    "`order={{{!r}: 'time'}}`"
)


@dc.dataclass(frozen=True, eq=False)
class Asked:
    """What is said of the recording in a file: the arguments of `population`, the
    `variable` of the file, the names that are `wanted` as labels, and the order of two axes
    that have no names, `unnamed`.
    """

    variable: str = ""
    order: Any = None
    stimuli: Any = None
    wanted: tuple[str, ...] = ()
    window: Any = None
    unnamed: str = ""


@dc.dataclass(frozen=True, eq=False)
class Recording:
    """Responses, before trials are averaged.

    Attributes
    ----------
    responses : array with the axes that `axes` names, NaN where nothing was recorded.
    names : what the stimuli and the neurons are called, where it is known.
    rows : what was asked for by name, as labels, with one entry per stimulus.
    read : what was taken for what, in words.
    """

    responses: Array
    axes: tuple[str, ...]
    names: Mapping[str, Array] = dc.field(default_factory=dict)
    rows: Mapping[str, Array] = dc.field(default_factory=dict)
    read: tuple[str, ...] = ()


def of_array(data: Any, order: Any, unnamed: str = "") -> Recording:
    """An array, whose axes have the order that its user says; or, with two axes of which
    nothing is said, that of `unnamed`.
    """
    array = as_numpy(data, "responses", missing=np.nan)
    taken = order is None and array.ndim == 2 and bool(unnamed)
    axes = axes_of(unnamed if taken else order, array.ndim)
    said = f"{sizes(array)}: {' x '.join(axes)}"
    return Recording(array, axes, read=(said, assumed(axes)) if taken else (said,))


def assumed(axes: Sequence[str]) -> str:
    """What is to be said of axes that nothing names."""
    kinds = {"stimuli": "stimuli (points)", "neurons": "neurons (features)"}
    rows, columns = (kinds[axis] for axis in axes)
    return (
        f"nothing says which axis is which: rows were taken for {rows}, columns for "
        f"{columns}; `order` says otherwise"
    )


def of_trials(
    data: Any,
    stimuli: Any,
    order: Any = None,
    columns: Mapping[str, Any] = NOTHING,
    neurons: Any = None,
) -> Recording:
    """Trials in any order, with the name of the stimulus of each.

    Parameters
    ----------
    data : array; its axes are trials and neurons, and perhaps time, as `order` says.
    columns : what is wanted of the trials, with one entry for each.
    """
    check_same_rows([("responses", data), ("stimuli", stimuli)])
    array = as_numpy(data, "responses", missing=np.nan)
    words = "trials neurons" if order is None else order
    axes = axes_of_trials(words, array.ndim)
    labels = as_numpy(stimuli, "stimuli")
    n, others = array.shape[axes.index("trials")], array.shape[axes.index("neurons")]
    require(
        labels.ndim == 1 and len(labels) == n,
        f"`stimuli` must name the stimulus of each of the {n:,} trials; its shape is "
        f"{labels.shape}."
        + " The other axis has this length: say `order='neurons trials'`."
        * (len(labels) == others and len(axes) == 2),
    )
    codes, names = numbered(labels, "stimuli")
    array = np.moveaxis(array, axes.index("trials"), 0)
    rest = [axis for axis in axes if axis != "trials"]
    place = places(codes)
    filled = empty((len(names), int(place.max()) + 1, *array.shape[1:]), array)
    filled[codes, place] = array
    known = {"stimuli": names} | ({} if neurons is None else {"neurons": neurons})
    read = f"{sizes(array)}: trials x {' x '.join(rest)}, with a stimulus for each trial"
    rows = {
        name: per_stimulus(as_numpy(values, name), codes, names, name)
        for name, values in columns.items()
    }
    return Recording(filled, ("stimuli", "trials", *rest), known, rows, (read,))


def axes_of_trials(order: Any, ndim: int) -> tuple[str, ...]:
    """The axes of trials whose stimuli stand beside them."""
    words = order.replace(",", " ").split() if isinstance(order, str) else order
    axes = tuple(map(str, words)) if isinstance(words, list | tuple) else ()
    good = set(axes) in ({"neurons", "trials"}, {"neurons", "trials", "time"})
    require(
        good and len(axes) == ndim,
        f"With `stimuli`, a stimulus for each trial, `order` must name the {ndim} axes of "
        f"`responses`: trials, neurons and perhaps time; not {order!r}.",
    )
    return axes


def of_ragged(data: Any) -> Recording:
    """One array (repeats x neurons) for each stimulus: a list, or a mapping by name."""
    named = isinstance(data, Mapping)
    keys, given = (data.keys(), data.values()) if named else (range(len(data)), data)
    parts = [
        as_numpy(part, f"responses[{key!r}]", missing=np.nan)
        for key, part in zip(keys, given, strict=True)
    ]
    require(bool(parts), "`responses` is empty: there is no stimulus.")
    absent = [str(key) for key, part in zip(keys, parts, strict=True)
              if part.shape[:1] == (0,)]  # fmt: skip
    require(
        not absent,
        f"Stimulus {', '.join(absent[:3])} of `responses` has no repeat: leave it out.",
    )
    shapes = few([" x ".join(map(str, part.shape)) for part in parts])
    require(
        all(part.ndim == 2 for part in parts),
        "`responses` must hold an array (repeats x neurons) for each stimulus; their "
        f"shapes are {shapes}.",
    )
    widths = {part.shape[1] for part in parts}
    turned = len(parts) > 1 and len({len(part) for part in parts}) == 1
    require(
        len(widths) == 1,
        "The arrays of `responses`, one for each stimulus, must be (repeats x neurons) "
        f"with the same neurons; their shapes are {shapes}."
        + " If these are neurons x repeats, pass `[part.T for part in responses]`."
        * turned,
    )
    most = max(map(len, parts))
    filled = empty((len(parts), most, widths.pop()), *parts)
    for i, part in enumerate(parts):
        filled[i, : len(part)] = part
    counts = f"{min(map(len, parts))} to {most} repeats"
    read = f"{len(parts):,} stimuli, an array repeats x neurons each, {counts}"
    names = {"stimuli": np.array(list(data))} if named else {}
    return Recording(filled, ("stimuli", "trials", "neurons"), names, read=(read,))


def of_xarray(
    array: Any, order: Any = None, stimuli: Any = None, wanted: Sequence[str] = ()
) -> Recording:
    """An `xarray.DataArray`, by the names of its dimensions.

    Where one dimension is trials and none the stimuli, a coordinate of the trials names the
    stimulus of each: the one called `stimuli`, or the only one whose name means it.
    """
    array = _only_variable(array)
    if order is None or isinstance(order, Mapping):
        roles = _dimensions(array, order)
        array = _without_time(array, roles, order or {})
    else:
        named = stimuli is None or isinstance(stimuli, str)
        words = (axes_of if named else axes_of_trials)(order, array.ndim)
        roles = dict(zip(array.dims, words, strict=True))
    values = as_numpy(array.values, "responses", missing=np.nan)
    axes = tuple(roles[dim] for dim in array.dims)
    dims = {role: dim for dim, role in roles.items()}
    require(
        "neurons" in dims and bool({"stimuli", "trials"} & dims.keys()),
        f"`responses` has the dimensions {few(array.dims, 6)}, taken for "
        f"{', '.join(axes)}: neurons and stimuli are needed.",
    )
    read = f"dimensions {', '.join(f'{dim} ({roles[dim]})' for dim in array.dims)}"
    neurons = _coordinate(array, dims["neurons"])
    if "stimuli" in dims and stimuli is None:
        along = _columns(array, dims["stimuli"], wanted)
        stimulus = _coordinate(array, dims["stimuli"])
        _refuse_repeated(stimulus, dims["stimuli"])
        pairs = {"stimuli": stimulus, "neurons": neurons}
        names = {axis: one for axis, one in pairs.items() if one is not None}
        return Recording(values, axes, names, along, (read,))
    require(
        "trials" in dims and "stimuli" not in dims,
        "`stimuli` names the stimulus of each trial; `responses` has the dimensions "
        f"{read.removeprefix('dimensions ')}.",
    )
    columns = _columns(array, dims["trials"], wanted)
    if stimuli is None or isinstance(stimuli, str):
        named = _naming_coordinate(array, dims["trials"], stimuli)
        stimuli = np.asarray(array.coords[named].values)
        read += f"; the stimulus of each trial: coordinate {named}"
    found = of_trials(values, stimuli, axes, columns, neurons)
    return dc.replace(found, read=(read,))


def _refuse_repeated(names: Array | None, dim: Any) -> None:
    """Refuse a dimension of stimuli along which one stands twice."""
    if names is None:
        return
    found, counts = np.unique(names, return_counts=True)
    twice = found[counts > 1]
    require(
        not len(twice),
        f"{len(twice):,} stimuli stand more than once along {str(dim)!r}, as {twice[:1]}. "
        f"If its places are trials, say `order={{{str(dim)!r}: 'trials'}}` and "
        f"`stimuli={str(dim)!r}`.",
    )


def _only_variable(array: Any) -> Any:
    """The one variable of an `xarray.Dataset`."""
    if not hasattr(array, "data_vars"):
        return array
    held = {str(name): one for name, one in array.data_vars.items()}
    listed = ", ".join(f"{name} ({sized(one.shape)})" for name, one in held.items())
    require(
        len(held) == 1,
        f"`responses` is a Dataset of the variables {listed or 'none'}: pass one of them, "
        f"as `dataset[{next(iter(held), 'name')!r}]`.",
    )
    return next(iter(held.values()))


def _dimensions(array: Any, order: Mapping[Any, str] | None) -> dict[Any, str]:
    """Dimension to axis, all known."""
    roles = roles_of(array.dims, order)
    unknown = [dim for dim in array.dims if roles.get(dim) not in AXES]
    if not unknown:
        return roles
    stacked = [dim for dim in unknown if getattr(array.indexes.get(dim), "nlevels", 1) > 1]
    require(
        not stacked,
        f"Dimension {stacked[:1]} of `responses` is stacked of several: pass "
        f"`responses.unstack({str((stacked or [''])[0])!r})`.",
    )
    missing = [axis for axis in AXES[:3] if axis not in roles.values()]
    raise ask(unknown, "`responses` has the dimensions", missing)


def _without_time(array: Any, roles: dict[Any, str], order: Mapping[Any, str]) -> Any:
    """One time bin is no axis; several are not averaged in silence."""
    for dim in [d for d in array.dims if roles[d] == "time" and d not in order]:
        if array.sizes[dim] > 1:
            window = f"responses.sel({dim}=slice(start, stop)).mean({str(dim)!r})"
            raise ManifoldScaleError(
                f"`responses` has a dimension {str(dim)!r} of {array.sizes[dim]} time "
                f"bins: {BINNED.format(window, str(dim))}."
            )
        array = array.isel({dim: 0})
        del roles[dim]
    return array


def _coordinate(array: Any, dim: Any) -> Array | None:
    """What stands along a dimension, if it has one simple index."""
    index = array.indexes.get(dim)
    if index is None or getattr(index, "nlevels", 1) > 1:
        return None
    return np.asarray(index)


def _along(array: Any, dim: Any) -> list[Any]:
    """The coordinates that have this dimension alone."""
    return [name for name, one in array.coords.items() if one.dims == (dim,)]


def _columns(array: Any, dim: Any, wanted: Sequence[str]) -> dict[str, Array]:
    known = _along(array, dim)
    for name in wanted:
        require(
            name in known,
            f"There is no coordinate {name!r} along {str(dim)!r} of `responses`; it has "
            f"{few(known, 12) or 'none'}.",
        )
    return {name: np.asarray(array.coords[name].values) for name in wanted}


def _naming_coordinate(array: Any, dim: Any, stimuli: str | None) -> Any:
    """The coordinate of the trials that names the stimulus of each."""
    known = _along(array, dim)
    if stimuli is not None:
        return next(iter(_columns(array, dim, (stimuli,))))
    found = [name for name in known if meaning(name) == "stimuli"]
    require(
        len(found) == 1,
        f"`responses` has trials ({str(dim)!r}) and no dimension of stimuli, and "
        f"{len(found) or 'none'} of the coordinates of its trials could name the stimulus "
        f"of each ({few(found or known, 12) or 'there are none'}): say "
        "which, by `stimuli=`.",
    )
    return found[0]


def of_anndata(
    data: Any, order: Any = None, stimuli: str | None = None, wanted: Sequence[str] = ()
) -> Recording:
    """An AnnData: observations are stimuli, or trials of the stimuli that a column of `obs`
    names; variables are neurons. `order`, of two words, says it otherwise.
    """
    axes = axes_of(order or "stimuli neurons", 2)
    values = data.X.toarray() if hasattr(data.X, "toarray") else np.asarray(data.X)
    along, neurons = data.obs, np.asarray(data.var.index)
    if axes[0] == "neurons":
        values, along, neurons = values.T, data.var, np.asarray(data.obs.index)
    absent = [one for one in (*wanted, stimuli) if one is not None and one not in along]
    require(
        not absent,
        f"There is no column {absent[:1]} beside the stimuli; there are "
        f"{few(along.columns, 12) or 'none'}.",
    )
    named = [name for name in along if meaning(name) == "stimuli"]
    require(
        stimuli is not None or len(named) <= 1,
        f"{few(named)} could each name the stimulus of an observation: say which, by "
        "`stimuli=`.",
    )
    columns = {name: as_numpy(along[name], name) for name in wanted}
    by = stimuli or next(iter(named), None)
    read = f"{axes[0]} (observations) x {axes[1]} (variables)"
    if by is None:
        names = {"stimuli": np.asarray(along.index), "neurons": neurons}
        return Recording(values, ("stimuli", "neurons"), names, columns, (read,))
    trials = as_numpy(along[by], by)
    found = of_trials(values, trials, "trials neurons", columns, neurons)
    return dc.replace(found, read=(f"{read}; the stimulus of each: column {by}",))


def numbered(labels: Array, name: str) -> tuple[Ints, Array]:
    """(number of each label, the labels once, in their order); none may be missing."""
    gone = [i for i, label in enumerate(labels.tolist()) if is_absent(label)]
    require(
        not gone,
        f"{len(gone):,} of the {name} are missing, the first in row {(gone or [0])[0]}: "
        "leave those rows out.",
    )
    try:
        names, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:  # of texts and numbers, say
        raise ManifoldScaleError(
            f"The {name} have no common order ({error}): turn them into texts or numbers."
        ) from error
    _refuse_near(names, name)
    return codes.reshape(-1), names


def _refuse_near(names: Array, name: str) -> None:
    """Refuse names that differ by rounding, as 0.1 + 0.2 and 0.3, or by spaces alone: the
    trials of one stimulus would count as those of two.
    """
    if names.dtype.kind == "f" and len(names) > 1:
        steps = np.diff(names)
        near = np.flatnonzero(steps <= ROUNDING * np.abs(names).max())
        pair, advice = (
            names[near[:1, None] + np.arange(2)].tolist(),
            ("rounding", "round them"),
        )
    elif names.dtype.kind in "US":
        stripped, first = np.unique(np.char.strip(names), return_inverse=True)
        counts = np.bincount(first, minlength=len(stripped))
        pair = [names[first == i].tolist() for i in np.flatnonzero(counts > 1)[:1]]
        advice = ("spaces", "strip them")
    else:
        return
    require(
        not pair,
        f"Of the {name}, {' and '.join(map(repr, (pair or [[]])[0][:2]))} differ only by "
        f"{advice[0]}: {advice[1]} where they are one.",
    )


def places(codes: Ints) -> Ints:
    """How many rows with the same number stand before each."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    first = np.searchsorted(ordered, ordered)
    found = np.empty(len(codes), dtype=np.int64)
    found[order] = np.arange(len(codes)) - first
    return found


def per_stimulus(values: Array, codes: Ints, names: Array, name: str) -> Array:
    """Of what stands beside each row, the one entry of each stimulus."""
    require(
        values.ndim == 1 and len(values) == len(codes),
        f"{name!r} must have one entry for each of the {len(codes):,} rows; its shape is "
        f"{values.shape}.",
    )
    first = np.unique(codes, return_index=True)[1]
    kept = values[first]
    pairs = zip(values.tolist(), kept[codes].tolist(), strict=True)
    same = [a == b or (is_absent(a) and is_absent(b)) for a, b in pairs]
    if not all(same):
        stimulus = names[codes[same.index(False)]]
        raise ManifoldScaleError(
            f"{name!r} differs between rows of one stimulus, {stimulus!r}: it is not a "
            "property of stimuli."
        )
    return np.asarray(kept)


def empty(shape: tuple[int, ...], *parts: Array) -> Array:
    """NaN, in a type that holds the numbers of these arrays."""
    for part in parts:
        require(
            part.dtype.kind in "biuf",
            f"`responses` must hold real numbers; its dtype is {part.dtype}.",
        )
    kind = np.result_type(*{part.dtype for part in parts})
    return np.full(shape, np.nan, kind if kind.kind == "f" else np.float64)


def sizes(array: Array) -> str:
    return f"array of {sized(array.shape)}"


def sized(shape: Sequence[int]) -> str:
    return " x ".join(f"{size:,}" for size in shape) or "a single number"
