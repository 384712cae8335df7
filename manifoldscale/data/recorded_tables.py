"""Recordings as tables of pandas: a row per trial, a row per number, or labelled axes."""

import dataclasses as dc
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import Array, Bools, Ints, as_numpy, refuse_no_features
from ..core.errors import ManifoldScaleError, few, require
from .axis_names import RESPONSES, ask, axes_of, meaning, roles_of
from .recording import Recording, assumed, empty, numbered, per_stimulus

KEYS = ("stimuli", "trials", "neurons")
IF_NEURONS = (
    "If all columns are neurons, pass a data frame that says so, as "
    "`frame.rename_axis(columns='neuron')`."
)
LEAST_RUN = 10  # rows from which whole numbers without a gap are no responses by chance
GLANCE = 1_000  # rows at which all columns are looked


def of_frame(
    table: Any, order: Any = None, wanted: Sequence[str] = (), unnamed: str = ""
) -> Recording:
    """A data frame or a series of pandas.

    - Rows that an index names by stimulus, or by stimulus and repeat; columns are neurons.
      The other way round too, if the levels have names.
    - Long form: columns (or levels of the index) for stimulus, neuron, repeat and response.

    A combination that is not there was not recorded; one that is there twice is an error.
    Where no name says anything, rows and columns are what `unnamed` says, if it does.
    """
    require(len(table) > 0, "`responses` is a table without rows.")
    series = not hasattr(table, "columns")
    frame = table
    if series:
        frame = table.to_frame(RESPONSES if table.name is None else table.name)
    if order is not None and not isinstance(order, Mapping):
        return _by_place(frame, order)
    levels = _named_levels(frame.index)
    across = [name for name in frame.columns.names if name is not None]
    columns = [] if across else list(frame.columns)
    roles = roles_of([*levels, *across, *columns], order, wanted)
    owner = {role: name for name, role in roles.items()}
    _refuse_time(owner)
    if series or (not across and {"stimuli", "neurons"} <= owner.keys()):
        return _long(frame, owner, levels, wanted, series)
    beside = {name: _beside(frame, name, levels, columns) for name in wanted}
    if not across:
        frame = frame[[name for name in columns if name not in wanted]]
    if unnamed and not (roles or levels or across):
        refuse_no_features(frame, "responses")
        found = _by_place(frame, unnamed)
        read = (*found.read, assumed(found.axes))
        return dc.replace(found, names={}, rows=beside, read=read)
    _ask_for(roles, [one for one in levels if one not in wanted], across, columns)
    rows = _labels(frame.index, owner, levels)
    held = _labels(frame.columns, owner, across) or {"neurons": frame.columns}
    return _wide(frame, rows, held, beside)


def _wide(
    frame: Any,
    rows: Mapping[str, Any],
    columns: Mapping[str, Any],
    beside: Mapping[str, Array],
) -> Recording:
    """Numbers in rows and columns with names."""
    values = as_numpy(frame, "responses", missing=np.nan)
    beside_them = []
    if set(columns) == {"neurons"} and columns["neurons"].names == [None] and values.size:
        beside_them = _other_forms(list(frame.columns))
        _refuse_properties(frame.columns, values, rows, beside_them)
    named = [
        ", ".join(f"{one.name or 'columns'} ({role})" for role, one in axis.items())
        for axis in (rows, columns)
    ]
    shown = few(frame.columns)
    read = f"rows by {named[0]}; {values.shape[1]:,} columns by {named[1]}: {shown}"
    if beside_them:
        read += f"; taken for neurons too: {few(beside_them, 6)}"
    return _scattered(values, rows, columns, beside, read)


def _other_forms(names: Sequence[Any]) -> list[str]:
    """Names that are not like most others but for their numbers, as speed among n0, n1."""
    forms = [re.sub(r"\d+", "0", str(name)) for name in names]
    usual, count = Counter(forms).most_common(1)[0] if forms else ("", 0)
    if 2 * count <= len(forms):
        return []
    return [str(name) for name, form in zip(names, forms, strict=True) if form != usual]


def _refuse_properties(
    names: Any, values: Array, rows: Mapping[str, Any], others: Sequence[str]
) -> None:
    """Refuse columns that are no responses: numbers of the rows, properties of the stimuli.

    others : the names that are not like most.
    """
    is_other = np.isin(np.asarray(names, dtype=str), others)
    running = _running(values)
    no_use = "" if running.all() else few(_picked(names, running), 6)
    require(
        not no_use,
        f"`responses` has a running number of its rows, {no_use}, which would be taken for "
        f"a neuron: leave it out, as `table.drop(columns={_picked(names, running)!r})`. "
        f"{IF_NEURONS}",
    )
    found = _picked(names, _of_stimuli(values, rows["stimuli"], is_other))
    require(
        not found,
        f"`responses` has, beside the neurons, what is equal in all trials of each "
        f"stimulus, {few(found, 6)}. It would be taken for a neuron: leave it out, as "
        f"`table.drop(columns={found!r})`, or use it, as `labels={(found or [''])[0]!r}`. "
        f"{IF_NEURONS}",
    )


def _picked(names: Any, where: Bools) -> list[str]:
    return [str(name) for name, is_so in zip(names, where, strict=True) if is_so]


def _running(values: Array) -> Bools:
    """Which columns are whole numbers without a gap, each once, in any order."""
    found: Bools = np.zeros(values.shape[1], dtype=np.bool_)
    if len(values) >= LEAST_RUN:
        spans = values.max(0).astype(np.float64) - values.min(0)
        for i in np.flatnonzero(spans == len(values) - 1):
            found[i] = (np.diff(np.sort(values[:, i])) == 1).all()
    return found


def _of_stimuli(values: Array, stimuli: Any, is_other: Bools) -> Bools:
    """Which columns are the same in all trials of each stimulus, but not of all stimuli.

    Of a recording without noise, none. A sparse neuron may fire alike in all trials of a
    few stimuli: a property of stimuli differs between more.
    """
    codes = _numbered(stimuli, "stimuli")[0]
    order = np.argsort(codes, kind="stable")
    is_steady: Bools = np.ones(values.shape[1], dtype=np.bool_)
    stands_out = is_steady.copy()
    for rows in (order[:GLANCE], order):  # most columns need no more than a glance
        left = np.flatnonzero(is_steady)
        steady = _steady(values[np.ix_(rows, left)], codes[rows])
        is_steady[left], stands_out[left] = steady
    has_noise = not is_steady[~is_other].all()
    return np.asarray(has_noise & is_steady & stands_out)


def _steady(values: Array, codes: Ints) -> tuple[Bools, Bools]:
    """Of each column, whether it is equal in all rows of each code, which are sorted; and
    whether its value is an unusual one in a quarter of those with several rows.
    """
    first = np.unique(codes, return_index=True)[1]
    real = values.astype(np.float64)
    low, high = (one.reduceat(real, first) for one in (np.fmin, np.fmax))
    is_repeated = np.add.reduceat(~np.isnan(real), first, dtype=np.int64) > 1
    unusual = is_repeated & (low != np.sort(low, axis=0)[len(low) // 2])
    least = np.maximum(2, is_repeated.sum(0) / 4)
    return ~np.any(high > low, axis=0), unusual.sum(0) >= least


def _labels(index: Any, owner: Mapping[str, Any], levels: Sequence[Any]) -> dict[str, Any]:
    """What the levels of an index name, by axis."""
    return {
        role: index.get_level_values(owner[role])
        for role in KEYS
        if owner.get(role) in levels
    }


def _by_place(frame: Any, order: Any) -> Recording:
    """A frame as an array of two axes, as its user says."""
    axes = axes_of(order, 2)
    values = as_numpy(frame, "responses", missing=np.nan)
    labels = dict(zip(axes, (frame.index, frame.columns), strict=True))
    names = {axis: np.asarray(one) for axis, one in labels.items() if one.nlevels == 1}
    return Recording(values, axes, names, read=(f"table: {' x '.join(axes)}",))


def _named_levels(index: Any) -> list[Any]:
    """The names of an index, of which none may be missing unless it numbers the rows."""
    names = list(index.names)
    if names == [None]:
        return []
    require(
        None not in names,
        f"The index of `responses` has levels without a name ({names}): name them, as "
        "`frame.index.set_names(['stimulus', 'repeat'])`.",
    )
    return names


def _refuse_time(owner: Mapping[str, Any]) -> None:
    require(
        "time" not in owner,
        f"`responses` has a column or level {owner.get('time')!r} of time: average or bin "
        "a stated window first, and leave it out.",
    )


def _ask_for(
    roles: Mapping[Any, str],
    levels: Sequence[Any],
    across: Sequence[Any],
    columns: Sequence[Any],
) -> None:
    """Refuse a frame in which something is not said by a name."""
    found = set(roles.values())
    unknown = [name for name in (*levels, *across) if name not in roles]
    if unknown:
        missing = [axis for axis in KEYS if axis not in found]
        raise ask(unknown, "`responses` has levels called", missing)
    inside = [name for name in columns if roles.get(name) in KEYS]
    if "neurons" in map(roles.get, inside):  # long form
        rest = [name for name in columns if name not in roles]
        raise ask(rest, "`responses` has the columns", ["stimuli", "trials"])
    require(
        not inside,
        f"`responses` has the columns {few(inside)} beside others. If all "
        f"others are neurons, pass `responses.set_index({[*levels, *inside]!r})`; a table "
        "in long form needs a column for the neurons too.",
    )
    require(
        "stimuli" in found,
        "`responses` is a table whose rows and columns have no names that say which are "
        "stimuli and which neurons. Name them, as `frame.rename_axis(index='stimulus', "
        "columns='neuron')`, or say `order='stimuli neurons'`, rows first.",
    )
    require(
        not across or "neurons" in found,
        f"`responses` has no level of neurons among {few(roles)}.",
    )


def _beside(frame: Any, name: str, levels: Sequence[Any], columns: Sequence[Any]) -> Array:
    """A column or a level with an entry per row, which is no response."""
    if name in levels:
        return np.asarray(frame.index.get_level_values(name))
    require(
        name in columns,
        f"There is no column {name!r} in `responses`; it has "
        f"{few((*levels, *columns), 12)}.",
    )
    return np.asarray(frame[name])


def _long(
    frame: Any,
    owner: Mapping[str, Any],
    levels: Sequence[Any],
    wanted: Sequence[str],
    series: bool,
) -> Recording:
    """A row for each number."""
    if series:
        owner = {**owner, RESPONSES: frame.columns[0]}
    flat = frame.reset_index() if levels else frame
    known = set(owner.values())
    lacking = [axis for axis in ("stimuli", "neurons") if axis not in owner]
    if lacking:
        unknown = [name for name in levels if name not in known]
        raise ask(unknown, "`responses` has levels called", lacking)
    rest = [name for name in flat.columns if name not in (*known, *wanted)]
    if RESPONSES not in owner:
        require(
            len(rest) == 1,
            f"`responses` has {len(rest)} columns that could hold the responses "
            f"({few(rest, 6) or 'none'}): say which, as "
            f"`order={{{(rest or ['name'])[0]!r}: 'responses'}}`.",
        )
        owner, rest = {**owner, RESPONSES: rest[0]}, []
    unsaid = [name for name in rest if meaning(name) is None]
    beside = {name: _beside(flat, name, [], list(flat.columns)) for name in wanted}
    values = as_numpy(flat[[owner[RESPONSES]]], "responses", missing=np.nan)
    keys = {role: flat[owner[role]] for role in KEYS if role in owner}
    said = ", ".join(f"{name} ({role})" for role, name in owner.items())
    read = f"a row per number: {said}"
    read += f"; not read: {few(unsaid, 6)}" if unsaid else ""
    return _scattered(values, keys, {}, beside, read)


def _scattered(
    values: Array,
    rows: Mapping[str, Any],
    columns: Mapping[str, Any],
    beside: Mapping[str, Array],
    read: str,
) -> Recording:
    """Numbers put to their stimulus, repeat and neuron; the rest was not recorded."""
    coded = {role: _numbered(labels, role) for role, labels in rows.items()}
    _refuse_twice(coded)
    across = {role: _columns_of(labels, role) for role, labels in columns.items()}
    _refuse_twice(across)
    names = {role: found for role, (_, found) in (coded | across).items()}
    axes = tuple(role for role in KEYS if role in names)
    at = {role: codes[:, None] for role, (codes, _) in coded.items()}
    at |= {role: codes[None] for role, (codes, _) in across.items()}
    filled = empty(tuple(len(names[axis]) for axis in axes), values)
    filled[tuple(at[axis] for axis in axes)] = values
    of_rows = {}
    if beside:
        require(
            "stimuli" in rows,
            f"{few(list(beside))} cannot be told for stimuli that stand in columns.",
        )
        own = coded["stimuli"][0]
        of_rows = {n: per_stimulus(v, own, names["stimuli"], n) for n, v in beside.items()}
    known = {axis: names[axis] for axis in ("stimuli", "neurons")}
    return Recording(filled, axes, known, of_rows, (read,))


def _numbered(labels: Any, role: str) -> tuple[Ints, Array]:
    """Codes and names in their order, which of a categorical is that of its categories."""
    kind = labels.dtype
    if hasattr(kind, "categories"):
        at = labels.cat if hasattr(labels, "cat") else labels
        codes = np.asarray(at.codes, dtype=np.int64)
        require(
            bool((codes >= 0).all()),
            f"{int((codes < 0).sum()):,} of the {role} are missing: leave those rows out.",
        )
        used, codes = np.unique(codes, return_inverse=True)
        return codes, np.asarray(at.categories)[used]
    return numbered(as_numpy(labels, role, missing=None), role)


def _columns_of(labels: Any, role: str) -> tuple[Ints, Array]:
    """Columns that are one axis keep their order."""
    names = np.asarray(labels)
    if labels.is_unique:
        return np.arange(len(names)), names
    return _numbered(labels, role)


def _refuse_twice(coded: Mapping[str, tuple[Ints, Array]]) -> None:
    """Refuse rows, or columns, that stand for the same numbers."""
    if not coded:
        return
    shape = tuple(len(names) for _, names in coded.values())
    place = np.ravel_multi_index(tuple(codes for codes, _ in coded.values()), shape)
    found, counts = np.unique(place, return_counts=True)
    twice = found[counts > 1]
    if not len(twice):
        return
    first = np.unravel_index(int(twice[0]), shape)
    pairs = zip(coded.items(), first, strict=True)
    where = ", ".join(f"{axis} {names[i]}" for (axis, (_, names)), i in pairs)
    advice = (
        "remove one, or tell repeats apart by their own numbers"
        if "trials" in coded
        else "if these are repeated trials, number them in a column or level `repeat`"
        if "stimuli" in coded
        else "give each neuron a name of its own"
    )
    raise ManifoldScaleError(
        f"`responses` holds {len(twice):,} entries more than once, the first at {where}: "
        f"{advice}."
    )
