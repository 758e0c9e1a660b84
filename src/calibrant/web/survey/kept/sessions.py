"""Which respondent is this browser's? Doors lead to respondents; nothing leads to a person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from calibrant.web.survey.kept.releases import unname
from calibrant.web.survey.kept.statements import put, run
from calibrant.web.survey.kept.store import Store, today
from calibrant.web.survey.kept.tables import DOOR, RESPONDENT, TALLY
from calibrant.web.tokens import name_of, new_name, sign

State = Literal["began", "left", "finished"]


@dataclass(frozen=True)
class Visitor:
    """A respondent's browser.

    Attributes:
        session: the name in the browser's cookie.
        respondent: the random id under which answers are kept.
        state: as stored.
        has_return_link: whether one was made.
    """

    session: str
    respondent: str
    state: State
    has_return_link: bool


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


_ONE_MORE = TALLY.c.n + 1


def tally(con: Connection, what: str) -> None:
    """Count one more of today's."""
    row = {"day": today().isoformat(), "what": what, "n": 1}
    put(con, TALLY, row, n=_ONE_MORE)


def new_session(store: Store) -> str:
    """A cookie's content that belongs to nobody yet."""
    return sign(store.secret, "session", new_name())


def is_session(store: Store, session: str | None) -> bool:
    """Whether this server made a cookie's content, whoever it belongs to."""
    return bool(session) and name_of(store.secret, "session", session or "") is not None


def begin(store: Store, session: str | None = None) -> str:
    """Begin as a new respondent, who has consented.

    Args:
        session: a cookie's content that `new_session` made, which belongs to nobody yet; what else
            it is, is replaced.

    Returns:
        the cookie's content.
    """
    name = name_of(store.secret, "session", session) if session else None
    if name is None or visitor(store, session) is not None:
        session = new_session(store)
        name = session.partition(".")[0]
    assert session is not None
    respondent = new_name()
    with store.answers.write() as con:
        con.execute(insert(RESPONDENT), {"id": respondent, "state": "began"})
        con.execute(insert(DOOR), {"hash": _hash(name), "respondent": respondent,
                                   "kind": "browser"})  # fmt: skip
        tally(con, "began")
    return session


def visitor(store: Store, session: str | None) -> Visitor | None:
    """Whose browser sent this cookie; None if nobody's."""
    name = name_of(store.secret, "session", session) if session else None
    if name is None:
        return None
    with store.answers.read() as con:
        found = run(con, _whose(), {"hash": _hash(name)})
    if not found:
        return None
    (row,) = found
    return Visitor(name, row.id, row.state, row.kept is not None)


@cache
def _whose() -> Select[Any]:
    doors = DOOR.alias()
    kept = select(func.max(doors.c.kind)).where(
        doors.c.respondent == RESPONDENT.c.id, doors.c.kind == "return"
    )
    return (
        select(RESPONDENT.c.id, RESPONDENT.c.state, kept.scalar_subquery().label("kept"))
        .join(DOOR, DOOR.c.respondent == RESPONDENT.c.id)
        .where(DOOR.c.hash == bindparam("hash"), DOOR.c.kind == "browser")
    )


def form_token(store: Store, visitor: Visitor) -> str:
    """What every form of a session carries, and no other site knows."""
    return sign(store.secret, "form", visitor.session)


def is_own_form(store: Store, visitor: Visitor, token: str) -> bool:
    """Whether a form was made for this session."""
    return name_of(store.secret, "form", token) == visitor.session


def return_path(store: Store, visitor: Visitor) -> str:
    """Make a return link, which replaces an earlier one; only its hash is kept, so this is the one
    time that it can be shown."""
    name = new_name()
    with store.answers.write() as con:
        con.execute(
            delete(DOOR).where(DOOR.c.respondent == visitor.respondent, DOOR.c.kind == "return")
        )
        con.execute(
            insert(DOOR).values(hash=_hash(name), respondent=visitor.respondent, kind="return")
        )
    return f"/return/{sign(store.secret, 'return', name)}"


def returning(store: Store, token: str) -> str | None:
    """The respondent behind a return link; None if there is none, or a newer one was made."""
    name = name_of(store.secret, "return", token)
    if name is None:
        return None
    with store.answers.read() as con:
        found = con.execute(
            select(DOOR.c.respondent).where(DOOR.c.hash == _hash(name), DOOR.c.kind == "return")
        ).scalar_one_or_none()
    return None if found is None else str(found)


def come_back(store: Store, respondent: str) -> str:
    """Let one more browser in as a respondent; returns its cookie's content."""
    session = new_session(store)
    name = session.partition(".")[0]
    with store.answers.write() as con:
        con.execute(insert(DOOR).values(hash=_hash(name), respondent=respondent, kind="browser"))
        _set_state(con, respondent, "began", unless="finished")
    return session


def leave(store: Store, visitor: Visitor) -> None:
    """Close this browser's door; what was answered is kept."""
    with store.answers.write() as con:
        con.execute(delete(DOOR).where(DOOR.c.hash == _hash(visitor.session)))
        _set_state(con, visitor.respondent, "left", unless="finished")
        if visitor.state == "began":
            tally(con, "left")


def finish(store: Store, visitor: Visitor) -> None:
    """Note that a respondent is done; answers may still be revised while the window is open."""
    with store.answers.write() as con:
        done = con.execute(
            update(RESPONDENT)
            .where(RESPONDENT.c.id == visitor.respondent, RESPONDENT.c.state != "finished")
            .values(state="finished")
        )
        if done.rowcount:
            tally(con, "finished")


def forget(store: Store, visitor: Visitor) -> None:
    """Delete everything that a respondent said, every door to it, and the name it was under."""
    with store.answers.write() as con:
        unname(con, visitor.respondent)
        con.execute(delete(RESPONDENT).where(RESPONDENT.c.id == visitor.respondent))
        tally(con, "deleted")


def _set_state(con: Connection, respondent: str, state: State, *, unless: State) -> None:
    con.execute(
        update(RESPONDENT)
        .where(RESPONDENT.c.id == respondent, RESPONDENT.c.state != unless)
        .values(state=state)
    )
