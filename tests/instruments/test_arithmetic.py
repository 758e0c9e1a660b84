"""Are the right answers right, worked out a second way from the text alone, and read fairly?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.instruments import Item, load
from calibrant.instruments.answers import final_number, plain

ARITHMETIC = load("arithmetic")
MONTHS = "January February March April May June July August September October November December"


def ints(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text)]


def calc(text: str) -> Fraction:
    """Evaluate an expression of whole numbers by recursive descent, in no way shared with src."""
    tokens = re.findall(r"\d+|[-+*()]", text)

    def atom() -> int:
        token = tokens.pop(0)
        if token == "(":
            value = total()
            assert tokens.pop(0) == ")"
            return value
        return int(token)

    def term() -> int:
        value = atom()
        while tokens and tokens[0] == "*":
            tokens.pop(0)
            value *= atom()
        return value

    def total() -> int:
        value = term()
        while tokens and tokens[0] in "+-":
            value = value + term() if tokens.pop(0) == "+" else value - term()
        return value

    result = total()
    assert not tokens
    return Fraction(result)


def next_term(text: str) -> Fraction:
    terms = ints(text)
    gaps = [b - a for a, b in pairwise(terms)]
    if "sum of the two" in text:
        return Fraction(terms[-1] + terms[-2])
    if len(set(gaps)) == 1:
        return Fraction(terms[-1] + gaps[0])
    if terms[1] * terms[1] == terms[0] * terms[2]:
        return Fraction(terms[-1] ** 2, terms[-2])
    bends = {b - a for a, b in pairwise(gaps)}
    assert len(bends) == 1
    return Fraction(terms[-1] + gaps[-1] + bends.pop())


def percent(text: str) -> Fraction:
    rate = Fraction(re.search(r"(\d+)%", text)[1]) / 100
    base = Fraction(next(n for n in re.findall(r"\d+(?!\d*%)", text)))
    return base * (1 - rate if "off" in text else 1 + rate if "rises" in text else rate)


def compare(text: str) -> Fraction:
    values = [Fraction(n) for n in re.findall(r"\d+\.\d+", text)]
    return max(values) if "largest" in text else min(values)


def minutes(text: str) -> Fraction:
    h1, m1, h2, m2 = ints(text)
    late = 24 * 60 if "next day" in text else 0
    value = (h2 - h1) * 60 + m2 - m1 + late
    assert 0 < value < 24 * 60
    return Fraction(value)


def days(text: str) -> Fraction:
    found = [
        date(int(y), MONTHS.split().index(m) + 1, int(d))
        for d, m, y in re.findall(r"(\d+) ([A-Z]\w+) (\d{4})", text)
    ]
    if len(found) == 2:
        return Fraction((found[1] - found[0]).days)
    gap = int(re.search(r"is it (\d+) days", text)[1])
    return Fraction(date.fromordinal(found[0].toordinal() + gap).day)


SIZES = {
    "kilometres": 1000, "metres": 1, "centimetres": Fraction(1, 100), "kilograms": 1000, "grams": 1,
    "weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1, "years": 12,
    "months": 1, "dozen": 12, "single eggs": 1,
}  # fmt: skip


def convert(text: str) -> Fraction:
    unit = re.search(r"How many ([a-z ]+) are", text)[1]
    parts = re.findall(r"(\d+) ([a-z]+(?: eggs)?)", text.replace(" and ", " , "))
    # A metre is the larger of its pair against centimetres, the smaller against kilometres.
    return sum(Fraction(n) * SIZES[u] for n, u in parts) / Fraction(SIZES[unit])


def story(text: str) -> Fraction:
    n, each, change = ints(text)
    return Fraction(n * each + (change if " gets " in text else -change))


def travel(text: str) -> Fraction:
    a, b = ints(text)
    return Fraction(a * b) if "How many km" in text else Fraction(a, b)


def mean(text: str) -> Fraction:
    if "missing" in text:
        count, value, *known = ints(text)
        return Fraction(count * value - sum(known))
    return Fraction(sum(ints(text)), len(ints(text)))


def part(text: str) -> Fraction:
    if "litres" in text:
        whole, top, bottom = ints(text)
        return whole * (1 - Fraction(top, bottom))
    top, bottom, whole = ints(text)
    return Fraction(top * whole, bottom)


def numeral(text: str) -> Fraction:
    _, kind, written = re.search(r"(the) (binary|hexadecimal) number (\w+)", text).groups()
    return Fraction(int(written, 2 if kind == "binary" else 16))


def count(text: str) -> Fraction:
    if "divisible" in text:
        _, top, step = ints(text)
        return Fraction(sum(1 for n in range(1, top + 1) if n % step == 0))
    a, b, c = ints(text)
    return Fraction(a * b * c)


SOLVERS: dict[str, Callable[[str], Fraction]] = {
    "addition": lambda t: Fraction(sum(ints(t))),
    "subtraction": lambda t: Fraction(ints(t)[0] - ints(t)[1]),
    "multiplication": lambda t: Fraction(ints(t)[0] * ints(t)[1]),
    "division": lambda t: Fraction(ints(t)[0], ints(t)[1]),
    "remainder": lambda t: Fraction(ints(t)[0] - ints(t)[0] // ints(t)[1] * ints(t)[1]),
    "precedence": lambda t: calc(t.removeprefix("Evaluate ").rstrip(".")),
    "sequence": next_term,
    "percentage": percent,
    "comparison": compare,
    "elapsed": minutes,
    "calendar": days,
    "units": convert,
    "holders": story,
    "speed": travel,
    "average": mean,
    "fraction": part,
    "base": numeral,
    "counting": count,
}


def question(item: Item) -> str:
    return item.messages[0].content.split("\nReply with")[0]


def test_every_target_is_confirmed_from_the_text_alone() -> None:
    seen = Counter()
    for index in range(1500):
        item = ARITHMETIC.item(11, index)
        want = SOLVERS[item.family](question(item))
        assert Fraction(item.target) == want, item.prompt
        seen[item.family, item.variant] += 1
    assert {family for family, _ in seen} == set(ARITHMETIC.families) == set(SOLVERS)
    assert min(seen.values()) >= 3


def test_a_perfect_subject_scores_one_and_a_wrong_one_zero() -> None:
    for index in range(300):
        item = ARITHMETIC.item(12, index)
        value = SOLVERS[item.family](question(item))
        for given_value, want in ((value, 1.0), (value + 1, 0.0), (-value - 1, 0.0)):
            answer = f"Answer: {plain(given_value)}"
            assert ARITHMETIC.grade(item.target, {}, [answer])["correct"].value == want


READ = [
    ("Answer: 42", 42),
    ("answer: 42.", 42),
    ("ANSWER:42", 42),
    ("Answer: -7", -7),
    ("Answer: −7", -7),
    ("Answer: - 7", -7),
    ("Answer: +7", 7),
    ("Answer: 1,234,567", 1234567),
    ("Answer: 1 234 567", 1234567),
    ("Answer: 1\u00a0234", 1234),
    ("Answer: 1\u202f234.5", "1234.5"),
    ("Answer: 1'234", 1234),
    ("Answer: 1_234", 1234),
    ("Answer: $1,234.50.", "1234.5"),
    ("Answer: 3,5", "3.5"),
    ("Answer: 12.0", 12),
    ("Answer: 15%", 15),
    ("Answer: 90 minutes", 90),
    ("Answer: **42**", 42),
    ("**Answer:** 42", 42),
    ("**Answer**: 42", 42),
    ("Answer: \\boxed{1{,}234}", 1234),
    ("Answer: $42$", 42),
    ("Answer: \\(42\\)", 42),
    ("Answer: <42>", 42),
    ("Answer: 17 + 25 = 42", 42),
    ("Answer: x = 42", 42),
    ("Answer: 1.5e3", 1500),
    ("Answer: 3/4", "0.75"),
    ("Answer: .5", "0.5"),
    ("Answer: 42 (not 43)", 42),
    ("Answer: not 43 but 42", 42),
    ("Answer: 42 or 42.0", 42),
    ("Answer:\n42", 42),
    ("Answer:\n\n  42\n", 42),
    ("Answer: 7\nWait, no.\nAnswer: 42", 42),
    ("Answer: 42\nAnswer:", 42),
    ("Final answer: 42", 42),
    ("Answer: 4２", 42),
    ("Ａｎｓｗｅｒ： ４２", 42),
    ("A\u200bnswer: 4\u200b2", 42),
    ("Answer: 42\nThat is 6 times 7.", 42),
    ("<think>Answer: 9</think>\nAnswer: 42", 42),
    ("17 + 25 = 42", 42),
    ("It is 42.", 42),
    ("First 17, then 25, so 42!", 42),
    ("2,4,6,8", 8),
    ("10-5", 5),
    ("The 1st is 42nd", 42),
    ("42", 42),
    ("Answer: <number>\n42", 42),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_numbers_that_are_read(text: str, value: int | str) -> None:
    assert final_number(text)[0] == Fraction(value)


NOT_READ = [
    "", " ", "\n", "Answer:", "Answer: forty-two", "Answer: 7 or 8", "Answer: unknown",
    "17 + 25 is Answer: hard to say", "no idea", "Answer: <number>", "...", "-", "é", "四十二",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_READ)
def test_answers_without_a_number(text: str) -> None:
    assert final_number(text)[0] is None
    grade = ARITHMETIC.grade("42", {}, [text])["correct"]
    assert (grade.value, grade.outcome, grade.answer) == (0.0, "none", "")


@pytest.mark.parametrize(
    "text", ["Answer: 41", "Answer: 4.2", "Answer: 42.0001", "Answer: 142", "Answer: 420", "-42",
             "Answer: 41\n(42 was my first thought)", "42 apples and 3 pears", "42,5", "4 2"],
)  # fmt: skip
def test_wrong_numbers(text: str) -> None:
    assert ARITHMETIC.grade("42", {}, [text])["correct"].outcome == "wrong"


@given(st.integers(-(10**30), 10**30))
def test_every_way_of_writing_an_integer_is_read(value: int) -> None:
    for written in (
        f"{value}",
        f"{value:,}",
        f"{value:_}",
        f"{value}.",
        f"{value}.00",
        f"*{value}*",
    ):
        assert final_number(f"so\nAnswer: {written}")[0] == value
        assert final_number(written)[0] == value


@given(st.fractions(-1000, 1000, max_denominator=1).map(lambda f: f / 1000))
def test_plain_writes_decimals_exactly(value: Fraction) -> None:
    assert Fraction(plain(value)) == value
    assert final_number(f"Answer: {plain(value)}")[0] == value


def test_plain_keeps_what_does_not_end() -> None:
    assert plain(Fraction(1, 3)) == "1/3"
    assert plain(Fraction(-1, 8)) == "-0.125"
    assert plain(Fraction(10**20)) == "1" + "0" * 20
