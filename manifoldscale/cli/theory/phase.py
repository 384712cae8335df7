"""Order and chaos: what depth does to signals, over the weight variance."""

from typing import Any

import click
import numpy as np

from ...core.errors import ManifoldScaleError
from ...core.interval import number
from ..sheet import Sheet, panel, sheet_command
from .options import ACTIVATIONS, BIAS, option


@click.command()
@option("--activation", type=click.Choice(ACTIVATIONS), default="tanh")
@option("--bias-variance", type=BIAS, default=0.05)
@option("--low", type=click.FloatRange(0, min_open=True), default=0.5)
@option("--high", type=click.FloatRange(0, min_open=True), default=4.0)
@option("--count", type=click.IntRange(3), default=15, help="Weight variances.")
@sheet_command
def phase(
    activation: str, bias_variance: float, low: float, high: float, count: int
) -> Sheet:
    """The phase of a wide network over its weight variance: ordered, critical, chaotic.

    chi_1 is what a small difference between two inputs is multiplied by in each layer; c*
    is the correlation that depth drives all inputs to. Their memory is lost over the
    correlation length, in layers, which is infinite at the critical weight variance.
    """
    from ... import theory as exact
    from ...report.parts import Line

    if low >= high:
        raise click.BadParameter(f"must be above --low {low:g}", param_hint="--high")
    try:
        critical = exact.critical_weight_variance(activation, bias_variance)
        note = f"critical weight variance {number(critical)}"
    except ManifoldScaleError as error:
        critical, note = np.nan, str(error)

    def at(weights: Any) -> list[Any]:
        return [exact.mean_field(activation, float(w), bias_variance) for w in weights]

    rows = [
        {
            "weight variance": one.weight_variance,
            "phase": one.phase,
            "chi_1": one.chi_1,
            "q*": one.variance,
            "c*": one.correlation,
            "correlation length": one.correlation_length,
        }
        for one in at(np.linspace(low, high, count))
    ]
    fine = np.linspace(low, high, 61)
    fields = at(fine)
    series = {
        name: np.array([getattr(one, name) for one in fields])
        for name in ("chi_1", "correlation", "correlation_length")
    }
    line = np.array([critical, critical])
    figures = [
        panel(
            "weight variance",
            "per layer, and in the limit",
            [
                Line(r"$\chi_1$", fine, series["chi_1"]),
                Line("$c^*$", fine, series["correlation"]),
                Line("critical", line, np.array([0.0, series["chi_1"].max()]), "dashed"),
            ],
        ),
        panel(
            "weight variance",
            "correlation length (layers)",
            [Line("", fine, series["correlation_length"])],
            log="y",
        ),
    ]
    title = f"{activation} at bias variance {number(bias_variance)}"
    return Sheet(title, rows, figures, [note])
