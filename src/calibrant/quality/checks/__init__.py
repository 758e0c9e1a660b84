"""Which items are bad? Wrong way round, mis-keyed, duplicated, dependent, saturated."""

from calibrant.quality.checks.check import check
from calibrant.quality.checks.result import ItemCheck

__all__ = ["ItemCheck", "check"]
