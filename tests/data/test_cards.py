"""A data set of any kind is a folder with a card: numbers and colors as well as bytes."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

import manifoldscale as ms
from manifoldscale import data
from manifoldscale.sweeps import data_sets

CARD = """
title = "{name}"
description = "Made by a test."
file = "{file}"
sha256 = "{sha256}"
points = {points}
{kind}
licence = "none"
origin = "a test"
citation = "none"

[known]
dimension = "not known"
source = "none"
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Write a data set's folder: its file, and a card that says what kind it is."""
    monkeypatch.setattr(data.cards, "folder", lambda: tmp_path)
    for cached in ("_loaded", "_targets", "_preparation", "_prepared"):
        getattr(data_sets, cached).cache_clear()

    def add(name: str, file: str, points: int, kind: str, **arrays: np.ndarray) -> None:
        path = tmp_path / name / file
        path.parent.mkdir()
        if path.suffix == ".npz":
            np.savez(path, **arrays)
        else:
            columns = np.column_stack(list(arrays.values()))
            header = ",".join(arrays)
            np.savetxt(path, columns, delimiter=",", header=header, comments="")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        text = CARD.format(name=name, file=file, points=points, kind=kind, sha256=digest)
        path.with_name("card.toml").write_text(text)

    return add


def trained(task: ms.sweeps.DataSet) -> ms.LearningCurve:
    training = ms.sweeps.Training(steps=30)
    plan = ms.sweeps.Plan(task, [20, 40], [8], seeds=2, n_test=30, training=training)
    return ms.sweeps.run(plan)


def test_a_table_of_real_numbers_with_a_real_target(shelf: object) -> None:
    """Scikit-learn's diabetes: ten measurements, and the progression of the disease."""
    bunch = load_diabetes()
    columns = dict(zip(bunch.feature_names, bunch.data.T, strict=True))
    columns["progression"] = bunch.target
    kind = 'dtype = "float64"\nshape = [10]\ntargets = ["progression"]'
    shelf("diabetes", "diabetes.csv", 442, kind, **columns)
    assert data.names() == ["diabetes"]
    found = data.load("diabetes")
    np.testing.assert_allclose(found.inputs, bunch.data)
    np.testing.assert_allclose(found.targets[:, 0], bunch.target)
    assert found.labels is None and found.cloud().labels is None
    assert found.card.targets_in_words == "real targets: progression"
    assert data.load_examples("diabetes").labels is None

    task = ms.sweeps.DataSet("diabetes")
    assert (task.inputs, task.outputs, task.largest(42)) == (10, 1, 400)
    everything = task.draw(441, 1, 0)
    targets = np.append(everything.train_targets, everything.test_targets)
    assert targets.mean() == pytest.approx(0, abs=1e-9)
    assert targets.std() == pytest.approx(1)
    assert task.points(5, 0)[1] is None
    assert np.isfinite(trained(task).losses).all()
    with pytest.raises(ms.ManifoldScaleError, match="needs class targets"):
        ms.sweeps.Plan(task, [20], training=ms.sweeps.Training(loss="cross_entropy"))
    with pytest.raises(ms.ManifoldScaleError, match="`superclasses` needs classes"):
        ms.sweeps.DataSet("diabetes", superclasses=2)
    with pytest.raises(ms.ManifoldScaleError, match="`pool` = 2 does not divide"):
        ms.sweeps.DataSet("diabetes", pool=2)


def test_images_with_colors(shelf: object) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (90, 8, 4, 3), dtype=np.uint8)
    labels = np.arange(90, dtype=np.uint8) % 3
    kind = "shape = [8, 4, 3]\nmaximum = 255\nclasses = 3"
    shelf("colors", "colors.npz", 90, kind, images=images, labels=labels)
    found = data.load("colors")
    assert found.inputs.shape == (90, 96) and found.inputs.dtype == np.float32
    np.testing.assert_array_equal(found.labels, labels)
    task = ms.sweeps.DataSet("colors", pool=2)
    inputs, of = task.points(90, 0)
    corner = images[0, :2, :2].mean((0, 1)) / 255
    np.testing.assert_allclose(inputs[0, :3], corner, rtol=1e-6)
    assert (task.inputs, task.outputs) == (24, 3) and of is not None
    assert np.isfinite(trained(task).losses).all()


def test_a_card_that_describes_other_examples_is_refused(shelf: object) -> None:
    x, y = np.zeros((5, 4), np.float32), np.zeros((5, 2))
    kind = 'dtype = "float32"\nshape = [4]\ntargets = ["a"]'
    shelf("numbers", "numbers.npz", 5, kind, X=x, y=y)
    with pytest.raises(ms.ManifoldScaleError, match="5 examples of 4, float32, with real"):
        data.load("numbers")
