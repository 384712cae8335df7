"""Inputs as a kernel takes them: the norms of two points and the angle between them."""

import dataclasses as dc
import math
from typing import Any

import torch
from torch import Tensor

from ..core.arrays import as_points
from ..core.devices import device_of
from ..core.errors import require
from ..geometry.cloud import Cloud
from .pair import Pair

NEAR = 1e-4  # of the spread: chords below its root are computed from differences
CHUNK = 1 << 20  # numbers gathered at once for them
FARTHEST = 1e150  # from the origin: products of two norms, and the layers' multiples of
# them, stay floats. Nearer than its inverse they vanish.


@dc.dataclass(frozen=True)
class Inputs:
    """Points as norms and directions, the directions also centred.

    1 - cos of two directions is half their squared distance. From a matrix product it has
    an absolute error of a rounding at the size of the spread. So products are of centred
    directions, and the few pairs that are nearer than this error allows are computed from
    their differences.

    Parameters
    ----------
    norms : (n, 1).
    directions : (n, features), of unit length; zero for a point at the origin.
    centred : (n, features), directions minus a centre common to both sets of points.
    """

    norms: Tensor
    directions: Tensor
    centred: Tensor

    def __len__(self) -> int:
        return len(self.norms)

    @property
    def n_features(self) -> int:
        return self.directions.shape[1]

    def __getitem__(self, rows: slice) -> "Inputs":
        return Inputs(self.norms[rows], self.directions[rows], self.centred[rows])


@dc.dataclass(frozen=True)
class Angles:
    """A block of pairs of inputs: 1 - cos and 1 + cos of their angles, and their norms."""

    norms1: Tensor  # (n1, 1)
    norms2: Tensor  # (1, n2)
    apart: Tensor  # (n1, n2), 1 - cos
    together: Tensor  # (n1, n2), 1 + cos
    n_features: int

    @classmethod
    def between(cls, first: Inputs, second: Inputs) -> "Angles":
        half1, half2 = ((points.centred**2).sum(1) / 2 for points in (first, second))
        apart = half1[:, None] + half2
        spread = float(half1.max() + half2.max())
        apart.addmm_(first.centred, second.centred.T, alpha=-1)
        together = 2 - apart
        threshold = NEAR * spread
        for half, sign in ((apart, 1), (together, -1)):
            if bool((half.min() < threshold).item()):
                _explicit(half, first.directions, second.directions, sign, threshold)
        return cls(first.norms, second.norms.T, apart, together, first.n_features)

    @classmethod
    def on_sphere(cls, angles: Tensor, n_features: int, radius: float) -> "Angles":
        """Pairs at these angles on a sphere."""
        norm = torch.full_like(angles, radius)
        apart, together = 2 * (angles / 2).sin() ** 2, 2 * (angles / 2).cos() ** 2
        return cls(norm, norm, apart, together, n_features)

    @property
    def pair(self) -> Pair:
        """x.x / n_features and x.x' / n_features as the covariances of a pair."""
        root = 1 / math.sqrt(self.n_features)
        std1, std2 = root * self.norms1, root * self.norms2
        product = std1 * std2
        return Pair(std1, std2, product * self.apart, product * self.together)

    @property
    def squared_distance(self) -> Tensor:
        """|x - x'|^2."""
        product = 2 * (self.norms1 * self.norms2)
        return torch.addcmul((self.norms1 - self.norms2) ** 2, product, self.apart)


def _explicit(half: Tensor, first: Tensor, second: Tensor, sign: int, below: float) -> None:
    """Half the squared length of first -+ second, in place where it is small."""
    rows, columns = torch.nonzero(half < below, as_tuple=True)
    step = max(1, CHUNK // first.shape[1])
    for i, j in zip(torch.split(rows, step), torch.split(columns, step), strict=True):
        chord = torch.add(first[i], second[j], alpha=-sign)
        half[i, j] = (chord**2).sum(1) / 2


def as_inputs(x1: Any, x2: Any | None, device: str | None) -> tuple[Inputs, Inputs]:
    """Both arguments of a kernel, checked; None for the second means the first."""
    first = _tensor(x1, "x1", device)
    second = first if x2 is None else _tensor(x2, "x2", device)
    require(
        first.shape[1] == second.shape[1],
        f"`x1` and `x2` must have the same number of features; they have "
        f"{first.shape[1]} and {second.shape[1]}.",
    )
    require(
        first.device == second.device,
        f"`x1` and `x2` are on different devices, {first.device} and {second.device}: "
        "pass `device=`, or move one of them.",
    )
    norms1, units1 = _polar(first, "x1")
    centre = units1.mean(0)
    inputs = Inputs(norms1, units1, units1 - centre)
    if x2 is None:
        return inputs, inputs
    norms2, units2 = _polar(second, "x2")
    return inputs, Inputs(norms2, units2, units2 - centre)


def _tensor(data: Any, name: str, device: str | None) -> Tensor:
    """A float64 tensor, points x features; tensors stay on their device."""
    data = data.points if isinstance(data, Cloud) else data
    place = place_of(device, data)
    points = torch.tensor(as_points(data, name), dtype=torch.float64)
    return points.to(place)


def place_of(device: str | None, data: Any) -> torch.device:
    """Where to compute: on `device`, else where a tensor is."""
    there = data.device if isinstance(data, Tensor) else None
    return device_of(there if device is None else device)


def check_size(largest: float, name: str) -> None:
    """Refuse points whose squares would over- or underflow: a kernel would be infinite, or
    zero, without a word.
    """
    require(
        largest == 0 or 1 / FARTHEST <= largest <= FARTHEST,
        f"`{name}` reaches {largest:.3g} from the origin, and products of two such points "
        f"{'over' if largest > 1 else 'under'}flow. Scale them, `{name} / {largest:.0e}`: "
        "without biases a ReLU network's kernel goes with the square of the scale.",
    )


def _polar(points: Tensor, name: str) -> tuple[Tensor, Tensor]:
    # The largest entry first: the square of 1e200 would overflow.
    largest = points.abs().amax(1, keepdim=True)
    check_size(float(largest.max()), name)
    scaled = points / torch.where(largest > 0, largest, 1.0)
    length = scaled.norm(dim=1, keepdim=True)
    return largest * length, scaled / torch.where(length > 0, length, 1.0)
