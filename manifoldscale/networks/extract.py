"""Representations of a trained network, one cloud per site."""

import dataclasses as dc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import chain
from pathlib import Path
from typing import Any, overload

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
from .by_length import may_cut
from .capture import check_modes
from .chunks import Shard, Work, chunk_examples, counted, read_all, write_all
from .forward_pass import Block, ForwardPass, blocks_of, joined
from .loading import Scripted
from .order import bounded_by
from .patterns import Patterns
from .planning import PointsChoice, look, plan_passes
from .points import Points
from .policies import points_from
from .sites import Site
from .sources import Source, source_of, stream
from .store import StoredArray, folder_name, is_begun, read_labels, read_store


@dc.dataclass(frozen=True, eq=False)
class Representations(Mapping[str, Cloud]):
    """Site to cloud, in the order of the network; rows, ids, labels and groups aligned.

    The cloud of a site is made on demand, so NaN at one site is an error there and does not
    lose the others.

    Attributes
    ----------
    arrays : site to (points x features); if stored, read from disk on demand.
    policies : what a point is at each site.
    bounded_by : site to the sites, in the order of the network, that each alone determine
        it, and whose clouds keep their whole tensor: its dimension is at most theirs. Found
        by exchanging activations, see `networks.order`; sites about which nothing is known
        are left out.
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

    Every tensor is listed once, under its first name. The input of a module (`module:in`)
    is a separate site if no module gave it, as after a functional activation; so is each of
    several tensors in a tuple or mapping (`module/0`).

    Parameters
    ----------
    example : one or a few examples with the batch as first axis; as the data of `extract`.
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


@overload
def extract(
    model: nn.Module,
    data: Any,
    sites: Patterns = ...,
    *,
    points: PointsChoice = ...,
    n: int | None = ...,
    store: str | Path | None = ...,
    shard: Shard | None = ...,
    batch_size: int = ...,
    device: str | None = ...,
    executor: Executor | None = ...,
    rng: int = ...,
    progress: Callable[[int], None] | None = ...,
) -> Representations: ...
@overload
def extract(
    model: nn.Module,
    data: Any,
    sites: Patterns = ...,
    *,
    points: list[str] | tuple[str | Points, ...],
    n: int | None = ...,
    store: str | Path | None = ...,
    shard: Shard | None = ...,
    batch_size: int = ...,
    device: str | None = ...,
    executor: Executor | None = ...,
    rng: int = ...,
    progress: Callable[[int], None] | None = ...,
) -> dict[str, Representations]: ...
def extract(
    model: nn.Module,
    data: Any,
    sites: Patterns = "*",
    *,
    points: PointsChoice | list[str] | tuple[str | Points, ...] = "auto",
    n: int | None = None,
    store: str | Path | None = None,
    shard: Shard | None = None,
    batch_size: int = 256,
    device: str | None = None,
    executor: Executor | None = None,
    rng: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Representations | dict[str, Representations]:
    """Run data through a trained network and keep the tensors of many sites, in one pass.

    The model runs in eval mode and its modes are restored; hooks are always removed;
    outputs, gradients, buffers, random states and the data do not change. A pass ends at
    the last of the sites.

    Parameters
    ----------
    model : a module; inside DataParallel or torch.compile, run eagerly and on one device.
    data : an array or tensor with examples as first axis, or an array on disk (h5py, zarr),
        of which only the wanted rows are read; (inputs, labels); a mapping of arrays, for a
        network that takes names; a `Cloud`; a torch `Dataset` or `DataLoader`, read in the
        order of the data set; or any iterable of batches. An input `attention_mask` says
        which tokens are padding, `special_tokens_mask` which a tokenizer added, and
        `word:NAME` which are those of a word; `labels` are kept apart. The network gets the
        named columns that its forward takes. Texts that are padded on the right go through
        the network in batches of similar length, without their padding, where this is found
        to change no point.
    sites : names, globs, `re:` expressions or roles, `!pattern` to leave out: see
        `ms.sites` and `networks.patterns.select`.
    points : what a point is: a word ("auto", "flatten", "mean", "cls", "last", "token:-2",
        "word:NAME", "tokens:8", "patches:8", "flatten+project:1024"), a policy, both of
        `networks.points`, or a mapping of patterns to these. "auto" takes the mean of
        tokens, and all values of anything else, up to 16,384. Several points of one example
        share a group. The meaning of axes is found from their response to inputs; if that
        fails, give it as in "CHW:mean". A list of words or policies reads all of them in
        one pass, and gives a `Representations` for each, by name.
    n : at most so many examples, drawn at random by `rng`, nested; None for all.
    store : folder for the representations, a Zarr group; one in it for each of several
        choices of points. A stopped or killed run continues where it was; a finished one
        only reads. Another network, other data or settings are an error that shows the
        difference. The batch size is that of the first call, so the arrays are the same to
        the last bit.
    shard : (i, n), with a store: this process reads chunks i, i + n, ...; any shards
        complete what others began.
    batch_size : examples per forward pass; a loader keeps its own.
    device : where the forward pass runs; None is where the model is. The model must be
        there already.
    executor : its workers share the chunks; the network and the data are sent to them.
    rng : seed of random tokens, projections and samples.
    progress : called with the number of examples done since the last call.

    Raises
    ------
    ManifoldScaleError : a pattern matches no site; a site does not give one row per
        example; the network does not accept the data; there are no examples.
    """
    several = isinstance(points, list | tuple)
    choices = _choices(points)
    named = tuple(choices.values())
    opened = _opened(model, data, sites, named, n, batch_size, device, rng)
    places: dict[str, Path | None] = dict.fromkeys(choices)
    if store is not None:
        folder = Path(store)
        places = {one: folder / folder_name(one) if one else folder for one in choices}
    found = _extracted(opened, data, places, shard, batch_size, device, executor, progress)
    return found if several else found[""]


def _choices(
    points: PointsChoice | list[str] | tuple[str | Points, ...],
) -> dict[str, PointsChoice]:
    """Several choices of points by name, or a single one, without."""
    if not isinstance(points, list | tuple):
        return {"": points}
    good = all(isinstance(one, str | Points) for one in points)
    names = [str(one) for one in points]
    require(
        good and len(set(names)) == len(names) > 0,
        f"`points`: several are a list of different words or policies; not {points!r}.",
    )
    return dict(zip(names, points, strict=True))


def _extracted(
    opened: "_Opened",
    data: Any,
    places: Mapping[str, Path | None],
    shard: Shard | None,
    batch_size: int,
    device: str | None,
    executor: Executor | None,
    progress: Callable[[int], None] | None,
) -> dict[str, Representations]:
    """The representations of each choice of points, in one pass."""
    forwards, source, first = opened.forwards, opened.source, opened.first
    paths = [path for path in places.values() if path is not None]
    # A store that was begun holds the bounds already.
    begun = bool(paths) and all(map(is_begun, paths))
    bounds = [{} if begun else bounded_by(one, first) for one in forwards]

    def named(blocks: Sequence[Block]) -> dict[str, Representations]:
        made = map(_representations, forwards, blocks, bounds)
        return dict(zip(places, made, strict=True))

    if source is not None:
        size = source.batch_size or batch_size
        sorting = source.lengths is not None and may_cut(forwards, first)
        work = Work(forwards, data, opened.rows, size, device, size, bounds, sorting)
    if paths or executor is not None:
        require(
            source is not None,
            "`store` and `executor` need data that can be read by number: an array or a "
            "Dataset, not an iterable.",
        )
        ((*sample,),) = blocks_of(forwards, [first])
        if paths:
            write_all(work, paths, sample, shard, executor, progress)
            return {name: open_store(path) for name, path in places.items() if path}
        sizes = (sum(a.nbytes for a in block.arrays.values()) for block in sample)
        examples = chunk_examples(max(sizes) // len(first), size)
        return named(read_all(dc.replace(work, examples=examples), executor, progress))
    require(shard is None, "`shard` needs a `store`, where the shards meet.")
    if source is not None and work.by_length:
        return named(dc.replace(work, examples=len(opened.rows)).read(0, progress))
    total = None if source is None else len(opened.rows)
    parts = list(opened.blocks(progress, total))
    return named([joined(list(blocks)) for blocks in zip(*parts, strict=True)])


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
    """The result of `extract` batch by batch, for statistics that need no storage.

        for block in blocks(model, data, "fc"):
            moments.update(block.arrays["fc"])

    Between two blocks the model is as it was. Parameters and errors are as for `extract`.
    """
    opened = _opened(model, data, sites, (points,), n, batch_size, device, rng)
    for (block,) in opened.blocks():
        yield block


@dc.dataclass(frozen=True, eq=False)
class _Opened:
    """Data with its first batch already read, and what to read from it."""

    forwards: tuple[ForwardPass, ...]
    source: Source | None
    rows: Ints
    first: Batch
    rest: Iterator[Batch]

    def blocks(
        self, progress: Callable[[int], None] | None = None, total: int | None = None
    ) -> Iterator[tuple[Block, ...]]:
        batches = chain([self.first], self.rest)
        return blocks_of(self.forwards, counted(batches, progress), total=total)


def _opened(
    model: nn.Module,
    data: Any,
    sites: Patterns,
    choices: Sequence[PointsChoice],
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
        require(n is None, "`n` needs data that can be read by number, not an iterable.")
        batches = stream(data, model, device)
    else:
        rows = nested_rows(len(source) if n is None else n, len(source), rng)
        batches = source.batches(rows, batch_size, model, device)
    first = next(batches, None)
    if first is None or len(first) == 0:
        raise ManifoldScaleError("`data` holds no examples.")
    forwards = plan_passes(model, first, sites, choices, rng)
    return _Opened(forwards, source, rows, first, batches)


def _representations(
    forward: ForwardPass, everything: Block, bounds: Mapping[str, tuple[str, ...]]
) -> Representations:
    return Representations(
        sites=forward.sites,
        arrays=everything.arrays,
        labels=everything.labels,
        ids=everything.ids,
        groups=everything.ids if everything.grouped else None,
        policies=forward.policies,
        bounded_by=bounds,
    )


def open_store(path: str | Path, *, verify: bool = False) -> Representations:
    """The representations that `extract(..., store=path)` keeps, read from disk on demand.

    `reps.arrays[site][rows]` reads a part of a site; any tool for Zarr opens the folder
    too, for example `xarray.open_zarr(path, consolidated=False)`.

    Parameters
    ----------
    verify : read everything now and compare it with the checksums, for example after a copy
        from another machine.

    Raises
    ------
    ManifoldScaleError : there is no extraction. Missing or shortened chunks are errors when
        they are read; changed ones when they are verified.
    """
    stored = read_store(path)
    if verify:
        stored.verify()
    columns = {name: StoredArray(stored, name) for name in stored.columns}
    ids = columns.pop("ids")
    labels = columns.pop("labels", None)
    found = tuple(
        Site(**{**site, "shape": tuple(site["shape"])}) for site in stored.about["sites"]
    )
    seed = int(stored.settings["seed"])
    words = stored.settings["sites"].items()
    policies = {site: points_from(word, seed) for site, word in words}
    bounds = stored.about.get("bounded_by", {})  # older stores do not have it
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


def _usable(model: Any) -> nn.Module:
    """The model; a TorchScript program, whose modules take no hooks, is wrapped."""
    require(
        isinstance(model, nn.Module),
        f"`model` must be a torch.nn.Module; not {type(model).__name__}.",
    )
    check_weights(model)
    found: nn.Module = Scripted(model) if isinstance(model, ScriptModule) else model
    check_modes(found)
    return found
