"""Views: what they keep, that they are aligned, and that nothing is measured on them."""

import numpy as np
import pytest
from sklearn import manifold

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.views import PCA, UMAP, View, align, panels, trust_of_points


def blobs(n: int = 150, seed: int = 0) -> ms.Cloud:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    points = 8 * np.eye(3, 10)[labels] + rng.standard_normal((n, 10))
    return ms.Cloud(points, labels=labels, name="layer")


@pytest.fixture(scope="module")
def umap_view() -> View:
    return ms.estimate(blobs(), UMAP(seeds=2))


def test_umap_keeps_neighbours(umap_view: View) -> None:
    assert umap_view.coordinates.shape == (150, 2)
    assert umap_view.trustworthiness.value > 0.85
    assert umap_view.trustworthiness.value in umap_view.trustworthiness.interval
    assert 0 <= umap_view.instability < 1
    assert "moves with the seed" in str(umap_view)
    assert Caveat.FOR_THE_EYE in {note.caveat for note in umap_view.caveats}


def test_the_same_seed_gives_the_same_view(umap_view: View) -> None:
    again = ms.estimate(blobs().neighbors(20), UMAP(seeds=1))
    np.testing.assert_array_equal(again.coordinates, umap_view.coordinates)
    assert np.isnan(again.instability)


def test_duplicates_are_left_out_of_the_view() -> None:
    cloud = blobs()
    doubled = ms.Cloud(
        np.concatenate([cloud.points[:20], cloud.points]),
        labels=np.concatenate([cloud.labels[:20], cloud.labels]),
    )
    view = ms.estimate(doubled, UMAP(seeds=1))
    assert len(view.rows) == 150 and (view.labels == doubled.labels[view.rows]).all()


def test_trustworthiness_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    points = rng.standard_normal((90, 5))
    for plane in (points[:, :2], rng.standard_normal((90, 2))):
        ours = trust_of_points(points, plane, 7, np.arange(90)).mean()
        theirs = manifold.trustworthiness(points, plane, n_neighbors=7)
        assert ours == pytest.approx(theirs, rel=1e-12)


def test_pca_of_a_plane_is_the_plane() -> None:
    rng = np.random.default_rng(2)
    plane = rng.standard_normal((80, 2)) * [3, 1]
    turned = plane @ np.linalg.qr(rng.standard_normal((6, 6)))[0][:2]
    view = ms.estimate(turned, PCA())
    assert view.trustworthiness.value == 1.0 and view.instability == 0
    apart = np.linalg.norm(view.coordinates[:, None] - view.coordinates, axis=2)
    truth = np.linalg.norm(plane[:, None] - plane, axis=2)
    np.testing.assert_allclose(apart / apart.max(), truth / truth.max(), atol=1e-9)
    assert "100% of the variance" in str(view)


def test_views_are_aligned_row_by_row() -> None:
    first = ms.estimate(blobs(), PCA())
    turn = np.array([[0.0, -1.0], [-1.0, 0.0]])  # a turn with a mirror
    moved = View(**{**vars(first), "coordinates": 3 * first.coordinates @ turn + 5})
    back = align([first, moved])[1]
    np.testing.assert_allclose(back.coordinates, first.coordinates, atol=1e-9)
    # Views of other rows are aligned by those that they share.
    half = View(
        **{
            **vars(moved),
            "coordinates": moved.coordinates[:75],
            "rows": moved.rows[:75],
            "labels": moved.labels[:75],
        }
    )
    back = half.aligned_to(first)
    np.testing.assert_allclose(back.coordinates, first.coordinates[:75], atol=1e-9)
    other = View(**{**vars(first), "rows": first.rows + 1000})
    with pytest.raises(ms.ManifoldScaleError, match="these two share 0"):
        other.aligned_to(first)


@pytest.mark.parametrize("measure", [ms.dimension.TwoNN(), ms.curvature.Quadric(1)])
def test_nothing_is_measured_on_a_view(measure: object) -> None:
    view = ms.estimate(blobs(), PCA())
    for attempt in (
        lambda: ms.estimate(view, measure),
        lambda: ms.Cloud(view),
        lambda: ms.estimate(view, ms.topology.Rips()),
        lambda: ms.Neighbors.from_distances(view),
    ):
        with pytest.raises(ms.ManifoldScaleError, match="View is only for looking at"):
            attempt()
    with pytest.raises(ValueError, match="View is only for looking at"):
        np.asarray(view)


def test_colours() -> None:
    import matplotlib.pyplot as plt

    surface = ms.manifolds.Torus().sample(300, noise=0.3, rng=1)
    near = surface.neighbors(64)
    view = ms.estimate(near, PCA())
    curvature = ms.estimate(near, ms.curvature.Quadric(2))
    values, title = view._colors(curvature)
    assert title == "kappa_rms x extent"
    unknown = ~np.isin(curvature.status, ["ok", "biased", "boundary"])
    assert 0 < unknown.sum() < 300 and (np.isnan(values) == unknown).all()
    local = ms.estimate(near, ms.dimension.Local(ms.dimension.MLE(k=20)))
    np.testing.assert_array_equal(view._colors(local)[0], local.values)
    figure = panels([[view, view, view, view]], color=[curvature, local, "trust", None])
    grey = figure.axes[0].collections[0].get_offsets()
    assert len(grey) == unknown.sum()
    assert len(figure.axes) == 7  # four panels, three colour bars
    plt.close(figure)
    with pytest.raises(ms.ManifoldScaleError, match="a value for each row"):
        view.plot(color=np.arange(3))
    plt.close("all")


def test_a_view_prints_tabulates_and_plots(umap_view: View) -> None:
    import matplotlib.pyplot as plt

    assert str(umap_view).startswith("view of 'layer' by UMAP(seeds=2) of 150 points")
    assert umap_view.to_frame()["n_points"][0] == 150
    assert '"trustworthiness"' in umap_view.to_json()
    axes = umap_view.plot()
    assert len(axes.get_legend().get_texts()) == 3 and "not evidence" in axes.get_xlabel()
    plt.close(axes.figure)


def test_bad_input_is_refused() -> None:
    for settings, message in (
        ({"k": 1}, "`k` must be"),
        ({"min_dist": -1.0}, "`min_dist` must be at least 0"),
        ({"seeds": 0}, "`seeds` must be"),
    ):
        with pytest.raises(ms.ManifoldScaleError, match=message):
            UMAP(**settings)
    with pytest.raises(ms.ManifoldScaleError, match="neighbours of every point"):
        ms.estimate(blobs().neighbors(15, anchors=20), UMAP())
    with pytest.raises(ms.ManifoldScaleError, match="`rows` is empty"):
        panels([])
    table = ms.Neighbors.from_distances(np.abs(np.subtract.outer(range(20), range(20))))
    with pytest.raises(ms.ManifoldScaleError, match="needs the points"):
        ms.estimate(table, PCA())
