"""Is an answer to a made item right? By the form of the item, exactly, or by its own verifier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from calibrant.errors import InputError
from calibrant.instruments.answers import (
    capped,
    final_number,
    folded,
    form_line,
    mentioned,
    plain,
    spoken,
    unmarked,
)
from calibrant.instruments.core import Grade

ASKS = {
    "number": "Reply with one line of the form\nAnswer: <number>",
    "text": "Reply with one line of the form\nAnswer: <text>",
    "list": "Reply with one line of the form\nAnswer: <first>, <second>, …",
    "date": "Reply with one line of the form\nAnswer: <day> <month> <year>",
    "choice": "Reply with one line of the form\nAnswer: <letter>",
    "verifier": "Write nothing but the answer after a last line that begins with\nAnswer:",
}
"""How each form of answer is asked for."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MONTHS = {
    name[:3]: n
    for n, name in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september",
         "october", "november", "december"), 1,
    )
}  # fmt: skip
_NAMED = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?([a-z]{3,9})"
    r"|([a-z]{3,9})\s+(\d{1,2})(?:st|nd|rd|th)?)\.?,?\s+(\d{4})"
)
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")


def shown(question: str, form: str, choices: tuple[str, ...]) -> str:
    """What a subject is asked: the question, its options, and how to answer."""
    options = "".join(f"\n{a}) {c}" for a, c in zip(_LETTERS, choices, strict=False))
    return f"{question}{options}\n{ASKS[form]}"


def grade(target: str, details: Mapping[str, Any], answer: str) -> Grade:
    """Whether an answer is right: 1 or 0, or what the item's own verifier says.

    Args:
        details: form, choices and entry of the item.

    Raises:
        InputError: for an unknown form, or a verifier that is not there or fails.
    """
    form = details.get("form")
    if form == "verifier":
        return _verified(str(details.get("entry", "")), answer)
    reader = {"number": _number, "text": _text, "list": _list, "date": _date, "choice": _choice}
    if form not in reader:
        raise InputError(f"item: no form of answer {str(form)[:40]!r}")
    given, right, way = reader[form](target, details, answer)
    outcome = "right" if right else "wrong" if given else "none"
    text = f"read {given or 'nothing'} ({way}), wanted {target}"
    return Grade(float(right), given[:80], outcome, text[:500], {"read": way})


def _line(answer: str) -> tuple[str, str]:
    """What follows the last `Answer:`, or the last line with content."""
    text = unmarked(spoken(answer))
    line = form_line(text)
    if line is not None:
        return line, "form"
    lines = [x.strip() for x in text.splitlines() if x.strip()]
    return (lines[-1], "last line") if lines else ("", "no answer")


def _bare(text: str) -> str:
    return " ".join(folded(text).casefold().split()).strip(" .!\"'()[]{}:;,")


def _number(target: str, details: Mapping[str, Any], answer: str) -> tuple[str, bool, str]:
    del details
    value, way = final_number(answer)
    return ("" if value is None else plain(value)), value == Fraction(target), way


def _text(target: str, details: Mapping[str, Any], answer: str) -> tuple[str, bool, str]:
    del details
    line, way = _line(answer)
    return line, bool(line) and _bare(line) == _bare(unmarked(target)), way


def _list(target: str, details: Mapping[str, Any], answer: str) -> tuple[str, bool, str]:
    del details
    line, way = _line(answer)
    return line, _members(line) == _members(target), way


def _members(text: str) -> list[str | Fraction]:
    """Members of a list between commas, semicolons or `and`; numbers by their value."""
    parts = re.split(r"[,;]\s*(?:and\s+)?|\s+and\s+", text.strip(" .[](){}<>"))
    if len(parts) == 1:
        parts = text.strip(" .[](){}<>").split()
    found: list[str | Fraction] = []
    for part in parts:
        bare = _bare(part)
        if re.fullmatch(r"-?\d{1,40}(?:\.\d{1,40}|/\d{1,40})?", bare):
            top, _, bottom = bare.partition("/")
            if not bottom or int(bottom):
                found.append(Fraction(top) / Fraction(bottom or 1))
                continue
        if bare:
            found.append(bare)
    return found


def _date(target: str, details: Mapping[str, Any], answer: str) -> tuple[str, bool, str]:
    del details
    line, way = _line(answer)
    found = _day(line)
    return ("" if found is None else found.isoformat()), found == _day(target), way


def _day(text: str) -> date | None:
    """The last date in a text; None without one."""
    low = text.casefold()
    found = [(m.start(), int(m[1]), int(m[2]), int(m[3])) for m in _ISO.finditer(low)]
    for m in _NAMED.finditer(low):
        month = _MONTHS.get((m[2] or m[3])[:3])
        if month is not None:
            found.append((m.start(), int(m[5]), month, int(m[1] or m[4])))
    for _, year, month, day in sorted(found, reverse=True):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    return None


def _choice(target: str, details: Mapping[str, Any], answer: str) -> tuple[str, bool, str]:
    choices = [str(c) for c in details.get("choices", ())]
    line, way = _line(answer)
    letter = re.match(r"\(?([A-Za-z])(?:[).:,]|\s*$)", line)
    if letter and (place := _LETTERS.find(letter[1].upper())) < len(choices):
        return choices[place], choices[place] == target, f"{way}, letter"
    whole = [c for c in choices if _bare(c) == _bare(line)]
    named = whole or mentioned(line, choices)
    if len(named) != 1:
        return "", False, f"{way}, no one option"
    return named[0], named[0] == target, f"{way}, option"


def _verified(entry: str, answer: str) -> Grade:
    from calibrant.contamination.fresh.gym import score_entry

    text = capped(answer)
    text = text[text.rfind("</think>") + len("</think>") :] if "</think>" in text else text
    ends = [m.end() for m in re.finditer(r"(?i)answer(?: is)? ?:", text)]
    given = text[ends[-1] :].strip() if ends else text.strip()
    value = score_entry(entry, given)
    outcome = "right" if value == 1 else "wrong" if given else "none"
    return Grade(
        value, given[:80], outcome, f"its own verifier gave {value:g}", {"read": "verifier"}
    )
