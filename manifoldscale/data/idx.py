"""Files of MNIST and its kin: a header of four bytes, the sizes, and unsigned bytes."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, require


def read_idx(path: Path) -> Array:
    """The array of an IDX file of unsigned bytes, compressed if its name ends in .gz.

    Format: two zero bytes, the type (8 for unsigned bytes), the number of axes; a
    big-endian integer of four bytes per axis; the values, last axis fastest (LeCun, Cortes,
    Burges, *The MNIST database*).

    Raises
    ------
    ManifoldScaleError : the file is damaged or of another format.
    """
    try:
        contents = path.read_bytes()
        if path.suffix == ".gz":
            contents = gzip.decompress(contents)
    except (OSError, EOFError, zlib.error) as error:
        raise ManifoldScaleError(f"{path} cannot be read: {error}") from error
    known = len(contents) >= 4 and contents[:3] == bytes([0, 0, 8])
    require(known, f"{path} is not an IDX file of unsigned bytes.")
    axes = contents[3]
    start = 4 + 4 * axes
    whole = len(contents) >= start
    shape = struct.unpack(f">{axes}I", contents[4:start]) if whole else ()
    require(
        whole and len(contents) == start + math.prod(shape),
        f"{path} is cut off or damaged: it holds {len(contents):,} bytes, its header "
        f"announces {start + math.prod(shape):,} for an array of {shape}.",
    )
    return np.frombuffer(contents, np.uint8, offset=start).reshape(shape)
