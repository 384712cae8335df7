"""The linear read-out of features: ridge regression or least-norm interpolation."""

import numpy as np
from scipy import linalg

from ..core.arrays import Floats


def readout(design: Floats, labels: Floats, ridge: float) -> Floats:
    """(features x outputs) coefficients, by the smaller of the two equivalent systems.

    Parameters
    ----------
    design : (samples x features); labels : (samples x outputs).
    ridge : added to the diagonal of design design'. Without one, the least-squares solution
        of least norm.
    """
    n_samples, n_features = design.shape
    if ridge == 0:
        return np.asarray(linalg.lstsq(design, labels, lapack_driver="gelsy")[0])
    if n_samples <= n_features:
        gram = design @ design.T + ridge * np.eye(n_samples)
        return np.asarray(design.T @ linalg.solve(gram, labels, assume_a="pos"))
    gram = design.T @ design + ridge * np.eye(n_features)
    return np.asarray(linalg.solve(gram, design.T @ labels, assume_a="pos"))
