"""A user's examples as a task: a file, a folder, a function, or arrays in memory."""

import dataclasses as dc
import functools as ft
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from ..core.arrays import Array, Floats, as_numpy, check_same_rows
from ..core.errors import ManifoldScaleError, few, require
from ..core.random import keyed
from ..core.serialize import LATER, NEVER
from ..core.settings import Settings, among
from ..core.tables import read_rows
from ..data.examples import Examples, load_examples
from ..geometry.duplicates import distinct
from .tasks import Split, Task, split_of

FOUND = {"found": True}  # of fields that are no settings: they follow from the examples
MEMORY = "memory:"  # begins the source of arrays that are in no file
FEWEST = 20  # examples
HARDLY = 0.01  # a share of copies that changes no loss by much
LARGEST = 1e30
FAR = 1e4  # spreads from zero, where steps of float32 reach the distances of neighbours
PER_CLASS = 2  # at least so many examples, on average
ADVICE = (
    "An .npz file needs `y` beside `X`, a table a column `y` (or say which: "
    "FILE::column), a folder of images a folder for each class, and a function must "
    "return (inputs, labels)."
)


@dc.dataclass(frozen=True, eq=False)
class Arrays:
    """Examples in memory.

    Attributes
    ----------
    inputs : (n x ...), as they were given.
    labels : (n,) classes from 0; None if the targets are real numbers.
    targets : (n x outputs): one-hot, or real ones of mean 0 and variance 1.
    """

    inputs: Array
    labels: Array | None
    targets: Array

    @ft.cached_property
    def fingerprint(self) -> str:
        """A hash of the examples."""
        digest = hashlib.sha256()
        labels = self.targets if self.labels is None else self.labels
        for part in (self.inputs, labels):
            digest.update(f"{part.shape} {part.dtype.str}".encode())
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    @ft.cached_property
    def copies(self) -> int:
        """How many inputs are exact copies of earlier ones."""
        return len(self.inputs) - len(distinct(self.rows))

    @ft.cached_property
    def preparation(self) -> tuple[Floats, float]:
        """The mean input, and the root mean square of a centred feature."""
        rows = self.inputs.reshape(len(self.inputs), -1)
        offset = rows.mean(0, dtype=np.float64)
        squares = np.square(rows - offset.astype(np.float32), dtype=np.float64)
        return offset, float(np.sqrt(squares.mean()))

    @ft.cached_property
    def prepared(self) -> Array:
        """(n x features), centred and scaled."""
        offset, scale = self.preparation
        rows = self.inputs.reshape(len(self.inputs), -1).astype(np.float32)
        rows -= offset.astype(np.float32)
        rows /= np.float32(scale)
        return rows

    @ft.cached_property
    def rows(self) -> Array:
        """(n x features), as they were given."""
        return self.inputs.reshape(len(self.inputs), -1).astype(np.float32, copy=False)


@dc.dataclass(frozen=True)
class OwnData(Settings, Task):
    """Learn examples of one's own.

    Every run draws its own split into training and test examples from all of the data.
    Whole numbers and words are classes, with one-hot targets; other numbers are real
    targets, standardised: the best constant has a squared error of 1. Inputs are centred
    and scaled by one number, to a mean square of 1.

    Parameters
    ----------
    source : what `data.load_examples` takes: a file, a folder, "py:module:function".
    targets : "auto", or "classes" or "real" where numbers say otherwise.
    prepared : the inputs are used as they are.
    fingerprint, shape, examples, classes, n_outputs, copies : of the examples, found when
        they are read for the first time. Runs on other examples are other runs.
    held : the arrays themselves, if they are in no file.
    """

    source: str
    targets: Annotated[str, among("auto", "classes", "real")] = "auto"
    prepared: bool = False
    fingerprint: str = dc.field(default="", metadata=FOUND)
    shape: tuple[int, ...] = dc.field(default=(), metadata=FOUND)
    examples: int = dc.field(default=0, metadata=FOUND)
    classes: int = dc.field(default=0, metadata=FOUND)
    n_outputs: int = dc.field(default=0, metadata=FOUND)
    copies: int = dc.field(default=0, metadata={**FOUND, **LATER})
    held: Arrays | None = dc.field(default=None, repr=False, compare=False, metadata=NEVER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fingerprint:
            return
        arrays = self.held or _read(self.source, self.targets)
        about = {
            "fingerprint": arrays.fingerprint,
            "shape": arrays.inputs.shape[1:],
            "examples": len(arrays.inputs),
            "classes": 0 if arrays.labels is None else arrays.targets.shape[1],
            "n_outputs": arrays.targets.shape[1],
            "copies": arrays.copies,
        }
        for name, value in about.items():
            object.__setattr__(self, name, value)
        if self.held is None:
            _keep(arrays)

    @classmethod
    def of(
        cls, inputs: Any, labels: Any, name: str = "arrays", **settings: Any
    ) -> "OwnData":
        """Arrays or tensors in memory: inputs (n x ...), and classes or real targets."""
        chosen = settings.get("targets", "auto")
        held = checked(Examples(inputs, labels), f"{name!r}", chosen)
        return cls(f"{MEMORY}{name}", held=held, **settings)

    @property
    def arrays(self) -> Arrays:
        """The examples, read again where they are not at hand.

        Raises
        ------
        ManifoldScaleError : they are not those of the fingerprint, or were in the memory of
            another session.
        """
        if self.held is not None:
            return self.held
        found = _KEPT.get(self.fingerprint)
        if found is None:
            found = _read(self.source, self.targets)
            require(
                found.fingerprint == self.fingerprint,
                f"DATA {self.source!r} holds other examples than when the study or sweep "
                "was planned. Begin another one, in another folder.",
            )
            _keep(found)
        return found

    @property
    def name(self) -> str:
        if self.source.startswith("py:"):
            return self.source
        return Path(self.source.removeprefix(MEMORY)).name or self.source

    @property
    def inputs(self) -> int:
        return math.prod(self.shape)

    @property
    def example_shape(self) -> tuple[int, ...]:
        return self.shape

    @property
    def rows_first(self) -> bool:
        return len(self.shape) == 1

    @property
    def outputs(self) -> int:
        return self.n_outputs

    @property
    def shared_data(self) -> bool:
        return True

    @property
    def copies_said(self) -> str:
        share = self.copies / self.examples
        return f"{self.copies:,} of {self.examples:,}" if share >= HARDLY else ""

    @property
    def has_classes(self) -> bool:
        return self.classes > 0

    @property
    def preparation(self) -> tuple[Floats, float]:
        return super().preparation if self.prepared else self.arrays.preparation

    def largest(self, n_test: int) -> int:
        return self.examples - n_test

    def everything(self) -> tuple[Array, Array]:
        arrays = self.arrays
        return arrays.rows if self.prepared else arrays.prepared, arrays.targets

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        return split_of(self, n_train, n_test, seed)

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        arrays = self.arrays
        rows = np.sort(keyed(seed, "probe").permutation(self.examples)[:n])
        labels = None if arrays.labels is None else arrays.labels[rows]
        return arrays.rows[rows], labels


# The examples that were last read, by fingerprint: a worker has many tasks of the same.
_KEPT: dict[str, Arrays] = {}


def _keep(arrays: Arrays) -> None:
    _KEPT.clear()
    _KEPT[arrays.fingerprint] = arrays


def _read(source: str, targets: str) -> Arrays:
    require(
        not source.startswith(MEMORY),
        f"The arrays of {source.removeprefix(MEMORY)!r} were in the memory of another "
        "session: give them again.",
    )
    examples = load_examples(source)
    require(
        examples.labels is not None,
        f"DATA {source!r} has nothing to learn{_held_by(source)}. {ADVICE}",
    )
    return checked(examples, repr(source), targets)


def _held_by(source: str) -> str:
    """The names of the arrays or columns of a file, in words."""
    path = Path(source)
    if path.suffix == ".npz" and path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            return f": it holds {few(stored.files, 8)}"
    if path.suffix in (".csv", ".tsv", ".parquet") and path.is_file():
        return f": it has columns {few(list(read_rows(path)[0]), 8)}"
    return ""


def checked(examples: Examples, said: str, targets: str) -> Arrays:
    """Examples that can be learned.

    Raises
    ------
    ManifoldScaleError : inputs or targets that are not finite numbers, none at all, of
        different lengths, without any variation.
    """
    require(
        not isinstance(examples.inputs, Mapping),
        f"DATA {said} has inputs by name; a study needs one array of them.",
    )
    require(examples.labels is not None, f"DATA {said} has nothing to learn. {ADVICE}")
    check_same_rows([("inputs", examples.inputs), ("labels", examples.labels)])
    inputs = as_numpy(examples.inputs, "inputs")
    require(
        inputs.dtype.kind in "fiub" and inputs.ndim > 1,
        f"DATA {said} must have inputs (examples x ...) of numbers; it has {inputs.dtype} "
        f"of shape {inputs.shape}.",
    )
    bad = int((~np.isfinite(inputs)).sum()) if inputs.dtype.kind == "f" else 0
    require(not bad, f"DATA {said} has {bad:,} inputs that are not finite.")
    labels = as_numpy(examples.labels, "labels")
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    require(
        len(labels) == len(inputs),
        f"DATA {said} has {len(inputs):,} inputs, and targets for {len(labels):,}.",
    )
    require(
        len(inputs) >= FEWEST,
        f"DATA {said} has {len(inputs)} examples; a study needs at least {FEWEST}.",
    )
    require(
        bool((inputs != inputs[0]).any()),
        f"DATA {said} has the same input in all of its examples.",
    )
    if targets == "real" or (targets == "auto" and labels.dtype.kind == "f"):
        found = Arrays(inputs, None, _standardised(labels, said))
    else:
        found = _of_classes(inputs, labels, said)
    _check_float32(found, said)
    return found


def _check_float32(found: Arrays, said: str) -> None:
    """Refuse inputs that float32, in which networks compute, cannot tell apart."""
    with np.errstate(over="ignore", invalid="ignore"):
        offset, scale = found.preparation
    require(
        1 / LARGEST < scale < LARGEST,
        f"DATA {said} has inputs that spread by {scale:.1e}: networks compute in float32, "
        "which does not reach so far. Scale them.",
    )
    far = float(np.abs(offset).max()) / scale
    require(
        far < FAR,
        f"DATA {said} has inputs whose mean is {far:.1e} times their spread: networks "
        "compute in float32, which has too few digits for that. Subtract the mean.",
    )


def _standardised(targets: Array, said: str) -> Floats:
    require(
        targets.dtype.kind in "fiub" and targets.ndim <= 2,
        f"DATA {said} must have real targets, (examples x outputs); it has "
        f"{targets.dtype} of shape {targets.shape}.",
    )
    values = targets.reshape(len(targets), -1).astype(np.float64)
    bad = int((~np.isfinite(values)).sum())
    require(not bad, f"DATA {said} has {bad:,} targets that are not finite.")
    spread = values.std(0)
    require(bool((spread > 0).all()), f"DATA {said} has a target that is constant.")
    return np.asarray((values - values.mean(0)) / spread)


def _of_classes(inputs: Array, labels: Array, said: str) -> Arrays:
    require(
        labels.ndim == 1,
        f"DATA {said} has classes of shape {labels.shape}; one number for each example is "
        "needed. Real targets must be floating-point numbers.",
    )
    classes, codes = np.unique(labels, return_inverse=True)
    require(len(classes) > 1, f"DATA {said} has one class only, {classes[0]}.")
    if len(classes) * PER_CLASS > len(labels):
        raise ManifoldScaleError(
            f"DATA {said} has {len(classes):,} different labels for {len(labels):,} "
            "examples. Whole numbers and words are classes: if these are real targets, "
            "make them floating-point numbers, or set targets = 'real'."
        )
    return Arrays(inputs, codes, np.eye(len(classes), dtype=np.float32)[codes])
