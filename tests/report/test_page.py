"""Does the report hold everything, load nothing, and keep hostile text harmless?"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import shutil
import stat
from collections import Counter
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from calibrant import _files
from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.report import html, svg, write_html
from calibrant.report.words import line, percent

MakeClaim = Callable[..., ClaimResult]
MakeAssessment = Callable[..., Assessment]


class Parsed(HTMLParser):
    """What a parser finds: tags, attributes, text, and the style sheet."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.styles: list[str] = []
        self._in: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "br", "link"):
            self._in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._in.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.styles if "style" in self._in else self.text).append(data)

    def get(self, tag: str, name: str) -> list[str]:
        return [v for t, n, v in self.attributes if (t, n) == (tag, name)]


@pytest.fixture(scope="module")
def document(five: Assessment) -> str:
    return html(five)


@pytest.fixture(scope="module")
def parsed(document: str) -> Parsed:
    return Parsed(document)


def test_policy_allows_one_style_sheet_and_nothing_else(parsed: Parsed) -> None:
    policy = next(v for v in parsed.get("meta", "content") if "default-src" in v)
    (style,) = parsed.styles
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "Content-Security-Policy" in parsed.get("meta", "http-equiv")


def test_policy_stands_before_anything_it_governs(document: str) -> None:
    assert document.index("Content-Security-Policy") < document.index("<style")


def assert_harmless(document: str) -> Parsed:
    """No script, no style attribute, no handler, nothing from elsewhere."""
    found = Parsed(document)
    assert found.tags["style"] == 1
    forbidden = {"script", "iframe", "object", "embed", "img", "image", "use", "link", "base"}
    forbidden |= {"form", "foreignobject", "a:href", "input", "video", "audio", "set", "animate"}
    assert not forbidden & set(found.tags)
    for tag, name, value in found.attributes:
        assert name != "style" and not name.startswith("on"), (tag, name)
        assert "url(" not in value
        if name in ("href", "src", "xlink:href"):
            assert (tag, value[:1]) == ("a", "#")
        if name.startswith("xmlns"):
            assert value == "http://www.w3.org/2000/svg"
        elif tag in ("svg", "g", "path", "line", "rect", "text"):
            assert "http" not in value
    assert "url(" not in found.styles[0] and "@import" not in found.styles[0]
    return found


def test_loads_nothing(document: str) -> None:
    assert_harmless(document)


def test_ids_are_unique_and_references_hold(parsed: Parsed) -> None:
    ids = [v for _, n, v in parsed.attributes if n == "id"]
    assert len(ids) == len(set(ids))
    named = [i for _, n, v in parsed.attributes if n == "aria-labelledby" for i in v.split()]
    linked = [v[1:] for v in parsed.get("a", "href")]
    assert set(named) | set(linked) <= set(ids)


def test_headings_go_down_one_step_at_a_time(document: str) -> None:
    levels = [int(n) for n in re.findall(r"<h([1-6])", document)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_every_table_header_has_a_scope(parsed: Parsed) -> None:
    assert len(parsed.get("th", "scope")) == parsed.tags["th"]


def test_every_claim_is_told(five: Assessment, parsed: Parsed) -> None:
    text = " ".join(parsed.text)
    for c in five.claims:
        for part in (c.claim.name, c.claim.statement, c.headline, c.reason, c.population.statement):
            assert part in text
        assert percent(c.claim.threshold, 4) in text
        assert c.estimate.method in text
        assert all(f.family in text for f in c.families)
        assert all(a in text for a in c.assumptions)
    p = five.provenance
    for part in (p.command, p.suite_sha256, p.suite_text.strip(), p.logs[0], p.platform):
        assert part in text
    assert "Of 5 claims, 1 is refuted, 1 is undetermined and 3 are supported." in text


def test_every_figure_shows_every_trial_and_family(five: Assessment, parsed: Parsed) -> None:
    trials = [int(v) for v in parsed.get("svg", "data-trials")]
    events = [int(v) for v in parsed.get("svg", "data-events")]
    assert trials == [len(c.path) for c in five.claims for _ in ("wide", "narrow")]
    assert events == [c.path[-1] for c in five.claims for _ in ("wide", "narrow")]
    assert parsed.get("svg", "data-families") == [str(len(c.families)) for c in five.claims]
    assert parsed.tags["svg"] == 6 * len(five.claims)
    assert parsed.tags["title"] == parsed.tags["svg"] + 1
    assert parsed.tags["desc"] == parsed.tags["svg"]


def test_inks_are_all_known_to_the_style_sheet(parsed: Parsed) -> None:
    assert len(set(svg.INK.values())) == len(svg.INK)
    used = {v for _, n, v in parsed.attributes if n in ("fill", "stroke")}
    assert used - {"none"} <= set(svg.INK.values())
    for ink in used - {"none"}:
        assert f'[fill="{ink}"]' in parsed.styles[0]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    lin = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]


@pytest.mark.parametrize("theme", [0, 1])
def test_text_has_contrast(theme: int) -> None:
    pairs = [("text", "page"), ("soft", "page")]
    pairs += [(r, f"{r}-area") for r in ("support", "refute", "futile")]
    pairs += [(r, "page") for r in ("support", "refute", "futile")]
    pairs += [("text", f"{r}-area") for r in ("support", "refute", "futile")]
    pairs += [("soft", "support-area")]
    for ink, ground in pairs:
        a, b = sorted(_luminance(svg.ROLES[r][theme]) for r in (ink, ground))
        assert (b + 0.05) / (a + 0.05) >= 4.5, (ink, ground)


def test_same_assessment_same_document(five: Assessment, document: str) -> None:
    assert html(Assessment.model_validate_json(five.to_json())) == document


HOSTILE = (
    "</title></svg></pre><script>alert(1)</script><img src=x onerror=alert(2)>"
    "\x1b[2J\x9b31m{{7*191919}}{% raw %}\u202eevil\u2066\ud800\u0000\ufffe <style>*{}</style>"
    "' onmouseover='x' \" style=\"x\" &lt;b&gt; javascript:alert(1) http://evil.example/"
)


def poison(value: Any, text: str) -> Any:
    """The same data with `text` in the place of every string that is not an enumeration."""
    kept = {"verdict", "relation", "kind"}
    if hasattr(value, "model_copy"):
        update = {
            k: poison(getattr(value, k), text)
            for k in type(value).model_fields
            if k not in kept and not (k == "method" and hasattr(value, "tuning"))
        }
        return value.model_copy(update=update)
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [poison(v, text) for v in value]
    if isinstance(value, dict):
        return {f"{text}{i}": poison(v, text) for i, v in enumerate(value.values())}
    return value


def test_hostile_text_stays_text(five: Assessment) -> None:
    bad = html(poison(five, HOSTILE))
    bad.encode("utf-8")
    found = assert_harmless(bad)
    # Whatever the text, the page has the same elements: none came from it.
    assert found.tags == Parsed(html(poison(five, "harmless"))).tags
    text = "".join(found.text)
    assert "<script>alert(1)</script>" in text
    assert "{{7*191919}}" in text and "1343433" not in text
    for mark in "\x1b\x9b\u202e\u2066\x00\ud800\ufffe":
        assert mark not in bad
    assert escape("<script>") in bad


def test_huge_text_is_cut_and_says_so(
    make_claim: MakeClaim, make_assessment: MakeAssessment
) -> None:
    huge = "ab " * 700_000
    result = make_claim(said=huge, headline=huge, transcripts=40, families=(huge, "small", huge))
    document = html(make_assessment(result, suite_text=huge))
    assert len(document) < 600_000
    assert f"[{len(huge) - 4000:,} more characters]" in document
    assert "32 more transcripts are in assessment.json" in document


def test_zalgo_and_long_words_do_not_widen_the_page(parsed: Parsed) -> None:
    assert "overflow-wrap:anywhere" in parsed.styles[0] and "contain:paint" in parsed.styles[0]


EDGES: dict[str, dict[str, Any]] = {
    "nothing observed": {"cut": 0, "transcripts": 0, "families": ("a",)},
    "one trial": {"cut": 1},
    "cut short": {"cut": 40},
    "one family": {"families": ("only",)},
    "many families": {"families": tuple(f"family {i}" for i in range(60))},
    "missing": {"missing": 30},
    "one missing": {"missing": 1},
    "finite": {"threshold": 0.05, "if_really": 0.02, "really": 0.03, "items": 800},
    "above": {"relation": "above", "threshold": 0.8, "if_really": 0.9, "really": 0.9},
    "above refuted": {"relation": "above", "threshold": 0.8, "if_really": 0.9, "really": 0.5},
    "anytime": {"threshold": 0.1, "if_really": None, "at_most": 400},
    "rare": {"threshold": 0.001, "if_really": 0.0, "really": 0.0},
}


@pytest.mark.parametrize("edge", EDGES)
def test_edges(edge: str, make_claim: MakeClaim, make_assessment: MakeAssessment) -> None:
    result = make_claim(edge, **EDGES[edge])
    found = assert_harmless(html(make_assessment(result)))
    text = " ".join(found.text)
    assert result.headline in text
    if result.estimate.value is None:
        assert "Nothing was observed" in text and "No trial was observed" in text
    if result.claim.if_really is None:
        assert "names no alternative" in text
    if result.missing:
        assert "Had they gone the worst way" in text
    if edge == "many families":
        left = len(result.families) - 30
        assert left > 1 and f"{left} more families are in assessment.json" in text


def test_operating_curve_and_families_may_be_absent(
    make_claim: MakeClaim, make_assessment: MakeAssessment
) -> None:
    whole = make_claim()
    design = whole.design.model_copy(update={"operating": [], "power": None})
    b = whole.boundaries.model_copy(
        update={k: [] for k in ("n", "support_at_most", "futile_at_least", "refute_at_least")}
    )
    bare = whole.model_copy(
        update={"design": design, "families": [], "assumptions": [], "boundaries": b}
    )
    assert_harmless(html(make_assessment(bare)))
    assert "The suite makes no claim" in html(make_assessment())


def test_limits_cost_and_resumption_are_told(
    make_claim: MakeClaim, make_assessment: MakeAssessment
) -> None:
    whole = make_assessment(make_claim(cut=5), stopped_by="max_cost 1.50")
    usage = whole.usage.model_copy(update={"cost": 1.234})
    provenance = whole.provenance.model_copy(update={"sessions": 3, "finished": "yesterday"})
    text = html(whole.model_copy(update={"usage": usage, "provenance": provenance}))
    assert "max_cost 1.50" in text and "1.23" in text and "yesterday" in text
    assert "interrupted and resumed 2\u00a0times" in text


def test_helper_is_honest(five: Assessment) -> None:
    for c in five.claims:
        n, k, b = len(c.path), c.path[-1], c.boundaries
        at = b.n.index(n)
        supports, refutes = b.support_at_most[at], b.refute_at_least[at]
        assert (c.verdict == "supported") == (supports is not None and k <= supports)
        assert (c.verdict == "refuted") == (refutes is not None and k >= refutes)


def test_written_whole(five: Assessment, document: str, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")
    write_html(five, target)
    assert target.read_bytes() == document.encode("utf-8")
    assert list(tmp_path.iterdir()) == [target]
    assert stat.S_IMODE(target.stat().st_mode) & 0o400


def test_failure_leaves_the_old_report(
    five: Assessment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")

    def broken(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(_files.os, "fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        write_html(five, target)
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_line_is_fit_for_xml() -> None:
    assert line("a\ufffeb\u061cc\n\x07") == "a\\ufffeb\\u061cc \\x07"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_in_a_browser(five: Assessment, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    target = tmp_path / "report.html"
    write_html(poison(five, HOSTILE), target)
    with api.sync_playwright() as p:
        browser = p.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for width in (400, 1000):
            tab = browser.new_page(viewport={"width": width, "height": 900})
            said: list[str] = []
            asked: list[str] = []
            tab.on("console", lambda m, said=said: said.append(m.text))
            tab.on("pageerror", lambda e, said=said: said.append(str(e)))
            tab.on("request", lambda r, asked=asked: asked.append(r.url))
            tab.goto(target.as_uri())
            assert said == [] and asked == [target.as_uri()]
            seen = [s.bounding_box() for s in tab.locator("svg").all() if s.is_visible()]
            assert len(seen) == 5 * len(five.claims)
            assert all(box and box["width"] > 200 and box["height"] > 50 for box in seen)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            # The style sheet was let in by its hash, and reaches into the figures.
            ink = "getComputedStyle(document.querySelector('svg path[stroke]')).stroke"
            assert tab.evaluate(ink).startswith("rgb(")
            tab.close()
        browser.close()
