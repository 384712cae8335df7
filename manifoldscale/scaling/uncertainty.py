"""The uncertainty of a fitted sum of two power laws."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats
from .powers import SumOfPowers
from .scatter import ROUNDING
from .sum_fit import SumFit, SumProblem


@dc.dataclass(frozen=True, eq=False)
class Uncertainty:
    """Covariances of the unknowns of a sum of two power laws.

    Attributes
    ----------
    covariances : (3, 5, 5) of log alpha_D, log alpha_P, E, log b and log a, the terms at
        the middle sizes. The first assumes errors that are alike everywhere, the two others
        do not (sandwich). The largest variance counts.
    middle : (2,) log D and log P of the middle sizes.
    freedom : remaining degrees of freedom.
    """

    covariances: Floats
    middle: Floats
    freedom: int

    def sd(self, *weights: float) -> float:
        """Standard deviation of the sum of the first unknowns with these weights."""
        w = np.zeros(5)
        w[: len(weights)] = weights
        return math.sqrt(max(float((w @ self.covariances @ w).max()), 0.0))

    def sd_of(self, law: SumOfPowers, dataset_size: Floats, parameters: Floats) -> Floats:
        """Standard deviation of the log loss of the law at these sizes."""
        slopes = law.slopes(dataset_size, parameters, self.middle)
        squares = np.einsum("...i,kij,...j->k...", slopes, self.covariances, slopes)
        return np.asarray(np.sqrt(np.maximum(squares.max(axis=0), 0.0)))


def uncertainty_of(problem: SumProblem, fit: SumFit) -> Uncertainty:
    """By the influence of each pair on an M-estimate (Huber & Ronchetti 2009, ch. 7).

    With J the derivatives of the log losses, u the residuals in units of the scale s and
    psi = cost', the covariance is s^2 K^2 mean(psi^2) / mean(psi')^2 (J'J)^-1 if errors are
    alike everywhere. If not, it is M^-1 (J' psi^2 J) M^-1 with M = J' psi' J (sandwich),
    where psi^2 is divided by 1 - h, h the leverage of a pair (HC2). K, the mean of psi^2
    over n - p, and Student's t are small-sample corrections.
    """
    # E may move even where it ended at zero: held there, the exponents would look more
    # certain than they are.
    slopes = problem.merged(problem.slopes(fit.law))
    n, freedom = len(slopes), max(len(slopes) - problem.unknowns, 1)
    u = problem.residuals_of(fit.law) / fit.scale
    pull, steep = fit.errors.weight(u) * u, fit.errors.slope(u)
    mean = max(float(steep.mean()), 1e-6)
    K = 1 + (n - freedom) / n * float(steep.var()) / mean**2
    unit = (fit.scale * K) ** 2
    inverse = _inverse(slopes, np.full(n, mean))
    even = inverse * max(unit * float(pull @ pull) / freedom, ROUNDING**2 * mean**2) / mean
    sandwiches = [
        unit * _sandwich(slopes, pull, weights) for weights in (np.full(n, mean), steep)
    ]
    both = np.stack([even, *sandwiches])
    if problem.one_exponent:
        spread = np.vstack([np.eye(4)[:1], np.eye(4)])
        both = spread @ both @ spread.T
    return Uncertainty(both, problem.middle, freedom)


def _inverse(slopes: Floats, weights: Floats) -> Floats:
    """Inverse of J' weights J; zero where that is not positive, as far from a minimum."""
    sizes = np.sqrt((slopes**2).sum(axis=0))
    sizes = np.where(sizes > 0, sizes, 1.0)
    scaled = slopes / sizes
    square = (scaled * weights[:, None]).T @ scaled
    values = np.linalg.eigvalsh(square)
    if values[0] < -1e-10 * values[-1]:
        return np.zeros_like(square)
    return np.asarray(np.linalg.pinv(square, hermitian=True) / np.outer(sizes, sizes))


def _sandwich(slopes: Floats, pull: Floats, weights: Floats) -> Floats:
    inverse = _inverse(slopes, weights)
    leverage = weights * np.einsum("ni,ij,nj->n", slopes, inverse, slopes)
    scores = slopes * (pull / np.sqrt(1 - np.clip(leverage, 0.0, 0.9)))[:, None]
    return np.asarray(inverse @ (scores.T @ scores) @ inverse)
