"""Batches of examples of similar length, so that little padding is computed.

Padding on the right changes nothing in a network that takes its mask, which is tried. Then
batches are made in the order of length, each cut at its longest example, and the rows are
put back in the order of the examples.
"""

import contextlib
import dataclasses as dc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.arrays import Ints
from ..core.errors import ManifoldScaleError
from .batches import Batch
from .forward_pass import Block, ForwardPass
from .padding import MASKS, POSITIONS, is_beside, is_left, is_same_alone, mask_of
from .points import TOKENS, Flatten, Named, Points, plain
from .sites import Site

# Columns with a number for each token; any other of that length is of unknown meaning.
BY_TOKEN = {"input_ids", "token_type_ids", POSITIONS, *MASKS}


def lengths_of(inputs: Any) -> Ints | None:
    """The number of tokens of each example; None where it is not known, padding is on the
    left or nowhere, or not all is in memory.
    """
    if not isinstance(inputs, Mapping) or not MASKS.keys() & inputs.keys():
        return None
    if not all(isinstance(value, np.ndarray | Tensor) for value in inputs.values()):
        return None
    mask = None
    with contextlib.suppress(ManifoldScaleError, TypeError):
        masks = {k: torch.as_tensor(v) for k, v in inputs.items() if k in MASKS}
        mask = mask_of(masks)
    if mask is None or is_left(mask) or not bool(mask.any(dim=1).all()):
        return None
    width = mask.shape[1]
    for name, value in inputs.items():
        known = name in BY_TOKEN or is_beside(name)
        if value.ndim > 1 and (not known or value.shape[1:] != (width,)):
            return None
    lengths: Ints = (width - mask.flip(1).int().argmax(dim=1)).cpu().numpy()
    return lengths if (lengths < width).any() else None


def cut(inputs: Mapping[str, Any], length: int) -> dict[str, Any]:
    """The first tokens of each example."""
    return {k: v[:, :length] if v.ndim > 1 else v for k, v in inputs.items()}


def in_order(block: Block) -> Block:
    """The rows in the order of their examples."""
    order = np.argsort(block.ids, kind="stable")
    arrays = {name: array[order] for name, array in block.arrays.items()}
    labels = None if block.labels is None else block.labels[order]
    return dc.replace(block, arrays=arrays, ids=block.ids[order], labels=labels)


def may_cut(forwards: Sequence[ForwardPass], first: Batch) -> bool:
    """Whether padding at the end changes no point: at every site it is left out, and the
    network gives the same values without it, by a pass on the shortest example.
    """
    mask = first.rows.mask
    if mask is None or forwards[0].is_random or forwards[0].mixing:
        return False
    width = mask.shape[1]
    ready = all(
        _leaves_out(site, forward.policies[site.name], width)
        for forward in forwards
        for site in forward.sites
    )
    shortest = int(mask.sum(dim=1).argmin())
    return ready and is_same_alone(forwards[0].network, first.inputs, mask, shortest)


def _leaves_out(site: Site, policy: Points, width: int) -> bool:
    """Whether the points of a site do not depend on the number of padded tokens."""
    if isinstance(plain(policy), Flatten):
        return site.axes == "NC" and site.shape[0] != width
    named = isinstance(policy, Named)
    return TOKENS in site.axes and set(site.axes) == {"N", TOKENS, "C"} and not named
