"""Simulated trajectories of which the law is known."""

import numpy as np

from manifoldscale.core.learning_curve import LearningCurve, Run

STEPS = np.unique(np.geomspace(1, 3e4, 40).round())


def wandering(rng: np.random.Generator, noise: float, wiggle: float) -> np.ndarray:
    """Log errors of one network: one for all steps, and some that neighbours share."""
    steps = np.convolve(rng.standard_normal(len(STEPS) + 4), np.ones(5), "valid")
    return noise * rng.standard_normal() + wiggle / 5**0.5 * steps


def networks(
    sizes: int = 9, seeds: int = 4, floor: float = 0.1, noise: float = 0.03, seed: int = 0
) -> LearningCurve:
    """L(N, t) = floor + (N / 1000)^-0.4 + 3 t^-0.6 at N = 1000, 2000, ..., C = 192 N t.

    The least at N t = C: both terms fall as one power of C, 0.4 x 0.6 / (0.4 + 0.6).
    """
    rng, runs = np.random.default_rng(seed), []
    for size in 1000 * 2 ** np.arange(sizes):
        for index in range(seeds):
            falls = (size / 1000) ** -0.4 + 3 * STEPS**-0.6
            losses = floor + falls * np.exp(wandering(rng, noise, noise / 3))
            runs += [
                Run(loss=float(loss), parameters=int(size), seed=index, steps=int(step),
                    compute=192.0 * size * step, network=100 * int(size) + index)
                for step, loss in zip(STEPS, losses, strict=True)
            ]  # fmt: skip
    return LearningCurve(tuple(runs))


EXPONENT = 0.24


def recipe(
    speed: float, seed: int, *, seeds: int = 6, power: float = 1.0, noise: float = 0.03
) -> LearningCurve:
    """L(t) = 0.05 + 2 (speed t)^(-power / 2), of networks of one size."""
    rng, runs = np.random.default_rng(seed), []
    for index in range(seeds):
        falls = 2 * (speed * STEPS) ** (-power / 2)
        losses = 0.05 + falls * np.exp(wandering(rng, noise, noise / 3))
        runs += [
            Run(loss=float(loss), parameters=100, dataset_size=50, seed=index,
                steps=int(step), compute=600.0 * step, network=index)
            for step, loss in zip(STEPS, losses, strict=True)
        ]  # fmt: skip
    return LearningCurve(tuple(runs))
