"""Folders of images, one folder per class."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, require
from ..core.extras import optional
from .stack import of_one_kind, stacked

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing", "eval"}
GREY = ("1", "L", "LA", "La")
SHOWN = 6  # classes that are named


def load_images(path: Path) -> tuple[Array, Array | None, str]:
    """(images x channels x height x width) in [0, 1], the class of each, and what was read.

    The folders inside are classes, whatever is nested in them; grey images among coloured
    ones get three equal channels. Only the first of several pages or frames is read, which
    is reported. Hidden files are ignored: `.thumbnails`, `__MACOSX`.

    Raises
    ------
    ManifoldScaleError : no images; images of different sizes; folders that are the splits
        of a data set; images beside folders of images.
    """
    image = optional("PIL.Image", "images")
    found = [p for p in sorted(path.rglob("*")) if p.is_file() and not _is_hidden(p, path)]
    files = [file for file in found if file.suffix.lower() in IMAGES]
    if not files:
        raise ManifoldScaleError(f"{path} holds no images ({', '.join(IMAGES)}).")
    names = [_class(file, path) for file in files]
    classes, codes = np.unique(names, return_inverse=True)
    _check_classes(path, classes.tolist())
    pixels, pages = zip(*(_pixels(image, file) for file in files), strict=True)
    arrays = of_one_kind(list(pixels))
    others = Counter(p.suffix for p in found if p.suffix.lower() not in IMAGES)
    about = _about(classes.tolist(), others) + _first_pages(files, pages)
    labels = codes if len(classes) > 1 else None
    return stacked(arrays, str(path), "images"), labels, f"{len(files):,} images, {about}"


def _is_hidden(file: Path, root: Path) -> bool:
    """Whether a desktop, an archive or an editor left it: `.ipynb_checkpoints/x.png`."""
    return any(part.startswith((".", "__")) for part in file.relative_to(root).parts)


def _class(file: Path, root: Path) -> str:
    """The folder in the root that holds the file; "" for the root itself."""
    parts = file.relative_to(root).parts
    return parts[0] if len(parts) > 1 else ""


def _check_classes(path: Path, classes: list[str]) -> None:
    require(
        "" not in classes or len(classes) == 1,
        f"{path} holds images beside the folders {', '.join(filter(None, classes))}: are "
        "these classes? Move the images into a folder of their own, or away.",
    )
    splits = [name for name in classes if name.lower() in SPLITS]
    require(
        not (splits and set(map(str.lower, classes)) <= SPLITS),
        f"{path} holds the splits {', '.join(splits)}, no classes: choose one, as "
        f"{path / (splits or ['train'])[0]}.",
    )


def _about(classes: list[str], others: Counter[str]) -> str:
    shown = ", ".join(classes[:SHOWN]) + (", ..." if len(classes) > SHOWN else "")
    told = f"{len(classes)} classes by folder: {shown}" if classes != [""] else "no classes"
    endings = ", ".join(f"{n} {ending or 'without ending'}" for ending, n in others.items())
    return f"{told}; not read: {endings} files" if others else told


def _first_pages(files: Sequence[Path], pages: Sequence[int]) -> str:
    """The files that hold more images than the one that was read."""
    more = [f"{f.name} of {n}" for f, n in zip(files, pages, strict=True) if n > 1]
    shown = ", ".join(more[:SHOWN]) + (", ..." if len(more) > SHOWN else "")
    return f"; only the first page read of {len(more)} files: {shown}" if more else ""


def _pixels(image: Any, file: Path) -> tuple[Array, int]:
    """(channels x height x width) in [0, 1] of the first page, and the number of pages of a
    TIFF or frames of an animation.
    """
    try:
        with image.open(file) as opened:
            return pixels_of(opened, str(file)), int(getattr(opened, "n_frames", 1))
    except ManifoldScaleError:
        raise
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises
        raise ManifoldScaleError(f"{file} cannot be read as an image: {error}") from error


def pixels_of(image: Any, holder: str) -> Array:
    """(channels x height x width) in [0, 1] of an image of Pillow: one channel of grey, or
    three of colours, also where a palette holds these.
    """
    mode = str(getattr(image, "mode", "none"))
    # Pillow 10 opens a PNG of 16 bits with this mode of 32.
    deep = mode.startswith("I;16") or (mode == "I" and image.format == "PNG")
    require(
        deep or mode not in ("I", "F", "none"),
        f"{holder} has pixels without a largest value (mode {mode}): save it with 8 or 16 "
        "bits, or name a function of yours, py:module:loader.",
    )
    kept = image if deep else image.convert("L" if mode in GREY else "RGB")
    array = np.asarray(kept, dtype=np.float32)
    most = np.float32(65535 if deep else 255)  # Pillow cuts 16 bits off at 255
    return np.moveaxis(np.atleast_3d(array), -1, 0) / most
