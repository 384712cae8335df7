"""Options that several theory commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..console import refuse_options

if TYPE_CHECKING:
    from ...theory.kernel import Kernel

ACTIVATIONS = ("relu", "leaky_relu", "erf", "gelu", "tanh", "linear")
KERNELS = ("nngp", "ntk", "laplace", "matern", "gaussian")
# Beyond these, powers of a variance over some layers are no numbers any more.
BIAS = click.FloatRange(0, 1e6)
NOISE = click.FloatRange(0, 1e15)
NETWORK = ("depth", "activation", "weight_variance", "bias_variance")
Command = Callable[..., Any]


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """An option whose default is shown."""
    return click.option(*names, show_default=True, **settings)


def network_options(command: Command) -> Command:
    """--depth, --activation and the two variances."""
    for add in (
        option("--bias-variance", type=BIAS, default=0.0),
        option("--weight-variance", type=click.FloatRange(1e-6, 1e6), default=2.0),
        option("--activation", type=click.Choice(ACTIVATIONS), default="relu"),
        option("--depth", type=click.IntRange(1), default=3, help="Hidden layers."),
    ):
        command = add(command)
    return command


def labels_noise_options(command: Command) -> Command:
    """--ridge and --noise."""
    for name, text in (("--noise", "Variance of the training labels."), ("--ridge", "")):
        command = option(name, type=NOISE, default=0.0, help=text)(command)
    return command


def kernel_value(name: str, nu: float, network: dict[str, Any]) -> "Kernel":
    from ... import theory as exact

    if name != "matern":
        refuse_options(["nu"], "of --kernel matern only")
    if name not in ("nngp", "ntk"):
        refuse_options(NETWORK, "of --kernel nngp and ntk only")
    if name == "matern":
        return exact.Matern(nu=nu)
    if name in ("nngp", "ntk"):
        return (exact.NNGP if name == "nngp" else exact.NTK)(**network)
    return exact.Laplace() if name == "laplace" else exact.Gaussian()
