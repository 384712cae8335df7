"""Any estimator of scikit-dimension, behind the same result."""

import contextlib
import dataclasses as dc
import difflib
import inspect
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.error_bars import normal_interval
from ..core.errors import ManifoldScaleError, nearest, require
from ..core.interval import Interval
from ..core.method import Method
from ..core.random import keyed
from ..core.settings import Rule, check_fields
from ..geometry.neighbors import Neighbors
from ..geometry.within_noise import within_noise
from .dimension import Dimension
from .from_points import dimension_of_points, distinct_points

SMALLEST = 10
SMALLEST_BLOCK = 50
PARTS = Rule("0 or at least 2", lambda blocks: blocks == 0 or blocks >= 2)


@dc.dataclass(frozen=True, init=False)
class Skdim(Method[Dimension]):
    """An estimator of scikit-dimension by its name, with its own settings.

    >>> print(Skdim("DANCo", k=10))
    Skdim('DANCo', k=10)

    Settings go to the estimator or, as `n_neighbors`, to its `fit`. The value is what
    scikit-dimension gives on all distinct points. It gives no error, so the standard error
    is measured: the cloud is cut into `blocks` disjoint random parts, whose estimates are
    independent. Their standard deviation over sqrt(blocks) is the standard error of the
    whole if the error falls as 1 / sqrt(N). The parts are smaller and have another bias,
    which does not enter their spread. For estimators that give whole numbers the variance
    of rounding, 1/12, is added. If the parts would hold fewer than 50 points there is no
    error: NaN, with the reason.

    Parameters
    ----------
    name : of the estimator, as in `skdim.id`.
    blocks : number of parts, 0 for none. seed : of the parts, and the `random_state` of
        estimators that have one.
    settings : as scikit-dimension names them.
    """

    name: str
    settings: tuple[tuple[str, Any], ...]
    blocks: Annotated[int, PARTS]
    seed: int

    def __init__(self, name: str, *, blocks: int = 8, seed: int = 0, **settings: Any):
        for field, value in (
            ("name", name),
            ("settings", tuple(sorted(settings.items()))),
            ("blocks", blocks),
            ("seed", seed),
        ):
            object.__setattr__(self, field, value)
        check_fields(self)

    def __str__(self) -> str:
        changed = [f"{key}={value!r}" for key, value in self.settings]
        changed += [f"blocks={self.blocks}"] if self.blocks != 8 else []
        changed += [f"seed={self.seed}"] if self.seed else []
        return f"Skdim({', '.join([repr(self.name), *changed])})"

    @property
    def n_neighbors(self) -> int:
        return 2  # to find near-copies; scikit-dimension does its own search

    @property
    def min_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> Dimension:
        points = distinct_points(self, near)
        require(
            len(points) >= SMALLEST,
            f"{self} needs at least {SMALLEST} distinct points; there are {len(points)}.",
        )
        value = self._fit(points)
        stderr, notes = self._error(points)
        noted = [*within_noise(near), *notes]
        interval = Interval(0.0, float("inf"))
        if np.isfinite(stderr):
            around = normal_interval(value, stderr, self.blocks - 1)
            interval = Interval(max(around.low, 0.0), around.high)
        return dimension_of_points(self, near, value, stderr, interval, remarks=noted)

    def _error(self, points: Floats) -> tuple[float, list[Remark]]:
        """The standard error from disjoint parts, or NaN with the reason."""
        if self.blocks == 0:
            return float("nan"), [Caveat.NOT_ESTIMATED("no error: blocks=0")]
        if len(points) < SMALLEST_BLOCK * self.blocks:
            reason = f"no error: {self.blocks} parts of {len(points) // self.blocks} points"
            return float("nan"), [Caveat.NOT_ESTIMATED(reason)]
        order = keyed(self.seed, "parts").permutation(len(points))
        try:
            found = np.array(
                [self._fit(points[part]) for part in np.array_split(order, self.blocks)]
            )
        except ManifoldScaleError as error:
            return float("nan"), [Caveat.NOT_ESTIMATED(f"no error: a part failed, {error}")]
        whole = bool((found == np.rint(found)).all())
        variance = float(found.var(ddof=1)) / self.blocks
        notes = [Caveat.INTEGER_VOTES()] if whole else []
        return float(np.sqrt(variance + (1 / 12 if whole else 0))), notes

    def _fit(self, points: Floats) -> float:
        estimator, to_fit = self._made()
        with _quiet():
            try:
                value = float(estimator.fit(points, **to_fit).dimension_)
            except Exception as error:
                raise ManifoldScaleError(
                    f"{self} failed on {points.shape[0]} points: {error}"
                ) from error
        require(
            bool(np.isfinite(value)) and value > 0,
            f"{self} gave {value} on {points.shape[0]} points: no estimate.",
        )
        return value

    def _made(self) -> tuple[Any, dict[str, Any]]:
        """The estimator, and the settings for its `fit`."""
        maker = _estimator(self.name)
        known = set(inspect.signature(maker).parameters)
        fitted = set(inspect.signature(maker.fit).parameters) - {"self", "X", "y"}
        to_make = {key: value for key, value in self.settings if key in known}
        to_fit = {key: value for key, value in self.settings if key in fitted - known}
        for key, _ in self.settings:
            if key not in known | fitted:
                raise ManifoldScaleError(
                    f"{self.name} has no setting {key!r}; near are "
                    f"{nearest(key, sorted(known | fitted))}."
                )
        if "random_state" in known and "random_state" not in to_make:
            to_make["random_state"] = self.seed
        return maker(**to_make), to_fit


def _estimator(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import skdim.id as estimators
    except ImportError as error:
        raise ManifoldScaleError(
            "`Skdim` needs scikit-dimension, which is not installed: "
            "`pip install scikit-dimension`."
        ) from error
    names = [key for key, value in vars(estimators).items() if inspect.isclass(value)]
    if name not in names:
        folded = {key.lower(): key for key in names}
        close = difflib.get_close_matches(str(name).lower(), folded, n=3, cutoff=0.3)
        listed = ", ".join(repr(folded[key]) for key in close) or ", ".join(sorted(names))
        raise ManifoldScaleError(
            f"scikit-dimension has no estimator {name!r}; near are {listed}."
        )
    return getattr(estimators, name)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings of numba and numpy."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
