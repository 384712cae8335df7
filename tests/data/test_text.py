"""Lines of text: padding on the right with its mask, whatever the tokenizer does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.data.examples import load_examples

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")


def tokenizer(place: Path, **settings: Any) -> Path:
    words = ["[UNK]", "[PAD]", "[END]"] + [f"w{i}" for i in range(20)]
    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]")
    plain = tokenizers.Tokenizer(model)
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="[UNK]", **settings
    )
    fast.save_pretrained(place / "tokenizer")
    return place / "tokenizer"


def read(place: Path, contents: bytes, **settings: Any) -> Any:
    (place / "lines.txt").write_bytes(contents)
    return load_examples(f"text:{place / 'lines.txt'}@{tokenizer(place, **settings)}")


LINES = b"w0 w1 w2\n\nw3 w4 w5 w6 w7\n"


@pytest.mark.parametrize(
    "settings",
    [
        {"pad_token": "[PAD]", "padding_side": "right"},
        {"pad_token": "[PAD]", "padding_side": "left"},
        {"eos_token": "[END]"},
        {},
    ],
    ids=["right", "left", "no padding token", "none at all"],
)
def test_tokens_stand_on_the_left(tmp_path: Path, settings: dict[str, str]) -> None:
    found = read(tmp_path, LINES, **settings)
    mask = found.inputs["attention_mask"]
    assert mask.tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    ids = found.inputs["input_ids"]
    assert ids[0, :3].tolist() == [3, 4, 5] and ids[1].tolist() == [6, 7, 8, 9, 10]
    assert found.read == "2 lines, 1 empty ones left out"


def test_lines_that_are_cut_are_said(tmp_path: Path) -> None:
    found = read(tmp_path, LINES, model_max_length=4)
    assert found.inputs["input_ids"].shape == (2, 4)
    assert found.read.endswith("1 lines were cut at 4 tokens")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "holds no lines"),
        (b"\n  \n", "holds no lines"),
        ("w1 café\n".encode("latin-1"), "no text in UTF-8"),
        (b"\xff\xfew\x001\x00", "no text in UTF-8"),
    ],
)
def test_files_that_hold_no_lines(tmp_path: Path, contents: bytes, message: str) -> None:
    with pytest.raises(ManifoldScaleError, match=message):
        read(tmp_path, contents)


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".TSV"])
def test_records_are_no_lines_of_text(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_text('{"text": "w1 w2"}\n')
    with pytest.raises(ManifoldScaleError, match=r"holds records.*one a line.*py:module"):
        load_examples(f"text:{path}@{tokenizer(tmp_path)}")


@pytest.mark.parametrize("contents", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_tokenizer_is_one_clear_error(tmp_path: Path, contents: bytes) -> None:
    folder = tokenizer(tmp_path)
    (tmp_path / "lines.txt").write_bytes(LINES)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes(contents)
    with pytest.raises(ManifoldScaleError, match="holds no tokenizer"):
        load_examples(f"text:{tmp_path / 'lines.txt'}@{folder}")


def test_numbers_come_as_whole_numbers(tmp_path: Path) -> None:
    found = read(tmp_path, LINES)
    assert all(np.issubdtype(v.dtype, np.integer) for v in found.inputs.values())
