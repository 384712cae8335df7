"""Views: two coordinates to look at, with their distortion. Do not measure on them.

    near = cloud.neighbors(15)
    view = ms.estimate(near, ms.views.UMAP())
    beside = ms.estimate(near, ms.views.PCA())
    ms.views.panels([[view, beside]], color=ms.estimate(near, ms.curvature.Quadric(2)))

A plane has at most two dimensions and no curvature, and UMAP chooses distances, sizes and
holes for the eye. So a `View` is not a `Cloud`, and estimators refuse it.
"""

from ..core.lazy import listed
from .pca import PCA as PCA
from .umap import UMAP as UMAP
from .view import (
    Trustworthiness as Trustworthiness,
    View as View,
    align as align,
    panels as panels,
    trust_of_points as trust_of_points,
)

__dir__ = listed(__name__)
