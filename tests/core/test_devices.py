"""A device that is not there: one error at every door, which names what would work."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import manifoldscale as ms
from manifoldscale.core.devices import device_of

X = np.random.default_rng(0).standard_normal((40, 3))
PLAN = ms.sweeps.Plan(
    ms.sweeps.TeacherStudent(2), [30], widths=[8, 16, 32], n_test=20,
    training=ms.sweeps.Training(steps=3),
)  # fmt: skip
IMAGES = X[:, :, None, None]
DOORS = {
    "neighbors": lambda device: ms.Cloud(X).neighbors(3, device=device),
    "kernel": lambda device: ms.theory.ntk(X, device=device),
    "both kernels": lambda device: ms.theory.nngp_and_ntk(X, device=device),
    "diagonal": lambda device: ms.theory.NTK().diagonal(X, device=device),
    "images": lambda device: ms.theory.ConvNTK(filter_size=1)(IMAGES, device=device),
    "sweep": lambda device: ms.sweeps.run(PLAN, device=device),
    "sweep by workers": lambda device: by_a_worker(device),
    "kernel_movement": lambda device: ms.sweeps.kernel_movement(PLAN, device=device),
    "coordinate_check": lambda device: ms.sweeps.coordinate_check(PLAN, device=device),
    "extract": lambda device: ms.extract(
        torch.nn.Sequential(torch.nn.Linear(3, 2)), X, device=device
    ),
}
AWAY = ["cuda:99", "nonsense", "meta", ""]
AWAY += [] if torch.cuda.is_available() else ["cuda"]
AWAY += [] if torch.backends.mps.is_available() else ["mps"]


def by_a_worker(device: str) -> object:
    with ThreadPoolExecutor(1) as executor:
        return ms.sweeps.run(PLAN, executor=executor, device=device)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("device", AWAY)
def test_a_device_that_is_not_there(door: str, device: str) -> None:
    with pytest.raises(ms.ManifoldScaleError) as caught:
        DOORS[door](device)
    said = str(caught.value)
    assert said.startswith(f"`device` {device!r} cannot be used here: "), said
    assert "Use 'cpu'" in said and len(said) < 400


@pytest.mark.parametrize("door", DOORS)
def test_the_cpu_is_there(door: str) -> None:
    if door != "coordinate_check":  # which tells the dimension of nothing in three steps
        DOORS[door]("cpu")


def test_what_is_found() -> None:
    assert device_of(None) == device_of("cpu") == torch.device("cpu")
    assert device_of(torch.device("cpu:0")).type == "cpu"
    with pytest.raises(ms.ManifoldScaleError, match=r"`device` 3\.5 cannot be used"):
        device_of(3.5)  # type: ignore[arg-type]


def test_a_finished_sweep_is_read_where_its_device_is_not(tmp_path) -> None:
    file = tmp_path / "runs.sqlite"
    curve = ms.sweeps.run(PLAN, file)
    assert ms.sweeps.run(PLAN, file, device="cuda:99") == curve
