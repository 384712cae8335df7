"""Hooks on networks of every kind; the defects of other tools, one test each."""

import copy
import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.networks.capture import Capture


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))


@pytest.fixture
def inputs() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((20, 6)).astype(np.float32)


def by_hand(model: nn.Module, module: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """What a hook that a careful person writes gives."""
    kept = []
    handle = module.register_forward_hook(lambda m, i, o: kept.append(o.detach().clone()))
    with torch.no_grad():
        model.eval()(torch.from_numpy(inputs))
    handle.remove()
    return kept[0].float().flatten(1).numpy()


@pytest.mark.parametrize("wrap", ["compile", "compile in place", "parallel", "nested"])
def test_wrapped_models_give_what_bare_ones_do(wrap: str, inputs: np.ndarray) -> None:
    bare = net()
    expected = ms.extract(bare, inputs)
    model = copy.deepcopy(bare)
    if wrap == "compile":
        model = torch.compile(model, backend="eager")
        model(torch.from_numpy(inputs))  # compiled before there are hooks
    elif wrap == "compile in place":
        model.compile(backend="eager")
        model(torch.from_numpy(inputs))
    elif wrap == "parallel":
        model = nn.DataParallel(model)
    else:
        model = nn.DataParallel(
            torch.compile(nn.Sequential(nn.DataParallel(model)), backend="eager")
        )
    found = ms.extract(model, inputs)
    names = [name.removeprefix("0.") for name in found] if wrap == "nested" else found
    assert [name for name in names if name != "0"] == [n for n in expected if n != "0"]
    last = "0.2" if wrap == "nested" else "2"
    np.testing.assert_array_equal(found[last].points, expected["2"].points)


def test_two_compiled_models_of_one_architecture(inputs: np.ndarray) -> None:
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(6, 4), nn.ReLU())
        compiled = torch.compile(model, backend="eager")
        compiled(torch.from_numpy(inputs))
        found = ms.extract(compiled, inputs, "0")["0"].points
        np.testing.assert_array_equal(found, by_hand(model, model[0], inputs))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_means_in_half_precision_do_not_overflow(dtype: torch.dtype) -> None:
    values = torch.full((4, 64, 64, 2), 3e4).to(dtype)  # the sum exceeds 65504
    model = nn.Sequential(nn.LayerNorm(2), nn.Identity()).to(dtype)
    found = ms.extract(model, values, "@input", points="mean")
    np.testing.assert_allclose(found["@input"].points, 3e4, rtol=2e-3)


def test_channels_last_changes_no_feature() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    images = torch.randn(9, 3, 6, 6)
    plain = ms.extract(model, images)
    other = ms.extract(
        model.to(memory_format=torch.channels_last),
        images.to(memory_format=torch.channels_last),
    )
    for site in plain:
        np.testing.assert_allclose(plain[site].points, other[site].points, atol=1e-6)


def test_hooks_of_the_user_stay_and_run(inputs: np.ndarray) -> None:
    model, seen = net(), []
    model[0].register_forward_hook(lambda m, i, o: seen.append(1))
    before = list(model[0]._forward_hooks)
    ms.extract(model, inputs, "2")
    assert list(model[0]._forward_hooks) == before and seen


class Stops(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.late = nn.Linear(6, 6), nn.Linear(6, 6), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(self.first(x))
        self.late += 1
        return x


def test_a_pass_ends_with_the_last_site_and_values_do_not_change(
    inputs: np.ndarray,
) -> None:
    model = Stops()
    whole = ms.extract(model, inputs, ["second", "Stops"])
    late = model.late
    part = ms.extract(model, inputs, "second", batch_size=5)
    assert model.late == late + 2  # the two dry passes
    np.testing.assert_allclose(whole["second"].points, part["second"].points, atol=1e-6)


def test_random_states_are_untouched_and_draws_are_repeatable(inputs: np.ndarray) -> None:
    class Noisy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.randn_like(x)

    before = torch.get_rng_state()
    one, other = (ms.extract(Noisy(), inputs, "Noisy")["Noisy"].points for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(one, other)


def test_in_a_training_loop(inputs: np.ndarray) -> None:
    """Capture leaves modes, losses and gradients alone, and extraction in between too."""

    def train(watch: bool) -> tuple[nn.Module, list[np.ndarray]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 1)).train()
        optimizer, seen = torch.optim.SGD(model.parameters(), 0.1), []
        for _ in range(4):
            if watch:
                with Capture(model, {"0"}) as captured:
                    loss = model(torch.from_numpy(inputs)).square().mean()
                seen.append(captured["0"])
                assert not captured["0"].requires_grad and model.training
                ms.extract(model, inputs, "2")
            else:
                loss = model(torch.from_numpy(inputs)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return model, seen

    plain, watched = train(False)[0], train(True)[0]
    for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(a, b)


class Containers(nn.Module):
    """Gives tuples, mappings and dataclasses, as real networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 5)  # examples second
        self.head = nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> dict:
        states, (hidden, _) = self.lstm(x.transpose(0, 1))
        return {"logits": self.head(hidden[-1]), "all": [states, None]}


def test_paths_into_tuples_and_mappings() -> None:
    model, x = Containers(), torch.randn(7, 3, 4)
    found = {site.name: site for site in ms.sites(model, x)}
    assert found["lstm/0"].axes == "TNC" and found["lstm/0"].shape == (3, 5)
    assert found["lstm/1/0"].shape == (1, 5) and "lstm" not in found
    states = ms.extract(model, x, "lstm/0", points="last")["lstm/0"].points
    expected = model.lstm(x.transpose(0, 1))[0][-1].detach()
    np.testing.assert_allclose(states, expected, atol=1e-6)
    with pytest.raises(
        ms.ManifoldScaleError, match="several tensors; choose one of 'lstm/0'"
    ):
        ms.extract(model, x, "lstm")
    assert list(ms.extract(model, x, "@logits")) == ["head"]


def test_a_block_that_gives_a_tuple_of_one_is_as_one_that_gives_a_tensor() -> None:
    class Block(nn.Linear):
        as_tuple = False

        def forward(self, x: torch.Tensor) -> object:
            y = super().forward(x)
            return (y,) if self.as_tuple else y

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Block(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.block(x)
            return (y[0] if isinstance(y, tuple) else y) * 2

    model, x = Model(), torch.randn(6, 5, 4)
    old = ms.extract(model, x, "block")["block"].points
    Block.as_tuple = True
    np.testing.assert_array_equal(ms.extract(model, x, "block")["block"].points, old)


def test_a_batch_that_equals_the_sequence_in_length_is_not_mistaken() -> None:
    model = nn.LSTM(4, 5)
    x = torch.randn(3, 3, 4)
    sites = {s.name: s.axes for s in ms.sites(nn.Sequential(Turn(), model), x)}
    assert sites["1/0"] == "TNC"


class Turn(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(0, 1)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("unused", "does not call 'unused' .*directly"),
        ("list", "ModuleList, which is never called itself"),
        ("re:(", "not a regular expression"),
        ("list.0#2", "called 1 times per pass"),
        ("@penultimate", "nothing in that role"),
    ],
)
def test_patterns_that_match_nothing_say_why(pattern: str, message: str) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.list = nn.ModuleList([nn.Tanh()])
            self.unused = nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.list[0](x) + self.unused.forward(x)

    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.extract(Model(), torch.randn(5, 2), pattern)


def test_roles_and_expressions(inputs: np.ndarray) -> None:
    block = lambda: nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)  # noqa: E731
    model = nn.Sequential(block(), block(), nn.Flatten(), nn.Linear(18, 2))
    x = torch.randn(5, 3, 6)
    assert list(ms.extract(model, x, "@blocks")) == ["0", "1"]
    assert list(ms.extract(model, x, "@penultimate")) == ["2"]
    assert list(ms.extract(model, x, "@logits")) == ["3"]
    assert list(ms.extract(model, x, r"re:\d")) == ["2", "3"]
    # The fused path of eval mode would call none of these.
    assert list(ms.extract(model, x, "0.linear1")) == ["0.linear1"]


def test_both_names_of_a_shared_module(inputs: np.ndarray) -> None:
    shared = nn.Linear(6, 6)
    found = ms.extract(nn.Sequential(shared, nn.ReLU(), shared), inputs, ["0", "0#2"])
    assert list(found) == ["0", "0#2"]


def test_interrupts_leave_nothing_behind(inputs: np.ndarray) -> None:
    model = net().train()

    def batches() -> object:
        yield inputs
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ms.extract(model, batches())
    assert all(m.training and not m._forward_hooks for m in model.modules())


class Recursive(nn.Module):
    """A part that calls itself, inside out."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Part()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.part(x, 2)


class Part(nn.Module):
    def forward(self, x: torch.Tensor, depth: int) -> torch.Tensor:
        return self(x, depth - 1) + 1 if depth else 2 * x


def test_a_module_that_calls_itself_has_an_output_for_each_call(inputs: np.ndarray) -> None:
    found = ms.extract(Recursive(), inputs)
    for number, name in enumerate(["part", "part#2", "part#3"]):
        np.testing.assert_allclose(found[name].points, 2 * inputs + number, rtol=1e-6)


def test_between_two_batches_the_network_is_free(inputs: np.ndarray) -> None:
    """A loader may use the network for itself, with gradients and its own modes."""
    model = net().train()
    seen = []

    def batches():
        for batch in torch.from_numpy(inputs).split(5):
            assert model.training and torch.is_grad_enabled()
            x = batch.clone().requires_grad_()
            model(x).square().sum().backward()
            seen.append(x.grad is not None)
            yield batch

    found = ms.extract(model, batches(), ["0", "1"])
    assert seen == [True] * 4
    for name in found:
        expected = by_hand(model, model.get_submodule(name), inputs)
        np.testing.assert_allclose(found[name].points, expected, atol=1e-6)


class Widens(nn.Module):
    """float64 where the first number is positive."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.double() / 3 if x[0, 0] > 0 else x / 3


def test_a_network_may_change_its_precision_between_batches() -> None:
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None] + np.zeros(3, np.float32)
    found = ms.extract(Widens(), x, "Widens", batch_size=10)["Widens"].points
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found[20:], x[20:].astype(np.float64) / 3)
    np.testing.assert_array_equal(found[:20], (x[:20] / np.float32(3)).astype(np.float64))


def test_points_of_all_batches_are_written_into_one_array(inputs: np.ndarray) -> None:
    found = ms.extract(net(), inputs, "2", batch_size=8)  # the last batch is filled up
    assert found.arrays["2"].base is None and found.arrays["2"].shape == (20, 3)
    whole = ms.extract(net(), inputs, "2", batch_size=20)
    np.testing.assert_allclose(found["2"].points, whole["2"].points, atol=1e-6)


def test_nothing_is_held_when_all_is_read(inputs: np.ndarray) -> None:
    """Without waiting for Python's collector of cycles: networks and points are large."""
    gc.collect()
    gc.disable()
    try:
        model = net()
        ended = weakref.ref(model)
        found = ms.extract(model, inputs, "2", batch_size=5)
        points = weakref.ref(found.arrays["2"])
        del model, found
        assert ended() is None and points() is None
    finally:
        gc.enable()


def test_points_that_do_not_fit_into_memory_are_refused_at_once(
    inputs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = np.empty

    def full(shape: object, *args: object) -> np.ndarray:
        if shape == (20, 3):
            raise MemoryError("60 numbers")
        return empty(shape, *args)

    monkeypatch.setattr(np, "empty", full)
    with pytest.raises(ms.ManifoldScaleError, match=r"'2' do not fit .* `store`"):
        ms.extract(net(), inputs, "2", batch_size=5)


class Scores(nn.Module):
    """Hands on what is added to scores, as transformers do without fused attention."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x @ x.mT + mask, dim=-1) @ x


class Masked(nn.Module):
    def __init__(self, low: float) -> None:
        super().__init__()
        self.scores, self.low = Scores(), low

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.where(x[:, None, :, 0] > 0, 0.0, self.low)
        y: torch.Tensor = self.scores(x, mask)
        return y


@pytest.mark.parametrize("low", [-1e4, torch.finfo(torch.float32).min, -torch.inf])
def test_what_is_added_to_scores_is_no_site(low: float) -> None:
    x = np.random.default_rng(0).normal(size=(9, 5, 4)).astype("f4")
    x[:, 0, 0] = 1.0
    names = [site.name for site in ms.sites(Masked(low), x)]
    assert names == ["@input", "scores"]


class SortedByLength(nn.Module):
    """Packs its sequences by falling length, as older code for recurrent networks does."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.head = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        lengths, order = (x.abs().sum(2) > 0).sum(1).sort(descending=True)
        pack = nn.utils.rnn.pack_padded_sequence(x[order], lengths, batch_first=True)
        last = self.read(pack)[1][0]
        return self.head(last[order.argsort()])


def test_rows_that_a_network_sorts_are_not_those_of_the_examples() -> None:
    torch.manual_seed(0)
    model, x = SortedByLength().eval(), torch.randn(20, 6, 3)
    for row, length in enumerate(np.random.default_rng(0).permutation(20) % 6 + 1):
        x[row, int(length) :] = 0
    found = ms.extract(model, x)
    assert "read/1" not in found
    with torch.no_grad():
        assert np.allclose(found["head"].points, model(x).numpy(), atol=1e-6)
    with pytest.raises(ms.ManifoldScaleError, match="'read/1': its rows are in another"):
        ms.extract(model, x, "read/1")


def test_a_recurrent_layer_that_runs_over_the_examples_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    x = np.random.default_rng(0).standard_normal((20, 5, 6)).astype(np.float32)
    ms.extract(nn.LSTM(6, 4, batch_first=True), x, "LSTM/0")
    assert not caplog.records
    ms.extract(nn.LSTM(6, 4), x, "LSTM/0")  # takes the first axis for time
    assert "LSTM/0 depend on the other examples of a batch" in caplog.text
