import re
from pathlib import Path

import pytest

from .run_example import run_example

DIMS = {"ring": 1, "torus": 2, "mixed": 5}


@pytest.mark.slow
def test_a_ring_a_torus_and_five_dimensions(tmp_path: Path) -> None:
    printed = run_example("recorded_neurons", tmp_path)
    found = re.findall(r"(\w+), 40 trials: nearest .* say (\S+)\n  (\S+) ", printed)
    assert {name for name, _, _ in found} == set(DIMS)
    for name, nearest, dim in found:
        assert float(nearest) > 1.5 * DIMS[name]
        assert float(dim) == pytest.approx(DIMS[name], rel=0.15)
    loops = dict(re.findall(r"(\w+), \d+ trials: loops (\S+)", printed))
    assert loops == {"ring": "1", "torus": "2"}
    assert "not identifiable" in printed  # two trials of five dimensions
