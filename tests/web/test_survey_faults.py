"""What is lost when something breaks? Nothing that was acknowledged, and nothing that was typed."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from calibrant.web.survey.app import build
from calibrant.web.survey.kept import people, sessions
from calibrant.web.survey.kept.answers import sheet
from calibrant.web.survey.kept.store import create_survey, open_survey, put_setting, setting
from calibrant.web.survey.kept.tables import SETTING
from calibrant.web.survey.site import Site

from .conftest import Inputs
from .faults import Postgres, Server
from .surveys import TAXONOMY, URL, a_survey, make


class Person:
    """A respondent over HTTP, who sends whole pages and notes what was acknowledged."""

    def __init__(self, client: httpx.Client, path: str) -> None:
        self.http, self.saved = client, 0
        client.get(path)
        assert client.post(path, data={"consent": "yes"}).status_code in (200, 303)
        hidden = Inputs(client.get("/choose").text).hidden
        done = client.post("/choose", data={**hidden, "category:1": "yes"})
        assert done.status_code in (200, 303), done.text

    def form(self, number: int) -> dict[str, str]:
        """The page of a category, filled in so that all of it tells the number."""
        hidden = Inputs(self.http.get("/rate/1").text).hidden
        cells = {f"r:1{a}:{q}": str(1 + number % 5) for a in "abc"
                 for q in ("importance", "tractability")}  # fmt: skip
        return {**hidden, **cells, "c:missing": f"number {number}"}

    def send(self, number: int) -> httpx.Response:
        answer = self.http.post("/rate/1", data=self.form(number), follow_redirects=False)
        if answer.status_code == 303:
            self.saved = number
        return answer

    def respondent(self, store) -> str:
        found = sessions.visitor(store, self.http.cookies["calibrant_survey"])
        assert found is not None
        return found.respondent

    def kept(self, store) -> int:
        """The number of the one page that is in the database, whole."""
        found = sheet(store, self.respondent(store), "1")
        number = int(found.comments["missing"].removeprefix("number "))
        assert {s.value for s in found.said.values()} == {1 + number % 5} and len(found.said) == 6
        return number


def links(store, n: int) -> list[str]:
    return [i.path for i in people.invite(store, [people.Invitee()] * n)]


def far(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60, trust_env=False)


@pytest.mark.slow
def test_killed_in_the_middle_of_saving(tmp_path):
    with make(tmp_path) as store:
        paths = links(store, 5)
    db = tmp_path / "survey.db"
    enough = threading.Event()
    with Server(db) as server:
        everybody = [Person(far(server.url), p) for p in paths]

        def work(person):
            try:
                for number in range(1, 1000):
                    assert person.send(number).status_code == 303
                    if number >= 4:
                        enough.set()
            except httpx.HTTPError:
                return  # the server was killed

        threads = [threading.Thread(target=work, args=(p,)) for p in everybody]
        for t in threads:
            t.start()
        assert enough.wait(60)
        server.kill()
        for t in threads:
            t.join(60)
        port = server.port
    assert all(p.saved for p in everybody)
    with open_survey(db) as store:
        for person in everybody:
            # What was on the way may have been saved; what was acknowledged was.
            assert person.kept(store) in (person.saved, person.saved + 1)
    with Server(db, port=port) as server:
        # In the same browsers, without coming in again.
        for person in everybody:
            shown = person.http.get("/rate/1").text
            assert re.search(r">\s*number \d+</textarea>", shown)
        assert everybody[0].send(999).status_code == 303
        assert "Traceback" not in server.stop()
        with open_survey(db) as store:
            assert everybody[0].kept(store) == 999
    for person in everybody:
        person.http.close()


@pytest.fixture
def near(tmp_path) -> Iterator:
    """A survey, and somebody who answers it in this process."""
    with make(tmp_path) as store:
        (path,) = links(store, 1)
        with TestClient(build(Site(store, URL)), base_url=URL) as client:
            yield store, Person(client, path)


def again(client, answer, path: str) -> httpx.Response:
    """Press "Send it again" on a page that says "not saved"."""
    assert answer.status_code == 503 and "Not saved" in answer.text
    assert f'action="{path}"' in answer.text
    fields = Inputs(answer.text).hidden
    return client.post(path, data=fields, follow_redirects=False)


WORDS = "What I have <b>thought</b> of for an hour & more. " * 60


def test_a_full_disk_loses_nothing(near, capsys):
    store, person = near
    assert person.send(1).status_code == 303
    room = {"pages": None}

    def limited(raw, _):
        pages = raw.execute("PRAGMA page_count").fetchone()[0] + 1
        raw.execute(f"PRAGMA max_page_count = {room['pages'] or pages}")

    event.listen(store.answers.engine, "connect", limited)
    store.answers.close()
    form = person.form(2) | {"c:missing": WORDS * 3}
    answer = person.http.post("/rate/1", data=form, follow_redirects=False)
    assert "What I have &lt;b&gt;thought&lt;/b&gt;" in answer.text
    assert "full" in capsys.readouterr().err
    # What was there is there, and nothing of what was not saved.
    assert person.kept(store) == 1
    assert again(person.http, answer, "/rate/1").status_code == 503
    room["pages"] = 10**6
    store.answers.close()
    assert again(person.http, answer, "/rate/1").status_code == 303
    found = sheet(store, person.respondent(store), "1")
    assert found.comments["missing"] == (WORDS * 3).strip()
    assert {s.value for s in found.said.values()} == {3}


def test_a_disk_that_fills_under_the_server(tmp_path):
    with make(tmp_path) as store:
        paths = links(store, 3)
    db = tmp_path / "survey.db"
    acknowledged: dict[int, str] = {}
    with Server(db, most=db.stat().st_size + 400_000) as server:
        everybody = [Person(far(server.url), p) for p in paths]
        refused = 0
        for number in range(60):
            person = everybody[number % 3]
            text = f"{number} " + WORDS
            form = person.form(number) | {"c:missing": text}
            answer = person.http.post("/rate/1", data=form)
            assert answer.status_code in (303, 503)
            if answer.status_code == 303:
                acknowledged[number % 3] = text.strip()
            else:
                refused += 1
                assert "Not saved" in answer.text and "thought" in answer.text
        # It still answers, and still says what is so.
        assert refused and everybody[0].http.get("/rate/1").status_code == 200
        server.kill()
    with open_survey(db) as store:
        for i, person in enumerate(everybody):
            found = sheet(store, person.respondent(store), "1")
            assert found.comments["missing"] == acknowledged[i]
            person.http.close()


def test_a_file_that_another_program_holds(near):
    store, person = near
    event.listen(store.answers.engine, "connect",
                 lambda raw, _: raw.execute("PRAGMA busy_timeout = 50"))  # fmt: skip
    store.answers.close()
    form = person.form(1)
    with closing(sqlite3.connect(store.answers.name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = person.http.post("/rate/1", data=form, follow_redirects=False)
        assert answer.status_code == 503
        # Reading goes on.
        assert person.http.get("/rate/1").status_code == 200
        other.execute("ROLLBACK")
    assert again(person.http, answer, "/rate/1").status_code == 303
    assert person.kept(store) == 1


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    pytest.importorskip("psycopg")
    found = Postgres()
    yield found
    found.stop()
    found.remove()


def test_a_database_that_goes_away_and_returns(postgres):
    url = postgres.start()
    with create_survey(url, a_survey(), TAXONOMY) as store:
        (path,) = links(store, 1)
        with TestClient(build(Site(store, URL)), base_url=URL) as client:
            person = Person(client, path)
            assert person.send(1).status_code == 303
            form = person.form(2)
            postgres.stop()
            assert client.get("/rate/1").status_code == 503
            answer = client.post("/rate/1", data=form, follow_redirects=False)
            assert answer.status_code == 503 and "number 2" in answer.text
            postgres.start()
            assert person.kept(store) == 1
            assert again(client, answer, "/rate/1").status_code == 303
            assert person.kept(store) == 2


def test_changes_made_together_stand_or_fall_alone(tmp_path):
    with make(tmp_path) as store:
        ends: dict[int, str] = {}
        ready = threading.Barrier(12)

        def change(i):
            ready.wait()
            try:
                with store.answers.write() as con:
                    put_setting(con, SETTING, f"k{i}", "there")
                    if i % 3 == 0:
                        raise KeyError(i)
                ends[i] = "done"
            except KeyError:
                ends[i] = "not"

        threads = [threading.Thread(target=change, args=(i,)) for i in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        assert ends == {i: "done" if i % 3 else "not" for i in range(12)}
        with store.answers.read() as con:
            found = {i for i in range(12) if setting(con, SETTING, f"k{i}") == "there"}
        assert found == {i for i in range(12) if i % 3}


@pytest.mark.slow
def test_thousands_of_requests(tmp_path):
    with make(tmp_path) as store:
        (path,) = links(store, 1)
    with Server(tmp_path / "survey.db", burst=60, patience=2, workers=2) as server:
        codes = []
        with socket.create_connection(("127.0.0.1", server.port)) as flood:
            ask = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            answers = flood.makefile("rb")
            for _ in range(20):
                flood.sendall(ask * 100)
                for _ in range(100):
                    head = {}
                    codes.append(int(answers.readline().split()[1]))
                    while line := answers.readline().strip():
                        name, _, value = line.partition(b": ")
                        head[name.lower()] = value
                    answers.read(int(head[b"content-length"]))
                    if codes[-1] == 429:
                        assert int(head[b"retry-after"]) >= 1
            answers.close()
        assert codes[:60] == [401] * 60 and codes.count(429) > 1000
        # Others are answered.
        other = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(base_url=server.url, transport=other, timeout=60) as client:
            assert client.get(path).status_code == 200
        # Who says half a sentence is not waited for.
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            slow.settimeout(30)
            slow.sendall(b"GET / HTT")
            assert slow.recv(100) == b""
        # Workers whose parent was killed end by themselves, and say nothing of trouble.
        server.process.send_signal(signal.SIGKILL)
        assert "Traceback" not in server.process.communicate(timeout=60)[1]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


def test_forged_links_and_replayed_forms(near):
    store, person = near
    (path,) = links(store, 1)
    token = path.rpartition("/")[2]
    name, _, signature = token.partition(".")
    forged = [f"{name}.{signature[:-1]}", f"{name}.", f".{signature}", name, f"x{token}",
              f"{name}.{signature.swapcase()}", "%00", "é", "a" * 5000]  # fmt: skip
    with TestClient(build(Site(store, URL)), base_url=URL) as other:
        for door in ("enter", "return", "join", "organise/enter"):
            for text in (*forged, *([] if door == "enter" else [token])):
                assert other.get(f"/{door}/{text}").status_code == 404, (door, text)
        # Looked at, as mail scanners do, then used, then used by somebody else.
        other.get(path)
        assert other.post(path, data={"consent": "yes"}).status_code == 200
    with TestClient(build(Site(store, URL)), base_url=URL) as third:
        assert third.post(path, data={"consent": "yes"}).status_code == 410
        # Another's form, in a browser that has a session of its own, and in one that has none.
        form = person.form(1)
        assert third.post("/rate/1", data=form).status_code == 401
    form = person.form(1)
    assert person.http.post("/rate/1", data=form, follow_redirects=False).status_code == 303
    later = person.form(2)
    assert person.http.post("/rate/1", data=later, follow_redirects=False).status_code == 303
    # The earlier form, recorded and sent again, changes nothing.
    assert person.http.post("/rate/1", data=form, follow_redirects=False).status_code == 409
    assert person.kept(store) == 2
