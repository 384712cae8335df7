from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("digits_end_to_end", tmp_path)
    assert "alpha_D" in printed and "hidden2" in printed and "r = " in printed
