"""Fits of every query at every scale and order: the table from which estimates come."""

import dataclasses as dc
import functools
import math

import numpy as np
import torch
from scipy import stats

from ..core.arrays import Bools, Floats
from ..geometry.neighbors import Neighbors
from .forms import forms_of
from .hoods import Hoods, blocks_of_hoods, principal_frame
from .local_fit import LocalFit, Products, fit, in_tangent_ball, n_unknowns

GROWTH = 1.6  # of the number of points from scale to scale
CAP = 160  # points in a fit: more are thinned evenly, because the radius matters
FILLED = 0.75  # share of the neighbours in space that the ball in the tangent space holds
ORDERS = (0, 1, 2)
SPARE = {0: 2.0, 1: 1.5, 2: 1.5}  # points per unknown that a fit needs
LARGEST = 330  # points of the largest scale, at small d
UNRESOLVED = 0.1  # squared tilt above which the tangent space is not resolved
PLANES = 2  # invariants with an influence: S and kappa_rms^2
EDGE, EDGE_LEVEL = 0.15, 0.999  # offset of the centroid over r, and how sure of it
REPLICAS = 16  # copies of the noise


@dc.dataclass(frozen=True)
class Candidate:
    """A scale, as a number of points, and an order of the fit."""

    n: int
    order: int


def candidates_of(dim: int, k: int) -> tuple[Candidate, ...]:
    """All fits that `k` neighbours allow, scales rising, and orders within each."""
    n, found = float(math.ceil(SPARE[0] * n_unknowns(dim, 0))), []
    while n <= FILLED * k:
        used = min(round(n), max(CAP, math.ceil(SPARE[2] * n_unknowns(dim, 2))))
        found += [
            Candidate(round(n), order)
            for order in ORDERS
            if used >= SPARE[order] * n_unknowns(dim, order)
        ]
        n *= GROWTH
    return tuple(found)


def neighbors_wanted(dim: int) -> int:
    """Neighbours for scales up to sixty times the unknowns, or a few hundred."""
    unknowns = n_unknowns(dim, 0)
    largest = max(min(64 * unknowns, LARGEST), 4 * unknowns)
    return math.ceil(largest / FILLED)


def neighbors_needed(dim: int) -> int:
    """Neighbours for the smallest fit."""
    return math.ceil(math.ceil(SPARE[0] * n_unknowns(dim, 0)) / FILLED)


@dc.dataclass(frozen=True, eq=False)
class ScaleFits:
    """The fits of Q queries at C candidates, in the units of the cloud.

    Parameters
    ----------
    values, variances, quadratic : (Q, C, 3) S, |tr II|^2 and kappa_rms^2, the variance of
        their noise, and the part of it that remains at flat points.
    principal : (Q, C, d) principal curvatures.
    radius : (Q, C) of the tangent ball.
    noise : (Q, C) rms distance of the points from the fit.
    is_solved : (Q, C) whether the points determine the fit and resolve a tangent space.
    is_inside : (Q, C) whether the neighbourhood lies all around the query.
    replicas : (Q, C, 2, 16) copies of the noise of S and of kappa_rms^2.
    influence : (C, rows of the cloud, 2) of each point on the sum over the solved queries
        inside, of S and of kappa_rms^2.
    """

    candidates: tuple[Candidate, ...]
    values: Floats
    variances: Floats
    quadratic: Floats
    principal: Floats
    radius: Floats
    noise: Floats
    is_solved: Bools
    is_inside: Bools
    replicas: Floats
    influence: Floats

    def place(self, n: int, order: int) -> int | None:
        """The column of a candidate; None if there is none."""
        wanted = Candidate(n, order)
        return self.candidates.index(wanted) if wanted in self.candidates else None

    @functools.cached_property
    def orders(self) -> Floats:
        return np.array([candidate.order for candidate in self.candidates], dtype=float)

    @functools.cached_property
    def counts(self) -> Floats:
        return np.array([candidate.n for candidate in self.candidates], dtype=float)


COLUMNS = ("values", "variances", "quadratic", "principal", "radius", "noise")
TABLES = (*COLUMNS, "is_solved", "is_inside", "replicas")


def fit_everywhere(near: Neighbors, dim: int) -> ScaleFits:
    """Fit every query at every candidate."""
    candidates = candidates_of(dim, near.k)
    influence = np.zeros((len(candidates), near.n_rows, PLANES))
    parts: dict[str, list[Floats]] = {name: [] for name in TABLES}
    signs = _signs(near)
    largest = max(candidate.n for candidate in candidates)
    k = min(near.k, math.ceil(largest / FILLED))
    rows = min(largest, CAP) if dim < 8 else largest
    features = near.points.shape[1]
    wide = min(rows, max(features, n_unknowns(dim, ORDERS[-1])))  # of what a fit keeps
    work = 6 * rows * wide + (k**2 if features > k else 0)
    for hoods in blocks_of_hoods(near, k, work):
        block = _fit_block(hoods, dim, candidates, signs, influence)
        for name in parts:
            parts[name].append(np.stack([column[name] for column in block], axis=1))
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return ScaleFits(candidates, influence=influence, **columns)  # type: ignore[arg-type]


def _fit_block(
    hoods: Hoods,
    dim: int,
    candidates: tuple[Candidate, ...],
    signs: torch.Tensor,
    influence: Floats,
) -> list[dict[str, Floats]]:
    forms, columns = forms_of(dim), []
    cap = max(CAP, math.ceil(SPARE[2] * n_unknowns(dim, 2)))
    before, u_all, hoods = 0, None, hoods.with_gram()
    # From the largest scale down: each tangent space starts from the previous one.
    for c, candidate in reversed(list(enumerate(candidates))):
        if candidate.n != before:
            inner = hoods.first(math.ceil(candidate.n / FILLED) + 1)
            if u_all is None:
                u_all = inner.points @ principal_frame(inner.points, dim)
            start = u_all[:, : inner.rows.shape[1]]
            places, u, u_all = in_tangent_ball(inner, start, candidate.n, cap)
            products, before = Products.of(inner, places), candidate.n
            rows = inner.rows.gather(1, places)
        found = fit(u, products, candidate.order, forms)
        column = _in_units(found, u, hoods.radius)
        effect = found.influence[:, :, [0, 2]] / hoods.radius[:, None, None] ** 2
        solved = torch.from_numpy(column["is_solved"])[:, None, None]
        effect = torch.where(solved, effect, torch.zeros_like(effect))
        column["replicas"] = (effect.transpose(1, 2) @ signs[rows]).numpy()
        inside = torch.from_numpy(column["is_inside"])[:, None, None]
        effect = torch.where(inside, effect, torch.zeros_like(effect))
        np.add.at(influence[c], rows.numpy().ravel(), effect.numpy().reshape(-1, PLANES))
        columns.append(column)
    return columns[::-1]


def _in_units(found: LocalFit, u: torch.Tensor, unit: torch.Tensor) -> dict[str, Floats]:
    """The columns of one candidate, in the units of the cloud."""
    squared = unit[:, None] ** 2
    radius = u.norm(dim=2).amax(1)
    columns = {
        "values": found.values / squared,
        "variances": found.variances / squared**2,
        "quadratic": found.quadratic / squared**2,
        "principal": found.principal / unit[:, None],
        "radius": radius * unit,
        "noise": found.noise.sqrt() * unit,
        "is_solved": found.is_solved & (found.tilt < UNRESOLVED),
        "is_inside": ~is_off_centre(u.shape[1], u.shape[2], u.mean(1).norm(dim=1) / radius),
    }
    return {name: column.numpy() for name, column in columns.items()}


def is_off_centre(n: int, dim: int, offset: torch.Tensor) -> torch.Tensor:
    """Whether the centroid of n points is off the centre of their ball, by `offset` of its
    radius: away from edges n (d + 2) offset^2 is chi squared with d degrees of freedom.
    """
    limit = _edge_limit(dim) / (n * (dim + 2))
    return (offset**2 > limit) & (offset > EDGE)


@functools.cache
def _edge_limit(dim: int) -> float:
    return float(stats.chi2.ppf(EDGE_LEVEL, dim))


def _signs(near: Neighbors) -> torch.Tensor:
    """(rows, replicas) random signs for each point of the cloud, by the rank of its
    distance from the mean, so they stay with the point if rows are reordered or rotated.
    """
    points = np.asarray(near.points, dtype=np.float64)
    rank = np.square(points - points.mean(axis=0)).sum(axis=1).argsort().argsort()
    drawn = np.random.default_rng(0).integers(0, 2, (len(points), REPLICAS))
    return torch.from_numpy(2.0 * drawn[rank] - 1.0)
