"""What is known about the curvature at a point."""

import enum


class Status(enum.StrEnum):
    """Whether the curvature at a point is known, and why not.

    `advice` is the explanation that is printed with the result.
    """

    OK = "ok"
    BIASED = "biased"
    NOISE_LIMITED = "noise-limited"
    TOO_FEW_POINTS = "too-few-points"
    DIMENSION_UNSTABLE = "dimension-unstable"
    NOT_SMOOTH = "not-smooth"
    BOUNDARY = "boundary"

    @property
    def advice(self) -> str:
        return ADVICE[self]

    @property
    def is_known(self) -> bool:
        """Whether a value is given."""
        return self in (Status.OK, Status.BIASED, Status.NOISE_LIMITED, Status.BOUNDARY)


ADVICE = {
    Status.OK: "value and interval hold",
    Status.BIASED: (
        "the manifold bends more within the neighbourhood than a fit can follow: the bias "
        "is a large part of the value, and the interval includes it; use more points"
    ),
    Status.NOISE_LIMITED: (
        "noise hides the curvature: read only the upper end of its interval"
    ),
    Status.TOO_FEW_POINTS: (
        "the smallest neighbourhood that determines the fit reaches further than the "
        "radius of curvature, or than the cloud: use `GaussMap(dim)` or `KappaOfScale(dim)`"
    ),
    Status.DIMENSION_UNSTABLE: (
        "the dimensions within its interval give curvatures that exclude each other"
    ),
    Status.NOT_SMOOTH: (
        "the curvature grows as the neighbourhood shrinks, as for ReLU: it depends on "
        "scale, use `KappaOfScale(dim)`"
    ),
    Status.BOUNDARY: (
        "the neighbourhood lies to one side of the point, as at an edge: the fit "
        "extrapolates, and its interval is wide"
    ),
}
