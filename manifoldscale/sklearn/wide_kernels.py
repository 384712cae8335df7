"""Kernels of wide networks for scikit-learn's Gaussian processes."""

from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from ..core.arrays import Floats
from ..core.errors import require
from ..theory import NNGP, NTK, Activation
from ..theory.kernels import NetworkKernel, Sensitivity

Bounds = tuple[float, float] | str


class _WideNetwork(Kernel):  # type: ignore[misc]  # sklearn has no types
    """The common base of both kernels of a wide network; a concrete one names the
    kernel.
    """

    _kernel: type[NetworkKernel]

    def __init__(
        self,
        depth: int = 3,
        activation: Activation | str = "relu",
        weight_variance: float = 2.0,
        bias_variance: float = 0.1,
        weight_variance_bounds: Bounds = (1e-2, 1e2),
        bias_variance_bounds: Bounds = (1e-5, 1e2),
    ) -> None:
        self.depth = depth
        self.activation = activation
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.weight_variance_bounds = weight_variance_bounds
        self.bias_variance_bounds = bias_variance_bounds

    @property
    def hyperparameter_weight_variance(self) -> Hyperparameter:
        return Hyperparameter("weight_variance", "numeric", self.weight_variance_bounds)

    @property
    def hyperparameter_bias_variance(self) -> Hyperparameter:
        # The search is over its logarithm, which zero does not have: zero stays fixed.
        bounds = self.bias_variance_bounds if self.bias_variance else "fixed"
        return Hyperparameter("bias_variance", "numeric", bounds)

    @property
    def _value(self) -> NetworkKernel:
        return self._kernel(
            self.depth, self.activation, self.weight_variance, self.bias_variance
        )

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """The kernel matrix, and its gradient in the logarithms of the variances that are
        not fixed, (n, n, variances).
        """
        require(
            Y is None or not eval_gradient,
            "`eval_gradient` needs `Y` to be None: it is the gradient of a Gram matrix.",
        )
        matrix: Floats = self._value(X, Y).numpy()
        if not eval_gradient:
            return matrix
        searched = [h.name for h in self.hyperparameters if not h.fixed]
        gradient = np.empty((*matrix.shape, len(searched)))
        for place, name in enumerate(searched):
            slope = Sensitivity(self._value, name)(X).numpy()
            np.multiply(slope, getattr(self, name), out=gradient[:, :, place])
        return matrix, gradient

    def diag(self, X: Any) -> Floats:
        """k(x, x) of each row."""
        return np.asarray(self._value.diagonal(X))

    def is_stationary(self) -> bool:
        """Whether it depends only on differences: it does not."""
        return False


class NNGPKernel(_WideNetwork):
    """The Gaussian process of a wide network before training, for scikit-learn.

    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> gp = GaussianProcessRegressor(NNGPKernel(depth=2), alpha=1e-6).fit(X, X[:, 0] ** 2)
    >>> bool(abs(gp.predict([[0.52]])[0] - 0.52**2) < 0.01)
    True

    Parameters
    ----------
    depth, activation, weight_variance, bias_variance : as in `ms.theory.NNGP`.
    weight_variance_bounds, bias_variance_bounds : where to search, or "fixed". A
        `bias_variance` of zero is fixed.

    On dense points the Gram matrix of a smooth activation has eigenvalues below rounding,
    points x 2e-16 of the largest. If the `alpha` of the process is not well above them, the
    matrix is singular in practice: means are wild between the points, and scikit-learn sets
    negative variances to zero, with a warning.
    """

    _kernel = NNGP


class NTKKernel(_WideNetwork):
    """The kernel that training of a wide network follows, for scikit-learn.

    Parameters are those of `NNGPKernel`.
    """

    _kernel = NTK
