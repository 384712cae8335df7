"""Patterns of sites: names, globs, regular expressions, and names by role."""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence

from torch import nn

from ..core.errors import ManifoldScaleError, nearest, require
from .dry_run import DryRun
from .sites import module_name, normal_name
from .wrappers import first_names, modules_by_name, root_name

Patterns = str | Sequence[str]


def select(patterns: Patterns, run: DryRun) -> list[str]:
    """Names that match any of the patterns, in the order of the network.

    A pattern is a name; a glob, in which `*` also matches dots; `re:` and a regular
    expression for the whole name; or a role: `@input`, `@penultimate` (the input of the
    last linear layer), `@logits` (the output of the network), `@blocks` (the outputs of its
    repeated blocks). `!pattern` removes names. `ms.sites` lists every tensor once; its
    other names are chosen only when written out.

    Raises
    ------
    ManifoldScaleError : a pattern matches nothing; nothing is left.
    """
    words = [patterns] if isinstance(patterns, str) else patterns
    good = isinstance(words, Iterable) and all(isinstance(word, str) for word in words)
    require(
        good and bool(list(words)),
        f"`sites` must be a pattern or a list of them, as '*' or ['fc*', '@logits']; not "
        f"{patterns!r}.",
    )
    patterns = list(words)
    wanted = [p for p in patterns if not p.startswith("!")] or ["*"]
    unwanted = [p[1:] for p in patterns if p.startswith("!")]
    chosen = {name for pattern in wanted for name in matches(pattern, run)}
    chosen -= {name for pattern in unwanted for name in _matched(pattern, run)}
    if not chosen:
        raise ManifoldScaleError(f"The patterns {patterns!r} leave no site.")
    place = {site.name: number for number, site in enumerate(run.sites)}
    return sorted(chosen, key=lambda name: (place[run.aliases.get(name, name)], name))


def matches(pattern: str, run: DryRun) -> list[str]:
    """The sites that one pattern means; an error with the likely cause if there is none."""
    found = _matched(pattern, run)
    if not found:
        raise ManifoldScaleError(_nothing(pattern, run))
    return found


def _matched(pattern: str, run: DryRun) -> list[str]:
    listed = [site.name for site in run.sites]
    if pattern.startswith("re:"):
        try:
            expression = re.compile(pattern[3:])
        except re.error as error:
            raise ManifoldScaleError(
                f"{pattern!r} is not a regular expression: {error}."
            ) from error
        return [name for name in listed if expression.fullmatch(name)]
    if pattern in ROLES:
        names = list(dict.fromkeys(_read_names(ROLES[pattern](run), run)))
        # The output of a block is also that of its last module, but keep the block's name.
        return names if pattern == "@blocks" else [run.aliases.get(n, n) for n in names]
    name = normal_name(pattern)
    if name in run.aliases or name in listed:
        return [name]
    found = [site for site in listed if fnmatch.fnmatchcase(site, name)]
    # A module that returns the output of its last part is listed once, by the part's name.
    return found or [alias for alias in run.aliases if fnmatch.fnmatchcase(alias, name)]


def _read_names(names: Iterator[str], run: DryRun) -> Iterator[str]:
    """The names that can be read."""
    listed = {site.name for site in run.sites}
    yield from (name for name in names if run.aliases.get(name, name) in listed)


def _penultimate(run: DryRun) -> Iterator[str]:
    linear = [
        name
        for name, module in modules_by_name(run.network).items()
        if isinstance(module, nn.Linear) and run.calls.get(name)
    ]
    order = {name: place for place, name in enumerate(run.calls)}
    # Any of several heads may be the last layer; the last one called may be a side head.
    ends = {run.aliases.get(name, name) for name in _given_at_the_end(run)}
    heads = [name for name in linear if name in ends]
    inputs = {run.aliases.get(f"{name}:in", f"{name}:in") for name in heads}
    if len(inputs) > 1:
        raise ManifoldScaleError(
            f"'@penultimate' is the input of the last linear layer, and this network has "
            f"several that give its outputs: choose one of "
            f"{', '.join(repr(f'{name}:in') for name in heads)}."
        )
    last = heads or linear
    if last:
        yield f"{max(last, key=order.__getitem__)}:in"


def _given_at_the_end(run: DryRun) -> Iterator[str]:
    """The names of the outputs of the whole network."""
    root = root_name(run.network)
    names = [*run.aliases, *(site.name for site in run.sites)]
    yield from (n for n in names if n == root or n.startswith(f"{root}/"))


def _logits(run: DryRun) -> Iterator[str]:
    root = root_name(run.network)
    yield from (root, f"{root}/logits")


def _blocks(run: DryRun) -> Iterator[str]:
    """Modules of one class that hold others and are not inside one another; of several such
    classes, the one with the most parameters.
    """
    groups: dict[type[nn.Module], dict[str, nn.Module]] = {}
    for name, module in modules_by_name(run.network).items():
        plain = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        if any(True for _ in module.children()) and not plain and run.calls.get(name):
            groups.setdefault(type(module), {})[name] = module
    repeated = [group for group in groups.values() if len(group) > 1]
    best = max(repeated, key=_parameters, default={})
    for name in best:
        yield from (name, f"{name}/0")


def _parameters(group: dict[str, nn.Module]) -> int:
    return sum(p.numel() for module in group.values() for p in module.parameters())


ROLES = {"@penultimate": _penultimate, "@logits": _logits, "@blocks": _blocks}


def _nothing(pattern: str, run: DryRun) -> str:
    """Why a pattern matches nothing."""
    module = module_name(normal_name(pattern))
    listed = [site.name for site in run.sites]
    others = {*listed, *run.aliases, *ROLES} - {pattern}
    similar = nearest(pattern, sorted(others))
    inside = [n for n in listed if n.startswith((f"{pattern}/", f"{pattern}#"))]
    if pattern in run.mixed:
        cause = (
            f"its shape {run.mixed[pattern]} has no axis that grows with the number of "
            "examples, so it is not one point per example"
        )
    elif run.aliases.get(pattern, pattern) in run.reordered:
        cause = (
            "its rows are in another order than the examples, as in a network that sorts "
            "them by length; read a site after they are put back"
        )
    elif run.aliases.get(pattern, pattern) in run.fixed:
        cause = "no token changes it: it holds positions and padding alone"
    elif pattern in ROLES:
        cause = "this network has nothing in that role"
    elif inside:
        cause = f"it gives several tensors; choose one of {', '.join(map(repr, inside))}"
    elif run.calls.get(module):
        calls = run.calls[module]
        cause = f"{module!r} is called {calls} times per pass and has no such output"
    elif module in (again := first_names(run.network)):
        first = again[module]
        own = [n for n in listed if n == first or n.startswith(f"{first}#")]
        cause = (
            f"{module!r} is the module {first!r} under another name, whose calls are "
            f"{', '.join(map(repr, own)) or 'none'}"
        )
    elif module in run.modules:
        cause = _not_called(module, run.modules[module])
    else:
        cause = _asleep(pattern, run) or "`ms.sites` lists all sites"
    return f"No site matches {pattern!r}: {cause}. Did you mean {similar}?"


def _asleep(pattern: str, run: DryRun) -> str:
    """The message if a pattern matches only modules that the pass does not call."""
    expression = pattern[3:] if pattern.startswith("re:") else fnmatch.translate(pattern)
    meant = [name for name in run.modules if re.fullmatch(expression, name)]
    if not meant:
        return ""
    more = f" (and {len(meant) - 1} more)" if len(meant) > 1 else ""
    return f"{_not_called(meant[0], run.modules[meant[0]])}{more}"


def _not_called(module: str, kind: str) -> str:
    if kind in ("ModuleList", "ModuleDict"):
        return f"{module!r} is a {kind}, which is never called itself; its members are"
    return (
        f"the forward pass does not call {module!r} ({kind}). Either it takes another "
        f"branch, or code calls {module}.forward(...) directly, which runs no hooks, or a "
        "fused kernel uses its weights without it"
    )
