"""The ratings table: what is taken, what is refused, and how it is coded."""

import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.records.ratings import as_ratings

ROWS = {
    "respondent": ["r2", "r1", "r1"],
    "area": ["4d", "4d", "8c"],
    "question": ["importance"] * 3,
    "value": [5, None, 3],
}


def test_states_follow_from_values_where_none_are_given():
    ratings = as_ratings(ROWS)
    assert ratings.frame["state"].to_list() == ["answered", "skipped", "answered"]
    assert repr(ratings) == "Ratings: 2 answers of 2 respondents on 2 areas"


def test_answers_are_coded_by_sorted_names():
    coded = as_ratings(ROWS).coded()
    assert (coded.respondents, coded.areas) == (("r1", "r2"), ("4d", "8c"))
    assert coded.respondent.tolist() == [1, 0]
    assert coded.area.tolist() == [0, 1]
    assert coded.value.tolist() == [5.0, 3.0]


def test_the_last_round_counts():
    later = pl.DataFrame({**ROWS, "round": [1, 1, 1]}).vstack(
        pl.DataFrame({**ROWS, "value": [4, 2, 3], "round": [2, 2, 2]})
    )
    last = as_ratings(later).latest.frame.sort("respondent", "area")
    assert last["value"].to_list() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": ["five", "", "3"]}, "row 1: value 'five' is no number"),
        ({"state": ["answered", "don't know", "no"]}, "row 3: state 'no'; wanted one of"),
        ({"state": ["answered", "answered", "answered"]}, "row 2: state 'answered' with value"),
        ({"area": ["4d", "4d", "4d"]}, "more than one row for respondent r1, area 4d"),
        ({"area": ["4d", None, "8c"]}, "row 2: area is empty"),
        ({"value": [[1], [2], [3]]}, "value: wanted numbers, got List"),
        ({"round": ["one", "1", "1"]}, "round"),
    ],
)
def test_what_is_wrong_is_named(change, said):
    with pytest.raises(InputError, match=said):
        as_ratings(ROWS | change)


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="no column question"):
        as_ratings({k: v for k, v in ROWS.items() if k != "question"})
