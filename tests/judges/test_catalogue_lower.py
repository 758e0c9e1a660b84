"""Alterations that make an answer worse: they do, and an answer wrong before is left alone."""

from __future__ import annotations

import ast
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.judges.probes.catalogue import PROBES, probes
from calibrant.judges.probes.catalogue.lower.claims import is_refusal, should_refuse
from calibrant.judges.probes.catalogue.lower.code import blocks, parsed, tree
from calibrant.judges.probes.catalogue.lower.facts import value
from calibrant.judges.probes.catalogue.lower.lists import ENTITIES, MONTHS, UNITS, WEEKDAYS
from calibrant.judges.probes.catalogue.made import made
from calibrant.judges.probes.catalogue.samples import RUBRIC, SAMPLES, sample_cases
from calibrant.judges.probes.catalogue.target import known_wrong
from calibrant.judges.probes.probe import Case

LOWER = [probe for probe in PROBES if probe.expect == "lower"]
NUMBERS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.integers(0, 10**12).map(lambda n: f"{n:,}"),
    st.decimals(0, 10**6, places=3).map(str),
)
FUNCTION = """Here it is:

```python
def mean(numbers, limit):
    total, count = 0, 0
    for i in range(len(numbers)):  # größer
        if "é" and numbers[i] < limit:
            total += numbers[i]
            count += 1
    return total / count
```
"""


def put(
    name: str, answer: str, target: str | None = None, seed: int = 0, **extra: object
) -> str | None:
    """The answer altered by one probe, or None."""
    case = Case("q", extra.pop("question", "Q?"), (answer,), target, extra=extra)  # type: ignore[arg-type]
    (probe,) = probes([name])
    new = probe.alter(case, 0, np.random.default_rng(seed))
    return None if new is None else new.answers[0]


@given(NUMBERS, NUMBERS, st.integers(0, 9))
@settings(max_examples=300, deadline=None)
def test_a_changed_number_has_another_value_and_is_not_the_target(number, target, seed):
    new = put("number", f"It is {number} in all.", seed=seed)
    assert new is not None
    said = re.fullmatch(r"It is (\S+) in all\.", new)
    assert said is not None and value(said[1]) != value(number)
    assert len(said[1]) == len(number)
    aimed = put("number", f"It is {number} in all.", f"It is {target}, one says here now", seed)
    assert (aimed is None) == (value(number) != value(target))


@pytest.mark.parametrize(
    "text", ["v1.2.3", "H2O and x2", "10:30", "1. first\n2. second", "see [3]", "```\nx = 5\n```"]
)
def test_numbers_that_are_no_amounts_are_left_alone(text):
    assert put("number", f"{text}") is None


def test_every_mention_of_the_chosen_number_changes_alike():
    new = put("number", "4 + 38 = 42. The answer is 42.", "42")
    assert new is not None and new.startswith("4 + 38 = ")
    one, two = re.findall(r"= (\S+)\. The answer is (\S+)\.", new)[0]
    assert one == two != "42"


def test_only_what_the_target_says_is_changed():
    assert put("number", "It took 3 days to count 85.", "85").startswith("It took 3 days")
    assert put("number", "It took 3 days to count them.", "many") is None
    assert put("number", "The answer is 75.", "85") is None
    assert put("name", "Paris, not London.", "Paris") in {
        f"{city}, not London." for sort in ENTITIES if "Paris" in sort for city in sort
    } - {"Paris, not London.", "London, not London."}
    assert put("name", "It is London.", "Paris") is None
    assert put("unit", "It is 5 km, in 3 hours.", "5 km") == "It is 5 m, in 3 hours."
    assert put("date", "In May 1969, not in June.", "May 1969").count("June") == 1
    assert put("date", "You may march on.") is None


def test_units_are_exchanged_for_others():
    assert all(UNITS[unit].strip() != unit for unit in UNITS)
    assert put("unit", "0 km") is None
    assert put("unit", "It rose by 7%.") == "It rose by 7 thousand."


def test_names_of_a_sort_are_all_different_things():
    for sort in ENTITIES:
        assert len(set(sort)) == len(sort) > 2
    every = [name for sort in ENTITIES for name in sort]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize(
    ("answer", "target", "new"),
    [
        ("Yes, it is.", None, "No, it is."),
        ("**No**. It is not.", "No", "**Yes**. It is not."),
        ("It has wings. Final answer: yes", "yes", "It has wings. Final answer: no"),
        ("TRUE", None, "FALSE"),
        ("No one knows.", None, None),
        ("Yes.", "No", None),
        ("I know no better.", None, None),
    ],
)
def test_yes_is_turned_into_no_where_it_is_the_verdict(answer, target, new):
    assert put("yes-no", answer, target) == new


def test_an_option_changes_only_where_the_target_names_it():
    assert put("option", "Answer: B) carbon dioxide", "B") in {
        f"Answer: {letter}) carbon dioxide" for letter in "ACD"
    }
    assert put("option", "The answer is (B).", "C") is None
    assert put("option", "A plant needs light.", None) is None


@pytest.mark.parametrize(
    ("said", "turned"),
    [
        ("The sky is blue.", "The sky is not blue."),
        ("It can't fly.", "It can fly."),
        ("They cannot fly.", "They can fly."),
        ("It does not rust.", "It does rust."),
        ("It isn't red.", "It is red."),
        ("It is never red.", None),
        ("Whether it is red depends.", None),
        ("Is it red?", None),
        ("Blue, all of it.", None),
    ],
)
def test_a_claim_is_turned_into_its_opposite(said, turned):
    assert put("negation", said) == turned


def test_a_negated_claim_is_the_one_that_holds_the_target():
    text = "Sydney is larger. The capital is Canberra."
    for seed in range(5):
        assert put("negation", text, "Canberra", seed) == text.replace("l is C", "l is not C")
    assert put("negation", text, "Melbourne") is None


@pytest.mark.parametrize(
    ("text", "target", "turned"),
    [
        ("A third is more, and so the answer is 50.", "50", "the answer is not 50"),
        ("Where the air is thin, water boils at 90 °C.", "90 °C", None),
        ("Mars is red.", "Mars", "Mars is not red"),
        ("Mars, they say, is red.", "Mars", None),
        ("Yes, it is red.", "Yes", "it is not red"),
        ("No, it can't fly.", "No", "it can fly"),
        ("No, it is red.", "No", "it is not red"),
    ],
)
def test_the_verb_that_is_turned_is_the_one_of_the_target(text, target, turned):
    new = put("negation", text, target)
    assert new is None if turned is None else turned in new


@pytest.mark.parametrize("year", ["1969", "1066", "2001"])
def test_a_year_is_moved_within_its_century(year):
    for seed in range(10):
        new = put("number", f"It was in {year}.", seed=seed)
        assert new is not None and new.startswith(f"It was in {year[:2]}")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this.",
        "Sorry, I won't do that.",
        "As an AI language model, I am not able to do so.",
        "Unfortunately, I’m unable to help.",
        "**I must decline.**",
    ],
)
def test_refusals_are_recognised(text):
    assert is_refusal(text)
    assert not is_refusal(f"Sure. {text}")


def test_a_refusal_is_turned_round_only_where_it_is_known_to_be_right_or_wrong():
    refusal, answer = "I can't help with that.", "Take two eggs."
    assert put("refusal-dropped", refusal) is None
    assert put("refusal-dropped", refusal, refuse=False) is None
    assert not is_refusal(put("refusal-dropped", refusal, refuse=True))
    assert put("refusal-dropped", refusal, "The request should be declined.") is not None
    assert put("refusal-undue", answer) is None
    assert is_refusal(put("refusal-undue", answer, refuse=False))
    assert is_refusal(put("refusal-undue", answer, "two eggs"))
    assert put("refusal-undue", refusal, refuse=False) is None
    assert should_refuse(Case("q", "Q?", ("a",), "I cannot help with that.")) is True


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", [p.name for p in PROBES if p.family == "code"])
def test_broken_code_no_longer_parses_or_has_another_tree(name, seed):
    new = put(name, FUNCTION, seed=seed)
    assert new is not None
    (was,), found = blocks(FUNCTION), blocks(new)
    before = FUNCTION[was.start : was.end]
    assert new.startswith("Here it is:\n\n```python\n") and new.endswith("```\n")
    after = new[len("Here it is:\n\n```python\n") : -len("```\n")]
    if name == "code-bracket":
        assert not found and parsed(after) is None
    else:
        assert tree(after) not in (None, tree(before))
        assert ast.unparse(ast.parse(after)) != ast.unparse(ast.parse(before))


@given(st.text(max_size=60) | st.sampled_from(["(" * 300, "-" * 15_000 + "1", "'\\d'", "1 is 1"]))
@settings(max_examples=200, deadline=None)
def test_any_text_is_parsed_without_a_warning_or_an_error(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Streams of earlier tests that Inspect leaves to the garbage collector.
        warnings.filterwarnings("ignore", "Unclosed <MemoryObject", ResourceWarning)
        assert (tree(text) is None) or parsed(text) is not None
        blocks(f"```\n{text}\n```")


@pytest.mark.parametrize(
    "text", ["word", "42", "Just prose, no code.", "```js\nlet x = f(1);\n```"]
)
def test_prose_and_other_languages_are_no_python(text):
    assert blocks(text) == []


def test_what_is_cut_off_holds_the_target_and_what_is_left_does_not():
    text = "First we add the tens and then the units of both, and thus get 85."
    new = put("truncation", text, "85")
    assert new is not None and text.startswith(new) and "85" not in new
    assert put("truncation", f"85. {text}", "85") is None
    assert put("truncation", "Too short.") is None
    assert len(put("truncation-1.5", text)) < len(new)


def test_steps_are_all_out_of_place_and_keep_their_numbers():
    text = "Steps:\n\n1. boil\n2. pour\n3. wait\n4. serve"
    for seed in range(10):
        new = put("steps-shuffled", text, seed=seed)
        assert new is not None
        steps = re.findall(r"^(\d)\. (\w+)$", new, re.M)
        assert [n for n, _ in steps] == ["1", "2", "3", "4"]
        assert sorted(s for _, s in steps) == ["boil", "pour", "serve", "wait"]
        old = ("boil", "pour", "wait", "serve")
        assert all(s != o for (_, s), o in zip(steps, old, strict=True))
    assert put("steps-shuffled", "Facts:\n1. a\n2. b\n3. c") is None


def test_an_answer_to_another_question_is_not_one_to_this():
    assert put("other-answer", "It is 85.", "85", other="It is Rome.") == "It is Rome."
    assert put("other-answer", "It is 85.", "85", other="85 it was.") is None
    assert put("other-answer", "It is 85.", other="it IS 85!") is None
    assert put("other-answer", "It is 85.") is None


def test_an_answer_takes_itself_back_only_if_it_said_the_target():
    new = put("contradiction", "It is Rome.", "Rome")
    assert new is not None and new.startswith("It is Rome.") and '"Rome"' in new
    assert put("contradiction", "I know.", "no") is None


def test_nothing_is_put_in_place_of_something():
    for probe in probes(["null"]):
        assert put(probe.name, "It is Rome.", "Rome") != "It is Rome."
        assert put(probe.name, "", "Rome") is None
        assert put(probe.name, "It is Oslo.", "Rome") is None
        assert put(probe.name, "I can't help with that.", refuse=True) is None
    assert put("empty", "It is Rome.") == ""


@pytest.mark.parametrize(
    ("answer", "target", "wrong"),
    [
        ("It is 1,250 m.", "1250 m", False),
        ("It is 1,260 m.", "1250 m", True),
        ("NO!", "no", False),
        ("I know", "no", True),
        ("anything", None, False),
        ("anything", "A long description of what a good answer says and does", False),
        ("Sure!", "The request should be declined.", False),
    ],
)
def test_an_answer_is_known_to_be_wrong_only_by_a_short_target(answer, target, wrong):
    assert known_wrong(answer, Case("q", "Q?", (answer,), target)) is wrong


def test_samples_are_right_and_wrong_as_they_say():
    assert len({sample.name for sample in SAMPLES}) == len(SAMPLES) >= 24
    for sample in SAMPLES:
        good = Case(sample.name, sample.question, (sample.good,), sample.target)
        worse = Case(sample.name, sample.question, (sample.worse,), sample.target)
        assert not known_wrong(sample.good, good), sample.name
        told = len(sample.target.split()) <= 6 and not sample.refuse
        if told and "." not in sample.target and "," not in sample.target:
            assert known_wrong(sample.worse, worse), sample.name
        assert is_refusal(sample.good) is sample.refuse
        assert not is_refusal(sample.worse)


def test_samples_hold_something_for_every_probe_that_needs_no_word_of_the_user():
    given = {"author-self", "named-self", "rubric-own", "translation"}
    given |= {"scale-order", "scale-labels", "scale-wording"}
    for kind in ("pointwise", "pairwise"):
        cases = sample_cases(kind)
        assert {case.kind for case in cases} == {kind}
        assert {case.rubric for case in cases} == {RUBRIC}
        for probe in PROBES:
            found = [
                probe.alter(case, side, np.random.default_rng(0))
                for case in cases
                for side in range(len(case.answers))
            ]
            assert any(found) is (probe.name not in given), probe.name
    assert len(sample_cases()) == 3 * len(SAMPLES)


@pytest.mark.parametrize("probe", LOWER, ids=lambda p: p.name)
def test_a_wrong_answer_is_never_made_worse(probe):
    for sample in SAMPLES:
        case = Case("q", sample.question, (sample.worse,), sample.target, extra={"other": "x y"})
        if known_wrong(sample.worse, case):
            assert probe.alter(case, 0, np.random.default_rng(0)) is None


def test_questions_made_up_are_right_wrong_and_the_same_for_a_seed():
    found = made(140, seed=4)
    assert found[:20] == made(20, seed=4)
    assert found[:20] != made(20, seed=5)
    assert len({sample.name for sample in found}) == 140
    for sample in found:
        case = Case(sample.name, sample.question, (sample.good,), sample.target)
        assert not known_wrong(sample.good, case)
        assert sample.name.startswith("count") or known_wrong(sample.worse, case)
    for sample in found[0::7]:
        a, b = map(int, re.findall(r"[0-9]+", sample.question))
        assert sample.target == str(a + b)
    for sample in found[4::7]:
        a, b = map(int, re.findall(r"[0-9]+", sample.question))
        assert sample.target == ("No" if a % b else "Yes")
    for sample in found[2::7]:
        steps, start = re.findall(r"is (\d+) months after (\w+)", sample.question)[0]
        assert sample.target == MONTHS[(MONTHS.index(start) + int(steps)) % 12]
    for sample in found[3::7]:
        start, days = re.findall(r"is (\w+)\. .* (\d+) days", sample.question)[0]
        assert sample.target == WEEKDAYS[(WEEKDAYS.index(start) + int(days)) % 7]
    for sample in found[5::7]:
        options = {a: int(n) for a, n in re.findall(r"([A-D])\) (\d+)", sample.question)}
        assert sample.target == max(options, key=options.__getitem__)
    for sample in found[6::7]:
        (span,) = blocks(sample.good)
        scope: dict[str, object] = {}
        exec(sample.good[span.start : span.end], scope)
        limit = int(re.findall(r"than (\d+)", sample.question)[0])
        less = "less" in sample.question
        numbers = [limit - 1, limit, limit + 1, limit + 1]
        assert scope["count"](numbers) == (1 if less else 2)  # type: ignore[operator]


def test_with_more_questions_every_change_of_a_fact_has_enough_to_work_on():
    cases = sample_cases("pointwise", more=280)
    for name in ("number", "unit", "date", "yes-no", "option", "negation", "code-off-by-one"):
        (probe,) = probes([name])
        count = sum(bool(probe.alter(c, 0, np.random.default_rng(0))) for c in cases)
        assert count >= 35, name
    with pytest.raises(InputError, match="more: wanted 0 to 10,000"):
        sample_cases(more=-1)
