"""Which bars are more than noise: the universal law of persistence, and gaps in it.

Bobrowski and Skraba (2023, Scientific Reports 13:12274) find that in the persistent
homology of noise, for any distribution and dimension, the ratio pi = death / birth of the
bars of one degree >= 1 has a universal law: A log log pi + B, with A = 1 for Rips, is a
left-skewed Gumbel variable, with distribution 1 - exp(-e^x) and mean -gamma. With A = 1
this means exactly that

    log pi is exponential, with a mean that depends on the sample.

Two tests follow. The published one takes the mean of log pi from the mean of log log pi
over all bars, and gives each bar exp(-log pi / mean): `universal_p_values`. On the few
hundred points that can be computed it finds little: it has few false positives (2 to 4 % of
the bars at a nominal 5 % in two dimensions, 0.3 % in ten), and few true ones, fewer still
if holes enter the mean themselves.

The second test is ours. By Renyi's representation the normalised gaps i (x_i - x_(i+1)) of
ordered exponential variables x_1 >= x_2 >= ... are independent and exponential with the
same mean. If i bars are holes, there is a large gap after the i-th. The bars below give the
mean with the top censored, and gap / mean has the F distribution with 2 and 2 (m - i)
degrees of freedom. The bar above the gap must be long by the same law too; a bar deep in
the noise is not. A clean circle has one bar and no noise to compare it with, so a few bars
with the longest mean that noise was seen to have are added: `gap_p_values`.

The tail of a finite cloud is lighter than that, the more so on farthest-point landmarks of
a larger cloud, which are more even: a power A of log pi is nearly exponential. Three powers
answer three questions (`POWERS`; tests/topology/test_null_model.py):

- the count: A = 1.75, and 1.5 below 1.5 points per landmark, keeps false positives at 5 %
  per diagram on 100 to 300 landmarks of cubes, balls, spheres, Gaussians, Laplacians and
  exponentials in 2 to 10 dimensions, and of families that did not choose it: Student's t,
  mixtures, simplices, trees, bowls, ReLU features. The Klein bottle and the torus of a
  module of grid cells have two loops on 300 landmarks of 1,000 stimuli.
- the least that is sure: the sheets of a Swiss roll touch before the hole within is filled,
  a loop that noise hardly has (up to half of them on 100 landmarks). With A = 1.4, and 1.25
  below 1.5 points per landmark, 5 % of them have one.
- the most that cannot be excluded: A = 2.

Degree 0 has no births, and the tail of its deaths, the edges of the minimum spanning tree,
depends on density and dimension: the gaps of log(edge / median) shrink towards the top for
light tails, the gaps of edge / median grow for others. The fourth root lies in between: at
most 5 % of false components for cubes, balls, spheres, Gaussians and Laplacians in 1 to 30
dimensions. In heavy tails outliers are called components: for Student's t with 3 degrees of
freedom, in up to a quarter of the samples.
"""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats
from ..core.errors import require

NOISE_MEAN = {1: 0.2, 2: 0.08}  # of log pi: the longest of noise in the slow tests, rounded
STAND_INS = 8  # added bars of this mean
MOST_HOLES = 16  # gaps that are tested in each degree
SMALLEST = 1e-9  # least scale of noise: on a lattice all bars are tied
EULER_GAMMA = 0.5772156649015329
# A for the least, the count and the most: (points per landmark at least, A).
POWERS = {
    "least": ((1.5, 1.4), (0.0, 1.25)),
    "count": ((1.5, 1.75), (0.0, 1.5)),
    "most": ((0.0, 2.0),),
}


@dc.dataclass(frozen=True)
class Noise:
    """The law of the bars of noise of one degree.

    Attributes
    ----------
    power : the power of log ratio (degree above 0), or of the ratio (degree 0), that is
        nearly exponential.
    mean, stand_ins : the mean of this exponential, and the number of added bars.
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


def noise_of(degree: int, points_per_landmark: float, of: str = "count") -> Noise:
    """The noise of a degree above 0, for one of `POWERS`."""
    power = next(power for least, power in POWERS[of] if points_per_landmark >= least)
    # E x^A of an exponential x; for lighter tails it is a little less.
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
    """For each bar, the p-value for at least as many holes as its rank.

    A gap counts together with the bar above it, by the larger of two p-values: of the gap
    times the number of tested gaps, and of such a long bar times the number of bars
    (Bonferroni). The p-value of a bar is the smallest at its rank and below. So any bar of
    noise of one degree is below 5 % with a chance of at most 5 %.

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
    """death / birth above which one more bar, longer than these, would count as a hole."""
    longer = np.append(np.inf, sizes)
    tried = min(MOST_HOLES, len(longer))
    scale, degrees = (one[0] for one in _noise_below(longer, 1, noise))
    gap, alone = (
        scale * degrees * ((level / times) ** (-1 / degrees) - 1)
        for times in (tried, len(longer))
    )
    return noise.ratio(float(max(gap + (sizes[0] if len(sizes) else 0.0), alone)))


def _tail_of_f(ratios: Floats, degrees: Floats) -> Floats:
    """The chance that an exponential variable over the mean of `degrees` others exceeds
    these ratios: F with 2 and 2 `degrees` degrees of freedom.
    """
    return np.asarray((1 + ratios / degrees) ** -degrees)


def _noise_below(sizes: Floats, tried: int, noise: Noise) -> tuple[Floats, Floats]:
    """Mean of the exponential noise, with the top 1, 2, ... bars censored at the next one,
    and the number of bars behind it.
    """
    require(bool((sizes[1:] <= sizes[:-1]).all()), "Bars must be given in falling order.")
    top = np.arange(1, tried + 1)
    sums = np.append(np.cumsum(sizes[:0:-1])[::-1], 0.0)[:tried]
    degrees = (len(sizes) - top + noise.stand_ins).astype(float)
    after = np.append(sizes, 0.0)[top]
    scale = (sums + top * after + noise.stand_ins * noise.mean) / degrees
    return np.maximum(scale, SMALLEST), degrees
