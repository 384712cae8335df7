"""What every method beside those of dimension keeps: `Rips`, `Capacity`, `Covariance` and
views. A method is added by one row of METHODS.
"""

import copy
import dataclasses as dc
import json
from typing import Any

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale import testing
from manifoldscale.core.method import Method

METHODS = [
    ms.topology.Rips(landmarks=40, subsamples=3),
    ms.topology.Rips(up_to=0, subsamples=3),
    ms.classes.Capacity(exemplars=20, probes=3),
    ms.spectra.Covariance(),
    ms.views.PCA(),
    pytest.param(ms.views.UMAP(seeds=1), marks=pytest.mark.slow),
]
methods = pytest.mark.parametrize("method", METHODS, ids=str)


def cloud(points: Any = None) -> ms.Cloud:
    given = ms.manifolds.Sphere(2).sample(120, ambient=20, noise=0.1).points
    given = given if points is None else points
    return ms.Cloud(given, labels=np.arange(len(given)) % 3, name="sphere")


@methods
def test_a_result_is_frozen_and_prints_tabulates_and_saves(method: Any) -> None:
    found = ms.estimate(cloud(), method)
    lines = str(found).split("\n")
    assert str(method) in lines[0] and "120" in lines[0]
    assert sum(line.startswith("  ! ") for line in lines) == len(found.caveats)
    assert found.row()["method"] == str(method)
    assert found.to_frame().loc[0, "method"] == str(method)
    assert json.loads(found.to_json())["method"]["type"] == type(method).__name__
    assert "<code>" in found._repr_html_()
    with pytest.raises(AttributeError):
        found.caveats = ()


@methods
def test_methods_are_values(method: Any) -> None:
    assert copy.deepcopy(method) == method and method in {copy.deepcopy(method)}
    with pytest.raises(AttributeError, match="is a value"):
        method.fit  # noqa: B018 - the access is the test


@dc.dataclass(frozen=True)
class Broken(Method[Any]):
    """A method of somebody else, one of whose properties fails."""

    @property
    def n_neighbors(self) -> int:
        return 2

    @property
    def table(self) -> Any:
        return None.shape  # type: ignore[attr-defined]

    def __call__(self, near: Any, /) -> Any:
        return self.table


def test_the_error_of_an_authors_own_property_is_seen() -> None:
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'shape'"):
        ms.estimate(cloud(), Broken())


@methods
def test_what_is_no_cloud_is_refused(method: Any) -> None:
    for name, points in testing.UNUSABLE.items():
        if name == "three points" and isinstance(method, ms.topology.Rips):
            continue  # tested with its own message
        with pytest.raises(ms.ManifoldScaleError):
            ms.estimate(points, method)


@methods
def test_equal_calls_give_equal_results(method: Any) -> None:
    first, again = ms.estimate(cloud(), method), ms.estimate(cloud(), method)
    assert first.to_json() == again.to_json()


def numbers(found: Any) -> dict[str, float]:
    """The numbers of a row."""
    return {k: v for k, v in found.row().items() if isinstance(v, int | float)}


@methods
def test_float32_agrees(method: Any) -> None:
    single = cloud().points.astype(np.float32)
    one = numbers(ms.estimate(cloud(single), method))
    other = numbers(ms.estimate(cloud(single.astype(np.float64)), method))
    assert one == pytest.approx(other, rel=1e-6, nan_ok=True)


@methods
def test_a_table_serves_several_methods(method: Any) -> None:
    one = numbers(ms.estimate(cloud().neighbors(16), method))
    other = numbers(ms.estimate(cloud(), method))
    assert len(one) >= 3 and one == pytest.approx(other, rel=1e-9, nan_ok=True)
