"""A method is a frozen value: settings only, hashable, printable, comparable."""

import abc
import dataclasses as dc
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from .settings import check_fields

R = TypeVar("R", covariant=True)


@dc.dataclass(frozen=True)
class Method(abc.ABC, Generic[R]):
    """Settings of an estimator, handed to `estimate(on, method)`.

    A concrete method says how many neighbours it needs and computes its result from a
    `Neighbors`. It is final: to change it, wrap it.
    """

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    @abc.abstractmethod
    def n_neighbors(self) -> int:
        """How many neighbours a point the method needs."""

    @property
    def min_neighbors(self) -> int:
        """How few it can work with, where the points or the table have no more."""
        return self.n_neighbors

    @property
    def n_anchors(self) -> int | None:
        """How many query points are enough; None asks for all of them."""
        return None

    @abc.abstractmethod
    def __call__(self, near: Any, /) -> R:
        """The result on a neighbour table."""

    def along(
        self, results: Mapping[str, Any], bounded_by: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Any]:
        """The results at the sites of one network, given each other.

        Parameters
        ----------
        results : site to what the method gave there for itself.
        bounded_by : site to the sites of which it is a function.
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
        """The method by name with all of its settings, as stored in a result."""
        settings = {field.name: getattr(self, field.name) for field in dc.fields(self)}
        return {"type": type(self).__name__, **settings}

    def __getattr__(self, name: str) -> Any:
        if name in ("fit", "fit_transform", "dimension_"):
            raise AttributeError(
                f"{type(self).__name__} is a value, not a scikit-learn estimator: call "
                f"`ms.estimate(X, {self})`, or use "
                f"`ms.sklearn.DimensionEstimator(method={self}).fit(X)`."
            )
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Method) else repr(value)
