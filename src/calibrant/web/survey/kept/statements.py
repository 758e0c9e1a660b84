"""How is a small statement run without much ado? Built once, and on SQLite handed to the driver.

What SQLAlchemy does around a statement takes ten times as long as SQLite takes to run it. All
statements are still built and rendered by it, and failures are its own; PostgreSQL, which is a
network away, gets them through it as ever.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Connection, Select, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError


@cache
def find(table: Table, columns: tuple[str, ...], *keys: str) -> Select[Any]:
    """The statement that finds rows whose keys have the values of its parameters of the same names.

    Built once for each use: building a statement costs more than running it.
    """
    same = (table.c[k] == bindparam(k) for k in keys)
    return select(*(table.c[n] for n in columns)).where(*same)


def rows(con: Connection, table: Table, columns: tuple[str, ...], **keys: Any) -> Sequence[Any]:
    """The rows whose keys have these values; columns are their attributes."""
    return run(con, find(table, columns, *keys), keys)


def run(con: Connection, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Any]:
    """The rows that a statement finds; columns are their attributes.

    Args:
        statement: one that is kept, as what is known of it is kept too.
    """
    if con.dialect.name != "sqlite":
        return con.execute(statement, values).all()
    sql, names, fixed, made = _plain(statement)
    given = {**fixed, **values}
    with _Failures(sql):
        found = driver(con).execute(sql, [given[n] for n in names]).fetchall()
    return [made(row) for row in found]


@cache
def _plain(
    statement: Select[Any],
) -> tuple[str, list[str], dict[str, Any], Callable[[Sequence[Any]], Any]]:
    """A statement in SQLite's words: the text, the order of its parameters, those that are part of
    it, and what makes a row."""
    compiled: Any = statement.compile(dialect=sqlite.dialect())
    columns = list(statement.selected_columns)
    row = namedtuple("row", [c.key or "" for c in columns])  # type: ignore[misc]
    truths = [i for i, c in enumerate(columns) if isinstance(c.type, Boolean)]

    def made(found: Sequence[Any]) -> Any:
        return row(*(bool(v) if i in truths else v for i, v in enumerate(found)))

    names = list(compiled.positiontup or ())
    return str(compiled), names, dict(compiled.params), made if truths else row._make


def driver(con: Connection) -> sqlite3.Connection:
    """The driver's own connection."""
    found: sqlite3.Connection = con.connection.dbapi_connection  # type: ignore[assignment]
    return found


class _Failures:
    """The driver's failures as SQLAlchemy's."""

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, e: BaseException | None, tb: object) -> None:
        if isinstance(e, sqlite3.Error):
            raise DBAPIError.instance(
                self.sql, None, e, sqlite3.Error, hide_parameters=True
            ) from e  # fmt: skip


def plainly(con: Connection, sql: str) -> None:
    """Run a statement without parameters on SQLite."""
    with _Failures(sql):
        driver(con).execute(sql)


def put(
    con: Connection,
    table: Table,
    rows: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    **instead: Any,
) -> None:
    """Insert rows, or replace what is there under their keys, in one statement.

    Args:
        instead: columns that get another value where a row was there, such as n=table.c.n + 1, in
            an object that is kept; none: all of the row's columns get the row's values.
    """
    if not rows:
        return
    many = [rows] if isinstance(rows, Mapping) else rows
    key = (table, tuple(many[0]), tuple(instead.items()))
    if con.dialect.name != "sqlite":
        con.execute(_put(con.dialect.name, *key), rows)
        return
    sql, names, fixed = _plain_put(*key)
    with _Failures(sql):
        driver(con).executemany(sql, [[{**fixed, **r}[n] for n in names] for r in many])


@cache
def _put(dialect: str, table: Table, columns: tuple[str, ...], instead: tuple[Any, ...]) -> Any:
    return _putting(dialect, table, columns, dict(instead))


@cache
def _plain_put(
    table: Table, columns: tuple[str, ...], instead: tuple[Any, ...]
) -> tuple[str, list[str], dict[str, Any]]:
    """`put` in SQLite's words: the text, the order of its parameters, and those that are no
    columns of the row, such as other columns' defaults."""
    compiled: Any = _put("sqlite", table, columns, instead).compile(
        dialect=sqlite.dialect(), column_keys=list(columns)
    )
    fixed = dict(compiled.params)
    fixed |= {c.name: c.default.arg for c in compiled.insert_prefetch}
    return str(compiled), list(compiled.positiontup), fixed


def _putting(
    dialect: str, table: Table, columns: tuple[str, ...], instead: Mapping[str, Any]
) -> Any:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    keys = [c.name for c in table.primary_key]
    # Named one by one: a column's default would else replace what is there.
    made: Any = insert(table)
    new = instead or {name: made.excluded[name] for name in columns if name not in keys}
    if new:
        return made.on_conflict_do_update(index_elements=keys, set_=new)
    return made.on_conflict_do_nothing(index_elements=keys)
