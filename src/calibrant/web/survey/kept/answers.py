"""What does a respondent say? Reading and saving, with no answer overwritten by an old tab."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, delete, insert, literal, select, update

from calibrant._text import storable
from calibrant.web.survey.kept.statements import put, rows, run
from calibrant.web.survey.kept.store import Store, setting
from calibrant.web.survey.kept.store import now as time_now
from calibrant.web.survey.kept.tables import (
    ANSWER,
    CHOSEN,
    COMMENT,
    DEMOGRAPHIC,
    OWN,
    PAGE,
    RESPONDENT,
    SETTING,
)
from calibrant.web.survey.kept.windows import Window, window

AnswerState = Literal["answered", "don't know", "skipped"]
Outcome = Literal["saved", "same", "closed", "stale"]
Cell = tuple[str, str]
"""An area's and a question's id."""

SHORT = 200
"""Characters of a demographic answer that is typed."""

LONGEST_REASON = 1000


@dataclass(frozen=True)
class Said:
    """One answer.

    Attributes:
        value: from 1; None unless answered.
        reason: why it was changed, if the respondent said so.
    """

    state: AnswerState
    value: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Copy:
    """An opened copy of a page, as its form says.

    Attributes:
        revision: how often the page had been saved when this copy was made.
        tab: the copy's random name.
    """

    revision: int
    tab: str


@dataclass(frozen=True)
class Sheet:
    """What a respondent said about one category.

    Attributes:
        said: the latest round's word for each cell that has one.
        comments: by the comment question's id.
        revision: how often its page was saved.
    """

    category: str
    said: dict[Cell, Said]
    comments: dict[str, str]
    revision: int


def revision(store: Store, respondent: str, page: str) -> int:
    """How often a page was saved."""
    with store.answers.read() as con:
        return _page(con, respondent, page)[0]


def _page(con: Connection, respondent: str, page: str) -> tuple[int, str]:
    found = rows(con, PAGE, ("revision", "tab"), respondent=respondent, page=page)
    return (found[0].revision, found[0].tab) if found else (0, "")


def _window(con: Connection, store: Store) -> Window:
    return window(store.survey, setting(con, SETTING, "door") or "", time_now())


def _closed(con: Connection, store: Store) -> bool:
    return not _window(con, store).is_open


def _is_stale(now: tuple[int, str], copy: Copy, *, strict: bool) -> bool:
    """Whether somebody else saved the page since this copy of it was made.

    A copy may be saved again and again; where `strict`, only with the newest revision, since a
    saving on the way may be overtaken by a later one of the same copy.
    """
    return now[0] != copy.revision and (strict or now[1] != copy.tab)


def _turn(con: Connection, respondent: str, page: str, now: tuple[int, str], copy: Copy) -> None:
    row = {"respondent": respondent, "page": page, "revision": now[0] + 1, "tab": copy.tab}
    put(con, PAGE, row)


def _hold(con: Connection, respondent: str) -> None:
    """Let no other transaction save for this respondent until this one ends."""
    if con.dialect.name != "sqlite":
        # SQLite's writers take turns anyway.
        con.execute(select(RESPONDENT.c.id).where(RESPONDENT.c.id == respondent).with_for_update())


# -- ratings -------------------------------------------------------------------


def sheet(store: Store, respondent: str, category: str, round: int | None = None) -> Sheet:
    """What a respondent said about a category up to a round; None: the round of now."""
    at = store.window().round if round is None else round
    with store.answers.read() as con:
        said = {k: v for k, (v, _, _) in _said(con, store, respondent, category, at).items()}
        comments = _comments(con, respondent, category)
        return Sheet(category, said, comments, _page(con, respondent, f"rate {category}")[0])


def _said(
    con: Connection, store: Store, respondent: str, category: str, round: int
) -> dict[Cell, tuple[Said, int, int]]:
    """Each cell's latest word with its revision and its round."""
    areas = tuple(a.id for a in store.areas.category[category].areas)
    found = run(con, _answers_in(areas), {"respondent": respondent, "round": round})
    return {
        (r.area, r.question): (Said(r.state, r.value, r.reason), r.revision, r.round)
        for r in found
    }  # fmt: skip


@cache
def _answers_in(areas: tuple[str, ...]) -> Select[Any]:
    return (
        select(ANSWER)
        .where(
            ANSWER.c.respondent == bindparam("respondent"), ANSWER.c.area.in_(map(literal, areas)),
            ANSWER.c.round <= bindparam("round"),
        )
        .order_by(ANSWER.c.round)
    )  # fmt: skip


def _comments(con: Connection, respondent: str, category: str) -> dict[str, str]:
    found = rows(con, COMMENT, ("question", "text"), respondent=respondent, category=category)
    return {r.question: r.text for r in found}


def save_sheet(
    store: Store,
    respondent: str,
    category: str,
    said: Mapping[Cell, Said],
    comments: Mapping[str, str],
    copy: Copy,
    *,
    seconds: float | None = None,
    strict: bool = False,
) -> Outcome:
    """Save answers about one category, all or none.

    In a later round, saving an answer as it was confirms it for that round.

    Args:
        said, comments: cells and comment questions that are not named stay as they are; an empty
            comment takes it away.
        seconds: for how long the page had been open.
        strict: refuse also what an earlier saving of the same copy has overtaken.

    Returns:
        "saved"; "same" if nothing was new; "closed" if answers are not taken now; "stale" if the
        page was saved from elsewhere since the copy was made. Only the first changes anything.
    """
    page = f"rate {category}"
    comments = {k: storable(v).strip() for k, v in comments.items()}
    with store.answers.write() as con:
        _hold(con, respondent)
        now = _window(con, store)
        if not now.is_open:
            return "closed"
        at = now.round
        before = _said(con, store, respondent, category, at)
        had = _comments(con, respondent, category)
        new_rows = [
            _row(respondent, cell, new, before.get(cell), at, seconds)
            for cell, new in said.items()
            if cell not in before or before[cell][2] != at or _differ(before[cell][0], new)
        ]
        written = {k: v for k, v in comments.items() if v != had.get(k, "")}
        was = _page(con, respondent, page)
        if not new_rows and not written and was[0]:
            return "same"
        if _is_stale(was, copy, strict=strict):
            return "stale"
        put(con, ANSWER, new_rows)
        _write_comments(con, respondent, category, written)
        _turn(con, respondent, page, was, copy)
        return "saved"


def _differ(old: Said, new: Said) -> bool:
    """Whether an answer is new; a reason that is not given again is kept."""
    return (old.state, old.value) != (new.state, new.value) or new.reason not in ("", old.reason)


def _row(
    respondent: str, cell: Cell, new: Said, old: tuple[Said, int, int] | None, round: int,
    seconds: float | None,
) -> dict[str, Any]:  # fmt: skip
    number, reason = 1, new.reason
    if old is not None:
        changed = (old[0].state, old[0].value) != (new.state, new.value)
        number = old[1] + changed
        # A reason is about the answer for which it was given.
        reason = new.reason or ("" if changed else old[0].reason)
    return {
        "respondent": respondent, "area": cell[0], "question": cell[1], "round": round,
        "state": new.state, "value": new.value, "revision": number, "seconds": seconds,
        "reason": storable(reason)[:LONGEST_REASON],
    }  # fmt: skip


def _write_comments(
    con: Connection, respondent: str, category: str, written: Mapping[str, str]
) -> None:
    key = {"respondent": respondent, "category": category}
    put(con, COMMENT, [{**key, "question": k, "text": v} for k, v in written.items() if v])
    gone = [k for k, v in written.items() if not v]
    if not gone:
        return
    con.execute(
        delete(COMMENT).where(
            COMMENT.c.respondent == respondent, COMMENT.c.category == category,
            COMMENT.c.question.in_(gone),
        )
    )  # fmt: skip


def reasons(store: Store, respondent: str) -> list[Cell]:
    """Cells for which a respondent gave a reason, in any round."""
    with store.answers.read() as con:
        found = con.execute(
            select(ANSWER.c.area, ANSWER.c.question)
            .where(ANSWER.c.respondent == respondent, ANSWER.c.reason != "")
            .distinct()
        )
        return [(r.area, r.question) for r in found]


# -- what is rated, and own areas ------------------------------------------------


def chosen(store: Store, respondent: str) -> tuple[str, ...]:
    """Ids of the categories that a respondent chose, in the taxonomy's order."""
    with store.answers.read() as con:
        found = _chosen(con, respondent)
    return tuple(c.id for c in store.areas.categories if c.id in found)


def _chosen(con: Connection, respondent: str) -> set[str]:
    found = rows(con, CHOSEN, ("category", "active"), respondent=respondent)
    return {r.category for r in found if r.active}


def choose(store: Store, respondent: str, categories: Collection[str], copy: Copy) -> Outcome:
    """Say which categories a respondent rates; answers in others are kept, but do not count."""
    with store.answers.write() as con:
        _hold(con, respondent)
        if _closed(con, store):
            return "closed"
        was = _page(con, respondent, "choose")
        if _chosen(con, respondent) == set(categories):
            return "same"
        if _is_stale(was, copy, strict=False):
            return "stale"
        con.execute(
            update(CHOSEN)
            .where(CHOSEN.c.respondent == respondent, CHOSEN.c.category.not_in(categories))
            .values(active=False)
        )
        put(con, CHOSEN, [
            {"respondent": respondent, "category": c, "active": True} for c in categories
        ])  # fmt: skip
        _turn(con, respondent, "choose", was, copy)
        return "saved"


def own(store: Store, respondent: str) -> frozenset[str]:
    """Ids of the areas that a respondent works in."""
    with store.answers.read() as con:
        return frozenset(r.area for r in rows(con, OWN, ("area",), respondent=respondent))


def save_own(store: Store, respondent: str, areas: Collection[str], copy: Copy) -> Outcome:
    """Say in which areas a respondent works."""
    with store.answers.write() as con:
        _hold(con, respondent)
        if _closed(con, store):
            return "closed"
        was = _page(con, respondent, "own")
        had = set(con.execute(select(OWN.c.area).where(OWN.c.respondent == respondent)).scalars())
        if had == set(areas) and was[0]:
            return "same"
        if _is_stale(was, copy, strict=False):
            return "stale"
        con.execute(delete(OWN).where(OWN.c.respondent == respondent))
        if areas:
            con.execute(insert(OWN), [{"respondent": respondent, "area": a} for a in areas])
        _turn(con, respondent, "own", was, copy)
        return "saved"


# -- about the respondent, and the survey as a whole -----------------------------


@dataclass(frozen=True)
class About:
    """What a respondent said at the end.

    Attributes:
        demographics: by the question's id: the option, or what was typed, and whether it was.
        comments: about the survey as a whole, by the comment question's id.
        revision: how often the page was saved.
    """

    demographics: dict[str, tuple[str, bool]]
    comments: dict[str, str]
    revision: int


def about(store: Store, respondent: str) -> About:
    """What a respondent said at the end."""
    with store.answers.read() as con:
        return About(
            _demographics(con, respondent), _comments(con, respondent, ""),
            _page(con, respondent, "about")[0],
        )  # fmt: skip


def _demographics(con: Connection, respondent: str) -> dict[str, tuple[str, bool]]:
    found = rows(con, DEMOGRAPHIC, ("question", "value", "other"), respondent=respondent)
    return {r.question: (r.value, r.other) for r in found}


def save_about(
    store: Store,
    respondent: str,
    demographics: Mapping[str, tuple[str, bool]],
    comments: Mapping[str, str],
    copy: Copy,
) -> Outcome:
    """Save what a respondent says at the end; what is not named, or empty, is taken away."""
    said = {
        k: (storable(v).strip()[:SHORT], other)
        for k, (v, other) in demographics.items() if v.strip()
    }  # fmt: skip
    comments = {k: storable(v).strip() for k, v in comments.items()}
    with store.answers.write() as con:
        _hold(con, respondent)
        if _closed(con, store):
            return "closed"
        had, words = _demographics(con, respondent), _comments(con, respondent, "")
        was = _page(con, respondent, "about")
        if had == said and words == {k: v for k, v in comments.items() if v} and was[0]:
            return "same"
        if _is_stale(was, copy, strict=False):
            return "stale"
        con.execute(delete(DEMOGRAPHIC).where(DEMOGRAPHIC.c.respondent == respondent))
        put(con, DEMOGRAPHIC, [
            {"respondent": respondent, "question": k, "value": v, "other": other}
            for k, (v, other) in said.items()
        ])  # fmt: skip
        _write_comments(con, respondent, "", {k: "" for k in words if k not in comments} | comments)
        _turn(con, respondent, "about", was, copy)
        return "saved"
