from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("topology_of_known_manifolds", tmp_path)
    assert printed.count("betti over Z2") == 6 and printed.count("betti over Z3") == 1
    assert "torsion of the Klein bottle: (0, 1, 1)" in printed
