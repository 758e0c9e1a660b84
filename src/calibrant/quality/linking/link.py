"""Are two releases of a benchmark on one scale? By the items they share, less those that drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant._figure import shorten
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, Floats
from calibrant.quality.linking.anchors import Anchor, drift, purified, shared_items, shifts, turned
from calibrant.quality.linking.errors import (
    by_item_errors,
    interval,
    jackknife,
    slope_interval,
)
from calibrant.quality.linking.scale import (
    METHODS,
    Method,
    Points,
    constants,
    fixed_slope,
    on_scale,
)
from calibrant.stats.comparisons.multiplicity import adjust

if TYPE_CHECKING:
    from calibrant._figure import Figure

ALPHA = 0.05
"""The share of false findings allowed among anchors said to drift."""


@dataclass(frozen=True, eq=False, repr=False)
class Link:
    """How abilities on a new scale read on an old one: slope · θ + shift.

    Attributes:
        method, level: how it was found, and the level of its intervals.
        slope, shift: the constants.
        slope_error, shift_error: standard errors, the larger of those over the choice of anchors
            and those from the errors of the items.
        slope_interval, shift_interval: from them, by Student's t.
        item_errors: standard errors of both constants from the errors of the items alone; None if
            a bank does not know them.
        anchors: every item in both banks.
        all_anchors: the constants if no anchor had been dropped for drift.
        effect: how much higher, in sds of ability on the old scale, the new bank's average subject
            comes out than if no anchor had been dropped.
        bank: the new bank on the old scale.
        notes: what a reader should know, one sentence each.
    """

    method: Method
    level: float
    slope: float
    shift: float
    slope_error: float
    shift_error: float
    slope_interval: tuple[float, float]
    shift_interval: tuple[float, float]
    item_errors: tuple[float, float] | None
    anchors: tuple[Anchor, ...]
    all_anchors: tuple[float, float]
    effect: float
    bank: Bank
    notes: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """The anchors in the link."""
        return tuple(a.item for a in self.anchors if a.used)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Items not to take for anchors: drifted, or turned round."""
        return tuple(a.item for a in self.anchors if not a.used)

    def ability(self, theta: Floats) -> Floats:
        """Abilities of the new scale on the old one."""
        return self.slope * np.asarray(theta, np.float64) + self.shift

    def __repr__(self) -> str:
        low, high = self.shift_interval
        lost = ""
        if self.dropped:
            said = ", ".join(shorten(i, 40) for i in self.dropped[:3])
            more = f" and {len(self.dropped) - 3} more" if len(self.dropped) > 3 else ""
            lost = f"; not as anchors: {said}{more}"
        return (
            f"old ability = {self.slope:.3f} × new {'+' if self.shift >= 0 else '−'} "
            f"{abs(self.shift):.3f} ({self.level:.0%} interval of the shift {low:.3f} to "
            f"{high:.3f}; {self.method}, {len(self.used)} of {len(self.anchors)} shared "
            f"items{lost})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "method": self.method, "level": self.level, "slope": self.slope, "shift": self.shift,
            "slope_error": self.slope_error, "shift_error": self.shift_error,
            "slope_interval": list(self.slope_interval),
            "shift_interval": list(self.shift_interval),
            "item_errors": None if self.item_errors is None else list(self.item_errors),
            "anchors": [a.to_dict() for a in self.anchors],
            "all_anchors": list(self.all_anchors), "effect": self.effect,
            "bank": self.bank.to_dict(), "notes": list(self.notes),
        }  # fmt: skip

    def plot(self) -> Figure:
        """How much harder each anchor has become."""
        from calibrant.quality.linking.figures import anchor_shifts

        return anchor_shifts(self)


def link_banks(
    old: Bank,
    new: Bank,
    method: Method = "stocking-lord",
    *,
    anchors: Sequence[str] | None = None,
    purify: bool = True,
    alpha: float = ALPHA,
    level: float = 0.95,
    points: Points | None = None,
) -> Link:
    """Put a new bank on the scale of an old one by the items that they share.

    Args:
        method: see `constants`.
        anchors: only these shared items; by default all.
        purify: drop anchors that drift (see `drift`) and link again, until none leaves or returns.
        alpha: the share of false findings allowed among those said to drift.
        points: where curves are compared; by default `points_of`.

    Raises:
        InputError: for fewer than three anchors, now or after dropping; banks whose curves do not
            compare; an unknown method or anchor.
    """
    if method not in METHODS:
        raise InputError(f"method: wanted one of {', '.join(METHODS)}, got {method!r}")
    for name, x in (("level", level), ("alpha", alpha)):
        if not 0 < x < 1:
            raise InputError(f"{name}: wanted strictly between 0 and 1, got {x!r}")
    one, other = _anchored(old, new, anchors)
    same_way = np.flatnonzero(~turned(one, other))
    if purify:
        found, use, p = purified(one, other, method, alpha, points)
    else:
        use = ~turned(one, other)
        if use.sum() < 3:
            raise InputError(
                f"anchors: wanted at least 3 the same way round in both banks, got {use.sum()}"
            )
        found = _constants(one, other, same_way, method, points)
        spread, _ = jackknife(
            one.select(same_way), other.select(same_way), method, found,
            fixed_slope(one.select(same_way), other.select(same_way)), points,
        )  # fmt: skip
        p = drift(one, other, found, use, spread)
    chosen = np.flatnonzero(use)
    pair = one.select(chosen), other.select(chosen)
    slope = fixed_slope(one.select(same_way), other.select(same_way))
    spread, df = jackknife(*pair, method, found, slope, points)
    errors = np.sqrt(np.diag(spread))
    items = by_item_errors(*pair, method, found, slope, points)
    if items is not None:
        # Few anchors may agree by chance: never surer than their own errors allow.
        errors = np.maximum(errors, items / [found[0], 1.0])
    every = _constants(one, other, same_way, method, points) if purify else found
    effect = ((found[0] - every[0]) * new.mean + found[1] - every[1]) / old.sd
    moved = on_scale(new, *found)
    told = _told(one, other, found, use, p, turned(one, other))
    return Link(
        method, level, found[0], found[1],
        0.0 if slope is not None else found[0] * float(errors[0]), float(errors[1]),
        (found[0], found[0]) if slope is not None
        else slope_interval(found[0], float(errors[0]), df, level),
        interval(found[1], float(errors[1]), df, level),
        None if items is None else (float(items[0]), float(items[1])),
        told, every, float(effect), moved, _notes(one, other, told),
    )  # fmt: skip


def _anchored(old: Bank, new: Bank, anchors: Sequence[str] | None) -> tuple[Bank, Bank]:
    """Both banks' shared items, in one order and of one width."""
    left, right = shared_items(old, new)
    if anchors is not None:
        names = {old.items[j] for j in left}
        missing = [a for a in anchors if a not in names]
        if missing:
            raise InputError(f"anchor {one_line(missing[0], 60)!r}: wanted an item of both banks")
        keep = [i for i, j in enumerate(left) if old.items[j] in set(anchors)]
        left, right = [left[i] for i in keep], [right[i] for i in keep]
        if len(left) < 3:
            raise InputError(f"anchors: wanted at least 3, got {len(left)}")
    one, other = old.select(left), new.select(right)
    width = int(one.categories.max())
    return _narrowed(one, width), _narrowed(other, width)


def _narrowed(bank: Bank, width: int) -> Bank:
    """Without columns that none of its items uses."""
    had = bank.intercepts.shape[1]
    covariance = bank.covariance
    if covariance is not None and covariance.shape[1] > had:
        keep = [*range(width), *range(1 + had, covariance.shape[1])]
        covariance = covariance[:, keep][:, :, keep]
    elif covariance is not None:
        covariance = covariance[:, :width, :width]
    return replace(
        bank, intercepts=bank.intercepts[:, : width - 1], values=bank.values[:, :width],
        covariance=covariance,
    )  # fmt: skip


def _constants(
    old: Bank, new: Bank, chosen: Any, method: Method, points: Points | None
) -> tuple[float, float]:
    pair = old.select(chosen), new.select(chosen)
    return constants(*pair, method, points=points, slope=fixed_slope(*pair))


def _told(
    old: Bank, new: Bank, found: tuple[float, float], use: Any, p: Floats, round_: Any
) -> tuple[Anchor, ...]:
    gap, error = shifts(old, on_scale(new, *found))
    adjusted = np.full(p.size, np.nan)
    adjusted[np.isfinite(p)] = adjust(p[np.isfinite(p)], "benjamini-hochberg")
    spread = 0.74 * float(np.subtract(*np.nanquantile(gap[~round_], [0.75, 0.25])))
    middle = float(np.nanmedian(gap[~round_]))
    z = np.where(np.isfinite(error), gap / error, (gap - middle) / max(spread, 1e-9))
    return tuple(
        Anchor(
            name, _known(gap[j]), _known(error[j]), None if round_[j] else _known(z[j]),
            _known(p[j]), _known(adjusted[j]), bool(use[j]),
            "turned round" if round_[j] else "" if use[j] else "drifted",
        )
        for j, name in enumerate(old.items)
    )  # fmt: skip


def _known(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _notes(old: Bank, new: Bank, anchors: tuple[Anchor, ...]) -> tuple[str, ...]:
    notes = []
    round_ = [a.item for a in anchors if a.reason == "turned round"]
    if round_:
        said = ", ".join(shorten(i, 40) for i in round_[:5])
        notes.append(
            f"able subjects fail in one release and succeed in the other on {said}"
            f"{f' and {len(round_) - 5} more' if len(round_) > 5 else ''}: look for a changed key"
        )
    if old.covariance is None or new.covariance is None:
        notes.append(
            "a bank does not tell the errors of its items, so drift is judged by the spread of "
            "shifts alone: a rough guide"
        )
    if sum(a.used for a in anchors) < 10:
        notes.append("fewer than 10 anchors: the intervals of the link are wide for good reason")
    return tuple(notes)
