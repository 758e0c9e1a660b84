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
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, and_, func, select

from calibrant._text import dumps
from calibrant.web.survey.kept.store import Store, put_setting, setting, today
from calibrant.web.survey.kept.tables import ANSWER, CHOSEN, INVITATION, RESPONDENT, SETTING

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
        day: of the snapshot; None: there is none yet, and all counts are 0.
        least: k; 1 where everything is shown.
        chosen: category → respondents who chose it, None for 1 to k - 1.
        cells: one an area and question, in the order asked for.
    """

    day: str | None
    least: int
    came: Came
    chosen: dict[str, int | None]
    cells: tuple[Cell, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def invited(store: Store, *, on: date | None = None) -> tuple[Invited, dict[str, Invited]]:
    """All invitations, and those for the work of each category; a link works on its last day."""
    day = (on or today()).isoformat()
    columns = [INVITATION.c[n] for n in ("categories", "used", "withdrawn", "expires", "reminders")]
    with store.people.read() as con:
        rows = con.execute(select(*columns)).fetchall()
    total: Counter[str] = Counter()
    by: dict[str, Counter[str]] = {}
    for categories, used, withdrawn, expires, reminders in rows:
        states = ["invited"]
        if used:
            states.append("used")
        elif withdrawn:
            states.append("withdrawn")
        else:
            states.append("expired" if expires < day else "waiting")
        if reminders:
            states.append("reminded")
        total.update(states)
        for category in filter(None, categories.split(",")):
            by.setdefault(category, Counter()).update(states)
    return _invited(total), {c: _invited(by[c]) for c in store.areas.category if c in by}


def _invited(n: Counter[str]) -> Invited:
    names = ("invited", "used", "waiting", "expired", "withdrawn", "reminded")
    return Invited(*(n[name] for name in names))


def counted(store: Store, *, on: date | None = None) -> Counts:
    """The answers' side as it may be shown; takes a new snapshot where one is due.

    Answers in categories that a respondent took back do not count. While the survey is open, cells
    of one to k - 1 are not shown, k as `live.least` of the survey; once it is closed, all are.
    """
    is_open = store.window().state != "closed"
    least = store.survey.live.least
    with store.answers.read() as con:
        now = {str(r) for r in con.execute(select(RESPONDENT.c.id)).scalars()}
        kept = setting(con, SETTING, SNAPSHOT)
        seen: dict[str, Any] = json.loads(kept) if kept else {"respondents": []}
        due = len(now ^ set(seen["respondents"])) >= least
        if due or not is_open:
            seen = _snapshot(con, store, sorted(now), (on or today()).isoformat())
    text = dumps(seen)
    if (due or not is_open) and text != kept:
        with store.answers.write() as con:
            before = setting(con, SETTING, SNAPSHOT)
            if before == kept:
                put_setting(con, SETTING, SNAPSHOT, text)
            elif is_open and before:
                # Another was faster; two snapshots that differ by fewer than k must not be seen.
                seen = json.loads(before)
    return _shown(seen, store, least if is_open else 1, is_open=is_open)


def _snapshot(con: Connection, store: Store, respondents: list[str], day: str) -> dict[str, Any]:
    states = con.execute(select(RESPONDENT.c.state, func.count()).group_by(RESPONDENT.c.state))
    chosen = con.execute(
        select(CHOSEN.c.category, func.count()).where(CHOSEN.c.active).group_by(CHOSEN.c.category)
    )
    key = (ANSWER.c.respondent, ANSWER.c.area, ANSWER.c.question)
    last = select(*key, func.max(ANSWER.c.round).label("round")).group_by(*key).subquery()
    same = and_(*(ANSWER.c[c.name] == last.c[c.name] for c in key), ANSWER.c.round == last.c.round)
    what = (ANSWER.c.area, ANSWER.c.question, ANSWER.c.state)
    cells: dict[str, dict[str, dict[str, int]]] = {}
    for area, question, state, n in con.execute(
        select(*what, func.count()).join(last, same).group_by(*what)
    ):
        cells.setdefault(area, {}).setdefault(question, {})[state] = n
    # Few take a category back: subtracted, as the database does not know which area is whose.
    for area, question, state, category, n in con.execute(
        select(*what, CHOSEN.c.category, func.count())
        .join(last, same)
        .join(CHOSEN, and_(CHOSEN.c.respondent == ANSWER.c.respondent, ~CHOSEN.c.active))
        .group_by(*what, CHOSEN.c.category)
    ):
        if store.areas.category_of.get(area) == category:
            cells[area][question][state] -= n
    return {
        "day": day, "respondents": respondents, "states": {r[0]: r[1] for r in states},
        "chosen": {r[0]: r[1] for r in chosen}, "cells": cells,
    }  # fmt: skip


def _shown(seen: dict[str, Any], store: Store, least: int, *, is_open: bool) -> Counts:
    def hidden(n: int) -> int | None:
        return None if 0 < n < least else n

    states = Counter(seen.get("states", {}))
    came, finished, left = sum(states.values()), states["finished"], states["left"]
    under_way = came - finished - left
    cells, chosen = seen.get("cells", {}), seen.get("chosen", {})
    rows = []
    for area in store.areas.area:
        for question in store.survey.questions:
            got = cells.get(area, {}).get(question.id, {})
            n = (got.get("answered", 0), got.get("don't know", 0))
            rows.append(Cell(area, question.id, hidden(n[0]), hidden(n[1])))
    return Counts(
        seen.get("day"),
        least,
        Came(came, finished, under_way if is_open else 0, left if is_open else left + under_way),
        {c: hidden(chosen.get(c, 0)) for c in store.areas.category},
        tuple(rows),
    )
