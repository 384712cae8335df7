"""Topology of clouds of points: persistent homology with Betti numbers and their errors."""

from ..core.lazy import listed
from .coefficients import (
    Coefficients as Coefficients,
    compare_coefficients as compare_coefficients,
)
from .coordinates import (
    Angles as Angles,
    CircularCoordinates as CircularCoordinates,
    CircularCorrelation as CircularCorrelation,
    circular_correlation as circular_correlation,
)
from .persistence import Betti as Betti, Persistence as Persistence
from .rips import Rips as Rips
from .summaries import (
    betti_curve as betti_curve,
    landscape as landscape,
    persistence_entropy as persistence_entropy,
)

__dir__ = listed(__name__)
