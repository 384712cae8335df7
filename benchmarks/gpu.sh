#!/usr/bin/env bash
# The GPU benchmarks in one go, under eight minutes: nothing is installed that is there.
#     bash benchmarks/gpu.sh [FOLDER FOR THE RESULTS]
set -euo pipefail
cd "$(dirname "$0")/.."
python3 -c "import torch; assert torch.cuda.is_available(), 'no CUDA device'"
missing=$(python3 - <<'PY'
import importlib.util as find
needed = {"numba": "numba", "rich": "rich", "sklearn": "scikit-learn", "safetensors": "safetensors",
          "filelock": "filelock", "threadpoolctl": "threadpoolctl", "pandas": "pandas"}
print(*[package for module, package in needed.items() if find.find_spec(module) is None])
PY
)
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    python3 -m pip install -q -c constraints.txt $missing
fi
PYTHONPATH=. timeout 480 python3 benchmarks/gpu.py
if [ $# -gt 0 ]; then cp benchmarks/gpu*.json "$1"; fi
