"""The infinitely wide network on the examples of a sweep."""

import dataclasses as dc
import math
from typing import Any

import numpy as np
import pytest
from scipy import linalg

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.serialize import plain
from manifoldscale.sweeps import DataSet, OwnData, Plan, TeacherStudent, Training
from manifoldscale.theory import Beside, beside

DIGITS = Plan(DataSet("digits"), [40, 120], seeds=2, n_test=200)
TEACHER = Plan(TeacherStudent(dim=3), [30, 60, 100], seeds=2, n_test=150)


@pytest.mark.parametrize("plan", [DIGITS, TEACHER])
@pytest.mark.parametrize("ridge", [0.0, 0.2])
def test_losses_are_those_of_a_solve_on_the_examples_of_each_run(
    plan: Plan, ridge: float
) -> None:
    found = beside(plan, ridge=ridge, predicted_from=0).curves["NTK"]
    kernel = ms.theory.NTK(plan.depth, "relu", 2.0, 0.01)
    for run, (shape, size, index) in zip(found.runs, plan.runs(), strict=True):
        split = plan.task.draw(size, plan.n_test, plan.seed_of(shape, size, index))
        gram = kernel(split.train_inputs).numpy() + ridge * np.eye(size)
        across = kernel(split.test_inputs, split.train_inputs).numpy()
        outputs = across @ linalg.solve(gram, split.train_targets)
        loss = ((outputs - split.test_targets) ** 2).sum(1).mean()
        assert run.loss == pytest.approx(loss, rel=1e-6)
        assert (run.dataset_size, run.seed) == (size, index)


def test_a_wide_network_in_its_parametrisation_has_these_losses() -> None:
    """Gradient descent on a network of 512 units, to the end, is near its limit. The
    network begins as a random function, which adds about the variance of its prior.
    """
    task = TeacherStudent(dim=2, ambient_dim=2)
    training = Training(
        steps=1500, batch_size=None, optimiser="sgd", schedule="constant", learning_rate=0.3
    )
    plan = Plan(
        *(task, [24], [512]), seeds=4, depth=1, training=training, n_test=300,
        parametrisation="ntk",
    )  # fmt: skip
    trained = ms.sweeps.run(plan)
    time = 1500 * 0.3 * 2 / 24  # the descended loss is a mean over 24 examples, without 1/2
    limit = beside(plan, time=time, predicted_from=0)
    ratios = trained.losses / limit.curves["NTK"].losses
    prior = [
        ms.theory.NNGP(1, "relu", 2.0, 0.01).diagonal(split.test_inputs).numpy().mean()
        for split in [task.draw(24, 300, 0)]
    ]
    assert (
        0.5 < np.median(ratios) < 1 + 2 * prior[0] / np.median(limit.curves["NTK"].losses)
    )


def test_early_stopping_runs_from_nothing_learned_to_the_end() -> None:
    end = beside(TEACHER, predicted_from=0).curves["NTK"].losses
    late = beside(TEACHER, time=1e7, predicted_from=0).curves["NTK"].losses
    early = beside(TEACHER, time=1e-9, predicted_from=0).curves["NTK"].losses
    np.testing.assert_allclose(late, end, rtol=1e-3)
    for loss, (shape, size, index) in zip(early, TEACHER.runs(), strict=True):
        split = TEACHER.task.draw(size, 150, TEACHER.seed_of(shape, size, index))
        assert loss == pytest.approx((split.test_targets**2).sum(1).mean(), rel=1e-4)


def test_what_is_predicted_is_near_what_is_solved() -> None:
    plan = dc.replace(DIGITS, dataset_sizes=(60, 150, 300), seeds=6)
    found = beside(plan, predicted_from=500)
    assert set(found.predicted) == {"NTK", "NNGP"}
    assert found.off < 0.15  # the means of six runs are known to about 5 %
    rows = found.rows()
    assert len(rows) == 6 and all(math.isfinite(row["predicted"]) for row in rows)


def test_repeated_examples_are_said_and_have_no_nearest_distance() -> None:
    inputs = np.repeat(np.random.default_rng(0).standard_normal((60, 4)), 2, axis=0)
    task = OwnData.of(inputs, inputs[:, 0] * 1.0)
    found = beside(Plan(task, [60, 80], n_test=40, seeds=2))
    assert Caveat.RIDGE_ADDED in {note.caveat for note in found.caveats}
    assert np.isfinite(found.curves["NTK"].losses).all()
    assert (found.nearest["NTK"].losses > 0.01).all()  # without the copies


def test_a_smooth_kernel_is_solved_alike_in_all_runs() -> None:
    """Cholesky has a factor of some of these Gram matrices, whose solution is rounding."""
    task = TeacherStudent(1, ambient_dim=1)
    plan = Plan(task, [20], seeds=8, n_test=200, activation="tanh", depth=1)
    found = beside(plan, predicted_from=0)
    assert [note.caveat for note in found.caveats] == [Caveat.RIDGE_ADDED]
    near = beside(plan, ridge=1e-8, predicted_from=0)
    ratios = found.curves["NTK"].losses / near.curves["NTK"].losses
    assert (ratios < 10).all()


def test_early_stopped_networks_and_kernels_are_tested_on_the_same_examples() -> None:
    training = Training(steps=40, keep="best")
    plan = dc.replace(TEACHER, training=training)
    zero = {
        "zero": lambda x, *y: np.eye(len(x)) if not y else np.zeros((len(x), len(y[0])))
    }
    found = beside(plan, zero, predicted_from=0).curves["zero"].losses
    for loss, (shape, size, index) in zip(found, plan.runs(), strict=True):
        split = plan.task.draw(size, 150, plan.seed_of(shape, size, index))
        assert loss == pytest.approx((split.test_targets[75:] ** 2).sum(1).mean())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"student": "cnn"}, "max-pooling"),
        ({"training": Training(loss="cross_entropy")}, "squared error"),
    ],
)
def test_where_there_is_no_limit_it_says_why(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=said):
        beside(dc.replace(DIGITS, **changes))


def test_a_kernel_of_ones_own_convolutions_included() -> None:
    conv = ms.theory.ConvNTK(depth=1)

    def of_images(*inputs: object) -> object:
        return conv(*(np.reshape(x, (-1, 1, 8, 8)) for x in inputs))

    plan = dc.replace(DIGITS, dataset_sizes=(20,), student="cnn", n_test=20, widths=(8,))
    task = dc.replace(TEACHER, dataset_sizes=(30,))
    found = beside(plan, {"ConvNTK": of_images}, predicted_from=0)
    assert list(found.curves) == ["ConvNTK"] and found.n_points == 2
    other = beside(task, {"Laplace": ms.theory.Laplace()}, predicted_from=0)
    assert "Laplace" in other.headline()


def full(value: float, x: Any, y: Any = None) -> Any:
    return np.full((len(x), len(x if y is None else y)), value)


@pytest.mark.parametrize(
    ("plan", "settings", "said"),
    [
        ("digits", {}, "must be a Plan"),
        (TEACHER, {"kernels": {"k": "NTK"}}, "name functions"),
        (TEACHER, {"kernels": {"k": lambda x, *y: np.eye(3)}}, "shape"),
        (TEACHER, {"kernels": {"k": lambda x, *y: 1.0}}, "shape"),
        (TEACHER, {"kernels": {"k": lambda x, *y: full(np.nan, x, *y)}}, "not finite"),
        (TEACHER, {"kernels": {"k": lambda x, *y: full(-1.0, x, *y)}}, "not positive"),
        (TEACHER, {"kernels": [1]}, "name functions"),
        (TEACHER, {"ridge": -1}, "ridge"),
        (TEACHER, {"time": 0}, "time"),
        (TEACHER, {"time": None}, "time"),
        (dc.replace(TEACHER, dataset_sizes=(9000,)), {}, "above the 5,000"),
    ],
)
def test_what_makes_no_sense_is_refused(
    plan: Any, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=said):
        beside(plan, **settings)


def test_it_is_stored_and_read() -> None:
    found = beside(TEACHER, predicted_from=100)
    again = Beside.from_dict(plain(found))
    assert plain(again) == plain(found)
