"""Items and token scores: what files hold is what comes out, and wrong files are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant.contamination import Item, read_items, read_scores
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


def test_scores_that_are_none_are_refused() -> None:
    row = {"item": "a", "text": "x", "form": "verbatim", "logprob": [0.5]}
    with pytest.raises(InputError, match="log-probabilities"):
        token_scores([row], subject="s", tokenizer="t", prefix="")
    with pytest.raises(InputError, match="unequal length"):
        token_scores(
            [{**row, "logprob": [-1.0], "rank": [1, 2]}], subject="s", tokenizer="t", prefix=""
        )
