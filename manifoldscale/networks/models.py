"""Models by name: checkpoints that `study` writes, and factories in the user's code."""

import dataclasses as dc
import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from ..core.errors import ManifoldScaleError
from ..data import from_python
from .mlp import MLP

SHAPE = "manifoldscale.mlp"  # the key of the shape in a checkpoint's metadata


def save_mlp(module: nn.Module, shape: MLP, path: str | Path) -> None:
    """Write weights and shape as one safetensors file: nothing in it can run."""
    weights = {name: value.contiguous() for name, value in module.state_dict().items()}
    metadata = {SHAPE: json.dumps(dc.asdict(shape))}
    safetensors.torch.save_file(weights, str(path), metadata)


def load_mlp(path: str | Path) -> nn.Module:
    """The network of a checkpoint that `save_mlp` wrote, in eval mode."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as stored:
            metadata = stored.metadata() or {}
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
    except safetensors.SafetensorError as error:
        raise ManifoldScaleError(f"{path} is not a safetensors file: {error}.") from error
    if SHAPE not in metadata:
        raise ManifoldScaleError(
            f"{path} was not written by `manifoldscale study`. Load its weights in a "
            "function of your own and name it as py:module:factory."
        )
    module = MLP(**json.loads(metadata[SHAPE])).module()
    module.to(next(iter(weights.values())).dtype).load_state_dict(weights)
    return module.eval()


def load_model(spec: str) -> nn.Module:
    """A model from what a user typed.

    `py:module:factory` calls a function of the user's code, found from the working
    directory; anything else is the path of a checkpoint that `study` wrote.
    """
    if spec.startswith("py:"):
        model = from_python(spec)
        if not isinstance(model, nn.Module):
            raise ManifoldScaleError(
                f"{spec} returned {type(model).__name__}; a torch.nn.Module is needed."
            )
        return model
    if not Path(spec).is_file():
        raise ManifoldScaleError(
            f"MODEL {spec!r} is neither a file nor of the form py:module:factory."
        )
    return load_mlp(spec)


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters are; the CPU for one without parameters."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """The model's floating type, None for one without floating parameters."""
    floating = (p.dtype for p in model.parameters() if p.dtype.is_floating_point)
    return next(floating, None)


def example_for(model: nn.Module) -> torch.Tensor:
    """One input of zeros, for a network whose first layer is linear."""
    first = next((m for m in model.modules() if not list(m.children())), None)
    if not isinstance(first, nn.Linear):
        raise ManifoldScaleError(
            f"The shape of an input cannot be read from a first layer of type "
            f"{type(first).__name__}: pass DATA."
        )
    return torch.zeros(1, first.in_features)
