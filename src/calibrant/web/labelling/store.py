"""What has been asked of whom, and what did they say? Reading and writing the store.

Every change is one transaction that takes the write lock first, so that what it decides by cannot
change under it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from calibrant._text import one_line
from calibrant.errors import InputError, RunFolderError
from calibrant.web.labelling.schema import VERSION, Plan, is_store, now
from calibrant.web.tokens import new_name

State = Literal["label", "cannot judge", "skipped"]
Outcome = Literal["saved", "same", "closed", "stale"]

LONGEST_NOTE = 10_000
"""Characters of a note; the form allows no more."""


@dataclass(frozen=True)
class Task:
    """One item as one rater is asked about it.

    Attributes:
        position: its place in the rater's order, from 1.
        answers: as shown: first and, for pairs, second.
        swapped: whether the second of the fixed order is shown first.
        state, value, note: what the rater said last; None where nothing yet.
    """

    unit: int
    position: int
    question: str | None
    answers: tuple[str, ...]
    swapped: bool
    state: State | None
    value: str | None
    note: str


@dataclass(frozen=True)
class Progress:
    """How far a rater is; the counts are disjoint."""

    assigned: int
    labelled: int
    cannot: int
    skipped: int

    @property
    def done(self) -> int:
        """Items that were dealt with."""
        return self.labelled + self.cannot + self.skipped


class Store:
    """An open labelling.

    Args:
        path: the file that `create` made.

    Raises:
        InputError: if it is no labelling store, or of a newer calibrant.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        if not is_store(path):
            raise InputError(f"{path}: not a labelling store (as 'calibrant judge label' makes)")
        self.path, self.run = path, new_name()
        self._lock = threading.Lock()
        try:
            self._writer = self._connect()
            version = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
            settings = dict(self._writer.execute("SELECT key, value FROM setting").fetchall())
        except sqlite3.Error as e:
            raise RunFolderError(f"{path}: cannot be opened ({one_line(str(e))})") from e
        if version > VERSION:
            self.close()
            raise InputError(f"{path}: made by a newer calibrant (version {version})")
        self.plan = Plan.from_dict(json.loads(settings["plan"]))
        self.secret = bytes.fromhex(settings["secret"])
        self.created, self.digest = settings["created"], settings["digest"]

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(
            self.path, timeout=30, isolation_level=None, check_same_thread=False
        )  # fmt: skip
        con.row_factory = sqlite3.Row
        con.execute("PRAGMA synchronous = FULL")
        con.execute("PRAGMA foreign_keys = ON")
        return con

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that may change things; it is on disk when the block has ended."""
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One view of the store, which does not change while the block runs."""
        con = self._connect()
        try:
            con.execute("BEGIN")
            yield con
        finally:
            con.close()

    @property
    def closed(self) -> str | None:
        """When labelling was closed, or None."""
        with self.read() as con:
            row = con.execute("SELECT value FROM setting WHERE key = 'closed'").fetchone()
        return None if row is None else str(row[0])

    def set_closed(self, *, closed: bool) -> None:
        """Close labelling, after which no label is taken, or open it again."""
        with self.write() as con:
            con.execute("DELETE FROM setting WHERE key = 'closed'")
            if closed:
                con.execute("INSERT INTO setting VALUES ('closed', ?)", (now(),))

    def progress(self, rater: int) -> Progress:
        """How far a rater is."""
        with self.read() as con:
            assigned = con.execute(
                "SELECT COUNT(*) FROM assignment WHERE rater = ?", (rater,)
            ).fetchone()[0]
            rows = con.execute(
                "SELECT state, COUNT(*) FROM label WHERE id IN (SELECT MAX(id) FROM label"
                " WHERE rater = ? GROUP BY unit) GROUP BY state",
                (rater,),
            ).fetchall()
        by = dict(map(tuple, rows))
        return Progress(
            assigned, by.get("label", 0), by.get("cannot judge", 0), by.get("skipped", 0)
        )

    def tasks(self, rater: int) -> list[Task]:
        """Everything a rater was asked, in the rater's order."""
        with self.read() as con:
            return [_task(row) for row in con.execute(f"{_TASKS} ORDER BY position", (rater,))]

    def task(self, rater: int, position: int) -> Task | None:
        """What a rater is asked at a place in the rater's order; None if nothing."""
        with self.read() as con:
            found = con.execute(f"{_TASKS} AND position = ?", (rater, position)).fetchone()
        return None if found is None else _task(found)

    def pending(self, rater: int, after: int = 0) -> int | None:
        """The place of the first item after `after` that nothing was said about, going on at the
        start; None if there is none."""
        with self.read() as con:
            row = con.execute(
                "SELECT position FROM assignment a WHERE rater = ? AND NOT EXISTS"
                " (SELECT 1 FROM label l WHERE l.rater = a.rater AND l.unit = a.unit)"
                " ORDER BY position <= ?, position LIMIT 1",
                (rater, after),
            ).fetchone()
        return None if row is None else int(row[0])

    def show(self, rater: int, unit: int) -> str:
        """Note that an item is shown now; returns the nonce that its form must bring back."""
        nonce = new_name()
        with self.write() as con:
            con.execute(
                "INSERT INTO shown VALUES (?, ?, ?, ?, ?, ?)",
                (nonce, rater, unit, now(), self.run, time.monotonic()),
            )
        return nonce

    def record(
        self, rater: int, position: int, nonce: str, state: State, value: str | None, note: str
    ) -> Outcome:
        """Add what a rater said.

        A form that arrives twice is one row; the same form with another answer is a revision.

        Args:
            nonce: as `show` gave it for this rater and item.
            value: the label in the fixed order, None unless `state` is "label".

        Returns:
            "saved", and it is on disk; "same" where it was already; "closed" or "stale" (the form
            was not for this item) where nothing was written.
        """
        with self.write() as con:
            if con.execute("SELECT 1 FROM setting WHERE key = 'closed'").fetchone():
                return "closed"
            form = con.execute(
                "SELECT s.unit, s.run, s.clock, a.swapped FROM shown s JOIN assignment a"
                " ON a.rater = s.rater AND a.unit = s.unit"
                " WHERE s.nonce = ? AND s.rater = ? AND a.position = ?",
                (nonce, rater, position),
            ).fetchone()
            if form is None:
                return "stale"
            last = con.execute(
                "SELECT nonce, state, value, note FROM label WHERE rater = ? AND unit = ?"
                " ORDER BY id DESC LIMIT 1",
                (rater, form["unit"]),
            ).fetchone()
            if last is not None and tuple(last) == (nonce, state, value, note):
                return "same"
            # The clock of another process may have begun elsewhere: then there is no duration.
            spent = time.monotonic() - form["clock"] if form["run"] == self.run else None
            con.execute(
                "INSERT INTO label (nonce, rater, unit, state, value, note, swapped, seconds, time)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (nonce, rater, form["unit"], state, value, note, form["swapped"], spent, now()),
            )
        return "saved"


_TASKS = (
    "SELECT a.unit, a.position, a.swapped, u.question, u.answer, u.other_answer, l.state, l.value,"
    " l.note FROM assignment a JOIN unit u ON u.id = a.unit LEFT JOIN label l ON l.id = (SELECT"
    " MAX(id) FROM label WHERE rater = a.rater AND unit = a.unit) WHERE a.rater = ?"
)


def _task(row: sqlite3.Row) -> Task:
    answers = [row["answer"]] + ([] if row["other_answer"] is None else [row["other_answer"]])
    swapped = bool(row["swapped"])
    return Task(
        row["unit"], row["position"], row["question"],
        tuple(reversed(answers) if swapped else answers), swapped, row["state"], row["value"],
        row["note"] or "",
    )  # fmt: skip
