"""Which test items might have been seen? Questions and answers, whatever file holds them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibrant.errors import InputError
from calibrant.records.frames import table_of

NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "item", "item_id", "question_id", "task_id", "uid"),
    "question": ("question", "input", "prompt", "problem", "text", "query"),
    "answer": ("answer", "target", "solution", "output", "gold", "label"),
    "choices": ("choices", "options"),
    "cluster": ("cluster", "category", "subject", "template", "family"),
}
"""Columns that are taken for each part of an item where none is named, in order of preference."""


@dataclass(frozen=True)
class Item:
    """One item of a test.

    Attributes:
        id: unique in its test.
        question: what is asked.
        answer: what is right; empty if not known.
        choices: options shown with the question, in their published order; none if open.
        cluster: which items belong together; empty if none do.
    """

    id: str
    question: str
    answer: str = ""
    choices: tuple[str, ...] = ()
    cluster: str = ""


def read_items(source: Any, **columns: str | None) -> tuple[Item, ...]:
    """The items of a test.

    Args:
        source: a .csv, .tsv, .jsonl or .parquet file, a table of another library, an Inspect task
            (`package/task` or `file.py@task`), or items.
        **columns: the column that holds `id`, `question`, `answer`, `choices` or `cluster`; where
            none is named, the first of `NAMES` that is there. Without a column of ids, items are
            numbered from 1. `choices` holds a list, or its JSON.

    Raises:
        InputError: if there is no such file, column, or question, or an id occurs twice.
    """
    if not isinstance(source, str) and isinstance(source, Sequence):
        items = [i for i in source if isinstance(i, Item)]
        if len(items) == len(source):
            return _checked(items, "items")
    if isinstance(source, str) and names_task(source):
        return _checked(_of_task(source, columns), source)
    where = str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else "items"
    frame = table_of(source, "items")
    taken = {part: _column(part, columns.get(part), frame.columns, where) for part in NAMES}
    if unknown := sorted(set(columns) - set(NAMES)):
        raise InputError(f"{where}: items have {', '.join(NAMES)}; got {unknown[0]!r}")
    if taken["question"] is None:
        raise InputError(
            f"{where}: no column of questions; wanted one of {', '.join(NAMES['question'])}, or "
            f"its name; there are {', '.join(frame.columns)}"
        )

    def part(row: dict[str, Any], name: str) -> Any:
        return None if taken[name] is None else row[str(taken[name])]

    return _checked(
        [
            Item(
                id=str(part(row, "id") if part(row, "id") is not None else number),
                question=str(part(row, "question") or ""),
                answer=_text(part(row, "answer")),
                choices=_choices(part(row, "choices"), f"{where}: row {number}"),
                cluster=_text(part(row, "cluster")),
            )
            for number, row in enumerate(frame.iter_rows(named=True), 1)
        ],
        where,
    )


_TASK = re.compile(r"[\w.-]+/[\w./-]*[\w-]")


def names_task(source: str) -> bool:
    """Whether items are those of an Inspect task, rather than of a file."""
    if source.endswith(".py") or ".py@" in source:
        return True
    known = source.lower().endswith((".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"))
    return bool(_TASK.fullmatch(source)) and not known and not Path(source).exists()


def _of_task(name: str, columns: dict[str, str | None]) -> list[Item]:
    """Items of an Inspect task: input, target, choices and id of its samples, as they stand.

    Raises:
        InputError: if there is no such task, or columns are named.
    """
    from calibrant._tasks import load_task

    if named := sorted(part for part, column in columns.items() if column is not None):
        raise InputError(f"{name}: an Inspect task has no columns; got one of {named[0]}")
    samples = list(load_task(name, {}, Path(), "task").dataset)
    ids = [None if s.id is None else str(s.id) for s in samples]
    own = None not in ids and len(set(ids)) == len(ids)
    return [
        Item(
            id=str(ids[number]) if own else str(number + 1),
            question=_asked(sample.input),
            answer=_text(sample.target),
            choices=tuple(sample.choices or ()),
        )
        for number, sample in enumerate(samples)
    ]


def _asked(shown: Any) -> str:
    """What is asked: a text, or all messages of a conversation."""
    return shown if isinstance(shown, str) else "\n".join(message.text for message in shown)


def _column(part: str, named: str | None, there: Sequence[str], where: str) -> str | None:
    if named is not None:
        if named not in there:
            raise InputError(f"{where}: no column {named!r} ({part}); there are {', '.join(there)}")
        return named
    return next((name for name in NAMES[part] if name in there), None)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | dict):
        return _text(next(iter(value), None))
    return str(value)


def _choices(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, dict):  # as in ARC: {"text": […], "label": […]}
        value = value.get("text")
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as e:
            raise InputError(f"{where}: choices are no JSON list: {value[:60]!r}") from e
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InputError(f"{where}: wanted a list of choices, got {type(value).__name__}")
    return tuple(str(choice) for choice in value)


def _checked(items: Sequence[Item], where: str) -> tuple[Item, ...]:
    if not items:
        raise InputError(f"{where}: no items")
    name, times = Counter(item.id for item in items).most_common(1)[0]
    if times > 1:
        raise InputError(f"{where}: wanted one row an id, got {times} of id {name!r}")
    return tuple(items)
