"""A small convolutional network as a student."""

import dataclasses as dc
from collections import OrderedDict

from torch import nn

from ..core.errors import require
from ..core.settings import Count, Settings
from .shape import count_parameters


@dc.dataclass(frozen=True)
class CNN(Settings):
    """A small convolutional network for square images of one channel, as in Sharma and
    Kaplan: two 3 x 3 convolutions of `width` and 2 `width` channels, each followed by 2 x 2
    max-pooling, a hidden layer of 32 units, and a read-out.
    """

    inputs: Count
    width: Count
    outputs: Count

    def __post_init__(self) -> None:
        super().__post_init__()
        side = round(self.inputs**0.5)
        require(
            side * side == self.inputs and side >= 4,
            f"The cnn takes square images of at least 4 x 4 pixels; the task has "
            f"{self.inputs} inputs.",
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.inputs, self.width, 2 * self.width, 32, self.outputs)

    @property
    def parameters(self) -> int:
        return count_parameters(self)

    def module(self) -> nn.Sequential:
        side = round(self.inputs**0.5)
        w, left = self.width, (side // 4) ** 2
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            image=nn.Unflatten(-1, (1, side, side)),
            conv1=nn.Conv2d(1, w, 3, padding=1),
            act1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(w, 2 * w, 3, padding=1),
            act2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flat=nn.Flatten(),
            hidden=nn.Linear(2 * w * left, 32),
            act3=nn.ReLU(),
            readout=nn.Linear(32, self.outputs),
        )
        return nn.Sequential(layers)
