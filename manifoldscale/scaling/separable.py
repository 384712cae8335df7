"""Laws over a grid of two sizes, fitted from many starts by variable projection.

For given exponents a law in both resources is linear in the floor and the amplitudes, which
are not negative: these follow at once, and only the exponents are searched. The best few of
a coarse grid are polished. A search must not stop early: Besiroglu et al. (2024) trace the
intervals of Hoffmann et al. (2022) to one that did.
"""

import abc
import dataclasses as dc
from typing import Any, Self

import numpy as np
from scipy import optimize

from ..core.arrays import Floats
from ..core.nonnegative import nonnegative
from .grid import Grid

POLISHED = 3  # of the starts
REWEIGHTINGS = 2


@dc.dataclass(frozen=True, eq=False)
class Separable(abc.ABC):
    """The losses, and a law whose unknowns x are searched for.

    Attributes
    ----------
    floor : E where it is given.
    roots : square roots of the weights of the losses.
    """

    grid: Grid
    floor: float | None
    roots: Floats

    @abc.abstractmethod
    def columns(self, x: Floats) -> Floats:
        """(pairs, k) terms of the law: ones for a fitted E, and the terms in the sizes;
        zero where a term is absent.
        """

    @abc.abstractmethod
    def starts(self) -> list[Floats]:
        """A coarse grid."""

    @property
    @abc.abstractmethod
    def ends(self) -> tuple[Any, Any]:
        """The least and the largest x."""

    def coefficients(self, x: Floats, roots: Floats | None = None) -> Floats:
        """(k,) coefficients of the columns, not negative."""
        roots = self.roots if roots is None else roots
        columns = self.columns(x)
        used = columns.any(axis=0)
        found = np.zeros(columns.shape[1])
        above = self.grid.loss - (self.floor or 0.0)
        found[used] = nonnegative(columns[:, used] * roots[:, None], above * roots)[0]
        return found

    def fitted(self, x: Floats) -> Floats:
        return np.asarray((self.floor or 0.0) + self.columns(x) @ self.coefficients(x))

    def residuals(self, x: Floats) -> Floats:
        return np.asarray((self.grid.loss - self.fitted(x)) * self.roots)

    def cost(self, x: Floats) -> float:
        return float((self.residuals(x) ** 2).sum())

    def minimise(self) -> Any:
        """The best result among the polished starts."""
        starts = sorted(self.starts(), key=self.cost)[:POLISHED]
        return min(map(self.polish, starts), key=lambda found: float(found.cost))

    def polish(self, start: Floats) -> Any:
        return optimize.least_squares(
            self.residuals,
            np.clip(start, *self.ends),
            bounds=self.ends,
            x_scale=1.0,
            max_nfev=60,
        )

    def relative(self) -> tuple[Self, Any]:
        """The problem with errors relative to the fit, not the data; and its solution."""
        problem, best = self, self.minimise()
        for _ in range(REWEIGHTINGS):
            roots = np.sqrt(problem.grid.runs) / problem.fitted(best.x)
            problem = dc.replace(problem, roots=roots)
            best = problem.polish(best.x)
        return problem, best
