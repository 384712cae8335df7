"""Tables of examples: which columns are inputs."""

from pathlib import Path

import pytest

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.data.examples import load_examples


@pytest.mark.parametrize("column", ["id", "index", "PassengerId"])
def test_row_numbers_are_no_input(column: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{column},a,y\n7,0.5,1\n3,0.25,0\n4,0.5,1\n")
    with pytest.raises(ManifoldScaleError, match=f"'{column}' of .* numbers the rows"):
        load_examples(str(path))
    path.write_text(f"{column},a,y\n1.5,0.5,1\n1.3,0.25,0\n1.4,0.5,1\n")
    assert load_examples(str(path)).inputs.shape == (3, 2)


def test_a_number_that_stands_for_a_missing_one_is_no_input(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,y\n-9999,0.5,1\n3,0.25,0\n4,-9999,1\n")
    with pytest.raises(ManifoldScaleError, match="holds -9999 at 2 places"):
        load_examples(str(path))
