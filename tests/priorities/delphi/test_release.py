"""Can an answer be read off the snapshots? By going through all that could have been said."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities.delphi.release import (
    DONT_KNOW,
    NOTHING,
    Part,
    Snapshot,
    release,
    snapshot,
    tally,
    waiting,
)

LEVELS = 2


def usual(said, behind, *, k, levels):
    """The usual rule: show all anew after any k changes."""
    moved = [w for w in {*said, *behind}
             if said.get(w, NOTHING) != (behind[w].said if w in behind else NOTHING)]  # fmt: skip
    if len(moved) < k:
        return None
    after = {w: Part(v, 0) for w, v in said.items()}
    return after if sum(p.said > 0 for p in after.values()) >= k else None


def play(rule, schedule, words, k):
    """What is shown, who moved in it, and what each respondent's shown answers were."""
    said, behind = {}, {}
    seen, shown = [], []
    for who, word in zip(schedule, words, strict=True):
        said[who] = word
        after = rule(said, behind, k=k, levels=LEVELS)
        if after is None:
            seen.append(None)
            continue
        before = {w: p.said for w, p in behind.items()}
        moved = frozenset(w for w, p in after.items() if before.get(w) != p.said)
        counts = tuple(tally(after, LEVELS)), sum(p.said == DONT_KNOW for p in after.values())
        seen.append((counts, moved))
        shown.append({w: p.said for w, p in after.items()})
        behind = after
    people = sorted(behind)
    histories = {w: tuple(s.get(w) for s in shown) for w in people}
    return tuple(seen), histories, {w: behind[w].group for w in people}


def given_away(rule, schedule, k, values, coalition):
    """Worlds in which somebody whom the attacker does not know has nobody to be exchanged with."""
    classes = defaultdict(set)
    worlds = []
    for words in product(values, repeat=len(schedule)):
        seen, histories, groups = play(rule, schedule, words, k)
        known = tuple(w for who, w in zip(schedule, words, strict=True) if who in coalition)
        classes[seen, known].add(tuple(sorted(histories.items())))
        worlds.append((seen, known, histories, groups))
    lost = 0
    for seen, known, histories, _ in worlds:
        others = [w for w in histories if w not in coalition]
        for w in others:
            # Any other respondent will do, of whatever group: the attacker knows of none.
            lost += not any(
                tuple(sorted((histories | {w: histories[v], v: histories[w]}).items()))
                in classes[seen, known]
                for v in others if v != w
            )  # fmt: skip
    return lost


@pytest.mark.parametrize(
    "schedule",
    [
        "abcdeab",  # two revise among five
        "abcdabcd",  # everybody revises
        "aabbabcab",  # back and forth before the first
        "abcaaabbb",  # one changes again and again
        "abcdefadb",  # two batches, revisions from both
    ],
)
@pytest.mark.parametrize("coalition", ["", "a", "c"])
def test_nobody_is_given_away_however_all_answered(schedule, coalition):
    assert given_away(release, schedule, 3, (1, 2), coalition) == 0


def test_nobody_is_given_away_by_not_knowing_or_withdrawing():
    assert given_away(release, "abcdabc", 3, (1, DONT_KNOW, NOTHING), "a") == 0
    assert given_away(release, "abcdabc", 3, (1, 2, DONT_KNOW), "b") == 0


def test_the_usual_rule_gives_people_away():
    # Where a alone of the first batch revises, the count that falls by one is a's old answer.
    assert given_away(usual, "abcdae", 2, (1, 2), "") > 0
    assert given_away(usual, "abcade", 3, (1, 2), "c") > 0
    assert given_away(release, "abcade", 3, (1, 2), "c") == 0


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from("abcde"), min_size=4, max_size=8), st.sampled_from(["", "a"]))
def test_no_schedule_gives_anybody_away(schedule, coalition):
    assert given_away(release, schedule, 3, (1, 2), coalition) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 14), st.integers(NOTHING, 5)), max_size=120),
       st.integers(2, 5))  # fmt: skip
def test_every_group_has_k_members_whatever_comes(events, k):
    said, behind = {}, {}
    for who, word in events:
        said[str(who)] = word
        after = release(said, behind, k=k, levels=5)
        if after is None:
            continue
        moved = sum(w not in behind or behind[w].said != p.said for w, p in after.items())
        assert moved >= k and set(behind) <= set(after)
        behind = after
        sizes = np.unique([p.group for p in behind.values()], return_counts=True)[1]
        assert sizes.min() >= k
        seen = snapshot(behind, 1, k=k, levels=5)
        assert seen.n is None or seen.n >= k
        assert seen.counts is None or sum(seen.counts) == seen.n >= 2 * k


def test_nothing_before_k_and_no_news_before_k_more():
    said = {str(i): 1 + i % 5 for i in range(4)}
    assert release(said, {}, k=5, levels=5) is None
    said["4"] = 5
    behind = release(said, {}, k=5, levels=5)
    assert behind is not None
    assert snapshot(behind, 1, k=5, levels=5) == Snapshot(1, 5, 0, 3.0, 2.0, 4.0 + 0.0, None)
    said |= {str(i): 1 for i in range(5, 9)}
    assert release(said, behind, k=5, levels=5) is None and waiting(said, behind) == 4
    said["9"] = DONT_KNOW
    behind = release(said, behind, k=5, levels=5)
    assert snapshot(behind, 2, k=5, levels=5).n == 9
    assert snapshot(behind, 2, k=5, levels=5).dont_know == 1


def test_one_person_changing_back_and_forth_counts_once_and_back_is_no_change():
    said = {str(i): 3 for i in range(5)}
    behind = release(said, {}, k=5, levels=5)
    for value in (1, 2, 5, 4, 1, 2) * 5:
        assert release(said | {"0": value}, behind, k=5, levels=5) is None
    assert waiting(said, behind) == 0


def test_a_few_revisions_never_ride_along_with_new_answers():
    said = {str(i): 3 for i in range(5)}
    behind = release(said, {}, k=5, levels=5)
    said |= {"0": 1} | {str(i): 4 for i in range(5, 10)}
    after = release(said, behind, k=5, levels=5)
    assert after["0"].said == 3 and after["5"].said == 4
    # All of a group may move at once; four of five may not, as the fifth would be left alone.
    assert release(said | dict.fromkeys("1234", 2), after, k=4, levels=5) is not None
    assert release(said | dict.fromkeys("123", 2), after, k=4, levels=5) is None


def test_too_few_left_hides_the_numbers():
    said = {str(i): 3 for i in range(5)}
    behind = release(said, {}, k=5, levels=5)
    gone = release({}, behind, k=5, levels=5)
    assert snapshot(gone, 2, k=5, levels=5) == Snapshot(2)
    assert "too few" in repr(snapshot(gone, 2, k=5, levels=5))


def test_what_is_wrong_is_refused():
    with pytest.raises(InputError, match="2 or more"):
        release({}, {}, k=1, levels=5)
    with pytest.raises(InputError, match="wanted -1 to 5, got 6"):
        release({"a": 6}, {}, k=2, levels=5)
