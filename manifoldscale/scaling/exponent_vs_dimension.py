"""Does alpha = 4/d hold over many data sets? Errors in both, scatter, bound, universality.

In logarithms the relation alpha = c d^-gamma is the line

    log alpha_j = log c - gamma log d_j + error_j,
    var_j(gamma) = s_alpha,j^2 + gamma^2 s_d,j^2 + tau^2,

where tau is the scatter that the errors do not explain. S(c, gamma, tau) is the sum of
squares over these variances: c follows in closed form, gamma by search, and tau from
S = n - 2 (Paule & Mandel 1982).
"""

import dataclasses as dc
import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize, stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.result import Result
from ..core.settings import Positive, check
from ..core.style import drawing
from .meta_analysis import ROUNDING, Logs, exp, logs_of, pool, scatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAMMA_MIN, GAMMA_MAX = -2.0, 6.0
LEAST_VARIANCE = 1e-12  # for weights, where errors are zero


@dc.dataclass(frozen=True, eq=False)
class RelationTest(Result):
    """The relation of exponents to dimensions over data sets.

    Attributes
    ----------
    ratio, ratio_interval : geometric mean of r = alpha d / c, and its interval with the
        scatter between data sets.
    p_ratio : of r = 1 in the mean; below 1 - level where the interval excludes 1.
    gamma, gamma_interval : power of the dimension; 1 in the theory.
    p_gamma : of a power of 1, whatever c is; below 1 - level where the interval excludes 1.
    p_equality : of alpha = c / d at every data set up to the scatter: c and gamma tested
        together. It is also small where r is 1 in the mean but the power is not 1.
    tau, tau_interval : relative scatter between data sets beyond the errors: the relation
        is universal up to tau.
    p_bound : (data sets,) one-sided p-values of alpha >= c / d, adjusted by Holm; NaN
        where neither the dimension nor the exponent has an error.
    below : indices of the data sets whose exponent lies below the bound at the level.
    p_universal : that c is the same in all groups; NaN without groups.
    group_ratios : r of each group.
    n_datasets : number of data sets; several entries may share one.
    """

    ratio: float
    ratio_interval: Interval
    p_ratio: float
    gamma: float
    gamma_interval: Interval
    p_gamma: float
    p_equality: float
    tau: float
    tau_interval: Interval
    p_bound: Floats
    below: tuple[int, ...]
    p_universal: float
    group_ratios: dict[Hashable, float]
    constant: float
    dims: Logs
    alphas: Logs
    n_datasets: int
    caveats: tuple[Remark, ...] = ()

    main = "ratio"
    columns = (
        "ratio",
        "p_ratio",
        "gamma",
        "gamma_interval",
        "p_gamma",
        "p_equality",
        "tau",
        "tau_high=tau_interval.high",
        "n_below",
        "n_tested",
        "p_universal",
        "n=n_points",
    )
    method = "pooled log ratios, errors in both"
    __test__ = False  # no test of pytest's

    @property
    def interval(self) -> Interval:
        """Of the ratio, under the name that every result has."""
        return self.ratio_interval

    @property
    def n_points(self) -> int:
        """Number of entries."""
        return len(self.dims)

    @property
    def n_below(self) -> int:
        """How many exponents lie below the bound."""
        return len(self.below)

    @property
    def n_tested(self) -> int:
        """How many entries have an error, so that the bound is tested."""
        return int(np.isfinite(self.p_bound).sum())

    @property
    def entries_in_words(self) -> str:
        """How many entries of how many data sets."""
        n = len(self.dims)
        shared = f"{n} entries of " if self.n_datasets < n else ""
        return f"{shared}{self.n_datasets} data set" + "s" * (self.n_datasets > 1)

    @property
    def below_in_words(self) -> str:
        """How many exponents lie below the bound, among those whose error is known."""
        if self.n_tested == 0:
            return "not tested, as no error is stated"
        everything = self.n_tested == len(self.dims)
        of = "" if everything else f" of the {self.n_tested} with an error"
        return f"{self.n_below}{of} below"

    def headline(self) -> str:
        law = f"{self.constant:g}/d"
        groups = (
            ""
            if math.isnan(self.p_universal)
            else (f"; the same in all groups: p = {number(self.p_universal, 2)}")
        )
        return (
            f"r = alpha d / {self.constant:g} = {number(self.ratio)} "
            f"{self.ratio_interval.labelled} over {self.entries_in_words}, "
            f"r = 1: p = {number(self.p_ratio, 2)}; "
            f"power of d {number(self.gamma)} {self.gamma_interval.labelled}, power 1: "
            f"p = {number(self.p_gamma, 2)}; both, alpha = {law}: "
            f"p = {number(self.p_equality, 2)}; alpha >= {law}: {self.below_in_words}; "
            f"scatter {100 * self.tau:.0f} %{groups}"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """4 / alpha against d, with the line of the relation."""
        d, inverse = np.exp(self.dims.value), self.constant * np.exp(-self.alphas.value)
        ax.errorbar(
            d,
            inverse,
            xerr=1.96 * d * self.dims.error,
            yerr=1.96 * inverse * self.alphas.error,
            fmt="o",
            capsize=2,
            label="measured",
        )
        ends = np.array([d.min(), d.max()])
        ax.plot(ends, ends, "k--", label=f"alpha = {self.constant:g}/d")
        ax.set(xlabel="dimension d", ylabel=f"{self.constant:g} / alpha")
        ax.legend()


def relation(
    dims: Any,
    fits: Any,
    groups: Sequence[Hashable] | None = None,
    datasets: Sequence[Hashable] | None = None,
    constant: float = 4.0,
    level: float = 0.95,
) -> RelationTest:
    """Test alpha = 4/d, and the bound alpha >= 4/d, over many data sets.

    >>> dims = [(2, .2), (4, .4), (6, .6), (8, .8), (10, 1.0), (12, 1.2)]
    >>> fits = [(2.1, .1), (.98, .05), (.65, .03), (.52, .03), (.39, .02), (.34, .02)]
    >>> print(relation(dims, fits).ratio_interval)
    [0.893, 1.13]

    Parameters
    ----------
    dims, fits : results with intervals (`Dimension`, `PowerLaw`), or (value, stderr) pairs,
        or numbers taken as exact; one per data set, or per network on a data set.
    groups : a label per entry, such as the architecture: is the relation the same in all?
    datasets : a label per entry, where several entries share a data set. They then share
        the error and the scatter of its dimension; otherwise groups on the same data look
        more significant than they are. By default every entry is a data set of its own.
    constant : c of the relation c / d.
    level : of intervals and of the bound.

    Dimensions and exponents must come from different networks, or their errors are shared.

    Raises
    ------
    ManifoldScaleError : lists of different lengths, fewer than three entries, values
        without a bounded interval.
    """
    check_level(level)
    d, alpha = logs_of(dims, "dims"), logs_of(fits, "fits")
    n = len(d)
    require(n == len(alpha), f"There are {n} dimensions and {len(alpha)} exponents.")
    require(n >= 3, f"A relation needs at least three data sets; there are {n}.")
    for name, labels in (("groups", groups), ("datasets", datasets)):
        require(
            labels is None or len(labels) == n,
            f"`{name}` must have a label for each of the {n} entries.",
        )
    check("constant", constant, Positive)
    log_ratio = alpha.value + d.value - math.log(constant)
    error = np.hypot(alpha.error, d.error)
    pooled = pool(log_ratio, error, level)
    line = _fit_line(d, alpha, level)
    p_bound = _bound(log_ratio, error)
    p_universal, by_group = _universality(log_ratio, d, alpha, groups, datasets, level)
    return RelationTest(
        ratio=exp(pooled.mean),
        ratio_interval=pooled.interval(level).map(exp),
        p_ratio=pooled.p_two_sided(),
        gamma=line.gamma,
        gamma_interval=line.interval,
        p_gamma=line.p_value(1.0),
        p_equality=line.p_value(1.0, math.log(constant)),
        tau=pooled.tau,
        tau_interval=pooled.tau_interval,
        p_bound=p_bound,
        below=tuple(int(i) for i in np.flatnonzero(p_bound < 1 - level)),
        p_universal=p_universal,
        group_ratios=by_group,
        constant=float(constant),
        dims=d,
        alphas=alpha,
        n_datasets=n if datasets is None else len(set(datasets)),
        caveats=_notes(d, alpha),
    )


# The older name starts with `test_`, so pytest would collect it without `__test__`.
test_relation = relation
test_relation.__test__ = False  # type: ignore[attr-defined]


@dc.dataclass(frozen=True, eq=False)
class _Line:
    """The fitted line log alpha = log c - gamma log d, with scatter tau."""

    d: Logs
    alpha: Logs
    tau: float
    gamma: float
    interval: Interval

    def at(self, gamma: float, log_c: float | None = None) -> float:
        return _cost(self.d, self.alpha, gamma, self.tau, log_c)

    @property
    def scale(self) -> float:
        """Common factor of the variances: the errors are known only up to it."""
        least = ROUNDING**2 / LEAST_VARIANCE
        return max(self.at(self.gamma) / (len(self.d) - 2), least)

    def p_value(self, gamma: float, log_c: float | None = None) -> float:
        """Of this power with the best c (an F test of one parameter), or of this power and
        this c together (of two).
        """
        n = 1 if log_c is None else 2
        excess = max(self.at(gamma, log_c) - self.at(self.gamma), 0.0)
        return float(stats.f.sf(excess / n / self.scale, n, len(self.d) - 2))


def _cost(d: Logs, alpha: Logs, gamma: float, tau: float, log_c: float | None) -> float:
    variance = alpha.error**2 + (gamma * d.error) ** 2 + tau**2
    weights = 1 / np.maximum(variance, LEAST_VARIANCE)
    rest = alpha.value + gamma * d.value
    level = float(weights @ rest / weights.sum()) if log_c is None else log_c
    return float(weights @ (rest - level) ** 2)


def _best(d: Logs, alpha: Logs, tau: float) -> float:
    gammas = np.linspace(GAMMA_MIN, GAMMA_MAX, 161)
    best = int(np.argmin([_cost(d, alpha, float(g), tau, None) for g in gammas]))
    ends = gammas[max(best - 1, 0)], gammas[min(best + 1, 160)]
    return _polish(d, alpha, tau, ends, ROUNDING / 10)


def _fit_line(d: Logs, alpha: Logs, level: float) -> _Line:
    freedom = len(d) - 2
    start = _best(d, alpha, 0.0)

    def q(tau: float) -> float:
        near = _polish(d, alpha, tau, (start - 1, start + 1), 1e-4)
        return _cost(d, alpha, near, tau, None)

    tau, _ = scatter(q, alpha.value + start * d.value, freedom, level)
    gamma = _best(d, alpha, min(tau, 1e6))
    line = _Line(d, alpha, min(tau, 1e6), gamma, Interval(gamma, gamma, level))
    limit = line.at(gamma) + line.scale * float(stats.f.ppf(level, 1, freedom))

    def end(outside: float) -> float:
        if line.at(outside) <= limit:
            return math.copysign(math.inf, outside - gamma)
        return float(optimize.brentq(lambda g: line.at(g) - limit, gamma, outside))

    ends = end(GAMMA_MIN - 4), end(GAMMA_MAX + 4)
    return dc.replace(line, interval=Interval(ends[0], ends[1], level))


def _polish(
    d: Logs, alpha: Logs, tau: float, bounds: tuple[float, float], xatol: float
) -> float:
    found = optimize.minimize_scalar(
        lambda g: _cost(d, alpha, g, tau, None), bounds=bounds, method="bounded",
        options={"xatol": xatol},
    )  # fmt: skip
    return float(found.x)


def _notes(d: Logs, alpha: Logs) -> tuple[Remark, ...]:
    n = len(d)
    notes = [Caveat.FEW_PAIRS(f"{n}")] if n < 5 else []
    exact = {
        "dimensions": int((d.error == 0).sum()),
        "exponents": int((alpha.error == 0).sum()),
    }
    if any(exact.values()):
        said = ", ".join(f"{count} of {n} {name}" for name, count in exact.items() if count)
        notes.append(Caveat.TAKEN_AS_EXACT(said))
    return tuple(notes)


def _bound(log_ratio: Floats, error: Floats) -> Floats:
    """One-sided p-values of log r >= 0, adjusted by Holm; NaN where no error is stated:
    without one no exponent can be told from the bound.
    """
    p = np.full(len(error), np.nan)
    known = error > 0
    p[known] = holm(stats.norm.cdf(log_ratio[known] / np.maximum(error[known], ROUNDING)))
    return p


def holm(p: Floats) -> Floats:
    """p-values adjusted for being many: Holm (1979)."""
    order = np.argsort(p)
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _universality(
    log_ratio: Floats,
    d: Logs,
    alpha: Logs,
    groups: Sequence[Hashable] | None,
    datasets: Sequence[Hashable] | None,
    level: float,
) -> tuple[float, dict[Hashable, float]]:
    """F test of one mean log r against one per group, by generalised least squares.

    Entries of one data set share the error of its dimension and the scatter between data
    sets, which correlates them.
    """
    if groups is None or len(set(groups)) < 2:
        return math.nan, {}
    names = list(dict.fromkeys(groups))
    design = np.array([[float(label == name) for name in names] for label in groups])
    clusters = list(datasets) if datasets is not None else list(range(len(log_ratio)))
    same = np.array([[float(a == b) for b in clusters] for a in clusters])
    shared = same * np.outer(d.error, d.error)
    own = np.diag(alpha.error**2 + LEAST_VARIANCE)
    freedom = len(log_ratio) - len(names)
    require(freedom > 0, "`groups` must be fewer than the entries.")

    def solve(tau: float) -> tuple[Floats, Floats, float]:
        inverse = np.linalg.inv(own + shared + tau**2 * same)
        covariance = np.linalg.inv(design.T @ inverse @ design)
        means = covariance @ design.T @ inverse @ log_ratio
        rest = log_ratio - design @ means
        return means, covariance, float(rest @ inverse @ rest)

    tau, _ = scatter(lambda t: solve(t)[2], log_ratio, freedom, level)
    means, covariance, q = solve(min(tau, 1e6))
    contrast = np.eye(len(names))[1:] - np.eye(len(names))[:1]
    differences = contrast @ means
    wald = differences @ np.linalg.solve(contrast @ covariance @ contrast.T, differences)
    scale = max(q / freedom, 1.0)
    p = float(stats.f.sf(wald / (len(names) - 1) / scale, len(names) - 1, freedom))
    ratios = {name: exp(mean) for name, mean in zip(names, means, strict=True)}
    return p, ratios
