"""From a trained network to the geometry of its learned data manifold, and from that
geometry to the scaling law that it implies.
"""

from typing import TYPE_CHECKING

from .core.errors import ManifoldScaleError as ManifoldScaleError
from .core.lazy import attach

if TYPE_CHECKING:
    from . import (
        curvature as curvature,
        data as data,
        dimension as dimension,
        manifolds as manifolds,
        sklearn as sklearn,
        sweeps as sweeps,
        testing as testing,
        theory as theory,
    )
    from .core.interval import Interval as Interval
    from .core.learning_curve import LearningCurve as LearningCurve
    from .core.result import Table as Table
    from .geometry.cloud import Cloud as Cloud
    from .geometry.estimate import estimate as estimate
    from .geometry.neighbors import Neighbors as Neighbors
    from .geometry.stream import stream_neighbors as stream_neighbors
    from .networks.extract import extract as extract, sites as sites
    from .scaling.compare import compare as compare
    from .scaling.exponent import predict_exponent as predict_exponent
    from .scaling.power_law import (
        Reference as Reference,
        fit_power_law as fit_power_law,
    )

__version__ = "0.1.0"

__getattr__, __dir__ = attach(
    __name__,
    {
        "Cloud": ".geometry.cloud",
        "Interval": ".core.interval",
        "LearningCurve": ".core.learning_curve",
        "Neighbors": ".geometry.neighbors",
        "Reference": ".scaling.power_law",
        "Table": ".core.result",
        "compare": ".scaling.compare",
        "curvature": ".curvature",
        "data": ".data",
        "dimension": ".dimension",
        "estimate": ".geometry.estimate",
        "extract": ".networks.extract",
        "fit_power_law": ".scaling.power_law",
        "manifolds": ".manifolds",
        "predict_exponent": ".scaling.exponent",
        "sites": ".networks.extract",
        "sklearn": ".sklearn",
        "stream_neighbors": ".geometry.stream",
        "sweeps": ".sweeps",
        "testing": ".testing",
        "theory": ".theory",
    },
)
