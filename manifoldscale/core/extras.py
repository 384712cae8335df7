"""Optional packages: an error that names the extra where one is missing."""

import importlib
from typing import Any

from .errors import ManifoldScaleError


def optional(module: str, extra: str) -> Any:
    """Import a package that an extra of ours installs.

    Raises
    ------
    ManifoldScaleError : it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ManifoldScaleError(
            f"This needs the package {error.name!r}, which is not installed: "
            f"`pip install 'manifoldscale[{extra}]'`."
        ) from error
