"""scikit-dimension behind the same result."""

import inspect
import sys

import numpy as np
import pytest
import skdim

import manifoldscale as ms
from manifoldscale.dimension import Skdim, TwoNN

SPHERE = ms.manifolds.Sphere(3).sample(500, rng=1)


def test_the_value_is_theirs() -> None:
    found = ms.estimate(SPHERE, Skdim("MOM"))
    theirs = skdim.id.MOM().fit(SPHERE.points).dimension_
    assert found.value == pytest.approx(theirs, rel=1e-6)
    assert found.interval.low < found.value < found.interval.high


def test_settings_go_to_the_estimator_or_to_its_fit() -> None:
    near = ms.estimate(SPHERE, Skdim("MLE", n_neighbors=10, comb="mle"))
    theirs = skdim.id.MLE().fit(SPHERE.points, n_neighbors=10, comb="mle").dimension_
    assert near.value == pytest.approx(theirs, rel=1e-6)
    wide = ms.estimate(SPHERE, Skdim("CorrInt", k1=5, k2=40))
    assert wide.value == pytest.approx(
        skdim.id.CorrInt(5, 40).fit(SPHERE.points).dimension_
    )


def test_the_error_is_that_of_independent_draws() -> None:
    """60 draws of their TwoNN on a flat torus: the stated error is the scatter."""
    torus = ms.manifolds.FlatTorus(2)
    found = [ms.estimate(torus.sample(600, rng=i), Skdim("TwoNN")) for i in range(60)]
    scatter = np.std([dim.value for dim in found])
    assert np.mean([dim.stderr for dim in found]) == pytest.approx(scatter, rel=0.35)


def test_whole_numbers_keep_the_error_of_rounding() -> None:
    found = ms.estimate(SPHERE, Skdim("lPCA"))
    assert found.stderr >= np.sqrt(1 / 12)
    assert "INTEGER_VOTES" in {note.caveat.name for note in found.caveats}


@pytest.mark.parametrize(
    "method", [Skdim("MOM", blocks=0), Skdim("MOM", blocks=20)], ids=str
)
def test_no_error_is_nan_with_its_reason(method: Skdim) -> None:
    found = ms.estimate(SPHERE, method)
    assert np.isnan(found.stderr) and found.interval.is_open
    assert "no error" in str(found)


def test_it_is_a_value() -> None:
    assert Skdim("DANCo", k=10) == Skdim("DANCo", k=10) != Skdim("DANCo", k=11)
    assert hash(Skdim("DANCo", k=10)) == hash(Skdim("DANCo", k=10))
    assert Skdim("DANCo", k=10).to_dict()["settings"] == (("k", 10),)


@pytest.mark.slow
def test_draws_of_theirs_neither_vary_nor_disturb() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    small = SPHERE.take(np.arange(50))
    method = Skdim("DANCo", k=5, blocks=0)
    assert ms.estimate(small, method).value == ms.estimate(small, method).value
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Skdim("danco"), "'DANCo'"),
        (Skdim("MLE", neighbours=3), "'n_neighbors'"),
        (Skdim("CorrInt", k1="a"), "failed on 500 points"),
    ],
)
def test_what_it_cannot_do_is_named(method: Skdim, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.estimate(SPHERE, method)


def test_without_scikit_dimension_the_error_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "skdim.id", None)
    with pytest.raises(ms.ManifoldScaleError, match="pip install scikit-dimension"):
        ms.estimate(SPHERE, Skdim("MOM"))
    assert ms.estimate(SPHERE, TwoNN()).value > 2


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == "ESS" else [])
        for name, kind in vars(skdim.id).items()
        if inspect.isclass(kind)
    ],
)
def test_no_global_generator_is_read_or_moved(name: str) -> None:
    """Else what threads get would depend on one another."""
    points = ms.manifolds.Sphere(3).sample(150, rng=1)
    found = []
    for seed in (1, 2):
        with np.errstate(all="ignore"):
            np.random.seed(seed)  # noqa: NPY002
            before = np.random.get_state()  # noqa: NPY002
            found.append(ms.estimate(points, Skdim(name, blocks=0)).value)
            after = np.random.get_state()  # noqa: NPY002
        assert (before[1] == after[1]).all() and before[2] == after[2]
    assert found[0] == found[1]
