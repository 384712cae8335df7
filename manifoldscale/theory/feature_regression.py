"""Regression on random nonlinear features of a real data set: all four regimes, measured.

The features are the units of one hidden layer at initialisation, and only the read-out is
trained. With infinitely many of them this is kernel regression with the NNGP kernel of
depth 1.
"""

import dataclasses as dc
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ..core.arrays import Floats
from ..core.errors import require
from ..core.learning_curve import LearningCurve, Run
from ..core.random import Rng, generator
from ..geometry.cloud import as_cloud
from .activations import Activation, as_activation
from .curve import as_count, as_sizes
from .gram import as_targets
from .kernel_regression import nested_predictions
from .kernels import NNGP
from .modes import not_negative
from .readout import readout


def random_feature_regression(
    points: Any,
    targets: Any,
    features: Any,
    sizes: Any,
    activation: Activation | str = "relu",
    ridge: float = 0.0,
    *,
    weight_variance: float = 2.0,
    bias_variance: float = 0.0,
    n_test: int | None = None,
    draws: int = 4,
    rng: Rng = 0,
) -> LearningCurve:
    """Train the read-out of random features on subsets of a data set.

    The limits of the variance-limited regimes are measured too. np.inf among the features
    is the kernel limit: subtract it from the losses, or give it as the floor of the fit.
    The largest size is a finite reference: give it to the fit as
    `floor=ms.Reference(size, loss, stderr)`, because drawing T of n examples has a variance
    of 1 / T - 1 / n.

    Parameters
    ----------
    points : a `Cloud`, or (points x inputs).
    targets : (points,) or (points x outputs).
    features : numbers of random features, np.inf for the kernel limit.
    sizes : numbers of training examples.
    activation : as for `nngp`, to whose kernel of depth 1 the features converge, with
        weight_variance and bias_variance.
    ridge : added to the diagonal of the Gram matrix of the features. Without one, the
        interpolation of least norm.
    n_test : test points of each draw; by default all that no size uses.
    draws : independent draws of features, training and test sets: the seeds of the runs.
        Within a draw, features and training sets are nested.

    Returns
    -------
    LearningCurve with one run for each draw, number of features (its `width`, None for the
    limit) and size; losses are squared errors summed over outputs. `parameters` counts the
    read-out, features x outputs.

    Raises
    ------
    ManifoldScaleError : sizes that leave no test point; targets of another length.
    """
    inputs = np.asarray(as_cloud(points).points, dtype=np.float64)
    labels = as_targets(targets, len(inputs))
    widths = sorted({float(n) for n in as_sizes(features, "features", infinite=True).flat})
    counts = sorted({as_count(size, "sizes") for size in as_sizes(sizes, "sizes").flat})
    n_test = len(inputs) - counts[-1] if n_test is None else n_test
    require(
        0 < n_test <= len(inputs) - counts[-1],
        f"{counts[-1]:,} training and {n_test:,} test points were asked for; there are "
        f"{len(inputs):,} in all.",
    )
    model = _Features(as_activation(activation), weight_variance, bias_variance)
    delta, runs = not_negative("ridge", ridge), []
    for seed, stream in enumerate(generator(rng).spawn(draws)):
        order = stream.permutation(len(inputs))
        rows = np.concatenate([order[: counts[-1]], order[-n_test:]])
        examples = _Examples(inputs[rows], labels[rows], counts, seed)
        runs += [*_finite(model, examples, widths, delta, stream)]
        if math.isinf(widths[-1]):
            runs += [*_limit(model, examples, delta)]
    return LearningCurve(tuple(runs), loss="mse", shared_data=True, task="random features")


@dc.dataclass(frozen=True)
class _Features:
    """The distribution of random features."""

    activation: Activation
    weight_variance: float
    bias_variance: float

    @property
    def kernel(self) -> NNGP:
        """The limit of the products of infinitely many features."""
        return NNGP(1, self.activation, self.weight_variance, self.bias_variance)

    def draw(self, inputs: Floats, n: int, rng: np.random.Generator) -> Floats:
        """(points x n), phi of the pre-activations of a hidden layer."""
        n_inputs = inputs.shape[1]
        weights = rng.standard_normal((n, n_inputs)).T  # row by row: features are nested
        biases = math.sqrt(self.bias_variance) * rng.standard_normal(n)
        hidden = inputs @ (math.sqrt(self.weight_variance / n_inputs) * weights)
        return np.asarray(self.activation(torch.from_numpy(hidden + biases)).numpy())

    def design(self, hidden: Floats) -> Floats:
        """Features scaled to make the Gram matrix tend to the kernel; the bias of the
        read-out is a feature of its own.
        """
        scaled = math.sqrt(self.weight_variance / hidden.shape[1]) * hidden
        if self.bias_variance == 0:
            return scaled
        return np.hstack([scaled, np.full((len(hidden), 1), math.sqrt(self.bias_variance))])


@dc.dataclass(frozen=True, eq=False)
class _Examples:
    """Training examples, nested at the sizes `counts`, followed by the test set."""

    inputs: Floats
    labels: Floats
    counts: list[int]
    seed: int

    @property
    def n_train(self) -> int:
        return self.counts[-1]

    def run(self, predicted: Floats, count: int, width: int | None) -> Run:
        losses = ((predicted - self.labels[self.n_train :]) ** 2).sum(1)
        return Run(
            float(losses.mean()),
            dataset_size=count,
            width=width,
            parameters=None if width is None else width * self.labels.shape[1],
            seed=self.seed,
            loss_stderr=float(losses.std() / math.sqrt(len(losses))),
        )


def _finite(
    model: _Features,
    examples: _Examples,
    widths: list[float],
    ridge: float,
    rng: np.random.Generator,
) -> Iterator[Run]:
    """Runs with finitely many features."""
    finite = [as_count(width, "features") for width in widths if math.isfinite(width)]
    hidden = model.draw(examples.inputs, max(finite, default=0), rng)
    for width in finite:
        design = model.design(hidden[:, :width])
        for count in examples.counts:
            coefficients = readout(design[:count], examples.labels[:count], ridge)
            yield examples.run(design[examples.n_train :] @ coefficients, count, width)


def _limit(model: _Features, examples: _Examples, ridge: float) -> Iterator[Run]:
    """Runs of kernel regression, all sizes at once."""
    n = examples.n_train
    kernel = model.kernel(examples.inputs[:n], examples.inputs).numpy()
    labels, counts = examples.labels[:n], examples.counts
    nested = nested_predictions(kernel[:, :n].copy(), kernel[:, n:], labels, counts, ridge)
    for count, predicted in zip(counts, nested, strict=True):
        yield examples.run(predicted, count, None)
