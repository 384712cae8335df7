from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("curvature_of_known_manifolds", tmp_path)
    assert printed.count("curvature at d = 2") == 3
