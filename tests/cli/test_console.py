"""Tables on a terminal: what is kept whole, and that nothing is lost."""

import io

import pytest
from rich.console import Console

from manifoldscale.cli import console

COLUMNS = {"site": "left", "n": "right", "d": "right", "95 % interval": "left"}
COLUMNS |= {"curvature x R": "left", "alone": "left", "note": "left"}
ROWS = [
    ["encoder.layers.3.attention", "2,000", "11.2", "[9.91, 12.4]",
     "0.831 [0.712, 0.953]", "11.3 [9.24, 13.4]", "1 2"],
    ["act1", "2,000", "n/a", "", "", "", "3"],
]  # fmt: skip


def printed(monkeypatch: pytest.MonkeyPatch, width: int, rows: list[list[str]]) -> str:
    paper = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=paper, width=width))
    console.show_table("", COLUMNS, rows)
    return paper.getvalue()


def test_names_and_numbers_are_whole_on_eighty_columns(monkeypatch) -> None:
    text = printed(monkeypatch, 80, ROWS)
    assert max(map(len, text.splitlines())) <= 80
    for word in " ".join(cell for row in ROWS for cell in row).split():
        assert word in text.split(), (word, text)


@pytest.mark.parametrize("width", [40, 50, 60, 78, 79, 80, 81, 85, 90, 200])
def test_no_width_loses_a_character(monkeypatch, width: int) -> None:
    rows = [["a.b", *ROWS[0][1:]], ["x" * 70, *ROWS[1][1:]]] if width < 80 else ROWS
    text = printed(monkeypatch, width, rows)
    wanted = sorted("".join(cell for row in [list(COLUMNS), *rows] for cell in row))
    assert sorted("".join(text.split())) == [one for one in wanted if one != " "]
