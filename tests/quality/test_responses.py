"""Responses from matrices, long tables and trials; banks of items and their curves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.quality.bank import Bank, bank_of, read_bank, two_pl, write_bank
from calibrant.quality.read import read_responses
from calibrant.quality.responses import of_matrix
from calibrant.records import trials_frame

DATA = Path(__file__).parents[3] / "shared/data/quality"

GRADED = Bank(
    "grm", ("x", "y"), np.array([1.3, -0.7]), np.array([[1.0, 0, -1], [0.5, -0.5, np.nan]]),
    np.zeros(2), np.array([[0, 1, 2, 3.0], [0, 1, 2, np.nan]]),
)  # fmt: skip
BANKS = [
    two_pl(np.array([1.0, 2, -0.5]), np.array([0, 0.5, 1])),
    two_pl(np.array([1.0, 2]), np.array([0, 0.5]), guessing=np.array([0.2, 0.1])),
    GRADED,
    replace(GRADED, model="gpcm"),
]


@pytest.mark.parametrize("bank", BANKS, ids=lambda b: b.model)
def test_information_is_what_the_probabilities_imply(bank):
    theta, h = np.linspace(-3, 3, 7), 1e-5
    p = bank.probabilities(theta)
    np.testing.assert_allclose(p.sum(2), 1)
    rise = (bank.probabilities(theta + h) - bank.probabilities(theta - h)) / (2 * h)
    square = np.divide(rise**2, p, out=np.zeros_like(p), where=p > 0)
    np.testing.assert_allclose(bank.information(theta), square.sum(2), rtol=1e-6)


@pytest.mark.parametrize("bank", BANKS, ids=lambda b: b.model)
def test_draws_have_the_expected_scores(bank):
    theta = np.full(40_000, 0.3)
    drawn = bank.draw(theta, np.random.default_rng(1))
    expected = bank.expected(np.array([0.3]))[0]
    np.testing.assert_allclose(drawn.mean(0), expected, atol=5 * 1.5 / 200)
    assert (bank.category_of(drawn) >= 0).all()


def test_difficulty_is_where_curves_cross():
    at = GRADED.difficulty[0]
    above = GRADED.probabilities(at)[:, 0, ::-1].cumsum(1)[:, ::-1]
    np.testing.assert_allclose([above[k, k + 1] for k in range(3)], 0.5)
    partial = replace(GRADED, model="gpcm")
    p = partial.probabilities(partial.difficulty[0])[:, 0]
    np.testing.assert_allclose([p[k, k] for k in range(3)], [p[k, k + 1] for k in range(3)])


def test_a_bank_survives_its_file(tmp_path):
    write_bank(GRADED, tmp_path / "bank.json")
    again = read_bank(tmp_path / "bank.json")
    np.testing.assert_array_equal(again.intercepts, GRADED.intercepts)
    assert again.items == GRADED.items and again.covariance is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": "2pl", "items": ["a"]}'])
def test_what_is_no_bank_is_refused(tmp_path, text):
    (tmp_path / "bank.json").write_text(text)
    with pytest.raises(InputError, match="bank"):
        read_bank(tmp_path / "bank.json")


def test_a_bank_of_another_model_is_refused():
    with pytest.raises(InputError, match="a model of rasch"):
        bank_of(GRADED.to_dict() | {"model": "4pl"})


def test_a_score_that_an_item_cannot_have_is_named():
    with pytest.raises(InputError, match=r"item y: wanted a score of 0, 1, 2, got 3"):
        GRADED.category_of(np.array([[0.0, 3.0]]))


def test_a_wide_table():
    table = pl.DataFrame({"model": ["a", "b"], "q1": ["1", "NA"], "q2": ["0.5", "true"]})
    found = read_responses(table)
    assert found.subjects == ("a", "b") and found.items == ("q1", "q2")
    np.testing.assert_array_equal(found.scores, [[1, 0.5], [np.nan, 1]])
    assert not found.complete and not found.binary


def test_a_wide_table_of_scores_alone_numbers_its_rows():
    found = read_responses(pl.DataFrame({"x1": [0, 1, 1], "x2": [1, 0, 1]}))
    assert found.subjects == ("row 1", "row 2", "row 3") and found.binary


@pytest.mark.parametrize("header", ["", "rownames", "Unnamed: 0"])
def test_a_column_that_numbers_the_rows_is_no_item(tmp_path, header):
    lines = [f'"{header}","Item.1","Item.2"', '"1",1,0', '"2",0,NA', '"3",1,1', '"4",0,1']
    (tmp_path / "lsat.csv").write_text("\n".join(lines) + "\n")
    found = read_responses(tmp_path / "lsat.csv")
    assert found.items == ("Item.1", "Item.2") and found.subjects == ("1", "2", "3", "4")
    assert (found.low, found.high) == (0, 1)


def test_a_long_table_with_repeats_failures_and_facts():
    table = pl.DataFrame({
        "model": list("aaabb"), "item": [1, 1, 2, 1, 2], "score": [0.0, 1, None, 1, 1],
        "family": list("xxxyy"), "topic": list("ppqpq"),
    })  # fmt: skip
    found = read_responses(table)
    np.testing.assert_array_equal(found.scores, [[0.5, np.nan], [1, 1]])
    np.testing.assert_array_equal(found.trials, [[2, 0], [1, 1]])
    np.testing.assert_array_equal(found.failed, [[0, 1], [0, 0]])
    assert found.subject_column("family") == ["x", "y"]
    assert found.item_column("topic") == ["p", "q"] and found.item_column("cluster") is None


def test_json_lines_are_a_long_table_with_facts(tmp_path):
    rows = [{"model": m, "item": i, "score": 1, "family": m} for m in "ab" for i in "xy"]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    assert read_responses(tmp_path / "r.jsonl").subject_column("family") == ["a", "b"]


def test_trials_of_two_instruments_keep_their_items_apart():
    rows = [
        {"run": "r", "subject": s, "instrument": i, "item": "1", "epoch": 1, "grader": "g",
         "score": 1.0, "cluster": "c"}
        for s in "ab" for i in ("x", "y")
    ]  # fmt: skip
    found = read_responses(trials_frame(rows))
    assert found.items == ("x/1", "y/1") and "2 instruments" in found.notes[0]
    assert found.item_column("cluster") == ["c", "c"]


def test_facts_are_joined_by_the_column_that_has_the_names(tmp_path):
    (tmp_path / "items.csv").write_text("number,question_id,category\n1,q2,math\n2,q1,code\n")
    found = read_responses(
        pl.DataFrame({"model": ["a", "b"], "q1": [0, 1], "q2": [1, 1]}),
        items=tmp_path / "items.csv", subjects={"name": ["b", "a"], "family": ["x", None]},
    )  # fmt: skip
    assert found.item_column("category") == ["code", "math"]
    assert found.subject_column("family") == [None, "x"]
    part = found.select(subjects=[1], items=[1])
    assert part.scores.tolist() == [[1.0]] and part.item_column("category") == ["math"]


def test_scores_outside_0_to_1_take_the_range_that_occurs():
    found = read_responses(pl.DataFrame({"model": ["a", "b"], "q": [3, 1]}))
    assert (found.low, found.high) == (0, 3) and "outside 0 to 1" in found.notes[0]
    np.testing.assert_allclose(found.unit[:, 0], [1, 1 / 3])


@pytest.mark.parametrize(
    ("table", "options", "match"),
    [
        ({"model": ["a", "a"], "q": [1, 0]}, {}, "row 2: subject 'a' occurs twice"),
        ({"model": ["a", "b"], "q": ["1", "x"]}, {}, "row 2, column 'q': wanted a number, got 'x'"),
        ({"model": ["a", None], "q": [1, 0]}, {}, "row 2: no name"),
        ({"model": ["a"]}, {}, "wanted columns of scores"),
        ({"model": ["a"], "q": [None]}, {}, "wanted at least one score"),
        ({"model": ["a"], "q": [1]}, {"layout": "tall"}, "wanted long or wide"),
        ({"model": ["a"], "q": [1]}, {"layout": "long"}, "wanted columns for subject, item"),
        ({"model": ["a"], "q": [1]}, {"score": "z"}, "no column 'z'"),
        ({"model": ["a"], "q": [1]}, {"limits": (0, 0.5)}, "scores from 0 to 0.5, got 1"),
        ({"model": ["a"], "q": [1]}, {"limits": (1, 1)}, "wanted a lower and a higher"),
        ({"model": ["a"], "q": [1]}, {"items": {"item": ["r"]}}, "no column has the names"),
        ({"model": ["a"], "q": [1]}, {"items": {"item": ["q", "q"]}}, "'q' has two rows"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(table, options, match):
    with pytest.raises(InputError, match=match):
        read_responses(pl.DataFrame(table), **options)


def test_infinite_scores_count_as_failed():
    found = read_responses(pl.DataFrame({"model": ["a", "b"], "q": [1.0, float("inf")]}))
    assert found.failed.tolist() == [[0], [1]] and "infinite" in found.notes[0]


@pytest.mark.parametrize(
    ("scores", "options", "match"),
    [
        (np.zeros(3), {}, "wanted a matrix"),
        (np.zeros((2, 2)), {"items": ["a", "a"]}, "items: wanted 2 different names, got 1"),
        (np.full((2, 2), 2.0), {}, "wanted scores from 0 to 1, got 2"),
    ],
)
def test_wrong_matrices_are_named(scores, options, match):
    with pytest.raises(InputError, match=match):
        of_matrix(scores, **options)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs shared/data/quality")
def test_livebench_and_alpacaeval_are_read():
    live = read_responses(DATA / "livebench_matrix.csv", items=DATA / "livebench_items.csv")
    assert live.scores.shape == (93, 1136) and live.item_facts.columns[0] == "item"
    assert read_responses(DATA / "livebench_complete_block.csv").complete
    assert read_responses(DATA / "alpacaeval2_pref.csv").scores.shape == (58, 805)


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("model;i0;i1\na;0,5;1\nb;1;0\n", [[0.5, 1], [1, 0]]),
        ("model\ti0\ti1\na\t0\t1\nb\t1\t\n", [[0, 1], [1, np.nan]]),
        ('"i0","i1"\n"a",0,1\n"b",1,0\n', [[0, 1], [1, 0]]),
        ('"","i0","i1"\r\n"a","0","1"\r\n"b","1","0"\r\n', [[0, 1], [1, 0]]),
        ("\ufeffmodel,i0,i1\na,true,FALSE\nb,1,0\n", [[1, 0], [1, 0]]),
    ],
)
def test_tables_of_spreadsheets_and_of_r(tmp_path, text, scores):
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode())
    found = read_responses(path)
    assert found.subjects == ("a", "b") and found.items == ("i0", "i1")
    assert np.array_equal(found.scores, np.array(scores), equal_nan=True)


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("model,a,a\nx,1,0\n", {}, "two columns are called 'a'"),
        ("model,a,b\nx,1,0\ny,1,0,1\n", {}, "row 2: wanted 3 fields as in the first line, got 4"),
        ("model,a,b\nx,1,0\n", {"grader": "g"}, "no column grader"),
        (
            "subject,item,score,grader\ns,a,1,g\n",
            {"grader": "h"},
            "grader: wanted one of g, got 'h'",
        ),
        ("model,a,b\nx,1,0\n", {"limits": (0.0, float("inf"))}, "limits: wanted a lower"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, more, said):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_responses(path, **more)
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(InputError, match="got a folder"):
        read_responses(tmp_path / "d.csv")


def test_a_grader_is_chosen_and_infinite_scores_fail_in_a_long_table(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("subject,item,score,grader\ns,a,1,g\ns,a,0,h\nt,a,inf,g\nt,a,0,h\n")
    both = read_responses(path)
    assert both.scores.ravel().tolist() == [0.5, 0.0] and both.failed.ravel().tolist() == [0, 1]
    assert any("1 infinite" in n for n in both.notes) and any("2 graders" in n for n in both.notes)
    assert read_responses(path, grader="h").scores.ravel().tolist() == [0.0, 0.0]


def test_negative_scores_end_at_nought(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("model,a,b\nx,-1,-0\ny,-0,-1\n")
    found = read_responses(path)
    assert "-1 to 0" in found.notes[0] and str(found.high) == "0.0"
