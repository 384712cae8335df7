"""Intrinsic dimension: method values for `estimate`, and their result."""

from ..core.lazy import listed
from .abide import ABIDE as ABIDE
from .above_noise import AboveNoise as AboveNoise
from .across_scales import (
    AcrossScales as AcrossScales,
    ScaleCurve as ScaleCurve,
    resolved_by_sizes as resolved_by_sizes,
)
from .auto import Auto as Auto
from .bide import BIDE as BIDE
from .calibrated import Calibrated as Calibrated
from .correlation import CorrelationDimension as CorrelationDimension
from .dimension import Dimension as Dimension, pooled_dimension as pooled_dimension
from .exponential import (
    Rate as Rate,
    pooled_rate as pooled_rate,
    rate_dimension as rate_dimension,
)
from .gride import Gride as Gride
from .hamming import Hamming as Hamming
from .i3d import I3D as I3D
from .local import Local as Local, LocalDimension as LocalDimension
from .local_pca import LocalPCA as LocalPCA
from .mle import MLE as MLE
from .neighbor_scaling import (
    NearestNeighborScaling as NearestNeighborScaling,
    ScalingDimension as ScalingDimension,
)
from .participation import ParticipationRatio as ParticipationRatio
from .persistent_homology import PersistentHomology as PersistentHomology
from .skdim import Skdim as Skdim
from .two_nn import TwoNN as TwoNN

__dir__ = listed(__name__)
