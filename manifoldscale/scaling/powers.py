"""The sum of two power laws as a function: E + A P^-alpha_P + B D^-alpha_D."""

import dataclasses as dc
from typing import Any

import numpy as np

from ..core.arrays import Floats
from ..core.errors import require


@dc.dataclass(frozen=True)
class SumOfPowers:
    """The numbers of the law; an absent term has an amplitude of zero.

    >>> law = SumOfPowers(floor=1.69, A=406.4, alpha_P=0.34, B=410.7, alpha_D=0.28)
    >>> print(law.predict(1.4e12, 7e10).round(3))
    1.937
    """

    floor: float
    A: float
    alpha_P: float
    B: float
    alpha_D: float

    @property
    def optimal(self) -> float:
        """The exponent with which the best P grows with the product P D."""
        return self.alpha_D / (self.alpha_D + self.alpha_P)

    def terms(self, dataset_size: Any, parameters: Any) -> tuple[Floats, Floats]:
        """B D^-alpha_D and A P^-alpha_P; np.inf is a limit."""
        d, p = (np.asarray(size, dtype=float) for size in (dataset_size, parameters))
        pairs = ((self.B, d, self.alpha_D), (self.A, p, self.alpha_P))
        of_D, of_P = (a * x**-alpha if a > 0 else 0 * x**-1.0 for a, x, alpha in pairs)
        return np.asarray(of_D), np.asarray(of_P)

    def predict(self, dataset_size: Any, parameters: Any) -> Floats:
        """The loss, sizes broadcast against each other; np.inf is a limit."""
        of_D, of_P = self.terms(dataset_size, parameters)
        return np.asarray(self.floor + of_D + of_P)

    def compute_optimal(self, product: Any) -> tuple[Floats, Floats]:
        """The D and the P of the smallest loss at a given product P D.

        Where a step costs 6 P operations an example, as in language models, the product is
        compute / 6. The stationary point of E + A P^-a + B D^-b at fixed P D is
        P = G (P D)^(b / (a + b)) with G = (a A / (b B))^(1 / (a + b)).

        Raises
        ------
        ManifoldScaleError : the losses do not depend on one of the two.
        """
        product = np.asarray(product, dtype=float)
        parameters = self.balance * product**self.optimal
        return product / parameters, parameters

    @property
    def balance(self) -> float:
        """G of `compute_optimal`."""
        both = self.A > 0 and self.B > 0
        require(both, "There is no best pair of sizes: a term of the law is zero.")
        ratio = self.alpha_P * self.A / (self.alpha_D * self.B)
        return float(ratio ** (1 / (self.alpha_P + self.alpha_D)))

    def best_parameters(self, dataset_size: Any) -> Floats:
        """The P for which D is the best dataset size: P = G (G D)^(alpha_D / alpha_P)."""
        d = np.asarray(dataset_size, dtype=float)
        power = self.alpha_D / self.alpha_P
        return np.asarray(self.balance * (self.balance * d) ** power)

    def slopes(self, dataset_size: Any, parameters: Any, middle: Floats) -> Floats:
        """(..., 5) of the log loss in log alpha_D, log alpha_P, E, log b and log a: a and b
        are the terms at the middle sizes, whose logarithms are `middle` (D, P).
        """
        d, p = np.broadcast_arrays(
            np.asarray(dataset_size, dtype=float), np.asarray(parameters, dtype=float)
        )
        of_D, of_P = self.terms(d, p)
        # At an infinite size a term is zero, and so is its derivative in the exponent.
        far_D, far_P = (
            np.where(term > 0, place - np.log(size), 0.0)
            for term, place, size in ((of_D, middle[0], d), (of_P, middle[1], p))
        )
        from_D = np.nan_to_num(self.alpha_D) * far_D * of_D
        from_P = np.nan_to_num(self.alpha_P) * far_P * of_P
        columns = [from_D, from_P, np.ones_like(of_D), of_D, of_P]
        loss = self.floor + of_D + of_P
        with np.errstate(divide="ignore", invalid="ignore"):  # a loss of zero has no log
            return np.asarray(np.stack(columns, axis=-1) / loss[..., None])
