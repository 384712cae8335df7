"""The parameters of a pack in one array, and the optimisers that move it.

A small network spends most of its time in calls, not in arithmetic. With the parameters of
all members in one (members x parameters) array, and their gradients in another, a step of
the optimiser takes a few calls, for any number of layers. Learning rates and budgets, which
differ between members, are columns; steps that differ between layers are a row.
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Flat:
    """Stacked parameters: leaves of the graph that are views of one array, and an array of
    their gradients.

    Attributes
    ----------
    values, gradients : (members x parameters of one member). Where layers have scales of
        their own, gradients are in units of their usual size, `slopes`.
    leaves : the parameters by tensor, (members x shape) each.
    steps : (parameters,) factors of the learning rate, or None for one rate.
    """

    def __init__(
        self,
        stacked: Sequence[Tensor],
        scales: Sequence[tuple[float, float]] | None = None,
    ) -> None:
        members = len(stacked[0])
        self.values = torch.cat([one.reshape(members, -1) for one in stacked], 1)
        self.gradients = torch.zeros_like(self.values)
        self.leaves: list[Tensor] = []
        start = 0
        for one in stacked:
            part = slice(start, start + one[0].numel())
            view = self.values[:, part].view(one.shape)
            self.leaves.append(view.detach().requires_grad_())
            start = part.stop
        self.steps, self.slopes = None, None
        if scales is not None:
            counts = torch.tensor([one[0].numel() for one in stacked])
            both = torch.tensor(scales, dtype=torch.float64).repeat_interleave(counts, 0)
            self.steps, self.slopes = both.to(self.values).unbind(1)

    def differentiate(self, losses: Tensor) -> None:
        """Fill in the gradients of the losses, (members,), each by its own parameters; zero
        for parameters that do not affect the losses.
        """
        found = torch.autograd.grad(
            losses.sum(), self.leaves, allow_unused=True, materialize_grads=True
        )
        torch.cat([one.flatten(1) for one in found], 1, out=self.gradients)
        if self.slopes is not None:
            self.gradients.div_(self.slopes)

    def move(self, change: Tensor, rates: Tensor, factor: float) -> None:
        """Add factor times rate, (members x 1), times change to the values."""
        rates = rates if self.steps is None else rates * self.steps
        self.values.addcmul_(change, rates, value=factor)


class Optimiser(Protocol):
    """Moves the values against their gradients."""

    def step(self, rates: Tensor) -> None:
        """One step, with a learning rate for each member, (members x 1)."""

    def forget(self, members: Tensor) -> None:
        """Drop the state of these members."""


class SGD:
    """Gradient descent; momentum and weight decay as torch's."""

    def __init__(
        self, flat: Flat, weight_decay: float = 0.0, momentum: float = 0.0
    ) -> None:
        self.flat, self.weight_decay, self.momentum = flat, weight_decay, momentum
        self.velocity = torch.zeros_like(flat.values) if momentum else None

    def step(self, rates: Tensor) -> None:
        change = _decayed(self.flat, self.weight_decay)
        if self.velocity is not None:
            change = self.velocity.mul_(self.momentum).add_(change)
        self.flat.move(change, rates, -1)

    def forget(self, members: Tensor) -> None:
        if self.velocity is not None:
            self.velocity[members] = 0


class Adam:
    """Adam (Kingma & Ba 2015), with torch's defaults."""

    def __init__(
        self, flat: Flat, weight_decay: float = 0.0, momentum: float = 0.0
    ) -> None:
        self.flat, self.weight_decay = flat, weight_decay
        self.mean, self.square = (torch.zeros_like(flat.values) for _ in range(2))
        self.buffer = torch.empty_like(flat.values)
        self.steps = 0

    def step(self, rates: Tensor) -> None:
        gradient, self.steps = self._gradient(rates), self.steps + 1
        self.mean.lerp_(gradient, 1 - BETA_1)
        self.square.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        torch.sqrt(self.square, out=self.buffer)
        self.buffer.div_(math.sqrt(1 - BETA_2**self.steps)).add_(EPSILON)
        torch.div(self.mean, self.buffer, out=self.buffer)
        self.flat.move(self.buffer, rates, -1 / (1 - BETA_1**self.steps))

    def _gradient(self, rates: Tensor) -> Tensor:
        return _decayed(self.flat, self.weight_decay)

    def forget(self, members: Tensor) -> None:
        self.mean[members] = 0
        self.square[members] = 0


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019)."""

    def _gradient(self, rates: Tensor) -> Tensor:
        self.flat.values.mul_(1 - rates * self.weight_decay)
        return self.flat.gradients


def _decayed(flat: Flat, weight_decay: float) -> Tensor:
    """The gradient of the loss with weight_decay |w|^2 / 2 added to it. Where layers have
    steps of their own, the decay is by weight_decay times the rate in all of them.
    """
    if not weight_decay:
        return flat.gradients
    if flat.steps is not None:
        return torch.addcdiv(flat.gradients, flat.values, flat.steps, value=weight_decay)
    return torch.add(flat.gradients, flat.values, alpha=weight_decay)


# By name, made from the parameters, the weight decay and the momentum.
OPTIMISERS: dict[str, Callable[[Flat, float, float], Optimiser]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
}
