"""One thread a process: pytest runs as many processes as there are cores, and several
processes of several threads each mostly wait for one another.
"""

import os
import sys
from collections.abc import Iterator

import pytest

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture(autouse=True)
def no_figure_left() -> Iterator[None]:
    """A test that draws leaves no current axes to the next one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
