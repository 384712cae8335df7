"""Training a linearised network in closed form (Jacot et al. 2018, Lee et al. 2019).

Gradient descent on half the sum of squared errors moves the outputs of a network that is
linear in its parameters by its tangent kernel Theta alone. With Theta = U s U' on the
training points, a residual in mode i falls by

    decay_i(t) = exp(-s_i t)        in gradient flow,
    decay_i(t) = (1 - eta s_i)^t    in t steps of descent at learning rate eta,

and the outputs elsewhere move by Theta_*X U [(1 - decay) / s] U' (y - f_0). One
eigendecomposition gives all times. The outputs stay affine in the initial function f_0. If
f_0 comes from the Gaussian process of an infinitely wide network, mean and variance are
therefore exact as well.
"""

import dataclasses as dc
import math
from typing import Any

import numpy as np
import torch
from scipy import linalg
from torch import nn

from ..core.arrays import Floats, as_real
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import number
from .curve import ExactCurve, Series
from .empirical_ntk import empirical_ntk, outputs_at
from .gram import as_gram, as_targets, check_semidefinite

NEGLIGIBLE = 0.01  # share of a mode that may be learned without being counted


@dc.dataclass(frozen=True, eq=False)
class LinearizedTraining(ExactCurve):
    """Outputs and losses of a linearised network while it trains.

    Attributes
    ----------
    times : (times,) of gradient flow, or numbers of steps of gradient descent.
    train_mean, test_mean : (times x points x outputs) mean outputs over initialisations,
        or the outputs themselves of one network.
    train_variance, test_variance : (times x points x outputs) variances over
        initialisations; zero for one network.
    train_loss, test_loss : (times,) expected squared error, summed over outputs, averaged
        over points; NaN without test targets.
    rates : (modes,) eigenvalues of the tangent kernel on the training points, in falling
        order; a mode is learned in a time of 1 / rate.
    mode_power : (modes,) part of the initial training loss in each mode.
    learning_rate : of gradient descent; None for gradient flow.
    right_until : the time up to which modes whose rates are lost in rounding do not matter.
        Later they are missing, and a caveat says so. Infinite if no rate is lost.
    largest_learning_rate : 2 / largest rate, above which descent diverges.
    """

    times: Floats
    train_mean: Floats
    test_mean: Floats
    train_variance: Floats
    test_variance: Floats
    train_loss: Floats
    test_loss: Floats
    rates: Floats
    mode_power: Floats
    learning_rate: float | None
    right_until: float = math.inf
    caveats: tuple[Remark, ...] = ()

    method = "linearised training"
    columns = ("time=times", "train_loss=train_loss", "test_loss=test_loss")

    @property
    def largest_learning_rate(self) -> float:
        return float(2 / self.rates[0])

    def by_mode(self) -> Floats:
        """(times x modes): the remaining training loss in each mode."""
        decays = [_decay(self.rates, t, self.learning_rate) for t in self.times]
        return np.array(decays) ** 2 * self.mode_power

    def series(self) -> tuple[str, str, list[Series]]:
        lines = [("train", self.times, self.train_loss)]
        if np.isfinite(self.test_loss).any():
            lines.append(("test", self.times, self.test_loss))
        return "training time", "expected loss", lines

    def headline(self) -> str:
        kind = (
            "gradient flow"
            if self.learning_rate is None
            else f"gradient descent, learning rate {number(self.learning_rate)} of at most "
            f"{number(self.largest_learning_rate)}"
        )
        return (
            f"linearised training ({kind}): train loss {number(self.train_loss[0])} to "
            f"{number(self.train_loss[-1])}, test loss {number(self.test_loss[0])} to "
            f"{number(self.test_loss[-1])} at time {self.times[-1]:g}"
        )


def linearized_training(
    ntk: Any,
    targets: Any,
    times: Any,
    *,
    learning_rate: float | None = None,
    nngp: Any = None,
    initial: Any = None,
    test_targets: Any = None,
) -> LinearizedTraining:
    """Train a linearised network by full-batch gradient descent, in closed form.

    >>> x = np.linspace(-1, 1, 12)[:, None]
    >>> gram = np.exp(-abs(x - x.T))
    >>> run = linearized_training(gram, np.sin(3 * x[:8]), times=[0, 1, np.inf])
    >>> bool(run.train_loss[0] > run.train_loss[1] > 1e-3), float(run.train_loss[-1])
    (True, 0.0)

    Parameters
    ----------
    ntk : tangent kernel on training and test points together, the training points first:
        (points x points), the same for every output, as from `ntk`; or (points x points x
        outputs x outputs), as from `empirical_ntk`.
    targets : (n,) or (n x outputs) labels of the first n points; the others are the test
        points.
    times : of gradient flow df/dt = -Theta (f - y); with a `learning_rate`, numbers of
        steps. np.inf is the end of training.
    nngp : covariance of the initial outputs, (points x points), as from `nngp`: the result
        is the mean and variance over initialisations.
    initial : (points,) or (points x outputs) initial outputs of one network. Without
        either, the network starts at zero.
    test_targets : noise-free labels of the test points.

    The loss is half the sum of squared errors over points and outputs: for a mean over n
    points, divide the learning rate by n.

    Rates below the rounding of the kernel, points x 2e-16 of the largest, are taken as
    zero. They are zero if the kernel is of finite rank or points are repeated. A smooth
    activation has many that are merely small, and learned late: `right_until` says when,
    and a caveat says how many.

    Raises
    ------
    ManifoldScaleError : a kernel that is not square, symmetric or positive semidefinite,
        arrays of other lengths, negative times, both `nngp` and `initial`, or a learning
        rate above the stability limit 2 / largest eigenvalue.
    """
    require(nngp is None or initial is None, "Give `nngp` or `initial`, not both.")
    n = len(np.asarray(targets))
    labels = as_targets(targets, n)
    kernel, repeats = _square(ntk, labels.shape[1])
    n_points = len(kernel) // repeats
    require(
        n <= n_points,
        f"`ntk` is on {n_points} points, fewer than the {n} targets; it must be on "
        "training and test points together.",
    )
    start = np.zeros((n_points, labels.shape[1]))
    if initial is not None:
        start = as_targets(initial, n_points, "initial")
    flow = _Flow.of(kernel, n * repeats)
    limit = float(2 / flow.rates[0])
    require(
        learning_rate is None or 0 < learning_rate < limit,
        f"`learning_rate` must be positive and below the stability limit 2 / largest "
        f"eigenvalue = {number(limit)} of this kernel; not {learning_rate!r}.",
    )
    spread = None
    if nngp is not None:
        covariance = as_gram(nngp, "nngp")
        require(
            len(covariance) == n_points,
            f"`nngp` must be on the same {n_points} points as `ntk`; it is on "
            f"{len(covariance)}.",
        )
        spread = _Spread.of(flow, np.asarray(np.kron(covariance, np.eye(repeats))))
    clock = _times(times)
    require(
        learning_rate is None or bool(np.all((clock == np.round(clock)) | np.isinf(clock))),
        f"With a `learning_rate`, `times` are whole numbers of steps; not {times!r}.",
    )
    return _run(flow, spread, labels, start, clock, learning_rate, test_targets)


def linearized_network(
    network: nn.Module,
    inputs: Any,
    targets: Any,
    times: Any,
    *,
    learning_rate: float | None = None,
    test_inputs: Any = None,
    test_targets: Any = None,
) -> LinearizedTraining:
    """Train the linearisation of this very network at its parameters, in closed form.

    The network itself differs from it in training by as much as its tangent kernel moves,
    about 1 / width. Parameters are those of `linearized_training`, with inputs in place of
    kernels.
    """
    points = torch.as_tensor(inputs)
    if test_inputs is not None:
        points = torch.cat([points, torch.as_tensor(test_inputs)])
    return linearized_training(
        empirical_ntk(network, points),
        targets,
        times,
        learning_rate=learning_rate,
        initial=outputs_at(network, points),
        test_targets=test_targets,
    )


def _square(ntk: Any, n_outputs: int) -> tuple[Floats, int]:
    """The kernel as a matrix, and its number of rows per point: outputs that share a kernel
    evolve side by side, others as one vector.
    """
    array = np.asarray(as_real(ntk, "ntk"), dtype=np.float64)
    if array.ndim != 4:
        return as_gram(array, "ntk"), 1
    require(
        array.shape[2] == array.shape[3] == n_outputs,
        f"`ntk` has {array.shape[2:]} outputs, the targets {n_outputs}.",
    )
    rows = len(array) * n_outputs
    return as_gram(array.transpose(0, 2, 1, 3).reshape(rows, -1), "ntk"), n_outputs


def _times(times: Any) -> Floats:
    clock = np.atleast_1d(np.asarray(times, dtype=np.float64)).ravel()
    require(
        clock.size > 0 and bool(np.all(clock >= 0)),
        f"`times` must be numbers of at least 0; not {times!r}.",
    )
    return clock


def _decay(rates: Floats, time: float, learning_rate: float | None) -> Floats:
    """The remaining share of a residual in each mode."""
    if np.isinf(time):
        return np.where(rates == 0, 1.0, 0.0)
    if learning_rate is None:
        return np.exp(-rates * time)
    return np.asarray((1 - learning_rate * rates) ** time)


def _gain(rates: Floats, time: float, learning_rate: float | None) -> Floats:
    """(1 - decay) / rate, without cancellation where little is learned; zero for a mode of
    rate zero, which reaches no point.
    """
    rate = np.where(rates > 0, rates, np.inf)
    if np.isinf(time):
        return np.asarray(1 / rate)
    if learning_rate is None:
        return np.asarray(-np.expm1(-rates * time) / rate)
    step = learning_rate * rates
    slow = np.minimum(step, 0.5)  # larger steps do not cancel, and may alternate in sign
    little, much = -np.expm1(time * np.log1p(-slow)), 1 - (1 - step) ** time
    return np.where(step <= 0.5, little, much) / rate


@dc.dataclass(frozen=True, eq=False)
class _Flow:
    """The eigensystem of the tangent kernel on the training points.

    rates : (modes,); modes : (train x modes); reach : (test x modes), the kernel from the
    modes to the test points; rounding : rates up to it are lost, and set to zero.
    """

    rates: Floats
    modes: Floats
    reach: Floats
    rounding: float

    @classmethod
    def of(cls, kernel: Floats, n_train: int) -> "_Flow":
        rates, modes = linalg.eigh(kernel[:n_train, :n_train], driver="evd")
        rates, modes = rates[::-1], modes[:, ::-1]
        check_semidefinite(rates, "ntk")
        # A kernel that was computed in float32 shows its rounding as rates below zero.
        rounding = max(n_train * np.finfo(float).eps * float(rates[0]), -float(rates[-1]))
        lost = rates <= rounding  # zero but for rounding
        reach = kernel[n_train:, :n_train] @ modes
        return cls(np.where(lost, 0, rates), modes, np.where(lost, 0, reach), rounding)

    def right_until(self, learning_rate: float | None) -> float:
        """The time, or step, up to which a mode whose rate is lost in rounding learns at
        most a share of `NEGLIGIBLE`.
        """
        if self.rates[-1] > 0:
            return math.inf
        time = NEGLIGIBLE / self.rounding
        return time if learning_rate is None else math.floor(time / learning_rate)

    def caveats(self, times: Floats, learning_rate: float | None) -> tuple[Remark, ...]:
        until = self.right_until(learning_rate)
        if times.max() <= until:
            return ()
        lost = int((self.rates == 0).sum())
        detail = f"{lost} of {len(self.rates)} modes; right up to time {number(until, 2)}"
        return (Caveat.BELOW_ROUNDING(detail),)


@dc.dataclass(frozen=True, eq=False)
class _Spread:
    """The covariance of the initial outputs, seen from the modes.

    inner : (modes x modes); cross : (modes x test); test : (test,) variances.
    """

    inner: Floats
    cross: Floats
    test: Floats

    @classmethod
    def of(cls, flow: _Flow, covariance: Floats) -> "_Spread":
        n = len(flow.modes)
        inner = flow.modes.T @ covariance[:n, :n] @ flow.modes
        return cls(inner, flow.modes.T @ covariance[:n, n:], np.diag(covariance)[n:])

    def variances(self, flow: _Flow, decay: Floats, gain: Floats) -> tuple[Floats, Floats]:
        """Variances of the outputs on training and test points."""
        left, moved = flow.modes * decay, flow.reach * gain
        train = ((left @ self.inner) * left).sum(1)
        test = self.test - 2 * (moved * self.cross.T).sum(1)
        test += ((moved @ self.inner) * moved).sum(1)
        return np.maximum(train, 0), np.maximum(test, 0)  # rounding may go below


def _run(
    flow: _Flow,
    spread: _Spread | None,
    labels: Floats,
    start: Floats,
    times: Floats,
    learning_rate: float | None,
    test_targets: Any,
) -> LinearizedTraining:
    n, n_outputs = labels.shape
    n_test = len(start) - n
    wanted = np.full((n_test, n_outputs), np.nan)
    if test_targets is not None:
        wanted = as_targets(test_targets, n_test, "test_targets")
    columns = n * n_outputs // len(flow.modes)  # outputs side by side, or one vector
    residual = flow.modes.T @ (start[:n] - labels).reshape(-1, columns)
    shapes = (len(times), n, n_outputs), (len(times), n_test, n_outputs)
    train, test = np.empty(shapes[0]), np.empty(shapes[1])
    noise, test_noise = np.zeros(shapes[0]), np.zeros(shapes[1])
    for i, time in enumerate(times):
        decay, gain = (f(flow.rates, time, learning_rate) for f in (_decay, _gain))
        left = flow.modes @ (decay[:, None] * residual)
        moved = flow.reach @ (gain[:, None] * residual)
        train[i] = left.reshape(n, n_outputs)  # the residual: labels are added below
        test[i] = start[n:] - moved.reshape(n_test, n_outputs)
        if spread is not None:
            inner, outer = spread.variances(flow, decay, gain)
            noise[i] = inner.reshape(n, -1)
            test_noise[i] = outer.reshape(n_test, -1)
    power = (residual**2).sum(1)
    if spread is not None:
        power = power + columns * np.maximum(np.diag(spread.inner), 0)
    error = (test - wanted) ** 2 + test_noise
    return LinearizedTraining(
        times=times,
        train_mean=labels + train,
        test_mean=test,
        train_variance=noise,
        test_variance=test_noise,
        train_loss=(train**2 + noise).sum(2).mean(1),
        test_loss=error.sum(2).mean(1) if n_test else np.full(len(times), np.nan),
        rates=flow.rates,
        mode_power=power / n,
        learning_rate=learning_rate,
        right_until=flow.right_until(learning_rate),
        caveats=flow.caveats(times, learning_rate),
    )
