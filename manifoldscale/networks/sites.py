"""Sites: the places of a network where a representation can be read."""

import dataclasses as dc
import fnmatch
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from torch import Tensor, nn

from ..core.errors import ManifoldScaleError, nearest

INPUT = "@input"


@dc.dataclass(frozen=True)
class Site:
    """One place: the output of a module in one of its calls, or its input.

    Attributes
    ----------
    name : `module`, `module:in` for its input, `module#2` for its second call;
        `@input` is what the network is given.
    kind : class of the module.
    shape : shape for one example.
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def features(self) -> int:
        """Number of values an example."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    def row(self) -> dict[str, Any]:
        shape = " x ".join(str(size) for size in self.shape)
        return {
            "site": self.name,
            "module": self.kind,
            "shape": shape,
            "features": self.features,
        }


def select(
    patterns: str | Sequence[str], available: Iterable[str], aliases: Collection[str] = ()
) -> list[str]:
    """Names that match any of the patterns, in the order of the network.

    A pattern is a name or a glob; `!pattern` takes names away. A name in `aliases` is
    another name of an available site: it is chosen only when written out.

    Raises
    ------
    ManifoldScaleError : a pattern matches nothing.
    """
    available = list(available)
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    wanted = [p for p in patterns if not p.startswith("!")] or ["*"]
    unwanted = [p[1:] for p in patterns if p.startswith("!")]
    for pattern in wanted:
        if pattern not in aliases and not fnmatch.filter(available, pattern):
            raise ManifoldScaleError(
                f"No site matches {pattern!r}; did you mean {nearest(pattern, available)}? "
                "A module that the forward pass does not call has no site; `ms.sites` "
                "lists those that it does."
            )
    chosen = [n for n in available if any(fnmatch.fnmatchcase(n, p) for p in wanted)]
    chosen += [p for p in wanted if p in aliases and p not in chosen]
    return [n for n in chosen if not any(fnmatch.fnmatchcase(n, p) for p in unwanted)]


def module_name(site: str) -> str:
    """The module that a site belongs to."""
    return site.removesuffix(":in").partition("#")[0]


def leaves(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its first name; the whole network under its class name."""
    return {name or type(model).__name__: module for name, module in model.named_modules()}


def sole_tensor(value: Any) -> Tensor | None:
    """The tensor that a module gave: itself, or the only one in a tuple, list or dict."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        tensors = [item for item in value if isinstance(item, Tensor)]
        return tensors[0] if len(tensors) == 1 else None
    return None
