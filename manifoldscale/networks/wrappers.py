"""Networks inside others: DataParallel, compiled, sharded, checkpointed."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

PARALLEL = ("DataParallel", "DistributedDataParallel")
UNHOOKABLE = (
    nn.DataParallel,
    nn.MultiheadAttention,
    nn.TransformerEncoder,
    nn.TransformerEncoderLayer,
)
# Attributes in which wrappers keep a network; not part of its modules' names.
INNER = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


def unwrapped(model: nn.Module) -> nn.Module:
    """The network in the outermost wrappers: eager, and on one device."""
    while True:
        place = "module" if type(model).__name__ in PARALLEL else "_orig_mod"
        inner = getattr(model, place, None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def unregistered(model: nn.Module) -> list[str]:
    """Attributes that hold modules in a plain list, tuple or dictionary, where torch does
    not see their weights.
    """
    known = set(model.modules())
    return [
        f"{name}.{key}".removeprefix(".")
        for name, one in model.named_modules()
        for key, value in vars(one).items()
        if not key.startswith("_") and set(_modules_in(value)) - known
    ]


def _modules_in(value: object) -> list[nn.Module]:
    if not isinstance(value, list | tuple | dict):
        return []
    values = value.values() if isinstance(value, dict) else value
    return [one for one in values if isinstance(one, nn.Module)]


def root_name(model: nn.Module) -> str:
    """The name of the whole network: its class, or `@network` if a part has that name."""
    name = type(model).__name__
    return "@network" if any(part == name for part, _ in model.named_modules()) else name


def modules_by_name(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its first name, without the names of wrappers; the whole network by
    its class name. Modules that cannot be hooked (TorchScript) are left out.
    """
    root = root_name(model)
    found: dict[str, nn.Module] = {}
    skipped = {""}  # names of the parallel wrappers so far
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue
        if type(module).__name__ in PARALLEL:
            skipped.add(name)
        # A wrapper comes before what it wraps, which takes its name.
        found[_plain_name(name, skipped) or root] = module
    return found


def first_names(model: nn.Module) -> dict[str, str]:
    """The further names of modules that stand at several places, and their first ones."""
    first = {module: name for name, module in modules_by_name(model).items()}
    every = model.named_modules(remove_duplicate=False)
    found = {name: first[module] for name, module in every if module in first and name}
    return {name: known for name, known in found.items() if name != known}


def _plain_name(name: str, parallel: set[str]) -> str:
    parts = name.split(".")
    kept = [
        part
        for place, part in enumerate(parts)
        if part not in INNER
        and not (place and part == "module" and ".".join(parts[:place]) in parallel)
    ]
    return ".".join(kept)


def unhookable(model: nn.Module) -> list[nn.Module]:
    """The modules that may not call every hook.

    Compiled code ignores hooks that were added later, replicas of `DataParallel` would run
    them at the same time, and the fused transformer layer does not call its modules.
    """
    return [m for m in model.modules() if _is_compiled(m) or isinstance(m, UNHOOKABLE)]


def hookable(modules: Sequence[nn.Module]) -> contextlib.AbstractContextManager[None]:
    """Inside, every module runs as Python, on one device, so that its hooks are called.

    modules : the `unhookable` ones of the network.
    """
    return _hookable(modules) if modules else contextlib.nullcontext()


@contextlib.contextmanager
def _hookable(modules: Sequence[nn.Module]) -> Iterator[None]:
    with contextlib.ExitStack() as undo:
        if any(map(_is_compiled, modules)):
            undo.enter_context(torch.compiler.set_stance("force_eager"))
        for module in modules:
            if isinstance(module, nn.DataParallel):
                replicas: Any = module
                undo.callback(setattr, replicas, "device_ids", replicas.device_ids)
                replicas.device_ids = []  # then it calls the network itself
        fused: Any = torch.backends.mha
        undo.callback(fused.set_fastpath_enabled, fused.get_fastpath_enabled())
        fused.set_fastpath_enabled(False)
        yield


def _is_compiled(module: nn.Module) -> bool:
    return (
        hasattr(module, "_orig_mod")
        or getattr(module, "_compiled_call_impl", None) is not None
    )
