"""Participation ratio: how many directions share the variance."""

import dataclasses as dc

from ..core.caveat import Caveat
from ..core.covariance_moments import participation, participation_of_groups
from ..core.error_bars import log_interval
from ..core.method import Method
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import scaled_points
from ..geometry.within_noise import noise_in_variance
from .dimension import Dimension
from .from_points import dimension_of_points


@dc.dataclass(frozen=True)
class ParticipationRatio(Method[Dimension]):
    """(tr C)^2 / tr(C^2) of the covariance C, without the bias of a finite sample.

    It equals q for q equal eigenvalues, and is a *linear* dimension: it counts the
    directions of space that the cloud fills, not the coordinates of a manifold. For a
    circle it is 2; for a curve that winds through all of space it is the number of
    features.

    The sample covariance of N points has at most N - 1 eigenvalues, so the naive ratio,
    `.raw`, is too low. Here both parts are U-statistics, with mean exactly (tr C)^2 and
    tr(C^2) for any distribution with four moments and any number of features: averages of
    |x1 - x2|^2 |x3 - x4|^2 / 4 and ((x1 - x2).(x3 - x4))^2 / 4 over distinct quadruples, in
    closed form (Himeno & Yamada 2014, J. Multivariate Analysis 130:27, give the same
    estimators). The remaining bias of a ratio is of the order of 1 / N (7 % at N = 40 for
    eigenvalues 1 / i, i <= 100).

    The standard error is the delete-one jackknife, exact and in closed form. It is too
    large by up to sqrt(2) for equal eigenvalues, where the first-order influence of a point
    vanishes. Every row counts, duplicates too: a repeated row is an observation like any
    other. With `groups`, points of different groups make the pairs, and groups are left out
    in turn.

    Raises
    ------
    ManifoldScaleError : fewer than 5 points or groups, or all differences of pairs
        orthogonal.
    """

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> Dimension:
        points = scaled_points(self, near)
        groups = near.cloud.groups if near.cloud is not None else None
        if groups is None:
            found = participation(points)
        else:
            found = participation_of_groups(points, groups)
        return dimension_of_points(
            self,
            near,
            found.value,
            found.stderr,
            log_interval(found.value, found.stderr, found.freedom),
            raw=found.raw,
            n_points=len(points),
            remarks=[Caveat.LINEAR(), *noise_in_variance(near)],
        )
