"""A power law that the losses may leave slowly, as most measured curves do.

With s = log(x / x_last),

    log L = log(phi + (1 - phi) e^(-alpha s)) + c + departure(s) + error,

where phi is the share of the floor in the loss at the last size. The departure is white
noise in s, integrated k + 1 times away from the last size, on either side of it:

    K(s, s') = rho^2 int_0^m |s - u|^k |s' - u|^k e^(rate u) du,   m = min(|s|, |s'|),

in units of the error's variance. So the law holds at the last size with its slope (k = 1)
and its curvature (k = 2), and is trusted less and less with the distance from it, towards
smaller sizes as towards larger ones. For fixed alpha, phi and rho all is linear and normal,
and c and the scale of the errors integrate out; alpha, phi and rho are summed over a grid.
"""

import dataclasses as dc
import math
from collections.abc import Sequence

import numpy as np
from scipy import linalg

from ..core.arrays import Floats

KINDS = ((1, 0.0), (2, 0.0), (1, 2.0), (2, 2.0))  # k and rate; all are weighted alike
STRENGTHS = np.append(0.0, np.geomspace(0.03, 300.0, 11))  # rho
LOG_ALPHA = np.log(np.geomspace(0.02, 4.0, 22))
SHARES = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.92, 0.96, 0.985])
MOST_SHARE = 0.998
USUAL = math.log(0.5), 0.9  # prior mean and deviation of log alpha: 0.1 to 3
FINE = 24  # values of alpha, and of phi, in the second grid
NEGLIGIBLE = 1e-5  # of the highest weight, outside the second grid
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
ROUNDING = 1e-10  # a variance of log losses below this counts as zero


@dc.dataclass(frozen=True, eq=False)
class Observed:
    """Mean log losses, (n,) each.

    s : log(size / last size); runs : how many runs each is the mean of.
    within, freedom : sum of squares of the runs about their means, and its degrees of
        freedom.
    """

    s: Floats
    logs: Floats
    runs: Floats
    within: float = 0.0
    freedom: float = 0.0


def law(log_alpha: Floats, share: Floats, s: Floats) -> Floats:
    """(laws, sizes) log(loss / loss at the last size)."""
    fall = np.exp(-np.clip(np.exp(log_alpha)[:, None] * s, -200, 200))
    return np.asarray(np.log(share[:, None] + (1 - share[:, None]) * fall))


def covariance(s: Floats, other: Floats, order: int, rate: float) -> Floats:
    """Covariance of the departures at s and at `other`, broadcast against each other, for
    rho = 1; zero between the two sides of the last size.
    """
    s, other = np.broadcast_arrays(s, other)
    ends = np.where(s * other > 0, np.minimum(np.abs(s), np.abs(other)), 0.0)[..., None]
    u = ends * (NODES + 1) / 2
    apart = (np.abs(s)[..., None] - u) * (np.abs(other)[..., None] - u)
    # The rate grows towards small sizes only: beyond the last it stays what it is there.
    growing = np.where(s < 0, rate, 0.0)[..., None]
    return np.asarray((apart**order * np.exp(growing * u)) @ WEIGHTS * ends[..., 0] / 2)


@dc.dataclass(frozen=True, eq=False)
class Kind:
    """A departure of one kind and strength: the factor of its covariance with errors."""

    order: int
    rate: float
    strength: float
    factor: Floats

    @classmethod
    def each(cls, observed: Observed, order: int, rate: float) -> "list[Kind]":
        """One of every strength."""
        shape = covariance(observed.s[:, None], observed.s, order, rate)
        errors = np.diag(1 / observed.runs)
        return [
            cls(order, rate, rho, linalg.cholesky(errors + rho**2 * shape, lower=True))
            for rho in STRENGTHS.tolist()
        ]

    def whitened(self, columns: Floats) -> Floats:
        return np.asarray(
            linalg.solve_triangular(self.factor, columns, lower=True, check_finite=False)
        )


@dc.dataclass(frozen=True, eq=False)
class Departing:
    """The laws of a grid, and how likely each is under every kind of departure.

    Attributes
    ----------
    log_alpha, share : (laws,).
    weights, levels, scales : (kinds, laws) posterior weights, which sum to one; c; and the
        variance of the errors of single runs.
    spread : (kinds,) variance of c, in units of `scales`.
    """

    observed: Observed
    kinds: tuple[Kind, ...]
    log_alpha: Floats
    share: Floats
    weights: Floats
    levels: Floats
    scales: Floats
    spread: Floats

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the scatter: sizes and repeats less alpha, phi and c; at
        least two.
        """
        return max(len(self.observed.s) - 3 + self.observed.freedom, 2.0)

    def predict(self, s: Floats) -> tuple[Floats, Floats, float]:
        """At s = log(size / last size): mean and variance of the log loss of the curve, and
        the variance of a run about it.
        """
        shapes = law(self.log_alpha, self.share, s)
        mean, square = np.zeros(len(s)), np.zeros(len(s))
        for i, kind in enumerate(self.kinds):
            curve = self.levels[i][:, None] + shapes
            change, left = self._departure(kind, i, s)
            w, scale = self.weights[i], self.scales[i]
            known = (curve + change) ** 2 + scale[:, None] * (self.spread[i] + left)
            mean += w @ (curve + change)
            square += w @ known
        return (
            mean,
            np.maximum(square - mean**2, 0),
            float((self.weights * self.scales).sum()),
        )

    def _departure(self, kind: Kind, i: int, s: Floats) -> tuple[Floats, Floats]:
        """(laws or 1, sizes) expected departures, and (sizes,) their remaining variance:
        all of it beyond the last size, where there are no losses.
        """
        own = covariance(s, s, kind.order, kind.rate) * kind.strength**2
        if not kind.strength or not (s < 0).any():
            return np.zeros((1, len(s))), own
        at = self.observed
        cross = kind.strength**2 * covariance(at.s[:, None], s, kind.order, kind.rate)
        cross = kind.whitened(cross)
        rest = at.logs[:, None] - law(self.log_alpha, self.share, at.s).T - self.levels[i]
        change = kind.whitened(rest).T @ cross
        return change, np.maximum(own - (cross**2).sum(0), 0)


def departing(
    observed: Observed,
    share: float | None = None,
    shapes: Sequence[tuple[int, float]] = KINDS,
) -> Departing:
    """Weigh the laws: on a coarse grid, then on a fine one where they are likely.

    share : of the floor, where it is known; shapes : (k, rate) of the departures.
    """
    kinds = tuple(
        kind for order, rate in shapes for kind in Kind.each(observed, order, rate)
    )
    shares = SHARES if share is None else np.array([share])
    coarse = _weighed(observed, kinds, LOG_ALPHA, shares)
    likely = coarse.weights.sum(0)
    near = likely > NEGLIGIBLE * likely.max()
    alphas = _around(LOG_ALPHA, coarse.log_alpha[near])
    if share is None:
        shares = _around(np.append(SHARES, MOST_SHARE), coarse.share[near])
    return _weighed(observed, kinds, alphas, shares)


def _around(grid: Floats, likely: Floats) -> Floats:
    """Finer values, one step of the grid beyond the likely ones on either side."""
    first, last = np.searchsorted(grid, [likely.min() - 1e-9, likely.max() - 1e-9])
    return np.linspace(grid[max(first - 1, 0)], grid[min(last + 1, len(grid) - 1)], FINE)


def _weighed(
    observed: Observed, kinds: tuple[Kind, ...], alphas: Floats, shares: Floats
) -> Departing:
    log_alpha, share = (v.ravel() for v in np.meshgrid(alphas, shares, indexing="ij"))
    rest = (observed.logs - law(log_alpha, share, observed.s)).T
    columns = np.column_stack([np.ones(len(rest)), rest])
    middle, width = USUAL
    prior = -(((log_alpha - middle) / width) ** 2) / 2
    free = len(rest) - 1 + observed.freedom
    found = []
    for kind in kinds:
        one, z = np.split(kind.whitened(columns), [1], axis=1)
        square = float((one**2).sum())
        level = (one.T @ z)[0] / square
        left = (z**2).sum(0) - level**2 * square + observed.within
        left = np.maximum(left, 0) + free * ROUNDING
        size = float(np.log(np.diag(kind.factor)).sum()) + math.log(square) / 2
        found.append(
            (prior - size - free / 2 * np.log(left), level, left / free, 1 / square)
        )
    logs, levels, scales, spread = (np.array(part) for part in zip(*found, strict=True))
    # Every shape has the same total weight: the losses tell how strong a departure is, but
    # hardly how it continues.
    per_shape = logs.reshape(len(kinds) // len(STRENGTHS), -1)
    weights = np.exp(per_shape - per_shape.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True) * len(per_shape)
    weights = weights.reshape(logs.shape)
    return Departing(observed, kinds, log_alpha, share, weights, levels, scales, spread)
