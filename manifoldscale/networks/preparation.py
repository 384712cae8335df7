"""How the inputs of a network were prepared, kept beside its weights."""

import base64
import dataclasses as dc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from ..core.arrays import Array, Floats
from ..core.errors import ManifoldScaleError, require
from .layout import Layout

PREPARATION = "manifoldscale.preparation"  # the key in a checkpoint's metadata


@dc.dataclass(frozen=True, eq=False)
class Preparation:
    """The examples as a network was trained on them: (x - offset) / scale, laid out.

    Attributes
    ----------
    offset : (features,).
    """

    offset: Floats
    scale: float
    layout: Layout

    def __call__(self, inputs: Array) -> Array:
        """(n x ...) in any shape with as many features, as float32.

        Raises
        ------
        ManifoldScaleError : they have another number of features.
        """
        rows = np.asarray(inputs).reshape(len(inputs), -1)
        require(
            rows.shape[1] == len(self.offset),
            f"The network was trained on examples of {len(self.offset)} features; these "
            f"have {rows.shape[1]}.",
        )
        prepared = ((rows - self.offset) / self.scale).astype(np.float32)
        found: Array = self.layout(prepared)
        return found

    def as_text(self) -> str:
        offset = base64.b64encode(self.offset.astype("<f8").tobytes()).decode()
        return json.dumps(
            {"offset": offset, "scale": self.scale, "layout": dc.asdict(self.layout)}
        )

    @classmethod
    def of_text(cls, text: str) -> "Preparation":
        stored = json.loads(text)
        offset = np.frombuffer(base64.b64decode(stored["offset"]), "<f8")
        shape = tuple(map(int, stored["layout"]["shape"]))
        layout = Layout(shape, bool(stored["layout"]["channels_last"]))
        return cls(offset, float(stored["scale"]), layout)


def metadata_of(path: Any) -> Mapping[str, str]:
    """What stands beside the weights of a safetensors file; nothing for other files."""
    file = str(path or "").partition("::")[0]
    if Path(file).suffix != ".safetensors":
        return {}
    try:
        with safetensors.safe_open(file, framework="pt") as stored:
            return stored.metadata() or {}
    except (safetensors.SafetensorError, OSError, ValueError):
        return {}  # whoever reads the weights says what is wrong


def preparation_of(path: Any) -> Preparation | None:
    """That of the network of a checkpoint; None where the file does not say."""
    text = metadata_of(path).get(PREPARATION)
    if text is None:
        return None
    try:
        return Preparation.of_text(text)
    except (ValueError, KeyError, TypeError) as error:
        raise ManifoldScaleError(
            f"{path} is damaged: it does not say how inputs are prepared ({error})."
        ) from error
