"""Audits of printed tables: what they find, never find, and the plain twin of the solver."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities import audit_table, read_published
from calibrant.priorities.audit.certificates import CERTIFICATES
from calibrant.priorities.audit.sds import sd_possible, squares, sums_of_squares
from calibrant.priorities.audit.simulate import honest
from calibrant.priorities.tables.fits import fits
from calibrant.priorities.tables.printed import rounded
from calibrant.stats.certificates import measure_certificate

PAPER = Path("/work/shared/data/survey")

TABLE = {
    "area": ["a", "b", "c", "d"],
    "I": ["4.75", "4.00", "3.60", "3.14"],
    "T": ["4.25", "3.75", "3.50", "3.00"],
    "P": ["20.19", "15.00", "12.60", "9.43"],
    "n": ["4", "5", "5", "7"],
}


def changed(**columns: list[str]) -> dict[str, list[str]]:
    return {**TABLE, **columns}


@pytest.fixture(scope="module")
def paper() -> Path:
    if not PAPER.is_dir():
        pytest.skip("the paper's printed tables are not here")
    return PAPER


def test_what_is_known_of_the_papers_table_is_found(paper: Path) -> None:
    found = audit_table(
        paper / "survey_table3.csv", [paper / "table1.csv", paper / "table2.csv"], rows=74
    )
    assert [f.kind for f in found.contradictions] == ["count"]
    assert "77 rows, but 74 are stated" in found.contradictions[0].text
    assert len(found.of("unequal")) == 16
    assert found.of("too few") == ("20a",)
    assert found.of("unrated") == ("12", "13", "14", "16")
    assert sum(bool(r.product_unrounded) for r in found.rows) == 76
    assert found.rules == {"half-up": (), "half-even": ("8b", "5f", "17a", "3e")}
    by_hand = pl.read_csv(paper / "survey_table3.csv")
    hand = by_hand.filter(~pl.col("joint_at_full_n") & (pl.col("taxonomy_id") != "20a"))
    assert found.of("unequal") == tuple(hand["taxonomy_id"])
    assert [r.solutions for r in found.rows] == by_hand["n_joint_solutions"].to_list()
    for question, sets in (("importance", "i_sets"), ("tractability", "t_sets")):
        want = [tuple((s or "").split(";")) if s else () for s in by_hand[sets]]
        assert [r.sums[question] for r in found.rows] == want


def test_the_rule_of_the_paper_makes_20a_impossible(paper: Path) -> None:
    found = audit_table(paper / "survey_table3.csv", fewest=3, areas=105, excluded=31)
    assert {f.kind for f in found.contradictions} == {"count", "too few"}
    assert found.of("too few") == ("20a",)
    assert "5/2 only" in next(f.text for f in found.findings if f.kind == "too few")
    assert "105 areas less 31 excluded are 74" in found.contradictions[-1].text


def test_a_table_that_disagrees_with_another_is_named() -> None:
    smaller = {"area": ["A", "b"], "I": ["4.75", "4.01"], "T": ["4.25", "3.75"], "n": ["4", "6"]}
    found = audit_table(TABLE, {"table 1": smaller})
    cross = next(f for f in found.findings if f.kind == "cross")
    assert cross.areas == ("b",)
    assert "importance 4.00 here, 4.01 there" in cross.text and "n 5 here, 6 there" in cross.text
    gaps = {"area": ["a", "c"], "I": ["4.75", "3.60"], "T": ["4.25", "3.50"],
            "gap": ["0.50", "0.30"], "n": ["4", "5"]}  # fmt: skip
    found = audit_table(TABLE, {"gaps": gaps})
    assert found.of("cross") == ("c",)
    assert found.of("left out") == ("b", "d")
    top = {k: [v[1]] for k, v in TABLE.items()}
    assert audit_table(TABLE, {"top": top}).of("left out") == ("a",)


@pytest.mark.parametrize(
    ("table", "kind", "areas"),
    [
        (TABLE, "impossible", ()),
        (changed(I=["4.70", "4.00", "3.60", "3.14"]), "impossible", ("a",)),
        (changed(P=["20.19", "15.10", "12.60", "9.43"]), "impossible", ("b",)),
        (changed(n=["4", "5", "5", "6"]), "impossible", ("d",)),
        (changed(area=["a", "b", "B", "d"]), "duplicate", ("b", "B")),
        (TABLE, "unequal", ("b", "c")),
        (changed(n=["5", "5", "5", "7"]), "fewer", ("a",)),
    ],
)
def test_each_kind_of_finding(table, kind: str, areas: tuple[str, ...]) -> None:
    assert audit_table(table).of(kind) == areas


def test_printed_numbers_of_answers_are_taken_at_their_word() -> None:
    table = {k: v for k, v in TABLE.items() if k != "n"}
    own = {"n_importance": ["4", "5", "5", "7"], "n_tractability": ["4", "4", "4", "7"]}
    found = audit_table({**table, **own})
    assert [r.verdict for r in found.rows] == ["fits"] * 4
    assert not found.contradictions
    wrong = {**own, "n_tractability": ["4", "4", "5", "7"]}
    assert audit_table({**table, **wrong}).of("impossible") == ("c",)


def test_standard_deviations_are_tested_too() -> None:
    table = changed(sd_I=["0.50", "0.71", "1.34", "0.90"])
    assert not audit_table(table).contradictions
    # 19 of 4 is 5, 5, 5, 4 and nothing else: its standard deviation is 0.50.
    found = audit_table(changed(sd_I=["0.58", "0.71", "1.34", "0.90"]))
    assert found.of("impossible") == ("a",)
    assert "standard deviations" in found.contradictions[0].text


def test_orders_and_ranks_that_are_broken_are_named() -> None:
    values = [f"{5 - i / 4:.2f}" for i in range(14)]
    values[5] = "4.50"
    table = {"area": [f"x{i}" for i in range(14)], "I": values, "n": ["4"] * 14}
    found = audit_table(table)
    assert found.of("order") == ("x5",)
    ranks = {**table, "rank": [str(i + 1) for i in range(14)]}
    assert audit_table(ranks).of("rank") == ("x5",)
    # So few rows may stand in any order.
    assert not audit_table({k: v[3:8] for k, v in table.items()}).of("order")


def test_rows_that_cannot_fail_are_said_not_to() -> None:
    found = audit_table(changed(n=["4", "5", "5", "700"]))
    assert found.of("cannot fail") == ("d",)
    assert found.rows[3].verdict == "fits"


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        ({"x": ["1"]}, {}, "no column of means"),
        ({k: v for k, v in TABLE.items() if k != "n"}, {}, "no column with the number"),
        (TABLE, {"questions": ["Z"]}, "no column 'Z'; it has area, I, T, P, n"),
        (TABLE, {"rows": 0}, "rows: wanted a positive"),
        (TABLE, {"areas": 5}, "wanted both or neither"),
        (TABLE, {"scale": (1, 4)}, "outside the scale 1 to 4"),
        (TABLE, {"scale": (5, 1)}, "two whole numbers"),
        (TABLE, {"digits": 1}, "at most 1 decimals"),
        (changed(n=["4", "5.5", "5", "7"]), {}, "wanted a whole number"),
        (changed(area=["a", "", "c", "d"]), {}, "row 2: area is empty"),
    ],
)
def test_wrong_input_is_refused(table, options, said: str) -> None:
    with pytest.raises(InputError, match=said):
        audit_table(table, **options)


def plain(i: str, t: str, p: str, n: int, fewest: int, larger: bool) -> set[tuple[int, ...]]:
    """Every (sum, answers, sum, answers), by trying all of them in exact fractions."""

    def same(value: Fraction, cell: str) -> bool:
        digits = len(cell.partition(".")[2])
        return abs(value - Fraction(cell)) * 10**digits <= Fraction(1, 2)

    out = set()
    counts = range(fewest, n + 1)
    for a in counts:
        for b in counts:
            if larger and max(a, b) != n:
                continue
            for s in (s for s in range(a, 5 * a + 1) if same(Fraction(s, a), i)):
                for r in (r for r in range(b, 5 * b + 1) if same(Fraction(r, b), t)):
                    if same(Fraction(s, a) * Fraction(r, b), p):
                        out.add((s, a, r, b))
    return out


@given(st.integers(0, 10**9), st.sampled_from([1, 2]), st.booleans())
@settings(max_examples=25)
def test_the_solver_finds_what_the_plain_twin_finds(seed: int, digits: int, larger: bool) -> None:
    rng = np.random.default_rng(seed)
    regime = {"rows": 3, "most": 9, "scale": 5, "digits": digits, "rule": "half-up",
              "basis": "unrounded", "lost": 0.2, "sd": "none"}  # fmt: skip
    columns = honest(regime, rng).columns
    found = fits(
        read_published(columns, digits=digits), fewest=2, reading="larger" if larger else "shown"
    )
    for row in range(3):
        i, t, p = (columns[k][row] for k in ("importance", "tractability", "promise"))
        want = plain(i, t, p, int(columns["n"][row]), 2, larger)
        here = found.row == row
        got = zip(
            *(x[here].tolist() for q in ("importance", "tractability")
              for x in (found.sums[q], found.answers[q])), strict=True,
        )  # fmt: skip
        assert set(got) == want


def test_sums_of_squares_are_those_of_all_ratings() -> None:
    for n in (1, 2, 5):
        every = {(sum(c), sum(x * x for x in c)) for c in
                 combinations_with_replacement(range(5), n)}  # fmt: skip
        rows, columns = np.nonzero(squares(n, 4))
        assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == every
    # Beyond what is counted: a range, of the right parity, that holds all of them.
    every_square = set(np.flatnonzero(squares(41, 6)[100]).tolist())
    assert every_square and every_square <= set(sums_of_squares(41, 100, 6).tolist())


@given(st.lists(st.integers(1, 5), min_size=2, max_size=12), st.sampled_from([0, 1]))
@settings(max_examples=50)
def test_real_standard_deviations_are_possible(values: list[int], divisor: int) -> None:
    sd = float(np.std(values, ddof=divisor))
    assert sd_possible(
        int(f"{sd:.2f}".replace(".", "")), 2, len(values), sum(values), (1, 5), divisor
    )


def test_mean_of_a_large_table_is_quick_and_right() -> None:
    rng = np.random.default_rng(2)
    regime = {"rows": 2000, "most": 16, "scale": 5, "digits": 2, "rule": "half-up",
              "basis": "unrounded", "lost": 0.1, "sd": "none"}  # fmt: skip
    columns = honest(regime, rng).columns
    columns["importance"][77] = rounded(Fraction(columns["importance"][77]) / 2 + 1)
    found = audit_table(columns)
    accused = {a for f in found.contradictions for a in f.areas}
    assert accused == {"area 78"}


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate) -> None:
    from dataclasses import replace

    few = replace(certificate, regimes=certificate.regimes[:2], beyond=(), batch_draws=6)
    for measured in measure_certificate(few, draws=6, seed=1):
        assert not measured.broken
