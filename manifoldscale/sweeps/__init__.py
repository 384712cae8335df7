"""Sweeps: tasks, plans, packs of networks trained together, and the registry of runs."""

from .plan import Plan as Plan
from .run import run as run, train_one as train_one
from .tasks import DataSet as DataSet, Task as Task, TeacherStudent as TeacherStudent
from .train import Training as Training
