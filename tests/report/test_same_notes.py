"""What the command line warns of stands on the page and in the tables too."""

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from manifoldscale.cli.console import out
from manifoldscale.cli.main import main


def log_of_training() -> pd.DataFrame:
    """Losses by epoch, which level off; the training loss stays high."""
    rng = np.random.default_rng(0)
    rows = [
        {"n_train": size, "seed": seed, "epoch": epoch, "lr": lr}
        | {"test_loss": (0.2 + size**-0.3) * (2 - epoch / 5) * rng.lognormal(0, 0.02) + lr}
        for size in (200, 400, 800, 1600, 3200)
        for seed, lr in enumerate((0.01, 0.3))
        for epoch in range(1, 6)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(train_loss=0.9 * frame.test_loss)


def grid() -> pd.DataFrame:
    """Losses over both resources, a few of them missing."""
    rng = np.random.default_rng(1)
    rows = [
        {"dataset_size": d, "parameters": p, "seed": 0}
        | {"loss": (1.7 + 20 * p**-0.35 + 10 * d**-0.3) * rng.lognormal(0, 0.01)}
        for d in (1e3, 1e4, 1e5, 1e6, 1e7)
        for p in (1e4, 1e5, 1e6, 1e7)
        if (d, p) != (1e7, 1e7)
    ]
    return pd.DataFrame(rows)


TABLES = {"log": log_of_training, "grid": grid}


def printed(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[str]:
    """The notes of a command that writes to a folder."""
    monkeypatch.setattr(out, "_width", 100_000)  # no line is broken
    found = CliRunner().invoke(main, [*arguments, "--out", str(folder)])
    assert found.exit_code == 0, found.output
    notes = re.findall(r"^ *(?:!|\(\d+\)|not fitted:) (.+)$", found.output, re.MULTILINE)
    assert notes, found.output
    return [plain(note) for note in notes]


def plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def missing(notes: list[str], text: str) -> list[str]:
    return [note for note in notes if note not in plain(text)]


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_a_fit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TABLES[name]().to_csv(tmp_path / "runs.csv", index=False)
    folder = tmp_path / "fit"
    notes = printed(folder, monkeypatch, "fit", str(tmp_path / "runs.csv"))
    assert not missing(notes, (folder / "report.html").read_text("utf-8"))
    tables = "".join(path.read_text("utf-8") for path in folder.glob("*.csv"))
    # The table has a row for each slice, with what concerns it; their advice is the same.
    advice = [note.split(": ")[-1] for note in notes]
    assert not missing(advice, tables.replace('""', '"'))


@pytest.mark.slow
def test_a_probe(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "few.npz", inputs=np.random.default_rng(0).normal(size=(300, 6)))
    monkeypatch.chdir(runs)
    folder = tmp_path / "probe"
    given = ("py:small_net:net", str(tmp_path / "few.npz"))
    notes = printed(folder, monkeypatch, "probe", *given)
    assert not missing(notes, (folder / "report.html").read_text("utf-8"))
    assert not missing(notes, (folder / "sites.csv").read_text("utf-8"))


def test_a_comparison(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    folder = tmp_path / "compare"
    notes = printed(folder, monkeypatch, "compare", "fit", "probe")
    assert not missing(notes, (folder / "report.html").read_text("utf-8"))
    assert not missing(notes, (folder / "comparison.csv").read_text("utf-8"))


def test_a_study(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study of the fixture, whose notes are those of its fit and comparison."""
    from manifoldscale.cli import study
    from manifoldscale.runs.result import load

    monkeypatch.setattr(out, "_width", 100_000)
    with out.capture() as shown:
        study._show(load(runs / "study"), runs / "study")
    notes = [plain(n) for n in re.findall(r"^ *(?:!|\(\d+\)) (.+)$", shown.get(), re.M)]
    assert notes
    folder = runs / "study"
    assert not missing(notes, (folder / "report.html").read_text("utf-8"))
    tables = "".join(path.read_text("utf-8") for path in folder.glob("*.csv"))
    assert not missing(notes, tables.replace('""', '"'))
