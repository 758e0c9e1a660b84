"""How far is the labelling, and do raters agree? Counted from the store whenever asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.web.labelling.agreement import Agreement, agreement
from calibrant.web.labelling.export import labels
from calibrant.web.labelling.store import Progress, Store

MOST_DISPUTED = 20
"""Items that the list of disagreements holds at most."""


@dataclass(frozen=True)
class RaterStatus:
    """One rater.

    Attributes:
        seconds: median time for an item, None before the first.
        left: seconds that what is left will take at that pace; None if there is no pace, or nobody
            knows how much is left (open raters).
        gold_right, gold_seen: of items with known labels.
        last: time of the last label.
    """

    name: str
    progress: Progress
    seconds: float | None
    left: float | None
    gold_right: int
    gold_seen: int
    last: str | None


@dataclass(frozen=True)
class Disputed:
    """An item whose raters disagree.

    Attributes:
        share: of the pairs of its labels, those that differ.
        labels: (label, count), most frequent first.
    """

    unit: int
    item: str
    share: float
    labels: tuple[tuple[str, int], ...]


@dataclass(frozen=True, repr=False)
class Status:
    """Where a labelling stands.

    Attributes:
        units: things to label.
        wanted: labels that the design asks for in all.
        given: of these, dealt with: labelled, cannot judge, or skipped.
        complete: units with as many labels as wanted.
        seconds_left: of all raters together, None if unknown.
        closed: when labelling was closed.
    """

    title: str
    scheme: str
    units: int
    wanted: int
    given: int
    complete: int
    raters: tuple[RaterStatus, ...]
    agreement: Agreement
    disputed: tuple[Disputed, ...]
    seconds_left: float | None
    closed: str | None

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return (
            f"{one_line(self.title, 80)} ({state}): {self.given:,} of {self.wanted:,} labels by "
            f"{len(self.raters)} raters; {self.agreement}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"agreement": self.agreement.to_dict()}


def status(store: Store) -> Status:
    """Where a labelling stands now."""
    table = labels(store)
    said = table.filter(pl.col("state") == "label")
    plan = store.plan
    with store.read() as con:
        units = {r["key"]: r["id"] for r in con.execute("SELECT id, key FROM unit ORDER BY id")}
        gold = con.execute("SELECT COUNT(*) FROM unit WHERE gold IS NOT NULL").fetchone()[0]
        names = con.execute("SELECT id, name FROM rater ORDER BY id").fetchall()
        assigned = con.execute("SELECT COUNT(*) FROM assignment").fetchone()[0]
    raters = tuple(_rater(store, r["id"], r["name"], table) for r in names)
    wanted = assigned
    if plan.open:
        wanted = (len(units) - gold) * plan.per_item + gold * max(len(names), 1)
    per_unit = Counter(said["item"])
    pace = _median(table)
    to_go = max(wanted - sum(r.progress.done for r in raters), 0)
    left = None if pace is None else pace * to_go
    if not plan.open and pace is not None:
        # Each at the own pace; who has not begun, at everybody's.
        left = sum(
            (r.seconds or pace) * (r.progress.assigned - r.progress.done) for r in raters
        )  # fmt: skip
    return Status(
        plan.title, repr(plan.scheme), len(units), wanted, sum(r.progress.done for r in raters),
        sum(per_unit[k] >= plan.per_item for k in units), raters,
        agreement(said, plan.scheme.values, plan.scheme.level),
        _disputed(said, units), left, store.closed,
    )  # fmt: skip


def _rater(store: Store, ident: int, name: str, table: pl.DataFrame) -> RaterStatus:
    mine = table.filter(pl.col("grader") == name)
    progress = store.progress(ident)
    seconds = _median(mine)
    checked = mine.filter(pl.col("gold").is_not_null() & (pl.col("state") == "label"))
    left = None if seconds is None else seconds * (progress.assigned - progress.done)
    times = mine["time"].sort()
    return RaterStatus(
        name, progress, seconds, None if store.plan.open else left,
        int((checked["label"] == checked["gold"]).sum()), checked.height,
        times[-1].isoformat(timespec="seconds") if len(times) else None,
    )  # fmt: skip


def _median(table: pl.DataFrame) -> float | None:
    """The median time for an item, in seconds."""
    seconds = table["seconds"].drop_nulls()
    return float(np.median(seconds.to_numpy())) if len(seconds) else None


def _disputed(said: pl.DataFrame, units: dict[str, int]) -> tuple[Disputed, ...]:
    """Items by the share of differing pairs among their labels, largest first."""
    found = []
    for (item,), group in said.group_by(["item"], maintain_order=True):
        counts = Counter(group["label"]).most_common()
        n = group.height
        same = sum(c * (c - 1) for _, c in counts)
        if n > 1 and same < n * (n - 1):
            share = 1 - same / (n * (n - 1))
            found.append(Disputed(units[str(item)], str(item), share, tuple(counts)))
    return tuple(sorted(found, key=lambda d: (-d.share, -len(d.labels), d.unit))[:MOST_DISPUTED])
