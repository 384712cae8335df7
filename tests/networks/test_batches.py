"""Data as users hold them: every example is one, and what is not read is said."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.networks.extract import blocks

X = torch.linspace(-1, 1, 240).reshape(40, 6)
NET = nn.Sequential(nn.Linear(6, 4), nn.ReLU())


def read(data: Any, net: nn.Module = NET, site: str = "0", **more: Any) -> Any:
    return ms.extract(net, data, site, **more)


def right(net: nn.Module = NET, x: torch.Tensor = X) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(net[0](x))  # type: ignore[index]


class Items(Dataset[Any]):
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> Any:
        return self.items[row]


VIEWS = [((x, x + 1), i % 3) for i, x in enumerate(X)]


@pytest.mark.parametrize(
    "data",
    [
        DataLoader(Items(VIEWS), batch_size=10),
        DataLoader(Items([([x, x], 0, "name") for x in X]), batch_size=10),
        DataLoader(Items([[[x, x]] for x in X]), batch_size=10),
        DataLoader(Items([(x, x + 1) for x in X]), batch_size=10),
        DataLoader(Items([(x, x > 0, 1) for x in X]), batch_size=10),
        Items(VIEWS),
        VIEWS,
        [([X, X], torch.arange(40))],
    ],
)
def test_several_inputs_are_neither_examples_nor_labels(data: Any) -> None:
    with pytest.raises(ManifoldScaleError, match="several views or inputs"):
        read(data)


def test_lists_of_batches_are_told_from_lists_of_examples() -> None:
    y = torch.arange(40) % 3
    loader = DataLoader(TensorDataset(X, y), batch_size=10)
    for data in (list(loader), iter(loader), [{"input": x} for x, _ in loader], loader):
        model = Takes() if isinstance(data, list) and isinstance(data[0], dict) else NET
        site = "0" if model is NET else "fc"
        found = read(data, model, site)
        assert len(found[site]) == 40
        if found.labels is not None:
            np.testing.assert_array_equal(found.labels, y)
    examples = [(x, int(label)) for x, label in zip(X, y, strict=True)]
    np.testing.assert_allclose(read(examples)["0"].points, right(), atol=1e-6)
    np.testing.assert_array_equal(read(examples).labels, y)
    np.testing.assert_allclose(read(X.tolist())["0"].points, right(), atol=1e-6)
    np.testing.assert_allclose(read(list(X))["0"].points, right(), atol=1e-6)
    with pytest.raises(ManifoldScaleError, match=r"torch.stack.*torch.cat"):
        read(list(X.reshape(4, 10, 6)))


class Takes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 4)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.fc(input)


class OnDisk:
    """Reads rows by slices or rising lists, as h5py does; the whole does not fit."""

    ndim, dtype = 2, np.dtype("f4")

    def __init__(self, lists: bool = True) -> None:
        self.shape, self.lists, self.read = (10**6, 6), lists, 0

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, np.ndarray) and not self.lists:
            raise TypeError("no lists")
        rows = np.arange(*key.indices(10**6)) if isinstance(key, slice) else np.asarray(key)
        assert rows.ndim == 0 or (np.diff(rows) > 0).all()
        self.read += rows.size
        return np.asarray(rows[..., None] + np.arange(6.0), "f4")

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise MemoryError


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("store", [True, False])
def test_arrays_on_a_disk_are_read_row_by_row(
    lists: bool, store: bool, tmp_path: Any
) -> None:
    data = OnDisk(lists)
    found = read(data, site="@input", n=100, store=tmp_path / "s" if store else None)
    cloud = found["@input"]
    np.testing.assert_array_equal(cloud.points[:, 0], cloud.ids)
    assert data.read < 1000


def test_a_data_set_with_a_shape_is_one() -> None:
    class Shaped(Items):
        shape = (40, 6)

    data = Shaped([(x, i % 2) for i, x in enumerate(X)])
    np.testing.assert_allclose(read(data)["0"].points, right(), atol=1e-6)
    with pytest.raises(ManifoldScaleError, match=r"data\['train'\]"):
        read({"train": data, "test": data})


class Rows(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield from ((x, i % 2) for i, x in enumerate(X))


def test_an_iterable_data_set_gives_rows() -> None:
    found = read(Rows())
    np.testing.assert_allclose(found["0"].points, right(), atol=1e-6)
    np.testing.assert_array_equal(found.labels, np.arange(40) % 2)


class Words(nn.Module):
    """A causal network with learned positions, counted from the first token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(30, 8), nn.Embedding(12, 8)
        self.mix = nn.Linear(8, 8)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        return self.placed(input_ids, torch.arange(input_ids.shape[1])[None])

    def placed(self, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return self.mix(self.embed(ids) + self.place(places))


class Placed(Words):
    """The same, which can be told the positions."""

    def forward(  # type: ignore[override]
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        count = torch.arange(input_ids.shape[1])[None]
        return self.placed(input_ids, count if position_ids is None else position_ids)


def left(texts: list[list[int]]) -> dict[str, np.ndarray]:
    length = max(map(len, texts))
    ids, mask = np.zeros((2, len(texts), length), np.int64)
    for row, text in enumerate(texts):
        ids[row, length - len(text) :], mask[row, length - len(text) :] = text, 1
    return {"input_ids": ids, "attention_mask": mask}


TEXTS = [[3, 4, 5, 6, 7, 8, 9], [1, 2, 3], [4, 5]]


@pytest.mark.parametrize("points", ["mean", "last", "cls"])
def test_positions_follow_the_mask(points: str) -> None:
    net = Placed()
    found = read(left(TEXTS), net, "mix", points=points)["mix"].points
    for row, text in enumerate(TEXTS):
        with torch.no_grad():
            alone = net(torch.tensor([text]))[0]
        place = {"last": alone[-1], "cls": alone[0]}.get(points, alone.mean(0))
        np.testing.assert_allclose(found[row], place, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_padding_on_the_left_that_shifts_positions_is_refused(batch_size: int) -> None:
    # Padding comes in the first batch, or only later.
    with pytest.raises(ManifoldScaleError, match="padded on the left"):
        read(left(TEXTS), Words(), "mix", points="mean", batch_size=batch_size)


def test_columns_of_any_kind_beside_what_the_network_takes() -> None:
    rows = [
        {
            "input_ids": text,
            "text": "a b c",
            "empty": None,
            "boxes": [[0, 0, 1, 1]] * len(text),
            "ragged": [1] * (row + 9),
            "label": "ab"[row % 2],
        }
        for row, text in enumerate(TEXTS)
    ]
    net = Words()
    found = read(Items(rows), net, "mix", points="mean")
    assert found.labels.tolist() == ["a", "b", "a"]
    for row, text in enumerate(TEXTS):
        with torch.no_grad():
            alone = net(torch.tensor([text]))[0].mean(0)
        np.testing.assert_allclose(found["mix"].points[row], alone, atol=1e-6)


def test_what_the_network_lacks_is_named_with_the_reason() -> None:
    class Needs(Words):
        def forward(self, input_ids: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return super().forward(input_ids)

    rows = Items([{"input_ids": [1, 2], "boxes": None}, {"input_ids": [3, 4]}])
    with pytest.raises(ManifoldScaleError, match=r"'boxes' was left out: it is empty in 2"):
        read(rows, Needs(), "mix")


def test_examples_of_several_shapes_are_one_clear_error() -> None:
    for items in ([(X[0], 0), (X[0, :3], 1)], [(None, 0)], [(object(), 0)]):
        with pytest.raises(ManifoldScaleError, match="do not fit in one batch"):
            read(Items(items))


def test_two_networks_are_read_side_by_side() -> None:
    one, other = NET, nn.Sequential(nn.Linear(6, 3))
    pairs = zip(
        blocks(one, X, "0", batch_size=8),
        blocks(other, X, "0", batch_size=8),
        blocks(one, X, "0", batch_size=8),
        strict=True,
    )
    parts = [[block.arrays["0"] for block in pair] for pair in pairs]
    for column, net in enumerate((one, other, one)):
        found = np.concatenate([part[column] for part in parts])
        np.testing.assert_allclose(found, right(net), atol=1e-6)


def test_a_network_that_draws_is_read_by_threads_as_alone() -> None:
    class Noisy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.randn_like(x)

    alone = [read(X, Noisy(), "Noisy", rng=seed)["Noisy"].points for seed in range(4)]
    found: dict[int, np.ndarray] = {}

    def work(seed: int) -> None:
        found[seed] = read(X, Noisy(), "Noisy", rng=seed)["Noisy"].points

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    before = torch.get_rng_state()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(before, torch.get_rng_state())
    for seed, points in enumerate(alone):
        np.testing.assert_array_equal(found[seed], points)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_networks_whose_weights_are_whole_numbers_compute_in_float32() -> None:
    quantised = torch.ao.quantization.quantize_dynamic(NET, {nn.Linear})
    with torch.no_grad():
        want = quantised[0](X).numpy()
    found = read(X.double().numpy(), quantised)["0"].points
    np.testing.assert_allclose(found, want, atol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_sparse_outputs_are_read_at_every_place() -> None:
    class Sparse(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.relu().to_sparse()

    np.testing.assert_array_equal(read(X, Sparse(), "Sparse")["Sparse"].points, X.relu())


def test_tables_and_tuples_are_told_apart() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({str(i): X[:, i].numpy() for i in range(6)})
    np.testing.assert_allclose(read(table)["0"].points, right(), atol=1e-6)
    gap = pa.table({"0": [1.0, None], "1": [2.0, 3.0]})
    with pytest.raises(ManifoldScaleError, match="NaN"):
        ms.Cloud(gap)
    with pytest.raises(ManifoldScaleError, match="tuple of 3"):
        read((X, X, X))
    with pytest.raises(ManifoldScaleError, match="several views"):
        read((X, X))
    digits = ms.data.load("digits")
    assert len(read(digits, nn.Sequential(nn.Linear(64, 2)))["0"]) == 1797


@pytest.mark.parametrize("device", ["nope", "cuda:99"])
def test_a_device_that_is_not_there_is_one_clear_error(device: str) -> None:
    with pytest.raises(ManifoldScaleError, match="`device`"):
        read(X, device=device)


def test_arrays_by_name_hold_as_many_examples() -> None:
    data = {"input_ids": np.ones((5, 3), int), "attention_mask": np.ones((4, 3), int)}
    with pytest.raises(ManifoldScaleError, match="'attention_mask': 4"):
        read(data, Words(), "mix", points="mean")


def test_labels_of_tokens_are_padded_as_the_tokens() -> None:
    rows = [{"input_ids": text, "labels": text} for text in TEXTS]
    found = read(Items(rows), Words(), "mix", points="mean", batch_size=1)
    assert found.labels.tolist() == [text + [-100] * (7 - len(text)) for text in TEXTS]


class Plain(nn.Module):
    """Knows a mask by some name, and does nothing with it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 8)
        self.name = name

    def forward(self, x: torch.Tensor, **masks: torch.Tensor) -> torch.Tensor:
        assert self.name in masks
        return self.fc(x)


LONG = np.random.default_rng(0).integers(3, 12, 40)
KEEP = np.arange(12)[None] < LONG[:, None]
FULL = np.vstack([KEEP[:-1], np.ones((1, 12), bool)])
MASKS: dict[str, tuple[str, np.ndarray, np.ndarray]] = {
    "numbers": ("attention_mask", KEEP.astype(int), KEEP),
    "truths": ("attention_mask", KEEP, KEEP),
    "added": ("attention_mask", np.where(KEEP, 0.0, -1e9).astype("f4"), KEEP),
    "added infinities": ("attention_mask", np.where(KEEP, 0, -np.inf).astype("f4"), KEEP),
    "padding": ("src_key_padding_mask", ~KEEP, KEEP),
    "a mask of tokens": ("mask", KEEP, KEEP),
    "a mask of padding": ("mask", ~KEEP, KEEP),
    "lengths": ("lengths", LONG, KEEP),
    "full rows": ("attention_mask", FULL, FULL),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_are_read_the_right_way_round(kind: str) -> None:
    name, mask, keep = MASKS[kind]
    x, net = torch.randn(40, 12, 6), Plain(name)
    data = {"x": x, name: torch.from_numpy(mask)}
    found = read(data, net, "fc", points="mean")["fc"].points
    y = net.fc(x).detach().numpy()
    want = (y * keep[..., None]).sum(1) / keep.sum(1, keepdims=True)
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "mask", "message"),
    [
        ("attention_mask", ~KEEP, "does True mean padding"),
        ("attention_mask", KEEP * 3, "must hold 0 and 1"),
        ("mask", np.roll(FULL, 1, axis=1), "neither tokens nor padding"),
    ],
)
def test_masks_that_say_two_things_are_refused(
    name: str, mask: np.ndarray, message: str
) -> None:
    data = {"x": torch.randn(40, 12, 6), name: torch.from_numpy(mask)}
    with pytest.raises(ManifoldScaleError, match=message):
        read(data, Plain(name), "fc", points="mean")


def test_a_decoder_has_a_mask_of_its_own() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.Embedding(9, 4), nn.Embedding(9, 4)

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor,
            decoder_input_ids: torch.Tensor,
            decoder_attention_mask: torch.Tensor | None = None,
        ) -> torch.Tensor:
            return self.encoder(input_ids).sum(1) + self.decoder(decoder_input_ids).sum(1)

    net, rng = Both(), np.random.default_rng(0)
    for length in (12, 5):
        own = np.arange(length)[None] < rng.integers(1, length + 1, 40)[:, None]
        data = {
            "input_ids": torch.from_numpy(rng.integers(1, 9, (40, 12))),
            "attention_mask": torch.from_numpy(KEEP.astype(int)),
            "decoder_input_ids": torch.from_numpy(rng.integers(1, 9, (40, length))),
            "decoder_attention_mask": torch.from_numpy(own.astype(int)),
        }
        found = read(data, net, ["encoder", "decoder"], points="mean")
        for name, ids, keep in (
            ("encoder", "input_ids", KEEP),
            ("decoder", "decoder_input_ids", own),
        ):
            y = getattr(net, name)(data[ids]).detach().numpy()
            want = (y * keep[..., None]).sum(1) / keep.sum(1, keepdims=True)
            np.testing.assert_allclose(found[name].points, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", [12, 5])
def test_patches_of_images_have_no_padding_of_words(length: int) -> None:
    """Also where there are as many of them as tokens in the longest text."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.text_model, self.vision_model = nn.Embedding(9, 4), nn.Conv2d(3, 4, 2, 2)
            self.vision_model_norm = nn.LayerNorm(4)

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor,
            pixel_values: torch.Tensor,
        ) -> torch.Tensor:
            patches = self.vision_model(pixel_values).flatten(2).transpose(1, 2)
            words = self.text_model(input_ids) * attention_mask[..., None]
            return words.sum(1) + self.vision_model_norm(patches).sum(1)

    net, rng = Both(), np.random.default_rng(0)
    images = torch.from_numpy(rng.normal(size=(40, 3, 2, 2 * length)).astype("f4"))
    data = {
        "input_ids": torch.from_numpy(rng.integers(1, 9, (40, 12))),
        "attention_mask": torch.from_numpy(KEEP.astype(int)),
        "pixel_values": images,
    }
    found = read(data, net, ["text_model", "vision_model_norm"], points="mean")
    y = net.vision_model_norm(net.vision_model(images).flatten(2).transpose(1, 2))
    want = y.mean(1).detach().numpy()
    np.testing.assert_allclose(found["vision_model_norm"].points, want, atol=1e-5)


def test_padding_that_the_network_knows_needs_a_mask() -> None:
    net = Words()
    net.config = type("Config", (), {"pad_token_id": 0})()  # type: ignore[assignment]
    ids = np.array([[3, 4, 5], [6, 7, 0]])
    with pytest.raises(ManifoldScaleError, match="no `attention_mask`"):
        read({"input_ids": ids}, net, "mix", points="mean")
    assert len(read({"input_ids": ids[:1]}, net, "mix", points="mean")["mix"]) == 1


def test_rows_that_depend_on_the_batch_or_on_chance_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Drops(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(x, 0.2)

    batched = nn.Sequential(nn.BatchNorm1d(6, track_running_stats=False)).eval()
    for net, site, words in (
        (batched, "0", "depend on the other examples"),
        (Drops(), "Drops", "draws random numbers in eval mode"),
        (NET, "0", ""),
    ):
        caplog.clear()
        read(X, net, site)
        assert words in caplog.text if words else not caplog.messages


def test_one_model_is_read_by_several_threads() -> None:
    found: list[np.ndarray] = []

    def work() -> None:
        found.append(read(X, batch_size=7)["0"].points)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for points in found:
        np.testing.assert_allclose(points, right(), atol=1e-6)


@pytest.mark.parametrize("kind", [RuntimeError, AttributeError, SystemExit])
def test_a_network_that_fails_later_says_where(kind: type[BaseException]) -> None:
    class Later(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if self.calls > 4:
                raise kind("boom")
            return x * 2

    with pytest.raises(ManifoldScaleError, match=rf"{kind.__name__} \(boom\).* ids"):
        read(X, Later(), "Later", batch_size=8)


@pytest.mark.parametrize("sites", [None, 0, [], [3], ""])
def test_sites_are_patterns(sites: Any) -> None:
    with pytest.raises(ManifoldScaleError, match=r"`sites`|No site matches"):
        ms.extract(NET, X, sites)


def test_several_heads_have_no_layer_before_the_last() -> None:
    class Heads(nn.Module):
        def __init__(self, side: bool) -> None:
            super().__init__()
            self.side = side
            self.fc, self.aux = nn.Linear(6, 5), nn.Linear(6, 3)
            self.last = nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> Any:
            z, side = self.last(self.fc(x).relu()), self.aux(x)
            return (z, side) if self.side else z

    with pytest.raises(
        ManifoldScaleError, match=r"choose one of '(aux|last):in', '(aux|last):in'"
    ):
        ms.extract(Heads(True), X, "@penultimate")
    assert list(ms.extract(Heads(False), X, "@penultimate")) == ["last:in"]
    with pytest.raises(ManifoldScaleError) as error:
        ms.extract(Heads(True), X, "@logits")
    assert "Did you mean '@logits'" not in str(error.value)


class Breaks(torch.utils.data.Dataset):
    """A data set that says it is longer than it is, or has a damaged file."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def __len__(self) -> int:
        return 40

    def __getitem__(self, i: int) -> torch.Tensor:
        if i == 25:
            raise self.error or IndexError("25 is out of range")
        return torch.ones(4) * i


@pytest.mark.parametrize("error", [IndexError("no 25"), KeyError("cfg"), OSError("gone")])
def test_an_error_of_a_data_set_says_where(error: Exception) -> None:
    with pytest.raises(
        ms.ManifoldScaleError, match=r"Breaks of 40 .* one of 20 to 29: "
    ) as e:
        ms.extract(nn.Linear(4, 2), Breaks(error), "@input", batch_size=10)
    assert e.value.__cause__ is error


def test_labels_beside_a_batch_are_one_for_each_example() -> None:
    x = torch.randn(20, 4)
    for labels in (0, torch.ones(3), {"boxes": torch.ones(10)}):
        with pytest.raises(ms.ManifoldScaleError, match="10 examples, and beside them"):
            ms.extract(nn.Linear(4, 2), ((y, labels) for y in x.split(10)), "@input")


@pytest.mark.parametrize("data", [X.numpy().astype(">f4"), list(X.numpy().astype(">f4"))])
def test_arrays_of_another_byte_order_are_read(data: Any) -> None:
    np.testing.assert_allclose(read(data)["0"].points, right(), atol=1e-6)


def test_a_data_set_without_a_length_says_so() -> None:
    class Endless(Dataset[Any]):
        def __getitem__(self, row: int) -> Any:
            return X[0]

    with pytest.raises(ManifoldScaleError, match="Endless has no length"):
        read(Endless())


def test_a_target_is_a_label_unless_the_network_takes_it() -> None:
    class WithLoss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = NET[0]

        def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return self.first(x).sum(1) - target

    target = np.arange(40)
    rows = [{"input": x, "target": int(y)} for x, y in zip(X, target, strict=True)]
    for data in (rows, {"input": X, "target": target}):
        assert read(data)["0"].labels.tolist() == list(target)
    assert read({"x": X, "target": target}, WithLoss(), "first")["first"].labels is None
    with pytest.raises(ManifoldScaleError, match=r"`data\['scale'\]` must have examples"):
        read({"input": X, "scale": 5})


def test_a_loader_that_leaves_examples_out_is_refused() -> None:
    """Their ids would be those of other examples."""

    def without_broken(items: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack([item for item in items if item[0] < 0.5])

    loader = DataLoader(Items(list(X)), 7, collate_fn=without_broken)
    with pytest.raises(
        ManifoldScaleError, match=r"gave \d examples where 7 were asked for"
    ):
        read(loader)
    nested = Items([{"inputs": {"input": x}} for x in X])
    with pytest.raises(
        ManifoldScaleError, match="a mapping inside a mapping, under inputs"
    ):
        read(DataLoader(nested, 7))
