"""Linearised training: closed form against steps, samples, and real networks."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import manifoldscale as ms
from manifoldscale.theory import (
    empirical_ntk,
    gradient_descent,
    kernel_alignment,
    kernel_drift,
    linearized_network,
    linearized_training,
    nngp,
    ntk,
    ntk_mlp,
)

STREAM = torch.Generator().manual_seed(0)
X, X_TEST = (
    torch.randn(n, 5, generator=STREAM, dtype=torch.float64) for n in (16, 40)
)  # fmt: skip
POINTS = torch.cat([X, X_TEST])


def target(x: Tensor) -> Tensor:
    return torch.sin(1.5 * x[:, :1]) * x[:, 1:2]


Y, Y_TEST = target(X), target(X_TEST)
SETTING = {"depth": 2, "activation": "erf", "weight_variance": 2.0, "bias_variance": 0.1}
THETA, COVARIANCE = ntk(POINTS, **SETTING).numpy(), nngp(POINTS, **SETTING).numpy()
TIMES = [0, 1, 30, 1000]


def descend(network: nn.Module, learning_rate: float, steps: int) -> nn.Module:
    """Full-batch gradient descent on half the sum of squared errors, by torch's SGD."""
    optimiser = torch.optim.SGD(network.parameters(), lr=learning_rate)
    for _ in range(steps):
        optimiser.zero_grad()
        (0.5 * ((network(X) - Y) ** 2).sum()).backward()
        optimiser.step()
    return network


def test_steps_of_descent() -> None:
    """The recursion f <- f - eta Theta (f - y), step by step, on all points."""
    start = np.linspace(-1, 1, len(POINTS))[:, None]
    rate = 1.9 / np.linalg.eigvalsh(THETA[:16, :16])[-1]  # most modes alternate
    run = linearized_training(
        THETA, Y, TIMES, learning_rate=rate, initial=start, test_targets=Y_TEST
    )
    f, labels = start.copy(), Y.numpy()
    for step in range(max(TIMES) + 1):
        if step in TIMES:
            i = TIMES.index(step)
            np.testing.assert_allclose(run.train_mean[i], f[:16], atol=1e-10)
            np.testing.assert_allclose(run.test_mean[i], f[16:], atol=1e-10)
            loss = ((f[16:] - Y_TEST.numpy()) ** 2).mean()
            assert run.test_loss[i] == pytest.approx(loss, rel=1e-9)
        f = f - rate * THETA[:, :16] @ (f[:16] - labels)


def test_small_steps_are_gradient_flow() -> None:
    flow = linearized_training(THETA, Y, [0.5, 3], test_targets=Y_TEST)
    steps = linearized_training(
        THETA, Y, [5e6, 3e7], learning_rate=1e-7, test_targets=Y_TEST
    )
    np.testing.assert_allclose(steps.test_mean, flow.test_mean, rtol=1e-5)
    np.testing.assert_allclose(steps.train_loss, flow.train_loss, rtol=1e-5)


def test_little_is_learned_exactly_in_little_time() -> None:
    """The outputs move by t Theta y, without cancellation."""
    run = linearized_training(THETA, Y, [1e-12])
    np.testing.assert_allclose(run.test_mean[0], 1e-12 * THETA[16:, :16] @ Y.numpy())


def test_the_end_of_training_is_kernel_regression() -> None:
    run = linearized_training(THETA, Y, np.inf, test_targets=Y_TEST)
    exact = THETA[16:, :16] @ np.linalg.solve(THETA[:16, :16], Y.numpy())
    np.testing.assert_allclose(run.test_mean[0], exact, rtol=1e-8)
    assert run.train_loss[0] == 0


def test_a_singular_kernel_keeps_what_it_cannot_learn() -> None:
    """A linear kernel of 5 inputs on 16 points: the limit is least squares."""
    gram = (POINTS @ POINTS.T).numpy()
    run = linearized_training(gram, Y, [1e9, np.inf])
    fit = np.linalg.lstsq(X.numpy(), Y.numpy(), rcond=None)[0]
    for predicted in run.test_mean:
        np.testing.assert_allclose(predicted, X_TEST.numpy() @ fit, atol=1e-6)
    left = ((X.numpy() @ fit - Y.numpy()) ** 2).mean()
    np.testing.assert_allclose(run.train_loss, left, rtol=1e-8)


@pytest.mark.parametrize("rate", [None, 0.01])
def test_mean_and_variance_over_initialisations(rate: float | None) -> None:
    """4,000 initial functions from the process, each of them trained."""
    options = {"learning_rate": rate, "test_targets": Y_TEST}
    run = linearized_training(THETA, Y, TIMES, nngp=COVARIANCE, **options)
    root = np.linalg.cholesky(COVARIANCE + 1e-12 * np.eye(len(POINTS)))
    draws = root @ np.random.default_rng(0).standard_normal((len(POINTS), 4000))
    many = linearized_training(
        THETA, np.repeat(Y.numpy(), 4000, 1), TIMES, learning_rate=rate, initial=draws
    )
    for mean, variance, sample in (
        (run.train_mean, run.train_variance, many.train_mean),
        (run.test_mean, run.test_variance, many.test_mean),
    ):
        scatter = np.sqrt(variance[..., 0] / 4000) + 1e-9
        assert np.all(np.abs(sample.mean(2) - mean[..., 0]) < 5 * scatter)
        np.testing.assert_allclose(sample.var(2), variance[..., 0], rtol=0.15, atol=1e-9)
    losses = ((many.test_mean - Y_TEST.numpy()) ** 2).mean((1, 2))
    np.testing.assert_allclose(run.test_loss, losses, rtol=0.05)


def test_wide_networks_train_like_the_theory() -> None:
    """Mean test loss of 30 networks of width 256 within 3 standard errors, on the way."""
    rate, steps = 0.02, 30
    theory = linearized_training(
        THETA, Y, steps, learning_rate=rate, nngp=COVARIANCE, test_targets=Y_TEST
    )
    losses = []
    for seed in range(30):
        network = ntk_mlp(5, 256, 2, 1, "erf", 2.0, 0.1, rng=seed)
        trained = descend(network, rate, steps)
        losses.append(((trained(X_TEST) - Y_TEST) ** 2).mean().item())
    stderr = np.std(losses, ddof=1) / np.sqrt(len(losses))
    assert abs(np.mean(losses) - theory.test_loss[0]) < 3 * stderr
    assert theory.test_loss[0] < 0.8 * linearized_training(
        THETA, Y, 0, nngp=COVARIANCE, test_targets=Y_TEST
    ).test_loss[0]  # fmt: skip


def test_the_losses_are_the_sum_of_their_modes() -> None:
    for options in ({"nngp": COVARIANCE}, {"initial": POINTS[:, :1]}, {}):
        run = linearized_training(THETA, Y, TIMES, **options)
        np.testing.assert_allclose(run.by_mode().sum(1), run.train_loss, rtol=1e-8)
        assert np.all(np.diff(run.rates) <= 0)


def test_several_outputs_that_share_parameters() -> None:
    """The full kernel of a network, against steps in function space."""
    network = ntk_mlp(5, 20, 1, 3, rng=1)
    labels = torch.cat([Y, -Y, Y**2], 1).numpy()
    full = empirical_ntk(network, POINTS).numpy()
    start = network(POINTS).detach().numpy()
    run = linearized_network(
        network, X, labels, [50], learning_rate=1e-3, test_inputs=X_TEST
    )
    f = start.copy()
    for _ in range(50):
        f = f - 1e-3 * np.einsum("ijop,jp->io", full[:, :16], f[:16] - labels)
    np.testing.assert_allclose(run.test_mean[0], f[16:], rtol=1e-9)
    np.testing.assert_allclose(run.train_mean[0], f[:16], rtol=1e-9)
    blocks = np.einsum("ij,op->ijop", THETA, np.eye(3))
    one = linearized_training(THETA, labels, [5], nngp=COVARIANCE)
    other = linearized_training(blocks, labels, [5], nngp=COVARIANCE)
    np.testing.assert_allclose(one.test_mean, other.test_mean, rtol=1e-8)
    variances = np.broadcast_to(one.test_variance, other.test_variance.shape)
    np.testing.assert_allclose(variances, other.test_variance, rtol=1e-8)
    np.testing.assert_allclose(one.train_loss, other.train_loss, rtol=1e-8)


def deviations(
    depth: int, activation: str, widths: list[int], seeds: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean deviation of trained from linearised losses, test and train, and mean drift of
    the kernel, after 20 steps: over widths.
    """
    rows = []
    for width in widths:
        found = []
        for seed in range(seeds):
            network = ntk_mlp(5, width, depth, 1, activation, 2.0, 0.1, rng=seed)
            before = empirical_ntk(network, X, outputs="mean")
            linear = linearized_network(
                network,
                X,
                Y,
                20,
                learning_rate=0.002,
                test_inputs=X_TEST,
                test_targets=Y_TEST,
            )
            trained = descend(network, 0.002, 20)
            test = ((trained(X_TEST) - Y_TEST) ** 2).mean().item()
            train = ((trained(X) - Y) ** 2).mean().item()
            after = empirical_ntk(trained, X, outputs="mean")
            found.append(
                [
                    abs(test - linear.test_loss[0]),
                    abs(train - linear.train_loss[0]),
                    kernel_drift(after, before),
                ]
            )
        rows.append(np.mean(found, 0))
    test, train, drift = np.array(rows).T
    return test, train, drift


@pytest.mark.parametrize(
    ("depth", "activation", "seeds"),
    [
        (1, "erf", 20),
        pytest.param(2, "erf", 20, marks=pytest.mark.slow),
        pytest.param(2, "relu", 20, marks=pytest.mark.slow),
        pytest.param(1, "tanh", 40, marks=pytest.mark.slow),
    ],
)
def test_training_leaves_its_linearisation_like_one_over_width(
    depth: int, activation: str, seeds: int
) -> None:
    widths = [64, 128, 256, 512, 1024]
    for deviation in deviations(depth, activation, widths, seeds):
        exponent = -np.polyfit(np.log(widths), np.log(deviation), 1)[0]
        assert exponent == pytest.approx(1, abs=0.25)


def test_lazy_and_rich() -> None:
    """Outputs divided by the root of the width are the rich scaling: the kernel then moves
    by as much at every width, towards the labels (centred alignment 0.09 to 0.11 and more).
    """

    class Rich(nn.Module):
        def __init__(self, body: nn.Module, width: int) -> None:
            super().__init__()
            self.body, self.scale = body, width**-0.5

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * self.body(x)

    drift = {}
    for width in (64, 512):
        for name in ("lazy", "rich"):
            network: nn.Module = ntk_mlp(5, width, 1, 1, "erf", rng=3)
            rate = 0.02
            if name == "rich":
                network, rate = Rich(network, width), rate * width
            before = empirical_ntk(network, X, outputs="mean")
            descend(network, rate, 200)
            after = empirical_ntk(network, X, outputs="mean")
            drift[name, width] = kernel_drift(after, before)
            if name == "rich":
                task = (Y @ Y.T).numpy()
                aligned = [kernel_alignment(k, task) for k in (before, after)]
                assert aligned[1] > aligned[0]
    assert drift["lazy", 512] < 0.25 * drift["lazy", 64]
    assert drift["rich", 512] > 0.6 * drift["rich", 64]


def test_descent_is_that_of_torch() -> None:
    """The same losses as by an optimiser of torch, taken between the steps."""
    trained = ntk_mlp(5, 32, 2, 1, "erf", rng=1)
    run = gradient_descent(
        trained,
        X,
        Y,
        [0, 3, 10],
        learning_rate=0.01,
        test_inputs=X_TEST,
        test_targets=Y_TEST,
    )
    other = ntk_mlp(5, 32, 2, 1, "erf", rng=1)
    for at, more in enumerate((0, 3, 7)):
        descend(other, 0.01, more)
        for loss, x, y in ((run.train_loss, X, Y), (run.test_loss, X_TEST, Y_TEST)):
            expected = ((other(x) - y) ** 2).sum(1).mean().item()
            assert loss[at] == pytest.approx(expected, rel=1e-12)


def test_descent_that_diverges_is_nan() -> None:
    run = gradient_descent(
        ntk_mlp(5, 32, 2, activation="linear"),
        X,
        Y,
        [500],
        learning_rate=9,
        test_inputs=X,
        test_targets=Y,
    )
    assert np.isnan(run.train_loss).all()


@pytest.mark.parametrize("steps", [[], [0.5], [3, 1], [-1]])
def test_steps_of_descent_are_counts(steps: list[float]) -> None:
    with pytest.raises(ms.ManifoldScaleError, match="whole numbers"):
        gradient_descent(
            ntk_mlp(5, 8, 1), X, Y, steps, learning_rate=1, test_inputs=X, test_targets=Y
        )


def test_how_it_prints_and_tabulates() -> None:
    run = linearized_training(THETA, Y, [0, 10], learning_rate=0.01, test_targets=Y_TEST)
    assert "(gradient descent, learning rate 0.0100 of at most 0.135)" in str(run)
    assert run.to_frame().columns.tolist() == ["time", "train_loss", "test_loss"]
    assert np.isnan(linearized_training(THETA, Y, 1).test_loss).all()
    alone = linearized_training(THETA[:16, :16], Y, 1)
    assert alone.test_mean.shape == (1, 0, 1) and np.isfinite(alone.train_loss).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"learning_rate": 10.0}, r"below the stability limit 2 / largest eigenvalue = 0"),
        ({"learning_rate": 0.0}, "`learning_rate` must be positive"),
        ({"times": [-1]}, "`times` must be numbers of at least 0"),
        ({"times": [np.nan]}, "`times`"),
        ({"times": [2.5], "learning_rate": 1e-3}, "whole numbers of steps"),
        ({"nngp": COVARIANCE, "initial": POINTS[:, :1]}, "not both"),
        ({"nngp": COVARIANCE[:3, :3]}, "`nngp` must be on the same 56 points"),
        ({"initial": Y}, "`initial` must be"),
        ({"test_targets": Y}, "`test_targets` must be"),
        ({"ntk": THETA[:8, :8]}, "fewer than the 16 targets"),
        ({"ntk": THETA[:20]}, "must be square"),
        ({"ntk": -THETA}, "not positive semidefinite"),
        ({"ntk": np.ones((20, 20, 2, 2))}, "the targets 1"),
    ],
)
def test_bad_calls_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        linearized_training(**{"ntk": THETA, "targets": Y, "times": [1], **changed})


GRID = np.linspace(-3, 3, 40)
SMOOTH = np.exp(-((GRID[:, None] - GRID) ** 2) / 2)
CODES = {"BELOW_ROUNDING"}


def codes(run: ms.theory.LinearizedTraining) -> set[str]:
    return {note.caveat.name for note in run.caveats}


def test_modes_lost_in_rounding_are_counted_and_the_time_is_right() -> None:
    """Eigenvalues of a Gaussian kernel fall below rounding. Up to the time that is told the
    curve agrees with one in twice the digits; at the end it does not.
    """
    mpmath = pytest.importorskip("mpmath")
    n, y = 30, np.sin(2 * GRID)
    order = np.random.default_rng(0).permutation(40)
    grid, y = GRID[order], y[order]
    gram = SMOOTH[np.ix_(order, order)]
    until = linearized_training(gram, y[:n], 1.0).right_until
    times = [until / 1e4, until, np.inf]
    run = linearized_training(gram, y[:n], times, test_targets=y[n:])
    lost = int((run.rates == 0).sum())
    assert lost > 5 and f"{lost} of {n} modes" in str(run)
    assert codes(run) == CODES
    assert not linearized_training(gram, y[:n], times[:2]).caveats
    with mpmath.workdps(60):
        exact = mpmath.matrix(40, 40)
        for i, j in np.ndindex(40, 40):
            gap = mpmath.mpf(float(grid[i])) - mpmath.mpf(float(grid[j]))
            exact[i, j] = mpmath.exp(-(gap**2) / 2)
        rates, modes = mpmath.eigsy(exact[:n, :n])
        parts = modes.T * mpmath.matrix([float(v) for v in y[:n]])
        for i, time in enumerate(times[:2]):
            moved = mpmath.matrix(
                [
                    -mpmath.expm1(-r * time) / r * p
                    for r, p in zip(rates, parts, strict=True)
                ]
            )
            right = [float(v) for v in exact[n:, :n] * modes * moved]
            np.testing.assert_allclose(run.test_mean[i, :, 0], right, atol=1e-5)


def test_a_kernel_without_small_rates_is_right_at_any_time() -> None:
    run = linearized_training(THETA, Y, [1, np.inf])
    assert run.right_until == np.inf and not run.caveats


@pytest.mark.parametrize("activation", ["erf", "tanh", "gelu", "relu"])
def test_no_variance_or_loss_is_negative(activation: str) -> None:
    points = np.concatenate([np.linspace(-30, 30, 60), np.linspace(-29, 28, 30)])
    points = np.concatenate([points[:5], points])[:, None]  # five points twice
    setting = {"depth": 2, "activation": activation, "weight_variance": 2.25}
    run = linearized_training(
        ntk(points, **setting),
        np.sin(points[:65, 0]),
        [0, 1e3, 1e12, np.inf],
        nngp=nngp(points, **setting),
        test_targets=np.sin(points[65:, 0]),
    )
    for values in (
        run.train_variance, run.test_variance, run.train_loss, run.test_loss,
        run.mode_power, run.by_mode(),
    ):  # fmt: skip
        assert np.isfinite(values).all() and values.min() >= 0
    assert codes(run) == CODES


def test_a_kernel_of_single_precision_loses_what_that_cannot_tell() -> None:
    run = linearized_training(SMOOTH.astype(np.float32), np.sin(GRID), [1, np.inf])
    assert (run.rates == 0).sum() > (linearized_training(SMOOTH, GRID, 1).rates == 0).sum()
    assert codes(run) == CODES and run.right_until < 1e7
    descent = linearized_training(SMOOTH, GRID, [10, 1e15], learning_rate=0.01)
    assert codes(descent) == CODES
    flow = linearized_training(SMOOTH, GRID, 1)
    assert descent.right_until == pytest.approx(flow.right_until / 0.01, rel=1e-6)
