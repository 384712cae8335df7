"""`manifoldscale theory ...`: what the solvable models say, as a table and a figure."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..core.errors import require
from ..core.interval import number
from .sheet import Numbers, Sheet, sheet_command

if TYPE_CHECKING:
    from ..core.learning_curve import LearningCurve
    from ..theory.kernel import Kernel
    from ..theory.random_features import RandomFeatureCurve

ACTIVATIONS = ("relu", "leaky_relu", "erf", "gelu", "tanh", "linear")
KERNELS = ("nngp", "ntk", "laplace", "matern", "gaussian")
Command = Callable[..., Any]


@click.group()
def theory() -> None:
    """Curves of the exactly solvable models, each as a table and a figure."""


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


@theory.command()
@network_options
@sheet_command
def nngp(depth: int, **settings: Any) -> Sheet:
    """The NNGP kernel over the angle between two inputs.

    The covariance of the outputs of a network of infinite width at initialisation, for
    inputs of norm sqrt(features).
    """
    return _over_angles("NNGP", depth, settings)


@theory.command()
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

    from .. import theory as exact
    from ..report.lines import Line, Panel

    angles = torch.linspace(0, torch.pi, 181, dtype=torch.float64)
    kernels = {
        layers: getattr(exact, name)(layers, **settings) for layers in range(1, depth + 1)
    }
    values = {layers: kernel.of_angle(angles).numpy() for layers, kernel in kernels.items()}
    chosen = values[depth]
    rows = [
        {
            "angle": degrees,
            "cosine": float(np.cos(np.radians(degrees))),
            "kernel": float(chosen[degrees]),
            "correlation": float(chosen[degrees] / chosen[0]),
        }
        for degrees in range(0, 181, 15)
    ]
    lines = [
        Line(f"depth {layers}", np.arange(181.0), curve / curve[0])
        for layers, curve in values.items()
    ]
    panel = Panel("angle between inputs (degrees)", f"{name}, over its diagonal", lines)
    return Sheet(str(kernels[depth]), rows, [panel])


@theory.command()
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
    from .. import theory as exact
    from ..report.lines import Line, Panel

    value = _kernel(kernel, nu, settings)
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
    panel = Panel("rank", "eigenvalue", lines, log="xy")
    notes = [str(fit), f"theory: alpha_K = 2 nu / d = {number(expected)}"]
    return Sheet(f"{value} on the sphere of dimension {dim}", rows, [panel], notes)


def _kernel(name: str, nu: float, network: dict[str, Any]) -> "Kernel":
    from .. import theory as exact

    if name == "matern":
        return exact.Matern(nu=nu)
    if name in ("nngp", "ntk"):
        return (exact.NNGP if name == "nngp" else exact.NTK)(**network)
    return exact.Laplace() if name == "laplace" else exact.Gaussian()


@theory.command("learning-curve")
@click.argument("data", required=False)
@option(
    "--alpha",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    help="alpha_K of a power-law spectrum, without DATA.",
)
@option(
    "--target-decay",
    type=click.FloatRange(1, min_open=True),
    help="Squared coefficients of the target fall like i^-TARGET_DECAY; by default "
    "like the eigenvalues.",
)
@option("--sizes", type=Numbers(), default="10..10000/7", help="Numbers of examples.")
@labels_noise_options
@option("--kernel", type=click.Choice(KERNELS), default="ntk", help="On DATA.")
@option("--points", type=click.IntRange(20), default=2500, help="Of DATA, at most.")
@option("--nu", type=click.FloatRange(0, min_open=True), default=1.5, help="Of Matern.")
@option("--seed", type=click.IntRange(0), default=0)
@network_options
@sheet_command
def learning_curve(data: str | None, **settings: Any) -> Sheet:
    """The expected test error of kernel regression over training sizes.

    On a power-law spectrum; or, with DATA (a name from `manifoldscale datasets`, or a file
    with labels), predicted from the spectrum of the kernel on the data and measured there.
    """
    return _on_data(data, **settings) if data else _on_power_law(**settings)


def _on_power_law(
    alpha: float,
    target_decay: float | None,
    sizes: tuple[float, ...],
    ridge: float,
    noise: float,
    **_: Any,
) -> Sheet:
    from .. import theory as exact
    from ..report.lines import Line, Panel

    modes = exact.power_law_spectrum(alpha)
    decay = 1 + alpha if target_decay is None else target_decay
    curve = exact.kernel_learning_curve(
        modes.eigenvalues,
        modes.ranks ** (-decay / 2),
        sizes,
        ridge,
        noise,
        degeneracies=modes.degeneracies,
        tail=modes.tail,
    )
    limit = exact.power_law_asymptote(alpha, decay)
    lines = [
        Line("kernel regression", curve.sizes, curve.error, "points"),
        Line(
            f"no ridge, no noise: $P^{{-{limit.alpha:.3g}}}$",
            curve.sizes,
            limit(curve.sizes),
            "dashed",
        ),
    ]
    panel = Panel("training examples P", "test error", lines, log="xy")
    notes = [
        f"without ridge and noise: {number(limit.prefactor)} P^-{number(limit.alpha)} in "
        "the limit",
        *map(str, curve.caveats),
    ]
    return Sheet(curve.headline(), curve.rows(), [panel], notes)


def _on_data(
    data: str,
    sizes: tuple[float, ...],
    ridge: float,
    kernel: str,
    points: int,
    nu: float,
    seed: int,
    alpha: float,
    target_decay: float | None,
    noise: float,
    **network: Any,
) -> Sheet:
    from .. import theory as exact
    from ..data import load_examples
    from ..report.lines import Line, Panel

    examples = load_examples(data).sample(points, seed)
    value = _kernel(kernel, nu, network)
    gram, targets = value(examples.inputs).numpy(), _targets(data, examples.labels)
    usable = [round(size) for size in sizes if size <= 0.8 * len(gram)]
    measured = exact.kernel_regression_curve(
        gram, targets, usable, ridge, noise=noise, rng=seed
    )
    curve = exact.empirical_spectrum(gram, targets).learning_curve(usable, ridge)
    means, errors = _means(measured, usable)
    rows = [
        {"dataset_size": size, "predicted": float(p), "measured": m, "stderr": e}
        for size, p, m, e in zip(usable, curve.error, means, errors, strict=True)
    ]
    at = np.array(usable, dtype=float)
    lines = [
        Line("measured", at, np.array(means), "points", np.array(errors)),
        Line("predicted from the spectrum", at, curve.error),
    ]
    panel = Panel("training examples P", "test error", lines, log="xy")
    return Sheet(f"{value} on {len(gram):,} points of {data}", rows, [panel])


def _targets(data: str, labels: Any) -> Any:
    """One-hot classes; real labels as they are."""
    require(labels is not None, f"{data} has no labels to predict.")
    classes, codes = np.unique(labels, return_inverse=True)
    return labels if np.asarray(labels).dtype.kind == "f" else np.eye(len(classes))[codes]


def _means(curve: "LearningCurve", sizes: Sequence[int]) -> tuple[list[float], list[float]]:
    """Mean loss at each size, and its standard error over permutations."""
    groups = [curve.at(dataset_size=size).losses for size in sizes]
    return (
        [float(losses.mean()) for losses in groups],
        [float(losses.std(ddof=1) / np.sqrt(len(losses))) for losses in groups],
    )


@theory.command("random-features")
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
    from .. import theory as exact
    from ..report.lines import Line, Panel

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
    panel = Panel("training examples D", "test error", lines, log="xy")
    return Sheet(curve.headline(), rows, [panel], [str(note) for note in curve.caveats])
