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
JITTER = 1e-8  # of the mean of the diagonal, where repeated examples make it singular


@dc.dataclass(frozen=True)
class Solved:
    """Kernel regression on the examples of a run.

    loss : on its test set; nearest : mean squared distance of a test point from its nearest
    training example, as a run; is_singular : whether the Gram matrix needed a jitter.
    """

    loss: Run
    nearest: Run
    is_singular: bool


def solutions(
    plan: Any, kernel: Any, runs: list[Any], ridge: float, time: float
) -> Iterator[Solved]:
    """That of each run, (shape, training examples, index of its seed) of the plan."""
    grams = _grams(plan, kernel, runs)
    for (shape, size, index), (inner, across, own, train, test) in zip(
        runs, grams, strict=True
    ):
        shapes = (inner.shape, across.shape)
        right = (size, size), (plan.n_test, size)
        require(
            shapes == right,
            f"The kernel {kernel} gives Gram matrices of shape {shapes}; those of this run "
            f"are {right}.",
        )
        apart = own + (inner.diagonal() - 2 * across).min(1)
        if math.isinf(time):
            weights, is_singular = _solved(inner, train, ridge)
        else:
            weights, is_singular = _stopped(inner, train, ridge, time), False
        losses = ((across @ weights - test) ** 2).sum(1)
        loss, nearest = (_run(shape, size, index, one) for one in (losses, apart))
        yield Solved(loss, nearest, is_singular)


def _run(shape: Any, size: int, index: int, losses: Floats) -> Run:
    """A run whose test examples have these losses."""
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
    task = plan.task
    known = task.everything()
    each = sum(size**2 + plan.n_test * (size + plan.n_test) for _, size, _ in runs)
    if known is not None and len(known[0]) ** 2 <= min(AT_ONCE**2, each):
        gram = as_matrix(kernel(known[0]))
        targets = np.asarray(known[1], dtype=np.float64)
        for shape, size, index in runs:
            seed = plan.seed_of(shape, size, index)
            rows, others = map(np.sort, task.rows(size, plan.n_test, seed))  # for the cache
            inner, across = _block(gram, rows, rows), _block(gram, others, rows)
            yield inner, across, gram.diagonal()[others], targets[rows], targets[others]
        return
    for shape, size, index in runs:
        split = task.draw(size, plan.n_test, plan.seed_of(shape, size, index))
        inner = as_matrix(kernel(split.train_inputs))
        across = as_matrix(kernel(split.test_inputs, split.train_inputs))
        own = as_matrix(kernel(split.test_inputs)).diagonal()
        train, test = split.train_targets, split.test_targets
        yield inner, across, own, np.asarray(train, float), np.asarray(test, float)


def _block(gram: Floats, rows: Ints, columns: Ints) -> Floats:
    return np.asarray(gram[np.ix_(rows, columns)])


def as_matrix(gram: Any) -> Floats:
    """A Gram matrix of any kind as float64."""
    return np.asarray(getattr(gram, "detach", lambda: gram)(), dtype=np.float64)


def _solved(gram: Floats, targets: Floats, ridge: float) -> tuple[Floats, bool]:
    """(K + ridge)^-1 y, and whether a jitter was needed."""
    diagonal = np.diag_indices_from(gram)
    values = gram[diagonal]
    for extra in (0.0, JITTER * float(values.mean())):
        gram[diagonal] = values + ridge + extra
        try:
            # A copy is made only of what may be needed again.
            factor = linalg.cho_factor(gram, lower=True, check_finite=False)
        except linalg.LinAlgError:
            continue
        return np.asarray(linalg.cho_solve(factor, targets, check_finite=False)), extra > 0
    raise ManifoldScaleError(
        f"The Gram matrix of {len(gram):,} training examples is singular at ridge "
        f"{ridge:g}: the kernel has fewer modes than there are examples. Set a `ridge`, "
        f"such as {1e-6 * float(values.mean()):.0e}."
    )


def _stopped(gram: Floats, targets: Floats, ridge: float, time: float) -> Floats:
    """Weights of gradient flow at a time: (1 - exp(-t s)) / s of the eigenvalues s."""
    values, vectors = linalg.eigh(gram)
    rates = np.clip(values, 0, None) + ridge
    scaled = np.where(rates * time > 1e-12, -np.expm1(-time * rates), 0.0)
    filtered = np.divide(scaled, rates, out=np.full_like(rates, time), where=scaled > 0)
    return np.asarray(vectors @ (filtered[:, None] * (vectors.T @ targets)))
