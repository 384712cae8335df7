"""Exactly solvable models: what infinite width gives in closed form, in float64."""

from ..core.lazy import listed
from .activations import (
    GELU as GELU,
    Activation as Activation,
    Erf as Erf,
    LeakyReLU as LeakyReLU,
    Linear as Linear,
    ReLU as ReLU,
    Tanh as Tanh,
)
from .beside import Beside as Beside, beside as beside
from .convolution import ConvNNGP as ConvNNGP, ConvNTK as ConvNTK
from .descent import Descent as Descent, gradient_descent as gradient_descent
from .dynamics import (
    LinearizedTraining as LinearizedTraining,
    linearized_network as linearized_network,
    linearized_training as linearized_training,
)
from .empirical_ntk import empirical_ntk as empirical_ntk
from .empirical_spectrum import (
    EmpiricalSpectrum as EmpiricalSpectrum,
    empirical_spectrum as empirical_spectrum,
)
from .feature_regression import random_feature_regression as random_feature_regression
from .gram_learning_curve import (
    GramLearningCurve as GramLearningCurve,
    gram_learning_curve as gram_learning_curve,
)
from .hermite_check import HermiteCheck as HermiteCheck
from .hermite_modes import HermiteModes as HermiteModes
from .hermite_spectrum import (
    HermiteSpectrum as HermiteSpectrum,
    hermite_spectrum as hermite_spectrum,
)
from .kernel import Kernel as Kernel
from .kernel_change import (
    kernel_alignment as kernel_alignment,
    kernel_drift as kernel_drift,
)
from .kernel_geometry import (
    KernelGeometry as KernelGeometry,
    kernel_geometry as kernel_geometry,
)
from .kernel_learning_curve import (
    KernelLearningCurve as KernelLearningCurve,
    kernel_learning_curve as kernel_learning_curve,
)
from .kernel_regression import kernel_regression_curve as kernel_regression_curve
from .kernel_spectrum import (
    SpectralExponent as SpectralExponent,
    Spectrum as Spectrum,
    gram_spectrum as gram_spectrum,
)
from .kernels import (
    NNGP as NNGP,
    NTK as NTK,
    nngp as nngp,
    nngp_and_ntk as nngp_and_ntk,
    ntk as ntk,
)
from .level_coefficients import level_coefficients as level_coefficients
from .mean_field import (
    Layers as Layers,
    MeanField as MeanField,
    critical_weight_variance as critical_weight_variance,
    mean_field as mean_field,
)
from .ntk_mlp import NTKLinear as NTKLinear, ntk_mlp as ntk_mlp
from .on_sphere import sphere_spectrum as sphere_spectrum
from .on_torus import torus_spectrum as torus_spectrum
from .power_law_spectrum import (
    PowerLawAsymptote as PowerLawAsymptote,
    PowerLawSpectrum as PowerLawSpectrum,
    power_law_asymptote as power_law_asymptote,
    power_law_spectrum as power_law_spectrum,
)
from .random_features import (
    RandomFeatureCurve as RandomFeatureCurve,
    linear_random_features as linear_random_features,
)
from .simulated_features import (
    simulate_linear_random_features as simulate_linear_random_features,
)
from .solvable_exponents import (
    SolvableExponents as SolvableExponents,
    solvable_exponents as solvable_exponents,
)
from .stationary import Gaussian as Gaussian, Laplace as Laplace, Matern as Matern

__dir__ = listed(__name__)
