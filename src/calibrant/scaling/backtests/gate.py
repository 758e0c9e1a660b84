"""May this forecast be believed? The rule that withholds it, from what the past covered.

A back-test counts how many outcomes fell into their intervals. Outcomes of one family miss
together, so they are worth fewer than they are: their number is divided by a design effect, from
how much their probability integral transforms resemble each other within families.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.scaling.scores import Floats, Names

Verdict = Literal["held", "failed", "too few"]

ERROR = 0.1
"""The chance with which a forecaster that keeps its promise is called failed."""

PASSES = 0.1
"""The chance, at most, with which one that covers `WRONG` less than promised may pass."""

WRONG = 0.4
FAMILIES = 5
"""Independent groups below which nothing is concluded."""

_PRIOR, _PAIRS = 0.5, 3.0
"""The likeness within families that is assumed, and the number of pairs that it is worth."""


@dataclass(frozen=True)
class Gate:
    """What the past says of a promise.

    Attributes:
        verdict: held, failed or too few (outcomes to tell).
        n, families: outcomes, and groups that may miss together.
        effective: independent outcomes that would be worth as much.
        needed: how many are needed before a gross failure would be seen.
        covered: how many fell into their intervals.
        level: the promised share.
        likeness: correlation of transformed outcomes within families.
        p: mid-p of so many misses, or more, if the promise were kept; None where too few.
    """

    verdict: Verdict
    n: int
    families: int
    effective: float
    needed: int
    covered: float
    level: float
    likeness: float
    p: float | None

    def __repr__(self) -> str:
        return f"Gate {self.verdict}: {self.says}"

    @property
    def says(self) -> str:
        """The verdict's grounds, in a clause."""
        if self.n == 0:
            return "no outcome was tried there"
        text = (
            f"{self.level:.0%} intervals held {self.covered:.0f} of {self.n} outcomes in "
            f"{self.families} families"
        )
        if self.verdict == "too few":
            return (
                f"{text}, worth {self.effective:.1f} independent ones; {self.needed} in "
                f"{FAMILIES} families are needed to tell"
            )
        assert self.p is not None
        return f"{text}, worth {self.effective:.1f} independent ones (p {self.p:.2g})"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def judge(covered: NDArray[np.bool_], transform: Floats, family: Names, level: float = 0.9) -> Gate:
    """Did forecasts keep their promise at one horizon?

    Args:
        covered: shape (n,); whether each outcome fell into its central interval.
        transform: shape (n,); probability integral transforms, P(score ≤ outcome).
        family: shape (n,); what misses together.
        level: the promised share.

    The misses, scaled to the effective number, are compared with a binomial of misses that are
    1 - level likely, by the mid-p value, at error 0.1 one-sided: intervals that are too wide are
    said elsewhere, not withheld. Where even a coverage of level - 0.4 would pass more than 10 % of
    the time, or there are fewer than five families, the verdict is "too few".
    """
    n = int(covered.size)
    needed = needed_for(level)
    if n == 0:
        return Gate("too few", 0, 0, 0.0, needed, 0.0, level, _PRIOR, None)
    likeness = within(transform, family)
    sizes = np.unique(family, return_counts=True)[1].astype(float)
    together = indicator_correlation(likeness, level)
    worth = n / (1 + together * float((sizes * (sizes - 1)).sum()) / n)
    hits = float(covered.sum())
    if worth < needed or sizes.size < FAMILIES:
        return Gate("too few", n, sizes.size, worth, needed, hits, level, likeness, None)
    p = mid_p((n - hits) * worth / n, worth, level)
    verdict: Verdict = "failed" if p < ERROR else "held"
    return Gate(verdict, n, sizes.size, worth, needed, hits, level, likeness, p)


def within(transform: Floats, family: Names) -> float:
    """The intraclass correlation of normal scores within families, 0 to 0.99, shrunk towards 0.5.

    One-way analysis of variance with unequal sizes (Donner, International Statistical Review 54
    (1986) 67, equation 2.1); the prior is worth three pairs.
    """
    z = special.ndtri(np.clip(transform, 1e-4, 1 - 1e-4))
    _, group = np.unique(family, return_inverse=True)
    sizes = np.bincount(group).astype(float)
    n, many = z.size, sizes.size
    pairs = float((sizes - 1).sum())
    if pairs == 0:
        return _PRIOR
    found = _PRIOR
    if many > 1:
        means = np.bincount(group, weights=z) / sizes
        between = float((sizes * (means - z.mean()) ** 2).sum()) / (many - 1)
        inside = float(((z - means[group]) ** 2).sum()) / pairs
        typical = (n - float((sizes**2).sum()) / n) / (many - 1)
        total = between + (typical - 1) * inside
        found = (between - inside) / total if total > 0 else _PRIOR
    return float(np.clip((pairs * found + _PAIRS * _PRIOR) / (pairs + _PAIRS), 0, 0.99))


def indicator_correlation(likeness: float, level: float) -> float:
    """The correlation of two outcomes' being covered, if their normal scores correlate so.

    By Hermite's expansion of the indicator of |z| ≤ q: only even orders, so that it is of the order
    of likeness², and tends to 1 with it.
    """
    k, square = _hermite(level)
    return float(min((square * likeness**k).sum() / (level * (1 - level)), 1.0))


@lru_cache(maxsize=64)
def _hermite(level: float) -> tuple[Floats, Floats]:
    """Even orders, and the squared coefficients of the indicator of |z| ≤ q."""
    q = float(special.ndtri((1 + level) / 2))
    density = np.exp(-q * q / 2) / np.sqrt(2 * np.pi)
    # h_k = He_k(q) / sqrt(k!) by its recurrence; the k-th coefficient is -2 φ(q) h_{k-1} / sqrt(k).
    before, now, found = 0.0, 1.0, []
    for k in range(1, 400):
        if k % 2 == 0:
            found.append((2 * density * now) ** 2 / k)
        before, now = now, (q * now - np.sqrt(k - 1) * before) / np.sqrt(k)
    return np.arange(2.0, 400.0, 2.0), np.array(found)


def mid_p(misses: float, n: float, level: float) -> float:
    """P(more misses) + P(as many) / 2 of a binomial, carried on between whole numbers."""
    more = float(special.betainc(misses + 1, max(n - misses, 1e-9), 1 - level))
    least = 1.0 if misses <= 0 else float(special.betainc(misses, n - misses + 1, 1 - level))
    return (more + least) / 2


@lru_cache(maxsize=64)
def needed_for(level: float) -> int:
    """Independent outcomes from which a coverage of level - 0.4 passes at most 10 % of the time."""
    wrong = max(level - WRONG, 0.02)
    last = 1
    for n in range(2, 80):
        fewest = next((m for m in range(n + 1) if mid_p(m, n, level) < ERROR), n + 1)
        passes = 1.0 if fewest == 0 else float(special.bdtr(fewest - 1, n, 1 - wrong))
        if passes > PASSES:
            last = n
    return last + 1
