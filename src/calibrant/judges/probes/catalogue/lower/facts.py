"""Does a judge notice a fact that has been changed: a number, a unit, a date, a name, a yes?

Where the target holds a fact of the same sort, or is short, only what agrees with the target is
changed, and never into something the target says: an answer that was wrong before is left alone,
as it could not fall, and so is one whose point is another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, Harm, entry, pick
from calibrant.judges.probes.catalogue.lower.lists import (
    ENTITIES,
    MONTHS,
    NUMBER_WORDS,
    UNITS,
    WEEKDAYS,
)
from calibrant.judges.probes.catalogue.sources import CHEN, DODDAPANENI
from calibrant.judges.probes.catalogue.target import short
from calibrant.judges.probes.catalogue.text import Span, edited, lines
from calibrant.judges.probes.probe import Case

# Not part of a word, a version, a date, a reference mark or a formula with letters.
_AMOUNT = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,20})(?:\.[0-9]{1,20})?"
_NUMBER = re.compile(rf"(?<![\w.,:/^\[])(?<!\w-){_AMOUNT}(?![\w:/^]|[.,-]\w)")
_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_UNIT = re.compile(
    rf"(?<![\w.,:/^])({_AMOUNT})([ \u00a0\u202f-]?)("
    + "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
    + r")(?![\w/^²³'’])"
)
_CALENDAR = re.compile(
    r"\b(?:(?:May|March)(?=,? [0-9])|(?<=[0-9] )(?:May|March)|"
    + "|".join(name for name in (*MONTHS, *WEEKDAYS) if name not in ("May", "March"))
    + r")\b"
)
_SORTS = {name: sort for sort in (*ENTITIES, list(NUMBER_WORDS)) for name in sort}
_NAME = re.compile(r"\b(?:" + "|".join(sorted(_SORTS, key=len, reverse=True)) + r")\b", re.I)
_YES = re.compile(
    r"(?i)(?:\A[\s*_`\"'(]*|\b(?:answer|verdict|conclusion)(?: is)?\s{0,3}[:=]?\s{0,3}[*_`\"']*)"
    r"(yes|no|true|false)(?=[*_`\"')]*(?:[,.;:!\r\n]|\s?[–—]|\s*\Z))"
)
_OPTION = re.compile(
    r"(?:\A\s*|\b(?i:answer|option|choice)(?: is)?\s{0,3}[:=]?\s{0,3})[*_`\"'(]*([A-E])"
    r"(?=[*_`\"')]*(?:[).:,]|\s*\Z))"
)
_ONE_OPTION = re.compile(r"\s*[(*]?([A-E])(?:[).:*]|\s*\Z)")
_OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}


class Fact(NamedTuple):
    """Something said: where, and what; facts that say the same have the same key."""

    place: Span
    key: str | float


Finder = Callable[[str], list[Fact]]


def value(number: str) -> float:
    """The value of a number as the catalogue finds and writes it: "1,250.50" is 1250.5."""
    return float(number.replace(",", ""))


def _changed(
    text: str,
    target: str | None,
    find: Finder,
    other: Callable[[str, Sequence[Fact]], list[str]],
    rng: np.random.Generator,
) -> str | None:
    """One fact, wherever the answer says it, replaced by one of what `other` offers for it.

    None where there is no such fact, or none that agrees with a target that is short or holds one.
    """
    found, right = find(text), find(target or "")
    keys = {fact.key for fact in right}
    told = bool(keys) or short(target)
    candidates = [fact for fact in found if not told or fact.key in keys]
    if not candidates:
        return None
    chosen = pick(rng, candidates)
    options = other(text[chosen.place.start : chosen.place.end], [*found, *right])
    if not options:
        return None
    new = pick(rng, options)
    return edited(text, [(fact.place, new) for fact in found if fact.key == chosen.key])


def _numbers(text: str) -> list[Fact]:
    return [
        Fact(Span(line.start + m.start(), line.start + m.end()), value(m[0]))
        for line in lines(text)
        for m in _NUMBER.finditer(text[line.start : line.end])
    ]


def _other_numbers(number: str, taken: Sequence[Fact]) -> list[str]:
    """The number with a digit replaced, of a value not taken.

    One of the first two digits that count; of what may be a year, one of the last two.
    """
    digits = [i for i, c in enumerate(number) if c.isdigit()]
    first = next((k for k, i in enumerate(digits) if number[i] != "0"), len(digits) - 1)
    if _YEAR.fullmatch(number):
        first = 2
    used = {fact.key for fact in taken}
    options = [
        number[:i] + digit + number[i + 1 :]
        for i in digits[first : first + 2]
        for digit in ("123456789" if i == digits[0] and len(number) > 1 else "0123456789")
    ]
    return [new for new in options if value(new) not in used]


def change_number(text: str, case: Case, rng: np.random.Generator) -> str | None:
    """A number replaced by one of another value."""
    return _changed(text, case.target, _numbers, _other_numbers, rng)


def _quantities(text: str) -> list[Fact]:
    return [
        Fact(Span(line.start + m.start(), line.start + m.end()), f"{value(m[1]):g} {m[3]}")
        for line in lines(text)
        for m in _UNIT.finditer(text[line.start : line.end])
        if value(m[1]) != 0
    ]


def _other_units(quantity: str, taken: Sequence[Fact]) -> list[str]:
    match = _UNIT.fullmatch(quantity)
    if match is None:
        return []
    unit = UNITS[match[3]]
    new = match[1] + match[2] + (unit.lstrip() if match[2] else unit)
    return [] if f"{value(match[1]):g} {unit.strip()}" in {f.key for f in taken} else [new]


def change_unit(text: str, case: Case, rng: np.random.Generator) -> str | None:
    """The unit of a quantity that is not zero replaced by another of the same sort."""
    return _changed(text, case.target, _quantities, _other_units, rng)


def _dates(text: str) -> list[Fact]:
    return [Fact(Span(m.start(), m.end()), m[0]) for m in _CALENDAR.finditer(text)]


def _other_dates(name: str, taken: Sequence[Fact]) -> list[str]:
    used = {fact.key for fact in taken}
    return [other for other in (MONTHS if name in MONTHS else WEEKDAYS) if other not in used]


def change_date(text: str, case: Case, rng: np.random.Generator) -> str | None:
    """The name of a month or of a day of the week replaced by another."""
    return _changed(text, case.target, _dates, _other_dates, rng)


def _names(text: str) -> list[Fact]:
    found = []
    for line in lines(text):
        for m in _NAME.finditer(text[line.start : line.end]):
            key = m[0] if m[0] in _SORTS else m[0].lower()
            # A sort of proper names needs its capital; "Red" may open a sentence.
            if key in _SORTS and (key == m[0] or m[0] == key.capitalize()):
                found.append(Fact(Span(line.start + m.start(), line.start + m.end()), key))
    return found


def _other_names(name: str, taken: Sequence[Fact]) -> list[str]:
    key = name if name in _SORTS else name.lower()
    used = {fact.key for fact in taken}
    others = [other for other in _SORTS[key] if other not in used]
    return others if key == name else [other.capitalize() for other in others]


def change_name(text: str, case: Case, rng: np.random.Generator) -> str | None:
    """A name of a known sort (a country, a city, a planet, a person, a number word …) replaced."""
    return _changed(text, case.target, _names, _other_names, rng)


def flip_yes(text: str, case: Case, _rng: np.random.Generator) -> str | None:
    """The yes or no (true or false) that an answer begins with, or concludes, turned round."""
    found = list(_YES.finditer(text))
    right = _YES.match(case.target or "")
    if not found or (right and right[1].lower() != found[-1][1].lower()):
        return None
    return edited(text, [(Span(m.start(1), m.end(1)), _turned(m[1])) for m in found])


def _turned(word: str) -> str:
    new = _OPPOSITE[word.lower()]
    if word.isupper():
        return new.upper()
    return new.capitalize() if word[0].isupper() else new


def change_option(text: str, case: Case, rng: np.random.Generator) -> str | None:
    """The letter of the option that the target names replaced by another."""
    right = _ONE_OPTION.match(case.target or "")
    found = [m for m in _OPTION.finditer(text) if right and m[1] == right[1]]
    if right is None or not found:
        return None
    new = pick(rng, [letter for letter in "ABCD" if letter != right[1]])
    return edited(text, [(Span(m.start(1), m.end(1)), new) for m in found])


_CAVEAT = "without a target, or with a long one, what is changed may be a detail of no weight"


def _fact(name: str, what: str, change: Callable[..., str | None], needs: str) -> Entry:
    return entry(
        name,
        "fact",
        "lower",
        f"Does a judge notice that {what}?",
        Harm(change),
        CHEN if name == "name" else DODDAPANENI,
        needs=needs,
        keeps="nothing",
        caveat=_CAVEAT if name not in ("yes-no", "option") else "",
    )


ENTRIES: tuple[Entry, ...] = (
    _fact("number", "a number is wrong", change_number, "a number outside code"),
    _fact("unit", "a unit is wrong", change_unit, "a quantity with a unit"),
    _fact("date", "a month or a weekday is wrong", change_date, "a month or a weekday"),
    _fact("name", "a name is wrong", change_name, "a name of a known sort, or a number word"),
    _fact(
        "yes-no",
        "yes was turned into no",
        flip_yes,
        "an answer that opens or concludes with yes or no",
    ),
    _fact("option", "another option was chosen", change_option, "a target such as B, and the same"),
)
