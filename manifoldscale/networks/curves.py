"""A curve pushed through the layers of a network: its length, curvature and turning."""

import dataclasses as dc
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jvp

from ..core.arrays import Floats
from ..core.caveat import Caveat
from ..core.errors import ManifoldScaleError, require
from ..core.settings import real, whole
from ..core.weights import check_weights
from ..curvature.polyline import steps as chords, turns
from .capture import hooked, places_of
from .containers import named_tensors
from .curve_through_layers import CurveThroughLayers
from .dry_run import EXAMPLES, DryRun, dry_run
from .initialise import at_initialisation, copied
from .patterns import select
from .wrappers import hookable, modules_by_name, unhookable

DERIVING = "parametrizations."  # of modules that make weights
STRIDES = (1, 2, 4, 8, 16)  # steps between the points whose circle is measured
ROUGH = -0.25  # d log kappa / d log step below which curvature grows at small steps
ROUNDING = 1e-3  # radians that a curve may turn by rounding
APART = 1.2  # with kinks, circles have a curvature above this factor times the derivative's


@dc.dataclass(frozen=True)
class Curve:
    """A curve of inputs.

    Parameters
    ----------
    function : takes a tensor of parameters (n,) and gives inputs (n, ...), differentiably.
    start, stop : range of the parameter.
    is_closed : whether it ends where it starts.
    """

    function: Callable[[Tensor], Tensor]
    start: float = 0.0
    stop: float = 2 * math.pi
    is_closed: bool = False


def great_circle(first: Any, second: Any, radius: float | None = None) -> Curve:
    """The circle about the origin through `first`, in its plane with `second`.

    >>> circle = great_circle([3.0, 0.0, 0.0], [1.0, 1.0, 0.0])
    >>> circle.function(torch.tensor([math.pi / 2])).round(decimals=6).tolist()
    [[-0.0, 3.0, 0.0]]

    Parameters
    ----------
    first, second : inputs of one shape, not on one line with the origin.
    radius : of the circle; None takes the norm of `first`.
    """
    a, b = (torch.as_tensor(x).detach().double() for x in (first, second))
    require(
        a.shape == b.shape, f"`first` and `second` differ in shape: {a.shape}, {b.shape}."
    )
    size = float(a.norm()) if radius is None else real("radius", radius)
    a = a / a.norm().clamp(min=1e-300)
    b = b - (a * b).sum() * a
    require(
        bool(b.norm() > 1e-9) and size > 0,
        "`first` and `second` lie on one line with the origin: they do not span a circle.",
    )
    b = b / b.norm()
    return Curve(lambda s: size * (_outer(s.cos(), a) + _outer(s.sin(), b)), is_closed=True)


def segment(first: Any, second: Any) -> Curve:
    """The straight path from one input to another, as between two data points."""
    a, b = (torch.as_tensor(x).detach().double() for x in (first, second))
    require(
        a.shape == b.shape, f"`first` and `second` differ in shape: {a.shape}, {b.shape}."
    )
    return Curve(lambda s: _outer(1 - s, a) + _outer(s, b), 0.0, 1.0)


def through_layers(
    model: nn.Module,
    curve: Curve,
    *,
    sites: str | Sequence[str] = "*",
    n: int = 512,
    initial: bool = True,
    expected: Any = None,
    rng: int = 0,
) -> CurveThroughLayers:
    """Length and curvature of a curve of inputs at every site of a network.

    Velocity v and acceleration a come from nested forward-mode differentiation, in float64
    on a copy; then kappa^2 = |a|^2 / |v|^4 - (v.a)^2 / |v|^6. A network with kinks has no
    curvature, because derivatives see straight pieces only: if the curvature of circles
    through points grows as their step shrinks, it is NaN. What exists for any network, at a
    step: the length and the turning of the polygon through points, `length_of_step` and
    `turning_of_step`, and the curvature of their circles, `kappa_of_step`. Length through
    layers: Raghu et al. 2017, arXiv:1606.05336; curvature and turning: Poole et al. 2016,
    arXiv:1606.05340.

    >>> net = nn.Sequential(nn.Linear(2, 50), nn.Tanh())
    >>> circle = great_circle([1.0, 0.0], [0.0, 1.0])
    >>> through_layers(net, circle, n=64).sites
    ('0', '1')

    Parameters
    ----------
    model : a module whose forward takes one tensor (n, ...).
    curve : `great_circle(x1, x2)`, `segment(x1, x2)`, or your own `Curve`.
    sites : patterns, as for `ms.extract`; "*" takes the outputs of modules without parts.
    n : points on the curve.
    initial : also measure the network with new weights (`reset_parameters`).
    expected : `ms.theory.mean_field(...).layers(depth)`, to plot beside.
    rng : seed of the new weights.

    Raises
    ------
    ManifoldScaleError : a pattern that matches nothing, a curve of the wrong shape.
    """
    require(isinstance(curve, Curve), f"`curve` must be a `Curve`; not {curve!r}.")
    n, rng = whole("n", n, 4 * STRIDES[-1]), whole("rng", rng, 0)
    check_weights(model)
    result = _measure(copied(model), curve, sites, n)
    if expected is not None:
        length, curvature = np.asarray(expected.length), np.asarray(expected.curvature)
        result = dc.replace(result, expected_length=length, expected_curvature=curvature)
    if not initial:
        return result
    try:
        fresh = at_initialisation(model, rng)
    except ManifoldScaleError as error:
        note = Caveat.NOT_ESTIMATED(f"at initialisation: {error}")
        return dc.replace(result, caveats=(*result.caveats, note))
    return dc.replace(result, initial=_measure(fresh, curve, sites, n))


def _measure(
    model: nn.Module, curve: Curve, sites: str | Sequence[str], n: int
) -> CurveThroughLayers:
    model.double().eval().requires_grad_(False)
    width = (curve.stop - curve.start) / n
    at = curve.start + width * (torch.arange(n, dtype=torch.float64) + 0.5)
    run = _dry_run(model, curve.function(at[:EXAMPLES]))
    names = _parts(run) if sites == "*" else select(sites, run)
    axes = {name: run.site(name).axes.index("N") for name in names}
    ones = torch.ones_like(at)

    def outputs(s: Tensor) -> tuple[Tensor, ...]:
        found = _outputs(run.network, curve.function(s), set(names))
        return tuple(found[name].movedim(axes[name], 0).flatten(1) for name in names)

    def moving(s: Tensor) -> Any:
        return jvp(outputs, (s,), (ones,))

    with warnings.catch_warnings():
        # On first use torch compiles its own rules with functions that it deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        both: Any = jvp(moving, (at,), (ones,))
    (places, _), (speeds, bends) = both
    features = np.array([place.shape[1] for place in places])
    geometry = np.array(
        [
            _geometry(v / math.sqrt(v.shape[1]), a / math.sqrt(a.shape[1]), width)
            for v, a in zip(speeds, bends, strict=True)
        ]
    )
    length, kappa, turning = geometry[:, 0], geometry[:, 1], geometry[:, 2]
    scaled = [x / math.sqrt(x.shape[1]) for x in places]
    circles = np.array([_circles(x, curve.is_closed) for x in scaled])
    polygons = np.array([_polygons(x.numpy(), curve.is_closed) for x in scaled])
    rough = _is_rough(circles, kappa, length)
    kinked = ", ".join(np.array(names)[rough].tolist())
    return CurveThroughLayers(
        sites=tuple(names),
        features=features,
        length=length,
        curvature=np.where(rough, np.nan, kappa),
        turning=np.where(rough, np.nan, turning),
        steps=width * np.array(STRIDES),
        length_of_step=polygons[..., 0],
        turning_of_step=polygons[..., 1],
        kappa_of_step=circles,
        caveats=(Caveat.KINKS(kinked),) if kinked else (),
    )


def _geometry(v: Tensor, a: Tensor, width: float) -> tuple[float, float, float]:
    """Length, rms curvature and turning from velocity and acceleration, (n, features)."""
    squared = (v**2).sum(1)
    along = (v * a).sum(1)
    kappa2 = ((a**2).sum(1) / squared**2 - along**2 / squared**3).clamp(min=0)
    speed = squared.sqrt()
    return (
        float(speed.sum()) * width,
        float(kappa2.mean().sqrt()),
        float((kappa2.sqrt() * speed).sum()) * width,
    )


def _polygons(x: Floats, is_closed: bool) -> list[tuple[float, float]]:
    """Length and turning of the polygon through points 1, 2, 4, .. apart, a mean over all
    such polygons. Both are means over chords and angles times their number on the whole
    curve: an open curve has fewer of the long ones.
    """
    found = []
    for stride in STRIDES:
        number = len(x) / stride
        sizes = np.linalg.norm(chords(x, stride, is_closed), axis=1)
        angles = turns(x, stride, is_closed)
        bent = angles[np.isfinite(angles)]
        found.append((sizes.mean() * number, bent.mean() * number if len(bent) else 0.0))
    return found


def _circles(x: Tensor, is_closed: bool) -> list[float]:
    """The rms curvature 4 area / (product of the sides) of triangles of points 1, 2, 4, ..
    steps apart.
    """
    values = []
    for stride in STRIDES:
        if is_closed:
            before, here, after = x, x.roll(-stride, 0), x.roll(-2 * stride, 0)
        else:
            before, here, after = x[: -2 * stride], x[stride:-stride], x[2 * stride :]
        p, q, r = here - before, after - here, after - before
        a, b, c = ((side**2).sum(1) for side in (p, q, r))
        # For points on one line, rounding can make the squared area negative.
        area2 = (a * b - (p * q).sum(1) ** 2).clamp(min=0)  # (2 area)^2
        kappa2 = 4 * area2 / (a * b * c).clamp(min=1e-300)
        values.append(float(kappa2.mean().sqrt()))
    return values


def _is_rough(circles: Floats, kappa: Floats, length: Floats) -> Any:
    """Whether the curvature of circles grows as they shrink, beyond the curvature from
    derivatives and beyond rounding.
    """
    small = np.maximum(circles[:, :3], 1e-300)
    slope = np.log(small[:, 2] / small[:, 0]) / math.log(STRIDES[2] / STRIDES[0])
    bent = circles[:, 0] > np.maximum(APART * kappa, ROUNDING / np.maximum(length, 1e-300))
    return (slope < ROUGH) & bent


def _dry_run(model: nn.Module, example: Tensor) -> DryRun:
    try:
        return dry_run(model, example)
    except ManifoldScaleError as error:
        raise ManifoldScaleError(
            f"The network cannot take a point of the curve, of shape "
            f"{tuple(example.shape)}: {error}"
        ) from error


def _parts(run: DryRun) -> list[str]:
    """The outputs of modules without parts in their first calls, except modules that
    compute weights.
    """
    modules = modules_by_name(run.network)
    leaves = {n for n, m in modules.items() if not any(True for _ in m.children())}
    names = [site.name for site in run.sites if site.name in leaves and site.shape]
    return [name for name in names if DERIVING not in name]


def _outputs(network: nn.Module, inputs: Tensor, names: set[str]) -> dict[str, Tensor]:
    """The tensors at these sites in one pass. `Capture` would detach them."""
    found: dict[str, Tensor] = {}

    def keep(site: str, module: nn.Module, value: Any) -> None:
        for name, tensor in named_tensors(site, value).items():
            if name in names:
                found[name] = tensor.clone()  # a module after it may write into it

    with hookable(unhookable(network)), hooked(keep, places_of(network)):
        network(inputs)
    return found


def _outer(values: Tensor, x: Tensor) -> Tensor:
    """(n, ...) multiples of one input."""
    return values.reshape(-1, *[1] * x.ndim) * x
