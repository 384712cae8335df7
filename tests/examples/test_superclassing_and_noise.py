from pathlib import Path

import pytest

from .run_example import run_example


@pytest.mark.slow
def test_the_shipped_networks_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANIFOLDSCALE_DATA", str(tmp_path / "nothing"))
    printed = run_example("superclassing_and_noise", tmp_path)
    for data in ("mnist5k", "fashion-mnist"):
        assert printed.count(f"{data}, superclasses ") == 3
        assert printed.count(f"{data}, input noise ") == 4
