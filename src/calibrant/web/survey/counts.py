"""How many were invited, came, finished and left, and how many answers has each area?

The people's side is counted as it stands: who opened a link is no secret to whoever sent it. The
answers' side is counted in batches while the survey is open: the organiser, who knows when a link
was opened, must not read off two looks what that one person chose. Counts are therefore those of a
snapshot, which is taken anew only when at least k respondents came or went since; and of it, cells
of one to k - 1 are not shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select

from calibrant._text import dumps
from calibrant.web.survey.tables import ANSWER, CHOSEN, INVITATION, RESPONDENT, SETTING

SNAPSHOT = "counts"
"""The setting that keeps the last snapshot."""

WANTED = 5
"""Answers that an area should have, where the organiser says nothing else."""


@dataclass(frozen=True)
class Invited:
    """Invitations, counted; `used`, `waiting`, `expired` and `withdrawn` are disjoint.

    Attributes:
        invited: all of them.
        used: whose link was opened.
        waiting: whose link still works.
        expired: not used in time.
        reminded: invitations that a reminder was made for, not used at the time.
    """

    invited: int
    used: int
    waiting: int
    expired: int
    withdrawn: int
    reminded: int

    @property
    def rate(self) -> float | None:
        """Share used of those not withdrawn; None where there are none."""
        asked = self.invited - self.withdrawn
        return self.used / asked if asked else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "rate": self.rate}


@dataclass(frozen=True)
class Came:
    """Respondents, counted.

    Attributes:
        came: all who agreed to take part.
        finished: who said that they are done.
        under_way: who began, and may still finish.
        left: who began and did not finish before the survey closed; their answers are kept.
    """

    came: int
    finished: int
    under_way: int
    left: int


@dataclass(frozen=True)
class Cell:
    """What one area got for one question; None stands for 1 to k - 1.

    Attributes:
        answered: respondents whose last word was a number.
        dont_know: whose last word was that they do not know.
    """

    area: str
    question: str
    answered: int | None
    dont_know: int | None


@dataclass(frozen=True)
class Counts:
    """The answers' side.

    Attributes:
        day: of the snapshot.
        least: k; 1 where everything is shown.
        chosen: category → respondents who chose it, None for 1 to k - 1.
        cells: one an area and question, in the order asked for.
    """

    day: str
    least: int
    came: Came
    chosen: dict[str, int | None]
    cells: tuple[Cell, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def invited(con: Connection, today: str) -> tuple[Invited, dict[str, Invited]]:
    """All invitations, and those for the work of each category.

    Args:
        con: to the people's side.
        today: such as 2026-11-22; a link works on its last day.
    """
    columns = [INVITATION.c[n] for n in ("categories", "used", "withdrawn", "expires", "reminders")]
    total: Counter[str] = Counter()
    by: dict[str, Counter[str]] = {}
    for categories, used, withdrawn, expires, reminders in con.execute(select(*columns)):
        states = ["invited"]
        if used:
            states.append("used")
        elif withdrawn:
            states.append("withdrawn")
        else:
            states.append("expired" if expires < today else "waiting")
        if reminders:
            states.append("reminded")
        total.update(states)
        for category in filter(None, categories.split(",")):
            by.setdefault(category, Counter()).update(states)
    return _invited(total), {c: _invited(by[c]) for c in sorted(by)}


def _invited(n: Counter[str]) -> Invited:
    names = ("invited", "used", "waiting", "expired", "withdrawn", "reminded")
    return Invited(*(n[name] for name in names))


def counted(
    con: Connection,
    areas: Mapping[str, str],
    questions: Sequence[str],
    *,
    least: int,
    is_open: bool,
    today: str,
) -> Counts:
    """The answers' side as it may be shown; takes a new snapshot where one is due.

    Args:
        con: to the answers' side, in a transaction that may write and that no other shares.
        areas: area → its category.
        questions: ids.
        least: k.
        is_open: whether answers are still taken; when not, everything is shown.
    """
    now = {r[0] for r in con.execute(select(RESPONDENT.c.id))}
    kept = con.execute(select(SETTING.c.value).where(SETTING.c.key == SNAPSHOT)).scalar()
    seen = json.loads(kept) if kept else {"respondents": []}
    due = len(now ^ set(seen["respondents"])) >= least
    if due or not is_open:
        seen = _snapshot(con, sorted(now), today)
        text = dumps(seen)
        if kept is None:
            con.execute(SETTING.insert().values(key=SNAPSHOT, value=text))
        else:
            con.execute(SETTING.update().where(SETTING.c.key == SNAPSHOT).values(value=text))
    return _shown(seen, areas, questions, least if is_open else 1, is_open=is_open, today=today)


def _snapshot(con: Connection, respondents: list[str], today: str) -> dict[str, Any]:
    states = con.execute(select(RESPONDENT.c.state, func.count()).group_by(RESPONDENT.c.state))
    chosen = con.execute(select(CHOSEN.c.category, func.count()).group_by(CHOSEN.c.category))
    key = (ANSWER.c.respondent, ANSWER.c.area, ANSWER.c.question)
    last = select(*key, func.max(ANSWER.c.round).label("round")).group_by(*key).subquery()
    same = and_(*(ANSWER.c[c.name] == last.c[c.name] for c in key), ANSWER.c.round == last.c.round)
    cells: dict[str, dict[str, dict[str, int]]] = {}
    for area, question, state, n in con.execute(
        select(ANSWER.c.area, ANSWER.c.question, ANSWER.c.state, func.count())
        .join(last, same)
        .group_by(ANSWER.c.area, ANSWER.c.question, ANSWER.c.state)
    ):
        cells.setdefault(area, {}).setdefault(question, {})[state] = n
    return {
        "day": today, "respondents": respondents, "states": {r[0]: r[1] for r in states},
        "chosen": {r[0]: r[1] for r in chosen}, "cells": cells,
    }  # fmt: skip


def _shown(
    seen: dict[str, Any], areas: Mapping[str, str], questions: Sequence[str], least: int, *,
    is_open: bool, today: str,
) -> Counts:  # fmt: skip
    def hidden(n: int) -> int | None:
        return None if 0 < n < least else n

    states = Counter(seen.get("states", {}))
    came, finished = sum(states.values()), states["finished"]
    unfinished = came - finished
    cells = seen.get("cells", {})
    chosen = seen.get("chosen", {})
    rows = []
    for area in areas:
        for question in questions:
            got = cells.get(area, {}).get(question, {})
            rows.append(
                Cell(
                    area, question, hidden(got.get("answered", 0)), hidden(got.get("don't know", 0))
                )
            )
    return Counts(
        seen.get("day", today),
        least,
        Came(came, finished, unfinished if is_open else 0, 0 if is_open else unfinished),
        {c: hidden(chosen.get(c, 0)) for c in dict.fromkeys(areas.values())},
        tuple(rows),
    )
