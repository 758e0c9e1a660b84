"""How far do graders agree beyond chance? Coefficients as one minus a ratio of sums over items.

A coefficient is 1 − (disagreement seen) / (disagreement expected by chance); both are functions
of totals of a few columns over items, one row an item. Standard errors, the bootstrap and clusters
then need nothing but those totals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Array = NDArray[Any]
Metric = Literal["nominal", "ordinal", "interval", "ratio"]
Weights = Literal["identity", "linear", "quadratic"]
Chance = Literal["fleiss", "gwet"]
METRICS: tuple[Metric, ...] = ("nominal", "ordinal", "interval", "ratio")
WEIGHTS: tuple[Weights, ...] = ("identity", "linear", "quadratic")


@dataclass(frozen=True, eq=False)
class Ratio:
    """A coefficient, 1 − observed / expected disagreement, as functions of column totals.

    Attributes:
        name: such as "Krippendorff's alpha".
        rows: shape (used items, columns).
        used: shape (items,), which items have a row.
        observed, expected: from totals of shape (…, columns) to disagreements of shape (…,),
            distances of at most 1; they take complex totals (see `gradient`).
        labels: how many labels it uses.
        items: how many items have at least two labels.
        worst: the largest disagreement that an item can have.
    """

    name: str
    rows: Floats
    used: NDArray[np.bool_]
    observed: Callable[[Array], Array]
    expected: Callable[[Array], Array]
    labels: int
    items: int
    worst: float = 1.0

    def __call__(self, totals: Array) -> Array:
        """The coefficient of totals, shape (…, columns)."""
        return np.asarray(1 - self.observed(totals) / self.expected(totals))

    def gradient(self, totals: Floats) -> Floats:
        """The derivative of the coefficient by each total, shape (columns,).

        By a complex step (Squire and Trapp, SIAM Review 40 (1998) 110), exact to rounding.
        """
        step = 1e-20 * max(float(np.abs(totals).max()), 1.0)
        moved = totals + 1j * step * np.eye(totals.size)
        return np.asarray(self(moved).imag / step, np.float64)


def distances(size: int, weights: Weights, values: Floats | None = None) -> Floats:
    """How far apart categories are, 0–1, shape (size, size): one minus the weights of agreement.

    Args:
        weights: "identity" (different is 1), "linear" or "quadratic" in the distance.
        values: where the categories lie; by default in ranks.
    """
    if weights == "identity":
        return 1.0 - np.eye(size)
    place = np.arange(size, dtype=np.float64) if values is None else values
    span = float(np.ptp(place)) or 1.0
    apart = np.abs(place[:, None] - place[None, :]) / span
    return apart if weights == "linear" else apart**2


def percent(counts: Ints) -> Ratio:
    """How often two labels of an item are the same, averaged over items with at least two."""
    each, labels, pairable = _apart(counts, 1.0 - np.eye(counts.shape[1]))
    return Ratio(
        "agreement",
        each[pairable][:, None] * [1.0, 0.0] + [0.0, 1.0],
        pairable,
        lambda t: np.asarray(t[..., 0] / t[..., 1]),
        lambda t: np.ones_like(t[..., 0]),
        int(labels[pairable].sum()),
        int(pairable.sum()),
        _worst(labels, counts.shape[1], True),
    )


def kappa(
    counts: Ints,
    chance: Chance,
    *,
    weights: Weights = "identity",
    values: Floats | None = None,
) -> Ratio:
    """Fleiss' kappa, or Gwet's AC1 (AC2 with weights), where labels may be missing.

    The seen agreement is averaged over items with at least two labels; the shares of categories
    over all items with a label (Gwet, *Handbook of Inter-Rater Reliability*, 4th ed. 2014, chapters
    2 and 3; Fleiss, Psychological Bulletin 76 (1971) 378; Gwet, BJMSP 61 (2008) 29). Chance
    agreement is Σ w_kl π_k π_l ("fleiss") or Σ w_kl Σ π_k (1 − π_k) / (q (q − 1)) ("gwet").

    Args:
        counts: shape (items, categories), labels of each category; all categories of the scale,
            as Gwet's coefficients depend on their number q.
        values: of the categories, for weights; by default ranks.
    """
    size = counts.shape[1]
    apart = distances(size, weights, values)
    each, labels, pairable = _apart(counts, apart)
    share = counts / np.maximum(labels, 1)[:, None]
    rows = np.column_stack([np.where(pairable, each, 0.0), pairable, share])
    weight = float((1 - apart).sum())

    def observed(t: Array) -> Array:
        return np.asarray(t[..., 0] / t[..., 1])

    def expected(t: Array) -> Array:
        pi = t[..., 2:] / t[..., 2:].sum(axis=-1, keepdims=True)
        if chance == "fleiss":
            return np.asarray(((pi @ apart) * pi).sum(axis=-1))
        return np.asarray(1 - weight / (size * (size - 1)) * (pi * (1 - pi)).sum(axis=-1))

    plain = weights == "identity"
    name = "Fleiss' kappa" if chance == "fleiss" else f"Gwet's AC{1 if plain else 2}"
    return Ratio(
        name, rows[labels > 0], labels > 0, observed, expected, int(labels.sum()),
        int(pairable.sum()), _worst(labels, size, plain),
    )  # fmt: skip


def alpha(counts: Ints, metric: Metric = "nominal", values: Floats | None = None) -> Ratio:
    """Krippendorff's alpha for labels of any number of graders, some missing.

    By coincidences of pairs of labels within items (Krippendorff, *Content Analysis*, 4th ed.
    2018, chapter 12; Hayes and Krippendorff 2007). Items with a single label are not used.

    Args:
        counts: shape (items, categories), categories in order for "ordinal".
        values: shape (categories,), for "interval" and "ratio" (then not negative).

    Raises:
        InputError: for a metric that needs numbers without them, or "ratio" with negative ones.
    """
    _check_metric(metric, values)
    labels = counts.sum(axis=1)
    used = counts[labels >= 2].astype(np.float64)
    n = used.sum(axis=1)
    facts: dict[str, Any] = {"used": labels >= 2, "labels": int(n.sum()), "items": int(n.size)}
    name = "Krippendorff's alpha"
    if metric == "ordinal":
        return _ordinal(used, n, facts)
    if metric == "interval":
        assert values is not None
        return _interval(used, n, values, facts)
    size = counts.shape[1]
    apart = 1.0 - np.eye(size)
    if metric == "ratio":
        assert values is not None
        total = values[:, None] + values[None, :]
        apart = ((values[:, None] - values[None, :]) / np.where(total > 0, total, 1.0)) ** 2
    within = ((used @ apart) * used).sum(axis=1) / (n - 1)
    rows = np.column_stack([within, used])

    def observed(t: Array) -> Array:
        return np.asarray(t[..., 0] / t[..., 1:].sum(axis=-1))

    def expected(t: Array) -> Array:
        m = t[..., 1:]
        whole = m.sum(axis=-1)
        return np.asarray(((m @ apart) * m).sum(axis=-1) / (whole * (whole - 1)))

    worst = _worst(n.astype(np.int64), size, metric == "nominal")
    return Ratio(name, rows, observed=observed, expected=expected, worst=worst, **facts)


def _ordinal(used: Floats, n: Floats, facts: dict[str, Any]) -> Ratio:
    """Distances are squared differences of midranks, which the margins of each draw give."""
    size = used.shape[1]
    low, high = np.triu_indices(size, 1)
    coincide = 2 * used[:, low] * used[:, high] / (n - 1)[:, None]
    rows = np.column_stack([coincide, used])
    pairs = low.size

    def apart(t: Array) -> tuple[Array, Array, Array]:
        m = t[..., pairs:]
        whole = m.sum(axis=-1)
        rank = (np.cumsum(m, axis=-1) - m / 2) / whole[..., None]
        return m, whole, (rank[..., high] - rank[..., low]) ** 2

    def observed(t: Array) -> Array:
        _, whole, d = apart(t)
        return np.asarray((t[..., :pairs] * d).sum(axis=-1) / whole)

    def expected(t: Array) -> Array:
        m, whole, d = apart(t)
        both = 2 * m[..., low] * m[..., high]
        return np.asarray((both * d).sum(axis=-1) / (whole * (whole - 1)))

    return Ratio("Krippendorff's alpha", rows, observed=observed, expected=expected, **facts)


def _interval(used: Floats, n: Floats, values: Floats, facts: dict[str, Any]) -> Ratio:
    """Squared differences need only sums and sums of squares, however many values there are."""
    span = float(np.ptp(values)) or 1.0
    # Centred, so that squares of large numbers with small differences keep their digits.
    margin = used.sum(axis=0)
    v = (values - float(margin @ values) / max(float(margin.sum()), 1.0)) / span
    first, second = used @ v, used @ v**2
    rows = np.column_stack([2 * (n * second - first**2) / (n - 1), n, first, second])

    def observed(t: Array) -> Array:
        return np.asarray(t[..., 0] / t[..., 1])

    def expected(t: Array) -> Array:
        m, s, ss = t[..., 1], t[..., 2], t[..., 3]
        return np.asarray(2 * (m * ss - s * s) / (m * (m - 1)))

    return Ratio("Krippendorff's alpha", rows, observed=observed, expected=expected, **facts)


def cohen(
    table: Ints, *, weights: Weights = "identity", values: Floats | None = None
) -> tuple[Ratio, Floats]:
    """Cohen's kappa of two graders from their table, and the number of items in each row.

    Cohen, EPM 20 (1960) 37; weighted: Psychological Bulletin 70 (1968) 213. A row of the ratio is
    a cell of the table, of which there are as many items as are counted there.

    Args:
        table: shape (categories, categories), items by the first grader's label and the second's.
    """
    size = table.shape[0]
    apart = distances(size, weights, values)

    def observed(t: Array) -> Array:
        return np.asarray((t @ apart.ravel()) / t.sum(axis=-1))

    def expected(t: Array) -> Array:
        cells = t.reshape(*t.shape[:-1], size, size)
        one, two = cells.sum(axis=-1), cells.sum(axis=-2)
        return np.asarray(((one @ apart) * two).sum(axis=-1) / t.sum(axis=-1) ** 2)

    items = int(table.sum())
    name = "Cohen's kappa"
    used = np.ones(size * size, np.bool_)
    ratio = Ratio(name, np.eye(size * size), used, observed, expected, 2 * items, items)
    return ratio, table.ravel().astype(np.float64)


def _apart(counts: Ints, apart: Floats) -> tuple[Floats, Ints, NDArray[np.bool_]]:
    """Mean distance of two labels of an item, labels of each, and which have at least two."""
    labels = counts.sum(axis=1)
    pairable = labels >= 2
    both = ((counts @ apart) * counts).sum(axis=1)
    return both / np.maximum(labels * (labels - 1), 1), labels, pairable


def _worst(labels: Ints, size: int, plain: bool) -> float:
    """The largest mean distance of two labels of an item: labels spread as evenly as can be."""
    n = labels[labels >= 2].astype(np.int64)
    if not n.size:
        return 1.0
    least = int(n.min())
    over = min(size, least) if plain else 2
    whole, more = divmod(least, over)
    together = more * (whole + 1) * whole + (over - more) * whole * (whole - 1)
    return 1 - together / (least * (least - 1))


def _check_metric(metric: str, values: Floats | None) -> None:
    if metric not in METRICS:
        raise InputError(f"scale: wanted one of {', '.join(METRICS)}, got {metric!r}")
    if metric in ("interval", "ratio") and values is None:
        raise InputError(f"scale: {metric} needs categories that are numbers")
    if metric == "ratio" and values is not None and float(values.min()) < 0:
        raise InputError(f"scale: ratio needs numbers of 0 or more, got {values.min():g}")
