"""Arrays of one size as one array."""

from collections.abc import Sequence

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError


def stacked(arrays: Sequence[Array], holder: str, things: str) -> Array:
    """The arrays as one; `holder` and `things` name them in the error about their
    shapes.
    """
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise ManifoldScaleError(
            f"{holder} holds {things} of {len(shapes)} shapes, such as "
            f"{', '.join(map(str, sorted(shapes)[:2]))}: bring them to one size."
        )
    return np.stack(arrays)


def of_one_kind(images: Sequence[Array]) -> list[Array]:
    """Images (channels x height x width) with the same number of channels: grey ones among
    coloured ones get three equal channels.
    """
    most = max(len(image) for image in images)
    return [np.broadcast_to(image, (most, *image.shape[1:])) for image in images]
