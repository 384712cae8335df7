"""Files are written whole or not at all."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from manifoldscale.core.serialize import write_text


def test_of_two_writers_at_once_one_stays_whole(tmp_path: Path) -> None:
    path, texts = tmp_path / "results.json", [str(i) * 200_000 for i in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(5):
            list(threads.map(lambda text: write_text(path, text), texts))
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for place in (tmp_path / "no/x.json", tmp_path / "folder", tmp_path / "file/x.json"):
        with pytest.raises(OSError) as caught:
            write_text(place, "text")
        assert caught.value.filename == str(place)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}


def test_the_longest_name(tmp_path: Path) -> None:
    write_text(tmp_path / ("x" * 255), "text")
    assert (tmp_path / ("x" * 255)).read_text() == "text"
