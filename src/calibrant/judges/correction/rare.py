"""How high can a rare rate be, if a judge flags and people check? An exact bound, both errors in.

Gold labels on all (or a sample) of the flagged items find events; gold labels on a random sample
of the others bound what the judge missed. The error is split between the two beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.stats.estimates.betting import check_level
from calibrant.stats.estimates.intervals import clopper_pearson


@dataclass(frozen=True)
class RareBound:
    """An upper bound on a rare rate.

    Attributes:
        value: the estimate; None where items of a kind occur and none of them is labelled.
        bound: holds with probability at least `level`.
        level: confidence.
        parts: what the bound is made of, with the error spent on each; they add up to it.
        share: of the error spent on flagged items.
    """

    value: float | None
    bound: float
    level: float
    parts: tuple[tuple[str, float, float], ...]
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        parts = [{"source": s, "alpha": a, "bound": b} for s, a, b in self.parts]
        return {**self.__dict__, "parts": parts}

    def __repr__(self) -> str:
        said = ", ".join(f"{s} {b:.3g}" for s, _, b in self.parts)
        seen = "unknown" if self.value is None else f"estimate {self.value:.4g}"
        return f"At most {self.bound:.4g} ({self.level:.0%}, {seen}): {said}"


def rare_upper(
    flagged: tuple[int, int, int],
    passed: tuple[int, int, int],
    *,
    unparsed: int = 0,
    share: float | None = None,
    level: float = 0.95,
) -> RareBound:
    """An exact upper bound on a rate from a judge's flags and gold labels.

    The rate is P(flagged and positive) + P(not flagged and positive). The first has a
    Clopper–Pearson bound over all items if every flagged item is labelled, else the product of
    bounds for the share of flagged items and for the rate among them, with half its error each.
    The second is at most the bound for the rate among passed items. Items without a verdict are
    taken as events.

    Args:
        flagged: items that the judge flags, gold labels among them, positive ones among those.
        passed: the same of items that it does not flag; labels are a random sample of these.
        unparsed: items without a verdict.
        share: of the error for flagged items, strictly between 0 and 1, chosen before labels are
            seen; by default `best_share` for the numbers of items and labels.

    Raises:
        InputError: for impossible counts or shares, or no items.
    """
    check_level(level)
    for name, (m, n, x) in (("flagged", flagged), ("passed", passed)):
        if not 0 <= x <= n <= m:
            raise InputError(f"{name}: wanted positives ≤ labels ≤ items, got {x}, {n} and {m}")
    if unparsed < 0:
        raise InputError(f"unparsed: wanted 0 or more, got {unparsed}")
    (m1, n1, x1), (m0, n0, x0) = flagged, passed
    total = m1 + m0 + unparsed
    if total < 1:
        raise InputError("items: wanted at least one, got none")
    if share is None:
        share = best_share(total, n0)
    if not 0 < share < 1:
        raise InputError(f"share: wanted strictly between 0 and 1, got {share!r}")
    one, two = (1 - level) * share, (1 - level) * (1 - share)

    def upper(k: int, n: int, alpha: float) -> float:
        return clopper_pearson(k, n, level=1 - alpha, side="upper").high

    if n1 == m1:
        found = upper(x1 + unparsed, total, one)
    else:
        # Unflagged for want of a verdict: an event for sure, beside those among the flagged.
        third = one / 3 if unparsed else 0.0
        half = (one - third) / 2
        lost = upper(unparsed, total, third) if unparsed else 0.0
        found = upper(m1, total, half) * upper(x1, n1, half) + lost
    parts = (("flagged items", one, found), ("passed items", two, upper(x0, n0, two)))
    known = (n1 > 0 or m1 == 0) and (n0 > 0 or m0 == 0)
    value = None
    if known:
        value = (m1 * (x1 / n1 if n1 else 0) + m0 * (x0 / n0 if n0 else 0)) / total
    return RareBound(value, min(1.0, found + parts[1][2]), level, parts, share)


def best_share(items: int, passed_labels: int, *, expected: tuple[float, float] = (0, 0)) -> float:
    """The split of the error with the lowest bound for the events that are expected.

    Uses only what is fixed before labels are seen; with none expected it is near labels / (labels +
    items), as bounds without events fall like log(1/error) / n.

    Args:
        items: all items; passed_labels: gold labels planned on items that are not flagged.
        expected: events expected among flagged and among labelled passed items.
    """
    if items < 1 or passed_labels < 0:
        raise InputError(f"counts: wanted items and labels, got {items} and {passed_labels}")
    if passed_labels == 0:
        return 0.5
    shares = np.linspace(0.02, 0.98, 97)
    k, j = (round(e) for e in expected)

    def total(s: float) -> float:
        one = clopper_pearson(min(k, items), items, level=1 - 0.05 * s, side="upper")
        two = clopper_pearson(
            min(j, passed_labels), passed_labels, level=1 - 0.05 * (1 - s), side="upper"
        )
        return one.high + two.high

    return float(shares[int(np.argmin([total(s) for s in shares]))])
