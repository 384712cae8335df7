"""TorchScript, and networks whose parts share the name of the whole."""

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms


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
