"""What is put to the judge? Cases from a table of answers, or from the folder of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from calibrant._text import storable
from calibrant.bench.folder import JOURNAL, MANIFEST, read_manifest
from calibrant.errors import InputError
from calibrant.judges.probes.probe import Case, Kind
from calibrant.records.frames import table_of
from calibrant.records.identity import content_hash

ONE = ("answer",)
TWO = (("answer_1", "answer_2"), ("first", "second"), ("left", "right"))
QUESTION = ("question", "input", "prompt")
AUTHORS = {"answer": "author", "answer_1": "author_1", "answer_2": "author_2",
           "first": "first_author", "second": "second_author",
           "left": "left_author", "right": "right_author"}  # fmt: skip


def read_cases(source: Any, kind: Kind | None = None) -> list[Case]:
    """The cases in a table, or among a run's stored answers.

    Args:
        source: a table, or a path to one (.jsonl, .csv, .tsv, .parquet), with the columns
            `question`, `answer` (to grade) or `answer_1` and `answer_2` (to compare), and, where
            known, `item`, `target`, `rubric`, `author` (`author_1`, `author_2`); any other column
            is kept for the probes. A table of trials (`subject`, `item`, `answer`) needs a
            `question` too. Or the folder of a run of calibrant; or a list of `Case`. Authors in
            a table are shown to the judge; the subjects of stored answers are not.
        kind: whether the judge grades or compares; of stored answers of several subjects pairs are
            made only if it compares.

    Raises:
        InputError: naming the row or column that is wrong.
    """
    if isinstance(source, Sequence) and not isinstance(source, str | bytes):
        found = list(source)
        bad = next((c for c in found if not isinstance(c, Case)), None)
        if bad is not None:
            raise InputError(f"cases: wanted a path, a table or Cases, got {type(bad).__name__}")
        return _one_kind(found, "cases")
    where = str(source) if isinstance(source, str | Path) else "cases"
    if isinstance(source, str | Path) and Path(source).is_dir():
        return _one_kind(_from_run(Path(source), kind), where)
    table = table_of(source, "cases")
    columns = table.columns
    question = next((c for c in QUESTION if c in columns), None)
    if question is None:
        raise InputError(f"{where}: wanted a column 'question', got {', '.join(columns)[:200]}")
    rows = list(table.iter_rows(named=True))
    answers = next((pair for pair in TWO if set(pair) <= set(columns)), None) or ONE
    if not set(answers) <= set(columns):
        raise InputError(
            f"{where}: wanted a column 'answer', or 'answer_1' and 'answer_2', got "
            + ", ".join(columns)[:200]
        )
    if "subject" in columns and answers == ONE:
        stored = [_stored(r, question, f"{where}: row {n}") for n, r in enumerate(rows, 1)]
        return _one_kind(_paired([s for s in stored if s], kind), where)
    return _one_kind(
        [_case(r, question, answers, f"{where}: row {n}") for n, r in enumerate(rows, 1)], where
    )


def _one_kind(cases: list[Case], where: str) -> list[Case]:
    if not cases:
        raise InputError(f"{where}: wanted at least one case, got none")
    kinds = {c.kind for c in cases}
    if len(kinds) > 1 or any(len(c.answers) not in (1, 2) for c in cases):
        raise InputError(f"{where}: wanted one answer in every case, or two in every case")
    return cases


def _case(row: Mapping[str, Any], question: str, answers: Sequence[str], where: str) -> Case:
    texts = tuple(_text(row, a, where) for a in answers)
    asked = _text(row, question, where)
    authors = tuple(str(row.get(AUTHORS[a]) or "") for a in answers)
    used = {*answers, *(AUTHORS[a] for a in answers), question, "item", "target", "rubric"}
    extra = {k: v for k, v in row.items() if k not in used and v is not None}
    return Case(
        item=str(row["item"]) if row.get("item") not in (None, "") else content_hash(asked)[:16],
        question=asked,
        answers=texts,
        target=_optional(row, "target"),
        rubric=_optional(row, "rubric"),
        authors=tuple(map(storable, authors)) if any(authors) else (),
        extra=extra,
    )


def _text(row: Mapping[str, Any], column: str, where: str) -> str:
    value = row.get(column)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where}: {column}: wanted a text, got {value!r:.80}")
    return storable(str(value))


def _optional(row: Mapping[str, Any], column: str) -> str | None:
    value = row.get(column)
    return None if value is None or value == "" else storable(str(value))


def _stored(row: Mapping[str, Any], question: str, where: str) -> tuple[str, Case] | None:
    """A stored answer with its subject; a failed trial has none."""
    if row.get("answer") is None:
        return None
    case = _case(row, question, ONE, where)
    subject = storable(str(row["subject"]))
    extra = {k: v for k, v in case.extra.items() if k in ("refuse", "translation", "rubrics")}
    return subject, replace(case, authors=(), extra={**extra, "subjects": [subject]})


def _from_run(folder: Path, kind: Kind | None) -> list[Case]:
    """Answers in the journal of a run: of an arena's subjects, or of an assessed subject."""
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: no calibrant run (wanted {MANIFEST})")
    subject = str(read_manifest(folder).get("subject") or "subject")
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
    except OSError as e:
        raise InputError(f"{folder / JOURNAL}: cannot be read ({e.strerror})") from e
    return _paired(list(_journal(lines, subject, folder / JOURNAL)), kind)


def _journal(lines: Sequence[str], subject: str, where: Path) -> Iterator[tuple[str, Case]]:
    for number, line in enumerate(lines, 1):
        try:
            trial = json.loads(line)
            key, item, answer = trial["instrument"], trial["item"], trial["answer"]
            asked = [text for role, text in trial["messages"] if role == "user"]
        except (ValueError, KeyError, TypeError) as e:
            raise InputError(f"{where}: line {number} is not a finished trial") from e
        if trial.get("error") or key.startswith("judge/") or not asked:
            continue
        name = key.removeprefix("answers/") if key.startswith("answers/") else subject
        yield name, Case(item, "\n\n".join(asked), (answer,), extra={"subjects": [name]})


def _paired(stored: list[tuple[str, Case]], kind: Kind | None) -> list[Case]:
    """The answers, or for a judge that compares one pair an item.

    Pairs of subjects take turns over items, so that all meet about as often.
    """
    names = list(dict.fromkeys(name for name, _ in stored))
    if kind == "pointwise" or (kind is None and len(names) < 2):
        return [case for _, case in stored]
    by_item: dict[str, dict[str, Case]] = {}
    for name, case in stored:
        by_item.setdefault(case.item, {}).setdefault(name, case)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    met = dict.fromkeys(pairs, 0)
    out = []
    for found in by_item.values():
        possible = [p for p in pairs if p[0] in found and p[1] in found]
        if not possible:
            continue
        a, b = min(possible, key=lambda p: met[p])
        met[a, b] += 1
        one, two = found[a], found[b]
        extra = {**one.extra, "subjects": [a, b]}
        out.append(replace(one, answers=(*one.answers, *two.answers), extra=extra))
    return out


def chosen(cases: Sequence[Case], at_most: int | None, seed: int) -> list[Case]:
    """At most so many cases, drawn at random, in their order.

    Raises:
        InputError: for fewer than one.
    """
    if at_most is None or at_most >= len(cases):
        return list(cases)
    if at_most < 1:
        raise InputError(f"at_most: wanted at least 1, got {at_most!r}")
    picked = np.random.default_rng([seed, len(cases)]).permutation(len(cases))[:at_most]
    return [cases[i] for i in sorted(picked.tolist())]
