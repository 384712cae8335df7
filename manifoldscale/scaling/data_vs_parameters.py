"""Do the exponents of data and parameters agree, and how? Two theories.

Duality: in the linear random-feature model alpha_D = alpha_P (Bahri et al. 2024).

Independent quanta (Michaud et al. 2023, arXiv 2303.13506): a task consists of many skills.
The k-th is needed with a frequency p_k ~ k^-(1 + a), and a network that lacks it pays each
time. With the best n quanta a loss of sum_{k > n} p_k ~ n^-a remains. P parameters hold
n ~ P quanta: alpha_P = a. D examples show the k-th quantum p_k D times, and it takes tau
examples to learn: n ~ (D / tau)^(1 / (1 + a)) quanta are learned, so alpha_D = a / (1 + a).
Hence alpha_D = alpha_P / (1 + alpha_P): data are worth less.
"""

import dataclasses as dc
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.result import Result
from ..core.style import BLUE, ORANGE, draw_interval, drawing, name_heights
from .meta_analysis import exp, logs_of, pool

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dc.dataclass(frozen=True, eq=False)
class DualityTest(Result):
    """The ratio alpha_D / alpha_P over data sets; one in the linear random-feature model,
    and 1 / (1 + alpha_P) where the task is made of independent quanta.

    Attributes
    ----------
    ratio, interval : geometric mean, with the scatter between data sets.
    p_value : of duality, a ratio of one.
    tau, tau_interval : relative scatter between data sets beyond the errors.
    quanta_ratio, quanta_interval : geometric mean of alpha_D (1 + alpha_P) / alpha_P, which
        is one for quanta.
    p_quanta : of quanta.
    """

    ratio: float
    interval: Interval
    p_value: float
    tau: float
    tau_interval: Interval
    quanta_ratio: float
    quanta_interval: Interval
    p_quanta: float
    n: int
    caveats: tuple[Remark, ...] = ()

    main = "ratio"
    columns = (
        "ratio",
        "p_value",
        "tau",
        "quanta_ratio",
        "quanta_interval",
        "p_quanta",
        "n",
    )
    method = "pooled log ratios"

    @property
    def n_points(self) -> int:
        """Number of pairs."""
        return self.n

    @property
    def agrees_with(self) -> tuple[str, ...]:
        """The theories that the exponents do not exclude: "duality", "quanta"."""
        both = (("duality", self.p_value), ("quanta", self.p_quanta))
        return tuple(name for name, p in both if p >= 1 - self.interval.level)

    def headline(self) -> str:
        return (
            f"alpha_D / alpha_P = {number(self.ratio)} {self.interval.labelled} over "
            f"{self.n} pairs; alpha_D = alpha_P: p = {number(self.p_value, 2)}; scatter "
            f"{100 * self.tau:.0f} %; quanta, alpha_D = alpha_P / (1 + alpha_P): "
            f"{number(self.quanta_ratio)} of it {self.quanta_interval.labelled}, "
            f"p = {number(self.p_quanta, 2)}"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """alpha_D over the prediction of either theory, with its interval, and the line of
        equality.
        """
        draw_interval(ax, 0, self.ratio, self.interval, BLUE)
        draw_interval(ax, 1, self.quanta_ratio, self.quanta_interval, ORANGE)
        ax.axvline(1.0, color="0.3", ls="--", lw=1)
        name_heights(ax, ["duality", "quanta"])
        ax.set(xlabel=f"alpha_D over the theory's, {self.n} data sets")


def duality(data_fits: Any, parameter_fits: Any, *, level: float = 0.95) -> DualityTest:
    """Test alpha_D = alpha_P over data sets, pair by pair, and its rival
    alpha_D = alpha_P / (1 + alpha_P).

    >>> found = duality([.5, .7, .4], [.52, .66, .41])
    >>> print(found.interval, found.quanta_interval, *found.agrees_with)
    [0.875, 1.14] [1.11, 2.10] duality

    Parameters
    ----------
    data_fits, parameter_fits : like the `fits` of `relation`, in the same order.

    Raises
    ------
    ManifoldScaleError : lists of different lengths, or fewer than two pairs.
    """
    check_level(level)
    data = logs_of(data_fits, "data_fits")
    parameters = logs_of(parameter_fits, "parameter_fits")
    n = len(data)
    require(n == len(parameters), f"There are {n} alpha_D and {len(parameters)} alpha_P.")
    require(n >= 2, "A paired test needs at least two data sets.")
    more = 1 + np.exp(parameters.value)
    ratio, of_quanta = data.value - parameters.value, parameters.value - np.log(more)
    pooled = pool(ratio, np.hypot(data.error, parameters.error), level)
    # log alpha_P - log(1 + alpha_P) changes with log alpha_P as 1 / (1 + alpha_P).
    error = np.hypot(data.error, parameters.error / more)
    quanta = pool(data.value - of_quanta, error, level)
    return DualityTest(
        ratio=exp(pooled.mean),
        interval=pooled.interval(level).map(exp),
        p_value=pooled.p_two_sided(),
        tau=pooled.tau,
        tau_interval=pooled.tau_interval,
        quanta_ratio=exp(quanta.mean),
        quanta_interval=quanta.interval(level).map(exp),
        p_quanta=quanta.p_two_sided(),
        n=n,
        caveats=(Caveat.FEW_PAIRS(f"{n}"),) if n < 5 else (),
    )


# The older name starts with `test_`, so pytest would collect it without `__test__`.
test_duality = duality
test_duality.__test__ = False  # type: ignore[attr-defined]
