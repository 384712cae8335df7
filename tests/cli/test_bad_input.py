"""Whatever a user hands to `fit`, `predict` and `theory` ends in one line, never in a
traceback.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from manifoldscale.cli.main import main

SIZES = [100 * 2**i for i in range(6)]
HEADER = "n_train,loss\n"


def table(loss: object, size: object = lambda d: d) -> str:
    """A file whose cells are functions of the size, or constant."""

    def cell(value: object, d: int) -> object:
        return value(d) if callable(value) else value

    return HEADER + "".join(f"{cell(size, d)},{cell(loss, d)}\n" for d in SIZES)


TEXTS = {
    "empty.csv": "",
    "blank.csv": "\n\n  \n",
    "header.csv": HEADER,
    "ragged.csv": HEADER + "1,2,3\n1\n",
    "nan.csv": table("nan", "nan"),
    "no_loss.csv": table("nan"),
    "infinite.csv": table("inf"),
    "infinite_size.csv": table(0.5, "inf"),
    "huge_size.csv": table(lambda d: 1 / d, lambda d: f"{d}e300"),
    "huge.csv": table(lambda d: f"{1 / d}e300"),
    "tiny.csv": table(lambda d: f"{1 / d}e-300"),
    "negative_size.csv": table(0.5, lambda d: -d),
    "negative.csv": table(-1),
    "zero.csv": table(0),
    "zero_size.csv": table(0.5, 0),
    "constant.csv": table(0.5),
    "rising.csv": table(lambda d: d),
    "one.csv": HEADER + "100,0.5\n",
    "one_size.csv": HEADER + "100,0.5\n100,0.4\n100,0.3\n",
    "text.csv": HEADER + "many,low\n",
    "truth.csv": HEADER + "True,False\n",
    "date.csv": HEADER + "2020-01-01,2\n",
    "quote.csv": HEADER + '"1,2\n3,4\n',
    "nul.csv": HEADER + "1,\x002\n",
    "long_number.csv": HEADER + "9" * 400 + ",1\n",
    "long_cell.csv": "n_train,loss,note\n1,2," + "x" * 200_000 + "\n",
    "wide.csv": ",".join(f"c{i}" for i in range(3000)) + "\n" + "1," * 2999 + "1\n",
    "twice.csv": "loss,loss,n_train\n1,2,3\n",
    "no_header.csv": "100,0.5\n200,0.3\n",
    "no_size.csv": "loss\n1\n2\n",
    "markup.csv": "n_train,loss,[/bold],[red]x\n"
    + "".join(f"{d},{d**-0.5},{i % 2},{i % 3}\n" for i, d in enumerate(SIZES)),
    "broken.json": "{",
    "list.json": "[1, 2]",
    "null.json": "null",
    "number.json": "3",
    "string.json": '"a"',
    "no_rows.json": "[]",
    "no_columns.json": "{}",
    "deep.json": "[" * 100_000,
    "nested.json": json.dumps([{"a": [{"b": 1}], "loss": [1, 2], "n_train": {"x": 1}}]),
    "broken.jsonl": "{}\n{\n",
    "nan.jsonl": '{"n_train": 100, "loss": NaN}\n{"n_train": 200, "loss": Infinity}\n',
    "table.xlsx": "a",
    "no_ending": HEADER,
    "text.parquet": HEADER,
    "text.csv.gz": HEADER + "1,2\n",
    "plan.toml": "a = 1",
    "pairs_one.csv": "dimension,alpha\n1,1\n",
    "pairs_zero.csv": "dimension,alpha\n0,1\n1,1\n1,2\n",
    "pairs_text.csv": "dimension,alpha\nlow,1\n1,1\n1,2\n",
    "pairs_far.csv": "dimension,alpha\n1e90,1e-90\n2e90,1\n3e-90,4\n",
    "pairs_error.csv": "dimension,alpha,alpha_err\n1,1,-1\n1,1,1\n1,2,1\n",
    "pairs_open.csv": "dimension,alpha,alpha_low,alpha_high\n1,1,0,3\n1,1,1,1\n2,1,1,inf\n",
    "pairs_out.csv": "dimension,alpha,alpha_low,alpha_high\n1,1,2,3\n1,1,1,1\n2,1,1,3\n",
    "pairs_level.csv": "dimension,alpha,alpha_low,alpha_high,level\n"
    + "".join(f"{d},1,.5,2,95\n" for d in (1, 2, 3)),
    "pairs_whose.csv": "dimension,alpha,stderr\n1,1,1\n2,1,1\n3,1,1\n",
    "pairs_groups.csv": "dimension,alpha,group\n1,1,a\n2,1,b\n3,1,c\n",
}
BYTES = {
    "binary.csv": bytes(range(256)) * 20,
    "latin.csv": "n_train,loss,größe\n100,0.5,é\n".encode("latin-1"),
    "odd.csv": b"\xff\xfea",
    "damaged.parquet": b"PAR1xxxx",
    "damaged.csv.gz": b"\x1f\x8bxxxx",
    "cut.csv.gz": gzip.compress(HEADER.encode() * 9)[:-6],
}
OTHERS = ["folder", "folder.csv", "missing.csv", "", "-", "a" * 300 + ".csv", "/dev/null"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("bad")
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, content in BYTES.items():
        (folder / name).write_bytes(content)
    for name in OTHERS[:2]:
        (folder / name).mkdir()
    (folder / "good.csv").write_text(table(lambda d: d**-0.5))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "80")
        yield folder


def ends_in_one_line(*arguments: str) -> Result:
    found = CliRunner().invoke(main, list(arguments))
    raw = found.exception is not None and not isinstance(found.exception, SystemExit)
    assert not raw and "Traceback" not in found.output, found.exception
    assert found.exit_code in (0, 1, 2)
    if found.exit_code == 1:
        (line,) = found.stderr.strip().splitlines()
        assert line.startswith("Error: ")
    return found


@pytest.mark.parametrize("name", [*TEXTS, *BYTES, *OTHERS])
@pytest.mark.parametrize(
    "command",
    [
        ["fit"],
        ["predict", "--table"],
        ["theory", "learning-curve", "--json", "--points", "50", "--sizes", "5"],
    ],
    ids=lambda words: words[0],
)
def test_files(command: list[str], name: str, place: Path) -> None:
    found = ends_in_one_line(*command, name)
    if (
        name in BYTES
        or name in OTHERS
        or name.startswith(("no_", "empty", "text", "twice"))
    ):
        assert found.exit_code in (1, 2)


def test_names_of_columns_are_no_markup(place: Path) -> None:
    found = ends_in_one_line("fit", "markup.csv", "--out", "marked")
    assert "not read: [/bold], [red]x" in " ".join(found.stdout.split())


FIT = """--axis width|--axis parameters|--floor nan|--floor inf|--floor -1|--floor=|
--reference inf,nan,1|--reference inf,inf,inf|--reference nan,1,1|--reference inf,0,0|
--reference 1,1,1|--reference inf,1,inf|--reference inf,1e-300,1e-300|
--reference inf,1e300,1e-300|--reference=|--reference inf,-1,1|--row first|--row best|
--size-column x|--size-column data=x|--size-column=|--size-column data=|--size-column loss|
--size-column n_train --size-column n_train|--size-column parameters=n_train|
--size-column n_train --axis width|--loss-column n_train|--loss-column x|--loss-column=|
--out good.csv|--out /proc/x|--out good.csv/x"""
PREDICT = """--dimension nan|--dimension inf|--dimension 0|--dimension 1e-320|
--dimension 1e308|--dimension 3 --stderr inf|--dimension 3 --stderr nan|
--dimension 3 --label-noise nan|--dimension 3 --loss abs^nan|--dimension 3 --loss abs^inf|
--dimension 3 --loss abs^1e308|--dimension 3 --loss x|--dimension 3 --loss abs^|
--dimension 3 --law 2s/d --smoothness nan|--dimension 3 --law 2s/d --smoothness inf|
--dimension 3 --law 4/d --loss abs^3|--table pairs_open.csv --figure x.xyz|
--table pairs_groups.csv --figure /proc/x.png|--table pairs_groups.csv --figure no/x.png|
--table pairs_groups.csv --figure x.xyz|--table good.csv --figure folder"""


def lines(text: str) -> list[list[str]]:
    return [words.split() for words in text.replace("\n", "").split("|")]


@pytest.mark.parametrize("words", lines(FIT), ids=" ".join)
def test_settings_of_fit(words: list[str], place: Path) -> None:
    ends_in_one_line("fit", "good.csv", *words)


@pytest.mark.parametrize("words", lines(PREDICT), ids=" ".join)
def test_settings_of_predict(words: list[str], place: Path) -> None:
    ends_in_one_line("predict", *words)


EXTREME = ["0", "-1", "nan", "inf", "1e308", "1e-320", "x", ""]
NETWORK = ["--depth", "--weight-variance", "--bias-variance"]
THEORY = {
    "learning-curve": ["--alpha", "--target-decay", "--ridge", "--noise", "--sizes"],
    "nngp": NETWORK,
    "ntk": NETWORK,
    "spectrum": ["--degrees", "--nu", "--dim", *NETWORK],
    "random-features": ["--alpha", "--features", "--samples", "--ridge", "--noise"],
    "dynamics": ["--steps", "--width", "--train", "--test", "--networks"],
    "phase": ["--count", "--weight-variance", "--bias-variance"],
}


@pytest.mark.parametrize(
    ("command", "option"),
    [(c, option) for c, options in THEORY.items() for option in options],
)
def test_settings_of_theory(command: str, option: str, place: Path) -> None:
    for value in EXTREME:
        ends_in_one_line("theory", command, option, value, "--json")


SPANS = """1,2,x|1..|0..10/3|10..1/3|1..10/1|1..1/5|inf,1|-5|,|1.5,2.5|1e-300|
1..999999999999999999999999/3|1..10/99999999|"""


@pytest.mark.parametrize("span", SPANS.replace("\n", "").split("|"))
def test_sizes_of_theory(span: str, place: Path) -> None:
    for command, option in (
        ("learning-curve", "--sizes"),
        ("random-features", "--features"),
        ("random-features", "--samples"),
        ("dynamics", "--steps"),
    ):
        ends_in_one_line("theory", command, option, span, "--json")
    on_data = ("theory", "learning-curve", "digits", "--points", "60", "--json")
    ends_in_one_line(*on_data, "--sizes", span)


@pytest.mark.parametrize("kernel", ["nngp", "ntk", "laplace", "matern", "gaussian"])
def test_kernels_on_data(kernel: str, place: Path) -> None:
    for value in ("0", "1e-9", "nan", "1e300"):
        options = ("--nu", value, "--ridge", value, "--noise", value, "--json")
        ends_in_one_line(
            "theory", "learning-curve", "digits", "--points", "60", "--sizes", "5,10",
            "--kernel", kernel, *options,
        )  # fmt: skip
