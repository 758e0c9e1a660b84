"""Which survey is this, and does it take answers now? A survey with its two databases."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.exc import SQLAlchemyError

from calibrant._text import dumps, one_line
from calibrant.errors import InputError, RunFolderError
from calibrant.priorities.survey.model import Survey
from calibrant.web.survey.kept.areas import Areas
from calibrant.web.survey.kept.database import Database, open_database
from calibrant.web.survey.kept.statements import put, rows
from calibrant.web.survey.kept.tables import PEOPLE_SETTING, SETTING
from calibrant.web.survey.kept.windows import Window, window
from calibrant.web.tokens import new_name, new_secret


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The day, in UTC."""
    return now().date()


@dataclass(frozen=True)
class Store:
    """An open survey.

    Attributes:
        answers, people: the two sides.
        survey: as it was when the survey began.
        areas: what is rated.
        secret: signs sessions, return links and forms.
        people_secret: signs invitations, the open link and the organiser's link.
        organiser, open_name: names in the organiser's and the open link.
    """

    answers: Database
    people: Database
    survey: Survey
    areas: Areas
    secret: bytes
    people_secret: bytes
    organiser: str
    open_name: str

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of both databases."""
        self.answers.close()
        self.people.close()

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Answer one request from one view of each side; see `Database.steady`."""
        with self.answers.steady(), self.people.steady():
            yield

    def shuffle(self) -> None:
        """Write both databases anew in the order of their random keys; see `Database.shuffle`.

        Raises:
            RunFolderError: if a database cannot be written anew, as it is in use or the disk is
                full; nothing is lost then.
        """
        for side in (self.answers, self.people):
            try:
                side.shuffle()
            except (SQLAlchemyError, sqlite3.Error) as e:
                said = one_line(str(e).partition("\n")[0], 200)
                raise RunFolderError(f"{side.name}: not written anew ({said})") from e

    def window(self, at: datetime | None = None) -> Window:
        """Whether answers are taken now, or at another time; what the organiser said counts
        before what the survey's windows say."""
        at = at or now()
        with self.answers.read() as con:
            said = setting(con, SETTING, "door")
        return window(self.survey, said or "", at)

    def set_door(self, said: str) -> None:
        """Close the survey, open it again whatever its windows say, or let these decide ("");
        or what `calibrant.web.survey.kept.windows` makes of it."""
        self.decide(lambda _: said)

    def decide(self, change: Callable[[str], str]) -> Window:
        """Change what the organiser decided about windows; returns the window of now."""
        with self.answers.write() as con:
            door = change(setting(con, SETTING, "door") or "")
            put_setting(con, SETTING, "door", door)
        return window(self.survey, door, now())


def setting(con: Connection, table: Table, key: str) -> str | None:
    """A setting's value, or None."""
    found = rows(con, table, ("value",), key=key)
    return str(found[0].value) if found else None


def put_setting(con: Connection, table: Table, key: str, value: str) -> None:
    """Set a setting."""
    put(con, table, {"key": key, "value": value})


def people_beside(url: str) -> str:
    """Where people are kept if nobody says: beside a SQLite file, or in the same PostgreSQL
    database."""
    if "://" in url and not url.startswith("sqlite"):
        return url
    head, dot, ending = url.rpartition(".")
    plain = dot and "/" not in ending
    return f"{head}.people.{ending}" if plain else f"{url}.people.db"


def create_survey(
    db: str | Path,
    survey: Survey,
    taxonomy: Mapping[str, Any],
    *,
    people: str | Path | None = None,
) -> Store:
    """Begin a survey, or go on with the same one.

    Args:
        db: where answers are kept: a SQLite file's path or a PostgreSQL URL.
        taxonomy: as `Areas.of` takes it.
        people: where people are kept; None: `people_beside(db)`.

    Raises:
        InputError: if another survey, or another version of it, is kept there.
        RunFolderError: if a database cannot be opened.
    """
    areas = Areas.of(taxonomy)
    said = {"survey": survey.model_dump_json(), "taxonomy": dumps(areas.to_dict())}
    answers_side, people_side = _sides(db, people)
    try:
        with answers_side.write() as con:
            if setting(con, SETTING, "survey") is None:
                fresh = {"secret": new_secret().hex(), "created": today().isoformat(), "door": ""}
                con.execute(
                    insert(SETTING), [{"key": k, "value": v} for k, v in {**said, **fresh}.items()]
                )
            else:
                _same(con, answers_side, said)
        with people_side.write() as con:
            if setting(con, PEOPLE_SETTING, "survey") is None:
                fresh = {"survey": survey.id, "secret": new_secret().hex(),
                         "organiser": new_name(), "open": new_name()}  # fmt: skip
                con.execute(
                    insert(PEOPLE_SETTING), [{"key": k, "value": v} for k, v in fresh.items()]
                )
        return _opened(answers_side, people_side)
    except BaseException:
        answers_side.close()
        people_side.close()
        raise


def open_survey(db: str | Path, *, people: str | Path | None = None) -> Store:
    """Open a survey that is there.

    Raises:
        InputError: if there is none.
        RunFolderError: if a database cannot be opened.
    """
    url = str(db)
    if "://" not in url and not Path(url).is_file():
        raise InputError(f"{one_line(url)}: no such file; 'calibrant priorities serve' makes it")
    answers_side, people_side = _sides(db, people)
    try:
        return _opened(answers_side, people_side)
    except BaseException:
        answers_side.close()
        people_side.close()
        raise


def _sides(db: str | Path, people: str | Path | None) -> tuple[Database, Database]:
    answers_side = open_database(db, "answers")
    try:
        return answers_side, open_database(people or people_beside(str(db)), "people")
    except BaseException:
        answers_side.close()
        raise


def _same(con: Connection, side: Database, said: dict[str, str]) -> None:
    """Refuse a survey whose questions or areas are not those that were answered so far.

    Windows, invitations and what is shown live may change between starts: they alter no answer.
    """
    before = json.loads(setting(con, SETTING, "survey") or "{}")
    given = json.loads(said["survey"])
    may_change = ("windows", "invitations", "live")
    differ = [k for k in given if k not in may_change and given[k] != before.get(k)]
    kept, now = (
        json.loads(t or "{}") for t in (setting(con, SETTING, "taxonomy"), said["taxonomy"])
    )
    # A database that names no version goes on with one that has the same areas.
    if any((kept.get(k) or now[k]) != now[k] for k in now):
        differ.append("taxonomy")
    if differ:
        raise InputError(
            f"{side.name}: holds another survey, or another version of it ({', '.join(differ)} "
            "differ); another --db begins a new one"
        )
    for key in ("survey", "taxonomy"):
        put_setting(con, SETTING, key, said[key])


def _opened(answers_side: Database, people_side: Database) -> Store:
    with answers_side.read() as con:
        mine = {str(r.key): str(r.value) for r in con.execute(select(SETTING))}
    with people_side.read() as con:
        theirs = {str(r.key): str(r.value) for r in con.execute(select(PEOPLE_SETTING))}
    if "survey" not in mine:
        raise InputError(f"{answers_side.name}: holds no survey yet")
    survey = Survey.model_validate_json(mine["survey"])
    if theirs.get("survey") != survey.id:
        raise InputError(
            f"{people_side.name}: holds the people of another survey "
            f"({one_line(theirs.get('survey', 'none'), 40)}, wanted {survey.id})"
        )
    return Store(
        answers_side, people_side, survey, Areas.of(json.loads(mine["taxonomy"])),
        bytes.fromhex(mine["secret"]), bytes.fromhex(theirs["secret"]),
        theirs["organiser"], theirs["open"],
    )  # fmt: skip
