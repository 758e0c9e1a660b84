"""Is noticing told from answering, and are the twins really answerable and unanswerable?"""

from __future__ import annotations

import re

import pytest

from calibrant.instruments import load
from calibrant.instruments.false_premise import FORM, refuses

PREMISE = load("false_premise")
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
ORDER = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]

NOTICED = [
    "CANNOT ANSWER", "cannot answer", "Cannot answer.", "**CANNOT ANSWER**", '"CANNOT ANSWER"',
    "I cannot answer this question.", "I can't answer that.", "I can’t tell from this.",
    "This cannot be determined.", "It can't be known from the text.", "Can not be answered",
    "There is not enough information to answer.", "Insufficient information", "Insufficient data.",
    "There is no information about Carl.", "No information given", "The price is not given.",
    "Carl's age isn't mentioned.", "It was not stated.", "The text does not say.",
    "The question doesn't specify the speed.", "Unknown", "unknown.", "The answer is unknown.",
    "I don't know.", "It is impossible to say.", "There is no way to know.",
    "No one can answer that question.", "I'm not able to provide the answer.", "Unanswerable",
    "We are unable to determine the price.", "It is not possible to calculate this.", "N/A",
    "CANNOT ANSWER: the price is missing", "CANNOT ANSWER\nThe answer is not given.", "Not given",
    "<think>maybe 12</think>CANNOT ANSWER", "ＣＡＮＮＯＴ ＡＮＳＷＥＲ", "CANNOT\u00a0ANSWER",
    "CAN\u200bNOT ANSWER", "Since the price is missing, the answer is: CANNOT ANSWER",
    "Ben has 3 boxes, but the number in each is not given, so I cannot answer.",
]  # fmt: skip


@pytest.mark.parametrize("answer", NOTICED)
def test_refusals(answer: str) -> None:
    assert refuses(answer)


NOT_NOTICED = [
    "", " ", "12", "Tuesday", "The answer is 12.", "Ben", "red", "I can answer: 12", "Answer: 12",
    "CANNOT ANSWER, but the answer is 12.", "The price is not given, so the answer is 30 dollars",
    "I cannot answer for sure. Answer: Ben", "CANNOT ANSWER. 24", "Not given. 12.",
    FORM, f"{FORM}\n12", "I know: Ben.", "Ben's house is unknown to Ana, so Ben.", "none",
    "If the question cannot be answered from it, reply exactly CANNOT ANSWER.", "reply", "?",
]  # fmt: skip


@pytest.mark.parametrize("answer", NOT_NOTICED)
def test_answers_and_echoes_are_not_refusals(answer: str) -> None:
    assert not refuses(answer)


GRADES = [
    ("CANNOT ANSWER", "24", 1.0, 1.0, "answered", True),
    ("CANNOT ANSWER", "25", 1.0, 1.0, "answered", False),
    ("CANNOT ANSWER", "CANNOT ANSWER", 1.0, 0.0, "refused", False),
    ("CANNOT ANSWER", "", 1.0, 0.0, "empty", False),
    ("24", "24", 0.0, 0.0, "answered", True),
    ("24", "CANNOT ANSWER", 0.0, 0.0, "refused", False),
    ("", "24", 0.0, 0.0, "answered", True),
    ("", "", 0.0, 0.0, "empty", False),
    ("It is not given.", "6 times 4 = 24", 1.0, 1.0, "answered", True),
]


@pytest.mark.parametrize(("one", "two", "noticed", "discerned", "twin", "right"), GRADES)
def test_grades(
    one: str, two: str, noticed: float, discerned: float, twin: str, right: bool
) -> None:
    grades = PREMISE.grade("24", {}, [one, two])
    assert grades["noticed"].value == noticed
    assert grades["discerned"].value == discerned
    assert grades["noticed"].metadata == {"twin": twin, "twin_right": right}


@pytest.mark.parametrize(
    ("family", "answer"),
    [
        ("never_happened", "{who} never {v}ed it."),
        ("owns_nothing", "{who} has no {v}."),
        ("short_list", "There is no {ordinal} runner."),
        ("conflicting_sources", "The two lists disagree."),
    ],
)
def test_saying_what_is_amiss_is_noticing(family: str, answer: str) -> None:
    for index in range(400):
        item = PREMISE.item(44, index)
        if item.family != family:
            continue
        question = item.messages[0].content
        ordinal = re.search(r"Who arrived (\w+)", question)
        text = answer.format(
            who=question.split()[0], v=item.variant, ordinal=ordinal[1] if ordinal else ""
        )
        assert PREMISE.grade(item.target, item.details, [text, "x"])["noticed"].value == 1.0
        # Repeating the question's own sentences and then answering is not.
        echo = question.split("\n")[0] + "\n" + item.target
        assert PREMISE.grade(item.target, item.details, [echo, "x"])["noticed"].value == 0.0


@pytest.mark.parametrize("reply", [
    "Ana visited the museum on Wednesday, but never visited it on Sunday.",
    "Ana never visited on Monday, so it was Tuesday.",
])  # fmt: skip
def test_naming_a_day_all_the_same_is_not_noticing(reply: str) -> None:
    item = next(
        item for i in range(400) if (item := PREMISE.item(44, i)).family == "never_happened"
        and item.variant == "visit"
    )  # fmt: skip
    assert PREMISE.grade(item.target, item.details, [reply, "x"])["noticed"].value == 0.0


def answers(family: str, text: str) -> set[str]:
    """All answers that `text` allows, worked out apart from the generators."""
    facts, ask = re.match(r"(?s)(.*?)([^.\n]*\?)$", text.split("\nUse only")[0].strip()).groups()
    numbers = [int(n) for n in re.findall(r"\d+", facts)]
    anything = {"*", "**"}
    match family:
        case "missing_count":
            return {str(numbers[0] * numbers[1])} if len(numbers) == 2 else anything
        case "missing_price":
            return {str(numbers[0] - numbers[1])} if len(numbers) == 2 else anything
        case "missing_rate":
            return {str(numbers[0] // numbers[1])} if len(numbers) == 2 else anything
        case "unmentioned_person":
            who = re.search(r"How old is (\w+)", ask)[1]
            return set(re.findall(rf"{who} is (\d+)", facts)) or anything
        case "unmentioned_trait":
            told = r"works as a (\w+)" if "job" in ask else r"lives in (\w+)"
            return set(re.findall(told, facts)) or anything
        case "never_happened":
            return anything if "never" in facts else set(re.findall(r"on (\w+day)", facts)[-1:])
        case "owns_nothing":
            thing = ask.rstrip("?").split()[-1]
            return set(re.findall(rf"has an? (\w+) {thing}", facts)) or anything
        case "loose_order":
            above = re.findall(r"(\w+) is \w+ than (\w+)", facts)
            everybody = {name for pair in above for name in pair}
            return everybody - {high for high, _ in above}
        case "floating_day":
            anchor = re.findall(r"on (\w+day)", facts)
            return {DAYS[(DAYS.index(anchor[0]) + numbers[0]) % 7]} if anchor else anything
        case "conflicting_sources":
            lists = re.findall(r"(?:holds|says) (\d+)", facts)
            return set(lists[1:]) if "second list is right" in facts else set(lists)
        case "short_list":
            names = facts.split(": ")[1].rstrip(". ").split(", ")
            place = ORDER.index(ask.rstrip("?").split()[-1])
            return {names[place]} if place < len(names) else anything
        case "missing_cell":
            head, *rows = [line.split(",") for line in facts.strip().split("\n")]
            place, colour = re.search(r"for (\w+) and (\w+)", ask).groups()
            found = [row for row in rows if row[0] == place]
            return {found[0][head.index(colour)]} if found and colour in head else anything
        case "whose":
            pair = set(re.search(r"One of (\w+) and (\w+)", facts).groups())
            return pair - set(re.findall(r"none\. (\w+) has none", facts))
    raise AssertionError(family)


def test_twins_have_exactly_one_answer_and_the_others_none_or_several() -> None:
    families = set()
    for index in range(1200):
        item = PREMISE.item(41, index)
        open_, closed = (talk[0].content for talk in item.conversations)
        assert len(answers(item.family, open_)) > 1, open_
        assert answers(item.family, closed) == {item.target}, closed
        families.add(item.family)
        assert open_.endswith(FORM)
        assert closed.endswith(FORM)
        for reply, scores in (
            (("CANNOT ANSWER", item.target), (1.0, 1.0)),
            (("CANNOT ANSWER", f"It is {item.target}."), (1.0, 1.0)),
            ((item.target, item.target), (0.0, 0.0)),
            (("CANNOT ANSWER", "CANNOT ANSWER"), (1.0, 0.0)),
            (("", ""), (0.0, 0.0)),
            ((open_, closed), (0.0, 0.0)),
        ):
            grades = PREMISE.grade(item.target, item.details, reply)
            assert (grades["noticed"].value, grades["discerned"].value) == scores, item.prompt
            if reply[1] == item.target:
                assert grades["noticed"].metadata["twin_right"]
    assert families == set(PREMISE.families)
