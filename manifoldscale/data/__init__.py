"""Data sets at hand, and examples from whatever a user names."""

from ..core.lazy import listed
from .cards import (
    Card as Card,
    Dataset as Dataset,
    card as card,
    folder as folder,
    load as load,
    names as names,
    shipped_sweep as shipped_sweep,
)
from .examples import Examples as Examples, load_examples as load_examples
from .loss_tables import LossTable as LossTable, table as table, tables as tables
from .python import (
    UserCodeError as UserCodeError,
    as_users as as_users,
    from_python as from_python,
    python_function as python_function,
)

__dir__ = listed(__name__)
