"""Sweeps: tasks, plans, packs of networks trained together, and the registry of runs."""

from ..core.lazy import listed
from .coordinate_check import (
    CoordinateCheck as CoordinateCheck,
    coordinate_check as coordinate_check,
)
from .data_sets import DataSet as DataSet
from .hierarchy import RandomHierarchy as RandomHierarchy
from .kernel_movement import (
    KernelMovement as KernelMovement,
    Moved as Moved,
    kernel_movement as kernel_movement,
)
from .own_data import OwnData as OwnData
from .parities import SparseParities as SparseParities
from .plan import Plan as Plan
from .run import run as run, train_one as train_one
from .shuffled import ShuffledLabels as ShuffledLabels
from .tasks import Task as Task
from .teachers import TeacherStudent as TeacherStudent
from .train import Training as Training

__dir__ = listed(__name__)
