"""The four regimes of linear random features."""

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ...core.errors import require
from ..sheet import Numbers, Sheet, panel, sheet_command
from .options import labels_noise_options, option

if TYPE_CHECKING:
    from ...theory.random_features import RandomFeatureCurve


@click.command("random-features")
@option(
    "--alpha",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    help="alpha_K of the power-law spectrum.",
)
@option("--features", type=Numbers(), default="10,100,1000,inf")
@option("--samples", type=Numbers(), default="10..10000/13")
@labels_noise_options
@sheet_command
def random_features(
    alpha: float,
    features: tuple[float, ...],
    samples: tuple[float, ...],
    ridge: float,
    noise: float,
) -> Sheet:
    """The loss of linear random features over features and samples: the four regimes.

    Inputs have a power-law spectrum without end. Far from features = samples the loss is
    resolution-limited in the smaller of the two, with exponent alpha, and variance-limited
    in the larger, with exponent 1.
    """
    from ... import theory as exact
    from ...report.parts import Line

    modes = exact.power_law_spectrum(alpha)

    def losses(at: Any) -> "RandomFeatureCurve":
        return exact.linear_random_features(
            modes.eigenvalues, features, at, ridge, noise, degeneracies=modes.degeneracies
        )

    curve, finite = losses(samples), [n for n in samples if np.isfinite(n)]
    require(bool(finite), "`--samples` needs a finite size, for the figure.")
    rows = [
        {"samples": float(n)}
        | {f"N = {N:g}": float(e) for N, e in zip(curve.features, errors, strict=True)}
        for n, errors in zip(curve.samples, curve.error.T, strict=True)
    ]
    fine = losses(np.geomspace(min(finite), max(finite), 400))
    lines = [
        Line(f"N = {N:g}".replace("inf", "\u221e"), fine.samples, errors)
        for N, errors in zip(fine.features, fine.error, strict=True)
    ]
    figure = panel("training examples D", "test error", lines, log="xy")
    return Sheet(curve.headline(), rows, [figure], [str(note) for note in curve.caveats])
