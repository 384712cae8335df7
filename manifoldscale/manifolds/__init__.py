"""Manifolds whose geometry is known exactly, to test and calibrate estimators on."""

from ..core.lazy import listed
from .affine import Affine as Affine
from .graph import (
    Graph as Graph,
    quadric as quadric,
    random_quadric as random_quadric,
    saddle as saddle,
)
from .immersed import Immersed as Immersed
from .kernel_sphere import KernelSphere as KernelSphere
from .level_set import (
    Ellipsoid as Ellipsoid,
    Hyperboloid as Hyperboloid,
    LevelSet as LevelSet,
)
from .manifold import Manifold as Manifold
from .matrix_groups import (
    Grassmann as Grassmann,
    SpecialOrthogonal as SpecialOrthogonal,
    Stiefel as Stiefel,
)
from .product import Product as Product
from .second_form import (
    immersion_curvature as immersion_curvature,
    level_set_curvature as level_set_curvature,
)
from .sphere import Ball as Ball, Hemisphere as Hemisphere, Sphere as Sphere
from .surfaces import (
    Helix as Helix,
    KleinBottle as KleinBottle,
    Pseudosphere as Pseudosphere,
    Torus as Torus,
)
from .swiss_roll import SwissRoll as SwissRoll
from .torus import FlatTorus as FlatTorus

__dir__ = listed(__name__)
