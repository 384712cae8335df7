"""The tangent kernel of a finite network, of any module, and how far it moves.

Theta_op(x, x') = sum over trainable parameters of df_o(x)/dtheta df_p(x')/dtheta, in
float64. Two routes compute it in tiles of bounded memory. Both write the Jacobian of a
block of inputs as a sum over layers of products a (x) d. A tile is then the elementwise
product of the Gram matrices of a and d:

- for a multilayer perceptron, a is the input of the layer, with a one for the bias, and d
  the derivative of the outputs in its pre-activations. No Jacobian is ever formed.
- for any other module, d is the Jacobian itself, by `torch.func`, and there is no a; it
  goes example by example where `torch.func` cannot batch the module.
"""

import dataclasses as dc
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ..core.errors import ManifoldScaleError, first_line, one_of, require
from ..core.weights import check_weights
from .assemble import check_finite
from .ntk_mlp import NTKLinear, Pointwise

NUMBERS = 1 << 26  # float64 numbers in the factors of a block: 512 MiB, held twice


@dc.dataclass(frozen=True)
class Factor:
    """The part of one layer in the Jacobian of a block of inputs.

    inputs : (rows x fan-in) or None, which stands for a one.
    outputs : (rows x network outputs x units).
    """

    inputs: Tensor | None
    outputs: Tensor


Factors = Callable[[Tensor], list[Factor]]


def empirical_ntk(
    model: nn.Module, x1: Any, x2: Any | None = None, *, outputs: str = "full"
) -> Tensor:
    """The tangent kernel of a network as it is.

    >>> from manifoldscale.theory import ntk_mlp
    >>> empirical_ntk(ntk_mlp(3, 64, 2, outputs=5), torch.ones(7, 3)).shape
    torch.Size([7, 7, 5, 5])

    Parameters
    ----------
    model : any module that maps a batch of inputs to a batch of outputs, each example on
        its own. Its parameters, buffers, gradients and training mode are left unchanged.
    x1, x2 : batches of inputs, tensors or arrays; real ones are taken in float64. Without
        `x2` the kernel is that of `x1` with itself.
    outputs : "full" is (n1, n2, outputs, outputs); "trace" sums the diagonal over outputs
        and "mean" averages it, both (n1, n2). In the limit of infinite width the full
        kernel is "mean" times the identity, and "mean" is `ntk`.

    Returns
    -------
    A float64 tensor on the device of the model.

    Raises
    ------
    ManifoldScaleError : batch normalisation or dropout in training mode, which make an
        output depend on more than its input; a module without trainable parameters, or
        that does not return one tensor with a row for each example; a kernel that is not
        finite.
    """
    one_of("outputs", outputs, ("full", "trace", "mean"))
    _check(model)
    first = _as_inputs(x1, _device(model))
    second = None if x2 is None else _as_inputs(x2, _device(model))
    n_outputs, full = outputs_at(model, first[:1]).numel(), outputs == "full"
    if _is_layered(model, first):
        assert isinstance(model, nn.Sequential)
        rows = max(1, NUMBERS // _layered_cost(model, n_outputs))
        kernel = _tiled(_layered(model), first, second, rows, full)
    else:
        kernel = _general(model, first, second, n_outputs, full)
    check_finite(kernel, "`x1` and `x2`, or the weights of `model`, are too large")
    return kernel / n_outputs if outputs == "mean" else kernel


def _general(
    model: nn.Module, x1: Tensor, x2: Tensor | None, n_outputs: int, full: bool
) -> Tensor:
    """By Jacobians. The trace is the sum of the kernels of single outputs: their Jacobians
    are smaller, so blocks are longer and fewer are computed again.
    """
    _check_gradient(model, x1[:1])
    size = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if full:
        rows = max(1, NUMBERS // (n_outputs * size))
        return _tiled(_jacobian(model, slice(None)), x1, x2, rows, full)
    rows = max(1, NUMBERS // size)
    singles = (_jacobian(model, slice(o, o + 1)) for o in range(n_outputs))
    return torch.stack([_tiled(single, x1, x2, rows, full) for single in singles]).sum(0)


def _check_gradient(model: nn.Module, x: Tensor) -> None:
    """Refuse a network whose outputs know no gradient: its kernel would be zero."""
    state = {
        slot: _copied(tensor).requires_grad_(tensor.requires_grad)
        for slot, tensor in _slots(model)
    }
    with torch.enable_grad():
        require(
            _called(model, state, x).requires_grad,
            f"The outputs of {type(model).__name__} have no gradient in its parameters: "
            "does its forward run under `torch.no_grad()`, or detach them?",
        )


def _tiled(
    factors: Factors, x1: Tensor, x2: Tensor | None, rows: int, full: bool
) -> Tensor:
    """The kernel by blocks of rows; only the upper half of a symmetric one is computed."""
    other, symmetric = (x1, True) if x2 is None else (x2, False)
    kernel: Tensor | None = None
    for i in range(0, len(x1), rows):
        left = factors(x1[i : i + rows])
        for j in range(i if symmetric else 0, len(other), rows):
            on_diagonal = symmetric and j == i
            right = left if on_diagonal else factors(other[j : j + rows])
            tile = _tile(left, right, full)
            if kernel is None:
                kernel = tile.new_empty((len(x1), len(other), *tile.shape[2:]))
            kernel[i : i + rows, j : j + rows] = tile
            if symmetric and not on_diagonal:
                kernel[j : j + rows, i : i + rows] = _mirrored(tile)
    assert kernel is not None
    return kernel


def _mirrored(tile: Tensor) -> Tensor:
    return tile.permute(1, 0, 3, 2) if tile.ndim == 4 else tile.T


def _tile(left: list[Factor], right: list[Factor], full: bool) -> Tensor:
    """(rows x rows) or (rows x rows x outputs x outputs), summed over layers."""
    total: Tensor | None = None
    for a, b in zip(left, right, strict=True):
        if full:
            product = torch.einsum("iou,jpu->ijop", a.outputs, b.outputs)
        else:
            product = a.outputs.flatten(1) @ b.outputs.flatten(1).T
        if a.inputs is not None and b.inputs is not None:
            gram = a.inputs @ b.inputs.T
            product *= gram[:, :, None, None] if full else gram
        total = product if total is None else total.add_(product)
    assert total is not None
    return total


def _layered(model: nn.Sequential) -> Factors:
    """Factors of a multilayer perceptron: one forward pass, and one backward pass per
    output, because different examples do not interact.
    """

    def factors(x: Tensor) -> list[Factor]:
        hidden, inputs, between = x.detach().clone().requires_grad_(), [], []
        with torch.enable_grad():
            for layer in model:
                if isinstance(layer, nn.Linear | NTKLinear):
                    inputs.append(_augmented(layer, hidden.detach()))
                    between.append(_affine(layer, hidden))
                    hidden = between[-1].clone()  # an activation may work in place
                else:
                    hidden = layer(hidden)
            slopes = [
                torch.autograd.grad(output, between, retain_graph=True)
                for output in hidden.flatten(1).sum(0)
            ]
        outputs = (torch.stack(of_layer, 1) for of_layer in zip(*slopes, strict=True))
        return [
            Factor(a, d)
            for a, d in zip(inputs, outputs, strict=True)
            if a.shape[1]  # a layer without trainable parameters adds nothing
        ]

    return factors


def _scales(layer: nn.Linear | NTKLinear) -> tuple[float, float]:
    if isinstance(layer, NTKLinear):
        return layer.weight_scale, layer.bias_scale
    return 1.0, 1.0


def _affine(layer: nn.Linear | NTKLinear, x: Tensor) -> Tensor:
    weight_scale, bias_scale = _scales(layer)
    bias = None if layer.bias is None else bias_scale * layer.bias.detach().double()
    return nn.functional.linear(x, weight_scale * layer.weight.detach().double(), bias)


def _augmented(layer: nn.Linear | NTKLinear, x: Tensor) -> Tensor:
    """The factors of the layer's trainable parameters: its input, and a one."""
    weight_scale, bias_scale = _scales(layer)
    parts = [weight_scale * x] if layer.weight.requires_grad else []
    if layer.bias is not None and layer.bias.requires_grad:
        parts.append(torch.full_like(x[:, :1], bias_scale))
    return torch.cat(parts, 1) if parts else x[:, :0]


def _layered_cost(model: nn.Sequential, n_outputs: int) -> int:
    """Numbers in the factors of one input."""
    linear = [layer for layer in model if isinstance(layer, nn.Linear | NTKLinear)]
    return sum(
        layer.weight.shape[1] + 1 + n_outputs * layer.weight.shape[0] for layer in linear
    )


def _is_layered(model: nn.Module, x: Tensor) -> bool:
    """Whether the layer-wise route applies: linear layers, each used once, with functions
    without parameters between them.
    """
    if type(model) is not nn.Sequential:
        return False
    layers = list(model)
    linear = [layer for layer in layers if type(layer) in (nn.Linear, NTKLinear)]
    between = [layer for layer in layers if type(layer) not in (nn.Linear, NTKLinear)]
    weights = {id(parameter) for layer in linear for parameter in layer.parameters()}
    return (
        bool(linear)
        and len(weights) == sum(len(list(layer.parameters())) for layer in linear)
        and all(_is_pointwise(layer) for layer in between)
        and (x.ndim == 2 or type(layers[0]) is nn.Flatten)
    )


def _is_pointwise(layer: nn.Module) -> bool:
    known = type(layer).__module__ == nn.ReLU.__module__  # torch's activations
    named = type(layer) in (Pointwise, nn.Identity, nn.Flatten)
    harmless = known or named or isinstance(layer, _DropoutNd)
    return harmless and not list(layer.parameters())


def _jacobian(model: nn.Module, which: slice) -> Factors:
    """Factors of some outputs of any module: their Jacobian in each parameter."""
    slots = dict(_slots(model))
    tensor_of = {slot: str(id(tensor)) for slot, tensor in slots.items()}
    values = {tensor_of[slot]: _copied(tensor) for slot, tensor in slots.items()}
    trained = {tensor_of[slot] for slot, tensor in slots.items() if tensor.requires_grad}

    def outputs(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        current = values | parameters
        state = {slot: current[tensor_of[slot]] for slot in slots}
        return _called(model, state, x[None]).flatten()[which]

    parameters = {name: values[name] for name in values if name in trained}
    batched = vmap(jacrev(outputs), in_dims=(None, 0))

    def factors(x: Tensor) -> list[Factor]:
        try:
            jacobian = batched(parameters, x)
        except RuntimeError:  # some operations cannot be batched twice, and no branches
            jacobian = _one_by_one(outputs, parameters, x)
        return [Factor(None, derivative.flatten(2)) for derivative in jacobian.values()]

    return factors


def _one_by_one(
    outputs: Callable[[dict[str, Tensor], Tensor], Tensor],
    parameters: dict[str, Tensor],
    x: Tensor,
) -> dict[str, Tensor]:
    """The Jacobian by a backward pass for each example and output, which always works."""
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
    with torch.enable_grad():
        rows = [
            [
                torch.autograd.grad(
                    output, [*leaves.values()], retain_graph=True, materialize_grads=True
                )
                for output in outputs(leaves, example)
            ]
            for example in x
        ]
    return {
        name: torch.stack([torch.stack([output[i] for output in row]) for row in rows])
        for i, name in enumerate(leaves)
    }


def _called(model: nn.Module, state: dict[str, Tensor], x: Tensor) -> Tensor:
    # torch's tying of weights damages a model that uses one module twice.
    found = functional_call(model, state, (x,), tie_weights=False)
    if not isinstance(found, Tensor) or found.ndim < 1 or len(found) != len(x):
        raise ManifoldScaleError(
            f"{type(model).__name__} must return one tensor with a row for each example."
        )
    return found


def _slots(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Each parameter and buffer by name: once for a module that is used twice, but for each
    of two modules that share a tensor.
    """
    for prefix, module in model.named_modules():
        for name, tensor in [
            *module.named_parameters(recurse=False),
            *module.named_buffers(recurse=False),
        ]:
            yield f"{prefix}.{name}" if prefix else name, tensor


def _copied(tensor: Tensor) -> Tensor:
    return _double(tensor.detach().clone())


def _double(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def _as_inputs(x: Any, device: torch.device) -> Tensor:
    tensor = _double(torch.as_tensor(x).detach()).to(device)
    require(
        tensor.ndim >= 1 and len(tensor) > 0,
        f"A batch of inputs is needed; the shape is {tuple(tensor.shape)}.",
    )
    return tensor


def outputs_at(model: nn.Module, x: Any) -> Tensor:
    """(examples x outputs) of a network as it is, in float64."""
    state = {name: _copied(tensor) for name, tensor in _slots(model)}
    inputs = _as_inputs(x, _device(model))
    with torch.no_grad():
        try:
            found = _called(model, state, inputs)
        except ManifoldScaleError:
            raise
        except Exception as error:  # of the code of a network
            raise ManifoldScaleError(
                f"{type(model).__name__} does not accept inputs of shape "
                f"{tuple(inputs.shape)}, examples first: {first_line(error)}."
            ) from error
    return found.reshape(len(inputs), -1)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _check(model: nn.Module) -> None:
    check_weights(model)
    require(
        any(parameter.requires_grad for parameter in model.parameters()),
        f"{type(model).__name__} has no trainable parameter: there is no tangent kernel.",
    )
    for name, module in model.named_modules():
        mixing = isinstance(module, _BatchNorm) and (
            module.training or module.running_mean is None
        )
        random = isinstance(module, _DropoutNd) and module.training and module.p > 0
        require(
            not (mixing or random),
            f"With {name!r} ({type(module).__name__}) in training mode an output depends "
            "on more than its input; call `model.eval()` first.",
        )
