"""Examples in the shape that a network takes, and prepared as it was trained on them."""

import dataclasses as dc
from typing import Any

import numpy as np
from torch import nn

from ...core.errors import ManifoldScaleError
from ...data import card, names
from ...data.examples import Examples
from ...networks.extract import sites
from ...networks.layout import FLAT, layouts
from ...networks.preparation import Preparation


def shown_to(
    network: nn.Module, examples: Examples, data: object, preparation: Preparation | None
) -> Examples:
    """The examples as they are shown to a network: prepared as in its training, where that
    is known, else as it takes them.
    """
    if preparation is None:
        return as_taken(network, examples, data)
    said = f"prepared as in training, as {preparation.layout}"
    return _with(examples, preparation(np.asarray(examples.inputs)), said)


def as_taken(network: nn.Module, examples: Examples, data: object) -> Examples:
    """The examples as they are, or as images where the network takes only these.

    Data sets by name hold one row per image, and files may hold images without channels or
    with channels last; a convolutional network takes channels, height and width. What it
    takes is found by a pass of two examples.
    """
    if not isinstance(data, str) or not isinstance(examples.inputs, np.ndarray):
        return examples
    given: np.ndarray = examples.inputs
    named = data in names()
    shape = card(data).shape if named else given.shape[1:]
    if len(shape) < 2:
        return examples
    rows = given.reshape(len(given), -1)
    for layout in layouts(shape, rows_first=named):
        shown = layout(rows)
        try:
            sites(network, shown[:2])
        except ManifoldScaleError:
            continue
        if shown.shape == given.shape and not layout.channels_last:
            return examples
        words = "rows of features" if layout == FLAT else f"images of {layout}"
        return _with(examples, shown, f"as {words}")
    return examples  # whose own error says what is wrong


def _with(examples: Examples, inputs: Any, said: str) -> Examples:
    said = "; ".join(filter(None, (examples.read, said)))
    return dc.replace(examples, inputs=inputs, read=said)
