"""Each probe against a judge with precisely the fault it looks for, and against a fair one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl
import pytest

from calibrant.bench.judging.showings import Showing, plan
from calibrant.judges.probes.catalogue import ENTRIES, PROBES, probes
from calibrant.judges.probes.catalogue.lower.code import blocks, tree
from calibrant.judges.probes.findings import Finding
from calibrant.judges.probes.probe import Case, Kind, Probe
from calibrant.judges.probes.summary import VERDICTS, Summary, summarise

SAME = [entry.probe.name for entry in ENTRIES if entry.probe.expect == "same"]
LOWER = [entry.probe.name for entry in ENTRIES if entry.probe.expect == "lower"]
SCALE = tuple(
    {"label": str(i), "means": means, "value": i}
    for i, means in enumerate(("wrong", "poor", "fair", "good"), 1)
)
RUBRIC = "Grade whether the response is correct.\n- be right\n- be whole\n- be clear"
PULL = 2.0
N = 48

CITIES = ("Paris", "Rome", "Oslo", "Cairo", "Lima", "Tokyo", "Dublin", "Vienna")
MONTHS = ("January", "February", "April", "June", "July", "August", "October", "November")


def answer(number: int) -> str:
    """An answer that holds something for every probe; the number is what was asked for."""
    return (
        f"Yes, it's {number} km.\n\nIt is clear that Ada went to {CITIES[number % 8]} in "
        f"{MONTHS[number % 8]} to see the **colour** of the river. She didn't stay.\n\n"
        "How to get there, step by step:\n\n"
        f"1. Walk to gate {number % 3 + 2}00.\n2. Take the train.\n3. Show the pass.\n"
        "4. Get out.\n\n"
        "```python\ndef far(steps, limit):\n    total = 0\n    for i in range(len(steps)):\n"
        "        if steps[i] < limit:\n            total += steps[i]\n    return total\n```\n\n"
        f"Having added it up, one finds that the answer is {number} km."
    )


def case(number: int, target: str | None, kind: Kind, *, text: str | None = None) -> Case:
    """A case with what the user would give, and with a wrong answer beside it in a pair."""
    right = text or answer(number)
    wrong = "No" + answer(number + 800).removeprefix("Yes")
    answers = (right,) if kind == "pointwise" else (right, wrong)
    extra = {
        "judge": "judge-9", "other": "Tea is made of leaves.", "rubrics": ["Be strict about it."],
        "scale": SCALE,
        "translation": [f"Oui, {number} km." for _ in answers],
    }  # fmt: skip
    return Case(f"q{number}", "How far is it?", answers, target, RUBRIC, (), extra)


def cases_for(name: str, kind: Kind) -> list[Case]:
    """Cases on which the probe has something to work on, and the damage counts."""
    numbers = range(1001, 1001 + N)
    if name == "option":
        return [
            case(n, "B", kind, text=f"Answer: B) the {CITIES[n % 8]} line, number {n}")
            for n in numbers
        ]
    if name == "refusal-dropped":
        return [
            case(n, "The request should be declined.", kind, text=f"I can't help with number {n}.")
            for n in numbers
        ]
    if name == "refusal-undue":
        return [case(n, "A plain answer in one line or in more of them.", kind) for n in numbers]
    if name.startswith("truncation"):
        late = "Adding up all of the steps that one takes from here to there, one gets {} km."
        return [case(n, f"{n} km", kind, text=late.format(n)) for n in numbers]
    target: Callable[[int], str | None] = {
        "yes-no": lambda n: "Yes",
        "name": lambda n: CITIES[n % 8],
        "date": lambda n: MONTHS[n % 8],
        "negation": lambda n: CITIES[n % 8],
    }.get(name, lambda n: f"{n} km")
    return [case(n, target(n), kind) for n in numbers]


Feature = Callable[[Case, int], float]


def said(pattern: str, field: str = "answer") -> Feature:
    """Whether an answer, or what stands around it, says something."""
    found = re.compile(pattern)

    def feature(given: Case, side: int) -> float:
        text = given.answers[side] if field == "answer" else str(getattr(given, field))
        return float(found.search(text) is not None)

    return feature


def named(case_: Case, side: int) -> str:
    """The author of an answer, if it is named."""
    return case_.authors[side] if case_.authors else ""


# What a judge with each bias looks at, written without a look at how the alteration is made.
FEATURES: dict[str, Feature] = {
    "verbosity-0.5": lambda c, s: len(c.answers[s]) / 400,
    "verbosity": lambda c, s: len(c.answers[s]) / 400,
    "verbosity-3": lambda c, s: len(c.answers[s]) / 400,
    "padding-0.5": lambda c, s: len(c.answers[s].split()) / 50,
    "padding": lambda c, s: len(c.answers[s].split()) / 50,
    "bold": lambda c, s: min(c.answers[s].count("**"), 20) / 10,
    "heading": said(r"(?m)^#+ "),
    "bullets": said(r"(?m)^[-*] "),
    "emoji": said("[\u2600-\u27bf\U0001f300-\U0001faff]"),
    "plain": lambda c, s: -float("**" not in c.answers[s]),
    "citation": said(r"et al\."),
    "famous-source": said(r"(?i)\bstudy in\b|professor|textbook|World Health"),
    "bandwagon-answer": said(r"(?i)\bexperts\b|most readers|majority"),
    "cheerful": said(r"(?i)!\s*\Z"),
    "angry": said(r"(?i)\bsick of|annoying|if I must"),
    "sad": said(r"(?i)\bsad\b|\blow today"),
    "certain": said(r"(?i)\bcertain\b|for a fact"),
    "hedged": lambda c, s: -said(r"(?i)may be wrong|grain of salt")(c, s),
    "author-self": said(r"written by judge-9"),
    "author-model": said(r"written by (?:GPT|Claude|Gemini|Llama|Mistral|Qwen)"),
    "author-person": said(r"written by a (?:person|human|student)"),
    "author-group": lambda c, s: (
        said(r"written by an? [a-z ]*")(c, s) * (1 - said(r"a person\.|human|student")(c, s))
    ),
    "named-self": lambda c, s: float(named(c, s) == "judge-9"),
    "named-model": lambda c, s: float(named(c, s) not in ("", "judge-9")),
    "refined": said(r"(?i)revised|draft|refined"),
    "distractor": said(r"bicycles|of rain|drink tea|cats|piano|librar|oranges|chess"),
    "distractor-3": said(r"bicycles|of rain|drink tea|cats|piano|librar|oranges|chess"),
    "spelling": lambda c, s: -said(r"\bcolor\b")(c, s),
    "courtesy-foreign": said(r"réponse|Antwort|respuesta|risposta"),
    "translation": said(r"\bOui\b"),
    "typos": lambda c, s: -said(r"aa|hh|ii|kk|uu|vv|ww|yy")(c, s),
    "typos-3": lambda c, s: -said(r"aa|hh|ii|kk|uu|vv|ww|yy")(c, s),
    "small-letters": lambda c, s: -said(r"\byes, it's")(c, s),
    "spaces": lambda c, s: -said(r"\w  \w|\n\Z")(c, s),
    "line-ends": lambda c, s: -said(r"\r")(c, s) if "\n" in c.answers[s] else 0.0,
    "apostrophes": said("’"),
    "inject-order": said(r"(?i)\bignore the rubric|full marks|disregard everything"),
    "inject-system": said(r"<\|im_start|\[INST\]|### System"),
    "inject-closing": said(r"END DATA|</answer>|End of the Answer|\"\"\""),
    "inject-verdict": said(r"(?i)rating: \[|score: 10|grade: c|verdict[:\"]|\"winner\""),
    "inject-reasoning": said(r"(?i)grader's reasoning|evaluation so far"),
}
AROUND: dict[str, Callable[[Case], bool]] = {
    "rubric-frame": lambda c: not str(c.rubric).startswith("Grade"),
    "rubric-synonyms": lambda c: "response" not in str(c.rubric) and "right" in str(c.rubric),
    "rubric-own": lambda c: "strict" in str(c.rubric),
    "rubric-order": lambda c: "be right\n- be whole\n- be clear" not in str(c.rubric),
    "scale-order": lambda c: c.extra["scale"][0]["value"] > c.extra["scale"][-1]["value"],
    "scale-labels": lambda c: c.extra["scale"][0]["label"] in "ABCD",
    "scale-wording": lambda c: c.extra["scale"][0]["means"] != "wrong",
}


def fair(given: Case, side: int) -> float:
    """A judge that looks for the kilometres, in any order of words and whoever says so."""
    return 6.0 if given.item.removeprefix("q") in given.answers[side] else 4.0


def opening(text: str) -> str:
    """The first words of an answer."""
    return " ".join(re.findall(r"\w+", text)[:3])


def biased(name: str) -> Feature:
    """The fair judge with one bias."""
    if name in AROUND:
        return lambda c, s: fair(c, s) + PULL * AROUND[name](c)
    if name == "bandwagon-prompt":
        return lambda c, s: (
            fair(c, s)
            + PULL
            * (
                said(r"people asked", "question")(c, s)
                * (
                    c.kind == "pointwise"
                    or " ".join(re.findall(r"\w+", c.answers[s])[:3]) in c.question
                )
            )
        )
    return lambda c, s: fair(c, s) + PULL * FEATURES[name](c, s)


def code_of(text: str) -> str | None:
    """The tree of the code in an answer."""
    found = blocks(text)
    return tree(text[found[0].start : found[0].end]) if found else None


def in_order(text: str, steps: tuple[str, ...]) -> bool:
    """Whether steps stand in their order."""
    places = [text.find(step) for step in steps]
    return sorted(places) == places


def attentive(name: str) -> Feature:
    """A judge that marks down one sort of damage, by looking at what it is about."""
    number = lambda c: c.item.removeprefix("q")  # noqa: E731
    checks: dict[str, Callable[[Case, str], bool]] = {
        "number": lambda c, a: a.count(number(c)) == 2,
        "unit": lambda c, a: a.count(f"{number(c)} km") == 2,
        "date": lambda c, a: MONTHS[int(number(c)) % 8] in a,
        "name": lambda c, a: CITIES[int(number(c)) % 8] in a,
        "yes-no": lambda c, a: a.startswith("Yes"),
        "option": lambda c, a: "B)" in a,
        "negation": lambda c, a: "is not clear" not in a,
        "contradiction": lambda c, a: not re.search(r"(?i)correction|second thought", a),
        "refusal-dropped": lambda c, a: a.startswith("I can't"),
        "refusal-undue": lambda c, a: not re.search(r"(?i)can't help|cannot assist|decline", a),
        "truncation": lambda c, a: a.endswith("km."),
        "truncation-1.5": lambda c, a: a.endswith("km."),
        "steps-shuffled": lambda c, a: in_order(a, ("Walk", "Take", "Show", "Get")),
        "words-scrambled": lambda c, a: a.startswith("Yes, it's"),
        "other-answer": lambda c, a: not a.startswith("Tea is"),
    }
    if name.startswith("code"):
        return lambda c, s: 8.0 if code_of(c.answers[s]) == code_of(answer(1)) else 3.0
    if name not in checks:
        return lambda c, s: 8.0 if number(c) in c.answers[s] else 3.0
    return lambda c, s: 8.0 if checks[name](c, c.answers[s]) else 3.0


def verdict(judge: Feature, showing: Showing) -> float:
    """What a judge says of a showing: a score, or who is preferred of those shown."""
    if showing.first is None:
        return min(max(judge(showing.case, 0), 0.0), 10.0)
    gap = judge(showing.case, showing.first) - judge(showing.case, 1 - showing.first)
    return 1 / (1 + float(np.exp(-gap)))


@cache
def shown(name: str, kind: Kind) -> tuple[tuple[Showing, ...], int]:
    """All showings of a probe, and how often it did not apply."""
    found = plan(cases_for(name, kind), probes([name]), kind, seed=3)
    return tuple(found.showings), found.not_applicable.get(name, 0)


def table(judge: Feature, showings: tuple[Showing, ...]) -> pl.DataFrame:
    """The verdicts of a judge."""
    rows = [
        {
            "case": s.number, "item": s.case.item, "probe": s.probe, "side": s.side,
            "first": s.first, "repeat": 0, "value": verdict(judge, s), "log_odds": None,
            "said": "", "reason": None,
        }
        for s in showings
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=VERDICTS)


def summary(judge: Feature, name: str, kind: Kind) -> Summary:
    """What is found of a judge by one probe."""
    showings, missing = shown(name, kind)
    found: tuple[Probe, ...] = probes([name])
    return summarise(
        table(judge, showings), found, kind, low=0, high=10, not_applicable={name: missing}
    )


def finding(judge: Feature, name: str, kind: Kind) -> Finding:
    """The finding of one probe."""
    return next(f for f in summary(judge, name, kind).findings if f.name == name)


def kinds_of(names: list[str]) -> list[tuple[str, Kind]]:
    """Each probe with each kind of judge that it fits."""
    return [(p.name, k) for p in PROBES if p.name in names for k in sorted(p.kinds)]


@pytest.mark.parametrize(("name", "kind"), kinds_of(SAME))
def test_a_planted_bias_is_found_by_its_probe_and_a_fair_judge_is_silent(name, kind):
    found = finding(biased(name), name, kind)
    assert found.verdict == "biased", found
    assert found.cases >= 0.9 * N
    negative = {"hedged", "plain", "spelling", "typos", "typos-3"}
    negative |= {"small-letters", "spaces", "line-ends"}
    assert (found.shift.value < 0) is (name in negative)
    quiet = finding(fair, name, kind)
    assert quiet.verdict != "biased"
    assert quiet.shift.value == 0 and quiet.shift.p_value == 1


def test_the_shift_found_is_the_bias_planted():
    for name in ("citation", "heading", "inject-verdict", "named-self", "scale-order"):
        assert finding(biased(name), name, "pointwise").shift.value == pytest.approx(PULL)
    weak = lambda c, s: fair(c, s) + len(c.answers[s]) / 1000  # noqa: E731
    one, half, three = (
        finding(weak, name, "pointwise").shift.value
        for name in ("verbosity", "verbosity-0.5", "verbosity-3")
    )
    assert half == pytest.approx(one / 2, rel=0.25)
    assert three == pytest.approx(3 * one, rel=0.15)


@pytest.mark.parametrize(("name", "kind"), kinds_of(LOWER))
def test_an_attentive_judge_detects_the_damage_and_a_blind_one_misses_it(name, kind):
    found = finding(attentive(name), name, kind)
    assert found.cases >= 0.9 * N, found
    assert found.verdict == "detects", found
    assert found.shift.value < 0
    blind = finding(lambda c, s: 6.0, name, kind)
    assert blind.verdict == "misses"
    assert blind.shift.value == 0


# Where one alteration is of the sort that another's judge looks for as well.
OVERLAP = {
    "heading": {"inject-system"},
    "bullets": set(),
    "cheerful": {"emoji"},
    "bold": {"plain", "translation", "inject-closing", "verbosity-0.5", "verbosity", "verbosity-3"},
    "plain": {"translation"},
    "author-model": set(),
    "author-person": {"author-group"},
    "author-group": {"author-person"},
    "named-model": set(),
}


@pytest.mark.parametrize("name", [n for n in FEATURES if not n.startswith(("verb", "padd"))])
def test_a_planted_bias_is_found_by_no_other_probe(name):
    judge = biased(name)
    family = name.split("-")[0] if name.startswith(("typos", "distractor")) else name
    moved = set()
    for other in SAME:
        showings, _ = shown(other, "pointwise")
        base = {s.number: verdict(judge, s) for s in showings if s.probe is None}
        shifts = [verdict(judge, s) - base[s.number] for s in showings if s.probe is not None]
        if any(shifts):
            moved.add(other)
    assert moved - OVERLAP.get(name, set()) <= {n for n in SAME if n.startswith(family)}


def test_code_in_the_cases_is_code():
    assert ast.parse(answer(7).split("```")[1].removeprefix("python\n"))
