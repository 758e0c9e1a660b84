"""Items and token scores: what files hold is what comes out, and wrong files are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant.contamination import Item, read_items, read_scores
from calibrant.contamination.exposure.gather import merged
from calibrant.contamination.tokens import check_alike, token_scores, write_scores
from calibrant.errors import InputError


def test_items_are_found_by_usual_names_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(
        '{"question": "2+2?", "answer": "4", "choices": ["3", "4"], "subject": "sums"}\n'
        '{"question": "Capital of France?", "answer": "Paris", "choices": [], "subject": null}\n'
    )
    assert read_items(str(path)) == (
        Item("1", "2+2?", "4", ("3", "4"), "sums"),
        Item("2", "Capital of France?", "Paris"),
    )


@pytest.mark.parametrize(
    ("table", "columns", "said"),
    [
        ({"id": ["a", "a"], "question": ["x", "y"]}, {}, "2 of id 'a'"),
        ({"words": ["x"]}, {}, "no column of questions"),
        ({"question": ["x"]}, {"question": "q"}, "no column 'q'"),
        ({"question": ["x"], "choices": ["yes"]}, {}, "no JSON list"),
        ({"question": []}, {}, "no items"),
    ],
)
def test_wrong_items_are_named(table: dict, columns: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_items(pl.DataFrame(table), **columns)


def test_scores_survive_a_file_and_selection(tmp_path: Path) -> None:
    rows = [
        {"item": "a", "text": "x y", "form": "verbatim", "logprob": [-1.0, -2.0], "rank": [1, 0]},
        {"item": "b", "text": "", "form": "twin", "logprob": [], "rank": []},
        {"item": "c", "text": "z", "form": "verbatim", "logprob": [-0.5], "rank": [1]},
    ]
    scores = token_scores(rows, subject="s", tokenizer="t", prefix="<s>", top_k=5)
    write_scores(scores, tmp_path / "s.parquet")
    (read,) = read_scores(tmp_path / "s.parquet")
    assert read.text == scores.text
    assert read.top_k == 5
    assert read.mean is None
    np.testing.assert_array_equal(read.logprob, [-1.0, -2.0, -0.5])
    part = read.select([2, 0])
    assert part.item == ("c", "a")
    np.testing.assert_array_equal(part.logprob, [-0.5, -1.0, -2.0])
    assert part.rank is not None
    np.testing.assert_array_equal(part.rank, [1, 1, 0])
    with pytest.raises(InputError, match="different texts"):
        check_alike(read, part)


def test_how_a_text_was_read_is_kept_and_compared(tmp_path: Path) -> None:
    row = {"item": "a", "text": "x y", "logprob": [-1.0, -2.0]}
    kinds = [
        token_scores([row], subject=who, tokenizer="t", prefix="", access=how)
        for who, how in (("s", "states"), ("r", "forced"), ("q", ""))
    ]
    for one in kinds:
        write_scores(one, tmp_path / "s.parquet")
        (read,) = read_scores(tmp_path / "s.parquet")
        assert read.access == one.access
    with pytest.raises(InputError, match="s and r differ in access: 'states' and 'forced'"):
        check_alike(kinds[0], kinds[1])
    check_alike(kinds[0], kinds[2])  # not known of the second
    frame = pl.read_parquet(tmp_path / "s.parquet").drop("access")
    frame.write_parquet(tmp_path / "old.parquet")
    (old,) = read_scores(tmp_path / "old.parquet")
    assert old.access == ""
    part = [replace(one, subject="s", item=(str(i),)) for i, one in enumerate(kinds)]
    (whole,) = merged([part[2], part[0]])
    assert whole.access == "states"
    with pytest.raises(InputError, match="two kinds of access"):
        merged([part[2], part[0], part[1]])


def test_scores_that_are_none_are_refused() -> None:
    row = {"item": "a", "text": "x", "form": "verbatim", "logprob": [0.5]}
    with pytest.raises(InputError, match="log-probabilities"):
        token_scores([row], subject="s", tokenizer="t", prefix="")
    with pytest.raises(InputError, match="unequal length"):
        token_scores(
            [{**row, "logprob": [-1.0], "rank": [1, 2]}], subject="s", tokenizer="t", prefix=""
        )
