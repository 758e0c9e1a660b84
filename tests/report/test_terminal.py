"""Is the table for people right, and is hostile text harmless in it?"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.report.terminal import summary, verdict_table


def said(assessment: Assessment, report: Path | None = None) -> str:
    out = io.StringIO()
    summary(assessment, Console(file=out, width=140, force_terminal=False), report)
    return out.getvalue()


def test_one_row_a_claim(five: Assessment) -> None:
    assert verdict_table(five).row_count == 5
    text = said(five)
    for c in five.claims:
        assert c.claim.name in text and c.headline in text
    assert "✓ supported" in text and "✗ refuted" in text and "? undetermined" in text
    assert "0% [0%, 1.56%]" in text and "191 of 1,368" in text and "58%" in text
    assert f"3 of {five.claims[2].trials} trials failed" in text
    assert "Run folder: runs/secrets-2026-11-21" in text


def test_says_where_the_report_is(five: Assessment) -> None:
    assert "Report: runs/x/report.html" in said(five, Path("runs/x/report.html"))


def test_nothing_is_read_as_markup(
    make_claim: Callable[..., ClaimResult], make_assessment: Callable[..., Assessment]
) -> None:
    bad = "[red]x[/red] [link=http://e]y[/link]\x1b[2J\u202e\n[/]"
    result = make_claim(bad, headline=bad, cut=3)
    text = said(make_assessment(result, subject=bad, suite=bad, stopped_by=bad, folder=bad))
    assert "[link=http://e]y[/link]" in text and "\\x1b[2J" in text
    assert "\x1b" not in text and "\u202e" not in text


def test_nothing_observed(
    make_claim: Callable[..., ClaimResult], make_assessment: Callable[..., Assessment]
) -> None:
    text = said(make_assessment(make_claim(cut=0)))
    assert "— [0%, 100%]" in text and "The claim is neither supported nor refuted." in text
