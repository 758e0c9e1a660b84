"""Do respondents see of the others what they may, when they may, and nothing else?"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from html import unescape
from itertools import pairwise

import pytest
from sqlalchemy import select

from calibrant.web.security import POLICY
from calibrant.web.serve import listen
from calibrant.web.survey.app import build
from calibrant.web.survey.kept import sessions
from calibrant.web.survey.kept.answers import Copy, Said, choose, save_sheet, sheet
from calibrant.web.survey.kept.releases import shown, take_back
from calibrant.web.survey.kept.store import Store, create_survey, open_survey
from calibrant.web.survey.kept.tables import RELEASE
from calibrant.web.survey.site import Site

from .postgres import server
from .survey import TAXONOMY, Desk, small, survey, text_of

HOSTILE = (
    "</textarea></ul><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202e"
)


def enter(store: Store) -> str:
    """A respondent who rates category 1, without pages."""
    found = sessions.visitor(store, sessions.begin(store))
    assert found is not None
    choose(store, found.respondent, ["1"], Copy(0, "t"))
    return found.respondent


def say(store: Store, who: str, value: int | None, reason: str = "", area: str = "1a") -> None:
    """Answer both questions about an area alike; None: don't know."""
    word = Said("answered", value, reason) if value else Said("don't know", None, reason)
    copy = Copy(sheet(store, who, "1").revision, "t")
    done = save_sheet(store, who, "1", {(area, q): word for q in ("importance", "tractability")},
                      {}, copy)  # fmt: skip
    assert done in ("saved", "same")


def crowd(store: Store, *values: int, area: str = "1a") -> list[str]:
    people = [enter(store) for _ in values]
    for who, value in zip(people, values, strict=True):
        say(store, who, value, area=area)
    return people


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    made = Desk(small(tmp_path, live={"least": 3}))
    yield made
    made.close()


def seen(store: Store, area: str = "1a"):
    return shown(store, area)["importance"].snapshot


def test_nothing_before_an_own_answer_and_nothing_below_k(desk):
    crowd(desk.store, 2, 5)
    ana = desk.respondent()
    ana.choose("1")
    for path in ("/results/1a", "/results/1a/now"):
        page = ana.open(path)
        assert page.status_code == 403 and "Answer first" in page.text and "<svg" not in page.text
    assert ana.open("/results/2a").status_code == 403
    assert ana.open("/results/zz").status_code == 404
    assert "answered no area yet" in ana.open("/results").text
    ana.rate("1", a1b_importance="4", a1b_tractability="dk")
    words = unescape(text_of(ana.open("/results/1b").text))
    assert "Too few answers to show yet. You said 4." in words
    assert "You said you don't know." in words and "Median" not in words
    assert ana.open("/results/1a").status_code == 403
    ana.rate("1", a1a_importance="4", a1a_tractability="4")
    words = text_of(ana.open("/results/1a").text)
    assert "Median 4; the middle half of the answers lies from 2 to 5." in words
    assert "3 answered, 0 did not know. You said 4." in words
    assert desk.client().get("/results/1a").status_code == 401


def test_revising_with_a_reason_which_others_see_with_the_next_k(desk):
    people = crowd(desk.store, 2, 5, 3)
    assert seen(desk.store).number == 1
    ana = desk.respondent()
    ana.choose("1")
    ana.rate("1", a1a_importance="4", a1a_tractability="4")
    ana.open("/results/1a")
    page = ana.send("/results/1a", **{"r:1a:importance": "5", "r:1a:tractability": "dk",
                                      "reason:importance": HOSTILE})  # fmt: skip
    assert page.status_code == 200 and "You said 5." in page.text and "Saved" in page.text
    # One new answer among three: nothing moves, and the reason waits.
    assert seen(desk.store).number == 1 and shown(desk.store, "1a")["importance"].reasons == ()
    assert ana.send("/results/1a", **{"r:1a:importance": "5", "reason:importance": " "})
    assert sheet(desk.store, ana.id, "1").said["1a", "importance"].reason == ""
    ana.send("/results/1a", **{"r:1a:importance": "5", "reason:importance": HOSTILE})
    more = crowd(desk.store, 1, 1)
    assert (seen(desk.store).number, seen(desk.store).n) == (2, 6)
    assert seen(desk.store).counts == (2, 1, 1, 0, 2)
    say(desk.store, people[0], 1, "Because of theirs.")
    say(desk.store, people[1], 1, "And so.")
    assert len(shown(desk.store, "1a")["importance"].reasons) == 1
    say(desk.store, people[2], 1)
    now = shown(desk.store, "1a")["importance"]
    assert (now.snapshot.number, now.snapshot.counts) == (3, (5, 0, 0, 0, 1))
    assert len(now.reasons) == 3
    page = ana.open("/results/1a").text
    assert "Because of theirs." in page and "<script>document" not in page
    # Only the own form holds the own reason: the others' list does not.
    assert text_of(page).count("document.title") == 1
    assert "Because" in text_of(ana.open("/results/1a/now").text)
    say(desk.store, more[0], 2)
    assert seen(desk.store).number == 3


def test_a_reason_taken_back_is_gone_at_once_and_so_is_who_deletes_all(desk):
    people = crowd(desk.store, 2, 5, 3)
    for who in people:
        say(desk.store, who, 4, f"Reason of {who}.")
    assert len(shown(desk.store, "1a")["importance"].reasons) == 3
    take_back(desk.store, people[0], "1a", "importance")
    assert len(shown(desk.store, "1a")["importance"].reasons) == 2
    assert len(shown(desk.store, "1a")["tractability"].reasons) == 3
    sessions.forget(desk.store, sessions.Visitor("x", people[1], "began", False))
    assert len(shown(desk.store, "1a")["importance"].reasons) == 1
    with desk.store.answers.read() as con:
        rows = [r for r in con.execute(select(RELEASE)) if r.question == "importance"]
    assert [people[0] in r.behind for r in rows] == [True]
    # What is kept of who deleted all bears a name that leads nowhere.
    assert not any(people[1] in r.behind for r in rows)
    parts = [set(json.loads(r.behind)["parts"]) for r in rows]
    assert all({people[0], people[2]} < names and len(names) == 3 for names in parts)
    assert not any(f"Reason of {who}" in r.behind + r.shown for r in rows for who in people[:2])
    # The snapshot stays: without this answer alone, the difference would be the answer.
    assert seen(desk.store).n == 3


def test_forms_are_checked(desk):
    crowd(desk.store, 2, 5)
    ana = desk.respondent()
    ana.choose("1")
    ana.rate("1", a1a_importance="4", a1a_tractability="4")
    ana.open("/results/1a")
    fields = dict(ana.fields)
    value = {"r:1a:importance": "1"}
    for wrong in ({"form": "x"}, {"form": ""}):
        assert ana.send("/results/1a", {**fields, **wrong}, **value).status_code == 403
    for wrong in ("6", "0", "-1", "\u0665", "1e9", "9" * 400, "00011", "skip", "x"):
        assert ana.send("/results/1a", fields, **{"r:1a:importance": wrong}).status_code == 400
    assert ana.send("/results/1a", {"form": fields["form"]}, **value).status_code == 400
    # Another tab saved meanwhile.
    ana.rate("1", a1a_importance="2")
    assert ana.send("/results/1a", fields, **value).status_code == 409
    assert ana.send("/results/1a/reason", fields, question="x").status_code == 400
    desk.store.set_door("closed")
    ana.open("/results/1a")
    assert "Change your answer" not in ana.page.text
    assert ana.send("/results/1a", fields, **value).status_code == 409
    assert sheet(desk.store, ana.id, "1").said["1a", "importance"].value == 2


def test_an_open_page_is_told_only_of_news(desk):
    crowd(desk.store, 2, 5)
    ana = desk.respondent()
    ana.choose("1")
    ana.rate("1", a1a_importance="4", a1a_tractability="4")
    page = ana.open("/results/1a").text
    mark = page.split("now?seen=")[1].split('"')[0]
    assert ana.client.get(f"/results/1a/now?seen={mark}").status_code == 204
    crowd(desk.store, 1, 1, 1)
    news = ana.client.get(f"/results/1a/now?seen={mark}")
    assert news.status_code == 200 and "6 answered" in news.text and "<form" not in news.text
    desk.store.set_door("closed")
    mark = news.text.split("now?seen=")[1].split('"')[0]
    last = ana.client.get(f"/results/1a/now?seen={mark}")
    # It takes the section's place, and asks no more.
    assert last.status_code == 200 and "6 answered" in last.text and "hx-get" not in last.text


def test_the_public_page_and_the_survey_that_shows_nothing(tmp_path, desk):
    crowd(desk.store, 2, 5, 3)
    assert desk.client().get("/public").status_code == 404
    assert desk.client().get("/organise/results").status_code == 401
    (tmp_path / "open").mkdir()
    other = Desk(small(tmp_path / "open", live={"least": 3, "public": True}))
    crowd(other.store, 2, 5, 3)
    words = text_of(other.client().get("/public").text)
    assert "Test design" in words and "Median 3" in words and "Grading" not in words
    assert "You said" not in words and " you " not in words
    other.close()
    (tmp_path / "shut").mkdir()
    other = Desk(small(tmp_path / "shut", live={"show": False}))
    ana = other.respondent()
    assert ana.open("/results").status_code == 404 and "/results" not in ana.open("/overview").text
    other.close()


def test_a_new_round_goes_on_from_what_was_shown(tmp_path):
    store = small(tmp_path, live={"least": 3})
    crowd(store, 2, 5, 3)
    assert seen(store).number == 1
    left = crowd(store, 1, 1)
    assert seen(store).n == 3
    store.close()
    both = [
        {"round": 1, "closes": "2026-01-01T00:00:00Z"},
        {"round": 2, "opens": "2026-01-02T00:00:00Z"},
    ]
    store = small(tmp_path, live={"least": 3}, windows=both)
    assert store.window().round == 2
    # What was held back stays so: the two rounds' difference would be two people's answers.
    assert seen(store).n == 3
    say(store, left[0], 1)
    assert seen(store).n == 3
    crowd(store, 4)
    assert (seen(store).number, seen(store).n) == (2, 6)
    with store.answers.read() as con:
        rows = {(r.question, r.round): r.n for r in con.execute(select(RELEASE))}
    assert rows == {("importance", 1): 3, ("importance", 2): 6,
                    ("tractability", 1): 3, ("tractability", 2): 6}  # fmt: skip
    store.close()


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


def together(store: Store) -> None:
    """Twelve answer at once, each then looks; what they see is as if one had followed another."""
    people = [enter(store) for _ in range(12)]
    numbers: list[tuple[int, int | None]] = []

    def act(who: str, value: int) -> None:
        say(store, who, value)
        now = seen(store)
        if now is not None:
            numbers.append((now.number, now.n))

    crew = [threading.Thread(target=act, args=(w, 1 + i % 5)) for i, w in enumerate(people)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    # Every number was shown with one count only, and each added at least three.
    assert len({n for n, _ in numbers}) == len(set(numbers)) > 0
    sizes = [n for _, n in sorted(set(numbers))]
    assert all(b - a >= 3 for a, b in pairwise(sizes))
    with store.answers.read() as con:
        (row,) = [r for r in con.execute(select(RELEASE)) if r.question == "importance"]
    groups = [g for _, g in json.loads(row.behind)["parts"].values()]
    assert min(groups.count(g) for g in groups) >= 3


def test_at_once_and_after_a_restart_it_is_as_if_one_after_the_other(tmp_path):
    store = small(tmp_path, live={"least": 3})
    together(store)
    before = seen(store)
    store.close()
    with open_survey(tmp_path / "survey.db") as store:
        assert seen(store) == before


def test_at_once_in_postgresql(postgres):
    with create_survey(postgres, survey(live={"least": 3}), TAXONOMY) as store:
        together(store)
        people = crowd(store, 1, 1, 1, area="1b")
        take_back(store, people[0], "1b", "importance")


def test_a_server_that_dies_between_saving_and_showing_shows_it_later(tmp_path, monkeypatch):
    store = small(tmp_path, live={"least": 3})
    people = crowd(store, 2, 5, 3)

    def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("calibrant.web.survey.kept.releases.put", dies)
        with pytest.raises(RuntimeError, match="killed"):
            shown(store, "1a")
    with store.answers.read() as con:
        assert con.execute(select(RELEASE)).all() == []
    store.close()
    with open_survey(tmp_path / "survey.db") as store:
        assert (seen(store).number, seen(store).n) == (1, len(people))


# -- in a browser ----------------------------------------------------------------


class Served:
    """A survey behind a real port."""

    def __init__(self, store: Store) -> None:
        import uvicorn

        self.store, self.place = store, listen("127.0.0.1", 0)
        app = build(Site(store, self.place.url), self.place.hosts)
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=lambda: self.server.run([self.place.socket]))
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(60)
        self.place.socket.close()
        self.store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if shutil.which("chromium") is None:
        pytest.skip("needs Chromium")
    with api.sync_playwright() as p:
        running = p.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_in_a_browser(browser, tmp_path, monkeypatch, scripts):
    monkeypatch.setattr("calibrant.web.survey.pages.live.EVERY", 1)
    served = Served(small(tmp_path, live={"least": 3}))
    store, url = served.store, served.place.url
    size = {"width": 390 if scripts else 1100, "height": 800}
    context = browser.new_context(java_script_enabled=scripts, base_url=url, viewport=size)
    said: list[str] = []
    try:
        session = sessions.begin(store)
        me = sessions.visitor(store, session).respondent
        choose(store, me, ["1"], Copy(0, "t"))
        context.add_cookies([{"name": "calibrant_survey", "value": session, "url": url}])
        tab = context.new_page()
        tab.on("console", lambda m: said.append(m.text) if "403" not in m.text else None)
        tab.on("pageerror", lambda e: said.append(str(e)))
        crowd(store, 2)
        tab.goto("/results/1a")
        assert tab.get_by_role("heading", name="Answer first").is_visible()
        say(store, me, 4)
        tab.goto("/results")
        tab.get_by_role("link", name="Test design").click()
        assert tab.locator("svg.strip").count() == 0
        assert "Too few answers to show yet" in tab.locator("main").inner_text()
        others = crowd(store, 5)
        if not scripts:
            tab.reload()
        tab.locator("svg.strip").first.wait_for(timeout=60_000)
        text = tab.locator("#now").inner_text()
        assert "Median 4" in text and "You said 4" in text
        told = tab.locator("#news").inner_text()
        assert told == ("The group's numbers have changed." if scripts else "")
        first = tab.locator("form").first
        first.get_by_role("radio", name="5").first.check(force=True)
        first.get_by_label("Your reason").first.fill(f"I saw the others. {HOSTILE}")
        first.get_by_role("button", name="Save").click()
        tab.get_by_text("Saved.").wait_for()
        assert "You said 5" in tab.locator("#now").inner_text()
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # Others act, and one of them reads the reason.
        crowd(store, 1, 2, 3)
        other = sessions.begin(store)
        mine = sessions.visitor(store, other).respondent
        choose(store, mine, ["1"], Copy(0, "t"))
        say(store, mine, 3)
        context.clear_cookies()
        context.add_cookies([{"name": "calibrant_survey", "value": other, "url": url}])
        tab.goto("/results/1a")
        text = tab.locator("#now").inner_text()
        assert "Reasons that others gave" in text and "I saw the others." in text
        assert "Answers of each value" in text and "owned" not in tab.title()
        assert len(others) == 1 and said == []
    finally:
        context.close()
        served.stop()
    assert "'self'" in POLICY
