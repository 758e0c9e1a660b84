"""The comparisons table: what is read, recognised, coded and refused."""

import numpy as np
import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.ratings.counts import count, count_blocks
from calibrant.records import read_comparisons
from calibrant.records.comparisons import WORDS

ROWS = [("b", "a", "left"), ("a", "c", "tie"), ("c", "b", "right"), ("a", "b", "left")]


def table(rows=ROWS, names=("left", "right", "winner")):
    return pl.DataFrame(rows, schema=list(names), orient="row")


def counted(source, **options):
    data = read_comparisons(source, **options)
    return count_blocks(data.blocks(), names=data.names)


def same(a, b):
    return (
        a.names == b.names
        and np.array_equal(a.left, b.left)
        and np.array_equal(a.right, b.right)
        and np.array_equal(a.outcomes, b.outcomes)
    )


def test_text_categories_and_numbers_are_the_same_comparisons():
    text = table()
    subjects = pl.Enum(["z", "c", "b", "a"])
    forms = [
        text,
        text.cast(pl.Categorical),
        text.with_columns(pl.col("left", "right").cast(subjects)),
        text.with_columns(winner=pl.Series([0, 2, 1, 0])),
        text.to_arrow(),
        text.to_dict(as_series=False),
        text.rename({"left": "model_a", "right": "model_b"}),
    ]
    wanted = counted(text)
    assert wanted.names == ("a", "b", "c") and wanted.total == 4
    for form in forms:
        assert same(counted(form), wanted)


def test_whole_numbers_as_subjects_keep_gaps_and_order():
    data = read_comparisons({"left": [7, 100, 7], "right": [100, 20, 20], "winner": [0, 1, 2]})
    assert data.names == ("7", "20", "100")
    assert data.frame()["left"].to_list() == ["7", "100", "7"]


def test_the_winner_may_be_named():
    rows = [(a, b, {"left": a, "right": b}.get(w, w)) for a, b, w in ROWS]
    assert same(counted(table(rows)), counted(table()))


def test_words_of_arenas_are_read_without_regard_to_case():
    for word, code in WORDS.items():
        if word in ("a", "b"):
            continue
        data = read_comparisons(table([("m", "n", f" {word.upper()} ")]))
        assert data.outcome.take(slice(None)).tolist() == [code]


def test_columns_are_recognised_or_named():
    data = read_comparisons(
        pl.DataFrame(
            {"left": ["a"], "right": ["b"], "winner": ["tie"], "prompt": [3], "worker": ["w"],
             "asked": ["q"]}
        ),
        columns={"item": "asked"},
    )  # fmt: skip
    assert data.labels("item")[1] == 1 and data.columns["item"].to_list() == ["q"]
    assert data.columns["voter"].to_list() == ["w"]
    assert data.frame().columns[:4] == ["item", "left", "right", "outcome"]


def test_files_are_read_as_frames_are(tmp_path):
    text = table()
    for name, write in (("c.csv", "write_csv"), ("c.parquet", "write_parquet"),
                        ("c.jsonl", "write_ndjson")):  # fmt: skip
        getattr(text, write)(tmp_path / name)
        assert same(counted(tmp_path / name), counted(text))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "b", "left"), ("a", "b", "maybe")], r"outcome: row 1: .*got 'maybe'"),
        ([("a", "b", "left"), ("a", "a", "left")], r"row 1: 'a' against itself"),
        ([("a", "b", "left"), ("c", "b", "a")], r"row 1: 'a' won but is neither"),
        ([("a", "b", "left"), (None, "b", "tie")], r"left: row 1: a value is missing"),
        ([("a", "b", None)], r"outcome: row 0: a value is missing"),
        ([("tie", "b", "tie")], r"'tie' is an outcome and the name"),
    ],
)
def test_wrong_rows_are_named(rows, said):
    with pytest.raises(InputError, match=said):
        counted(table(rows))


def test_an_unknown_outcome_is_never_half_a_win(tmp_path):
    file = tmp_path / "votes.csv"
    table([("a", "b", "left"), ("b", "a", "TIE?")]).write_csv(file)
    with pytest.raises(InputError, match=r"votes\.csv: outcome: row 1: .*'TIE\?'"):
        read_comparisons(file)
    with pytest.raises(InputError, match=r"outcome: row 0: wanted 0 \(left\).*got 3"):
        read_comparisons({"left": [1], "right": [2], "winner": [3]})
    with pytest.raises(InputError, match="got Float64"):
        read_comparisons({"left": [1], "right": [2], "winner": [0.5]})


def test_empty_and_missing_files_are_one_line(tmp_path):
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(InputError, match=r"e\.csv: the file is empty"):
        read_comparisons(tmp_path / "e.csv")
    with pytest.raises(InputError, match="no such file"):
        read_comparisons(tmp_path / "none.csv")
    with pytest.raises(InputError, match="wanted at least one"):
        read_comparisons(table([]).cast(pl.String))
    with pytest.raises(InputError, match="no column 'outcome'"):
        read_comparisons(table().drop("winner"))


def test_names_that_differ_in_spaces_or_case_are_warned_of():
    data = read_comparisons(table([("GPT 4", "gpt4", "left"), ("b", "GPT 4", "tie")]))
    assert len(data.warnings) == 1 and "'GPT 4', 'gpt4' differ only" in data.warnings[0]


def test_weights_must_be_above_zero():
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="weight"):
            counted({"left": ["a", "a"], "right": ["b", "b"], "winner": [0, 1],
                     "weight": [1.0, bad]})  # fmt: skip
    got = counted({"left": ["a"], "right": ["b"], "winner": [0], "weight": [2.5]})
    assert got.total == 2.5


def test_labels_number_the_values_of_any_column():
    data = read_comparisons(
        {"left": ["a"] * 4, "right": ["b"] * 4, "winner": [0] * 4,
         "item": ["x", "y", "x", "z"], "k": [10**12, 5, 5, 10**12], "voter": [9, 7, 9, 8]}
    )  # fmt: skip
    assert data.labels("item")[0].tolist() == [0, 1, 0, 2]
    assert data.labels("voter")[0].tolist() == [2, 0, 2, 1]
    codes, size = data.labels("k")
    assert size == 2 and codes[0] == codes[3] != codes[1] == codes[2]


def test_blocks_of_rows_count_as_one_table():
    rng = np.random.default_rng(0)
    left = rng.integers(0, 50, 5000)
    right = (left + rng.integers(1, 50, 5000)) % 50
    outcome = rng.integers(0, 3, 5000)
    data = read_comparisons({"left": left, "right": right, "winner": outcome})
    whole = count(left, right, outcome, names=[str(i) for i in range(50)])
    assert same(count_blocks(data.blocks(size=77), names=data.names), whole)
