"""Rows of a table that are one network: a log holds many rows per run, and one counts.

Rows that share their sizes, seed and settings belong to one network. If they differ in a
step or an epoch they are its trajectory. Their average would be a run that nobody trained,
and their spread is not a scatter between runs.
"""

import dataclasses as dc
from collections.abc import Callable, Hashable, Sequence

from .columns import SIZES, Columns
from .errors import ManifoldScaleError
from .names import is_clock, is_measured, is_name_of_a_run, is_run_name, is_time
from .tables import Row, as_number, is_number_or_none

CHOICES = ("last", "best", "all", "trajectory")
MANY = 8  # rows per network, from which on a table is a log whatever its steps are


@dc.dataclass(frozen=True)
class KeptSteps:
    """Which rows count as networks.

    Attributes
    ----------
    by : the column in which the rows of a network differ; None if all rows count.
    said : what was done, in words.
    network : the network of each row; empty if every row is a network.
    """

    rows: list[Row]
    by: str | None = None
    said: str = ""
    network: tuple[int, ...] = ()


def networks_in(rows: Sequence[Row], columns: Columns, choice: str | None) -> KeptSteps:
    """One row for each network.

    choice : "last", "best" (the smallest loss), "all" (every row is a network),
    "trajectory" (every row is a step of one), or None: the last, if a column of steps shows
    that there are several.

    Raises
    ------
    ManifoldScaleError : rows of one network without an order, and no choice; or no column
        of steps for a trajectory.
    """
    unique = list({_key(row, list(row)): row for row in rows}.values())
    repeated = len(rows) - len(unique)
    said = f"{repeated:,} rows that repeat another one were left out" if repeated else ""
    if choice == "all":
        return KeptSteps(unique, None, said)
    whole = _Log(unique, columns)
    by = whole.time
    rows_of_training = whole.without_a_loss() if by is not None or choice else []
    if rows_of_training:
        out = {id(row) for row in rows_of_training}
        unique = [row for row in unique if id(row) not in out]
        left_out = f"{len(out):,} rows without {whole.loss} were left out"
        said = "; ".join(filter(None, (said, left_out)))
    table = _Log(unique, columns)
    if choice == "trajectory":
        return _every_step(table, whole.any_time, said)
    if table.names_every_row or (by is None and not (choice or table.tells_runs_apart)):
        return KeptSteps(unique, None, said)
    groups = table.groups(by, asked=choice is not None)
    if len(groups) == len(unique):
        said = "; ".join(filter(None, (said, table.shared_seeds())))
        return KeptSteps(unique, None, said)
    if by is None and choice is None:
        raise ManifoldScaleError(
            f"{len(groups):,} networks in {len(unique):,} rows: rows of one size and seed "
            "differ in their outcome only. Choose one of each, row='last' or row='best' "
            "(--row last|best); row='all' takes every row as a separate network."
        )
    word = choice or "last"
    picked = [table.pick(group, by, word) for group in groups]
    differ = f", which differ in {by}" if by else ""
    one = (
        f"{len(unique):,} rows are {len(groups):,} networks{differ}: the {word} row of "
        f"each counts; `row`, --row, takes last, best or all"
    )
    open_ended = whole.open_ended(by)
    ends = f"{open_ended:,} of them end on a row without a loss" if open_ended else ""
    return KeptSteps(picked, by, "; ".join(filter(None, (said, one, ends))))


def _every_step(table: "_Log", by: str | None, said: str) -> KeptSteps:
    """All rows in the order of their steps, without step 0, which has no place on a
    logarithmic axis.
    """
    if by is None:
        raise ManifoldScaleError(
            "row='trajectory' needs a column of steps (step, global_step, iteration, "
            "epoch) of numbers; the table has none in which rows differ. If it has another "
            "name: size_column={'steps': '...'} (--size-column steps=...)."
        )
    groups = table.groups(by, asked=True)
    steps = [
        (row, _number(row[by], -1.0), i) for i, one in enumerate(groups) for row in one
    ]
    later = sorted((one for one in steps if one[1] > 0), key=lambda one: (one[2], one[1]))
    before = len(steps) - len(later)
    left = f"{before:,} rows of {by} 0, or without one, were left out" if before else ""
    one = f"{len(later):,} rows are steps ({by}) of {len(groups):,} networks"
    return KeptSteps(
        [row for row, _, _ in later],
        by,
        "; ".join(filter(None, (said, left, one))),
        tuple(network for _, _, network in later),
    )


def with_rows(columns: Columns, layout: str, kept: KeptSteps, trajectory: bool) -> Columns:
    """The columns with what was done with the rows, and with the steps: those of a
    trajectory, or the number for which a network was trained.
    """
    if trajectory:
        columns = dc.replace(columns, layout="; ".join(filter(None, (layout, kept.said))))
    else:
        columns = dc.replace(columns, layout=layout, rows=kept.said, logged=kept.by or "")
    column = (kept.by or "") if trajectory else "steps"
    taken = columns.column("steps") is not None or column == columns.logged
    numbers = [as_number(row[column]) for row in kept.rows if column in row]
    if column not in columns.unread or taken or None in numbers:
        return columns
    return dc.replace(
        columns,
        read=(*columns.read, (column, "steps")),
        unread=tuple(name for name in columns.unread if name != column),
    )


@dc.dataclass(frozen=True)
class _Log:
    rows: list[Row]
    columns: Columns

    @property
    def loss(self) -> str:
        return self.columns.column("loss") or "loss"

    @property
    def keys(self) -> list[str]:
        """Columns that rows of one network share."""
        sizes = [column for column, field in self.columns.read if field in SIZES]
        return sizes + self.seed + self.names

    @property
    def seed(self) -> list[str]:
        column = self.columns.column("seed")
        return [column] if column is not None else []

    def varying(self, is_of_kind: Callable[[str], bool]) -> list[str]:
        """Unread columns of a kind that hold more than one value."""
        return [
            name
            for name in self.columns.unread
            if is_of_kind(name) and self.distinct(name) > 1
        ]

    @property
    def tells_runs_apart(self) -> bool:
        """Whether a seed or the name of a run tells runs apart."""
        seeds = [name for name in self.seed if self.distinct(name) > 1]
        return bool(seeds or self.names)

    @property
    def names(self) -> list[str]:
        """The names of runs, unless they name every row."""
        return [
            name
            for name in self.varying(is_run_name)
            if self.distinct(name) < len(self.rows)
        ]

    @property
    def names_every_row(self) -> bool:
        """Whether each row has its own name of a run."""
        return any(
            is_name_of_a_run(name) and self.distinct(name) == len(self.rows)
            for name in self.columns.unread
        )

    @property
    def time(self) -> str | None:
        """The column of steps or epochs in which rows of one network differ."""
        times = self.varying(lambda name: is_time(name) and self.is_numeric(name))
        if not times and self.tells_runs_apart:
            times = self.varying(lambda name: is_clock(name) and self.is_numeric(name))
        times = [name for name in times if self.is_log_by(name)]
        return max(times, key=self.distinct, default=None)

    @property
    def any_time(self) -> str | None:
        """The column of steps when there must be one: a column called so, or steps before
        epochs.
        """
        given = self.columns.column("steps")
        if given is not None:
            return given
        times = self.varying(lambda name: is_time(name) and self.is_numeric(name))

        def steps_first(name: str) -> tuple[int, bool]:
            return self.distinct(name), "epoch" not in name.lower()

        return max(times, key=steps_first, default=self.time)

    def distinct(self, name: str) -> int:
        return len({str(row[name]) for row in self.rows})

    def is_log_by(self, name: str) -> bool:
        """Whether the column changes within a network. If nothing tells runs apart, a few
        rows that share no steps are runs that stopped at different times.
        """
        groups = _grouped(self.rows, self.keys)
        steps = [{row[name] for row in group} for group in groups]
        if all(len(one) == 1 for one in steps):
            return False
        rows = sorted(map(len, groups))
        shared = 2 * len(set().union(*steps)) <= sum(map(len, steps))
        return self.tells_runs_apart or rows[len(rows) // 2] >= MANY or shared

    def is_numeric(self, name: str) -> bool:
        return all(is_number_or_none(row[name]) for row in self.rows)

    def groups(self, by: str | None, asked: bool) -> list[list[Row]]:
        """The rows of each network. Without steps, and unless one row of each is `asked`
        for, rows that differ in any setting are separate networks.
        """
        keys = self.keys
        settings = [
            name
            for name in self.columns.unread
            if not (is_time(name) or is_clock(name) or name in keys)
            and not (is_measured(name) and self.is_numeric(name))
        ]
        keys += [
            name for name in settings if not self.is_numeric(name) and self.recurs(name)
        ]
        if by is None:
            rest = [] if asked and self.tells_runs_apart else settings
            return _grouped(self.rows, list(dict.fromkeys([*keys, *rest])))
        found = _grouped(self.rows, keys)
        if all(_is_ordered(group, by) for group in found):
            return found
        # Several networks go through the same steps: what else tells them apart?
        keys += [
            name for name in settings if name not in keys and self.crosses(name, keys, by)
        ]
        found = _grouped(self.rows, keys)
        if not all(_is_ordered(group, by) for group in found):
            raise ManifoldScaleError(
                f"Several rows share their sizes, settings and {by}: a column that tells "
                "the runs apart is missing, such as 'seed', or a run that was resumed "
                "logged steps twice: keep one row of each. row='all' (--row all) takes "
                "every row as a separate network."
            )
        return found

    def shared_seeds(self) -> str:
        """In words, that rows of one size and seed count alone; "" if there are none."""
        n = len(_grouped(self.rows, self.keys))
        if n == len(self.rows) or not self.tells_runs_apart:
            return ""
        return (
            f"{len(self.rows):,} rows have {n:,} sizes and seeds, and count as separate "
            "networks because they differ in columns that are not read"
        )

    def recurs(self, name: str) -> bool:
        """Whether each value is in two rows, on average; values of an outcome are not."""
        return 2 * self.distinct(name) <= len(self.rows)

    def crosses(self, name: str, keys: Sequence[str], by: str) -> bool:
        """Whether its values share steps, as the values of a setting do. The values of a
        schedule do not: each has its own steps.
        """

        def steps(names: Sequence[str]) -> int:
            groups = _grouped(self.rows, names)
            return sum(len({row[by] for row in group}) for group in groups)

        return 2 * steps([*keys, name]) >= 3 * steps(keys) and self.recurs(name)

    def has_a_loss(self, row: Row) -> bool:
        return as_number(row[self.loss]) is not None

    def without_a_loss(self) -> list[Row]:
        """Rows without a loss, of networks that have one in another row: loggers write
        training values in separate rows. A network without any loss failed, and stays.
        """
        return [
            row
            for group in _grouped(self.rows, self.keys)
            if any(map(self.has_a_loss, group))
            for row in group
            if not self.has_a_loss(row)
        ]

    def open_ended(self, by: str | None) -> int:
        """How many networks continue after their last loss, because validation is logged
        only now and then, or because training failed.
        """

        def end(rows: list[Row]) -> float:
            return (
                max((_number(row[by], -1.0) for row in rows), default=-1.0) if by else 0.0
            )

        return sum(
            end(group) > end([row for row in group if self.has_a_loss(row)])
            for group in _grouped(self.rows, self.keys)
        )

    def pick(self, group: list[Row], by: str | None, choice: str) -> Row:
        """The best or last row, among rows that hold a loss if there are any."""
        rows = [row for row in group if self.has_a_loss(row)] or group
        if choice == "best":
            return min(rows, key=lambda row: _number(row[self.loss]))
        return rows[-1] if by is None else max(rows, key=lambda row: _number(row[by], -1.0))


def _number(value: object, missing: float = float("inf")) -> float:
    found = as_number(value)
    return missing if found is None else float(found)


def _is_ordered(rows: list[Row], by: str) -> bool:
    """Whether every step is there once."""
    steps = [row[by] for row in rows if row[by] is not None]
    return len(set(steps)) == len(steps)


def _grouped(rows: Sequence[Row], names: Sequence[str]) -> list[list[Row]]:
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(row, names), []).append(row)
    return list(groups.values())


def _key(row: Row, names: Sequence[str]) -> Hashable:
    return tuple(str(row[name]) for name in names)
