"""The code behind an object, as a hash that tells whether a stored result came from it."""

import ast
import dataclasses as dc
import functools
import hashlib
import importlib
import sys
import sysconfig
import threading
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import ManifoldScaleError

OWN = __name__.partition(".")[0]
MAIN = ("__main__", "__mp_main__")  # a script, and the same in a process that it spawned
PLAIN = (bool, int, float, complex, str, bytes, type(None))
DEFINED = (type, types.FunctionType, types.BuiltinFunctionType)

# What the files of modules held when they were first seen: (spec of the import, contents).
# An imported module keeps its code when its file changes.
_seen: dict[str, tuple[object, bytes]] = {}
_parsing = threading.Lock()  # CPython 3.11 fails to parse in several threads at once


def source_hash(thing: Any) -> str:
    """A hash of the source of the module of a function, class, instance or module, and of
    the modules in the same folder or package that it imports, directly or not.
    `py:module:function` names a module too.

    It is the loaded code that counts: see `check_unchanged`. For installed packages it
    hashes name and version. In a notebook, and in a running script (where editing one line
    would change the hash of everything), it hashes the compiled code of the object and of
    the names that this code uses.
    """
    digest = hashlib.sha256()
    for part in _parts(thing):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def check_unchanged(thing: Any, said: str) -> None:
    """Refuse code whose files changed after they were imported: the files no longer say
    what runs. `said` names the code in the message.
    """
    module = _module(thing)
    for name, file in _files(module.__name__) if module and not _installed(module) else ():
        if name in _seen and file.read_bytes() != _seen[name][1]:
            raise ManifoldScaleError(
                f"{said}: {file} has changed since it was imported, but the old code is "
                f"loaded. Start Python again, or call "
                f"`importlib.reload(sys.modules[{name!r}])`."
            )


def foreign_code(value: Any) -> dict[str, str]:
    """Hashes, by name, of the code of all objects inside a value (fields of dataclasses
    included) that are not from this package, NumPy or built in.
    """
    if dc.is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in dc.fields(value)]
    elif isinstance(value, Mapping):
        parts = list(value.values())
    else:
        parts = list(value) if isinstance(value, list | tuple | set | frozenset) else []
    found: dict[str, str] = {}
    for part in parts:
        found |= foreign_code(part)
    defined = value if isinstance(value, (*DEFINED, functools.partial)) else type(value)
    top = str(getattr(defined, "__module__", "")).partition(".")[0]
    if top not in (OWN, "builtins", "numpy", ""):
        found[getattr(defined, "__qualname__", top)] = source_hash(defined)
    return found


def _module(thing: Any) -> types.ModuleType | None:
    """The module of a thing; None if it has no file to hash: a running script, a notebook,
    or code made by `exec`.
    """
    if isinstance(thing, functools.partial):
        return _module(thing.func)
    if isinstance(thing, types.ModuleType):
        found = thing
    elif isinstance(thing, str):
        name = thing.split(":")[1] if thing.startswith("py:") else thing
        found = sys.modules.get(name) or importlib.import_module(name)
    else:
        name = getattr(thing, "__module__", None) or type(thing).__module__
        found = sys.modules.get(name, types.ModuleType(str(name)))
    made = found.__name__ not in sys.builtin_module_names and not _has_file(found)
    return None if found.__name__ in MAIN or made else found


def _has_file(module: types.ModuleType) -> bool:
    return Path(str(getattr(module, "__file__", None))).is_file()


def _parts(thing: Any) -> Iterator[bytes]:
    module = _module(thing)
    if module is None:
        if isinstance(thing, str):
            _, name, thing = thing.split(":")
            thing = getattr(sys.modules[name], thing)
        yield from _compiled(thing, set())
        return
    installed = _installed(module)
    if installed:
        yield installed.encode()
        return
    for name, file in _files(module.__name__):
        yield name.encode()
        yield _contents(name, file)


def _installed(module: types.ModuleType) -> str:
    """Name and version of an installed package; empty for the user's own code."""
    top = module.__name__.partition(".")[0]
    if not _has_file(module):  # built in
        return top
    places = [Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib", "platlib")]
    folders = Path(str(module.__file__)).resolve().parents
    standard = any(place.resolve() in folders for place in places)
    if top == OWN or standard or any(f.name.endswith("-packages") for f in folders):
        return f"{top} {getattr(sys.modules.get(top), '__version__', '')}"
    return ""


def _contents(name: str, file: Path) -> bytes:
    """What the file of a module holds, or held when the module was imported."""
    module = sys.modules.get(name)
    if module is None:
        return file.read_bytes()
    known = _seen.get(name)
    if known is None or known[0] is not module.__spec__:  # new, or loaded again
        known = _seen[name] = (module.__spec__, file.read_bytes())
    return known[1]


def _files(name: str) -> list[tuple[str, Path]]:
    """(name, file) of a module and of all that it imports from the same folder or package,
    in the order of their names.
    """
    first = Path(str(sys.modules[name].__file__)).absolute()
    inside = name.count(".") + (first.stem == "__init__")
    root = first.parents[min(inside, len(first.parents) - 1)]
    found, left = {name: first}, [name]
    while left:
        current = left.pop()
        package = found[current].stem == "__init__"
        for other in _imports(_contents(current, found[current]), current, package):
            file = _file(root, other)
            if file is not None and other not in found:
                found[other] = file
                left.append(other)
    return sorted(found.items())


def _file(root: Path, name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] == OWN:
        return None
    places = (
        root.joinpath(*parts).with_suffix(".py"),
        root.joinpath(*parts, "__init__.py"),
    )
    return next((place for place in places if place.is_file()), None)


@functools.lru_cache(maxsize=4096)
def _imports(source: bytes, name: str, package: bool) -> frozenset[str]:
    """Names of modules that a source may import, packages that hold them included."""
    try:
        with _parsing:
            tree = ast.parse(source)
    except (SyntaxError, ValueError):  # compiled or broken: no imports can be read from it
        return frozenset()
    here = name.split(".") if package else name.split(".")[:-1]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            found |= {base} | {f"{base}.{alias.name}".strip(".") for alias in node.names}
        elif isinstance(node, ast.Call) and _is_import(node):
            found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    parts = [one.split(".") for one in found if one]
    return frozenset(".".join(one[: at + 1]) for one in parts for at in range(len(one)))


def _is_import(call: ast.Call) -> bool:
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    return name in ("import_module", "__import__")


def _compiled(thing: Any, done: set[int]) -> Iterator[bytes]:
    """The compiled code of a thing in a script or notebook, and of what it uses there."""
    if id(thing) in done:
        return
    done.add(id(thing))
    if isinstance(thing, functools.partial):
        yield from _compiled([thing.func, *thing.args, *thing.keywords.items()], done)
    elif isinstance(thing, list | tuple):
        for item in thing:
            yield from _compiled(item, done)
    elif isinstance(thing, frozenset):  # whose order differs between processes
        yield repr(sorted(map(repr, thing))).encode()
    elif isinstance(thing, PLAIN):
        yield repr(thing).encode()
    elif isinstance(thing, types.CodeType):
        yield thing.co_code
        yield from _compiled(thing.co_consts, done)
    elif isinstance(thing, types.ModuleType):
        yield from [] if _module(thing) is None else _parts(thing)
    elif _module(thing) is not None:
        yield from _parts(thing if isinstance(thing, DEFINED) else type(thing))
    elif isinstance(thing, types.FunctionType):
        yield from _of_function(thing, done)
    else:
        yield from _of_class(thing if isinstance(thing, type) else type(thing), done)


def _of_function(function: types.FunctionType, done: set[int]) -> Iterator[bytes]:
    yield from _compiled(function.__code__, done)
    yield from _compiled(function.__defaults__ or (), done)
    yield from _compiled(list((function.__kwdefaults__ or {}).items()), done)
    for name in sorted(_names(function.__code__)):
        yield name.encode()
        if name in function.__globals__:
            yield from _compiled(function.__globals__[name], done)


def _names(code: types.CodeType) -> set[str]:
    inner = [value for value in code.co_consts if isinstance(value, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _of_class(kind: type, done: set[int]) -> Iterator[bytes]:
    """Its bases, its methods, and its attributes that are plain values."""
    yield kind.__qualname__.encode()
    yield from _compiled(kind.__bases__, done)
    for name, value in sorted(vars(kind).items()):
        inner = getattr(value, "__func__", getattr(value, "fget", value))
        method = isinstance(inner, types.FunctionType)
        if method or (isinstance(inner, PLAIN) and not name.startswith("__")):
            yield name.encode()
            yield from _compiled(inner, done)
