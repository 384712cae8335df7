"""Kernels over the angle between inputs, and their spectra on spheres."""

from typing import Any

import click
import numpy as np

from ...core.interval import number
from ..sheet import Sheet, panel, sheet_command
from .options import KERNELS, kernel_value, network_options, option


@click.command()
@network_options
@sheet_command
def nngp(depth: int, **settings: Any) -> Sheet:
    """The NNGP kernel over the angle between two inputs.

    The covariance of the outputs of a network of infinite width at initialisation, for
    inputs of norm sqrt(features).
    """
    return _over_angles("NNGP", depth, settings)


@click.command()
@network_options
@sheet_command
def ntk(depth: int, **settings: Any) -> Sheet:
    """The tangent kernel over the angle between two inputs.

    The kernel that gradient descent on a network of infinite width follows, for inputs of
    norm sqrt(features).
    """
    return _over_angles("NTK", depth, settings)


def _over_angles(name: str, depth: int, settings: dict[str, Any]) -> Sheet:
    import torch

    from ... import theory as exact
    from ...report.parts import Line

    angles = torch.linspace(0, torch.pi, 181, dtype=torch.float64)
    kernels = {
        layers: getattr(exact, name)(layers, **settings) for layers in range(1, depth + 1)
    }
    values = {layers: kernel.of_angle(angles).numpy() for layers, kernel in kernels.items()}
    chosen = values[depth]
    rows = [
        {
            "angle": degrees,
            "cosine": round(float(np.cos(np.radians(degrees))), 12),
            "kernel": float(chosen[degrees]),
            "correlation": float(chosen[degrees] / chosen[0]),
        }
        for degrees in range(0, 181, 15)
    ]
    lines = [
        Line(f"depth {layers}", np.arange(181.0), curve / curve[0])
        for layers, curve in values.items()
    ]
    figure = panel("angle between inputs (degrees)", f"{name}, over its diagonal", lines)
    return Sheet(str(kernels[depth]), rows, [figure])


@click.command()
@option("--kernel", type=click.Choice(KERNELS), default="ntk")
@option("--dim", type=click.IntRange(1), default=2, help="Of the sphere of inputs.")
@option("--degrees", type=click.IntRange(8), default=60, help="The largest degree.")
@option("--nu", type=click.FloatRange(0, min_open=True), default=1.5, help="Of Matern.")
@network_options
@sheet_command
def spectrum(kernel: str, dim: int, degrees: int, nu: float, **settings: Any) -> Sheet:
    """Eigenvalues of a kernel on a sphere, and their exponent alpha_K.

    The eigenvalue of rank i falls like i^-(1 + alpha_K). Kernel regression on a target as
    rough as the kernel has alpha_D = alpha_K.
    """
    from ... import theory as exact
    from ...report.parts import Line

    value = kernel_value(kernel, nu, settings)
    found = exact.sphere_spectrum(value, dim, degrees)
    fit, expected = found.exponent(), value.exponent(dim)
    shown = np.unique(np.geomspace(1, degrees + 1, 16).astype(int)) - 1
    rows = [
        {
            "degree": int(found.degrees[k]),
            "degeneracy": float(found.degeneracies[k]),
            "eigenvalue": float(found.eigenvalues[k]),
        }
        for k in shown
    ]
    ranks, values = found.ranked()
    law = values[-1] * (ranks / ranks[-1]) ** -(1 + expected)
    lines = [Line("eigenvalues", ranks, values, "points")]
    if np.isfinite(expected):
        label = f"$i^{{-(1 + {expected:.3g})}}$, theory"
        lines.append(Line(label, ranks, law, "dashed"))
    figure = panel("rank", "eigenvalue", lines, log="xy")
    notes = [str(fit), f"theory: alpha_K = 2 nu / d = {number(expected)}"]
    return Sheet(f"{value} on the sphere of dimension {dim}", rows, [figure], notes)
