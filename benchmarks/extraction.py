"""The cost of extraction: time over the bare forward pass, and memory.

Each measurement is a separate process, with its own peak of memory. Run
`python benchmarks/extraction.py [--quick]`; it writes benchmarks/extraction.json.
"""

import argparse
import copy
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from manifoldscale.networks.extract import blocks, extract, open_store

HERE = Path(__file__).parent
BATCH, FEATURES, WIDTH = 256, 784, 1024
SITES = ["1", "3", "5"]


def network(width: int = WIDTH) -> nn.Module:
    torch.manual_seed(0)
    sizes = (FEATURES, width, width, width)
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10)).eval()


def convolutional() -> nn.Module:
    """Three blocks of two 3 x 3 convolutions on images of 3 x 32 x 32, as of a VGG."""
    torch.manual_seed(0)
    blocks_, channels = [], 3
    for width in (64, 128, 256):
        layers: list[nn.Module] = []
        for given in (channels, width):
            layers += [nn.Conv2d(given, width, 3, padding=1), nn.ReLU()]
        blocks_.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
        channels = width
    return nn.Sequential(*blocks_, nn.Flatten(), nn.Linear(256 * 16, 10)).eval()


class Images(torch.utils.data.Dataset):
    """Examples made when asked for, so that the data take no memory."""

    def __init__(self, n: int, features: int = FEATURES) -> None:
        self.n, self.row = n, np.arange(features, dtype=np.float32) / features

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, number: int) -> np.ndarray:
        return np.sin(self.row * (number % 977 + 1))


def overhead(n: int, width: int = WIDTH, batch_size: int = BATCH) -> dict:
    """Three sites of a perceptron, whole."""
    data = np.stack([Images(n)[i] for i in range(n)])
    return compared(network(width), network(width), data, SITES, batch_size)


def overhead_convolutional(n: int) -> dict:
    """Three blocks of a convolutional network, each point the mean over its pixels."""
    data = np.random.default_rng(0).random((n // 8, 3, 32, 32), dtype=np.float32)
    sites = ["0", "1", "2"]
    return compared(convolutional(), convolutional(), data, sites, 32, points="mean")


def compared(
    plain: nn.Module,
    model: nn.Module,
    data: np.ndarray,
    sites: list[str],
    batch_size: int,
    points: str = "auto",
) -> dict:
    """Time per batch: bare forward passes, three sites read, and the same by hooks written
    by hand, which copy as they must and check nothing. They take turns.
    """
    stream = blocks(model, data, sites, batch_size=batch_size, points=points)
    next(stream)
    by_hand = copy.deepcopy(plain)
    kept = {}
    for site in sites:

        def keep(
            module: nn.Module, given: Any, out: torch.Tensor, site: str = site
        ) -> None:
            kept[site] = out.mean((2, 3)) if points == "mean" else out.clone()

        by_hand.get_submodule(site).register_forward_hook(keep)
    ways: dict[str, Callable[[torch.Tensor], Any]] = {
        "bare": plain,
        "by_hand": lambda batch: by_hand(batch.clone()),
        "extraction": lambda batch: next(stream),
    }
    spent: dict[str, list[float]] = {way: [] for way in ways}
    order = itertools.cycle(itertools.permutations(ways))
    for start in range(batch_size, len(data) - len(data) % batch_size, batch_size):
        batch = torch.from_numpy(data[start : start + batch_size])
        for way in next(order):
            begun = time.process_time()
            with torch.no_grad():
                ways[way](batch)
            spent[way].append(time.process_time() - begun)
    # Medians of the processor's time: others on the machine disturb single batches.
    found = {way: float(np.median(times)) for way, times in spent.items()}
    bare = found["bare"]
    return {f"{way}_s": seconds for way, seconds in found.items()} | {
        "overhead": found["extraction"] / bare - 1,
        "overhead_by_hand": found["by_hand"] / bare - 1,
    }


def peak(n: int) -> dict:
    """Peak memory of three sites on disk."""
    with tempfile.TemporaryDirectory() as place:
        begun = time.perf_counter()
        extract(network(), Images(n), SITES, batch_size=BATCH, store=Path(place) / "s")
        return {"seconds": time.perf_counter() - begun, **_peak()}


def large(n: int) -> dict:
    """Points of 2,048 features written and read again, chunk after chunk."""
    with tempfile.TemporaryDirectory() as place:
        begun = time.perf_counter()
        data = Images(n, 2048)
        extract(nn.Identity(), data, "@input", batch_size=BATCH, store=Path(place) / "s")
        written = time.perf_counter() - begun
        begun, total = time.perf_counter(), 0.0
        for block in open_store(place + "/s").arrays["@input"].blocks():
            total += float(block.sum())
        read = time.perf_counter() - begun
        return {"rows": n, "write_s": written, "read_s": read, **_peak()}


def _peak() -> dict:
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def overhead_wide(n: int) -> dict:
    """Copies grow with the width, products with its square."""
    return overhead(n, 2 * WIDTH)


def overhead_narrow(n: int) -> dict:
    """Half the width."""
    return overhead(n, WIDTH // 2)


def overhead_small(n: int) -> dict:
    """Small batches: what a batch costs, whatever is in it."""
    return overhead(n // 4, WIDTH // 2, batch_size=32)


MEASURED = {
    "overhead": overhead,
    "overhead_narrow": overhead_narrow,
    "overhead_small": overhead_small,
    "overhead_wide": overhead_wide,
    "overhead_convolutional": overhead_convolutional,
    "peak": peak,
    "large": large,
}


def measure(name: str, n: int) -> dict:
    """A measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, str(n)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict = json.loads(done.stdout.splitlines()[-1])
    print(f"{name:<9} n = {n:>7,}", {key: round(v, 3) for key, v in found.items()})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "N"))
    options = parser.parse_args()
    if options.one:
        print(json.dumps(MEASURED[options.one[0]](int(options.one[1]))))
        return
    scale = 10 if options.quick else 1
    results = {
        "overhead": measure("overhead", 20_000 // scale),
        "overhead_narrow": measure("overhead_narrow", 20_000 // scale),
        "overhead_small": measure("overhead_small", 20_000 // scale),
        "overhead_wide": measure("overhead_wide", 20_000 // scale),
        "overhead_convolutional": measure("overhead_convolutional", 20_000 // scale),
        "peak_10k": measure("peak", 10_000 // scale),
        "peak_100k": measure("peak", 100_000 // scale),
        "large": measure("large", 200_000 // scale),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    if not options.quick:
        (HERE / "extraction.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
