"""Extraction: every site in one pass, and the model as it was."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import manifoldscale as ms
from manifoldscale.networks.capture import Capture


class Branching(nn.Module):
    """Shared module, in-place and functional activations, tuple and dict outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.inplace = nn.ReLU(inplace=True)
        self.shared = nn.Linear(8, 8)
        self.dropout = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(8)
        self.last = nn.Linear(8, 3)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.inplace(self.first(x))
        x = functional.gelu(self.shared(x))
        x = self.shared(x)
        return self.last(self.norm(self.dropout(x)))


@pytest.fixture
def model() -> Branching:
    torch.manual_seed(0)
    return Branching()


@pytest.fixture
def inputs() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)


def test_sites_are_listed_once_each_in_order(model: Branching, inputs: np.ndarray) -> None:
    sites = ms.sites(model, inputs)
    assert [site.name for site in sites] == [
        "@input",
        "first",
        "inplace",
        "shared",
        "shared#2:in",
        "shared#2",
        "norm",
        "last",
    ]
    assert sites[1].shape == (8,) and sites[1].kind == "Linear"


def test_before_and_after_each_activation(model: Branching, inputs: np.ndarray) -> None:
    reps = ms.extract(model, inputs, batch_size=7)
    model.eval()
    with torch.no_grad():
        before = model.first(torch.from_numpy(inputs))
        after = before.clamp_min(0)
        hidden = model.shared(after)
        smooth = functional.gelu(hidden)
    np.testing.assert_allclose(reps["first"].points, before, atol=1e-6)
    np.testing.assert_allclose(reps["inplace"].points, after, atol=1e-6)
    np.testing.assert_allclose(reps["shared"].points, hidden, atol=1e-6)
    np.testing.assert_allclose(reps["shared#2:in"].points, smooth, atol=1e-6)
    np.testing.assert_array_equal(reps["@input"].points, inputs)
    np.testing.assert_allclose(
        reps["last"].points, model(torch.from_numpy(inputs)).detach(), atol=1e-6
    )


def state(model: nn.Module) -> dict:
    return {
        "training": [module.training for module in model.modules()],
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()
        ],
        "weights": {name: value.clone() for name, value in model.state_dict().items()},
        "rng": torch.get_rng_state(),
        "grad": torch.is_grad_enabled(),
    }


def assert_same_state(before: dict, after: dict) -> None:
    for key in ("training", "hooks", "grad"):
        assert before[key] == after[key]
    assert torch.equal(before["rng"], after["rng"])
    for name, value in before["weights"].items():
        assert torch.equal(value, after["weights"][name]), name


def test_the_model_is_left_as_it_was(model: Branching, inputs: np.ndarray) -> None:
    model.train()
    model.norm.eval()  # a mixture of flags
    before = state(model)
    ms.extract(model, inputs)
    assert_same_state(before, state(model))


def test_the_model_is_left_as_it_was_after_an_error(
    model: Branching, inputs: np.ndarray
) -> None:
    model.train()
    before = state(model)
    with pytest.raises(ms.ManifoldScaleError, match="shapes cannot be multiplied"):
        ms.extract(model, inputs[:, :5])

    def batches() -> object:
        yield inputs[:10]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        ms.extract(model, batches())
    assert_same_state(before, state(model))


def test_outputs_are_unchanged_bit_for_bit(model: Branching, inputs: np.ndarray) -> None:
    x = torch.from_numpy(inputs)
    model.eval()
    with torch.no_grad():
        plain = model(x)
        with Capture(model, {"last"}) as captured:
            hooked = model(x)
    assert torch.equal(plain, hooked) and torch.equal(captured["last"], plain)


def test_batch_size_changes_no_dimension(model: Branching) -> None:
    # In double precision: a product of one row rounds in another order than one of many.
    inputs, double = np.random.default_rng(1).standard_normal((600, 6)), model.double()
    one, other, single = (
        ms.estimate(
            ms.extract(double, inputs, "last", batch_size=b)["last"], ms.dimension.TwoNN()
        ).value
        for b in (600, 37, 1)
    )
    assert other == pytest.approx(one, rel=1e-9)
    assert single == pytest.approx(one, rel=1e-9)


def test_a_pass_keeps_precision_and_follows_the_model(inputs: np.ndarray) -> None:
    double = nn.Linear(6, 4).double()
    assert ms.extract(double, inputs, "Linear")["Linear"].points.dtype == np.float64
    half = nn.Linear(6, 4).to(torch.bfloat16)
    assert ms.extract(half, inputs, "Linear")["Linear"].points.dtype == np.float32


@pytest.mark.parametrize("kind", ["pair", "dataset", "loader", "cloud", "generator"])
def test_labels_and_rows_stay_aligned(kind: str, inputs: np.ndarray) -> None:
    labels = np.arange(50) % 7
    tensors = TensorDataset(torch.from_numpy(inputs), torch.from_numpy(labels))
    data = {
        "pair": (inputs, labels),
        "dataset": tensors,
        "loader": DataLoader(tensors, batch_size=8),
        "cloud": ms.Cloud(inputs, labels=labels, ids=np.arange(50) + 100),
        "generator": ((inputs[i : i + 9], labels[i : i + 9]) for i in range(0, 50, 9)),
    }[kind]
    reps = ms.extract(nn.Identity(), data, batch_size=16)
    cloud = reps["@input"]
    np.testing.assert_array_equal(cloud.points, inputs)
    np.testing.assert_array_equal(cloud.labels, labels)
    ids = np.arange(50) + (100 if kind == "cloud" else 0)
    np.testing.assert_array_equal(cloud.ids, ids)


def test_images_are_flattened(inputs: np.ndarray) -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 5))
    reps = ms.extract(net, np.random.default_rng(0).random((10, 1, 6, 6)))
    assert reps["0"].points.shape == (10, 48)
    assert [site.shape for site in reps.sites][1] == (3, 4, 4)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("last", ["last"]),
        ("shared*", ["shared", "shared#2:in", "shared#2"]),
        (["*", "!shared*", "!@input"], ["first", "inplace", "norm", "last"]),
        ("inplace:in", ["inplace:in"]),  # the same tensor as "first", when written out
        ("Branching", ["Branching"]),
    ],
)
def test_patterns(
    model: Branching, inputs: np.ndarray, patterns: object, names: list
) -> None:
    assert list(ms.extract(model, inputs, patterns)) == names


def test_blocks_match_a_glob_and_keep_the_order_of_the_network() -> None:
    """The output of a block is listed by its last part; both names can be asked for."""
    model = nn.Sequential()
    for layer in (1, 2):
        model.add_module(f"hidden{layer}", nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    model.add_module("readout", nn.Linear(3, 2))
    inputs = np.random.default_rng(0).standard_normal((8, 3))
    reps = ms.extract(model, inputs, sites=["readout", "hidden?", "@input"])
    assert list(reps) == ["@input", "hidden1", "hidden2", "readout"]
    inside = ms.extract(model, inputs, sites="hidden1*")
    assert list(inside) == ["hidden1.0", "hidden1.1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sites": "lsat"}, "No site matches 'lsat': .* Did you mean 'last'"),
        ({"sites": "unused"}, "No site matches 'unused'"),
        ({"sites": ["*", "!*"]}, "leave no site"),
        ({"points": "token"}, "`points` must be one of .* Did you mean 'tokens'"),
        ({"points": "tokens"}, "axes NC: points='tokens' needs tokens"),
        ({"batch_size": 0}, "`batch_size`"),
    ],
)
def test_calls_that_cannot_work(
    model: Branching, inputs: np.ndarray, arguments: dict, message: str
) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.extract(model, inputs, **arguments)


def test_data_that_cannot_be_used(model: Branching, inputs: np.ndarray) -> None:
    for data, message in [
        (3, "must be an array"),
        ("mnist5k", "ms.data.load"),
        ([], "no examples"),
        (iter(()), "no examples"),
        ((inputs, np.arange(3)), "one label for each of the 50"),
    ]:
        with pytest.raises(ms.ManifoldScaleError, match=message):
            ms.extract(model, data)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, ms.Cloud])
def test_a_network_that_works_in_place_changes_neither_data_nor_rows(
    kind: object, inputs: np.ndarray
) -> None:
    class Doubling(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mul_(2)

    mine = inputs.copy()
    net = nn.Sequential(Doubling(), nn.ReLU(inplace=True))
    reps = ms.extract(net, kind(mine), ["@input", "0"], batch_size=20)
    np.testing.assert_array_equal(mine, inputs)
    np.testing.assert_array_equal(reps["@input"].points, inputs)
    np.testing.assert_array_equal(reps["0"].points, 2 * inputs)


def test_a_site_with_nan_is_an_error_of_its_own(inputs: np.ndarray) -> None:
    class Log(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.log()

    reps = ms.extract(nn.Sequential(nn.Linear(6, 4), Log()), inputs)
    assert reps["0"].points.shape == (50, 4)
    with pytest.raises(ms.ManifoldScaleError, match=r"Site '1': .* NaN"):
        reps["1"]


def test_a_site_that_comes_and_goes_is_named(inputs: np.ndarray) -> None:
    class Fickle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(x)) if len(x) < 10 else self.b(x)

    with pytest.raises(ms.ManifoldScaleError, match="Site 'a' gave nothing"):
        ms.extract(Fickle(), inputs)


def test_models_and_examples_that_cannot_be_used(inputs: np.ndarray) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"torch\.nn\.Module"):
        ms.extract("net", inputs)
    with pytest.raises(ms.ManifoldScaleError, match="no examples"):
        ms.sites(nn.Linear(6, 2), inputs[:0])
    with pytest.raises(
        ms.ManifoldScaleError, match=r"does not accept inputs of shape \(3, 6\)"
    ):
        ms.extract(nn.Linear(5, 2), inputs)


def test_inference_mode_inside_the_forward_is_no_obstacle(inputs: np.ndarray) -> None:
    class Inference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(6, 3)

        @torch.inference_mode()
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x)

    assert ms.extract(Inference(), inputs)["inner"].points.shape == (50, 3)


def test_sites_that_mix_examples_are_named() -> None:
    class Pooling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean = nn.AdaptiveAvgPool1d(1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.mean(x.T[None]).expand(1, 4, 1)[0].T  # (features, 1): no batch

    sites = ms.sites(Pooling(), np.ones((5, 4)))
    assert [site.name for site in sites] == ["@input", "mean:in"]
    assert [site.axes for site in sites] == ["NC", "CLN"]
    with pytest.raises(ms.ManifoldScaleError, match=r"shape \(1, 4, 1\) has no axis"):
        ms.extract(Pooling(), np.ones((5, 4)), "mean")
