"""Ratings carried from one version of a taxonomy to a later one."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities.taxonomy import parse_taxonomy
from calibrant.priorities.taxonomy.apply import next_version
from calibrant.priorities.taxonomy.carry import carry
from calibrant.priorities.taxonomy.changes import Change
from calibrant.records.ratings import STATES, as_ratings

FIRST = parse_taxonomy(
    {"id": "t", "categories": [{"id": "1", "name": "One", "areas": [
        {"id": i, "name": i} for i in ("1a", "1b", "1c", "1d")]}]}
)  # fmt: skip
SECOND = next_version(
    FIRST,
    [
        Change("merge", ("1a", "1b"), (("1e", "AB", ""),)),
        Change("split", ("1c",), (("1f", "C1", ""), ("1g", "C2", ""))),
        Change("rename", ("1d",), name="Dee"),
    ],
    "2",
)


def table(*rows):
    """Rows of respondent, area, value and, if there is none, its state."""
    return pl.DataFrame(
        [(r, a, "importance", v, s) for r, a, v, s in rows],
        schema=["respondent", "area", "question", "value", "state"], orient="row",
    )  # fmt: skip


def test_merged_areas_count_a_respondent_once():
    found = carry(
        table(("r1", "1a", 4, "answered"), ("r1", "1b", 5, "answered"),
              ("r2", "1a", 2, "answered"), ("r3", "1a", None, "don't know"),
              ("r3", "1b", None, "skipped"), ("r1", "1d", 3, "answered")),
        SECOND, "1",
    )  # fmt: skip
    rows = {(r["respondent"], r["area"]): (r["value"], r["state"])
            for r in found.ratings.frame.iter_rows(named=True)}  # fmt: skip
    assert rows == {
        ("r1", "1e"): (4.5, "answered"), ("r2", "1e"): (2.0, "answered"),
        ("r3", "1e"): (None, "don't know"), ("r1", "1d"): (3.0, "answered"),
    }  # fmt: skip
    assert found.origins == {"1e": ("1a", "1b"), "1d": ("1d",)}
    assert (found.pooled, found.differing) == (2, 1)
    assert any("their mean is taken" in n for n in found.notes)


def test_differing_numbers_may_be_dropped():
    rows = table(("r1", "1a", 4, "answered"), ("r1", "1b", 5, "answered"),
                 ("r2", "1a", 3, "answered"), ("r2", "1b", 3, "answered"))  # fmt: skip
    found = carry(rows, SECOND, "1", differing="drop")
    assert found.ratings.frame["respondent"].to_list() == ["r2"]
    assert found.ratings.frame["value"].to_list() == [3.0]
    assert any("dropped" in n for n in found.notes)


def test_what_was_split_or_retired_is_said_and_not_carried():
    found = carry(table(("r1", "1c", 4, "answered"), ("r1", "1d", 1, "answered")), SECOND, "1")
    assert found.ratings.frame["area"].to_list() == ["1d"]
    assert found.not_carried == {"1c": "split into 1f, 1g"}
    assert found.notes == ("1c: not carried, as it was split into 1f, 1g",)
    assert "1 not carried" in repr(found)


def test_a_chain_of_versions_is_followed():
    third = next_version(SECOND, [Change("merge", ("1e", "1d"), (("1h", "ABD", ""),))], "3")
    rows = table(("r1", "1a", 4, "answered"), ("r1", "1d", 4, "answered"))
    found = carry(rows, third, "1")
    assert found.ratings.frame["area"].to_list() == ["1h"]
    assert found.origins == {"1h": ("1a", "1d")}
    fourth = next_version(third, [Change("retire", ("1h",))], "4")
    assert carry(rows, fourth, "1").not_carried["1a"] == "merged into 1e, then merged into 1h, " \
        "then retired"  # fmt: skip
    assert carry(rows, fourth, "1").ratings.frame.height == 0


@pytest.mark.parametrize(
    ("rows", "since", "said"),
    [
        ([("r1", "9z", 4, "answered")], "1", "area '9z' is not in version 1"),
        ([("r1", "1e", 4, "answered")], "1", "area '1e' is not in version 1"),
        ([("r1", "1a", 4, "answered")], "0", "knows no version '0'"),
        ([("r1", "1a", 4, "answered")], "2", "area '1a' is not in version 2"),
    ],
)
def test_ratings_of_another_version_are_refused(rows, since, said):
    with pytest.raises(InputError, match=said):
        carry(table(*rows), SECOND, since)


CELLS = st.dictionaries(
    st.tuples(st.sampled_from(["r1", "r2", "r3"]), st.sampled_from(["1a", "1b", "1c", "1d"])),
    st.one_of(st.integers(1, 5), st.sampled_from(STATES[1:])),
    min_size=1,
)


@given(CELLS)
@settings(max_examples=40)
def test_it_is_the_plain_rule(cells):
    rows = [
        (r, a, x if isinstance(x, int) else None, "answered" if isinstance(x, int) else x)
        for (r, a), x in cells.items()
    ]
    found = carry(as_ratings(table(*rows)), SECOND, "1")
    now = {"1a": "1e", "1b": "1e", "1d": "1d"}
    plain: dict = {}
    for (r, a), x in cells.items():
        if a in now:
            plain.setdefault((r, now[a]), []).append(x)
    wanted = {}
    for key, said in plain.items():
        numbers = [x for x in said if isinstance(x, int)]
        if numbers:
            wanted[key] = (sum(numbers) / len(numbers), "answered")
        else:
            wanted[key] = (None, min(said, key=STATES.index))
    got = {(r["respondent"], r["area"]): (r["value"], r["state"])
           for r in found.ratings.frame.iter_rows(named=True)}  # fmt: skip
    assert got == wanted
