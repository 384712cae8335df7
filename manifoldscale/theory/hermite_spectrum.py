"""The spectrum of a kernel from the covariance of its inputs, without a Gram matrix.

For Gaussian inputs with variances gamma_i along their principal axes, a rotation-invariant
kernel has, to leading order in gamma_i / trace (Karkada et al. 2025, arXiv 2510.14878),

    eigenvalues     lambda_alpha = c_|alpha| prod_i gamma_i^alpha_i
    eigenfunctions  h_alpha(z) = prod_i h_alpha_i(z_i)

with z the whitened coordinates, h_k the orthonormal Hermite polynomials, and c_l from the
kernel on the sphere whose radius is the root of the trace. For (x.x')^l / l! is
sum_alpha x^alpha x'^alpha / alpha! over |alpha| = l, and the leading part of x^alpha is
sqrt(alpha! gamma^alpha) h_alpha(z).

On real points the h_alpha are not orthonormal: they have overlaps G, the mean of
h_alpha h_beta. The kernel sum_alpha lambda_alpha h_alpha h_alpha then has the eigenvalues
of Lambda^(1/2) G Lambda^(1/2) instead, in which Lambda is the diagonal matrix of the
lambda_alpha, and its eigenvectors V give the target's coefficients
mu^(-1/2) V^T Lambda^(1/2) E[h y]. With N points and R modes this costs N R^2 + R^3 and
memory for R^2; with G = 1 it is the formula above. That step is not in the paper, which
takes the lambda_alpha as they are, and coefficients by Gram-Schmidt. On images it halves
the error of the learning curve.

How much of h_alpha is outside of the span of those with larger eigenvalues, 1 for Gaussian
inputs, tells how far these are from Gaussian, rank by rank. It does not see what the
formula neglects: how the kernel changes with the norm of an input, and terms of the next
order. So a prediction is also checked against regression on up to 2,000 of the points.
"""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..core.arrays import Array, Floats, as_points, as_real
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, require
from ..core.interval import number
from ..core.random import Rng
from ..core.result import Result
from ..core.serialize import NEVER
from ..core.settings import whole
from ..core.style import drawing
from ..geometry.cloud import Cloud
from .gram import as_targets
from .hermite_check import HermiteCheck, Sample
from .hermite_modes import HermiteModes, largest_modes, narrowness
from .hermite_overlaps import FLAT, Overlaps, PrincipalAxes
from .kernel import Kernel
from .kernel_learning_curve import KernelLearningCurve, kernel_learning_curve
from .level_coefficients import level_coefficients
from .modes import not_negative
from .stationary import Stationary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = 25  # powers of the cosine; images of usual kernels use a dozen
RANK = 1000  # modes by default
INDEPENDENT = 0.65  # share outside of the span of larger ones, below which curves fail
OFFSET = 0.01  # of the variance: squared mean above which centring is said
NARROW = 0.35  # ratio of levels above which eigenvalues of Gaussian inputs are off
LEAST_RIDGE = 1e-11  # times points and trace
CUT = 0.1  # share of the error that modes beyond the rank may change


@dc.dataclass(frozen=True, eq=False)
class HermiteSpectrum(Result):
    """Eigenvalues of a kernel, and of a target in it, from moments of the inputs.

    Attributes
    ----------
    kernel : a kernel of lengths and angles. It acts on inputs minus their mean.
    levels : (levels,), b_l of `level_coefficients`, on the sphere of radius `radius`.
    modes : multi-indices with the eigenvalues of Gaussian inputs, the largest first.
    eigenvalues : (modes,) on the points, in falling order; those of `modes` if there are
        no points.
    coefficients : (modes x outputs) of the targets in the orthonormal eigenfunctions, or
        None.
    second_moments : (modes,), mean square of each product; 1 for Gaussian inputs.
    independence : (modes,), the share of it outside of the span of those before, over the
        share 1 - rank / N of independent ones; 1 for Gaussian inputs.
    narrowness : the largest ratio of the top eigenvalues of neighbouring levels, among the
        first three; the formula needs it to be small.
    trace : mean of k(x, x).
    power : mean square of the targets, summed over outputs; 0 without.
    n_points : 0 if only a covariance was given.
    """

    kernel: Kernel
    radius: float
    levels: Floats
    modes: HermiteModes
    eigenvalues: Floats
    coefficients: Floats | None
    second_moments: Floats
    independence: Floats
    narrowness: float
    trace: float
    power: float
    n_points: int
    caveats: tuple[Remark, ...] = ()
    sample: Sample | None = dc.field(default=None, metadata=NEVER, repr=False)

    method = "Hermite eigenstructure"
    columns = ("kernel", "rank", "trace", "tail", "independent_to", "narrowness", "power")

    def __len__(self) -> int:
        return len(self.eigenvalues)

    @property
    def rank(self) -> int:
        """Number of modes."""
        return len(self.eigenvalues)

    @property
    def tail(self) -> float:
        """The trace beyond the modes."""
        return max(self.trace - math.fsum(self.eigenvalues), 0.0)

    @property
    def independent_to(self) -> int:
        """The end of the last of the ranks 1, 2-3, 4-7, ... up to which the mean of
        `independence` is at least 0.65 in each.
        """
        octave = np.floor(np.log2(np.arange(1, len(self) + 1))).astype(int)
        good = np.bincount(octave, self.independence) >= INDEPENDENT * np.bincount(octave)
        ends = len(good) if good.all() else int(np.argmin(good))
        return int(min(2**ends - 1, len(self)))

    @property
    def target_power(self) -> Floats:
        """(modes,), squared coefficients, free of what N labels give to modes by chance.

        N points leave of independent noise the share 1 - k / N beyond k modes. So the
        power beyond them is that of the residuals over this, made to fall with k.
        """
        return -np.diff(np.append(self.power, self._beyond()))

    @property
    def target_tail(self) -> float:
        """The power of the target beyond the modes."""
        return float(self._beyond()[-1])

    def _beyond(self) -> Floats:
        if self.coefficients is None:
            raise ManifoldScaleError(
                "there are no targets: pass `points` and `targets` to `hermite_spectrum`; "
                "or coefficients of your own, with `.eigenvalues` and `.tail`, to "
                "`kernel_learning_curve`."
            )
        explained = np.cumsum((self.coefficients**2).sum(1))
        left = 1 - np.arange(1, len(self) + 1) / self.n_points
        beyond = np.clip((self.power - explained) / left, 0.0, self.power)
        return np.asarray(np.minimum.accumulate(beyond))

    def learning_curve(
        self, sizes: Any, ridge: float = 0.0, noise: float = 0.0
    ) -> KernelLearningCurve:
        """The expected test error of kernel regression, by `kernel_learning_curve`.

        The labels are taken as they are: noise in them is never learned, and is part of
        the error.

        Parameters
        ----------
        sizes : numbers of training examples, of new ones as well as of the points.
        ridge : added to the diagonal of the Gram matrix.
        noise : variance, summed over outputs, of noise added to the training labels.

        Raises
        ------
        ManifoldScaleError : no targets; sizes, ridge or noise that make no sense.
        """
        curve = self._curve(sizes, ridge, noise)
        checked = self.check(ridge, noise)
        notes = list(self.caveats)
        if np.any(checked.reach < curve.sizes):
            notes.append(Caveat.BEYOND_REACH(checked.told))
        with np.errstate(divide="ignore", invalid="ignore"):
            last = self.eigenvalues[-1] / (self.eigenvalues[-1] + curve.kappa)
            gained = self.target_tail * last * (2 - last) / curve.slack / curve.error
        if np.any(gained > CUT):
            notes.append(
                Caveat.MODES_CUT_OFF(f"from P = {curve.sizes[gained > CUT].min():g}")
            )
        return dc.replace(curve, caveats=(*notes, *curve.caveats))

    def check(self, ridge: float = 0.0, noise: float = 0.0) -> "HermiteCheck":
        """The prediction against kernel regression on up to 2,000 of the points, for sizes
        up to half of them. However many points there are, it costs the same.
        """
        self._beyond()
        ridge, noise = not_negative("ridge", ridge), not_negative("noise", noise)
        assert self.sample is not None  # there are targets, so there are points
        # Smooth kernels are singular to rounding without any ridge.
        least = LEAST_RIDGE * len(self.sample.gram) * self.trace
        sizes, losses = self.sample.measured(max(ridge, least), noise)
        predicted = self._curve(sizes, ridge, noise).error
        stderr = losses.std(0, ddof=1) / math.sqrt(len(losses))
        return HermiteCheck(sizes, losses.mean(0), stderr, predicted, self.independent_to)

    def _curve(self, sizes: Any, ridge: float, noise: float) -> KernelLearningCurve:
        return kernel_learning_curve(
            self.eigenvalues, np.sqrt(self.target_power), sizes, ridge, noise,
            tail=self.tail, target_tail=self.target_tail,
        )  # fmt: skip

    def headline(self) -> str:
        inputs = f"{self.n_points:,} points" if self.n_points else "a covariance"
        trusted = f", independent to rank {self.independent_to:,}" * bool(self.n_points)
        return (
            f"Hermite spectrum of {self.kernel} from {inputs}: {len(self):,} modes hold "
            f"{number(1 - self.tail / self.trace)} of the trace{trusted}"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Eigenvalues by rank, those of Gaussian inputs beside."""
        ranks = np.arange(1, len(self) + 1)
        if self.n_points:
            ax.loglog(ranks, self.eigenvalues, label=f"on {self.n_points:,} points")
        ax.loglog(ranks, self.modes.eigenvalues, "--", label="Gaussian inputs")
        ax.set(xlabel="rank", ylabel="eigenvalue")
        ax.legend()


def hermite_spectrum(
    kernel: Kernel,
    points: Any = None,
    targets: Any = None,
    *,
    covariance: Any = None,
    rank: int | None = None,
    rng: Rng = 0,
) -> HermiteSpectrum:
    """The spectrum of a kernel from the covariance of its inputs, without a Gram matrix.

    >>> from manifoldscale.theory import Gaussian, hermite_spectrum
    >>> found = hermite_spectrum(Gaussian(10.0), covariance=1 / np.arange(1, 41), rank=200)
    >>> found.modes.factors[:3], found.eigenvalues[:3].round(4)
    (((), (0,), (1,)), array([0.9581, 0.0096, 0.0048]))

    Parameters
    ----------
    kernel : Gaussian, Laplace, Matern, NNGP or NTK. It acts on the inputs minus their mean,
        and is as given only if their mean is zero or the kernel one of distances.
    points : (N x features), or a `Cloud`; read in blocks.
    targets : (N,) or (N x outputs) labels.
    covariance : (features x features), or (features,) variances along the principal axes,
        instead of points. The eigenvalues are then those of Gaussian inputs, for any N.
    rank : how many modes; at most N / 2. By default 1,000, or N / 2 if that is less. A
        learning curve needs a few times as many as training examples.
    rng : chooses the points on which the prediction is checked.

    Returns
    -------
    HermiteSpectrum, with `.learning_curve(sizes, ridge, noise)`.

    Raises
    ------
    ManifoldScaleError : both or neither of points and covariance, targets without points, a
        kernel that is not a function of lengths and angles, or one so narrow that its
        first level is not above the second.
    """
    require(
        (points is None) != (covariance is None),
        "pass either `points` or `covariance=`, one of them.",
    )
    if points is None:
        require(targets is None, "`targets` need `points`: labels of what?")
        variances, n_features = _variances(covariance)
        rank = whole("rank", RANK if rank is None else rank)
        return _of_gaussian(kernel, variances, n_features, rank)
    inputs = as_points(points.points if isinstance(points, Cloud) else points, "points")
    require(len(inputs) >= 20, f"`points` has {len(inputs)} rows; at least 20 are needed.")
    require(
        targets is None or bool(np.any(np.asarray(targets))),
        "`targets` are all zero: there is nothing to predict.",
    )
    rank = min(RANK, len(inputs) // 2) if rank is None else whole("rank", rank)
    require(
        rank <= len(inputs) // 2,
        f"`rank` must be at most half of the {len(inputs):,} points; not {rank:,}.",
    )
    labels = None if targets is None else as_targets(targets, len(inputs))
    return _of_points(kernel, inputs, labels, rank, rng)


def _variances(covariance: Any) -> tuple[Floats, int]:
    """Variances along the principal axes, falling, and the number of features."""
    matrix = np.asarray(as_real(covariance, "covariance"), dtype=np.float64)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
    require(
        (matrix.ndim == 1 or square) and matrix.size > 0,
        "`covariance` must be (features x features), or (features,) variances; its shape "
        f"is {matrix.shape}.",
    )
    if square:
        gap = float(np.abs(matrix - matrix.T).max())
        require(gap <= 1e-6 * float(np.abs(matrix).max()), "`covariance` is not symmetric.")
    values = np.linalg.eigvalsh(matrix) if square else np.sort(matrix)
    least, most = float(values[0]), float(values[-1])
    require(
        most > 0 and least > -1e-6 * most,
        f"`covariance` has variances from {least:.3g} to {most:.3g}; none may be negative, "
        "and one must be positive.",
    )
    kept = values[values > FLAT * most][::-1]
    return np.asarray(kept, dtype=np.float64), len(matrix)


def _ansatz(
    kernel: Kernel, variances: Floats, n_features: int, rank: int
) -> tuple[float, Floats, HermiteModes, float]:
    """Radius, level coefficients, modes and narrowness."""
    radius = math.sqrt(variances.sum())
    levels = level_coefficients(kernel, radius, LEVELS, n_features=n_features)
    shares = variances / variances.sum()
    step = narrowness(levels, float(shares[0]))
    require(
        step < 1,
        f"{kernel} is too narrow for these inputs: along their first axis the top "
        f"eigenvalues of its levels grow, {number(step)} times a level. Use a larger "
        "`length_scale`, or `gram_spectrum`.",
    )
    return radius, levels, largest_modes(levels, shares, rank), step


def _of_gaussian(
    kernel: Kernel, variances: Floats, n_features: int, rank: int
) -> HermiteSpectrum:
    radius, levels, modes, step = _ansatz(kernel, variances, n_features, rank)
    ones = np.ones(len(modes))
    norm = torch.tensor([radius], dtype=torch.float64)
    trace = float(kernel.on_diagonal(norm, n_features))
    notes = (Caveat.GAUSSIAN_INPUTS(), *_narrow(step))
    return HermiteSpectrum(
        kernel, radius, levels, modes, modes.eigenvalues, None, ones, ones, step,
        trace, 0.0, 0, notes,
    )  # fmt: skip


def _of_points(
    kernel: Kernel, points: Array, targets: Floats | None, rank: int, rng: Rng
) -> HermiteSpectrum:
    axes = PrincipalAxes.of(points)
    radius, levels, modes, step = _ansatz(kernel, axes.variances, points.shape[1], rank)
    overlaps = Overlaps.of(modes, axes, kernel, points, targets)
    eigenvalues, coefficients = overlaps.diagonalized(modes.eigenvalues)
    independence = overlaps.independence
    sample = None if targets is None else Sample.of(kernel, axes, points, targets, rng)
    notes = list(_narrow(step))
    offset = float(axes.mean @ axes.mean) / radius**2
    if offset > OFFSET and not isinstance(kernel, Stationary):
        notes.append(Caveat.CENTRED(f"their mean has {number(offset)} of the variance"))
    power = 0.0 if targets is None else float((targets**2).mean(0).sum())
    return HermiteSpectrum(
        kernel, radius, levels, modes, eigenvalues,
        None if targets is None else coefficients,
        overlaps.second_moments, independence, step, overlaps.trace, power,
        len(points), tuple(notes), sample,
    )  # fmt: skip


def _narrow(step: float) -> tuple[Remark, ...]:
    if step <= NARROW:
        return ()
    return (Caveat.NARROW_KERNEL(f"levels fall by {number(step)} each"),)
