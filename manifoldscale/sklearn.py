"""scikit-learn's interface, for pipelines and searches: one adapter over `estimate`."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from .core.method import Method
from .dimension import Auto, Dimension
from .geometry.estimate import estimate


class DimensionEstimator(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Intrinsic dimension with `fit`.

    >>> from manifoldscale.manifolds import Sphere
    >>> DimensionEstimator().fit(Sphere(2).sample(1000).points).dimension_.round()
    np.float64(2.0)

    Parameters
    ----------
    method : a method value, such as `ms.dimension.MLE(k=20)`; `Auto()` where None.
    random_state : int, draws the anchors where the method has some.

    Attributes
    ----------
    dimension_ : the estimate.
    interval_ : its (low, high).
    result_ : the whole `Dimension`, with its caveats.
    n_features_in_ : features seen in `fit`.
    """

    def __init__(
        self, method: Method[Dimension] | None = None, random_state: int = 0
    ) -> None:
        self.method = method
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Estimate the dimension of X, (n_samples, n_features); y is ignored."""
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=4)
        method = Auto() if self.method is None else self.method
        self.result_ = estimate(X, method, rng=self.random_state)
        self.dimension_ = np.float64(self.result_.value)
        self.interval_ = tuple(self.result_.interval)
        return self
