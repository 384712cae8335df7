"""What was measured of a curve at the sites of a network, and its figures."""

import dataclasses as dc
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array, Floats
from ..core.caveat import Remark
from ..core.errors import one_of
from ..core.interval import number
from ..core.result import Result
from ..core.style import drawing, name_places, plain_log_axis, plain_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

STRAIGHT = 1e-6  # below this, what is measured is zero but for rounding
NAMED = 6  # sites in a legend
MEASURES = ("length", "curvature", "turning")
QUANTITIES = {
    "turning": "turning, radians",
    "length": "length",
    "kappa": "curvature, 1 / length",
}


@dc.dataclass(frozen=True, eq=False)
class CurveThroughLayers(Result):
    """A curve at each site, as the curve h / sqrt(features).

    Parameters
    ----------
    sites : names of the L sites, in the order of the forward pass.
    features : (L,) values per example.
    length : (L,) of the curve.
    curvature : (L,) root mean square over the parameter; NaN if it does not exist.
    turning : (L,) integral of curvature over length, the length of the curve of tangent
        directions (Grassmannian length); scale-free. NaN if `curvature` is.
    steps : (S,) of the parameter, between the points of a polygon or a circle.
    length_of_step : (L, S) of the polygon through points so far apart.
    turning_of_step : (L, S) the sum of its angles, radians: it rises to `turning` at small
        steps; with kinks, to the sum of their angles.
    kappa_of_step : (L, S) rms curvature of the circles through its successive points: it
        tends to `curvature` at small steps, or grows like step^(-1/2) if the network has
        kinks.
    initial : the result of the same network with new weights, or None.
    expected_length, expected_curvature : of the mean field, one for each linear layer, or
        None.
    """

    sites: tuple[str, ...]
    features: Array
    length: Floats
    curvature: Floats
    turning: Floats
    steps: Floats
    length_of_step: Floats
    turning_of_step: Floats
    kappa_of_step: Floats
    initial: "CurveThroughLayers | None" = None
    expected_length: Floats | None = None
    expected_curvature: Floats | None = None
    caveats: tuple[Remark, ...] = ()

    columns = (
        "site=sites.-1",
        "length=length.-1",
        "curvature=curvature.-1",
        "turning=turning.-1",
        "step=steps.0",
        "turning_of_step=turning_of_step.-1.0",
        "kappa_of_step=kappa_of_step.-1.0",
    )
    method = "curve through layers"
    n_points = 0

    @property
    def has_kinks(self) -> bool:
        """Whether the curve has no curvature at some site, so that steps must be told."""
        return bool(np.isnan(self.curvature).any())

    def headline(self) -> str:
        at_step = f" at step {number(self.steps[0])}" if self.has_kinks else ""
        turning = self.turning_of_step[:, 0] if self.has_kinks else self.turning
        kappa = self.kappa_of_step[:, 0] if self.has_kinks else self.curvature
        return (
            f"curve through {len(self.sites)} sites: length {number(self.length[0])} to "
            f"{number(self.length[-1])}, curvature {number(kappa[0])} to "
            f"{number(kappa[-1])}, turning {number(turning[0])} to "
            f"{number(turning[-1])}{at_step}"
        )

    def rows(self) -> list[dict[str, Any]]:
        """One row per site and step, with the values of the initial network beside."""
        return [
            {"site": site, "features": int(self.features[i]), "step": float(step)}
            | self._at(i, s, "")
            | ({} if self.initial is None else self.initial._at(i, s, "_initial"))
            for i, site in enumerate(self.sites)
            for s, step in enumerate(self.steps)
        ]

    def _at(self, site: int, step: int, suffix: str) -> dict[str, float]:
        whole = {f"{n}{suffix}": getattr(self, n)[site] for n in MEASURES}
        polygon = {f"{n}_of_step{suffix}": self._of_step(n)[site, step] for n in QUANTITIES}
        return {name: float(value) for name, value in (whole | polygon).items()}

    def _of_step(self, quantity: str) -> Floats:
        found: Floats = getattr(self, f"{quantity}_of_step")
        return found

    def to_frame(self) -> "pd.DataFrame":
        """All rows: every site at every step."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    @drawing
    def plot(
        self, ax: "Axes", quantity: str = "turning", against: str | None = None
    ) -> None:
        """One quantity at every site, also of the initial network.

        Parameters
        ----------
        quantity : "turning", "length" or "kappa", the curvature.
        against : "site" or "step", with a line for each site; by default the step where a
            network with kinks has no other turning and curvature, else the site.
        """
        one_of("quantity", quantity, QUANTITIES)
        stepwise = self.has_kinks and quantity != "length"
        against = against or ("step" if stepwise else "site")
        one_of("against", against, ("site", "step"))
        if against == "step":
            self._draw_steps(ax, quantity)
            return
        drawn = []
        both = {"network": self, "at initialisation": self.initial}
        for (label, one), fmt in zip(both.items(), ("o-", "s--"), strict=True):
            if one is not None:
                drawn.append(one._by_site(quantity, stepwise))
                ax.plot(drawn[-1], fmt, label=label)
        at_step = f" at step {number(self.steps[0])}" if stepwise else ""
        _ordinate(ax, f"{QUANTITIES[quantity]}{at_step}", np.concatenate(drawn))
        ax.set(xlabel="site")
        name_places(ax, self.sites)
        ax.legend()

    def _by_site(self, quantity: str, stepwise: bool) -> Floats:
        if stepwise:
            return self._of_step(quantity)[:, 0]
        found: Floats = self.curvature if quantity == "kappa" else getattr(self, quantity)
        return found

    def _draw_steps(self, ax: "Axes", quantity: str) -> None:
        """A line for each site, from light to dark."""
        from matplotlib import colormaps

        found = self._of_step(quantity)
        last = max(len(self.sites) - 1, 1)
        named = set(np.linspace(0, len(self.sites) - 1, NAMED).round().astype(int))
        for place, (site, values) in enumerate(zip(self.sites, found, strict=True)):
            shade = colormaps["viridis"](0.9 * (1 - place / last))
            label = plain_text(site) if place in named else None
            ax.plot(self.steps, values, "o-", color=shade, label=label)
        ax.set(xscale="log", xlabel="step of the parameter")
        plain_log_axis(ax.xaxis, self.steps)
        _ordinate(ax, QUANTITIES[quantity], found.ravel())
        ax.legend(title="site")


def _ordinate(ax: "Axes", label: str, values: Floats) -> None:
    """Logarithmic, but for a curve that is straight somewhere."""
    known = values[np.isfinite(values)]
    if len(known) and known.min() > STRAIGHT:
        ax.set(yscale="log")
        plain_log_axis(ax.yaxis, known)
    ax.set(ylabel=label)
