"""How far is everybody? One respondent's way through the pages, all respondents, all ratings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import polars as pl
from sqlalchemy import func, select

from calibrant.records.ratings import RATINGS
from calibrant.web.survey.kept.answers import chosen
from calibrant.web.survey.kept.statements import rows
from calibrant.web.survey.kept.store import Store
from calibrant.web.survey.kept.tables import ANSWER, CHOSEN, PAGE, RESPONDENT, TALLY


@dataclass(frozen=True)
class Step:
    """One category on a respondent's way; the counts are of cells (area and question).

    Attributes:
        saved: whether its page was saved with the button, or answers on it.
    """

    category: str
    cells: int
    answered: int
    dont_know: int
    skipped: int
    saved: bool

    @property
    def open(self) -> int:
        """Cells of which nothing was said yet."""
        return self.cells - self.answered - self.dont_know - self.skipped

    @property
    def state(self) -> Literal["not begun", "begun", "done"]:
        """Done where something was said of every cell."""
        if self.saved and self.open <= 0:
            return "done"
        return "begun" if self.saved else "not begun"


def steps(store: Store, respondent: str) -> list[Step]:
    """The categories that a respondent chose, in order, and how far each is."""
    mine = chosen(store, respondent)
    latest = _latest(store, respondent)
    with store.answers.read() as con:
        saved = {r.page for r in rows(con, PAGE, ("page",), respondent=respondent)}
    counts: Counter[tuple[str, str]] = Counter()
    for (area, question), state in latest.items():
        if any(q.id == question for q in store.survey.questions):
            counts[store.areas.category_of.get(area, ""), state] += 1
    return [
        Step(
            c, len(store.areas.category[c].areas) * len(store.survey.questions),
            counts[c, "answered"], counts[c, "don't know"], counts[c, "skipped"],
            f"rate {c}" in saved,
        )
        for c in mine
    ]  # fmt: skip


def _latest(store: Store, respondent: str) -> dict[tuple[str, str], str]:
    with store.answers.read() as con:
        found = rows(con, ANSWER, ("area", "question", "state", "round"), respondent=respondent)
        return {(r.area, r.question): r.state for r in sorted(found, key=lambda r: r.round)}


@dataclass(frozen=True)
class Counts:
    """All respondents by state.

    Attributes:
        began: on their way; none once the survey is closed, as they count as left then.
        left: began and did not finish; what they said is kept.
        days: (day, "began" or "finished" or "left" or "deleted") and how many, in order of days.
    """

    began: int
    left: int
    finished: int
    days: tuple[tuple[str, str, int], ...]

    @property
    def all(self) -> int:
        """Everybody who began."""
        return self.began + self.left + self.finished


def counts(store: Store) -> Counts:
    """How many respondents are where."""
    closed = store.window().state == "closed"
    with store.answers.read() as con:
        all_states = con.execute(
            select(RESPONDENT.c.state, func.count().label("n")).group_by(RESPONDENT.c.state)
        )
        n = Counter({r.state: r.n for r in all_states})
        days = con.execute(
            select(TALLY.c.day, TALLY.c.what, TALLY.c.n).order_by(TALLY.c.day, TALLY.c.what)
        )
        by_day = tuple((r.day, r.what, r.n) for r in days)
    if closed:
        return Counts(0, n["began"] + n["left"], n["finished"], by_day)
    return Counts(n["began"], n["left"], n["finished"], by_day)


def ratings(store: Store) -> pl.DataFrame:
    """The ratings table of all respondents in every round, with `revision`, `seconds`, `reason`.

    Areas of categories that a respondent chose and then took back are left out. Times are null:
    none is kept. Rows are in the order of the random names.
    """
    with store.answers.read() as con:
        active = con.execute(select(CHOSEN.c.respondent, CHOSEN.c.category).where(CHOSEN.c.active))
        counted = {(r.respondent, r.category) for r in active}
        given = con.execute(
            select(ANSWER).order_by(
                ANSWER.c.respondent, ANSWER.c.area, ANSWER.c.question, ANSWER.c.round
            )
        )
        found = [
            (r.respondent, r.area, r.question, r.value, r.state, r.round, None, r.revision,
             r.seconds, r.reason)
            for r in given if (r.respondent, store.areas.category_of.get(r.area)) in counted
        ]  # fmt: skip
    more = {"revision": pl.Int64(), "seconds": pl.Float64(), "reason": pl.String()}
    return pl.DataFrame(found, schema={**RATINGS, **more}, orient="row")
