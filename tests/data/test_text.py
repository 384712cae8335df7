"""Lines of text: padding on the right with its mask, whatever the tokenizer does."""

import json
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


def test_separators_of_unicode_end_no_line(tmp_path: Path) -> None:
    """Texts of the web hold them inside of sentences."""
    text = "w0 w1\u2028w2\nw3\x85w4 w5\x0cw6 w7\r\nw8"
    found = read(tmp_path, text.encode())
    assert found.read == "3 lines"
    assert found.inputs["attention_mask"].sum(1).tolist() == [3, 5, 1]


def test_lines_that_are_cut_are_said(tmp_path: Path) -> None:
    found = read(tmp_path, LINES, model_max_length=4)
    assert found.inputs["input_ids"].shape == (2, 4)
    assert found.read.endswith("1 lines were cut at 4 tokens")


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"n_positions": 3, "model_type": "gpt2"}, 3),
        ({"max_position_embeddings": 6, "model_type": "xlm-roberta", "pad_token_id": 1}, 4),
        ({"max_position_embeddings": -1}, 5),
    ],
)
def test_lines_longer_than_the_network_are_cut(
    tmp_path: Path, config: dict[str, Any], length: int
) -> None:
    folder = tokenizer(tmp_path)
    (folder / "config.json").write_text(json.dumps(config))
    (tmp_path / "lines.txt").write_bytes(LINES)
    found = load_examples(f"text:{tmp_path / 'lines.txt'}@{folder}")
    assert found.inputs["input_ids"].shape == (2, length)
    assert (f"1 lines were cut at {length} tokens" in found.read) == (length < 5)


def test_a_token_that_is_added_once_more_is_told(tmp_path: Path) -> None:
    """Lines that a chat template wrote begin with the token that the tokenizer adds."""
    folder = tokenizer(tmp_path, eos_token="[END]", bos_token="[UNK]")
    encode = transformers.AutoTokenizer.from_pretrained(folder)
    encode.backend_tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[END] $A", special_tokens=[("[END]", 2)]
    )
    encode.save_pretrained(folder)
    said = []
    for lines in ("w0 w1\n[END] w2\n", "w0 w1\nw2 [END]\n"):
        (tmp_path / "lines.txt").write_text(lines)
        said.append(load_examples(f"text:{tmp_path / 'lines.txt'}@{folder}").read)
    assert "warning: the tokenizer adds '[END]' to lines that have it already" in said[0]
    assert said[1] == "2 lines"


def test_unknown_tokens_are_counted(tmp_path: Path) -> None:
    known = " ".join(f"w{i}" for i in range(19))
    few = read(tmp_path, f"{known} cat\n".encode())
    assert few.read == "1 lines; 5 % of the tokens are unknown to the tokenizer"
    many = read(tmp_path, b"w1 w2 dog\nw3 w1 w1 cat cat\n")
    assert "; warning: 37.5 % of the tokens are unknown" in many.read


def test_the_mark_of_utf_8_is_no_token(tmp_path: Path) -> None:
    plain, marked = read(tmp_path, LINES), read(tmp_path, b"\xef\xbb\xbf" + LINES)
    assert marked.read == plain.read
    np.testing.assert_array_equal(marked.inputs["input_ids"], plain.inputs["input_ids"])
    (tmp_path / "words.txt").write_bytes(b"\xef\xbb\xbfw1\nw4\n")
    (tmp_path / "lines.txt").write_bytes(LINES)
    path = str(tmp_path / "words.txt")
    folder = tmp_path / "tokenizer"
    found = load_examples(f"text:{tmp_path / 'lines.txt'}@{folder}", words=[path])
    assert found.inputs[f"word:{path}"].tolist() == [[0, 1, 0, 0, 0], [0, 1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "holds no lines"),
        (b"\n  \n", "holds no lines"),
        ("w1 café\n".encode("latin-1"), "not text in UTF-8"),
        (b"\xff\xfew\x001\x00", "not text in UTF-8"),
    ],
)
def test_files_that_hold_no_lines(tmp_path: Path, contents: bytes, message: str) -> None:
    with pytest.raises(ManifoldScaleError, match=message):
        read(tmp_path, contents)


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".TSV"])
def test_records_are_no_lines_of_text(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_text('{"text": "w1 w2"}\n')
    with pytest.raises(ManifoldScaleError, match=r"holds records.*one per line.*py:module"):
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
