"""Do the pages work in a real browser: with scripts and without, by keyboard, on a phone, in the
dark, for two people at once, and whatever an answer holds?"""

from __future__ import annotations

import itertools
import re
import shutil
import threading
from collections.abc import Iterator

import polars as pl
import pytest

from calibrant.web.labelling import people
from calibrant.web.labelling.app import Site, build
from calibrant.web.labelling.scheme import categories, pairwise
from calibrant.web.labelling.start import label
from calibrant.web.labelling.store import Store
from calibrant.web.serve import listen

from .conftest import answers, named

api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")

HOSTILE = (
    "</pre></textarea></title><script>document.title='owned';fetch('/next')</script>"
    "<img src=x onerror=\"document.title='owned'\"><style>body{display:none}</style>"
    "<meta http-equiv=refresh content='0;url=http://evil.example/'><base href='http://evil.example/'>"
    "<form action='http://evil.example/'><button name=label value=yes accesskey=1>x</button>"
    "\x1b[2J\x9b31m{{7*191919}}\u202eevil\u2066\ud800\x00 javascript:alert(1) &lt;b&gt;\n"
    + "Z" + "\u0335\u0336\u0337" * 200 + "\n" + "W" * 500
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with api.sync_playwright() as p:
        running = p.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


class Served:
    """A labelling behind a real port, in a thread."""

    def __init__(self, path, table: pl.DataFrame, scheme, **how) -> None:
        import uvicorn

        label(table, path, **named(scheme), **how)
        self.store, self.place = Store(path), listen("127.0.0.1", 0)
        app = build(Site(self.store, self.place.url), self.place.hosts)
        self.server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
        )
        self.thread = threading.Thread(target=lambda: self.server.run([self.place.socket]))
        self.thread.start()
        self.url = self.place.url

    def link(self, rater: str | None, kind: str = "rater") -> str:
        (found,) = [k for k in people.links(self.store) if (k.rater, k.kind) == (rater, kind)]
        return self.url + found.path

    def labels(self) -> list[tuple]:
        from calibrant.web.labelling.export import labels

        rows = labels(self.store, history=True).to_dicts()
        return [(r["grader"], r["position"], r["state"], r["label"], r["note"]) for r in rows]

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(60)
        self.place.socket.close()
        self.store.close()


@pytest.fixture
def serve(tmp_path) -> Iterator:
    running: list[Served] = []

    def make(table=None, scheme=None, **how) -> Served:
        how = {"raters": ("ana", "ben"), "per_item": 2} | how
        table = answers(4) if table is None else table
        scheme = scheme or categories(("yes", "no", "unsure"))
        running.append(Served(tmp_path / f"{len(running)}.db", table, scheme, **how))
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def tab_of(browser) -> Iterator:
    """Opens a page in a context of its own; what the browser complains about fails the test."""
    said: list[str] = []
    contexts = []

    def make(served: Served, rater: str | None = "ana", **how):
        contexts.append(browser.new_context(**{"viewport": {"width": 1100, "height": 800}} | how))
        tab = contexts[-1].new_page()
        tab.on("console", lambda m: said.append(m.text) if "(Not Found)" not in m.text else 0)
        tab.on("pageerror", lambda e: said.append(str(e)))
        tab.on("request", lambda r: said.append(r.url) if not r.url.startswith(served.url) else 0)
        if rater is not None:
            tab.goto(served.link(rater))
            tab.get_by_role("button", name="Begin").click()
            tab.get_by_role("link", name="Start").click()
        return tab

    yield make
    for context in contexts:
        context.close()
    assert said == []


def at(tab, position: int) -> None:
    """Wait for an item."""
    tab.wait_for_url(re.compile(rf"/item/{position}(\?|$)"))
    tab.wait_for_load_state("load")


def test_by_clicking_without_scripts(serve, tab_of):
    served = serve()
    tab = tab_of(served, java_script_enabled=False)
    at(tab, 1)
    assert not tab.get_by_text("Single keys").is_visible()
    tab.get_by_label("Note, if you like").fill("two\nlines & <b>")
    tab.get_by_role("button", name="no", exact=False).first.click()
    at(tab, 2)
    assert tab.get_by_role("status").inner_text().startswith("Saved for item 1: no.")
    tab.get_by_role("button", name="Cannot judge").click()
    at(tab, 3)
    tab.get_by_text("Skip this item").click()
    tab.get_by_label("Why?").fill("my own answer")
    tab.get_by_role("button", name="Skip").click()
    at(tab, 4)
    tab.get_by_role("link", name="Change it").click()
    at(tab, 3)
    assert tab.get_by_label("Why?").input_value() == "my own answer"
    tab.get_by_role("button", name="yes").click()
    at(tab, 4)
    tab.get_by_role("button", name="unsure").click()
    tab.wait_for_url("**/labels?done=1")
    assert "That was the last item" in tab.inner_text("h1")
    assert served.labels() == [
        ("ana", 1, "label", "no", "two\nlines & <b>"), ("ana", 2, "cannot judge", None, None),
        ("ana", 3, "skipped", None, "my own answer"), ("ana", 3, "label", "yes", None),
        ("ana", 4, "label", "unsure", None),
    ]  # fmt: skip


def test_by_keys_alone(serve, tab_of):
    served = serve()
    tab = tab_of(served)
    at(tab, 1)
    tab.keyboard.press("2")
    at(tab, 2)
    tab.keyboard.press("n")
    tab.keyboard.type("1 2 3 s n u")  # typed into the note, so none of them presses anything
    assert tab.get_by_label("Note, if you like").input_value() == "1 2 3 s n u"
    tab.keyboard.press("Escape")
    tab.keyboard.press("0")
    at(tab, 3)
    tab.keyboard.press("s")
    tab.keyboard.type("conflict")
    tab.keyboard.press("Enter")
    at(tab, 4)
    tab.keyboard.press("Control+1")  # the browser's own
    tab.keyboard.press("x")
    tab.keyboard.press("u")
    at(tab, 3)
    tab.keyboard.press("3")
    at(tab, 4)
    tab.keyboard.press("1")
    tab.wait_for_url("**/labels?done=1")
    assert [r[1:] for r in served.labels()] == [
        (1, "label", "no", None), (2, "cannot judge", None, "1 2 3 s n u"),
        (3, "skipped", None, "conflict"), (3, "label", "unsure", None), (4, "label", "yes", None),
    ]  # fmt: skip


def test_by_tab_and_enter_without_scripts(serve, tab_of):
    served = serve()
    tab = tab_of(served, java_script_enabled=False)
    at(tab, 1)
    for _ in range(30):
        tab.keyboard.press("Tab")
        focused = tab.locator(":focus")
        if focused.get_attribute("value") == "no":
            break
    assert focused.get_attribute("value") == "no"
    tab.keyboard.press("Enter")
    at(tab, 2)
    assert served.labels() == [("ana", 1, "label", "no", None)]


def test_single_keys_can_be_turned_off(serve, tab_of):
    tab = tab_of(serve())
    at(tab, 1)
    tab.get_by_role("button", name="Single keys: on").click()
    tab.locator("main").focus()
    tab.keyboard.press("1")
    tab.reload()
    tab.keyboard.press("1")
    assert tab.get_by_role("button", name="Single keys: off").is_visible()
    assert tab.url.endswith("/item/1")


def test_impatient_fingers_label_one_item(serve, tab_of):
    served = serve()
    tab = tab_of(served)
    at(tab, 1)
    tab.evaluate(
        "() => { const b = document.querySelectorAll('[name=label]');"
        " b[0].click(); b[1].click(); b[0].click(); }"
    )
    at(tab, 2)
    assert [r[1:4] for r in served.labels()] == [(1, "label", "yes")]


def test_the_back_button_allows_a_change(serve, tab_of):
    served = serve()
    tab = tab_of(served)
    at(tab, 1)
    tab.keyboard.press("1")
    at(tab, 2)
    tab.go_back()
    at(tab, 1)
    tab.keyboard.press("2")
    at(tab, 2)
    assert [r[1:4] for r in served.labels()] == [(1, "label", "yes"), (1, "label", "no")]


def test_two_people_at_once(serve, tab_of):
    served = serve()
    tabs = {name: tab_of(served, name) for name in ("ana", "ben")}
    for position in range(1, 5):
        for name, key in (("ana", "1"), ("ben", "2")):
            at(tabs[name], position)
            tabs[name].keyboard.press(key)
    for tab in tabs.values():
        tab.wait_for_url("**/labels?done=1")
    assert sorted(r[:4] for r in served.labels()) == [
        (name, p, "label", said) for name, said in (("ana", "yes"), ("ben", "no"))
        for p in range(1, 5)
    ]  # fmt: skip
    admin = tab_of(served, None)
    admin.goto(served.link(None, "admin"))
    assert "8 of 8 labels" in admin.inner_text("main")


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("pair", [True, False])
def test_hostile_text_stays_text(serve, tab_of, scripts, pair):
    table = answers(2, "ab" if pair else "a").with_columns(
        answer=pl.lit(HOSTILE.replace("\ud800", "")), question=pl.lit(HOSTILE.replace("\ud800", ""))
    )
    served = serve(table, pairwise() if pair else None, title="<b>T</b>", rubric=HOSTILE,
                   ask="<i>?</i>")  # fmt: skip
    tab = tab_of(served, java_script_enabled=scripts)
    at(tab, 1)
    for path in ("/item/1", "/item/1/whole/1", "/item/1/whole/question", "/labels", "/"):
        tab.goto(served.url + path)
        assert "owned" not in tab.title() and tab.url == served.url + path
        assert tab.locator("main").is_visible()
        for tag in ("img", "base", "style", "iframe", "main meta", "[onerror]"):
            assert tab.locator(tag).count() == 0, tag
        assert tab.locator("[action*=evil], [href*=evil]").count() == 0
    tab.goto(served.url + "/item/1")
    text = tab.locator(".answer pre").first.inner_text()
    assert "<script>document.title='owned'" in text and "{{7*191919}}" in text
    assert "\\x1b[2J" in text and "\\u202e" in text and "\x1b" not in text and "\u202e" not in text
    box = tab.locator(".answer pre").first.bounding_box()
    assert box["width"] <= 1100
    tab.locator("[name=label]").first.click()
    at(tab, 2)
    assert len(served.labels()) == 1


def test_a_megabyte_is_cut_and_can_be_read_whole(serve, tab_of):
    table = answers(1).with_columns(answer=pl.lit("ab " * 350_000 + "the end"))
    tab = tab_of(serve(table))
    at(tab, 1)
    assert len(tab.content()) < 60_000
    assert "1,030,007 more characters are not shown here" in tab.inner_text("main")
    with tab.context.expect_page() as opened:
        tab.get_by_role("link", name="Show all 1,050,007 characters").click()
    whole = opened.value
    whole.wait_for_load_state("load")
    assert whole.locator("pre").inner_text().endswith("the end")
    assert tab.url.endswith("/item/1")


# -- looks and access ---------------------------------------------------------


WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

COLOURS = """() => {
  const parse = (c) => { const x = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    x.fillStyle = c; x.fillRect(0, 0, 1, 1); return [...x.getImageData(0, 0, 1, 1).data]; };
  const ground = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; }
    return [255, 255, 255, 255]; };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility()) continue;
    found.push([walk.currentNode.data.trim().slice(0, 30), parse(getComputedStyle(e).color), ground(e)]);
  }
  for (const e of document.querySelectorAll('input:not([type=hidden]), textarea'))
    found.push(['border of ' + e.id, parse(getComputedStyle(e).borderTopColor), ground(e.parentElement), 3]);
  return found;
}"""  # noqa: E501

RULES = """() => {
  const wrong = [];
  const all = (s) => [...document.querySelectorAll(s)];
  const ids = all('[id]').map((e) => e.id);
  if (new Set(ids).size !== ids.length) wrong.push('ids repeat');
  if (!document.documentElement.lang || !document.title) wrong.push('lang or title');
  if (all('main').length !== 1 || all('h1').length !== 1) wrong.push('main or h1');
  const first = document.querySelector('a');
  if (first.getAttribute('href') !== '#main') wrong.push('no skip link');
  for (const e of all('input:not([type=hidden]), textarea, progress'))
    if (!e.labels.length || !e.labels[0].textContent.trim()) wrong.push('no label: ' + e.outerHTML);
  for (const e of all('button, a, summary'))
    if (!(e.textContent.trim() || e.ariaLabel)) wrong.push('no name: ' + e.outerHTML);
  for (const e of all('[aria-labelledby], [aria-describedby]'))
    for (const a of ['aria-labelledby', 'aria-describedby'])
      for (const i of (e.getAttribute(a) || '').split(' ').filter(Boolean))
        if (!document.getElementById(i)) wrong.push('points nowhere: ' + i);
  for (const e of all('fieldset'))
    if (e.firstElementChild.tagName !== 'LEGEND') wrong.push('fieldset without legend');
  for (const e of all('th')) if (!e.scope) wrong.push('th without scope');
  const keys = all('[accesskey]').map((e) => e.accessKey);
  if (new Set(keys).size !== keys.length) wrong.push('access keys repeat ' + keys);
  for (const e of all('button, .button, summary, input:not([type=hidden])')) {
    const b = e.getBoundingClientRect();
    if (e.checkVisibility() && (b.width < 24 || b.height < 24)) wrong.push('small: ' + e.outerHTML);
  }
  const levels = all('h1, h2, h3, h4, h5, h6').filter((e) => !e.closest('.rubric'))
    .map((e) => +e.tagName[1]);
  levels.forEach((l, i) => { if (i && l > levels[i - 1] + 1) wrong.push('heading jumps'); });
  return wrong;
}"""


def luminance(rgb) -> float:
    parts = [c / 255 for c in rgb[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1100, 800), ("dark", 320, 640)])
def test_everybody_can_read_and_reach_everything(serve, tab_of, scheme, width, height):
    served = serve(answers(3, "ab"), pairwise(), rubric="# Read\n\n- *this*\n\n`code`")
    tab = tab_of(served, viewport={"width": width, "height": height}, color_scheme=scheme)
    at(tab, 1)
    tab.keyboard.press("1")
    at(tab, 2)
    shown = [tab.url, *(served.url + p for p in ("/item/1", "/", "/labels", "/item/1/whole/1"))]
    shown += [served.link(None, "admin"), served.url + "/admin/item/1", served.link("ben")]
    shown += [served.url + "/nowhere"]
    for url in shown:
        tab.goto(url)
        for summary in tab.locator("summary").all():
            summary.click()
        assert tab.evaluate(RULES) == [], url
        assert tab.evaluate(WIDE) <= 0, url
        colours = tab.evaluate(COLOURS)
        assert colours
        for text, ink, ground, *least in colours:
            a, b = sorted((luminance(ink), luminance(ground)))
            contrast = (b + 0.05) / (a + 0.05)
            assert contrast >= (least[0] if least else 4.5), (url, text, ink, ground)


def test_focus_is_seen_and_not_hidden(serve, tab_of):
    table = answers(1).with_columns(answer=pl.lit("A line.\n" * 200))
    tab = tab_of(serve(table, rubric="Read [this](#x) first."))
    at(tab, 1)
    buttons = tab.locator("[name=label]").first.bounding_box()
    assert buttons["y"] + buttons["height"] <= 800  # labels are in reach without scrolling
    seen = []
    for _ in range(15):
        tab.keyboard.press("Tab")
        found = tab.evaluate("""() => { const e = document.activeElement, b = e.getBoundingClientRect();
          const top = document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2);
          return [e.tagName, getComputedStyle(e).outlineStyle, parseFloat(getComputedStyle(e).outlineWidth),
                  top === e || e.contains(top)]; }""")  # noqa: E501
        if found[0] == "BODY":
            break
        seen.append(found[0])
        assert found[1] == "solid" and found[2] >= 2 and found[3], found
    assert {"A", "BUTTON", "TEXTAREA", "SUMMARY"} <= set(seen)


def test_nothing_moves_where_motion_is_unwanted(serve, tab_of):
    tab = tab_of(serve(), reduced_motion="reduce")
    at(tab, 1)
    moving = "() => document.getAnimations().length + [...document.querySelectorAll('*')].filter("
    moving += "(e) => parseFloat(getComputedStyle(e).transitionDuration) > 0).length"
    assert tab.evaluate(moving) == 0


def test_on_a_phone_by_touch(serve, tab_of):
    served = serve(answers(2, "ab"), pairwise())
    tab = tab_of(served, viewport={"width": 375, "height": 667}, is_mobile=True, has_touch=True)
    at(tab, 1)
    boxes = [a.bounding_box() for a in tab.locator(".answer").all()]
    assert all(b["width"] <= 375 for b in boxes)
    assert boxes[1]["y"] > boxes[0]["y"]  # one under the other
    for one, other in itertools.pairwise(tab.locator(".choices button").all()):
        assert one.bounding_box()["height"] >= 38 and other.is_visible()
    tab.get_by_role("button", name="Second is better").tap()
    at(tab, 2)
    assert len(served.labels()) == 1
