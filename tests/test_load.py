"""What a run saved opens again as the objects that it gave."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import manifoldscale as ms
from manifoldscale.core.serialize import plain
from manifoldscale.runs.record import RecordError, kinds
from manifoldscale.runs.sweep import Sweep, run_sweep

from .plans import PLAN


def losses() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        {"n_train": int(n), "seed": seed, "loss": float((0.05 + n**-0.5) * noise)}
        for n in np.geomspace(100, 10_000, 7).round()
        for seed, noise in enumerate(1 + 0.02 * rng.standard_normal(3))
    ]


def small_study(place: Path) -> Any:
    return ms.study("digits", quick=True, out=place)


def small_probe(place: Path) -> Any:
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    inputs = np.random.default_rng(0).standard_normal((300, 4)).astype("float32")
    return ms.probe(net, inputs, at_init=True, out=place)


def small_fit(place: Path) -> Any:
    limit = ms.Reference(np.inf, 0.05, 0.001)
    return ms.fit(losses(), reference=limit, forecast=[1e5], out=place)


def small_sweep(place: Path) -> Any:
    place.mkdir()
    (place / "plan.toml").write_text(PLAN)
    found = run_sweep(Sweep.read(place / "plan.toml"), place / "runs.sqlite")
    found.to_json(place / "results.json")
    return found


def small_comparison(place: Path) -> Any:
    small_probe(Path("probe"))
    return ms.compare(ms.fit(losses(), forecast=[1e5]), "probe", out=place)


def small_estimate(place: Path) -> Any:
    circle = ms.manifolds.Sphere(1).sample(200, rng=0).points
    return ms.estimate_all(circle, labels=circle[:, 0] > 0, out=place)


MADE = {
    "estimate": small_estimate,
    "study": small_study,
    "probe": small_probe,
    "fit": small_fit,
    "sweep": small_sweep,
    "compare": small_comparison,
}


def test_every_kind_is_made_here() -> None:
    assert set(MADE) == set(kinds())


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] if kind in ("study", "compare") else [])
        for kind in MADE
    ],
)
def test_what_was_saved_opens_as_it_was(kind: str, tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        made = MADE[kind](tmp_path / "run")
        found = ms.load(tmp_path / "run")
    assert type(found) is type(made)
    first, again = plain(made), plain(found)
    if kind == "sweep":  # losses on the way are in the registry, and in no file
        assert all(len(c) == 8 for c in found.curves.values())
    assert again == first
    assert found.to_frame().equals(made.to_frame())
    assert str(found) == str(made)


def test_objects_go_on(tmp_path: Path) -> None:
    small_fit(tmp_path / "fit")
    found = ms.load(tmp_path / "fit")
    (law,) = found.fits.values()
    assert law.band([1e6])[0] < law.predict([1e6]) < law.band([1e6])[1]
    assert found.curve.at(dataset_size=100).losses.size == 3
    assert ms.compare(ms.predict_exponent(8.0), law).ratio == law.alpha / 0.5


def test_results_of_an_earlier_version_are_refused(tmp_path: Path) -> None:
    small_fit(tmp_path / "fit")
    file = tmp_path / "fit" / "results.json"
    stored = json.loads(file.read_text())
    del stored["asked"]
    file.write_text(json.dumps(stored))
    with pytest.raises(RecordError, match="asked"):
        ms.load(file)
