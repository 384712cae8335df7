"""The same architecture before training, to compare with."""

import copy
from typing import Any

import torch
from torch import nn

from ..core.errors import require


def at_initialisation(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy with weights as its modules draw them when they are made.

    Raises
    ------
    ManifoldScaleError : a module has weights and no `reset_parameters` that draws them.
    """
    fresh = copy.deepcopy(model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if hasattr(fresh, "init_weights") and hasattr(fresh, "_init_weights"):
            network: Any = fresh  # of transformers, whose modules do not do it themselves
            for module in fresh.modules():
                network._init_weights(module)
            return fresh
        for name, module in fresh.named_modules():
            own = list(module.parameters(recurse=False))
            reset: Any = getattr(module, "reset_parameters", None)
            require(
                not own or reset is not None,
                f"{name or 'the network'!r} ({type(module).__name__}) has weights and no "
                "`reset_parameters`: how it begins is not known. Give a factory of the "
                "untrained network as MODEL of its own.",
            )
            if reset is not None:
                reset()
    return fresh
