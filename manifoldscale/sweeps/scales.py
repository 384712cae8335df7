"""How large the weights of a multilayer perceptron are, layer by layer, and how far a step
moves them, in each parametrisation.

All parametrisations are affine layers h -> a W h + b v, with factors a, b, a standard
deviation at the start, and a step for each tensor. "standard" has a = b = 1. "ntk" draws
everything from N(0, 1); its factors are sqrt(gain / fan-in) and 0.1.

"mup" is the maximal update parametrisation (Yang & Hu 2021; Yang et al. 2022, table 8), in
which features are learned at any width w, with a richness gamma (Chizat et al. 2019;
Bordelon & Pehlevan 2022). Its network is that of "ntk" with the outputs divided by
gamma sqrt(w). Derivation, for a loss whose slope in the output is of order one:

- The slope of the loss in a weight W_ij of a hidden layer is a (df/dh_i) h_j. Here df/dh_i
  is of order 1 / (gamma w), by the read-out, so the slope is of order
  s = 1 / (gamma w sqrt(fan-in)). It is s = 1 / (gamma w) for the read-out and for biases of
  hidden layers, and s = 1 / (gamma sqrt(w)) for the bias of the output.
- Steps of gradient descent -rate r (slope / s) with r = gamma^2 w s change the outputs by a
  sum over all parameters of -rate gamma^2 w slope^2, which is the tangent kernel of the
  "ntk" network: of order one at any width and gamma. These are r = gamma / sqrt(fan-in),
  gamma, and gamma sqrt(w): one rate, gamma^2 w times that of "ntk", for all tensors.
- The same steps change a pre-activation by a sum over fan-in terms a r h_j of one sign,
  because the step is aligned with the inputs: gamma, at any width. So gamma is how far
  features move while the outputs move by one. At gamma = 1 they move at any width; at
  gamma = w^-1/2 the network is that of "ntk", and lazy.
- Adam divides a slope by its own size, so its step is rate r sign(slope): the same r, from
  which follow the same orders. In units where hidden weights are drawn from
  N(0, 1 / fan-in), as in table 8, r is 1 / w for hidden layers and 1 for the read-out.
"""

import dataclasses as dc
from collections.abc import Mapping

from ..networks.mlp import MLP

GAIN: Mapping[str, float] = {"relu": 2.0, "gelu": 2.0, "tanh": 1.0}
BIAS_STD = 0.1  # not zero: otherwise all kinks would pass through the origin
# A network at initialisation is a random function, which acts as label noise on inputs that
# it has not seen. A small read-out keeps this noise below the targets.
READOUT_SCALE = 0.1


@dc.dataclass(frozen=True)
class Scale:
    """Of one tensor, weights or biases.

    factor : multiplies it in the network; std : of its entries at the start.
    step, slope : r and s above.
    """

    factor: float = 1.0
    std: float = 1.0
    step: float = 1.0
    slope: float = 1.0


def scales_of(shape: MLP) -> list[tuple[Scale, Scale]]:
    """Of the weights and the biases of each layer, the read-out last.

    >>> weights, biases = scales_of(MLP(4, 64, 1, 1, "tanh", "mup"))[-1]
    >>> weights.factor, biases.step  # 1 / w, and sqrt(w)
    (0.015625, 8.0)
    """
    return [_of_layer(shape, layer) for layer in range(shape.depth + 1)]


def _of_layer(shape: MLP, layer: int) -> tuple[Scale, Scale]:
    fan_in, last = shape.sizes[layer], layer == shape.depth
    std = (GAIN[shape.activation] / fan_in) ** 0.5
    if shape.parametrisation == "standard":
        std = READOUT_SCALE * fan_in**-0.5 if last else std
        return Scale(std=std), Scale(std=BIAS_STD)
    if shape.parametrisation == "ntk":
        return Scale(std), Scale(BIAS_STD)
    rich, w = shape.richness, shape.width
    if last:
        down = 1 / (rich * w**0.5)
        weights = Scale(std * down, step=rich, slope=1 / (rich * w))
        return weights, Scale(BIAS_STD * down, step=rich * w**0.5, slope=down)
    weights = Scale(std, step=rich * fan_in**-0.5, slope=1 / (rich * w * fan_in**0.5))
    return weights, Scale(BIAS_STD, step=rich, slope=1 / (rich * w))
