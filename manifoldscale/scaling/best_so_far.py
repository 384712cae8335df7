"""Losses that are the best of a run so far: a tie tells only that nothing was better.

A table often holds the running minimum of a noisy loss. The minimum scatters less than the
losses and lies below them: a lucky value is followed by a plateau. Each repeated value
stands for a loss that is only known to lie above (a censored one, Tobin 1958). With a
normal scatter sigma about the curve m, such a loss is expected at

    m + sigma phi(a) / (1 - Phi(a)),   a = (best - m) / sigma.

Ties are replaced by this value, with its variance, until curve and scatter settle (the EM
algorithm of Dempster, Laird and Rubin 1977).
"""

import dataclasses as dc

import numpy as np
from scipy import special, stats

from ..core.arrays import Bools, Floats
from .departure import Observed, departing

FEWEST = 2  # ties; fewer may be chance
ROUNDS = 6


def ties(loss: Floats) -> Bools:
    """(sizes,) whether a loss repeats the best so far. All False where losses ever rise, or
    hardly any is repeated.

    >>> ties(np.array([3.0, 2.0, 2.0, 1.0, 1.0, 1.0])).tolist()
    [False, False, True, False, True, True]
    """
    steps = np.diff(loss)
    tied = np.append(False, steps == 0)
    is_record = bool((steps <= 0).all()) and tied.sum() >= FEWEST and len(set(loss)) > 2
    return tied if is_record else np.zeros(len(loss), dtype=bool)


def uncensored(observed: Observed) -> Observed:
    """The same, with ties replaced by the losses that are expected in their place."""
    tied = ties(observed.logs)
    if not tied.any():
        return observed
    filled, known = observed, observed.logs
    for _ in range(ROUNDS):
        curve, _, variance = departing(filled, shapes=((2, 0.0),)).predict(observed.s)
        a = (known - curve) / np.sqrt(variance)
        # phi / (1 - Phi) in logarithms, as both vanish for large a.
        pull = np.exp(stats.norm.logpdf(a) - special.log_ndtr(-a))
        left = variance * np.clip(1 + a * pull - pull**2, 0, 1)
        expected = np.maximum(curve + np.sqrt(variance) * pull, known)
        filled = dc.replace(
            observed,
            logs=np.where(tied, expected, known),
            within=observed.within + float(left[tied].sum()),
        )
    return filled
