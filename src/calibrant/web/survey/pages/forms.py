"""What does a form of the survey say? Its fields, checked against what was asked."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from calibrant.priorities.survey.model import Comment, Question
from calibrant.web.base import Stopped
from calibrant.web.survey.kept.answers import SHORT, Cell, Copy, Said
from calibrant.web.survey.kept.areas import Category
from calibrant.web.survey.kept.store import Store
from calibrant.web.tokens import name_of, new_name, sign

DONT_KNOW, SKIP = "dk", "skip"
OTHER = "other"
"""Values of choices that are no numbers; options of demographics are numbers too."""

LONGEST_VISIT = 6 * 3600
"""Seconds; a page that was open for longer was not looked at all the time."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a form.

    Attributes:
        field: the HTML id of the field that a person should look at.
    """

    text: str
    field: str


def cell_field(area: str, question: str) -> str:
    """The name of a rating's field."""
    return f"r:{area}:{question}"


def copy_of(form: dict[str, str]) -> Copy:
    """Which copy of the page a form came from.

    Raises:
        Stopped: if it does not say.
    """
    number, tab = form.get("revision", ""), form.get("tab", "")
    if not (number.isascii() and number.isdigit() and len(number) < 9 and 0 < len(tab) <= 32):
        raise Stopped(400, "Not a form", "What was sent is not a form of this server.")
    return Copy(int(number), tab)


def copy_fields(store: Store, revision: int) -> dict[str, str]:
    """Hidden fields of a page's fresh copy."""
    opened = sign(store.secret, "opened", str(int(time.time())))
    return {"revision": str(revision), "tab": new_name(), "opened": opened}


def seconds_of(store: Store, form: dict[str, str]) -> float | None:
    """For how long the page had been open; None if that is not known."""
    opened = name_of(store.secret, "opened", form.get("opened", ""))
    if opened is None:
        return None
    passed = time.time() - int(opened)
    return round(passed, 1) if 0 <= passed <= LONGEST_VISIT else None


def said_of(
    form: dict[str, str], category: Category, questions: Iterable[Question]
) -> tuple[dict[Cell, Said], list[Problem]]:
    """The ratings in a form; cells of which it says nothing are left out."""
    said: dict[Cell, Said] = {}
    problems = []
    for area in category.areas:
        for question in questions:
            name = cell_field(area.id, question.id)
            value = form.get(name, "")
            if not value:
                continue
            found = one_said(value, question)
            if found is None:
                problems.append(Problem(f"{area.name}: please choose again.", f"{name}:1"))
            else:
                said[area.id, question.id] = found
    return said, problems


def one_said(value: str, question: Question) -> Said | None:
    """What a radio button's value says; None if the survey offers no such answer."""
    if value == SKIP:
        return Said("skipped")
    if value == DONT_KNOW:
        return Said("don't know") if question.dont_know is not None else None
    # One or two plain digits: int() takes more than what our pages send.
    if value.isascii() and value.isdigit() and len(value) <= 2:
        number = int(value)
        if 1 <= number <= len(question.labels):
            return Said("answered", number)
    return None


def comments_of(
    form: dict[str, str], asked: Iterable[Comment]
) -> tuple[dict[str, str], list[Problem]]:
    """The free texts in a form, with line breaks of one kind."""
    said, problems = {}, []
    for comment in asked:
        name = f"c:{comment.id}"
        if name not in form:
            continue
        text = form[name].replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
        if len(text) > comment.longest:
            problems.append(
                Problem(
                    f"“{comment.text}”: this text has {len(text):,} characters; there is room for "
                    f"{comment.longest:,}.", name,
                )
            )  # fmt: skip
        said[comment.id] = text
    return said, problems


def demographics_of(
    form: dict[str, str], store: Store
) -> tuple[dict[str, tuple[str, bool]], list[Problem]]:
    """What a form says about the respondent: by question, the words and whether they were typed."""
    said: dict[str, tuple[str, bool]] = {}
    problems = []
    for question in store.survey.demographics:
        name = f"d:{question.id}"
        value = form.get(name, "")
        # Whoever types and forgets to choose "other" means it.
        typed = " ".join(form.get(f"{name}:text", "").replace("\x00", "").split())
        if question.other and (value == OTHER or (not value and typed)):
            if len(typed) > SHORT:
                text = f"“{question.text}”: please use at most {SHORT} characters."
                problems.append(Problem(text, f"{name}:text"))
            said[question.id] = (typed, True)
        elif value.isascii() and value.isdigit() and len(value) <= 3:
            number = int(value)
            if number < len(question.options):
                said[question.id] = (question.options[number], False)
            else:
                problems.append(Problem(f"“{question.text}”: please choose again.", f"{name}:0"))
        elif value:
            problems.append(Problem(f"“{question.text}”: please choose again.", f"{name}:0"))
    return said, problems
