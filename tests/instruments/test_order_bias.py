"""Is the chosen option read rightly, and a change with the order told from a choice?"""

from __future__ import annotations

from fractions import Fraction

import pytest

from calibrant.instruments import load
from calibrant.instruments.order_bias import chosen

ORDER = load("order_bias")
LABELS = ["A", "B"]
OPTIONS = ["the bus, 5 hours", "the train, 3 hours"]

READ = [
    ("A", 0), ("B", 1), ("a", 0), ("b.", 1), (" B \n", 1), ("(A)", 0), ("**B**", 1), ("A)", 0),
    ("`A`", 0), ("[B]", 1), ('"A"', 0), ("A.", 0), ("Ｂ", 1), ("\u200bB", 1), ("$\\boxed{B}$", 1),
    ("A) the bus, 5 hours", 0), ("B: because it is faster", 1), ("B\nIt is faster than A.", 1),
    ("Answer: B", 1), ("The answer is A.", 0), ("Option B", 1), ("I choose A", 0),
    ("I'd pick B!", 1),
    ("My choice would be option B", 1), ("I would choose (A) over the other", 0),
    ("the train, 3 hours", 1), ("The train, 3 hours.", 1), ("I like the bus, 5 hours best", 0),
    ("It depends, but in the end B", 1), ("<think>A or B? A.</think>B", 1),
    ("A train is fine. I choose B.", 1), ("B, not A", 1),
    ("A) the bus, 5 hours\nB) the train, 3 hours\nI choose B", 1), ("A) bus\nB) train\n\nB", 1),
    ("A) bus\nB) train\n(B).", 1),
    ("A)the bus", 0), ("A - cheap", 0),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "want"), READ)
def test_choices_read(answer: str, want: int) -> None:
    assert chosen(answer, LABELS, OPTIONS) == want


NOT_READ = [
    "", " ", "...", "C", "AB", "A or B", "A and B", "A/B", "A) or B)", "Both", "neither",
    "I cannot choose.", "Option A or option B", "the bus, 5 hours or the train, 3 hours",
    "A train is fine.", "either A or B would do", "1", "ABBA", "A: A\nB: B", "A) bus, 5\nB)",
    "A) the bus, 5 hours\nB) the train, 3 hours", "A: bus. B: train", "A.A.A.", "A.M. is early",
    "é",
]  # fmt: skip


@pytest.mark.parametrize("answer", NOT_READ)
def test_choices_not_read(answer: str) -> None:
    assert chosen(answer, LABELS, OPTIONS) is None


PAIRS = [
    ("A", "B", 0.0, "same"),
    ("B", "A", 0.0, "same"),
    ("A", "A", 1.0, "changed"),
    ("B", "B", 1.0, "changed"),
    ("the bus, 5 hours", "the bus, 5 hours", 0.0, "same"),
    ("the bus, 5 hours", "B", 0.0, "same"),
    ("the bus, 5 hours", "A", 1.0, "changed"),
    ("", "A", 1.0, "one none"),
    ("B", "no idea", 1.0, "one none"),
    ("", "", 0.0, "none"),
    ("both", "A or B", 0.0, "none"),
]


@pytest.mark.parametrize(("one", "two", "value", "outcome"), PAIRS)
def test_pairs(one: str, two: str, value: float, outcome: str) -> None:
    details = {"labels": LABELS, "options": OPTIONS, "right": ""}
    grade = ORDER.grade("", details, [one, two])["changed"]
    assert (grade.value, grade.outcome) == (value, outcome)


def test_metadata_says_which_place_is_favoured_and_what_is_right() -> None:
    details = {"labels": LABELS, "options": OPTIONS, "right": OPTIONS[1]}
    first = ORDER.grade("", details, ["A", "A"])["changed"].metadata
    assert first == {"places": ["first", "first"], "favours": "first", "right": [False, True]}
    second = ORDER.grade("", details, ["B", "B"])["changed"].metadata
    assert second["favours"] == "second"
    steady = ORDER.grade("", details, ["B", "A"])["changed"].metadata
    assert steady == {"places": ["second", "first"], "favours": "none", "right": [True, True]}


def right(family: str, options: list[str]) -> str:
    def unit(text: str) -> Fraction:
        words = text.split()
        return Fraction(int(words[3]), int(words[0]))

    def true(text: str) -> bool:
        a, _, b, _, c = text.split()
        return int(a) + int(b) == int(c)

    if family == "cheaper":
        return min(options, key=unit)
    if family == "true_equation":
        return next(o for o in options if true(o)) if true(options[0]) != true(options[1]) else ""
    return {"larger": lambda: max(options, key=int), "longer_word": lambda: max(options, key=len)}[
        family
    ]()


def test_items_show_the_same_options_in_both_orders() -> None:
    families, first_is_right = set(), 0
    for index in range(1000):
        item = ORDER.item(31, index)
        labels, options = item.details["labels"], item.details["options"]
        assert len(set(options)) == 2
        lines = [talk[0].content.split("\n") for talk in item.conversations]
        assert lines[0][0] == lines[1][0]
        assert lines[0][1:3] == [f"{labels[0]}) {options[0]}", f"{labels[1]}) {options[1]}"]
        assert lines[1][1:3] == [f"{labels[0]}) {options[1]}", f"{labels[1]}) {options[0]}"]
        assert lines[0][3:] == lines[1][3:]
        if item.details["right"]:
            families.add(item.family)
            assert item.details["right"] == right(item.family, options)
            first_is_right += item.details["right"] == options[0]
        # By content, a steady subject never changes; by place, it always does.
        for first, second, value in (
            (labels[0], labels[1], 0.0),
            (labels[0], labels[0], 1.0),
            (options[1], options[1], 0.0),
            (f"{labels[1]}) {options[1]}", f"I choose {labels[0]}.", 0.0),
        ):
            grade = ORDER.grade(item.target, item.details, [first, second])["changed"]
            assert grade.value == value, (item.prompt, first, second)
    assert families == {"larger", "longer_word", "true_equation", "cheaper"}
    assert 110 < first_is_right < 210
