"""Checkpoints along training: which files, in what order, and how each is called."""

import re
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import ManifoldScaleError

# What a number in the name of a file counts, the first that is found.
COUNTED = {
    "epoch": r"epochs?|ep",
    "step": r"global[ _-]?steps?|steps?",
    "iteration": r"iterations?|iters?",
    "checkpoint": r"checkpoints?|ckpts?",
}


def moment(path: str) -> tuple[str, int] | None:
    """What the name of a checkpoint counts, and how many; of its folder where the file has
    no number; None where neither has one.

    >>> moment("runs/model-epoch=5.ckpt"), moment("checkpoint-500/model.safetensors")
    (('epoch', 5), ('checkpoint', 500))
    """
    file = Path(path.partition("::")[0])
    for name in (file.stem, file.parent.name):
        for word, spelled in COUNTED.items():
            found = re.search(rf"(?<![a-z])(?:{spelled})[ _=.-]*(\d+)", name, re.IGNORECASE)
            if found:
                return word, int(found[1])
    return None


def in_order(given: Sequence[str]) -> tuple[str, ...]:
    """The files that were given, in their order; those that a pattern stands for by their
    number.

    Raises
    ------
    ManifoldScaleError : a pattern that no file has.
    """
    files: list[str] = []
    for path in map(str, given):
        if not re.search(r"[*?\[]", path) or Path(path).exists():
            files.append(path)
            continue
        pattern, key = Path(path.partition("::")[0]), path.partition("::")[1:]
        within = Path(pattern.anchor or ".")
        relative = str(pattern.relative_to(pattern.anchor))
        found = [f"{file}{''.join(key)}" for file in within.glob(relative)]
        if not found:
            raise ManifoldScaleError(
                f"--along-training: no file is called {path!r}. A pattern, as in "
                "'checkpoints/epoch_*.pt', stands for all files that have it."
            )
        files += sorted(found, key=lambda one: (moment(one) or ("", -1), one))
    return tuple(files)


def folders(paths: Sequence[str]) -> list[str]:
    """Where each is kept, by its place and its file: a stored run resumes by this name."""
    return [f"{place:03d}-{Path(path).stem}" for place, path in enumerate(paths)]


def names(paths: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """What each is called in figures and tables: by what its name counts, "epoch 3"; else
    by its file, with its place in front where that would not tell it from the others.
    """
    moments = [moment(path) for path in paths]
    called = [
        Path(path).stem if found is None else f"{found[0]} {found[1]}"
        for path, found in zip(paths, moments, strict=True)
    ]
    return [
        place if called.count(name) > 1 or name in taken else name
        for name, place in zip(called, folders(paths), strict=True)
    ]
