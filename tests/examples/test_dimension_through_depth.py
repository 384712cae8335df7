import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_trained_representations_fall_to_few_dimensions(tmp_path: Path) -> None:
    printed = run_example("dimension_through_depth", tmp_path)
    found = re.findall(r"(\S+), (\S+): dimension (\S+) \[(\S+), (\S+)\]", printed)
    dims = {(when, site): tuple(map(float, rest)) for when, site, *rest in found}
    assert len(dims) == 16
    first, last, readout = (
        dims["trained", site] for site in ("hidden1", "hidden6", "readout")
    )
    assert readout[2] < first[1]  # the intervals part
    assert readout[0] < last[0] < first[0]
