"""What README and the pages of docs/ show runs as it stands."""

import json
import os
import re
import runpy
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest

from manifoldscale.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?P<before>[^\n]*)\n*\n```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<code>.*?)```",
    re.S,
)


def blocks(page: Path, language: str, cluster: bool | None = None) -> list[str]:
    """The blocks of a page but for its files; those for a cluster, the others, or all."""
    return [
        found["code"]
        for found in BLOCK.finditer(page.read_text("utf-8"))
        if found["language"] == language and not found["title"]
        if cluster is None or cluster == ("<!-- needs a cluster" in found["before"])
    ]


def files(page: Path) -> dict[str, str]:
    """The blocks that have a title are files, which the others read."""
    found = BLOCK.finditer(page.read_text("utf-8"))
    return {block["title"]: block["code"] for block in found if block["title"]}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run_python(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python of a page as one script, in a folder that has the page's files."""
    for title, text in files(page).items():
        (folder / title).write_text(text, "utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "mymodule", raising=False)
    space: dict[str, object] = {}
    for code in blocks(page, "python", cluster=False):
        exec(compile(code, name(page), "exec"), space)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, marks=[pytest.mark.slow] if p.name == "tutorial.md" else [])
        for p in PAGES
        if blocks(p, "python", cluster=False)
    ],
    ids=name,
)
def test_the_python_of_a_page_runs(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_python(page, tmp_path, monkeypatch)
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


SLURM = {  # a cluster that runs one task of a step, and of all jobs the first
    "srun": 'shift 2; exec "$@"',  # srun --ntasks N COMMAND
    "sbatch": """echo Submitted batch job $$
        if mkdir job 2>/dev/null; then
            cp "$1" job/script
            setsid bash job/script >job/log 2>&1 &
        fi""",
    "scancel": "exit 0",
}
BUILDS_ON = {"many-machines.md": "probe-a-network.md"}  # which makes module and weights


def in_ci_already(line: str) -> bool:
    """Whether it is a part of README's command, which .ci/run runs in an empty folder."""
    command = re.search(
        r"<!-- study -->\n\n    (.*)", (ROOT / "README.md").read_text("utf-8")
    )
    assert command
    return bool(line.strip()) and line.strip() in command[1]


def run_shell(code: str, folder: Path) -> None:
    """One block as its reader runs it; one with #SBATCH --array once a task."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        code = code.replace("8786", str(free.getsockname()[1]))
    array = re.search(r"#SBATCH --array=(\d+)-(\d+)", code)
    tasks = range(int(array[1]), int(array[2]) + 1) if array else range(1)
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent)])
    environment = {
        **os.environ,
        "PATH": path + os.pathsep + os.environ["PATH"],
        "HOSTNAME": "127.0.0.1",
    }
    log = folder / "shell.log"
    for task in tasks:
        with log.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=folder,
                env={**environment, "SLURM_ARRAY_TASK_ID": str(task)},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            status = process.wait()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)  # what it left in the background
        assert status == 0, f"{code}\n{log.read_text()}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "sh")], ids=name)
def test_the_shell_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    for command, script in SLURM.items():
        (tmp_path / "bin" / command).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / command).chmod(0o755)
    if page.name in BUILDS_ON:
        run_python(page.with_name(BUILDS_ON[page.name]), tmp_path, monkeypatch)
    run_python(page, tmp_path, monkeypatch)
    for code in blocks(page, "python", cluster=True):
        run_shell(f"python -c {shlex.quote(code)}", tmp_path)
    for code in blocks(page, "sh"):
        for registry in tmp_path.glob("*.sqlite"):  # else the next sweep finds all done
            registry.unlink()
        lines = [line for line in code.splitlines() if not in_ci_already(line)]
        if lines:
            run_shell("\n".join(lines), tmp_path)


@pytest.mark.slow
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
