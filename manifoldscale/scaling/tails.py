"""How the errors of log losses are distributed: normal, or with heavier tails.

Some runs in a table of losses lie far off for reasons of their own: a bad learning rate, a
crash. Least squares follows them, and its intervals exclude the truth. A Student t of few
degrees of freedom, chosen by likelihood, follows the bulk (Lange, Little & Taylor 1989).
"""

import abc
import dataclasses as dc
import math

import numpy as np
from scipy import special

from ..core.arrays import Floats
from ..core.errors import ManifoldScaleError
from ..core.settings import Positive, Settings

FREEDOMS = (2.0, 3.0, 5.0, 10.0)  # of the Student t; beyond it is as good as normal
ENOUGH = 20  # residuals; with fewer, nothing tells tails from chance
# Twice the log likelihood that a tail must gain: the price of one unknown in AIC. 3 to 5 %
# of normal samples pay it, at any number from 20 to 1,000 and after any fit.
GAIN = 2.0
MAD = 1.4826  # times the median absolute value is the standard deviation, if normal
NAMES = ("auto", "normal", "student")


class ErrorLaw(abc.ABC):
    """The cost of a residual u, in units of its scale: up to a constant, the negative log
    likelihood.
    """

    scaled = True  # whether u is in units of a scale that is fitted too

    @abc.abstractmethod
    def cost(self, u: Floats) -> Floats:
        """The cost of each residual."""

    @abc.abstractmethod
    def weight(self, u: Floats) -> Floats:
        """cost'(u) / u, the weight of a residual in iterated least squares."""

    @abc.abstractmethod
    def slope(self, u: Floats) -> Floats:
        """cost''(u): how fast the pull of a residual grows."""


@dc.dataclass(frozen=True)
class Normal(ErrorLaw):
    """Least squares: cost u^2 / 2."""

    def cost(self, u: Floats) -> Floats:
        return np.asarray(u**2 / 2)

    def weight(self, u: Floats) -> Floats:
        return np.ones_like(u)

    def slope(self, u: Floats) -> Floats:
        return np.ones_like(u)


NORMAL = Normal()


@dc.dataclass(frozen=True)
class Student(Settings, ErrorLaw):
    """Student's t: cost (f + 1) / 2 log(1 + u^2 / f), f the degrees of freedom."""

    freedom: Positive = 3.0

    def cost(self, u: Floats) -> Floats:
        return np.asarray((self.freedom + 1) / 2 * np.log1p(u**2 / self.freedom))

    def weight(self, u: Floats) -> Floats:
        return np.asarray((self.freedom + 1) / (self.freedom + u**2))

    def slope(self, u: Floats) -> Floats:
        f = self.freedom
        return np.asarray((f + 1) * (f - u**2) / (f + u**2) ** 2)


@dc.dataclass(frozen=True)
class Huber(Settings, ErrorLaw):
    """Huber's cost: u^2 / 2 up to delta, a straight line beyond.

    It takes the residuals of the log losses as they are, without a scale: `Huber(1e-3)` is
    the objective of Hoffmann et al. (2022), in effect absolute errors.
    """

    delta: Positive = 1e-3

    scaled = False

    def cost(self, u: Floats) -> Floats:
        size = np.abs(u)
        outside = self.delta * (size - self.delta / 2)
        return np.asarray(np.where(size <= self.delta, u**2 / 2, outside))

    def weight(self, u: Floats) -> Floats:
        return np.asarray(self.delta / np.maximum(np.abs(u), self.delta))

    def slope(self, u: Floats) -> Floats:
        """Averaged over at least the inner half of the residuals, as none may lie within
        delta.
        """
        reach = max(self.delta, float(np.median(np.abs(u))))
        return np.asarray((np.abs(u) <= reach) * (self.delta / reach))


def errors_of(
    errors: "str | ErrorLaw", residuals: Floats, robust: Floats | None = None
) -> ErrorLaw:
    """The law of the errors that was asked for.

    >>> errors_of("auto", np.random.default_rng(0).standard_t(2, 100))
    Student(freedom=2.0)

    Parameters
    ----------
    errors : "auto", the likelier of normal and Student t; "normal"; "student", of the
        likeliest freedom; or a law, which is returned unchanged.
    residuals : of least squares, about zero, of equal scale as far as known.
    robust : residuals of a fit with tails, by which tails are judged: least squares bends
        to a run far off, and hides it. By default the same as `residuals`.

    Raises
    ------
    ManifoldScaleError : `errors` is something else.
    """
    if isinstance(errors, ErrorLaw):
        return errors
    if errors not in NAMES:
        raise ManifoldScaleError(
            f"`errors` must be one of {', '.join(map(repr, NAMES))} or a law, as in "
            f"Huber(1e-3); not {errors!r}."
        )
    r = np.asarray(residuals, dtype=float)
    if errors == "normal" or (errors == "auto" and len(r) < ENOUGH) or not r.any():
        return Normal()
    bulk = r if robust is None else np.asarray(robust, dtype=float)
    tails = {law: log_likelihood(law, bulk) for law in map(Student, FREEDOMS)}
    best = max(tails, key=lambda law: tails[law])
    gain = 2 * (tails[best] - log_likelihood(Normal(), r))
    return best if errors == "student" or gain > GAIN else Normal()


def log_likelihood(law: Normal | Student, residuals: Floats) -> float:
    """Of the residuals at their likeliest scale."""
    scale = scale_of(law, residuals)
    constant = -math.log(2 * math.pi) / 2
    if isinstance(law, Student):
        f = law.freedom
        constant = float(special.gammaln((f + 1) / 2) - special.gammaln(f / 2))
        constant -= math.log(f * math.pi) / 2
    per_point = constant - math.log(scale)
    return len(residuals) * per_point - float(law.cost(residuals / scale).sum())


def scale_of(law: ErrorLaw, residuals: Floats, unknowns: int = 0) -> float:
    """The likeliest scale of the residuals of a fit with so many unknowns: the fixed point
    of s^2 = sum weight(r / s) r^2 / (n - unknowns). One for a law without a scale.
    """
    if not law.scaled:
        return 1.0
    squares = np.asarray(residuals, dtype=float) ** 2
    left = max(len(squares) - unknowns, 1)
    scale = math.sqrt(float(squares.sum()) / left)
    for _ in range(200 if isinstance(law, Student) and scale > 0 else 0):
        before = scale
        pulled = law.weight(np.sqrt(squares) / scale) @ squares
        scale = math.sqrt(float(pulled) / left)
        if abs(scale / before - 1) < 1e-9:
            break
    return scale


def robust_scale(residuals: Floats) -> float:
    """The standard deviation, if normal; up to half of the residuals may be anything."""
    return MAD * float(np.median(np.abs(residuals)))
