"""Forward hooks, after which everything is as it was."""

import contextlib
import dataclasses as dc
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..core.errors import ManifoldScaleError, first_line
from .containers import named_tensors
from .sites import INPUT, module_name
from .wrappers import hookable, modules_by_name, unhookable, unwrapped

Take = Callable[[Tensor], None]
Keep = Callable[[str, nn.Module, Any], None]
# Hooks, and the switches that let them be called, are shared by all threads.
ONE_AT_A_TIME = threading.RLock()
TAKEN = torch.empty(0)


class _Stop(BaseException):
    """Everything is read. A BaseException, so that the network does not catch it."""


class Capture:
    """Inputs and outputs of the modules of a network in the last forward pass.

    Hooks return nothing, so outputs are unchanged, and they copy at once, so a later
    in-place operation does not change what was read. A pass of `run` is in eval mode and
    without gradients; before and after it there are no hooks, and every module's training
    flag is as it was:

        captured = Capture(model, {"fc1", "fc2:in"})
        captured.run(inputs)
        captured["fc1"]

    In a training loop, a `with` reads the user's own passes, and leaves modes and gradients
    alone:

        with Capture(model, {"fc1"}) as captured:
            loss(model(inputs), targets).backward()

    Parameters
    ----------
    model : a network; inside DataParallel or torch.compile it is run eagerly.
    sites : names of the sites to read; or a mapping of names to functions that take what
        they want of each tensor at once, and copy it, so that large tensors are never kept.
    stop : end a pass of `run` when the last of the sites is read.

    Attributes
    ----------
    tensors : site to a copy of its tensor in the last pass; empty if a function took it.
    """

    def __init__(
        self,
        model: nn.Module,
        sites: Collection[str] | Mapping[str, Take | None],
        *,
        stop: bool = False,
    ) -> None:
        self.network = unwrapped(model)
        self.sites = dict(sites) if isinstance(sites, Mapping) else dict.fromkeys(sites)
        self.stop = stop
        self.tensors: dict[str, Tensor] = {}
        # A walk through all modules takes longer than a pass through a small network.
        self._modules = list(self.network.modules())
        self._unhookable = unhookable(self.network)
        self._places = places_of(self.network, self.sites)
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "Capture":
        with contextlib.ExitStack() as undo:
            undo.enter_context(hookable(self._unhookable))
            # The network's input, which shows where a pass begins, and then the sites.
            places = places_of(self.network, {INPUT, *self.sites})
            undo.enter_context(hooked(self._keep, places, self._begin))
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
        evaluated = eval_mode(self.network, self._modules)
        try:
            with hookable(self._unhookable), evaluated, hooked(self._keep, self._places):
                call(self.network, inputs)
        except _Stop:
            pass

    def _begin(self) -> None:
        self.tensors.clear()

    def _keep(self, site: str, module: nn.Module, value: Any) -> None:
        for name, tensor in named_tensors(site, value).items():
            if name in self.sites:
                self._read(name, tensor)
        if self.stop and len(self.tensors) == len(self.sites):
            raise _Stop

    def _read(self, name: str, tensor: Tensor) -> None:
        if torch.is_grad_enabled():  # what is done with the tensor must not build a graph
            with torch.no_grad():
                return self._read(name, tensor)
        if tensor.is_quantized or tensor.layout != torch.strided:
            tensor = _plain(tensor)
        take = self.sites[name]
        if take is None:
            self.tensors[name] = tensor.clone()
        else:
            take(tensor)
            self.tensors[name] = TAKEN


def _plain(tensor: Tensor) -> Tensor:
    """The tensor as a dense one of plain numbers."""
    return tensor.dequantize() if tensor.is_quantized else tensor.to_dense()


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


@dc.dataclass(frozen=True, eq=False)
class Place:
    """Where a hook goes: before or after the calls of a module; `number` is no other
    hook's. A place without a name is that of the network's own input.
    """

    module: nn.Module
    name: str
    before: bool
    number: int = dc.field(default_factory=lambda: RemovableHandle(OrderedDict()).id)


def places_of(network: nn.Module, sites: Iterable[str] | None = None) -> list[Place]:
    """Where hooks go to read these sites, as one that reads nothing takes time too; None
    for all.
    """
    wanted = None if sites is None else {(module_name(s), ":in" in s) for s in sites}
    found = []
    if wanted is None or (INPUT, False) in wanted:
        found += [Place(network, "", before=True)]  # before that of any module
    for name, module in modules_by_name(network).items():
        for before in (True, False):
            if wanted is None or (name, before) in wanted:
                found += [Place(module, name, before)]
    return found


@contextlib.contextmanager
def hooked(
    keep: Keep, places: Sequence[Place], begin: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Inside, `keep(site, module, value)` is called for the inputs and outputs of each
    module, and `begin` when a pass begins, if the network's own input is read.

    Sites are named by module and call: `fc`, `fc:in`, `fc#2`.
    """
    entered: Counter[str] = Counter()
    left: Counter[str] = Counter()

    def start(module: nn.Module, args: Any, kwargs: Any) -> None:
        entered.clear()
        left.clear()
        begin()
        for path, value in _given(args, kwargs):
            keep(INPUT + path, module, value)

    def enter(name: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        # Inputs are read before the call, which may change them in place.
        site = _numbered(name, entered)
        for path, value in _given(args, kwargs):
            keep(f"{site}:in{path}", module, value)

    def leave(name: str, module: nn.Module, args: Any, output: Any) -> None:
        keep(_numbered(name, left), module, output)

    try:
        # As torch's functions that register hooks do, which would take ten times as long.
        for one in places:
            if one.before:
                hook = partial(enter, one.name) if one.name else start
                one.module._forward_pre_hooks[one.number] = hook
                one.module._forward_pre_hooks_with_kwargs[one.number] = True
            else:
                one.module._forward_hooks[one.number] = partial(leave, one.name)
        yield
    finally:
        for one in places:
            one.module._forward_pre_hooks.pop(one.number, None)
            one.module._forward_pre_hooks_with_kwargs.pop(one.number, None)
            one.module._forward_hooks.pop(one.number, None)


def _numbered(name: str, calls: Counter[str]) -> str:
    """The name of a new call; calls after the first are numbered."""
    calls[name] += 1
    return name if calls[name] == 1 else f"{name}#{calls[name]}"


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The inputs of a module, with the end of their site's name. Inputs by position have no
    end, so `block:in` is the same with or without a mask by keyword.
    """
    if args or not kwargs:
        yield "", args[0] if len(args) == 1 else args
        yield from ((f"/{key}", value) for key, value in kwargs.items())
    else:
        yield "", kwargs


def eval_mode(
    network: nn.Module, modules: Iterable[nn.Module] | None = None
) -> contextlib.AbstractContextManager[None]:
    """Eval mode, without gradients; each module's own flag is restored.

    modules : those of the network, if they are known.
    """
    modules = network.modules() if modules is None else modules
    # Setting all flags for every batch would take time.
    trains = any(module.training for module in modules)
    return _evaluated(network) if trains else torch.no_grad()


def check_modes(network: nn.Module) -> None:
    """Refuse a network that has no modes; such a program has no modules to read either."""
    try:
        with eval_mode(network):
            pass
    # Exported programs raise NotImplementedError in `eval`, frozen ones have no `training`.
    except (AttributeError, NotImplementedError) as error:
        raise ManifoldScaleError(
            f"`model` cannot be put into eval mode ({first_line(error)}), as what "
            "torch.export and torch.jit.freeze make: pass the module that it was made from."
        ) from error


@contextlib.contextmanager
def _evaluated(network: nn.Module) -> Iterator[None]:
    flags = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, flag in flags:
            module.training = flag
