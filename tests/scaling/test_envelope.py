"""The lower envelope of trajectories against compute."""

import numpy as np
import pytest

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.scaling.envelope import lower_envelope


def test_an_envelope_holds_no_row_that_another_beats() -> None:
    rng = np.random.default_rng(0)
    compute, loss = rng.random(200) + 0.1, rng.random(200) + 0.1
    rows = lower_envelope(compute, loss)
    assert (np.diff(compute[rows]) > 0).all() and (np.diff(loss[rows]) < 0).all()
    beaten = [
        bool(((compute <= c) & (loss < at)).any())
        for c, at in zip(compute, loss, strict=True)
    ]
    assert sorted(rows) == [i for i in range(200) if not beaten[i]]


def test_a_trajectory_beats_others_between_its_rows() -> None:
    compute, loss = [1, 100, 9, 11], [1.0, 0.01, 0.5, 0.09]
    assert lower_envelope(compute, loss).tolist() == [0, 2, 3, 1]
    # The first falls as 1 / C: at 9 it is 0.11, below 0.5; at 11 it is 0.0909.
    assert lower_envelope(compute, loss, list("aabb")).tolist() == [0, 3, 1]


@pytest.mark.parametrize(
    ("compute", "loss", "network", "said"),
    [
        ([1, 2], [1], None, "one length"),
        ([1, 0], [1, 1], None, "positive; 1 rows"),
        ([1, 2], [1, 1], ["a"], "`network` must have one entry a row"),
    ],
)
def test_what_is_no_envelope_is_refused(compute, loss, network, said) -> None:
    with pytest.raises(ManifoldScaleError, match=said):
        lower_envelope(compute, loss, network)
