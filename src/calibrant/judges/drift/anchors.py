"""Has a judge moved, looked at every week? The same anchors graded again and again.

Two questions are kept apart. *Has it moved at all?* If not, the verdicts of one anchor at
different times are exchangeable: which of them came last is chance. Given how often each anchor
was passed in all, the passes in the last w gradings have a known law (hypergeometric, added up
over anchors), so each look has an exact p-value; for two gradings it is McNemar's test. Weeks and
windows share the error, 1/(t(t + 1)) of it for week t, so that looking every week is allowed. *How
often does it contradict the reference verdicts?* A confidence sequence by betting, at the ends of
weeks.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.stats.comparisons.paired import ENUMERATED, paired_t, sign_flip
from calibrant.stats.estimates.betting import check_level, log_capital, upper_bound

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One time at which the anchors were graded, after the first.

    Attributes:
        time: its name.
        graded, missing: anchors with a verdict, and without.
        mean: of the verdicts.
        up, down: anchors above, below their reference verdict.
        p_value: of "nothing has changed yet" from the gradings so far, for this look alone.
        p_anytime: the same, valid at every look: the smallest so far, each week with its share.
        flips_low, flips_high: confidence sequence for the share of anchors that contradict their
            reference, if it is the same every week.
        shift_low, shift_high: the same for the mean of verdict minus reference; None for scores
            outside 0–1.
        e_value: against "that share is at most the tolerance in every week"; None without one.
    """

    time: str
    graded: int
    missing: int
    mean: float
    up: int
    down: int
    p_value: float
    p_anytime: float
    flips_low: float
    flips_high: float
    shift_low: float | None
    shift_high: float | None
    e_value: float | None


@dataclass(frozen=True)
class Watch:
    """A judge over time.

    Attributes:
        reference: the time whose verdicts are the reference, the first.
        anchors: graded at it.
        looks: one for each later time.
        level: of all looks together.
        tolerance: the share of contradicted references that is accepted, or None.
        moved_at: the first time at which a change is shown; None if none is.
        beyond_at: the first time at which flips beyond the tolerance are shown.
    """

    reference: str
    anchors: int
    looks: tuple[Look, ...]
    level: float
    tolerance: float | None
    moved_at: str | None
    beyond_at: str | None

    def __repr__(self) -> str:
        last = self.looks[-1]
        moved = (
            f"has moved, shown at {one_line(self.moved_at, 40)}"
            if self.moved_at is not None
            else "no change shown"
        )
        return (
            f"{self.anchors:,} anchors at {len(self.looks)} times after "
            f"{one_line(self.reference, 40)}: {moved} (p = {last.p_anytime:.2g}, valid at every "
            f"look); {last.flips_low:.1%} to {last.flips_high:.1%} contradict the reference "
            f"({self.level:.0%})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"looks": [asdict(look) for look in self.looks]}


def watch(
    verdicts: ArrayLike,
    *,
    times: list[str] | None = None,
    tolerance: float | None = None,
    level: float = 0.95,
) -> Watch:
    """Look at a judge's verdicts on the same anchors at every time.

    Anchors are independent of each other; nothing else is assumed of a judge that does not move:
    it may be deterministic or random, and anchors easy or hard. For scores other than 0 and 1 the
    p-values are those of `paired_t`, or sign flips for few anchors that differ: approximate.

    Args:
        verdicts: shape (times, anchors), in order; nan where there is none. The first row is
            the reference: anchors without a verdict in it are left out.
        times: names; 0, 1, … by default.
        tolerance: accepted share of anchors that contradict their reference, strictly inside 0–1.

    Raises:
        InputError: for another shape, fewer than two times or anchors, no verdict at some time.
    """
    x = np.asarray(verdicts, dtype=float)
    check_level(level)
    if x.ndim != 2 or x.shape[0] < 2:
        raise InputError(f"verdicts: wanted at least two times of anchors, got shape {x.shape}")
    if np.isinf(x).any():
        raise InputError("verdicts: wanted finite numbers, got infinity")
    if tolerance is not None and not 0 < tolerance < 1:
        raise InputError(f"tolerance: wanted strictly between 0 and 1, got {tolerance!r}")
    names = [str(t) for t in range(x.shape[0])] if times is None else times
    if len(names) != x.shape[0]:
        raise InputError(f"times: wanted {x.shape[0]} names, got {len(names)}")
    x = x[:, ~np.isnan(x[0])]
    if x.shape[1] < 2:
        raise InputError(f"anchors: wanted at least 2 with a reference verdict, got {x.shape[1]}")
    empty = np.flatnonzero(np.isnan(x).all(axis=1))
    if empty.size:
        raise InputError(f"time {names[empty[0]]!r}: wanted verdicts, got none")
    looks = _looks(x, names, tolerance, 1 - level)
    moved = [look.time for look in looks if look.p_anytime <= 1 - level + 1e-12]
    beyond = [k.time for k in looks if k.e_value is not None and k.e_value >= 1 / (1 - level)]
    return Watch(
        names[0], x.shape[1], looks, level, tolerance,
        moved[0] if moved else None, beyond[0] if beyond else None,
    )  # fmt: skip


def _looks(x: Floats, names: list[str], tolerance: float | None, alpha: float) -> tuple[Look, ...]:
    found = []
    anytime, flips, shifts = 1.0, np.zeros(0), np.zeros(0)
    limits = [0.0, 1.0, -1.0, 1.0]
    unit = bool(np.nanmin(x) >= 0 and np.nanmax(x) <= 1)
    e = None
    for t in range(1, x.shape[0]):
        windows = [2**j for j in range(t.bit_length()) if 2**j <= t]
        p = min(1.0, len(windows) * min(changed(x[: t + 1], w) for w in windows))
        anytime = min(anytime, p * t * (t + 1))
        there = ~np.isnan(x[t])
        apart = x[t, there] - x[0, there]
        flips = np.concatenate([flips, (apart != 0).astype(float)])
        # Bounds are taken at the ends of weeks only: within one, anchors differ in their rates.
        limits[0] = max(limits[0], 1 - upper_bound(1 - flips, alpha / 2))
        limits[1] = min(limits[1], upper_bound(flips, alpha / 2))
        if unit:
            shifts = np.concatenate([shifts, (apart + 1) / 2])
            limits[2] = max(limits[2], 1 - 2 * upper_bound(1 - shifts, alpha / 2))
            limits[3] = min(limits[3], 2 * upper_bound(shifts, alpha / 2) - 1)
        if tolerance is not None:
            e = math.exp(min(log_capital(1 - flips, 1 - tolerance), 700.0))
        found.append(
            Look(
                names[t], int(there.sum()), int((~there).sum()), float(x[t, there].mean()),
                int((apart > 0).sum()), int((apart < 0).sum()), p, anytime,
                limits[0], limits[1], limits[2] if unit else None, limits[3] if unit else None, e,
            )
        )  # fmt: skip
    return tuple(found)


def changed(x: Floats, window: int) -> float:
    """The p-value of "the last `window` gradings are like those before", two-sided.

    Args:
        x: shape (times, anchors), nan where there is none.
    """
    late, early = x[-window:], x[:-window]
    n_late = (~np.isnan(late)).sum(axis=0)
    n_early = (~np.isnan(early)).sum(axis=0)
    use = (n_late > 0) & (n_early > 0)
    if not use.any():
        return 1.0
    late, early, n_late, n_early = late[:, use], early[:, use], n_late[use], n_early[use]
    ones, before = np.nansum(late, axis=0), np.nansum(early, axis=0)
    seen = x[~np.isnan(x)]
    if not np.isin(seen, (0, 1)).all():
        return _scores(ones / n_late - before / n_early)
    total = (ones + before).astype(np.int64)
    both = n_late + n_early
    free = (total > 0) & (total < both)
    law = np.ones(1)
    for k, n, w in zip(total[free], both[free], n_late[free], strict=True):
        law = np.convolve(law, hypergeometric_law(int(k), int(n), int(w)))
    s = int(ones[free].sum())
    return min(1.0, 2 * float(min(law[: s + 1].sum(), law[s:].sum())))


@lru_cache(maxsize=65536)
def hypergeometric_law(k: int, n: int, w: int) -> Floats:
    """The chances of 0…w passes among w gradings drawn from n of which k are passes."""
    x = np.arange(w + 1)
    inside = (x <= k) & (w - x <= n - k)
    y = np.where(inside, x, 0)
    z = np.where(inside, w - x, 0)

    def choose(m: int, j: Any) -> Any:
        return gammaln(m + 1) - gammaln(j + 1) - gammaln(np.maximum(m - j, 0) + 1)

    logs = choose(k, y) + choose(n - k, z) - choose(n, np.array(w))
    return np.where(inside, np.exp(logs), 0.0)


def _scores(apart: Floats) -> float:
    differ = int(np.count_nonzero(apart))
    if differ < 6:  # sign flips could not show anything
        return 1.0
    if apart.size <= ENUMERATED:
        return sign_flip(apart).p_value
    if np.ptp(apart) <= 1e-12 * float(np.abs(apart).max()):
        return 2.0 ** (1 - apart.size)
    return paired_t(apart).p_value


def in_order(names: list[str]) -> list[str]:
    """Distinct times in order: numbers and dates by value, others as they first appear."""
    distinct = list(dict.fromkeys(names))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        dates = all(re.match(r"\d{4}-\d\d", name) for name in distinct)
        return sorted(distinct) if dates else distinct
