import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_exact_for_random_features_and_measured_for_networks(tmp_path: Path) -> None:
    printed = run_example("duality", tmp_path)
    gaps = re.findall(r"L\(P\) = (\S+) \+- (\S+)", printed)
    assert len(gaps) == 3
    assert all(abs(float(gap)) < 4 * float(error) for gap, error in gaps)
    assert "alpha_D / alpha_P" in printed
