"""scikit-learn's interface: estimators over `estimate`, kernels over `theory`."""

from typing import TYPE_CHECKING

from ..core.lazy import attach

if TYPE_CHECKING:
    from .estimators import DimensionEstimator as DimensionEstimator
    from .wide_kernels import NNGPKernel as NNGPKernel, NTKKernel as NTKKernel

# Each on first use: the kernels bring torch, which the estimators do without.
__getattr__, __dir__ = attach(__name__)
