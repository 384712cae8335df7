"""Curvature of clouds of points: method values for `estimate`, and their results; and of
curves through networks.
"""

from ..core.lazy import attach
from .curvature import Curvature as Curvature
from .mapc import MAPC as MAPC
from .of_scale import (
    GaussMap as GaussMap,
    KappaOfScale as KappaOfScale,
    ReachEstimate as ReachEstimate,
    ScaleCurve as ScaleCurve,
)
from .quadric import Quadric as Quadric, knowable as knowable
from .status import Status as Status
from .volume_growth import VolumeGrowth as VolumeGrowth

# `manifoldscale` lends it the curves through networks, which are defined a floor above.
__getattr__, __dir__ = attach(__name__)
