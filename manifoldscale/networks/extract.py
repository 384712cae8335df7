"""Representations of a trained network, one cloud a site."""

import dataclasses as dc
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, one_of, require
from ..geometry.cloud import Cloud
from .batches import batches
from .capture import Capture
from .sites import INPUT, Site, select

FEWEST_ROWS = 8


@dc.dataclass(frozen=True, eq=False)
class Representations(Mapping[str, Cloud]):
    """Site to cloud, in the order of the network; rows, ids and labels aligned.

    The cloud of a site is made when it is asked for, so a site that holds NaN is an error
    of its own and no other is lost.
    """

    sites: tuple[Site, ...]
    arrays: Mapping[str, Array]
    labels: Array | None
    ids: Array | None

    def __getitem__(self, site: str) -> Cloud:
        if site not in self.arrays:
            raise KeyError(f"{site!r}; there are {', '.join(self.arrays)}")
        try:
            return Cloud(self.arrays[site], labels=self.labels, ids=self.ids, name=site)
        except ManifoldScaleError as error:
            raise ManifoldScaleError(f"Site {site!r}: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __str__(self) -> str:
        return "\n".join(
            f"{site}: {len(array):,} points in {array.shape[1]:,} dimensions"
            for site, array in self.arrays.items()
        )


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
    _check_model(model)
    first = next(batches(example, 2, model, None), None)
    if first is None:
        raise ManifoldScaleError("`example` holds no examples.")
    found, _ = _discover(model, first.inputs)
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
    gradients, buffers and the data are untouched.

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
        example; the network does not accept the data; there are no examples.
    """
    _check_model(model)
    one_of("points", points, ("auto", "flatten"))
    require(batch_size >= 1, f"`batch_size` must be positive; not {batch_size}.")
    stream = batches(data, batch_size, model, device)
    first = next(stream, None)
    if first is None:
        raise ManifoldScaleError("`data` holds no examples.")
    # On a copy: a network that works in place would change the first batch.
    found, aliases = _discover(model, first.inputs[:2].clone())
    names = select(sites, [site.name for site in found], aliases)
    require(bool(names), f"The patterns {sites!r} leave no site.")
    blocks: dict[str, list[Array]] = {name: [] for name in names}
    labels: list[Array | None] = []
    ids: list[Array | None] = []
    with Capture(model, names) as captured:
        for batch in chain([first], stream):
            inputs = _filled(batch.inputs)
            model(inputs)
            for name in names:
                rows = _rows(captured.tensors.get(name), name, len(inputs))
                blocks[name].append(rows[: len(batch)])
            labels.append(batch.labels)
            ids.append(batch.ids)
            if progress is not None:
                progress(len(batch))
    return Representations(
        sites=tuple(site for site in found if site.name in names),
        arrays={name: np.concatenate(parts) for name, parts in blocks.items()},
        labels=_joined(labels),
        ids=_joined(ids),
    )


def _check_model(model: Any) -> None:
    require(
        isinstance(model, nn.Module),
        f"`model` must be a torch.nn.Module; not {type(model).__name__}.",
    )


def _discover(model: nn.Module, inputs: Tensor) -> tuple[tuple[Site, ...], dict[str, str]]:
    """The sites of a forward pass on a few examples, and other names of the same."""
    shape, dtype, n = tuple(inputs.shape), inputs.dtype, len(inputs)
    try:
        with Capture(model) as captured:
            model(inputs)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ManifoldScaleError(
            f"The network does not accept inputs of shape {shape} and {dtype}: {error}"
        ) from error
    found = tuple(
        Site(name, captured.kinds[name], tuple(tensor.shape[1:]))
        for name, tensor in captured.tensors.items()
        if tensor.ndim >= 1
        and len(tensor) == n
        and (tensor.dtype.is_floating_point or name == INPUT)
    )
    return found, captured.aliases


def _filled(inputs: Tensor) -> Tensor:
    """A small batch with its last example repeated. Products with a few rows take other
    kernels, whose rounding alone moves a dimension by a few millionths: the result would
    depend on the size of the last batch.
    """
    missing = max(FEWEST_ROWS - len(inputs), 0)
    return torch.cat([inputs, inputs[-1:].expand(missing, *inputs.shape[1:])])


def _rows(tensor: Tensor | None, site: str, n: int) -> Array:
    """One row an example, float32 or float64, on the CPU."""
    if tensor is None or tensor.ndim == 0 or len(tensor) != n:
        gave = "nothing" if tensor is None else f"shape {tuple(tensor.shape)}"
        raise ManifoldScaleError(
            f"Site {site!r} gave {gave} for a batch of {n} examples: it is not one point "
            f"an example. Leave it out with the pattern '!{site}'."
        )
    flat = tensor.reshape(n, -1)
    wide = flat if flat.dtype in (torch.float32, torch.float64) else flat.float()
    return np.asarray(wide.cpu().numpy())


def _joined(parts: list[Array | None]) -> Array | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known and len(known) == len(parts) else None
