"""Which columns of a table are read as what. Nothing is guessed in silence: several columns
that may be meant are an error, and columns that are not read are listed.
"""

import dataclasses as dc
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ManifoldScaleError, nearest
from .names import (
    is_accuracy,
    is_bare_size,
    is_index,
    is_log_of_loss,
    is_measure_of_loss,
    is_state,
    is_test,
    is_without_embedding,
    meaning,
    unit_of,
    without_unit,
    words_of,
)
from .tables import Row, as_number, is_number_or_none

LOSS = "loss"

SIZES = ("dataset_size", "parameters", "width", "unique_examples")
LOSSES = (LOSS, "train_loss", "loss_stderr")
COSTS = ("steps", "compute")  # these change while one network is trained
OPTION = {LOSS: "loss_column"} | dict.fromkeys((*SIZES, *COSTS), "size_column")


@dc.dataclass(frozen=True)
class Columns:
    """What became of the columns of a table.

    Attributes
    ----------
    read : pairs of a column and what it was read as.
    repeats : columns that hold the same as one that was read.
    unread : all the others.
    rivals : unread columns that may be meant instead of one that was read.
    rows : what was done with rows that are not separate networks; "" if nothing.
    layout : how the rows were made from a table in another layout; "" if they were there.
    choose : how to choose one of several curves of a table; "" if there is one.
    tuned : of which columns the best value at each size was taken; "" if of none.
    logged : in a log, the column of steps, of which one row per network was kept; else "".
    """

    read: tuple[tuple[str, str], ...]
    repeats: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    rows: str = ""
    logged: str = ""
    layout: str = ""
    choose: str = ""
    tuned: str = ""

    def __str__(self) -> str:
        read = [
            column if column == field else f"{column} as {field}{_times(column, field)}"
            for column, field in self.read
        ]
        said = [f"read: {', '.join(read)}", f"not read: {', '.join(self.unread) or 'none'}"]
        if self.repeats:
            said.insert(1, f"the same again: {', '.join(self.repeats)}")
        if self.rivals:
            said.append(f"may be meant instead: {', '.join(self.rivals)}")
        done = self.layout, self.rows, self.tuned, self.choose
        return "; ".join([*said, *filter(None, done)])

    def column(self, field: str) -> str | None:
        """The column that was read as this field."""
        return next((column for column, what in self.read if what == field), None)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Columns":
        """What `to_dict` made of them."""
        return cls(
            read=tuple((column, field) for column, field in stored["read"]),
            repeats=tuple(stored["repeats"]),
            unread=tuple(stored["not_read"]),
            rivals=tuple(stored["rivals"]),
            **{name: stored[name] for name in ("rows", "logged", "layout", "choose")},
            tuned=stored.get("tuned", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "read": [list(pair) for pair in self.read],
            "repeats": list(self.repeats),
            "not_read": list(self.unread),
            "rivals": list(self.rivals),
            "rows": self.rows,
            "logged": self.logged,
            "layout": self.layout,
            "choose": self.choose,
            "tuned": self.tuned,
            "text": str(self),
        }


def _times(column: str, field: str) -> str:
    counted = field in (*SIZES, *COSTS) and unit_of(column) != 1
    return f", times {unit_of(column):g}" if counted else ""


def columns_of_losses(
    rows: Sequence[Row],
    loss_column: str | None,
    size_columns: Mapping[str, str],
    needs_size: bool = True,
) -> Columns:
    """The columns of a table of losses; columns that the caller names come first.

    Parameters
    ----------
    rows : as `read_rows` gives them.
    loss_column : the column of the loss; None to find it.
    size_columns : the field of a size to its column, as the caller names them.
    needs_size : whether a table without a size is an error.

    Raises
    ------
    ManifoldScaleError : no loss, no size, or several columns that may be one of them.
    """
    names = list(rows[0])
    chosen = dict(size_columns) | ({LOSS: loss_column} if loss_column is not None else {})
    for field, column in chosen.items():
        _require_column(column, names, OPTION[field])
    found: dict[str, list[str]] = {}
    for name in names:
        what = meaning(name)
        if what not in (None, "steps") and name not in chosen.values():
            found.setdefault(str(what), []).append(name)
    states = [c for c in names if is_state(c, (row[c] for row in rows))]
    if states and "failure" not in found:
        found["failure"] = states
    _add_letters(names, found, chosen)
    _bare_loss_is_of_training(found, chosen, rows)
    taken, repeats, rivals = dict(chosen), [], []
    for field, columns in found.items():
        if field in COSTS:  # "compute" may hold the name of a machine
            columns = [c for c in columns if all(is_number_or_none(row[c]) for row in rows)]
        if field in chosen or not columns:
            continue
        sized = {"dataset_size", "parameters"} & (found.keys() | chosen.keys())
        first, same, others = _one_of(field, columns, rows, needed=not sized)
        if first is not None:
            taken[field] = first
        repeats += same
        rivals += others
    _require_loss_and_size(names, taken, needs_size)
    known = {*taken.values(), *repeats}
    if not {"dataset_size", "parameters"} & taken.keys():
        rivals += [c for c in names if c not in known and _is_index_of_sizes(c, rows)]
    pairs = ((column, field) for field, column in taken.items())
    read = sorted(pairs, key=lambda pair: names.index(pair[0]))
    unread = tuple(name for name in names if name not in known)
    return Columns(tuple(read), tuple(repeats), unread, tuple(rivals))


def columns_of_pairs(rows: Sequence[Row], meanings: Mapping[str, str | None]) -> Columns:
    """The columns of a table whose names were given meanings; two with one meaning are an
    error.
    """
    taken: dict[str, str] = {}
    for name in rows[0]:
        field = meanings.get(name)
        if field is None or taken.get(field) == field:
            continue  # the name itself comes before all others
        if field in taken and name != field:
            _refuse(field, [taken[field], name], "rename the one that is meant")
        taken[field] = name
    read = tuple((column, field) for field, column in taken.items())
    unread = tuple(name for name in rows[0] if name not in taken.values())
    return Columns(read, unread=unread)


def _require_column(column: str, names: Sequence[str], option: str) -> None:
    if column not in names:
        raise ManifoldScaleError(
            f"`{option}` is {column!r}, which the table does not have. Nearest are "
            f"{nearest(str(column), names)}."
        )


def _add_letters(
    names: Sequence[str], found: dict[str, list[str]], chosen: Mapping[str, str]
) -> None:
    """N is the number of parameters if D stands beside it and no other column holds them;
    C is the compute beside both.
    """
    letters = {without_unit(name): name for name in names}
    data = found.get("dataset_size", [])
    beside = any(
        without_unit(name) == "D" or {"tokens", "token"} & set(words_of(name))
        for name in data
    )
    others = found.get("parameters", [])
    free = all(map(is_without_embedding, others)) and "parameters" not in chosen
    named = letters.get("N")
    if named is not None and beside and free and named not in chosen.values():
        found["parameters"] = [named, *others]
    sized = all(found.get(field) or field in chosen for field in SIZES[:2])
    if "C" in names and sized and "compute" not in found and "C" not in chosen.values():
        found["compute"] = ["C"]


def _bare_loss_is_of_training(
    found: dict[str, list[str]], chosen: Mapping[str, str], rows: Sequence[Row]
) -> None:
    """`loss` beside `eval_loss`, as Hugging Face names them, is the training loss. A mean
    over all of training, `train_loss` in a separate row, is left aside.
    """
    losses = found.get(LOSS, [])
    both = [c for c in losses if c in (LOSS, "eval_loss")]
    numeric = any(as_number(row.get(LOSS)) is not None for row in rows)
    if LOSS in chosen or len(both) < 2 or not numeric:
        return
    named = found.get("train_loss", [])
    full = sum(as_number(row[c]) is not None for row in rows for c in named)
    if full > len(rows) / 2:
        return  # the caller has to say which of them it is
    found[LOSS] = [c for c in losses if c != LOSS]
    found["train_loss"] = [LOSS]


def _one_of(
    field: str, columns: list[str], rows: Sequence[Row], needed: bool
) -> tuple[str | None, list[str], list[str]]:
    """The column that is read, its repeats, and others that may be meant. Of several widths
    none is read unless a width is `needed` because there is no other size.
    """
    if len(columns) > 1:  # a text, such as the name of a loss function, is not a loss
        numeric = [c for c in columns if any(as_number(row[c]) is not None for row in rows)]
        columns = numeric or columns
    if field == LOSS:
        columns = _likely_losses(columns)
    partial = [c for c in columns if field == "parameters" and is_without_embedding(c)]
    if partial and len(partial) < len(columns):  # the total is read, and the rest is told
        whole = [c for c in columns if c not in partial]
        first, same, others = _one_of(field, whole, rows, needed)
        return first, same, [*others, *partial]
    first = field if field in columns else columns[0]
    others = [c for c in columns if c != first]
    same = [c for c in others if _is_repeat(field, first, c, rows)]
    others = [c for c in others if c not in same]
    if not others or (first == field and field != LOSS):
        return first, same, others
    if field == "width" and not needed:
        return None, [], columns
    if field in COSTS and not needed:
        return None, [], []
    if field in OPTION:
        _refuse(field, [first, *others], f"name the one that is meant, {_how(field)}")
    return None, [], []


def _likely_losses(columns: list[str]) -> list[str]:
    """The columns called losses, before those called errors. To many loggers a bare `loss`
    is the training loss, so columns that name a test stand beside it.
    """
    losses = [c for c in columns if {"loss", "losses"} & set(words_of(c))]
    if losses and any(map(is_test, losses)):
        return losses
    if losses:
        return losses + [c for c in columns if c not in losses and is_test(c)]
    return columns


def _is_repeat(field: str, first: str, other: str, rows: Sequence[Row]) -> bool:
    """Whether both hold the same numbers, or the same sizes in other units."""
    pairs = [(as_number(row[first]), as_number(row[other])) for row in rows]
    if any((a is None) != (b is None) for a, b in pairs):
        return False
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if field in SIZES and first == field:
        ratios = {round(a / b, 9) for a, b in known if b}
        return len(ratios) == 1 and all(b for _, b in known)
    return all(a == b for a, b in known)


def _refuse(field: str, columns: Sequence[str], advice: str) -> None:
    listed = ", ".join(map(repr, columns))
    raise ManifoldScaleError(f"Columns {listed} may all be {field!r}: {advice}.")


def _require_loss_and_size(
    names: Sequence[str], taken: Mapping[str, str], needs_size: bool
) -> None:
    if LOSS not in taken:
        near = [name for name in names if is_measure_of_loss(name)][:6]
        rising = [name for name in names if is_accuracy(name)]
        may = f" Columns {near} may be meant." if near else ""
        if rising and not near:
            may = (
                f" {rising[0]!r} may rise where a loss falls: loss_column="
                f"{f'1 - {rising[0]}'!r} takes what it lacks of one, {rising[0]!r} itself."
            )
        logs = [name for name in names if is_log_of_loss(name)]
        said = f" {logs[0]!r} is a logarithm: give the loss itself." if logs else ""
        raise ManifoldScaleError(
            "The table needs a column 'loss' (or test_loss, val_loss, eval_loss, "
            f"test_error); it has {list(names)}. Another name: {_how(LOSS)}.{said}{may}"
        )
    bare = [name for name in names if is_bare_size(name) or is_index(name)]
    sized = any(field in taken for field in (*SIZES[:3], "steps"))
    sized = sized or ("compute" in taken and not bare)
    if needs_size and not sized:
        said = f"Columns {bare} may be one of them. " if bare else ""
        column = bare[0] if bare else "NAME"
        raise ManifoldScaleError(
            "The table needs a column 'dataset_size', 'width' or 'parameters'; it has "
            f"{list(names)}. {said}Say what it is: size_column={{'data': {column!r}}} or "
            f"{{'parameters': {column!r}}} (--size-column data={column}). The loss over "
            "the steps of training needs none: row='trajectory' (--row trajectory)."
        )


def _is_index_of_sizes(column: str, rows: Sequence[Row]) -> bool:
    """Whether an index without a name may hold the sizes that rows were grouped by."""
    values = [as_number(row[column]) for row in rows] if is_index(column) else []
    sizes = [value for value in values if value is not None and value > 0]
    return len(set(sizes)) >= 3 and len(sizes) == len(values)


def _how(field: str) -> str:
    """How a caller names a column, in Python and at the command line."""
    option = OPTION[field]
    return f"{option}='...' (--{option.replace('_', '-')})"
