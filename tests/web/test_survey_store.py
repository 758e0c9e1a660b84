"""Are the survey's two databases what they promise: migrated, refused where not ours, joined by
nothing, and right when many write at once?"""

from __future__ import annotations

import re
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from calibrant.errors import InputError, RunFolderError
from calibrant.web.survey.kept import answers, people, progress, sessions
from calibrant.web.survey.kept.answers import Copy, Said
from calibrant.web.survey.kept.database import REVISIONS, open_database
from calibrant.web.survey.kept.store import create_survey, open_survey, people_beside
from calibrant.web.survey.kept.tables import METADATA
from calibrant.web.survey.kept.windows import next_round

from .postgres import server
from .survey import TAXONOMY, small, survey


def schema(path: Path) -> set[str]:
    """What a SQLite file is made of, as text without white space."""
    with sqlite3.connect(path) as con:
        made = con.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    con.close()
    found = {re.sub(r"[\s\"]+", "", sql) for (sql,) in made}
    return {sql for sql in found if "_version" not in sql}


@pytest.mark.parametrize("side", ["answers", "people"])
def test_the_migrations_make_what_the_tables_say(side, tmp_path):
    open_database(tmp_path / "migrated.db", side).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'meant.db'}")
    METADATA[side].create_all(engine)
    engine.dispose()
    assert schema(tmp_path / "migrated.db") == schema(tmp_path / "meant.db")
    with open_database(tmp_path / "migrated.db", side) as again, again.read() as con:
        version = con.execute(text(f"SELECT version_num FROM calibrant_{side}_version")).scalar()
        assert version == REVISIONS[side][-1]


def test_no_table_keeps_the_order_or_the_time_of_arrival():
    from sqlalchemy.schema import CreateTable

    for metadata in METADATA.values():
        for table in metadata.tables.values():
            assert table.dialect_options["sqlite"]["with_rowid"] is False
            sql = str(CreateTable(table).compile(dialect=create_engine("sqlite://").dialect))
            assert "TIME" not in sql and "DATE" not in sql
    # What a respondent said stands beside no day at all.
    tables = METADATA["answers"].tables.values()
    assert {t.name for t in tables for c in t.columns if c.name in ("day", "created")} == {"tally"}
    assert not set(METADATA["answers"].tables) & set(METADATA["people"].tables)


def test_files_are_for_their_owner_and_written_to_the_disk(tmp_path):
    with small(tmp_path) as store, store.answers.read() as con:
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
        for name, value in wanted.items():
            assert con.exec_driver_sql(f"PRAGMA {name}").scalar() == value, name
        for path in tmp_path.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_shuffling_leaves_no_order_in_the_file(tmp_path):
    with small(tmp_path) as store:
        path = tmp_path / "survey.db"
        came = [sessions.visitor(store, sessions.begin(store)).respondent for _ in range(40)]

        def order() -> list[str]:
            data = path.read_bytes()
            return sorted((c for c in came), key=lambda c: data.rindex(c.encode() + b"began"))

        with sqlite3.connect(path) as con:
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.close()
        # SQLite fills a page from its end: the rows lie in it as they came.
        assert order() == came[::-1]
        store.shuffle()
        assert order() in (sorted(came), sorted(came, reverse=True))
        assert not (tmp_path / "survey.db-wal").stat().st_size
        assert progress.counts(store).all == 40


def test_what_is_not_ours_is_refused_in_a_line(tmp_path):
    open_database(tmp_path / "people.db", "people").close()
    with pytest.raises(InputError, match="holds other tables"):
        open_database(tmp_path / "people.db", "answers")
    (tmp_path / "text.db").write_text("not a database, and long enough to be looked at")
    with pytest.raises(RunFolderError, match="not a database"):
        open_database(tmp_path / "text.db")
    with pytest.raises(RunFolderError, match="cannot be opened"):
        open_database(tmp_path / "no" / "such" / "folder.db")
    with pytest.raises(InputError, match="mysql"):
        open_database("mysql://me:secret@host/x")
    with pytest.raises(RunFolderError) as e:
        open_database("postgresql://me:secret@127.0.0.1:1/x")
    assert "secret" not in str(e.value) and "\n" not in str(e.value)
    open_database(tmp_path / "answers.db").close()
    with sqlite3.connect(tmp_path / "answers.db") as con:
        con.execute("UPDATE calibrant_answers_version SET version_num = 'z9'")
    con.close()
    with pytest.raises(InputError, match=r"newer calibrant \(version z9\)"):
        open_database(tmp_path / "answers.db")


def test_the_same_survey_goes_on_and_another_is_refused(tmp_path):
    with small(tmp_path) as store:
        secret, path = store.secret, people.organiser_path(store)
    with small(tmp_path, live={"least": 7}) as store:
        assert (store.secret, people.organiser_path(store)) == (secret, path)
        assert store.survey.live.least == 7
    with pytest.raises(InputError, match=r"another survey.*\(title differ\)"):
        small(tmp_path, title="Another")
    other = {"categories": TAXONOMY["categories"][:1]}
    with pytest.raises(InputError, match="taxonomy differ"):
        create_survey(tmp_path / "survey.db", survey(), other)
    with open_survey(tmp_path / "survey.db") as store:
        assert store.survey.live.least == 7
        assert store.areas.which == ""
    # A version is kept once it is said; with another one the same ids may mean other areas.
    named = {**TAXONOMY, "id": "mine", "version": "1"}
    create_survey(tmp_path / "survey.db", survey(), named).close()
    for wrong in (TAXONOMY, {**named, "version": "2"}):
        with pytest.raises(InputError, match="taxonomy differ"):
            create_survey(tmp_path / "survey.db", survey(), wrong)
    with open_survey(tmp_path / "survey.db") as store:
        assert store.areas.which == "mine, version 1"
    with pytest.raises(InputError, match="no such file"):
        open_survey(tmp_path / "nothing.db")
    create_survey(tmp_path / "b.db", survey(id="b"), TAXONOMY).close()
    with pytest.raises(InputError, match="people of another survey"):
        open_survey(tmp_path / "survey.db", people=tmp_path / "b.people.db")


def test_where_people_are_kept():
    assert people_beside("a/b.db") == "a/b.people.db"
    assert people_beside("a.b/c") == "a.b/c.people.db"
    assert people_beside("postgresql://h/x") == "postgresql://h/x"


def test_invitations_and_their_states(tmp_path):
    with small(tmp_path) as store:
        day = date(2026, 1, 1)
        ana, ben = people.invite(
            store, [people.Invitee("Ana", "a@x.org", categories=("1", "2")), people.Invitee("Ben")],
            on=day,
        )  # fmt: skip
        assert (ana.state, ana.categories, (ana.expires - day).days) == ("open", ("1", "2"), 90)
        token = ana.path.rpartition("/")[2]
        found = people.invitation_of(store, token, on=ana.expires)
        assert found is not None and found.state == "open"
        late = date.fromordinal(ana.expires.toordinal() + 1)
        found = people.invitation_of(store, token, on=late)
        assert found is not None and found.state == "expired"
        assert not people.use(store, ana, on=late)
        assert people.use(store, ana, on=day) and not people.use(store, ana, on=day)
        people.withdraw(store, ben.id)
        assert not people.use(store, ben, on=day)
        again = people.renew(store, ben.id, on=day)
        assert again.state == "open" and people.use(store, again, on=day)
        assert people.invitation_of(store, ben.path.rpartition("/")[2]) is None
        for wrong in (people.Invitee(categories=("9",)), people.Invitee("a\x1b[2J")):
            with pytest.raises(InputError, match="invitation 2"):
                people.invite(store, [people.Invitee("Cem"), wrong])
        assert len(people.invitations(store)) == 2
        with pytest.raises(InputError, match="no invitation"):
            people.withdraw(store, "x")


def test_an_old_copy_overwrites_nothing(tmp_path):
    with small(tmp_path) as store:
        visitor = sessions.visitor(store, sessions.begin(store))
        assert visitor is not None
        who, cell = visitor.respondent, ("1a", "importance")

        def save(value: int, number: int, tab: str, *, strict: bool = False) -> str:
            said = {cell: Said("answered", value)}
            return answers.save_sheet(store, who, "1", said, {}, Copy(number, tab), strict=strict)

        assert answers.choose(store, who, ["1"], Copy(0, "x")) == "saved"
        assert save(4, 0, "first") == "saved"
        assert save(4, 0, "second") == "same"  # the same form once more, or from another tab
        assert save(2, 0, "second") == "stale"
        assert save(3, 0, "first") == "saved"  # a tab may overwrite what it saved itself
        assert save(1, 0, "first", strict=True) == "stale"  # but not out of order
        assert answers.sheet(store, who, "1").said[cell].value == 3
        assert save(2, 2, "second") == "saved"
        store.set_door("closed")
        assert save(5, 3, "second") == "closed"
        assert progress.ratings(store)["value"].to_list() == [2.0]
        assert progress.ratings(store)["revision"].to_list() == [3]


def test_rounds_keep_what_was_said_before(tmp_path):
    with small(tmp_path) as store:
        visitor = sessions.visitor(store, sessions.begin(store))
        assert visitor is not None
        who = visitor.respondent
        answers.choose(store, who, ["1"], Copy(0, "x"))
        said = {
            ("1a", "importance"): Said("answered", 4),
            ("1b", "importance"): Said("answered", 1),
        }
        answers.save_sheet(store, who, "1", said, {}, Copy(0, "a"), seconds=12.5)
        window = store.decide(lambda door: next_round(store.survey, door, datetime.now(UTC)))
        assert (window.round, window.state) == (2, "open")
        sheet = answers.sheet(store, who, "1")
        assert sheet.said[("1a", "importance")].value == 4
        said = {("1a", "importance"): Said("answered", 5, "a paper")}
        answers.save_sheet(store, who, "1", said, {}, Copy(sheet.revision, "b"))
        rows = progress.ratings(store).select("area", "round", "value", "revision", "reason").rows()
        assert rows == [("1a", 1, 4.0, 1, ""), ("1a", 2, 5.0, 2, "a paper"), ("1b", 1, 1.0, 1, "")]
        assert answers.sheet(store, who, "1", 1).said[("1a", "importance")].value == 4


def test_taking_back_a_category_and_everything(tmp_path):
    with small(tmp_path) as store:
        cookie = sessions.begin(store)
        visitor = sessions.visitor(store, cookie)
        assert visitor is not None
        who = visitor.respondent
        answers.choose(store, who, ["1", "2"], Copy(0, "x"))
        cell = {("1a", "importance"): Said("answered", 4)}
        answers.save_sheet(store, who, "1", cell, {"obstacles": "money"}, Copy(0, "a"))
        answers.choose(store, who, ["2"], Copy(1, "x"))
        assert progress.ratings(store).is_empty()
        answers.choose(store, who, ["1"], Copy(2, "x"))
        assert progress.ratings(store).height == 1
        sessions.forget(store, visitor)
        assert sessions.visitor(store, cookie) is None
        with store.answers.read() as con:
            for name in ("respondent", "door", "answer", "comment", "chosen", "page"):
                assert con.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar() == 0
        assert progress.counts(store).all == 0


def crowd(store, n: int = 24) -> None:
    """Many at once: one invitation has one winner, and everybody's answers are there."""
    (one,) = people.invite(store, [people.Invitee("Ana")])

    def work(i: int) -> bool:
        won = people.use(store, one)
        visitor = sessions.visitor(store, sessions.begin(store))
        assert visitor is not None
        answers.choose(store, visitor.respondent, ["1", "2"], Copy(0, "x"))
        said = {("1a", "importance"): Said("answered", i % 5 + 1)}
        saved = answers.save_sheet(store, visitor.respondent, "1", said, {}, Copy(0, "x"))
        assert saved == "saved"
        sessions.finish(store, visitor)
        return won

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(work, range(n))) == 1
    found = progress.ratings(store)
    values = [i % 5 + 1 for i in range(n)]
    assert sorted(found["value"].to_list()) == sorted(map(float, values))
    assert progress.counts(store).finished == n
    assert {what: k for _, what, k in progress.counts(store).days}["finished"] == n


def test_many_at_once(tmp_path):
    with small(tmp_path) as store:
        crowd(store)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


def test_many_at_once_in_postgresql(postgres):
    with create_survey(postgres, survey(), TAXONOMY) as store:
        assert "postgresql://" in store.answers.name
        crowd(store)
        store.shuffle()
        with store.answers.read() as con:
            rows = con.execute(text("SELECT xmin::text, id FROM respondent ORDER BY ctid")).all()
        assert len({x for x, _ in rows}) == 1 and [i for _, i in rows] == sorted(i for _, i in rows)
        visitor = sessions.visitor(store, sessions.begin(store))
        assert visitor is not None
        sessions.forget(store, visitor)
    with create_survey(postgres, survey(), TAXONOMY) as store:
        assert progress.counts(store).finished == 24
    engine = create_engine(postgres.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as con:
        con.execute(text("UPDATE calibrant_people_version SET version_num = 'z9'"))
    engine.dispose()
    with pytest.raises(InputError, match="newer calibrant"):
        open_survey(postgres)
