"""Tasks of known mechanism: examples obey the rules, and predictions are derived."""

import dataclasses as dc
import math

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.serialize import plain
from manifoldscale.sweeps import Plan, RandomHierarchy, SparseParities, Training
from manifoldscale.sweeps.hierarchy import _rules as grammar_of
from manifoldscale.sweeps.parities import _rules as bits_of
from manifoldscale.sweeps.stored import plan_from

PARITIES = SparseParities(subtasks=12, decay=0.7, bits=9, size=3)
GRAMMAR = RandomHierarchy(vocabulary=6, classes=4, synonyms=3, branching=2, depth=3)


def test_targets_are_parities_of_the_bits_that_are_asked_for() -> None:
    split = PARITIES.draw(4000, 50, 3)
    inputs, targets = split.train_inputs, split.train_targets[:, 0]
    names, bits = inputs[:, :12], inputs[:, 12:]
    assert np.all((names > 0).sum(1) == 1) and set(bits.ravel()) == {-1.0, 1.0}
    which, rules = names.argmax(1), bits_of(PARITIES)
    assert len({tuple(row) for row in rules}) == 12
    right = [np.prod([b[i] for i in rules[k]]) for k, b in zip(which, bits, strict=True)]
    assert np.array_equal(targets, right)
    expected = np.arange(1, 13) ** -1.7
    expected /= expected.sum()
    counts = np.bincount(which, minlength=12) / 4000
    assert np.all(np.abs(counts - expected) < 4 * np.sqrt(expected / 4000))
    assert np.linalg.norm(names[0]) == pytest.approx(np.linalg.norm(bits[0]))


@pytest.mark.parametrize("task", [PARITIES, GRAMMAR], ids=repr)
def test_examples_are_nested_and_restored(task: ms.sweeps.Task) -> None:
    few, many = task.draw(10, 5, 7), task.draw(30, 5, 7)
    assert np.array_equal(few.train_inputs, many.train_inputs[:10])
    assert np.array_equal(few.test_targets, many.test_targets)
    assert not np.array_equal(few.train_inputs, task.draw(10, 5, 8).train_inputs)
    plan = Plan(task, (10, 20), (4,))
    assert plan_from(plain(plan)) == plan
    assert task.points(9, 0)[0].shape == (9, task.inputs)


def test_the_loss_of_a_learner_that_needs_some_examples() -> None:
    """Against draws of one, and its exponents a / (1 + a) in the scaling range."""
    rng, p = np.random.default_rng(0), PARITIES.frequencies
    for size in (20, 100, 500):
        counts = rng.multinomial(size, p, 20_000)
        drawn = ((counts < 6) * p).sum(1).mean()
        assert PARITIES.expected_loss([size], 6)[0] == pytest.approx(drawn, rel=0.02)
    for decay in (0.5, 1.0, 2.0):
        many = SparseParities(subtasks=300_000, decay=decay)
        low, high = many.expected_loss([10**4, 10**6], 10)
        slope = math.log(low / high) / math.log(100)
        assert slope == pytest.approx(many.alpha_D, abs=0.03)
    equal = dc.replace(PARITIES, decay=None, subtasks=100)
    assert equal.alpha_D is equal.alpha_P is None
    before, after = equal.expected_loss([4000, 16_000], 80)
    assert before > 0.99 and after < 1e-6


def test_a_sentence_tells_its_class() -> None:
    """Read from the bottom up, by the rules, without knowing how it was drawn."""
    split = GRAMMAR.draw(300, 0, 1)
    shown = split.train_inputs.reshape(300, 8, 6)
    assert np.square(split.train_inputs).mean() == pytest.approx(1)
    symbols = shown.argmax(2)
    for rules in reversed(grammar_of(GRAMMAR)):
        parent = {tuple(r): i for i, of in enumerate(rules.tolist()) for r in of}
        assert len(parent) == rules.shape[0] * 3  # no two share a rule
        pairs = symbols.reshape(300, -1, 2)
        symbols = np.array([[parent[tuple(pair)] for pair in row] for row in pairs])
    assert np.array_equal(symbols[:, 0], split.train_targets.argmax(1))
    assert (GRAMMAR.transition, GRAMMAR.sentences) == (4 * 27, 4 * 3**7)
    short = dc.replace(GRAMMAR, depth=2)
    every = np.unique(short.draw(5000, 0, 2).train_inputs, axis=0)
    assert len(every) == short.sentences == 4 * 3**3


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`size`"):
        SparseParities(bits=3, size=4)
    with pytest.raises(ms.ManifoldScaleError, match="`decay` must be positive"):
        SparseParities(decay=0)
    with pytest.raises(ms.ManifoldScaleError, match=r"`synonyms`.*at most 8"):
        RandomHierarchy(vocabulary=8, classes=8, synonyms=9)


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.75, 1.5])
def test_networks_learn_parities_by_frequency(decay: float) -> None:
    """Other decays and another network than those on which the training was chosen."""
    task = SparseParities(decay=decay, bits=14, subtasks=90, rules_seed=1)
    sizes = (200, 400, 800, 1600, 3200, 6400)
    plan = Plan(task, sizes, (160,), seeds=2, n_test=2000, training=Training(steps=1500))
    curve = ms.sweeps.run(plan)
    fit = ms.fit_power_law(curve, axis="data", floor="zero")
    assert fit.alpha == pytest.approx(task.alpha_D, abs=0.1)
