"""Which values do templates know, and what may be done with them? Exact, and never too large."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from calibrant._text import one_line
from calibrant.errors import InputError

MOST_BITS = 4096
"""Of a number, and of each part of a fraction: about 1,200 digits."""
MOST_PARTS = 1000
"""Members of a list."""
MOST_TEXT = 20_000
"""Characters of a text."""

Value = Any
"""int, Fraction (never whole), bool, str, date, or a list of these."""


class ExpressionError(InputError):
    """An expression that has no value: not the grammar, an unknown name, a division by zero."""


def number(value: Value) -> int | Fraction:
    """A number, whole ones as int.

    Raises:
        ExpressionError: if it is none, or larger than `MOST_BITS` allows.
    """
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise ExpressionError(f"wanted a number, got {kind(value)}")
    found: int | Fraction = value
    if isinstance(found, Fraction) and found.denominator == 1:
        found = found.numerator
    if _bits(found) > MOST_BITS:
        raise ExpressionError(f"a number of more than {MOST_BITS} bits")
    return found


def integer(value: Value, what: str = "number", low: int | None = None) -> int:
    """A whole number.

    Raises:
        ExpressionError: if it is none, or below `low`.
    """
    found = number(value)
    if isinstance(found, Fraction) or (low is not None and found < low):
        least = "" if low is None else f" of at least {low}"
        raise ExpressionError(f"wanted a whole {what}{least}, got {_brief(found)}")
    return found


def kind(value: Value) -> str:
    """What sort of value it is, in a word, and the value."""
    sorts: tuple[tuple[type, str], ...] = (
        (bool, "yes or no"), (int, "the number"), (Fraction, "the number"), (str, "the text"),
        (date, "the date"), (list, "the list"),
    )  # fmt: skip
    name = next((name for sort, name in sorts if isinstance(value, sort)), type(value).__name__)
    return f"{name} {_brief(value)}"


def _brief(value: Value) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return f"of {value.bit_length()} bits"
    return one_line(str(value) if not isinstance(value, str) else repr(value), 60)


def multiply(a: Value, b: Value) -> Value:
    """The product of two numbers."""
    a, b = number(a), number(b)
    if _bits(a) + _bits(b) > 2 * MOST_BITS:
        raise ExpressionError(f"a number of more than {MOST_BITS} bits")
    return number(a * b)


def _bits(x: int | Fraction) -> int:
    return max(x.numerator.bit_length(), x.denominator.bit_length())


def divide(a: Value, b: Value) -> Value:
    """The quotient of two numbers."""
    a, b = number(a), number(b)
    if b == 0:
        raise ExpressionError("division by zero")
    return number(Fraction(a) / Fraction(b))


def floor(a: Value, b: Value) -> Value:
    """The quotient rounded down."""
    a, b = number(a), number(b)
    if b == 0:
        raise ExpressionError("division by zero")
    return number(a // b)


def rest(a: Value, b: Value) -> Value:
    """What is left over: of the sign of b."""
    a, b = number(a), number(b)
    if b == 0:
        raise ExpressionError("division by zero")
    return number(a % b)


def power(a: Value, b: Value) -> Value:
    """A number to a whole power."""
    base, times = number(a), integer(b, "exponent")
    if base == 0 and times < 0:
        raise ExpressionError("division by zero")
    bits = _bits(base)
    # Of base 0, 1 and -1 every power is small, but the exponent must not be huge all the same.
    if abs(times) > MOST_BITS or bits * abs(times) > 2 * MOST_BITS:
        raise ExpressionError(f"a number of more than {MOST_BITS} bits")
    return number(Fraction(base) ** times)


def add(a: Value, b: Value) -> Value:
    """A sum; texts and lists one after the other; a date some days later."""
    if isinstance(a, str) and isinstance(b, str):
        return text_of(a + b)
    if isinstance(a, list) and isinstance(b, list):
        return list_of(a + b)
    if isinstance(a, date):
        return shifted(a, integer(b, "number of days"))
    return number(number(a) + number(b))


def subtract(a: Value, b: Value) -> Value:
    """A difference; of dates, in days."""
    if isinstance(a, date):
        return (a - b).days if isinstance(b, date) else shifted(a, -integer(b, "number of days"))
    return number(number(a) - number(b))


def shifted(day: date, days: int) -> date:
    """A day some days later.

    Raises:
        ExpressionError: if the calendar (years 1 to 9999) ends before.
    """
    try:
        return day + timedelta(days=days)
    except OverflowError as e:
        raise ExpressionError(f"no date {days} days from {day}") from e


def text_of(value: str) -> str:
    """A text that is not too long."""
    if len(value) > MOST_TEXT:
        raise ExpressionError(f"a text of more than {MOST_TEXT:,} characters")
    return value


def list_of(value: list[Value]) -> list[Value]:
    """A list that is not too long."""
    if len(value) > MOST_PARTS:
        raise ExpressionError(f"a list of more than {MOST_PARTS:,}")
    return value


def same(a: Value, b: Value) -> bool:
    """Whether two values are equal; 1 and yes are not."""
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    """A comparison of numbers, texts, dates or lists, each with its own kind."""

    def run(a: Value, b: Value) -> bool:
        for sort in (str, date, list):
            if isinstance(a, sort) and isinstance(b, sort):
                try:
                    return bool(compare(a, b))
                except TypeError as e:
                    raise ExpressionError("lists of unlike members have no order") from e
        return bool(compare(number(a), number(b)))

    return run


def member(value: Value, within: Value) -> bool:
    """Whether a value is in a list, or a text in a text."""
    if isinstance(within, str):
        if not isinstance(value, str):
            raise ExpressionError(f"wanted a text in a text, got {kind(value)}")
        return value in within
    if not isinstance(within, list):
        raise ExpressionError(f"wanted a list or a text after 'in', got {kind(within)}")
    return any(same(value, x) for x in within)


def truth(value: Value) -> bool:
    """Yes or no.

    Raises:
        ExpressionError: for a number or text, which are neither.
    """
    if not isinstance(value, bool):
        raise ExpressionError(f"wanted yes or no, such as a < b, got {kind(value)}")
    return value
