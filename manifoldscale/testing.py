"""Checks that every dimension method must pass, to be run on a method of your own.

Each check takes a method and raises an AssertionError that says, in numbers, what does not
hold. `check_method` runs all of them; use `CHECKS` to parametrise a test:

    @pytest.mark.parametrize("check", ms.testing.CHECKS, ids=lambda check: check.__name__)
    def test_my_method(check):
        check(MyMethod())

The data are drawn with fixed seeds, so a check always passes or always fails.
"""

import copy
import functools
import html
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .core.arrays import Array
from .core.caveat import Caveat
from .core.errors import ManifoldScaleError, nearest, require
from .core.lazy import listed
from .core.method import Method
from .dimension import Dimension
from .geometry.cloud import Cloud
from .geometry.estimate import estimate
from .geometry.neighbors import Neighbors, find_neighbors
from .manifolds import Affine, Ball, FlatTorus, Manifold, Sphere, SwissRoll

DimensionMethod = Method[Dimension]

MANIFOLDS: tuple[Manifold, ...] = (
    Sphere(2),
    Sphere(5),
    Ball(3),
    FlatTorus(2),
    FlatTorus(4),
    SwissRoll(),
    Affine(1),
    Affine(3),
)
K = 64  # neighbours in a table, unless the method needs more
NEAR = 0.05  # relative error that edges and curvature may cause
TOO_FAR = 1.5  # scatter of independent draws over the standard error that is claimed
UNUSABLE: Mapping[str, Array] = {
    "equal points": np.ones((50, 3)),
    "no points": np.zeros((0, 4)),
    "a 1-D array": np.arange(5.0),
    "a 3-D array": np.zeros((2, 3, 4)),
    "NaN": np.full((50, 3), np.nan),
    "three points": np.random.default_rng(0).random((3, 2)),
    "text": np.full((50, 3), "a"),
}


def check_method(
    method: DimensionMethod,
    *,
    manifolds: Iterable[Manifold] = MANIFOLDS,
    except_: Mapping[str, str] | None = None,
) -> None:
    """Run every check of `CHECKS`, and raise one error that lists what failed.

    >>> import dataclasses as dc
    >>> import manifoldscale as ms
    >>> from manifoldscale.core import Method
    >>> @dc.dataclass(frozen=True)
    ... class ThreeNN(Method[ms.dimension.Dimension]):
    ...     '''The distances to two neighbours, in units of that to the third.'''
    ...
    ...     n_neighbors = 3
    ...
    ...     def __call__(self, near):
    ...         logs = np.log(near.distances[:, 2:] / near.distances[:, :2]).sum(axis=1)
    ...         return ms.dimension.pooled_rate(self, near, logs, np.full(len(logs), 2.0))
    >>> check_method(ThreeNN())

    Parameters
    ----------
    method : the method value.
    manifolds : the manifolds whose dimension it must find.
    except_ : names of checks that the method cannot pass, with the reason. Such a check
        must then fail: an exception that is no longer needed is listed too.

    Raises
    ------
    AssertionError : a line for each check that failed.
    ManifoldScaleError : `except_` names an unknown check.
    """
    reasons = dict(except_ or {})
    names = [check.__name__ for check in CHECKS]
    for name in reasons:
        require(
            name in names,
            f"`except_` names an unknown check, {name!r}; near: {nearest(name, names)}.",
        )
    checks: dict[str, Callable[[DimensionMethod], None]] = {c.__name__: c for c in CHECKS}
    checks["check_truth"] = functools.partial(check_truth, manifolds=tuple(manifolds))
    found = []
    for name, check in checks.items():
        failure = _failure(check, method)
        if failure and name not in reasons:
            found.append(f"{name}: {failure}")
        elif not failure and name in reasons:
            found.append(f"{name} passes; it was excepted because {reasons[name]!r}")
    if found:
        head = f"{method} fails {len(found)} of {len(CHECKS)} checks:"
        raise AssertionError("\n".join([head, *found]))


def _failure(check: Callable[[DimensionMethod], None], method: DimensionMethod) -> str:
    """Why the check failed; empty if it passed."""
    try:
        check(method)
    except AssertionError as error:
        return str(error)
    except Exception as error:  # a method that is broken may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


def check_truth(method: DimensionMethod, manifolds: Iterable[Manifold] = MANIFOLDS) -> None:
    """On 4,000 points without noise, the dimension is found to within three standard
    errors and 5 %.
    """
    found = []
    for manifold in manifolds:
        near = table_of(manifold, max(K, method.n_neighbors))
        dim = _estimate(near, method)
        if not abs(dim.value - manifold.dim) < 3 * dim.stderr + NEAR * manifold.dim:
            found.append(f"{_said(dim)} for {manifold}, whose dimension is {manifold.dim}")
    _demand(found)


def check_error_bar(method: DimensionMethod, draws: int = 30) -> None:
    """Independent clouds scatter by no more than the standard error says."""
    dims = [_estimate(_draw(i, max(K, method.n_neighbors)), method) for i in range(draws)]
    scatter = float(np.std([dim.value for dim in dims], ddof=1))
    claimed = float(np.sqrt(np.mean([dim.stderr**2 for dim in dims])))
    if not scatter < TOO_FAR * claimed:
        raise AssertionError(
            f"{draws} independent clouds scatter by {scatter:.2g}, and the standard error "
            f"is {claimed:.2g}"
        )


def check_similarity(
    method: DimensionMethod, *, scale: float = 1e-40, shift: float = 700.0, seed: int = 0
) -> None:
    """A rotation, a translation and another unit of length change nothing."""
    draws = np.random.default_rng(seed).standard_normal((8, 8))
    moved = (_cloud().points @ np.linalg.qr(draws)[0] + shift) * scale
    what = f"rotated, moved by {shift:.3g} and multiplied by {scale:.3g}"
    _same(_value(moved, method), _value(_cloud(), method), 1e-6, what)


def check_padding(method: DimensionMethod, *, rel: float = 1e-9) -> None:
    """Features that are zero everywhere change nothing."""
    padded = np.hstack([_cloud().points, np.zeros((len(_cloud()), 5))])
    _same(_value(padded, method), _value(_cloud(), method), rel, "with zeros as features")


def check_order(method: DimensionMethod, *, seed: int = 0, random: bool = False) -> None:
    """The order of the rows changes nothing; for a `random` method, the value by at most
    five standard errors.
    """
    dim = _estimate(_cloud(), method)
    order = np.random.default_rng(seed).permutation(len(_cloud()))
    rel = 5 * dim.stderr / dim.value if random else 1e-9
    _same(_value(_cloud().points[order], method), dim.value, rel, "in another order")


def check_blocks_and_precision(method: DimensionMethod) -> None:
    """Neither the memory of the search nor float32 changes the value."""
    k = max(K, method.n_neighbors)
    small, large = (
        _estimate(find_neighbors(_cloud(), k, block_bytes=size), method).value
        for size in (1 << 10, 1 << 24)
    )
    _same(small, large, 1e-12, "from a search in small blocks")
    single = _cloud().points.astype(np.float32)
    _same(_value(single, method), large, 1e-4, "in float32")


def check_offset(method: DimensionMethod) -> None:
    """float32 data about 1,000 give what float64 arithmetic on the same numbers gives."""
    shifted = (_cloud().points + 1000).astype(np.float32)
    double = _value(shifted.astype(np.float64), method)
    _same(_value(shifted, method), double, 1e-4, "about 1,000 in float32")


def check_printing(method: DimensionMethod) -> None:
    """The result has its value inside its interval, names its method, prints as one line
    plus one per caveat, and can be tabulated and saved.
    """
    dim = _estimate(_cloud(), method)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dim.json"
        text = dim.to_json(path)
        is_saved = path.read_text() == text and f'"value": {dim.value!r}' in text
    low, high = dim.interval
    holds = {
        f"the value {dim.value} lies outside its interval ({low}, {high})": low
        < dim.value
        < high,
        f"the result is of {dim.method}": dim.method == method,
        f"n_points is {dim.n_points}, not 600": dim.n_points == 600,
        f"it prints as {str(dim)!r}": str(dim).startswith(f"dimension {dim.value:.2f} ["),
        "its table has another value": dim.to_frame().loc[0, "dimension"] == dim.value,
        "its HTML does not name the method": html.escape(str(method)) in dim._repr_html_(),
        "its JSON does not hold the value": is_saved,
        "equal settings are not equal methods": copy.deepcopy(method) == method,
        "a method in a set is not found again": method in {copy.deepcopy(method)},
    }
    _demand(what for what, is_so in holds.items() if not is_so)


def check_bad_input(
    method: DimensionMethod, clouds: Mapping[str, Array] = UNUSABLE
) -> None:
    """Unusable points raise a `ManifoldScaleError`, and nothing else."""
    found = []
    for name, points in clouds.items():
        try:
            dim = estimate(points, method)
        except ManifoldScaleError:
            continue
        except Exception as error:  # any other error is a failure
            found.append(f"{name} raise {type(error).__name__}: {error}")
        else:
            found.append(f"{name} give {dim.value}")
    _demand(found)


def check_few_queries(method: DimensionMethod) -> None:
    """One query point is too few, or flagged as few."""
    near = _cloud().neighbors(max(20, method.n_neighbors), anchors=1)
    _flagged(near, method, Caveat.FEW_POINTS, "one query point")


def check_integers(method: DimensionMethod) -> None:
    """Integers are numbers."""
    integers = np.random.default_rng(3).integers(0, 10**6, (400, 3))
    _same(
        _value(integers, method), _value(integers.astype(float), method), 0, "as integers"
    )


def check_ties(method: DimensionMethod) -> None:
    """Binary data, whose distances are tied, are refused, or flagged as discrete."""
    bits = np.random.default_rng(3).random((400, 40)) < 0.5
    _flagged(bits, method, Caveat.DISCRETE, "binary data")


CHECKS: tuple[Callable[[DimensionMethod], None], ...] = (
    check_truth,
    check_error_bar,
    check_similarity,
    check_padding,
    check_order,
    check_blocks_and_precision,
    check_offset,
    check_printing,
    check_bad_input,
    check_few_queries,
    check_integers,
    check_ties,
)


@functools.lru_cache(maxsize=16)
def table_of(manifold: Manifold, k: int = K) -> Neighbors:
    """The neighbours of 4,000 points; one search serves every method."""
    return manifold.sample(4000, ambient=20, rng=11).neighbors(k)


@functools.lru_cache(maxsize=64)
def _draw(seed: int, k: int) -> Neighbors:
    """A small cloud without edge or curvature, so that nothing but chance is in it."""
    return FlatTorus(2).sample(800, rng=seed).neighbors(k)


@functools.cache
def _cloud() -> Cloud:
    """Points with a little noise, in eight features."""
    return Sphere(3).sample(600, ambient=8, noise=0.01, rng=12)


def _estimate(on: Any, method: DimensionMethod) -> Dimension:
    """The result; it may be NaN only with a caveat."""
    dim: Dimension = estimate(on, method)
    if not math.isfinite(dim.value) and not dim.caveats:
        raise AssertionError(f"the value is {dim.value}, without a caveat that says why")
    return dim


def _value(on: Any, method: DimensionMethod) -> float:
    return _estimate(on, method).value


def _said(dim: Dimension) -> str:
    return f"{dim.value:.3g} +- {dim.stderr:.2g}"


def _same(value: float, reference: float, rel: float, what: str) -> None:
    if not math.isclose(value, reference, rel_tol=rel):
        raise AssertionError(f"{value!r} {what}, and {reference!r} as it was")


def _flagged(on: Any, method: DimensionMethod, caveat: Caveat, what: str) -> None:
    try:
        dim = _estimate(on, method)
    except ManifoldScaleError:
        return
    if caveat not in {note.caveat for note in dim.caveats}:
        raise AssertionError(f"{what}: {_said(dim)}, without the caveat {caveat.name}")


def _demand(failures: Iterable[str]) -> None:
    found = list(failures)
    if found:
        raise AssertionError("; ".join(found))


__dir__ = listed(__name__, ["CHECKS", "MANIFOLDS"])
