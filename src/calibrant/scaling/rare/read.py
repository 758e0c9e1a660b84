"""What was observed? Counts of items, probabilities or scores, from trials, tables and logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import as_frame, read_table
from calibrant.scaling.rare.deploy import MOST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Of = Literal["probability", "logprob", "score"]

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
VALUES: dict[str, Of] = {
    "probability": "probability", "elicitation_probability": "probability", "prob": "probability",
    "p": "probability", "logprob": "logprob", "log_prob": "logprob", "log_p": "logprob",
    "max_score": "score", "elicitation_score": "score",
}  # fmt: skip
"""Columns by which a table of values is recognised, in any case."""
EVENTS = ("events", "successes", "correct", "num_correct", "c")
ATTEMPTS = ("attempts", "trials", "n", "num_samples")
_PICK = ("subject", "instrument", "grader")


@dataclass(frozen=True, repr=False, eq=False)
class Observed:
    """What the forecasts start from: counts of items, or one value a query.

    Attributes:
        events, trials: shape (items,), where items were tried; else None.
        clusters: shape (items,), what items belong to, where the table says; else None.
        values: shape (queries,), where each query has a value; else None. `of` says what it is.
        missing: trials without a score.
        notes: what a reader must know of how it was read.
    """

    events: Ints | None = None
    trials: Ints | None = None
    clusters: NDArray[Any] | None = None
    values: Floats | None = None
    of: Of = "probability"
    missing: int = 0
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.values is not None:
            return f"{self.values.size:,} values ({self.of})"
        assert self.events is not None and self.trials is not None
        return (
            f"{self.events.sum():,} events in {self.trials.sum():,} trials of {self.trials.size:,} "
            "items"
        )


def read_rare(
    source: Any,
    *,
    column: str | None = None,
    of: Of | None = None,
    at_least: float | None = None,
    event: int = 1,
    subject: str | None = None,
    instrument: str | None = None,
    grader: str | None = None,
) -> Observed:
    """Read what was observed.

    Args:
        source: logs or a table of trials (as `calibrant.read`), a table with columns item and
            score, a table with counts of each item (such as events, attempts), or a table with one
            value a query (see `VALUES`).
        column: the column of values, one a query.
        of: what they are: "probability", "logprob" or "score".
        at_least: a trial is an event if its score is at least this; for scores other than 0 and 1.
        event: the score that is the event, 1 or 0.
        subject, instrument, grader: the trials of which, where the table holds several.

    Raises:
        InputError: naming the file, column or row that is wrong.
    """
    where = str(source) if isinstance(source, str | Path) else "table"
    where = one_line(where, 200)
    table = _table(source)
    if event not in (0, 1):
        raise InputError(f"event: wanted 0 or 1, got {event!r}")
    if at_least is not None and not np.isfinite(at_least):
        raise InputError(f"at_least: wanted a finite score, got {at_least:g}")
    if table.height == 0:
        raise InputError(f"{where}: wanted at least one row, got none")
    names = {c.lower(): c for c in reversed(table.columns)}
    if column is None and "item" in names and "score" in names:
        wanted = {"subject": subject, "instrument": instrument, "grader": grader}
        return _trials(table, where, names, at_least, event, wanted)
    if column is None:
        k = next((names[c] for c in EVENTS if c in names), None)
        n = next((names[c] for c in ATTEMPTS if c in names), None)
        if k is not None and n is not None:
            return _counted(table, where, k, n, names.get("cluster"), event)
        column = next((names[c] for c in VALUES if c in names), None)
        if column is None:
            there = one_line(", ".join(table.columns[:12]), 160)
            raise InputError(
                f"{where}: wanted columns item and score, events and attempts, or a column of "
                f"values (--column); there are {there}"
            )
    if at_least is not None:
        raise InputError(
            f"{where}: at_least is for scores of trials, and there is one value a query"
        )
    if column not in table.columns:
        there = one_line(", ".join(table.columns[:12]), 160)
        raise InputError(f"{where}: no column {one_line(column)!r}; there are {there}")
    kind = of or VALUES.get(column.lower(), "score")
    values = _numbers(table, column, where)
    known = ~np.isnan(values)
    missing = int((~known).sum())
    if missing == values.size:
        raise InputError(f"{where}: column {one_line(column)!r} has no numbers")
    notes = [f"{missing:,} queries have no value and are left out"] if missing else []
    return Observed(values=values[known], of=kind, missing=missing, notes=tuple(notes))


def _table(source: Any) -> pl.DataFrame:
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_file() and path.suffix.lower() in TABLES:
            return read_table(path)
        from calibrant.records import read

        return read(source, strict=True).trials
    if isinstance(source, list | tuple):
        from calibrant.records import read

        return read(source, strict=True).trials
    return as_frame(source, "rare")


def _trials(
    table: pl.DataFrame, where: str, names: dict[str, str], at_least: float | None, event: int,
    wanted: dict[str, str | None],
) -> Observed:  # fmt: skip
    notes: list[str] = []
    for what in _PICK:
        table = _picked(table, where, names.get(what), what, wanted[what])
    keys = [names["item"]] + [names[c] for c in ("instrument", "variant") if c in names]
    nameless = table[keys[0]].is_null()
    if nameless.any():
        row = int(np.flatnonzero(nameless.to_numpy())[0])
        raise InputError(
            f"{where}: row {row + 1}: names no item; items that share trials must be told apart"
        )
    scores = _numbers(table, names["score"], where)
    known = ~np.isnan(scores)
    if not known.any():
        raise InputError(f"{where}: no trial has a score")
    if at_least is not None:
        hit = scores >= at_least
    else:
        odd = known & (scores != 0) & (scores != 1)
        if odd.any():
            row = int(np.flatnonzero(odd)[0])
            raise InputError(
                f"{where}: row {row + 1}: wanted scores of 0 and 1, got {scores[row]:g}; say from "
                "which score on a trial is an event (--at-least), or name the column of values "
                "(--column)"
            )
        hit = scores == event
    missing = int((~known).sum())
    group = [*(pl.col(c).alias(f"_{i}") for i, c in enumerate(keys))]
    cluster = names.get("cluster")
    frame = table.select(
        *group, (pl.col(cluster) if cluster else pl.lit(None)).cast(pl.String).alias("_c")
    ).with_columns(hit=pl.Series(hit & known), known=pl.Series(known))  # fmt: skip
    per = frame.group_by([f"_{i}" for i in range(len(keys))], maintain_order=True).agg(
        pl.col("hit").sum().cast(pl.Int64), pl.col("known").sum().cast(pl.Int64),
        pl.col("_c").first(), (pl.col("_c").n_unique() > 1).alias("split"),
    )  # fmt: skip
    if per["split"].any():
        item = one_line(str(per.filter(pl.col("split"))[keys and "_0"][0]), 60)
        raise InputError(f"{where}: item {item!r} lies in several clusters")
    per = per.filter(pl.col("known") > 0)
    if missing:
        events = int(per["hit"].sum())
        worst = (events + missing) / (int(per["known"].sum()) + missing)
        notes.append(
            f"{missing:,} trials have no score and are left out; had each been an event, the rate "
            f"would be {worst:.3g}"
        )
    clusters = None
    if per["_c"].null_count() == 0:
        clusters = per["_c"].to_numpy()
    elif per["_c"].null_count() < per.height:
        notes.append("only some items name a cluster: clusters are ignored")
    return Observed(
        events=per["hit"].to_numpy(), trials=per["known"].to_numpy(), clusters=clusters,
        missing=missing, notes=tuple(notes),
    )  # fmt: skip


def _picked(
    table: pl.DataFrame, where: str, column: str | None, what: str, wanted: str | None
) -> pl.DataFrame:
    if column is None:
        if wanted is not None:
            raise InputError(f"{where}: no column {what!r} to find {one_line(wanted, 60)!r} in")
        return table
    values = table[column].cast(pl.String)
    known = values.unique().drop_nulls().sort().to_list()
    listed = ", ".join(one_line(v, 40) for v in known[:8])
    if wanted is None:
        # Several instruments are one set of items; several subjects or graders are not.
        if len(known) > 1 and what != "instrument":
            raise InputError(
                f"{where}: {len(known)} {what}s ({listed}); wanted one: name it (--{what})"
            )
        return table
    if wanted not in known:
        raise InputError(f"{where}: {what}: wanted one of {listed}, got {one_line(wanted, 60)!r}")
    return table.filter(values == wanted)


def _counted(
    table: pl.DataFrame, where: str, k: str, n: str, cluster: str | None, event: int
) -> Observed:
    events, trials = _numbers(table, k, where), _numbers(table, n, where)
    bad = ~((events == np.floor(events)) & (trials == np.floor(trials)))
    bad |= ~((events >= 0) & (events <= trials) & (trials >= 1) & (trials <= MOST))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{where}: row {row + 1}: wanted whole 0 ≤ {one_line(k)} ≤ {one_line(n)} and 1 to "
            f"{MOST:.0e} trials, got {events[row]:g} of {trials[row]:g}"
        )
    found = (events if event == 1 else trials - events).astype(np.int64)
    labels = None if cluster is None else table[cluster].cast(pl.String)
    if labels is not None and labels.null_count():
        raise InputError(f"{where}: some items name no cluster")
    return Observed(
        events=found, trials=trials.astype(np.int64),
        clusters=None if labels is None else labels.to_numpy(),
    )  # fmt: skip


def _numbers(table: pl.DataFrame, column: str, where: str) -> Floats:
    values = table[column]
    if values.dtype == pl.Boolean:
        return values.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
    if not values.dtype.is_numeric():
        text = values.cast(pl.String, strict=False).str.strip_chars()
        found = text.cast(pl.Float64, strict=False)
        wrong = found.is_null() & text.is_not_null() & (text != "")
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            raise InputError(
                f"{where}: row {row + 1}, {one_line(column)!r}: wanted a number, got "
                f"{one_line(str(text[row]), 40)!r}"
            )
        values = found
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
