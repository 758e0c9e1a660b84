"""Do raters agree so far? Percent agreement and Krippendorff's alpha, for the organiser's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True, repr=False)
class Agreement:
    """How far raters agree.

    Attributes:
        units: items with labels of at least two raters.
        pairs: pairs of labels on the same item.
        percent: of these, the share that are the same; None without any.
        alpha: Krippendorff's alpha, in (-1, 1]; None where it is not defined.
        interval: of alpha, at `level`; None where there is none.
    """

    units: int
    pairs: int
    percent: float | None
    alpha: float | None
    interval: tuple[float, float] | None
    level: float = 0.95

    def __repr__(self) -> str:
        if self.percent is None:
            return "no item has labels of two raters yet"
        text = f"{self.percent:.0%} of {self.pairs:,} pairs of labels agree"
        if self.alpha is None:
            return f"{text}; alpha is not defined (only one label was used)"
        text += f", alpha {self.alpha:.2f}"
        if self.interval is not None:
            low, high = self.interval
            text += f" ({self.level:.0%} interval {low:.2f} to {high:.2f})"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def agreement(
    items: Sequence[str], graders: Sequence[str], labels: Sequence[str], values: Sequence[str],
    level: Literal["nominal", "ordinal"],
) -> Agreement:  # fmt: skip
    """Agreement of labels, one row each.

    Args:
        values: the labels that there are, in order.
    """
    del graders  # one label per rater and item
    at = {v: i for i, v in enumerate(values)}
    codes: dict[str, int] = {}
    counts = np.zeros((len(set(items)), len(values)))
    for item, label in zip(items, labels, strict=True):
        counts[codes.setdefault(item, len(codes)), at[label]] += 1
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        return Agreement(0, 0, None, None, None)
    n = counts.sum(axis=1)
    pairs = int((n * (n - 1) / 2).sum())
    percent = float((counts * (counts - 1)).sum() / (n * (n - 1)).sum())
    # Coincidences (Krippendorff 2011): each item's ordered pairs, weighted 1 / (n - 1).
    o = (counts / (n - 1)[:, None]).T @ counts - np.diag((counts / (n - 1)[:, None]).sum(axis=0))
    totals = o.sum(axis=1)
    distance = _distance(totals, level)
    expected = (np.outer(totals, totals) * distance).sum() / (totals.sum() - 1)
    alpha = None if expected == 0 else float(1 - (o * distance).sum() / expected)
    return Agreement(len(counts), pairs, percent, alpha, None)


def _distance(totals: np.ndarray[Any, Any], level: str) -> np.ndarray[Any, Any]:
    """Squared distances between labels."""
    if level == "nominal":
        return 1.0 - np.eye(len(totals))
    below = np.cumsum(totals) - totals / 2
    squared: np.ndarray[Any, Any] = (below[:, None] - below[None, :]) ** 2
    return squared
