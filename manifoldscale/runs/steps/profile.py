"""What stands beside the dimension along the layers of a language model: how much each site
and the one before tell of each other, and what the head of the network would predict.
"""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats
from torch import nn

from ...core.arrays import Floats
from ...core.error_bars import normal_interval
from ...core.errors import ManifoldScaleError
from ...core.interval import Interval
from ...core.measurement import Measurement
from ...data.examples import Examples
from ...networks.extract import Representations, extract
from ...networks.lens import Lens, lens_of
from ...networks.sites import INPUT
from ...similarity.compare import compare_representations

FROM, TO, ENTROPY = "imbalance_from_previous", "imbalance_to_previous", "entropy"
ENOUGH = 1000  # examples from which the mean entropy is made
NEIGHBORS = (
    "Imbalance from the previous site, and back to it: 0 where nearest neighbours at the "
    "one are near at the other, 1 where they say nothing of it"
)
Found = dict[str, tuple[Measurement, ...]]


def profiled(
    network: nn.Module, examples: Examples, clouds: Representations, asked: Any
) -> tuple[Found, str]:
    """The measurements at each site, and in words what they are or why there are none."""
    found: dict[str, list[Measurement]] = {site: [] for site in clouds}
    said = [NEIGHBORS]
    try:
        for site, pair in _imbalances(clouds).items():
            found[site] += pair
    except ManifoldScaleError as error:
        said = [f"Neighbouring sites are not compared: {error}"]
    try:
        lens = lens_of(network, examples.inputs)
        for site, one in _entropies(network, examples, clouds, lens, asked).items():
            found[site].append(one)
        said.append(lens.in_words)
    except ManifoldScaleError as error:
        said.append(f"The entropy of a prediction is not given: {error}")
    return {site: tuple(more) for site, more in found.items()}, ". ".join(
        one.removesuffix(".") for one in said
    ) + "."


def _imbalances(clouds: Representations) -> Found:
    """At each site, from the one before and back to it; none at the first."""
    names = [site for site in clouds if not site.startswith(INPUT)]
    found: Found = {}
    for here, there in itertools.pairwise(names):
        pair = compare_representations(
            clouds[here], clouds[there], k=1, measures="imbalance", permutations=0
        )
        if pair.imbalance_ab is not None and pair.imbalance_ba is not None:
            found[there] = (
                Measurement.of(pair.imbalance_ab, FROM, previous=here),
                Measurement.of(pair.imbalance_ba, TO, previous=here),
            )
    return found


def _entropies(
    network: nn.Module, examples: Examples, clouds: Representations, lens: Lens, asked: Any
) -> Mapping[str, Measurement]:
    """The mean entropy of the prediction at the sites that the head can read."""
    sites = [site for site in clouds if site in lens.sites]
    if not sites:
        raise ManifoldScaleError(
            f"the head reads the outputs of blocks, {lens.sites[0]} to {lens.sites[-1]}, "
            "none of which is among the sites."
        )
    some = examples.sample(ENOUGH, asked.seed)
    reps = extract(network, some, sites, points=lens, batch_size=asked.batch_size)
    return {
        site: _mean(np.asarray(reps.arrays[site])[:, 0].astype(float), lens)
        for site in sites
    }


def _mean(values: Floats, lens: Lens) -> Measurement:
    """The mean over the examples with its t-interval."""
    n, mean, ends = len(values), float(values.mean()), Interval(0.0, math.inf)
    if n > 1:
        ends = normal_interval(mean, float(stats.sem(values)), n - 1)
    ends = ends.map(lambda end: max(end, 0.0))
    return Measurement(ENTROPY, mean, ends, str(lens), n, caveats=lens.caveats)
