"""Kernels of convolutional networks with infinitely many channels, for small images."""

import abc
import dataclasses as dc
import math
from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor

from ..core.arrays import as_real
from ..core.errors import require
from ..core.settings import Count, NotNegative, Positive, Rule, Settings, among
from .activations import Activation, as_activation
from .assemble import assemble
from .inputs import check_size, place_of
from .pair import Pair

CHUNK = 1 << 16  # covariances held at once, beside a dozen temporaries of this size
ODD = Rule("a positive odd integer", lambda size: size >= 1 and size % 2 == 1)


@dc.dataclass(frozen=True)
class ConvolutionalKernel(Settings, abc.ABC):
    """A kernel of a network of `depth` convolutions of stride 1 and a dense read-out, in
    the NTK parametrisation (Novak et al. 2019; Garriga-Alonso et al. 2019; Arora et al.
    2019).

    With p, p' places in two images, a layer maps the covariance of its inputs to

        K[p, p'] = bias_variance + weight_variance mean over d of V[p + d, p' + d],

    with d over the filter and V the covariance of channels (x_p.x'_p' / channels at first).
    The read-out averages V[p, p] over equal places (flatten), or V[p, p'] over all pairs of
    places (pool). As for dense networks, layers pass on half the squared distance
    (q + q') / 2 - K, which averages like K and keeps its digits where two images almost
    agree.

    Parameters
    ----------
    depth : number of convolutions, at least 1.
    filter_size : odd, along each axis.
    padding : "circular", or "zero" to the same size.
    readout : "flatten", or "pool": global average pooling, whose cost goes with the square
        of the number of places.
    activation, weight_variance, bias_variance : as for `NNGP`.
    """

    depth: Count = 3
    filter_size: Annotated[int, ODD] = 3
    padding: Annotated[str, among("circular", "zero")] = "zero"
    readout: Annotated[str, among("flatten", "pool")] = "flatten"
    activation: Activation | str = "relu"
    weight_variance: Positive = 2.0
    bias_variance: NotNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "activation", as_activation(self.activation))

    @property
    def phi(self) -> Activation:
        return as_activation(self.activation)

    @abc.abstractmethod
    def _at(self, first: Tensor, second: Tensor) -> Tensor:
        """Values at all pairs of some images, (n1, n2)."""

    def __call__(
        self, x1: Any, x2: Any | None = None, *, device: str | None = None
    ) -> Tensor:
        """The matrix of k(x, x') in float64.

        Parameters
        ----------
        x1, x2 : images, (n, channels, height, width), or signals, (n, channels, length);
            the Gram matrix of `x1` where `x2` is None.
        device : where torch computes; None leaves tensors where they are.

        Returns
        -------
        (n1, n2) tensor.

        Raises
        ------
        ManifoldScaleError : arrays of another shape, not finite, of a size whose square is
            no float, or that do not match; no such device.
        """
        first = self._images(x1, "x1", device)
        second = first if x2 is None else self._images(x2, "x2", device)
        require(
            first.shape[1:] == second.shape[1:],
            "`x1` and `x2` must hold images of one shape; they are "
            f"{tuple(first.shape[1:])} and {tuple(second.shape[1:])}.",
        )
        return assemble(
            len(first),
            len(second),
            lambda rows, columns: self._at(first[rows], second[columns]),
            block=self._block(first),
            symmetric=x2 is None,
            device=first.device,
        )

    def diagonal(self, x: Any, *, device: str | None = None) -> Tensor:
        """k(x, x) of each image, (n,)."""
        images = self._images(x, "x", device)
        return torch.cat([self._at(one, one)[0] for one in torch.split(images, 1)])

    def _block(self, images: Tensor) -> int:
        places = math.prod(images.shape[2:])
        held = places**2 if self.readout == "pool" else places
        return max(1, math.isqrt(CHUNK // held))

    def _images(self, data: Any, name: str, device: str | None) -> Tensor:
        place = place_of(device, data)
        images = torch.tensor(as_real(data, name), dtype=torch.float64).to(place)
        require(
            images.ndim in (3, 4) and 0 not in images.shape,
            f"`{name}` must be (n, channels, height, width) or (n, channels, length), and "
            f"not empty; its shape is {tuple(images.shape)}. Grey images need a channel "
            f"axis: `{name}.reshape(-1, 1, height, width)`.",
        )
        require(
            self.filter_size <= min(images.shape[2:]),
            f"`filter_size` {self.filter_size} is larger than the images of `{name}`, "
            f"{tuple(images.shape[2:])}.",
        )
        check_size(float(images.abs().max()), name)
        return images

    def _layers(self, first: Tensor, second: Tensor) -> Iterator[tuple[Pair, Pair, Tensor]]:
        """Before and after each activation, with E[phi' phi'], at pairs of places."""
        half = self._first_distances(first, second)
        squares = self._beside((first**2).mean(1), (second**2).mean(1))
        for _ in range(self.depth):
            half, squares = self._convolve_distances(half, squares)
            variances = [self.bias_variance + self.weight_variance * q for q in squares]
            std1, std2 = (variance.sqrt() for variance in variances)
            gap = self.weight_variance * half - (std1 - std2) ** 2 / 2
            # Rounding must not correlate a place without variance, as on a black border.
            gap = torch.minimum(gap.clamp_min(0.0), 2 * std1 * std2)
            before = Pair(std1, std2, gap)
            after, slope = self.phi.propagate(before)
            yield before, after, slope
            squares = (
                self.phi.second_moment(variances[0]),
                self.phi.second_moment(variances[1]),
            )
            half = after.gap + (after.std1 - after.std2) ** 2 / 2

    def _beside(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """(n1, ...) and (n2, ...), shaped to broadcast to all pairs of places."""
        first, second = first[:, None], second[None]
        if self.readout == "pool":
            ones = (1,) * (first.ndim - 2)
            first = first.reshape(*first.shape, *ones)
            second = second.reshape(*second.shape[:2], *ones, *second.shape[2:])
        return first, second

    def _first_distances(self, first: Tensor, second: Tensor) -> Tensor:
        """(|x_p|^2 + |x'_p'|^2) / 2 - x_p.x'_p' over channels, as a squared difference."""
        channels = zip(first.unbind(1), second.unbind(1), strict=True)
        squares = [torch.sub(*self._beside(one, other)) ** 2 for one, other in channels]
        return sum(squares[1:], squares[0]) / (2 * len(squares))

    def _axes(self, values: Tensor) -> list[tuple[int, int]]:
        """Each axis of the first image with that of the second; the same for flatten."""
        copies = 2 if self.readout == "pool" else 1
        n_axes = (values.ndim - 2) // copies
        return [(axis, axis + (copies - 1) * n_axes) for axis in range(2, 2 + n_axes)]

    def _convolve(self, values: Tensor) -> Tensor:
        """The mean of products over the filter, axis by axis, with both images shifted
        together. Products are zero outside either image.
        """
        for axes in self._axes(values):
            moved = [self._shifted(values, shift, axes) for shift in self._shifts]
            values = sum(moved, values) / self.filter_size
        return values

    def _convolve_distances(
        self, half: Tensor, squares: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The same for half squared distances and for the squares: where one image ends
        before the other, half the square of the other remains.
        """
        for axis1, axis2 in self._axes(half):
            square1, square2 = squares
            totals = half, square1, square2
            for shift in self._shifts:
                one = self._shifted(square1, shift, (axis1,))
                other = self._shifted(square2, shift, (axis2,))
                moved = self._shifted(half, shift, (axis1, axis2))
                if self.padding == "zero" and axis1 != axis2:
                    _outside(moved, shift, axis1).copy_(other / 2)
                    _outside(moved, shift, axis2).copy_(one / 2)
                totals = totals[0] + moved, totals[1] + one, totals[2] + other
            half, square1, square2 = (total / self.filter_size for total in totals)
            squares = square1, square2
        return half, squares

    @property
    def _shifts(self) -> list[int]:
        reach = self.filter_size // 2
        return [shift for shift in range(-reach, reach + 1) if shift]

    def _shifted(self, values: Tensor, shift: int, axes: tuple[int, ...]) -> Tensor:
        distinct = tuple(set(axes))
        moved = values.roll((shift,) * len(distinct), distinct)
        if self.padding == "zero":
            for axis in distinct:
                _outside(moved, shift, axis).zero_()
        return moved


def _outside(moved: Tensor, shift: int, axis: int) -> Tensor:
    """The part of a shifted array that came from beyond its end."""
    start = 0 if shift > 0 else moved.shape[axis] + shift
    return moved.narrow(axis, start, abs(shift))


class ConvNNGP(ConvolutionalKernel):
    """The Gaussian process of a convolutional network before training.

    >>> images = torch.ones(4, 1, 8, 8)
    >>> ConvNNGP(depth=2, readout="pool")(images).shape
    torch.Size([4, 4])
    """

    def _at(self, first: Tensor, second: Tensor) -> Tensor:
        for _, after, _ in self._layers(first, second):
            last = after.covariance
        return self.bias_variance + self.weight_variance * last.flatten(2).mean(2)


class ConvNTK(ConvolutionalKernel):
    """The tangent kernel that gradient descent on a convolutional network follows."""

    def _at(self, first: Tensor, second: Tensor) -> Tensor:
        weight, carried = self.weight_variance, None
        for before, after, slope in self._layers(first, second):
            theta = before.covariance
            if carried is not None:
                theta = theta + weight * self._convolve(carried)
            carried = slope * theta
            last = after.covariance + carried
        return self.bias_variance + weight * last.flatten(2).mean(2)
