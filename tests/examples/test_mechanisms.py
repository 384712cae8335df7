import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_interventions_tell_frequencies_from_a_manifold(tmp_path: Path) -> None:
    printed = run_example("mechanisms", tmp_path)
    found = re.findall(r"alpha_D (\S+) \[.*predicted (\S+)", printed)
    assert len(found) == 5
    for measured, predicted in found:
        assert float(measured) == pytest.approx(float(predicted), rel=0.25)
    slopes = re.findall(r"from (\S+) to (\S+)", printed)
    assert len(slopes) == 3 and all(float(b) > 3 * float(a) for a, b in slopes)
