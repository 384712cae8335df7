"""The losses that networks are trained on and tested by."""

import re

import torch
from torch import Tensor

from ..core.errors import ManifoldScaleError, require
from ..core.random import keyed
from ..core.source import check_unchanged
from ..data import as_users, python_function

LOSSES = ("mse", "cross_entropy", "kl")
CLASSES = ("cross_entropy", "kl")  # losses whose targets are probabilities
OWN = re.compile(r"py:[^:]+:[^:]+")
POWER = re.compile(r"abs\^(\d+(?:\.\d+)?)")


def check_name(loss: str) -> None:
    """Refuse an unknown loss."""
    if loss not in LOSSES and not POWER.fullmatch(str(loss)) and not is_own(loss):
        raise ManifoldScaleError(
            f"`loss` must be one of {', '.join(map(repr, LOSSES))}, 'abs^p' with a "
            f"number p, as 'abs^3', or 'py:module:function'; not {loss!r}."
        )


def is_own(loss: str) -> bool:
    """Whether it is a function of the user's."""
    return bool(OWN.fullmatch(str(loss)))


def check_own(loss: str, targets: Tensor) -> None:
    """Try a user's loss on some targets, (n x outputs), with outputs drawn at random.

    Raises
    ------
    ManifoldScaleError : it is not (n,) finite numbers that depend on the outputs, each on
        those of its own example alone; or its file changed since it was imported.
    """
    check_unchanged(loss, f"`loss` {loss!r}")
    drawn = keyed(0, "loss").standard_normal(tuple(targets.shape))
    outputs = torch.from_numpy(drawn).to(targets).requires_grad_()
    found = _of_user(loss, outputs, targets)
    require(
        bool(found.isfinite().all()),
        f"`loss` {loss!r} is not finite for outputs drawn from a normal distribution.",
    )
    require(
        found.requires_grad
        and bool(torch.autograd.grad(found.sum(), outputs)[0].isfinite().all()),
        f"`loss` {loss!r} has no finite gradient with respect to the outputs: is it "
        "detached, or rounded?",
    )
    alone = [
        _of_user(loss, outputs[i : i + 1], targets[i : i + 1]) for i in range(len(targets))
    ]
    require(
        torch.allclose(torch.cat(alone), found, rtol=1e-3, atol=1e-5),
        f"`loss` {loss!r} of an example depends on the other examples of its batch; test "
        "losses are means over examples, so each must stand alone.",
    )


def _of_user(loss: str, outputs: Tensor, targets: Tensor) -> Tensor:
    """The user's loss of (n x outputs), checked for its shape."""
    function = python_function(loss, "`loss`")
    with as_users(f"`loss` {loss!r}"):
        found = function(outputs, targets)
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    require(
        shape == (len(outputs),),
        f"`loss` {loss!r} must turn outputs and targets of shape {tuple(outputs.shape)} "
        f"into the loss of each example, a tensor of shape ({len(outputs)},); it returned "
        f"{shape}. A loss of torch does so with reduction='none', summed over outputs.",
    )
    assert isinstance(found, Tensor)
    return found


def example_loss(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    """The loss of each example, from (..., batch, outputs)."""
    if is_own(loss):
        flat = _of_user(loss, outputs.flatten(0, -2), targets.flatten(0, -2))
        return flat.view(outputs.shape[:-1])
    if loss == "mse":
        return (outputs - targets).square().sum(-1)
    power = POWER.fullmatch(loss)
    if power is not None:
        return (outputs - targets).abs().pow(float(power[1])).sum(-1)
    cross_entropy = -(targets * outputs.log_softmax(-1)).sum(-1)
    if loss == "kl":
        return cross_entropy + torch.xlogy(targets, targets).sum(-1)
    return cross_entropy
