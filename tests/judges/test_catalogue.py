"""Every alteration of the catalogue, on any text: what it promises to keep is kept."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.judges.probes.catalogue import CORE, ENTRIES, FAMILIES, PROBES, Entry, probes
from calibrant.judges.probes.catalogue.reference import sources, tables
from calibrant.judges.probes.probe import Case

BY_NAME = {entry.probe.name: entry for entry in ENTRIES}
FIELDS = ("item", "question", "answers", "target", "rubric", "authors", "extra")
CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

# Pieces of which messy answers are made: numbers, code, lists, markup, scripts, line ends, junk.
PIECES = (
    "Yes, it is 42 km. The answer is 3.14, not 1,250.50!",
    "I'm sorry, but I can't help with that.",
    "On Monday 5 May 2020 Newton left Paris for London (see [1]).",
    "1. Boil the water.\n2. Add the tea.\n3. Wait for 3 minutes.\n4. Serve it.",
    "- first point\n- second point: colour\n* third",
    "```python\ndef f(xs):\n    s = 0\n    for x in xs:\n        s += x\n    return s\n```",
    "~~~\nunclosed code",
    "```",
    "# Heading\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "> quoted **bold** _it_ `code`",
    "Привет, мир. Ответ: нет。是的！ 日本語",
    "\r\nsecond line\r\n\r\n",
    "\x1b[31mred\x1b[0m \u202e \x00",
    "$$x^2 = -5$$ \\boxed{7}",
    "B) because it does not melt.",
    "word " * 30,
    "....''''",
    " \t\n",
    "\U0001f600 \u0301\u0301",
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=40), max_size=6).map("\n".join)
TARGETS = st.none() | TEXTS | st.sampled_from(("42", "Yes", "B", "Paris", "3 minutes", "a refusal"))
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "judge": st.sampled_from(("judge-9", "")),
        "other": TEXTS,
        "refuse": st.booleans(),
        "rubrics": st.lists(TEXTS, max_size=2),
        "translation": TEXTS | st.lists(st.none() | TEXTS, max_size=2),
        "scale": st.sampled_from(
            (
                [{"label": str(i), "means": m, "value": i} for i, m in enumerate(("bad", "good"))],
                [],
            )
        ),
    },
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Case, int]:
    """Any case, and the side to alter."""
    answers = tuple(draw(st.lists(TEXTS, min_size=1, max_size=2)))
    authors = draw(st.sampled_from(((), ("someone",) * len(answers))))
    rubric = draw(st.none() | TEXTS | st.just("1: poor\n2: fair\n3: good\n- be right\n- be brief"))
    case = Case("q", draw(TEXTS), answers, draw(TARGETS), rubric, authors, draw(EXTRAS))
    return case, draw(st.integers(0, len(answers) - 1))


def tokens(text: str) -> list[str]:
    """Words and numbers."""
    return re.findall(r"\w+", text)


def is_subsequence(few: Iterable[str], many: Iterable[str]) -> bool:
    """Whether `few` come in this order among `many`."""
    rest = iter(many)
    return all(word in rest for word in few)


def altered(entry: Entry, case: Case, side: int, seed: int = 0) -> Case | None:
    """The altered case."""
    return entry.probe.alter(case, side, np.random.default_rng(seed))


@given(cases(), st.integers(0, 5))
@settings(max_examples=250, deadline=None)
def test_what_is_promised_of_an_alteration_holds_on_any_text(drawn, seed):
    case, side = drawn
    for entry in ENTRIES:
        new = altered(entry, case, side, seed)
        assert new == altered(entry, case, side, seed), entry.probe.name
        if new is not None:
            assert_kept(entry, case, new, side)


def assert_kept(entry: Entry, case: Case, new: Case, side: int) -> None:
    """An alteration changed what it may, and kept what it says it keeps."""
    name = entry.probe.name
    assert new != case, name
    assert new.kind == case.kind, name
    touched = {field for field in FIELDS if getattr(new, field) != getattr(case, field)}
    assert touched <= entry.changes, name
    assert all(new.answers[i] == a for i, a in enumerate(case.answers) if i != side), name
    old, now = case.answers[side], new.answers[side]
    if entry.keeps == "words":
        assert is_subsequence(tokens(old), tokens(now)), name
        assert len(now) <= 5.5 * len(old) + 1500, name
    elif entry.keeps == "only words":
        assert [t.casefold() for t in tokens(old)] == [t.casefold() for t in tokens(now)], name
    elif entry.keeps == "spelling":
        assert re.findall(r"\d+", old) == re.findall(r"\d+", now), name
        assert len(tokens(old)) == len(tokens(now)), name
    if entry.probe.expect == "lower":
        assert "".join(now.split()) != "".join(old.split()), name
    assert set(CONTROL.findall(repr_of(new))) <= set(CONTROL.findall(repr_of(case))), name


def repr_of(case: Case) -> str:
    """All the text of a case."""
    parts = [case.question, *case.answers, case.target or "", case.rubric or ""]
    for value in case.extra.values():
        parts += [value] if isinstance(value, str) else [str(v) for v in _each(value)]
    return "\n".join(parts)


def _each(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def test_names_are_unique_and_every_entry_says_what_it_is():
    assert len(BY_NAME) == len(ENTRIES) == len(PROBES)
    assert not set(BY_NAME) & set(FAMILIES)
    for entry in ENTRIES:
        probe = entry.probe
        assert re.fullmatch(r"[a-z]+(-[a-z0-9.]+)*", probe.name)
        assert probe.asks.endswith("?")
        assert "arXiv:" in probe.source
        assert probe.expect == "same" or entry.keeps == "nothing"
        assert entry.needs


def test_probes_are_found_by_name_by_family_and_by_dose():
    assert probes() == PROBES
    assert [p.name for p in probes(["citation", "bold", "bold"])] == ["bold", "citation"]
    assert {p.family for p in probes(["injection"])} == {"injection"}
    assert [p.name for p in probes(["verbosity-2"])] == ["verbosity-2"]
    assert set(FAMILIES) == {p.family for p in PROBES}
    assert {p.name for p in probes(["core"])} == set(CORE) <= set(BY_NAME)


def test_an_unknown_probe_is_an_error_that_names_the_nearest():
    with pytest.raises(InputError, match="no probe 'verbositty': did you mean 'verbosity'"):
        probes(["verbositty"])
    with pytest.raises(InputError, match="the families are"):
        probes(["zzzzzz"])
    with pytest.raises(InputError, match="dose of verbosity must be above 0"):
        probes(["verbosity-0"])


@pytest.mark.parametrize(
    "unit", ["Fact 12 is so, in May. ", "word", ".'", "(", "1,", "**a** ", "- x\n"]
)
def test_a_long_answer_takes_time_in_proportion(unit):
    case = Case("q", "Q?", (unit * (40_000 // len(unit)),), rubric=unit * 800)
    start = time.process_time()
    for entry in ENTRIES:
        altered(entry, case, 0)
    # About 0.3 s here; an alteration in quadratic time would take minutes.
    assert time.process_time() - start < 30


def test_the_reference_page_shows_the_catalogue_as_it_is():
    page = (Path(__file__).parents[2] / "docs" / "judge-probe-catalogue.md").read_text("utf-8")
    stays, falls = tables().split("### Changed facts")
    assert stays.strip() in page, "run the tables of catalogue.reference into the page"
    assert f"### Changed facts{falls}".strip() in page
    assert sources().strip() in page
    assert f"{len(PROBES)} probes in {len(FAMILIES)} families" in page
    expected = {family: {p.expect for p in PROBES if p.family == family} for family in FAMILIES}
    assert all(len(found) == 1 for found in expected.values())
