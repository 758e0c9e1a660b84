"""May this change be merged? Claims and comparisons as assertions of a test suite.

Importing this package is cheap; a function loads what it needs when it is called.
"""

from __future__ import annotations

from calibrant.testing.claims import ClaimNotSupported, assert_supported
from calibrant.testing.regression import Regression, assert_no_regression

__all__ = ["ClaimNotSupported", "Regression", "assert_no_regression", "assert_supported"]
