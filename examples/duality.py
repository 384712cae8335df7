"""Duality of data and parameters (Bahri et al.): does alpha_D equal alpha_P?

For linear random features it is exact: examples and features can be exchanged in the loss,
simulated here both ways. For trained teacher-student networks it is a hypothesis, tested
here on the exponents of exponent_vs_dimension.py, whose networks are shipped. Half a
minute. Writes duality.png.
"""

import exponent_vs_dimension as measured
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator

import manifoldscale as ms

EXPONENTS = (0.3, 0.6, 1.0)
FEW, MANY = [8, 16, 32, 64], 640  # of the one resource, and of the other
MODES, DRAWS = 2000, 16


def exchanged(alpha: float) -> tuple[np.ndarray, ...]:
    """Of random features whose spectrum has this exponent: the loss over FEW in closed
    form, simulated over examples, and simulated over features; (sizes x draws) these two.
    """
    eigenvalues = np.arange(1.0, MODES + 1) ** (-1 - alpha)
    exact = ms.theory.linear_random_features(eigenvalues, MANY, FEW).error.ravel()
    pair = ((MANY, FEW, 0), (FEW, MANY, 1))  # features, examples, seed
    simulated = (
        ms.theory.simulate_linear_random_features(
            eigenvalues, features, samples, draws=DRAWS, rng=seed
        )
        for features, samples, seed in pair
    )
    return exact, *(curve.losses.reshape(len(FEW), DRAWS) for curve in simulated)


def trained_fits() -> tuple[list[int], list[object], list[object]]:
    """Dimensions at which both exponents were measured, alpha_D and alpha_P."""
    by_data = measured.exponents(measured.by_data, "data")
    by_parameters = measured.exponents(measured.by_width, "parameters")
    dims = sorted(by_data.keys() & by_parameters.keys())
    return dims, [by_data[d] for d in dims], [by_parameters[d] for d in dims]


def main() -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for alpha in EXPONENTS:
        exact, *simulated = exchanged(alpha)
        (line,) = left.plot(FEW, exact, lw=1, label=rf"$\alpha = {alpha:g}$")
        for losses, marker in zip(simulated, "os", strict=True):
            errors = losses.std(1, ddof=1) / DRAWS**0.5
            style = {"fmt": marker, "ms": 4, "capsize": 2, "mfc": "none"}
            left.errorbar(FEW, losses.mean(1), errors, color=line.get_color(), **style)
        logs = [np.log(losses).mean(0) for losses in simulated]
        gap = logs[0].mean() - logs[1].mean()
        error = np.hypot(*(values.std(ddof=1) for values in logs)) / DRAWS**0.5
        name = f"random features, alpha = {alpha:g}"
        print(f"{name}: log L(D) / L(P) = {gap:.3f} +- {error:.3f}")
    left.set(xscale="log", yscale="log", xlabel="D (circles), P (squares)", ylabel="loss")
    left.xaxis.set_major_locator(FixedLocator(FEW))
    left.xaxis.set_major_formatter("{x:g}")
    left.xaxis.set_minor_locator(NullLocator())
    left.set_title("random features: closed form and simulation", fontsize=9)
    left.legend(fontsize=7)

    dims, data_fits, parameter_fits = trained_fits()
    test = ms.duality(data_fits, parameter_fits)
    print(test)
    for dim, x, y in zip(dims, data_fits, parameter_fits, strict=True):
        spans = [np.abs(np.array([*fit.interval]) - fit.alpha)[:, None] for fit in (x, y)]
        right.errorbar(x.alpha, y.alpha, spans[1], spans[0], fmt="o", ms=4, capsize=2)
        right.annotate(f"{dim}", (x.alpha, y.alpha), (5, -11), "data", "offset points")
    right.axline((0.5, 0.5), slope=1, color="0.5", lw=1)
    right.text(0.35, 1.2, "at each mark: d")
    right.set(xlabel=r"$\alpha_D$", ylabel=r"$\alpha_P$", xlim=(0.3, 1.1), ylim=(0.3, 1.3))
    right.set_title(f"trained networks: ratio {test.ratio:.2f} {test.interval}", fontsize=9)
    figure.savefig("duality.png", dpi=160)


if __name__ == "__main__":
    main()
