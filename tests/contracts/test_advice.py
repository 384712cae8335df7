"""Advice can be followed, and never runs in a circle.

Every method is tried on data of many kinds; the calls that its caveats or its error name
are made in turn, and so on. None may name a method again that was tried on the way.
"""

import re
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import manifoldscale as ms
from manifoldscale import dimension
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.method import Method

RNG = np.random.default_rng(0)
TURN = 2 * np.pi * np.arange(360) / 360
STEPS = np.stack(np.meshgrid(*[np.arange(12.0)] * 2), -1).reshape(-1, 2)
PLANE = np.pad(RNG.random((700, 2)), ((0, 0), (0, 8)))
TWINS = RNG.standard_normal((200, 4))
POINTS: dict[str, np.ndarray] = {
    "counts": RNG.poisson(3, (400, 6)).astype(float),
    "multiples of a tenth": np.round(RNG.standard_normal((400, 3)), 1),
    "thirds": RNG.integers(0, 7, (400, 3)) / 3,
    "bits": (RNG.random((300, 20)) < 0.3).astype(float),
    "ties that are on no lattice": np.column_stack(
        [RNG.integers(0, 12, 400) * np.pi, RNG.integers(0, 12, 400) * np.e]
    ),
    "a grid": STEPS,
    "a path": np.stack([np.cos(TURN), np.sin(TURN)], 1),
    "pairs": np.concatenate([TWINS, TWINS + 1e-5 * RNG.standard_normal(TWINS.shape)]),
    "few in many dimensions": RNG.standard_normal((80, 15)),
    "twenty dimensions": RNG.standard_normal((500, 20)),
    "a plane with noise": PLANE + 0.02 * RNG.standard_normal(PLANE.shape),
    "a line beside five dimensions": np.concatenate(
        [np.pad(RNG.random((400, 1)), ((0, 0), (0, 4))), 3 + RNG.random((400, 5))]
    ),
    "Cauchy": RNG.standard_cauchy((400, 3)),
    "repeated rows": np.repeat(RNG.random((150, 3)), 2, axis=0),
}
METHODS: list[Method[Any]] = [
    dimension.Auto(), dimension.TwoNN(), dimension.MLE(), dimension.Gride(),
    dimension.BIDE(), dimension.ABIDE(), dimension.CorrelationDimension(),
    dimension.LocalPCA(), dimension.NearestNeighborScaling(), dimension.I3D(),
    dimension.Hamming(), dimension.AcrossScales(dimension.Gride()),
    dimension.AcrossScales(dimension.TwoNN()), dimension.Calibrated(dimension.TwoNN()),
    dimension.Local(dimension.MLE()), dimension.ParticipationRatio(),
]  # fmt: skip
CALL = re.compile(r"`((?:ms\.dimension\.)?[A-Z]\w*\([^`]*\))`")
DEPTH = 4


def tables() -> dict[str, Any]:
    """The data as points, as distances, and as a graph of a few neighbours."""
    found: dict[str, Any] = dict(POINTS)
    for name, points in POINTS.items():
        found[f"distances of {name}"] = ms.Neighbors.from_distances(cdist(points, points))
    near = ms.Cloud(POINTS["twenty dimensions"]).neighbors(6)
    found["a graph"] = ms.Neighbors.from_graph((near.indices, near.distances))
    return found


TABLES = tables()


def said(on: Any, method: Method[Any]) -> str:
    """What the result says, or why there is none."""
    try:
        result = ms.estimate(on, method)
    except ms.ManifoldScaleError as error:
        return str(error)
    return " ".join(str(note) for note in result.caveats)


def advised(words: str, n: int) -> list[Method[Any]]:
    """The methods that it names as calls."""
    names = {**vars(dimension), "ms": ms, "n": n, "dim": 2}
    calls = [eval(call, names) for call in CALL.findall(words)]
    return [call for call in calls if isinstance(call, Method)]


def follow(on: Any, method: Method[Any], path: tuple[str, ...] = ()) -> None:
    path = (*path, str(method))
    n = len(on) if isinstance(on, np.ndarray) else on.n_points
    words = said(on, method)
    for other in advised(words, n):
        assert str(other) not in path, f"{' says '.join([*path, str(other)])}: {words}"
        if len(path) < DEPTH:
            follow(on, other, path)


@pytest.mark.parametrize("name", TABLES)
def test_no_advice_runs_in_a_circle(name: str) -> None:
    for method in METHODS:
        follow(TABLES[name], method)


@pytest.mark.parametrize("name", [name for name in TABLES if name not in POINTS])
def test_no_message_names_a_cloud_that_is_not_there(name: str) -> None:
    for method in METHODS:
        words = said(TABLES[name], method)
        assert "cloud.neighbors" not in words and "Pass the cloud" not in words


def test_a_table_says_how_it_is_made_longer() -> None:
    points = POINTS["twenty dimensions"]
    for near, call in (
        (ms.Cloud(points).neighbors(4), "`cloud.neighbors(9)`"),
        (
            ms.Neighbors.from_distances(cdist(points, points), 4),
            "from_distances(matrix, 9)",
        ),
        (TABLES["a graph"], "a graph of 9 neighbours per point"),
    ):
        with pytest.raises(ms.ManifoldScaleError, match=re.escape(call)):
            near.first(9)


@pytest.mark.parametrize("step", [0.1, 1 / 3, 0.25])
def test_what_i3d_asks_for_works(step: float) -> None:
    """Multiples of a step: divided by it they are counts."""
    rows = RNG.integers(0, 9, (300, 3)) * step
    with pytest.raises(ms.ManifoldScaleError, match="multiples of") as caught:
        ms.estimate(rows, dimension.I3D())
    divisor = float(str(caught.value).split("rows / ")[1].split("`")[0])
    found = ms.estimate(np.rint(rows / divisor), dimension.I3D())
    assert found.value == pytest.approx(3, rel=0.25)


def test_auto_does_not_advise_itself() -> None:
    """Below 200 points it corrects nothing, and says so instead."""
    for n in (60, 150):
        found = ms.estimate(RNG.standard_normal((n, 20)), dimension.Auto())
        assert found.basis == "TwoNN, uncorrected" and found.value > 6
        assert {note.caveat for note in found.caveats} >= {Caveat.UNCALIBRATED}
        assert "Auto()" not in str(found).split("\n", 1)[1]


OPPOSITE = ({Caveat.NOISE, Caveat.NO_PLATEAU}, {Caveat.FOLDING, Caveat.NO_PLATEAU})


@pytest.mark.parametrize("name", POINTS)
def test_no_result_contradicts_itself(name: str) -> None:
    """It does not fall to a plateau that is not there, nor rise between the numbers
    between which it falls.
    """
    for method in METHODS:
        if not isinstance(method, dimension.AcrossScales):
            continue
        try:
            notes = ms.estimate(POINTS[name], method).caveats
        except ms.ManifoldScaleError:
            continue
        codes = {note.caveat for note in notes}
        assert not any(pair <= codes for pair in OPPOSITE)
        details = [n.detail for n in notes if n.caveat in (Caveat.NOISE, Caveat.FOLDING)]
        assert len(set(details)) == len(details)
        for note in notes:
            if note.caveat in (Caveat.NOISE, Caveat.FOLDING):
                one, other = (
                    float(part.split(" at ")[0]) for part in note.detail.split("examples, ")
                )
                assert (one > other) == (note.caveat is Caveat.NOISE)
