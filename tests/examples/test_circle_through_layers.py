from pathlib import Path

from .run_example import run_example


def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("circle_through_layers", tmp_path)
    assert printed.count("curve through") == 4 and "kinks" in printed
