from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_the_regimes_are_recognised(tmp_path: Path) -> None:
    printed = run_example("four_regimes", tmp_path)
    for axis in ("dataset_size", "width"):
        assert f"{axis}: variance-limited, alpha" in printed
    assert printed.count("resolution-limited, d = ") == 6
