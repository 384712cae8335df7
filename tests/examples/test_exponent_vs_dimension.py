from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("exponent_vs_dimension", tmp_path)
    assert (
        printed.count("alpha_D ") >= 6
        and "at the scale of the sweep" in printed
        and printed.count("alpha_P ") >= 8
    )
