"""The networks that a probe looks at: which, what each is there for, whose weights."""

import dataclasses as dc
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from ...core.errors import ManifoldScaleError
from ...data.shuffled import SHUFFLES
from ...networks.checkpoints import fill
from ...networks.fingerprint import of_weights
from ...networks.initialise import at_initialisation, copied
from ...networks.loading import load_model
from ...networks.preparation import Preparation, preparation_of
from ...sweeps.shuffled import ShuffledLabels
from ...sweeps.stored import plan_from
from .checkpoints import folders, names
from .probed import trained_to_probe
from .provenance import are_known, weights_of

TRAINED, GIVEN = "trained", "network"  # with weights of a file; with those of a factory


class Asked(Protocol):
    """What is asked of a probe that decides its networks; see `Probe`."""

    @property
    def model(self) -> Any: ...
    @property
    def checkpoint(self) -> str | None: ...
    @property
    def along_training(self) -> tuple[str, ...]: ...
    @property
    def at_init(self) -> bool: ...
    @property
    def against(self) -> tuple[str, ...]: ...
    @property
    def shuffled_labels(self) -> bool: ...
    @property
    def shuffle(self) -> tuple[str, ...]: ...
    @property
    def seed(self) -> int: ...


@dc.dataclass(frozen=True, eq=False)
class Subject:
    """A network to probe.

    Attributes
    ----------
    role : what it is there for, one of `report.networks.ROLES`.
    weights : where they are from, in words.
    preparation : of its inputs, where its checkpoint says it.
    kept_as : the name of its folders in a run that is kept; "" for `name`.
    shuffle : which of the data is shuffled for it, see `data.shuffled`; "" for none.
    """

    name: str
    role: str
    network: nn.Module
    weights: str
    preparation: Preparation | None = None
    kept_as: str = ""
    shuffle: str = ""

    @property
    def folder(self) -> str:
        return self.kept_as or self.name


def subjects(asked: Asked) -> Iterator[Subject]:
    """The networks in order, one in memory at a time. The one in question is the last that
    is no reference: those are there to be compared with.
    """
    shuffled = None
    if asked.shuffled_labels:
        shuffled = on_shuffled_labels(asked.checkpoint or asked.model)
    if asked.at_init:
        last = asked.along_training[-1] if asked.along_training else None
        model = _loaded(asked.model, asked.checkpoint or last)
        drawn = f"drawn by its modules, seed {asked.seed}"
        fresh = at_initialisation(model, asked.seed)
        prepared = preparation_of(asked.checkpoint or last or asked.model)
        yield Subject("initialisation", "initialisation", fresh, drawn, prepared)
    files = asked.along_training
    taken = (TRAINED, GIVEN, "initialisation", "shuffled labels", *map(_shuffled, SHUFFLES))
    kept = zip(files, names(files, taken), folders(files), strict=True)
    latest = ""
    for path, name, folder in kept:
        loaded, prepared = _loaded(asked.model, path), preparation_of(path)
        latest = of_weights(loaded)
        mine = Subject(name, "checkpoint", loaded, str(path), prepared, folder)
        yield mine
    if asked.checkpoint is not None or not asked.along_training:
        mine = _in_question(asked.model, asked.checkpoint)
        # It may be the last checkpoint already.
        if not files or of_weights(mine.network) != latest:
            yield mine
    for kind in asked.shuffle:
        name = _shuffled(kind)
        yield dc.replace(mine, name=name, role="control", kept_as="", shuffle=kind)
    for name, path in told_apart(asked.against).items():
        loaded, prepared = _loaded(asked.model, path), preparation_of(path)
        yield Subject(f"against {name}", "against", loaded, path, prepared)
    if shuffled is not None:
        weights = "trained alike on shuffled labels"
        yield Subject("shuffled labels", "shuffled", shuffled[0], weights, shuffled[1])


def _shuffled(kind: str) -> str:
    return f"shuffled {kind}"


def _in_question(model: Any, checkpoint: str | None) -> Subject:
    loaded = _loaded(model, checkpoint)
    if isinstance(model, nn.Module):
        name, weights = TRAINED, checkpoint or "as they were given"
    else:
        name = TRAINED if are_known(model, checkpoint) else GIVEN
        weights = weights_of(model, checkpoint)
    prepared = preparation_of(checkpoint or model)
    return Subject(name, "trained", loaded, weights, prepared)


def _loaded(model: Any, checkpoint: str | None) -> nn.Module:
    """A network from what was asked for; one that was given stays as it is."""
    if not isinstance(model, nn.Module):
        return load_model(model, checkpoint)
    return model if checkpoint is None else fill(copied(model), checkpoint).eval()


def told_apart(paths: Sequence[str]) -> dict[str, str]:
    """Names of files: what they are called, with as many of their folders as tell each from
    the others.
    """
    whole = [Path(path).absolute().with_suffix("").parts for path in paths]
    for parts in range(1, max(map(len, whole), default=1) + 1):
        names = ["-".join(one[-parts:]) for one in whole]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    again = sorted({path for path in paths if list(paths).count(path) > 1}) or list(paths)
    raise ManifoldScaleError(f"--against names a file twice: {', '.join(again)}.")


def on_shuffled_labels(checkpoint: Any) -> tuple[nn.Module, Preparation | None]:
    """The network of a study's checkpoint, trained alike on shuffled labels, and how its
    inputs are prepared, where the network does not do so itself.

    The same architecture, initialisation, inputs and settings; only the labels differ.

    Raises
    ------
    ManifoldScaleError : the checkpoint is not in the folder of its study: how another
        network was trained is not known here.
    """
    try:
        file = Path(checkpoint).parent / "results.json"
        stored = json.loads(file.read_text(encoding="utf-8"))
        plan = plan_from(stored["study"]["plan"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifoldScaleError(
            "--shuffled-labels trains MODEL again, for which the results.json of its "
            f"study must be beside it; for {str(checkpoint)!r} that cannot be "
            f"read ({error}). Train your network on shuffled labels yourself, and compare "
            "with its checkpoint: --against FILE."
        ) from error
    shuffled = dc.replace(plan, task=ShuffledLabels(plan.task))
    return trained_to_probe(shuffled)
