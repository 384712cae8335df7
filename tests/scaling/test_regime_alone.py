"""Verdicts on one run per size: never the wrong one for want of replicates."""

import collections
import dataclasses as dc
import functools
import math

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.scaling.regime import classify_regime

VARIANCE, RESOLUTION = "variance-limited", "resolution-limited"
OTHER = {VARIANCE: RESOLUTION, RESOLUTION: VARIANCE}
DRAWS = 200


def spaced(low: float, high: float, n: int) -> list[int]:
    return np.unique(np.round(np.geomspace(low, high, n))).astype(int).tolist()


@functools.cache
def random_features(truth: str, axis: str, alpha: float, held: int) -> LearningCurve:
    """The closed form at ten sizes over two decades, that end a factor of three from the
    other resource, whose values are `held` and twice and four times that.
    """
    spectrum = ms.theory.power_law_spectrum(alpha)
    sizes = spaced(held / 300, held / 3, 10)
    if truth == VARIANCE:
        sizes = spaced(12 * held, 1200 * held, 10)
    names = ("parameters", "dataset_size")
    rows = []
    for other in (held, 2 * held, 4 * held):
        counts = (other, sizes) if axis == "data" else (sizes, other)
        exact = ms.theory.linear_random_features(
            spectrum.eigenvalues, *counts, degeneracies=spectrum.degeneracies
        ).error.ravel()
        for size, loss in zip(sizes, exact, strict=True):
            pair = (other, size) if axis == "data" else (size, other)
            rows.append(Run(float(loss), **dict(zip(names, pair, strict=True))))
    return LearningCurve(tuple(rows))


def one_of(curve: LearningCurve, axis: str) -> LearningCurve:
    """The runs at the first value of the other resource."""
    name = "parameters" if axis == "data" else "dataset_size"
    return curve.at(**{name: getattr(curve.runs[0], name)})


def uncounted(curve: LearningCurve, axis: str) -> LearningCurve:
    """Without the other resource."""
    name = "parameters" if axis == "data" else "dataset_size"
    runs = (dc.replace(run, **{name: None}) for run in one_of(curve, axis).runs)
    return dc.replace(curve, runs=tuple(runs))


def by_width(curve: LearningCurve, axis: str) -> LearningCurve:
    """A width in place of each number of parameters."""
    runs = (dc.replace(run, width=run.parameters, parameters=None) for run in curve.runs)
    return dc.replace(curve, runs=tuple(runs))


TABLES = {
    "counts": one_of,
    "unknown": uncounted,
    "both varied": lambda curve, axis: curve,
    "widths": by_width,
}


def said(
    curve: LearningCurve, axis: str, spread: float, tails: str, draws: int = DRAWS
) -> collections.Counter:
    """How often each verdict is given, with a relative scatter of normal errors, or of
    Student's t with three degrees of freedom and that standard deviation.
    """
    found: collections.Counter = collections.Counter()
    for draw in range(draws):
        rng = np.random.default_rng((draw, int(1000 * spread), 7))
        normal, heavy = rng.standard_normal(len(curve)), rng.standard_t(3, len(curve))
        z = normal if tails == "normal" else heavy / math.sqrt(3)
        noise = np.maximum(1 + spread * z, 0.05)
        runs = (
            dc.replace(run, loss=run.loss * float(factor))
            for run, factor in zip(curve.runs, noise, strict=True)
        )
        found[classify_regime(dc.replace(curve, runs=tuple(runs)), axis).verdict] += 1
    return found


NOISE = pytest.mark.parametrize(
    ("spread", "tails"),
    [(0.02, "normal"), (0.04, "t(3)"), (0.08, "normal"), (0.08, "t(3)")],
)


@pytest.mark.slow
@NOISE
@pytest.mark.parametrize(
    ("axis", "alpha", "table"),
    [*(("data", 0.3, table) for table in TABLES), ("parameters", 1.0, "counts")],
)
@pytest.mark.parametrize("truth", OTHER)
def test_never_the_other_regime(
    truth: str, axis: str, alpha: float, table: str, spread: float, tails: str
) -> None:
    exact = random_features(truth, axis, alpha, 100 if truth == VARIANCE else 10_000)
    found = said(TABLES[table](exact, axis), axis, spread, tails)
    assert found[OTHER[truth]] == 0


@pytest.mark.slow
@pytest.mark.parametrize("table", ["counts", "both varied", "widths"])
def test_the_evidence_that_is_there_is_used(table: str) -> None:
    """2 % of scatter over two decades."""
    exact = random_features(RESOLUTION, "data", 0.3, 10_000)
    found = said(TABLES[table](exact, "data"), "data", 0.02, "normal", 25)
    assert found[RESOLUTION] >= 23


def law(
    exponent: float, parameters: int, limit: float = 0.0, floor: float | None = None
) -> LearningCurve:
    """limit + (x / 100)^-exponent over two decades."""
    runs = (
        Run(limit + (x / 100) ** -exponent, x, parameters=parameters)
        for x in spaced(100, 10_000, 10)
    )
    return LearningCurve(tuple(runs), floor=floor)


SCARCE, PLENTY = 10**7, 10  # parameters: the examples are scarce, or in excess

MISLEADING = {
    # After a fixed time of training, with fewer examples than parameters.
    "a limit against the counts": (law(1, SCARCE, 4.0), {RESOLUTION}),
    "a known floor below it": (law(1, SCARCE, 4.0, floor=0.0), {RESOLUTION}),
    "a limit that is far": (law(1, SCARCE, 0.8), {RESOLUTION}),
    # Noise alone.
    "no fall, scarce": (law(0, SCARCE), {VARIANCE, RESOLUTION}),
    "no fall, in excess": (law(0, PLENTY), {VARIANCE, RESOLUTION}),
    # In excess by count, and no limit; or one approached otherwise.
    "no limit": (law(1, PLENTY), {VARIANCE, RESOLUTION}),
    "not as one over": (law(0.5, PLENTY, 0.2), {VARIANCE, RESOLUTION}),
}


@pytest.mark.slow
@NOISE
@pytest.mark.parametrize("table", MISLEADING)
def test_counts_and_noise_alone_make_no_verdict(
    table: str, spread: float, tails: str
) -> None:
    curve, wrong = MISLEADING[table]
    found = said(curve, "data", spread, tails)
    assert not wrong & set(found)


@pytest.mark.slow
def test_a_limit_against_the_counts_is_not_taken_for_scarcity() -> None:
    """By counts alone a quarter of these were resolution-limited."""
    curve, _ = MISLEADING["a limit against the counts"]
    assert said(curve, "data", 0.04, "normal", 40)[RESOLUTION] == 0


def test_an_unstated_floor_may_be_the_limit() -> None:
    """A tenth of the loss falls as one over it: of a limit of training, or of variance
    about labels with noise, or of features in four dimensions above that noise.
    """
    verdicts = {floor: classify_regime(law(1, SCARCE, 0.8, floor)) for floor in (None, 0.0)}
    assert verdicts[0.0].verdict == VARIANCE
    assert verdicts[None].verdict == "undetermined"
    assert "as `floor`" in verdicts[None].settle[0]


def test_one_run_per_size_is_said_with_what_would_settle_it() -> None:
    exact = random_features(RESOLUTION, "data", 1.0, 10_000)
    rng = np.random.default_rng(0)
    runs = [
        dc.replace(run, loss=run.loss * (1 + 0.15 * rng.standard_normal()))
        for run in one_of(exact, "data").runs
    ]
    found = classify_regime(LearningCurve(tuple(runs)))
    assert found.verdict == "undetermined" and "three seeds" in found.settle[0]
    assert any("one run per size" in item.facts for item in found.evidence)
    copies = classify_regime(LearningCurve((*runs, *runs)))  # which scatter by nothing
    assert copies.verdict == "undetermined" and "seeds" in copies.settle[0]


def test_one_wild_loss_makes_no_verdict() -> None:
    """A flat curve whose first loss is ten times the others."""
    runs = [
        Run(1 + 0.01 * (-1) ** i, x, parameters=SCARCE)
        for i, x in enumerate(spaced(100, 10_000, 10))
    ]
    runs[0] = dc.replace(runs[0], loss=10.0)
    assert classify_regime(LearningCurve(tuple(runs))).verdict == "undetermined"


def test_along_width_the_exponent_is_that_in_width_and_names_its_rival() -> None:
    """P = 100 w^2, in excess of the examples; the excess falls as 1/w, P^-1/2."""
    runs = [
        Run((0.5 + 4 / w) * (1 + 0.002 * z), 100, width=w, parameters=100 * w**2)
        for w in spaced(8, 800, 12)
        for z in (-1, 0.5, 0.5)
    ]
    found = classify_regime(LearningCurve(tuple(runs)), "width")
    assert found.verdict == VARIANCE and found.headline().startswith("width: variance")
    assert "alpha_W" in found.headline() and "alpha_P" not in str(found)
    assert found.fit is not None and found.fit.alpha == pytest.approx(1, abs=0.05)
    assert any(item.kind == "superposition" for item in found.evidence)
    assert any("ensemble_test" in runs for runs in found.tell)
    assert "would tell more" in str(found)
    assert bool(found.settle) == (found.verdict == "undetermined")
    data = classify_regime(
        LearningCurve(tuple(Run(r.loss, r.width, parameters=2) for r in runs)), "data"
    )
    assert data.verdict == VARIANCE and not data.settle and not data.tell
