"""Representations of a trained network, one cloud a site."""

import dataclasses as dc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.jit import ScriptModule

from ..core.arrays import Array, Ints
from ..core.errors import ManifoldScaleError, require
from ..core.random import nested_rows
from ..core.settings import whole
from ..core.weights import check_weights
from ..geometry.cloud import Cloud
from .batches import Batch
from .chunks import Shard, Work, chunk_examples, read_all, write_all
from .models import Scripted
from .order import bounded_by
from .patterns import Patterns
from .points import Points, points_from
from .reading import Block, PointsChoice, Reading, joined, look, plan_reading
from .sites import Site
from .sources import Source, source_of, stream
from .store import StoredArray, is_begun, read_labels, read_store


@dc.dataclass(frozen=True, eq=False)
class Representations(Mapping[str, Cloud]):
    """Site to cloud, in the order of the network; rows, ids, labels and groups aligned.

    The cloud of a site is made when it is asked for, so a site that holds NaN is an error
    of its own and no other is lost.

    Attributes
    ----------
    arrays : site to (points x features); read from the disk when asked for, where stored.
    policies : what a point is at each site.
    bounded_by : site to the sites, in the order of the network, of each of which it is a
        function alone, and whose clouds keep all of their tensor: its dimension is at most
        theirs. Found by exchanging activations, see `networks.order`; sites of which
        nothing is known are left out.
    """

    sites: tuple[Site, ...]
    arrays: Mapping[str, Array]
    labels: Array | None
    ids: Array | None
    groups: Array | None = None
    policies: Mapping[str, Points] = dc.field(default_factory=dict)
    bounded_by: Mapping[str, tuple[str, ...]] = dc.field(default_factory=dict)

    def __getitem__(self, site: str) -> Cloud:
        if site not in self.arrays:
            raise KeyError(f"{site!r}; there are {', '.join(self.arrays)}")
        try:
            return Cloud(
                self.arrays[site],
                labels=self.labels,
                groups=self.groups,
                ids=self.ids,
                name=site,
            )
        except ManifoldScaleError as error:
            raise ManifoldScaleError(f"Site {site!r}: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __str__(self) -> str:
        return "\n".join(
            f"{site}: {array.shape[0]:,} points in {array.shape[1]:,} dimensions"
            + (f" ({self.policies[site]})" if site in self.policies else "")
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
    activation; of several tensors in a tuple or mapping each is one (`module/0`).

    Parameters
    ----------
    example : one or a few examples, the first axis the batch; as the data of `extract`.
    """
    model = _usable(model)
    return look(model, _first_batch(model, example, "example")).sites


def _first_batch(model: nn.Module, data: Any, name: str) -> Batch:
    source = source_of(data)
    if source is None:
        batches = stream(data, model, None)
    else:
        batches = source.batches(np.arange(len(source))[:8], 8, model, None)
    first = next(batches, None)
    if first is None or len(first) == 0:
        raise ManifoldScaleError(f"`{name}` holds no examples.")
    return first


def extract(
    model: nn.Module,
    data: Any,
    sites: Patterns = "*",
    *,
    points: PointsChoice = "auto",
    n: int | None = None,
    store: str | Path | None = None,
    shard: Shard | None = None,
    batch_size: int = 256,
    device: str | None = None,
    executor: Executor | None = None,
    rng: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Representations:
    """Run data through a trained network and keep what many sites give, in one pass.

    The model is put in eval mode and back; hooks are removed whatever happens; outputs,
    gradients, buffers, random states and the data are untouched. A pass ends with the last
    of the sites.

    Parameters
    ----------
    model : a module; inside DataParallel or torch.compile, run eagerly and on one device.
    data : an array or tensor, the first axis the examples, or an array on a disk of which
        only the rows that are wanted are read (h5py, zarr); (inputs, labels); a mapping of
        arrays, for a network that takes names; a `Cloud`; a torch `Dataset` or
        `DataLoader`, read in the order of the data set; or any iterable of batches. An
        input `attention_mask` says which tokens are padding, `labels` are kept apart.
        Of columns by name the network gets those that its forward takes.
    sites : names, globs, `re:` expressions or roles, `!pattern` to leave out: see
        `ms.sites` and `networks.patterns.select`.
    points : what a point is: a word ("auto", "flatten", "mean", "cls", "last", "tokens:8",
        "patches:8", "flatten+project:1024"), a policy of `networks.points`, or a mapping of
        patterns to these. "auto" takes the mean of tokens and all values of anything else,
        up to 16,384. Where an example gives several points they share a group. What the
        axes of a site mean is found by what they do; "CHW:mean" tells it where that fails.
    n : most examples, drawn at random by `rng`, nested; None for all.
    store : folder in which the representations are kept, a Zarr group. A run that was
        stopped, killed even, goes on where it was; one that is done only reads. Another
        network, other data or settings are an error that shows the difference. The batch
        size is that of the first call, so that the arrays are the same to the last bit.
    shard : (i, n), with a store: this process reads chunks i, i + n, ...; any shards
        complete what any others began.
    batch_size : examples a forward pass; the batches of a loader are kept.
    device : where the forward pass runs; None is where the model is. The model must be
        there already.
    executor : whose workers share the chunks; they need the network and the data, which
        are sent to them.
    rng : seed of random tokens, projections and samples.
    progress : called with the number of examples done since the last call.

    Raises
    ------
    ManifoldScaleError : a pattern matches no site; a site does not give one row an
        example; the network does not accept the data; there are no examples.
    """
    opened = _opened(model, data, sites, points, n, batch_size, device, rng)
    reading, source = opened.reading, opened.source
    # What is begun says it already.
    begun = store is not None and is_begun(store)
    bounds = {} if begun else bounded_by(reading, opened.first)
    if store is not None or executor is not None:
        require(
            source is not None,
            "`store` and `executor` need data that can be had by number: an array or a "
            "Dataset, not an iterable.",
        )
        assert source is not None
        size = source.batch_size or batch_size
        work = Work(reading, data, opened.rows, size, device, size, bounds)
        sample = joined(list(reading.blocks([opened.first])))
        if store is not None:
            write_all(work, store, sample, shard, executor, progress)
            return open_store(store)
        each = sum(array.nbytes for array in sample.arrays.values()) // len(opened.first)
        work = dc.replace(work, examples=chunk_examples(each, size))
        return _representations(reading, read_all(work, executor, progress), bounds)
    require(shard is None, "`shard` needs a `store`, where the shards meet.")
    return _representations(reading, joined(list(opened.blocks(progress))), bounds)


def blocks(
    model: nn.Module,
    data: Any,
    sites: Patterns = "*",
    *,
    points: PointsChoice = "auto",
    n: int | None = None,
    batch_size: int = 256,
    device: str | None = None,
    rng: int = 0,
) -> Iterator[Block]:
    """What `extract` gives, batch by batch, for statistics that need no storage.

        for block in blocks(model, data, "fc"):
            moments.update(block.arrays["fc"])

    Between two blocks the model is as it was. Parameters and errors
    are those of `extract`.
    """
    opened = _opened(model, data, sites, points, n, batch_size, device, rng)
    yield from opened.blocks(None)


@dc.dataclass(frozen=True, eq=False)
class _Opened:
    """Data of which the first batch was looked at, and what is to be read."""

    reading: Reading
    source: Source | None
    rows: Ints
    first: Batch
    rest: Iterator[Batch]

    def blocks(self, progress: Callable[[int], None] | None) -> Iterator[Block]:
        batches = chain([self.first], self.rest)
        return self.reading.blocks(_counted(batches, progress))


def _opened(
    model: nn.Module,
    data: Any,
    sites: Patterns,
    points: PointsChoice,
    n: int | None,
    batch_size: int,
    device: str | None,
    rng: int,
) -> _Opened:
    model = _usable(model)
    batch_size, rng = whole("batch_size", batch_size), whole("rng", rng, 0)
    n = None if n is None else whole("n", n)
    source = source_of(data)
    rows = np.zeros(0, dtype=np.int64)
    if source is None:
        require(n is None, "`n` needs data that can be had by number, not an iterable.")
        batches = stream(data, model, device)
    else:
        rows = nested_rows(len(source) if n is None else n, len(source), rng)
        batches = source.batches(rows, batch_size, model, device)
    first = next(batches, None)
    if first is None or len(first) == 0:
        raise ManifoldScaleError("`data` holds no examples.")
    reading = plan_reading(model, first, sites, points, rng)
    return _Opened(reading, source, rows, first, batches)


def _representations(
    reading: Reading, everything: Block, bounds: Mapping[str, tuple[str, ...]]
) -> Representations:
    return Representations(
        sites=reading.sites,
        arrays=everything.arrays,
        labels=everything.labels,
        ids=everything.ids,
        groups=everything.ids if everything.grouped else None,
        policies=reading.policies,
        bounded_by=bounds,
    )


def open_store(path: str | Path) -> Representations:
    """What `extract(..., store=path)` keeps, read from the disk when it is asked for.

    A part of a site is read by `reps.arrays[site][rows]`; any tool that reads Zarr opens
    the folder too, as `xarray.open_zarr(path, consolidated=False)`.

    Raises
    ------
    ManifoldScaleError : there is no extraction. Chunks that are missing or damaged are
        errors, with their names, when they are read.
    """
    stored = read_store(path)
    columns = {name: StoredArray(stored, name) for name in stored.columns}
    ids = columns.pop("ids")
    labels = columns.pop("labels", None)
    found = tuple(
        Site(**{**site, "shape": tuple(site["shape"])}) for site in stored.about["sites"]
    )
    seed = int(stored.settings["seed"])
    words = stored.settings["sites"].items()
    policies = {site: points_from(word, seed) for site, word in words}
    bounds = stored.about.get("bounded_by", {})  # of older stores nothing is known
    complete = not stored.missing()
    return Representations(
        sites=found,
        arrays=columns,  # type: ignore[arg-type]
        labels=None if labels is None or not complete else read_labels(np.asarray(labels)),
        ids=np.asarray(ids) if complete else None,
        groups=np.asarray(ids) if stored.about["grouped"] and complete else None,
        policies={site: policy for site, policy in policies.items() if policy},
        bounded_by={site: tuple(by) for site, by in bounds.items()},
    )


def _counted(
    batches: Iterator[Batch], progress: Callable[[int], None] | None
) -> Iterator[Batch]:
    """The batches; each is reported when the next is asked for, and so is done."""
    for batch in batches:
        yield batch
        if progress is not None:
            progress(len(batch))


def _usable(model: Any) -> nn.Module:
    """The model, of which a TorchScript program has no modules to hook but itself."""
    require(
        isinstance(model, nn.Module),
        f"`model` must be a torch.nn.Module; not {type(model).__name__}.",
    )
    check_weights(model)
    found: nn.Module = Scripted(model) if isinstance(model, ScriptModule) else model
    return found
