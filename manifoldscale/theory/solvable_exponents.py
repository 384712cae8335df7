"""Exponents of a solvable model in time, parameters, examples and compute.

Eigenvalues lambda_k ~ k^-b of the features, and power k^-a of the target in them. A model
sees N random Gaussian mixtures of these features and trains its read-out by gradient flow
(Maloney et al. 2022; Bordelon, Atanasov and Pehlevan 2024; Paquette et al. 2024). Each
exponent is that of one resource while the others are in excess:

    time         sum_k k^-a exp(-2 k^-b t) ~ t^-(a - 1) / b
    examples     D^-min(a - 1, 2 b), see `power_law_asymptote`
    parameters   N^-min(a - 1, b): the best read-out leaves sum_k k^-a kappa / (lambda_k +
                 kappa), with kappa ~ N^-b. It has one factor, where regression on D
                 examples has its square, so that it saturates at b, and not at 2 b.

The loss at time t of N features is the mean of u exp(-2 t K) u, whose Laplace transform is
sum_k k^-a (kappa / z) / (lambda_k + kappa) with z = kappa (1 - sum_k lambda_k /
(lambda_k + kappa) / N). To first order in 1 / N it adds

    t^-(1 - 1 / b) / N    if a > b + 1,

a noise of the random mixtures in the modes that are learned; for smaller a it stays below
the other two. The best loss at compute C = N t balances time against parameters if
a < b + 1, and against this noise if a > b + 1:

    alpha_C = (a - 1) / max(b + 1, a)

In a deep linear or two-layer model that starts small the features grow while they learn.
With s^2 the norm of the read-out, time runs as d tau = s^2 dt, and s^2 ~ |w| with
|w|^2 = sum k^(b - a) over the modes that are learned, up to k = tau^(1 / b). For hard
tasks, beta = (a - 1) / b < 1, this norm diverges, so that tau ~ t^(2 / (1 + beta)): the
exponent beta of time becomes 2 beta / (1 + beta) (Bordelon, Atanasov and Pehlevan 2025).
Where beta > 1 the norm is finite, and the exponent stays.
"""

import dataclasses as dc

from ..core.errors import require
from ..core.settings import real


@dc.dataclass(frozen=True)
class SolvableExponents:
    """Exponents of the loss of a linear model on power laws.

    Attributes
    ----------
    alpha_t : of time, at infinite N and D.
    alpha_P : of parameters; alpha_D : of examples.
    alpha_C : of compute, parameters times time, at the best ratio of the two.
    parameters_per_compute : the best number of parameters grows as compute to this power.
    rich_alpha_t : of time, where features grow from a small start.
    """

    alpha_t: float
    alpha_P: float
    alpha_D: float
    alpha_C: float
    parameters_per_compute: float
    rich_alpha_t: float

    @property
    def is_hard(self) -> bool:
        """Whether the target has an infinite norm in the kernel, so that features that
        learn speed it up.
        """
        return self.alpha_t < 1

    def __str__(self) -> str:
        return (
            f"alpha_t {self.alpha_t:.3g} (rich {self.rich_alpha_t:.3g}), alpha_P "
            f"{self.alpha_P:.3g}, alpha_D {self.alpha_D:.3g}, alpha_C {self.alpha_C:.3g} "
            f"at P ~ C^{self.parameters_per_compute:.3g}"
        )


def solvable_exponents(
    alpha_K: float, target_decay: float | None = None
) -> SolvableExponents:
    """Exponents of time, parameters, examples and compute of linear random features.

    >>> print(solvable_exponents(0.5))
    alpha_t 0.333 (rich 0.5), alpha_P 0.5, alpha_D 0.5, alpha_C 0.2 at P ~ C^0.4

    Parameters
    ----------
    alpha_K : eigenvalues fall like k^-b with b = 1 + alpha_K.
    target_decay : a, where the squared coefficients fall like k^-a; by default a = b.

    Assumes gradient flow on the squared error, without noise of labels or of batches, and
    Gaussian features. At a = b + 1 and a = 2 b + 1 the laws have logarithms.

    Raises
    ------
    ManifoldScaleError : alpha_K that is not positive, a target of infinite power.
    """
    b = 1 + real("alpha_K", alpha_K)
    require(b > 1, f"`alpha_K` must be positive; not {alpha_K!r}.")
    a = b if target_decay is None else real("target_decay", target_decay)
    require(a > 1, f"`target_decay` must exceed 1, or the target has no norm; not {a!r}.")
    beta = (a - 1) / b
    return SolvableExponents(
        alpha_t=beta,
        alpha_P=min(a - 1, b),
        alpha_D=min(a - 1, 2 * b),
        alpha_C=(a - 1) / max(b + 1, a),
        parameters_per_compute=1 / (b + 1) if a <= b + 1 else 1 - b / a,
        rich_alpha_t=2 * beta / (1 + beta) if beta < 1 else beta,
    )
