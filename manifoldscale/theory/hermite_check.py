"""Predictions of the Hermite formula beside what kernel regression does on some points."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.interval import number
from ..core.random import Rng, generator
from .hermite_overlaps import PrincipalAxes
from .kernel import Kernel
from .kernel_regression import kernel_regression_curve

CHECKED, FEWEST, SIZES, PERMUTATIONS = 2000, 25, 6, 10  # points, least size, sizes, draws
WITHIN = 0.1  # of the measured error: what is trusted


@dc.dataclass(frozen=True, eq=False)
class Sample:
    """Some of the points, by their Gram matrix, and their targets."""

    gram: Floats
    targets: Floats

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        axes: PrincipalAxes,
        points: Array,
        targets: Floats,
        rng: Rng,
    ) -> "Sample":
        chosen = generator(rng).permutation(len(points))[:CHECKED]
        gram = kernel(points[chosen].astype(np.float64) - axes.mean)
        return cls(np.asarray(gram.cpu().numpy()), targets[chosen])

    def measured(self, ridge: float, noise: float) -> tuple[Ints, Floats]:
        """Training sizes, up to half of the points, and losses (permutations x sizes)."""
        sizes = np.unique(np.geomspace(FEWEST, len(self.gram) // 2, SIZES).astype(int))
        curve = kernel_regression_curve(
            self.gram, self.targets, sizes, ridge, noise=noise, permutations=PERMUTATIONS
        )
        losses = np.array([run.loss for run in curve.runs])
        return sizes, losses.reshape(PERMUTATIONS, len(sizes))


@dc.dataclass(frozen=True, eq=False)
class HermiteCheck:
    """Predicted beside measured errors of kernel regression on some of the points.

    Attributes
    ----------
    sizes, measured, stderr, predicted : (sizes,) each; the error of a mean over random
        training sets.
    independent_to : see `HermiteSpectrum`.
    """

    sizes: Ints
    measured: Floats
    stderr: Floats
    predicted: Floats
    independent_to: int

    def __str__(self) -> str:
        return f"predicted within 10 % up to {self.reach:,} examples ({self.told})"

    @property
    def ratio(self) -> Floats:
        """(sizes,), predicted over measured."""
        return np.asarray(self.predicted / self.measured)

    @property
    def reach(self) -> int:
        """The training size up to which predictions are trusted to 10 %: the last checked
        one before the first that is off by more. If none is off by more than 5 %,
        predictions are trusted as far as the products are independent, too.
        """
        off = np.abs(self.ratio - 1) - self.stderr / self.measured
        bad = np.flatnonzero(off > WITHIN)
        if len(bad):
            return int(self.sizes[bad[0] - 1]) if bad[0] else 0
        last = int(self.sizes[-1])
        return max(last, self.independent_to) if np.all(off <= WITHIN / 2) else last

    @property
    def told(self) -> str:
        """In words, how far it holds."""
        worst = int(np.argmax(np.abs(np.log(self.ratio))))
        return (
            f"above {self.reach:,} examples; on some of the points, up to "
            f"{self.sizes[-1]:,} examples, it is {number(self.ratio[worst], 3)} times the "
            f"measured error at worst, at {self.sizes[worst]:,}"
        )
