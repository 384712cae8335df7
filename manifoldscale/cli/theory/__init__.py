"""`manifoldscale theory ...`: curves of the solvable models: kernels, random features,
dynamics.
"""

import click

from .dynamics import dynamics
from .kernels import nngp, ntk, spectrum
from .learning_curve import learning_curve
from .phase import phase
from .random_features import random_features


@click.group()
def theory() -> None:
    """Curves of the exactly solvable models, each as a table and a figure."""


for command in (nngp, ntk, spectrum, learning_curve, random_features, dynamics, phase):
    theory.add_command(command)
