import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_the_sum_is_learned_at_the_dimension_of_a_summand(tmp_path: Path) -> None:
    printed = run_example("sum_of_teachers", tmp_path)
    assert "its factors: alpha >= 1.33" in printed
    found = dict(re.findall(r"(d = .+): (?:local slope )?alpha_P (\S+)", printed))
    assert float(found["d = 3 + 3 + 3"]) > 1.5 * float(found["d = 9"])
    assert abs(float(found["d = 3 + 3 + 3"]) / float(found["d = 3"]) - 1) < 0.2
