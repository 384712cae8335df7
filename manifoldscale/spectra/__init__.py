"""Spectra of representations: how variance falls with rank, and what that allows."""

from .covariance import Covariance as Covariance
from .spectrum import CovarianceSpectrum as CovarianceSpectrum
