"""Approximate neighbours by nearest-neighbour descent, with measured recall."""

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.errors import ManifoldScaleError
from . import brute
from .searched import Search

CHECKED = 200  # queries that are searched exactly to measure the recall


def nearest(search: Search, rng: np.random.Generator) -> tuple[Ints, Floats, float]:
    """Positions and distances (M x k) of near points, and the recall: the share of exact
    neighbours among them, measured at up to 200 random queries.

    Distances are exact. A query with fewer than k neighbours in the graph is searched
    exactly.

    Raises
    ------
    ManifoldScaleError : pynndescent is not installed.
    """
    found = _graph(search, rng)
    indices, distances = _refined(search, found)
    missing = np.flatnonzero(np.isinf(distances[:, -1]))
    if len(missing):
        indices[missing], distances[missing] = _exactly(search, missing)
    chosen = rng.permutation(len(indices))[:CHECKED]
    _, exact = _exactly(search, np.sort(chosen))
    # Compare distances, because any of the points tied at the last place is right.
    hits = distances[np.sort(chosen)] <= exact[:, -1:]
    return indices, distances, float(hits.mean())


def _graph(search: Search, rng: np.random.Generator) -> Ints:
    """Candidates (M x c) from the graph of all points; -1 if there are fewer."""
    import torch

    try:
        import pynndescent  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ManifoldScaleError(
            "search='approximate' needs pynndescent: "
            "`pip install manifoldscale[approximate]`, or use search='exact'."
        ) from error
    points = search.points
    centred = [search.frame.centred(block, torch.float32) for block in points.blocks()]
    data = torch.cat(centred).cpu().numpy()
    groups = search.point_groups
    largest = 0 if groups is None else int(groups.bincount().max())
    count = min(search.k + 1 + largest, len(data) - 1)
    index = pynndescent.NNDescent(
        data, n_neighbors=count, random_state=int(rng.integers(2**31)), verbose=False
    )
    graph: Ints = np.asarray(index.neighbor_graph[0], dtype=np.int64)
    found: Ints = graph[search.own.cpu().numpy()]
    return found


def _refined(search: Search, found: Ints) -> tuple[Ints, Floats]:
    """The k nearest of the candidates, measured, ties in order of row number."""
    import torch

    index = torch.from_numpy(np.sort(found, axis=1)).to(search.points.place)
    rows = torch.arange(len(index), device=index.device)
    squared = search.exact.squared(rows, index.clamp(min=0))
    barred = (index < 0) | (index == search.own[:, None])
    barred[:, 1:] |= index[:, 1:] == index[:, :-1]
    if search.query_groups is not None and search.point_groups is not None:
        codes = search.point_groups[index.clamp(min=0)]
        barred |= codes == search.query_groups[:, None]
    squared[barred] = torch.inf
    squared, order = squared.sort(dim=1, stable=True)
    missing = max(search.k - squared.shape[1], 0)
    squared = torch.nn.functional.pad(squared, (0, missing), value=torch.inf)
    index = torch.nn.functional.pad(index.gather(1, order), (0, missing), value=-1)
    # NumPy's square root is correctly rounded, torch's is not.
    distances = search.distances(squared[:, : search.k].cpu().numpy())
    return index[:, : search.k].cpu().numpy(), distances


def _exactly(search: Search, rows: Ints) -> tuple[Ints, Floats]:
    return brute.nearest(search.only(rows))
