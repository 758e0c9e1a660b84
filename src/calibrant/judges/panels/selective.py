"""From which confidence on may a verdict be taken without asking a person?

The answer keeps a promise on new items: with confidence 1 - delta over the gold sample, verdicts
at or above the threshold agree with gold at least `target` of the time. Thresholds are tested one
after another in an order fixed beforehand, from the one that is surest to hold to ever more
generous ones, each at level delta, until one fails: no correction for their number is needed
(fixed-sequence testing; Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test",
arXiv:2110.01052; Bauer et al. 1998). Each test is exact: Clopper and Pearson's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

from calibrant.errors import InputError
from calibrant.stats.estimates.clusters import Clusters, cluster_upper
from calibrant.stats.estimates.intervals import Interval
from calibrant.stats.estimates.rates import interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_THRESHOLDS = 100
POWER = 0.8
"""Chance of a guarantee with the number of labels that is asked for."""
MOST_LABELS = 10_000_000
PULL = 5.0
"""Items with the overall error rate that a threshold's own are mixed with, to order thresholds."""


@dataclass(frozen=True)
class Step:
    """One tested threshold: verdicts accepted, errors among them, and whether it passed."""

    threshold: float
    accepted: int
    errors: int
    passed: bool


@dataclass(frozen=True)
class Guarantee:
    """What may be accepted automatically.

    Attributes:
        threshold: verdicts with at least this confidence are accepted; None if nothing can be
            guaranteed.
        target: the agreement with gold among accepted verdicts that holds with confidence
            1 - delta.
        delta: the chance, over gold samples, that it does not hold.
        coverage: share of items accepted, on the calibration part; None without a threshold.
        accepted, errors: calibration items accepted, and those among them that disagree with gold.
        learning, calibration: gold items that chose the thresholds' order, and that tested them.
        steps: the thresholds tested, in order.
        cannot: why there is no guarantee; None if there is.
        need: about how many gold items in all would give one, with a power of 80 %; None if that
            cannot be said, or is not needed.
    """

    threshold: float | None
    target: float
    delta: float
    coverage: Interval | None
    accepted: int
    errors: int
    learning: int
    calibration: int
    steps: tuple[Step, ...]
    method: str
    cannot: str | None = None
    need: int | None = None

    @property
    def agreement(self) -> float | None:
        """The observed agreement of accepted calibration items; not the promise."""
        return None if not self.accepted else 1 - self.errors / self.accepted

    def __repr__(self) -> str:
        if self.cannot is not None:
            return f"agreement of {self.target:.1%} is not guaranteed: {self.cannot}"
        assert self.coverage is not None
        share = self.accepted / self.calibration
        return (
            f"confidence of {self.threshold:.4g} or more: {share:.1%} of items "
            f"({self.coverage.low:.1%} to {self.coverage.high:.1%}) are accepted, and agree with "
            f"gold at least {self.target:.1%} of the time with confidence {1 - self.delta:.0%}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"agreement": self.agreement, "text": repr(self)}


def check_promise(target: float, delta: float) -> None:
    """Refuse a target or an error rate outside 0–1."""
    for name, x in (("target", target), ("delta", delta)):
        if not isinstance(x, int | float | np.floating) or not 0 < x < 1:
            raise InputError(f"{name}: wanted strictly between 0 and 1, got {x!r}")


def p_value(errors: int, n: int, risk: float) -> float:
    """The chance of so few errors among n where their rate is `risk`; 1 for n = 0."""
    return 1.0 if n == 0 else float(bdtr(errors, n, risk))


def least_labels(target: float, delta: float) -> int:
    """Accepted items without any error that a guarantee takes at least."""
    return math.ceil(math.log(delta) / math.log(target))


def chance(rate: float, n: int, target: float, delta: float) -> float:
    """The chance that the test passes on n accepted items whose errors have this rate."""
    low, high = -1, n  # the most errors that pass lie from low up to below high
    while high - low > 1:
        k = (low + high) // 2
        if float(bdtr(k, n, 1 - target)) <= delta:
            low = k
        else:
            high = k
    return 0.0 if low < 0 else float(bdtr(low, n, rate))


def shrunk(errors: float, n: float, overall: float) -> float:
    """An error rate pulled a little towards that of all verdicts; few items prove nothing."""
    return (errors + PULL * overall) / (n + PULL)


def candidates(
    scores: Floats, wrong: NDArray[np.bool_], n: int, target: float, delta: float
) -> Floats:
    """Thresholds in the order in which they will be tested, from the learning part.

    It begins where the test is most likely to pass on `n` calibration items and goes down.

    Args:
        scores, wrong: of the learning part; any data that the calibration part does not touch.
    """
    levels = np.unique(scores)[::-1]
    if levels.size > MOST_THRESHOLDS:
        at = np.linspace(0, scores.size - 1, MOST_THRESHOLDS).round().astype(int)
        levels = np.unique(np.sort(scores)[at])[::-1]
    overall = (float(wrong.sum()) + 0.5) / (wrong.size + 1)
    hopes = []
    for level in levels:
        taken = scores >= level
        rate = shrunk(float(wrong[taken].sum()), float(taken.sum()), overall)
        hopes.append(chance(rate, max(1, round(n * float(taken.mean()))), target, delta))
    # Where nothing can pass, the largest sample says most about what is lacking.
    first = int(np.argmax(hopes)) if max(hopes) > 0 else levels.size - 1
    return np.asarray(levels[first:])


def passes(
    wrong: NDArray[np.bool_], clusters: NDArray[Any] | None, target: float, delta: float
) -> bool:
    """Whether accepted items with these errors show a rate of at most 1 - target."""
    if wrong.size == 0:
        return False
    if clusters is None or np.unique(clusters).size == clusters.size:
        return p_value(int(wrong.sum()), wrong.size, 1 - target) <= delta
    if np.unique(clusters).size < 2:
        return False
    upper = cluster_upper(Clusters.of(wrong.astype(float), clusters), level=1 - delta)
    return upper <= 1 - target


def select(
    scores: ArrayLike,
    wrong: ArrayLike,
    thresholds: Sequence[float] | Floats,
    *,
    target: float = 0.95,
    delta: float = 0.05,
    clusters: ArrayLike | None = None,
    learning: int = 0,
) -> Guarantee:
    """The most generous threshold that passes, tested in the order given.

    The guarantee is exact if items are independent draws from those the threshold will be used
    on, and neither the verdicts, nor the thresholds, nor their order were chosen with these
    items. With clusters it is that of `cluster_upper`, which is not exact.

    Args:
        scores: shape (n,), the confidence of each calibration verdict; ties are no problem.
        wrong: shape (n,), whether it disagrees with gold.
        thresholds: in the order of testing; verdicts with scores at or above one are accepted.
        clusters: shape (n,), what items belong to.
        learning: gold items spent elsewhere, for the account.

    Raises:
        InputError: for lengths that differ, scores that are not finite, or rates outside 0–1.
    """
    check_promise(target, delta)
    s, bad = np.asarray(scores, float), np.asarray(wrong, bool)
    groups = None if clusters is None else np.asarray(clusters)
    if s.ndim != 1 or s.shape != bad.shape or (groups is not None and groups.shape != s.shape):
        raise InputError(f"scores: wanted one for each of {bad.size} verdicts, got {s.shape}")
    if not np.all(np.isfinite(s)):
        raise InputError("scores: wanted finite numbers")
    steps: list[Step] = []
    last: Step | None = None
    for threshold in thresholds:
        taken = s >= threshold
        ok = passes(bad[taken], None if groups is None else groups[taken], target, delta)
        steps.append(Step(float(threshold), int(taken.sum()), int(bad[taken].sum()), ok))
        if not ok:
            break
        last = steps[-1]
    method = "fixed sequence, " + ("Clopper–Pearson" if groups is None else "clusters")
    if last is None:
        why, need = _why(steps, s.size, learning, target, delta)
        return Guarantee(None, target, delta, None, 0, 0, learning, s.size, tuple(steps), method,
                         why, need)  # fmt: skip
    coverage = interval(last.accepted, s.size)
    return Guarantee(last.threshold, target, delta, coverage, last.accepted, last.errors, learning,
                     s.size, tuple(steps), method)  # fmt: skip


def _why(
    steps: Sequence[Step], n: int, learning: int, target: float, delta: float
) -> tuple[str, int | None]:
    """Why nothing passed, and about how many gold items would."""
    if not steps or n == 0:
        return "no gold items to test it on", None
    step = steps[0]
    least = least_labels(target, delta)
    if step.accepted == 0:
        return f"no verdict of {n} reaches the surest threshold, {step.threshold:.4g}", None
    rate = step.errors / step.accepted
    if rate >= 1 - target:
        seen = f"{step.errors} of {step.accepted} verdicts at the surest threshold are wrong"
        return f"{seen}; more labels would hardly help", None
    accepted = needed((step.errors + 0.5) / (step.accepted + 1), target, delta)
    if accepted is None:
        return (
            f"{step.errors} of {step.accepted} verdicts at the surest threshold are wrong: too "
            "close to the target for any number of labels to be named", None
        )  # fmt: skip
    share = n / (n + learning)
    need = math.ceil(accepted * n / step.accepted / share)
    fewer = f" (at least {least} without any error)" if step.accepted < least else ""
    return (
        f"cannot be guaranteed with so few labels: {step.accepted} accepted with {step.errors} "
        f"wrong{fewer}; need about {need:,} gold items in all"
    ), need


def needed(rate: float, target: float, delta: float) -> int | None:
    """Accepted items with which the test passes with a power of 80 %, if errors have this rate.

    None if it takes more than ten million, as it does where the rate is no better than the target.
    """
    if rate >= 1 - target:
        return None

    n = least_labels(target, delta)
    while chance(rate, n, target, delta) < POWER:
        n = math.ceil(n * 1.05) + 1
        if n > MOST_LABELS:
            return None
    return n


def conformal(scores: ArrayLike, wrong: ArrayLike, *, risk: float) -> float | None:
    """The least threshold whose expected share of items accepted and wrong is at most `risk`.

    Conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster, arXiv:2208.02814): exact
    in expectation over gold samples for exchangeable items, whatever the scores. The share is of
    all items, not of accepted ones, and no confidence is attached to one sample.

    Returns:
        The threshold, among the scores; None if only infinity will do.
    """
    s, bad = np.asarray(scores, float), np.asarray(wrong, bool)
    if s.ndim != 1 or s.shape != bad.shape or not np.all(np.isfinite(s)):
        raise InputError(f"scores: wanted a finite one for each of {bad.size} verdicts")
    if not 0 < risk < 1:
        raise InputError(f"risk: wanted strictly between 0 and 1, got {risk!r}")
    levels, where = np.unique(s, return_inverse=True)
    at = np.bincount(where.reshape(-1), weights=bad, minlength=levels.size)
    above = at[::-1].cumsum()[::-1]
    fine = np.flatnonzero((above + 1) / (s.size + 1) <= risk)
    return float(levels[fine[0]]) if fine.size else None
