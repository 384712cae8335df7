"""Help texts that list what may be given: all of it is there, and it is true."""

import dataclasses as dc

import pytest
from click.testing import CliRunner

from manifoldscale.cli.described import settings_of
from manifoldscale.cli.fit import COLUMNS
from manifoldscale.cli.main import main
from manifoldscale.core.names import meaning
from manifoldscale.sweeps.plan import Plan
from manifoldscale.sweeps.stored import TASKS
from manifoldscale.sweeps.train import Training


@pytest.mark.parametrize("kind", [Plan, Training, *TASKS.values()])
def test_every_setting_of_a_plan_is_described(kind: type) -> None:
    told = settings_of(kind)
    names = [line.split()[0] for line in told]
    every = [field.name for field in dc.fields(kind)]  # type: ignore[arg-type]
    assert names == [name for name in every if name in names]
    found = "fingerprint, shape, examples, classes, n_outputs, copies, held"
    found_not_given = set(found.split(", "))
    assert set(every) - set(names) <= (found_not_given if "held" in every else set())
    assert not [name for name, text in told.items() if not text]


def test_the_help_of_a_sweep_lists_them() -> None:
    printed = CliRunner().invoke(main, ["sweep", "--help"]).output
    assert "batch_size = 128" in printed and 'loss = "mse"' in printed
    assert '[task] type = "TeacherStudent"' in printed


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (field, name)
        for field, names in COLUMNS.items()
        if field != "steps" and "," not in field  # steps tell the rows of a log apart
        for name in (field, *names.split(", "))
    ],
)
def test_columns_that_the_help_names_are_read(field: str, name: str) -> None:
    assert meaning(name) == field
