"""How much of a loss averaging networks of one width removes: variance, not bias."""

import dataclasses as dc
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Floats, as_real
from ..core.caveat import Remark
from ..core.errors import is_real, is_whole, require
from ..core.interval import Interval, check_level, number
from ..core.random import keyed
from ..core.result import Result
from ..core.style import drawing, log_axes
from .profile_fit import Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWS = 4000
HALF = 0.5  # a share above it is mostly variance
MEANING = {
    "variance": "networks differ; superposed features whose overlaps differ do too",
    "bias": "all networks of a width share it: it is not variance",
    "undetermined": "more networks, more ensembles, or widths further apart would tell",
}


@dc.dataclass(frozen=True, eq=False)
class EnsembleTest(Result):
    """The share of the loss above its limit in width that is variance between networks.

    Attributes
    ----------
    share : variance over the loss that falls with width; NaN where it does not fall. It may
        exceed one: the mean of narrow networks may be better than the limit.
    verdict : "variance" where the interval lies above one half, "bias" where it lies below,
        else "undetermined".
    members : networks per ensemble, E.
    widths : (widths,); losses, ensembles : (widths,) mean losses of single networks, and of
        ensembles of them; variances : (widths,) (losses - ensembles) / (1 - 1/E).
    networks : number of single networks, over all widths.
    """

    share: float
    interval: Interval
    verdict: str
    members: int
    widths: Floats
    losses: Floats
    ensembles: Floats
    networks: int
    caveats: tuple[Remark, ...] = ()

    main = "share"
    columns = ("verdict", "share", "members", "n_widths=widths.size", "n_networks=networks")

    @property
    def method(self) -> str:
        return f"ensembles of {self.members}"

    @property
    def n_points(self) -> int:
        """Number of single networks."""
        return self.networks

    @property
    def variances(self) -> Floats:
        return (self.losses - self.ensembles) / (1 - 1 / self.members)

    def headline(self) -> str:
        return (
            f"{self.verdict}: share {number(self.share)} {self.interval.labelled} of the "
            f"loss that falls with width (E = {self.members}, {len(self.widths)} widths, "
            f"{self.networks} networks); {MEANING[self.verdict]}"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Mean losses of networks, of ensembles, and of endless ensembles."""
        ax.plot(self.widths, self.losses, "o-", label="networks")
        ax.plot(self.widths, self.ensembles, "s-", label=f"ensembles of {self.members}")
        bias = self.losses - self.variances
        ax.plot(self.widths, bias, "--", label="their bias")
        ax.set(xlabel="width w", ylabel="test loss", title=self.verdict)
        log_axes(ax, self.widths, np.concatenate([self.losses, self.ensembles]))
        ax.legend()


def ensemble_test(
    losses: Mapping[float, Any],
    ensembles: Mapping[float, Any],
    members: int,
    *,
    level: float = 0.95,
    limit: float | Reference | None = None,
) -> EnsembleTest:
    """Is the loss above its limit in width variance between networks?

    For a squared error, L(w) = bias(w) + V(w), with V the variance of the output between
    networks that differ only in their initialisation. The mean output of E networks has the
    loss bias(w) + V(w) / E, exactly, whatever the networks. So V = (L - L_E) / (1 - 1/E).
    The share of V in the fall of L is sum c V / sum c (L - limit) over widths, with
    c = 1/w; without a limit c is 1/w less its mean, and the limit cancels.

    What the share tells. Near zero: all networks of a width have the excess in common, and
    it is not variance. Near one: it is variance, as of a kernel whose features are random
    (Bahri et al. 2024; Geiger et al. 2020). A variance-limited regime does not imply a
    share of one: fluctuations also move the mean output by an order of 1/w, as the ridge of
    random features does (Jacot et al. 2020). Nor does one exclude superposed features
    (Elhage et al. 2022; Liu, Liu & Gore 2025): n unit vectors in w dimensions have a mean
    squared overlap of at least (n - w) / (w (n - 1)), about 1/w (Welch 1974), and where
    overlaps are independent between networks, an ensemble of E is like one network E times
    as wide. The exponent where width limits the loss tells them apart: it stays one.

    Parameters
    ----------
    losses, ensembles : by width, test losses of single networks, and of the mean outputs of
        ensembles of `members` networks each; two or more of either, on the same data.
    members : networks per ensemble, E.
    limit : the loss at infinite width; needed if there is only one width.
    level : of the interval, from draws of the means.

    Raises
    ------
    ManifoldScaleError : losses of other widths than the ensembles; fewer than two of
        either; one width and no limit.
    """
    check_level(level)
    widths, single, grouped = _checked(losses, ensembles, members, limit)
    contrast = 1 / widths - (0.0 if limit is not None else (1 / widths).mean())
    removes = 1 - 1 / members

    def parts(one: Floats, grouped: Floats, limit: Floats) -> tuple[Floats, Floats]:
        """The variance, and all of the fall."""
        return (one - grouped) @ contrast / removes, (one - limit[..., None]) @ contrast

    rng = keyed(0, "ensemble test")
    mean, mean_e = (np.array([g.mean() for g in groups]) for groups in (single, grouped))
    at, stderr = _limit(limit)
    variance, fall = parts(mean, mean_e, np.asarray(at))
    limits = at + stderr * rng.standard_normal(DRAWS)
    drawn = parts(_drawn(single, rng), _drawn(grouped, rng), limits)
    share = float(variance / fall) if fall > 0 else math.nan
    interval = _interval(*drawn, level)
    n = sum(map(len, single))
    return EnsembleTest(
        share, interval, _verdict(interval), members, widths, mean, mean_e, n
    )


def _checked(
    losses: Any, ensembles: Any, members: int, limit: Any
) -> tuple[Floats, list[Floats], list[Floats]]:
    """Widths, rising, and the losses at each."""
    require(
        is_whole(members) and members >= 2,
        f"`members` is the number of networks of an ensemble, at least 2; not {members!r}.",
    )
    found = []
    for name, given in (("losses", losses), ("ensembles", ensembles)):
        require(
            isinstance(given, Mapping) and len(given) > 0,
            f"`{name}` maps widths to losses, as in {{64: [0.31, 0.29]}}; not {given!r}.",
        )
        groups = {w: as_real(group, name).astype(float) for w, group in given.items()}
        for width, group in groups.items():
            require(
                group.ndim == 1 and len(group) >= 2,
                f"`{name}` at width {width} must be two losses or more, in one dimension; "
                f"its shape is {group.shape}.",
            )
        found.append(groups)
    single, grouped = found
    require(
        set(single) == set(grouped),
        f"`losses` and `ensembles` must be of the same widths; they are of "
        f"{sorted(single)} and {sorted(grouped)}.",
    )
    require(
        limit is not None or len(single) > 1,
        "With one width, `limit` is needed: the loss at infinite width, or a Reference.",
    )
    order = sorted(single)
    widths = np.array(order, dtype=float)
    require(bool((widths > 0).all()), f"Widths must be positive; not {order[0]}.")
    return widths, [single[w] for w in order], [grouped[w] for w in order]


def _limit(limit: float | Reference | None) -> tuple[float, float]:
    """The limit and its standard error; without one it cancels."""
    if limit is None:
        return 0.0, 0.0
    if isinstance(limit, Reference):
        require(
            math.isinf(limit.size),
            f"The size of `limit` must be infinite; it is {limit.size:g}. A finite width "
            "is one of the widths, with its own ensembles.",
        )
        return limit.loss, limit.stderr
    require(
        is_real(limit) and math.isfinite(limit),
        f"`limit` must be a number or a Reference; not {limit!r}.",
    )
    return float(limit), 0.0


def _drawn(groups: list[Floats], rng: np.random.Generator) -> Floats:
    """(draws, widths) of the means, by Student's t. Networks and ensembles are taken as
    independent: if the ensembles consist of the same networks, the interval is too wide.
    """
    columns = [
        group.mean()
        + group.std(ddof=1) / math.sqrt(len(group)) * rng.standard_t(len(group) - 1, DRAWS)
        for group in groups
    ]
    return np.column_stack(columns)


def _interval(variance: Floats, fall: Floats, level: float) -> Interval:
    """Of the ratio; open where the loss may not fall with width at all."""
    tails = (1 - level) / 2, (1 + level) / 2
    if np.quantile(fall, tails[0]) <= 0:
        return Interval(-math.inf, math.inf, level)
    falls = fall > 0
    low, high = np.quantile(variance[falls] / fall[falls], tails)
    return Interval(float(low), float(high), level)


def _verdict(interval: Interval) -> str:
    if interval.low > HALF:
        return "variance"
    return "bias" if interval.high < HALF else "undetermined"
