"""Scale curves: what is flat, what noise and folds do, and the scale that was asked for."""

import dataclasses as dc

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.interval import Interval
from manifoldscale.dimension import AcrossScales, Dimension, Gride, TwoNN
from manifoldscale.dimension.across_scales import find_plateau, find_trend

BASE = ms.estimate(ms.manifolds.Ball(2).sample(100), TwoNN())


def curve(*values: float, error: float = 0.01) -> list[Dimension]:
    return [
        dc.replace(
            BASE,
            value=value,
            stderr=error * value,
            interval=Interval(value * (1 - 2 * error), value * (1 + 2 * error)),
        )
        for value in values
    ]


@pytest.mark.parametrize(
    ("values", "plateau", "trend"),
    [
        ((2.0, 2.02, 1.99, 2.01), (0, 3), "flat"),
        ((5.0, 3.0, 2.0, 2.01, 2.0), (2, 4), "noise"),
        ((1.0, 1.01, 1.0, 1.6, 2.2), (0, 2), "folding"),
        ((4.0, 2.0, 2.0, 2.0, 3.0), (1, 3), "noise and folding"),
        ((8.0, 6.0, 4.0, 3.0), None, "falling"),
        ((1.0, 1.5, 2.0, 3.0), None, "folding"),
    ],
)
def test_plateau_and_trend(
    values: tuple[float, ...], plateau: tuple[int, int] | None, trend: str
) -> None:
    made = curve(*values)
    assert find_plateau(made) == plateau
    assert find_trend(made, plateau) == trend


def test_wide_errors_show_neither_a_trend_nor_a_plateau() -> None:
    made = curve(2.1, 2.0, 1.95, error=0.2)
    assert find_plateau(made) is None and find_trend(made, None) == "unclear"


def test_what_still_falls_is_no_plateau() -> None:
    """Four dimensions with noise: a plateau holds four, or there is none."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        code = np.cos(rng.uniform(-1, 1, (1000, 4)) @ rng.standard_normal((4, 30)) + 1)
        noisy = code + 0.1 * rng.standard_normal(code.shape)
        found = ms.estimate(noisy, AcrossScales())
        assert found.plateau is None or 4 in found.interval


@pytest.mark.parametrize("method", [Gride(), TwoNN()], ids=str)
def test_a_clean_manifold_is_flat(method: object) -> None:
    found = ms.estimate(ms.manifolds.SwissRoll().sample(3000), AcrossScales(method))
    assert found.trend == "flat" and found.plateau is not None
    assert found.value == pytest.approx(2, rel=0.04) and 2 in found.interval
    assert found.examples[0] == 3000 and found.examples[-1] < 400
    assert (
        len(found.scales()) == len(found.curve) and "examples" in found.scales().rows()[0]
    )


def test_noise_makes_the_small_scales_high() -> None:
    """A Swiss roll with noise: three dimensions at 3,000 examples, two at a hundred."""
    rolled = ms.manifolds.SwissRoll().sample(3000, noise=0.3, rng=1)
    found = ms.estimate(rolled, AcrossScales())
    assert found.trend == "falling"
    assert {Caveat.NO_PLATEAU} <= {note.caveat for note in found.caveats}
    assert found.curve[0].value > 2.5 and found.curve[-1].value < 2.1
    sphere = ms.manifolds.Sphere(2).sample(20_000, ambient=5, noise=0.004, rng=1)
    found = ms.estimate(sphere, AcrossScales(octaves=6))
    assert "noise" in found.trend and found.value == pytest.approx(2, rel=0.1)
    assert Caveat.NOISE in {note.caveat for note in found.caveats}


@pytest.mark.parametrize("method", [Gride(), TwoNN()], ids=str)
def test_sheets_that_come_near_make_the_large_scales_high(method: object) -> None:
    turn = np.random.default_rng(0).uniform(0, 10 * np.pi, 3000)
    spiral = (100 + turn[:, None]) * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    found = ms.estimate(spiral, AcrossScales(method))
    assert found.trend == "folding" and found.value == pytest.approx(1, rel=0.06)
    said = {note.caveat for note in found.caveats}
    assert (Caveat.NO_PLATEAU if found.plateau is None else Caveat.FOLDING) in said


def test_the_dimension_at_the_scale_of_a_number_of_examples() -> None:
    cloud = ms.manifolds.Sphere(2).sample(6000, ambient=10, noise=0.02, rng=2)
    fine, coarse = (
        ms.estimate(cloud, AcrossScales(TwoNN(), at_scale=n)) for n in (6000, 500)
    )
    assert fine.value == pytest.approx(ms.estimate(cloud, TwoNN()).value)
    alone = ms.manifolds.Sphere(2).sample(500, ambient=10, noise=0.02, rng=3)
    direct = ms.estimate(alone, TwoNN())
    assert abs(coarse.value - direct.value) < 3 * np.hypot(coarse.stderr, direct.stderr)
    assert coarse.value < fine.value - 1 and coarse.n_points == 500
    assert coarse.stderr < direct.stderr  # twelve parts
    assert "resolution of 500 examples" in str(coarse)


def test_scales_that_the_points_do_not_reach() -> None:
    cloud = ms.manifolds.Ball(2).sample(400)
    with pytest.raises(ms.ManifoldScaleError, match="does not resolve"):
        ms.estimate(cloud, AcrossScales(TwoNN(), at_scale=1000))
    with pytest.raises(ms.ManifoldScaleError, match="only one scale"):
        ms.estimate(cloud, AcrossScales(TwoNN()))
    with pytest.raises(ms.ManifoldScaleError, match="`at_scale`"):
        AcrossScales(TwoNN(), at_scale=2)


def test_a_prediction_takes_the_dimension_at_a_scale() -> None:
    cloud = ms.manifolds.Ball(3).sample(2000)
    dim = ms.estimate(cloud, AcrossScales(TwoNN(), at_scale=1000))
    assert ms.predict_exponent(dim).alpha == pytest.approx(4 / dim.value)


def test_it_draws_itself() -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = ms.estimate(ms.manifolds.Ball(2).sample(1000), AcrossScales())
    axes = found.plot(plt.figure().gca())
    assert axes.get_xscale() == "log" and axes.get_ylabel() == "dimension"
    plt.close("all")


def test_what_the_sizes_of_a_sweep_resolve() -> None:
    """The mean of 1 / d over the sizes. In a box of nine dimensions it is below nine, as
    the distance to the nearest of as many examples says, which falls as in 7.5.
    """
    points = np.random.default_rng(0).uniform(-1, 1, (6400, 9))
    sizes = [100, 200, 400, 800, 1600, 3200]
    found = ms.dimension.resolved_by_sizes(ms.Cloud(points), sizes)
    each = [ms.estimate(points, AcrossScales(TwoNN(), at_scale=n)).value for n in sizes]
    assert found.value == pytest.approx(1 / np.mean(1 / np.array(each)))
    assert 7.5 in found.interval and found.resolved.value == found.value
    for wrong in ([], [3, 100]):
        with pytest.raises(ms.ManifoldScaleError, match="`sizes`"):
            ms.dimension.resolved_by_sizes(ms.Cloud(points), wrong)
