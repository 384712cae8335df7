import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    printed = run_example("two_networks", tmp_path)
    trained, untrained = (
        [float(one) for one in re.search(rf"{words} \[(.*)\]", printed)[1].split(", ")]
        for words in ("corresponding layers", "with no training")
    )
    assert all(a > b + 0.2 for a, b in zip(trained, untrained, strict=True))
    assert printed.count("difference") == 5
