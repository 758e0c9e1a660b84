"""What was read, and what was not? The result of `read`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from calibrant._text import one_line


@dataclass(frozen=True)
class Source:
    """One file, or folder of files that belong together, that was read.

    Attributes:
        path: where it lies.
        kind: what it is, such as "inspect" or "csv".
        trials: how many trials it holds.
        expected: how many answers there should be where the source says so, else 0.
        answers: how many answers it holds.
        aggregates: how many numbers without trials it holds.
        notes: what is worth knowing, such as columns that were guessed.
    """

    path: str
    kind: str
    trials: int
    expected: int = 0
    answers: int = 0
    aggregates: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Reading:
    """What `read` understood.

    Attributes:
        trials: the trials table.
        aggregates: numbers that another tool computed and whose trials are not there; they are
            measurements, and are never mixed into trials.
        sources: what was read.
        left_out: a line for everything that was named or looked like a log, and could not be read.
        unknown: files in folders that no reader knows.
        repeated: how many trials lay there more than once and count once.
        conflicts: how many of these had another score; the first counts.
    """

    trials: pl.DataFrame
    aggregates: pl.DataFrame
    sources: tuple[Source, ...]
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    repeated: int = 0
    conflicts: int = 0

    @property
    def missing(self) -> int:
        """Trials without a score."""
        return self.trials["score"].null_count()

    @property
    def absent(self) -> int:
        """Answers that the sources announce and do not hold: runs that were cut short."""
        return sum(max(0, s.expected - s.answers) for s in self.sources)

    def summary(self) -> list[dict[str, Any]]:
        """One entry for each subject, instrument and grader: items, epochs, trials and missing."""
        groups = self.trials.group_by("subject", "instrument", "grader", maintain_order=True).agg(
            items=pl.col("item").n_unique(),
            clusters=pl.col("cluster").drop_nulls().n_unique(),
            epochs=pl.struct("run", "epoch").n_unique(),
            trials=pl.len(),
            missing=pl.col("score").null_count(),
            mean=pl.col("score").mean(),
        )
        return groups.to_dicts()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the trials themselves."""
        return {
            "trials": self.trials.height,
            "missing": self.missing,
            "absent": self.absent,
            "repeated": self.repeated,
            "conflicts": self.conflicts,
            "summary": self.summary(),
            "aggregates": self.aggregates.to_dicts(),
            "sources": [
                {
                    "path": s.path, "kind": s.kind, "trials": s.trials, "expected": s.expected,
                    "answers": s.answers, "aggregates": s.aggregates, "notes": list(s.notes),
                }
                for s in self.sources
            ],
            "left_out": list(self.left_out),
            "unknown": list(self.unknown),
        }  # fmt: skip

    def __repr__(self) -> str:
        t = self.trials
        said = (
            f"{t.height:,} trials of {_names(t['subject'])} on {_names(t['instrument'])}:"
            f" {t['item'].n_unique():,} items, {self.missing:,} missing"
        )
        if self.aggregates.height:
            said += f"; {self.aggregates.height:,} aggregates without trials"
        if self.left_out:
            said += f"; {len(self.left_out)} files left out"
        return said


def _names(column: pl.Series) -> str:
    names = column.unique(maintain_order=True).to_list()
    if len(names) > 3:
        return f"{len(names)} {column.name}s"
    return one_line(", ".join(names) or f"no {column.name}", 120)
