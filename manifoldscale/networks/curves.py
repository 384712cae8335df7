"""A curve pushed through the layers of a network: its length, curvature and turning."""

import dataclasses as dc
import fnmatch
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jvp

from ..core.arrays import Array, Floats, frozen
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, nearest, require
from ..core.interval import number
from ..core.result import Result
from ..core.settings import real, whole
from ..core.style import drawing, name_places, plain_log_axis
from ..core.weights import check_weights
from .containers import named_tensors
from .initialise import at_initialisation, copied
from .wrappers import root_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLES = 3  # of a pass that finds the sites
DERIVING = "parametrizations."  # of modules that make weights
STRIDES = (1, 2, 4, 8, 16)  # steps between the points whose circle is measured
ROUGH = (
    -0.25
)  # d log kappa / d log step below which a curve bends more the closer one looks
ROUNDING = 1e-3  # radians that a curve turns by rounding
APART = 1.2  # factor between the circle's and the derivative's curvature that kinks make


@dc.dataclass(frozen=True)
class Curve:
    """A curve of inputs.

    Parameters
    ----------
    function : takes a tensor of parameters (n,) and gives inputs (n, ...), differentiably.
    start, stop : range of the parameter.
    is_closed : whether it ends where it began.
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
        "`first` and `second` lie on one line with the origin: they span no circle.",
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


@dc.dataclass(frozen=True, eq=False)
class CurveThroughLayers(Result):
    """What became of a curve at each site, as the curve h / sqrt(features).

    Parameters
    ----------
    sites : names of the L sites, in the order of the forward pass.
    features : (L,) values an example at each.
    length : (L,) of the curve.
    curvature : (L,) root mean square over the parameter; NaN where it does not exist.
    turning : (L,) integral of curvature over length, the length of the curve of tangent
        directions (Grassmannian length); scale-free. NaN likewise.
    steps : (S,) of the parameter, between points that a circle was laid through.
    kappa_of_step : (L, S) rms curvature of these circles: it tends to `curvature` at small
        steps, or grows like step^(-1/2) where the network has kinks.
    initial : the same of the same network with new weights, or None.
    expected_length, expected_curvature : of the mean field, one for each linear layer, or
        None.
    """

    sites: tuple[str, ...]
    features: Array
    length: Floats
    curvature: Floats
    turning: Floats
    steps: Floats
    kappa_of_step: Floats
    initial: "CurveThroughLayers | None" = None
    expected_length: Floats | None = None
    expected_curvature: Floats | None = None
    caveats: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "features",
            "length",
            "curvature",
            "turning",
            "steps",
            "kappa_of_step",
        ):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def headline(self) -> str:
        return (
            f"curve through {len(self.sites)} sites: length {number(self.length[0])} to "
            f"{number(self.length[-1])}, curvature {number(self.curvature[0])} to "
            f"{number(self.curvature[-1])}, turning {number(self.turning[0])} to "
            f"{number(self.turning[-1])}"
        )

    def row(self) -> dict[str, Any]:
        last = {
            name: float(getattr(self, name)[-1])
            for name in ("length", "curvature", "turning")
        }
        return {"site": self.sites[-1], **last}

    def rows(self) -> list[dict[str, Any]]:
        """One row a site, those of the initial network beside."""
        columns = {"site": self.sites, "features": self.features.tolist()}
        for suffix, one in (("", self), ("_initial", self.initial)):
            if one is not None:
                for name in ("length", "curvature", "turning"):
                    columns[name + suffix] = getattr(one, name).tolist()
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Turning by site, and that of the initial network."""
        ax.plot(self.turning, "o-", label="network")
        if self.initial is not None:
            ax.plot(self.initial.turning, "s--", label="at initialisation")
        ax.set(yscale="log", ylabel="turning, radians", xlabel="site")
        plain_log_axis(ax.yaxis, self.turning)
        name_places(ax, self.sites)
        ax.legend()


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

    Velocity v and acceleration a come from forward-mode differentiation in forward mode, in
    float64 on a copy; then kappa^2 = |a|^2 / |v|^4 - (v.a)^2 / |v|^6. A network with kinks
    has no curvature: the derivative sees straight pieces, and between them nothing. So a
    circle is also laid through points at several steps; where its curvature grows as the
    step shrinks, the curvature is NaN, and `kappa_of_step` holds what there is.

    >>> net = nn.Sequential(nn.Linear(2, 50), nn.Tanh())
    >>> circle = great_circle([1.0, 0.0], [0.0, 1.0])
    >>> through_layers(net, circle, n=64).sites
    ('0', '1')

    Parameters
    ----------
    model : a module whose forward takes one tensor (n, ...).
    curve : `great_circle(x1, x2)`, `segment(x1, x2)`, or a `Curve` of one's own.
    sites : patterns for the names of the modules; "*" takes all without parts.
    n : points on the curve.
    initial : also measure the network with new weights (`reset_parameters`).
    expected : `ms.theory.mean_field(...).layers(depth)`, to be plotted beside.
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
        result = dc.replace(
            result,
            expected_length=np.asarray(expected.length),
            expected_curvature=np.asarray(expected.curvature),
        )
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
    names = _names(model, curve.function(at[:EXAMPLES]), sites)
    ones = torch.ones_like(at)

    def outputs(s: Tensor) -> tuple[Tensor, ...]:
        with _recorded(model, names) as found:
            model(curve.function(s))
        return tuple(found[name].flatten(1) for name in names)

    def moving(s: Tensor) -> Any:
        return jvp(outputs, (s,), (ones,))

    with warnings.catch_warnings():
        # torch compiles rules of its own on first use, by what it deprecates itself.
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
    circles = np.array(
        [_circles(x / math.sqrt(x.shape[1]), curve.is_closed) for x in places]
    )
    rough = _is_rough(circles, kappa, length)
    notes: tuple[Remark, ...] = ()
    if rough.any():
        kinked = ", ".join(np.array(names)[rough].tolist())
        notes = (Caveat.KINKS(kinked),)
    return CurveThroughLayers(
        sites=tuple(names),
        features=features,
        length=length,
        curvature=np.where(rough, np.nan, kappa),
        turning=np.where(rough, np.nan, turning),
        steps=width * np.array(STRIDES),
        kappa_of_step=circles,
        caveats=notes,
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


def _circles(x: Tensor, is_closed: bool) -> list[float]:
    """The rms curvature 4 area / (product of the sides) of triangles of points that lie
    1, 2, 4, .. steps apart.
    """
    values = []
    for stride in STRIDES:
        if is_closed:
            before, here, after = x, x.roll(-stride, 0), x.roll(-2 * stride, 0)
        else:
            before, here, after = x[: -2 * stride], x[stride:-stride], x[2 * stride :]
        p, q, r = here - before, after - here, after - before
        a, b, c = ((side**2).sum(1) for side in (p, q, r))
        area2 = (a * b - (p * q).sum(1) ** 2).clamp(min=0)  # (2 area)^2
        kappa2 = 4 * area2 / (a * b * c).clamp(min=1e-300)
        values.append(float(kappa2.mean().sqrt()))
    return values


def _is_rough(circles: Floats, kappa: Floats, length: Floats) -> Any:
    """Where the curvature of circles grows as they shrink, beyond what derivatives see and
    what rounding makes.
    """
    small = np.maximum(circles[:, :3], 1e-300)
    slope = np.log(small[:, 2] / small[:, 0]) / math.log(STRIDES[2] / STRIDES[0])
    bent = circles[:, 0] > np.maximum(APART * kappa, ROUNDING / np.maximum(length, 1e-300))
    return (slope < ROUGH) & bent


def _names(model: nn.Module, example: Tensor, sites: str | Sequence[str]) -> list[str]:
    """The chosen modules that the forward pass calls and that give one point an example;
    those that make weights of others give none.
    """
    modules = _modules(model)
    parts = [name for name, module in modules.items() if not list(module.children())]
    available = parts if sites == "*" else list(modules)
    with _recorded(model, available) as found:
        try:
            model(example)
        except (RuntimeError, ValueError, IndexError) as error:
            raise ManifoldScaleError(
                f"The network cannot take a point of the curve, of shape "
                f"{tuple(example.shape)}: {error}"
            ) from error
    given = [name for name, value in found.items() if value.ndim > 1]
    points = [n for n in given if len(found[n]) == EXAMPLES and DERIVING not in n]
    return _matching(sites, points)


def _modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its first name; the whole network under its class name."""
    return {name or root_name(model): module for name, module in model.named_modules()}


def _matching(patterns: str | Sequence[str], available: list[str]) -> list[str]:
    """Names that match any of the globs, in the order of the network."""
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in wanted:
        require(
            bool(fnmatch.filter(available, pattern)),
            f"No site matches {pattern!r}; did you mean {nearest(pattern, available)}?",
        )
    return [n for n in available if any(fnmatch.fnmatchcase(n, p) for p in wanted)]


@contextmanager
def _recorded(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """The outputs of these modules in the forward passes inside, the first call of each."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            tensor = named_tensors("output", output).get("output")
            if tensor is not None and name not in found:
                found[name] = tensor.clone()

        return hook

    with ExitStack() as undo:
        for name, module in _modules(model).items():
            if name in set(names):
                undo.callback(module.register_forward_hook(keep(name)).remove)
        yield found


def _outer(values: Tensor, x: Tensor) -> Tensor:
    """(n, ...) multiples of one input."""
    return values.reshape(-1, *[1] * x.ndim) * x
