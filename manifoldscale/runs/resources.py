"""Losses over two resources: their law, the best sizes at a compute, how both are shown.

The law is a sum of two powers, E + A P^-alpha_P + B D^-alpha_D; the best sizes are those of
its smallest loss at a given compute C = c P D, with c = 6 where the table does not say it.
"""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import ManifoldScaleError
from ..core.interval import number
from ..core.learning_curve import Axis, LearningCurve
from ..core.serialize import plain
from ..core.style import roles
from ..report.laws import floats
from ..report.parts import Block, Figures, Line, LinesFigure, Listing, Notes, Row
from . import telling

if TYPE_CHECKING:
    from ..scaling.frontier import ComputeFrontier
    from ..scaling.joint import JointLaw
    from ..scaling.sum_law import SumLaw

FLOPS = 6.0  # operations that an example (a token) costs a parameter, forward and backward
ASSUMED = "C = 6 P D is assumed, as for language models"
MOST_CURVES = 9  # of a figure


@dc.dataclass(frozen=True, eq=False)
class Resources:
    """What is said of both resources together.

    Attributes
    ----------
    law : the sum of two powers.
    frontier : the best sizes at a compute; None where the losses depend on one resource
        only, and in width.
    costs : where the operations that an example costs a parameter are from.
    """

    law: "SumLaw"
    frontier: "ComputeFrontier | None" = None
    costs: str = ""


def resources_of(curve: LearningCurve, floor: str | float) -> "Resources | str":
    """The law of both resources, or why there is none; "" where one alone was varied."""
    from ..scaling.frontier import compute_frontier
    from ..scaling.sum_law import fit_sum

    others = [axis for axis in (Axis.parameters, Axis.width) if curve.distinct(axis) > 1]
    if not others or curve.distinct(Axis.data) < 2 or curve.is_trajectory:
        return ""
    axis = others[0]
    try:
        law = fit_sum(curve, axis=axis, floor=floor)
        if axis is Axis.width or law.idle:
            return Resources(law)
        per, said = _costs(curve)
        return Resources(law, compute_frontier(law, flops_per=per), said)
    except ManifoldScaleError as error:
        return str(error)


def _costs(curve: LearningCurve) -> tuple[float, str]:
    """Operations that an example costs a parameter, of the table where it says compute."""
    product = curve.column(Axis.data) * curve.column(Axis.parameters)
    ratios = curve.column(Axis.compute) / product
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    if len(known) < len(ratios) / 2:
        return FLOPS, ASSUMED
    per = float(np.median(known))
    return per, f"C = {number(per)} P D, by the column of the compute"


def best_sizes(found: Resources) -> list[dict[str, Any]]:
    """A row per compute, over its range and a decade beyond: the best P and D, how many
    examples that is per parameter, and the loss, each with its interval.
    """
    if found.frontier is None:
        return []
    ends = found.frontier.minima.compute
    low, high = (math.log10(end) for end in (ends.min(), ends.max()))
    powers = 10.0 ** np.arange(math.ceil(low), math.floor(high) + 2)
    sizes = found.frontier.parameters(powers), found.frontier.dataset_size(powers)
    loss = found.frontier.loss(powers)
    rows = []
    for i, compute in enumerate(powers):
        row = {"compute": float(compute), "beyond": bool(compute > ends.max())}
        for name, one in zip(("P", "D", "loss"), (*sizes, loss), strict=True):
            row |= {name: float(one.median[i])}
            row |= {f"{name}_low": float(one.low[i]), f"{name}_high": float(one.high[i])}
        rows.append(row | {"per_parameter": row["D"] / row["P"]})
    return rows


def stored(found: Resources) -> dict[str, Any]:
    """What results.json keeps of it: numbers, and the curves of the figures."""
    law = found.law
    kept: dict[str, Any] = {
        **law.row(),
        "axis": law.grid.axis.name,
        "headline": law.headline(),
        "caveats": list(map(str, law.caveats)),
        "curves": _curves(law),
    }
    if found.frontier is not None:
        kept["frontier"] = _stored_frontier(found, found.frontier)
    return {name: plain(value) for name, value in kept.items()}


def _stored_frontier(found: Resources, frontier: "ComputeFrontier") -> dict[str, Any]:
    ends = frontier.minima.compute.min(), frontier.minima.compute.max()
    c = np.append(np.geomspace(*ends, 40), np.geomspace(ends[1], ends[1] * 10, 13)[1:])
    p, d, loss = frontier.parameters(c), frontier.dataset_size(c), frontier.loss(c)
    line = {"compute": c, "P": p.median, "low": p.low, "high": p.high, "loss": loss.median}
    line |= {"D": d.median, "D_low": d.low, "D_high": d.high}
    line |= {"loss_low": loss.low, "loss_high": loss.high}
    return {
        "last": ends[1],
        "minima": _minima(frontier),
        "headline": frontier.headline(),
        "caveats": list(map(str, frontier.caveats)),
        "costs": found.costs,
        "rows": best_sizes(found),
        "line": line,
        "budgets": _budgets(frontier),
    }


def _curves(law: "SumLaw") -> list[dict[str, Any]]:
    """Losses over D at each P, where there are few of them, with several D each."""
    grid = law.grid
    sizes, counts = np.unique(grid.parameters, return_counts=True)
    if len(sizes) > 2 * MOST_CURVES or np.median(counts) < 2:
        return []
    chosen = np.unique(np.linspace(0, len(sizes) - 1, MOST_CURVES).round().astype(int))
    x = np.geomspace(grid.data.min(), grid.data.max(), 60)
    found = []
    for p in sizes[chosen]:
        here = grid.parameters == p
        points = {"x": grid.data[here], "y": grid.loss[here]}
        found.append({"size": p, **points, "curve": {"x": x, "y": law.predict(x, p)}})
    return found


def _minima(frontier: "ComputeFrontier") -> dict[str, Any]:
    """The smallest loss of each budget that several sizes share, by a parabola, without the
    law.
    """
    from ..scaling.isoflop import parabolas

    grid, per = frontier.grid, frontier.flops_per
    found = parabolas(grid, per * grid.data * grid.parameters)
    c, p = found.compute, found.parameters
    return {"compute": c, "P": p, "D": c / per / p, "loss": found.loss}


def _budgets(frontier: "ComputeFrontier") -> list[dict[str, Any]]:
    """Losses over P at equal compute, where runs share one."""
    from ..scaling.isoflop import LEAST, budgets_of
    from ..scaling.sum_law import SumLaw

    grid, law = frontier.grid, frontier.law
    compute = frontier.flops_per * grid.data * grid.parameters
    budgets = [places for places in budgets_of(compute) if len(places) >= LEAST]
    if len(budgets) < 3 or not isinstance(law, SumLaw):
        return []
    chosen = np.unique(np.linspace(0, len(budgets) - 1, MOST_CURVES).round().astype(int))
    found = []
    for places in (budgets[i] for i in chosen):
        p, c = grid.parameters[places], float(np.exp(np.log(compute[places]).mean()))
        x = np.geomspace(p.min(), p.max(), 60)
        curve = {"x": x, "y": law.predict(c / frontier.flops_per / x, x)}
        found.append({"size": c, "x": p, "y": grid.loss[places], "curve": curve})
    return found


def tell_resources(
    content: Mapping[str, Any] | None, loss_label: str = "test loss"
) -> list[Block]:
    """The parts that show what `stored` kept."""
    if content is None:
        return []
    axis, frontier = Axis.of(content["axis"]), content.get("frontier")
    symbol = axis.symbol
    said = [content["headline"], *content["caveats"]]
    blocks: list[Block] = [
        *telling.notes(f"Both resources: E + A {symbol}^-alpha + B D^-alpha_D", said)
    ]
    figures = _figure(
        "resources", content["curves"], Axis.data.label, f"{symbol} = ", loss_label
    )
    if frontier is None:
        return [*blocks, *([Figures("Losses over both", figures)] if figures else [])]
    figures += [*_isoflops(frontier, axis, loss_label), *_frontiers(frontier, loss_label)]
    return [
        *blocks,
        Figures("Losses over both, and the best sizes", figures),
        *telling.notes(
            f"Compute frontier ({frontier['costs']})",
            [frontier["headline"], *frontier["caveats"]],
        ),
        _best_table(frontier["rows"]),
    ]


def _figure(
    name: str,
    curves: Sequence[Mapping[str, Any]],
    x_label: str,
    before: str,
    loss_label: str = "test loss",
) -> list[LinesFigure]:
    """Points with the curves of the law through them."""
    if not curves:
        return []
    lines = []
    for color, one in zip(roles(len(curves), ordered=True), curves, strict=True):
        label, curve = f"{before}{one['size']:.3g}", one["curve"]
        lines.append(Line(label, floats(one["x"]), floats(one["y"]), "points", None, color))
        lines.append(Line("", floats(curve["x"]), floats(curve["y"]), "line", None, color))
    alt = f"Test loss against {x_label}; the numbers are in the table of the runs."
    caption = "Points are mean losses, lines the law."
    return [LinesFigure(name, caption, alt, x_label, loss_label, lines, log="xy")]


def _isoflops(
    frontier: Mapping[str, Any], axis: Axis, loss_label: str
) -> list[LinesFigure]:
    """Losses at equal compute, and the smallest ones."""
    found = _figure("isoflop", frontier["budgets"], axis.label, "C = ", loss_label)
    if not found:
        return []
    line = frontier["line"]
    inside = floats(line["compute"]) <= max(one["size"] for one in frontier["budgets"])
    best = Line(
        "best", floats(line["P"])[inside], floats(line["loss"])[inside], "dashed", None, 6
    )
    return [dc.replace(found[0], lines=[*found[0].lines, best])]


def _frontiers(frontier: Mapping[str, Any], loss_label: str) -> list[LinesFigure]:
    """The best sizes, and their loss, against compute. Earlier versions kept P alone with
    its interval.
    """
    line = frontier["line"]
    sizes = [("P", "low", "high", 0), ("D", "D_low", "D_high", 1)]
    losses = [("loss", "loss_low", "loss_high", 0)]
    best, minima = (
        [part for one in group if one[0] in line for part in _best(frontier, *one)]
        for group in (sizes, losses)
    )
    said = "dashed a decade beyond the runs; the band is the interval."
    if len(frontier.get("minima", {"compute": ()})["compute"]):
        said += (
            " Points are the smallest losses of the runs at equal compute, by parabolas."
        )
    alt = f"{frontier['headline']}; the numbers are in the table of the best sizes."
    c = Axis.compute.label
    words = (f"The best sizes at each compute, {said}", f"Best P and D against C. {alt}")
    of_loss = (f"The loss at the best sizes, {said}", f"Smallest loss against C. {alt}")
    return [
        LinesFigure("frontier", *words, c, "best P and D", best, log="xy"),
        LinesFigure("frontier_loss", *of_loss, c, loss_label, minima, log="xy"),
    ]


def _best(
    frontier: Mapping[str, Any], name: str, low: str, high: str, color: int
) -> list[Line]:
    """One series of the frontier: within the runs, beyond them, and as measured."""
    line, minima = frontier["line"], frontier.get("minima")
    c, y = floats(line["compute"]), floats(line[name])
    last = frontier.get("last", c[-1] / 10)
    band = (floats(line[low]), floats(line[high])) if low in line else None
    lines = []
    for where, kind in ((c <= last * 1.001, "line"), (c >= last * 0.999, "dashed")):
        ends = None if band is None else (band[0][where], band[1][where])
        label = {"P": "best P", "D": "best D", "loss": "frontier"}[name]
        label = label if kind == "line" else ""
        lines.append(Line(label, c[where], y[where], kind, None, color, ends))
    if minima is not None and len(minima["compute"]):
        at = floats(minima["compute"]), floats(minima[name])
        lines.append(Line("smallest at equal C", *at, "points", None, color))
    return lines


def _best_table(rows: Sequence[Mapping[str, Any]]) -> Listing:
    columns = [("compute C", True), ("best P", True), ("interval", False)]
    columns += [("best D", True), ("interval", False), ("D per P", True)]
    columns += [("loss", True), ("interval", False)]
    return Listing(
        "The best sizes at each compute; intervals hold what is not known of the law's "
        "numbers. Computes in brackets lie beyond the runs.",
        columns,
        [Row(best_cells(row)) for row in rows],
    )


def best_cells(row: Mapping[str, Any]) -> list[str]:
    """A row of `best_sizes` in words."""

    def sizes(name: str) -> tuple[str, str]:
        ends = (f"{row[f'{name}_{end}']:.3g}" for end in ("low", "high"))
        return f"{row[name]:.3g}", f"[{', '.join(ends)}]"

    compute = f"{row['compute']:.0e}"
    return [
        f"({compute})" if row["beyond"] else compute,
        *sizes("P"),
        *sizes("D"),
        number(row["per_parameter"]),
        number(row["loss"]),
        f"[{number(row['loss_low'])}, {number(row['loss_high'])}]",
    ]


def beaten(law: "JointLaw") -> str:
    """In one line, that the sum of two powers describes the losses better; empty if not."""
    by = f"AICc higher by {number(law.worse_by, 2)}"
    said = f"as one law with a peak, of random features, they are worse ({by})"
    return said if law.worse_by else ""


def stored_joint(law: "JointLaw") -> dict[str, Any]:
    return {
        "beaten": beaten(law),
        **law.row(),
        "headline": law.headline(),
        "sum": {**law.rival.row(), "headline": law.rival.headline()},
        "caveats": [str(note) for note in law.caveats],
    }


def joint_of(curve: LearningCurve, axis: Axis, floor: str | float) -> "JointLaw | str":
    """The law in both resources, or why there is none; "" where one alone was varied."""
    from ..scaling.joint import fit_joint

    varied = (len(np.unique(curve.column(a))) > 1 for a in (Axis.data, Axis.parameters))
    if axis not in (Axis.data, Axis.parameters) or not all(varied):
        return ""
    try:
        return fit_joint(curve, floor=floor)
    except ManifoldScaleError as error:
        return str(error)


def tell_joint(joint: Mapping[str, Any] | None, has_sum: bool) -> list[Notes]:
    """The joint law, where there is one; earlier versions saved its numbers only."""
    if joint is None or "headline" not in joint:
        return []
    if has_sum and joint.get("beaten"):
        return [Notes("Both resources as one law with a peak", [joint["beaten"]])]
    rival = [] if has_sum else [f"As a sum of two powers: {joint['sum']['headline']}"]
    said = [joint["headline"], *joint["caveats"], *rival]
    return [Notes("Both resources as one law with a peak", said)]
