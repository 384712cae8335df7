"""Make the finite-sample calibration table of the dimension estimators.

    python benchmarks/calibration.py    # about three quarters of an hour on one core

For each family, number of points and dimension, the mean reading over enough clouds
that its Monte-Carlo error is below one per cent; then smoothed over sizes and dimensions
by a polynomial in log N and log d, which leaves about a quarter of that error. Written to
manifoldscale/dimension/finite_sample.npz.
"""

from pathlib import Path

import numpy as np
from rich.progress import track

import manifoldscale as ms
from manifoldscale.core.random import keyed
from manifoldscale.dimension.calibrated import TABLE

METHODS = [ms.dimension.TwoNN()]
FAMILIES = {
    "torus": lambda dim: ms.manifolds.FlatTorus(dim),
    "sphere": lambda dim: ms.manifolds.Sphere(dim),
    "ball": lambda dim: ms.manifolds.Ball(dim),
    "cube": lambda dim: ms.manifolds.Affine(dim),
    "normal": lambda dim: ms.manifolds.Affine(dim, density="normal"),
}
SIZES = [250, 500, 1000, 2000, 4000, 8000, 16000, 32000]
DIMS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 25, 30, 40, 50, 70]
QUERIES = 100_000
MAX_ANCHORS = 16_000


def reading(family: str, size: int, dim: int) -> list[float]:
    anchors = min(size, MAX_ANCHORS)
    inverses = []
    for draw in range(max(2, QUERIES // anchors)):
        rng = keyed(draw, family, size, dim)
        cloud = FAMILIES[family](dim).sample(size, rng=rng)
        near = cloud.neighbors(2, anchors=anchors, rng=rng)
        inverses.append([1 / ms.estimate(near, method).value for method in METHODS])
    return list(1 / np.mean(inverses, axis=0))


def smooth(readings: np.ndarray) -> np.ndarray:
    """(sizes x dims) with log(reading / d) fitted by a polynomial of degree 2 in log N
    and 6 in log d.
    """
    log_n, log_d = np.meshgrid(np.log(SIZES), np.log(DIMS), indexing="ij")
    log_n = (log_n - log_n.mean()) / log_n.std()
    log_d = (log_d - log_d.mean()) / log_d.std()
    design = np.polynomial.polynomial.polyvander2d(log_n, log_d, [2, 6])
    design = design.reshape(log_n.size, -1)
    shortfall = np.log(readings / np.array(DIMS))
    coefficients = np.linalg.lstsq(design, shortfall.ravel(), rcond=None)[0]
    fitted = (design @ coefficients).reshape(shortfall.shape)
    print(f"residual of the smoothing: {np.std(shortfall - fitted):.2%}")
    return np.exp(fitted) * np.array(DIMS)


def main() -> None:
    cells = [(f, n, d) for n in SIZES for f in FAMILIES for d in DIMS]
    values = [reading(*cell) for cell in track(cells, "calibration")]
    shape = (len(SIZES), len(FAMILIES), len(DIMS), len(METHODS))
    readings = np.reshape(values, shape).transpose(3, 1, 0, 2)
    np.savez_compressed(
        Path(ms.__file__).parent / "dimension" / TABLE,
        methods=[str(method) for method in METHODS],
        families=list(FAMILIES),
        sizes=SIZES,
        dims=DIMS,
        readings=[[smooth(family) for family in method] for method in readings],
        measured=readings,
    )


if __name__ == "__main__":
    main()
