"""Representations of a trained network, one cloud a site."""

import dataclasses as dc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..core.arrays import Array, as_numpy
from ..core.errors import ManifoldScaleError, one_of, require
from ..data import Examples
from ..geometry.cloud import Cloud
from .capture import Capture
from .models import device_of, dtype_of
from .sites import Site, select

Batch = tuple[Tensor, Array | None]


@dc.dataclass(frozen=True, eq=False)
class Representations(Mapping[str, Cloud]):
    """Site to cloud, in the order of the network; rows, ids and labels aligned."""

    clouds: Mapping[str, Cloud]
    sites: tuple[Site, ...]

    def __getitem__(self, site: str) -> Cloud:
        if site not in self.clouds:
            raise KeyError(f"{site!r}; there are {', '.join(self.clouds)}")
        return self.clouds[site]

    def __iter__(self) -> Iterator[str]:
        return iter(self.clouds)

    def __len__(self) -> int:
        return len(self.clouds)

    def __str__(self) -> str:
        return "\n".join(f"{site}: {cloud}" for site, cloud in self.clouds.items())


def sites(model: nn.Module, example: Any) -> tuple[Site, ...]:
    """The sites of a network, in the order of its forward pass.

    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    >>> [site.name for site in sites(net, np.zeros((1, 4)))]
    ['@input', '0', '1']

    Every tensor is listed once, under its first name. The input of a module
    (`module:in`) is a site of its own where no module gave it, as after a functional
    activation.

    Parameters
    ----------
    example : one or a few examples, the first axis the batch.
    """
    inputs, _ = next(_batches(example, 2, model, None))
    found, _ = _discover(model, inputs)
    return found


def extract(
    model: nn.Module,
    data: Any,
    sites: str | Sequence[str] = "*",
    *,
    points: str = "auto",
    batch_size: int = 256,
    device: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Representations:
    """Run data through a trained network and keep what many sites give, in one pass.

    The model is put in eval mode and back; hooks are removed whatever happens; outputs,
    gradients and buffers are untouched.

    Parameters
    ----------
    model : any module whose forward takes one tensor.
    data : an array or tensor, the first axis the examples; (inputs, labels); a `Cloud`;
        a torch `Dataset` or `DataLoader`, or any iterable of batches, each inputs or
        (inputs, labels).
    sites : names or globs, `!glob` to leave out: see `ms.sites`.
    points : "auto" or "flatten": an example is a point, all of its values the features.
    batch_size : examples a forward pass; an iterable's own batches are kept.
    device : where the forward pass runs; None is where the model is. The model must be
        there already.
    progress : called with the number of examples done since the last call.

    Raises
    ------
    ManifoldScaleError : a pattern matches no site; a site does not give one row an
        example; there are no examples.
    """
    one_of("points", points, ("auto", "flatten"))
    require(batch_size >= 1, f"`batch_size` must be positive; not {batch_size}.")
    batches = _batches(data, batch_size, model, device)
    first = next(batches, None)
    require(first is not None, "`data` holds no examples.")
    assert first is not None
    found, aliases = _discover(model, first[0][:2])
    names = select(sites, [site.name for site in found], aliases)
    require(bool(names), f"The patterns {sites!r} leave no site.")
    blocks: dict[str, list[Array]] = {name: [] for name in names}
    labels: list[Array | None] = []
    with Capture(model, names) as captured:
        for inputs, batch_labels in _chain(first, batches):
            model(inputs)
            for name in names:
                blocks[name].append(_rows(captured[name], name, len(inputs)))
            labels.append(batch_labels)
            if progress is not None:
                progress(len(inputs))
    return _assembled(blocks, labels, [s for s in found if s.name in names])


def _discover(model: nn.Module, inputs: Tensor) -> tuple[tuple[Site, ...], dict[str, str]]:
    with Capture(model) as captured:
        model(inputs)
    found = tuple(
        Site(name, captured.kinds[name], tuple(tensor.shape[1:]))
        for name, tensor in captured.tensors.items()
        if tensor.ndim >= 1 and len(tensor) == len(inputs) and _is_floating(tensor, name)
    )
    return found, captured.aliases


def _is_floating(tensor: Tensor, name: str) -> bool:
    return tensor.dtype.is_floating_point or name == "@input"


def _rows(tensor: Tensor, site: str, n: int) -> Array:
    """One row an example, float32 or float64, on the CPU."""
    if len(tensor) != n:
        raise ManifoldScaleError(
            f"Site {site!r} gave {len(tensor)} rows for {n} examples: it is not one point "
            "an example. Leave it out with the pattern '!" + site + "'."
        )
    flat = tensor.reshape(n, -1)
    wide = flat if flat.dtype in (torch.float32, torch.float64) else flat.float()
    return np.asarray(wide.cpu().numpy())


def _assembled(
    blocks: dict[str, list[Array]], labels: list[Array | None], found: Sequence[Site]
) -> Representations:
    known = [block for block in labels if block is not None]
    joined = np.concatenate(known) if known and len(known) == len(labels) else None
    clouds = {
        name: Cloud(np.concatenate(parts), labels=joined, name=name)
        for name, parts in blocks.items()
    }
    return Representations(clouds, tuple(found))


def _chain(first: Batch, rest: Iterator[Batch]) -> Iterator[Batch]:
    yield first
    yield from rest


def _batches(
    data: Any, batch_size: int, model: nn.Module, device: str | None
) -> Iterator[Batch]:
    """Batches of (inputs on the model's device and in its precision, labels)."""
    place = device_of(model) if device is None else torch.device(device)
    dtype = dtype_of(model)
    for inputs, labels in _raw_batches(data, batch_size):
        tensor = inputs if isinstance(inputs, Tensor) else torch.as_tensor(inputs)
        if tensor.dtype.is_floating_point and dtype is not None:
            tensor = tensor.to(dtype)
        yield tensor.to(place), None if labels is None else as_numpy(labels, "labels")


def _raw_batches(data: Any, batch_size: int) -> Iterator[tuple[Any, Any]]:
    if isinstance(data, Dataset):
        data = DataLoader(data, batch_size=batch_size)
    if isinstance(data, Cloud):
        data = (data.points, data.labels)
    if isinstance(data, Examples):
        data = (data.inputs, data.labels)
    if isinstance(data, tuple) and len(data) == 2:
        yield from _sliced(data[0], data[1], batch_size)
    elif hasattr(data, "shape") or isinstance(data, list):
        yield from _sliced(data, None, batch_size)
    elif isinstance(data, Iterable):
        for batch in data:
            yield (batch[0], batch[1]) if _is_pair(batch) else (_alone(batch), None)
    else:
        raise ManifoldScaleError(
            f"`data` must be an array, a tensor, a Dataset, a DataLoader or an iterable "
            f"of batches; not {type(data).__name__}."
        )


def _is_pair(batch: Any) -> bool:
    return isinstance(batch, tuple | list) and len(batch) >= 2


def _alone(batch: Any) -> Any:
    return batch[0] if isinstance(batch, tuple | list) else batch


def _sliced(inputs: Any, labels: Any, batch_size: int) -> Iterator[tuple[Any, Any]]:
    inputs = inputs if isinstance(inputs, Tensor) else as_numpy(inputs, "data")
    require(
        labels is None or len(labels) == len(inputs),
        f"There must be one label for each of the {len(inputs)} examples; there are "
        f"{0 if labels is None else len(labels)}.",
    )
    for start in range(0, len(inputs), batch_size):
        rows = slice(start, start + batch_size)
        block = inputs[rows]
        if isinstance(block, np.ndarray) and not block.flags.writeable:
            block = block.copy()  # torch cannot share read-only memory
        yield block, None if labels is None else labels[rows]
