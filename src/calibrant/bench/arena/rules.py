"""Which of two answers is better, by a rule? Deterministic judges, blind to who answered."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.instruments.answers import final_number, folded

Outcome = Literal["left", "right", "tie"]
OUTCOMES: tuple[Outcome, ...] = ("left", "right", "tie")
_MIRROR: dict[Outcome, Outcome] = {"left": "right", "right": "left", "tie": "tie"}


@dataclass(frozen=True)
class Item:
    """What a rule may know of an item.

    Attributes:
        item: content hash.
        question: what was shown.
        target: the right answer, or empty.
    """

    item: str
    question: str
    target: str


@dataclass(frozen=True)
class Answer:
    """An answer and the instrument's raw scores of it."""

    text: str
    scores: Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What a judge said; a failed one has no outcome but a reason."""

    outcome: Outcome | None
    reason: str | None = None


Rule = Callable[[Item, Answer, Answer], Verdict]


def open_rule(rule: str, score: str | None, base: Path) -> Rule:
    """The judge a rule's name stands for.

    "exact": equal to the target, case and spaces aside, beats unequal. "includes": so for holding
    the target. "closer": the final number nearer to the target; no number is furthest. "concise":
    holding the target beats not holding it; of two that do, the shorter is better. "score": the
    higher score of the instrument.

    Args:
        rule: one of these, or `file.py@function` relative to `base`.
        score: what "score" compares.

    Raises:
        InputError: if there is no such file or function.
    """
    if ".py@" in rule:
        return _own(rule, base)
    if rule == "score":
        return lambda _, a, b: _by_score(str(score), a, b)
    return _BUILT_IN[rule]


def _higher(a: Any, b: Any) -> Verdict:
    return Verdict("left" if a > b else "right" if b > a else "tie")


def _flat(text: str) -> str:
    return " ".join(folded(text).casefold().split()).rstrip(".")


def _holds(text: str, target: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(target)}(?!\w)", _flat(text)) is not None


def _wanted(item: Item) -> str | None:
    return _flat(item.target) or None


_NO_TARGET = Verdict(None, "the item has no target")


def _exact(item: Item, a: Answer, b: Answer) -> Verdict:
    target = _wanted(item)
    if target is None:
        return _NO_TARGET
    return _higher(_flat(a.text) == target, _flat(b.text) == target)


def _includes(item: Item, a: Answer, b: Answer) -> Verdict:
    target = _wanted(item)
    if target is None:
        return _NO_TARGET
    return _higher(_holds(a.text, target), _holds(b.text, target))


def _concise(item: Item, a: Answer, b: Answer) -> Verdict:
    first, target = _includes(item, a, b), _wanted(item)
    if first.outcome != "tie" or target is None or not _holds(a.text, target):
        return first
    return _higher(-len(a.text.strip()), -len(b.text.strip()))


def _closer(item: Item, a: Answer, b: Answer) -> Verdict:
    try:
        target = Fraction(item.target.strip())
    except (ValueError, ZeroDivisionError):
        return Verdict(None, "the target is no number")
    found = [final_number(x.text)[0] for x in (a, b)]
    # No number at all is further away than any.
    return _higher(*((v is not None, -abs(v - target) if v is not None else 0) for v in found))


def _by_score(name: str, a: Answer, b: Answer) -> Verdict:
    values = []
    for answer in (a, b):
        if name not in answer.scores:
            return Verdict(None, f"no score {name!r}")
        value = answer.scores[name]
        value = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}.get(value, value)
        if not isinstance(value, int | float):
            return Verdict(None, f"score {name!r} is no number")
        values.append(float(value))
    return _higher(*values)


_BUILT_IN: dict[str, Rule] = {
    "exact": _exact, "includes": _includes, "closer": _closer, "concise": _concise,
}  # fmt: skip


def load_function(rule: str, base: Path) -> Callable[..., Any]:
    """The function that `file.py@function` names, relative to `base`.

    Raises:
        InputError: if there is no such file or function.
    """
    file, _, name = rule.partition("@")
    path = (base / file).resolve()
    if not path.is_file():
        raise InputError(f"judge {rule}: no such file {path}")
    spec = importlib.util.spec_from_file_location(f"_calibrant_judge_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"judge {rule}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as e:
        # The file is the user's code: whatever it raises, loading it is what failed.
        raise InputError(f"judge {rule}: cannot be loaded ({one_line(str(e))})") from e
    function: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"judge {rule}: the file defines no function {name!r}")
    return function


def _own(rule: str, base: Path) -> Rule:
    """The user's function: (item, left, right) → "left", "right" or "tie"; asked both ways round,
    so that one that prefers a side fails instead of deciding."""
    function = load_function(rule, base)

    def ask(item: Item, a: Answer, b: Answer) -> Verdict:
        given = {"item": item.item, "question": item.question, "target": item.target}
        said = []
        for left, right in ((a.text, b.text), (b.text, a.text)):
            try:
                said.append(function(dict(given), left, right))
            except Exception as e:
                # The user's function failed on these answers: a failed comparison, kept as one.
                return Verdict(None, one_line(f"{type(e).__name__}: {e}", 300))
        if any(s not in OUTCOMES for s in said):
            wrong = next(s for s in said if s not in OUTCOMES)
            return Verdict(None, f"wanted left, right or tie, got {one_line(repr(wrong), 80)}")
        if said[0] != _MIRROR[said[1]]:
            return Verdict(None, "the rule contradicts itself when the answers swap sides")
        return Verdict(said[0])

    return ask


def mirror(outcome: Outcome) -> Outcome:
    """The same verdict with the sides swapped."""
    return _MIRROR[outcome]
