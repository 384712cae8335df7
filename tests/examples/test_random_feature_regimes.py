from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_the_four_regimes_are_recognised(tmp_path: Path) -> None:
    printed = run_example("random_feature_regimes", tmp_path)
    for axis in ("dataset_size", "parameters"):
        for regime in ("variance-limited", "resolution-limited"):
            assert f"{axis}: {regime}, alpha" in printed
