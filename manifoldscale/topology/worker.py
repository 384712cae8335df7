"""The process that computes: reads distances, writes diagrams, and representatives of loops
where they are wanted, until its input ends. Run by file, with no import of the package.

    python worker.py

Each message, in and out, is its length in eight bytes and an .npz. Ripser cannot be
interrupted, and kills its process when memory runs out, so it gets a separate process. Its
compiled function is called without the wrapper, which imports scikit-learn and matplotlib
and takes another 25 bytes per pair of points.
"""

import io
import os
import signal
from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


def send(stream: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a message to an unbuffered stream."""
    message = io.BytesIO(bytes(8))
    message.seek(8)
    np.savez(message, allow_pickle=False, **arrays)
    rest = message.getbuffer()
    rest[:8] = (len(rest) - 8).to_bytes(8, "little")
    while rest:
        rest = rest[stream.write(rest) :]


def receive(stream: Any) -> Arrays:
    """The next message of an unbuffered stream.

    Raises
    ------
    EOFError : the stream has ended.
    """
    size = int.from_bytes(_read(stream, 8), "little")
    with np.load(io.BytesIO(_read(stream, size)), allow_pickle=False) as found:
        return dict(found)


def _read(stream: Any, size: int) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = stream.readinto(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return data


def computed(given: Arrays) -> Arrays:
    from pyRipser import doRipsFiltrationDM

    up_to, coefficients, threshold, with_cocycles = given["settings"].tolist()
    found = doRipsFiltrationDM(
        given["distances"], int(up_to), threshold, int(coefficients), bool(with_cocycles)
    )
    diagrams = {
        str(degree): np.asarray(bars, np.float64).reshape(-1, 2)
        for degree, bars in enumerate(found["births_and_deaths_by_dim"])
    }
    if with_cocycles:
        parts = [np.asarray(one).reshape(-1, 3) for one in found["cocycles_by_dim"][1]]
        diagrams["cocycles"] = np.concatenate([np.empty((0, 3), np.int64), *parts])
        diagrams["lengths"] = np.array([len(part) for part in parts], np.int64)
    return diagrams


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    source, target = os.fdopen(0, "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    os.dup2(2, 1)  # nothing that is printed gets between the messages
    while True:
        try:
            given = receive(source)
        except EOFError:
            return
        send(target, computed(given))


if __name__ == "__main__":
    main()
