"""Is the extra `bayes` there? Modules that import JAX, or one line that says what to install."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

from calibrant.errors import CalibrantError


def needs_bayes(module: str, who: str) -> ModuleType:
    """A module that imports JAX and NumPyro.

    Args:
        module: its full name.
        who: what cannot be done without it, as in "forecasts by NUTS need".

    Raises:
        CalibrantError: if what it imports is not installed, naming it and the extra.
    """
    try:
        with warnings.catch_warnings():
            # What JAX's dependencies say on import is not about the caller's numbers.
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as e:
        raise CalibrantError(f'{who} {e.name}: pip install "calibrant[bayes]"') from e
