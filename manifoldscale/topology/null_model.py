"""Which bars are more than noise: the universal law of persistence, and gaps in it.

Bobrowski and Skraba (2023, Scientific Reports 13:12274) find that in the persistent
homology of noise, whatever its distribution and dimension, the ratio pi = death / birth of
the bars of one degree >= 1 has a universal law: A log log pi + B, with A = 1 for Rips, is a
left-skewed Gumbel variable, of distribution 1 - exp(-e^x) and mean -gamma. With A = 1 that
says no more and no less than that

    log pi is exponential, of a mean that depends on the sample.

Two tests follow. The published one takes the mean of log pi from that of log log pi, over
all bars, and gives each bar exp(-log pi / mean): `universal_p_values`. On the few hundred
points that can be computed it finds little: its false positives are few (2 to 4 % of the
bars at a nominal 5 % in two dimensions, 0.3 % in ten), and so are its true ones, the more
so where holes enter the mean themselves.

The other one is ours. By Renyi's representation the normalised gaps i (x_i - x_(i+1)) of
ordered exponential variables x_1 >= x_2 >= ... are independent and exponential of the same
mean. That i bars are holes shows in a gap behind the i-th; the bars below give the mean
with the top censored, and gap / mean has the F distribution with 2 and 2 (m - i) degrees of
freedom. The bar above the gap must be long by the same law, too, which one deep among the
noise is not. Because a clean circle has one bar and no noise to compare it with, a few bars
of the longest mean that noise was seen to have stand in: `gap_p_values`.

Both laws are for a sample. Farthest-point landmarks of a larger cloud are more even, and
their log pi has a lighter tail: a power A of it is near exponential. A = 1, 1.25 and 1.5
for clouds of less than 2, less than 4, and more times the landmarks are the largest of
those tried that keep the false positives of balls, cubes and Gaussians at 5 % a diagram
(tests/topology/test_null_model.py). They make a torus show on 300 landmarks, where A = 1
asks for a death / birth of 6.

Degree 0 has no births, and the tail of its deaths, the edges of the minimum spanning tree,
depends on density and dimension: log(edge / median) has gaps that shrink towards the top
where tails are light, edge / median gaps that grow where they are not. The fourth root lies
between: no more than 5 % of false components for cubes, balls, spheres, Gaussians and
Laplacians of 1 to 30 dimensions. In heavy tails the outliers are called components: of
Student's t with 3 degrees of freedom, in up to a quarter of the samples.
"""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats
from ..core.errors import require

NOISE_MEAN = {1: 0.2, 2: 0.08}  # of log pi: the longest of noise in the slow tests, rounded
STAND_INS = 8  # bars of that mean that are added to those that were seen
MOST_HOLES = 16  # gaps that are looked at in each degree
SMALLEST = 1e-9  # scale of noise: on a lattice all bars are tied
EULER_GAMMA = 0.5772156649015329
POWERS = ((4.0, 1.5), (2.0, 1.25), (0.0, 1.0))  # from so many points a landmark on


@dc.dataclass(frozen=True)
class Noise:
    """What the bars of noise of one degree look like.

    Attributes
    ----------
    power : of log ratio (degree above 0), or of the ratio itself (degree 0), that is near
        exponential.
    mean, stand_ins : of that exponential, and the number of bars that are added.
    degree : of the bars.
    """

    power: float
    mean: float
    stand_ins: int
    degree: int = 1

    def sizes(self, ratios: Floats) -> Floats:
        """Ratios above 1 on the scale on which noise is exponential."""
        if self.degree:
            return np.asarray(np.log(ratios) ** self.power)
        return np.asarray((ratios**self.power - 1) / self.power)

    def ratio(self, size: float) -> float:
        """The ratio of a bar of this size."""
        if self.degree:
            return math.exp(min(size ** (1 / self.power), 700.0))
        return float((1 + self.power * size) ** (1 / self.power))


COMPONENTS = Noise(0.25, 0.0, 0, 0)  # no stand-ins: there are always edges


def noise_of(degree: int, points_per_landmark: float) -> Noise:
    """The noise of a degree above 0."""
    power = next(power for least, power in POWERS if points_per_landmark >= least)
    # E x^A of an exponential x; the lighter tails have a little less.
    mean = math.gamma(1 + power) * NOISE_MEAN[degree] ** power
    return Noise(power, mean, STAND_INS, degree)


def universal_p_values(log_ratios: Floats) -> Floats:
    """p of each bar against the universal law (Bobrowski and Skraba 2023, Rips, A = 1).

    Parameters
    ----------
    log_ratios : log(death / birth) of all bars of one degree above 0, positive.
    """
    if not len(log_ratios):
        return np.empty(0)
    doubly = np.log(log_ratios)
    return np.asarray(np.exp(-np.exp(doubly - doubly.mean() - EULER_GAMMA)))


def gap_p_values(sizes: Floats, noise: Noise) -> Floats:
    """For each bar, the p-value that there are at least so many holes as its rank.

    A gap counts together with the bar above it: the larger of two p-values, that of the
    gap times the number of gaps that are looked at, and that of so long a bar times the
    number of bars (Bonferroni). That of a bar is the least of those at its rank and below.
    So any bar of noise of one degree is below 5 % with a chance of at most 5 %.

    Parameters
    ----------
    sizes : (m,) bars in falling order, `noise.sizes(...)`.
    """
    m = len(sizes)
    p_values = np.ones(m)
    tried = min(MOST_HOLES, m if noise.stand_ins else m - 1)
    if tried < 1:
        return p_values
    scale, degrees = _noise_below(sizes, tried, noise)
    top, after = sizes[:tried], np.append(sizes, 0.0)[1 : tried + 1]
    gaps = tried * _tail_of_f(np.arange(1, tried + 1) * (top - after) / scale, degrees)
    alone = m * _tail_of_f(top / scale, degrees)
    worse = np.maximum(gaps, alone)
    p_values[:tried] = np.minimum.accumulate(worse[::-1])[::-1].clip(max=1)
    return p_values


def detectable(sizes: Floats, noise: Noise, level: float) -> float:
    """death / birth above which one bar more, alone above these, would count as a hole."""
    longer = np.append(np.inf, sizes)
    tried = min(MOST_HOLES, len(longer))
    scale, degrees = (one[0] for one in _noise_below(longer, 1, noise))
    gap, alone = (
        scale * degrees * ((level / times) ** (-1 / degrees) - 1)
        for times in (tried, len(longer))
    )
    return noise.ratio(float(max(gap + (sizes[0] if len(sizes) else 0.0), alone)))


def _tail_of_f(ratios: Floats, degrees: Floats) -> Floats:
    """The chance that an exponential variable, over the mean of `degrees` others, exceeds
    this: F with 2 and 2 degrees degrees of freedom.
    """
    return np.asarray((1 + ratios / degrees) ** -degrees)


def _noise_below(sizes: Floats, tried: int, noise: Noise) -> tuple[Floats, Floats]:
    """Mean of the exponential noise, the top 1, 2, ... bars censored at the next one, and
    how many bars it rests on.
    """
    require(bool((sizes[1:] <= sizes[:-1]).all()), "Bars must be given in falling order.")
    top = np.arange(1, tried + 1)
    sums = np.append(np.cumsum(sizes[:0:-1])[::-1], 0.0)[:tried]
    degrees = (len(sizes) - top + noise.stand_ins).astype(float)
    after = np.append(sizes, 0.0)[top]
    scale = (sums + top * after + noise.stand_ins * noise.mean) / degrees
    return np.maximum(scale, SMALLEST), degrees
