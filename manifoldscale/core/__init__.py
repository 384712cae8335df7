"""Values that every other package uses, and the parts of your own method: settings that
check themselves, results, intervals, caveats, errors.
"""

from typing import TYPE_CHECKING

from .lazy import attach

if TYPE_CHECKING:
    from .caveat import Caveat as Caveat, Remark as Remark
    from .error_bars import (
        log_interval as log_interval,
        normal_interval as normal_interval,
    )
    from .errors import ManifoldScaleError as ManifoldScaleError, require as require
    from .interval import Interval as Interval
    from .method import Method as Method
    from .result import Quantity as Quantity, Result as Result, Table as Table
    from .settings import (
        FINITE as FINITE,
        Count as Count,
        Level as Level,
        NotNegative as NotNegative,
        Positive as Positive,
        Rule as Rule,
        Settings as Settings,
        above as above,
        among as among,
        at_least as at_least,
    )
    from .style import drawing as drawing

__getattr__, __dir__ = attach(__name__)
