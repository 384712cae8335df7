"""Numbers that files and programs write where there is none."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ManifoldScaleError

# Nines of tables and of well logs, fill values of NetCDF, NaN that became a whole number.
STAND_INS = (
    *(999.0, 9999.0, 99999.0, 999999.0, 999.25),
    *(1e20, 9.969209968386869e36, 2.0**15, 2.0**31, 2.0**63),
)
FAR = 10  # times as large as all other numbers: it is not one of them


def refuse_stand_ins(array: npt.NDArray[Any], low: Any, high: Any, name: str) -> None:
    """Refuse -9999 and its like, which would be the largest of all distances, where it
    stands at several places and no other number comes near it. NaN is none of these.

    Parameters
    ----------
    low, high : the smallest and the largest number of the array.
    """
    for value in (low, high):
        size = abs(float(value))
        if not any(math.isclose(size, one, rel_tol=2e-7) for one in STAND_INS):
            continue
        at = array == value
        rest = float(np.nanmax(np.abs(np.where(at, 0.0, array))))
        if at.sum() > 1 and FAR * rest < size:
            place = tuple(int(i) for i in np.argwhere(at)[0])
            raise ManifoldScaleError(
                f"`{name}` holds {value:.7g} at {int(at.sum()):,} places, the first at "
                f"index {place}, and no other number beyond {rest:.3g}: does it stand for "
                "a missing one? Remove those rows or impute them."
            )
