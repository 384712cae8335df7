"""The result: eigenvalues, their power law, and the bound of smooth codes."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Remark
from ..core.interval import number
from ..core.result import Quantity, Result
from ..core.style import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dc.dataclass(frozen=True)
class SpectrumQuantity(Quantity):
    """A number of a spectrum with separate errors: `stderr` is statistical, `systematic`
    half of the correction for the finite sample.
    """

    stderr: float = float("nan")
    systematic: float = float("nan")
    name: str = "alpha"


@dc.dataclass(frozen=True, eq=False)
class CovarianceSpectrum(Result):
    """Eigenvalues of a covariance, and what follows from them.

    Attributes
    ----------
    eigenvalues : of the sample, in falling order (by rank of the training half, if there
        are repeats), in squared units of the cloud.
    alpha : exponent of eigenvalue ~ rank^-alpha over `ranks`.
    ranks : (first, last) that were fitted, counted from 1; (0, 0) if they were too few.
    participation : (tr C)^2 / tr(C^2).
    effective_rank : exp of the entropy of the eigenvalues as shares (Roy & Vetterli 2007).
    bound : 1 + 2 / d, if a dimension was given: below it, a code of a d-dimensional
        manifold is not differentiable (Stringer et al. 2019, Nature 571:361).
    excess : alpha - bound.
    """

    eigenvalues: Floats
    alpha: SpectrumQuantity
    ranks: tuple[int, int]
    participation: SpectrumQuantity
    effective_rank: SpectrumQuantity
    bound: SpectrumQuantity | None
    excess: SpectrumQuantity | None
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    main = "alpha"
    columns = (
        "alpha",
        "alpha_interval=alpha.interval",
        "participation",
        "effective_rank",
        "bound=bound.value",
        "verdict",
        "first_rank=ranks.0",
        "last_rank=ranks.1",
    )

    @property
    def verdict(self) -> str:
        """ "smooth", "rough" or "undetermined" against the bound; empty without one."""
        if self.excess is None:
            return ""
        low, high = self.excess.interval
        return "smooth" if low > 0 else "rough" if high < 0 else "undetermined"

    def headline(self) -> str:
        parts = [
            f"{one.name} {number(one.value)} {one.interval}"
            for one in (self.alpha, self.bound, self.participation, self.effective_rank)
            if one is not None
        ]
        verdict = f" ({self.verdict})" if self.verdict else ""
        first, last = self.ranks
        over = f" over ranks {first}-{last}" if last else ""
        return (
            f"{parts[0]}{over}{verdict}, {', '.join(parts[1:])} "
            f"({self.method}, n = {self.n_points:,})"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Eigenvalues as shares against rank, with the power law and the bound."""
        total = float(self.eigenvalues.sum())
        ranks = np.arange(1, len(self.eigenvalues) + 1)
        known = self.eigenvalues > 0
        ax.loglog(ranks[known], self.eigenvalues[known] / total, lw=1, label="sample")
        fitted = np.arange(self.ranks[0], self.ranks[1] + 1)
        if math.isfinite(self.alpha.value):
            inside = self.eigenvalues[fitted - 1]
            logs = np.log(inside * fitted**self.alpha.value)
            line = np.exp(np.average(logs, weights=1 / fitted)) * fitted**-self.alpha.value
            label = f"rank^-{number(self.alpha.value)} {self.alpha.interval}"
            ax.loglog(fitted, line / total, "--", color="k", lw=1, label=label)
        if self.bound is not None and fitted[0]:
            start = self.eigenvalues[fitted[0] - 1] / total
            label = f"bound: rank^-{number(self.bound.value)}"
            bound = start * (fitted / fitted[0]) ** -self.bound.value
            ax.loglog(fitted, bound, ":", color="C3", lw=1, label=label)
        ax.set(xlabel="rank", ylabel="share of the variance")
        ax.legend()
