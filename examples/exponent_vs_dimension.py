"""4 / alpha against the dimension: teacher and student, after Bahri et al. (figure 1b) and
Sharma and Kaplan.

The teacher's inputs have dimension 2 to 9. For each, wide students on 100 to 6,400 examples
give alpha_D, and students of 6 to 40 units on 200,000 examples give alpha_P. alpha_D is
fitted to the sizes at which every network interpolates: the others stop at the optimiser's
floor, not the law's, and in two dimensions too few remain. Beside d itself is shown the
dimension that the dataset sizes of the fit resolve, which governs the distance to the
nearest example over these sizes. The exponents follow d. The 520 trained networks are
shipped: seconds; from scratch, two hours on one core. Writes exponent_vs_dimension.png.
"""

import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

DIMS = range(2, 10)
REGISTRY = ms.data.shipped_sweep("exponent_vs_dimension")

by_data = ms.sweeps.Plan(
    ms.sweeps.TeacherStudent(),
    dataset_sizes=[100, 200, 400, 800, 1600, 3200, 6400],
    widths=[128],
    seeds=5,
    n_test=2000,
    training=ms.sweeps.Training(steps=4000, epochs=100, batch_size=128),
)
by_width = ms.sweeps.Plan(
    ms.sweeps.TeacherStudent(),
    dataset_sizes=[200_000],
    widths=[6, 9, 13, 19, 28, 40],
    seeds=5,
    n_test=5000,
    training=ms.sweeps.Training(steps=15_000, batch_size=256, learning_rate=1e-2),
)


def converged(curve: ms.LearningCurve) -> ms.LearningCurve | None:
    """The sizes at which all networks interpolate; None where they are fewer than four."""
    sizes = sorted({r.dataset_size for r in curve.runs})
    good = [n for n in sizes if all(r.converged for r in curve.at(dataset_size=n).runs)]
    if len(good) < 4:
        return None
    return ms.LearningCurve(
        tuple(r for r in curve.runs if r.dataset_size in good), curve.loss, curve.floor
    )


def exponents(plan: ms.sweeps.Plan, axis: str) -> dict[int, object]:
    """The fitted law at each dimension."""
    fits = {}
    for (dim,), one in plan.vary(dim=DIMS).items():
        curve = ms.sweeps.run(one, REGISTRY)
        usable = converged(curve) if axis == "data" else curve
        if usable is not None:
            fits[dim] = ms.fit_power_law(usable, axis=axis, floor="zero")
    return fits


def resolved(dim: int, sizes: list[int]) -> ms.dimension.Dimension:
    """The dimension of the inputs at the scale of these dataset sizes."""
    inputs, _ = ms.sweeps.TeacherStudent(dim).points(20_000, 0)
    return ms.dimension.resolved_by_sizes(ms.Cloud(inputs), sizes)


def main() -> None:
    found = {
        "alpha_D": exponents(by_data, "data"),
        "alpha_P": exponents(by_width, "parameters"),
    }
    print("exponent   d  alpha  95 % interval        r = alpha d / 4")
    for name, fits in found.items():
        for dim, fit in fits.items():
            comparison = ms.compare(ms.predict_exponent(float(dim)), fit)
            print(
                f"{name}  {dim:>3}  {fit.alpha:.3f}  {fit.interval!s:<20} "
                f"{comparison.ratio:.2f} {comparison.interval}"
            )
        print(ms.relation(list(fits), list(fits.values())))
    fits = found["alpha_D"]
    scaled = {dim: resolved(dim, [*map(int, fit.losses.x)]) for dim, fit in fits.items()}
    print("at the scale of the sweep: d, resolved by its sizes, r = alpha_D d / 4")
    for dim, seen in scaled.items():
        comparison = ms.compare(ms.predict_exponent(seen), fits[dim])
        print(f"{dim:>3}  {seen.value:.2f}  {comparison.ratio:.2f} {comparison.interval}")
    print(ms.relation(list(scaled.values()), list(fits.values())))
    both = sorted(found["alpha_D"].keys() & found["alpha_P"].keys())
    print(ms.duality(*([fits[d] for d in both] for fits in found.values())))

    figure, ax = plt.subplots(figsize=(4.4, 3.6), layout="constrained")
    for (name, fits), marker in zip(found.items(), "os", strict=True):
        dims = np.array(list(fits))
        ends = np.array([[4 / f.interval.high, 4 / f.interval.low] for f in fits.values()])
        values = np.array([4 / fit.alpha for fit in fits.values()])
        errors = np.abs(ends.T - values)
        ax.errorbar(dims, values, errors, fmt=marker, capsize=2, label=rf"$\{name}$")
    line = np.array([1.5, 9.5])
    ax.plot(line, line, color="0.5", lw=1, label=r"$\alpha = 4/d$")
    ax.fill_between(line, 0, line, color="0.93", label=r"$\alpha \geq 4/d$")
    ax.set(
        xlabel="dimension d of the inputs", ylabel=r"$4/\alpha$", xlim=line, ylim=(0, 12)
    )
    ax.legend()
    figure.savefig("exponent_vs_dimension.png", dpi=160)


if __name__ == "__main__":
    main()
