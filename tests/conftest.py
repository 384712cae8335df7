"""One thread a process: pytest runs as many processes as there are cores, and several
processes of several threads each mostly wait for one another.
"""

import os
import sys
import time
import zlib
from collections.abc import Iterator

import pytest

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


START = pytest.StashKey[float]()
PARTS = 8  # of the slow statistics: each landing runs one


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--turn", type=int, metavar="N", help=f"Only the part whose turn it is, of {PARTS}."
    )
    parser.addoption("--minutes", type=float, help="Begin no test after so many minutes.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests whose turn it is. A test is in the same part on any machine."""
    turn = config.getoption("--turn")
    if turn is None:
        return
    others = [i for i in items if (zlib.crc32(i.nodeid.encode()) - turn) % PARTS]
    config.hook.pytest_deselected(items=others)
    left_out = set(others)
    items[:] = [item for item in items if item not in left_out]


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[START] = time.monotonic()


def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = item.config.getoption("--minutes")
    spent = time.monotonic() - item.config.stash[START]
    if minutes is not None and spent > 60 * minutes:
        pytest.skip("no time left: its turn comes at another landing")


@pytest.fixture(autouse=True)
def no_figure_left() -> Iterator[None]:
    """A test that draws leaves no current axes to the next one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
