from pathlib import Path

from .run_example import run_example


def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("four_regimes", tmp_path)
    assert printed.count("variance-limited") == 2
    assert printed.count("resolution-limited") == 6
