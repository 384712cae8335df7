"""A language model from the command line: words, controls, the profile of its layers."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.networks.lens import lens_of
from manifoldscale.runs.result import load

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

NET = """
import torch
import transformers

SIZES = dict(vocab_size=60, n_positions=32, n_embd=16, n_layer=3, n_head=2)

def make():
    torch.manual_seed(0)
    config = transformers.GPT2Config(**SIZES, bos_token_id=1, eos_token_id=2)
    return transformers.GPT2LMHeadModel(config).eval()

def masked():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
    )
    return transformers.BertForMaskedLM(config).eval()
"""
N = 120


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer that adds [CLS] and [SEP], a text, and a word of each of its lines."""
    place = tmp_path_factory.mktemp("language")
    words = ["[UNK]", "[CLS]", "[SEP]", "##s", *(f"w{i}" for i in range(50))]
    model = tokenizers.models.WordPiece(
        {w: i for i, w in enumerate(words)}, unk_token="[UNK]"
    )
    plain = tokenizers.Tokenizer(model)
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    plain.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(place / "tokenizer")
    rng = np.random.default_rng(0)
    lines = [
        [f"w{i}" for i in rng.permutation(50)[: rng.integers(3, 12)]] for _ in range(N)
    ]
    nouns = [f"{line[rng.integers(len(line))]}s" for line in lines]
    text = [
        " ".join(noun if f"{word}s" == noun else word for word in line)
        for line, noun in zip(lines, nouns, strict=True)
    ]
    (place / "text.txt").write_text("\n".join(text))
    (place / "nouns.txt").write_text("\n".join(nouns))
    (place / "language_net.py").write_text(NET)
    return place


@pytest.fixture
def inside(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(here)
    sys.modules.pop("language_net", None)
    return here


COMMAND = ["probe", "py:language_net:make", "text:text.txt@tokenizer", "--no-curvature"]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*COMMAND, *arguments])


def checked(result: Any) -> None:
    names = [
        f"{network}, {points}"
        for network in ("network", "shuffled words")
        for points in ("last", "word:nouns.txt")
    ]
    assert [one.name for one in result.networks] == names
    assert [one.points for one in result.in_question] == ["last", "word:nouns.txt"]
    assert [one.name for one in result.differences()] == [
        f"network less {names[2]}",
        f"network less {names[3]}",
    ]
    pairs = {(row["network"], row["beside"]) for row in result.beside}
    assert pairs == {(names[0], names[2]), (names[1], names[3])}
    assert "words in random order" in result.about["networks"][names[2]]
    for one in result.networks:
        known = [[m.name for m in site.measurements] for site in one.sites]
        assert all("entropy" in of for of in known)
        assert ["imbalance_to_previous" in of for of in known] == [False, True, True]


ASKED = ["--policy", "last,word:nouns.txt", "--sites", "@blocks", "--profile"]
ASKED += ["--shuffle", "words"]


def test_points_controls_and_profile_in_one_run(inside: Path) -> None:
    result = ms.probe(
        *COMMAND[1:3],
        points=["last", "word:nouns.txt"],
        sites="@blocks",
        shuffle=("words",),
        profile=True,
        curvature=False,
    )
    checked(result)
    drawn = result.figures()
    for points in ("last", "word_nouns_txt"):
        for quantity in ("dimension", "entropy", "imbalance_from_previous"):
            assert f"{points}_{quantity}" in drawn
            assert f"{points}_difference_{quantity}" in drawn


@pytest.mark.slow
def test_a_run_that_is_kept(inside: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    found = call(*ASKED, "--out", str(out))
    assert found.exit_code == 0, found.output
    assert "Entropy, in nats" in found.output and "shuffled words" in found.output
    checked(load(out))
    page = (out / "report.html").read_text()
    assert "Along the layers" in page and (out / "figures" / "last_entropy.png").is_file()
    first = json.loads((out / "results.json").read_text())
    assert call(*ASKED, "--out", str(out)).exit_code == 0  # it reads what is there
    assert json.loads((out / "results.json").read_text()) == first


def test_the_last_word_and_the_marked_one(inside: Path) -> None:
    spec = "text:text.txt@tokenizer"
    data = ms.data.load_examples(spec, words=["nouns.txt"])
    ids, mask = data.inputs["input_ids"], data.inputs["attention_mask"]
    special, noun = data.inputs["special_tokens_mask"], data.inputs["word:nouns.txt"]
    ends = mask.sum(axis=1) - 1
    rows = np.arange(N)
    assert (ids[rows, ends] == 2).all() and (special.sum(axis=1) == 2).all()
    # Each noun is a word of the text and its ending.
    lines = Path("text.txt").read_text().splitlines()
    for row, word in enumerate(Path("nouns.txt").read_text().splitlines()):
        place = lines[row].split().index(word) + 1
        assert np.flatnonzero(noun[row]).tolist() == [place, place + 1]
        assert ids[row, place + 1] == 3


def test_shuffled_words_are_the_same_words(inside: Path) -> None:
    spec = "text:text.txt@tokenizer"
    plain = ms.data.load_examples(spec).inputs["input_ids"]
    words = ms.data.load_examples(spec, shuffle="words", seed=3)
    mixed = ms.data.load_examples(spec, shuffle="sentences", seed=3)
    again = ms.data.load_examples(spec, shuffle="words", seed=3)
    one = words.inputs["input_ids"]
    np.testing.assert_array_equal(one, again.inputs["input_ids"])
    np.testing.assert_array_equal(np.sort(one), np.sort(plain))
    assert (one != plain).mean() > 0.2
    counts = [
        np.bincount(x.ravel(), minlength=60) for x in (plain, mixed.inputs["input_ids"])
    ]
    np.testing.assert_array_equal(counts[0][1:], counts[1][1:])
    assert "seed 3" in words.read and "exchanged" in mixed.read
    # A marked word is found where it has gone.
    marked = ms.data.load_examples(spec, words=["nouns.txt"], shuffle="words").inputs
    plain_marked = ms.data.load_examples(spec, words=["nouns.txt"]).inputs
    for row in range(N):
        mine, other = (
            x["input_ids"][row][x["word:nouns.txt"][row] == 1]
            for x in (marked, plain_marked)
        )
        np.testing.assert_array_equal(mine, other)
    # Where only numbers are known, special tokens and padding stay.
    data = ms.data.load_examples(spec)
    control = data.shuffled("words", 1)
    fixed = (data.inputs["attention_mask"] == 0) | (data.inputs["special_tokens_mask"] == 1)
    np.testing.assert_array_equal(control.inputs["input_ids"][fixed], plain[fixed])
    np.testing.assert_array_equal(np.sort(control.inputs["input_ids"]), np.sort(plain))


def test_the_lens_is_the_network_at_its_last_block(inside: Path) -> None:
    import language_net

    net = language_net.make()
    inputs = ms.data.load_examples("text:text.txt@tokenizer").inputs
    lens = lens_of(net, inputs)
    assert lens.names == ("transformer.ln_f", "lm_head") and not lens.sees_ahead
    assert lens.sites == tuple(f"transformer.h.{i}" for i in range(3))
    found = ms.extract(net, inputs, lens.sites[-1], points=lens, batch_size=7)
    given = {k: torch.as_tensor(inputs[k]) for k in ("input_ids", "attention_mask")}
    with torch.no_grad():
        logs = net(**given).logits.log_softmax(dim=-1)
    entropy = -(logs.exp() * logs).sum(dim=-1).numpy()
    words = (inputs["attention_mask"] == 1) & (inputs["special_tokens_mask"] == 0)
    expected = [row[keep].mean() for row, keep in zip(entropy, words, strict=True)]
    np.testing.assert_allclose(found.arrays[lens.sites[-1]][:, 0], expected, rtol=1e-4)
    # A head that knows nothing predicts every token alike.
    with torch.no_grad():
        net.lm_head.weight.zero_()
    flat = ms.extract(net, inputs, lens.sites[0], points=lens_of(net, inputs))
    np.testing.assert_allclose(flat.arrays[lens.sites[0]], math.log(60), rtol=1e-5)


def test_a_network_of_masked_tokens_sees_what_it_predicts(inside: Path) -> None:
    import language_net

    inputs = ms.data.load_examples("text:text.txt@tokenizer").inputs
    lens = lens_of(language_net.masked(), inputs)
    assert lens.sees_ahead and lens.names == ("cls",)
    assert "no prediction of a next token" in lens.caveats[0]
    with pytest.raises(ManifoldScaleError, match="no head that predicts tokens"):
        lens_of(language_net.masked().bert, inputs)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("w1\n", "has 1 lines, the text 120"),
        ("zz\n" * N, r"line 1 of the text, .* 'zz' is no word"),
        ("\n" * (N - 1) + " \n", "line 1 of the text.*no word is named"),
        ("3..400\n" * N, r"no characters 3\.\.400: it has"),
        ("9..9\n" * N, "no characters"),
    ],
)
def test_words_that_are_not_there(inside: Path, words: str, message: str) -> None:
    Path("bad.txt").write_text(words)
    found = call("--policy", "word:bad.txt")
    assert found.exit_code == 1
    with pytest.raises(ManifoldScaleError, match=message):
        ms.data.load_examples("text:text.txt@tokenizer", words=["bad.txt"])


def test_words_by_number_and_by_characters(inside: Path) -> None:
    Path("two.txt").write_text("w1 w2 w1 w3\nw4 w5\n\nw6 w1\n")
    Path("which.txt").write_text("w1#2\n3..5\nignored\nw6\n")
    data = ms.data.load_examples("text:two.txt@tokenizer", words=["which.txt"]).inputs
    places = [np.flatnonzero(row).tolist() for row in data["word:which.txt"]]
    assert places == [[3], [2], [1]]
    Path("which.txt").write_text("w1\nw4\nw6\n")
    with pytest.raises(ManifoldScaleError, match=r"'w1' is there 2 times: write w1#1"):
        ms.data.load_examples("text:two.txt@tokenizer", words=["which.txt"])


def test_what_cannot_be_shuffled_is_said(inside: Path) -> None:
    found = call("--policy", "word:nouns.txt", "--shuffle", "sentences")
    assert found.exit_code == 1 and "in no sentence any more" in found.stderr
    with pytest.raises(ManifoldScaleError, match="needs tokens: a text"):
        ms.probe(torch.nn.Linear(3, 3), np.zeros((9, 3)), shuffle=("words",))
