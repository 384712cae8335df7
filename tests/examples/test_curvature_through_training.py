import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_training_bends_and_the_dimension_stays(tmp_path: Path) -> None:
    printed = run_example("curvature_through_training", tmp_path)
    bends = re.findall(r"hidden1.*\n.*\((\d\.\d+) in units of the cloud", printed)
    assert len(bends) == 6 and float(bends[-1]) > 1.5 * float(bends[0])
    assert "kappa_rms n/a" in printed  # and where the points cannot tell, no number
    dims = re.findall(r"dimension (\d\.\d+)", printed)
    assert len(dims) == 12 and all(1.8 < float(dim) < 2.2 for dim in dims)
