"""What does the user say of an export's columns and values? A small file beside the export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from calibrant._settings import read_settings
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.exchange.columns import (
    Head,
    Meaning,
    by_name,
    by_rule,
    by_text,
    compile_rule,
    folded,
    ids_in,
    names_of,
)  # fmt: skip
from calibrant.priorities.exchange.sheet import Sheet
from calibrant.priorities.fields import Id, Strict, keys_of, problem
from calibrant.priorities.survey.model import Survey
from calibrant.priorities.taxonomy import Taxonomy
from calibrant.records.cells import uncell
from calibrant.records.ratings import STATES


class _Column(Strict):
    area: Id | None = None
    question: Id | None = None
    comment: Id | None = None
    demographic: Id | None = None
    category: Id | None = None


class _Map(Strict):
    columns: dict[str, _Column | Literal["categories", "own_areas"] | None] = Field(
        default_factory=dict
    )
    rule: tuple[str, ...] | str = ()
    questions: dict[str, Id] = Field(default_factory=dict)
    values: dict[str, int | str] = Field(default_factory=dict)
    respondent: str | None = None
    round: int = Field(default=1, ge=1)


@dataclass(frozen=True)
class ColumnMap:
    """What the user says of an export.

    Attributes:
        columns: a column's name or ImportId, with what it means (None: not used).
        rules: templates such as Q{area}_{question}.
        questions: other names of questions in such templates.
        values: texts or numbers in cells, with the number or state that they stand for.
        respondent: the column of respondents' ids.
        round: which round the answers are of.
    """

    columns: Mapping[str, Meaning | None] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    questions: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, int | str] = field(default_factory=dict)
    respondent: str | None = None
    round: int = 1


def read_map(path: str | Path, survey: Survey, taxonomy: Taxonomy) -> ColumnMap:
    """A map of columns from YAML, or from a CSV with the columns column, area and question.

    Raises:
        InputError: naming the file, and the key or row that is wrong.
    """
    path = Path(path)
    if path.suffix.lower() in (".csv", ".tsv"):
        from calibrant.records.frames import read_table

        frame = read_table(path)
        missing = [c for c in ("column", "area", "question") if c not in frame.columns]
        if missing:
            raise InputError(
                f"{path}: no column {', '.join(missing)}; wanted column, area, question"
            )
        keys: dict[Any, Any] = {"columns": {}}
        for number, row in enumerate(frame.iter_rows(named=True), 1):
            if row["column"] in keys["columns"]:
                raise InputError(f"{path} row {number}: column {row['column']!r} is there twice")
            keys["columns"][row["column"]] = {"area": row["area"], "question": row["question"]}
    else:
        keys, _ = read_settings(path, "a map of columns", "columns")
    if isinstance(keys.get("columns"), dict):
        keys["columns"] = {str(k): v for k, v in keys["columns"].items()}
    if isinstance(keys.get("values"), dict):
        keys["values"] = {str(k): v for k, v in keys["values"].items()}
    try:
        found = _Map.model_validate(keys)
    except ValidationError as e:
        raise InputError(f"{path}: {problem(e, keys_of(_Map, _Column))}") from e
    columns = {
        name: None if c is None else _meaning(c, survey, taxonomy, f"{path}: columns, {name}")
        for name, c in found.columns.items()
    }
    rules = (found.rule,) if isinstance(found.rule, str) else found.rule
    ids = {q.id for q in survey.questions}
    for name, id in found.questions.items():
        if id not in ids:
            raise InputError(f"{path}: questions, {name}: the survey has no question {id!r}")
    for name, value in found.values.items():
        if isinstance(value, str) and value not in STATES[1:]:
            raise InputError(
                f"{path}: values, {one_line(name, 60)}: wanted a number or one of "
                f"{', '.join(STATES[1:])}, got {one_line(value, 60)!r}"
            )
    return ColumnMap(columns, rules, found.questions, found.values, found.respondent, found.round)


def _meaning(
    c: _Column | Literal["categories", "own_areas"], survey: Survey, taxonomy: Taxonomy, where: str
) -> Meaning:
    if isinstance(c, str):
        return Meaning("chosen" if c == "categories" else "own")
    given = {k for k in ("area", "question", "comment", "demographic", "category")
             if getattr(c, k)}  # fmt: skip
    for key, known in (
        ("question", {q.id for q in survey.questions}),
        ("comment", {x.id for x in survey.comments}),
        ("demographic", {d.id for d in survey.demographics}),
    ):
        if key in given and getattr(c, key) not in known:
            raise InputError(f"{where}: the survey has no {key} {getattr(c, key)!r}")
    try:
        if c.area:
            taxonomy.area(c.area)
        if c.category:
            taxonomy.category(c.category)
    except InputError as e:
        raise InputError(f"{where}: {e}") from e
    if given == {"area", "question"}:
        return Meaning("rating", c.question or "", c.area or "")
    if given in ({"comment"}, {"comment", "category"}):
        return Meaning("comment", c.comment or "", category=c.category or "")
    if given == {"demographic"}:
        return Meaning("demographic", c.demographic or "")
    if given == {"category"}:
        return Meaning("category", category=c.category or "")
    raise InputError(
        f"{where}: wanted area and question; or comment, and its category; or demographic; or "
        f"category; got {', '.join(sorted(given)) or 'nothing'}"
    )


def meanings(
    sheet: Sheet, survey: Survey, taxonomy: Taxonomy, said: ColumnMap, where: str
) -> list[Meaning | None]:
    """What each column of an export means: as the user says, by rule, by name, or by its text.

    Raises:
        InputError: if two columns mean the same, a column's name and text disagree, the map names
            a column that is not there, or no column is a rating.
    """
    names = {x for h in sheet.heads for x in (h.name, h.import_id) if x}
    absent = next((c for c in said.columns if c not in names), None)
    if absent is not None:
        raise InputError(f"{where}: the map names a column {one_line(absent, 60)!r}; there is none")
    rules = [compile_rule(r) for r in said.rules]
    known = names_of(survey, taxonomy)
    found: list[Meaning | None] = []
    for head in sheet.heads:
        key = next((k for k in (head.name, head.import_id) if k in said.columns), None)
        if key is not None:
            found.append(said.columns[key])
        elif rules and (m := by_rule(head, rules, survey, taxonomy, said.questions)):
            found.append(m)
        else:
            found.append(_agreed(head, by_name(head, known, survey),
                                 by_text(head, survey, taxonomy), where))  # fmt: skip
    for i, m in enumerate(found):
        # A text that merely ends in a category's name may be about something else.
        if m is not None and m.kind == "category" and not _ticked(sheet, i, m, taxonomy):
            found[i] = None
    if not any(m is not None and m.kind in ("category", "chosen") for m in found):
        lists = [i for i, m in enumerate(found) if m is None and _listed(sheet, i, taxonomy)]
        if len(lists) == 1 and sheet.heads[lists[0]].name not in said.columns:
            found[lists[0]] = Meaning("chosen")
    _once(sheet.heads, found, where)
    if not any(m is not None and m.kind == "rating" for m in found):
        first = survey.questions[0].id
        raise InputError(
            f"{where}: no column is a rating: none is called such as {first}_"
            f"{taxonomy.areas[0].id}, and no header text holds a question and the name of an area; "
            "say which is which with --map or --rule"
        )
    return found


def _ticked(sheet: Sheet, at: int, m: Meaning, taxonomy: Taxonomy) -> bool:
    """Whether a column's cells only say whether a category was chosen."""
    name = folded(taxonomy.category(m.category).name)
    said = {folded(uncell(row[at])) for row in sheet.rows}
    return all(s in ("", name, "-99") or s.isdigit() for s in said)


def _listed(sheet: Sheet, at: int, taxonomy: Taxonomy) -> bool:
    """Whether a column's cells are names of categories with commas between them."""
    said = {row[at].strip() for row in sheet.rows} - {"", "-99"}
    return bool(said) and all(
        not text.replace(",", "").isdigit() and ids_in(text, taxonomy.categories)[1] == ""
        for text in said
    )


def _agreed(head: Head, name: Meaning | None, text: Meaning | None, where: str) -> Meaning | None:
    if name and text and name != text and {name.kind, text.kind} == {"rating"}:
        raise InputError(
            f"{where}: column {one_line(head.name, 60)!r}: its name says {name}, its text says "
            f"{text}; say which with --map"
        )
    return name or text


def _once(heads: tuple[Head, ...], found: list[Meaning | None], where: str) -> None:
    first: dict[Meaning, str] = {}
    for head, meaning in zip(heads, found, strict=True):
        if meaning is None:
            continue
        if meaning in first:
            raise InputError(
                f"{where}: columns {one_line(first[meaning], 60)!r} and "
                f"{one_line(head.name, 60)!r} both are the {meaning}; say which with --map"
            )
        first[meaning] = head.name
