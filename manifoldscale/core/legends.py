"""A legend where no data are: in a free corner, or in room that is made above them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

PLACES: Final = (
    *("upper right", "upper left", "lower left", "lower right"),
    *("center right", "center left", "upper center", "lower center"),
)
LAID_OUT = 4  # axes of a figure up to which it is laid out first: with more that is slow
PAD = 4.0  # pixels about the legend
BETWEEN, ON_LINE = 24, 2400  # points between two vertices of a line, and on all of it
MOST = 0.55  # of the height of the axes: a higher legend stands beside them
SOFT = 1e-3  # of a band, beside a point: it may lie below a legend if nothing else is free


def fixed(legend: "Legend") -> bool:
    """Whether its place was chosen outside of the axes."""
    return getattr(legend, "_bbox_to_anchor", None) is not None


def clear_legend(ax: "Axes", may_widen: bool = True) -> None:
    """Put the legend where no marks are; where there is no such place, make room above the
    data, if the limits may be widened; a legend that is too high stands beside the axes.
    """
    legend, figure = ax.get_legend(), ax.get_figure(root=True) if _roots() else ax.figure
    if legend is None or fixed(legend) or figure is None:
        return
    if len(figure.axes) <= LAID_OUT:
        figure.draw_without_rendering()  # type: ignore[union-attr]
    hard, soft = _drawn(ax)
    if _free(legend, hard, soft) or not may_widen:
        return
    if legend.get_window_extent().height > MOST * ax.bbox.height:
        legend.set_ncols(2)
    box = legend.get_window_extent()
    share = (box.height + 3 * PAD) / ax.bbox.height
    if share > MOST or box.width > ax.bbox.width:
        legend.set_ncols(1)
        legend.set_bbox_to_anchor((1.0, 1.0))
        legend.set_loc("upper left")
        return
    inside = hard[(hard[:, 1] <= ax.bbox.y1) & (hard[:, 1] >= ax.bbox.y0), 1]
    top = (inside.max() - ax.bbox.y0) / ax.bbox.height if len(inside) else 1.0
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    high = low + (high - low) * max(1.0, top / (1 - share))
    ax.set_ylim(top=float(scale.inverted().transform(np.array([high]))[0]))
    _free(legend, *_drawn(ax))


def _roots() -> bool:
    """Whether this Matplotlib tells a figure from the subfigure of an axes (3.10)."""
    import matplotlib

    version: Any = matplotlib.__version_info__
    return bool(version[:2] >= (3, 10))


def _free(legend: "Legend", hard: Floats, soft: Floats) -> bool:
    """Put it in the first place with the least below it; whether no mark is."""
    best: tuple[float, Any] | None = None
    for place in PLACES:
        legend.set_loc(place)
        box = legend.get_window_extent().padded(PAD)
        under = [
            ((xy[:, 0] > box.x0) & (xy[:, 0] < box.x1))
            & ((xy[:, 1] > box.y0) & (xy[:, 1] < box.y1))
            for xy in (hard, soft)
        ]
        worse = float(under[0].sum()) + SOFT * float(under[1].mean() if len(soft) else 0)
        if best is None or worse < best[0]:
            best = worse, place
    assert best is not None
    legend.set_loc(best[1])
    return best[0] < 1


def _drawn(ax: "Axes") -> tuple[Floats, Floats]:
    """Pixels of lines, points and bars, (n, 2); and of what a legend may cover if it must:
    bands, and lines across the axes.
    """
    hard, soft = [np.zeros((0, 2))], [np.zeros((0, 2))]
    for is_hard, found in _pixels(ax):
        # What is not known is masked, and bars of nothing else are no segment at all.
        xy: Floats = np.ma.filled(np.ma.asarray(found, dtype=float), np.nan).reshape(-1, 2)
        known = xy[np.isfinite(xy).all(axis=1)]
        (hard if is_hard else soft).append(known)
    return np.concatenate(hard), np.concatenate(soft)


def _pixels(ax: "Axes") -> Iterator[tuple[bool, Floats]]:
    from matplotlib.collections import LineCollection, PathCollection, PolyCollection

    data = ax.transData
    for line in ax.lines:
        across = line.get_transform() != data
        xy = line.get_transform().transform(np.asarray(line.get_xydata(), dtype=float))
        yield not across, xy if line.get_linestyle() == "None" else _filled(xy)
    for one in ax.collections:
        if isinstance(one, LineCollection):
            for segment in one.get_segments():
                yield one.get_transform() == data, _filled(data.transform(segment))
        elif isinstance(one, PathCollection):
            offsets: Floats = np.ma.filled(
                np.ma.asarray(one.get_offsets(), dtype=float), np.nan
            )
            yield True, data.transform(offsets)
        elif isinstance(one, PolyCollection):
            for path in one.get_paths():
                yield False, _filled(data.transform(path.vertices))
    for patch in ax.patches:
        path = patch.get_path().transformed(patch.get_transform())
        # A histogram is data; a shaded span is not.
        is_hard = type(patch).__name__ == "StepPatch"
        yield is_hard, _filled(np.asarray(path.vertices, dtype=float))


def _filled(xy: Floats) -> Floats:
    """With points between the vertices, so that a line is seen where it has none."""
    if len(xy) < 2:
        return xy
    number = max(1, min(BETWEEN, ON_LINE // len(xy)))
    share = np.linspace(0, 1, number, endpoint=False)[:, None]
    between = xy[:-1, None] * (1 - share) + xy[1:, None] * share
    filled: Floats = np.concatenate([between.reshape(-1, 2), xy[-1:]])
    return filled
