"""Forward hooks, with everything put back as it was."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .sites import INPUT, leaves, module_name, sole_tensor


class Capture:
    """What the modules of a network gave and were given in the last forward pass.

    A context manager: on entry the model goes to eval mode and hooks are registered; on
    any exit the hooks are gone and every module's training flag is what it was. Hooks
    return nothing, so outputs are unchanged, and they copy at once, so that an in-place
    operation after a site does not change what was read there.

        with Capture(model, {"fc1", "fc2:in"}) as captured:
            model(inputs)
        captured["fc1"]

    Parameters
    ----------
    sites : names of the sites to read. None reads all of them, each tensor once: where
        one is both the output of a module and the input of the next, or the output of a
        container and of its last module, the later names go to `aliases`.
    """

    def __init__(self, model: nn.Module, sites: Collection[str] | None = None) -> None:
        self.model = model
        self.wanted = None if sites is None else set(sites)
        self.tensors: dict[str, Tensor] = {}
        self.kinds: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self._seen: dict[tuple[int, int], tuple[str, Tensor]] = {}
        self._calls: Counter[str] = Counter()
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "Capture":
        with contextlib.ExitStack() as undo:
            undo.enter_context(_eval_mode(self.model))
            wanted = None if self.wanted is None else set(map(module_name, self.wanted))
            # The root's input comes first, before any module's.
            root = self.model.register_forward_pre_hook(self._on_input)
            undo.callback(root.remove)
            for name, module in leaves(self.model).items():
                if wanted is None or name in wanted:
                    # Inputs are read before the call, which may change them in place.
                    before = module.register_forward_pre_hook(self._before(name))
                    undo.callback(before.remove)
                    after = module.register_forward_hook(self._after(name))
                    undo.callback(after.remove)
            self._exit = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._seen.clear()
        self._exit.close()

    def __getitem__(self, site: str) -> Tensor:
        return self.tensors[site]

    def _on_input(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self.tensors.clear()
        self._calls.clear()
        self._seen.clear()
        self._keep(INPUT, module, sole_tensor(args))

    def _before(self, name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            self._calls[name] += 1
            self._keep(f"{self._call(name)}:in", module, sole_tensor(args))

        return hook

    def _after(self, name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            self._keep(self._call(name), module, sole_tensor(output))

        return hook

    def _call(self, name: str) -> str:
        """The name of the present call; calls after the first are numbered."""
        call = self._calls[name]
        return name if call == 1 else f"{name}#{call}"

    def _keep(self, site: str, module: nn.Module, tensor: Tensor | None) -> None:
        if tensor is None or (self.wanted is not None and site not in self.wanted):
            return
        if self.wanted is None:
            # An in-place operation keeps the object and counts its version up.
            version = 0 if tensor.is_inference() else tensor._version
            identity = (id(tensor), version)
            first, _ = self._seen.setdefault(identity, (site, tensor))
            if first != site:
                self.aliases[site] = first
                return
        self.tensors[site] = tensor.detach().clone()
        self.kinds[site] = type(module).__name__


@contextlib.contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode, without gradients; each module's own flag is restored."""
    flags = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, flag in flags:
            module.training = flag
