"""Gride: the ratio of the distances to two neighbours of any rank."""

import dataclasses as dc
import functools
import math

import numpy as np
from scipy import optimize, special, stats

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat
from ..core.errors import require
from ..core.interval import number
from ..core.method import Method
from ..core.random import keyed
from ..core.settings import Count
from ..geometry.neighbors import Neighbors
from .dimension import ON_LATTICE, Dimension
from .exponential import Rate, rate_dimension

GOF_SIZES = (400, 200, 100, 50, 25, 12)  # few numbers of queries, to reuse simulations
GOF_DRAWS = 200
POOR = 0.01  # p-value: 8 of 621 samples of clean manifolds are below


@dc.dataclass(frozen=True)
class Gride(Method[Dimension]):
    """Maximum likelihood on r_n2 / r_n1, with the fit tested.

    In a locally uniform cloud of dimension d, u = (r_n1 / r_n2)^d is Beta(n1, n2 - n1)
    (Denti, Doimo, Laio & Mira 2022, Scientific Reports 12:20005, theorem 2.3), and
    mu = r_n2 / r_n1 has the log-likelihood, up to a constant,

        log d + (n2 - n1 - 1) log(mu^d - 1) - ((n2 - 1) d + 1) log mu.

    It is concave in log d. `Gride(1, 2)` is TwoNN without censoring. Larger ranks look at
    larger scales: r_n1 among N points is about the nearest distance among N / n1.

    The p-value of the fit, `.gof_p`, comes from a Kolmogorov-Smirnov test of the u against
    the Beta law, at queries that share no neighbour. Simulation accounts for the fitted
    dimension.

    Parameters
    ----------
    n1, n2 : ranks of the two neighbours, 1 <= n1 < n2; `n2` None stands for 2 n1.
    """

    n1: Count = 1
    n2: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.n1 < self.last,
            f"`n1` must be below `n2`; they are {self.n1} and {self.last}.",
        )

    @property
    def last(self) -> int:
        """n2, also if it is None."""
        return 2 * self.n1 if self.n2 is None else self.n2

    @property
    def n_neighbors(self) -> int:
        return self.last

    def __call__(self, near: Neighbors, /) -> Dimension:
        logs = log_ratios(near, self.n1, self.last)
        dim = rate_dimension(self, near, fit_beta(logs, self.n1, self.last))
        return with_fit(dim, goodness_of_fit(near, logs, self.n1, self.last))


def with_fit(dim: Dimension, p: float) -> Dimension:
    """The estimate with the p-value of its fit, and a caveat if that is small."""
    kept = tuple(note for note in dim.caveats if note.caveat is not Caveat.POOR_FIT)
    if p < POOR:
        kept += (Caveat.POOR_FIT(f"p = {number(p, 2)}"),)
    return dc.replace(dim, gof_p=p, caveats=kept)


def log_ratios(near: Neighbors, n1: int, n2: int) -> Floats:
    """log(r_n2 / r_n1) of every query."""
    return np.asarray(np.log(near.distances[:, n2 - 1] / near.distances[:, n1 - 1]))


def fit_beta(logs: Floats, n1: int, n2: int) -> Rate:
    """Fit d to log-ratios, without the bias of order 1 / M.

    For n2 = n1 + 1 the estimate is (M - 1) / (n1 sum(logs)), which is unbiased; in general
    the information replaces M.
    """
    total = float(logs.sum())
    require(
        total > 0,
        f"The distances to neighbours {n1} and {n2} are tied at every point: the points "
        "lie on a lattice, and the dimension at this scale is not identifiable from "
        f"distances: {ON_LATTICE}",
    )
    require(len(logs) >= 2, f"Gride needs at least 2 query points; there is {len(logs)}.")
    start = math.log(_mean_log(n1, n2) * len(logs) / total)

    def slope(log_d: float) -> float:
        return float(_score(math.exp(log_d) * logs, n1, n2).sum())

    reach = 1.0
    while slope(start - reach) < 0 or slope(start + reach) > 0:
        reach *= 2
    log_d = float(optimize.brentq(slope, start - reach, start + reach, xtol=1e-13))
    scaled = math.exp(log_d) * logs
    step = 1e-5
    rising, falling = (_score(scaled * math.exp(h), n1, n2) for h in (step, -step))
    information = float((falling - rising).sum()) / (2 * step)
    shrink = 1 - 1 / information if information > 2 else 0.5
    value = math.exp(log_d) * shrink
    return Rate(value, _score(scaled, n1, n2) / information, information)


def _score(scaled: Floats, n1: int, n2: int) -> Floats:
    """Derivative of the log-likelihood in log d, at scaled = d log mu."""
    with np.errstate(invalid="ignore", divide="ignore"):
        curved = np.where(scaled > 0, scaled / -np.expm1(-scaled), 1.0)
    return np.asarray(1 + (n2 - n1 - 1) * curved - (n2 - 1) * scaled)


def _mean_log(n1: int, n2: int) -> float:
    """d E[log mu] = H(n2 - 1) - H(n1 - 1), the mean of -log Beta(n1, n2 - n1)."""
    return float(special.digamma(n2) - special.digamma(n1))


def goodness_of_fit(near: Neighbors, logs: Floats, n1: int, n2: int) -> float:
    """P-value of the ratios at one fitted dimension; NaN below twelve separate queries.

    The dimension is fitted to the mean of the logarithms here and in the simulation, which
    makes the law of the test independent of d.
    """
    apart = separate(near.first(n2), GOF_SIZES[0])
    size = next((size for size in GOF_SIZES if size <= len(apart)), 0)
    apart = apart[:size]
    if not logs[apart].sum() > 0:
        return math.nan
    found = _distance_to_law(logs[apart][None], n1, n2)[0]
    null = _null_distances(len(apart), n1, n2)
    return float((1 + np.sum(null >= found)) / (1 + len(null)))


def _distance_to_law(logs: Floats, n1: int, n2: int) -> Floats:
    """Kolmogorov's distance between each row's u and Beta(n1, n2 - n1)."""
    n = logs.shape[1]
    dims = _mean_log(n1, n2) / logs.mean(axis=1, keepdims=True)
    u = np.sort(stats.beta.cdf(np.exp(-dims * logs), n1, n2 - n1), axis=1)
    steps = np.arange(n + 1) / n
    return np.asarray(np.maximum(steps[1:] - u, u - steps[:-1]).max(axis=1))


@functools.lru_cache(maxsize=64)
def _null_distances(n: int, n1: int, n2: int) -> Floats:
    draws = np.random.default_rng(0).beta(n1, n2 - n1, (GOF_DRAWS, n))
    return _distance_to_law(-np.log(draws), n1, n2)


def separate(near: Neighbors, count: int) -> Ints:
    """Positions of up to `count` queries whose neighbourhoods share no point, taken
    greedily in random order, because rows may be sorted by class.
    """
    used = np.zeros(near.n_rows, dtype=bool)
    apart: list[int] = []
    for i in keyed(0, "separate").permutation(near.n_queries):
        query, members = near.queries[i], near.indices[i]
        if not used[query] and not used[members].any():
            used[query] = True
            used[members] = True
            apart.append(i)
            if len(apart) == count:
                break
    return np.array(apart, dtype=np.int64)
