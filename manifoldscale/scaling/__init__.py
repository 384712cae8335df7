"""Scaling laws: fits, the exponents that a dimension implies, and their comparison."""

from typing import TYPE_CHECKING

from ..core.lazy import attach

if TYPE_CHECKING:
    from .comparison import Comparison as Comparison, compare as compare
    from .duality import DualityTest as DualityTest, test_duality as test_duality
    from .ensembles import EnsembleTest as EnsembleTest, ensemble_test as ensemble_test
    from .envelope import (
        ComputeEnvelope as ComputeEnvelope,
        compute_envelope as compute_envelope,
    )
    from .exponent import (
        ExponentPrediction as ExponentPrediction,
        ladder as ladder,
        predict_exponent as predict_exponent,
    )
    from .forecast import Forecast as Forecast
    from .frontier import (
        ComputeFrontier as ComputeFrontier,
        compute_frontier as compute_frontier,
    )
    from .held_back import Rollout as Rollout, rollout as rollout
    from .joint import JointLaw as JointLaw, fit_joint as fit_joint
    from .models import (
        ModelComparison as ModelComparison,
        compare_models as compare_models,
    )
    from .power_law import (
        PowerLaw as PowerLaw,
        Reference as Reference,
        fit_power_law as fit_power_law,
    )
    from .powers import SumOfPowers as SumOfPowers
    from .range_selection import (
        RangeSelection as RangeSelection,
        select_range as select_range,
    )
    from .regime import RegimeVerdict as RegimeVerdict, classify_regime as classify_regime
    from .relation import RelationTest as RelationTest, test_relation as test_relation
    from .repetition import (
        RepetitionLaw as RepetitionLaw,
        fit_repetition as fit_repetition,
    )
    from .speedup import SpeedUp as SpeedUp, speed_up as speed_up
    from .sum_law import SumLaw as SumLaw, fit_sum as fit_sum
    from .tails import Huber as Huber, Normal as Normal, Student as Student

# Each on first use: the exponents of a dimension need no SciPy, which is slow to come.
__getattr__, __dir__ = attach(
    __name__,
    {
        "Comparison": ".comparison",
        "ComputeEnvelope": ".envelope",
        "ComputeFrontier": ".frontier",
        "DualityTest": ".duality",
        "EnsembleTest": ".ensembles",
        "ExponentPrediction": ".exponent",
        "Forecast": ".forecast",
        "Huber": ".tails",
        "JointLaw": ".joint",
        "ModelComparison": ".models",
        "Normal": ".tails",
        "PowerLaw": ".power_law",
        "RangeSelection": ".range_selection",
        "Reference": ".power_law",
        "RegimeVerdict": ".regime",
        "RelationTest": ".relation",
        "Rollout": ".held_back",
        "SpeedUp": ".speedup",
        "RepetitionLaw": ".repetition",
        "Student": ".tails",
        "SumLaw": ".sum_law",
        "SumOfPowers": ".powers",
        "classify_regime": ".regime",
        "compare": ".comparison",
        "compare_models": ".models",
        "compute_envelope": ".envelope",
        "compute_frontier": ".frontier",
        "ensemble_test": ".ensembles",
        "fit_joint": ".joint",
        "fit_power_law": ".power_law",
        "fit_repetition": ".repetition",
        "fit_sum": ".sum_law",
        "ladder": ".exponent",
        "predict_exponent": ".exponent",
        "rollout": ".held_back",
        "select_range": ".range_selection",
        "speed_up": ".speedup",
        "test_duality": ".duality",
        "test_relation": ".relation",
    },
)
