"""How high can a rare rate be, all sources counted? Bounds where squares must not be added.

Near zero a rate's error is one-sided and far from normal, so upper limits are combined by splitting
the allowed error (Bonferroni), and missing trials count as the worst that they could have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from calibrant.errors import InputError
from calibrant.stats.estimates.betting import check_level, check_side
from calibrant.stats.estimates.intervals import Side, clopper_pearson


@dataclass(frozen=True)
class RatePart:
    """A counted part of a total rate.

    Attributes:
        source: such as "direct attacks".
        events, trials: 0 ≤ events ≤ trials; trials without a score are left out of both.
        weight: change of the total per unit of this rate, above 0; its share of use, say.
        missing: trials without a score; each is taken as an event in the bound.
        share: its share of the allowed error, above 0; equal shares if none of the parts has one.
            It must be chosen before the counts are seen.
    """

    source: str
    events: int
    trials: int
    weight: float = 1.0
    missing: int = 0
    share: float | None = None


@dataclass(frozen=True)
class Declared:
    """A Type B term: a bound taken from outside, not from counts, and the reason for it."""

    source: str
    bound: float
    reason: str = ""


@dataclass(frozen=True)
class BoundPart:
    """One part of a bound: its source, the error spent on it (0 if declared), its own upper limit,
    and what it adds to the total."""

    source: str
    alpha: float
    upper: float
    contribution: float


@dataclass(frozen=True)
class RateBound:
    """An upper bound on a weighted sum of rates.

    Attributes:
        value: the observed total, from scored trials and without declared terms.
        bound: holds with probability at least `level`, if the declared terms do.
        level: confidence.
        parts: what the bound is made of; contributions add to it.
    """

    value: float
    bound: float
    level: float
    parts: tuple[BoundPart, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**self.__dict__, "parts": [dict(p.__dict__) for p in self.parts]}

    def __repr__(self) -> str:
        listed = ", ".join(
            f"{p.source} {p.contribution:.3g}"
            for p in sorted(self.parts, key=lambda p: -p.contribution)
        )
        return f"At most {self.bound:.4g} ({self.level:.0%}, observed {self.value:.4g}): {listed}"


def bound_total(
    parts: Sequence[RatePart], declared: Sequence[Declared] = (), *, level: float = 0.95
) -> RateBound:
    """Upper bound on Σ weight × rate + Σ declared, by splitting the error over the parts.

    Each rate gets an exact upper limit (Clopper and Pearson 1934) at its share of 1 - level; all
    hold at once with probability at least `level`, whatever the dependence between parts
    (Bonferroni), so their weighted sum is an upper bound. With one part it is exact.

    Raises:
        InputError: for no parts, impossible counts, weights, shares or bounds, repeated sources, a
            share given to some parts only, or a level outside 0–1.
    """
    check_level(level)
    if not parts:
        raise InputError("parts: wanted at least one, got none")
    names = [p.source for p in parts] + [d.source for d in declared]
    if len(set(names)) < len(names):
        raise InputError(f"parts: wanted different sources, got {names}")
    for part in parts:
        _check_part(part)
    for d in declared:
        if not (isfinite(d.bound) and d.bound >= 0):
            raise InputError(f"{d.source!r}: wanted a bound of 0 or more, got {d.bound!r}")
    given = [p.share for p in parts if p.share is not None]
    if given and len(given) < len(parts):
        raise InputError("share: wanted one for every part or for none")
    shares = given or [1.0] * len(parts)
    found = []
    for part, share in zip(parts, shares, strict=True):
        alpha = (1 - level) * share / sum(shares)
        n = part.trials + part.missing
        upper = clopper_pearson(part.events + part.missing, n, level=1 - alpha, side="upper").high
        found.append(BoundPart(part.source, alpha, upper, part.weight * upper))
    found += [BoundPart(d.source, 0.0, d.bound, d.bound) for d in declared]
    value = sum(p.weight * p.events / p.trials for p in parts)
    return RateBound(value, sum(p.contribution for p in found), level, tuple(found))


def _check_part(part: RatePart) -> None:
    where = f"part {part.source!r}"
    check_counts(where, part.events, part.trials)
    if part.missing < 0:
        raise InputError(f"{where}: wanted missing of 0 or more, got {part.missing}")
    if not (isfinite(part.weight) and part.weight > 0):
        raise InputError(f"{where}: wanted a weight above 0, got {part.weight!r}")
    if part.share is not None and not (isfinite(part.share) and part.share > 0):
        raise InputError(f"{where}: wanted a share above 0, got {part.share!r}")


@dataclass(frozen=True)
class MissingBounds:
    """A rate with trials missing.

    Attributes:
        least, most: the rate if every missing trial was no event, or was one.
        low, high: confidence limits that allow for both.
        level: confidence.
        missing: trials without a score, of `trials` in all.
    """

    least: float
    most: float
    low: float
    high: float
    level: float
    missing: int
    trials: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return (
            f"Between {self.least:.4g} and {self.most:.4g}, as {self.missing} of {self.trials} "
            f"trials are missing; [{self.low:.4g}, {self.high:.4g}] ({self.level:.0%})"
        )


def missing_bounds(
    events: int, scored: int, missing: int, *, level: float = 0.95, side: Side = "two"
) -> MissingBounds:
    """Worst-case bounds for missing trials (Manski, *Partial Identification*, 2003, chapter 1).

    The lower limit takes every missing trial as no event and the upper one takes it as an event,
    each by Clopper and Pearson, so no assumption about why trials are missing is needed.

    Raises:
        InputError: for impossible counts, no trials, or a level outside 0–1.
    """
    check_level(level)
    check_side(side)
    total = scored + missing
    if missing < 0 or total < 1 or not 0 <= events <= scored:
        raise InputError(
            f"counts: wanted 0 ≤ events ≤ scored and missing of 0 or more, at least one trial, "
            f"got {events}, {scored}, {missing}"
        )
    low = clopper_pearson(events, total, level=level, side=side).low
    high = clopper_pearson(events + missing, total, level=level, side=side).high
    return MissingBounds(
        events / total, (events + missing) / total, low, high, level, missing, total
    )


def check_counts(where: str, events: int, trials: int) -> None:
    """Refuse impossible counts."""
    if trials < 1 or not 0 <= events <= trials:
        raise InputError(
            f"{where}: wanted 0 ≤ events ≤ trials and a trial, got {events} of {trials}"
        )
