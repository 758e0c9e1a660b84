"""Is this answer wrong, as far as the target tells?

A change for the worse is a test only of an answer that was right before; a change that adds words
may not add the very words that were asked for. Where the target is short enough to be looked for,
an answer without it is taken to be wrong.
"""

from __future__ import annotations

import re

from calibrant.judges.probes.catalogue.text import has_words, holds, words
from calibrant.judges.probes.probe import Case

SHORT = 6
"""A target of at most this many words is looked for in the answer; a longer one describes it."""

_DIGITS = re.compile(r"[0-9]+")


def short(target: str | None) -> bool:
    """Whether there is a target, and one to be found in an answer as it is written."""
    return target is not None and 0 < len(words(target)) <= SHORT


def known_wrong(answer: str, case: Case) -> bool:
    """Whether the answer lacks a short target: all its numbers, or else its words in their order.

    A target that says to decline is no such target.
    """
    target = case.target
    if target is None or not short(target) or case.extra.get("refuse") is True:
        return False
    if "declin" in target.lower() or "refus" in target.lower():
        return False
    numbers = set(_DIGITS.findall(target.replace(",", "")))
    if numbers:
        return not numbers & set(_DIGITS.findall(answer.replace(",", "")))
    return not holds(answer, target)


def right_after(cut: str, case: Case) -> bool:
    """Whether an answer cut down to `cut` still says a short target."""
    return short(case.target) and has_words(cut) and not known_wrong(cut, case)
