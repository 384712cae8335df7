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
DECODER = {"decoder_attention_mask": False, "tgt_key_padding_mask": True}
TARGETS = ("decoder_input_ids", "tgt")  # tokens of a decoder, without a mask of its own
SPECIAL = "special_tokens_mask"  # 1 at tokens that a tokenizer added
MARK = "word:"  # begins the name of a column that is 1 at the tokens of a word
LENGTHS = ("lengths", "length", "seq_lens", "seq_lengths", "input_lengths", "x_lens")
POSITIONS = "position_ids"
AGREES = 1e-3  # of the largest value: rounding of other kernels is far below


def mask_of(inputs: Any) -> Tensor | None:
    """(n x tokens) True for tokens, from the input that marks padding.

    Raises
    ------
    ManifoldScaleError : it can be understood in two ways.
    """
    found = _from(MASKS, inputs)
    if found is not None or not isinstance(inputs, Mapping):
        return found
    tokens = next((value for value in inputs.values() if value.ndim >= 2), None)
    for key in LENGTHS:
        if key in inputs and inputs[key].ndim == 1 and tokens is not None:
            place = torch.arange(tokens.shape[1], device=tokens.device)
            mask: Tensor = place[None] < inputs[key][:, None].to(tokens.device)
            return mask
    if "mask" in inputs and inputs["mask"].ndim == 2:
        return _either_way(inputs["mask"] != 0)
    return None


def is_beside(name: str) -> bool:
    """Whether a column says something of the tokens, and is no input of a network."""
    return name == SPECIAL or name.startswith(MARK)


def split_beside(
    inputs: Mapping[str, Tensor], model: nn.Module
) -> tuple[dict[str, Tensor], Tensor | None, dict[str, Tensor]]:
    """The inputs of a network; which tokens are special, None if it is not said; and by
    name, which are those of a word.
    """
    takes = inspect.signature(model.forward).parameters
    kept = {k: v for k, v in inputs.items() if not is_beside(k) or k in takes}
    masks = {
        name: value != 0
        for name, value in inputs.items()
        if is_beside(name) and value.ndim == 2
    }
    special = masks.pop(SPECIAL, None)
    return kept, special, {name.removeprefix(MARK): m for name, m in masks.items()}


def decoder_mask_of(inputs: Any) -> Tensor | None:
    """The mask of the tokens of a decoder; None if there is no decoder."""
    found = _from(DECODER, inputs)
    if found is None and isinstance(inputs, Mapping):
        given = next((inputs[key] for key in TARGETS if key in inputs), None)
        if given is not None and given.ndim >= 2:
            found = torch.ones(given.shape[:2], dtype=torch.bool, device=given.device)
    return found


def _from(masks: Mapping[str, bool], inputs: Any) -> Tensor | None:
    if not isinstance(inputs, Mapping):
        return None
    key = next((key for key in masks if key in inputs and inputs[key].ndim == 2), None)
    return None if key is None else _read(inputs[key], key, masks[key])


def _read(values: Tensor, key: str, means_padding: bool) -> Tensor:
    """A mask of truths or of 0 and 1, or a mask that is added to scores: 0 at tokens and
    very low at padding.
    """
    if values.is_floating_point() and bool((values < 0).any()):
        return values == 0
    wrong = values.dtype != torch.bool and bool(((values != 0) & (values != 1)).any())
    require(not wrong, f"`{key}` must hold 0 and 1, or truths; it holds other numbers.")
    mask: Tensor = (values != 0) ^ means_padding
    # If the tokens of all examples are at the end, either True means padding, as in torch,
    # or they are padded on the left. Tokenizers, which pad on the left, give whole numbers.
    turned = values.dtype == torch.bool and not means_padding and is_left(mask)
    require(
        not (turned and bool((~mask[:, 0]).all())),
        f"`{key}` is False at the first token of every example: does True mean padding? "
        "Give whole numbers, 1 at tokens, or call it `key_padding_mask`.",
    )
    return mask


def _either_way(values: Tensor) -> Tensor:
    """A mask whose name does not say whether True is a token: it takes the first place of
    every example as a token.
    """
    first = values[:, 0]
    require(
        bool(first.all()) or not bool(first.any()),
        "`mask` says neither tokens nor padding by its first place: call it "
        "`attention_mask` (1 at tokens) or `padding_mask` (True at padding).",
    )
    return values if bool(first.all()) else ~values


def refuse_unmasked(inputs: Mapping[str, Tensor], model: nn.Module) -> None:
    """Refuse tokens without a mask that end in what the network itself calls padding."""
    pad = getattr(getattr(model, "config", None), "pad_token_id", None)
    ids = inputs.get("input_ids")
    if pad is None or ids is None or ids.ndim != 2 or mask_of(inputs) is not None:
        return
    ends = (ids == pad).int()
    runs = ends.flip(1).cumprod(dim=1).sum(dim=1), ends.cumprod(dim=1).sum(dim=1)
    uneven = any(bool((run > 0).any() and (run != run[0]).any()) for run in runs)
    require(
        not uneven,
        f"`data` gives input_ids that are padded with {pad} and no `attention_mask`: "
        "padding would count as tokens. Give the mask that the tokenizer returns.",
    )


def with_positions(inputs: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The inputs with positions that count from the first token, if padding is on the left
    and the network takes positions. Otherwise it would count from the padding.
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
    """Refuse padding on the left if it changes the outputs of the network, by running an
    example with and without its padding.

    Raises
    ------
    ManifoldScaleError : the outputs differ, because positions count from the padding.
    """
    mask = mask_of(inputs)
    assert mask is not None
    lead = mask.int().argmax(dim=1) * mask.any(dim=1)
    require(
        is_same_alone(network, inputs, mask, int(lead.argmax())),
        "`data` is padded on the left, and the network gives other values for it than for "
        "the same tokens without padding: it counts positions from the padding. Pad on the "
        "right (tokenizer.padding_side = 'right'), or give `position_ids`.",
    )


def is_same_alone(
    network: nn.Module, inputs: Mapping[str, Tensor], mask: Tensor, row: int
) -> bool:
    """Whether the network gives the same values for an example with and without its
    padding.
    """
    places = mask[row].nonzero()
    start, stop = int(places.min()), int(places.max()) + 1
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
    return all(
        _agree(one[path], other[path], slice(start, stop), length)
        for path in one.keys() & other.keys()
    )


def _agree(padded: Tensor, alone: Tensor, tokens: slice, length: int) -> bool:
    """Whether values at the tokens are equal; as a whole without an axis of tokens."""
    if not padded.is_floating_point() or min(padded.ndim, alone.ndim) < 2:
        return True
    if padded.shape[1] == length and alone.shape[1] != length:
        padded = padded[:, tokens]
    if padded.shape != alone.shape:
        return True  # nothing to compare it with
    tolerance = AGREES * float(alone.abs().nan_to_num(0, 0, 0).amax())
    close = torch.isclose(padded, alone, rtol=0, atol=tolerance, equal_nan=True)
    return bool(close.all())
