"""Manifolds whose geometry is known exactly, to test and calibrate estimators on."""

from .affine import Affine as Affine
from .manifold import Manifold as Manifold
from .sphere import Ball as Ball, Sphere as Sphere
from .swiss_roll import SwissRoll as SwissRoll
from .torus import FlatTorus as FlatTorus
