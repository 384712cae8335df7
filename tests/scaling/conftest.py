"""Losses that several of the tests fit."""

from collections.abc import Callable

import numpy as np
import pytest

from manifoldscale.core.learning_curve import LearningCurve, Run


@pytest.fixture(scope="session")
def language_models() -> Callable[..., LearningCurve]:
    """The sum of Hoffmann et al. (2022), with their published coefficients."""

    def made(noise: float, seeds: int = 1, rng: int = 0) -> LearningCurve:
        random = np.random.default_rng(rng)
        runs = [
            Run(
                (1.69 + 406.4 * p**-0.34 + 410.7 * d**-0.28)
                * (1 + noise * random.standard_normal()),
                dataset_size=int(d),
                parameters=int(p),
                seed=seed,
            )
            for p in np.geomspace(5e7, 1e10, 7)
            for d in np.geomspace(1e9, 5e11, 7)
            for seed in range(seeds)
        ]
        return LearningCurve(tuple(runs))

    return made
