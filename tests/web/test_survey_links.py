"""Do links do what they say: invitations that work once, return links, forged and expired ones;
and is whoever leaves, or comes back after a restart, known?"""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from calibrant.web.survey.kept import people, progress
from calibrant.web.survey.kept.tables import INVITATION

from .conftest import Inputs
from .survey import URL, Desk, Respondent, cells, invited, small


@pytest.fixture
def desk(tmp_path):
    made = Desk(small(tmp_path))
    yield made
    made.close()


@pytest.fixture
def ana(desk) -> Respondent:
    """Somebody who chose two categories."""
    respondent = desk.respondent()
    respondent.choose("1", "2")
    return respondent


def test_looking_at_a_link_uses_nothing_up_and_it_works_once(desk):
    link = invited(desk)
    scanner, ana, other = desk.client(), desk.client(), desk.client()
    for _ in range(3):
        assert scanner.get(link.path).status_code == 200
    assert ana.get(link.path).status_code == 200
    assert ana.post(link.path).status_code == 422  # consent is wanted, and uses nothing up
    assert ana.post(link.path, data={"consent": "yes"}).url.path == "/return-link"
    # The same browser, as the answer was lost on the way, or the link is pressed again.
    assert ana.post(link.path, data={"consent": "yes"}).url.path == "/choose"
    assert ana.get(link.path).url.path == "/choose"
    for answer in (other.get(link.path), other.post(link.path, data={"consent": "yes"})):
        assert answer.status_code == 410 and "used already" in answer.text
        assert "return link" in answer.text
    assert other.get("/overview").status_code == 401
    assert progress.counts(desk.store).all == 1


def test_a_second_invitation_in_one_browser_is_another_respondent_and_says_so(desk, ana):
    ana.rate("1", a1a_importance="4")
    first, link = ana.id, invited(desk)
    assert "begun with another invitation" in ana.open(link.path).text
    assert ana.client.post(link.path, data={"consent": "yes"}).url.path == "/return-link"
    assert ana.id != first and progress.counts(desk.store).all == 2
    assert "1a" in {r[0] for r in desk.said()}


@pytest.mark.parametrize("state", ["expired", "withdrawn"])
def test_links_that_work_no_more_say_what_to_do(desk, state):
    link = invited(desk)
    if state == "withdrawn":
        people.withdraw(desk.store, link.id)
    else:
        with desk.store.people.write() as con:
            day = (date.today() - timedelta(days=2)).isoformat()
            con.execute(update(INVITATION).values(expires=day))
    client = desk.client()
    for answer in (client.get(link.path), client.post(link.path, data={"consent": "yes"})):
        assert answer.status_code == 410 and state in answer.text and "ask who" in answer.text
    assert progress.counts(desk.store).all == 0


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: "x" + t,
               lambda t: t.partition(".")[0], lambda t: "ä.ö", lambda t: t + "%00"],
)  # fmt: skip
def test_forged_links_open_nothing(desk, ana, change):
    token = invited(desk).path.rpartition("/")[2]
    client = desk.client()
    for place in ("enter", "join", "return"):
        path = f"/{place}/{change(token)}"
        for answer in (client.get(path), client.post(path, data={"consent": "yes"})):
            assert answer.status_code == 404 and "link" in answer.text
    client.cookies.set("calibrant_survey", change(ana.client.cookies["calibrant_survey"]).encode(
        "ascii", "ignore").decode())  # fmt: skip
    assert client.get("/overview").status_code == 401


def test_tokens_are_for_one_purpose(desk, ana):
    (cookie,) = [c.value for c in ana.client.cookies.jar]
    ana.open("/overview")
    tokens = [cookie, ana.fields.get("form") or Inputs(ana.open("/choose").text).hidden["form"]]
    tokens += [people.organiser_path(desk.store).rpartition("/")[2],
               invited(desk).path.rpartition("/")[2]]  # fmt: skip
    client = desk.client()
    for place, good in (("enter", 3), ("return", None), ("join", None)):
        for i, token in enumerate(tokens):
            assert (client.get(f"/{place}/{token}").status_code == 200) == (i == good)
    client.cookies.set("calibrant_organiser", cookie)
    assert not people.is_organiser(desk.store, cookie)


def test_the_open_link_is_there_only_if_wanted(desk, tmp_path):
    assert people.open_path(desk.store) is None
    other = tmp_path / "open"
    other.mkdir()
    many = Desk(small(other, invitations={"open_link": True}, consent=""))
    path = people.open_path(many.store)
    assert path is not None
    for _ in range(2):
        Respondent(many, path)
    assert progress.counts(many.store).began == 2
    many.close()


def test_the_return_link_brings_back_and_is_shown_once(desk, ana):
    ana.rate("1", a1a_importance="4")
    ana.open("/return-link")
    page = ana.send("/return-link")
    link = re.search(rf"{URL}(/return/[\w.=-]+)", page.text)
    assert link and link[1] not in ana.open("/return-link").text
    client = desk.client()
    for _ in range(2):
        assert client.get(link[1]).status_code == 200
    assert client.get("/overview").status_code == 401
    assert client.post(link[1]).url.path == "/overview"
    checked = [a for t, a in Inputs(client.get("/rate/1").text).tags if "checked" in a]
    assert "r:1a:importance:4" in [a["id"] for a in checked]
    # It may be kept and used again; a newer one replaces it.
    assert desk.client().post(link[1]).url.path == "/overview"
    ana.open("/return-link")
    ana.send("/return-link")
    assert desk.client().get(link[1]).status_code == 404
    assert ana.open("/overview").status_code == client.get("/overview").status_code == 200
    assert progress.counts(desk.store).all == 1


def test_before_and_after_the_window_nobody_comes_in(desk):
    link = invited(desk)
    client = desk.client()
    client.get(link.path)
    desk.store.set_door("closed")
    page = client.get(link.path)
    assert "takes no more answers" in page.text and "<form" not in page.text
    assert client.post(link.path, data={"consent": "yes"}).status_code == 409
    desk.store.set_door("open")
    assert client.post(link.path, data={"consent": "yes"}).status_code == 200


def test_whoever_leaves_in_the_middle_is_kept_as_left(desk, ana):
    ana.rate("1", a1a_importance="4")
    ben = desk.respondent()
    ana.open("/leave")
    assert "forgotten you" in ana.send("/leave").text
    assert ana.open("/overview").status_code == 401
    counts = progress.counts(desk.store)
    assert (counts.began, counts.left, counts.finished) == (1, 1, 0)
    desk.store.set_door("closed")
    counts = progress.counts(desk.store)
    assert (counts.began, counts.left, counts.finished) == (0, 2, 0)
    assert ("1a", "i", "a", 4.0, 1) in desk.said()
    assert ben.open("/overview").status_code == 200


def test_everything_can_be_deleted_also_reasons_that_others_see(desk, ana):
    from sqlalchemy import select

    from calibrant.web.survey.kept import answers, releases, sessions
    from calibrant.web.survey.kept.answers import Copy, Said
    from calibrant.web.survey.kept.tables import RELEASE

    said = {("1a", "importance"): Said("answered", 4, "my own words")}
    answers.save_sheet(desk.store, ana.id, "1", said, {}, Copy(0, "x"))
    for _ in range(4):
        other = sessions.visitor(desk.store, sessions.begin(desk.store))
        answers.choose(desk.store, other.respondent, ["1"], Copy(0, "x"))
        cell = {("1a", "importance"): Said("answered", 2)}
        answers.save_sheet(desk.store, other.respondent, "1", cell, {}, Copy(0, "x"))
    assert "my own words" in repr(releases.shown(desk.store, "1a"))
    ana.open("/leave")
    assert "was deleted" in ana.send("/leave", delete="yes").text
    assert len(desk.said()) == 4 and progress.counts(desk.store).all == 4
    assert ana.open("/overview").status_code == 401
    assert "my own words" not in repr(releases.shown(desk.store, "1a"))
    with desk.store.answers.read() as con:
        assert "my own words" not in repr(con.execute(select(RELEASE)).all())


def test_sessions_and_open_forms_survive_a_restart(tmp_path):
    first = Desk(small(tmp_path))
    ana = first.respondent()
    ana.choose("1")
    ana.open("/rate/1")
    cookies = dict(ana.client.cookies)
    first.close()
    second = Desk(small(tmp_path))
    client = second.client()
    client.cookies.update(cookies)
    answer = client.post("/rate/1", data={**ana.fields, **cells(a1a_importance="3")})
    assert answer.status_code == 200 and ("1a", "i", "a", 3.0, 1) in second.said()
    second.close()
