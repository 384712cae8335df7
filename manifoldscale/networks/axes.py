"""What the axes of a module's tensors mean, as far as its class and the sizes tell."""

from collections.abc import Sequence

from torch import nn

Shape = tuple[int, ...]

_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
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
_CHANNELS_FIRST = {2: "CL", 3: "CHW", 4: "CDHW"}
_CHANNELS_LAST = {2: "TC", 3: "HWC", 4: "DHWC"}


def batch_axis(more: Sequence[int], fewer: Sequence[int] | None, n: int) -> int | None:
    """The axis of the examples: the one whose size is `n` with n examples and n - 1 with
    one fewer. None where there is none, or where the tensor did not come again.
    """
    if fewer is None or len(more) != len(fewer):
        return None
    changed = [axis for axis, (a, b) in enumerate(zip(more, fewer, strict=True)) if a != b]
    if len(changed) == 1 and (more[changed[0]], fewer[changed[0]]) == (n, n - 1):
        return changed[0]
    return None


def axis_names(module: nn.Module, ndim: int, batch: int) -> str:
    """Letters of the axes, in the order of the tensor; "" where the class does not tell."""
    if ndim <= 2:
        return _with_batch("C" * (ndim - 1), batch)
    if isinstance(module, _FIRST) or "Pool" in type(module).__name__:
        return _with_batch(_CHANNELS_FIRST.get(ndim - 1, ""), batch)
    if isinstance(module, _LAST):
        return _with_batch(_CHANNELS_LAST.get(ndim - 1, ""), batch)
    return ""


def unknown_axes(ndim: int, batch: int) -> str:
    return _with_batch("?" * (ndim - 1), batch)


def _with_batch(letters: str, batch: int) -> str:
    return letters[:batch] + "N" + letters[batch:] if letters or batch == 0 else ""
