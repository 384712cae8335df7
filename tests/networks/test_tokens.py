"""Tokens as points: which are words, which is the last, in one pass, in any batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.networks.policies import points_from

CLS, SEP = 1, 2
POLICIES = (
    *("last", "last+special", "cls", "mean", "mean-special", "token:0", "token:-2"),
    *("token:0..2", "word:noun", "word:noun:last"),
)


class Reader(nn.Module):
    """Attention over the tokens of a mask; each token knows its position."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.place = nn.Embedding(50, width), nn.Embedding(40, width)
        self.block = nn.Linear(width, width)
        self.passes: list[tuple[int, ...]] = []

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> torch.Tensor:
        self.passes.append(tuple(input_ids.shape))
        n = torch.arange(input_ids.shape[1])
        x = self.embed(input_ids) + self.place(n)
        scores = x @ x.transpose(1, 2)
        scores = scores.masked_fill(attention_mask[:, None] == 0, -torch.inf)
        return self.block(x + scores.softmax(dim=-1) @ x)


def texts(n: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """[CLS] words [SEP], padded on the right; one or two tokens of each are a noun."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 15, n)
    columns = ("input_ids", "attention_mask", "special_tokens_mask", "word:noun")
    data = {name: np.zeros((n, lengths.max() + 2), np.int64) for name in columns}
    for row, length in enumerate(lengths):
        data["input_ids"][row, : length + 2] = [CLS, *rng.integers(3, 50, length), SEP]
        data["attention_mask"][row, : length + 2] = 1
        data["special_tokens_mask"][row, [0, length + 1]] = 1
        noun = rng.integers(1, length)
        data["word:noun"][row, noun : noun + 2] = 1
    return data


def expected(model: nn.Module, data: dict[str, np.ndarray], policy: str) -> np.ndarray:
    """By hand, a text at a time and without padding."""
    rows = []
    for row, length in enumerate(data["attention_mask"].sum(axis=1)):
        one = {k: torch.as_tensor(v[row : row + 1, :length]) for k, v in data.items()}
        with torch.no_grad():
            all_tokens = model(one["input_ids"], one["attention_mask"])[0].numpy()
        words, noun = all_tokens[1:-1], all_tokens[one["word:noun"][0].numpy() == 1]
        rows.append(
            {
                "last": words[-1],
                "last+special": all_tokens[-1],
                "cls": all_tokens[0],
                "mean": all_tokens.mean(axis=0),
                "mean-special": words.mean(axis=0),
                "token:0": words[0],
                "token:-2": words[-2],
                "token:0..2": words[:2].mean(axis=0),
                "word:noun": noun.mean(axis=0),
                "word:noun:last": noun[-1],
            }[policy]
        )
    return np.array(rows)


@pytest.mark.parametrize("policy", POLICIES)
def test_each_policy_against_texts_one_by_one(policy: str) -> None:
    model, data = Reader(), texts()
    found = ms.extract(model, data, "block", points=policy, batch_size=8)
    np.testing.assert_allclose(
        found.arrays["block"], expected(model, data, policy), atol=1e-5
    )
    assert str(found.policies["block"]) == policy == str(points_from(policy))


def test_tokens_are_words_and_special_ones_are_asked_for() -> None:
    model, data = Reader(), texts()
    counts = data["attention_mask"].sum(axis=1)
    words = ms.extract(model, data, "block", points="tokens")["block"]
    np.testing.assert_array_equal(np.bincount(words.groups), counts - 2)
    every = ms.extract(model, data, "block", points="tokens+special")["block"]
    np.testing.assert_array_equal(np.bincount(every.groups), counts)
    few = ms.extract(model, data, "embed", points="tokens:2")["embed"].points
    special = model.embed(torch.tensor([CLS, SEP])).detach().numpy()
    assert not (few[:, None] == special).all(axis=2).any()


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 50), seed=st.integers(0, 99))
def test_batches_of_similar_length_give_the_same_numbers(size: int, seed: int) -> None:
    data = texts(seed=seed)
    model = Reader()
    policies = ["mean", "last", "tokens:2"]
    found = ms.extract(model, data, "block", points=policies, batch_size=size)
    # An iterable of the same examples is read in its order, with all of its padding.
    plain = [{k: v[i : i + 7] for k, v in data.items()} for i in range(0, 40, 7)]
    for name in policies:
        one, other = found[name], ms.extract(model, plain, "block", points=name)
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_allclose(
            one.arrays["block"], other.arrays["block"], rtol=0, atol=2e-6
        )


def test_padding_is_not_computed() -> None:
    model, data = Reader(), texts(200)
    ms.extract(model, data, "block", batch_size=20)
    tokens = [n * length for n, length in model.passes if n == 20]
    assert sum(tokens[-10:]) < 1.15 * data["attention_mask"].sum()
    assert sum(tokens[-10:]) < 0.75 * data["attention_mask"].size


def test_a_network_that_reads_its_padding_is_given_all_of_it() -> None:
    class Sums(Reader):
        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor
        ) -> torch.Tensor:
            x = self.embed(input_ids)
            return self.block(x + x.sum(dim=1, keepdim=True))

    model, data = Sums(), texts()
    one = ms.extract(model, data, "block", points="last", batch_size=4)
    with torch.no_grad():
        whole = model(torch.as_tensor(data["input_ids"]), None).numpy()
    last = data["attention_mask"].sum(axis=1) - 2
    np.testing.assert_allclose(
        one.arrays["block"], whole[np.arange(40), last], rtol=1e-5, atol=1e-5
    )


def test_several_policies_are_one_pass(tmp_path: Path) -> None:
    model, data = Reader(), texts()
    names = ["last", "mean", "tokens:2", "word:noun"]
    together = ms.extract(model, data, ["embed", "block"], points=names)
    passes = len(model.passes)
    stored = ms.extract(model, data, ["embed", "block"], points=names, store=tmp_path / "s")
    assert list(together) == list(stored) == names
    for name in names:
        alone = ms.extract(model, data, ["embed", "block"], points=name)
        for site in ("embed", "block"):
            np.testing.assert_array_equal(together[name].arrays[site], alone.arrays[site])
            np.testing.assert_allclose(
                stored[name][site].points, alone[site].points, atol=1e-6
            )
        np.testing.assert_array_equal(together[name].ids, alone.ids)
    model.passes.clear()
    ms.extract(model, data, ["embed", "block"], points="last")
    assert passes < 1.2 * len(model.passes)  # not four times as many
    again = ms.extract(model, data, ["embed", "block"], points=names, store=tmp_path / "s")
    assert str(again["word:noun"].policies["block"]) == "word:noun"


def test_a_store_is_valid_while_its_points_are_the_same(tmp_path: Path) -> None:
    """One that was begun without knowing special tokens: `mean` is the same, `last` not."""
    model, data = Reader(), texts()
    before = {k: data[k] for k in ("input_ids", "attention_mask")}
    for policy in ("mean", "cls", "last", "tokens:1"):
        ms.extract(model, before, "block", points=policy, store=tmp_path / policy)
    for policy in ("mean", "cls"):
        ms.extract(model, data, "block", points=policy, store=tmp_path / policy)
    for policy in ("last", "tokens:1"):
        with pytest.raises(ManifoldScaleError, match="begun differently: tokens was None"):
            ms.extract(model, data, "block", points=policy, store=tmp_path / policy)
    # A tokenizer that adds none changes nothing.
    none = {**before, "special_tokens_mask": np.zeros_like(data["input_ids"])}
    ms.extract(model, none, "block", points="last", store=tmp_path / "last")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("token:30", r"token:30': \d+ examples have no such token, the first with id"),
        ("token:-40", "have no such token"),
        ("token:5..3", "have no such token"),
        ("word:verb", r"needs the column 'word:verb'.*has word:noun"),
        ("token", "token:-2"),
        ("cls+special", r"last.special"),
        (["last", "last"], "several are a list of different"),
        ([], "several are a list of different"),
        ([3], "several are a list of different"),
    ],
)
def test_points_that_no_example_has(points: object, message: str) -> None:
    with pytest.raises(ManifoldScaleError, match=message):
        ms.extract(Reader(), texts(), "block", points=points)


def test_texts_without_words_are_named() -> None:
    data = texts()
    data["special_tokens_mask"][7] = data["attention_mask"][7]
    with pytest.raises(ManifoldScaleError, match=r"1 examples are only special.*id 7"):
        ms.extract(Reader(), data, "block", points="last")
    data["word:noun"][3] = 0
    with pytest.raises(ManifoldScaleError, match=r"marks no token of 1 .* id 3"):
        ms.extract(Reader(), data, "block", points="word:noun")


def test_a_last_token_that_all_share_is_said(caplog: pytest.LogCaptureFixture) -> None:
    data = texts()
    unknown = {k: data[k] for k in ("input_ids", "attention_mask")}
    ms.extract(Reader(), unknown, "block", points="mean")
    ms.extract(Reader(), data, "block", points="last")
    assert not caplog.records
    ms.extract(Reader(), unknown, "block", points="last")
    assert f"number {SEP}" in caplog.text and "special_tokens_mask" in caplog.text
