"""What README and the pages of docs/ show runs as it stands."""

import json
import re
import runpy
import shlex
from pathlib import Path

import click
import pytest

from manifoldscale.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?P<before>[^\n]*)\n*\n```(?P<language>\w+)\n(?P<code>.*?)```", re.S)


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page, but for those that it says are not run."""
    return [
        found["code"]
        for found in BLOCK.finditer(page.read_text("utf-8"))
        if found["language"] == language and "<!-- not run" not in found["before"]
    ]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=name)
def test_the_python_of_a_page_runs(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for code in blocks(page, "python"):
        exec(compile(code, name(page), "exec"), space)
    printed = capsys.readouterr().out
    assert printed.strip()
    if page.name in ("README.md", "tutorial.md"):  # the whole chain
        assert all(part in printed for part in ("alpha_D", "r = "))


def commands(page: Path) -> list[list[str]]:
    """Words of each call of ours in the shell blocks of a page."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("manifoldscale ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


CALLS = [(name(page), words) for page in PAGES for words in commands(page)]


@pytest.mark.parametrize(
    ("page", "words"), CALLS, ids=[f"{page}: {' '.join(words)}" for page, words in CALLS]
)
def test_the_commands_of_a_page_exist(page: str, words: list[str]) -> None:
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, page
        command = found
    known = {option for parameter in command.params for option in parameter.opts}
    known |= {o for parameter in command.params for o in parameter.secondary_opts}
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    assert used <= known


def test_an_example_runs_as_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All cells in their order, in one namespace, as a kernel runs them."""
    tool = runpy.run_path(str(ROOT / "docs" / "site" / "notebooks.py"))
    example = ROOT / "examples" / "circle_through_layers.py"
    cells = json.loads(tool["notebook"](example))["cells"]
    assert cells[0]["cell_type"] == "markdown" and len(cells) > 3
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    space: dict[str, object] = {}
    for cell in cells[1:]:
        exec("".join(cell["source"]), space)
    assert capsys.readouterr().out
    assert (tmp_path / "circle_through_layers.png").exists()


def test_pages_show_commands_and_code() -> None:
    assert len(CALLS) > 8
    assert sum(len(blocks(page, "python")) for page in PAGES) > 15
