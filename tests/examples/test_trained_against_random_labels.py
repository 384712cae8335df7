from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("trained_against_random_labels", tmp_path)
    assert printed.count("100.0% of the labels are learned") == 6
    assert printed.count("shuffled above, in 3 of 3 seeds") == 2
