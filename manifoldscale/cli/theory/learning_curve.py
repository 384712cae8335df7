"""Learning curves of kernel regression, on a power law or on data."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ...core.errors import require
from ...core.interval import number
from ..console import refuse_options
from ..sheet import Numbers, Sheet, panel, sheet_command
from .options import (
    KERNELS,
    NETWORK,
    kernel_value,
    labels_noise_options,
    network_options,
    option,
)

if TYPE_CHECKING:
    from ...core.learning_curve import LearningCurve

MOST = 0.8  # share of the points that train


@click.command("learning-curve")
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
@option("--nu", type=click.FloatRange(0.01), default=1.5, help="Of Matern.")
@option("--seed", type=click.IntRange(0), default=0)
@network_options
@sheet_command
def learning_curve(data: str | None, **settings: Any) -> Sheet:
    """The expected test error of kernel regression over training sizes.

    On a power-law spectrum; or, with DATA (a name from `manifoldscale datasets`, or a file
    with labels), predicted from the spectrum of the kernel on the data and measured there.
    """
    if data is None:
        refuse_options(["kernel", "points", "nu", "seed", *NETWORK], "needs DATA")
        return _on_power_law(**settings)
    refuse_options(["alpha", "target_decay"], "of a power-law spectrum, without DATA")
    return _on_data(data, **settings)


def _on_power_law(
    alpha: float,
    target_decay: float | None,
    sizes: tuple[float, ...],
    ridge: float,
    noise: float,
    **_: Any,
) -> Sheet:
    from ... import theory as exact
    from ...report.parts import Line

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
    figure = panel("training examples P", "test error", lines, log="xy")
    notes = [
        f"without ridge and noise: {number(limit.prefactor)} P^-{number(limit.alpha)} in "
        "the limit",
        *map(str, curve.caveats),
    ]
    return Sheet(curve.headline(), curve.rows(), [figure], notes)


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
    from ... import theory as exact
    from ...data import load_examples
    from ...report.parts import Line

    examples = load_examples(data).sample(points, seed)
    value = kernel_value(kernel, nu, network)
    gram, targets = value(examples.inputs).numpy(), targets_of(data, examples.labels)
    usable, notes = _within(sizes, len(gram))
    measured = exact.kernel_regression_curve(
        gram, targets, usable, ridge, noise=noise, rng=seed
    )
    curve = exact.empirical_spectrum(gram, targets).learning_curve(usable, ridge, noise)
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
    figure = panel("training examples P", "test error", lines, log="xy")
    notes += map(str, curve.caveats)
    return Sheet(f"{value} on {len(gram):,} points of {data}", rows, [figure], notes)


def _within(sizes: tuple[float, ...], points: int) -> tuple[list[int], list[str]]:
    """The sizes that leave a fifth of the points to test on, and a note of the others."""
    from ...theory.curve import as_count

    asked = [as_count(size, "sizes") for size in sizes]
    kept = [size for size in asked if size <= MOST * points]
    over = [f"{size:,}" for size in asked if size > MOST * points]
    said = (
        f"{', '.join(over)} training examples were left out: of {points:,} points at most "
        f"{math.floor(MOST * points):,} train, and the others are the test set; --points "
        "takes more, where the data have them"
    )
    require(bool(kept), f"No size is left of --sizes: {said}.")
    return kept, [said] if over else []


def targets_of(data: str, labels: Any) -> Any:
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
