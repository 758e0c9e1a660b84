"""Do the survey's pages work in a real browser: by keyboard alone, without scripts, on a phone, for
somebody who listens to them, and while the server is away?"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator

import pytest

from calibrant._figure import ROLES
from calibrant.web.serve import listen
from calibrant.web.survey.app import Site, build
from calibrant.web.survey.kept import people, progress

from .survey import small

api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")


SAID = re.compile(r"status of 4|Response Status Error Code 4")
"""What the browser and htmx say of answers that refuse something, as these tests want them to."""


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with api.sync_playwright() as p:
        running = p.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


class Served:
    """A survey behind a real port, in a thread."""

    def __init__(self, place) -> None:
        import uvicorn

        self.store, self.place = small(place), listen("127.0.0.1", 0)
        self.url = self.place.url
        app = build(Site(self.store, self.url), self.place.hosts)
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=lambda: self.server.run([self.place.socket]), daemon=True
        )
        self.thread.start()

    def link(self) -> str:
        (made,) = people.invite(self.store, [people.Invitee("Ana")])
        return self.url + made.path

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(60)
        self.place.socket.close()
        self.store.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("served"))
    yield made
    made.stop()


@pytest.fixture
def tab_of(browser, served) -> Iterator:
    """Opens a page in a context of its own; what the browser complains about fails the test."""
    said: list[str] = []
    contexts = []

    def make(**how):
        how = {"viewport": {"width": 1100, "height": 800}} | how
        contexts.append(browser.new_context(**how))
        contexts[-1].set_default_timeout(60_000)
        tab = contexts[-1].new_page()
        tab.on("console", lambda m: said.append(m.text) if not SAID.search(m.text) else 0)
        tab.on("pageerror", lambda e: said.append(str(e)))
        tab.on("request", lambda r: said.append(r.url) if not r.url.startswith(served.url) else 0)
        return tab

    yield make
    served.store.set_door("")
    for context in contexts:
        context.close()
    assert said == []


RING = """(wanted) => {
  const e = document.activeElement;
  return e?.matches(wanted) ? getComputedStyle(e.closest('label') || e).outlineStyle : null;
}"""


def press(tab, key: str, until: str, most: int = 60) -> None:
    """Press a key until the element that has the focus fits a selector; the focus is seen."""
    for _ in range(most):
        tab.keyboard.press(key)
        ring = tab.evaluate(RING, until)
        if ring is not None:
            assert ring not in ("none", ""), until
            return
    raise AssertionError(f"{until} was not reached with {key}")


def mark(tab, area: str, question: str, value: int) -> None:
    """Rate by keyboard: Tab comes to the group, arrows choose within it."""
    name = f"r:{area}:{question}"
    press(tab, "Tab", f"[name='{name}']")
    tab.keyboard.press("Space")
    for _ in range(value - 1):
        tab.keyboard.press("ArrowRight")
    assert tab.locator(f"[id='{name}:{value}']").is_checked()


CHECK = """() => {
  const wrong = [];
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push('id twice: ' + id);
  for (const e of document.querySelectorAll('input:not([type=hidden]), textarea, select')) {
    const named = [...(e.labels || [])].some((l) => l.textContent.trim()) || e.ariaLabel;
    if (!named) wrong.push('no label: ' + e.id);
    if (e.type === 'radio' && !e.closest('fieldset')?.querySelector('legend')?.textContent.trim())
      wrong.push('no legend: ' + e.id);
  }
  for (const e of document.querySelectorAll('[aria-labelledby], [aria-describedby]'))
    for (const a of ['aria-labelledby', 'aria-describedby'])
      for (const id of (e.getAttribute(a) || '').split(' ').filter(Boolean))
        if (!document.getElementById(id)) wrong.push(a + ' leads nowhere: ' + id);
  for (const e of document.querySelectorAll('a, button'))
    if (!e.textContent.trim()) wrong.push('no name: ' + e.outerHTML);
  let last = 0;
  for (const h of document.querySelectorAll('h1, h2, h3, h4')) {
    const level = +h.tagName[1];
    if (level > last + 1) wrong.push('heading skips: ' + h.textContent);
    last = level;
  }
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  if (document.querySelectorAll('main').length !== 1) wrong.push('not one main');
  if (document.documentElement.lang !== 'en') wrong.push('no lang');
  if (!document.querySelector('.skip[href="#main"]')) wrong.push('no skip link');
  if (!document.title.includes(' · ')) wrong.push('title: ' + document.title);
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the window');
  for (const e of document.querySelectorAll('button, .button, .scale .choice')) {
    const r = e.getBoundingClientRect();
    if (r.width && (r.height < 24 || r.width < 24)) wrong.push('small: ' + e.textContent);
  }
  return wrong;
}"""


def begin(tab, served: Served, *categories: str) -> None:
    """Come in and choose."""
    tab.goto(served.link())
    tab.get_by_label("I have read").check()
    tab.get_by_role("button", name="Begin").click()
    tab.get_by_role("link", name="Go on without").click()
    for category in categories:
        tab.get_by_label(category, exact=True).check()
    tab.get_by_role("button", name="Save and go on").click()
    tab.get_by_role("button", name="Save and go on").click()
    tab.wait_for_url("**/overview*")


def test_the_whole_survey_by_keyboard_alone(served, tab_of):
    tab = tab_of()
    tab.goto(served.link())
    tab.keyboard.press("Tab")
    assert tab.locator(":focus").inner_text() == "Skip to the content"
    press(tab, "Tab", "#consent")
    tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/return-link")
    press(tab, "Tab", "main button")
    tab.keyboard.press("Enter")
    tab.locator("#link").wait_for()
    press(tab, "Tab", "main a.button")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/choose")
    press(tab, "Tab", "[id='category:1']")
    tab.keyboard.press("Space")
    press(tab, "Tab", "main button")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/own")
    press(tab, "Tab", "[id='own:1b']")
    tab.keyboard.press("Space")
    press(tab, "Tab", "summary")
    press(tab, "Tab", "main button")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/overview*")
    press(tab, "Tab", "main .button")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/rate/1")
    for area, question, value in (("1a", "importance", 5), ("1a", "tractability", 2),
                                  ("1b", "importance", 3)):  # fmt: skip
        mark(tab, area, question, value)
    press(tab, "Tab", "[name='r:1b:tractability']")
    for _ in range(5):  # from the first of five labels to "I don't know"
        tab.keyboard.press("ArrowRight")
    press(tab, "Tab", "textarea")
    tab.keyboard.type("Time & money")
    press(tab, "Tab", "main button")
    tab.get_by_role("status").get_by_text("Saved: 4 of 4 on this page.").wait_for()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/overview*")
    press(tab, "Tab", "main p > .button.primary")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/about")
    press(tab, "Tab", "[name='d:sector']")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/overview*")
    press(tab, "Tab", "form button")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/thanks")
    said = progress.ratings(served.store)
    rows = said.select("area", "question", "state", "value").rows()
    assert rows == [
        ("1a", "importance", "answered", 5.0), ("1a", "tractability", "answered", 2.0),
        ("1b", "importance", "answered", 3.0), ("1b", "tractability", "don't know", None),
    ]  # fmt: skip
    assert progress.counts(served.store).finished == 1
    # Revise, by keyboard, and then it closes.
    tab.goto(f"{served.url}/rate/1")
    press(tab, "Tab", "[name='r:1a:importance']")
    tab.keyboard.press("ArrowLeft")
    tab.get_by_role("status").get_by_text("Saved: 4 of 4").wait_for()
    assert 4.0 in progress.ratings(served.store)["value"].to_list()
    served.store.set_door("closed")
    tab.keyboard.press("ArrowLeft")
    tab.get_by_role("status").get_by_text("Not saved: the survey is closed.").wait_for()
    tab.reload()
    assert tab.locator("[id='r:1a:importance:4']").is_checked()
    assert tab.locator("[id='r:1a:importance:4']").is_disabled()
    assert tab.get_by_role("button").count() == 0


def test_without_scripts_on_a_phone(served, tab_of):
    tab = tab_of(java_script_enabled=False, viewport={"width": 390, "height": 760},
                 is_mobile=True, has_touch=True)  # fmt: skip
    begin(tab, served, "Evaluation", "Oversight")
    tab.get_by_role("link", name="Go on").tap()
    tab.locator("label[for='r:1a:importance:4']").tap()
    tab.locator("label[for='r:1b:tractability:skip']").tap()
    tab.get_by_label("What stands in the way?").fill("two\nlines")
    tab.get_by_role("button", name="Save and go on").tap()
    tab.wait_for_url(re.compile("/rate/2"))
    tab.get_by_role("group", name="Importance of Monitoring").get_by_label("5 Strongly").check()
    tab.get_by_role("button", name="Save and see the overview").tap()
    tab.get_by_text("2 of 2 categories done").wait_for()
    tab.get_by_role("link", name="Evaluation").tap()
    assert tab.locator("[id='r:1a:importance:4']").is_checked()
    assert tab.get_by_label("What stands in the way?").input_value() == "two\nlines"
    tab.get_by_role("link", name="Overview").tap()
    tab.get_by_role("button", name="Finish").tap()
    tab.wait_for_url("**/thanks")
    assert tab.inner_text("h1") == "Thank you"


def test_two_tabs_and_quick_fingers(served, tab_of):
    tab = tab_of()
    begin(tab, served, "Security")
    tab.goto(f"{served.url}/rate/3")
    other = tab.context.new_page()
    other.goto(f"{served.url}/rate/3")
    tab.bring_to_front()
    for value in (1, 2, 3, 4, 5, 2):
        tab.locator(f"[id='r:3a:importance:{value}']").check()
    tab.locator("[id='r:3a:tractability:1']").check()
    tab.get_by_role("status").get_by_text("Saved: 2 of 2").wait_for()
    tab.locator("[id='r:3a:tractability:4']").check()
    tab.get_by_role("button", name="Save and go on").click()  # while the last one is on its way
    tab.wait_for_url("**/overview*")
    other.bring_to_front()
    other.locator("[id='r:3a:importance:5']").check()
    other.get_by_role("status").get_by_text("Not saved yet").wait_for()
    other.get_by_role("button", name="Save and go on").click()
    assert "there are newer answers" in other.get_by_role("alert").inner_text()
    assert other.get_by_text("Saved elsewhere: 2 – Disagree").is_visible()
    assert other.evaluate(CHECK) == []
    other.get_by_role("button", name="Save and go on").click()
    other.wait_for_url("**/overview*")
    rows = progress.ratings(served.store).filter(area="3a").select("value").to_series().to_list()
    # What the other tab said nothing of stays.
    assert rows == [5.0, 4.0]


def test_a_server_that_is_away_is_said(served, tab_of):
    tab = tab_of()
    begin(tab, served, "Security")
    tab.goto(f"{served.url}/rate/3")
    tab.route("**/rate/3", lambda route: route.fulfill(status=404, body=""))
    tab.locator("[id='r:3a:importance:5']").check()
    tab.get_by_role("status").get_by_text("Not saved just now").wait_for()
    tab.unroute("**/rate/3")
    tab.get_by_role("button", name="Save and go on").click()
    tab.wait_for_url("**/overview*")


@pytest.mark.parametrize("width, dark", [(1100, False), (390, True)])
def test_every_page_can_be_listened_to(served, tab_of, width, dark):
    tab = tab_of(viewport={"width": width, "height": 800},
                 color_scheme="dark" if dark else "light")  # fmt: skip
    begin(tab, served, "Evaluation", "Oversight")
    tab.goto(served.link())
    assert tab.evaluate(CHECK) == [] and tab.title().startswith("Welcome · ")
    titles = set()
    paths = ("return-link", "choose", "own", "overview", "rate/1", "about", "leave")
    for path in paths:
        tab.goto(f"{served.url}/{path}")
        assert tab.evaluate(CHECK) == [], path
        titles.add(tab.title())
    assert len(titles) == len(paths)
    tab.goto(f"{served.url}/choose")
    for category in ("Evaluation", "Oversight"):
        tab.get_by_label(category, exact=True).uncheck()
    tab.get_by_role("button", name="Save and go on").click()
    assert tab.title().startswith("Error: ")
    # The summary has the focus, and leads to the field.
    assert tab.locator("#problems:focus").count() == 1
    tab.get_by_role("link", name="Please choose at least one").click()
    assert tab.evaluate("location.hash") == "#category:1" and tab.evaluate(CHECK) == []


def luminance(ink: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(ink[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    lit = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * lit[0] + 0.7152 * lit[1] + 0.0722 * lit[2]


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("ink, ground, least", [
    ("text", "page", 4.5), ("soft", "page", 4.5), ("text", "support-area", 4.5),
    ("text", "refute-area", 4.5), ("soft", "support-area", 4.5), ("refute", "page", 4.5),
    ("support", "page", 3), ("soft", "grid", 4.5), ("text", "grid", 4.5),
    ("refute", "refute-area", 3),
])  # fmt: skip
def test_contrast(theme, ink, ground, least):
    a, b = luminance(ROLES[ink][theme]), luminance(ROLES[ground][theme])
    assert (max(a, b) + 0.05) / (min(a, b) + 0.05) >= least
