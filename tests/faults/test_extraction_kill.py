"""An extraction that is killed at any moment resumes, with any batch size and number of
shards, and ends in the same arrays.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, os, random, signal, sys, time
import numpy as np, torch
import manifoldscale as ms
from manifoldscale.networks import chunks
from manifoldscale.networks.store import read_store

torch.set_num_threads(1)
torch.manual_seed(0)
chunks.CHUNK_BYTES = 1 << 14
from torch.nn import Linear, ReLU, Sequential

model = Sequential(Linear(20, 64), ReLU(), Linear(64, 30))
data = np.random.default_rng(0).standard_normal((2000, 20)).astype("float32")


def extract(store, batch_size=16, shard=None):
    return ms.extract(
        model, (data, np.arange(2000)), store=store, batch_size=batch_size, shard=shard
    )


start = time.perf_counter()
whole = extract(sys.argv[1] + "/whole")
duration = time.perf_counter() - start
random.seed(int(sys.argv[3]))
fork = multiprocessing.get_context("fork")
finished = 0
for attempt in range(int(sys.argv[2])):
    n = random.choice([1, 2, 3])
    arguments = (sys.argv[1] + "/killed", random.choice([1, 7, 16, 100]))
    workers = [fork.Process(target=extract, args=(*arguments, (i, n))) for i in range(n)]
    for worker in workers:
        worker.start()
    time.sleep(random.random() * duration / 8)
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    store = sys.argv[1] + "/killed"
    if os.path.exists(store + "/zarr.json"):
        finished = len(read_store(store).done())
last = extract(sys.argv[1] + "/killed", batch_size=33)
read_store(sys.argv[1] + "/killed").verify()
for site in whole:
    assert np.array_equal(whole[site].points, last[site].points), site
assert np.array_equal(whole.labels, last.labels) and np.array_equal(whole.ids, last.ids)
print("chunks before the last call:", finished, "of", len(read_store(store).chunks))
"""


def run(place: Path, kills: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(place), str(kills), "1"],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_three_kills_change_nothing(tmp_path: Path) -> None:
    assert "chunks" in run(tmp_path, 3)


@pytest.mark.slow
def test_fifty_kills_change_nothing(tmp_path: Path) -> None:
    assert "chunks" in run(tmp_path, 50)
