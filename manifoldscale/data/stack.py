"""Arrays of one size as one array, and pixels in [0, 1]."""

from collections.abc import Sequence

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, require


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
    coloured ones get three equal channels, and transparency is dropped.
    """
    channels = {len(image) for image in images}
    if len(channels) <= 1:
        return list(images)
    most = 3 if max(channels) >= 3 else 1
    opaque = [image[:-1] if len(image) in (2, 4) else image for image in images]
    return [np.broadcast_to(one, (most, *one.shape[1:])) for one in opaque]


def channels_first(images: Array, holder: str) -> Array:
    """(images x channels x height x width) in [0, 1], from (images x height x width) of 8
    or 16 bits, perhaps with channels last.
    """
    require(
        images.dtype in (np.bool_, np.uint8, np.uint16),
        f"{holder} has pixels without a largest value ({images.dtype}): save it with 8 or "
        "16 bits, or name a function of yours, py:module:loader.",
    )
    most = 1 if images.dtype == np.bool_ else np.iinfo(images.dtype).max
    scaled = images.astype(np.float32) / np.float32(most)
    last = scaled[..., None] if images.ndim == 3 else scaled
    return np.ascontiguousarray(np.moveaxis(last, -1, 1))
