"""Fingerprints: whether a run that resumes is the run that began."""

import hashlib
import re
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Ints
from ..core.source import source_hash
from .sources import Source

SAMPLED = 64  # examples that stand for a data set
ROWS = 4096  # of an array, hashed together


def of(value: Any) -> str:
    """Of arrays, tensors, and mappings and lists of them."""
    digest = hashlib.blake2b(digest_size=16)
    _add(digest, value)
    return digest.hexdigest()


def of_weights(network: nn.Module) -> str:
    """Of architecture, weights and buffers."""
    digest = hashlib.blake2b(without_addresses(str(network)).encode(), digest_size=16)
    for name, value in sorted(network.state_dict().items()):
        _add(digest, name)
        _add(digest, value)
    return digest.hexdigest()


def of_code(network: nn.Module) -> str:
    """Of the source of its modules, and of functions that were put in their place; torch's
    own left out.
    """
    kinds = {type(module) for module in network.modules()}
    put = (value for module in network.modules() for value in vars(module).values())
    functions = [value for value in put if isinstance(value, types.FunctionType)]
    own = [one for one in (*kinds, *functions) if not one.__module__.startswith("torch.")]
    return of(sorted({source_hash(one) for one in own}))


def of_data(source: Source, rows: Ints) -> str:
    """Of the number of examples, their ids, and those of the rows that are read, with
    labels. Of a data set, which may take long to make each, those at `SAMPLED` places.
    """
    digest = hashlib.blake2b(digest_size=16)
    _add(digest, source.ids)
    if not source.is_array:
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, SAMPLED).astype(np.int64))]
    for batch in source.fetch(rows, ROWS):
        _add(digest, batch)
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            _add(digest, key)
            _add(digest, value[key])
    elif isinstance(value, tuple | list):
        for item in value:
            _add(digest, item)
    elif isinstance(value, Tensor):
        plain = value.detach().cpu().contiguous()
        digest.update(f"{plain.dtype}{tuple(plain.shape)}".encode())
        if plain.is_quantized:
            _add(digest, (str(plain.qscheme()), plain.dequantize()))
            return
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    else:
        digest.update(without_addresses(repr(value)).encode())


def without_addresses(text: str) -> str:
    """What a thing prints, but for where it lies in the memory of this process."""
    return re.sub(r"\bat 0x[0-9a-fA-F]+", "", text)
