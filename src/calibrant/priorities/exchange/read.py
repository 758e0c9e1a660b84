"""What did the respondents of another tool say? Exports of Qualtrics, and tables like them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.exchange.answers import (
    COMMENTS,
    DEMOGRAPHICS,
    OWN_AREAS,
    RESPONDENTS,
    Answers,
)  # fmt: skip
from calibrant.priorities.exchange.cells import Cells
from calibrant.priorities.exchange.columns import Meaning, folded, ids_in
from calibrant.priorities.exchange.mapping import ColumnMap, meanings, read_map
from calibrant.priorities.exchange.sheet import Sheet, read_sheet
from calibrant.priorities.survey.model import Survey
from calibrant.priorities.taxonomy import Taxonomy
from calibrant.records.cells import uncell
from calibrant.records.ratings import RATINGS, as_ratings

_PERSONAL = {
    "ipaddress": "IPAddress", "recipientlastname": "RecipientLastName",
    "recipientfirstname": "RecipientFirstName", "recipientemail": "RecipientEmail",
    "externaldatareference": "ExternalReference", "locationlatitude": "LocationLatitude",
    "locationlongitude": "LocationLongitude",
}  # fmt: skip
"""ImportIds of columns that lead to a person; they are never taken over."""

_META = {
    "startdate", "enddate", "status", "progress", "duration", "finished", "recordeddate",
    "_recordid", "distributionchannel", "userlanguage", "duration (in seconds)", "responseid",
}  # fmt: skip

_TEST = 1 | 2 | 8
"""Bits of a status that mean preview, test and spam in Qualtrics (9 and 17 hold them too)."""


@dataclass(frozen=True, repr=False, eq=False)
class Imported:
    """Answers of another tool.

    Attributes:
        answers: the ratings and the tables beside them.
        columns: how many columns were found of each kind.
        unused: names of columns that are no part of the survey.
        left_out: responses left out, by reason.
        notes: what a reader must know, one sentence each.
    """

    answers: Answers
    columns: Mapping[str, int]
    unused: tuple[str, ...]
    left_out: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        out = sum(self.left_out.values())
        return f"{self.answers.ratings!r}; {out:,} responses left out"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the tables."""
        frame = self.answers.ratings.frame
        states = dict(sorted(Counter(frame["state"].to_list()).items()))
        return {
            "respondents": frame["respondent"].n_unique(), "states": states,
            "comments": self.answers.comments.height, "columns": dict(self.columns),
            "unused": list(self.unused), "left_out": dict(self.left_out),
            "notes": list(self.notes),
        }  # fmt: skip


def read_answers(
    path: str | Path,
    survey: Survey,
    taxonomy: Taxonomy,
    *,
    map: str | Path | ColumnMap | None = None,
    rule: str | None = None,
    finished_only: bool = False,
) -> Imported:
    """The answers in a Qualtrics export (CSV or TSV), or a table of one row per respondent.

    Columns are told by `map`, by `rule`, by their ImportId or name (`importance_4d`), or by the
    header's text (the question, a dash, the area's name). Cells hold the scale's labels or
    numbers. A blank means "skipped" where the respondent saw the area, else "not shown".
    Previews, tests and spam are left out and counted; columns that lead to a person are dropped.

    Args:
        path: the file.
        survey, taxonomy: what was asked.
        map: see `ColumnMap` and `read_map`.
        rule: a template of names of columns, such as Q{area}_{question}.
        finished_only: leave out those who did not reach the end.

    Raises:
        InputError: naming the file, the record and column, what was wanted and found.
    """
    where = str(path)
    sheet = read_sheet(path)
    said = map if isinstance(map, ColumnMap) else ColumnMap()
    if isinstance(map, str | Path):
        said = read_map(map, survey, taxonomy)
    if rule is not None:
        said = ColumnMap(said.columns, (rule, *said.rules), said.questions, said.values,
                         said.respondent, said.round)  # fmt: skip
    found = meanings(sheet, survey, taxonomy, said, where)
    return _Import(sheet, survey, taxonomy, said, found, where, finished_only).run()


class _Import:
    """One file while it is read."""

    def __init__(
        self, sheet: Sheet, survey: Survey, taxonomy: Taxonomy, said: ColumnMap,
        found: list[Meaning | None], where: str, finished_only: bool,
    ) -> None:  # fmt: skip
        self.sheet, self.survey, self.taxonomy, self.said = sheet, survey, taxonomy, said
        self.found, self.where, self.finished_only = found, where, finished_only
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []
        self.ours = any("skipped" in e for e in sheet.extra)
        self.cells = Cells(survey, said.values, where)
        self.rating = {(m.area, m.question): i for i, m in enumerate(found)
                       if m is not None and m.kind == "rating"}  # fmt: skip
        self.at = {m: i for i, m in enumerate(found) if m is not None}
        # Areas that a file does not ask of stay out of its ratings.
        self.areas = [a for a in taxonomy.areas if any((a.id, q.id) in self.rating
                                                       for q in survey.questions)]  # fmt: skip
        self.marked = any(
            row[i].strip() == "-99" for row in sheet.rows for i in self.rating.values()
        )
        self.odd_times = 0

    def run(self) -> Imported:
        """Everything."""
        ratings: list[tuple[Any, ...]] = []
        comments: list[tuple[Any, ...]] = []
        demographics: list[tuple[Any, ...]] = []
        own: list[tuple[Any, ...]] = []
        people: list[tuple[Any, ...]] = []
        seen: dict[tuple[str, int], int] = {}
        beside: set[str] = set()
        for row, number in zip(self.sheet.rows, self.sheet.numbers, strict=True):
            why = self._why_not(row)
            if why:
                self.left_out[why] += 1
                continue
            who, round = self._who(row, number), self._round(row, number)
            if (who, round) in seen:
                raise InputError(
                    f"{self.where}: respondent {one_line(who, 60)!r} is there twice (records "
                    f"{seen[who, round]} and {number})"
                )
            seen[who, round] = number
            person = self._person(row, who, round)
            people.append(person)
            ratings += self._ratings(row, number, who, round, person)
            if who not in beside:
                beside.add(who)
                comments += self._comments(row, who)
                demographics += self._demographics(row, who)
                own += [(who, a) for a in self._ids(row, number, "own", self.taxonomy.areas)]
        if not seen:
            gone = ", ".join(f"{n} {why}" for why, n in self.left_out.items())
            raise InputError(
                f"{self.where}: no response is left" + (f" ({gone} left out)" if gone else "")
            )
        answers = Answers(
            as_ratings(pl.DataFrame(ratings, schema=RATINGS, orient="row")),
            pl.DataFrame(comments, schema=COMMENTS, orient="row"),
            pl.DataFrame(demographics, schema=DEMOGRAPHICS, orient="row"),
            pl.DataFrame(own, schema=OWN_AREAS, orient="row"),
            pl.DataFrame(people, schema=RESPONDENTS, orient="row"),
        )
        unused, dropped = self._unused()
        kinds = Counter(m.kind for m in self.found if m is not None)
        return Imported(
            answers, dict(sorted(kinds.items())), unused, dict(self.left_out),
            self._notes(dropped),
        )  # fmt: skip

    def _cell(self, row: list[str], *names: str) -> str:
        at = self.sheet.column(*names)
        return "" if at is None else row[at].strip()

    def _text(self, text: str) -> str:
        return uncell(text) if self.ours else text

    def _why_not(self, row: list[str]) -> str:
        status = self._cell(row, "status")
        word = status.casefold()
        if status.isdigit() and int(status) & _TEST:
            word = "spam" if int(status) & 8 else "preview" if int(status) & 1 else "test"
        for why in ("spam", "preview", "test"):
            if why in word:
                return why
        if self.finished_only and self._finished(row) is False:
            return "not finished"
        return ""

    def _finished(self, row: list[str]) -> bool | None:
        said = self._cell(row, "finished").casefold()
        return {"1": True, "true": True, "0": False, "false": False}.get(said)

    def _who(self, row: list[str], number: int) -> str:
        name = self.said.respondent
        if name is not None:
            at = self.sheet.column(name)
            if at is None:
                raise InputError(f"{self.where}: respondent: no column {one_line(name, 60)!r}")
        else:
            at = self.at.get(Meaning("respondent"), self.sheet.column("_recordId", "ResponseId"))
        if at is None:
            return f"r{number}"
        who = self._text(row[at].strip()).strip()
        if not who:
            raise InputError(
                f"{self.where} record {number}: {one_line(self.sheet.heads[at].name, 60)} is empty"
            )
        return who

    def _round(self, row: list[str], number: int) -> int:
        at = self.at.get(Meaning("round"))
        said = "" if at is None else row[at].strip()
        if not said:
            return self.said.round
        if not said.isdigit() or not 1 <= int(said) <= 1000:
            raise InputError(
                f"{self.where} record {number}: round: wanted 1 or more, got {one_line(said, 40)!r}"
            )
        return int(said)

    def _person(self, row: list[str], who: str, round: int) -> tuple[Any, ...]:
        finished = self._finished(row)
        state = None if finished is None else "finished" if finished else "left"
        number = [_number(self._cell(row, *n))
                  for n in (("progress",), ("duration", "Duration (in seconds)"))]  # fmt: skip
        times = [self._time(row, n) for n in ("startDate", "endDate")]
        return (who, round, state, ",".join(self._chosen(row)), *number, *times)

    def _time(self, row: list[str], name: str) -> datetime | None:
        at = self.sheet.column(name)
        said = "" if at is None else row[at].strip()
        if not said or at is None:
            return None
        try:
            moment = datetime.fromisoformat(said)
            zone = str(self.sheet.extra[at].get("timeZone", "UTC"))
            known = UTC if zone in ("Z", "UTC") else ZoneInfo(zone)
            return (moment.replace(tzinfo=known) if moment.tzinfo is None else moment).astimezone(
                UTC
            )
        except (ValueError, OverflowError, OSError, ZoneInfoNotFoundError):
            self.odd_times += 1
            return None

    def _chosen(self, row: list[str]) -> list[str]:
        """Ids of the categories that the respondent chose, where the file says it."""
        split = [(m.category, i) for m, i in self.at.items() if m.kind == "category"]
        if split:
            said = {c for c, i in split if row[i].strip() not in ("", "0", "-99")}
            return [c.id for c in self.taxonomy.categories if c.id in said]
        return self._ids(row, 0, "chosen", self.taxonomy.categories)

    def _ids(self, row: list[str], number: int, kind: Any, known: Any) -> list[str]:
        """Ids in a cell: with commas between them, or names, which may hold commas."""
        at = self.at.get(Meaning(kind))
        rest = "" if at is None else self._text(row[at].strip())
        if not rest or rest == "-99":
            return []
        found, odd = ids_in(rest, known)
        if odd:
            raise InputError(
                f"{self.where}{f' record {number}' if number else ''}: {kind}: wanted ids or names "
                f"with commas between, got {one_line(odd, 80)!r}"
            )
        return found

    def _ratings(
        self, row: list[str], number: int, who: str, round: int, person: tuple[Any, ...]
    ) -> list[tuple[Any, ...]]:
        chosen = set(person[3].split(",")) - {""}
        time = person[-1]
        found: list[tuple[str, str, str, float | None]] = []
        for area in self.areas:
            for q in self.survey.questions:
                at = self.rating.get((area.id, q.id))
                if at is not None:
                    state, value = self.cells.read(
                        self._text(row[at]), q, number, self.sheet.heads[at].name
                    )
                    found.append((area.id, q.id, state, value))
        category = {a.id: a.category for a in self.areas}
        met = {category[a] for a, _, state, _ in found if state in ("answered", "don't know")}
        if self.ours or self.marked:
            met = set()
        elif chosen:
            met = chosen
        return [
            (who, a, q, value, state or ("skipped" if category[a] in met else "not shown"),
             round, time)
            for a, q, state, value in found
        ]  # fmt: skip

    def _comments(self, row: list[str], who: str) -> list[tuple[str, str, str, str]]:
        return [
            (who, m.category, m.question, self._text(row[i].strip()))
            for m, i in self.at.items()
            if m.kind == "comment" and row[i].strip() not in ("", "-99")
        ]

    def _demographics(self, row: list[str], who: str) -> list[tuple[str, str, str, bool]]:
        found = []
        for d in self.survey.demographics:
            at, typed = (
                self.at.get(Meaning("demographic", d.id)),
                self.at.get(Meaning("other", d.id)),
            )
            said = "" if at is None else self._text(row[at].strip())
            other = "" if typed is None else self._text(row[typed].strip())
            if other and other != "-99":
                found.append((who, d.id, other, True))
            elif said and said != "-99":
                options = {folded(o): o for o in d.options}
                if said.isdigit() and not self.ours and folded(said) not in options:
                    said = d.options[int(said) - 1] if 0 < int(said) <= len(d.options) else said
                known = options.get(folded(said))
                found.append((who, d.id, known or said, known is None))
        return found

    def _unused(self) -> tuple[tuple[str, ...], list[str]]:
        unused: list[str] = []
        dropped: list[str] = []
        for head, meaning in zip(self.sheet.heads, self.found, strict=True):
            tags = {head.import_id.casefold(), head.name.casefold()}
            if meaning is not None or not head.name or tags & _META:
                continue
            person = {t for t in tags if t in _PERSONAL} or {
                k for k, v in _PERSONAL.items() if v.casefold() in tags
            }
            (dropped if person else unused).append(head.name)
        return tuple(unused), dropped

    def _notes(self, dropped: list[str]) -> tuple[str, ...]:
        notes = [*self.cells.notes()]
        missing = [
            f"{q.id}_{a.id}" for a in self.areas for q in self.survey.questions
            if (a.id, q.id) not in self.rating
        ]  # fmt: skip
        absent = len(self.taxonomy.areas) - len(self.areas)
        if absent:
            notes.append(f"{absent} of {len(self.taxonomy.areas)} areas have no column in the file")
        if missing:
            notes.append(f"asked only in part: no column for {_some(missing)}")
        if not (self.ours or self.marked or any(m.kind in ("category", "chosen") for m in self.at)):
            notes.append(
                "the file does not say which categories were chosen: a blank is skipped where "
                "something in its category was answered, else not shown"
            )
        if dropped:
            notes.append(f"not taken over, as they lead to persons: {_some(dropped)}")
        if self.odd_times:
            notes.append(f"{self.odd_times} dates could not be read and are empty")
        return tuple(notes)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 6} more" * (len(names) > 6)
    return one_line(", ".join(names[:6]), 300) + more
