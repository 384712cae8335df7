"""Fingerprints, which tell whether a resumed run is the run that began."""

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
from .padding import is_beside
from .sources import Source

SAMPLED = 64  # examples that stand for a data set
ROWS = 4096  # of an array, hashed together


def of(value: Any) -> str:
    """The fingerprint of arrays, tensors, and mappings and lists of them."""
    digest = hashlib.blake2b(digest_size=16)
    _add(digest, value)
    return digest.hexdigest()


def of_weights(network: nn.Module) -> str:
    """The fingerprint of architecture, weights and buffers."""
    digest = hashlib.blake2b(without_addresses(str(network)).encode(), digest_size=16)
    for name, value in sorted(network.state_dict().items()):
        _add(digest, name)
        _add(digest, value)
    return digest.hexdigest()


def of_code(network: nn.Module) -> str:
    """The fingerprint of the source of its modules, and of functions stored in them,
    without torch's own.
    """
    kinds = {type(module) for module in network.modules()}
    put = (value for module in network.modules() for value in vars(module).values())
    functions = [value for value in put if isinstance(value, types.FunctionType)]
    own = [one for one in (*kinds, *functions) if not one.__module__.startswith("torch.")]
    return of(sorted({source_hash(one) for one in own}))


def of_data(source: Source, rows: Ints) -> str:
    """The fingerprint of the ids of all examples, and of the examples that are read, with
    labels. In a data set, where an example may take long to make, of `SAMPLED` examples.
    What is said beside the inputs, as which tokens are special, does not count.
    """
    digest = hashlib.blake2b(digest_size=16)
    _add(digest, source.ids)
    for batch in source.fetch(_some(source, rows), ROWS):
        _add(digest, _split(batch)[0])
    return digest.hexdigest()


def beside_data(source: Source, rows: Ints) -> dict[str, str]:
    """By name, the fingerprint of each column beside the inputs that marks any token."""
    digests: dict[str, Any] = {}
    marking = set()
    for batch in source.fetch(_some(source, rows), ROWS):
        for name, column in _split(batch)[1].items():
            digest = digests.setdefault(name, hashlib.blake2b(digest_size=16))
            mask = np.asarray(column) != 0
            marking |= {name} if mask.any() else set()
            _add(digest, mask)
    return {name: digests[name].hexdigest() for name in sorted(marking)}


def _some(source: Source, rows: Ints) -> Ints:
    if source.is_array:
        return rows
    return rows[np.unique(np.linspace(0, len(rows) - 1, SAMPLED).astype(np.int64))]


def _split(batch: Any) -> tuple[Any, dict[str, Any]]:
    """A batch without what is beside its inputs, and that."""
    if isinstance(batch, tuple | list) and batch:
        first, beside = _split(batch[0])
        return [first, *batch[1:]], beside
    if not isinstance(batch, Mapping):
        return batch, {}
    beside = {str(k): v for k, v in batch.items() if is_beside(str(k))}
    return {k: v for k, v in batch.items() if str(k) not in beside}, beside


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
    """A printed object without its address in the memory of this process."""
    return re.sub(r"\bat 0x[0-9a-fA-F]+", "", text)
