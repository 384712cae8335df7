"""What a point is: how the tensor of a site becomes rows of a cloud.

Policies are values; each can be written as a word, as the command line does.

    flatten       an example is a point, with all its values as features
    mean          an example is a point, the mean over its tokens or places
    cls, last     an example is a point, its first token, or its last that is a word
    token:i       an example is a point, its token i from 0, or from the end where i < 0
    token:i..j    an example is a point, the mean of its tokens i to j, j left out
    word:NAME     an example is a point, the mean over the tokens of a word that is marked
                  in it; word:NAME:last is the last of these tokens
    tokens[:k]    every token is a point, or k random tokens of each example
    patches[:k]   every place of a convolutional map is a point, or k random places
    ...+project:m a random projection of any of these to m features
    CHW:...       any of these, with the meaning of the axes of a site: one C for the
                  features, T for tokens, H and W (L, D) for places

Padding is never a point, nor part of one: see the mask of `extract`. Tokens that a
tokenizer adds ([CLS], [SEP], </s>) are not counted by `last`, `token` and `tokens`, where
`special_tokens_mask` says which they are; `last+special`, `tokens:8+special` count them.
`cls` is the first token whatever it is. `mean` is over all tokens, as sentence embeddings
are made; `mean-special` is over the words alone.
"""

import abc
import dataclasses as dc
import functools
from collections.abc import Mapping
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..core.arrays import Array, Ints
from ..core.errors import ManifoldScaleError, require
from ..core.random import hashed, keyed
from ..core.settings import Count, Settings, at_least
from .sites import Site

TOKENS, PLACES = "T", "LDHW"
OF_IMAGES = ("vision", "visual", "image", "pixel")  # modules of networks that read text too
LARGEST = 16_384  # features; above, distances cost too much
PROJECTED = 4_096
FEATURES = "These are the features that a projection is to."
ENTRIES = 8  # nonzeros per feature of a random projection


@dc.dataclass(frozen=True, eq=False)
class PointRows:
    """The examples of a batch, in the order of its first axis.

    Attributes
    ----------
    ids : (n,) whole numbers.
    mask : (n x tokens) True for tokens, False for padding; None if there is no padding.
    other : the mask of the tokens of a decoder, beside the mask of its encoder.
    seen : there are images beside the tokens, whose patches the mask does not know.
    special : (n x tokens) True for tokens that a tokenizer added; None if it is not known.
    marks : by name, (n x tokens) True for the tokens of a word in each example.
    """

    ids: Ints
    mask: Tensor | None = None
    other: Tensor | None = None
    special: Tensor | None = None
    marks: Mapping[str, Tensor] = dc.field(default_factory=dict)
    seen: bool = False

    def of(self, site: str) -> "PointRows":
        """The rows for a site: sites of a decoder use its mask, and of its tokens nothing
        else is known; patches of images have no mask.
        """
        path = site.lower().split(".")
        if self.seen and any(part.startswith(OF_IMAGES) for part in path):
            return PointRows(self.ids)
        if self.other is None or "decoder" not in path:
            return self
        return PointRows(self.ids, self.other, self.mask)

    def taken(self, rows: list[int]) -> "PointRows":
        """Some of the examples, in this order."""
        masks = (self.mask, self.other, self.special)
        mask, other, special = (None if one is None else one[rows] for one in masks)
        marks = {name: mark[rows] for name, mark in self.marks.items()}
        return PointRows(self.ids[rows], mask, other, special, marks, self.seen)


@dc.dataclass(frozen=True, eq=False)
class Drawn:
    """Rows of a cloud: points (rows x features), and the place in the batch of the example
    of each; None for one point per example.
    """

    points: Tensor
    examples: Tensor | None = None


@dc.dataclass(frozen=True)
class Points(Settings, abc.ABC):
    """A policy. It gives the points for values with examples as first axis and the letters
    of the axes (see `Site.axes`).
    """

    @abc.abstractmethod
    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn: ...

    def fits(self, axes: str) -> bool:
        """Whether a site with such axes has points of this kind."""
        return True


@dc.dataclass(frozen=True)
class Flatten(Points):
    """All values of an example, as one point."""

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        if rows.mask is not None and TOKENS in axes:
            require(
                bool(rows.mask.all()),
                "Flattened sequences would hold their padding; use points='mean', 'last' "
                "or 'tokens'.",
            )
        return Drawn(values if values.ndim == 2 else values.reshape(len(values), -1))

    def __str__(self) -> str:
        return "flatten"


@dc.dataclass(frozen=True)
class Mean(Points):
    """The mean of an example's tokens, without padding, or of its places.

    special : whether tokens that a tokenizer added count, as in sentence embeddings.
    """

    special: bool = True

    def fits(self, axes: str) -> bool:
        return _has_places(axes)

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        return Drawn(_mean(*_vectors(values, axes, rows, self.special)))

    def __str__(self) -> str:
        return "mean" if self.special else "mean-special"


@dc.dataclass(frozen=True)
class Token(Points):
    """One token of each example: the first ("cls"), or the last that is neither padding nor
    special; on either side.

    special : whether the last may be a token that a tokenizer added.
    """

    which: str = "last"
    special: bool = False

    def fits(self, axes: str) -> bool:
        return TOKENS in axes

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        first = self.which == "cls"
        vectors, valid = _vectors(values, axes, rows, self.special or first)
        if valid is None:
            return Drawn(vectors[:, 0 if first else -1])
        return Drawn(_first(vectors, valid) if first else _last(vectors, valid))

    def __str__(self) -> str:
        return f"{self.which}{'+special' * self.special}"


@dc.dataclass(frozen=True)
class Position(Points):
    """One token of each example by its number from 0, from the end where it is negative; or
    the mean of those from `at` to `stop`, which is left out.

    special : whether tokens that a tokenizer added are counted.
    """

    at: int
    stop: int | None = None
    special: bool = False

    def fits(self, axes: str) -> bool:
        return TOKENS in axes

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        vectors, valid = _vectors(values, axes, rows, self.special)
        if valid is None:
            valid = torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device)
        count = valid.sum(dim=1, keepdim=True)
        start = self.at + count * (self.at < 0)
        stop = start + 1 if self.stop is None else self.stop + count * (self.stop < 0)
        short = ((start < 0) | (stop > count) | (stop <= start))[:, 0]
        if bool(short.any()):
            row = int(short.int().argmax())
            raise ManifoldScaleError(
                f"points={str(self)!r}: {int(short.sum())} examples have no such token, "
                f"the first with id {rows.ids[row]}, of {int(count[row])} tokens."
            )
        number = valid.cumsum(dim=1) - 1
        return Drawn(_mean(vectors, valid & (number >= start) & (number < stop)))

    def __str__(self) -> str:
        span = "" if self.stop is None else f"..{self.stop}"
        return f"token:{self.at}{span}{'+special' * self.special}"


@dc.dataclass(frozen=True)
class Word(Points):
    """The tokens of the word that is marked in each example: their mean, or the last
    ("last").
    """

    name: str
    take: str = "mean"

    def fits(self, axes: str) -> bool:
        return TOKENS in axes

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        vectors, _ = _vectors(values, axes, rows)
        mark = rows.marks.get(self.name)
        if mark is None:
            known = ", ".join(f"word:{name}" for name in rows.marks) or "none"
            raise ManifoldScaleError(
                f"points={str(self)!r} needs the column 'word:{self.name}' beside "
                f"input_ids, 1 at the tokens of the word; `data` has {known}. From a text "
                f"it is made by load_examples(..., words=[{self.name!r}])."
            )
        _check_length(mark, vectors, f"column 'word:{self.name}'")
        empty = ~mark.any(dim=1)
        require(
            not bool(empty.any()),
            f"'word:{self.name}' marks no token of {int(empty.sum())} examples, the first "
            f"with id {rows.ids[int(empty.int().argmax())]}.",
        )
        take = _mean if self.take == "mean" else _last
        return Drawn(take(vectors, mark.to(vectors.device)))

    def __str__(self) -> str:
        return f"word:{self.name}{':last' * (self.take == 'last')}"


@dc.dataclass(frozen=True)
class Several(Points):
    """Every token ("tokens") or place ("patches") of an example is a point, or `k` random
    ones of each; points of an example share a group.

    Which ones are drawn depends only on the seed and the example's id.

    special : whether tokens that a tokenizer added are points.
    """

    what: str = "tokens"
    k: Count | None = None
    seed: int = 0
    special: bool = False

    def fits(self, axes: str) -> bool:
        return (TOKENS in axes) if self.what == "tokens" else _has_places(axes, PLACES)

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        vectors, valid = _vectors(values, axes, rows, self.special)
        n, length = vectors.shape[:2]
        keep = np.ones((n, length), bool) if valid is None else valid.cpu().numpy()
        if self.k is not None:
            keep = keep & (self._ranks(rows.ids, keep) < self.k)
        chosen = torch.from_numpy(keep).to(vectors.device)
        return Drawn(vectors[chosen], chosen.nonzero()[:, 0])

    def _ranks(self, ids: Ints, valid: Array) -> Ints:
        """The order in which the places of each example are drawn."""
        bits = hashed(self.seed, ids[:, None], np.arange(valid.shape[1]))
        bits = np.where(valid, bits >> np.uint64(1), np.iinfo(np.uint64).max)
        return bits.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")

    def __str__(self) -> str:
        count = "" if self.k is None else f":{self.k}"
        return f"{self.what}{count}{'+special' * self.special}"


@dc.dataclass(frozen=True)
class Project(Points):
    """Points of another policy under a random linear map to `to` features.

    It keeps distances up to a relative error of about sqrt(1 / to) (Johnson and
    Lindenstrauss). The map depends only on the seed and the number of features, so it is
    the same for every checkpoint and batch; it is sparse, with `ENTRIES` numbers per
    feature (Kane and Nelson 2014, J. ACM 61:4).
    """

    points: Points
    to: Annotated[int, at_least(ENTRIES, advice=FEATURES)] = PROJECTED
    seed: int = 0

    def fits(self, axes: str) -> bool:
        return self.points.fits(axes)

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        drawn = self.points(values, axes, rows)
        wide = drawn.points
        wide = wide if wide.dtype == torch.float64 else wide.float()
        features = wide.shape[1]
        if features <= self.to:
            return drawn
        matrix = _projection(features, self.to, self.seed).to(wide.device, wide.dtype)
        return dc.replace(drawn, points=torch.sparse.mm(matrix, wide.T).T)

    def __str__(self) -> str:
        return f"{self.points}+project:{self.to}"


@functools.lru_cache(maxsize=8)
def _projection(features: int, to: int, seed: int) -> Tensor:
    """(to x features), float64: each feature goes to a few outputs with random signs."""
    rng = keyed(seed, "projection", features, to)
    # One output in each of ENTRIES blocks, so that no feature goes twice to one output.
    edges = np.linspace(0, to, ENTRIES + 1).astype(np.int64)
    outputs = rng.integers(edges[:-1], edges[1:], (features, ENTRIES))
    signs = rng.choice([-1.0, 1.0], (features, ENTRIES)) / np.sqrt(ENTRIES)
    inputs = np.repeat(np.arange(features), ENTRIES)
    index = torch.from_numpy(np.stack([outputs.ravel(), inputs]))
    matrix = torch.sparse_coo_tensor(
        index, torch.from_numpy(signs.ravel()), (to, features), check_invariants=False
    )
    return matrix.coalesce()


@dc.dataclass(frozen=True)
class Named(Points):
    """Points of another policy at a site with given axes: "CHW" for channels first, "HWC"
    for channels last, "TC" for tokens.
    """

    axes: str
    points: Points

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.axes.count("C") == 1 and set(self.axes) <= {"C", *TOKENS, *PLACES},
            f"`points`: axes are one C, for the features, and letters of "
            f"{TOKENS + PLACES} for tokens and places, as in CHW:mean; not {self.axes!r}.",
        )

    def fits(self, axes: str) -> bool:
        return len(axes) == len(self.axes) + 1 and self.points.fits(f"N{self.axes}")

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        return self.points(values, f"N{self.axes}", rows)

    def __str__(self) -> str:
        return f"{self.axes}:{self.points}"


def plain(policy: Points) -> Points:
    """The policy without projections and given axes."""
    while isinstance(policy, Project | Named):
        policy = policy.points
    return policy


def _has_places(axes: str, letters: str = TOKENS + PLACES) -> bool:
    return any(letter in letters for letter in axes)


def _vectors(
    values: Tensor, axes: str, rows: PointRows, special: bool = True
) -> tuple[Tensor, Tensor | None]:
    """(examples x places x features), and which places are not padding, nor `special`."""
    channel = axes.index("C")
    vectors = values.movedim(channel, -1).flatten(1, -2)
    if TOKENS not in axes:
        return vectors, None
    valid = None if rows.mask is None else _not_padding(vectors, rows)
    if not special and rows.special is not None:
        _check_length(rows.special, vectors, "`special_tokens_mask`")
        words = ~rows.special.to(vectors.device)
        valid = words if valid is None else valid & words
        _check_some(valid, rows, "special tokens, as of an empty text")
    return vectors, valid


def _not_padding(vectors: Tensor, rows: PointRows) -> Tensor | None:
    # Keys of attention to the encoder are in the decoder, but have the encoder's tokens.
    masks = [one for one in (rows.mask, rows.other) if one is not None]
    mask = next((one for one in masks if one.shape[1] == vectors.shape[1]), None)
    if mask is None and vectors.shape[1] == 1:
        return None  # a vector of the whole example, as the last state of a recurrent layer
    if mask is None:
        _check_length(masks[0], vectors, "mask")
    assert mask is not None
    _check_some(mask, rows, "padding")
    return mask.to(vectors.device)


def _check_length(mask: Tensor, vectors: Tensor, name: str) -> None:
    require(
        mask.shape[1] == vectors.shape[1],
        f"The {name} has {mask.shape[1]} tokens per example, the site {vectors.shape[1]}: "
        "which of its tokens are meant is not known.",
    )


def _check_some(valid: Tensor, rows: PointRows, what: str) -> None:
    empty = ~valid.any(dim=1)
    if bool(empty.any()):
        first = rows.ids[int(empty.int().argmax())]
        raise ManifoldScaleError(
            f"{int(empty.sum())} examples are only {what}, the first with id {first}: "
            "they have no point. Leave them out."
        )


def _mean(vectors: Tensor, valid: Tensor | None) -> Tensor:
    """The mean over the valid places of each example."""
    # Sums in half precision would lose digits, and overflow.
    wide = vectors if vectors.dtype == torch.float64 else vectors.float()
    if valid is None:
        return wide.mean(dim=1)
    weights = valid.to(wide.dtype)[..., None]
    # Padding may hold anything, also infinities, and zero times infinity is NaN.
    kept = torch.where(valid[..., None], wide, 0)
    return kept.sum(dim=1) / weights.sum(dim=1)


def _first(vectors: Tensor, valid: Tensor) -> Tensor:
    everyone = torch.arange(len(vectors), device=vectors.device)
    return vectors[everyone, valid.int().argmax(dim=1)]


def _last(vectors: Tensor, valid: Tensor) -> Tensor:
    return _first(vectors.flip(1), valid.flip(1))


def automatic(site: Site) -> Points:
    """The mean of tokens; all values of anything else, or if these are too many, the mean
    of places or a projection.
    """
    if TOKENS in site.axes:
        return Mean()
    if site.features <= LARGEST:
        return Flatten()
    return Mean() if _has_places(site.axes) else Project(Flatten())
