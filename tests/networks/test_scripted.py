"""TorchScript, and networks whose parts share the name of the whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.networks.loading import load_model


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_is_read_at_its_ends() -> None:
    net, x = nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.randn(20, 4)
    traced = torch.jit.trace(net, x)
    assert {"@input", "Scripted"} <= {site.name for site in ms.sites(traced, x)}
    reps = ms.extract(traced, x, ["@input", "@logits"])
    with torch.no_grad():
        np.testing.assert_allclose(reps["Scripted"].points, net(x), atol=1e-6)


class Net(nn.Module):
    """Its first part is called as the class of the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.Net, self.last = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.Net(x)) * 2


def test_the_logits_are_those_of_the_whole() -> None:
    net, x = Net(), torch.randn(20, 4)
    reps = ms.extract(net, x, ["@logits", "Net"])
    with torch.no_grad():
        np.testing.assert_allclose(reps["@network"].points, net(x), atol=1e-6)
        np.testing.assert_allclose(reps["Net"].points, net.Net(x), atol=1e-6)


class Idle(nn.Module):
    """One branch is never taken."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.spare = nn.Linear(4, 3), nn.Sequential(nn.Linear(4, 3), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


@pytest.mark.parametrize("pattern", ["spare", "spare.0", "spare*", "re:spare.*", "*pare.1"])
def test_modules_that_are_never_called_are_the_reason(pattern: str) -> None:
    with pytest.raises(
        ms.ManifoldScaleError, match="the forward pass does not call 'spare"
    ):
        ms.extract(Idle(), torch.randn(5, 4), pattern)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_programs_without_modes_are_refused(tmp_path: Path) -> None:
    net, x = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval(), torch.randn(20, 4)
    frozen = torch.jit.freeze(torch.jit.script(net))
    frozen.save(str(tmp_path / "frozen.pt"))
    for model in (frozen, torch.export.export(net, (x,)).module()):
        with pytest.raises(ms.ManifoldScaleError, match="cannot be put into eval mode"):
            ms.extract(model, x)
    with pytest.raises(ms.ManifoldScaleError, match="cannot be put into eval mode"):
        load_model(f"script:{tmp_path / 'frozen.pt'}")


class Tied(nn.Module):
    """One layer three times, as in ALBERT."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4)] * 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x).tanh()
        return x


def test_a_layer_that_stands_at_several_places_is_named() -> None:
    message = r"'layers.0' under another name, whose calls are .*'layers.0#3'"
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.extract(Tied(), torch.randn(5, 4), "layers.2")
