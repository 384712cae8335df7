"""Curvature of clouds of points: method values for `estimate`, and their results."""

from .curvature import Curvature as Curvature
from .quadric import Quadric as Quadric, knowable as knowable
from .status import Status as Status
