from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("circle_through_layers", tmp_path)
    assert printed.count("curve through") == 4 and "kinks" in printed
