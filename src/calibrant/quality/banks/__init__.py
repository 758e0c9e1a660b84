"""May this bank be used adaptively? A verdict with its numbers."""

from calibrant.quality.banks.check import check_bank
from calibrant.quality.banks.result import BankCheck, Finding

__all__ = ["BankCheck", "Finding", "check_bank"]
