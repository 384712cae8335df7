"""Which tokens of a batch are padding, and whether the network knows it."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import require
from .capture import call, eval_mode
from .containers import tensors

# Inputs that say what is padding, and whether True means padding.
MASKS = {
    "attention_mask": False,
    "src_key_padding_mask": True,
    "key_padding_mask": True,
    "padding_mask": True,
}
POSITIONS = "position_ids"
AGREES = 1e-3  # of the largest value: what other kernels round is far below


def mask_of(inputs: Any) -> Tensor | None:
    """(n x tokens) True for tokens, from the input that says it."""
    for key, means_padding in MASKS.items():
        if isinstance(inputs, Mapping) and key in inputs and inputs[key].ndim == 2:
            mask: Tensor = (inputs[key] != 0) ^ means_padding
            return mask
    return None


def with_positions(inputs: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The inputs, with positions that count tokens from the first that is no padding, where
    padding stands on the left and the network takes them. It would count from the padding.
    """
    mask = mask_of(inputs)
    takes = POSITIONS in inspect.signature(model.forward).parameters
    if mask is None or not takes or POSITIONS in inputs or not is_left(mask):
        return inputs
    return {**inputs, POSITIONS: (mask.cumsum(dim=1) - 1).clamp(min=0)}


def is_left(mask: Tensor) -> bool:
    """Whether padding comes before the tokens of an example."""
    return bool((~mask[:, 0] & mask.any(dim=1)).any())


def check_left(network: nn.Module, inputs: Any) -> None:
    """Refuse padding on the left where it changes what the network gives: an example is
    run as it is and without its padding.

    Raises
    ------
    ManifoldScaleError : they differ, and with them all positions.
    """
    mask = mask_of(inputs)
    assert mask is not None
    lead = mask.int().argmax(dim=1) * mask.any(dim=1)
    row, start = int(lead.argmax()), int(lead.max())
    stop = int(mask[row].nonzero().max()) + 1
    padded = {key: value[row : row + 1] for key, value in inputs.items()}
    length = mask.shape[1]
    alone = {
        key: value[:, start:stop] if value.ndim >= 2 and value.shape[1] == length else value
        for key, value in padded.items()
    }
    if POSITIONS in alone:
        alone[POSITIONS] = alone[POSITIONS] - alone[POSITIONS][:, :1]
    with eval_mode(network):
        one, other = (dict(tensors(call(network, part))) for part in (padded, alone))
    same = all(
        _agree(one[path], other[path], slice(start, stop), length)
        for path in one.keys() & other.keys()
    )
    require(
        same,
        "`data` is padded on the left, and the network gives other values for it than for "
        "the same tokens without padding: it counts positions from the padding. Pad on the "
        "right (tokenizer.padding_side = 'right'), or give `position_ids`.",
    )


def _agree(padded: Tensor, alone: Tensor, tokens: slice, length: int) -> bool:
    """Whether values at the tokens are equal; what has no axis of tokens as a whole."""
    if not padded.is_floating_point() or min(padded.ndim, alone.ndim) < 2:
        return True
    if padded.shape[1] == length and alone.shape[1] != length:
        padded = padded[:, tokens]
    if padded.shape != alone.shape:
        return True  # nothing to compare it with
    tolerance = AGREES * float(alone.abs().amax())
    return bool(torch.isclose(padded, alone, rtol=0, atol=tolerance).all())
