"""Ridge regression on linear random features in closed form: the loss over features and
samples, with the double descent between them.

Bahri et al. (2024), Maloney, Roberts and Sully (2022); deterministic equivalents of Simon
et al. (2023), with which the ridgeless loss takes the simple form below. N features, n
samples, x ~ N(0, diag(lambda)), labels w.x + noise with E[w w'] = 1, and the regression on
the features F x with entries of F from N(0, 1/N). With L_i = lambda_i / (lambda_i + gamma),
z = sum L_i, q = sum L_i^2, Q = sum L_i (1 - L_i), a = n - z and b = N - z,

    a b = ridge N / gamma
    loss = [n N gamma Q + noise (z Q + q b)] / [a b + Q (a + b)]

Each term is positive: nothing cancels. Without ridge and noise, with m the smaller and M
the larger of n and N, gamma solves z = m and the loss is m gamma / (1 - m / M), which stays
the same if features and samples are exchanged. This duality holds with a ridge too, at the
same ridge N. Corrections of finite size are about 1 / m, or 1 / |M - m| if that is larger.
"""

import dataclasses as dc
from typing import Any

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import number
from ..core.learning_curve import LearningCurve, Run
from .curve import ExactCurve, Series, as_count, as_sizes
from .modes import Modes, blocks, lower_bound, not_negative, resolvent_sum
from .roots import decreasing_root


@dc.dataclass(frozen=True, eq=False)
class RandomFeatureCurve(ExactCurve):
    """The expected test loss of random features, over features and samples.

    Attributes
    ----------
    features : (features,) numbers of random features; inf is the kernel itself.
    samples : (samples,) numbers of training examples; inf is the best fit to the features.
    error : (features x samples) expected squared error on noise-free test labels; infinite
        where features and samples are equal in number and there is no ridge.
    gamma : (features x samples) the eigenvalue that is half learned.
    ridge, noise : as given.
    """

    features: Floats
    samples: Floats
    error: Floats
    gamma: Floats
    modes: Modes
    ridge: float
    noise: float
    caveats: tuple[Remark, ...] = ()

    method = "linear random features"

    def series(self) -> tuple[str, str, list[Series]]:
        """Along the axis with more sizes, with a line for each size of the other."""
        if len(self.samples) >= len(self.features):
            pairs = zip(self.features, self.error, strict=True)
            lines = [(f"{size:g} features", self.samples, error) for size, error in pairs]
            return "training examples D", "expected test error", lines
        pairs = zip(self.samples, self.error.T, strict=True)
        lines = [(f"{size:g} examples", self.features, error) for size, error in pairs]
        return "random features P", "expected test error", lines

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "parameters": n_features,
                "dataset_size": n_samples,
                "error": self.error[i, j],
                "gamma": self.gamma[i, j],
            }
            for i, n_features in enumerate(self.features)
            for j, n_samples in enumerate(self.samples)
        ]

    def headline(self) -> str:
        return (
            f"linear random features: error {number(self.error.max())} to "
            f"{number(self.error.min())} over {_range(self.features)} features and "
            f"{_range(self.samples)} samples (ridge {self.ridge:g}, noise {self.noise:g})"
        )

    def __float__(self) -> float:
        require(self.error.size == 1, "This curve has several errors: use `.error`.")
        return float(self.error[0, 0])

    def to_curve(self) -> LearningCurve:
        """The same losses as a `LearningCurve`, with features as its parameters. An
        infinite number of either becomes None: `curve.at(parameters=None)` is the limit.
        """
        runs = [
            Run(
                float(row["error"]),
                dataset_size=_finite(row["dataset_size"], "samples"),
                parameters=_finite(row["parameters"], "features"),
            )
            for row in self.rows()
        ]
        return LearningCurve(tuple(runs), loss="mse", task="linear random features, theory")


def _range(sizes: Floats) -> str:
    low, high = sizes.min(), sizes.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _finite(size: float, name: str) -> int | None:
    return None if np.isinf(size) else as_count(size, name)


def linear_random_features(
    eigenvalues: Any,
    features: Any,
    samples: Any,
    ridge: float = 0.0,
    noise: float = 0.0,
    *,
    degeneracies: Any = None,
) -> RandomFeatureCurve:
    """The expected test loss of ridge regression on linear random features.

    >>> curve = linear_random_features([1.0] * 100, [50, np.inf], samples=[80, np.inf])
    >>> curve.error.round(3)
    array([[133.333,  50.   ],
           [ 20.   ,   0.   ]])

    Parameters
    ----------
    eigenvalues : (modes,) of the covariance of the inputs, in falling order. A truncated
        power law gives too steep a loss: see `power_law_spectrum`.
    features, samples : numbers, or lists of numbers, which span a grid; np.inf is the
        limit.
    ridge : added to the diagonal of the samples x samples Gram matrix of the features,
        whose expectation is the Gram matrix of the inputs.
    noise : variance of the training labels.
    degeneracies : (modes,), how many inputs share an eigenvalue; 1 by default.

    The limits: if one of the two is infinite, the loss is resolution-limited, a power law
    with the exponent of the spectrum. At finite but much larger M the loss exceeds that
    limit by a share of m / (M - m), variance-limited with exponent 1. At features = samples
    without ridge the loss is infinite. Without ridge, a spectrum of at most m modes is
    learned exactly, up to label noise: noise rank / (n - rank), as in ordinary least
    squares.

    Raises
    ------
    ManifoldScaleError : a negative or unsorted spectrum, sizes that are not positive,
        negative ridge or noise.
    """
    modes = Modes.of(eigenvalues, degeneracies)
    delta, variance = not_negative("ridge", ridge), not_negative("noise", noise)
    N = np.atleast_1d(as_sizes(features, "features", infinite=True)).ravel()
    n = np.atleast_1d(as_sizes(samples, "samples", infinite=True)).ravel()
    pairs = _Pairs.of(np.repeat(N, len(n)), np.tile(n, len(N)), delta)
    gamma = _solve_gamma(modes, pairs)
    error = _loss(modes, pairs, gamma, variance)
    peaks = bool(np.isinf(error).any())
    return RandomFeatureCurve(
        N,
        n,
        error.reshape(len(N), len(n)),
        gamma.reshape(len(N), len(n)),
        modes,
        delta,
        variance,
        (Caveat.INTERPOLATION_PEAK(),) if peaks else (),
    )


@dc.dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of sizes, with quantities divided by the larger one, which may be infinite.

    few : m, the smaller size; inverse : 1 / M; gap : 1 - m / M; pull : ridge N / M.
    """

    features: Floats
    samples: Floats
    few: Floats
    inverse: Floats
    gap: Floats
    pull: Floats

    @classmethod
    def of(cls, features: Floats, samples: Floats, ridge: float) -> "_Pairs":
        few, inverse = np.minimum(features, samples), 1 / np.maximum(features, samples)
        ratio = np.multiply(few, inverse, where=np.isfinite(few), out=np.ones_like(few))
        pull = ridge * np.where(features >= samples, 1.0, ratio)
        return cls(features, samples, few, inverse, 1 - ratio, pull)

    def __getitem__(self, rows: Any) -> "_Pairs":
        return _Pairs(*(getattr(self, field.name)[rows] for field in dc.fields(self)))

    def excess(self, gamma: Floats) -> tuple[Floats, Floats]:
        """m - z and its derivative in log gamma: the root x of x^2 / M + gap x =
        pull / gamma, in the form without cancellation.
        """
        product = self.pull / gamma
        root = np.sqrt(self.gap**2 + 4 * product * self.inverse)
        with np.errstate(invalid="ignore", divide="ignore"):
            excess = np.where(product > 0, 2 * product / (self.gap + root), 0.0)
            slope = np.where(product > 0, -product / root, 0.0)
        return excess, slope


def _solve_gamma(modes: Modes, pairs: _Pairs) -> Floats:
    """gamma with z(gamma) + excess(gamma) = m; 0 where all modes are learned."""
    gamma = np.zeros_like(pairs.few)
    rooted = np.isfinite(pairs.few) & ((pairs.pull > 0) | (pairs.few < modes.rank))
    positive = modes.eigenvalues > 0
    poles, counts = modes.eigenvalues[positive], np.cumsum(modes.degeneracies[positive])
    residues = poles * modes.degeneracies[positive]
    for block in blocks(len(gamma), len(poles)):
        rows = np.flatnonzero(rooted[block]) + block.start
        if len(rows):
            at = pairs[rows]
            lower = np.maximum(lower_bound(poles, counts, at.few), at.pull / at.few)
            gamma[rows] = _root(poles, residues, at, lower)
    return gamma


def _root(poles: Floats, residues: Floats, pairs: _Pairs, lower: Floats) -> Floats:
    half = pairs.few / 2  # above it, z and the excess are at most half of m each
    upper = residues.sum() / half
    upper = np.maximum(upper, pairs.pull / (half**2 * pairs.inverse + pairs.gap * half))

    def function(log_ratio: Floats) -> tuple[Floats, Floats]:
        gamma = upper * np.exp(log_ratio)
        learned, fall = resolvent_sum(poles, residues, gamma)
        excess, slope = pairs.excess(gamma)
        value = learned + excess
        return np.log(value / pairs.few), (fall + slope) / value

    low = np.minimum(np.log(lower / upper) - 1e-14, 0)
    return np.asarray(upper * np.exp(decreasing_root(function, low)))


def _loss(modes: Modes, pairs: _Pairs, gamma: Floats, noise: float) -> Floats:
    """The formula on top, divided by M above and below."""
    loss, counts = np.zeros_like(gamma), modes.degeneracies
    known = gamma > 0
    for i in np.flatnonzero(known):
        learned, missed = (row[0] for row in modes.learnability(gamma[[i]]))
        at, z, q = pairs[i], counts @ learned, counts @ learned**2
        Q = counts @ (learned * missed)
        near = at.excess(gamma[i])[0] * at.inverse  # (m - z) / M
        far = at.gap + near  # (M - z) / M
        free = far if at.features >= at.samples else near  # (N - z) / M
        below = at.pull / gamma[i] + Q * (near + far)
        above = at.few * gamma[i] * Q + noise * (z * Q * at.inverse + q * free)
        loss[i] = above / below if below > 0 else np.inf
    if noise > 0:  # elsewhere, all modes are learned: ordinary least squares
        spare = np.maximum(pairs.samples[~known] - modes.rank, 0)
        with np.errstate(divide="ignore"):
            loss[~known] = np.where(np.isinf(spare), 0.0, noise * modes.rank / spare)
    return loss
