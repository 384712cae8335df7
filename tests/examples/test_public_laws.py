import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_published_numbers_lie_inside_but_for_one(tmp_path: Path) -> None:
    printed = run_example("public_laws", tmp_path)
    rows = re.findall(r"^(\S.*?)  +\S.*\] +(yes|NO)$", printed, re.M)
    assert len(rows) == 7
    assert [what for what, inside in rows if inside == "NO"] == ["CIFAR-10: 4 / alpha_P"]
    assert len(re.findall(r"^forecast of .* inside: yes$", printed, re.M)) == 8
    assert "images, 36 curves" in printed
