"""What is a point: padding is none, draws do not depend on batches."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import manifoldscale as ms
from manifoldscale.core.random import nested_rows
from manifoldscale.networks.points import Flatten, Mean, Project


class Words(nn.Module):
    """Takes names, as transformers do, and would be upset by padding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix = nn.Embedding(50, 6), nn.Linear(6, 6)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> torch.Tensor:
        x = self.mix(self.embed(input_ids))
        return x + torch.where(attention_mask[..., None] == 0, float("inf"), 0)


def padded(side: str) -> tuple[dict, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    texts = [rng.integers(1, 50, length) for length in (3, 7, 5, 1, 7, 2)]
    ids, mask = np.zeros((6, 7), np.int64), np.zeros((6, 7), np.int64)
    for row, text in enumerate(texts):
        place = slice(7 - len(text), 7) if side == "left" else slice(0, len(text))
        ids[row, place], mask[row, place] = text, 1
    return {"input_ids": ids, "attention_mask": mask, "labels": np.arange(6)}, texts


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("points", ["mean", "last", "cls", "auto"])
def test_padding_is_no_part_of_a_point(side: str, points: str) -> None:
    model = Words()
    data, texts = padded(side)
    found = ms.extract(model, data, "Words", points=points, batch_size=4)["Words"]
    for row, text in enumerate(texts):
        with torch.no_grad():
            alone = model.mix(model.embed(torch.from_numpy(text)))
        place = {"last": alone[-1], "cls": alone[0]}.get(points, alone.mean(dim=0))
        np.testing.assert_allclose(found.points[row], place, atol=1e-6)
    np.testing.assert_array_equal(found.labels, np.arange(6))


def test_tokens_share_a_group_and_padding_is_left_out() -> None:
    data, texts = padded("right")
    found = ms.extract(Words(), data, "mix", points="tokens", batch_size=4)["mix"]
    lengths = [len(text) for text in texts]
    np.testing.assert_array_equal(found.groups, np.repeat(np.arange(6), lengths))
    np.testing.assert_array_equal(found.labels, found.groups)


def test_random_tokens_depend_on_the_example_alone() -> None:
    model, data = Words(), padded("right")[0]
    one = ms.extract(model, data, "mix", points="tokens:2", batch_size=6)["mix"]
    other = ms.extract(model, data, "mix", points="tokens:2", batch_size=1)["mix"]
    np.testing.assert_array_equal(one.groups, other.groups)
    np.testing.assert_allclose(one.points, other.points, atol=1e-6)
    fewer = ms.extract(model, data, "mix", points="tokens:1")["mix"].points
    assert all((fewer[i] == one.points).all(axis=1).any() for i in range(6))


def test_patches_and_means_of_images() -> None:
    model, images = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU()), torch.randn(4, 1, 6, 6)
    with torch.no_grad():
        maps = model(images)
    patches = ms.extract(model, images, "1", points="patches")["1"]
    np.testing.assert_allclose(
        patches.points, maps.permute(0, 2, 3, 1).reshape(-1, 3), atol=1e-6
    )
    mean = ms.extract(model, images, "1", points={"1": "mean"})["1"].points
    np.testing.assert_allclose(mean, maps.mean(dim=(2, 3)), atol=1e-6)


def test_projections_keep_distances_and_do_not_depend_on_batches() -> None:
    x = np.random.default_rng(0).standard_normal((60, 4000)).astype(np.float32)
    word = ms.extract(nn.Identity(), x, points="flatten+project:1000")["@input"].points
    value = ms.extract(nn.Identity(), x, points=Project(Flatten(), 1000), batch_size=7)[
        "@input"
    ].points
    np.testing.assert_allclose(word, value, atol=1e-4)
    first = np.linalg.norm(x[0] - x[1:], axis=1)
    kept = np.linalg.norm(word[0] - word[1:], axis=1)
    assert np.abs(kept / first - 1).max() < 5 / np.sqrt(1000)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("flatten", "would hold their padding"),
        ({"mix": "tokens", "embed": "mean"}, "in two calls"),
        ("tokens:x", "with a number as in 'tokens:8'"),
        ("mean+pca:3", "flatten.project:1024"),
        (3, "a word, a policy"),
    ],
)
def test_policies_that_cannot_work(points: object, message: str) -> None:
    data = padded("right")[0]
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.extract(Words(), data, ["embed", "mix"], points=points)


def test_examples_that_are_all_padding_are_named() -> None:
    data = padded("right")[0]
    data["attention_mask"][4] = 0
    with pytest.raises(ms.ManifoldScaleError, match=r"1 examples .* id 4"):
        ms.extract(Words(), data, "mix")


def test_the_policy_is_printed_and_recorded() -> None:
    found = ms.extract(Words(), padded("right")[0], "mix")
    assert found.policies == {"mix": Mean()} and "(mean)" in str(found)


def test_lists_of_tokens_of_any_length_are_padded() -> None:
    data, texts = padded("right")

    class Texts:
        def __len__(self) -> int:
            return len(texts)

        def __getitem__(self, row: int) -> dict:
            return {"input_ids": texts[row].tolist(), "label": row}

    model = Words()
    one, other = ms.extract(model, Texts(), "mix"), ms.extract(model, data, "mix")
    np.testing.assert_allclose(one["mix"].points, other["mix"].points, atol=1e-6)
    np.testing.assert_array_equal(one.labels, np.arange(6))


def test_samples_are_nested_and_aligned() -> None:
    small, large = nested_rows(10, 100, 3), nested_rows(40, 100, 3)
    assert set(small) < set(large) and len(large) == 40
    x = np.arange(100.0)[:, None]
    cloud = ms.extract(nn.Identity(), (x, np.arange(100)), n=10, rng=3)["@input"]
    np.testing.assert_array_equal(cloud.ids, small)
    np.testing.assert_array_equal(cloud.points[:, 0], cloud.labels)


@pytest.mark.parametrize("kind", ["shuffled", "drop_last", "weighted", "batches"])
def test_rows_belong_to_their_labels_under_every_sampler(kind: str) -> None:
    x = torch.arange(50.0)[:, None]
    data = TensorDataset(x, torch.arange(50) % 7)
    sampler = WeightedRandomSampler(torch.ones(50), 80)
    loader = {
        "shuffled": DataLoader(data, batch_size=8, shuffle=True),
        "drop_last": DataLoader(data, batch_size=8, drop_last=True),
        "weighted": DataLoader(data, batch_size=8, sampler=sampler),
        "batches": DataLoader(data, batch_sampler=[[3, 1], [4, 10, 2]]),
    }[kind]
    state = torch.get_rng_state()
    cloud = ms.extract(nn.Identity(), loader)["@input"]
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(cloud.points[:, 0], cloud.ids)
    np.testing.assert_array_equal(cloud.labels, cloud.ids % 7)
    sizes = {"shuffled": 50, "drop_last": 50, "weighted": 80, "batches": 5}
    assert len(cloud) == sizes[kind]


class Pooled(Words):
    """A head on one token, as the pooler of BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.Linear(6, 3)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> torch.Tensor:
        return self.pool(self.mix(self.embed(input_ids))[:, 0])


def test_a_site_without_tokens_does_not_cost_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = padded("right")[0]
    found = ms.extract(Pooled(), data, points=["mean", "auto"])
    assert set(found["auto"]) - set(found["mean"]) == {"pool:in", "pool"}
    assert "'pool:in', 'pool'" in caplog.text
    for sites in ("pool", ["mix", "pool"], "pool*"):
        with pytest.raises(ms.ManifoldScaleError, match=r"needs tokens \(T\) or places"):
            ms.extract(Pooled(), data, sites, points="mean")


class Turned(Words):
    """Rotary embeddings: of positions, which padding on the left shifts."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Identity()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        assert position_ids is not None
        return self.mix(self.embed(input_ids)) * self.turn(position_ids[..., None].cos())


def test_positions_are_no_representation_of_a_text() -> None:
    data = padded("left")[0]
    assert set(ms.extract(Turned(), data)) == {"embed", "mix", "Turned"}
    with pytest.raises(ms.ManifoldScaleError, match="no token changes it"):
        ms.extract(Turned(), data, "turn:in")


class Packed(nn.Module):
    """A recurrent layer over packed sequences, whose last state has no axis of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(5, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        return self.head(self.rnn(packed)[1][-1])


def test_the_last_state_of_packed_sequences_is_a_point() -> None:
    net, lengths = Packed(), np.array([9, 4, 2, 7, 5, 9, 1, 3])
    x = np.random.default_rng(0).standard_normal((8, 9, 5)).astype("f4")
    found = ms.extract(net, {"x": x, "lengths": lengths})
    for row, length in enumerate(lengths):
        alone = torch.from_numpy(x[row : row + 1, :length])
        with torch.no_grad():
            state = net.rnn(alone)[1][0, 0]
        np.testing.assert_allclose(found["rnn/1"].points[row], state, atol=1e-6)
        np.testing.assert_allclose(
            found["@input"].points[row], x[row, :length].mean(0), atol=1e-6
        )
