"""From a trained network to the geometry of its learned data manifold, and from that
geometry to the scaling law that it implies.
"""

from typing import TYPE_CHECKING

from .core.errors import ManifoldScaleError as ManifoldScaleError
from .core.lazy import attach, lend

if TYPE_CHECKING:
    from . import (
        classes as classes,
        core as core,
        curvature as curvature,
        data as data,
        dimension as dimension,
        manifolds as manifolds,
        scaling as scaling,
        similarity as similarity,
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
    from .data.population import population as population
    from .geometry.cloud import Cloud as Cloud
    from .geometry.estimate import estimate as estimate
    from .geometry.neighbors import Neighbors as Neighbors
    from .geometry.stream import stream_neighbors as stream_neighbors
    from .networks.extract import (
        extract as extract,
        open_store as open_store,
        sites as sites,
    )
    from .networks.readers import read_folder as read_folder
    from .runs.compare import compare as compare
    from .runs.estimate import estimate_all as estimate_all
    from .runs.fit import fit as fit
    from .runs.probe import probe as probe
    from .runs.result import load as load
    from .runs.study import study as study
    from .scaling.data_vs_parameters import (
        duality as duality,
        test_duality as test_duality,
    )
    from .scaling.envelope import compute_envelope as compute_envelope
    from .scaling.exponent import predict_exponent as predict_exponent
    from .scaling.exponent_vs_dimension import (
        relation as relation,
        test_relation as test_relation,
    )
    from .scaling.held_back import rollout as rollout
    from .scaling.joint import fit_joint as fit_joint
    from .scaling.power_law import (
        Reference as Reference,
        fit_power_law as fit_power_law,
    )
    from .scaling.range_selection import select_range as select_range
    from .scaling.regime import classify_regime as classify_regime
    from .scaling.rivals import compare_models as compare_models
    from .scaling.speedup import speed_up as speed_up
    from .scaling.sum_law import fit_sum as fit_sum
    from .similarity.compare import compare_representations as compare_representations
    from .similarity.paired import paired_difference as paired_difference

__version__ = "0.1.0"

# Curves are pushed through networks, and are looked for where curvature is.
lend(
    f"{__name__}.curvature",
    f"{__name__}.networks.curves",
    *("Curve", "great_circle", "segment", "through_layers"),
)
__getattr__, __dir__ = attach(__name__)
