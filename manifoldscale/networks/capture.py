"""Forward hooks, after which everything is as it was."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .containers import named_tensors
from .sites import INPUT, module_name
from .wrappers import hookable, modules_by_name, unwrapped

Reduce = Callable[[Tensor], Tensor]
# Hooks, and the switches that let them be called, are shared by all threads.
ONE_AT_A_TIME = threading.RLock()


class _Stop(BaseException):
    """Everything is read. A BaseException, so that the network does not catch it."""


class Capture:
    """Inputs and outputs of the modules of a network in the last forward pass.

    A context manager: inside it there are hooks; on any exit they are gone and every
    module's training flag is restored. Hooks return nothing, so outputs are unchanged, and
    they copy at once, so a later in-place operation does not change what was read.

        with Capture(model, {"fc1", "fc2:in"}) as captured:
            captured.run(inputs)
        captured["fc1"]

    In a training loop, `evaluate=False` leaves modes and gradients alone:

        with Capture(model, {"fc1"}, evaluate=False) as captured:
            loss(model(inputs), targets).backward()

    Parameters
    ----------
    model : a network; inside DataParallel or torch.compile it is run eagerly.
    sites : names of the sites to read; or a mapping of names to functions that reduce each
        tensor at once, on its device, so that large tensors are never kept.
    evaluate : eval mode, without gradients.
    stop : end a pass of `run` when the last of the sites is read.

    Attributes
    ----------
    tensors : site to a copy of its tensor in the last pass.
    """

    def __init__(
        self,
        model: nn.Module,
        sites: Collection[str] | Mapping[str, Reduce | None],
        *,
        evaluate: bool = True,
        stop: bool = False,
    ) -> None:
        self.network = unwrapped(model)
        self.sites = dict(sites) if isinstance(sites, Mapping) else dict.fromkeys(sites)
        self.evaluate, self.stop = evaluate, stop
        self.tensors: dict[str, Tensor] = {}
        self._calls: Counter[str] = Counter()
        self._exit = contextlib.ExitStack()
        wanted = set(map(module_name, self.sites))
        named = modules_by_name(self.network).items()
        self._modules = {name: module for name, module in named if name in wanted}

    def __enter__(self) -> "Capture":
        with contextlib.ExitStack() as undo:
            undo.enter_context(hookable(self.network))
            if self.evaluate:
                undo.enter_context(eval_mode(self.network))
            hook(self.network, self._keep, undo, self._modules, self._begin)
            self._exit = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._exit.close()

    def __getitem__(self, site: str) -> Tensor:
        return self.tensors[site]

    def run(self, inputs: Any) -> None:
        """One pass. A mapping is given by keywords, a tuple by position."""
        # A wanted site that does not appear must not keep the tensor of an earlier pass.
        self._begin()
        with contextlib.suppress(_Stop):
            call(self.network, inputs)

    def _begin(self) -> None:
        self.tensors.clear()

    def _keep(self, site: str, module: nn.Module, value: Any) -> None:
        for name, tensor in named_tensors(site, value).items():
            if name in self.sites:
                self.tensors[name] = self._copied(tensor, self.sites[name])
        if self.stop and len(self.tensors) == len(self.sites):
            raise _Stop

    def _copied(self, tensor: Tensor, reduce: Reduce | None) -> Tensor:
        # Inside a training step the arithmetic of a policy must not build a graph.
        with torch.no_grad():
            kept = _plain(tensor.detach())
            kept = kept if reduce is None else reduce(kept)
            return kept.clone() if shares(kept, tensor) else kept


def _plain(tensor: Tensor) -> Tensor:
    """The tensor as a dense one of plain numbers."""
    if tensor.is_quantized:
        return tensor.dequantize()
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def shares(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors lie in the same memory."""
    if one.device != other.device or other.layout != torch.strided:
        return False
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def call(network: nn.Module, inputs: Any) -> Any:
    """The network at inputs: a mapping by keywords, a tuple by position, or a tensor."""
    if isinstance(inputs, Mapping):
        return network(**inputs)
    return network(*inputs) if isinstance(inputs, tuple) else network(inputs)


Keep = Callable[[str, nn.Module, Any], None]


def hook(
    network: nn.Module,
    keep: Keep,
    undo: contextlib.ExitStack,
    modules: Mapping[str, nn.Module],
    begin: Callable[[], None] = lambda: None,
) -> None:
    """Call `keep(site, module, value)` for the inputs and outputs of each module.

    Sites are named by module and call: `fc`, `fc:in`, `fc#2`. Hooks go when `undo` closes.
    """
    calls: Counter[str] = Counter()

    def start(module: nn.Module, args: Any, kwargs: Any) -> None:
        calls.clear()
        begin()
        for path, value in _given(args, kwargs):
            keep(INPUT + path, module, value)

    def before(name: str) -> Any:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            calls[name] += 1
            for path, value in _given(args, kwargs):
                keep(f"{_numbered(name, calls)}:in{path}", module, value)

        return enter

    def after(name: str) -> Any:
        def leave(module: nn.Module, args: Any, output: Any) -> None:
            keep(_numbered(name, calls), module, output)

        return leave

    # The network's own input comes first, before any module's.
    first = network.register_forward_pre_hook(start, with_kwargs=True)
    undo.callback(first.remove)
    for name, module in modules.items():
        # Inputs are read before the call, which may change them in place.
        enter = module.register_forward_pre_hook(before(name), with_kwargs=True)
        undo.callback(enter.remove)
        undo.callback(module.register_forward_hook(after(name)).remove)


def _numbered(name: str, calls: Counter[str]) -> str:
    """The name of the present call; calls after the first are numbered."""
    return name if calls[name] <= 1 else f"{name}#{calls[name]}"


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The inputs of a module, with the end of their site's name. Inputs by position have no
    end, so `block:in` is the same with or without a mask by keyword.
    """
    if args or not kwargs:
        yield "", args[0] if len(args) == 1 else args
        yield from ((f"/{key}", value) for key, value in kwargs.items())
    else:
        yield "", kwargs


@contextlib.contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Eval mode, without gradients; each module's own flag is restored."""
    flags = [(module, module.training) for module in network.modules()]
    if any(flag for _, flag in flags):  # setting all flags for every batch would take time
        network.eval()
    else:
        flags = []
    try:
        with torch.no_grad():
            yield
    finally:
        for module, flag in flags:
            module.training = flag
