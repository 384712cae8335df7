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
        found = importlib.import_module(module)
        if (
            getattr(found, "__file__", None) is None
        ):  # a folder that happens to be so called
            raise ModuleNotFoundError(name=module)
        return found
    except ModuleNotFoundError as error:
        raise ManifoldScaleError(
            f"This needs the package {error.name!r}, which is not installed: "
            f"`pip install 'manifoldscale[{extra}]'`."
        ) from error
