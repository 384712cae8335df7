"""scikit-learn's interface, for pipelines and searches: one adapter over `estimate`."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from ..core.arrays import refuse_no_features
from ..core.errors import require
from ..core.method import Method
from ..dimension import Auto, Dimension, LocalDimension
from ..geometry.estimate import estimate


class DimensionEstimator(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Intrinsic dimension with `fit`.

    >>> from manifoldscale.manifolds import Sphere
    >>> DimensionEstimator().fit(Sphere(2).sample(1000).points).dimension_.round()
    np.float64(2.0)

    A method is one parameter: search over methods as over any other setting, with
    `{"method": [ms.dimension.MLE(k=5), ms.dimension.MLE(k=20)]}`.

    Parameters
    ----------
    method : a method value, such as `ms.dimension.MLE(k=20)`; `Auto()` where None.
    random_state : int, seeds the draw of anchors, if the method has any.

    Attributes
    ----------
    dimension_ : the estimate; for `Local`, of all points together.
    interval_ : its (low, high).
    result_ : the whole result, with its caveats.
    dimension_pw_ : (n_samples,) only for `Local`, the estimate at each row; NaN at a row
        that equals an earlier one.
    n_features_in_ : features seen in `fit`.
    """

    def __init__(
        self,
        method: Method[Dimension] | Method[LocalDimension] | None = None,
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Estimate the dimension of X, (n_samples, n_features); y is ignored."""
        if hasattr(X, "iloc"):
            refuse_no_features(X, "X")
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=4)
        method: Any = Auto() if self.method is None else self.method
        result = estimate(X, method, rng=self.random_state)
        require(
            isinstance(result, Dimension | LocalDimension),
            f"`method` must estimate a dimension, as `ms.dimension.TwoNN()` does; {method} "
            f"gives a {type(result).__name__}.",
        )
        self.__dict__.pop("dimension_pw_", None)  # of an earlier fit with `Local`
        pooled = result
        if isinstance(result, LocalDimension):
            pooled = result.pooled
            self.dimension_pw_ = np.full(len(X), np.nan)
            self.dimension_pw_[result.rows] = result.values
        self.result_ = result
        self.dimension_ = np.float64(pooled.value)
        self.interval_ = tuple(pooled.interval)
        return self
