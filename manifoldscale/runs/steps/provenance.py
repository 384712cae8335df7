"""Where results come from: software, files with their hashes, and whose weights."""

import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ...core.errors import ManifoldScaleError
from ...core.source import source_hash
from ...networks.stored_weights import files_of

VERSIONED = ("manifoldscale", "numpy", "scipy", "torch", "scikit-learn")


def environment() -> dict[str, Any]:
    """The software and the machine."""
    return {
        "versions": {name: metadata.version(name) for name in VERSIONED},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


def weights_of(model: str, checkpoint: str | None) -> str:
    """Where the weights of a network are from, in words."""
    scheme, _, rest = model.partition(":")
    if checkpoint is not None:
        return checkpoint
    if scheme == "py":
        return f"as {rest} returned them: no --checkpoint was given"
    return "random: no --checkpoint was given" if scheme == "timm" else rest or model


def are_known(model: str, checkpoint: str | None) -> bool:
    """Whether the weights are those of a file."""
    return checkpoint is not None or model.partition(":")[0] not in ("py", "timm")


def hashes(*specs: str | None) -> dict[str, str]:
    """SHA-256 of each file that the specifications name, of all files of a folder or an
    index, and of the code behind py:module:function; a name that is no file has none.
    """
    found: dict[str, str] = {}
    for spec in filter(None, specs):
        if spec.startswith("py:"):
            found[spec] = source_hash(spec)
            continue
        # A key after the file, or a scheme before it, is no part of its name.
        plain = spec.partition("::")[0]
        named = [plain, plain.partition(":")[2], plain.partition(":")[2].rpartition("@")[0]]
        place = next((Path(one) for one in named if one and Path(one).exists()), None)
        if place is not None:
            found |= {file.as_posix(): _sha256(file) for file in _files(place)}
    return found


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return files_of(place)
    return sorted(p for p in place.rglob("*") if p.is_file())


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ManifoldScaleError(f"{path} cannot be read: {error.strerror}.") from error
