"""Tables that a spreadsheet shows and never executes, and ratings read back from them."""

import re
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError, RunFolderError
from calibrant.records.cells import cell, to_bytes, uncell, write
from calibrant.records.ratings import RATINGS, as_ratings

EVIL = ["=1+1", "+1", "-cmd", "@x", "\tx", "\r=x", "  =x", "＝x", "'=x", "''", "-5", 'a,b\n"c"']


@given(st.text(st.characters(exclude_categories=["C"]), max_size=8))
def test_no_cell_begins_a_formula_and_every_cell_comes_back(text):
    assert not re.match(r"[\t\r]|\s*[=+\-@]", cell(text))
    assert uncell(cell(text)) == text


@pytest.mark.parametrize("text", EVIL)
def test_the_dangerous_beginnings_are_escaped(text):
    assert cell(text)[0] not in "=+-@\t\r"


TEXTS = st.one_of(st.sampled_from(EVIL), st.text("ab=,'\"- é", min_size=1))
NAMES = TEXTS.map(str.strip).filter(bool)
VALUES = st.one_of(
    st.integers(1, 5).map(float), st.sampled_from(["don't know", "skipped", "not shown"])
)
TIMES = st.one_of(st.none(), st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))
ROW = st.tuples(
    NAMES, st.sampled_from(["4d", "8c", "=x"]), st.sampled_from(["importance", "+y"]), VALUES,
    st.integers(1, 3), TIMES,
)  # fmt: skip


@given(st.lists(ROW, max_size=12, unique_by=lambda r: (r[0], r[1], r[2], r[4])))
@settings(max_examples=25)
def test_ratings_come_back_from_csv_and_parquet(tmp_path_factory, rows):
    frame = pl.DataFrame(
        [
            (who, a, q, v if isinstance(v, float) else None,
             "answered" if isinstance(v, float) else v, r, t)
            for who, a, q, v, r, t in rows
        ],
        schema=RATINGS, orient="row",
    )  # fmt: skip
    ratings = as_ratings(frame)
    folder = tmp_path_factory.mktemp("t")
    for ending in (".csv", ".parquet"):
        path = folder / f"r{ending}"
        write(ratings.frame, path)
        assert as_ratings(path).frame.equals(ratings.frame)
    for line in (folder / "r.csv").read_text().split("\n"):
        assert not re.match(r'"?(=|@|[+-](?![0-9]))', line), "a number with a sign is none"


def test_numbers_stay_numbers():
    table = pl.DataFrame({"x": [-1.5, 2.0], "name": ["-1.5", "=2"]})
    assert to_bytes(table, ".csv") == b"x,name\n-1.5,-1.5\n2.0,'=2\n"


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(InputError, match="csv or .parquet"):
        write(pl.DataFrame({"x": [1]}), tmp_path / "x.xlsx")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write(pl.DataFrame({"x": [1]}), tmp_path / "no" / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_value_without_end_is_refused():
    rows = {"respondent": ["r"], "area": ["a"], "question": ["q"], "value": [float("inf")]}
    with pytest.raises(InputError, match="row 1: value inf is not finite"):
        as_ratings(rows)
