"""Where are answers kept, and people? SQLite files or PostgreSQL, opened at the right version.

Every change is short, and all or nothing. SQLite takes the write lock at its start, and threads of
one process take turns instead of polling the file, and sync it together (see `together`); what was
committed is on the disk (WAL, synchronous FULL). PostgreSQL is reached by URL.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from calibrant._text import one_line
from calibrant.errors import InputError, RunFolderError
from calibrant.web.survey.kept.statements import plainly
from calibrant.web.survey.kept.tables import METADATA, Side
from calibrant.web.survey.kept.together import Together

PATIENCE = 10
"""Seconds that a transaction waits for another process to let go of a SQLite file."""

CONNECTIONS = 48
"""At most so many at once; more than a server has threads that answer requests."""

REVISIONS: dict[Side, tuple[str, ...]] = {"answers": ("a1",), "people": ("p1",)}
"""The versions of each side that this calibrant knows, in order; the last is written."""


@dataclass
class _View:
    """What one thread sees, once it has looked."""

    stack: ExitStack
    con: Connection | None = None


class Database:
    """One side's database.

    Attributes:
        side: "answers" or "people".
        name: how to call it in messages; holds no password.
    """

    def __init__(self, engine: Engine, side: Side) -> None:
        self.engine, self.side = engine, side
        self.name = _name(engine.url)
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._together = Together(engine)
        # Each thread's view, where it asked for one; None: not looked at yet.
        self._views = threading.local()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One change, all or nothing; it is on disk when the block has ended."""
        self._look_anew()
        if self.is_sqlite:
            with self._together.write() as con:
                yield con
            return
        with self.engine.connect() as con, con.begin():
            yield con

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One view of the database, which does not change while the block runs."""
        held = getattr(self._views, "held", None)
        if held is None:
            with self._view() as con:
                yield con
            return
        if held.con is None:
            held.con = held.stack.enter_context(self._view())
        yield held.con

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Let all `read`s of this thread share one view until it writes, and then another."""
        if getattr(self._views, "held", None) is not None:
            yield
            return
        with ExitStack() as stack:
            self._views.held = _View(stack)
            try:
                yield
            finally:
                self._views.held = None

    @contextmanager
    def _view(self) -> Iterator[Connection]:
        with self.engine.connect() as con:
            if not self.is_sqlite:
                con = con.execution_options(isolation_level="REPEATABLE READ")
            with con.begin():
                yield con

    def _look_anew(self) -> None:
        held = getattr(self._views, "held", None)
        if held is not None and held.con is not None:
            held.con = None
            held.stack.close()

    def shuffle(self) -> None:
        """Write every table anew in the order of its random keys, so that neither the places of
        rows nor what the database notes of their changes tell who came first.

        SQLite: VACUUM, and an empty log. PostgreSQL: one transaction touches every row, whose
        number all rows then carry, and CLUSTER sorts them.
        """
        if self.is_sqlite:
            raw = self.engine.raw_connection()
            try:
                for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    raw.cursor().execute(statement).fetchall()
            finally:
                raw.close()
            return
        tables = METADATA[self.side].sorted_tables
        with self.write() as con:
            for table in tables:
                key = next(iter(table.primary_key))
                con.execute(table.update().values({key.name: key}))
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as con:
            for table in tables:
                con.execute(text(f"CLUSTER {table.name} USING {table.name}_pkey"))

    def close(self) -> None:
        """Let go of the file or the connections."""
        self.engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def open_database(url: str | Path, side: Side = "answers") -> Database:
    """Open one side's database, make it if it is not there, and bring it to this version.

    Args:
        url: the path of a SQLite file, or a URL such as postgresql://user@host/name.

    Raises:
        InputError: if the URL is none, or the database is of a newer calibrant, or another's.
        RunFolderError: if it cannot be opened.
    """
    where = _url(str(url))
    if where.get_backend_name() == "sqlite":
        _private_file(where)
    try:
        database = Database(_engine(where), side)
    except ModuleNotFoundError as e:
        raise InputError(
            f"{_name(where)}: needs {e.name}: pip install 'calibrant[postgres]' brings it"
        ) from e
    try:
        _bring_up(database)
    except SQLAlchemyError as e:
        database.close()
        raise RunFolderError(f"{database.name}: cannot be opened ({_why(e)})") from e
    except BaseException:
        database.close()
        raise
    return database


def _why(e: SQLAlchemyError) -> str:
    """The driver's own first words, without SQL or advice."""
    said = str(e.orig) if isinstance(e, DBAPIError) and e.orig is not None else str(e)
    return one_line(said.strip().partition("\n")[0] or type(e).__name__, 200)


def _url(given: str) -> URL:
    if "://" not in given:
        return URL.create("sqlite", database=given)
    try:
        url = make_url(given)
    except ArgumentError as e:
        raise InputError("--db: not a database's URL; wanted postgresql://user@host/name") from e
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite" or not url.database:
        raise InputError(
            f"--db: {one_line(url.drivername, 40)!r}: wanted the path of a SQLite file, or "
            "postgresql://…"
        )
    return url


def _name(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return one_line(str(url.database), 200)
    shown = url.set(drivername="postgresql").render_as_string(hide_password=True)
    return one_line(shown, 200)


def _private_file(url: URL) -> None:
    """Make a SQLite file that only its owner reads; its WAL gets the same rights."""
    path = str(url.database)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as e:
        raise RunFolderError(f"{one_line(path)}: cannot be opened ({e.strerror or e})") from e


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url, pool_size=10, max_overflow=CONNECTIONS - 10, pool_pre_ping=True,
            pool_timeout=PATIENCE, hide_parameters=True,
            # Of a database in SQL_ASCII, psycopg would else hand out bytes.
            connect_args={"connect_timeout": 10, "client_encoding": "utf8"},
        )  # fmt: skip
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=10, max_overflow=CONNECTIONS - 10,
        pool_timeout=PATIENCE, hide_parameters=True,
        # No transactions by the driver's own guesses.
        connect_args={"timeout": PATIENCE, "isolation_level": None, "check_same_thread": False},
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _: Any) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON",
                       # Text that was taken back is not left in free pages.
                       "secure_delete = ON"):  # fmt: skip
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(con: Connection) -> None:
        writes = con.get_execution_options().get("calibrant_write", False)
        # What a change decides by must not change under it.
        plainly(con, "BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _bring_up(database: Database) -> None:
    """Refuse what is not ours, and migrate what is older."""
    with database.read() as con:
        if _version(con, database) == REVISIONS[database.side][-1]:
            return
    with database.write() as con:
        if not database.is_sqlite:
            con.execute(text("SELECT pg_advisory_xact_lock(7202611)"))
        # Another worker may have been here meanwhile.
        if _version(con, database) != REVISIONS[database.side][-1]:
            _migrate(con, database.side)


def _version(con: Connection, database: Database) -> str | None:
    """The version of the database; None: it is empty."""
    tables = set(inspect(con).get_table_names())
    known = version_table(database.side)
    if known not in tables:
        taken = tables & set(METADATA[database.side].tables)
        if (database.is_sqlite and tables) or taken:
            raise InputError(
                f"{database.name}: holds other tables ({one_line(', '.join(sorted(tables)), 80)}), "
                f"and no survey's {database.side}"
            )
        return None
    row = con.execute(text(f"SELECT version_num FROM {known}")).fetchone()
    version = None if row is None else str(row[0])
    if version is not None and version not in REVISIONS[database.side]:
        raise InputError(
            f"{database.name}: made by a newer calibrant (version {one_line(version, 40)}); "
            f"this one knows {REVISIONS[database.side][-1]}"
        )
    return version


def version_table(side: Side) -> str:
    """Where the version is kept; the sides may share a PostgreSQL database."""
    return f"calibrant_{side}_version"


def _migrate(con: Connection, side: Side) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    with resources.as_file(
        resources.files("calibrant.web.survey.kept") / "migrations" / side
    ) as place:
        config.set_main_option("script_location", str(place).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes.update(connection=con, side=side)
        command.upgrade(config, "head")
