"""The share of labels that a network gets right, to check that its inputs are prepared."""

import dataclasses as dc
from typing import Any

import numpy as np
from torch import nn

from ..core.errors import ManifoldScaleError
from .extract import extract

MOST = 2_000  # examples


@dc.dataclass(frozen=True)
class Accuracy:
    """Attributes
    ----------
    right : share of the labels that are the largest output.
    guessed : share of the most frequent label, which a constant answer would reach.
    n : examples.
    """

    right: float
    guessed: float
    n: int

    def __str__(self) -> str:
        said = f"{self.right:.1%} of {self.n:,} labels are the largest output"
        if self.right > self.guessed:
            return said
        return (
            f"{said}, no more than always naming one class: are the weights trained, and "
            "the inputs prepared as in training?"
        )


def accuracy(
    model: nn.Module, data: Any, labels: Any, *, batch_size: int = 256
) -> Accuracy | None:
    """How many labels a classifier gets right; None if the labels are not class numbers, or
    the outputs do not belong to these classes.
    """
    known = np.asarray(labels)
    if known.ndim != 1 or known.dtype.kind not in "iu" or known.min(initial=0) < 0:
        return None
    try:
        reps = extract(
            model, data, "@logits", points="flatten", n=MOST, batch_size=batch_size
        )
    except ManifoldScaleError:
        return None  # it gives several tensors, or not one row per example
    outputs, names = next(iter(reps.arrays.values())), reps.labels
    if names is None or outputs.shape[1] <= max(int(known.max()), 1):
        return None
    counts = np.bincount(names.astype(np.int64))
    right = float(np.mean(outputs.argmax(axis=1) == names))
    return Accuracy(right, float(counts.max() / counts.sum()), len(names))
