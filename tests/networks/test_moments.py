"""Statistics of streams, and representations from elsewhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.networks.extract import blocks
from manifoldscale.networks.moments import Moments, Reservoir
from manifoldscale.networks.readers import population, read_folder


def test_any_division_and_order_gives_the_same_moments() -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((500, 12)) @ rng.standard_normal((12, 12)) + 1e3
    cuts = np.sort(rng.choice(500, 7, replace=False))
    parts = np.split(points, cuts)
    one, other = Moments(), Moments()
    for part in parts:
        one.update(part)
    for part in [parts[i] for i in rng.permutation(len(parts))]:
        piece = Moments()
        piece.update(part)
        other.merge(piece)
    expected = np.cov(points.T)
    for moments in (one, other):
        np.testing.assert_allclose(moments.covariance, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(moments.mean, points.mean(axis=0), rtol=1e-13)
    values = np.linalg.eigvalsh(expected)
    ratio = values.sum() ** 2 / np.square(values).sum()
    assert one.participation_ratio == pytest.approx(ratio, rel=1e-10)


def test_float32_blocks_far_from_the_origin_lose_nothing() -> None:
    """Sums of squares in float32 were off by 1e-3 here."""
    points = (np.random.default_rng(0).standard_normal((20_000, 8)) + 50).astype("float32")
    moments = Moments()
    for block in np.array_split(points, 37):
        moments.update(block)
    expected = np.cov(points.T.astype(np.float64))
    np.testing.assert_allclose(moments.covariance, expected, rtol=1e-10, atol=1e-12)


def test_too_few_points_and_constant_ones() -> None:
    moments = Moments()
    moments.update(np.ones((1, 3)))
    with pytest.raises(ms.ManifoldScaleError, match="two points"):
        moments.covariance  # noqa: B018 - the access is the test
    moments.update(np.ones((3, 3)))
    assert np.isnan(moments.participation_ratio)
    with pytest.raises(ms.ManifoldScaleError, match="do not belong"):
        moments.update(np.ones((2, 4)))


def test_a_reservoir_depends_on_ids_alone() -> None:
    points = np.random.default_rng(0).standard_normal((300, 3))
    order = np.random.default_rng(1).permutation(300)
    one, other, larger = Reservoir(20), Reservoir(20), Reservoir(50)
    one.update(np.arange(300), points)
    larger.update(np.arange(300), points)
    for rows in np.array_split(order, 11):
        part = Reservoir(20)
        part.update(rows, points[rows])
        other.merge(part)
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.points, points[one.ids])
    assert set(one.ids) < set(larger.ids) and len(one.cloud()) == 20


def test_statistics_of_a_network_without_storing() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 7), nn.Tanh())
    x = np.random.default_rng(0).standard_normal((400, 5)).astype(np.float32)
    moments, sample = Moments(), Reservoir(30)
    for block in blocks(net, x, "1", batch_size=64):
        moments.update(block.arrays["1"])
        sample.update(block.ids, block.arrays["1"])
    points = ms.extract(net, x, "1", batch_size=64)["1"].points
    np.testing.assert_allclose(
        moments.covariance, np.cov(points.T.astype(float)), rtol=1e-8, atol=1e-10
    )
    near = ms.stream_neighbors(
        (block.arrays["1"] for block in blocks(net, x, "1", batch_size=64)),
        sample.points,
        k=5,
        rows=sample.ids,
    )
    exact = ms.Cloud(points).neighbors(5, anchors=sample.ids)
    np.testing.assert_allclose(near.distances, exact.distances, rtol=1e-6)


def test_folders_of_arrays(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    x = np.random.default_rng(0).standard_normal((30, 4))
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "b.npz", conv=x.reshape(30, 2, 2), labels=np.arange(30) % 3)
    save_file({"fc": x.astype(np.float32)}, tmp_path / "c.safetensors")
    found = read_folder(tmp_path)
    assert list(found) == ["a", "conv", "fc"]
    np.testing.assert_array_equal(found["conv"].points, x)
    np.testing.assert_array_equal(found["a"].labels, np.arange(30) % 3)
    np.save(tmp_path / "d.npy", x[:5])
    with pytest.raises(ms.ManifoldScaleError, match="agree in the number of points"):
        read_folder(tmp_path)
    np.save(tmp_path / "d.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ms.ManifoldScaleError, match="never"):
        read_folder(tmp_path)
    with pytest.raises(ms.ManifoldScaleError, match="holds no arrays"):
        read_folder(tmp_path / "nothing")


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    table = pd.DataFrame({"f0": [0.0, 1.0], "f1": [2.0, 3.0], "labels": [5, 6]})
    table.to_parquet(tmp_path / "layer.parquet")
    cloud = read_folder(tmp_path)["layer"]
    assert cloud.points.tolist() == [[0, 2], [1, 3]] and cloud.labels.tolist() == [5, 6]


def test_recordings_of_neurons() -> None:
    """A ring of 60 simulated neurons: one dimension, whatever the order of the axes."""
    rng = np.random.default_rng(0)
    angles, preferred = rng.uniform(0, 2 * np.pi, 500), rng.uniform(0, 2 * np.pi, 60)
    rates = np.exp(np.cos(angles[:, None] - preferred))
    one = population(rates.T)
    other = population(
        np.stack([rates, rates]), order="trials stimuli neurons", labels=np.arange(500)
    )
    np.testing.assert_array_equal(one.points, other.points)
    dim = ms.estimate(one, ms.dimension.TwoNN())
    assert dim.interval.low < 1 < dim.interval.high
    gaps = np.stack([rates, rates])
    gaps[1, ::3] = np.nan  # a third of the stimuli were shown once
    left = population(gaps, order="trials stimuli neurons")
    np.testing.assert_allclose(left.points, rates)
    gaps[0, 6, 2] = np.nan
    with pytest.raises(ms.ManifoldScaleError, match=r"NaN in every trial.*\(6, 2\)"):
        population(gaps, order="trials stimuli neurons")
    counts = population(np.ones((4, 3, 2), dtype=int), order="neurons stimuli trials")
    assert counts.points.tolist() == [[1.0] * 4] * 3
    bins = population(rates.reshape(50, 10, 60), order="stimuli time neurons")
    assert len(bins) == 500 and (bins.groups == np.repeat(np.arange(50), 10)).all()
    with pytest.raises(ms.ManifoldScaleError, match="name the 2 axes"):
        population(rates, order="neurons")
