"""Means over the queries, with what each point of the cloud contributes to them."""

import numpy as np

from ..core.arrays import Bools, Floats, Ints
from .forms import KAPPA, SCALAR
from .scales import Fits

FORMS = (SCALAR, KAPPA)  # those with an influence


def counted(fits: Fits) -> Bools:
    """(Q, C) the queries in the means: at an edge, extrapolation has a bias of its own."""
    return np.asarray(fits.is_solved & fits.is_inside)


def moments(fits: Fits, queries: Ints, form: int) -> tuple[Floats, Floats, Floats]:
    """(C,) means over the queries that count, (C, rows) influences, (C,) more variance.

    The influence of a point is what its noise does to all the fits that it takes part in,
    and, where it is a query, how far its own value lies from the mean. Their squares sum
    to the variance (the infinitesimal jackknife, with points as the unit); the part of the
    noise that is quadratic is added as if neighbouring fits shared all of it.
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
