"""The data sets: there, checked, and described."""

import dataclasses as dc

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale import data


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


@pytest.mark.parametrize("name", data.names())
def test_cards_say_what_is_known(name: str) -> None:
    card = data.card(name)
    assert card.licence and card.origin and card.citation and len(card.sha256) == 64
    assert card.known["dimension"] and card.known["source"]
    assert data.load(name).inputs.shape == (card.points, np.prod(card.shape))


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
    monkeypatch.setattr(data, "folder", lambda: tmp_path)
    with pytest.raises(ms.ManifoldScaleError, match="not what its card describes"):
        data.load("mnist5k")
    (copy / "mnist5k.npz").unlink()
    with pytest.raises(ms.ManifoldScaleError, match="is missing"):
        data.load("mnist5k")


def test_a_changed_loader_is_refused(monkeypatch: object) -> None:
    wrong = dc.replace(data.card("digits"), sha256="0" * 64)
    monkeypatch.setattr(data, "card", lambda _: wrong)
    with pytest.raises(ms.ManifoldScaleError, match="sha256"):
        data.load("digits")
