"""How many different items can a template give? Counted one by one, where that can be done."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from calibrant._text import one_line
from calibrant.contamination.fresh.language.functions import show
from calibrant.contamination.fresh.language.template import Template
from calibrant.contamination.fresh.language.values import Value

LIMIT = 100_000
"""Assignments up to which a template's items are counted."""


@dataclass(frozen=True)
class Problem:
    """One problem of a template: values of its variables, cosmetic ones at their first.

    Attributes:
        drawn: the value of each variable.
        key: says which it is: of its template and its first wording, 32 hexadecimal digits.
        stratum: what its twin shares.
    """

    drawn: dict[str, Value]
    key: str
    stratum: str


@dataclass(frozen=True)
class Space:
    """What a template can give.

    Attributes:
        assignments: values of all variables that are not cosmetic, before rules.
        distinct: different problems among those that the rules allow; None if there are too many
            assignments to go through.
        paired: problems whose stratum holds another one, so that they can have a twin.
        strata: how many strata they fall into.
    """

    template: str
    assignments: int
    distinct: int | None
    paired: int | None
    strata: int | None

    def __repr__(self) -> str:
        if self.distinct is None:
            return f"{self.template}: {self.assignments:,} assignments, too many to count items"
        return (
            f"{self.template}: {self.distinct:,} distinct items in {self.strata:,} strata, "
            f"{self.paired:,} of them with a possible twin"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


def problem(template: Template, drawn: dict[str, Value]) -> Problem | None:
    """The problem that values of variables pose; None if a rule forbids it.

    Raises:
        TemplateError: if an expression has no value there.
    """
    plain = {v.name: v.at(0) if v.cosmetic else drawn[v.name] for v in template.variables}
    look = template.look(plain)
    if not template.holds(look, plain):
        return None
    right = template.run("answer", template.answer, look, plain)
    template.form_of(right)
    if template.choices and template.distractors(look, plain, right) is None:
        return None
    key = hashlib.sha256(f"{template.hash}\n{template.render(0, look, plain)}".encode())
    return Problem(drawn, key.hexdigest()[:32], template.stratum(look, plain))


def assignments(template: Template) -> int:
    """How many assignments of variables that are not cosmetic there are."""
    return math.prod(v.size for v in template.variables if not v.cosmetic)


def problems(template: Template) -> Iterator[Problem]:
    """Every distinct problem once, in a fixed order.

    Raises:
        TemplateError: if an expression has no value somewhere, or one question two answers.
    """
    free = [v for v in template.variables if not v.cosmetic]
    seen: dict[str, str] = {}
    for place in range(assignments(template)):
        drawn = {v.name: v.at(0) for v in template.variables}
        for v in free:
            place, at = divmod(place, v.size)
            drawn[v.name] = v.at(at)
        found = problem(template, drawn)
        if found is None:
            continue
        answer = show(template.look(drawn)("answer"))
        if found.key not in seen:
            seen[found.key] = answer
            yield found
        elif seen[found.key] != answer:
            question = template.render(0, template.look(drawn), drawn)
            raise template.error(
                "text",
                f"wanted one answer to each question, got {one_line(seen[found.key], 40)!r} and "
                f"{one_line(answer, 40)!r} to {one_line(question, 120)!r}",
            )


def space(template: Template, limit: int = LIMIT) -> Space:
    """Count what a template can give.

    Args:
        limit: assignments up to which it is counted.

    Raises:
        TemplateError: as `problems`.
    """
    total = assignments(template)
    if total > limit:
        return Space(template.name, total, None, None, None)
    sizes: dict[str, int] = {}
    for found in problems(template):
        sizes[found.stratum] = sizes.get(found.stratum, 0) + 1
    paired = sum(n for n in sizes.values() if n > 1)
    return Space(template.name, total, sum(sizes.values()), paired, len(sizes))
