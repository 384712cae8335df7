"""Optional packages: where one is missing, the error names the extra that installs it."""

import importlib
from typing import Any

from .errors import ManifoldScaleError


def optional(module: str, extra: str) -> Any:
    """Import a package that an extra of ours installs.

    Raises
    ------
    ManifoldScaleError : it is not installed, or its installation is broken.
    """
    try:
        found = importlib.import_module(module)
        # A folder of that name, such as our own `datasets`, imports as a namespace.
        if getattr(found, "__file__", None) is None:
            raise ModuleNotFoundError(name=module)
        return found
    except ModuleNotFoundError as error:
        raise ManifoldScaleError(
            f"This needs the package {error.name!r}, which is not installed: "
            f"`pip install 'manifoldscale[{extra}]'`."
        ) from error
    except Exception as error:  # whatever a broken package raises
        raise ManifoldScaleError(
            f"The package {module!r} is installed, but importing it fails ({error}): its "
            "parts do not fit one another, or this version of torch."
        ) from error
