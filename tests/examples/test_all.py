from pathlib import Path

from .run_example import EXAMPLES


def test_every_example_has_a_test_of_its_name() -> None:
    examples = {path.stem for path in EXAMPLES.glob("*.py")}
    tests = {
        path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")
    }
    assert examples == tests - {"all"}
