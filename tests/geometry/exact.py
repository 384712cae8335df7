"""What every search is held against: all pairs, by float64 differences."""

import numpy as np


def by_brute_force(
    points: np.ndarray, k: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers and distances of the k nearest others, ties in order of row number."""
    scale = 2.0 ** np.round(np.log2(np.ptp(points.astype(np.float64), axis=0).max()))
    wide = points.astype(np.float64) / scale  # squares neither overflow nor vanish
    squared = np.stack([np.square(wide - row).sum(1) for row in wide])
    np.fill_diagonal(squared, np.inf)
    if groups is not None:
        squared[groups[:, None] == groups] = np.inf
    order = np.argsort(squared, axis=1, kind="stable")[:, :k]
    return order, np.sqrt(np.take_along_axis(squared, order, 1)) * scale


def clouds() -> dict[str, np.ndarray]:
    """Clouds that are hard to search, in few and in many features."""
    rng = np.random.default_rng(0)
    centres = np.repeat(1e3 * rng.standard_normal((3, 40)), 80, axis=0)
    line = np.cumsum(2.0 ** -np.arange(40))[:, None] * np.ones((1, 3))
    return {
        "gaussian": rng.standard_normal((250, 30)),
        "float32 far from zero": (rng.standard_normal((250, 6)) + 1e3).astype(np.float32),
        "float32 very far": (
            1e6 + rng.permutation(np.arange(250 * 4)).reshape(250, 4)
        ).astype(np.float32),
        "tight clusters": centres + 1e-4 * rng.standard_normal(centres.shape),
        "lattice": np.stack(np.meshgrid(*[np.arange(6.0)] * 3), -1).reshape(-1, 3),
        "binary": np.unique((rng.random((250, 12)) < 0.5).astype(np.float32), axis=0),
        "outlier": np.concatenate([1e-7 * rng.standard_normal((80, 3)), [[1e7, 0, 0]]]),
        "scales": line,
        "tiny": 1e-160 * rng.standard_normal((100, 5)),
        "huge": 1e160 * rng.standard_normal((100, 5)),
        "wide": rng.standard_normal((120, 700)).astype(np.float32),
        "fortran": np.asfortranarray(rng.standard_normal((120, 9))),
        "backwards": rng.standard_normal((120, 9))[::-1, ::-1],
    }
