"""Which responses are meant? From a path or a table, long or wide, to one matrix with its facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.responses import Floats, Responses
from calibrant.records import SCHEMA, Reading, read, validate
from calibrant.records.frames import csv_options, table_of

SUBJECTS = (
    "subject", "model", "subject_id", "model_id", "model_name", "name", "id", "user", "person",
    "respondent", "student", "index", "unnamed: 0", "",
)  # fmt: skip
ITEMS = ("item", "item_id", "question_id", "id", "question", "task_id", "sample_id")
SCORES = ("score", "correct", "response", "value", "accuracy", "grade")
"""Names by which columns are recognised, the first found first."""

_TABLES = (".csv", ".tsv", ".parquet")
_ABSENT = ("", "na", "n/a", "nan", "null", "none", "-", ".")
_WORDS = {"true": 1.0, "false": 0.0}


def read_responses(
    source: Any,
    *,
    layout: str | None = None,
    subject: str | None = None,
    item: str | None = None,
    score: str | None = None,
    grader: str | None = None,
    items: Any = None,
    subjects: Any = None,
    limits: tuple[float, float] | None = None,
) -> Responses:
    """Read who answered what, from trials, logs, or a matrix with one row a subject.

    Args:
        source: whatever `calibrant.read` takes (logs, tables of trials); a long table with columns
            for subject, item and score; or a wide one with one row a subject, one column an item,
            empty where there is no score. Or `Responses`, which are returned as they are.
        layout: "long" or "wide"; by default found by the columns.
        subject, item, score: the columns; by default those of `SUBJECTS`, `ITEMS`, `SCORES`.
        grader: whose scores, where trials have several; by default their mean.
        items, subjects: tables of what is known about them (paths or frames), such as an item's
            category or a subject's family and date; the column with their names is found.
        limits: the lowest and highest possible score. By default 0 and 1; if there are scores
            outside, the lowest and highest that occur, which is noted.

    Raises:
        InputError: naming the file, row or column that is wrong.
    """
    if isinstance(source, Responses):
        return source
    if layout not in (None, "long", "wide"):
        raise InputError(f"layout: wanted long or wide, got {layout!r}")
    table = _plain_table(source)
    if table is None:
        found = _of_trials(read(source, strict=True).trials, grader)
    elif set(SCHEMA) <= set(table.columns):
        found = _of_trials(validate(table.select(list(SCHEMA))), grader)
    else:
        named = _named(table, subject=subject, item=item, score=score)
        long = layout == "long" or (layout is None and named is not None)
        if long and named is None:
            raise InputError(
                "responses: wanted columns for subject, item and score, "
                f"got {one_line(', '.join(table.columns[:8]), 120)}"
            )
        table = _of_grader(table, grader)
        found = _of_long(table, *named) if long and named else _of_wide(table, subject)
    return _finished(found, items, subjects, limits)


def _plain_table(source: Any) -> pl.DataFrame | None:
    """The table of one file or frame; None where trials are to be read from logs."""
    if isinstance(source, Reading):
        return source.trials
    if isinstance(source, str | Path):
        path = Path(source)
        if path.suffix.lower() == ".csv":
            return _typed(path)
        if path.suffix.lower() in _TABLES:
            return table_of(path, "responses")
        return _lines(path) if path.suffix.lower() in (".jsonl", ".ndjson") else None
    if isinstance(source, list | tuple):
        return None
    return table_of(source, "responses")


def _typed(path: Path) -> pl.DataFrame:
    """A table of numbers and names; as text, which takes many times as long, where that fails."""
    try:
        options = csv_options(path)
        if "new_columns" in options:
            return table_of(path, "responses")
        comma = options.get("separator") == ";"
        names = pl.read_csv(path, n_rows=0, infer_schema_length=0, **options).columns
        known = {*SUBJECTS, *ITEMS}
        texts = {c: pl.String for i, c in enumerate(names) if i == 0 or c.lower() in known}
        # Where semicolons separate, commas may be decimal ones, in any row.
        return pl.read_csv(path, infer_schema_length=None if comma else 50, decimal_comma=comma,
                           schema_overrides=texts, **options)  # fmt: skip
    except (OSError, pl.exceptions.PolarsError):
        return table_of(path, "responses")


def _lines(path: Path) -> pl.DataFrame | None:
    """A long table in JSON lines; None for other lines, such as the samples of a log."""
    try:
        table = table_of(path, "responses")
    except InputError:
        # Whatever is wrong with it, the readers of logs say it better.
        return None
    return table if _named(table, subject=None, item=None, score=None) else None


def _named(
    table: pl.DataFrame, *, subject: str | None, item: str | None, score: str | None
) -> tuple[str, str, str] | None:
    """The columns of a long table; None if it is not one.

    Raises:
        InputError: if a column that was asked for is not there.
    """
    for given in (subject, item, score):
        if given is not None and given not in table.columns:
            raise InputError(
                f"responses: no column {given!r}; "
                f"there are {one_line(', '.join(table.columns[:8]), 120)}"
            )
    chosen = []
    for given, aliases in ((subject, SUBJECTS), (item, ITEMS), (score, SCORES)):
        free = (a for a in aliases if a in table.columns and a not in chosen)
        name = given if given is not None else next(free, None)
        if name is None:
            return None
        chosen.append(name)
    return chosen[0], chosen[1], chosen[2]


def _of_trials(trials: pl.DataFrame, grader: str | None) -> Responses:
    if trials.is_empty():
        raise InputError("responses: wanted at least one trial, got none")
    trials = _of_grader(trials, grader)
    notes = []
    several = trials["instrument"].n_unique() > 1
    if several:
        # Two benchmarks may number their items alike.
        name = pl.col("instrument") + "/" + pl.col("item")
        trials = trials.with_columns(item=name)
        notes.append(f"{trials['instrument'].n_unique()} instruments: items are INSTRUMENT/ITEM")
    facts = trials.group_by("item", maintain_order=True).agg(
        pl.col("cluster").first(), pl.col("instrument").first()
    )
    return _matrix(trials, facts, tuple(notes))


def _of_grader(table: pl.DataFrame, grader: str | None) -> pl.DataFrame:
    if grader is None:
        return table
    if "grader" not in table.columns:
        raise InputError(f"grader: the responses have no column grader, wanted for {grader!r}")
    kept = table.filter(pl.col("grader").cast(pl.String) == grader)
    if kept.is_empty():
        known = sorted(set(table["grader"].cast(pl.String).drop_nulls().to_list()))
        raise InputError(f"grader: wanted one of {one_line(', '.join(known), 120)}, got {grader!r}")
    return kept


def _of_long(table: pl.DataFrame, subject: str, item: str, score: str) -> Responses:
    for name in (subject, item):
        if table[name].null_count():
            row = int(table[name].is_null().arg_max() or 0)
            raise InputError(f"responses row {row + 1}: {name} is empty")
    numbers = _numbers(table[score], score)
    names = {"variant": "variant", "epoch": "epoch", "grader": "grader", "error": "error"}
    if "answer" in table.columns and not _belongs(table, "answer", item):
        names["answer"] = "answer"
    more = [pl.col(n).cast(pl.String).alias(to) for n, to in names.items() if n in table.columns]
    trials = table.select(
        pl.col(subject).cast(pl.String).alias("subject"),
        pl.col(item).cast(pl.String).alias("item"), *more,
    ).with_columns(score=numbers)  # fmt: skip
    rest = [c for c in table.columns if c not in (subject, item, score, *names)]
    of_item = [c for c in rest if _belongs(table, c, item)]
    facts = table.select(pl.col(item).cast(pl.String).alias("item"), *of_item)
    found = _matrix(trials, facts.unique("item", keep="first", maintain_order=True), ())
    of_subject = [c for c in rest if c not in of_item and _belongs(table, c, subject)]
    if not of_subject:
        return found
    about = table.select(pl.col(subject).cast(pl.String).alias("subject"), *of_subject)
    return _with_facts(found, subjects=about.unique("subject", maintain_order=True))


def _belongs(table: pl.DataFrame, column: str, owner: str) -> bool:
    """Whether a column has one value for each of what another names."""
    counts = table.group_by(owner).agg(pl.col(column).n_unique())[column]
    return bool((counts == 1).all()) and column not in ("item", "subject")


def _matrix(trials: pl.DataFrame, facts: pl.DataFrame, notes: tuple[str, ...]) -> Responses:
    """Means over each subject's trials on each item."""
    subjects = trials["subject"].unique(maintain_order=True)
    items = trials["item"].unique(maintain_order=True)
    row = trials["subject"].cast(pl.Enum(subjects)).to_physical().to_numpy().astype(np.int64)
    column = trials["item"].cast(pl.Enum(items)).to_physical().to_numpy().astype(np.int64)
    shape = (subjects.len(), items.len())
    cell = row * shape[1] + column
    score = trials["score"].to_numpy().astype(np.float64)
    infinite = np.isinf(score)
    if infinite.any():
        notes = (*notes, f"{int(infinite.sum())} infinite scores count as failed")
        score = np.where(infinite, np.nan, score)
    if "grader" in trials.columns and trials["grader"].n_unique() > 1:
        notes = (*notes, f"scores are means over {trials['grader'].n_unique()} graders")
    there = ~np.isnan(score)
    size = shape[0] * shape[1]
    count = np.bincount(cell[there], minlength=size)
    total = np.bincount(cell[there], weights=score[there], minlength=size)
    failed = np.bincount(cell[~there], minlength=size)
    means = np.full(size, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    keep = ("subject", "item", "variant", "epoch", "grader", "score", "answer")
    return Responses(
        tuple(subjects), tuple(items), means.reshape(shape),
        count.reshape(shape).astype(np.int64), failed.reshape(shape).astype(np.int64), 0.0, 1.0,
        facts, pl.DataFrame({"subject": subjects}),
        trials.select([c for c in keep if c in trials.columns]), notes,
    )  # fmt: skip


def _of_wide(table: pl.DataFrame, subject: str | None) -> Responses:
    """One row a subject; the first column names them, unless all columns are scores."""
    if table.is_empty():
        raise InputError("responses: wanted at least one row, got none")
    for name in table.columns:
        first = name.rpartition("_duplicated_")[0]
        if first and first in table.columns:
            raise InputError(
                f"responses: two columns are called {one_line(first, 60)!r}; wanted a first line "
                "with another name for each item"
            )
    column = subject or next((c for c in table.columns if c.lower() in SUBJECTS), None)
    if column is None and (not _scores(table[table.columns[0]]) or _numbering(table)):
        column = table.columns[0]
    rest = [c for c in table.columns if c != column]
    if not rest:
        raise InputError(f"responses: wanted columns of scores beside {column!r}, got none")
    if column is None:
        names = [f"row {i + 1}" for i in range(table.height)]
    else:
        texts = table[column].cast(pl.String)
        if texts.null_count():
            raise InputError(f"responses row {int(texts.is_null().arg_max() or 0) + 1}: no name")
        again = texts.is_duplicated()
        if again.any():
            rows = again.arg_true()[:2].to_list()
            raise InputError(
                f"responses row {rows[1] + 1}: subject {one_line(texts[rows[1]], 60)!r} "
                "occurs twice; in a wide table each has one row"
            )
        names = texts.to_list()
    scores = np.empty((table.height, len(rest)))
    for j, name in enumerate(rest):
        scores[:, j] = _numbers(table[name], name).to_numpy()
    notes: tuple[str, ...] = ()
    failed = np.zeros(scores.shape, np.int64)
    infinite = np.isinf(scores)
    if infinite.any():
        notes = (f"{int(infinite.sum())} infinite scores count as failed",)
        failed[infinite] = 1
        scores[infinite] = np.nan
    return Responses(
        tuple(names), tuple(rest), scores, (~np.isnan(scores)).astype(np.int64), failed, 0.0, 1.0,
        pl.DataFrame({"item": rest}), pl.DataFrame({"subject": names}), None, notes,
    )  # fmt: skip


def _numbering(table: pl.DataFrame) -> bool:
    """Whether the first column numbers the rows: whole numbers, each once, unlike the others."""
    told = [table[c].cast(pl.String).cast(pl.Float64, strict=False) for c in table.columns]
    first = told[0]
    whole = first.null_count() == 0 and bool((first == first.round()).all())
    return whole and first.n_unique() == table.height > max(c.n_unique() for c in told[1:] or told)


def _scores(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return True
    told = column.str.strip_chars().str.to_lowercase()
    told = told.filter(~told.is_in(_ABSENT) & ~told.is_in(list(_WORDS)))
    return told.cast(pl.Float64, strict=False).null_count() == 0


def _numbers(column: pl.Series, name: str) -> pl.Series:
    """Scores as numbers; null and NaN where there is none.

    Raises:
        InputError: naming the first cell that is no number.
    """
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_null(float("nan"))
    told = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    number = told.cast(pl.Float64, strict=False)
    for word, value in _WORDS.items():
        number = pl.select(pl.when(told == word).then(value).otherwise(number)).to_series()
    wrong = number.is_null() & told.is_not_null() & ~told.is_in(_ABSENT)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise InputError(
            f"responses row {row + 1}, column {one_line(name, 60)!r}: "
            f"wanted a number, got {one_line(str(column[row]), 60)!r}"
        )
    return number.fill_null(float("nan"))


def _finished(
    found: Responses, items: Any, subjects: Any, limits: tuple[float, float] | None
) -> Responses:
    if items is not None:
        about = _about(table_of(items, "items"), found.items, "item", ITEMS)
        found = _with_facts(found, items=about)
    if subjects is not None:
        about = _about(table_of(subjects, "subjects"), found.subjects, "subject", SUBJECTS)
        found = _with_facts(found, subjects=about)
    low, high, note = _limits(found.scores, limits)
    notes = (*found.notes, note) if note else found.notes
    return replace(found, low=low, high=high, notes=notes)


def _limits(scores: Floats, limits: tuple[float, float] | None) -> tuple[float, float, str]:
    seen: NDArray[np.float64] = scores[~np.isnan(scores)]
    if not seen.size:
        raise InputError("responses: wanted at least one score, got none")
    # Adding nothing makes a negative nought a plain one.
    least, most = float(seen.min()) + 0.0, float(seen.max()) + 0.0
    if limits is None:
        if least >= 0.0 and most <= 1.0:
            return 0.0, 1.0, ""
        return min(least, 0.0), most, (
            f"there are scores outside 0 to 1; the range is taken to be what occurs, "
            f"{min(least, 0.0):g} to {most:g}"
        )  # fmt: skip
    low, high = limits
    if not (low < high and math.isfinite(high - low)):
        raise InputError(f"limits: wanted a lower and a higher score, got {low:g} and {high:g}")
    if least < low or most > high:
        wrong = least if least < low else most
        raise InputError(f"responses: wanted scores from {low:g} to {high:g}, got {wrong:g}")
    return low, high, ""


def _about(
    table: pl.DataFrame, names: Sequence[str], what: str, aliases: Sequence[str]
) -> pl.DataFrame:
    """A table of facts, its column of names called `what`.

    Raises:
        InputError: if no column has the names.
    """
    wanted = set(names)
    columns = [c for c in aliases if c in table.columns] + table.columns
    hits = {c: len(wanted & set(table[c].cast(pl.String).to_list())) for c in columns}
    best = max(hits, key=lambda c: hits[c])
    if not hits[best]:
        raise InputError(f"{what}s: no column has the names of any {what} of the responses")
    renamed = table.rename({c: f"{c} (given)" for c in table.columns if c == what and c != best})
    return renamed.rename({best: what}).with_columns(pl.col(what).cast(pl.String))


def _with_facts(
    found: Responses, *, items: pl.DataFrame | None = None, subjects: pl.DataFrame | None = None
) -> Responses:
    if items is not None:
        found = replace(found, item_facts=_joined(found.item_facts, items, "item"))
    if subjects is not None:
        found = replace(found, subject_facts=_joined(found.subject_facts, subjects, "subject"))
    return found


def _joined(known: pl.DataFrame, more: pl.DataFrame, key: str) -> pl.DataFrame:
    twice = more.filter(more[key].is_in(known[key].to_list()) & more[key].is_duplicated())
    if twice.height:
        raise InputError(f"{key}s: {one_line(str(twice[key][0]), 60)!r} has two rows")
    new = [c for c in more.columns if c != key]
    return known.drop([c for c in new if c in known.columns]).join(
        more, on=key, how="left", maintain_order="left"
    )
