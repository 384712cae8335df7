import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_four_students_at_three_dimensions(tmp_path: Path) -> None:
    printed = run_example("universality", tmp_path)
    rows = re.findall(r"d = \d: (?:local slope )?alpha_D .* interpolate", printed)
    assert len(rows) == 12
    p = re.search(r"the same in all groups: p = (\S+)", printed)
    assert p is not None and 0.01 < float(p[1]) < 1
