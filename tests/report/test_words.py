"""Are numbers and findings said as a scientist would say them?"""

from __future__ import annotations

import doctest
import math
from collections.abc import Callable

import pytest

from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.report import words


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(words).failed == 0


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.00012, "0.012 %"),
        (0.94736, "94.7 %"),
        (0.99955, "99.955 %"),
        (0.5, "50 %"),
        (1e-12, "0 %"),
        (math.nan, "—"),
    ],
)
def test_percent(rate: float, text: str) -> None:
    assert words.percent(rate).replace(words.NBSP, " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.21, "3.2 s"), (61, "61 s"), (457, "8 min"), (9000, "2 h 30 min"), (math.nan, "—")],
)
def test_duration(seconds: float, text: str) -> None:
    assert words.duration(seconds).replace(words.NBSP, " ") == text


def test_moment() -> None:
    assert words.moment("2026-11-21T22:44:03+02:00") == "21 November 2026, 20:44 UTC"
    assert words.moment("2026-11-21T22:44:03") == "21 November 2026, 22:44"
    assert words.moment("<b>soon\x1b") == "<b>soon\\x1b"


def test_saving_only_for_decided_claims(make_claim: Callable[..., ClaimResult]) -> None:
    decided, cut, free = make_claim(), make_claim(cut=9), make_claim(if_really=None, at_most=400)
    assert words.saved(decided) == f"58{words.NBSP}%"
    assert "265 fewer" in words.saving(decided)
    assert words.saved(cut) is None and "without a verdict" in words.saving(cut)
    assert words.saved(free) is None and "no alternative" in words.saving(free)
    longer = decided.model_copy(update={"trials": 500})
    assert words.saved(longer) == f"−10{words.NBSP}%" and "44 more" in words.saving(longer)
    assert "as many as" in words.saving(decided.model_copy(update={"trials": 456}))


def test_missing_says_what_could_change(make_claim: Callable[..., ClaimResult]) -> None:
    few, many = make_claim(missing=1), make_claim(missing=30)
    assert words.missing(make_claim()).startswith("No trial is missing")
    assert "has no score" in words.missing(few)
    assert "leans on the missing trials" in words.missing(many)
    refuted = make_claim(threshold=0.1, if_really=0.05, really=0.3, seed=5, missing=1)
    assert "still lie wholly above" in words.missing(refuted)
    wide = many.model_copy(update={"estimate": many.estimate.model_copy(update={"high": 0.03})})
    assert words.missing(wide).endswith("%.")


def test_overall(
    make_claim: Callable[..., ClaimResult], make_assessment: Callable[..., Assessment]
) -> None:
    good, open_ = make_claim(), make_claim(cut=3)
    assert words.overall(make_assessment(good)) == "The claim is supported."
    assert words.overall(make_assessment(good, good)) == "All 2 claims are supported."
    assert words.overall(make_assessment(open_)) == "The claim is neither supported nor refuted."
    both = words.overall(make_assessment(good, open_))
    assert both == "Of 2 claims, 1 is undetermined and 1 is supported."


def test_events_speak_against_the_claim(make_claim: Callable[..., ClaimResult]) -> None:
    assert words.event(make_claim()) == "a trial whose score “leaked” is 1"
    above = make_claim(relation="above", threshold=0.8, if_really=0.9, really=0.9)
    assert words.event(above) == "a trial whose score “leaked” is not 1"
