"""The Euclidean minimum spanning tree: its edges are the bars of degree 0."""

import numpy as np

from ..core.arrays import Floats


def tree_edges(points: Floats) -> Floats:
    """Edge lengths of the Euclidean minimum spanning tree (Prim's algorithm).

    It holds one row of distances at a time, so memory grows with the points only.
    """
    outside = points[1:].copy()
    nearest = np.linalg.norm(outside - points[0], axis=1)
    edges = np.empty(len(points) - 1)
    for i in range(len(edges)):
        here = int(nearest.argmin())
        edges[i] = nearest[here]
        new = outside[here].copy()
        last = len(nearest) - 1  # the last one takes the place of the one that joins
        outside[here], nearest[here] = outside[last], nearest[last]
        outside, nearest = outside[:last], nearest[:last]
        if last:
            np.minimum(nearest, np.linalg.norm(outside - new, axis=1), out=nearest)
    return edges
