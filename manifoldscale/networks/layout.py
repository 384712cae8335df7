"""How a row of features is given to a network: as it is, or as an image."""

import dataclasses as dc
from typing import Any

import numpy as np
import torch
from torch import nn


@dc.dataclass(frozen=True)
class Layout:
    """The shape in which a module takes an example.

    Attributes
    ----------
    shape : of an example as it was stored; empty leaves rows of features as they are.
    channels_last : its last axis is moved to the front, as torch's convolutions need it.
    """

    shape: tuple[int, ...] = ()
    channels_last: bool = False

    def __call__(self, rows: Any) -> Any:
        """(..., features) as (..., *shape), of an array or a tensor."""
        if not self.shape:
            return rows
        lead = rows.shape[:-1]
        shaped = rows.reshape(*lead, *self.shape)
        if not self.channels_last:
            return shaped
        move: Any = torch.movedim if isinstance(rows, torch.Tensor) else np.moveaxis
        return move(shaped, -1, len(lead))

    @property
    def taken(self) -> tuple[int, ...]:
        """The shape of an example as the module gets it."""
        return (self.shape[-1], *self.shape[:-1]) if self.channels_last else self.shape

    def __str__(self) -> str:
        return " x ".join(map(str, self.taken)) if self.shape else "rows of features"


class AsLaidOut(nn.Module):
    """Rows of features in a layout."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shaped: torch.Tensor = self.layout(x)
        return shaped


FLAT = Layout()


def layouts(shape: tuple[int, ...], rows_first: bool) -> tuple[Layout, ...]:
    """The layouts that a module may take examples of this shape in, the likely first.

    Parameters
    ----------
    rows_first : whether examples are stored as rows of features, as those of a named data
        set; if not, a module gets them as they are where it takes them so.
    """
    images: list[Layout] = []
    if len(shape) == 2:
        images = [Layout((1, *shape)), Layout(shape)]
    elif len(shape) == 3:
        images = [Layout(shape, True), Layout(shape)]
    elif len(shape) > 3:
        images = [Layout(shape)]
    return (FLAT, *images) if rows_first else (*images[::-1], FLAT)
