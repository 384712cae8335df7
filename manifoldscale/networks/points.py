"""What a point is: how the tensor of a site becomes rows of a cloud.

Policies are values; each can be written as a word, as the command line does.

    flatten       an example is a point, all of its values the features
    mean          an example is a point, the mean over its tokens or places
    cls, last     an example is a point, its first or last token
    tokens[:k]    every token is a point, or k random tokens of each example
    patches[:k]   every place of a convolutional map is a point, or k random ones
    ...+project:m a random projection of any of these to m features
    CHW:...       any of these, where what the axes of a site mean is told: one C for the
                  features, T for tokens, H and W (L, D) for places

Padding is never a point, nor part of one: see the mask of `extract`.
"""

import abc
import dataclasses as dc
import functools

import numpy as np
import torch
from torch import Tensor

from ..core.arrays import Array, Ints
from ..core.errors import ManifoldScaleError, nearest, require
from ..core.random import hashed, keyed
from ..core.settings import check_fields
from .sites import Site

TOKENS, PLACES = "T", "LDHW"
LARGEST = 16_384  # features; above, distances cost more than they tell
PROJECTED = 4_096
ENTRIES = 8  # nonzeros a feature of a random projection


@dc.dataclass(frozen=True, eq=False)
class Rows:
    """The examples of a batch, in the order of its first axis.

    Attributes
    ----------
    ids : (n,) whole numbers.
    mask : (n x tokens) True for tokens, False for padding; None where there is no padding.
    other : that of the tokens of a decoder, beside those of its encoder.
    """

    ids: Ints
    mask: Tensor | None = None
    other: Tensor | None = None

    def of(self, site: str) -> "Rows":
        """The rows as a site sees them: those of a decoder have its tokens."""
        if self.other is None or "decoder" not in site.lower().split("."):
            return self
        return dc.replace(self, mask=self.other, other=self.mask)


@dc.dataclass(frozen=True, eq=False)
class Drawn:
    """Rows of a cloud: points (rows x features), and the place in the batch of the example
    that each belongs to, None for one point an example.
    """

    points: Tensor
    examples: Tensor | None = None


@dc.dataclass(frozen=True)
class Points(abc.ABC):
    """A policy. Called with values whose first axis is the examples, and the letters of
    the axes (see `Site.axes`), it gives the points.
    """

    @abc.abstractmethod
    def __call__(self, values: Tensor, axes: str, rows: Rows) -> Drawn: ...

    def fits(self, axes: str) -> bool:
        """Whether a site with such axes has points of this kind."""
        return True


@dc.dataclass(frozen=True)
class Flatten(Points):
    """All values of an example, as one point."""

    def __call__(self, values: Tensor, axes: str, rows: Rows) -> Drawn:
        padded = rows.mask is not None and not bool(rows.mask.all())
        require(
            not (padded and TOKENS in axes),
            "Flattened sequences would hold their padding; use points='mean', 'last' or "
            "'tokens'.",
        )
        return Drawn(values.reshape(len(values), -1))

    def __str__(self) -> str:
        return "flatten"


@dc.dataclass(frozen=True)
class Mean(Points):
    """The mean of an example's tokens, padding left out, or of its places."""

    def fits(self, axes: str) -> bool:
        return _has_places(axes)

    def __call__(self, values: Tensor, axes: str, rows: Rows) -> Drawn:
        vectors, valid = _vectors(values, axes, rows)
        # Sums of half precision would overflow, and lose digits before that.
        wide = vectors if vectors.dtype == torch.float64 else vectors.float()
        if valid is None:
            return Drawn(wide.mean(dim=1))
        weights = valid.to(wide.dtype)[..., None]
        # Padding may hold anything, infinities too, which times zero are NaN.
        kept = torch.where(valid[..., None], wide, 0)
        return Drawn(kept.sum(dim=1) / weights.sum(dim=1))

    def __str__(self) -> str:
        return "mean"


@dc.dataclass(frozen=True)
class Token(Points):
    """One token of each example: the first ("cls") or the last, of those that are not
    padding, on whichever side that is.
    """

    which: str = "last"

    def fits(self, axes: str) -> bool:
        return TOKENS in axes

    def __call__(self, values: Tensor, axes: str, rows: Rows) -> Drawn:
        vectors, valid = _vectors(values, axes, rows)
        n, length = vectors.shape[:2]
        if valid is None:
            place = torch.full((n,), 0 if self.which == "cls" else length - 1)
        elif self.which == "cls":
            place = valid.int().argmax(dim=1)
        else:
            place = length - 1 - valid.int().flip(1).argmax(dim=1)
        everyone = torch.arange(n, device=vectors.device)
        return Drawn(vectors[everyone, place.to(vectors.device)])

    def __str__(self) -> str:
        return self.which


@dc.dataclass(frozen=True)
class Several(Points):
    """Every token ("tokens") or place ("patches") of an example is a point of its own, or
    `k` random ones of each; points of an example share a group.

    Which are drawn depends on the seed and the example's id alone.
    """

    what: str = "tokens"
    k: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        require(self.k is None or self.k >= 1, f"`k` must be positive; not {self.k}.")

    def fits(self, axes: str) -> bool:
        return (TOKENS in axes) if self.what == "tokens" else _has_places(axes, PLACES)

    def __call__(self, values: Tensor, axes: str, rows: Rows) -> Drawn:
        vectors, valid = _vectors(values, axes, rows)
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
        return self.what if self.k is None else f"{self.what}:{self.k}"


@dc.dataclass(frozen=True)
class Project(Points):
    """Points of another policy under a random linear map to `to` features.

    Distances are kept up to a relative error of about sqrt(1 / to) (Johnson and
    Lindenstrauss). The map depends on the seed and the number of features alone, so that
    it is the same for every checkpoint and batch; it is sparse, and takes `ENTRIES`
    numbers a feature (Kane and Nelson 2014, J. ACM 61:4).
    """

    points: Points
    to: int = PROJECTED
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        require(
            self.to >= ENTRIES,
            f"A projection needs at least {ENTRIES} features; not {self.to}.",
        )

    def fits(self, axes: str) -> bool:
        return self.points.fits(axes)

    def __call__(self, values: Tensor, axes: str, rows: Rows) -> Drawn:
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
    # One output in each of ENTRIES blocks, so that no feature meets itself.
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
    """Points of another policy, of a site whose axes are told: "CHW" for channels first,
    "HWC" for channels last, "TC" for tokens.
    """

    axes: str
    points: Points

    def __post_init__(self) -> None:
        check_fields(self)
        require(
            self.axes.count("C") == 1 and set(self.axes) <= {"C", *TOKENS, *PLACES},
            f"`points`: axes are told by one C, for the features, and letters of "
            f"{TOKENS + PLACES} for tokens and places, as in CHW:mean; not {self.axes!r}.",
        )

    def fits(self, axes: str) -> bool:
        return len(axes) == len(self.axes) + 1 and self.points.fits(f"N{self.axes}")

    def __call__(self, values: Tensor, axes: str, rows: Rows) -> Drawn:
        return self.points(values, f"N{self.axes}", rows)

    def __str__(self) -> str:
        return f"{self.axes}:{self.points}"


def plain(policy: Points) -> Points:
    """The policy beneath projections and told axes."""
    while isinstance(policy, Project | Named):
        policy = policy.points
    return policy


def _has_places(axes: str, letters: str = TOKENS + PLACES) -> bool:
    return any(letter in letters for letter in axes)


def _vectors(values: Tensor, axes: str, rows: Rows) -> tuple[Tensor, Tensor | None]:
    """(examples x places x features), and which places are no padding."""
    channel = axes.index("C")
    vectors = values.movedim(channel, -1).flatten(1, -2)
    if TOKENS not in axes or rows.mask is None:
        return vectors, None
    # Keys of attention to the encoder stand in the decoder, and have the encoder's tokens.
    masks = [one for one in (rows.mask, rows.other) if one is not None]
    mask = next((one for one in masks if one.shape[1] == vectors.shape[1]), None)
    if mask is None:
        raise ManifoldScaleError(
            f"The mask has {rows.mask.shape[1]} tokens an example, the site "
            f"{vectors.shape[1]}: which of its tokens are padding is not known."
        )
    empty = ~mask.any(dim=1)
    if bool(empty.any()):
        first = rows.ids[int(empty.int().argmax())]
        raise ManifoldScaleError(
            f"{int(empty.sum())} examples are all padding, the first with id {first}: they "
            "have no point. Leave them out."
        )
    return vectors, mask.to(vectors.device)


def automatic(site: Site) -> Points:
    """The mean of tokens; all values of anything else, the mean of places or a projection
    where those are too many.
    """
    if TOKENS in site.axes:
        return Mean()
    if site.features <= LARGEST:
        return Flatten()
    return Mean() if _has_places(site.axes) else Project(Flatten())


WORDS = ("auto", "flatten", "mean", "cls", "last", "tokens", "patches")


def points_from(word: str, seed: int = 0) -> Points | None:
    """The policy that a word means; None for "auto"."""
    axes, colon, rest = word.partition(":")
    if colon and axes.isupper():
        named = points_from(rest, seed)
        require(named is not None, f"`points`: {word!r} names axes for no policy.")
        assert named is not None
        return Named(axes, named)
    base, *more = word.split("+")
    policy = _base(base, word, seed)
    for part in more:
        name, _, size = part.partition(":")
        require(
            name == "project" and policy is not None and (size == "" or size.isdigit()),
            f"`points`: {word!r} is not understood after the '+'; a projection is written "
            "flatten+project:1024.",
        )
        assert policy is not None
        policy = Project(policy, int(size or PROJECTED), seed)
    return policy


def _base(base: str, word: str, seed: int) -> Points | None:
    name, colon, count = base.partition(":")
    counted = name in ("tokens", "patches")
    if name not in WORDS or (colon and not (counted and count.isdigit())):
        raise ManifoldScaleError(
            f"`points` must be one of {', '.join(map(repr, WORDS))}, tokens and patches "
            f"with a number as in 'tokens:8'; not {word!r}. Did you mean "
            f"{nearest(name, WORDS, 1)}?"
        )
    if counted:
        return Several(name, int(count) if count else None, seed)
    single = {"flatten": Flatten(), "mean": Mean(), "auto": None}
    return single[name] if name in single else Token(name)
