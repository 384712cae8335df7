"""The laws that tie an exponent to the dimension of a manifold, one row per law.

Between the training examples, the error of a network that has learned them is of order s in
their distance, and D examples on a d-dimensional manifold are D^(-1/d) apart. A loss that
grows as the error to the power p then falls with

    alpha = s p / d.

To add a law, add a row: `predict_exponent`, the ladder and the command line take it from
here.
"""

import dataclasses as dc

from ..core.errors import one_of

# What the equality of a law rests on, beside the data lying on a d-dimensional manifold.
CONDITIONS = {
    "infinite_resource": "the other resource (parameters, or data) is effectively infinite",
    "interpolation": "training reaches the interpolating solution",
    "noiseless": "labels carry no noise",
    "generic_target": "the target varies along all d directions, at the order of the law",
    "piecewise_linear": "the network is piecewise linear, its pieces tiling the manifold",
    "optimal_regularisation": "the regularisation is optimal at every size",
    "lazy": "the network stays near its linearisation, so that its kernel is fixed",
    "matched_target": "the target is drawn from the kernel, or its coefficients fall alike",
}
BOUND = ("infinite_resource", "interpolation", "noiseless")
GENERIC = (*BOUND, "generic_target")
ORDER = "error of {order} order in the distance between examples"
BAHRI = "Bahri et al. 2024"
SHARMA = f"{BAHRI}; Sharma and Kaplan 2022"


@dc.dataclass(frozen=True)
class Law:
    """One law.

    Attributes
    ----------
    smoothness : s of the formula on top; None where the user gives it.
    power : p; None where the loss gives it.
    statement : what it says in few words; `order` and `cusp` (2 s) are filled in.
    conditions : names in `CONDITIONS` under which it is an equality, else a bound.
    words : what it holds for.
    only_bound : it is a bound even under its conditions.
    """

    name: str
    smoothness: float | None
    power: float | None
    statement: str
    conditions: tuple[str, ...]
    source: str
    words: str
    only_bound: bool = False

    @property
    def constant(self) -> float | None:
        """c of the law c / d; None where it depends on the loss or on a smoothness."""
        known = self.smoothness is not None and self.power is not None
        return self.smoothness * self.power if known else None  # type: ignore[operator]

    def refusal(self, power: float, noisy: bool) -> str:
        """Why it does not apply to a loss of this power, with or without label noise; ""
        where it does.
        """
        if self.power == 1 and power < 1:
            return (
                f"{self.name} assumes a Lipschitz loss; |y - f|^{power:g} is not one at 0: "
                "use '2p/d'."
            )
        if self.power == 2 and power != 2:
            return (
                f"{self.name} needs a loss quadratic near its minimum; for "
                f"|y - f|^{power:g} use '2p/d'."
            )
        if noisy and self.power == 1:
            return (
                f"{self.name} assumes interpolation; with label noise use '2/d' or '4/d'."
            )
        if noisy and power != 2:
            return "With label noise only the mse and cross-entropy laws are known."
        return ""

    def said(self, smoothness: float) -> str:
        """The statement at this smoothness."""
        order = {1.0: "first", 2.0: "second"}.get(smoothness, f"{smoothness:g}-th")
        return self.statement.format(order=order, cusp=f"{2 * smoothness:g}", s=smoothness)


ROWS = (
    Law(
        "1/d", 1.0, 1.0, "Lipschitz loss, network and target", BOUND,
        f"{BAHRI}, theorems 2 and 3",
        "a rigorous lower bound: Lipschitz loss, network and target, which agree on the "
        "training set; holds for every Lipschitz loss, which |y - f|^p with p < 1 is not",
        only_bound=True,
    ),
    Law(
        "2/d", 1.0, 2.0, ORDER, GENERIC, SHARMA,
        "piecewise-constant or nearest-neighbour accuracy: the error is of first order in "
        "the distance to the nearest example",
    ),
    Law(
        "4/d", 2.0, 2.0, ORDER, (*GENERIC, "piecewise_linear"), SHARMA,
        "piecewise-linear accuracy, as of a ReLU network: error of second order, for a "
        "target with two derivatives",
    ),
    Law(
        "2p/d", 2.0, None, ORDER, (*GENERIC, "piecewise_linear"), SHARMA,
        "the same for the loss |y - f|^p, given as loss='abs^p' (p = 2: '4/d')",
    ),
    Law(
        "2s/d", None, 2.0, ORDER, GENERIC, SHARMA,
        "an interpolant whose error is of order `smoothness` = s in that distance, for a "
        "target with s derivatives (s = 1: '2/d', s = 2: '4/d')",
    ),
    Law(
        "2nu/d", None, 2.0, "kernel with a cusp of order {cusp}, target of its spectrum",
        (*BOUND, "lazy", "matched_target"), f"{BAHRI}; Spigler, Geiger and Wyart 2020",
        "kernel regression, nu = `smoothness` the order of the kernel's cusp, "
        "c |x - x'|^(2 nu): the tangent kernel of a ReLU network has nu = 1/2, its NNGP "
        "kernel 3/2; its spectrum falls as i^-(1 + 2 nu / d), and alpha is alpha_K; a "
        "bound for targets smoother than draws of the kernel, not for rougher ones",
    ),
)  # fmt: skip
# It replaces the others where labels carry noise: alpha = 2s / (2s + d).
RATE = Law(
    "2s/(2s + d)", None, 2.0, "minimax rate for a target of smoothness {s:g}",
    ("infinite_resource", "optimal_regularisation", "generic_target"),
    "Stone 1982, Annals of Statistics 10:1040",
    "the best regularised estimator on noisy labels",
)  # fmt: skip
LAWS = {row.name: row for row in ROWS}
HEADLINE = "4/d"  # the law that exponents are compared with, for ReLU networks


def law_named(name: str) -> Law:
    """A law by its name.

    >>> law_named("4/d").constant
    4.0
    """
    one_of("law", name, LAWS)
    return LAWS[name]
