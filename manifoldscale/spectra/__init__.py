"""Spectra of representations: how variance falls with rank, and what follows."""

from ..core.lazy import listed
from .covariance import Covariance as Covariance
from .spectrum import CovarianceSpectrum as CovarianceSpectrum

__dir__ = listed(__name__)
