"""How do many threads write to one SQLite file, each only told "saved" once it is on the disk?

A sync of the disk costs more than all else about a small change. Threads therefore take turns in
one transaction, each within a savepoint of its own, and whoever finds nobody waiting commits for
all of them; each is told when that commit has been synced, and not before. What one thread's change
raises undoes that change alone; if the transaction itself is lost (a full disk), all are told so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import SQLAlchemyError

from calibrant.web.routes import CAME
from calibrant.web.survey.kept.statements import driver, plainly

MOST = 64
"""Changes in one transaction."""


class _Batch:
    """One transaction with everybody's changes."""

    def __init__(self, con: Connection, transaction: RootTransaction) -> None:
        self.con, self.transaction = con, transaction
        self.changes = 0
        self.ended = threading.Event()
        self.problem: BaseException | None = None


class Together:
    """Changes of many threads, committed together.

    Args:
        engine: of a SQLite database whose "begin" takes the write lock.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn, self._count = threading.Lock(), threading.Lock()
        self._waiting = 0
        self._batch: _Batch | None = None
        # When the file could not be locked last, and why.
        self._refused: tuple[float, BaseException] | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One change; it is on disk when the block has ended without an exception."""
        came = CAME.get() or time.monotonic()
        with self._count:
            self._waiting += 1
        with self._turn:
            with self._count:
                self._waiting -= 1
            batch = self._begun(came)
            try:
                yield from self._change(batch)
            finally:
                batch.changes += 1
                with self._count:
                    last = self._waiting == 0
                if batch.problem is not None or last or batch.changes >= MOST:
                    self._end(batch)
        batch.ended.wait()
        if batch.problem is not None:
            raise batch.problem

    def _begun(self, came: float) -> _Batch:
        """The transaction that is under way, or a new one."""
        if self._batch is not None:
            return self._batch
        if self._refused is not None and self._refused[0] > came:
            # Waited already while another process held the file: not once more for each thread.
            raise self._refused[1]
        con = self._engine.connect().execution_options(calibrant_write=True)
        try:
            self._batch = _Batch(con, con.begin())
        except BaseException as e:
            con.close()
            self._refused = (time.monotonic(), e)
            raise
        return self._batch

    def _change(self, batch: _Batch) -> Iterator[Connection]:
        """One thread's part of a transaction."""
        plainly(batch.con, "SAVEPOINT change")
        try:
            yield batch.con
            plainly(batch.con, "RELEASE change")
        except BaseException as e:
            try:
                # SQLite ends the whole transaction where a write fails for want of room.
                if not driver(batch.con).in_transaction:
                    raise
                plainly(batch.con, "ROLLBACK TO change")
                plainly(batch.con, "RELEASE change")
            except BaseException:
                batch.problem = e
            raise

    def _end(self, batch: _Batch) -> None:
        """Commit for everybody, or tell everybody what went wrong."""
        self._batch = None
        try:
            if batch.problem is None:
                batch.transaction.commit()
        except BaseException as e:
            batch.problem = e
        finally:
            if batch.problem is not None:
                with suppress(SQLAlchemyError):
                    batch.transaction.rollback()
                batch.con.invalidate()
            batch.con.close()
            batch.ended.set()
