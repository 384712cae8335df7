"""Bad files and settings end in a message, never in a traceback."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from manifoldscale.cli.main import main

TEACHER = {"type": '"TeacherStudent"', "dim": "2", "ambient_dim": "4"}
SECTIONS = {
    "plan": {"dataset_sizes": "[20, 30]", "widths": "[4]", "seeds": "1", "n_test": "20"},
    "task": {**TEACHER, "teacher_width": "20"},
    "training": {"steps": "5"},
    "vary": {},
}
DIGITS = SECTIONS | {"task": {"type": '"DataSet"', "dataset": '"digits"'}}
FIELDS = {
    "plan": (
        "dataset_sizes widths seeds depth activation n_test root_seed student "
        "parametrisation richness paired nonsense task training"
    ),
    "task": (
        "type dim ambient_dim teacher_width bias_std label_noise teacher_seed domain "
        "factors combine teacher classes temperature input_noise nonsense"
    ),
    "training": (
        "steps batch_size learning_rate loss dtype epochs schedule optimiser plateau "
        "patience online nonsense"
    ),
    "vary": "dim depth nonsense student type task steps domain",
}
VALUES = [
    '"x"', "-1", "0", "1.5", "true", "[]", '["a"]', "[[1]]", "nan", "inf", "{a = 1}",
    "1979-05-27", '""', "99999999999999999999", "[1, 1]", "[-3]", "[true]", '"py:"',
    '"py:a:b:c"', '"py:nope:f"', "1e400",
]  # fmt: skip
FEW = ['"x"', "-1", "true", "[]", "[[1]]", "inf", "{a = 1}", "99999999999999999999"]


def toml(section: str, key: str, value: str, sections: dict) -> str:
    changed = {name: dict(settings) for name, settings in sections.items()}
    changed[section][key] = value
    return "\n".join(
        f"[{name}]\n" + "\n".join(f"{k} = {v}" for k, v in settings.items())
        for name, settings in changed.items()
    )


def plans(values: list[str]) -> Iterator[tuple[str, str]]:
    for section, keys in FIELDS.items():
        for key in keys.split():
            for value in values:
                label = f"[{section}] {key} = {value}"
                yield label, toml(section, key, value, SECTIONS)
    for key in ("dataset", "superclasses", "pool", "input_noise"):
        for value in values:
            yield f"DataSet {key} = {value}", toml("task", key, value, DIGITS)


def refused(*arguments: object, env: dict[str, str] | None = None) -> str:
    """The message of a command that may refuse, but not crash."""
    found = CliRunner().invoke(main, [*map(str, arguments)], env=env)
    assert found.exception is None or isinstance(found.exception, SystemExit), arguments
    assert "Traceback" not in found.output
    if found.exit_code:
        assert found.exit_code in (1, 2) and "Error: " in found.stderr
        assert len(found.stderr.split("Error: ")[1].splitlines()) <= 4
    return found.stderr if found.exit_code else ""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a file").write_text("hello " * 500)
    Path("a folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("values", [FEW, pytest.param(VALUES, marks=pytest.mark.slow)])
def test_settings_of_a_plan(here: Path, values: list[str]) -> None:
    messages = 0
    for label, text in plans(values):
        Path("plan.toml").write_text(text)
        Path("plan.sqlite").unlink(missing_ok=True)
        try:
            messages += bool(refused("sweep", "plan.toml"))
        except AssertionError as error:
            raise AssertionError(label) from error
    assert messages > 0.6 * sum(1 for _ in plans(values))


FILES = {
    "empty": b"",
    "binary": bytes(range(256)),
    "syntax": b"[plan\n",
    "a number for a section": b"plan = 3\n",
    "a list for a section": b"task = [1]\n[plan]\ndataset_sizes = [10]\n",
    "two sections of one name": b"[[plan]]\ndataset_sizes = [3]\n",
    "no task": b"[plan]\ndataset_sizes = [20]\n",
    "another section": b"[plans]\n",
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_plan(here: Path, name: str) -> None:
    Path("plan.toml").write_bytes(FILES[name])
    assert refused("sweep", "plan.toml")


@pytest.mark.parametrize(
    "options",
    [
        ["--registry", "a folder"], ["--registry", "no/where.sqlite"],
        ["--registry", "a file"], ["--csv", "no/where.csv"], ["--csv", "a folder"],
        ["--workers", "0"], ["--device", "nope"], ["--device", "cuda:99"],
        ["--scheduler", "nonsense"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_options_of_a_sweep(here: Path, options: list[str]) -> None:
    Path("plan.toml").write_text(toml("plan", "seeds", "1", SECTIONS))
    assert refused("sweep", "plan.toml", *options)
    assert refused("sweep", "a folder") and refused("sweep", "nowhere.toml")


def test_studies(here: Path) -> None:
    Path("junk").mkdir()
    Path("junk/runs.sqlite").write_text("junk " * 1000)
    for arguments in (
        ["nope"], [""], ["../digits"], ["sweeps"], ["digits", "more"],
        ["digits", "--quick", "--out", "a file"],
        ["digits", "--quick", "--out", "a file/x"],
        ["digits", "--quick", "--out", "junk"], ["digits", "--seed", "-1"],
        ["--teacher", "0"], ["--teacher", "x"],
    ):  # fmt: skip
        assert refused("study", *arguments), arguments


IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte")


@pytest.mark.parametrize("contents", [None, b"junk", b"", b"\0\0\x08\x03" + b"\xff" * 12])
def test_a_data_set_that_is_not_there_or_is_damaged(
    here: Path, contents: bytes | None
) -> None:
    """What is wrong with it, once, and not that there are no losses."""
    if Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("a whole copy is installed")
    env = {"MANIFOLDSCALE_DATA": str(here), "XDG_CACHE_HOME": str(here / "no")}
    if contents is not None:
        Path("fashion-mnist").mkdir()
        for name in (*IDX, "t10k-labels-idx1-ubyte"):
            Path("fashion-mnist", name).write_bytes(contents)
    message = refused("study", "fashion-mnist", "--quick", env=env)
    assert "ubyte" in message or "fashion-mnist" in message
    assert "no losses" not in message and "None of" not in message
    if contents:
        for name in IDX:
            Path("fashion-mnist", name).unlink()
            Path("fashion-mnist", f"{name}.gz").write_bytes(gzip.compress(contents)[:-3])
        assert "ubyte" in refused("study", "fashion-mnist", "--quick", env=env)


def test_data_sets(here: Path) -> None:
    for place in ("a file", "nowhere", "a folder"):
        for arguments in ([], ["--json"]):
            assert not refused("datasets", *arguments, env={"MANIFOLDSCALE_DATA": place})
    assert refused("datasets", "x") and refused("datasets", "--nope")


def test_reports(here: Path) -> None:
    Path("deep.json").write_text("[" * 100_000 + "]" * 100_000)
    Path("bytes.json").write_bytes(b"\xff\xfe{}")
    Path("digits.json").write_text('{"kind": "fit", "x": ' + "9" * 6000 + "}")
    Path("list.json").write_text('{"kind": ["fit"], "schema": 1}')
    Path("a folder/results.json").mkdir()
    for name in (
        "deep.json",
        "bytes.json",
        "digits.json",
        "list.json",
        "a folder",
        "",
        ".",
    ):
        assert refused("report", name)
    assert refused("report", "list.json", "--out", "no/x.html")
    assert refused("report", "list.json", "--out", "a folder")
