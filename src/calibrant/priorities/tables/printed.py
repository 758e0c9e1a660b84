"""Which numbers print so? Decimals as whole units of their last digit; exact throughout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError

Integers = NDArray[np.int64]
Rule = Literal["half-up", "half-even", "any"]
"""How exact halves are printed. "any": up or down, as floating point does."""

RULES: tuple[Rule, ...] = ("half-up", "half-even", "any")
MOST_DIGITS = 4
"""Decimals that are read; with more, sums of ratings would overflow 64 bits."""

_NUMBER = re.compile(r"([+-]?)(\d{1,9})(?:\.(\d*))?")
_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-"})


@dataclass(frozen=True)
class Column:
    """Printed decimals of one column.

    Attributes:
        units: shape (rows,), each number times 10 to the power `digits`.
        digits: decimals.
    """

    units: Integers
    digits: int

    def text(self, row: int) -> str:
        """The number of a row, with all its digits."""
        return decimal(int(self.units[row]), self.digits)

    @property
    def values(self) -> NDArray[np.float64]:
        """As floating point, for models; never for checks."""
        return np.asarray(self.units / 10**self.digits, dtype=np.float64)


def decimal(units: int, digits: int) -> str:
    """Whole units of the last digit as a decimal."""
    sign, body = "-" if units < 0 else "", str(abs(units)).rjust(digits + 1, "0")
    return f"{sign}{body[:-digits]}.{body[-digits:]}" if digits else sign + body


def rounded(value: Fraction, digits: int = 2, rule: Rule = "half-up") -> str:
    """An exact number as it is printed; halves go up (away from zero), or to the even digit.

    Raises:
        InputError: for "any", which does not say.
    """
    if rule not in ("half-up", "half-even"):
        raise InputError(f"rule: wanted half-up or half-even to print a number, got {rule!r}")
    size = abs(value) * 10**digits
    units, rest = divmod(size.numerator, size.denominator)
    twice = 2 * rest - size.denominator
    if twice > 0 or (twice == 0 and (rule == "half-up" or units % 2)):
        units += 1
    return decimal(-units if value < 0 else units, digits)


def column(cells: Sequence[Any], what: str, digits: int | None = None) -> Column:
    """The printed numbers of a column; a number with fewer digits than others has zeros left out.

    Raises:
        InputError: naming the row of a cell that is no number, or has too many digits.
    """
    parts = [_parts(cell, f"{what}, row {i + 1}") for i, cell in enumerate(cells)]
    most = max((len(p[2]) for p in parts), default=0)
    places = most if digits is None else digits
    if most > places or places > MOST_DIGITS:
        row = next((i for i, p in enumerate(parts) if len(p[2]) > min(places, MOST_DIGITS)), 0)
        raise InputError(
            f"{what}, row {row + 1}: wanted at most {min(places, MOST_DIGITS)} decimals, got "
            f"{one_line(str(cells[row]), 40) if len(cells) else places}"
        )
    units = [int(sign + whole + part.ljust(places, "0")) for sign, whole, part in parts]
    return Column(np.array(units, dtype=np.int64), places)


def _parts(cell: Any, where: str) -> tuple[str, str, str]:
    text = str(cell).strip().translate(_MINUS)
    if isinstance(cell, float) and "e" in text:
        text = f"{cell:.{MOST_DIGITS + 1}f}".rstrip("0")
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise InputError(f"{where}: wanted a decimal number, got {one_line(str(cell), 40)!r}")
    part = found[3] or ""
    if isinstance(cell, float):
        part = part.rstrip("0")
    return found[1], found[2], part


def ends(units: Integers, n: Integers, digits: int, rule: Rule) -> tuple[Integers, Integers]:
    """Least and greatest whole sum s such that s / n prints as `units`; none if least > greatest.

    s / n rounds to c / 10^d if 2·10^d·s lies between (2c − 1)·n and (2c + 1)·n; the rule says
    whether the ends belong to it.
    """
    double = 2 * 10**digits
    low, high = -(-(2 * units - 1) * n // double), (2 * units + 1) * n // double
    if rule == "any":
        return low, high
    at_low, at_high = (2 * units - 1) * n == low * double, (2 * units + 1) * n == high * double
    if rule == "half-up":  # away from zero
        return low + (at_low & (units <= 0)), high - (at_high & (units >= 0))
    odd = units % 2 == 1
    return low + (at_low & odd), high - (at_high & odd)


def prints(
    numerator: Integers, denominator: Integers, units: Integers, digits: int, rule: Rule
) -> NDArray[np.bool_]:
    """Whether numerator / denominator (positive) prints as `units`."""
    low, high = ends(units, denominator, digits, rule)
    return np.asarray((low <= numerator) & (numerator <= high))
