import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_a_ring_and_a_torus(tmp_path: Path) -> None:
    printed = run_example("recorded_neurons", tmp_path)
    found = re.findall(r"(\w+), 40 trials: .*\n  (\S+) .*\n  loops: (\S+)", printed)
    dims = {name: float(dim) for name, dim, _ in found}
    loops = {name: float(count) for name, _, count in found}
    assert loops == {"ring": 1, "torus": 2}
    assert 0.9 < dims["ring"] < 1.5 and 1.9 < dims["torus"] < 2.5
