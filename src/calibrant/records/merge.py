"""Is this trial there already? Trials are told apart by run, item, epoch and grader."""

from __future__ import annotations

import polars as pl

from calibrant.records.trials import SCHEMA

KEY = ("run", "subject", "instrument", "item", "variant", "epoch", "grader")
"""What makes a trial the same trial; an item's name carries a hash of what was shown."""


def distinct(tables: list[pl.DataFrame]) -> tuple[pl.DataFrame, int, int]:
    """Return the trials of all tables once each, the number of repeats, and of conflicts.

    Of trials that lie there more than once, one with a score counts before one that is missing (a
    retry), else the first. A conflict is a repeat with another score.
    """
    trials = pl.concat(tables) if tables else pl.DataFrame(schema=SCHEMA)
    seen = pl.struct(KEY)
    if not trials.select(seen.is_duplicated().any()).item():
        return trials, 0, 0
    order = trials.with_row_index("_row").with_columns(_lost=pl.col("score").is_null())
    group = order.group_by(KEY).agg(
        _row=pl.col("_row").sort_by("_lost", "_row").first(),
        _first=pl.col("_row").min(),
        _scores=pl.col("score").drop_nulls().n_unique(),
    )
    kept = group.sort("_first")["_row"]
    conflicts = group.filter(pl.col("_scores") > 1).height
    return trials[kept], trials.height - kept.len(), conflicts
