"""Folders of images: what is a class, what is none, and what was not read."""

from pathlib import Path

import numpy as np
import pytest

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.data.examples import load_examples

Image = pytest.importorskip("PIL.Image")


def save(path: Path, mode: str = "RGB", level: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (level, level, level)).convert(mode).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for name in ("cat/a.png", "cat/b.png", "dog/a.png"):
        save(tmp_path / name)
    return tmp_path


def test_folders_are_classes_and_said(pets: Path) -> None:
    found = load_examples(str(pets))
    assert found.labels is not None and found.labels.tolist() == [0, 0, 1]
    assert found.read == "3 images, 2 classes by folder: cat, dog"


@pytest.mark.parametrize(
    "hidden",
    [
        ".ipynb_checkpoints/a.png",
        "cat/.thumbnails/a.png",
        "__MACOSX/cat/a.png",
        "cat/._a.png",
        ".cache/cat/x/a.png",
    ],
)
def test_what_is_hidden_is_no_image(pets: Path, hidden: str) -> None:
    save(pets / hidden)
    assert load_examples(str(pets)).read == "3 images, 2 classes by folder: cat, dog"


def test_a_hidden_folder_that_was_named_is_read(tmp_path: Path) -> None:
    save(tmp_path / ".cache" / "a.png")
    assert len(load_examples(str(tmp_path / ".cache"))) == 1


def test_what_is_nested_belongs_to_the_first_folder(pets: Path) -> None:
    save(pets / "dog/poodle/b.png")
    save(pets / "dog/beagle/young/c.png")
    found = load_examples(str(pets))
    assert found.labels is not None and np.bincount(found.labels).tolist() == [2, 3]


@pytest.mark.parametrize("splits", [("train", "val"), ("Train", "test"), ("training",)])
def test_splits_are_no_classes(tmp_path: Path, splits: tuple[str, ...]) -> None:
    for split in splits:
        save(tmp_path / split / "cat" / "a.png")
    with pytest.raises(ManifoldScaleError, match=rf"splits .*choose one.*{min(splits)}"):
        load_examples(str(tmp_path))


def test_a_class_may_be_called_as_a_split(pets: Path) -> None:
    save(pets / "test/a.png")  # beside cats and dogs it is one
    assert load_examples(str(pets)).read.endswith("cat, dog, test")


def test_images_beside_classes_are_refused(pets: Path) -> None:
    save(pets / "c.png")
    with pytest.raises(ManifoldScaleError, match="beside the folders cat, dog"):
        load_examples(str(pets))


def test_what_is_not_read_is_said(pets: Path) -> None:
    for name in ("cat/notes.txt", "dog/clip.mp4", "dog/other.mp4"):
        (pets / name).write_bytes(b"x")
    assert load_examples(str(pets)).read.endswith("; not read: 1 .txt, 2 .mp4 files")


@pytest.mark.parametrize("ending", ["tif", "webp"])
def test_pages_beyond_the_first_are_said(tmp_path: Path, ending: str) -> None:
    pages = [Image.new("RGB", (8, 6), (level,) * 3) for level in (90, 20, 30)]
    file = tmp_path / f"stack.{ending}"
    pages[0].save(file, save_all=True, append_images=pages[1:])
    save(tmp_path / "one.tif")
    found = load_examples(str(tmp_path))
    assert found.inputs.shape == (2, 3, 6, 8)
    words = f"2 images, no classes; only the first page read of 1 files: {file.name} of 3"
    assert found.read == words


@pytest.mark.parametrize(
    ("modes", "channels"),
    [
        (("L", "RGB"), 3),
        (("L", "P"), 3),
        (("L", "LA"), 1),
        (("1", "L"), 1),
        (("RGBA", "RGB"), 3),
        (("LA", "RGBA"), 3),
        (("I;16", "RGB"), 3),
    ],
)
def test_grey_and_colour_have_as_many_channels(
    tmp_path: Path, modes: tuple[str, str], channels: int
) -> None:
    for name, mode in zip("ab", modes, strict=True):
        if mode == "I;16":
            grey = np.full((6, 8), 90 * 257, np.uint16)
            Image.fromarray(grey).save(tmp_path / f"{name}.png")
        else:
            save(tmp_path / f"{name}.png", mode, 255 if {"1", "P"} & set(modes) else 90)
    images = load_examples(str(tmp_path)).inputs
    assert images.shape == (2, channels, 6, 8)
    np.testing.assert_allclose(images, images[0, 0, 0, 0], atol=1e-6)


def test_a_saved_data_set_says_what_it_read(tmp_path: Path) -> None:
    pytest.importorskip("datasets.features")  # ours, a folder, has none
    import datasets

    grey = Image.new("L", (8, 6), 90)
    rows = {"image": [grey, grey.convert("RGB")], "label": ["a", "b"], "text": ["x", "y"]}
    features = datasets.Features(
        image=datasets.Image(),
        label=datasets.Value("string"),
        text=datasets.Value("string"),
    )
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "d")
    found = load_examples(str(tmp_path / "d"))
    assert found.inputs.shape == (2, 3, 6, 8)
    assert found.read == "image, label; not read: text"
    assert found.labels is not None and found.labels.tolist() == ["a", "b"]


@pytest.mark.parametrize("mode", ["P", "RGBA", "L", "1"])
def test_a_saved_data_set_and_a_folder_give_the_same_images(
    tmp_path: Path, mode: str
) -> None:
    """The numbers of a palette are no shades of grey."""
    pytest.importorskip("datasets.features")
    import datasets

    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 8, 3), dtype=np.uint8)
    images = [Image.fromarray(one).convert(mode) for one in pixels]
    (tmp_path / "folder").mkdir()
    for number, image in enumerate(images):
        image.save(tmp_path / "folder" / f"{number}.png")
    features = datasets.Features(image=datasets.Image())
    rows = datasets.Dataset.from_dict({"image": images}, features=features)
    rows.save_to_disk(tmp_path / "saved")
    found = load_examples(str(tmp_path / "saved")).inputs
    expected = [np.asarray(one.convert("L" if mode in "L1" else "RGB")) for one in images]
    by_hand = np.stack([np.moveaxis(np.atleast_3d(one), -1, 0) for one in expected]) / 255
    np.testing.assert_allclose(found, by_hand, atol=1e-6)
    np.testing.assert_array_equal(found, load_examples(str(tmp_path / "folder")).inputs)


def test_arrays_of_a_file_that_are_not_read_are_said(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, X=np.ones((3, 2)), y=np.arange(3), weights=np.ones(3))
    assert load_examples(str(path)).read == "X, y; not read: weights"
