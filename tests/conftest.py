"""One thread a process: pytest runs as many processes as there are cores, and several
processes of several threads each mostly wait for one another.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
