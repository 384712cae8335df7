"""The whole chain on one task: sweep, fit, probe, prediction, comparison."""

import contextlib
import dataclasses as dc
import json
import math
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .core.caveat import Remark
from .core.errors import ManifoldScaleError
from .core.learning_curve import LearningCurve
from .core.result import Table, write_csv
from .core.serialize import dumps, plain, write_text
from .dimension import Dimension, resolved_by_sizes
from .networks.extract import Representations, extract
from .networks.mlp import MLP
from .networks.models import save_mlp
from .probe import Probing, dimensions, probe_clouds, readings
from .scaling.comparison import Comparison, compare
from .scaling.exponent import ExponentPrediction, ladder, predict_exponent
from .scaling.power_law import PowerLaw, fit_power_law
from .sweeps.data_sets import DataSet
from .sweeps.plan import Plan
from .sweeps.run import check_any, run, train_one
from .sweeps.shuffled import ShuffledLabels
from .sweeps.stored import plan_from
from .sweeps.tasks import Task
from .sweeps.teachers import TeacherStudent
from .sweeps.train import Training

Progress = Callable[[str, int, int], None]  # stage, done, total
SCHEMA = 1  # of results.json, as `report` reads it
VERSIONED = ("manifoldscale", "numpy", "scipy", "torch", "scikit-learn")


@dc.dataclass(frozen=True)
class Study:
    """What a study does: a plan, and how its network is probed.

    Attributes
    ----------
    plan : the sweep over dataset sizes, at one width.
    n_points : most examples at which the network is probed.
    """

    plan: Plan
    n_points: int = 10_000

    @property
    def width(self) -> int:
        return self.plan.widths[0]


@dc.dataclass(frozen=True, eq=False)
class StudyResult:
    """What a study found.

    Attributes
    ----------
    curve : the losses; fit : their power law in D.
    alternative : the fit under the other assumption about the floor.
    dimensions : one row a site of a network that is not among those of the curve.
    headline_site : the last hidden layer before its activation, as in Sharma and Kaplan.
    predictions : the laws at the headline site.
    comparisons : site by site, r = alpha_D d / 4, d that of the manifold.
    at_scale : the same at the scale of the sweep: d that which the dataset sizes of the
        fit resolve, see `dimension.resolved_by_sizes`.
    """

    study: Study
    curve: LearningCurve
    fit: PowerLaw
    alternative: PowerLaw | None
    dimensions: Table
    headline_site: str
    predictions: tuple[ExponentPrediction, ...]
    comparisons: dict[str, Comparison]
    at_scale: dict[str, Comparison]
    provenance: dict[str, Any]
    timings: dict[str, float]

    @property
    def headline(self) -> Comparison | None:
        """The comparison at the headline site; None where its dimension is unknown."""
        return self.comparisons.get(self.headline_site)

    @property
    def own_caveats(self) -> tuple[Remark, ...]:
        """Caveats of the headline comparison beyond those of the fit."""
        if self.headline is None:
            return ()
        return tuple(n for n in self.headline.caveats if n not in self.fit.caveats)

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "study",
            "schema": SCHEMA,
            "study": plain(self.study),
            "alpha_D": plain(self.fit),
            "alternative_fit": plain(self.alternative),
            "sites": readings(self.dimensions),
            "headline_site": self.headline_site,
            "predictions": plain(self.predictions),
            "comparisons": {site: plain(c) for site, c in self.comparisons.items()},
            "at_scale": {site: plain(c) for site, c in self.at_scale.items()},
            "learning_curve": plain(self.curve),
            "provenance": self.provenance,
            "timings": self.timings,
        }


def dataset_study(name: str = "mnist5k", *, seed: int = 0, quick: bool = False) -> Study:
    """The study of a real data set."""
    task = DataSet(name)
    n_test = min(1000, (task.largest(0) or 0) // 4)
    largest = task.largest(n_test) or 0
    steps, seeds, count = (300, 3, 5) if quick else (1000, 6, 9)
    plan = Plan(
        task,
        dataset_sizes=spaced(min(100, largest // 20), largest, count),
        seeds=seeds,
        depth=3,
        n_test=n_test,
        training=Training(steps=steps),
        root_seed=seed,
    )
    return Study(plan)


def teacher_study(dim: int, *, seed: int = 0, quick: bool = False) -> Study:
    """The controlled study, in which the dimension is known."""
    steps, seeds, count = (600, 3, 5) if quick else (8000, 5, 8)
    plan = Plan(
        TeacherStudent(dim),
        dataset_sizes=spaced(64 if quick else 100, 512 if quick else 1600, count),
        widths=(64 if quick else 128,),
        seeds=seeds,
        depth=2,
        n_test=2000,
        root_seed=seed,
        training=Training(steps=steps, batch_size=64, learning_rate=6e-3),
    )
    return Study(plan, n_points=20_000)


def spaced(low: int, high: int, count: int) -> tuple[int, ...]:
    """Sizes at equal ratios from `low` to `high`, both included."""
    return tuple(round(float(size)) for size in np.geomspace(low, high, count))


def run_study(
    study: Study, folder: str | Path, progress: Progress | None = None
) -> StudyResult:
    """Run a study; the registry in `folder` lets a second call resume.

    Writes runs.sqlite and probe.safetensors; `save_study` writes the rest.

    Raises
    ------
    ManifoldScaleError : the folder cannot be written, or too few runs gave a loss.
    """
    folder = _writable(Path(folder))
    report = progress or (lambda *_: None)
    clock = _Clock()
    curve = _sweep(study, folder, report)
    clock.lap("sweep")
    fit, alternative = _fits(curve)
    clock.lap("fit")
    clouds = _representations(study, folder)
    table = _probe(study, clouds, report)
    scaled = _at_scale(study, clouds, fit)
    clock.lap("probe")
    site = f"hidden{study.plan.depth}"
    known = dict(dimensions(table))
    usable = {name: dim for name, dim in known.items() if math.isfinite(dim.value)}
    return StudyResult(
        study=study,
        curve=curve,
        fit=fit,
        alternative=alternative,
        dimensions=table,
        headline_site=site,
        predictions=_predictions(study, usable.get(site)),
        comparisons={
            name: compare(_prediction(study, dim), fit) for name, dim in usable.items()
        },
        at_scale={name: compare(_prediction(study, d), fit) for name, d in scaled.items()},
        provenance=_provenance(study),
        timings=clock.laps,
    )


def save_study(result: StudyResult, folder: str | Path) -> None:
    """Write results.json, runs.csv, dimensions.csv and comparisons.csv."""
    folder = Path(folder)
    write_text(folder / "results.json", dumps(result))
    result.curve.to_csv(folder / "runs.csv")
    result.dimensions.to_csv(folder / "dimensions.csv")
    rows = [{"site": site, **c.row()} for site, c in result.comparisons.items()]
    write_csv(folder / "comparisons.csv", rows)


def on_shuffled_labels(checkpoint: str | Path) -> nn.Module:
    """The network of a study's checkpoint, trained alike on shuffled labels.

    The same architecture, initialisation, inputs and settings; only the labels differ.

    Raises
    ------
    ManifoldScaleError : the checkpoint is not in the folder of its study: how another
        network was trained is not known here.
    """
    file = Path(checkpoint).parent / "results.json"
    try:
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
    return train_one(shuffled, plan.widths[0], max(plan.dataset_sizes))


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self.last = round(now - self.last, 2), now


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".probe").touch()
        (folder / ".probe").unlink()
    except OSError as error:
        raise ManifoldScaleError(
            f"The results folder {str(folder)!r} cannot be written ({error})."
        ) from error
    return folder


def _sweep(study: Study, folder: Path, report: Progress) -> LearningCurve:
    done, total = 0, len(study.plan)

    def advance(runs: int) -> None:
        nonlocal done
        done += runs
        report("sweep", done, total)

    file = folder / "runs.sqlite"
    curve = run(study.plan, file, progress=advance)
    check_any([curve], str(file))
    return curve


def _fits(curve: LearningCurve) -> tuple[PowerLaw, PowerLaw | None]:
    if curve.floor is None:
        return fit_power_law(curve, floor="free"), fit_power_law(curve, floor="zero")
    return fit_power_law(curve, floor=curve.floor), fit_power_law(curve, floor="free")


def _representations(study: Study, folder: Path) -> Representations:
    """Train a network of its own at the largest size, keep it, and read every layer.

    Its seed is none of the sweep's, so the error of the dimension is independent of that
    of the exponent but for shared examples.
    """
    plan = study.plan
    model = train_one(plan, study.width, max(plan.dataset_sizes))
    shape = plan.shape(study.width)
    assert isinstance(shape, MLP)
    save_mlp(model, shape, folder / "probe.safetensors")
    inputs, labels = plan.task.points(study.n_points, plan.root_seed)
    return extract(model, (inputs, labels) if labels is not None else inputs)


def _probe(study: Study, clouds: Representations, report: Progress) -> Table:
    """The dimension of every layer."""
    done = 0

    def advance(site: str) -> None:
        nonlocal done
        done += 1
        report("probe", done, len(clouds))

    return probe_clouds(clouds, Probing(), rng=study.plan.root_seed, progress=advance)


def _at_scale(study: Study, clouds: Representations, fit: PowerLaw) -> dict[str, Dimension]:
    """What the dataset sizes of the fit resolve, site by site, where there are points."""
    sizes = [int(size) for size in fit.losses.x]
    found = {}
    for site in clouds:
        # A dead layer, of which the probe's table says so, has no dimension to compare.
        with contextlib.suppress(ManifoldScaleError):
            found[site] = resolved_by_sizes(clouds[site], sizes, study.plan.root_seed)
    return found


def _met(task: Task) -> tuple[str, ...]:
    """Conditions of the laws that the task itself guarantees."""
    teacher = isinstance(task, TeacherStudent)
    return ("noiseless",) if teacher and _noise(task) == 0 else ()


def _noise(task: Task) -> float:
    return task.label_noise if isinstance(task, TeacherStudent) else 0.0


def _prediction(study: Study, dim: Dimension) -> ExponentPrediction:
    task, loss = study.plan.task, study.plan.training.loss
    return predict_exponent(dim, "4/d", loss, _noise(task), _met(task))


def _predictions(study: Study, dim: Dimension | None) -> tuple[ExponentPrediction, ...]:
    if dim is None:
        return ()
    task, loss = study.plan.task, study.plan.training.loss
    return ladder(dim, loss, _noise(task), _met(task))


def _provenance(study: Study) -> dict[str, Any]:
    return {
        "task": study.plan.task.name,
        "known_dimension": study.plan.task.known_dim,
        "seed": study.plan.root_seed,
        "parameters": study.plan.shape(study.width).parameters,
        "versions": {name: metadata.version(name) for name in VERSIONED},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }
