"""Learning curves of kernel ridge regression in closed form.

Bordelon, Canatar and Pehlevan (2020), Canatar et al. (2021), Simon et al. (2023). With P
examples, eigenvalues lambda_i, coefficients v_i, ridge delta, label noise sigma^2:

    P = sum_i L_i + delta / kappa,    L_i = lambda_i / (lambda_i + kappa)
    gamma = sum_i L_i^2 / P
    error = [sum_i (1 - L_i)^2 v_i^2 + gamma sigma^2] / (1 - gamma)

L_i is the learned share of mode i. The formulas are exact as P grows if the eigenfunctions
behave like independent Gaussians; at finite P they are off by about 1 / P, or, near a peak
at P = number of modes, by about 1 / |P - modes|.
"""

import dataclasses as dc
from typing import Any

import numpy as np

from ..core.arrays import Floats, as_real
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import number
from .curve import ErrorCurve, as_sizes
from .modes import Modes, blocks, not_negative, same_length, solve_kappa


@dc.dataclass(frozen=True, eq=False)
class KernelLearningCurve(ErrorCurve):
    """The expected test error of kernel ridge regression over training sizes.

    Attributes
    ----------
    sizes : (sizes,) numbers of training examples P.
    error : (sizes,) expected squared error on noise-free test labels, summed over outputs;
        infinite where the kernel has exactly P modes and nothing limits the noise.
    kappa : (sizes,) the eigenvalue that is half learned; 0 where all modes are learned.
    gamma : (sizes,) sum of L^2 over P: the share of the label noise that is fitted.
    slack : (sizes,) 1 - gamma, without the cancellation.
    modes : the eigenvalues with their degeneracies.
    power : (modes,) squared coefficients of one eigenfunction of each, over all outputs.
    ridge : as given; `tail` is the trace beyond the modes, which acts as more ridge.
    noise : variance of the training labels; `target_tail` is the power of the target beyond
        the modes, which is never learned and acts as noise.
    """

    sizes: Floats
    error: Floats
    kappa: Floats
    gamma: Floats
    slack: Floats
    modes: Modes
    power: Floats
    ridge: float
    noise: float
    tail: float
    target_tail: float
    caveats: tuple[Remark, ...] = ()

    method = "kernel learning curve"
    columns = ("dataset_size=sizes", "error=error", "kappa=kappa", "gamma=gamma")

    def by_mode(self) -> Floats:
        """(sizes x modes): the part of the error in each mode. The rest of the error comes
        from `target_tail` and from fitted noise: (target_tail + gamma noise) / (1 - gamma).
        """
        _, missed = self.modes.learnability(self.kappa)
        power = self.modes.degeneracies * self.power
        return missed**2 * power / self.slack[:, None]

    def headline(self) -> str:
        return (
            f"kernel learning curve: error {number(self.error[0])} at P = "
            f"{self.sizes[0]:g} to {number(self.error[-1])} at {self.sizes[-1]:g} "
            f"({len(self.modes):,} eigenvalues, ridge {self.ridge:g}, noise {self.noise:g})"
        )


def kernel_learning_curve(
    eigenvalues: Any,
    coefficients: Any,
    sizes: Any,
    ridge: float = 0.0,
    noise: float = 0.0,
    *,
    degeneracies: Any = None,
    tail: float = 0.0,
    target_tail: float = 0.0,
) -> KernelLearningCurve:
    """The expected test error of kernel ridge regression, from the kernel's spectrum.

    >>> ranks = np.arange(1, 100_001)
    >>> curve = kernel_learning_curve(ranks**-2.0, 1 / ranks, sizes=[10, 100, 1000])
    >>> [round(float(error), 5) for error in curve.error * curve.sizes]
    [2.23782, 2.44092, 2.44491]

    Parameters
    ----------
    eigenvalues : (modes,) of the kernel with respect to the distribution of the inputs,
        in falling order; zeros are modes that cannot be learned.
    coefficients : (modes,) or (modes x outputs), of the target in the orthonormal
        eigenfunctions. With degeneracies, the root mean square over those that share an
        eigenvalue.
    sizes : numbers of training examples.
    ridge : added to the diagonal of the P x P Gram matrix.
    noise : variance of the training labels, summed over outputs.
    degeneracies : (modes,), how many eigenfunctions share an eigenvalue; 1 by default.
    tail : sum of the eigenvalues that were cut off. On P examples their kernel is about a
        multiple of the identity, which acts as more ridge.
    target_tail : squared coefficients of the target that were cut off, or that lie outside
        the span of the kernel: never learned, and fitted like noise.

    If nothing acts as a ridge and P reaches the number of modes, kappa is 0: every mode is
    learned, a noiseless target exactly. Label noise then gives an error of
    rank / (P - rank) times the noise, infinite at P = rank.

    Raises
    ------
    ManifoldScaleError : a negative or unsorted spectrum, lists of different lengths,
        negative ridge, noise or tails, sizes that are not positive.
    """
    modes = Modes.of(eigenvalues, degeneracies)
    power = _power(coefficients, modes)
    given = {"ridge": ridge, "noise": noise, "tail": tail, "target_tail": target_tail}
    settings = {name: not_negative(name, value) for name, value in given.items()}
    P = np.atleast_1d(as_sizes(sizes, "sizes")).ravel()
    delta = settings["ridge"] + settings["tail"]
    residues = modes.degeneracies * modes.eigenvalues
    kappa = solve_kappa(np.append(modes.eigenvalues, 0), np.append(residues, delta), P)
    gamma, slack, bias = _moments(modes, power, kappa, P, delta)
    unlearned = bias + settings["target_tail"] + gamma * settings["noise"]
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(unlearned > 0, unlearned / slack, 0.0)
    notes = _caveats(kappa, error, P)
    return KernelLearningCurve(
        P, error, kappa, gamma, slack, modes, power, **settings, caveats=notes
    )


def _power(coefficients: Any, modes: Modes) -> Floats:
    array = np.asarray(as_real(coefficients, "coefficients"), dtype=np.float64)
    require(
        array.ndim in (1, 2),
        "`coefficients` must be (modes,) or (modes x outputs); its shape is "
        f"{array.shape}.",
    )
    same_length("coefficients", array, modes.eigenvalues)
    return np.asarray((array.reshape(len(array), -1) ** 2).sum(1))


def _moments(
    modes: Modes, power: Floats, kappa: Floats, sizes: Floats, delta: float
) -> tuple[Floats, Floats, Floats]:
    """gamma; 1 - gamma; and sum_i (1 - L_i)^2 v_i^2. The second is computed as
    [sum_i L_i (1 - L_i) + delta / kappa] / P, as gamma rounds to 1 near interpolation.
    """
    fitted, left, bias = (np.empty_like(sizes) for _ in range(3))
    counts, power = modes.degeneracies, modes.degeneracies * power
    for block in blocks(len(sizes), len(modes)):
        learned, missed = modes.learnability(kappa[block])
        fitted[block] = learned**2 @ counts
        left[block] = (learned * missed) @ counts
        bias[block] = missed**2 @ power
    with np.errstate(divide="ignore", invalid="ignore"):
        left += np.where(kappa > 0, delta / kappa, sizes - modes.rank)
    return fitted / sizes, left / sizes, bias


def _caveats(kappa: Floats, error: Floats, sizes: Floats) -> tuple[Remark, ...]:
    notes = []
    if np.any(kappa == 0):
        notes.append(Caveat.FINITE_RANK(f"from P = {sizes[kappa == 0].min():g}"))
    if np.any(np.isinf(error)):
        notes.append(Caveat.INTERPOLATION_PEAK())
    return tuple(notes)
