"""Who is this, and what are they given? Links, sessions, and raters who join by themselves."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.web.labelling.schema import now
from calibrant.web.labelling.store import Store
from calibrant.web.tokens import name_of, new_name, sign

RESERVED = timedelta(minutes=30)
"""For how long an item that was handed to an open rater, and not answered, counts as taken."""

LONGEST_NAME = 60


@dataclass(frozen=True)
class Link:
    """A way in.

    Attributes:
        token: the last part of its address.
        kind: for one rater, once; for anybody who wants to label; for the organiser.
        rater: the rater's name.
        used: when, or None.
    """

    token: str
    kind: Literal["rater", "open", "admin"]
    rater: str | None
    used: str | None

    @property
    def path(self) -> str:
        """Its address on the server."""
        return f"/admin/enter/{self.token}" if self.kind == "admin" else f"/enter/{self.token}"


@dataclass(frozen=True)
class Visitor:
    """Who a session belongs to.

    Attributes:
        name: the session's.
        rater, rater_name: for raters; 0 and None for the organiser.
    """

    name: str
    kind: Literal["rater", "admin"]
    rater: int = 0
    rater_name: str | None = None


def links(store: Store) -> list[Link]:
    """Every link, newest last for each rater."""
    with store.read() as con:
        rows = con.execute(
            "SELECT k.name, k.kind, r.name AS rater, k.used FROM link k LEFT JOIN rater r"
            " ON r.id = k.rater ORDER BY k.kind, k.rater, k.made"
        ).fetchall()
    return [_link(store, row) for row in rows]


def _link(store: Store, row: sqlite3.Row) -> Link:
    token = sign(store.secret, f"link {row['kind']}", row["name"])
    return Link(token, row["kind"], row["rater"], row["used"])


def new_link(store: Store, rater: str) -> Link:
    """A fresh link for a rater; earlier ones that were not used stop working.

    Raises:
        InputError: if there is no such rater.
    """
    with store.write() as con:
        found = con.execute("SELECT id, name FROM rater WHERE name = ?", (rater,)).fetchone()
        if found is None:
            names = [r[0] for r in con.execute("SELECT name FROM rater ORDER BY id LIMIT 20")]
            raise InputError(
                f"no rater {one_line(repr(rater), 80)}; there are {one_line(', '.join(names))}"
            )
        con.execute("DELETE FROM link WHERE rater = ? AND used IS NULL", (found["id"],))
        name = new_name()
        con.execute("INSERT INTO link VALUES (?, 'rater', ?, ?, NULL)", (name, found["id"], now()))
    token = sign(store.secret, "link rater", name)
    return Link(token, "rater", found["name"], None)


def link_of(store: Store, token: str) -> Link | None:
    """The link with this token, used or not; None if this store made no such link."""
    for kind in ("rater", "open", "admin"):
        name = name_of(store.secret, f"link {kind}", token)
        if name is not None:
            with store.read() as con:
                row = con.execute(
                    "SELECT k.name, k.kind, r.name AS rater, k.used FROM link k LEFT JOIN rater r"
                    " ON r.id = k.rater WHERE k.name = ? AND k.kind = ?",
                    (name, kind),
                ).fetchone()
            return None if row is None else _link(store, row)
    return None


def enter(store: Store, link: Link, name: str = "") -> str | None:
    """Begin a session by a link; returns the token for the cookie, or None if it was used.

    Args:
        name: for the open link, what the rater wants to be called.

    Raises:
        InputError: if the name cannot be had.
    """
    session = new_name()
    with store.write() as con:
        rater: int | None = None
        if link.kind == "rater":
            # One statement decides who is first.
            found = con.execute(
                "UPDATE link SET used = ? WHERE name = ? AND used IS NULL RETURNING rater",
                (now(), link.token.partition(".")[0]),
            ).fetchone()
            if found is None:
                return None
            rater = found["rater"]
        elif link.kind == "open":
            rater = _join(con, name)
        kind = "admin" if link.kind == "admin" else "rater"
        con.execute("INSERT INTO session VALUES (?, ?, ?, ?)", (session, kind, rater, now()))
    return sign(store.secret, f"session {kind}", session)


def _join(con: sqlite3.Connection, name: str) -> int:
    if not name or name != one_line(name, LONGEST_NAME):
        raise InputError(f"Please give a name of 1 to {LONGEST_NAME} plain characters.")
    if con.execute("SELECT 1 FROM rater WHERE name = ?", (name,)).fetchone():
        raise InputError("Somebody has this name already. Please choose another.")
    cursor = con.execute("INSERT INTO rater (name, joined) VALUES (?, ?)", (name, now()))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def visitor(store: Store, token: str | None, kind: Literal["rater", "admin"]) -> Visitor | None:
    """Who a cookie belongs to; None if it was not made by this store."""
    name = name_of(store.secret, f"session {kind}", token) if token else None
    if name is None:
        return None
    with store.read() as con:
        row = con.execute(
            "SELECT s.rater, r.name FROM session s LEFT JOIN rater r ON r.id = s.rater"
            " WHERE s.name = ? AND s.kind = ?",
            (name, kind),
        ).fetchone()
    return None if row is None else Visitor(name, kind, row["rater"] or 0, row["name"])


def form_token(store: Store, visitor: Visitor) -> str:
    """What every form of a session carries, and no other site knows."""
    return sign(store.secret, "form", visitor.name)


def is_own_form(store: Store, visitor: Visitor, token: str) -> bool:
    """Whether a form was made for this session."""
    return name_of(store.secret, "form", token) == visitor.name


def hand_out(store: Store, rater: int) -> int | None:
    """Give an open rater one more item; its place in the rater's order, or None if none is left.

    Items that others have begun come first, so that raters share items from the start; among equals
    the seed decides. The order of two answers is the one the item had less often, then the rater.
    """
    plan = store.plan
    since = (datetime.now(UTC) - RESERVED).isoformat(timespec="microseconds")
    with store.write() as con:
        mine = con.execute(
            "SELECT COUNT(*), COALESCE(SUM(swapped), 0) FROM assignment WHERE rater = ?", (rater,)
        ).fetchone()
        if plan.at_most is not None and mine[0] >= plan.at_most:
            return None
        rows = con.execute(
            "SELECT u.id, u.gold IS NOT NULL AS gold, COUNT(CASE WHEN l.state IN ('label',"
            " 'cannot judge') OR (l.state IS NULL AND a.made > ?) THEN 1 END) AS taken,"
            " COUNT(a.rater) AS asked, COALESCE(SUM(a.swapped), 0) AS swapped"
            " FROM unit u LEFT JOIN assignment a ON a.unit = u.id LEFT JOIN label l ON l.id ="
            " (SELECT MAX(id) FROM label WHERE rater = a.rater AND unit = a.unit)"
            " WHERE u.id NOT IN (SELECT unit FROM assignment WHERE rater = ?) GROUP BY u.id",
            (since, rater),
        ).fetchall()
        free = [r for r in rows if r["gold"] or r["taken"] < plan.per_item]
        if not free:
            return None
        rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(rater, mine[0])))
        pick = _pick(free, rng)
        behind = 2 * pick["swapped"] - pick["asked"] or 2 * mine[1] - mine[0]
        swapped = behind < 0 or (behind == 0 and bool(rng.integers(2)))
        con.execute(
            "INSERT INTO assignment VALUES (?, ?, ?, ?, ?)",
            (rater, pick["id"], mine[0] + 1, swapped, now()),
        )
    return int(mine[0]) + 1


def _pick(free: list[sqlite3.Row], rng: np.random.Generator) -> sqlite3.Row:
    """Known labels are mixed in at their share of what is left; else the most begun."""
    gold = [r for r in free if r["gold"]]
    others = [r for r in free if not r["gold"]]
    if gold and (not others or rng.random() < len(gold) / len(free)):
        return gold[int(rng.integers(len(gold)))]
    most = Counter(r["taken"] for r in others)
    begun = [r for r in others if r["taken"] == max(most)]
    return begun[int(rng.integers(len(begun)))]
