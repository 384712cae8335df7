"""Class manifolds: how many of them a linear read-out can tell apart, and why."""

from ..core.lazy import listed
from .capacity import Capacity as Capacity, ClassGeometry as ClassGeometry
from .spheres import sphere_capacity as sphere_capacity

__dir__ = listed(__name__)
