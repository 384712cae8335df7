from pathlib import Path

from .run_example import run_example


def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("dimension_of_known_manifolds", tmp_path)
    assert printed.count("dimension ") == 24
