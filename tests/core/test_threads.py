"""Work shared by threads leaves the settings of the process as they were."""

import os
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_forked_during_a_search_begins_anew():
    before, inside, leave = _of_blas(), threading.Event(), threading.Event()

    def worker(tasks):
        list(tasks)
        inside.set()
        assert leave.wait(10)

    thread = threading.Thread(target=shared, args=(worker, range(1)))
    thread.start()
    assert inside.wait(10)
    child = os.fork()
    if child == 0:
        shared(list, range(1))
        os._exit(0 if _of_blas() == before else 1)
    leave.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    assert _of_blas() == before
