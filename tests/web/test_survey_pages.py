"""Do the respondents' pages do what they say: with wrong forms, from two tabs, whatever is
written?"""

from __future__ import annotations

import re

import pytest
from sqlalchemy.exc import OperationalError

from calibrant.web.security import HEADERS
from calibrant.web.survey.kept import people, progress

from .conftest import Inputs
from .survey import Desk, Respondent, cells, invited, small, text_of

SCRIPT = "<script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>\x00{{7*7}}\u202e"


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


def test_the_whole_way(desk):
    ana = desk.respondent()
    assert ana.page.url.path == "/return-link"
    assert ana.choose("1", "2").url.path == "/own"
    assert ana.send("/own", **{"own:1a": "yes"}).url.path == "/overview"
    page = ana.rate("1", a1a_importance="4", a1a_tractability="dk", a1b_importance="skip",
                    x_obstacles="two\r\nlines")  # fmt: skip
    assert (page.url.path, "Saved: <b>Evaluation</b>" in page.text) == ("/rate/2", True)
    assert "your own area" in ana.open("/rate/1").text and "two\nlines" in ana.page.text
    page = ana.rate("2", a2a_importance="5", a2a_tractability="1")
    assert page.url.path == "/overview" and "2 of 2 categories done" in page.text
    ana.open("/about")
    about = {"d:sector:text": " at  home ", "c:missing": "sandbagging"}
    assert ana.send("/about", **about).url.path == "/overview"
    assert "at home" in ana.open("/about").text and "sandbagging" in ana.page.text
    ana.open("/overview")
    assert ana.send("/finish").url.path == "/thanks"
    assert progress.counts(desk.store).finished == 1
    # Afterwards answers may still be revised, until the survey closes.
    ana.rate("2", a2a_importance="2", a2a_tractability="1")
    assert ("2a", "i", "a", 2.0, 2) in desk.said()
    desk.store.set_door("closed")
    page = ana.open("/rate/2")
    assert "The survey is closed" in page.text and "<button" not in page.text
    assert page.text.count("<fieldset disabled>") == 2
    page = ana.send("/rate/2", **cells(a2a_importance="5"))
    assert page.status_code == 409 and "was not saved" in page.text
    assert "closed" in ana.open("/thanks").text
    assert ("2a", "i", "a", 2.0, 2) in desk.said() and len(desk.said()) == 6


# -- forms ----------------------------------------------------------------------


def test_two_tabs(desk, ana):
    ana.open("/rate/1")
    first = dict(ana.fields)
    ana.open("/rate/1")
    second = dict(ana.fields)
    ana.send("/rate/1", first, **cells(a1a_importance="5", x_obstacles="from the first"))
    page = ana.send("/rate/1", second, **cells(a1a_importance="2", x_obstacles="from the second"))
    assert page.status_code == 409 and "there are newer answers" in page.text
    # It shows both: what was sent, ready to be sent again, and what is there.
    assert "from the second" in page.text and "Saved elsewhere: from the first" in page.text
    assert "Saved elsewhere: 5 – Strongly agree" in page.text
    checked = [a["id"] for t, a in Inputs(page.text).tags if "checked" in a]
    assert "r:1a:importance:2" in checked
    assert ("1a", "i", "a", 5.0, 1) in desk.said()
    ana.send("/rate/1", **cells(a1a_importance="2", x_obstacles="from the second"))
    assert ("1a", "i", "a", 2.0, 2) in desk.said()


@pytest.mark.parametrize("path, said", [
    ("/choose", {"category:3": "yes"}), ("/own", {"own:3a": "yes"}),
    ("/about", {"d:sector": "1"}),
])  # fmt: skip
def test_two_tabs_elsewhere(ana, path, said):
    ana.open(path)
    first = dict(ana.fields)
    ana.open(path)
    second = dict(ana.fields)
    other = {"/choose": {"category:1": "y"}, "/own": {"own:1a": "y"}, "/about": {"d:sector": "0"}}
    assert ana.send(path, first, **other[path]).status_code == 200
    page = ana.send(path, second, **said)
    assert page.status_code == 422 and "another tab or browser" in page.text
    assert ana.send(path, **said).status_code == 200


def test_the_same_form_twice_is_one_answer(desk, ana):
    ana.open("/rate/1")
    form = dict(ana.fields)
    for _ in range(3):
        page = ana.send("/rate/1", form, **cells(a1a_importance="5"))
        assert page.status_code == 200
    assert next(r for r in desk.said() if r[0] == "1a") == ("1a", "i", "a", 5.0, 1)


def test_quiet_saving_says_so_and_leaves_the_rest_open(desk, ana):
    ana.open("/rate/1")
    form = dict(ana.fields)
    quiet = {"hx-request": "true"}
    answer = ana.client.post("/rate/1", data={**form, **cells(a1a_importance="5")}, headers=quiet)
    assert text_of(answer.text) == "Saved: 1 of 4 on this page."
    again = Inputs(answer.text).hidden
    assert again == {"revision": "1"} and desk.said() == [("1a", "i", "a", 5.0, 1)]
    # One that was overtaken on the way changes nothing.
    answer = ana.client.post("/rate/1", data={**form, **cells(a1a_importance="1")}, headers=quiet)
    assert "Not saved yet" in answer.text and desk.said() == [("1a", "i", "a", 5.0, 1)]
    desk.store.set_door("closed")
    answer = ana.client.post("/rate/1", data={**form, **again}, headers=quiet)
    assert "closed" in answer.text


def test_forms_of_others_are_refused(desk, ana):
    ben = desk.respondent()
    ben.choose("1")
    for path in ("/rate/1", "/choose", "/own", "/about", "/overview", "/leave", "/return-link"):
        ana.open(path)
        to = "/finish" if path == "/overview" else path
        stolen = ana.fields or {"form": ""}
        assert ben.client.post(to, data=stolen).status_code == 403, path
        assert ben.client.post(to, data={}).status_code == 403, path
        for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
            assert ana.client.post(to, data=ana.fields, headers=headers).status_code == 403
    assert desk.said() == [] and progress.counts(desk.store).finished == 0
    link = invited(desk)
    cross = {"origin": "http://evil.example"}
    answer = desk.client().post(link.path, data={"consent": "yes"}, headers=cross)
    assert answer.status_code == 403
    assert people.invitation_of(desk.store, link.path.rpartition("/")[2]).state == "open"


@pytest.mark.parametrize("said", [
    {"r:1a:importance": "6"}, {"r:1a:importance": "0"}, {"r:1a:importance": "²"},
    {"r:1a:importance": "-1"}, {"r:1a:importance": "4.0"}, {"c:obstacles": "x" * 501},
])  # fmt: skip
def test_only_what_was_asked(desk, ana, said):
    ana.open("/rate/1")
    page = ana.send("/rate/1", **said)
    assert page.status_code == 422 and "Error:" in page.text and desk.said() == []
    (link,) = re.findall(r'<li><a href="#([^"]+)">', page.text)
    assert f'id="{link}"' in page.text  # the summary leads to the field


def test_nothing_chosen_odd_numbers_and_unknown_pages(desk, ana):
    ana.open("/choose")
    page = ana.send("/choose")
    assert page.status_code == 422 and "at least one" in page.text
    for path in ("/rate/3", "/rate/x", "/rate/%00", "/nowhere", "/results/x"):
        assert ana.open(path).status_code == 404, path
    ana.open("/rate/1")
    for wrong in ({"revision": "x"}, {"revision": "²"}, {"tab": ""}, {"tab": "x" * 99}):
        page = ana.client.post("/rate/1", data={**ana.fields, **wrong})
        assert page.status_code == 400, wrong
    kind = {"content-type": "application/x-www-form-urlencoded"}
    many = "&".join(f"f{i}=1" for i in range(1001))
    assert ana.client.post("/rate/1", content=many, headers=kind).status_code == 400
    page = ana.client.post("/rate/1", data={**ana.fields, "opened": "x.y"})
    assert page.status_code == 200
    assert set(progress.ratings(desk.store)["seconds"].to_list()) == {None}


def test_script_in_a_comment_stays_text(desk, ana):
    ana.open("/rate/1")
    ana.send("/rate/1", **cells(x_obstacles=SCRIPT))
    ana.open("/about")
    ana.send("/about", **{"d:sector:text": SCRIPT[:150], "c:missing": SCRIPT})
    for path in ("/rate/1", "/about", "/overview"):
        page = ana.open(path)
        tags = Inputs(page.text).tags
        assert all(a.get("src", "/").startswith("/static/") for t, a in tags if t == "script")
        assert not [t for t, _ in tags if t in ("img", "style", "iframe")]
        assert "{{7*7}}" in page.text or path == "/overview"


def test_pages_are_guarded_and_hold_no_script_of_their_own(desk, ana):
    paths = ("/choose", "/own", "/rate/1", "/overview", "/about", "/return-link", "/leave")
    for path in paths:
        page = ana.open(path)
        for name, value in HEADERS.items():
            assert page.headers[name].startswith(value), (path, name)
        assert page.headers["content-security-policy"].endswith("; connect-src 'self'")
        assert page.headers["cache-control"] == "no-store"
        for tag, attributes in Inputs(page.text).tags:
            assert tag != "style" and "style" not in attributes
            assert tag != "script" or attributes["src"].startswith("/static/")
            assert not [a for a in attributes if a.startswith("on")]
        secrets = [c.value for c in ana.client.cookies.jar]
        assert not any(s in page.text for s in secrets) and "Ana" not in page.text


def test_cookies_behind_tls_are_this_servers_alone(tmp_path):
    from starlette.testclient import TestClient

    from calibrant.web.survey.app import Site, build

    with small(tmp_path) as store:
        app = build(Site(store, "https://survey.example.org"), ("survey.example.org",))
        (link,) = people.invite(store, [people.Invitee("Ana")])
        with TestClient(app, base_url="https://survey.example.org") as client:
            said = client.get(link.path).headers["set-cookie"]
            for part in (
                "__Host-calibrant_survey=",
                "HttpOnly",
                "Secure",
                "Path=/",
                "SameSite=lax",
            ):
                assert part in said
            assert client.post(link.path, data={"consent": "yes"}).status_code == 200


def test_what_could_not_be_saved_can_be_sent_again(desk, ana, monkeypatch, capsys):
    from calibrant.web.survey.kept import answers

    def gone(*_, **__):
        raise OperationalError("INSERT", {"value": "private"}, Exception("disk is full"),
                               hide_parameters=True)  # fmt: skip

    ana.open("/rate/1")
    with monkeypatch.context() as m:
        m.setattr(answers, "save_sheet", gone)
        page = ana.send("/rate/1", **cells(a1a_importance="3", x_obstacles="typed\nfor long"))
    assert page.status_code == 503 and "Send it again" in page.text
    said = capsys.readouterr().err
    assert "disk is full" in said and "private" not in said and "typed" not in said
    assert desk.said() == []
    # What was typed can be read, and copied, too.
    (typed,) = re.findall(r"<pre[^>]*>\n?([^<]*)</pre>", page.text)
    assert ana.send("/rate/1", **cells(x_obstacles=typed)).status_code == 200
    assert ("1a", "i", "a", 3.0, 1) in desk.said()
    assert "typed\nfor long" in ana.open("/rate/1").text
    # A link is not used up by a failure to begin.
    link = invited(desk)
    client = desk.client()
    with monkeypatch.context() as m:
        m.setattr("calibrant.web.survey.kept.sessions.begin", gone)
        assert client.post(link.path, data={"consent": "yes"}).status_code == 503
    assert client.post(link.path, data={"consent": "yes"}).url.path == "/return-link"


def test_how_long_a_page_was_open_is_kept_and_no_time_of_day(desk, ana, monkeypatch):
    from calibrant.web.survey.pages import forms

    clock = [1_000_000.0]
    monkeypatch.setattr(forms.time, "time", lambda: clock[0])
    ana.open("/rate/2")
    clock[0] += 42.25
    ana.send("/rate/2", **cells(a2a_importance="1"))
    assert set(progress.ratings(desk.store)["seconds"].to_list()) == {42.2}
    assert progress.ratings(desk.store)["time"].to_list() == [None, None]
