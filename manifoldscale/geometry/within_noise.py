"""Whether the nearest neighbours of a cloud lie within the noise of its points."""

import math

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.interval import Interval, number
from .neighbors import Neighbors
from .noise import Noise

NOTED = 0.01  # share of noise in the variance that gives a caveat
FELT = 0.05  # noise over the squared nearest distance, from which it changes an estimate


def in_noise(near: Neighbors) -> float | None:
    """The median distance of the nearest neighbour, in units of the distance that noise
    alone makes; None where the noise is not known.
    """
    if near.cloud is None or near.cloud.noise is None:
        return None
    table = near if near.k else near.cloud.neighbors(1)
    return near.cloud.noise.between(float(np.median(table.distances[:, 0])))


def is_felt(ratio: float | None) -> bool:
    """Whether noise changes distances of this `in_noise` enough to change what is made of
    them: a share q of a squared distance raises a dimension by about q.
    """
    return ratio is not None and FELT * ratio**2 < 1


def noise_in_variance(near: Neighbors) -> list[Remark]:
    """The caveat of what is made of variances that hold noise of known size."""
    if near.cloud is None or near.cloud.noise is None:
        return of_trials(near)
    share = noise_share(near.cloud.points[near.rows], near.cloud.noise.take(near.rows))
    said = f"{share:.0%} of the variance"
    return [Caveat.SPECTRUM_OF_NOISE(said)] if share > NOTED else []


def noise_share(points: Floats, noise: Noise | None) -> float:
    """The part of the variance of the points that is noise of the means; 0 if unknown."""
    total = float(points.var(axis=0).sum())
    return float(noise.squared.mean() / total) if noise is not None and total > 0 else 0.0


def of_trials(near: Neighbors) -> list[Remark]:
    """The caveats of trials that do not tell the noise of their means."""
    if near.cloud is None:
        return []
    if near.cloud.one_trial:
        return [Caveat.ONE_TRIAL()]
    memory = 0.0 if near.cloud.noise is None else near.cloud.noise.memory
    return [Caveat.TRIALS_CORRELATED(f"by {number(memory)}")] if memory else []


def in_words(near: Neighbors, ratio: float | None) -> str:
    """How far neighbours are apart against the noise of the means; empty if unknown."""
    if ratio is None or near.cloud is None or near.cloud.noise is None:
        return ""
    said = f"nearest neighbours {number(ratio)} standard errors apart"
    return f"{said}, {near.cloud.noise.trials:g} trials"


def within_noise(near: Neighbors) -> list[Remark]:
    """The caveat of what is estimated from nearest neighbours that noise made."""
    ratio = in_noise(near)
    noisy = [Caveat.WITHIN_NOISE(in_words(near, ratio))] if is_felt(ratio) else []
    return [*noisy, *of_trials(near)]


def despite_noise(
    near: Neighbors, interval: Interval, least: float = 0.0
) -> tuple[Interval, list[Remark]]:
    """The interval of a curvature with the caveat of `within_noise`. Noise bends tangent
    planes as it likes, so nothing is known there from `least` to infinity.
    """
    notes = within_noise(near)
    return (Interval(least, math.inf) if notes else interval), notes
