"""Which functions may a template's expressions call? All exact, all bounded."""

from __future__ import annotations

import inspect
import math
from calendar import isleap, monthrange
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any

from calibrant._text import one_line
from calibrant.contamination.fresh.language.values import (
    MOST_BITS,
    MOST_PARTS,
    ExpressionError,
    Value,
    integer,
    kind,
    list_of,
    member,
    number,
    same,
    text_of,
)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
UNITS: dict[str, tuple[str, Fraction]] = {
    name: (sort, Fraction(size))
    for sort, table in {
        "length": {"mm": "1/1000", "cm": "1/100", "m": "1", "km": "1000", "inch": "0.0254",
                   "foot": "0.3048", "yard": "0.9144", "mile": "1609.344"},
        "mass": {"mg": "1/1000", "g": "1", "kg": "1000", "tonne": "1000000",
                 "ounce": "28.349523125", "pound": "453.59237"},
        "volume": {"ml": "1/1000", "cl": "1/100", "dl": "1/10", "l": "1"},
        "time": {"second": "1", "minute": "60", "hour": "3600", "day": "86400", "week": "604800"},
        "data": {"bit": "1/8", "byte": "1", "kB": "1000", "MB": "1000000", "GB": "1000000000"},
    }.items()
    for name, size in table.items()
}  # fmt: skip
"""Units that `convert` knows, with their exact sizes."""

_PLURALS = {"foot": "feet", "inch": "inches"}

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def digits(n: Value) -> int:
    """How many digits a whole number has; of a fraction, its numerator and denominator."""
    x = Fraction(number(n))
    whole = len(str(abs(x.numerator)))
    return whole if x.denominator == 1 else whole + len(str(x.denominator))


def carries(a: Value, b: Value) -> int:
    """How many carries there are when two whole numbers of 0 or more are added by hand."""
    x, y, carry, found = integer(a, low=0), integer(b, low=0), 0, 0
    while x or y:
        carry = (x % 10 + y % 10 + carry) // 10
        found += carry
        x, y = x // 10, y // 10
    return found


def borrows(a: Value, b: Value) -> int:
    """How many borrows there are when b is taken from a by hand; a ≥ b ≥ 0."""
    x, y, borrow, found = integer(a, low=0), integer(b, low=0), 0, 0
    if x < y:
        raise ExpressionError(f"borrows: wanted the larger number first, got {x} and {y}")
    while x or y:
        borrow = int(x % 10 - borrow < y % 10)
        found += borrow
        x, y = x // 10, y // 10
    return found


def _numbers(values: Value) -> list[int | Fraction]:
    return [number(x) for x in _list(values)]


def _list(values: Value) -> list[Value]:
    if not isinstance(values, list):
        raise ExpressionError(f"wanted a list, got {kind(values)}")
    return list_of(values)


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"wanted a text, got {kind(value)}")
    return value


def _date(value: Value) -> date:
    if not isinstance(value, date):
        raise ExpressionError(f"wanted a date, got {kind(value)}")
    return value


def _extreme(values: tuple[Value, ...], best: Callable[..., Any], name: str) -> Value:
    listed = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not listed:
        raise ExpressionError(f"{name}: wanted something to choose from")
    return best(_numbers(listed))


def _largest(*values: Value) -> Value:
    return _extreme(values, max, "max")


def _smallest(*values: Value) -> Value:
    return _extreme(values, min, "min")


def _length(value: Value) -> int:
    if not isinstance(value, list | str):
        raise ExpressionError(f"len: wanted a list or a text, got {kind(value)}")
    return len(value)


def _sorted(values: Value) -> list[Value]:
    listed = _list(values)
    sorts = {type(x) if isinstance(x, str | date) else Fraction for x in listed}
    if len(sorts) > 1:
        raise ExpressionError("sorted: wanted members of one kind")
    if sorts == {Fraction}:
        return sorted(_numbers(listed))
    return sorted(listed)


def _reverse(value: Value) -> Value:
    return value[::-1] if isinstance(value, str) else _list(value)[::-1]


def _unique(values: Value) -> list[Value]:
    found: list[Value] = []
    for x in _list(values):
        if not member(x, found):
            found.append(x)
    return found


def _union(a: Value, b: Value) -> list[Value]:
    return _sorted(_unique(list_of(_list(a) + _list(b))))


def _both(a: Value, b: Value) -> list[Value]:
    return _sorted([x for x in _unique(a) if member(x, _list(b))])


def _without(a: Value, b: Value) -> list[Value]:
    return _sorted([x for x in _unique(a) if not member(x, _list(b))])


def _count(values: Value, value: Value) -> int:
    if isinstance(values, str):
        return values.count(_text(value)) if value else 0
    return sum(same(x, value) for x in _list(values))


def _index(values: Value, value: Value) -> int:
    place = next((i for i, x in enumerate(_list(values)) if same(x, value)), None)
    if place is None:
        raise ExpressionError(f"index: {kind(value)} is not in the list")
    return place


def _part(values: Value, start: Value, stop: Value) -> Value:
    if not isinstance(values, list | str):
        raise ExpressionError(f"part: wanted a list or a text, got {kind(values)}")
    return values[integer(start, "place", 0) : integer(stop, "place", 0)]


def _range(low: Value, high: Value) -> list[Value]:
    a, b = integer(low), integer(high)
    if b - a >= MOST_PARTS:
        raise ExpressionError(f"range: more than {MOST_PARTS:,} numbers")
    return list(range(a, b + 1))


def _total(values: Value) -> Value:
    return number(sum(_numbers(values)))


def _product(values: Value) -> Value:
    found: int | Fraction = 1
    for x in _numbers(values):
        found = number(found * x)
    return found


def _isprime(n: Value) -> bool:
    x = integer(n)
    if x > 10**9:
        raise ExpressionError(f"isprime: wanted at most 1,000,000,000, got {x}")
    return x > 1 and all(x % d for d in range(2, math.isqrt(x) + 1))


def _factorial(n: Value) -> int:
    return math.factorial(_small("factorial", n, 200))


def _choose(n: Value, k: Value) -> int:
    return integer(math.comb(_small("comb", n, MOST_BITS), _small("comb", k, MOST_BITS)))


def _small(name: str, value: Value, most: int) -> int:
    if (found := integer(value, low=0)) > most:
        raise ExpressionError(f"{name}: wanted at most {most}, got {found}")
    return found


def _half_up(x: Value, places: Value) -> Value:
    scale = 10 ** _places(places)
    value = number(x)
    size = math.floor(abs(value) * scale + Fraction(1, 2))
    return number(Fraction(size if value >= 0 else -size, scale))


def _places(n: Value) -> int:
    found = integer(n, "number of places", 0)
    if found > 30:
        raise ExpressionError(f"wanted at most 30 places, got {found}")
    return found


def _convert(x: Value, old: Value, new: Value) -> Value:
    for unit in (old, new):
        if _text(unit) not in UNITS:
            raise ExpressionError(f"no unit {one_line(unit, 30)!r}; there are {', '.join(UNITS)}")
    (a, size), (b, other) = UNITS[old], UNITS[new]
    if a != b:
        raise ExpressionError(f"{old} is a unit of {a}, {new} of {b}")
    return number(number(x) * size / other)


def _day(y: Value, m: Value, d: Value) -> date:
    try:
        return date(integer(y, "year"), integer(m, "month"), integer(d, "day"))
    except (ValueError, OverflowError) as e:
        raise ExpressionError(f"no date {y}-{m}-{d}") from e


def _month_days(y: Value, m: Value) -> int:
    year, month = integer(y, "year", 1), integer(m, "month", 1)
    if year > 9999 or month > 12:
        raise ExpressionError(f"no month {year}-{month}")
    return monthrange(year, month)[1]


def _join(values: Value, between: Value = ", ") -> str:
    return text_of(_text(between).join(show(x) for x in _list(values)))


def _join_and(values: Value, word: Value = "and") -> str:
    parts = [show(x) for x in _list(values)]
    if len(parts) < 2:
        return text_of("".join(parts))
    return text_of(f"{', '.join(parts[:-1])} {_text(word)} {parts[-1]}")


def _plural(n: Value, one: Value, many: Value = "") -> str:
    return f"{_comma(n)} {_noun(n, one, many)}"


def _noun(n: Value, one: Value, many: Value = "") -> str:
    return _text(one) if number(n) == 1 else (_text(many) or _text(one) + "s")


def _units(name: Value) -> str:
    if _text(name) not in UNITS:
        raise ExpressionError(f"no unit {one_line(name, 30)!r}; there are {', '.join(UNITS)}")
    # Symbols, such as km, have no plural; words, such as mile, have.
    return _PLURALS.get(name, f"{name}s" if len(name) > 2 else name)


def _unit(x: Value, name: Value) -> str:
    return f"{_comma(x)} {_units(name) if number(x) != 1 else name}"


def _comma(n: Value) -> str:
    x = number(n)
    return f"{x:,}" if isinstance(x, int) else show(x)


def _fixed(x: Value, places: Value) -> str:
    n = _places(places)
    scaled = number(x) * 10**n
    if Fraction(scaled).denominator != 1:
        raise ExpressionError(f"{show(x)} is not exact with {n} places; round it first")
    sign, size = ("-" if scaled < 0 else ""), str(abs(int(scaled))).rjust(n + 1, "0")
    return f"{sign}{size[:-n]}.{size[-n:]}" if n else f"{sign}{size}"


def _ordinal(n: Value) -> str:
    x = integer(n, low=0)
    tail = "th" if 10 <= x % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(x % 10, "th")
    return f"{x}{tail}"


def _words(n: Value) -> str:
    x = integer(n, low=0)
    if x > 999_999:
        raise ExpressionError(f"words: wanted at most 999,999, got {x}")
    if x < 20:
        return _SMALL[x]
    if x < 100:
        return _TENS[x // 10 - 2] + (f"-{_SMALL[x % 10]}" if x % 10 else "")
    size, name = (1000, "thousand") if x >= 1000 else (100, "hundred")
    rest = f" {_words(x % size)}" if x % size else ""
    return f"{_words(x // size)} {name}{rest}"


def _capital(text: Value) -> str:
    found = _text(text)
    return found[:1].upper() + found[1:]


def show(value: Value) -> str:
    """A value as a reader sees it: whole, decimal if that ends within 12 places, or a/b."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Fraction):
        scaled = value * 10**12
        if scaled.denominator != 1:
            return f"{value.numerator}/{value.denominator}"
        size = f"{abs(scaled.numerator):013d}"
        return f"{'-' if value < 0 else ''}{size[:-12]}.{size[-12:]}".rstrip("0").rstrip(".")
    if isinstance(value, date):
        return f"{value.day} {MONTHS[value.month - 1]} {value.year}"
    if isinstance(value, list):
        return ", ".join(show(x) for x in value)
    return str(value)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "abs": lambda x: abs(number(x)),
    "min": _smallest, "max": _largest, "sum": _total, "product": _product, "len": _length,
    "floor": lambda x: math.floor(number(x)), "ceil": lambda x: math.ceil(number(x)),
    "round_half_up": _half_up, "integer": lambda x: isinstance(number(x), int),
    "gcd": lambda a, b: math.gcd(integer(a), integer(b)),
    "lcm": lambda a, b: integer(math.lcm(integer(a), integer(b))),
    "digits": digits, "carries": carries, "borrows": borrows, "isprime": _isprime,
    "factorial": _factorial, "comb": _choose,
    "sorted": _sorted, "reverse": _reverse, "unique": _unique, "union": _union, "both": _both,
    "without": _without, "count": _count, "index": _index, "part": _part, "range": _range,
    "upper": lambda x: text_of(_text(x).upper()), "lower": lambda x: text_of(_text(x).lower()),
    "capital": _capital, "letters": lambda x: list_of(list(_text(x))),
    "join": _join, "join_and": _join_and, "plural": _plural, "noun": _noun, "unit": _unit,
    "units": _units, "comma": _comma,
    "fixed": _fixed, "ordinal": _ordinal, "words": _words, "show": lambda x: text_of(show(x)),
    "convert": _convert, "date": _day, "weekday": lambda d: DAYS[_date(d).weekday()],
    "month": lambda m: _month_name(m), "isleap": lambda y: isleap(integer(y, "year", 1)),
    "days_in_month": _month_days,
    "year_of": lambda d: _date(d).year, "month_of": lambda d: _date(d).month,
    "day_of": lambda d: _date(d).day,
}  # fmt: skip
"""Each function by its name in expressions."""


def _month_name(m: Value) -> str:
    month = integer(m, "month", 1)
    if month > 12:
        raise ExpressionError(f"no month {month}")
    return MONTHS[month - 1]


def called(name: str, given: int) -> None:
    """Refuse a call with the wrong number of arguments.

    Raises:
        ExpressionError: naming the function and how many it takes.
    """
    plain = inspect.signature(FUNCTIONS[name]).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in plain):
        least, most = 1, 1000
    else:
        least, most = sum(p.default is p.empty for p in plain), len(plain)
    if not least <= given <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise ExpressionError(f"{name}: wanted {wanted} arguments, got {given}")
