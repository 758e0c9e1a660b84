"""What did a probe find? A value for each item, and a test where there is a reason for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import dumps
from calibrant.bench.exposure.asks import Method
from calibrant.contamination.evidence import REASONS, ExposureTest
from calibrant.contamination.exposure import order_test, split_test, twin_test
from calibrant.contamination.exposure.power import detects_gain
from calibrant.errors import InputError
from calibrant.stats.estimates.means import Mean, t_mean

GROUPS = ("published", "held out", "twin")

ALLOWED: dict[str, tuple[str, ...]] = {
    "completion": ("random-split", "random-twin"),
    "options": ("random-split", "random-twin"),
    "order": ("random-order",),
    "peaked": ("random-split", "random-twin"),
}
"""Reasons that make the p-value of a method valid."""


@dataclass(frozen=True, eq=False)
class ExposureProbe:
    """What a black box's answers say of exposure.

    Attributes:
        subject: who was asked.
        method: "completion", "options", "order" or "peaked".
        score: what an item's value is, larger for more that looks like memory: "rouge", "run",
            "start", "exact", "peak", all 0–1, or "gain" (-1 to 1).
        table: one row an item: `item`, `group`, `pair`, `cluster`, `value` (null if an answer
            failed), and what else is known of it.
        means: of each group, with an interval.
        test: its verdict; "undetermined" without a reason for a p-value.
        failed: answers that failed.
        left_out: (item, why) of items that could not be put.
        calls, tokens: what it took.
        folder: the run folder, with every answer.
    """

    subject: str
    method: Method
    score: str
    table: pl.DataFrame
    means: Mapping[str, Mean | None]
    test: ExposureTest
    failed: int = 0
    left_out: tuple[tuple[str, str], ...] = ()
    calls: int = 0
    tokens: int = 0
    folder: str = ""
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return repr(self.test)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "subject": self.subject, "method": self.method, "score": self.score,
            "test": self.test.to_dict(),
            "groups": [
                {"group": g, "items": int((self.table["group"] == g).sum()),
                 "mean": None if m is None else {"value": m.value, "low": m.low, "high": m.high}}
                for g, m in self.means.items()
            ],
            "items": self.table.to_dicts(), "failed": self.failed,
            "left_out": [{"item": item, "why": why} for item, why in self.left_out],
            "calls": self.calls, "tokens": self.tokens, "folder": self.folder,
            "notes": list(self.notes),
        }  # fmt: skip

    def to_json(self) -> str:
        """As one JSON document."""
        return dumps(self.to_dict(), indent=1)


def check_reason(method: Method, reason: str | None, groups: Sequence[str]) -> None:
    """Refuse a reason that does not fit the method, or groups that the reason lacks.

    Raises:
        InputError: naming what is wanted.
    """
    if reason is None:
        return
    if reason not in REASONS:
        raise InputError(f"reason: wanted one of {', '.join(REASONS)}; got {reason!r}")
    if reason not in ALLOWED[method]:
        raise InputError(
            f"reason: a probe by {method} has a valid p-value for {' or '.join(ALLOWED[method])}, "
            f"and {reason!r} does not make it so"
        )
    needed = {"random-split": ("held out", "a split"), "random-twin": ("twin", "twins")}
    group, words = needed.get(reason, (None, ""))
    if group is not None and group not in groups:
        raise InputError(f"reason: {reason!r} wants {words} of the items, and there is none")


def concluded(
    table: pl.DataFrame,
    method: Method,
    *,
    subject: str,
    reason: str | None,
    texts: Mapping[str, str] | None = None,
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
) -> ExposureTest:
    """The test that a table of values allows.

    Of pairs and groups only items whose answers all came are used: which failed is, without
    exposure, the same whichever items chance had published.

    Args:
        table: as in `ExposureProbe`; for "order" with a column `row` of lists, the published
            order's value first.
        reason: why a p-value is valid; None for none.
        texts: by `item`, for the blind baseline of a split, and of twins.

    Raises:
        InputError: if the reason does not fit, or nothing is left to test.
    """
    check_reason(method, reason, table["group"].unique().to_list())
    whole = table.filter(pl.col("value").is_not_null())
    lost = len(table) - len(whole)
    notes = (f"{lost} of {len(table)} items are left out, as an answer failed",) if lost else ()
    if reason is None:
        wanted = " or ".join(f"{r} ({REASONS[r]})" for r in ALLOWED[method])
        why = f"no p-value without a reason why it is valid; here it would be {wanted}"
        return _undetermined(table, method, subject, alpha, (*notes, why))
    if not len(whole):
        return _undetermined(table, method, subject, alpha, notes)
    settings = {"reason": reason, "subject": subject, "alpha": alpha, "draws": draws, "seed": seed}
    if method == "order":
        found = _by_order(whole, settings)
    elif reason == "random-twin":
        found = _by_twins(whole, settings, texts)
    else:
        found = _by_split(whole, settings, texts)
    named = {"order": "order of options"}.get(method, method)
    return replace(found, method=named, notes=(*notes, *found.notes))


def _undetermined(
    table: pl.DataFrame, method: Method, subject: str, alpha: float, notes: tuple[str, ...]
) -> ExposureTest:
    return ExposureTest(
        method=method, subject=subject, reason="", items=len(table), statistic=None, p=None,
        alpha=alpha, verdict="undetermined", notes=notes,
    )  # fmt: skip


def _by_order(whole: pl.DataFrame, settings: dict[str, Any]) -> ExposureTest:
    rows = whole["row"].to_list()
    fewest = min(len(row) for row in rows)
    # Items of few options have few orders; of the others as many are taken, the first drawn.
    table = np.array([row[:fewest] for row in rows], float)
    found = order_test(table, items=len(rows), statistic="standardised", **settings)
    note = "the order is that of each item's options, drawn for each item apart"
    # Limits of detection of order_test are of orders of items, by shards.
    limit = detects_gain(int((np.ptp(table, axis=1) > 0).sum()), found.alpha)
    return replace(found, detects=limit, notes=(note, *found.notes))


def _by_twins(
    whole: pl.DataFrame, settings: dict[str, Any], texts: Mapping[str, str] | None
) -> ExposureTest:
    one = whole.filter(pl.col("group") == "published").select("item", "pair", "cluster", "value")
    other = whole.filter(pl.col("group") == "twin").select("pair", other="item", twin="value")
    pairs = one.join(other, on="pair", how="inner", maintain_order="left")
    if not len(pairs):
        raise InputError("twins: no pair has both answers")
    apart = (pairs["value"] - pairs["twin"]).to_numpy()
    said = [] if texts is None else [
        (texts[i], texts[j]) for i, j in pairs.select("item", "other").iter_rows()
    ]  # fmt: skip
    return twin_test(apart, clusters=_clusters(pairs), texts=said, **settings)


def _by_split(
    whole: pl.DataFrame, settings: dict[str, Any], texts: Mapping[str, str] | None
) -> ExposureTest:
    both = whole.filter(pl.col("group") != "twin")
    return split_test(
        both["value"].to_numpy(), (both["group"] == "published").to_numpy(),
        texts=None if texts is None else [texts[i] for i in both["item"]],
        clusters=_clusters(both), **settings,
    )  # fmt: skip


def _clusters(table: pl.DataFrame) -> list[str] | None:
    """Of each row its cluster; rows without one stand alone. None if no row has one."""
    given = table["cluster"].to_list()
    if not any(given):
        return None
    return [c or f"\0{i}" for i, c in enumerate(given)]


def means_of(table: pl.DataFrame, low: float) -> dict[str, Mean | None]:
    """The mean value of each group with a 95 % interval; None for fewer than two values."""
    found: dict[str, Mean | None] = {}
    for group in GROUPS:
        part = table.filter(pl.col("group") == group)
        values = part["value"].drop_nulls().to_numpy()
        if len(part):
            found[group] = (
                None if values.size < 2 else _bounded(t_mean(values, bounds=(low, 1.0)), low)
            )
    return found


def _bounded(mean: Mean, low: float) -> Mean:
    """No mean of values is beyond where values can be."""
    return replace(mean, low=max(mean.low, low), high=min(mean.high, 1.0))
