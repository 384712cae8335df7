"""Forward hooks, with everything put back as it was."""

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
# Hooks, and the switches that let them be called, belong to all threads.
ONE_AT_A_TIME = threading.RLock()


class _Stop(BaseException):
    """All is read: no exception of the network's, and not to be caught by it."""


class Capture:
    """What the modules of a network gave and were given in the last forward pass.

    A context manager: hooks are there inside it, and on any exit they are gone and every
    module's training flag is what it was. Hooks return nothing, so outputs are unchanged,
    and they copy at once, so that an in-place operation after a site does not change what
    was read there.

        with Capture(model, {"fc1", "fc2:in"}) as captured:
            captured.run(inputs)
        captured["fc1"]

    In a training loop, `evaluate=False` leaves modes and gradients alone:

        with Capture(model, {"fc1"}, evaluate=False) as captured:
            loss(model(inputs), targets).backward()

    Parameters
    ----------
    model : a network; what is inside DataParallel or torch.compile is read eagerly.
    sites : names of the sites to read; or a mapping of names to what is done at once with
        each tensor, on its device, so that what is large is never kept.
    evaluate : eval mode, without gradients.
    stop : end a pass of `run` when the last of the sites is read.

    Attributes
    ----------
    tensors : site to a copy of its tensor, of the last pass alone.
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
        # Wanted sites that never come must not be those of the pass before.
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
        # Inside a training step a policy's arithmetic must leave no graph.
        with torch.no_grad():
            kept = _plain(tensor.detach())
            kept = kept if reduce is None else reduce(kept)
            return kept.clone() if _shares(kept, tensor) else kept


def _plain(tensor: Tensor) -> Tensor:
    """A tensor with a number at every place: sparse and quantised ones have none."""
    if tensor.is_quantized:
        return tensor.dequantize()
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _shares(one: Tensor, other: Tensor) -> bool:
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
    """Call `keep(site, module, value)` for what each of the modules is given and gives.

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
    """What a module is given, with the end of its name: what came by position has none, so
    that `block:in` is the same whether or not a mask came along by keyword.
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
    if any(flag for _, flag in flags):  # to set the flags of every batch anew takes time
        network.eval()
    else:
        flags = []
    try:
        with torch.no_grad():
            yield
    finally:
        for module, flag in flags:
            module.training = flag
