"""Representations of the same examples beside each other: how much one says of another."""

from ..core.lazy import listed
from .compare import compare_representations as compare_representations
from .comparison import (
    ComparisonMatrix as ComparisonMatrix,
    RepresentationComparison as RepresentationComparison,
    Similarity as Similarity,
)
from .paired import (
    PairedDifference as PairedDifference,
    paired_difference as paired_difference,
)

__dir__ = listed(__name__)
