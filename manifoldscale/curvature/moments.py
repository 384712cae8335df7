"""Means over the queries, with the contribution of each point of the cloud."""

import numpy as np

from ..core.arrays import Bools, Floats, Ints
from .forms import KAPPA, SCALAR
from .scales import ScaleFits

FORMS = (SCALAR, KAPPA)  # the forms with an influence


def counted(fits: ScaleFits) -> Bools:
    """(Q, C) the queries in the means: not at an edge, where extrapolation adds a bias."""
    return np.asarray(fits.is_solved & fits.is_inside)


def moments(fits: ScaleFits, queries: Ints, form: int) -> tuple[Floats, Floats, Floats]:
    """(C,) means over the queries that count, (C, rows) influences, (C,) more variance.

    The influence of a point is the effect of its noise on all the fits with this point and,
    if it is a query, the distance of its own value from the mean. The squares of the
    influences sum to the variance (the infinitesimal jackknife, with points as the unit);
    the quadratic part of the noise is added as if neighbouring fits shared all of it.
    """
    there = counted(fits)
    counts = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = np.where(there, fits.values[:, :, form], 0.0)
        means = seen.sum(axis=0) / counts
        influences = fits.influence[:, :, FORMS.index(form)] / counts[:, None]
        apart = np.where(there, seen - means, 0.0) / counts
        quadratic = np.where(there, fits.quadratic[:, :, form], 0.0).sum(axis=0)
        shared = np.minimum(fits.counts / counts, 1.0)
        extra = quadratic / counts * shared
    influences[:, queries] += apart.T
    return means, influences, extra
