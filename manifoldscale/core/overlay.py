"""What every figure has in common once it is drawn: results over each other on one axes, a
legend off the data, numbered ticks, symbols as formulas.
"""

import dataclasses as dc
import re
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .legends import clear_legend, fixed
from .ticks import number_log_axis

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

LETTERS = "CDLNPRdnrtw"  # that stand for a quantity, alone in a label


@dc.dataclass(eq=False)
class Drawn:
    """What results have drawn on an axes before.

    Attributes
    ----------
    names : at the heights 0, 1, 2, ... of the vertical axis.
    base : how many of them there were before the result that is being drawn.
    limits : of both axes after them, before there was room for the legend; None where
        nothing was drawn.
    own : whether the limits are ours to change, of x and of y.
    """

    names: list[str] = dc.field(default_factory=list)
    base: int = 0
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None
    own: tuple[bool, bool] = (True, True)


_drawn: "weakref.WeakKeyDictionary[Axes, Drawn]" = weakref.WeakKeyDictionary()


def drawn_on(ax: "Axes") -> Drawn:
    """What was drawn there before by results; nothing where the axes were cleared."""
    if ax not in _drawn or not ax.has_data():
        _drawn[ax] = Drawn(own=(ax.get_autoscalex_on(), ax.get_autoscaley_on()))
    return _drawn[ax]


@contextmanager
def overlaid(
    ax: "Axes", label: str | None = None, color: Any = None, finishes: bool = True
) -> Iterator[None]:
    """Draw a result over what is there: its main mark gets this label and colour, and what
    was drawn before stays within the limits.

    The main mark is the first with a legend, or else the first. Everything of its colour,
    such as its band, changes colour with it. `finish` comes after, unless the caller does
    that once for several axes: it lays out the whole figure.
    """
    before = drawn_on(ax)
    before.base, limits = len(before.names), before.limits
    known = {id(one) for one in _marks(ax)} | {id(one) for one in ax.containers}
    if limits is not None:
        for name, own in zip("xy", before.own, strict=True):
            ax.autoscale(own or None, axis=name)  # type: ignore[arg-type]
    yield
    new = [one for one in _marks(ax) if id(one) not in known]
    grouped = [one for one in ax.containers if id(one) not in known]
    _settle(new)
    if new:
        _restyle(ax, new, grouped, label, color)
    if limits is not None:
        _widen(ax, limits)
    before.limits = ax.get_xlim(), ax.get_ylim()
    before.base = len(before.names)
    if finishes:
        finish(ax)


def finish(ax: "Axes") -> None:
    """Formulas, numbers at logarithmic axes, and the legend where no data are."""
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set_text(as_formula(text.get_text(), LETTERS))
    legend = ax.get_legend()
    for text in legend.get_texts() if legend else ():
        text.set_text(as_formula(text.get_text()))
    labelled: list[Any] = [*_marks(ax), *ax.containers]
    for mark in labelled:
        if _is_named(mark):
            mark.set_label(as_formula(str(mark.get_label())))
    for name in "xy":
        number_log_axis(ax, name)
    clear_legend(ax, drawn_on(ax).own[1])


def as_formula(text: str, letters: str = "") -> str:
    r"""The symbols in a text as Matplotlib sets formulas; single letters at a comma, a
    bracket, an equality or the end only, those in `letters`.

    >>> as_formula("training examples D", "D"), as_formula("alpha_D 0.5, kappa_rms")
    ('training examples $D$', '$\\alpha_D$ 0.5, $\\kappa_\\mathrm{rms}$')
    """
    if "$" in text:
        return text
    text = re.sub(r"\balpha_(\w)\b", r"$\\alpha_\1$", text)
    text = re.sub(r"\balpha\b(?!\$)", r"$\\alpha$", text) if "$" not in text else text
    text = re.sub(r"\bkappa_rms\b", r"$\\kappa_\\mathrm{rms}$", text)
    text = re.sub(r"\^(-?[\d.]+)", r"$^{\1}$", text)
    text = re.sub(r" x R\b", r" $\\times\\ R$", text)
    if letters:
        text = re.sub(rf"(?<!\S)([{letters}])(?=$|,| =| \()", r"$\1$", text)
    return re.sub(r"(?<!\S)([DPNdw])(?= = )", r"$\1$", text)


def _marks(ax: "Axes") -> "list[Artist]":
    """Everything that was drawn, in order."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    kinds = (Line2D, Collection, Patch)
    return [
        one for one in ax.get_children() if isinstance(one, kinds) and one is not ax.patch
    ]


def _settle(marks: "Sequence[Artist]") -> None:
    """Colours as they are in the style of now; "C0" would be read when the figure is shown,
    in another style.
    """
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D

    for mark in marks:
        if isinstance(mark, Line2D) and isinstance(mark.get_color(), str):
            mark.set_color(to_rgba(mark.get_color(), mark.get_alpha()))


def _restyle(
    ax: "Axes",
    marks: "Sequence[Artist]",
    grouped: Sequence[Any],
    label: str | None,
    color: Any,
) -> None:
    place = {id(mark): i for i, mark in enumerate(marks)}
    first = {id(g): min((place[id(m)] for m in _parts(g)), default=0) for g in grouped}
    named = [
        (first.get(id(one), place.get(id(one), 0)), one)
        for one in (*grouped, *marks)
        if _is_named(one)
    ]
    main: Any = min(named, key=lambda one: one[0])[1] if named else marks[0]
    if not named and grouped and first[id(grouped[0])] == 0:
        main = grouped[0]
    if color is not None:
        _recolor(marks, main, color)
    if label is None:
        return
    # Of several series at values, as "P = 200", each keeps its own.
    is_series = len(named) > 1 and "=" in str(main.get_label())
    for _, one in named:
        if one is not main or is_series:
            one.set_label(f"{label}: {one.get_label()}")
    if not is_series:
        main.set_label(label)
    _renew_legend(ax)


def _is_named(mark: Any) -> bool:
    """Whether it stands in a legend."""
    said = str(mark.get_label() or "")
    return bool(said) and not said.startswith("_")


def _parts(group: Any) -> "list[Artist]":
    """The artists of a container, such as a mark with its error bars."""
    from matplotlib.artist import Artist

    found: list[Artist] = []
    for one in group:
        if isinstance(one, Artist):
            found.append(one)
        elif one is not None:
            found += [part for part in one if isinstance(part, Artist)]
    return found


def _recolor(marks: "Sequence[Artist]", main: Any, color: Any) -> None:
    """Whatever has the colour of the main mark, or is part of it."""
    from matplotlib.artist import Artist
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D

    own = [main] if isinstance(main, Artist) else _parts(main)
    shade, new = _shade(own[0]), to_rgba(color)
    for mark in marks:
        alike = shade is not None and _shade(mark) == shade
        if (mark not in own and not alike) or isinstance(
            getattr(mark, "get_array", lambda: None)(), np.ndarray
        ):
            continue
        mark.set_color(new)  # type: ignore[attr-defined]
        if isinstance(mark, Line2D):  # the caps of bars have a colour of their own
            mark.set_markeredgecolor(new)
            if mark.get_fillstyle() != "none":
                mark.set_markerfacecolor(new)


def _shade(mark: Any) -> tuple[float, ...] | None:
    from matplotlib.colors import to_rgba_array

    get = getattr(mark, "get_color", None) or mark.get_facecolor
    found = to_rgba_array(get())
    if not len(found) and hasattr(mark, "get_edgecolor"):
        found = to_rgba_array(mark.get_edgecolor())
    return tuple(found[0, :3].round(6).tolist()) if len(found) else None


def _renew_legend(ax: "Axes") -> None:
    """The legend with the labels as they are now."""
    old = ax.get_legend()
    style: dict[str, Any] = {}
    if old is not None:
        style = {"title": old.get_title().get_text() or None}
        if fixed(old):
            style |= {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    ax.legend(**style)


def _widen(ax: "Axes", limits: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Limits within which is also what was drawn before."""
    for before, get, set_ in (
        (limits[0], ax.get_xlim, ax.set_xlim),
        (limits[1], ax.get_ylim, ax.set_ylim),
    ):
        now = get()
        low, high = np.sort([*before, *now])[[0, -1]]
        if (low, high) != tuple(sorted(now)):
            set_(*((low, high) if now[0] <= now[1] else (high, low)))
