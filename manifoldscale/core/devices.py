"""The device that a `device=` names: one door, and one error, for all that take one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .errors import ManifoldScaleError, first_line

if TYPE_CHECKING:
    import torch


def device_of(
    device: "str | torch.device | None", dtype: "torch.dtype | None" = None
) -> "torch.device":
    """The torch device that `device` names; None is the CPU.

    Parameters
    ----------
    dtype : of the numbers that it must hold, float64 by default: Apple's devices lack it.

    Raises
    ------
    ManifoldScaleError : a device that is not here, or that cannot hold these numbers. It
        names what was asked, why that fails, and what is here.
    """
    import torch

    dtype = dtype or torch.float64
    try:
        place = torch.device("cpu" if device is None else device)
        torch.zeros(1, device=place, dtype=dtype).item()  # "meta" holds no numbers
    except (RuntimeError, AssertionError, TypeError) as error:
        # torch follows its reason by pages of backends and advice.
        reason = first_line(error).partition(". ")[0].rstrip(".")
        here = " or ".join(map(repr, _here(dtype)))
        asked = repr(device) if isinstance(device, str) else str(device)
        raise ManifoldScaleError(
            f"`device` {asked} cannot be used here: {reason}. Use {here}."
        ) from error
    return place


def _here(dtype: "torch.dtype") -> Iterator[str]:
    """What would work on this machine."""
    import torch

    yield "cpu"
    yield from (f"cuda:{i}" for i in range(torch.cuda.device_count()))
    if dtype != torch.float64 and torch.backends.mps.is_available():
        yield "mps"
