"""The paper's tables from ratings, exactly; and ratings made to give a printed table."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities import microdata_of, published_tables
from calibrant.priorities.tables.printed import column, decimal, rounded

PAPER = Path("/work/shared/data/survey")

TABLE = {
    "id": ["4d", "9c", "5b", "17b", "15d", "2c", "20a"],
    "sub_area": ["A", "B", "C", "D", "E", "F", "G"],
    "I": ["5.00", "4.67", "4.38", "4.75", "4.00", "3.33", "3.00"],
    "T": ["4.25", "4.22", "4.13", "2.75", "4.00", "3.00", "2.50"],
    "P": ["21.25", "19.70", "18.05", "13.06", "16.00", "10.00", "7.50"],
    "n": ["4", "9", "8", "4", "5", "3", "3"],
}


def rows_of(name: str, last: str) -> list[tuple[str, ...]]:
    if not PAPER.is_dir():
        pytest.skip("the paper's printed tables are not here")
    with (PAPER / name).open(encoding="utf-8") as file:
        return [
            (r["sub_area"], r["importance"], r["tractability"], r[last], r["n"])
            for r in csv.DictReader(file)
        ]


def frame(rows: list[tuple[str, str, str, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["respondent", "area", "question", "value"], orient="row")


@pytest.mark.parametrize("seed", [None, 3])
def test_tables_1_to_3_are_printed_from_ratings_that_fit_them(seed: int | None) -> None:
    third = rows_of("survey_table3.csv", "promise")
    made = microdata_of(PAPER / "survey_table3.csv", respondents=53, seed=seed)
    # Two ratings of tractability are the most that 2.50 of 3 respondents allows.
    assert made.unfit == ("20a",)
    found = published_tables(made.frame, names=made.names)
    assert found.table3() == [r for r in third if r[0] != made.names["20a"]]
    assert found.table1() == rows_of("table1.csv", "promise")
    assert found.table2() == rows_of("table2.csv", "gap")
    assert len(found.ranking) == 76
    assert ("5b", "4f") in found.ties and len(found.ties) == 6


def test_all_77_rows_are_printed_if_areas_are_excluded_by_respondents() -> None:
    third = rows_of("survey_table3.csv", "promise")
    made = microdata_of(PAPER / "survey_table3.csv", fewest=1, seed=1)
    assert not made.unfit
    found = published_tables(made.frame, names=made.names, exclude="respondents")
    assert found.table3() == third
    by_answers = published_tables(made.frame, names=made.names)
    assert [e.area for e in by_answers.excluded] == ["20a"]


def test_a_small_table_is_printed_from_its_ratings() -> None:
    made = microdata_of(TABLE, seed=5)
    assert made.unfit == ("20a",)
    found = published_tables(made.frame, names=made.names)
    want = [tuple(TABLE[k][i] for k in ("sub_area", "I", "T", "P", "n")) for i in range(6)]
    assert found.table3() == sorted(want, key=lambda r: -float(r[3]))
    assert [r.area for r in found.gaps] == ["17b"]
    assert found.ranking[0].means["tractability"] == Fraction(17, 4)
    plain = found.to_dict()
    assert plain["ranking"][0]["exact"]["tractability"] == "17/4"
    assert "4d" in repr(found)


def test_nothing_is_rounded_before_it_is_printed() -> None:
    # 13/3 · 11/3 = 15.888…; of the rounded means it would be 4.33 · 3.67 = 15.891.
    rows = [(f"r{i}", "x", "importance", v) for i, v in enumerate((5, 4, 4))]
    rows += [(f"r{i}", "x", "tractability", v) for i, v in enumerate((4, 4, 3))]
    found = published_tables(frame(rows), digits=3)
    assert found.ranking[0].promise == Fraction(143, 9)
    assert found.table3() == [("x", "4.333", "3.667", "15.889", "3")]


def test_counts_of_people_exclusions_and_last_words() -> None:
    rows = [
        (f"r{i}", "4d", q, 4.0 + i % 2) for i in range(4) for q in ("importance", "tractability")
    ]
    rows += [(f"r{i}", "4e", "importance", 5.0) for i in range(3)]
    rows += [(f"r{i}", "4e", "tractability", 5.0 if i < 2 else None) for i in range(3)]
    rows += [("s", "1a", "importance", 4.0), ("s", "1a", "tractability", 3.0)]
    table = frame(rows).with_columns(pl.lit(1).alias("round"))
    table = pl.concat([table, table.filter(pl.col("respondent") == "s").with_columns(
        pl.lit(2).alias("round"), pl.lit(2.0).alias("value"))])  # fmt: skip
    found = published_tables(table)
    assert [r.area for r in found.ranking] == ["4d"]
    assert {e.area: dict(e.answers) for e in found.excluded} == {
        "4e": {"importance": 3, "tractability": 2},
        "1a": {"importance": 1, "tractability": 1},
    }
    assert (found.enthusiasts, found.respondents) == (4, 5)
    assert len(found.unrated) == 102 and "12a" in found.unrated
    by = {c.category: c for c in found.categories}
    assert (by["4"].respondents, by["4"].answers, by["4"].rated) == (4, 13, 2)
    assert by["12"].respondents == 0
    both = published_tables(table, exclude="respondents")
    assert [r.area for r in both.ranking] == ["4e", "4d"]


def test_demographics_have_shares_with_exact_intervals() -> None:
    made = microdata_of(TABLE)
    groups = (
        ["Academia"] * 17 + ["Non-profit"] * 15 + ["Industry"] * 7 + ["Other"] * 4 + [None] * 10
    )
    people = pl.DataFrame({"respondent": [str(i) for i in range(53)], "sector": groups})
    found = published_tables(made.frame, demographics=people)
    first = found.demographics[0]
    assert (first.option, first.count, first.of, found.completed) == ("Academia", 17, 43, 43)
    assert rounded(100 * first.share, 1) == "39.5"
    # Clopper and Pearson for 17 of 43, as R's binom.test gives it.
    assert first.interval == pytest.approx((0.24976779, 0.55590048), abs=1e-7)


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([("r", "x", "importance", 3.0)], {}, "no rating of question 'tractability'"),
        ([("r", "x", "importance", 3.5), ("r", "x", "tractability", 3.0)], {}, "whole rating"),
        ([("r", "x", "importance", 3.0), ("r", "x", "tractability", 3.0)], {}, "no area has 3"),
        ([("r", "x", "importance", None), ("r", "x", "tractability", None)], {}, "no answered"),
        ([("r", "x", "importance", 3.0)], {"high": "four"}, "high: wanted a number"),
        ([("r", "x", "importance", 3.0)], {"digits": 9}, "digits: wanted 0 to 4"),
        ([("r", "x", "importance", 3.0)], {"fewest": 0}, "fewest: wanted at least 1"),
        ([("r", "x", "importance", 3.0)], {"rule": "any"}, "half-up or half-even"),
    ],
)
def test_wrong_input_is_refused(rows, options, said) -> None:
    with pytest.raises(InputError, match=said):
        published_tables(frame(rows), **options)


def test_too_few_respondents_are_refused() -> None:
    with pytest.raises(InputError, match="at least 9"):
        microdata_of(TABLE, respondents=5)


@given(st.integers(-500, 500), st.integers(1, 64), st.integers(0, 4))
@settings(max_examples=200)
def test_rounding_is_that_of_decimal_arithmetic(over: int, under: int, digits: int) -> None:
    from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

    with localcontext() as context:
        context.prec = 60
        value = Decimal(over) / Decimal(under)
        step = Decimal(1).scaleb(-digits)
        for rule, mode in (("half-up", ROUND_HALF_UP), ("half-even", ROUND_HALF_EVEN)):
            want = value.quantize(step, rounding=mode)
            assert Decimal(rounded(Fraction(over, under), digits, rule)) == want


def test_printed_numbers_are_read_as_they_stand() -> None:
    assert column(["5", "4.25", "\N{MINUS SIGN}0.5"], "x").units.tolist() == [500, 425, -50]
    assert column([5.0, 4.25], "x").digits == 2
    assert decimal(-5, 2) == "-0.05"
    for bad in ("1e3", "nan", "", "4,25", "1.23456", "--1"):
        with pytest.raises(InputError):
            column([bad], "x")
