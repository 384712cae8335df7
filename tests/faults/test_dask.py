"""Sweeps and extractions on a real Dask scheduler; a worker of the sweep is killed."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.sweeps import Plan, TeacherStudent, Training, run

distributed = pytest.importorskip("distributed")

PLAN = Plan(
    TeacherStudent(2, ambient_dim=4, teacher_width=20),
    dataset_sizes=(20, 30, 40, 50, 60, 80),
    widths=(16,),
    seeds=2,
    depth=1,
    n_test=50,
    training=Training(steps=3000),
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_changes_nothing(tmp_path: object) -> None:
    here = run(PLAN)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())
        done: list[int] = []

        def kill() -> None:
            while sum(done) < 2:  # until the sweep is under way
                time.sleep(0.05)
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        there = run(
            PLAN,
            tmp_path / "runs.sqlite",
            executor=client.get_executor(),
            progress=done.append,
        )
        killer.join(timeout=30)
    assert not killer.is_alive()
    np.testing.assert_allclose(there.losses, here.losses, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_an_extraction_on_dask_is_that_of_one_process(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
    data = np.random.default_rng(0).standard_normal((700, 6)).astype(np.float32)
    here = ms.extract(model, data, sites="*", batch_size=64, store=tmp_path / "here")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        there = ms.extract(
            model,
            data,
            sites="*",
            batch_size=64,
            store=tmp_path / "there",
            executor=client.get_executor(),
        )
    assert list(here) == list(there)
    for site in here:
        np.testing.assert_array_equal(here[site].points, there[site].points)
