"""Full-batch gradient descent of a network, to compare with linearised training."""

import dataclasses as dc
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core.arrays import Floats
from ..core.errors import require
from .empirical_ntk import outputs_at


@dc.dataclass(frozen=True, eq=False)
class Descent:
    """Losses of one network after numbers of steps, (steps,) each: squared errors summed
    over outputs and averaged over points, as in `LinearizedTraining`. NaN once the network
    has diverged.
    """

    steps: Floats
    train_loss: Floats
    test_loss: Floats


def gradient_descent(
    network: nn.Module,
    inputs: Any,
    targets: Any,
    steps: Any,
    *,
    learning_rate: float,
    test_inputs: Any,
    test_targets: Any,
) -> Descent:
    """Train the network itself, in place, by the descent that `linearized_training` solves.

    The loss descended is half the sum of squared errors over points and outputs.

    >>> from manifoldscale.theory import linearized_network, ntk_mlp
    >>> x = torch.linspace(-1, 1, 12, dtype=torch.float64)[:, None]
    >>> net, data = ntk_mlp(1, 512, 1, activation="erf"), (x[::2], x[::2] ** 2)
    >>> test = {"learning_rate": 0.02, "test_inputs": x, "test_targets": x**2}
    >>> linear = linearized_network(net, *data, [100], **test)
    >>> trained = gradient_descent(net, *data, [100], **test)
    >>> bool(abs(trained.test_loss[0] / linear.test_loss[0] - 1) < 0.05)
    True

    Parameters
    ----------
    steps : whole numbers of at least 0, in rising order, after which losses are taken.
    inputs, targets, test_inputs, test_targets : (points x features), (points x outputs).
    """
    counts = np.atleast_1d(np.asarray(steps, dtype=np.float64))
    require(
        counts.size > 0
        and bool(np.all(counts == np.round(counts)) and counts[0] >= 0)
        and bool(np.all(np.diff(counts) > 0)),
        f"`steps` must be whole numbers in rising order; not {steps!r}.",
    )
    x, y = _tensor(inputs), _tensor(targets)
    parameters = [p for p in network.parameters() if p.requires_grad]
    losses, done = [], 0
    for count in counts.astype(int):
        for _ in range(done, count):
            loss = 0.5 * (network(x) - y).square().sum()
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.sub_(learning_rate * gradient)
        done = count
        test = _loss(network, test_inputs, test_targets)
        losses.append((_loss(network, x, targets), test))
    train, test = np.array(losses).T
    return Descent(counts, train, test)


def _loss(network: nn.Module, inputs: Any, targets: Any) -> float:
    error = outputs_at(network, inputs) - _tensor(targets)
    loss = float(error.square().sum(1).mean())
    return loss if np.isfinite(loss) else float("nan")


def _tensor(values: Any) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float64)
