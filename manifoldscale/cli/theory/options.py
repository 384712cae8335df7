"""Options that several theory commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ...theory.kernel import Kernel

ACTIVATIONS = ("relu", "leaky_relu", "erf", "gelu", "tanh", "linear")
KERNELS = ("nngp", "ntk", "laplace", "matern", "gaussian")
Command = Callable[..., Any]


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """An option whose default is shown."""
    return click.option(*names, show_default=True, **settings)


def network_options(command: Command) -> Command:
    """--depth, --activation and the two variances."""
    above_zero = click.FloatRange(0, min_open=True)
    for add in (
        option("--bias-variance", type=click.FloatRange(0), default=0.0),
        option("--weight-variance", type=above_zero, default=2.0),
        option("--activation", type=click.Choice(ACTIVATIONS), default="relu"),
        option("--depth", type=click.IntRange(1), default=3, help="Hidden layers."),
    ):
        command = add(command)
    return command


def labels_noise_options(command: Command) -> Command:
    """--ridge and --noise."""
    for name, text in (("--noise", "Variance of the training labels."), ("--ridge", "")):
        command = option(name, type=click.FloatRange(0), default=0.0, help=text)(command)
    return command


def kernel_value(name: str, nu: float, network: dict[str, Any]) -> "Kernel":
    from ... import theory as exact

    if name == "matern":
        return exact.Matern(nu=nu)
    if name in ("nngp", "ntk"):
        return (exact.NNGP if name == "nngp" else exact.NTK)(**network)
    return exact.Laplace() if name == "laplace" else exact.Gaussian()
