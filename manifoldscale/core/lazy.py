"""What a room offers: names that load on first use, so that `import manifoldscale` stays
light, and lists of names without what they are made of.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def attach(
    package: str, names: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package, called below its imports.

    `names` maps a public name to the module that defines it, relative to `package`
    (`".geometry.cloud"`). A module whose last part is the name itself is returned whole.
    """

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(names[name], package)
        value = module if names[name] == f".{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__, listed(package, names)


def listed(room: str, also: Iterable[str] = ()) -> Callable[[], list[str]]:
    """`__dir__` for a module, called below its imports; sets `__all__` to the same list.

    They are the public classes and functions that the module has by now from files of its
    own, and those named in `also`: no submodules, which Python binds to a package, and
    nothing imported for its own use.
    """
    within = vars(sys.modules[room])
    own = [name for name, value in within.items() if _is_offered(room, name, value)]
    # Not assigned in the rooms: type checkers take what an `__all__` omits for private.
    within["__all__"] = sorted({*own, *also})
    return lambda: list(within["__all__"])


def _is_offered(room: str, name: str, value: Any) -> bool:
    source = str(getattr(value, "__module__", ""))  # a module has none
    tool = source == __name__
    return f"{source}.".startswith(f"{room}.") and not (tool or name.startswith("_"))
