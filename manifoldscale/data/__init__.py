"""Data sets at hand, and examples from whatever a user names."""

from .cards import Card, Dataset, card, folder, load, names, shipped_sweep
from .examples import Examples, load_examples
from .python import UserCodeError, from_python, python_function

__all__ = [
    "Card",
    "Dataset",
    "Examples",
    "UserCodeError",
    "card",
    "folder",
    "from_python",
    "load",
    "load_examples",
    "names",
    "python_function",
    "shipped_sweep",
]
