"""Scaling laws: fits, the exponents that a dimension implies, and their comparison."""

from typing import TYPE_CHECKING

from ..core.lazy import attach

if TYPE_CHECKING:
    from .comparison import Comparison as Comparison, compare as compare
    from .data_vs_parameters import (
        DualityTest as DualityTest,
        duality as duality,
        test_duality as test_duality,
    )
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
    from .exponent_vs_dimension import (
        RelationTest as RelationTest,
        relation as relation,
        test_relation as test_relation,
    )
    from .forecast import Forecast as Forecast
    from .frontier import (
        ComputeFrontier as ComputeFrontier,
        compute_frontier as compute_frontier,
    )
    from .held_back import Rollout as Rollout, rollout as rollout
    from .joint import JointLaw as JointLaw, fit_joint as fit_joint
    from .laws import CONDITIONS as CONDITIONS, LAWS as LAWS, Law as Law
    from .paired_losses import LossRatio as LossRatio, loss_ratio as loss_ratio
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
    from .repetition import RepetitionLaw as RepetitionLaw, fit_repetition as fit_repetition
    from .rivals import ModelComparison as ModelComparison, compare_models as compare_models
    from .speedup import SpeedUp as SpeedUp, speed_up as speed_up
    from .sum_law import SumLaw as SumLaw, fit_sum as fit_sum
    from .tails import Huber as Huber, Normal as Normal, Student as Student

# Each on first use: the exponents of a dimension need no SciPy, which is slow to come.
__getattr__, __dir__ = attach(__name__)
