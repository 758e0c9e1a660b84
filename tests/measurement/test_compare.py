"""Comparisons of subjects on a table: pairing by item, conclusions, flips, refusals."""

import json

import numpy as np
import polars as pl
import pytest

from calibrant import compare
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.records import trials_frame, write_parquet


def table(scores, subject, items=None, clusters=None, epoch=1):
    return trials_frame(
        {
            "run": "r",
            "subject": subject,
            "instrument": "i",
            "item": items[i] if items else f"item{i}",
            "cluster": None if clusters is None else f"c{clusters[i]}",
            "epoch": epoch,
            "grader": "g",
            "score": s,
            "error": "x" if s is None else None,
        }
        for i, s in enumerate(scores)
    )


def pair(a, b, **options):
    return pl.concat([table(a, "A-model", **options), table(b, "B-model", **options)])


def one(trials, **options):
    (found,) = compare(trials, "A-model", "B-model", **options)
    return found


def test_a_clear_difference_is_found_and_its_flips_listed():
    a, b = [1.0] * 30 + [0.0] * 10, [0.0] * 25 + [1.0] * 5 + [0.0] * 9 + [1.0]
    found = one(pair(a, b))
    assert found.comparison.difference == pytest.approx(24 / 40)
    assert found.conclusion == "A is better"
    data = found.to_dict()
    assert len(data["flips"]["a_higher"]) == 25
    assert data["flips"]["b_higher"] == ["item39"]
    assert data["p_value"] < 0.001
    assert data["interval"][0] > 0


def test_pairing_is_by_item_and_not_by_row():
    rng = np.random.default_rng(4)
    a = (rng.random(50) < 0.6).astype(float)
    b = (rng.random(50) < 0.6).astype(float)
    order = rng.permutation(50)
    shuffled = pl.concat(
        [
            table(a, "A-model"),
            table(b[order], "B-model", items=[f"item{i}" for i in order]),
        ]
    )
    assert one(shuffled).to_dict() == one(pair(a, b)).to_dict()


def test_several_comparisons_are_adjusted_together():
    trials = pair([1.0] * 12 + [0.0] * 8, [1.0] * 4 + [0.0] * 16)
    other = trials.with_columns(grader=pl.lit("h"))
    first, second = compare(pl.concat([trials, other]), "A-model", "B-model")
    assert first.p_adjusted == pytest.approx(2 * first.comparison.p_value)
    assert second.p_adjusted == first.p_adjusted


def test_identical_subjects_are_equivalent_only_with_enough_items():
    few, many = [1.0, 0.0] * 10, [1.0, 0.0] * 300
    assert one(pair(few, few), margin=0.05).conclusion == "no evidence either way"
    assert one(pair(many, many), margin=0.05).conclusion == "equivalent within margin"


def test_items_that_only_one_has_are_counted():
    trials = pl.concat(
        [table([1.0] * 12 + [0.0] * 8, "A-model"), table([0.0] * 15 + [None] * 2, "B-model")]
    )
    found = one(trials)
    assert (found.comparison.n, found.only_a, found.only_b) == (15, 5, 0)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("A-model", "C", "no trials of 'C'; there are A-model, B-model"),
        ("A-model", "A-model", "wanted two, got 'A-model' twice"),
    ],
)
def test_subjects_that_are_not_there_are_refused(a, b, message):
    with pytest.raises(InputError, match=message):
        compare(pair([1.0, 0.0], [0.0, 1.0]), a, b)


def test_no_common_items_are_refused():
    trials = pl.concat(
        [table([1.0, 0.0], "A-model"), table([1.0, 0.0], "B-model", items=["x", "y"])]
    )
    with pytest.raises(InputError, match="share no items"):
        compare(trials, "A-model", "B-model")


def test_the_command_prints_the_agreed_fields(tmp_path, capsys):
    rng = np.random.default_rng(6)
    a, b = ((rng.random(60) < p).astype(float) for p in (0.8, 0.5))
    write_parquet(pair(a, b), tmp_path / "t.parquet")
    with pytest.raises(SystemExit) as caught:
        main(["compare", str(tmp_path / "t.parquet"), "A-model", "B-model", "--margin", "0.1",
              "--json"])  # fmt: skip
    assert caught.value.code == 0
    data = json.loads(capsys.readouterr().out)
    assert {"difference", "interval", "p_value", "conclusion", "mde", "flips"} <= set(data)
    with pytest.raises(SystemExit):
        main(["compare", str(tmp_path / "t.parquet"), "A-model", "B-model"])
    assert "A is better" in capsys.readouterr().out
