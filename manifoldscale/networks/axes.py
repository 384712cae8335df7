"""What the axes of a tensor mean: from their response to smaller inputs, and from torch's
layers beside it, but never from the name of a class.
"""

from collections.abc import Iterable, Sequence

from torch import nn
from torch.nn.modules import batchnorm, conv, pooling

Shape = tuple[int, ...]

_FIRST = (
    conv._ConvNd,
    batchnorm._NormBase,
    pooling._MaxPoolNd,
    pooling._AvgPoolNd,
    pooling._AdaptiveMaxPoolNd,
    pooling._AdaptiveAvgPoolNd,
    pooling._LPPoolNd,
    nn.GroupNorm,
    nn.Upsample,
    nn.PixelShuffle,
)
_LAST = (
    nn.Linear,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.Embedding,
    nn.RNNBase,
    nn.MultiheadAttention,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
_PLACES = {1: "L", 2: "HW", 3: "DHW"}


def batch_axis(more: Sequence[int], fewer: Sequence[int] | None, n: int) -> int | None:
    """The axis of the examples: its size is `n` with n examples and n - 1 with one fewer.
    None if there is none, or if the tensor did not appear again.
    """
    if fewer is None or len(more) != len(fewer):
        return None
    changed = [axis for axis, (a, b) in enumerate(zip(more, fewer, strict=True)) if a != b]
    if len(changed) == 1 and (more[changed[0]], fewer[changed[0]]) == (n, n - 1):
        return changed[0]
    return None


def followers(shape: Sequence[int], smaller: Sequence[int]) -> set[int]:
    """The axes that are smaller when an axis of the inputs is."""
    if len(shape) != len(smaller):
        return set()
    return {axis for axis, (a, b) in enumerate(zip(shape, smaller, strict=True)) if a != b}


def by_response(shape: Shape, batch: int, places: Iterable[int]) -> str:
    """Letters of the axes if all but one follow places of the inputs, or hold one place:
    that one holds the features. "" if it is not clear.
    """
    rest = [axis for axis in range(len(shape)) if axis != batch]
    places = set(places) & set(rest)
    if len(rest) <= 1:
        return _letters(len(shape), batch, rest[0] if rest else None)
    fixed = [axis for axis in rest if axis not in places]
    found = [axis for axis in fixed if shape[axis] > 1] if len(fixed) > 1 else fixed
    return _letters(len(shape), batch, found[0]) if places and len(found) == 1 else ""


def by_layer(module: nn.Module, ndim: int, batch: int, path: str = "") -> str:
    """Letters of the axes from a torch layer that reads or writes the tensor; "" if it does
    not tell.

    A subclass counts if it computes as torch's own class does, because its own `forward`
    may permute the axes. `path` is the place of the tensor in the layer's output: states of
    a recurrent layer have an axis of layers instead of places.
    """
    if not _is_of_torch(module) or (isinstance(module, nn.RNNBase) and path[:1] == "1"):
        return ""
    rest = [axis for axis in range(ndim) if axis != batch]
    if isinstance(module, _FIRST):
        return _letters(ndim, batch, rest[0])
    normed = getattr(module, "normalized_shape", (1,))
    if isinstance(module, _LAST) and len(normed) == 1:
        return _letters(ndim, batch, rest[-1])
    return ""


def keeps_axes(module: nn.Module) -> bool:
    """Whether a torch layer works along the last axis, whatever it holds, and keeps the
    meaning of all axes.
    """
    return _is_of_torch(module) and isinstance(
        module, nn.Linear | nn.LayerNorm | nn.RMSNorm
    )


def contradicts(letters: str, shape: Shape, known: Iterable[tuple[str, Shape]]) -> bool:
    """Whether a known tensor of the same sizes has another number of features: a linear
    layer that mixes tokens reads tensors with features and tokens exchanged.
    """
    size = shape[letters.index("C")]
    return any(
        sorted(shape) == sorted(other) and other[word.index("C")] != size
        for word, other in known
    )


def unknown_axes(ndim: int, batch: int) -> str:
    return "".join("N" if axis == batch else "?" for axis in range(ndim))


def _is_of_torch(module: nn.Module) -> bool:
    owner = next(kind for kind in type(module).__mro__ if "forward" in vars(kind))
    return owner.__module__.startswith("torch.nn.modules")


def _letters(ndim: int, batch: int, features: int | None) -> str:
    """Letters: tokens if one axis stands before the features; otherwise places of a signal,
    an image or a volume.
    """
    places = [axis for axis in range(ndim) if axis not in (batch, features)]
    if len(places) == 1 and features is not None and places[0] < features:
        names = "T"
    else:
        names = _PLACES.get(len(places), "?" * len(places))
    letters = dict(zip(places, names, strict=True)) | {batch: "N"}
    return "".join(letters.get(axis, "C") for axis in range(ndim))
