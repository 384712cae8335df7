"""Two fields of coefficients, whose Betti numbers differ if there is torsion."""

import dataclasses as dc
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.result import Result
from ..core.style import drawing
from ..geometry.estimate import estimate
from .persistence import Persistence
from .rips import Rips

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dc.dataclass(frozen=True, eq=False)
class Coefficients(Result):
    """Persistent homology of one cloud over Z2 and over Z3.

    By universal coefficients a class of even order in degree k adds a bar over Z2 in
    degrees k and k + 1, and none over Z3: (1, 2, 1) and (1, 1, 0) for the Klein bottle.
    """

    over_2: Persistence
    over_3: Persistence

    @property
    def method(self) -> Rips:
        """The method over Z2; over Z3 all other settings are the same."""
        return self.over_2.method  # type: ignore[no-any-return]

    @property
    def n_points(self) -> int:
        return self.over_2.n_points

    @property
    def torsion(self) -> tuple[int, ...]:
        """How many holes more there are over Z2, for each degree."""
        pairs = zip(self.over_2.betti, self.over_3.betti, strict=True)
        return tuple(round(a.value - b.value) for a, b in pairs)

    @property
    def apart(self) -> tuple[bool, ...]:
        """Whether the numbers of a degree differ, and their intervals do not overlap."""
        pairs = zip(self.over_2.betti, self.over_3.betti, strict=True)
        return tuple(
            a.interval.low > b.interval.high or b.interval.low > a.interval.high
            for a, b in pairs
        )

    @property
    def caveats(self) -> tuple[Remark, ...]:
        degrees = [str(k) for k, apart in enumerate(self.apart) if apart]
        notes = [Caveat.TORSION(f"degree {', '.join(degrees)}")] if degrees else []
        both = dict.fromkeys([*self.over_2.caveats, *self.over_3.caveats])
        return (*notes, *both)

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Betti numbers of each degree over Z2 and over Z3, with their intervals."""
        for field, one, shift in (("Z2", self.over_2, -0.06), ("Z3", self.over_3, 0.06)):
            places = np.arange(len(one.betti)) + shift
            values = np.array([betti.value for betti in one.betti])
            ends = np.array([[*betti.interval] for betti in one.betti]).T
            ax.errorbar(places, values, np.abs(ends - values), fmt="o", label=field)
        ax.set(xlabel="degree", ylabel="Betti number", xticks=range(len(self.over_2.betti)))
        ax.legend()

    def headline(self) -> str:
        return f"{self.over_2.headline()}\n{self.over_3.headline()}"

    def cells(self) -> dict[str, Any]:
        two, three = self.over_2.row(), self.over_3.row()
        names = [name for name in two if name.startswith("betti")]
        return {
            **{f"{name}_z2": two[name] for name in names},
            **{f"{name}_z3": three[name] for name in names},
            **{f"torsion_{k}": differ for k, differ in enumerate(self.torsion)},
        }


def compare_coefficients(on: Any, method: Rips | None = None) -> Coefficients:
    """The same persistent homology over Z2 and Z3, on the same landmarks and subsamples.

    Parameters
    ----------
    on : `Cloud`, `Neighbors` or array of points.
    method : the settings (`coefficients` is ignored); by default `Rips()`.

    Raises
    ------
    ManifoldScaleError : as `Rips`.
    """
    settings = Rips() if method is None else method
    require(isinstance(settings, Rips), f"`method` must be a `Rips`; not {method!r}.")
    two, three = (
        estimate(on, dc.replace(settings, coefficients=prime)) for prime in (2, 3)
    )
    return Coefficients(two, three)
