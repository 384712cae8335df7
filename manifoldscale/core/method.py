"""A method is a frozen value: settings only, hashable, printable, comparable."""

import abc
import dataclasses as dc
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from .interval import Interval, with_interval
from .settings import NOTHING, Settings

R = TypeVar("R", covariant=True)


@dc.dataclass(frozen=True)
class Method(Settings, abc.ABC, Generic[R]):
    """Settings of an estimator, handed to `estimate(on, method)`.

    A concrete method says how many neighbours it needs and computes its result from a
    `Neighbors`. It is final: wrap it to change it.
    """

    @property
    @abc.abstractmethod
    def n_neighbors(self) -> int:
        """How many neighbours per point the method needs."""

    @property
    def min_neighbors(self) -> int:
        """How few it can work with, if the points or the table have no more."""
        return self.n_neighbors

    @property
    def n_anchors(self) -> int | None:
        """How many query points are enough; None asks for all of them."""
        return None

    @abc.abstractmethod
    def __call__(self, near: Any, /) -> R:
        """The result on a neighbour table."""

    def along(
        self,
        results: Mapping[str, Any],
        bounded_by: Mapping[str, Sequence[str]],
        shares: Mapping[str, float] = NOTHING,
    ) -> Mapping[str, Any]:
        """The results at the sites of one network, improved by one another.

        Parameters
        ----------
        results : site to the result of the method at this site alone.
        bounded_by : site to the sites of which it is a function.
        shares : site to how much its evidence counts at the sites that several networks
            share: of m networks that were shown one input, 1 / m at the sites of each.
        """
        return results

    def __str__(self) -> str:
        changed = [
            f"{field.name}={_shown(getattr(self, field.name))}"
            for field in dc.fields(self)
            if field.default != getattr(self, field.name)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def to_dict(self) -> dict[str, Any]:
        """The name of the method with all its settings, as stored in a result."""
        settings = {field.name: getattr(self, field.name) for field in dc.fields(self)}
        return {"type": type(self).__name__, **settings}

    @property
    def fit(self) -> Any:
        raise AttributeError(
            f"{type(self).__name__} is a value, not a scikit-learn estimator: call "
            f"`ms.estimate(X, {self})`, or use "
            f"`ms.sklearn.DimensionEstimator(method={self}).fit(X)`."
        )

    fit_transform = dimension_ = fit


@dc.dataclass(frozen=True)
class Wrapper(Method[R]):
    """A method around another one, with the needs of that one."""

    method: Method[Any]

    @property
    def n_neighbors(self) -> int:
        return self.method.n_neighbors

    @property
    def min_neighbors(self) -> int:
        return self.method.min_neighbors

    @property
    def n_anchors(self) -> int | None:
        return self.method.n_anchors


def _shown(value: Any) -> str:
    """A setting; of an estimate, the number with its interval."""
    interval = getattr(value, "interval", None)
    if isinstance(interval, Interval):
        return with_interval(value.value, interval)
    return str(value) if isinstance(value, Method) else repr(value)
