"""Is a survey open when its file and its organiser say so, and at no other time?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from calibrant.errors import InputError
from calibrant.priorities.survey.model import Question, Survey
from calibrant.web.survey.kept.windows import closed, next_round, reopened, window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def survey(*windows):
    ask = Question(id="importance", text="How important?", labels=("low", "high"))
    given = [{"round": r, "opens": o, "closes": c} for r, o, c in windows]
    return Survey(id="s", title="S", questions=(ask,), windows=given)


def at(s, door, *days):
    found = [window(s, door, NOON + d * DAY) for d in days]
    return [(w.round, w.state) for w in found]


def test_as_the_file_says():
    s = survey((1, NOON, (NOON + 2 * DAY).replace(tzinfo=None)), (2, NOON + 3 * DAY, None))
    assert at(s, "", -1, 0, 1, 2, 3, 99) == [
        (1, "before"), (1, "open"), (1, "open"), (1, "closed"), (2, "open"), (2, "open")
    ]  # fmt: skip


def test_the_organiser_closes_and_opens_again():
    s = survey((1, None, NOON + 2 * DAY))
    door = closed("")
    assert door == "closed" and at(s, door, 0, 1) == [(1, "closed")] * 2
    # Without an end; with one; and moved while it is open.
    assert at(s, reopened(s, door, NOON + 5 * DAY), 6, 99) == [(1, "open")] * 2
    door = reopened(s, door, NOON + 5 * DAY, NOON + 7 * DAY)
    assert at(s, door, 6, 7) == [(1, "open"), (1, "closed")]
    door = reopened(s, door, NOON + 6 * DAY, NOON + 9 * DAY)
    assert at(s, door, 8, 9) == [(1, "open"), (1, "closed")]
    assert at(s, closed(door), 8) == [(1, "closed")]


def test_opened_before_its_time():
    s = survey((1, NOON + 3 * DAY, NOON + 5 * DAY))
    door = reopened(s, "", NOON, NOON + 5 * DAY)
    assert at(s, door, 0, 4, 5) == [(1, "open"), (1, "open"), (1, "closed")]


def test_the_next_round():
    s = survey((1, None, None))
    door = next_round(s, "", NOON, NOON + DAY)
    assert at(s, door, -1, 0, 1) == [(1, "open"), (2, "open"), (2, "closed")]
    assert at(s, next_round(s, door, NOON + 2 * DAY), 2, 9) == [(3, "open")] * 2
    # One that was planned comes earlier, and keeps its end.
    s = survey((1, None, NOON + DAY), (4, NOON + 2 * DAY, NOON + 3 * DAY))
    door = next_round(s, closed(""), NOON)
    assert at(s, door, 0, 2, 3) == [(4, "open"), (4, "open"), (4, "closed")]


def test_what_cannot_be():
    s = survey((1, NOON + DAY, None))
    with pytest.raises(InputError, match="has not begun yet"):
        next_round(s, "", NOON)
    for change in (next_round, reopened):
        with pytest.raises(InputError, match="that is over"):
            change(s, "", NOON + 2 * DAY, NOON)
