"""Power-law spectra, infinite ones included, and their exact consequences."""

import dataclasses as dc
import math

import numpy as np
from scipy import special

from ..core.arrays import Floats
from ..core.errors import is_real, require
from ..core.settings import whole

NODES = 16  # of a Gauss-Legendre rule over each panel of log eigenvalues
PANEL = 4.0  # width: with poles at a distance of pi, the rule is exact to 1e-16
SMALLEST = 300 * math.log(10)  # eigenvalues stay above 1e-300


@dc.dataclass(frozen=True, eq=False)
class PowerLawSpectrum:
    """The infinite spectrum lambda_i = i^-(1 + alpha_K), i = 1, 2, ..., as finitely many
    eigenvalues with degeneracies.

    The first ranks are listed one by one. Nodes of a quadrature over log i stand for all
    later ones, with its weights as degeneracies. Sums over modes of smooth functions of the
    eigenvalue agree with the infinite spectrum to about 1e-14. A spectrum cut after n modes
    would lack a share of about (n / P)^-alpha_K of the loss of P examples: 46 % at
    alpha_K = 0.6, n = 3,000 and P = 1,000.

    Attributes
    ----------
    alpha_K : decay exponent beyond 1.
    ranks : (modes,) the i of each eigenvalue; not whole beyond the first ones.
    eigenvalues, degeneracies : (modes,)
    tail : the trace beyond the last node, where eigenvalues are 1e-300; negligible unless
        alpha_K < 0.06.
    """

    alpha_K: float
    ranks: Floats
    degeneracies: Floats
    tail: float

    @property
    def eigenvalues(self) -> Floats:
        return self.ranks ** -(1 + self.alpha_K)

    def __len__(self) -> int:
        return len(self.ranks)

    def __repr__(self) -> str:
        return f"PowerLawSpectrum(alpha_K={self.alpha_K:g}, {len(self)} nodes)"


def power_law_spectrum(alpha_K: float, n: int = 1000) -> PowerLawSpectrum:
    """The infinite spectrum i^-(1 + alpha_K), with its first `n` ranks one by one.

    >>> spectrum = power_law_spectrum(1.0)
    >>> total = (spectrum.degeneracies * spectrum.eigenvalues).sum()
    >>> bool(abs(total / (np.pi**2 / 6) - 1) < 1e-14)
    True

    Sum_{i > n} f(i) is the integral of f from n + 1/2 plus [f(n + 1) - f(n)] / 24, up to
    terms of order n^-4 (Euler-Maclaurin at the midpoint).
    """
    require(
        is_real(alpha_K) and 0 < alpha_K < math.inf,
        f"`alpha_K` must be a positive number; not {alpha_K!r}.",
    )
    alpha_K, n = float(alpha_K), whole("n", n)
    start, stop = math.log(n + 0.5), SMALLEST / (1 + alpha_K)
    require(start < stop, f"At `alpha_K` = {alpha_K:g}, rank `n` = {n} is below 1e-300.")
    log_ranks, weights = _gauss_legendre(start, stop, PANEL / (1 + alpha_K))
    ranks = np.concatenate([np.arange(1.0, n + 2), np.exp(log_ranks)])
    counts = np.concatenate([np.ones(n + 1), weights * np.exp(log_ranks)])
    counts[n - 1], counts[n] = 1 - 1 / 24, 1 / 24
    order = np.argsort(ranks)
    tail = math.exp(-alpha_K * stop) / alpha_K
    return PowerLawSpectrum(alpha_K, ranks[order], counts[order], tail)


def _gauss_legendre(start: float, stop: float, panel: float) -> tuple[Floats, Floats]:
    """Nodes and weights of a composite rule with panels of at most this width."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    edges = np.linspace(start, stop, math.ceil((stop - start) / panel) + 1)
    half, middle = np.diff(edges) / 2, (edges[:-1] + edges[1:]) / 2
    at = middle[:, None] + half[:, None] * nodes
    return at.ravel(), (half[:, None] * weights).ravel()


@dc.dataclass(frozen=True)
class PowerLawAsymptote:
    """prefactor * size^-alpha, a learning curve in the limit of large size."""

    alpha: float
    prefactor: float

    def __call__(self, sizes: Floats | float) -> Floats:
        return np.asarray(self.prefactor * np.asarray(sizes, dtype=float) ** -self.alpha)


def power_law_asymptote(
    alpha_K: float, target_decay: float | None = None
) -> PowerLawAsymptote:
    """The learning curve of lambda_i = i^-b, squared coefficients i^-a, in the limit of
    many examples, without ridge and noise; b = 1 + alpha_K, a = `target_decay`.

    With C = (pi / b) / sin(pi / b), kappa = (C / P)^b. For 1 < a < 2b + 1 the error is
    Gamma(s) Gamma(2 - s) kappa^((a - 1) / b) with s = 2 + (1 - a) / b; for larger a it
    saturates at b zeta(a - 2b) kappa^2. The exponent is min(a - 1, 2b). For a = b, the
    matched target and the default, this is C^b P^-alpha_K, in the number of examples and,
    with many examples, in the number of random features.

    Derived from the sums of `kernel_learning_curve` by replacing them with integrals
    (1 - gamma = 1 / b, and a Beta function), and tested against them. The exponents are
    those of Bordelon, Canatar and Pehlevan (2020).

    Raises
    ------
    ManifoldScaleError : a target of infinite power (a <= 1), or a = 2b + 1, where the law
        has a logarithm.
    """
    require(alpha_K > 0, f"`alpha_K` must be positive; not {alpha_K!r}.")
    b = 1 + alpha_K
    a = b if target_decay is None else target_decay
    require(a > 1, f"`target_decay` must exceed 1, or the target has no norm; not {a!r}.")
    require(a != 2 * b + 1, f"At `target_decay` = {a:g} the curve is no pure power law.")
    scale = (math.pi / b / math.sin(math.pi / b)) ** b  # kappa = scale * P^-b
    if a > 2 * b + 1:
        return PowerLawAsymptote(2 * b, b * float(special.zeta(a - 2 * b)) * scale**2)
    s = 2 + (1 - a) / b
    front = math.gamma(s) * math.gamma(2 - s)
    return PowerLawAsymptote(a - 1, front * scale ** ((a - 1) / b))
