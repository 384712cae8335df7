"""Of a setting that was tuned at each size the best value counts."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat

RATES = (1e-3, 3e-3, 1e-2)


def tuned_losses(best: float = 3e-3) -> list[dict[str, float]]:
    """L = 0.1 + D^-0.5 at the best rate, and more beside it; two seeds."""
    rng = np.random.default_rng(0)
    return [
        {
            "n_train": int(n),
            "lr": rate,
            "seed": seed,
            "val_loss": (0.1 + n**-0.5 + 0.02 * abs(np.log(rate / best)))
            * (1 + 0.005 * rng.standard_normal()),
        }
        for n in np.geomspace(100, 30_000, 8).round()
        for rate in RATES
        for seed in range(2)
    ]


def test_the_best_rate_at_each_size() -> None:
    curve = ms.LearningCurve.from_frame(tuned_losses(), tuned="lr")
    assert len(curve) == 16 and curve.mixed == ()
    assert "'lr': the best of 3 values at each of 8 sizes" in str(curve)
    fit = ms.fit_power_law(curve)
    assert 0.5 in fit.interval and Caveat.TUNED in {note.caveat for note in fit.caveats}
    all_of_them = ms.LearningCurve.from_frame(tuned_losses())
    assert all_of_them.mixed == ("lr",) and len(all_of_them) == 48


def test_a_best_value_at_the_edge_is_told() -> None:
    curve = ms.LearningCurve.from_frame(tuned_losses(best=1e-2), tuned=["lr"])
    assert "at 8 the smallest or largest" in str(curve)


def test_a_rate_at_which_a_run_failed_is_not_the_best() -> None:
    rows = tuned_losses()
    for row in rows[::2]:
        if row["lr"] == 3e-3:
            row["val_loss"] = float("nan")
    kept = ms.LearningCurve.from_frame(rows, tuned="lr")
    assert np.isfinite(kept.losses).all()


def test_what_was_not_tuned() -> None:
    rows = [row for row in tuned_losses() if row["lr"] == 1e-3]
    with pytest.raises(ms.ManifoldScaleError, match="nothing was tuned"):
        ms.LearningCurve.from_frame(rows, tuned="lr")
    with pytest.raises(ms.ManifoldScaleError, match="Nearest are"):
        ms.LearningCurve.from_frame(rows, tuned="rate")
