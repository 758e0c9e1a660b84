"""Alterations that leave the right verdict as it was: what they do to a text, by example."""

from __future__ import annotations

import re

import numpy as np
import pytest

from calibrant.judges.probes.catalogue import probes
from calibrant.judges.probes.catalogue.text import (
    after,
    edited,
    fences,
    holds,
    lines,
    sentences,
    words,
)
from calibrant.judges.probes.probe import Case

ANSWER = "Paris is the capital. It's on the Seine, e.g. near Dr. Lee's house! Is it big? Yes"
CODE = "Look:\r\n\r\n```python\r\nx = 1. # Not a sentence.\r\n```\r\n\r\nThat is all."
SCALE = (
    {"label": "1", "means": "bad", "value": 1},
    {"label": "2", "means": "fair", "value": 2},
    {"label": "3", "means": "good", "value": 3},
)


def put(name: str, answer: str = ANSWER, seed: int = 0, **case: object) -> Case | None:
    """A case of one answer altered by one probe."""
    given = Case("q", "What is the capital of France?", (answer,), **case)  # type: ignore[arg-type]
    (probe,) = probes([name])
    return probe.alter(given, 0, np.random.default_rng(seed))


def answer_of(name: str, answer: str = ANSWER, seed: int = 0, **case: object) -> str:
    """The altered answer."""
    new = put(name, answer, seed, **case)
    assert new is not None
    return new.answers[0]


def test_sentences_end_where_a_reader_ends_them():
    assert [ANSWER[a:b] for a, b in sentences(ANSWER)] == [
        "Paris is the capital.",
        "It's on the Seine, e.g. near Dr. Lee's house!",
        "Is it big?",
        "Yes",
    ]
    assert [CODE[a:b] for a, b in sentences(CODE)] == ["Look:", "That is all."]
    chinese = "是的。不是！"
    assert [chinese[a:b] for a, b in sentences(chinese)] == ["是的。", "不是！"]


def test_code_is_found_open_or_closed_and_left_alone():
    assert [CODE[a:b] for a, b in fences(CODE)[0]] == [CODE[9 : -len("\r\nThat is all.")]]
    assert fences("a\n~~~\nb")[1] == "~~~"
    assert fences("````\n```\n````\n")[1] is None
    assert [line.listed for line in lines("- a\n2. b\nc\n")] == [True, True, False]
    assert [line.structure for line in lines("# a\n| b |\nc\n> d")] == [True, True, False, True]


def test_text_put_after_an_open_code_block_is_outside_of_it():
    assert after("```\nx", "said") == "```\nx\n```\n\nsaid"
    assert after("a\r\nb", "said") == "a\r\nb\r\n\r\nsaid"
    assert after("a\n\n", "said") == "a\n\nsaid"


def test_a_phrase_is_held_by_whole_words_only():
    assert holds("No, it's not.", "no")
    assert not holds("I know nothing.", "no")
    assert holds("about 150 km in all", "150 KM")


def test_edits_are_applied_whatever_their_order():
    spans = [(s, "x") for s in sentences("One. Two. Three.")]
    assert edited("One. Two. Three.", spans[::-1]) == "x x x"


@pytest.mark.parametrize("dose", [0.25, 0.5, 1, 2, 3])
@pytest.mark.parametrize("name", ["verbosity", "padding"])
def test_growth_is_near_its_dose(name, dose):
    text = " ".join(f"Fact number {i} says that this is so and not otherwise." for i in range(40))
    grown = len(words(answer_of(f"{name}-{dose}", text))) / len(words(text)) - 1
    assert dose <= grown <= dose + 0.1


def test_a_restatement_says_nothing_new():
    old, new = words(ANSWER.lower()), words(answer_of("verbosity-3").lower())
    lead = {"in", "other", "words", "to", "put", "it", "another", "way", "say", "once", "more"}
    lead |= {"differently", "that", "is", "repeat", "the", "point"}
    assert set(new) <= set(old) | lead


def test_each_sentence_becomes_an_item_and_lists_and_code_stay():
    new = answer_of("bullets", "One thing. Another thing.\n\n- old item. More.\n\n```\na. b.\n```")
    assert new == ("- One thing. \n- Another thing.\n\n- old item. More.\n\n```\na. b.\n```")
    assert put("bullets", "Only one.") is None


def test_markup_goes_on_and_comes_off():
    assert re.search(r"\*\*[^*]+\*\*", answer_of("bold"))
    assert answer_of("heading") == f"## Paris is the capital.\n\n{ANSWER[22:]}"
    assert answer_of("plain", "It is **very *big***, `**x**`.\nAnd **red**.").endswith("And red.")
    assert put("plain", "2 * 3 * 4") is None


def test_an_order_to_the_judge_is_in_the_answer_and_no_place_is_named():
    pair = Case("q", "Q?", ("one", "two"))
    for probe in probes(["injection", "bandwagon"]):
        for side in (0, 1):
            new = probe.alter(pair, side, np.random.default_rng(side))
            assert new is not None
            told = (new.question + "".join(new.answers)).lower()
            assert not re.search(r"\bfirst\b|\bsecond\b|answer [ab12]\b|\[\[[ab]\]\]", told)


def test_the_judge_is_named_only_where_its_name_is_known():
    assert put("author-self") is None
    assert "by judge-9.]" in answer_of("author-self", extra={"judge": "judge-9"})
    new = put("named-self", extra={"judge": "judge-9"})
    assert new is not None and new.authors == ("judge-9",)
    pair = Case("q", "Q?", ("one", "two"), authors=("x", "y"), extra={"judge": "judge-9"})
    (probe,) = probes(["named-self"])
    new = probe.alter(pair, 1, np.random.default_rng(0))
    assert new is not None and new.authors == ("x", "judge-9")


def test_criteria_change_places_and_levels_of_a_scale_do_not_take_part():
    rubric = "Grade it.\n1: bad\n2: good\n1. be right\n2. be brief\n3. be kind"
    new = put("rubric-order", rubric=rubric)
    assert new is not None and new.rubric is not None and new.rubric != rubric
    assert new.rubric.startswith("Grade it.\n1: bad\n2: good\n1. be ")
    assert sorted(re.findall(r"be \w+", new.rubric)) == ["be brief", "be kind", "be right"]
    assert re.findall(r"^\d\.", new.rubric, re.M) == ["1.", "2.", "3."]


def test_a_scale_is_turned_round_relabelled_and_reworded_and_keeps_its_values():
    turned = put("scale-order", extra={"scale": SCALE}, rubric="1 - bad\n2 - fair\n3 - good")
    assert turned is not None
    assert turned.extra["scale"] == SCALE[::-1]
    assert turned.rubric == "3 - good\n2 - fair\n1 - bad"
    named = put("scale-labels", extra={"scale": SCALE})
    assert named is not None
    assert [level["label"] for level in named.extra["scale"]] == ["C", "B", "A"]
    said = put("scale-wording", extra={"scale": SCALE})
    assert said is not None
    for new in (turned, named, said):
        values = {level["value"]: level["means"] for level in new.extra["scale"]}
        assert set(values) == {1, 2, 3}
        assert all(values[level["value"]].find(level["means"]) >= 0 for level in SCALE)
    bare = [{**level, "means": ""} for level in SCALE]
    assert put("scale-labels", extra={"scale": bare}) is None
    assert put("scale-wording", extra={"scale": bare}) is None
    assert put("scale-order", extra={"scale": "12345"}) is None


def test_the_users_wordings_and_translations_are_used_as_given():
    assert put("rubric-own", rubric="x y", extra={"rubrics": ["x y"]}) is None
    new = put("rubric-own", rubric="x y", extra={"rubrics": ["x y", "z"]})
    assert new is not None and new.rubric == "z"
    assert answer_of("translation", extra={"translation": "C'est Paris."}) == "C'est Paris."
    pair = Case("q", "Q?", ("one", "two"), extra={"translation": [None, "deux"]})
    (probe,) = probes(["translation"])
    assert probe.alter(pair, 0, np.random.default_rng(0)) is None
    new = probe.alter(pair, 1, np.random.default_rng(0))
    assert new is not None and new.answers == ("one", "deux")


def test_spelling_changes_both_ways_keeps_capitals_and_undoes_itself():
    text = "Colour of the CENTER: gray. `colour` stays, and so does under_colour."
    new = answer_of("spelling", text)
    assert new == "Color of the CENTRE: grey. `colour` stays, and so does under_colour."
    assert answer_of("spelling", new) == text


def test_line_ends_undo_themselves_and_noise_leaves_code_alone():
    assert answer_of("line-ends", answer_of("line-ends", "a\nb")) == "a\nb"
    text = "Which Way\n```\nThe Code  is Here\n```\n`Their` View"
    assert answer_of("small-letters", text) == "which way\n" + text[10:]
    assert "```\nThe Code  is Here\n```" in answer_of("spaces", text + "\nand a few more words")


def test_a_slip_doubles_a_letter_and_more_of_them_with_the_dose():
    text = "Several things usually happen quickly and quietly within having nothing. " * 10
    slips = []
    for dose in (1, 3, 10):
        new = answer_of(f"typos-{dose}", text)
        pairs = list(zip(text.split(), new.split(), strict=True))
        changed = [(a, b) for a, b in pairs if a != b]
        assert all(len(b) == len(a) + 1 for a, b in changed)
        slips.append(len(changed))
    assert slips[0] < slips[1] < slips[2]


@pytest.mark.parametrize("name", ["distractor", "distractor-2", "distractor-3"])
def test_as_many_asides_as_the_dose(name):
    count = int(name.rpartition("-")[2]) if "-" in name else 1
    assert len(answer_of(name, "One.").split("\n\n")) == count + 1
