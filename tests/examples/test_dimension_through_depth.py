import itertools
import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_trained_representations_fall_to_few_dimensions(tmp_path: Path) -> None:
    printed = run_example("dimension_through_depth", tmp_path)
    number = r"dimension (\S+) \[(\S+), (\S+)\]"
    found = re.findall(rf"(\S+), (\S+): resolved {number} .*; {number}", printed)
    dims = {(when, site): tuple(map(float, rest[:3])) for when, site, *rest in found}
    manifold = [float(rest[3]) for when, _, *rest in found if when == "trained"]
    assert len(dims) == 16 and len(manifold) == 8
    assert all(after <= 1.02 * before for before, after in itertools.pairwise(manifold))
    first, last, readout = (
        dims["trained", site] for site in ("hidden1", "hidden6", "readout")
    )
    assert readout[2] < first[1]  # the intervals part
    assert readout[0] < last[0] < first[0]
