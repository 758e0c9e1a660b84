"""What is shown of each area now? Snapshots and reasons, taken from the answers by the rule.

`priorities.delphi.release` says what may be shown. Here it is kept: a release is one transaction
that reads the answers and what was shown, and writes what is shown next; a server that dies
before it, or while it runs, makes it when the next one looks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, and_, select, text

from calibrant._text import dumps
from calibrant.priorities.delphi.release import (
    DONT_KNOW,
    NOTHING,
    Part,
    Snapshot,
    release,
    snapshot,
)
from calibrant.web.survey.kept.statements import put
from calibrant.web.survey.kept.store import Store
from calibrant.web.survey.kept.tables import ANSWER, CHOSEN, RELEASE, RESPONDENT
from calibrant.web.tokens import new_name

_LOCK = 7202612
"""Releases wait for each other on PostgreSQL; on SQLite every change does."""

Word = tuple[int, str]
"""What one respondent says of a cell now: a value or a code, and the reason."""


@dataclass(frozen=True)
class Shown:
    """What everybody who may look sees of one area and question.

    Attributes:
        snapshot: None before the first.
        reasons: in alphabetical order, so that their order says nothing.
    """

    snapshot: Snapshot | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """What is shown of a cell and what lies behind it, which nobody is shown.

    Attributes:
        parts: respondents in the snapshot.
        words: everybody's word when reasons were last taken up.
    """

    shown: Shown = field(default_factory=Shown)
    parts: Mapping[str, Part] = field(default_factory=dict)
    words: Mapping[str, Word] = field(default_factory=dict)


def shown(store: Store, area: str) -> dict[str, Shown]:
    """What may be seen of an area now, by question; takes up what has become possible."""
    round = store.window().round
    with store.answers.read() as con:
        before, after = _turn(con, store, area, round)
    if before != after:
        with store.answers.write() as con:
            if con.dialect.name == "postgresql":
                con.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            # Somebody else may have been here meanwhile: all is read anew.
            before, after = _turn(con, store, area, round)
            _write(con, area, round, before, after)
    return {q: kept.shown for q, kept in after.items()}


def take_back(store: Store, respondent: str, area: str, question: str) -> None:
    """Delete a respondent's reason, from what is shown too, at once."""
    mine = and_(ANSWER.c.area == area, ANSWER.c.question == question,
                ANSWER.c.respondent == respondent)  # fmt: skip
    with store.answers.write() as con:
        if con.dialect.name == "postgresql":
            con.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        con.execute(ANSWER.update().where(mine).values(reason=""))
        rows = con.execute(
            select(RELEASE).where(RELEASE.c.area == area, RELEASE.c.question == question)
        ).all()
        for row in rows:
            had = _read(row)
            kept = _without_reasons(had, {respondent})
            if kept != had:
                _write(con, area, row.round, {question: had}, {question: kept})


def unname(con: Connection, respondent: str) -> None:
    """Give what lies behind the snapshots of a respondent who is deleted names that are found
    nowhere else, another one in every cell.

    The numbers stay until the cell's next snapshot: the difference of two would be the answer.
    """
    if con.dialect.name == "postgresql":
        con.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    rows = con.execute(
        select(RELEASE).where(RELEASE.c.behind.contains(respondent, autoescape=True))
    )
    for row in rows.all():
        fresh, behind = new_name(), json.loads(row.behind)
        renamed = {
            what: dict(sorted((fresh if who == respondent else who, v) for who, v in kept.items()))
            for what, kept in behind.items()
        }
        con.execute(
            RELEASE.update()
            .where(*(RELEASE.c[k] == getattr(row, k) for k in ("area", "question", "round")))
            .values(behind=dumps(renamed))
        )


def _turn(
    con: Connection, store: Store, area: str, round: int
) -> tuple[dict[str, Kept], dict[str, Kept]]:
    """What is kept of an area, and what should be, by question."""
    before = _kept(con, area, round)
    said = _said(con, store, area, round)
    there = set(con.execute(select(RESPONDENT.c.id)).scalars()) if before else set()
    after = {}
    for question in store.survey.questions:
        had = before.setdefault(question.id, Kept())
        gone = {who for who, (_, reason) in had.words.items() if reason and who not in there}
        after[question.id] = _next(
            _without_reasons(had, gone), said.get(question.id, {}), store.survey.live.least,
            len(question.labels), reasons=store.survey.live.reasons,
        )  # fmt: skip
    return before, after


def _next(had: Kept, said: Mapping[str, Word], k: int, levels: int, *, reasons: bool) -> Kept:
    """A cell after whatever may be taken up was taken up."""
    kept = had
    parts = release({who: v for who, (v, _) in said.items()}, had.parts, k=k, levels=levels)
    if parts is not None:
        number = had.shown.snapshot.number + 1 if had.shown.snapshot else 1
        seen = snapshot(parts, number, k=k, levels=levels)
        kept = replace(had, parts=parts, shown=replace(had.shown, snapshot=seen))
    now = kept.shown.snapshot
    nothing = (NOTHING, "")
    acted = {w for w in {*said, *had.words}
             if said.get(w, nothing) != had.words.get(w, nothing)}  # fmt: skip
    if reasons and now is not None and now.n is not None and len(acted) >= k:
        # Whose reason is new is one of at least k who did something.
        texts = tuple(sorted({reason for _, reason in said.values() if reason}))
        kept = replace(kept, words=dict(said), shown=replace(kept.shown, reasons=texts))
    return kept


def _without_reasons(kept: Kept, who: set[str]) -> Kept:
    gone = {kept.words[w][1] for w in who if w in kept.words} - {""}
    if not gone:
        return kept
    words = {w: (v, "" if w in who else reason) for w, (v, reason) in kept.words.items()}
    left = {reason for _, reason in words.values()}
    texts = tuple(t for t in kept.shown.reasons if t not in gone or t in left)
    return replace(kept, words=words, shown=replace(kept.shown, reasons=texts))


def _said(con: Connection, store: Store, area: str, round: int) -> dict[str, dict[str, Word]]:
    """By question and respondent: the latest word in a category that the respondent still rates."""
    rows = con.execute(
        select(ANSWER.c.respondent, ANSWER.c.question, ANSWER.c.state, ANSWER.c.value,
               ANSWER.c.reason)
        .join(CHOSEN, and_(CHOSEN.c.respondent == ANSWER.c.respondent, CHOSEN.c.active,
                           CHOSEN.c.category == store.areas.category_of[area]))
        .where(ANSWER.c.area == area, ANSWER.c.round <= round)
        .order_by(ANSWER.c.round)
    )  # fmt: skip
    found: dict[str, dict[str, Word]] = {}
    for r in rows:
        value = {"answered": r.value, "don't know": DONT_KNOW}.get(r.state, NOTHING)
        found.setdefault(r.question, {})[r.respondent] = (value, r.reason)
    return found


def _kept(con: Connection, area: str, round: int) -> dict[str, Kept]:
    """What is kept, by question. A new round goes on from what the one before it showed: to begin
    anew would show a round's held-back answers as the difference of two."""
    rows = con.execute(
        select(RELEASE)
        .where(RELEASE.c.area == area, RELEASE.c.round <= round)
        .order_by(RELEASE.c.round)
    )
    return {r.question: _read(r) for r in rows}


def _read(row: Any) -> Kept:
    seen, behind = json.loads(row.shown), json.loads(row.behind)
    now = seen["snapshot"]
    if now is not None:
        now = Snapshot(**now | {"counts": None if now["counts"] is None else tuple(now["counts"])})
    return Kept(
        Shown(now, tuple(seen["reasons"])),
        {who: Part(*part) for who, part in behind["parts"].items()},
        {who: (value, reason) for who, (value, reason) in behind["words"].items()},
    )


def _write(
    con: Connection, area: str, round: int, before: Mapping[str, Kept], after: Mapping[str, Kept]
) -> None:
    for question, kept in after.items():
        if kept == before[question]:
            continue
        seen = kept.shown
        now = None if seen.snapshot is None else seen.snapshot.to_dict()
        put(con, RELEASE, {
            "area": area, "question": question, "round": round,
            "n": (seen.snapshot.n or 0) if seen.snapshot else 0,
            "shown": dumps({"snapshot": now, "reasons": list(seen.reasons)}),
            "behind": dumps({"parts": kept.parts, "words": kept.words}),
        })  # fmt: skip
