"""The chain of a study: sweep, fit, probe, predict, compare."""

import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from ...core.arrays import Array, Floats
from ...core.errors import ManifoldScaleError
from ...core.learning_curve import LearningCurve
from ...core.result import Table
from ...data.examples import Examples
from ...dimension import Dimension, resolved_by_sizes
from ...geometry.estimate import site_seed
from ...networks.extract import Representations, extract
from ...scaling.comparison import Comparison, compare
from ...scaling.exponent import ExponentPrediction, ladder, predict_exponent
from ...scaling.laws import HEADLINE
from ...scaling.power_law import PowerLaw, fit_power_law
from ...sweeps.objectives import is_own
from ...sweeps.plan import Plan
from ...sweeps.run import check_any, run
from .geometry import Probing
from .probed import keep, trained_to_probe

Progress = Callable[[str, int, int], None]  # stage, done, total
REGISTRY, CHECKPOINT = "runs.sqlite", "probe.safetensors"


class Clock:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self.last = round(now - self.last, 2), now


def writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".probe").touch()
        (folder / ".probe").unlink()
    except OSError as error:
        raise ManifoldScaleError(
            f"The results folder {str(folder)!r} cannot be written ({error})."
        ) from error
    return folder


def sweep(
    plan: Plan, folder: Path | None, report: Progress, executor: Executor | None = None
) -> LearningCurve:
    done, total = 0, len(plan)

    def advance(runs: int) -> None:
        nonlocal done
        done += runs
        report("sweep", done, total)

    file = None if folder is None else folder / REGISTRY
    curve = run(plan, file, progress=advance, executor=executor)
    check_any([curve], str(file or "the sweep"))
    return curve


def fitted(curve: LearningCurve) -> PowerLaw:
    """The power law under what is known of the floor."""
    return fit_power_law(curve, floor="free" if curve.floor is None else curve.floor)


def fits(curve: LearningCurve) -> tuple[PowerLaw, PowerLaw | None]:
    """That, and the law under the other assumption."""
    other = "zero" if curve.floor is None else "free"
    return fitted(curve), fit_power_law(curve, floor=other)


def representations(plan: Plan, n_points: int, folder: Path | None) -> Representations:
    """Train a network of its own at the largest size, keep it, and read every layer.

    Its seed is not one of the sweep's, so the error of the dimension is independent of the
    error of the exponent, but for shared examples.
    """
    model, preparation = trained_to_probe(plan)
    if folder is not None:
        keep(plan, model, preparation, folder / CHECKPOINT)
    inputs, labels = _points(plan, n_points)
    if preparation is not None:
        inputs = preparation(inputs)
    return extract(model, (inputs, labels) if labels is not None else inputs)


def _points(plan: Plan, n: int) -> tuple[Floats, Array | None]:
    """Those that a probe with the same seed draws of the same data."""
    everything = plan.task.largest(0)
    if everything is None:
        return plan.task.points(n, plan.root_seed)
    whole = Examples(*plan.task.points(everything, plan.root_seed))
    drawn = whole.sample(n, plan.root_seed)
    return drawn.inputs, drawn.labels


def dimensions(clouds: Representations, seed: int, report: Progress) -> Table:
    """The dimension of every layer, given the others."""
    probing, looks = Probing(), {}
    for done, site in enumerate(clouds, 1):
        looks[site] = probing.look(clouds, site, site_seed(seed))
        report("probe", done, len(clouds))
    together = probing.together(looks, clouds.bounded_by)
    labels = [{"site": site, "features": look.features} for site, look in looks.items()]
    return Table(tuple(together[site] for site in looks), tuple(labels))


def at_scale(clouds: Representations, fit: PowerLaw, seed: int) -> dict[str, Dimension]:
    """What the dataset sizes of the fit resolve, site by site, where there are points."""
    sizes = [int(size) for size in fit.losses.x]
    found = {}
    for site in clouds:
        # A dead layer, of which the table says so, has no dimension to compare.
        with contextlib.suppress(ManifoldScaleError):
            found[site] = resolved_by_sizes(clouds[site], sizes, seed)
    return found


def compared(
    plan: Plan, dims: Mapping[str, Dimension], fit: PowerLaw
) -> dict[str, Comparison]:
    """r = alpha_D d / 4 at each site."""
    task, loss = plan.task, _in_laws(plan)
    return {
        site: compare(
            predict_exponent(dim, HEADLINE, loss, task.label_noise, task.met), fit
        )
        for site, dim in dims.items()
    }


def predictions(plan: Plan, dim: Dimension) -> tuple[ExponentPrediction, ...]:
    """Every law at a dimension."""
    task = plan.task
    return ladder(dim, _in_laws(plan), task.label_noise, task.met)


def _in_laws(plan: Plan) -> str:
    """The loss as the laws know it. Of a user's, a caveat says that it is taken for
    quadratic near its minimum.
    """
    loss = plan.training.loss
    if loss == "kl":  # the cross-entropy less a constant
        return "cross_entropy"
    return "mse" if is_own(loss) else loss
