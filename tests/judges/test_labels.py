"""Labels are read as they are, and refused where they cannot mean what they seem to."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.judges.labels import Labels, as_labels

DATA = Path(__file__).parents[3] / "shared/data/judges"


def needs(name):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not here")
    return DATA / name


def long(rows):
    items, graders, labels = zip(*rows, strict=True)
    return {"item": items, "grader": graders, "label": labels}


def triples(labels):
    f = labels.frame()
    return set(zip(f["item"], f["grader"], f["label"], strict=True))


CELLS = st.dictionaries(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("xyz")), st.sampled_from("012"),
    min_size=1, max_size=18,
)  # fmt: skip


@given(CELLS)
def test_long_and_wide_say_the_same_as_the_plain_reading(cells):
    rows = [(i, g, v) for (i, g), v in cells.items()]
    read = as_labels(long(rows))
    assert triples(read) == set(rows)
    items = sorted({i for i, _ in cells})
    wide = {"item": items, **{g: [cells.get((i, g)) for i in items] for g in "xyz"}}
    other = as_labels(wide, graders=list("xyz"))
    assert triples(other) == set(rows)
    counts = other.counts()
    for i, name in enumerate(other.items):
        for k, c in enumerate(other.categories):
            assert counts[i, k] == sum(cells.get((name, g)) == c for g in "xyz")
    assert np.array_equal(
        other.matrix()[:, other.index("y")],
        [other.categories.index(cells[i, "y"]) if (i, "y") in cells else -1 for i in other.items],
    )
    assert triples(other.pick(["z", "x"])) == {r for r in rows if r[1] != "y"}


def test_votes_are_read_one_character_each():
    read = as_labels({"id": [7, 8], "v": ["YN", "UNY"]}, votes="v", item="id")
    assert read.anonymous and read.items == ("7", "8") and len(read) == 5
    assert read.counts().tolist() == [[1, 0, 1], [1, 1, 1]]
    code, tied = as_labels({"v": ["YYN", "YN", "NNY"]}, votes="v").majority()
    assert code.tolist() == [1, -1, 0] and tied == 1


def test_the_real_tables():
    votes = as_labels(needs("dices_990.csv"), votes="ratings", item="id")
    assert (len(votes), len(votes.items), votes.categories) == (72103, 990, ("N", "U", "Y"))
    people = as_labels(
        needs("pandalm_testset_labels.csv"), item="idx",
        graders=["annotator1", "annotator2", "annotator3"],
    )  # fmt: skip
    assert len(people) == 2997 and people.values.tolist() == [0, 1, 2] and people.ordered
    read = as_labels(
        needs("pandalm_testset_labels.csv"), item="idx", graders=["annotator1", "gpt_result"],
        unparsed=["garbage"],
    )  # fmt: skip
    assert read.unparsed == 25 and read.unread == (("garbage", 25),) and "Tie" in read.categories
    assert read.unread_per_item().sum() == 25


def test_trials_are_answers():
    table = pl.DataFrame({
        "item": ["a", "a", "a", "b"], "subject": ["s", "s", "t", "s"], "epoch": [1, 2, 1, 1],
        "grader": ["g", "g", "g", "g"], "score": [1.0, 0.0, 1.0, None],
    })  # fmt: skip
    read = as_labels(table)
    assert read.items == ("a · s · 1", "a · s · 2", "a · t · 1", "b · s · 1")
    assert read.categories == ("0", "1") and read.unparsed == 1
    assert read.unread == (("", 1),)


def test_a_gold_column_is_one_more_grader():
    table = {"item": list("aabb"), "grader": list("xyxy"), "label": list("1101"),
             "truth": list("1100"), "family": list("ppqq")}  # fmt: skip
    read = as_labels(table, gold="truth", cluster="family")
    assert read.of("truth").tolist() == [1, 0] and read.clusters == ("p", "q")
    wide = as_labels({"x": ["a", "b"], "t": ["a", ""]}, graders=["x"], gold="t")
    assert wide.of("t").tolist() == [0, -1]
    with pytest.raises(InputError, match="both '0' and '1' of item 'a'"):
        as_labels({**table, "truth": list("1000")}, gold="truth")
    with pytest.raises(InputError, match="more than one cluster"):
        as_labels({**table, "family": list("pqpq")}, cluster="family")


def test_contradictions_are_refused_or_left_out_and_equal_ones_merged():
    rows = [("a", "x", "1"), ("a", "x", "2"), ("a", "y", "1"), ("b", "x", "2"), ("b", "x", "2.0")]
    with pytest.raises(InputError, match=r"'x' said both '1' and '2' of item 'a'"):
        as_labels(long(rows))
    read = as_labels(long(rows), duplicates="drop")
    assert triples(read) == {("a", "y", "1"), ("b", "x", "2")} and read.contradicted == 1
    assert any("merged" in n for n in read.notes) and any("left out" in n for n in read.notes)


def test_numbers_are_one_category_however_they_are_written():
    assert as_labels(long([("a", "x", "1"), ("a", "y", " 1.0"), ("b", "x", "10")])).categories == (
        "1", "10",
    )  # fmt: skip
    floats = {"item": ["a", "b"], "grader": ["x", "x"], "label": [0.5, float("nan")]}
    read = as_labels(floats)
    assert read.categories == ("0.5",) and read.unparsed == 1
    assert as_labels(long([("a", "x", "1_0"), ("a", "y", "10")])).values is None


def test_what_is_not_a_category_is_counted():
    rows = [("a", "x", "yes"), ("b", "x", "I cannot"), ("b", "y", None), ("a", "y", "no")]
    read = as_labels(long(rows), categories=["no", "yes"])
    assert read.unparsed == 2 and read.ordered and dict(read.unread) == {"": 1, "I cannot": 1}
    # A retry that worked takes the place of one that did not.
    assert as_labels(long([*rows, ("b", "x", "yes")]), categories=["no", "yes"]).unparsed == 1
    with pytest.raises(InputError, match="at least one that can be read"):
        as_labels(long(rows), categories=["A", "B"])


def test_graders_on_different_scales_are_refused_with_both_ranges():
    rng = np.random.default_rng(0)
    five, ten = rng.integers(1, 6, 40), rng.integers(1, 11, 40)
    rows = {"a": five, "b": ten}
    with pytest.raises(InputError, match=r"'a' \(1 to 5\) and 'b' \(1 to 10\)"):
        as_labels(rows, graders=["a", "b"])
    assert as_labels(rows, graders=["a", "b"], categories=range(1, 11)).n == 80
    words = {"a": ["yes", "no"] * 8, "b": ["Y", "N"] * 8}
    with pytest.raises(InputError, match=r"'a' \(no, yes\) and 'b' \(N, Y\) share no label"):
        as_labels(words, graders=["a", "b"])
    # Somebody who never says the rarest thing, or always the same, uses the scale all the same.
    rare = {"a": [0, 1, 2] * 5, "b": [1, 2, 2] * 5, "c": [1] * 15}
    assert as_labels(rare, graders=["a", "b", "c"]).n == 45


def test_names_that_differ_by_case_are_noted():
    read = as_labels(long([("a", "x", "Yes"), ("a", "y", "yes")]))
    assert any("differ only by case" in n for n in read.notes)


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ({"item": ["a"], "who": ["x"]}, {}, "no column 'grader'"),
        ({"item": ["a"], "grader": [None], "label": ["1"]}, {}, "row 0: grader is empty"),
        ({"item": ["a"], "x": ["1"]}, {"graders": ["y"]}, "no column 'y'"),
        ({"item": ["a"], "x": ["1"]}, {"graders": "x"}, "list of different columns"),
        ({"item": ["a"], "x": ["1"]}, {"graders": ["x"], "votes": "x"}, "graders and votes"),
        ({"item": ["a"], "x": [""]}, {"votes": "x"}, "no votes"),
        ({"item": [], "x": []}, {"votes": "x"}, "at least one row"),
        ("nowhere.csv", {}, "no such file"),
        (3, {}, "wanted a path or a table"),
        ({"item": ["a"], "grader": ["x"], "label": ["1"]}, {"categories": ["1"]}, "at least two"),
        ({"item": ["a"], "grader": ["x"], "label": ["1"]}, {"categories": [1, 1.0]}, "different"),
        ({"item": ["a"], "grader": ["x"], "label": ["1"]}, {"duplicates": "keep"}, "'refuse' or"),
        ({"item": ["a"], "grader": ["x"], "label": ["1"]}, {"gold": "g"}, "a column, got 'g'"),
        ({"item": ["a"], "grader": ["x"], "label": [[1]]}, {}, "texts or numbers"),
    ],
)  # fmt: skip
def test_wrong_tables_are_refused_in_one_line(source, options, said):
    with pytest.raises(InputError) as caught:
        as_labels(source, **options)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_labels_describe_themselves_and_stay_as_they_are():
    read = as_labels(long([("a", "x", "\x1b[2J1"), ("a", "y", "1")]))
    assert "\x1b" not in repr(read) and repr(read).startswith("2 labels of 1 items by 2 graders")
    assert as_labels(read) is read and isinstance(read, Labels)
    with pytest.raises(InputError, match="grader: wanted one of 'x', 'y'"):
        read.of("z")
