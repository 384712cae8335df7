"""Sites: the places of a network where a representation can be read."""

import dataclasses as dc
import math
import re
from typing import Any

import torch

INPUT = "@input"
_GRAMMAR = re.compile(r"(?P<module>[^#:/]*)(#\d+)?(:in)?(/.*)?")


@dc.dataclass(frozen=True)
class Site:
    """One place: the output of a module in one of its calls, or its input.

    Attributes
    ----------
    name : `module`; `module:in` for its input, `module#2` for its second call,
        `module/hidden_states/3` for one of several tensors; `@input` for the input of the
        network.
    kind : class of the module.
    shape : shape for one example.
    calls : how often the module is called per pass.
    axes : the meaning of the axes, with the examples (N): C features, T tokens, H and W
        places of an image, L places of a signal, ? unknown. In "TNC" the examples are the
        second axis.
    dtype : torch's name, without "torch.".
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    calls: int = 1
    axes: str = ""
    dtype: str = "float32"

    @property
    def features(self) -> int:
        """Number of values per example."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size of one example, as the network holds it."""
        width: int = getattr(torch, self.dtype).itemsize
        return self.features * width

    def row(self) -> dict[str, Any]:
        shape = " x ".join(str(size) for size in self.shape)
        return {
            "site": self.name,
            "module": self.kind,
            "shape": shape,
            "axes": self.axes,
            "features": self.features,
            "bytes": self.bytes,
            "calls": self.calls,
        }


def module_name(site: str) -> str:
    """The module that a site belongs to."""
    parts = _GRAMMAR.fullmatch(site)
    return site if parts is None else parts["module"]


def normal_name(site: str) -> str:
    """The listed name of a site: without "#1" of a first call and ":out" of an output."""
    return re.sub(r"#1(?=$|[:/])", "", site).replace(":out", "")
