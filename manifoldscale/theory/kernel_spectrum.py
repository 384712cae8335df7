"""Spectra of kernels, and the exponent of their fall."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..core.arrays import Array, Bools, Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level
from ..core.result import Quantity, Result
from ..core.style import drawing
from .gram import as_gram, check_semidefinite

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLOCKS = 8  # blocks of neighbouring eigenvalues, whose errors are correlated
FEWEST = 8  # eigenvalues for a slope with its interval
STEEPENING = 1.5  # ratio of local slopes above which a range does not hold a power law


@dc.dataclass(frozen=True, eq=False)
class Spectrum(Result):
    """Distinct eigenvalues of a kernel's integral operator, with how often each occurs.

    They refer to the uniform probability measure: the sum of eigenvalues times degeneracies
    is the mean of k(x, x).

    Parameters
    ----------
    eigenvalues, degeneracies : (levels,).
    degrees : (levels,) of the eigenfunctions: the degree of spherical harmonics, the length
        of the wave vector, or else the rank.
    trustworthy : (levels,) whether the eigenvalue is known to a few per cent.
    source : what the spectrum belongs to.
    """

    eigenvalues: Floats
    degeneracies: Floats
    degrees: Array
    trustworthy: Bools
    source: str
    caveats: tuple[Remark, ...] = ()
    n_points: int = 0

    @property
    def method(self) -> str:
        return self.source

    def __len__(self) -> int:
        return len(self.eigenvalues)

    @property
    def trace(self) -> float:
        """The sum over these levels of eigenvalue times degeneracy."""
        return math.fsum(self.eigenvalues * self.degeneracies)

    def ranked(self) -> tuple[Floats, Floats]:
        """Ranks and positive eigenvalues, in falling order, up to the first that cannot be
        trusted. A degenerate one stands at the middle of its ranks.
        """
        positive = np.flatnonzero(self.eigenvalues > 0)
        order = positive[np.argsort(-self.eigenvalues[positive], kind="stable")]
        known = np.logical_and.accumulate(self.trustworthy[order])
        order = order[known]
        counts = self.degeneracies[order]
        return np.cumsum(counts) - (counts - 1) / 2, self.eigenvalues[order]

    def exponent(
        self, first: float | None = None, last: float | None = None, level: float = 0.95
    ) -> "SpectralExponent":
        """alpha_K, where the eigenvalue of rank i falls like i^-(1 + alpha_K).

        It is the slope of log eigenvalue in log rank, each part of the range weighted by
        its length in log rank. Errors of neighbouring eigenvalues of a Gram matrix are
        correlated, and an exact spectrum bends towards its asymptote. So the interval holds
        the slope with its errors between blocks, the local slope of a parabola at the far
        end, and as much again of its change from the middle to there. It is an interval for
        the exponent at these ranks: on an early range it may exclude the asymptote, such as
        3/2 for the NNGP of 4,000 points of the sphere at ranks 30 to 400.

        Parameters
        ----------
        first, last : the ranks to fit; by default the upper half, in log rank, of those
            that can be trusted.
        level : of the interval.

        Returns
        -------
        SpectralExponent. If the eigenvalues fall faster than any power its value is NaN,
        its interval reaches from the local slope at the end to infinity, and a caveat says
        so.

        Raises
        ------
        ManifoldScaleError : fewer than 8 eigenvalues in the range.
        """
        check_level(level)
        ranks, values = self.ranked()
        top = float(ranks[-1]) if len(ranks) else 1.0
        low = math.sqrt(top) if first is None else first
        high = top if last is None else last
        inside = (ranks >= low) & (ranks <= high)
        require(
            int(inside.sum()) >= FEWEST,
            f"{inside.sum()} trustworthy positive eigenvalues have ranks from {low:.3g} to "
            f"{high:.3g}; a slope needs {FEWEST}. Widen `first` and `last`, ask for more "
            "degrees, or more points.",
        )
        return fit_exponent(ranks[inside], values[inside], level)

    def headline(self) -> str:
        trusted = int(self.trustworthy.sum())
        return f"Spectrum of {self.source}: {len(self)} levels, {trusted} trustworthy"

    def cells(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "levels": len(self),
            "trustworthy": int(self.trustworthy.sum()),
            "trace": self.trace,
            "largest": float(self.eigenvalues.max(initial=0.0)),
        }

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Trustworthy eigenvalues at their ranks, on logarithmic axes."""
        ranks, values = self.ranked()
        ax.loglog(ranks, values, ".", label=self.source)
        ax.set(xlabel="rank", ylabel="eigenvalue")


@dc.dataclass(frozen=True)
class SpectralExponent(Quantity):
    """alpha_K with its interval."""

    name = "alpha_K"


def gram_spectrum(gram: Any) -> Spectrum:
    """The spectrum that a Gram matrix estimates: its eigenvalues over N.

    The i-th estimates the i-th of the operator as long as i is well below N. It is trusted
    for i <= N / 10 and above rounding.

    Parameters
    ----------
    gram : (N, N), symmetric and positive semidefinite.

    Raises
    ------
    ManifoldScaleError : not square, not symmetric, or with eigenvalues below rounding.
    """
    values = np.linalg.eigvalsh(as_gram(gram))[::-1]
    return spectrum_of_gram(np.asarray(values, dtype=np.float64))


def spectrum_of_gram(values: Floats) -> Spectrum:
    """The spectrum from the eigenvalues of a Gram matrix (N,), in falling order."""
    check_semidefinite(values)
    n = len(values)
    rounding = 10 * n * np.finfo(float).eps * float(values[0])
    ranks = np.arange(1, n + 1)
    return Spectrum(
        np.maximum(values, 0.0) / n,
        np.ones(n),
        ranks,
        (ranks <= n / 10) & (values > rounding),
        f"a Gram matrix of {n:,} points",
        n_points=n,
    )


def fit_exponent(ranks: Floats, values: Floats, level: float) -> SpectralExponent:
    """The log-log slope by weighted least squares, straight and as a parabola."""
    x, y = np.log(ranks), np.log(values)
    x = x - x[-1]  # the slope term of the parabola is then the slope at the far end
    weights = np.maximum(np.gradient(x), 1e-300)
    straight, error, freedom = _fit(x, y, weights, degree=1)
    bent, bent_error, _ = _fit(x, y, weights, degree=2)
    notes: tuple[Remark, ...]
    slope, far = -float(straight[1]), -float(bent[1])
    near = far - 2 * float(bent[2]) * float(x[0])
    margin = float(stats.t.ppf(0.5 + level / 2, freedom))
    where = f"slope over ranks {ranks[0]:,.0f} to {ranks[-1]:,.0f}"
    facts = f"local slope {-near:.2f} to {-far:.2f}"
    if near > 0 and far / near > STEEPENING:
        interval = Interval(far - margin * bent_error - 1, math.inf, level)
        notes = (Caveat.SUPER_POLYNOMIAL(facts),)
        return SpectralExponent(math.nan, interval, where, len(x), notes)
    # A slope that still changes has not converged: allow for as much change again.
    ends = slope - margin * error, slope + margin * error, far, 2 * far - slope
    bends = abs(far - slope) > max(margin * error, 0.02 * slope)
    interval = Interval(min(ends) - 1, max(ends) - 1, level)
    notes = (Caveat.BENT_SPECTRUM(facts),) if bends else ()
    return SpectralExponent(slope - 1, interval, where, len(x), notes)


def _fit(x: Floats, y: Floats, weights: Floats, degree: int) -> tuple[Floats, float, int]:
    """Coefficients, the error of the slope from leaving out blocks in turn (a jackknife),
    and its degrees of freedom.
    """
    place = (x - x[0]) / (x[-1] - x[0])
    block = np.minimum((BLOCKS * place).astype(int), BLOCKS - 1)
    there = np.unique(block)
    roots = np.sqrt(weights)

    def coefficients(kept: Bools) -> Floats:
        fit = np.polynomial.polynomial.polyfit(x[kept], y[kept], degree, w=roots[kept])
        return np.asarray(fit, dtype=float)

    left_out = np.array([coefficients(block != b)[1] for b in there])
    spread = float(((left_out - left_out.mean()) ** 2).sum())
    freedom = len(there) - 1
    error = math.sqrt(spread * freedom / len(there))
    return coefficients(np.ones(len(x), dtype=bool)), error, freedom
