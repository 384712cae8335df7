"""Class manifolds: how many of them a linear read-out can separate, and why."""

from ..core.lazy import listed
from .capacity import Capacity as Capacity, ClassGeometry as ClassGeometry
from .concept import Concept as Concept, ConceptGeometry as ConceptGeometry
from .spheres import sphere_capacity as sphere_capacity

__dir__ = listed(__name__)
