"""What a package offers: names that load on first use, which keeps `import manifoldscale`
light, and lists of its public names.
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# Names that a package shows although they are defined on a floor above it, which it must
# not import: package to names to modules.
LENT: dict[str, dict[str, str]] = {}


def attach(
    package: str, names: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package, called below its imports.

    It offers the names that the package imports under `if TYPE_CHECKING:`, as `from .file
    import name as name`. Type checkers and editors read the same list.

    Parameters
    ----------
    names : instead of that list, public names to the modules that define them.
    """
    found = {**(_exports(package) if names is None else names), **LENT.get(package, {})}

    def __getattr__(name: str) -> Any:
        if name not in found:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if found[name] == ".":  # a whole package
            value: Any = importlib.import_module(f".{name}", package)
        else:
            value = getattr(importlib.import_module(found[name], package), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__, listed(package, found)


def lend(room: str, module: str, *names: str) -> None:
    """Show names of `module` in `room`, a package on a floor below it. `manifoldscale`
    calls this before it loads the room.
    """
    LENT.setdefault(room, {}).update(dict.fromkeys(names, module))


def _exports(package: str) -> dict[str, str]:
    """Exported names to their modules, from the source of the package."""
    spec = sys.modules[package].__spec__
    assert spec is not None
    loader: Any = spec.loader
    # A regular expression, because loading `get_source` and `ast` takes longer than this.
    block = loader.get_data(spec.origin).decode().partition("if TYPE_CHECKING:")[2]
    lines = re.findall(r"^    from (\.\S*) import (\([^)]*\)|.*)$", block, re.M)
    pairs = ((module, re.findall(r"(\w+) as \1\b", names)) for module, names in lines)
    return {name: module for module, own in pairs for name in own}


def listed(room: str, also: Iterable[str] = ()) -> Callable[[], list[str]]:
    """`__dir__` for a module, called below its imports; sets `__all__` to the same list.

    It lists the public classes and functions that the module holds by now from its own
    files, and the names in `also`; not submodules, nor what the module imported for its
    own use.
    """
    within = vars(sys.modules[room])
    own = [name for name, value in within.items() if _is_offered(room, name, value)]
    # Set here, because type checkers take names that an `__all__` omits for private.
    within["__all__"] = sorted({*own, *also})
    return lambda: list(within["__all__"])


def _is_offered(room: str, name: str, value: Any) -> bool:
    source = str(getattr(value, "__module__", ""))  # a module has none
    tool = source == __name__
    return f"{source}.".startswith(f"{room}.") and not (tool or name.startswith("_"))
