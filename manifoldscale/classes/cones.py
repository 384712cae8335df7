"""Projections on the cones of labelled class manifolds, from which capacity follows."""

import dataclasses as dc
from collections.abc import Sequence

import numpy as np

from ..core.arrays import Bools, Floats, Ints
from ..core.nonnegative import nonnegative

EQUAL = 1e4  # weight of the condition on the sums, against columns of length 1


@dc.dataclass(frozen=True, eq=False)
class Probes:
    """Random directions with random dichotomies, in pairs.

    u and -u are a pair, with the same signs: the errors of their projections on a cone
    cancel (on an orthant exactly), which leaves little noise. Squares are homogeneous in
    the length of a Gaussian vector, so unit vectors times the number of dimensions suffice.

    Attributes
    ----------
    directions : (probes x dimensions) of length 1; the second half is minus the first.
    signs : (probes x classes) of +1 and -1.
    bias : whether the read-out has a bias. It separates dichotomies of one sign by itself,
        and these are then not drawn.
    """

    directions: Floats
    signs: Floats
    bias: bool

    @classmethod
    def drawn(
        cls, pairs: int, dims: int, classes: int, bias: bool, rng: np.random.Generator
    ) -> "Probes":
        u = rng.standard_normal((pairs, dims))
        u /= np.linalg.norm(u, axis=1)[:, None]
        signs = rng.choice([-1.0, 1.0], (pairs, classes))
        while bias and (one := np.abs(signs.sum(axis=1)) == classes).any():
            signs[one] = rng.choice([-1.0, 1.0], (int(one.sum()), classes))
        return cls(np.concatenate([u, -u]), np.concatenate([signs, signs]), bias)

    def paired(self, values: Floats) -> Floats:
        """Means over the pairs of values for each probe."""
        first, second = np.split(values, 2)
        return np.asarray((first + second) / 2)


@dc.dataclass(frozen=True, eq=False)
class Anchored:
    """What the probes find, (pairs x classes) each, as means over pairs of probes.

    Attributes
    ----------
    load : the part of the class in the squared projection of a Gaussian vector; its mean is
        1 / capacity.
    radius2 : squared distance of the anchor from the centre, over the squared distance of
        the centre from the origin.
    spread : squared component of the Gaussian vector along anchor - centre; its mean is the
        dimension. NaN if the anchor is the centre.
    full : (pairs,) whether both directions are in the cone. Then it holds a line, some
        positive sum of its points is zero, and no read-out separates this dichotomy.
    """

    load: Floats
    radius2: Floats
    spread: Floats
    full: Bools


def anchored(points: Sequence[Floats], probes: Probes) -> Anchored:
    """Project each direction on the cone of the signed exemplars of all classes.

    The projection of t is sum of y_c lambda_i x_i, lambda >= 0, by non-negative least
    squares; it touches class c at its anchor, the mean of the x_i weighted by lambda. The
    anchor of a class without weight is its exemplar farthest along y t.

    With a free bias, the cone holds all differences of points of opposite signs: the lambda
    of both signs have equal sums. The bias itself is one dimension of the read-out, and a
    dichotomy of one sign needs only a half line of it.

    Parameters
    ----------
    points : (exemplars x dimensions) for each class.
    """
    classes = np.repeat(np.arange(len(points)), [len(one) for one in points])
    everything = np.concatenate(points)
    # Lengths of columns change the weights, not the cone; equal lengths solve faster.
    norms = np.linalg.norm(everything, axis=1)
    norms[norms == 0] = 1.0
    rows = []
    for u, y in zip(probes.directions, probes.signs, strict=True):
        signs = y[classes] / norms
        columns = (everything * signs[:, None]).T
        if probes.bias:
            columns = np.vstack([columns, EQUAL * signs / np.abs(signs).max()])
        weights, residual = nonnegative(columns, np.append(u, [0.0] * probes.bias))
        # Divided by the norms: weights for the points as given, to average the anchor.
        rows.append(_of_probe(points, classes, weights / norms, u, y, residual))
    load, radius2, spread, full = (np.array(part) for part in zip(*rows, strict=True))
    dims = probes.directions.shape[1]
    load = dims * load
    if probes.bias:
        one_sign = 2.0 ** (1 - len(points))
        load = (1 - one_sign) * (load + 1 / len(points)) + one_sign / (2 * len(points))
    pair = probes.paired
    return Anchored(
        pair(load), pair(radius2), pair(dims * spread), np.logical_and(*np.split(full, 2))
    )


def _of_probe(
    points: Sequence[Floats],
    classes: Ints,
    weights: Floats,
    u: Floats,
    y: Floats,
    residual: float,
) -> tuple[list[float], list[float], list[float], bool]:
    """Load, squared radius and spread of each class for one direction, and whether the
    direction is inside the cone.
    """
    loads, radii, spreads = [], [], []
    for c, own in enumerate(points):
        mine = weights[classes == c]
        total = float(mine.sum())
        along = own @ u
        loads.append(float(y[c] * (mine @ along)))
        anchor = mine @ own / total if total > 1e-12 else own[(y[c] * along).argmax()]
        centre = own.mean(axis=0)
        apart = anchor - centre
        size2, from_origin = float(apart @ apart), float(centre @ centre)
        flat = size2 <= 1e-20 * float(np.square(own).sum())
        size2 = 0.0 if flat else size2
        radii.append(size2 / from_origin if from_origin > 0 else np.inf)
        spreads.append(np.nan if flat else float(apart @ u) ** 2 / size2)
    return loads, radii, spreads, residual < 1e-7
