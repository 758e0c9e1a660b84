"""Does every scoring rule survive any answer, and quickly?"""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.instruments import NAMES, load
from calibrant.instruments.answers import capped, folded, form_line

ANY = st.text(st.characters(exclude_categories=()), max_size=200)
PIECES = st.lists(
    st.sampled_from(
        ["Answer:", "Final answer:", "A", "B", " or ", "not ", "42", "-", "1,234", "=", "</think>",
         "CANNOT ANSWER", "\n", "\ud800", "\x00", "\x1b[0m", "\u202e", "\u0300", "\\boxed{", "%41",
         "&#65;", "dm9rYWRlbHVtaQ", "0x", "1. ", "victor", "é", "e99", "/0", "𝟜𝟚", "\\u",
         "U+FFFFFF"]
    ), max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=150)
@given(st.one_of(ANY, PIECES), st.one_of(ANY, PIECES), st.integers(0, 200))
def test_any_answer_gets_a_grade(one: str, two: str, index: int) -> None:
    for name in NAMES:
        instrument = load(name)
        item = instrument.item(0, index)
        replies = [one, two][: instrument.asks]
        grades = instrument.grade(item.target, item.details, replies)
        assert tuple(grades) == instrument.scores
        for grade in grades.values():
            assert grade.value in (0.0, 1.0)
            assert grade.outcome
            assert len(grade.answer) < 500
            assert len(grade.explanation) < 1000
        assert grades == instrument.grade(item.target, item.details, replies)


HUGE = {
    "letters": "a" * 3_000_000,
    "base64": "QUJD" * 700_000,
    "digits": "7" * 3_000_000,
    "grouped": "1,111" * 500_000,
    "labels": "answer:" * 400_000,
    "empty labels": "answer:\n" * 400_000,
    "marks": "a" + "\u0300\u0327" * 1_000_000,
    "expanding": "\ufdfa" * 1_000_000,
    "surrogates": "\ud800" * 1_000_000,
    "newlines": "\n" * 3_000_000,
    "dots": ". " * 1_000_000,
    "nots": "not " * 700_000,
    "minuses": "-" * 3_000_000,
    "choices": "A or " * 600_000,
    "sorry": "i was wrong " * 200_000,
    "refusals": "cannot answer = " * 200_000,
    "entities": "&#x41;" * 500_000,
    "controls": "\x1b[31m\x00" * 500_000,
    "spaces": " " * 3_000_000,
}


@pytest.mark.parametrize("kind", HUGE)
def test_megabytes_are_scored_in_seconds(kind: str) -> None:
    start = time.process_time()
    for name in NAMES:
        instrument = load(name)
        item = instrument.item(0, 3)
        instrument.grade(item.target, item.details, [HUGE[kind]] * instrument.asks)
    assert time.process_time() - start < 8


def test_capped_keeps_both_ends() -> None:
    assert capped("a" * 10) == "a" * 10
    assert capped("a" * 200_000) == "a" * 200_000
    text = capped("a" * 100_000 + "x" * 999_999 + "b" * 100_000)
    assert text == "a" * 100_000 + "\n" + "b" * 100_000


def test_folded() -> None:
    assert folded("plain text 1") == "plain text 1"
    assert folded("ａ\u200bé\u202e\ud800\x00b\r\nc\td") == "ae\ud800 b\n\nc\td"


def test_form_line_passes_over_echoes_and_blanks() -> None:
    assert form_line("Answer: 1\nAnswer: <number>\nAnswer:") == "1"
    assert form_line("nothing here") is None
