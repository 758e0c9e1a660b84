"""How are answers handed to tools that read Qualtrics exports? A CSV with three header rows."""

from __future__ import annotations

import csv
import io
from typing import Any

import polars as pl

from calibrant._text import dumps, one_line
from calibrant.errors import InputError
from calibrant.priorities.exchange.answers import Answers
from calibrant.priorities.exchange.columns import Meaning
from calibrant.priorities.survey.model import Question, Survey
from calibrant.priorities.taxonomy import Taxonomy
from calibrant.records.cells import cell

_META = (
    ("StartDate", "Start Date", "startDate"), ("EndDate", "End Date", "endDate"),
    ("Status", "Response Type", "status"), ("Progress", "Progress", "progress"),
    ("Duration (in seconds)", "Duration (in seconds)", "duration"),
    ("Finished", "Finished", "finished"), ("ResponseId", "Response ID", "_recordId"),
    ("respondent", "respondent", "respondent"), ("round", "round", "round"),
)  # fmt: skip

SKIPPED = "-99"
"""As Qualtrics recodes questions that were seen and not answered; what was not shown is blank."""


def qualtrics_csv(
    answers: Answers, survey: Survey, taxonomy: Taxonomy, *, numbers: bool = False
) -> bytes:
    """A CSV like those of Qualtrics: names, texts, ImportIds; a row per respondent and round.

    Text that a spreadsheet would take for a formula begins with an apostrophe, which `read_answers`
    takes off again.

    Args:
        numbers: the scale's numbers instead of its labels; "don't know" is the number after.

    Raises:
        InputError: if a rating's area or question is not the survey's, or its value is not on the
            scale.
    """
    columns = _columns(survey, taxonomy)
    _check(answers, survey, taxonomy)
    rows = _Rows([m for _, _, m in columns])
    rows.ratings(answers, survey, numbers)
    rows.beside(answers, taxonomy)
    many = len(rows.cells) > len(rows.first)
    people = {(p["respondent"], p["round"]): p for p in answers.respondents.iter_rows(named=True)}
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow([*(n for n, _, _ in _META), *(name for name, _, _ in columns)])
    write.writerow([*(t for _, t, _ in _META), *(cell(text) for _, text, _ in columns)])
    write.writerow([*(_import_id(i) for _, _, i in _META),
                    *(_import_id(name, m) for name, _, m in columns)])  # fmt: skip
    for (who, round), cells in rows.cells.items():
        p = people.get((who, round)) or people.get((who, None)) or {}
        write.writerow([*_meta(who, round, p, many), *cells])
    return out.getvalue().encode("utf-8")


class _Rows:
    """The cells of each respondent and round, while they are filled.

    Attributes:
        cells: one text per column.
        first: the first round of each respondent, with which goes what is said once.
    """

    def __init__(self, columns: list[Meaning]) -> None:
        self.place = {m: i for i, m in enumerate(columns)}
        self.cells: dict[tuple[str, int], list[str]] = {}
        self.first: dict[str, tuple[str, int]] = {}

    def row(self, who: str, round: int) -> list[str]:
        """The cells of a row, which is begun if there is none."""
        key = (who, round)
        if key not in self.cells:
            self.cells[key] = [""] * len(self.place)
            self.first[who] = min(key, self.first.get(who, key))
        return self.cells[key]

    def once(self, who: str) -> list[str]:
        """The row with which goes what a respondent says once."""
        return self.row(*self.first.get(who, (who, 1)))

    def ratings(self, answers: Answers, survey: Survey, numbers: bool) -> None:
        """Fill in the ratings."""
        asked = {q.id: q for q in survey.questions}
        at = {(m.question, m.area): i for m, i in self.place.items() if m.kind == "rating"}
        names = ("respondent", "round", "question", "area", "state", "value")
        said: dict[tuple[str, str, float | None], str] = {}
        for who, round, question, area, state, value in answers.ratings.frame.select(
            names
        ).iter_rows():
            text = said.get((question, state, value))
            if text is None:
                text = _said(state, value, asked[question], numbers, f"{who} on {area}")
                said[question, state, value] = text
            self.row(who, round)[at[question, area]] = text

    def beside(self, answers: Answers, taxonomy: Taxonomy) -> None:
        """Fill in what stands beside the ratings."""
        place, names = self.place, {c.id: c.name for c in taxonomy.categories}
        for r in answers.respondents.iter_rows(named=True):
            known = r["round"] is not None
            row = self.row(r["respondent"], r["round"]) if known else self.once(r["respondent"])
            for id in (r["chosen"] or "").split(","):
                if id in names:
                    row[place[Meaning("category", category=id)]] = cell(names[id])
        for r in answers.comments.iter_rows(named=True):
            meaning = Meaning("comment", r["question"], category=r["category"] or "")
            self.once(r["respondent"])[place[meaning]] = cell(r["text"])
        for r in answers.demographics.iter_rows(named=True):
            meaning = Meaning("demographic", r["question"])
            self.once(r["respondent"])[place[meaning]] = cell(r["value"])
        at = place.get(Meaning("own"))
        for who, area in answers.own_areas.select("respondent", "area").iter_rows():
            if at is not None:
                row = self.once(who)
                row[at] = f"{row[at]},{area}" if row[at] else area


def _columns(survey: Survey, taxonomy: Taxonomy) -> list[tuple[str, str, Meaning]]:
    """Name, text and meaning of every column of answers."""
    found = [
        (f"categories_{c.id}", f"Categories - Selected Choice - {c.name}",
         Meaning("category", category=c.id))
        for c in taxonomy.categories
    ]  # fmt: skip
    if survey.own_areas:
        found.append(("own_areas", "Areas that the respondent works in", Meaning("own")))
    for c in taxonomy.categories:
        for q in survey.questions:
            found += [
                (f"{q.id}_{a.id}", f"{q.text} - {a.name}", Meaning("rating", q.id, a.id))
                for a in c.areas
            ]
        found += [
            (f"{x.id}_{c.id}", f"{x.text} - {c.name}", Meaning("comment", x.id, category=c.id))
            for x in survey.comments
            if x.per == "category"
        ]
    found += [(x.id, x.text, Meaning("comment", x.id))
              for x in survey.comments if x.per == "survey"]  # fmt: skip
    found += [(d.id, d.text, Meaning("demographic", d.id)) for d in survey.demographics]
    return found


def _check(answers: Answers, survey: Survey, taxonomy: Taxonomy) -> None:
    frame = answers.ratings.frame
    for name, known in (("area", [a.id for a in taxonomy.areas]),
                        ("question", [q.id for q in survey.questions])):  # fmt: skip
        odd = frame.filter(~pl.col(name).is_in(known))[name]
        if len(odd):
            raise InputError(
                f"ratings: {name} {one_line(odd[0], 60)!r} is not one of survey {survey.id}"
            )
    for what, table, columns in (
        ("comments", answers.comments,
         {(c.id, k) for c in survey.comments
          for k in ([x.id for x in taxonomy.categories] if c.per == "category" else [""])}),
        ("demographics", answers.demographics, {(d.id, "") for d in survey.demographics}),
    ):  # fmt: skip
        for r in table.iter_rows(named=True):
            if (r["question"], r.get("category") or "") not in columns:
                raise InputError(
                    f"{what}: {one_line(str(r['question']), 60)!r} "
                    f"{one_line(str(r.get('category') or ''), 40)} is not asked by {survey.id}"
                )


def _said(state: str, value: float | None, q: Question, numbers: bool, of: str) -> str:
    if state == "skipped":
        return SKIPPED
    if state == "not shown":
        return ""
    if state == "don't know":
        return str(len(q.labels) + 1) if numbers else cell(q.dont_know or "I don't know")
    if value not in q.scale:
        raise InputError(
            f"ratings: {one_line(of, 80)}: {q.id} is {value:g}; "
            f"wanted a whole number from 1 to {len(q.labels)}"
        )
    return str(int(value)) if numbers else cell(q.labels[int(value) - 1])


def _meta(who: str, round: int, person: dict[str, Any], many: bool) -> list[str]:
    def time(name: str) -> str:
        moment = person.get(name)
        return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"

    def number(name: str) -> str:
        value = person.get(name)
        return "" if value is None else f"{value:.10g}"

    finished = {"finished": "True", "left": "False"}.get(person.get("state") or "", "")
    return [
        time("started"), time("finished"), "0", number("progress"), number("seconds"), finished,
        cell(f"{who}.{round}" if many else who), cell(who), str(round),
    ]  # fmt: skip


def _import_id(name: str, meaning: Meaning | None = None) -> str:
    plain = {"ImportId": name}
    if name in ("startDate", "endDate"):
        plain["timeZone"] = "UTC"
    if meaning is not None and meaning.kind == "rating":
        plain["skipped"] = SKIPPED
    return dumps(plain)
