"""Tables for papers: numbers with their intervals as LaTeX writes them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import require

SPECIAL = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"} | {"~": r"\textasciitilde{}"})
# But where they are asked for.
LEFT_OUT = {"level", "method", "n_points", "caveats", "errors", "floor_rule", "local"}
BOUNDS = ("bound", "resolved_bound", "alone_bound")
MOST = 5  # digits of a number that is known better
PLAIN = (1e-3, 1e5)  # numbers outside of which have a power of ten
SYMBOLS = {  # of columns, as a heading
    "dimension": "$d$",
    "ratio": "$r$",
    "in_words": "what follows",
    "at_scale": "$r$, $d$ resolved",
    "other_floor": "$r$, other floor",
    "kappa_rms": r"$\kappa_\mathrm{rms}$",
    "kappa_extent": r"$\kappa\,R$",
    "alpha": r"$\alpha$",
    **{f"alpha_{axis}": rf"$\alpha_{axis}$" for axis in "DPwtC"},
    **{letter: f"${letter}$" for letter in "CDLNP"},
}


def latex_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None
) -> str:
    r"""Rows as a `tabular`, a number with its interval in one cell.

    >>> row = {"site": "fc_1", "dimension": 8.24, "low": 4.3, "high": 13.5}
    >>> print(latex_table([row]))
    \begin{tabular}{ll}
    \hline
    site & $d$ \\
    \hline
    fc\_1 & $8.2^{+5.3}_{-3.9}$ \\
    \hline
    \end{tabular}

    Parameters
    ----------
    columns : names of the columns in order; by default the first, texts, whole numbers and
        numbers with an interval; all but methods and caveats where none has an interval.

    Raises
    ------
    ManifoldScaleError : a column that does not exist.
    """
    merged = [_with_intervals(row) for row in rows]
    every = list(dict.fromkeys(name for row in merged for name in row))
    chosen = _usual(merged, every) if columns is None else list(columns)
    unknown = [name for name in chosen if name not in every]
    require(
        not unknown,
        f"There is no column {', '.join(map(repr, unknown))}; columns are "
        f"{', '.join(every)}.",
    )
    lines = [" & ".join(map(_heading, chosen))]
    lines += [" & ".join(_cell(row.get(name)) for name in chosen) for row in merged]
    head, *body = (rf"{line} \\" for line in lines)
    inside = [r"\hline", head, r"\hline", *body, r"\hline"]
    start = rf"\begin{{tabular}}{{{'l' * len(chosen)}}}"
    return "\n".join([start, *inside, r"\end{tabular}"])


def _usual(rows: Sequence[Mapping[str, Any]], every: Sequence[str]) -> list[str]:
    """The columns of a paper: what a row is about, and what is known with an interval."""

    def is_shown(name: str) -> bool:
        values = [row[name] for row in rows if row.get(name) is not None]
        return all(
            isinstance(v, tuple | str | int) and not isinstance(v, bool) for v in values
        )

    twice = {"verdict"} if "in_words" in every else set()
    said = {name for name in every if any(row.get(name) not in (None, "") for row in rows)}
    left = [name for name in every if name in said - LEFT_OUT - twice]
    some = any(isinstance(value, tuple) for row in rows for value in row.values())
    return [n for i, n in enumerate(left) if i == 0 or is_shown(n)] if some else left


def _heading(name: str) -> str:
    return SYMBOLS.get(name) or _text(name.replace("_", " "))


def _with_intervals(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with each number and its two ends as one entry: `x`, `x_low`, `x_high`;
    `alpha_P`, `low_P`, `high_P`; or the column before a plain `low` and `high`.
    """
    found: dict[str, Any] = {}
    last = ""
    for name, value in row.items():
        whole = _whole(name, row, last)
        if whole:
            known = found[whole] if isinstance(found[whole], tuple) else (found[whole],)
            found[whole] = (*known, value)[:3]
        else:
            found[name], last = value, name
    intervals = [name for name, value in found.items() if isinstance(value, tuple)]
    # Of a value of which only the lower end is known; of the first if not named. Another
    # column may have this name, with a number in it.
    for name in [name for name in BOUNDS if found.get(name) == "below"]:
        del found[name]
        of = (
            name.removesuffix("_bound") if name in BOUNDS[1:] else next(iter(intervals), "")
        )
        if of in intervals:
            found[of] = (math.inf, *found[of][1:])
    return found


def _whole(name: str, row: Mapping[str, Any], last: str) -> str:
    """The column of which this one is an end; empty if it is none."""
    if name in ("low", "high"):
        return last
    stem, _, end = name.rpartition("_")
    if end in ("low", "high") and stem in row:
        return stem
    end, _, axis = name.partition("_")
    return f"alpha_{axis}" if end in ("low", "high") and f"alpha_{axis}" in row else ""


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return with_errors(*value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "--"
    if isinstance(value, float):
        value, power = _split(value)
        return f"${_rounded(value, _digits(value))}{power}$"
    return _text(value)


def _split(value: float) -> tuple[float, str]:
    """A number outside of `PLAIN` as a number near one and a power of ten."""
    if value == 0 or math.isinf(value) or PLAIN[0] <= abs(value) < PLAIN[1]:
        return value, ""
    exponent = math.floor(math.log10(abs(value)))
    return value / 10.0**exponent, rf"\times 10^{{{exponent}}}"


def with_errors(value: float, low: float, high: float) -> str:
    r"""A number and its interval, to two digits of the smaller distance.

    >>> print(with_errors(0.343, 0.17, 0.6), with_errors(2.5, 2.5, float("inf")))
    $0.34^{+0.26}_{-0.17}$ $2.50^{+\infty}_{-0}$
    >>> print(with_errors(float("inf"), 92.3, float("inf")))
    $> 92.3$
    >>> print(with_errors(3.22e11, 2.95e11, 3.52e11))
    $3.22^{+0.30}_{-0.27}\times 10^{11}$
    """
    if value is None or math.isnan(value):
        return "--"
    if math.isinf(value) and math.isfinite(low):  # only this end is known
        low, power = _split(low)
        return f"$> {_rounded(low, _digits(low))}{power}$"
    near, power = _split(value)
    unit = value / near if power else 1.0
    value, ends = near, [abs(end - value) / unit for end in (low, high)]
    sizes = [size for size in ends if 0 < size < math.inf]
    digits = _digits(min(sizes), 2) if sizes else _digits(value)
    digits = min(digits, _digits(value, MOST)) if value else digits
    down, up = (
        "0" if size == 0 else r"\infty" if math.isinf(size) else _rounded(size, digits)
        for size in ends
    )
    return f"${_rounded(value, digits)}^{{+{up}}}_{{-{down}}}{power}$"


def _digits(value: float, significant: int = 3) -> int:
    """Decimal places that show so many significant digits."""
    if value == 0 or math.isinf(value):
        return 0
    return significant - 1 - math.floor(math.log10(abs(value)))


def _rounded(value: float, digits: int) -> str:
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    return f"{round(value, digits):.{max(digits, 0)}f}"


def _text(value: Any) -> str:
    return str(value).translate(SPECIAL)
