"""Exactly solvable models: what infinite width gives in closed form, in float64."""

from .activations import (
    GELU as GELU,
    Activation as Activation,
    Erf as Erf,
    LeakyReLU as LeakyReLU,
    Linear as Linear,
    ReLU as ReLU,
    Tanh as Tanh,
)
from .kernel import Kernel as Kernel
from .kernels import NNGP as NNGP, NTK as NTK, nngp as nngp, ntk as ntk
from .stationary import Gaussian as Gaussian, Laplace as Laplace, Matern as Matern
