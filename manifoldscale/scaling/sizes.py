"""Sizes that a caller asks a law about."""

from typing import Any

import numpy as np

from ..core.arrays import Floats, as_numpy
from ..core.errors import ManifoldScaleError, require


def sizes_of(x: Any, name: str = "x", *, limit: bool = False) -> Floats:
    """Positive sizes as float64; with `limit`, also np.inf.

    Raises
    ------
    ManifoldScaleError : a size that is not a positive number.
    """
    kind = "positive" if limit else "positive and finite"
    said = f"`{name}` must be {kind} sizes; not {x!r}."
    try:
        sizes = as_numpy(x, name).astype(float)
    except (TypeError, ValueError) as error:
        raise ManifoldScaleError(said) from error
    good = (sizes > 0) & (np.isfinite(sizes) | limit)
    require(bool(good.all()), said)
    return sizes
