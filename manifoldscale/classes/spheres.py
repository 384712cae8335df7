"""Capacity of spheres in general position, by an integral."""

import math

from ..core.errors import is_real, require


def sphere_capacity(radius: float, dim: int) -> float:
    """Manifold capacity of spheres S^(dim - 1) of `radius`, in units of the distance of
    their centres from the origin, each in separate directions.

    The rays through such a sphere fill a circular cone of slope `radius` about its axis.
    With t0 along the axis and r the length of `dim` normal variables across it, the
    squared length of the projection of a Gaussian vector on the cone is

        t0^2 + r^2                          inside, r <= radius t0,
        (t0 + radius r)^2 / (1 + radius^2)  on its surface,
        0                                   where t0 <= -radius r,

    and 1 / capacity is its mean (Chung, Lee & Sompolinsky 2018, Phys. Rev. X 8:031003, at
    margin 0). The capacity is 2 at radius 0, Cover's capacity of points, and
    1 / (dim + 1/2) at an infinite radius.

    >>> round(sphere_capacity(0.0, 5), 6), round(1 / sphere_capacity(1e6, 3), 3)
    (2.0, 3.5)

    Parameters
    ----------
    radius : at least 0.
    dim : of the space that a sphere spans about its centre, at least 1 (two points); 2 for
        a circle.
    """
    from scipy.integrate import quad
    from scipy.stats import chi

    require(
        is_real(radius) and radius >= 0,
        f"`radius` must be a number of at least 0; not {radius!r}.",
    )
    require(
        is_real(dim) and dim >= 1 and dim == int(dim),
        f"`dim` must be a positive integer; not {dim!r}.",
    )
    if radius == 0:
        return 2.0
    mean, _ = quad(
        lambda r: _squared_projection(r, radius) * chi.pdf(r, dim),
        0,
        dim**0.5 + 12,
        points=[dim**0.5],
        limit=200,
    )
    return float(1 / mean)


def _squared_projection(r: float, radius: float) -> float:
    """The mean over t0 of the squared projection."""
    low, high = _moments(-radius * r), _moments(r / radius)
    mass, first, second = (b - a for a, b in zip(low, high, strict=True))
    surface = (second + 2 * radius * r * first + (radius * r) ** 2 * mass) / (1 + radius**2)
    beyond, square = 1 - high[0], 1 - high[2]
    return surface + square + r * r * beyond


def _moments(x: float) -> tuple[float, float, float]:
    """E of 1, t and t^2 of a standard normal t where t <= x."""
    below = 0.5 * math.erfc(-x / math.sqrt(2))
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return below, -density, below - x * density
