"""Tasks draw what they say."""

import inspect

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.serialize import plain
from manifoldscale.sweeps import DataSet, Plan, ShuffledLabels, Task, TeacherStudent
from manifoldscale.sweeps.stored import TASKS, plan_from
from manifoldscale.sweeps.teachers import Teacher, target


def test_teacher_inputs_have_the_stated_dimension() -> None:
    task = TeacherStudent(4)
    inputs, _ = task.points(6000, 0)
    assert inputs.shape == (6000, 20) and (inputs[:, 4:] == 0).all()
    np.testing.assert_allclose(inputs[:, :4].var(0), 1.0, rtol=0.05)
    dim = ms.estimate(inputs, ms.dimension.Auto())
    assert dim.value == pytest.approx(4, rel=0.1) and 4 in dim.interval


def test_teacher_targets_are_standardised_and_noise_adds_its_variance() -> None:
    clean, noisy = TeacherStudent(3), TeacherStudent(3, label_noise=0.5)
    assert (clean.floor("mse"), noisy.floor("mse")) == (0.0, 0.25)
    plain = clean.draw(20_000, 10, 1)
    assert plain.train_targets.mean() == pytest.approx(0, abs=0.05)
    assert plain.train_targets.std() == pytest.approx(1, rel=0.03)
    drawn = noisy.draw(20_000, 10, 1)
    residual = drawn.train_targets - target(noisy)(drawn.train_inputs)
    assert residual.std() == pytest.approx(0.5, rel=0.03)


def test_a_teacher_without_biases_is_homogeneous() -> None:
    task = TeacherStudent(3, bias_std=0.0)
    network = target(task)
    assert isinstance(network, Teacher)
    inputs, _ = task.points(50, 0)

    def raw(x: np.ndarray) -> np.ndarray:
        return network(x) * network.std + network.mean

    np.testing.assert_allclose(raw(2 * inputs), 2 * raw(inputs))


def test_a_data_set_is_split_without_overlap() -> None:
    task = DataSet("digits")
    examples = task.draw(900, 400, seed=3)
    rows = {row.tobytes() for row in examples.train_inputs}
    assert not rows & {row.tobytes() for row in examples.test_inputs}
    assert (examples.train_targets.sum(1) == 1).all()
    inputs, labels = task.points(10_000, 0)
    assert len(inputs) == len(labels) == 1797
    assert inputs.min() == 0 and inputs.max() == 1  # as they are
    everything = task.draw(1797, 0, 0).train_inputs
    assert (everything**2).mean() == pytest.approx(1)
    np.testing.assert_allclose(everything.mean(0), 0, atol=1e-12)


def test_every_run_draws_its_own() -> None:
    for task in (DataSet("digits"), TeacherStudent(2)):
        a, b, again = (task.draw(60, 50, seed).test_inputs for seed in (1, 2, 1))
        assert not np.array_equal(a, b)
        np.testing.assert_array_equal(a, again)


@pytest.mark.parametrize(
    "task",
    [
        DataSet("digits", input_noise=0.3),
        TeacherStudent(2, label_noise=0.1, input_noise=0.1),
        TeacherStudent(2, domain=ms.manifolds.Sphere(2)),
        TeacherStudent(3, domain="torus", classes=3),
    ],
    ids=lambda task: task.name,
)
def test_smaller_training_sets_are_the_first_part_of_larger_ones(task: Task) -> None:
    small, large = task.draw(60, 50, 1), task.draw(90, 50, 1)
    np.testing.assert_array_equal(small.train_inputs, large.train_inputs[:60])
    # Products of other shapes round differently.
    np.testing.assert_allclose(small.train_targets, large.train_targets[:60], rtol=1e-9)
    np.testing.assert_array_equal(small.test_inputs, large.test_inputs)
    np.testing.assert_allclose(small.test_targets, large.test_targets, rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TeacherStudent(21), "takes 21 features"),
        (lambda: TeacherStudent(2, label_noise=-1.0), "`label_noise`"),
        (lambda: DataSet("digits").draw(1700, 200, 0), "has 1797 in all"),
        (lambda: DataSet("nothing").inputs, "no data set 'nothing'"),
    ],
)
def test_tasks_that_cannot_work(make: object, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        make()


def test_every_task_is_in_the_table_by_its_name() -> None:
    offered = {one for one in vars(ms.sweeps).values() if inspect.isclass(one)}
    tasks = {one for one in offered if issubclass(one, Task) and one is not Task}
    assert set(TASKS.values()) == tasks and all(TASKS[one.__name__] is one for one in tasks)


def test_a_task_inside_another_is_stored_and_made_again() -> None:
    plan = Plan(ShuffledLabels(DataSet("digits", superclasses=2)), [10, 20], [4])
    assert plan_from(plain(plan)) == plan


def test_a_task_says_what_noise_its_labels_carry() -> None:
    clean, noisy = TeacherStudent(3), TeacherStudent(3, label_noise=0.2)
    assert (clean.label_noise, clean.met) == (0.0, ("noiseless",))
    assert (noisy.label_noise, noisy.met) == (0.2, ())
    assert (DataSet("digits").label_noise, DataSet("digits").met) == (0.0, ())
    for task in (clean, noisy):
        ms.predict_exponent(3, label_noise=task.label_noise, met=task.met)
