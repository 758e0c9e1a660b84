"""Is a label that was acknowledged ever lost? Many raters at once, and a server that is killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing

import httpx
import polars as pl
import pytest

from calibrant.judges.labels import as_labels
from calibrant.web.labelling import export
from calibrant.web.labelling.store import Store
from calibrant.web.serve import listen, run

from .serving import Remote, Server, write_answers

CATEGORIES = ("--categories", "yes,no,unsure")


def together(jobs):
    """Run callables in threads; the first failure is raised."""
    failures = []

    def guard(job):
        try:
            job()
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=guard, args=(j,)) for j in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join(90)
    assert not any(t.is_alive() for t in threads)
    if failures:
        raise failures[0]


def test_fifty_raters_at_once_lose_nothing(tmp_path):
    names = [f"rater {i:02}" for i in range(50)]
    table, db = write_answers(tmp_path / "a.csv", 50), tmp_path / "l.db"
    with Server(table, "-o", db, *CATEGORIES, "--raters", ",".join(names), "--per-item", 3) as s:
        raters = {n: Remote(s.url, s.path(n)) for n in names}

        def work(name):
            while raters[name].label(lambda p: ("yes", "no", "unsure")[p % 3]):
                pass

        stop = threading.Event()

        def look():  # export while they work
            while not stop.is_set():
                with Store(db) as store:
                    export.labels(store)
                time.sleep(0.2)

        looking = threading.Thread(target=look)
        looking.start()
        try:
            together([lambda n=n: work(n) for n in names])
        finally:
            stop.set()
            looking.join()
        code, said = s.stop()
    for r in raters.values():
        r.close()
    assert code == 0 and "every label is in" in said
    with Store(db) as store:
        found = export.labels(store, history=True)
    assert found.height == 150 and found["revision"].to_list() == [1] * 150
    assert set(Counter(found["item"]).values()) == {3}
    kept = {(r["grader"], r["position"], r["label"]) for r in found.to_dicts()}
    assert kept == {(n, p, v) for n, r in raters.items() for p, v in r.saved}


def test_open_raters_at_once_share_the_items(tmp_path):
    table, db = write_answers(tmp_path / "a.csv", 12), tmp_path / "l.db"
    with Server(table, "-o", db, *CATEGORIES, "--open", "--per-item", 3) as s:
        raters = [Remote(s.url, s.path(kind="open"), f"guest {i}") for i in range(9)]
        together([lambda r=r: [None for _ in range(50) if r.label(lambda p: "yes")]
                  for r in raters])  # fmt: skip
        assert s.stop()[0] == 0
    for r in raters:
        r.close()
    with Store(db) as store:
        found = export.labels(store)
    assert Counter(found["item"]) == dict.fromkeys(found["item"].unique(), 3)
    assert found["item"].n_unique() == 12
    assert found.height == sum(len(r.saved) for r in raters)


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.3, 0.9])
def test_killed_in_the_middle(tmp_path, after):
    names = [f"r{i}" for i in range(6)]
    table, db = write_answers(tmp_path / "a.csv", 300), tmp_path / "l.db"
    raters = {}

    def work(name):
        try:
            while raters[name].label(lambda p: "yes" if p % 2 else "no"):
                pass
        except httpx.HTTPError:
            return  # the server was killed

    with Server(table, "-o", db, *CATEGORIES, "--raters", ",".join(names), "--per-item", 6) as s:
        raters.update({n: Remote(s.url, s.path(n)) for n in names})
        jobs = [lambda n=n: work(n) for n in names]

        def killer():
            while sum(len(r.saved) for r in raters.values()) < 20:
                time.sleep(0.01)
            time.sleep(after)
            s.kill()

        together([*jobs, killer])
    acknowledged = {(n, p, v) for n, r in raters.items() for p, v in r.saved}
    assert 20 <= len(acknowledged) < 1800
    with closing(sqlite3.connect(db)) as con:
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Store(db) as store:
        found = export.labels(store, history=True)
    kept = {(r["grader"], r["position"], r["label"]) for r in found.to_dicts()}
    assert acknowledged <= kept
    assert len(kept - acknowledged) <= len(names)  # written, and killed before it could say so
    # The same command goes on, and the raters' sessions with it.
    cookies = raters["r0"].http.cookies
    with Server(table, "-o", db, *CATEGORIES, "--raters", ",".join(names), "--per-item", 6) as s:
        with httpx.Client(base_url=s.url, cookies=cookies, trust_env=False) as http:
            there = http.get("/labels")
            assert there.status_code == 200 and f"{len(raters['r0'].saved)}" in there.text
        code, _ = s.stop()
        assert code == 0
    for r in raters.values():
        r.close()


def test_labels_cannot_be_changed_or_removed(tmp_path, desk):
    ana = desk.rater("ana")
    ana.open()
    ana.send(label="yes")
    with closing(sqlite3.connect(desk.store.path)) as con:
        for change in ("UPDATE label SET value = 'no'", "DELETE FROM label"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                con.execute(change)
    assert desk.rows()[0]["label"] == "yes"
    assert desk.store.path.stat().st_mode & 0o077 == 0


def test_a_store_that_cannot_write_says_not_saved(desk, monkeypatch, capsys):
    ana = desk.rater("ana")
    ana.open()

    class Full:
        def execute(self, sql, *_):
            if sql.startswith("BEGIN"):
                raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(desk.store, "_writer", Full())
    answer = ana.send(label="yes")
    monkeypatch.undo()
    assert answer.status_code == 503 and "not saved" in answer.text
    assert "disk is full" in capsys.readouterr().err
    assert desk.rows() == []


def test_labels_are_read_by_the_room_of_judges(tmp_path, desk):
    for name, said in (("ana", "yes"), ("ben", "no")):
        rater = desk.rater(name)
        rater.open()
        for _ in range(6):
            rater.send(label=said)
    rater.open("/item/1")
    rater.send(cannot="1")
    for ending in (".csv", ".parquet"):
        export.write(export.labels(desk.store), tmp_path / f"l{ending}")
        read = as_labels(tmp_path / f"l{ending}", categories=["yes", "no", "unsure"])
        assert read.graders == ("ana", "ben") and len(read.items) == 6
        assert (len(read), read.unparsed) == (11, 1)
    assert pl.read_parquet(tmp_path / "l.parquet").schema == export.LABELS


def test_ctrl_c_before_the_server_listens_ends_it():
    """Even where an exception would be printed and forgotten, as in a finaliser."""

    class Ends:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    async def app(scope, receive, send):
        raise AssertionError("nobody asked")

    before = signal.getsignal(signal.SIGINT)
    place = listen("127.0.0.1", 0)
    run(app, place, started=lambda: Ends() and None)
    assert signal.getsignal(signal.SIGINT) is before
    assert place.socket.fileno() == -1
