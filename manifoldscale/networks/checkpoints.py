"""Weights from files, none of which can run code."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ..core.errors import ManifoldScaleError, require

INSIDE = ("state_dict", "model_state_dict", "model", "module", "net")
PREFIXES = ("module.", "_orig_mod.")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name: .safetensors, or a state dict that
    `torch.save` wrote, alone or beside an optimiser's.

    Raises
    ------
    ManifoldScaleError : there is no such file, it is no checkpoint, or loading it would
        run code, which never happens.
    """
    path = Path(path)
    require(path.is_file(), f"Checkpoint {str(path)!r}: there is no such file.")
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(str(path))
        except safetensors.SafetensorError as error:
            raise ManifoldScaleError(
                f"{path} is not a safetensors file: {error}."
            ) from error
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ManifoldScaleError(
            f"{path} is refused: it holds more than tensors, and loading Python objects "
            "can run anything. Save `model.state_dict()`, best as .safetensors. "
            f"({str(error).splitlines()[0][:200]})"
        ) from error
    return _tensors_of(found, path)


def _tensors_of(found: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(found, Mapping):
        for key in INSIDE:
            if isinstance(found.get(key), Mapping):
                found = found[key]
                break
        tensors = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
        if tensors:
            return tensors
    raise ManifoldScaleError(f"{path} holds no tensors by name.")


def fill(model: nn.Module, path: str | Path) -> nn.Module:
    """Put the weights of a checkpoint into a model; every one must have its place.

    Raises
    ------
    ManifoldScaleError : names or shapes differ; the first few are shown.
    """
    weights = read_weights(path)
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): w for name, w in weights.items()}
    own = model.state_dict()
    shapes = [n for n in own if n in weights and own[n].shape != weights[n].shape]
    lacking, extra = sorted(own.keys() - weights), sorted(weights.keys() - own)
    parts = [
        f"{what} {', '.join(map(repr, names[:3]))}{' and more' if len(names) > 3 else ''}"
        for what, names in (
            ("it lacks", lacking),
            ("it has besides", extra),
            ("of another shape are", shapes),
        )
        if names
    ]
    require(not parts, f"{path} does not fit {type(model).__name__}: {'; '.join(parts)}.")
    model.load_state_dict(weights)
    return model
