"""The data sets: there, checked, and described."""

import dataclasses as dc
import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale import data
from manifoldscale.data.idx import read_idx


def test_mnist5k_is_mnist() -> None:
    mnist = data.load("mnist5k")
    assert mnist.inputs.shape == (5000, 784) and mnist.inputs.dtype == np.float32
    assert mnist.inputs.min() == 0 and mnist.inputs.max() == 1
    np.testing.assert_array_equal(np.bincount(mnist.labels), [500] * 10)
    assert len(np.unique(mnist.inputs, axis=0)) == 5000
    assert mnist.inputs.mean() == pytest.approx(0.1307, abs=0.003)  # MNIST's mean


def test_digits_are_scikit_learns() -> None:
    digits = data.load("digits")
    assert digits.inputs.shape == (1797, 64) and digits.inputs.max() == 1
    assert digits.cloud().name == "digits"


def test_a_data_set_says_its_shape_and_how_it_is_scaled() -> None:
    digits = ms.data.load("digits")
    assert digits.inputs.max() == 1
    said = "1,797 examples of 8 x 8 (rows of 64 numbers in [0, 1], divided by 16)"
    assert said in repr(digits)


@pytest.mark.parametrize("name", data.names())
def test_cards_say_what_is_known(name: str) -> None:
    card = data.card(name)
    assert card.licence and card.origin and card.citation and len(card.sha256) == 64
    assert card.known["dimension"] and card.known["source"]
    if card.at_hand:
        assert data.load(name).inputs.shape == (card.points, np.prod(card.shape))


@pytest.mark.parametrize("name", data.tables())
def test_cards_of_tables_say_what_was_published(name: str) -> None:
    table = data.table(name)
    assert table.licence and table.origin and table.citation and table.description
    assert len(table.cells) == table.rows
    there = set(table.cells[0])
    assert set(table.columns) <= there and table.loss_column in there
    assert table.known and all(number["what"] for number in table.known.values())
    part = next(iter(table.parts()))
    assert set(part) == set(table.curves)
    curve = table.curve(part)
    assert curve.task == name and np.isfinite(curve.losses).all()
    assert curve.distinct(curve.longest_axis()) >= 5


def test_a_table_gives_its_curves_and_other_losses() -> None:
    assert len(list(data.table("few-shot-vision").parts())) == 36
    language = data.table("few-shot-language")
    assert [len(list(language.parts(Domain=d))) for d in ("NMT", "LM", "BB")] == [5, 5, 10]
    ladder = data.table("olmo-ladder")
    seven, thirteen = ladder.curve(where={"mode": "eval"}).runs
    assert thirteen.loss == pytest.approx(2.437876, abs=1e-6)
    assert (seven.parameters, seven.dataset_size) == (6887575552, 3945065873408)
    accuracy = ladder.curve(loss_column="1 - acc_hellaswag_val_5shot")
    assert accuracy.losses.max() < 1 < ladder.curve().losses.min()
    gadre = data.table("gadre-104")
    counts = {"data": "D", "parameters": "N_no_embed"}
    inner = gadre.curve({"train_set": "rpj"}, size_column=counts)
    assert (
        inner.column("parameters") < gadre.curve({"train_set": "rpj"}).column("parameters")
    ).all()
    assert gadre.published("eta") == 0.1212


def test_a_table_is_no_data_set_and_a_data_set_no_table() -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"ms\.data\.table\('gadre-104'\)"):
        data.load("gadre-104")
    with pytest.raises(ms.ManifoldScaleError, match="did you mean 'gadre-104'"):
        data.table("gadre")
    assert not set(data.names()) & set(data.tables())


def test_a_changed_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = data.table("olmo-ladder")
    copy = tmp_path / about.name
    copy.mkdir()
    copy.joinpath(about.file).write_bytes(
        about.path.read_bytes().replace(b"3.6", b"3.5", 1)
    )
    monkeypatch.setattr(data.cards, "folder", lambda: tmp_path)
    with pytest.raises(ms.ManifoldScaleError, match="not what its card describes"):
        about.curve()
    copy.joinpath(about.file).unlink()
    with pytest.raises(ms.ManifoldScaleError, match="is missing"):
        about.curve()


def test_an_unknown_name() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="did you mean 'mnist5k'"):
        data.load("mnist")


def test_a_changed_file_is_refused(tmp_path: object, monkeypatch: object) -> None:
    source = data.folder() / "mnist5k"
    copy = tmp_path / "mnist5k"
    copy.mkdir()
    (copy / "card.toml").write_bytes((source / "card.toml").read_bytes())
    contents = bytearray((source / "mnist5k.npz").read_bytes())
    contents[5000] ^= 1
    (copy / "mnist5k.npz").write_bytes(contents)
    monkeypatch.setattr(data.cards, "folder", lambda: tmp_path)
    with pytest.raises(ms.ManifoldScaleError, match="not what its card describes"):
        data.load("mnist5k")
    (copy / "mnist5k.npz").unlink()
    with pytest.raises(ms.ManifoldScaleError, match="is missing"):
        data.load("mnist5k")


def test_a_changed_loader_is_refused(monkeypatch: object) -> None:
    wrong = dc.replace(data.card("digits"), sha256="0" * 64)
    monkeypatch.setattr(data.cards, "card", lambda _: wrong)
    with pytest.raises(ms.ManifoldScaleError, match="sha256"):
        data.load("digits")


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def test_an_idx_file_is_read_plain_and_compressed(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    (tmp_path / "plain").write_bytes(idx(array))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx(array)))
    for name in ("plain", "packed.gz"):
        np.testing.assert_array_equal(read_idx(tmp_path / name), array)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01abcd", "not an IDX file"),
        (b"\x00\x00\x08\x02\x00\x00", "cut off"),
        (idx(np.zeros((3, 4), np.uint8))[:-1], "cut off or damaged"),
        (idx(np.zeros((3, 4), np.uint8)) + b"x", "cut off or damaged"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path: Path, contents: bytes, message: str) -> None:
    for path, stored in (("plain", contents), ("packed.gz", gzip.compress(contents))):
        (tmp_path / path).write_bytes(stored)
        with pytest.raises(ms.ManifoldScaleError, match=message):
            read_idx(tmp_path / path)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(contents)[:-3])
    with pytest.raises(ms.ManifoldScaleError, match="cannot be read"):
        read_idx(tmp_path / "packed.gz")


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fashion-MNIST as on a machine that has no copy; a folder of the user's own."""
    about = dc.replace(data.card("fashion-mnist"), places=())
    monkeypatch.setattr(data.cards, "card", lambda _: about)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MANIFOLDSCALE_DATA", str(tmp_path / "mine"))
    return tmp_path


def test_a_set_that_is_not_here_says_how_to_get_it(nowhere: Path) -> None:
    with pytest.raises(ms.ManifoldScaleError, match="apt install dataset-fashion-mnist"):
        data.load("fashion-mnist")
    with pytest.raises(ms.ManifoldScaleError, match="mine"):
        data.load("fashion-mnist")


@pytest.mark.parametrize("place", ["mine/fashion-mnist", "mine/FashionMNIST/raw"])
def test_a_set_of_the_users_own(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (7, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, 7, dtype=np.uint8)
    about = data.cards.card("fashion-mnist")
    folder = nowhere / place
    folder.mkdir(parents=True)
    parts = ((images[:5], labels[:5]), (images[5:], labels[5:]))
    for names, arrays in zip(about.idx, parts, strict=True):
        for name, array in zip(names, arrays, strict=True):
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    with pytest.raises(ms.ManifoldScaleError, match="not what its card describes"):
        data.load("fashion-mnist")
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    small = dc.replace(about, sha256=digest, points=7)
    monkeypatch.setattr(data.cards, "card", lambda _: small)
    found = data.load("fashion-mnist")
    np.testing.assert_array_equal(found.inputs, images.reshape(7, -1) / np.float32(255))
    np.testing.assert_array_equal(found.labels, labels)


def images_of(folder: Path, **arrays: np.ndarray) -> str:
    image = pytest.importorskip("PIL.Image", exc_type=ImportError)
    for name, array in arrays.items():
        image.fromarray(array).save(folder / f"{name}.tif")
    return str(folder)


def test_images_of_16_bits_are_not_cut_off(tmp_path: Path) -> None:
    values = (np.arange(64) * 1000).reshape(8, 8).astype(np.uint16)
    found = data.load_examples(images_of(tmp_path, deep=values)).inputs
    np.testing.assert_allclose(found[0, 0], values / 65535, rtol=1e-6)


def test_images_that_cannot_be_scaled_or_read_are_refused(tmp_path: Path) -> None:
    folder = images_of(tmp_path, real=np.ones((8, 8), np.float32))
    with pytest.raises(ms.ManifoldScaleError, match="without a largest value"):
        data.load_examples(folder)
    (tmp_path / "real.tif").write_bytes(b"no image")
    with pytest.raises(ms.ManifoldScaleError, match="cannot be read as an image"):
        data.load_examples(folder)


def test_a_sweep_of_an_absent_set_can_be_planned(nowhere: Path) -> None:
    task = ms.sweeps.DataSet("fashion-mnist")
    assert (task.inputs, task.outputs, task.largest(10_000)) == (784, 10, 60_000)


@pytest.fixture
def saved(tmp_path: Path) -> object:
    """Save columns as Hugging Face's `datasets` does, without its progress bars."""
    datasets = pytest.importorskip("datasets", exc_type=ImportError)
    if not hasattr(datasets, "Dataset"):
        pytest.skip("the folder of our own data sets, not the package")
    datasets.disable_progress_bars()

    def save(name: str, columns: dict, **features: object) -> Path:
        table = datasets.Dataset.from_dict(columns)
        for column, feature in features.items():
            table = table.cast_column(column, feature)
        table.save_to_disk(str(tmp_path / name))
        return tmp_path / name

    return save


@pytest.mark.filterwarnings("ignore")  # of pyarrow and fsspec, about themselves
def test_a_saved_data_set_of_arrays_and_of_tokens(saved: object) -> None:
    x = np.random.default_rng(0).standard_normal((6, 4))
    y = [0, 1, 2, 0, 1, 2]
    found = data.load_examples(str(saved("arrays", {"x": x.tolist(), "label": y})))
    np.testing.assert_allclose(found.inputs, x)
    np.testing.assert_array_equal(found.labels, y)
    tokens = {"input_ids": [[1, 2, 3]] * 4, "attention_mask": [[1, 1, 0]] * 4}
    found = data.load_examples(str(saved("tokens", tokens)))
    assert set(found.inputs) == set(tokens) and len(found) == 4
    np.testing.assert_array_equal(found.inputs["attention_mask"][0], [1, 1, 0])


@pytest.mark.filterwarnings("ignore")
def test_saved_data_sets_that_cannot_be_used(saved: object, tmp_path: Path) -> None:
    two = saved("two", {"a": [[1.0, 2.0]] * 3, "b": [[3.0, 4.0]] * 3})
    with pytest.raises(ms.ManifoldScaleError, match="one column of images or arrays"):
        data.load_examples(str(two))
    ragged = saved("ragged", {"a": [[1.0, 2.0], [3.0]]})
    with pytest.raises(ms.ManifoldScaleError, match="2 shapes"):
        data.load_examples(str(ragged))
    (tmp_path / "splits" / "train").mkdir(parents=True)
    (tmp_path / "splits" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(ms.ManifoldScaleError, match=r"splits train: choose one"):
        data.load_examples(str(tmp_path / "splits"))
    next(two.glob("*.arrow")).write_bytes(b"damaged")
    with pytest.raises(ms.ManifoldScaleError, match="cannot be read"):
        data.load_examples(str(two))


@pytest.mark.filterwarnings("ignore")
def test_saved_images_are_channels_first(saved: object) -> None:
    image = pytest.importorskip("PIL.Image", exc_type=ImportError)
    datasets = pytest.importorskip("datasets", exc_type=ImportError)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    images = [image.fromarray(one) for one in pixels]
    found = data.load_examples(
        str(saved("images", {"image": images}, image=datasets.Image()))
    )
    assert found.inputs.shape == (3, 3, 5, 4)
    expected = np.moveaxis(pixels, -1, 1) / np.float32(255)
    np.testing.assert_allclose(found.inputs, expected, rtol=1e-6)
    deep = pixels[..., 0].astype(np.uint16) * 257
    images = [image.fromarray(one) for one in deep]
    found = data.load_examples(
        str(saved("deep", {"image": images}, image=datasets.Image()))
    )
    np.testing.assert_allclose(found.inputs, deep[:, None] / np.float32(65535), rtol=1e-6)
