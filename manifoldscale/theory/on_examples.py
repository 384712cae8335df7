"""Kernel regression on the training and the test set of each run of a sweep."""

import dataclasses as dc
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import linalg

from ..core.arrays import Floats, Ints
from ..core.errors import ManifoldScaleError, require
from ..core.learning_curve import Run

AT_ONCE = 6000  # examples whose Gram matrix is made once for all runs
JITTER = 1e-9  # of the mean of the diagonal, where it is singular
ROUNDING = 1e3  # units of rounding: a smaller variance of an example given others is noise
COPIES = 1e-9  # squared distance of two examples, in units of the diagonal, that are one


@dc.dataclass(frozen=True)
class Solved:
    """Kernel regression on the examples of a run.

    loss : on its test set; nearest : mean squared distance of a test point from its nearest
    training example, as a run, without test points that are copies of one.
    """

    loss: Run
    nearest: Run


class Singular(ManifoldScaleError):
    """A Gram matrix that float64 does not tell from a singular one."""


def solutions(
    plan: Any, kernel: Any, runs: list[Any], ridge: float, time: float
) -> Iterator[Solved]:
    """That of each run, (shape, training examples, index of its seed) of the plan."""
    grams = _grams(plan, kernel, runs)
    for (shape, size, index), (inner, across, own, train, test) in zip(
        runs, grams, strict=True
    ):
        _check(kernel, inner, across, size, len(test))
        apart = own + (inner.diagonal() - 2 * across).min(1)
        if math.isinf(time):
            weights = _solved(inner, train, ridge)
        else:
            weights = _stopped(inner, train, ridge, time)
        losses = ((across @ weights - test) ** 2).sum(1)
        apart = apart[apart > COPIES * own]
        yield Solved(*(_run(shape, size, index, one) for one in (losses, apart)))


def _check(kernel: Any, inner: Floats, across: Floats, size: int, n_test: int) -> None:
    """Refuse what are no Gram matrices of a run."""
    shapes, right = (inner.shape, across.shape), ((size, size), (n_test, size))
    require(
        shapes == right,
        f"The kernel {kernel} gives Gram matrices of shape {shapes}; those of this run are "
        f"{right}.",
    )
    require(
        bool(np.isfinite(inner.sum()) and np.isfinite(across.sum())),
        f"The kernel {kernel} gives values that are not finite.",
    )
    require(
        bool((inner.diagonal() > 0).all()),
        f"The kernel {kernel} has values K(x, x) that are not positive.",
    )


def _run(shape: Any, size: int, index: int, losses: Floats) -> Run:
    """A run whose test examples have these losses; NaN where there are none."""
    if not len(losses):
        losses = np.array([np.nan])
    return Run(
        float(losses.mean()),
        size,
        width=getattr(shape, "width", None),
        parameters=shape.parameters,
        seed=index,
        loss_stderr=float(losses.std() / math.sqrt(len(losses))),
    )


def _grams(
    plan: Any, kernel: Any, runs: list[Any]
) -> Iterator[tuple[Floats, Floats, Floats, Floats, Floats]]:
    """Of each run: the Gram matrix of its training set, (test x train), the diagonal of the
    test set, and the targets of both. Of a small data set the kernel is computed once.
    """
    task, tested = plan.task, slice(plan.first_tested, None)
    known = task.everything()
    each = sum(size**2 + plan.n_test * (size + plan.n_test) for _, size, _ in runs)
    if known is not None and len(known[0]) ** 2 <= min(AT_ONCE**2, each):
        gram = as_matrix(kernel(known[0]))
        targets = np.asarray(known[1], dtype=np.float64)
        for shape, size, index in runs:
            seed = plan.seed_of(shape, size, index)
            rows, others = task.rows(size, plan.n_test, seed)
            rows, others = np.sort(rows), np.sort(others[tested])  # for the cache
            inner, across = _block(gram, rows, rows), _block(gram, others, rows)
            yield inner, across, gram.diagonal()[others], targets[rows], targets[others]
        return
    for shape, size, index in runs:
        split = task.draw(size, plan.n_test, plan.seed_of(shape, size, index))
        inputs, test_inputs = split.train_inputs, split.test_inputs[tested]
        inner, across = as_matrix(kernel(inputs)), as_matrix(kernel(test_inputs, inputs))
        own = as_matrix(kernel(test_inputs)).diagonal()
        train, test = split.train_targets, split.test_targets[tested]
        yield inner, across, own, np.asarray(train, float), np.asarray(test, float)


def _block(gram: Floats, rows: Ints, columns: Ints) -> Floats:
    return np.asarray(gram[np.ix_(rows, columns)])


def as_matrix(gram: Any) -> Floats:
    """A Gram matrix of any kind as float64."""
    matrix = np.asarray(getattr(gram, "detach", lambda: gram)(), dtype=np.float64)
    require(
        matrix.ndim == 2,
        f"A kernel must give a matrix, points x points; its shape is {matrix.shape}.",
    )
    return matrix


def _solved(gram: Floats, targets: Floats, ridge: float) -> Floats:
    """(K + ridge)^-1 y, in the memory of the Gram matrix.

    The squared diagonal of the Cholesky factor is the variance of each example given those
    before it. Where that is rounding, so is the solution, even if there is a factor.
    """
    gram[np.diag_indices_from(gram)] += ridge
    most = float(gram.diagonal().max())
    try:
        factor = linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError:
        least = 0.0
    else:
        least = float((factor[0].diagonal() ** 2).min())
    if least <= ROUNDING * np.finfo(float).eps * most:
        raise Singular(
            f"The Gram matrix of {len(gram):,} training examples is singular at ridge "
            f"{ridge:g}: examples are repeated, or the kernel has fewer modes than there "
            f"are examples. Set a `ridge`, such as {1e-6 * most:.0e}."
        )
    return np.asarray(linalg.cho_solve(factor, targets, check_finite=False))


def _stopped(gram: Floats, targets: Floats, ridge: float, time: float) -> Floats:
    """Weights of gradient flow at a time: (1 - exp(-t s)) / s of the eigenvalues s."""
    values, vectors = linalg.eigh(gram)
    rates = np.clip(values, 0, None) + ridge
    scaled = np.where(rates * time > 1e-12, -np.expm1(-time * rates), 0.0)
    filtered = np.divide(scaled, rates, out=np.full_like(rates, time), where=scaled > 0)
    return np.asarray(vectors @ (filtered[:, None] * (vectors.T @ targets)))
