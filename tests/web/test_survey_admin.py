"""Does the organiser learn how far the survey is, and nothing of what one person said?"""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import polars as pl
import pytest
from starlette.testclient import TestClient

from calibrant.errors import InputError
from calibrant.records.ratings import as_ratings
from calibrant.web.survey.app import build
from calibrant.web.survey.kept import answers, people, sessions
from calibrant.web.survey.kept.answers import Copy, Said
from calibrant.web.survey.kept.store import open_survey, today
from calibrant.web.survey.kept.windows import closed, next_round
from calibrant.web.survey.organising import counts, organise, results
from calibrant.web.survey.organising.guests import Guest, guests_in
from calibrant.web.survey.site import Site

from .conftest import Inputs
from .surveys import URL, come, crowd, finish, make, say


@pytest.fixture
def store(tmp_path):
    with make(tmp_path) as found:
        yield found


@pytest.fixture
def browser(store):
    with TestClient(build(Site(store, URL)), base_url=URL) as client:
        yield client


@pytest.fixture
def organiser(store, browser):
    page = browser.get(people.organiser_path(store))
    assert page.status_code == 200 and page.url.path == "/organise"
    return browser


def send(client, path, **fields):
    page = client.get(path)
    kept = Inputs(page.text).hidden
    return client.post(path.partition("?")[0], data={"form": kept["form"], **fields})


GUESTS = (
    Guest("Ana", "ana@example.org", ("1", "4")),
    Guest("Ben", "ben@example.org", ("4",)),
    Guest("<i>Cem", "cem@example.org"),
)


def test_response_rates_by_category(store):
    ana, ben, cem = organise.invite(store, GUESTS)
    assert people.use(store, ana)
    people.withdraw(store, cem.id)
    everybody, by = counts.invited(store)
    assert everybody == counts.Invited(3, 1, 1, 0, 1, 0) and everybody.rate == 1 / 2
    assert {c: (n.invited, n.used) for c, n in by.items()} == {"1": (1, 1), "4": (2, 1)}
    late, _ = counts.invited(store, on=ben.expires + timedelta(days=1))
    assert (late.waiting, late.expired) == (0, 1)
    # A link works on its last day.
    assert counts.invited(store, on=ben.expires)[0].waiting == 1


def test_counts_change_in_batches_of_k(store):
    # k is 3.
    crowd(store, 2)
    found = organise.status(store)
    assert found.day is None and found.came.came == 0 and "fewer than 3 came" in repr(found)
    who = come(store, ("4",))
    say(store, who, "4")
    first = organise.status(store)
    assert first.came.came == 3 and first.day == today().isoformat()
    # Two more, or more answers of the same: nothing moves.
    crowd(store, 2, seed=1)
    finish(store, who)
    assert organise.status(store) == first
    come(store, ("7",))
    second = organise.status(store)
    assert (second.came.came, second.came.finished) == (6, 1)
    # Leaving counts as coming does: no difference of two looks is about fewer than 3.
    for gone in [who, *crowd(store, 1, seed=2)]:
        sessions.forget(store, sessions.Visitor("x", gone, "began", False))
    assert organise.status(store) == second


def test_cells_below_k_are_not_shown_while_open(store):
    for n, category in ((4, "1"), (2, "4")):
        for _ in range(n):
            say(store, come(store, (category,)), category)
    found = counts.counted(store)
    cells = {(c.area, c.question): (c.answered, c.dont_know) for c in found.cells}
    assert cells["1a", "importance"] == (4, 0) and cells["1c", "importance"] == (0, 4)
    assert cells["4a", "importance"] == (None, 0) and cells["7a", "importance"] == (0, 0)
    assert found.chosen == {"1": 4, "4": None, "7": 0}
    areas = {a.id: a for a in organise.status(store, wanted=4).areas}
    # Of 1b and 1c a question has no number; of 4a, as far as is shown, at most two.
    assert [a for a in areas if not areas[a].short] == ["1a"]
    assert areas["1a"].answered == {"importance": 4, "tractability": 4}
    store.decide(closed)
    cells = {(c.area, c.question): c.answered for c in counts.counted(store).cells}
    assert cells["4a", "importance"] == 2
    assert counts.counted(store).came == counts.Came(6, 0, 0, 6)


def test_what_was_taken_back_does_not_count(store):
    whos = [come(store, ("1", "4")) for _ in range(4)]
    for who in whos:
        say(store, who, "1")
        say(store, who, "4")
    at = answers.revision(store, whos[0], "choose")
    assert answers.choose(store, whos[0], ("4",), Copy(at, "t")) == "saved"
    found = counts.counted(store)
    cells = {(c.area, c.question): c.answered for c in found.cells}
    assert cells["1a", "importance"] == 3 and cells["4a", "importance"] == 4
    assert found.chosen == {"1": 3, "4": 4, "7": 0}
    table = results.ratings(store).frame.filter(pl.col("respondent") == whos[0])
    states = dict(table.group_by("area").agg(pl.col("state").first()).iter_rows())
    assert (states["1a"], states["4a"], states["7a"]) == ("skipped", "answered", "not shown")


def test_the_ratings_table_keeps_every_state_apart(store):
    who = come(store, ("1",))
    say(store, who, "1", 2)
    silent = come(store, ("4",))
    store.decide(lambda door: next_round(store.survey, door, organise_now()))
    at = answers.sheet(store, who, "1").revision
    answers.save_sheet(store, who, "1", {("1b", "tractability"): Said("answered", 5)}, {},
                       Copy(at, "t"))  # fmt: skip
    table = as_ratings(results.ratings(store).frame).frame
    rows = {(r["respondent"], r["round"], r["area"], r["question"]): (r["state"], r["value"])
            for r in table.to_dicts()}  # fmt: skip
    assert len(rows) == 2 * 9 * 2 + 1
    assert rows[who, 1, "1a", "importance"] == ("answered", 2.0)
    assert rows[who, 1, "1c", "importance"] == ("don't know", None)
    assert rows[who, 1, "1b", "tractability"] == ("skipped", None)
    assert rows[who, 2, "1b", "tractability"] == ("answered", 5.0)
    assert rows[who, 1, "4a", "importance"] == ("not shown", None)
    assert rows[silent, 1, "4a", "importance"] == ("skipped", None)
    assert rows[silent, 1, "1a", "importance"] == ("not shown", None)
    assert table["respondent"].is_sorted() and table["time"].null_count() == table.height


def organise_now():
    from calibrant.web.survey.kept.store import now

    return now()


def test_invite_send_remind_and_withdraw(store, organiser):
    table = 'name,email,categories\nAna,ana@example.org,"1,4"\n<i>Ben,ben@example.org,4\n'
    page = send(organiser, "/organise/invite", people=table)
    assert page.status_code == 200 and "2 people have a link of their own now" in page.text
    page = send(organiser, "/organise/invite", people=table)
    assert page.status_code == 422 and "invited already: ana@example.org" in page.text
    assert "&lt;i&gt;Ben" in page.text and "<i>Ben" not in page.text
    # The letters are to be sent, then were sent, then somebody has come.
    ana, ben = sorted(people.invitations(store), key=lambda i: i.email)
    rows = list(csv.DictReader(io.StringIO(
        organiser.get("/organise/letters/invite/letters.csv").text)))  # fmt: skip
    assert {r["link"] for r in rows} == {URL + ana.path, URL + ben.path}
    for ending in ("mbox", "zip"):
        found = organiser.get(f"/organise/letters/invite/letters.{ending}")
        assert found.content.startswith({"mbox": b"From -", "zip": b"PK"}[ending])
    assert "Nobody is left to remind" in organiser.get("/organise/letters/remind").text
    kept = Inputs(organiser.get("/organise/letters/invite").text).hidden
    page = organiser.post("/organise/letters/invite", data={**kept, "do": "sent"})
    assert "Noted: 2 letters were sent today" in page.text
    assert people.use(store, ana)
    page = organiser.get("/organise/letters/remind")
    assert "1 person was" in page.text and "ben@example.org" in page.text
    assert "ana@example.org" not in page.text
    page = send(organiser, "/organise/letters/remind", do="sent")
    assert "was reminded before" in page.text
    (found,) = [i for i in people.invitations(store) if i.reminders]
    assert (found.email, found.reminders, found.reminded) == ("ben@example.org", 1, today())
    page = send(organiser, "/organise/people", do="withdraw", id=ben.id)
    assert "withdrawn" in page.text and "&lt;i&gt;Ben" in page.text
    assert people.invitation_of(store, ben.path.rpartition("/")[2]).state == "withdrawn"
    page = send(organiser, "/organise/people", do="renew", id=ben.id)
    new = re.search(r"<code>(.*?)</code>", page.text)[1]
    fresh = people.invitation_of(store, new.rpartition("/")[2])
    assert fresh.state == "open"
    assert people.invitation_of(store, ben.path.rpartition("/")[2]) is None
    assert send(organiser, "/organise/people", do="withdraw", id="nobody").status_code == 404


def test_letters_of_another_list_are_not_noted(store, organiser):
    organise.invite(store, GUESTS[:1])
    kept = Inputs(organiser.get("/organise/letters/invite").text).hidden
    organise.invite(store, GUESTS[1:])
    page = organiser.post("/organise/letters/invite", data={**kept, "do": "sent"})
    assert page.status_code == 409 and "nothing was noted" in page.text
    assert all(i.sent is None for i in people.invitations(store))


def test_a_text_of_ones_own(store, organiser):
    organise.invite(store, GUESTS[:1])
    path = "/organise/letters/invite"
    page = send(organiser, path, do="text", text="Dear $name, come: $lnik")
    assert page.status_code == 422 and "$lnik is unknown" in page.text
    assert "come: $lnik" in page.text
    assert send(organiser, path, do="text", text="Dear $name, come: $link").status_code == 200
    assert f"Dear Ana, come: {URL}/enter/" in organiser.get(f"{path}/letters.csv").text
    send(organiser, path, do="text", text="")
    assert organise.own_text(store, "invite") is None


def test_close_extend_reopen_and_next_round(store, organiser):
    until = (today() + timedelta(days=9)).isoformat() + "T18:00"
    assert "Take answers until" in organiser.get("/organise").text
    page = decide(organiser, "open", until=until)
    assert store.window().closes.isoformat() == f"{until}:00+00:00" and "18:00 UTC" in page.text
    assert decide(organiser, "open", until="2001-01-01T00:00").status_code == 422
    assert decide(organiser, "open", until="tomorrow").status_code == 422
    assert store.window().is_open
    decide(organiser, "close")
    assert store.window().state == "closed"
    decide(organiser, "open")
    assert store.window().is_open and store.window().closes is None
    page = decide(organiser, "next")
    assert store.window().round == 2 and "Round 2 is open" in page.text
    assert decide(organiser, "explode").status_code == 400
    with open_survey(store.answers.name) as again:
        assert again.window() == store.window()


def decide(client, what, **more):
    kept = Inputs(client.get("/organise").text).hidden
    return client.post("/organise/window", data={"form": kept["form"], "do": what, **more})


def test_only_the_organiser(store, browser):
    organise.invite(store, GUESTS)
    paths = ("/organise", "/organise/invite", "/organise/people", "/organise/letters/invite",
             "/organise/letters/remind", "/organise/letters/invite/letters.csv",
             "/organise/download/ratings.csv")  # fmt: skip
    token = people.organiser_path(store)
    invited = people.invitations(store)[0].path
    forged = (f"{token[:-1]}{'B' if token[-1] == 'A' else 'A'}", "/organise/enter/x.y",
              "/organise/enter/\u00e9", f"/organise{invited}")  # fmt: skip
    assert [browser.get(p).status_code for p in forged] == [404] * 4
    for cookie in (None, "x.y", sessions.begin(store), people.organiser_form(store)):
        if cookie:
            browser.cookies.set("calibrant_organiser", cookie)
        assert [browser.get(p).status_code for p in paths] == [401] * len(paths)
        for path in ("/organise/invite", "/organise/people", "/organise/window"):
            assert browser.post(path, data={"do": "close"}).status_code == 401
    browser.cookies.clear()
    browser.get(token)
    # The organiser's browser, and another site's form.
    for path in ("/organise/invite", "/organise/people", "/organise/letters/invite",
                 "/organise/window"):  # fmt: skip
        assert browser.post(path, data={"do": "close"}).status_code == 403
        fields = {"form": people.organiser_form(store), "do": "close"}
        elsewhere = {"origin": "https://evil.example"}
        assert browser.post(path, data=fields, headers=elsewhere).status_code == 403
    assert store.window().is_open


FORMULAS = ('=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1", "'=1", " =1")


def test_downloads_hold_no_formula(store, organiser):
    for text in FORMULAS:
        who = come(store, ("1",))
        say(store, who, "1", missing=text)
        answers.save_about(store, who, {"sector": (text, True)}, {}, Copy(0, "t"))
        answers.save_own(store, who, ["1a"], Copy(0, "t"))
        at = answers.sheet(store, who, "1").revision
        answers.save_sheet(store, who, "1", {("1a", "importance"): Said("answered", 1, text)}, {},
                           Copy(at, "t"))  # fmt: skip
    assert organiser.get("/organise/download/ratings.csv").status_code == 409
    store.decide(closed)
    page = organiser.get("/organise").text
    links = re.findall(r'href="(/organise/download/[^"]+)"', page)
    assert len(links) == 13
    for link in links:
        found = organiser.get(link)
        assert found.status_code == 200, link
        if link.endswith(".parquet"):
            assert pl.read_parquet(found.content).height > 0
            continue
        rows = list(csv.reader(io.StringIO(found.content.decode("utf-8"), newline="")))
        assert len(rows) > len(FORMULAS)
        cells = [c for row in rows[1:] for c in row]
        assert not [c for c in cells if re.match(r"\s*[=+@＝]|\s*-(?![0-9.]+$)", c)], link
        if "comments" in link:
            # Taking one apostrophe off gives back what was written.
            assert {r[3].removeprefix("'") for r in rows[1:]} == {f.strip() for f in FORMULAS}
    for name in ("secret.csv", "ratings.exe", "../survey.db", "ratings", ".csv"):
        assert organiser.get(f"/organise/download/{name}").status_code == 404


def test_many_people_in_pages(store, organiser):
    organise.invite(store, guests_in("\n".join(f"p{i:03}@example.org" for i in range(230))))
    page = organiser.get("/organise/people").text
    assert "1 to 100 of 230" in page and "p099@" in page and "p100@" not in page
    assert "p229@" in organiser.get("/organise/people?at=200").text
    assert "Nobody whose link is used" in organiser.get("/organise/people?state=used").text
    assert organiser.get("/organise/people?at=-5&state=%3Cb%3E").status_code == 200


def test_who_is_invited_already_is_passed_over_if_asked(store):
    organise.invite(store, GUESTS[:1])
    again = [Guest("Ana", "ANA@example.org"), *GUESTS[1:]]
    with pytest.raises(InputError, match="invited already: ANA@example.org; nobody"):
        organise.invite(store, again)
    assert len(people.invitations(store)) == 1
    assert len(organise.invite(store, again, again=True)) == 2
