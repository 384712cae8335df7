"""Intrinsic dimension: method values for `estimate`, and their result."""

from .auto import Auto as Auto
from .calibrated import Calibrated as Calibrated
from .dimension import Dimension as Dimension
from .mle import MLE as MLE
from .two_nn import TwoNN as TwoNN
