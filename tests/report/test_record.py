"""Results are read from files; what cannot be read is said, and loses nothing else."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.core.interval import number
from manifoldscale.report.page import library
from manifoldscale.runs.record import (
    RecordError,
    kinds,
    read_record,
    read_records,
    save_pages,
)

RESULTS = ("study", "probe", "fit", "compare", "estimate", "plan.json")


def report(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


@pytest.mark.slow
def test_every_kind_is_read_from_its_folder_or_file(runs: Path) -> None:
    found = [read_record(runs / name) for name in RESULTS]
    assert {record.kind for record in found} == set(kinds())
    assert [record.name for record in found] == [
        *("study", "probe", "fit", "compare", "estimate", "plan")
    ]
    assert read_record(runs / "study/results.json").name == "study"


def test_a_page_is_made_again_from_the_saved_numbers(runs: Path, tmp_path: Path) -> None:
    """To the last byte, but for the random names that Plotly gives nothing here."""
    for name in ("study", "probe", "fit", "compare", "estimate"):
        save_pages([read_record(runs / name)], tmp_path / "again.html")
        assert (tmp_path / "again.html").read_text() == (
            runs / name / "report.html"
        ).read_text()


def test_a_page_is_small(runs: Path) -> None:
    """With the library that draws it; it is the one that the pinned Plotly ships."""
    for name in ("study", "probe", "fit", "compare", "estimate"):
        assert (runs / name / "report.html").stat().st_size < 2_000_000
    bundled = re.search(r"v(\d+)\.\d+\.\d+", library()[:200])
    assert bundled is not None and "Licensed under the MIT license" in library()[:400]


def test_one_page_of_several_asks_no_network(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.html"
    found = report(*(runs / name for name in RESULTS), "--out", out)
    assert found.exit_code == 0 and "6 of 6 results" in found.stdout
    page = re.sub(r"<script.*?</script>", "", out.read_text(), flags=re.S)
    assert not re.findall(r"""(?:src|href)=["']?(?!#)[a-z/]""", page)
    assert page.count("<section") == 6 and "Provenance" in page
    for name in RESULTS[:2]:
        sites = read_record(runs / name).content.get("sites") or next(
            iter(read_record(runs / name).content["networks"].values())
        )
        for site in sites:
            assert number(site["readings"][0]["value"]) in page
    law = json.loads((runs / "fit/results.json").read_text())["fits"][0]["fit"]
    assert number(law["alpha"]) in page


@pytest.fixture
def damaged(tmp_path: Path, runs: Path) -> dict[str, Path]:
    """Files that cannot be shown, each for a reason of its own."""
    study = json.loads((runs / "study/results.json").read_text())

    def write(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(text)
        return path

    cut = (runs / "study/results.json").read_text()[:5000]
    less = {key: value for key, value in study.items() if key != "comparisons"}
    wrong = json.loads(json.dumps(study))
    del wrong["sites"][0]["readings"][0]["interval"]
    (tmp_path / "empty").mkdir()
    return {
        "is damaged or no JSON": write("cut", cut),
        "its `kind` is None": write("other", '{"rows": []}'),
        "its `kind` is 'video'": write("video", '{"kind": "video", "schema": 1}'),
        "has schema 99": write("newer", json.dumps({**study, "schema": 99})),
        "KeyError('comparisons')": write("less", json.dumps(less)),
        "KeyError('interval')": write("wrong", json.dumps(wrong)),
        "There is no file": tmp_path / "nothing.json",
        "holds no results.json": tmp_path / "empty",
        "its `kind` is None ": write("list", "[1, 2]"),
    }


def test_what_is_damaged_is_named_and_the_rest_is_shown(
    runs: Path, damaged: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    found = report(runs / "fit", *damaged.values(), "--out", out)
    assert found.exit_code == 1 and "Traceback" not in found.output
    lines = found.stderr.splitlines()
    for reason, path in damaged.items():
        assert any(reason.strip() in line and path.stem in line for line in lines), reason
    assert f"1 of {1 + len(damaged)} results" in found.stdout
    assert "Fit of one.csv" in out.read_text()


def test_nothing_to_show_writes_nothing(damaged: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    found = report(*damaged.values(), "--out", out)
    assert found.exit_code == 1 and not out.exists()
    assert report().exit_code == 2
    assert report(tmp_path, "--out", tmp_path / "no/page.html").exit_code == 2


def test_errors_are_typed(damaged: dict[str, Path]) -> None:
    records, problems = read_records(damaged.values())
    assert all(isinstance(problem, RecordError) for problem in problems)
    assert len(records) + len(problems) == len(damaged) and len(records) == 2
    with pytest.raises(RecordError, match="results are damaged"):
        save_pages(records, damaged["has schema 99"].with_suffix(".html"))
    assert issubclass(RecordError, ms.ManifoldScaleError)


def test_text_of_a_result_cannot_run_on_the_page(runs: Path, tmp_path: Path) -> None:
    """Names come from data: they are text, in tables, in attributes and in figures."""
    shutil.copytree(runs / "probe", tmp_path / "probe")
    path = tmp_path / "probe/results.json"
    evil = "</script><img src=x onerror=alert(1)>\"'"
    content = json.loads(path.read_text())
    content["about"]["model"] = evil
    for sites in content["networks"].values():
        sites[0]["site"] = evil
    path.write_text(json.dumps(content))
    out = tmp_path / "page.html"
    assert report(tmp_path / "probe", "--out", out).exit_code == 0
    assert "<img src=x" not in out.read_text() and "</script><img" not in out.read_text()
