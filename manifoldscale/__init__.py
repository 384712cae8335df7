"""From a trained network to the geometry of its learned data manifold, and from that
geometry to the scaling law that it implies.
"""

from typing import TYPE_CHECKING

from .core.errors import ManifoldScaleError as ManifoldScaleError
from .core.lazy import attach

if TYPE_CHECKING:
    from . import (
        classes as classes,
        curvature as curvature,
        data as data,
        dimension as dimension,
        manifolds as manifolds,
        scaling as scaling,
        sklearn as sklearn,
        spectra as spectra,
        sweeps as sweeps,
        testing as testing,
        theory as theory,
        topology as topology,
        views as views,
    )
    from .core.interval import Interval as Interval
    from .core.learning_curve import LearningCurve as LearningCurve
    from .core.result import Table as Table
    from .geometry.cloud import Cloud as Cloud
    from .geometry.estimate import estimate as estimate
    from .geometry.neighbors import Neighbors as Neighbors
    from .geometry.stream import stream_neighbors as stream_neighbors
    from .networks.extract import (
        extract as extract,
        open_store as open_store,
        sites as sites,
    )
    from .networks.readers import population as population, read_folder as read_folder
    from .scaling.comparison import compare as compare
    from .scaling.duality import test_duality as test_duality
    from .scaling.envelope import compute_envelope as compute_envelope
    from .scaling.exponent import predict_exponent as predict_exponent
    from .scaling.held_back import rollout as rollout
    from .scaling.joint import fit_joint as fit_joint
    from .scaling.models import compare_models as compare_models
    from .scaling.power_law import (
        Reference as Reference,
        fit_power_law as fit_power_law,
    )
    from .scaling.range_selection import select_range as select_range
    from .scaling.regime import classify_regime as classify_regime
    from .scaling.relation import test_relation as test_relation
    from .scaling.speedup import speed_up as speed_up
    from .scaling.sum_law import fit_sum as fit_sum

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
        "classes": ".classes",
        "classify_regime": ".scaling.regime",
        "compare": ".scaling.comparison",
        "compare_models": ".scaling.models",
        "compute_envelope": ".scaling.envelope",
        "curvature": ".curvature",
        "data": ".data",
        "dimension": ".dimension",
        "estimate": ".geometry.estimate",
        "extract": ".networks.extract",
        "fit_joint": ".scaling.joint",
        "fit_power_law": ".scaling.power_law",
        "fit_sum": ".scaling.sum_law",
        "manifolds": ".manifolds",
        "open_store": ".networks.extract",
        "population": ".networks.readers",
        "predict_exponent": ".scaling.exponent",
        "read_folder": ".networks.readers",
        "rollout": ".scaling.held_back",
        "scaling": ".scaling",
        "select_range": ".scaling.range_selection",
        "sites": ".networks.extract",
        "sklearn": ".sklearn",
        "speed_up": ".scaling.speedup",
        "stream_neighbors": ".geometry.stream",
        "spectra": ".spectra",
        "sweeps": ".sweeps",
        "test_duality": ".scaling.duality",
        "test_relation": ".scaling.relation",
        "testing": ".testing",
        "theory": ".theory",
        "topology": ".topology",
        "views": ".views",
    },
)
