"""The result: eigenvalues, their power law, and the bound of smooth codes."""

import dataclasses as dc
from typing import Any

import numpy as np

from ..core.arrays import Floats, frozen
from ..core.caveat import Remark
from ..core.interval import number
from ..core.result import Quantity, Result


@dc.dataclass(frozen=True)
class SpectrumQuantity(Quantity):
    """A number of a spectrum with its errors apart: `stderr` is statistical, `systematic`
    half of what was corrected for the finite sample.
    """

    stderr: float = float("nan")
    systematic: float = float("nan")
    name: str = "alpha"


@dc.dataclass(frozen=True, eq=False)
class CovarianceSpectrum(Result):
    """Eigenvalues of a covariance, and what they say.

    Attributes
    ----------
    eigenvalues : in falling order (by rank of the training half, where there are repeats),
        in squared units of the cloud, as the sample has them.
    alpha : exponent of eigenvalue ~ rank^-alpha over `ranks`.
    ranks : (first, last) that were fitted, counted from 1.
    participation : (tr C)^2 / tr(C^2).
    effective_rank : exp of the entropy of the eigenvalues as shares (Roy & Vetterli 2007).
    bound : 1 + 2 / d, where a dimension was given: below, a code of a d-dimensional
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "eigenvalues", frozen(self.eigenvalues))

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
        return (
            f"{parts[0]} over ranks {first}-{last}{verdict}, {', '.join(parts[1:])} "
            f"({self.method}, n = {self.n_points:,})"
        )

    def row(self) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for one in (self.alpha, self.participation, self.effective_rank):
            row[one.name] = one.value
            row[f"{one.name}_low"], row[f"{one.name}_high"] = one.interval
        return {
            **row,
            "bound": float("nan") if self.bound is None else self.bound.value,
            "verdict": self.verdict,
            "first_rank": self.ranks[0],
            "last_rank": self.ranks[1],
            "method": str(self.method),
            "n_points": self.n_points,
            "caveats": "; ".join(str(note) for note in self.caveats),
        }

    def plot(self, ax: Any = None) -> Any:
        """Eigenvalues as shares against rank, with the power law; returns the axes."""
        import matplotlib.pyplot as plt

        axes = plt.subplots()[1] if ax is None else ax
        total = float(self.eigenvalues.sum())
        ranks = np.arange(1, len(self.eigenvalues) + 1)
        known = self.eigenvalues > 0
        axes.loglog(ranks[known], self.eigenvalues[known] / total, lw=1, label="sample")
        fitted = np.arange(self.ranks[0], self.ranks[1] + 1)
        inside = self.eigenvalues[fitted - 1]
        level = np.average(np.log(inside * fitted**self.alpha.value), weights=1 / fitted)
        line = np.exp(level) * fitted**-self.alpha.value / total
        label = f"rank^-{number(self.alpha.value)} {self.alpha.interval}"
        axes.loglog(fitted, line, "--", color="k", lw=1, label=label)
        if self.bound is not None:
            bound = line[0] * (fitted / fitted[0]) ** -self.bound.value
            label = f"bound: rank^-{number(self.bound.value)}"
            axes.loglog(fitted, bound, ":", color="C3", lw=1, label=label)
        axes.set(xlabel="rank", ylabel="share of the variance")
        axes.legend()
        return axes
