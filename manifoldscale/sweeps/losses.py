"""The losses that networks are trained on and tested by."""

import re

import torch
from torch import Tensor

from ..core.errors import ManifoldScaleError

LOSSES = ("mse", "cross_entropy", "kl")
CLASSES = ("cross_entropy", "kl")  # losses whose targets are probabilities
POWER = re.compile(r"abs\^(\d+(?:\.\d+)?)")


def check_name(loss: str) -> None:
    """Whether there is such a loss."""
    if loss not in LOSSES and not POWER.fullmatch(str(loss)):
        raise ManifoldScaleError(
            f"`loss` must be one of {', '.join(map(repr, LOSSES))} or 'abs^p' with a "
            f"number p, as 'abs^3'; not {loss!r}."
        )


def example_loss(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    """(..., batch, outputs) to the loss of each example."""
    if loss == "mse":
        return (outputs - targets).square().sum(-1)
    power = POWER.fullmatch(loss)
    if power is not None:
        return (outputs - targets).abs().pow(float(power[1])).sum(-1)
    cross_entropy = -(targets * outputs.log_softmax(-1)).sum(-1)
    if loss == "kl":
        return cross_entropy + torch.xlogy(targets, targets).sum(-1)
    return cross_entropy
