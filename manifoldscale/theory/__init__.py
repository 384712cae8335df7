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
from .convolution import ConvNNGP as ConvNNGP, ConvNTK as ConvNTK
from .kernel import Kernel as Kernel
from .kernel_geometry import (
    KernelGeometry as KernelGeometry,
    kernel_geometry as kernel_geometry,
)
from .kernels import NNGP as NNGP, NTK as NTK, nngp as nngp, ntk as ntk
from .mean_field import (
    Layers as Layers,
    MeanField as MeanField,
    critical_weight_variance as critical_weight_variance,
    mean_field as mean_field,
)
from .spectrum import (
    SpectralExponent as SpectralExponent,
    Spectrum as Spectrum,
    gram_spectrum as gram_spectrum,
)
from .sphere import sphere_spectrum as sphere_spectrum
from .stationary import Gaussian as Gaussian, Laplace as Laplace, Matern as Matern
from .torus import torus_spectrum as torus_spectrum
