"""Representations compared: the published definitions, known truths, what is refused."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.error_bars import jackknife_freedom
from manifoldscale.similarity import alignment, neighborhoods as near
from manifoldscale.similarity.aligned import aligned

Array = Any
MEASURES = ("imbalance_ab", "imbalance_ba", "overlap", "cka", "shape")


def pair(n: int = 200, seed: int = 0, noise: float = 0.3) -> tuple[Array, Array]:
    """A representation, and three of its directions bent, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 6))
    return x, np.tanh(x[:, :3]) + noise * rng.standard_normal((n, 3))


def neighbors(points: Array, k: int) -> Array:
    far = cdist(points, points) + np.diag(np.full(len(points), np.inf))
    return far.argsort(axis=1)[:, :k]


def imbalance(x: Array, y: Array) -> float:
    """2 / n <rank in Y of the nearest in X>, by its definition (Glielmo et al. 2022)."""
    order = neighbors(y, len(y) - 1)
    nearest = neighbors(x, 1)
    ranks = 1 + (order == nearest).argmax(axis=1)
    return float(2 / len(x) * ranks.mean())


def overlap(x: Array, y: Array, k: int = 5) -> float:
    both = zip(neighbors(x, k).tolist(), neighbors(y, k).tolist(), strict=True)
    return float(np.mean([len({*a} & {*b}) / k for a, b in both]))


def label_overlap(x: Array, labels: Array, k: int = 5) -> float:
    return float((labels[neighbors(x, k)] == labels[:, None]).mean())


def cka(x: Array, y: Array) -> float:
    """By U-centred matrices (Szekely and Rizzo 2014), whose product is the same HSIC."""
    a, b = (u_centred(one @ one.T) for one in (x, y))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def u_centred(kernel: Array) -> Array:
    kernel = kernel - np.diag(np.diag(kernel))
    n, rows = len(kernel), kernel.sum(axis=1)
    centred = kernel - np.add.outer(rows, rows) / (n - 2)
    centred += kernel.sum() / ((n - 1) * (n - 2))
    return centred - np.diag(np.diag(centred))


def test_the_numbers_are_those_of_the_definitions() -> None:
    x, y = pair()
    labels = x[:, 0] > 0
    found = ms.compare_representations(ms.Cloud(x, labels=labels), y, k=5)
    assert found.imbalance_ab.value == pytest.approx(imbalance(x, y))
    assert found.imbalance_ba.value == pytest.approx(imbalance(y, x))
    assert found.overlap.value == pytest.approx(overlap(x, y))
    assert found.cka.value == pytest.approx(cka(x, y))
    change = found.label_overlap_b.value - found.label_overlap_a.value
    assert found.label_overlap_a.value == pytest.approx(label_overlap(x, labels))
    assert found.label_overlap_change.value == pytest.approx(change)


def test_the_jackknife_leaves_out_every_point() -> None:
    x, y = pair(40)
    points = aligned([("a", ms.Cloud(x, labels=x[:, 0] > 0)), ("b", y)], 0)
    x, y = points.layers  # in their random order
    a, b = (near.nearest(points, one, 5) for one in (x, y))
    orders = points.permutations(3, 0)
    (ranks,) = near.ranks(points, y, [a], orders)
    estimates = {
        imbalance: near.imbalance(points, a, ranks),
        overlap: near.overlap(points, a, b),
        cka: alignment.alignments(points, [(0, 1)])[0, 1],
    }
    for of, found in estimates.items():
        each = [of(np.delete(x, i, 0), np.delete(y, i, 0)) for i in range(40)]
        np.testing.assert_allclose(found.left_out, each, atol=1e-12)
    found = near.label_overlap(points, a, points.labels)
    each = [
        label_overlap(np.delete(x, i, 0), np.delete(points.labels, i)) for i in range(40)
    ]
    np.testing.assert_allclose(found.left_out, each)
    nulls = {
        imbalance: ranks.permuted * 2 / 40,
        overlap: near.permuted_overlap(a, b, orders),
        cka: alignment.permuted(points, (0, 1), orders, 0),
    }
    for of, values in nulls.items():
        np.testing.assert_allclose(values, [of(x, y[order]) for order in orders])


def test_a_rotation_changes_nothing_and_a_projection_loses_one_way() -> None:
    x, _ = pair(300)
    turned = 5 * x @ np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0] + 3
    same = ms.compare_representations(x, turned)
    assert same.imbalance_ab.value == same.imbalance_ba.value == pytest.approx(2 / 300)
    assert same.overlap.value == 1 and 1 in same.overlap.interval
    assert same.cka.value == pytest.approx(1) and same.shape.value == pytest.approx(
        0, abs=1e-6
    )
    part = ms.compare_representations(x, x[:, :2])
    assert part.imbalance_ab.interval.high < part.imbalance_ba.interval.low


def test_unrelated_representations_are_what_unrelated_says() -> None:
    rng = np.random.default_rng(2)
    found = ms.compare_representations(
        rng.standard_normal((400, 4)), rng.standard_normal((400, 7)), seed=1
    )
    for one in found.measures.values():
        assert one.unrelated in one.interval, one.name
        if one.null is not None:
            assert one.null.low < one.unrelated < one.null.high
    assert {name for name, one in found.measures.items() if one.null} == {*MEASURES[:4]}


def test_features_that_outnumber_points_do_not_look_alike() -> None:
    """The biased estimate is near 1 for unrelated points of many features."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((60, 2000)), rng.standard_normal((60, 1500))
    found = ms.compare_representations(x, y, measures="cka")
    centred = [one - one.mean(axis=0) for one in (x, y)]
    a, b = (one @ one.T for one in centred)
    biased = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
    assert biased > 0.9 and 0 in found.cka.interval and found.cka.interval.width < 0.2
    assert found.overlap is None and list(found.measures) == ["cka"]


def test_the_shape_distance_of_gaussians() -> None:
    """cos = |Cov(x, y)|_* / sqrt(tr Cov(x) tr Cov(y)), here (1 + s) / sqrt(2 (1 + s^2))."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2000, 2))
    found = ms.compare_representations(x, x * [1, 0.2], measures="shape").shape
    truth = np.arccos(1.2 / np.sqrt(2 * 1.04))
    assert truth in found.interval and abs(found.value - truth) < 0.02


def test_two_networks_give_a_matrix() -> None:
    x, y = pair()
    one, other = {"in": x, "deep": y}, {"fc1": x[:, :2], "fc2": y, "fc3": x}
    found = ms.compare_representations(one, other, k=5)
    assert found.sites == (("in", "deep"), ("fc1", "fc2", "fc3")) and len(found) == 6
    assert found.values("imbalance")[0, 0] == pytest.approx(imbalance(x, x[:, :2]))
    assert found["deep", "fc2"].cka.value == pytest.approx(1)
    assert found["in", "fc2"].cka.null is None and found["in", "fc2"].shape is None
    frame = found.to_frame()
    assert list(frame["b"]) == ["fc1", "fc2", "fc3"] * 2 and "overlap_low" in frame
    with pytest.raises(KeyError, match="fc9"):
        found["in", "fc9"]
    with pytest.raises(ms.ManifoldScaleError, match="measures=\\['shape'\\]"):
        found.values("shape")


def test_one_network_beside_itself() -> None:
    x, y = pair()
    found = ms.compare_representations({"in": x, "part": x[:, :1], "deep": y}, k=5)
    values = found.values("imbalance")
    assert np.diag(values) == pytest.approx(2 / 200)
    assert values[0, 1] == pytest.approx(imbalance(x, x[:, :1]))
    assert values[1, 0] == pytest.approx(imbalance(x[:, :1], x))
    assert np.allclose(found.values("cka"), found.values("cka").T)
    back = found["deep", "in"]
    assert (back.a, back.imbalance_ab) == ("deep", found["in", "deep"].imbalance_ba)
    ax = Figure().add_subplot()
    found.plot(ax, measure="imbalance")
    written = {text.get_text() for text in ax.texts}
    assert f"{values[1, 0]:.2f}" in written and len(ax.texts) == 9
    assert [text.get_text() for text in ax.get_yticklabels()] == ["in", "part", "deep"]


def grouped(n_groups: int = 50, size: int = 4, seed: int = 0) -> tuple[Array, Array, Array]:
    """Two unrelated representations whose points of one group are nearly equal."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), size)
    x, y = rng.standard_normal((2, n_groups, 20))
    jitter = 0.1 * rng.standard_normal((2, len(groups), 20))
    return x[groups] + jitter[0], y[groups] + jitter[1], groups


def test_points_of_a_group_are_neither_neighbours_nor_independent() -> None:
    x, y, groups = grouped()
    alone = ms.compare_representations(x, y, k=3)
    assert alone.imbalance_ab.interval.high < 0.1  # neighbours are of the same group
    assert alone.cka.interval.low > 0
    found = ms.compare_representations(ms.Cloud(x, groups=groups), y, k=3)
    for one in found.measures.values():
        assert one.unrelated in one.interval, one.name
    assert found.imbalance_ab.null.low < 1 < found.imbalance_ab.null.high


def test_groups_leave_no_bias() -> None:
    """The mean over draws, within three standard errors of that of unrelated ones."""
    means = []
    for seed in range(30):
        x, y, groups = grouped(12, 3, seed)
        found = ms.compare_representations(
            ms.Cloud(x, groups=groups), y, k=2, permutations=0,
            measures=["imbalance", "cka", "overlap"],
        )  # fmt: skip
        means.append([one.value - one.unrelated for one in found.measures.values()])
    off = np.mean(means, axis=0) / (np.std(means, axis=0) / 30**0.5)
    assert (np.abs(off) < 3).all()


def test_the_order_of_rows_does_not_matter() -> None:
    x, y = pair()
    order = np.random.default_rng(5).permutation(200)
    one = ms.compare_representations(x, y, permutations=0)
    other = ms.compare_representations(x[order], y[order], permutations=0, seed=7)
    for name in MEASURES[:4]:
        assert getattr(one, name).value == pytest.approx(getattr(other, name).value)


def test_a_dead_layer_does_not_lose_the_others() -> None:
    x, y = pair()
    found = ms.compare_representations({"in": x, "dead": np.ones((200, 4)), "deep": y})
    assert np.isnan(found["in", "dead"].cka.value)
    assert "'dead'" in str(found["in", "dead"]) and not found["in", "deep"].caveats
    assert np.isnan(found.values("imbalance")).sum() == 5
    found.plot(Figure().add_subplot())


def test_copies_of_an_example_count_once_and_equal_points_are_ties() -> None:
    x, y = pair()
    plain = ms.compare_representations(x, y, k=5)
    again = ms.compare_representations(np.r_[x, x[:50]], np.r_[y, y[:50]], k=5)
    assert again.n_points == 200 and "50 of 250" in again.row()["caveats"]
    assert again.overlap.value == plain.overlap.value
    # Of equal points any is the nearest, in whatever order the rows come.
    order = np.argsort(x[:, 0])
    line, signs = x[order, :1], np.sign(x[order, :1])
    ranks = cdist(line, line).argsort(axis=1).argsort(axis=1)
    same = (signs == signs.T) & ~np.eye(200, dtype=bool)
    found = ms.compare_representations(line, signs, k=5)
    expected = 2 / 200 * (ranks * same).sum() / same.sum()
    assert found.imbalance_ba.value == pytest.approx(expected, abs=0.08)
    assert [note.caveat for note in found.caveats] == [Caveat.TIED_NEIGHBORS]


def test_few_points_are_said() -> None:
    x, y = pair(20)
    found = ms.compare_representations(x, y, k=3)
    assert {note.caveat for note in found.caveats} == {Caveat.FEW_POINTS}


def test_representations_of_a_network() -> None:
    from torch import manual_seed, nn

    manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2)).eval()
    x = pair()[0].astype("float32")
    found = ms.compare_representations(ms.extract(net, x))
    assert found.sites[0] == ("@input", "0", "1", "2")
    assert found.values("imbalance")[0, 3] < found.values("imbalance")[3, 0]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x, y: (x, y[:-1]), "'a' has 200 points, 'b' 199"),
        (lambda x, y: (x, None), "give a second one"),
        (lambda x, y: ({}, x), "`a` has no sites"),
        (
            lambda x, y: (
                ms.Cloud(x, labels=np.arange(200)),
                ms.Cloud(y, labels=np.arange(200)[::-1]),
            ),
            "labels .* first in row 0",
        ),
        (
            lambda x, y: (
                ms.Cloud(x, ids=np.arange(200) * 2),
                ms.Cloud(y, ids=np.arange(200) * 3),
            ),
            "ids .* first in row 1",
        ),
        (
            lambda x, y: (x, ms.Cloud(y, ids=np.arange(200)[::-1])),
            "ids .* first in row 0 .*199",
        ),
        (lambda x, y: (x[:20], y[:20]), "30 neighbours need at least 31"),
        (lambda x, y: (x[:4], y[:4]), "at least 5 independent"),
    ],
)
def test_what_cannot_be_compared_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.compare_representations(*make(*pair()))


def test_a_measure_that_is_not_known_is_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="measures"):
        ms.compare_representations(*pair(), measures=["CKA"])


def bent(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    z = rng.standard_normal((n, 3))
    z /= np.linalg.norm(z, axis=1)[:, None]
    y = np.c_[z[:, :2], 0.3 * z[:, 2:] ** 2, z[:, :1] * z[:, 1:2]]
    return z, y + 0.05 * rng.standard_normal((n, 4))


def clusters(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    fixed = np.random.default_rng(6)
    centres, a, b = 3 * fixed.standard_normal((5, 10)), *fixed.standard_normal((2, 10, 6))
    label = rng.integers(0, 5, n)
    z = rng.standard_normal((n, 10))
    return centres[label] + z, 0.3 * centres[label] @ a + z @ b


def heavy(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    a = np.random.default_rng(7).standard_normal((6, 6))
    z, noise = rng.standard_t(6, (2, n, 6))
    return z, z @ a + noise


def unrelated(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.standard_normal((n, 1)), rng.standard_normal((n, 30))


def population(draw: Any) -> tuple[float, float]:
    """CKA and shape distance of 200,000 points."""
    x, y = (one - one.mean(axis=0) for one in draw(200_000, np.random.default_rng(99)))
    own, other, both = (p.T @ q / len(x) for p, q in ((x, x), (y, y), (x, y)))
    square, nuclear = np.square(both).sum(), np.linalg.svd(both, compute_uv=False).sum()
    traces = np.trace(own) * np.trace(other)
    alike = square / np.sqrt(np.square(own).sum() * np.square(other).sum())
    return float(alike), float(np.arccos(nuclear / np.sqrt(traces)))


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 300])
@pytest.mark.parametrize("draw", [bent, clusters, heavy, unrelated])
def test_intervals_hold_the_truth(draw: Any, n: int) -> None:
    """Of nominal 95 %, at least 90 in 200 draws, which is three standard errors lower. The
    truth of measures that depend on n is their mean over the draws.
    """
    found = []
    for seed in range(200):
        x, y = draw(n, np.random.default_rng([seed, n]))
        measures = ms.compare_representations(x, y, k=10, permutations=0).measures
        found.append([(measures[m].value, *measures[m].interval) for m in MEASURES])
    value, low, high = np.moveaxis(np.array(found), 2, 0)
    truth = np.array([*value.mean(axis=0)[:3], *population(draw)])
    covered = ((low <= truth) & (truth <= high)).mean(axis=0)
    assert (covered >= 0.9).all(), dict(zip(MEASURES, covered, strict=True))


def test_noise_of_trials_is_said() -> None:
    rng = np.random.default_rng(8)
    signal = rng.standard_normal((100, 8))
    a, b = (
        ms.population(
            signal[..., None] + rng.standard_normal((100, 8, 4)),
            order="stimuli neurons trials",
        )
        for _ in range(2)
    )
    found = ms.compare_representations(a, b, measures=("cka", "overlap"))
    (note,) = [one for one in found.caveats if one.caveat is Caveat.COMPARED_NOISE]
    assert "of 'a'" in note.detail and "of 'b'" in note.detail
    assert found.cka.value < 0.9
    plain = ms.compare_representations(a.points, b.points, measures=("cka",))
    assert Caveat.COMPARED_NOISE not in {one.caveat for one in plain.caveats}


def test_one_direction_that_is_nearly_all_is_said() -> None:
    """As of the few features of language models that are a hundred times the others."""
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 300, 10))
    assert not ms.compare_representations(a, b, measures="cka").caveats
    a[:, 0] = b[:, 0] = 100 * rng.standard_normal(300)
    found = ms.compare_representations(a, b, measures="cka")
    assert found.cka.value > 0.99  # the other nine are unrelated
    (note,) = found.caveats
    assert note.caveat is Caveat.ONE_DIRECTION and "% of the variance of 'a'" in note.detail
    assert not ms.compare_representations(a[:, :1], 2 * a[:, :1]).caveats


def test_one_feature_twice_is_the_same() -> None:
    """The two ends of the interval of a cosine of one differ by rounding, either way."""
    for seed in range(20):
        a = np.random.default_rng(seed).standard_normal((40, 1))
        found = ms.compare_representations(a, 2 * a)
        assert found.shape.value == pytest.approx(0, abs=1e-6)
        assert found.shape.interval.high < 1e-6


def test_a_few_points_that_decide_are_said() -> None:
    """As of tokens with one huge activation: linear measures see these, neighbours not."""
    rng = np.random.default_rng(5)
    x, y = pair(300)
    usual = ms.compare_representations(x, y, k=10, permutations=0)
    assert Caveat.INFLUENTIAL_POINTS not in {note.caveat for note in usual.caveats}
    far = np.where(np.arange(300) < 2, 40.0, rng.standard_normal(300))
    found = ms.compare_representations(np.c_[x, far], y, k=10, permutations=0)
    notes = [n for n in found.caveats if n.caveat is Caveat.INFLUENTIAL_POINTS]
    assert ["CKA" in str(note) for note in notes] == [True, False]
    assert "of 300 points" in str(notes[0])
    assert not found.overlap.caveats


def test_freedom_of_a_jackknife() -> None:
    """n - 1 for normal influences, about 2 where one point of many decides."""
    normal = np.random.default_rng(0).standard_normal(4000)
    assert jackknife_freedom(normal) == pytest.approx(3999, rel=0.2)
    assert jackknife_freedom(np.eye(100)[0]) == pytest.approx(2, rel=0.05)
    assert jackknife_freedom(np.ones(50)) == 49
