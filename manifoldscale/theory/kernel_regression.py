"""Measured learning curves of kernel regression: every size for the price of the largest.

With the Cholesky factor C of the largest training Gram matrix, the prediction from the
first n examples is the sum over j <= n of (C^-1 k)_j (C^-1 y)_j, because the leading blocks
of C are the factors of the smaller matrices. One factorisation and one triangular solve
give all sizes.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import linalg

from ..core.arrays import Floats
from ..core.errors import ManifoldScaleError, require
from ..core.learning_curve import LearningCurve, Run
from ..core.random import Rng, generator
from .curve import as_count, as_sizes
from .gram import as_gram, as_targets
from .modes import not_negative


def kernel_regression_curve(
    gram: Any,
    targets: Any,
    sizes: Any,
    ridge: float = 0.0,
    *,
    noise: float = 0.0,
    n_test: int | None = None,
    permutations: int = 5,
    rng: Rng = 0,
) -> LearningCurve:
    """Train kernel ridge regression on nested subsets of a data set and test it on the
    other points.

    >>> x = np.linspace(0, 1, 200)
    >>> gram = np.exp(-abs(x[:, None] - x))
    >>> curve = kernel_regression_curve(gram, np.sin(6 * x), sizes=[10, 100])
    >>> print(curve)
    LearningCurve of 10 runs at 2 dataset sizes

    Parameters
    ----------
    gram : (points x points) kernel matrix of all points.
    targets : (points,) or (points x outputs) labels.
    sizes : numbers of training examples. Those of one permutation are nested.
    ridge : added to the diagonal of the training Gram matrix.
    noise : variance, summed over outputs, of Gaussian noise added to the training labels
        but not to the test labels.
    n_test : test points of each permutation; by default all that no size uses.
    permutations : independent shuffles of the points into test and training examples.

    Returns
    -------
    LearningCurve with one run for each permutation (its `seed`) and size; losses are
    squared errors summed over outputs.

    Raises
    ------
    ManifoldScaleError : a Gram matrix that is not square or symmetric, or not positive
        definite with this ridge; sizes that leave no test point.
    """
    matrix = as_gram(gram)
    labels = as_targets(targets, len(matrix))
    counts = sorted({as_count(size, "sizes") for size in as_sizes(sizes, "sizes").flat})
    delta, variance = not_negative("ridge", ridge), not_negative("noise", noise)
    n_test = len(matrix) - counts[-1] if n_test is None else n_test
    require(
        0 < n_test <= len(matrix) - counts[-1],
        f"{counts[-1]:,} training and {n_test:,} test points were asked for; there are "
        f"{len(matrix):,} in all.",
    )
    runs = []
    for seed, stream in enumerate(generator(rng).spawn(permutations)):
        order = stream.permutation(len(matrix))
        train, test = order[: counts[-1]], order[-n_test:]
        scale = np.sqrt(variance / labels.shape[1])
        noisy = labels[train] + scale * stream.standard_normal(labels[train].shape)
        inner, between = (matrix[np.ix_(train, rows)] for rows in (train, test))
        nested = nested_predictions(inner, between, noisy, counts, delta)
        for size, prediction in zip(counts, nested, strict=True):
            loss = ((prediction - labels[test]) ** 2).sum(1)
            stderr = loss.std() / np.sqrt(n_test)
            runs.append(Run(float(loss.mean()), size, seed=seed, loss_stderr=float(stderr)))
    return LearningCurve(
        tuple(runs), loss="mse", shared_data=True, task="kernel regression"
    )


def nested_predictions(
    gram: Floats, between: Floats, labels: Floats, sizes: list[int], ridge: float
) -> Iterator[Floats]:
    """(test x outputs) predictions from the first n training points, for rising sizes n.

    Parameters
    ----------
    gram : (train x train), which is overwritten; between : (train x test).
    labels : (train x outputs).
    """
    factor = _cholesky(gram, ridge)
    both = linalg.solve_triangular(factor, np.hstack([between, labels]), lower=True)
    inputs, outputs = both[:, : between.shape[1]], both[:, between.shape[1] :]
    prediction = np.zeros((between.shape[1], labels.shape[1]))
    for start, stop in itertools.pairwise([0, *sizes]):
        prediction = prediction + inputs[start:stop].T @ outputs[start:stop]
        yield prediction


def _cholesky(gram: Floats, ridge: float) -> Floats:
    """The lower factor of gram + ridge, in the memory of `gram`."""
    gram[np.diag_indices_from(gram)] += ridge
    scale = float(np.trace(gram)) / len(gram)
    try:
        return np.asarray(linalg.cholesky(gram, lower=True, overwrite_a=True))
    except linalg.LinAlgError as error:
        raise ManifoldScaleError(
            f"The Gram matrix of {len(gram):,} training points is singular at ridge "
            f"{ridge:g}: there are repeated points, or fewer modes than points. Use a "
            f"ridge of at least {1e-12 * len(gram) * scale:.0e}."
        ) from error
