"""Training of a wide network in closed form, beside networks that are trained."""

from typing import Any

import click
import numpy as np

from ...core.errors import require
from ...core.interval import number
from ..sheet import Numbers, Sheet, panel, sheet_command
from .learning_curve import targets_of
from .options import network_options, option


@click.command()
@click.argument("data", default="digits")
@option("--train", type=click.IntRange(2), default=100, help="Training examples.")
@option("--test", type=click.IntRange(2), default=400, help="Test examples.")
@option(
    "--steps",
    type=Numbers(most=1e9, infinite=False),
    default="1..300/11",
    help="Of gradient descent.",
)
@option("--width", type=click.IntRange(1), default=512, help="Of the trained networks.")
@option("--networks", type=click.IntRange(2), default=3, help="How many are trained.")
@option("--seed", type=click.IntRange(0), default=0)
@network_options
@sheet_command
def dynamics(
    data: str,
    train: int,
    test: int,
    steps: tuple[float, ...],
    width: int,
    networks: int,
    seed: int,
    **network: Any,
) -> Sheet:
    """The loss over training time: infinite width in closed form, and real networks.

    Full-batch gradient descent at half the stability limit on DATA (a name from
    `manifoldscale datasets`, or a file with labels). The closed form is the mean over
    initialisations; that of networks of finite width differs by about 1 / width.
    """
    from ... import theory as exact
    from ...report.parts import Line

    x, y = _split(data, train, test, seed)
    theta, covariance = exact.ntk(x, **network), exact.nngp(x, **network)
    rate = float(1 / np.linalg.eigvalsh(theta[:train, :train]).max())
    wide = exact.linearized_training(
        theta,
        y[:train],
        steps,
        learning_rate=rate,
        nngp=covariance,
        test_targets=y[train:],
    )
    runs = [
        exact.gradient_descent(
            exact.ntk_mlp(x.shape[1], width, outputs=y.shape[1], rng=seed + i, **network),
            x[:train],
            y[:train],
            steps,
            learning_rate=rate,
            test_inputs=x[train:],
            test_targets=y[train:],
        )
        for i in range(networks)
    ]
    means = {
        part: np.mean([getattr(run, f"{part}_loss") for run in runs], 0)
        for part in ("train", "test")
    }
    spread = np.std([run.test_loss for run in runs], 0, ddof=1) / np.sqrt(networks)
    rows = [
        {
            "steps": step,
            "train, theory": float(wide.train_loss[i]),
            f"train, width {width}": float(means["train"][i]),
            "test, theory": float(wide.test_loss[i]),
            f"test, width {width}": float(means["test"][i]),
            "stderr": float(spread[i]),
        }
        for i, step in enumerate(wide.times)
    ]
    lines = [
        Line("test, infinite width", wide.times, wide.test_loss, color=0),
        Line(f"test, width {width}", wide.times, means["test"], "points", spread, color=0),
        Line("training, infinite width", wide.times, wide.train_loss, color=1),
        Line(f"training, width {width}", wide.times, means["train"], "points", color=1),
    ]
    figure = panel("steps of gradient descent", "squared error", lines, log="xy")
    kernel = exact.NTK(**network)
    title = f"{kernel}: {train} examples of {data}, learning rate {number(rate)}"
    notes = [f"{networks} networks of width {width}; stderr is that of their test losses"]
    notes += [str(note) for note in wide.caveats]
    return Sheet(title, rows, [figure], notes)


def _split(data: str, train: int, test: int, seed: int) -> tuple[Any, Any]:
    """Centred inputs of unit mean square, training examples in front, and targets."""
    from ...data import load_examples

    examples = load_examples(data)
    require(
        len(examples.inputs) >= train + test,
        f"{data} has {len(examples.inputs):,} examples, fewer than the {train + test:,} "
        "of `--train` and `--test`.",
    )
    chosen = examples.sample(train + test, seed)
    order = np.random.default_rng(seed).permutation(train + test)
    points = np.asarray(chosen.inputs, dtype=np.float64).reshape(train + test, -1)
    points = (points - points.mean(0)) / points.std()
    targets = np.asarray(targets_of(data, chosen.labels), dtype=np.float64)
    return points[order], targets.reshape(train + test, -1)[order]
