"""The linear random-feature model at finite size, to test the closed form.

For one draw of inputs X (n x modes) and features F (N x modes), the fitted function is
linear in the labels: f(x) = x . B y. The squared error averaged over test examples is
|Lambda^(1/2) (w - B y)|^2. Its average over teachers w and label noise is an exact trace,
tr[(1 - B X)' Lambda (1 - B X)] + noise tr[B' Lambda B].
"""

import dataclasses as dc
from typing import Any

import numpy as np

from ..core.arrays import Floats
from ..core.learning_curve import LearningCurve, Run
from ..core.random import Rng, generator
from ..core.settings import whole
from .curve import as_count, as_sizes
from .modes import Modes, not_negative
from .readout import readout


def simulate_linear_random_features(
    eigenvalues: Any,
    features: Any,
    samples: Any,
    ridge: float = 0.0,
    noise: float = 0.0,
    *,
    draws: int = 10,
    average_teachers: bool = True,
    rng: Rng = 0,
) -> LearningCurve:
    """Train linear random features; other arguments are those of `linear_random_features`.

    Parameters
    ----------
    features, samples : finite whole numbers, or lists of them, which span a grid.
    draws : independent draws of inputs and features at each pair: the seeds of the runs.
    average_teachers : average over teachers and label noise exactly, or draw one of each
        per run, as an experiment does. The average scatters so little that the corrections
        of finite size to the closed form, about 0.5 / m, are visible.

    Returns
    -------
    LearningCurve with one run for each features, samples and draw; features are its
    parameters.
    """
    modes = Modes.of(eigenvalues)
    delta, variance = not_negative("ridge", ridge), not_negative("noise", noise)
    draws = whole("draws", draws)
    grid = [
        (as_count(N, "features"), as_count(n, "samples"))
        for N in as_sizes(features, "features").flat
        for n in as_sizes(samples, "samples").flat
    ]
    streams = generator(rng).spawn(len(grid) * draws)
    runs = [
        Run(
            _Model.draw(modes.eigenvalues, *grid[i // draws], delta, stream).loss(
                variance, None if average_teachers else stream
            ),
            dataset_size=grid[i // draws][1],
            parameters=grid[i // draws][0],
            seed=i % draws,
        )
        for i, stream in enumerate(streams)
    ]
    return LearningCurve(tuple(runs), loss="mse", task="linear random features, simulated")


@dc.dataclass(frozen=True, eq=False)
class _Model:
    """One draw. No product exceeds (features x modes) by (modes x samples).

    inputs : (samples x modes); features : (features x modes);
    solution : (features x samples), from labels to coefficients: B = features' solution.
    """

    eigenvalues: Floats
    inputs: Floats
    features: Floats
    solution: Floats

    @classmethod
    def draw(
        cls, eigenvalues: Floats, N: int, n: int, ridge: float, rng: np.random.Generator
    ) -> "_Model":
        inputs = rng.standard_normal((n, len(eigenvalues))) * np.sqrt(eigenvalues)
        features = rng.standard_normal((N, len(eigenvalues)))
        solution = readout(inputs @ features.T, np.eye(n), N * ridge)
        return cls(eigenvalues, inputs, features, solution)

    def loss(self, noise: float, rng: np.random.Generator | None) -> float:
        """Averaged over teachers, or for one that `rng` draws."""
        if rng is None:
            return self._average_loss(noise)
        teacher = rng.standard_normal(len(self.eigenvalues))
        labels = self.inputs @ teacher
        labels += np.sqrt(noise) * rng.standard_normal(len(labels))
        fitted = (self.solution @ labels) @ self.features
        return float(self.eigenvalues @ (teacher - fitted) ** 2)

    def _average_loss(self, noise: float) -> float:
        """The traces, ordered to keep every product from having two axes of the larger
        size.
        """
        weighted = self.features * self.eigenvalues
        if len(self.features) <= len(self.inputs):
            gram, fitted = weighted @ self.features.T, self.solution @ self.inputs
            learned = np.sum(weighted * fitted)
            bias = np.sum((gram @ fitted) * fitted)
            variance = np.sum((gram @ self.solution) * self.solution)
        else:
            coefficients = self.features.T @ self.solution
            scaled = self.eigenvalues[:, None] * coefficients
            spread = coefficients.T @ scaled
            learned = np.sum(self.inputs.T * scaled)
            bias = np.sum(spread * (self.inputs @ self.inputs.T))
            variance = np.trace(spread)
        return float(self.eigenvalues.sum() - 2 * learned + bias + noise * variance)
