"""Which answers are to be labelled? From tables, and from logs and run folders that we can read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line, storable
from calibrant.errors import InputError
from calibrant.records.frames import as_frame, read_table
from calibrant.records.read import locate, read_files
from calibrant.records.readers.batch import Options

ALIASES: dict[str, tuple[str, ...]] = {
    "item": ("item_id", "id", "question_id", "prompt_id", "idx"),
    "answer": ("response", "output", "completion", "text"),
    "question": ("prompt", "input", "instruction", "query"),
    "subject": ("model", "model_name", "system"),
    "epoch": ("repeat", "sample"),
}
"""Other names by which a column is recognised, first found first."""

_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Unit:
    """One thing to label: an answer, or two answers to the same question.

    Attributes:
        key: its name in the labels table; names the subject only where several are labelled.
        item: the question it belongs to.
        subjects, answers: one, or two in a fixed order (left, right).
        gold: the label known to be true, where raters are checked by it.
    """

    key: str
    item: str
    question: str | None
    subjects: tuple[str | None, ...]
    answers: tuple[str, ...]
    epoch: int = 1
    gold: str | None = None


@dataclass(frozen=True)
class Answers:
    """What was found.

    Attributes:
        units: what is to be labelled, in the order of the source.
        notes: what a person should know, one sentence each.
    """

    units: tuple[Unit, ...]
    notes: tuple[str, ...] = field(default=())


def read_answers(
    source: Any,
    *,
    pairs: bool = False,
    subjects: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> Answers:
    """Read what is to be labelled.

    Args:
        source: a table with columns item and answer (and question, subject, epoch), as a path or
            another library's; or logs and run folders, as `calibrant read` knows them.
        pairs: two subjects' answers to an item at a time; every two subjects that both answered.
        subjects: only these.
        columns: for tables, our name of a column → the table's.
        sample: only so many units, drawn at random without replacement.

    Raises:
        InputError: if there are none.
    """
    notes: list[str] = []
    table = _table(source, columns or {}, notes)
    table = _only(table, subjects)
    units = list(_pairs(table) if pairs else _single(table))
    if not units:
        what = "item with answers of two subjects" if pairs else "answer"
        raise InputError(f"{_named(source)}: no {what} to label")
    _refuse_twins(units)
    if sample is not None and sample < len(units):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0x5A,)))
        drawn = np.sort(rng.choice(len(units), sample, replace=False))
        notes.append(f"{sample:,} of {len(units):,} were drawn at random with seed {seed}.")
        units = [units[i] for i in drawn]
    return Answers(tuple(units), tuple(notes))


def with_gold(units: Sequence[Unit], gold: Any, values: Sequence[str]) -> list[Unit]:
    """Units with their known labels.

    Args:
        gold: a table with columns item and label; the item is a unit's key, or its item where
            only one unit has it. For pairs, the label may be the better subject's name.
        values: labels that there are.

    Raises:
        InputError: if an item is not there or a label is none of `values`.
    """
    table = read_table(Path(gold)) if isinstance(gold, str | Path) else as_frame(gold, "gold")
    name = _named(gold)
    for column in ("item", "label"):
        if column not in table.columns:
            raise InputError(f"{name}: column {column!r} is missing; wanted item and label")
    keys = {u.key: i for i, u in enumerate(units)}
    by_item: dict[str, list[int]] = {}
    for i, u in enumerate(units):
        by_item.setdefault(u.item, []).append(i)
    found = list(units)
    for row, (item, label) in enumerate(table.select("item", "label").iter_rows(), 1):
        item, label = str(item), "" if label is None else str(label).strip()
        at = [keys[item]] if item in keys else by_item.get(item, [])
        where = f"{name}: row {row}"
        if len(at) != 1:
            count = "several answers" if at else "no answer"
            raise InputError(f"{where}: item {one_line(repr(item), 80)} has {count} to label")
        unit = found[at[0]]
        if len(unit.subjects) == 2 and label in unit.subjects:
            label = "left" if label == unit.subjects[0] else "right"
        if label not in values:
            raise InputError(
                f"{where}: label: wanted one of {one_line(', '.join(values))}, got "
                f"{one_line(repr(label), 80)}"
            )
        found[at[0]] = Unit(**{**unit.__dict__, "gold": label})
    return found


def _named(source: Any) -> str:
    return one_line(str(source), 200) if isinstance(source, str | Path) else "answers"


def _table(source: Any, columns: Mapping[str, str], notes: list[str]) -> pl.DataFrame:
    """Rows with item, answer, question, subject and epoch, each answer once."""
    if isinstance(source, str | Path) and _is_log(Path(source)):
        table = _logs(Path(source), notes)
    elif isinstance(source, str | Path):
        table = read_table(Path(source))
    else:
        table = as_frame(source, "answers")
    table = _columns(table, columns, _named(source))
    empty = table["item"].is_null().arg_true()
    if empty.len():
        raise InputError(f"{_named(source)}: row {empty[0] + 1}: item is missing")
    without = int(table["answer"].is_null().sum())
    if without:
        notes.append(f"{without:,} rows have no answer and are left out.")
        table = table.filter(pl.col("answer").is_not_null())
    # A table of trials has a row for every grader; the answer is the same.
    table = table.unique(maintain_order=True)
    if table["epoch"].null_count():
        table = table.with_columns(
            epoch=pl.int_range(1, pl.len() + 1).over("item", "subject").cast(pl.Int64)
        )
    return table


def _is_log(path: Path) -> bool:
    """Whether a path holds trials of other tools rather than a table."""
    ending = path.suffix.lower()
    if ending not in (".jsonl", ".ndjson") or not path.is_file():
        return ending not in _TABLES
    return any(found.kind != "lines" for found in locate([path], Options(), (), strict=True).files)


def _columns(table: pl.DataFrame, given: Mapping[str, str], name: str) -> pl.DataFrame:
    unknown = next((ours for ours in given if ours not in ALIASES), None)
    if unknown is not None:
        raise InputError(f"--map {one_line(unknown, 40)}: wanted one of {', '.join(ALIASES)}")
    chosen: dict[str, pl.Series] = {}
    for ours, others in ALIASES.items():
        theirs = given.get(ours) or next((n for n in (ours, *others) if n in table.columns), None)
        if theirs is not None and theirs not in table.columns:
            raise InputError(f"{name}: there is no column {one_line(repr(theirs), 80)}")
        if theirs is None:
            if ours in ("item", "answer"):
                raise InputError(
                    f"{name}: no column for {ours}; wanted {ours} (or {', '.join(others)}), or "
                    f"--map {ours}=COLUMN; found {one_line(', '.join(table.columns), 200)}"
                )
            chosen[ours] = pl.repeat(None, table.height, dtype=pl.String(), eager=True).alias(ours)
            continue
        column = table[theirs].alias(ours)
        if column.dtype.is_nested() or column.dtype == pl.Object():
            raise InputError(f"{name}: column {theirs!r}: wanted text, got {column.dtype}")
        chosen[ours] = column.cast(pl.String())
    if chosen["question"].null_count() == table.height and "metadata" in table.columns:
        said = [_question(text) for text in table["metadata"].cast(pl.String())]
        chosen["question"] = pl.Series("question", said, pl.String())
    epoch = chosen["epoch"].cast(pl.Int64, strict=False)
    if epoch.null_count() > chosen["epoch"].null_count():
        raise InputError(f"{name}: epoch: wanted whole numbers")
    return pl.DataFrame([*(chosen[c] for c in ALIASES if c != "epoch"), epoch])


def _question(metadata: str | None) -> str | None:
    """The question that a reader kept in a trial's metadata."""
    try:
        found = json.loads(metadata) if metadata else None
    except ValueError:
        return None
    text = found.get("question", found.get("prompt")) if isinstance(found, dict) else None
    return text if isinstance(text, str) else None


def _logs(path: Path, notes: list[str]) -> pl.DataFrame:
    options = Options(questions=True)
    reading = read_files(locate([path], options, (), strict=False), options)
    notes += [one_line(f"left out: {why}", 300) for why in reading.left_out[:5]]
    table = reading.trials
    instruments = table["instrument"].n_unique()
    if instruments > 1:
        # Items of two instruments may have the same name.
        table = table.with_columns(item=pl.col("instrument") + "/" + pl.col("item"))
    where = ["item", "subject", "variant", "epoch"]
    if table.select("run", *where).unique().height > table.select(where).unique().height:
        # The same items in several runs: more repeats of them.
        named = pl.concat_str(
            pl.col("run").fill_null(""), pl.col("epoch").cast(pl.String()).str.zfill(12)
        )
        again = named.rank("dense").over("item", "subject", "variant")
        table = table.with_columns(epoch=again.cast(pl.Int64))
    if table["variant"].null_count() < table.height:
        named = pl.col("item") + pl.lit(" · ") + pl.col("variant")
        table = table.with_columns(item=named.fill_null(pl.col("item")))
    return table.select("item", "answer", "subject", "epoch", "metadata")


def _only(table: pl.DataFrame, subjects: Sequence[str] | None) -> pl.DataFrame:
    if subjects is None:
        return table
    known = set(table["subject"].drop_nulls())
    for wanted in subjects:
        if wanted not in known:
            some = one_line(", ".join(sorted(known)), 200) or "none"
            raise InputError(
                f"--subjects: {one_line(repr(wanted), 80)} answered nothing; there are {some}"
            )
    return table.filter(pl.col("subject").is_in(list(subjects)))


def _single(table: pl.DataFrame) -> list[Unit]:
    several = table["subject"].n_unique() > 1
    repeated = table["epoch"].n_unique() > 1
    units = []
    for item, answer, question, subject, epoch in table.select(list(ALIASES)).iter_rows():
        parts = [item, *([subject or "unnamed"] if several else [])]
        key = " · ".join([*parts, *([f"epoch {epoch}"] if repeated else [])])
        units.append(
            Unit(
                storable(key), storable(item), None if question is None else storable(question),
                (None if subject is None else storable(subject),), (storable(answer),), epoch,
            )
        )  # fmt: skip
    return units


def _pairs(table: pl.DataFrame) -> list[Unit]:
    if table["subject"].null_count():
        raise InputError("answers: pairs need a column that names the subject of every answer")
    several = table["subject"].n_unique() > 2
    repeated = table["epoch"].n_unique() > 1
    units = []
    for (item, epoch), group in table.group_by(["item", "epoch"], maintain_order=True):
        answers = sorted(zip(group["subject"], group["answer"], strict=True))
        asked = group["question"].drop_nulls()
        question = storable(asked[0]) if len(asked) else None
        for (a, said_a), (b, said_b) in itertools.combinations(answers, 2):
            if a == b:
                continue
            parts = [str(item), *([f"{a} vs {b}"] if several else [])]
            key = " · ".join([*parts, *([f"epoch {epoch}"] if repeated else [])])
            units.append(
                Unit(
                    storable(key), storable(str(item)), question, (storable(a), storable(b)),
                    (storable(said_a), storable(said_b)), int(str(epoch)),
                )
            )  # fmt: skip
    return units


def _refuse_twins(units: Sequence[Unit]) -> None:
    seen: set[str] = set()
    for unit in units:
        if unit.key in seen:
            raise InputError(
                f"answers: {one_line(repr(unit.key), 120)} occurs twice with different answers; a "
                "column epoch tells them apart"
            )
        seen.add(unit.key)
