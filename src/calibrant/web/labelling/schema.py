"""How is a labelling kept? One SQLite file, made whole or not at all.

Labels are rows that are only ever added, which the file itself enforces. The write-ahead log is
synced at every commit, so that a label that was acknowledged outlives the process and the power.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calibrant._text import one_line
from calibrant.errors import InputError, RunFolderError
from calibrant.records.identity import content_hash
from calibrant.web.labelling.answers import Unit
from calibrant.web.labelling.assign import Design
from calibrant.web.labelling.scheme import Scheme
from calibrant.web.tokens import new_name, new_secret

APPLICATION = 0x63616C62
"""What SQLite keeps in the file's head to say whose it is."""

VERSION = 1

TABLES = """
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE rater (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, joined TEXT NOT NULL);
CREATE TABLE unit (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, epoch INTEGER NOT NULL,
    question TEXT, subject TEXT, answer TEXT NOT NULL, other_subject TEXT, other_answer TEXT,
    gold TEXT);
CREATE TABLE assignment (
    rater INTEGER NOT NULL REFERENCES rater, unit INTEGER NOT NULL REFERENCES unit,
    position INTEGER NOT NULL, swapped INTEGER NOT NULL, made TEXT NOT NULL,
    PRIMARY KEY (rater, position), UNIQUE (rater, unit)) WITHOUT ROWID;
CREATE INDEX assigned ON assignment (unit);
CREATE TABLE shown (
    nonce TEXT PRIMARY KEY, rater INTEGER NOT NULL, unit INTEGER NOT NULL, time TEXT NOT NULL,
    run TEXT NOT NULL, clock REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE label (
    id INTEGER PRIMARY KEY AUTOINCREMENT, nonce TEXT NOT NULL REFERENCES shown,
    rater INTEGER NOT NULL REFERENCES rater, unit INTEGER NOT NULL REFERENCES unit,
    state TEXT NOT NULL CHECK (state IN ('label', 'cannot judge', 'skipped')),
    value TEXT CHECK ((value IS NULL) = (state <> 'label')),
    note TEXT NOT NULL, swapped INTEGER NOT NULL, seconds REAL, time TEXT NOT NULL);
CREATE INDEX labelled ON label (rater, unit, id);
CREATE TRIGGER label_stays BEFORE UPDATE ON label
    BEGIN SELECT RAISE(ABORT, 'labels are only added'); END;
CREATE TRIGGER label_kept BEFORE DELETE ON label
    BEGIN SELECT RAISE(ABORT, 'labels are only added'); END;
CREATE VIEW latest AS
    SELECT * FROM label WHERE id IN (SELECT MAX(id) FROM label GROUP BY rater, unit);
CREATE TABLE link (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('rater', 'open', 'admin')),
    rater INTEGER REFERENCES rater, made TEXT NOT NULL, used TEXT) WITHOUT ROWID;
CREATE TABLE session (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('rater', 'admin')),
    rater INTEGER REFERENCES rater, made TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Plan:
    """What a labelling is about.

    Attributes:
        title: the heading that raters see.
        ask: the question that every label answers.
        rubric: instructions, in Markdown.
        per_item: how many raters label each item.
        open: whether raters join by themselves, with one link for all.
        at_most: items for one rater who joins by the open link; None: as many as there are.
        seed: of the design and every order.
    """

    scheme: Scheme
    title: str = "Labelling"
    ask: str = "Your label"
    rubric: str = ""
    per_item: int = 3
    open: bool = False
    at_most: int | None = None
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "scheme": self.scheme.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Plan:
        """The plan that `to_dict` gave."""
        return cls(**{**data, "scheme": Scheme.from_dict(data["scheme"])})


def now() -> str:
    """The time as ISO 8601 text in UTC, whose order as text is the order in time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def digest(plan: Plan, units: tuple[Unit, ...]) -> str:
    """SHA-256 of what raters are shown and may say."""
    said = [[u.key, u.question, list(u.answers)] for u in units]
    return content_hash([plan.scheme.to_dict(), said])


def create(
    path: Path, plan: Plan, units: tuple[Unit, ...], raters: tuple[str, ...], made: Design | None
) -> None:
    """Write a new store.

    Args:
        made: who labels what; None where raters join by themselves.

    Raises:
        InputError: if there is a file already.
        RunFolderError: if it cannot be written.
    """
    if path.exists():
        raise InputError(f"{path}: is there already")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # The file holds the secret that signs links: made for its owner alone.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        con = sqlite3.connect(part, isolation_level=None)
        try:
            con.executescript(f"BEGIN;{TABLES}")
            _fill(con, plan, units, raters, made)
            con.execute(f"PRAGMA application_id = {APPLICATION}")
            con.execute(f"PRAGMA user_version = {VERSION}")
            con.execute("COMMIT")
            con.execute("PRAGMA journal_mode = WAL")
        finally:
            con.close()
        part.rename(path)
    except (OSError, sqlite3.Error) as e:
        raise RunFolderError(f"{path}: cannot be written ({one_line(str(e))})") from e
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _fill(
    con: sqlite3.Connection, plan: Plan, units: tuple[Unit, ...], raters: tuple[str, ...],
    made: Design | None,
) -> None:  # fmt: skip
    at = now()
    settings = {
        "plan": json.dumps(plan.to_dict()), "secret": new_secret().hex(), "created": at,
        "digest": digest(plan, units),
    }  # fmt: skip
    con.executemany("INSERT INTO setting VALUES (?, ?)", settings.items())
    con.executemany(
        "INSERT INTO rater VALUES (?, ?, ?)", [(i, name, at) for i, name in enumerate(raters, 1)]
    )
    con.executemany(
        "INSERT INTO unit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (i, u.key, u.item, u.epoch, u.question, u.subjects[0], u.answers[0],
             u.subjects[1] if len(u.subjects) > 1 else None,
             u.answers[1] if len(u.answers) > 1 else None, u.gold)
            for i, u in enumerate(units, 1)
        ],
    )  # fmt: skip
    if made is not None:
        rows = zip(made.pairs, made.swapped, made.position, strict=True)
        con.executemany(
            "INSERT INTO assignment VALUES (?, ?, ?, ?, ?)",
            [(r + 1, i + 1, place, swapped, at) for (r, i), swapped, place in rows],
        )
    links: list[tuple[str, str, int | None, str, None]]
    links = [(new_name(), "admin", None, at, None)]
    if plan.open:
        links.append((new_name(), "open", None, at, None))
    links += [(new_name(), "rater", i, at, None) for i in range(1, len(raters) + 1)]
    con.executemany("INSERT INTO link VALUES (?, ?, ?, ?, ?)", links)


def is_store(path: Path) -> bool:
    """Whether a file is a labelling store, whatever its name."""
    try:
        with path.open("rb") as f:
            head = f.read(72)
    except OSError:
        return False
    return head[:16] == b"SQLite format 3\0" and head[68:72] == APPLICATION.to_bytes(4, "big")
