"""Work shared by threads leaves the settings of the process as they were."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from manifoldscale.core.threads import shared

threadpoolctl = pytest.importorskip("threadpoolctl")


def _of_blas():
    found = threadpoolctl.threadpool_info()
    return [one["num_threads"] for one in found if one["user_api"] == "blas"]


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_overlapping_searches_restore_the_threads_of_blas(first_leaves_first):
    """threadpoolctl ignores every thread but the one that changed OpenBLAS last, and in an
    executor that thread lives on when its search has ended.
    """
    inside = [threading.Event(), threading.Event()]
    leave = [threading.Event(), threading.Event()]
    seen = []

    def search(i):
        def worker(tasks):
            list(tasks)
            inside[i].set()
            assert leave[i].wait(10)
            seen.append(_of_blas())

        shared(worker, range(1))

    before = torch.get_num_threads()
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        # Another thread must be free to change them.
        getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", int)()
        expected = _of_blas()
        with ThreadPoolExecutor(2) as pool:
            both = []
            for i in (0, 1):
                both.append(pool.submit(search, i))
                assert inside[i].wait(10)
            for i in (0, 1) if first_leaves_first else (1, 0):
                leave[i].set()
                both[i].result()
            assert _of_blas() == expected
    assert all(count == 1 for counts in seen for count in counts)
    assert torch.get_num_threads() == before
