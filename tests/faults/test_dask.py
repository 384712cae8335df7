"""A sweep on a real Dask scheduler, one of whose two worker processes is killed."""

import os
import signal
import threading
import time

import numpy as np
import pytest

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
