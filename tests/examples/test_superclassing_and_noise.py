from pathlib import Path

from .run_example import run_example


def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("superclassing_and_noise", tmp_path)
    assert printed.count("classes ") == 3 and printed.count("input noise ") == 4
