"""The same architecture before training, to compare with."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ManifoldScaleError, first_line, require
from ..core.settings import whole
from ..core.weights import check_weights
from .draws import DrawsFrom

COUNTS = (torch.int8, torch.uint8)  # quantised weights; other whole numbers are not weights


def at_initialisation(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy with weights as its modules draw them when they are made.

    Every weight of the copy is set to NaN before the modules draw new ones, so no trained
    weight can remain. Buffers that checkpoints do not keep stay as they are.

    Raises
    ------
    ManifoldScaleError : weights that no `reset_parameters` draws, such as pruned and
        quantised ones and buffers; it names them.
    """
    check_weights(model)
    fresh = copied(model)
    fixed = [name for name, value in fresh.state_dict().items() if not _is_drawn(value)]
    with torch.no_grad():
        for _, tensor in _weights(fresh):
            tensor.fill_(torch.nan)
        with DrawsFrom(whole("seed", seed, 0)):
            _draw(fresh)
    left = [name for name, tensor in _weights(fresh) if bool(tensor.isnan().any())]
    names = [*fixed, *left]
    require(
        not names,
        f"No `reset_parameters` draws {', '.join(map(repr, names[:4]))}"
        f"{f' and {len(names) - 4} more' if len(names) > 4 else ''}: how "
        f"{type(model).__name__} begins is not known. Give a factory of the untrained "
        "network as a separate MODEL.",
    )
    return fresh


def copied(model: nn.Module) -> nn.Module:
    """A copy that shares nothing. Weights that a hook derives from others (pruning,
    spectral norm) have a gradient history after a training step, which torch cannot copy;
    the next pass derives them again.
    """
    derived = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    try:
        return copy.deepcopy(model, derived)
    except (RuntimeError, TypeError) as error:
        raise ManifoldScaleError(
            f"{type(model).__name__} cannot be copied: {first_line(error)}"
        ) from error


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters, and the buffers that a checkpoint holds."""
    for place, module in model.named_modules():
        passing = module._non_persistent_buffers_set
        kept = {k: v for k, v in module._buffers.items() if k not in passing}
        for name, tensor in {**module._parameters, **kept}.items():
            if tensor is not None and (tensor.is_floating_point() or tensor.is_complex()):
                yield f"{place}.{name}".lstrip("."), tensor


def _is_drawn(value: Any) -> bool:
    """Whether an entry of a state dict can be drawn again, or is not a weight."""
    return (
        isinstance(value, Tensor) and not value.is_quantized and value.dtype not in COUNTS
    )


def _draw(module: nn.Module) -> None:
    """Let each module draw its weights after its parts, as when they are made."""
    own: Any = module
    if hasattr(module, "init_weights") and hasattr(module, "_init_weights"):
        # A model of transformers, whose parts do not reset themselves. A loaded part is
        # marked and would be skipped.
        for part in module.modules():
            for thing in (part, *part.parameters(recurse=False)):
                vars(thing).pop("_is_hf_initialized", None)
            own._init_weights(part)
        return
    for child in module.children():
        _draw(child)
    reset = getattr(own, "reset_parameters", None) or getattr(
        own, "_reset_parameters", None
    )
    if reset is not None:
        reset()
