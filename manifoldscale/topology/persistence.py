"""The result of persistent homology: bars, which of them are holes, Betti numbers."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.caveat import Remark
from ..core.interval import number
from ..core.result import Quantity, Result, as_cells
from ..core.style import drawing
from .summaries import betti_curve, finite_bars, landscape, persistence_entropy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dc.dataclass(frozen=True)
class Betti(Quantity):
    """How many holes of one degree there are: components, loops, voids.

    Attributes
    ----------
    value : number of bars that noise does not explain.
    interval : where the number of a further subsample lies, at the interval's level; it
        includes the value itself, and what is sure, and cannot be excluded, by stricter and
        looser laws of noise (`null_model.POWERS`).
    counts : the number in each subsample.
    detectable : death / birth from which one more bar would count as a hole (degree 0: the
        length of an edge of the tree over the median edge). There may be smaller holes.
    """

    degree: int = 0
    counts: tuple[int, ...] = ()
    detectable: float = float("nan")

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"betti_{self.degree}"

    @property
    def counted(self) -> str:
        """The number and its interval as whole numbers: "2 [1, 2]"."""
        low, high = ("n/a" if math.isnan(end) else f"{end:.0f}" for end in self.interval)
        return f"{self.value:.0f} [{low}, {high}]"


@dc.dataclass(frozen=True, eq=False)
class Persistence(Result):
    """Persistent homology of a cloud, degrees 0 ... up_to, in the units of the cloud.

    Attributes
    ----------
    betti : one `Betti` per degree.
    diagrams : births and deaths, (bars x 2) per degree, by falling death / birth (degree 0:
        by falling death). Infinite if a bar does not end.
    p_values : (bars,) per degree, for so many bars of noise that stand out, corrected for
        all bars of the degree (`null_model.gap_p_values`). A hole has at most
        `method.level`.
    p_universal : (bars,) per degree, for one bar against the universal law, not corrected
        for their number; NaN in degree 0, which has no such law.
    landmarks : (L,) row numbers of the landmarks.
    covering_radius : the largest distance of a point from its nearest landmark.
    n_points : distinct points.
    """

    betti: tuple[Betti, ...]
    diagrams: tuple[Floats, ...]
    p_values: tuple[Floats, ...]
    p_universal: tuple[Floats, ...]
    landmarks: Ints
    covering_radius: float
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    columns = ("coefficients=method.coefficients", "covering_radius", "n_landmarks")

    @property
    def n_landmarks(self) -> int:
        return len(self.landmarks)

    @property
    def entropy(self) -> tuple[float, ...]:
        """Persistence entropy of each degree, in nats."""
        return tuple(persistence_entropy(diagram) for diagram in self.diagrams)

    @property
    def total(self) -> tuple[float, ...]:
        """Summed length of the bars of each degree that end."""
        bars = [finite_bars(diagram) for diagram in self.diagrams]
        return tuple(float((one[:, 1] - one[:, 0]).sum()) for one in bars)

    def betti_curve(self, degree: int, scales: Floats) -> Floats:
        """Bars alive at each scale, (scales,)."""
        return betti_curve(self.diagrams[degree], scales)

    def landscape(self, degree: int, scales: Floats, levels: int = 1) -> Floats:
        """Persistence landscape, (levels x scales)."""
        return landscape(self.diagrams[degree], scales, levels)

    def headline(self) -> str:
        numbers = ", ".join(one.counted for one in self.betti)
        field = f" over Z{self.method.coefficients}"
        return (
            f"betti{field} {numbers} ({self.method}, n = {self.n_points:,}, "
            f"{self.n_landmarks:,} landmarks, covering radius "
            f"{number(self.covering_radius)})"
        )

    def __str__(self) -> str:
        head, *notes = super().__str__().split("\n")
        seen = [f"{number(b.detectable)} in degree {b.degree}" for b in self.betti[1:]]
        line = f"  = one more hole would show from death / birth = {', '.join(seen)}"
        return "\n".join([head, *([line] if seen else []), *notes])

    def cells(self) -> dict[str, Any]:
        cells: dict[str, Any] = {}
        for one, entropy in zip(self.betti, self.entropy, strict=True):
            cells |= as_cells(one.name, one)
            cells[f"detectable_{one.degree}"] = one.detectable
            cells[f"entropy_{one.degree}"] = entropy
        return cells | super().cells()

    def bars(self) -> "pd.DataFrame":
        """A row per bar: degree, birth, death, p_value, p_universal."""
        import pandas as pd

        columns = zip(self.diagrams, self.p_values, self.p_universal, strict=True)
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "degree": degree,
                        "birth": diagram[:, 0],
                        "death": diagram[:, 1],
                        "p_value": p,
                        "p_universal": universal,
                    }
                )
                for degree, (diagram, p, universal) in enumerate(columns)
            ],
            ignore_index=True,
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Births and deaths: holes filled, noise hollow. The landmarks do not resolve the
        shaded band.
        """
        ends = np.concatenate([finite_bars(diagram).ravel() for diagram in self.diagrams])
        top = 1.1 * float(ends.max(initial=0)) or 1.0
        ax.plot([0, top], [0, top], color="0.3", lw=0.8)
        band = 2 * self.covering_radius
        ax.fill_between([0, top], [0, top], [band, top + band], color="0.92", lw=0)
        for degree, (diagram, p) in enumerate(
            zip(self.diagrams, self.p_values, strict=True)
        ):
            deaths = np.minimum(diagram[:, 1], top)
            for hole in (False, True):
                kept = (p <= self.method.level) == hole
                ax.plot(
                    diagram[kept, 0],
                    deaths[kept],
                    "o^s"[degree],
                    ms=5 if hole else 3,
                    color=f"C{degree}",
                    fillstyle="full" if hole else "none",
                    mew=0.6,
                    alpha=1 if hole else 0.5,
                    label=f"degree {degree}" if hole else None,
                )
        ax.set(
            xlabel="birth",
            ylabel="death",
            xlim=(-0.03 * top, top),
            ylim=(-0.03 * top, 1.03 * top),
        )
        ax.legend(loc="lower right")
