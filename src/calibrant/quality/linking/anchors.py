"""Which anchors still measure what they did? Shifts beyond their error, and items turned round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, Floats
from calibrant.quality.linking.errors import jackknife
from calibrant.quality.linking.scale import (
    Method,
    Points,
    constants,
    fixed_slope,
    on_scale,
)
from calibrant.stats.comparisons.multiplicity import adjust

LEAST = 3
"""Anchors below which no link is made."""

_ROUNDS = 20
_FAMILY = {"rasch": "2pl", "3pl": "2pl", "pcm": "gpcm"}


@dataclass(frozen=True)
class Anchor:
    """One shared item.

    Attributes:
        shift: how much harder it has become, on the old scale; None without a discrimination.
        standard_error: of the shift; None if the errors of the items are not known.
        z: the shift over its error; without it robust z, over the spread of all shifts.
        p, adjusted: of no change in any parameter, alone and among all anchors (Benjamini and
            Hochberg); None for an item turned round.
        used: whether it is in the link.
        reason: "" if used, else "drifted" or "turned round".
    """

    item: str
    shift: float | None
    standard_error: float | None
    z: float | None
    p: float | None
    adjusted: float | None
    used: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


def shared_items(old: Bank, new: Bank) -> tuple[list[int], list[int]]:
    """The numbers in each bank of the items in both.

    Raises:
        InputError: if there are fewer than three, or an item has another kind of scores.
    """
    if _FAMILY.get(old.model, old.model) != _FAMILY.get(new.model, new.model):
        raise InputError(f"banks: a {old.model} and a {new.model} have curves that do not compare")
    place = {name: j for j, name in enumerate(new.items)}
    pairs = [(j, place[name]) for j, name in enumerate(old.items) if name in place]
    if len(pairs) < LEAST:
        raise InputError(f"anchors: wanted at least {LEAST} items in both banks, got {len(pairs)}")
    for j, k in pairs:
        a, b = (bank.values[i][~np.isnan(bank.values[i])] for bank, i in ((old, j), (new, k)))
        if not np.array_equal(a, b):
            raise InputError(
                f"item {one_line(old.items[j], 60)}: wanted the same scores in both banks, got "
                f"{len(a)} and {len(b)} of them"
            )
    return [j for j, _ in pairs], [k for _, k in pairs]


def turned(old: Bank, new: Bank) -> NDArray[np.bool_]:
    """Shape (items,): whether able subjects fail an item in one bank and succeed in the other."""
    found: NDArray[np.bool_] = np.sign(old.discrimination) != np.sign(new.discrimination)
    return found


def purified(
    old: Bank, new: Bank, method: Method, alpha: float, points: Points | None
) -> tuple[tuple[float, float], NDArray[np.bool_], Floats]:
    """A link from the anchors that do not drift: found anew until none leaves and none comes back.

    It begins from medians, which a minority of drifting anchors cannot move far.

    Returns:
        The constants; which anchors are used; p-values of all, NaN for those turned round.

    Raises:
        InputError: if fewer than three anchors are left.
    """
    round_ = turned(old, new)
    _enough(~round_, "the same way round in both banks")
    use = ~round_
    slope = fixed_slope(old.select(np.flatnonzero(use)), new.select(np.flatnonzero(use)))
    found = _by_medians(old, new, use, slope)
    p, spread = np.full(len(use), np.nan), np.zeros((2, 2))
    seen: set[bytes] = set()
    for _ in range(_ROUNDS):
        p = drift(old, new, found, ~round_, spread)
        stays = ~round_
        stays[~round_] = adjust(p[~round_], "benjamini-hochberg") > alpha
        if stays.sum() * 2 < (~round_).sum():
            # Most cannot have drifted together: keep the half that did least.
            order = np.argsort(-np.where(round_, -1.0, p), kind="stable")
            stays = np.zeros_like(stays)
            stays[order[: max(LEAST, int((~round_).sum() + 1) // 2)]] = True
        _enough(stays, "that did not drift")
        chosen = np.flatnonzero(stays)
        pair = old.select(chosen), new.select(chosen)
        found = constants(*pair, method, points=points, slope=slope)
        spread, _ = jackknife(*pair, method, found, slope, points)
        use = stays
        if use.tobytes() in seen:
            break
        seen.add(use.tobytes())
    return found, use, drift(old, new, found, ~round_, spread)


def _enough(use: NDArray[np.bool_], what: str) -> None:
    if use.sum() < LEAST:
        raise InputError(f"anchors: wanted at least {LEAST} {what}, got {int(use.sum())}")


def _by_medians(
    old: Bank, new: Bank, use: NDArray[np.bool_], slope: float | None
) -> tuple[float, float]:
    a, b = np.abs(old.discrimination[use]), np.abs(new.discrimination[use])
    if not (a.min() > 0 and b.min() > 0):
        raise InputError("anchors: wanted items with a discrimination that is not 0")
    found = slope if slope is not None else float(np.exp(np.median(np.log(b / a))))
    return found, float(np.nanmedian(old.difficulty[use] - found * new.difficulty[use]))


def drift(
    old: Bank, new: Bank, link: tuple[float, float], use: NDArray[np.bool_], spread: Floats
) -> Floats:
    """Shape (items,): p-values of no change in any parameter of each anchor; NaN where not used.

    Wald's test where the errors of both banks are known; the error of the link adds to them, with
    `spread` the covariance of the log of its slope and its shift. Without, by robust z of
    difficulty and of the log of discrimination (Huynh and Meyer, Pract. Assess. Res. Eval. 15
    (2010) 2), the worse of both doubled: a rough guide.
    """
    moved = on_scale(new, *link)
    p = np.full(len(use), np.nan)
    if old.covariance is None or new.covariance is None:
        shift, _ = shifts(old, moved)
        known = use & np.isfinite(shift)
        p[use] = 1.0
        p[known] = _two_sided(_robust_z(shift[known]))
        if fixed_slope(old.select(np.flatnonzero(use)), new.select(np.flatnonzero(use))) is None:
            ratio = np.log(np.abs(moved.discrimination[use] / old.discrimination[use]))
            p[use] = np.minimum(1.0, 2 * np.minimum(p[use], _two_sided(_robust_z(ratio))))
        return p
    assert moved.covariance is not None
    steps = old.intercepts.shape[1]
    k = np.arange(1.0, steps + 1) if old.model in ("pcm", "gpcm") else np.ones(steps)
    for j in np.flatnonzero(use):
        a = moved.discrimination[j]
        turn = np.array([[-a, 0.0], *([a * i * link[1], -a * i] for i in k)])
        slope = moved.discrimination[j] - old.discrimination[j]
        gap = np.concatenate([[slope], moved.intercepts[j] - old.intercepts[j]])
        both = (old.covariance[j] + moved.covariance[j])[: steps + 1, : steps + 1]
        free = np.isfinite(gap) & np.isfinite(np.diag(both)) & (np.diag(both) > 0)
        if not free.any():
            p[j] = 1.0
            continue
        v = (both + turn @ spread @ turn.T)[np.ix_(free, free)]
        square = float(gap[free] @ np.linalg.pinv((v + v.T) / 2) @ gap[free])
        p[j] = float(chdtrc(int(free.sum()), max(square, 0.0)))
    return p


def shifts(old: Bank, moved: Bank) -> tuple[Floats, Floats]:
    """How much harder each item is, on average over its steps, and the standard error."""
    with np.errstate(invalid="ignore"):
        gap = np.array([np.nanmean(r) if np.isfinite(r).any() else np.nan
                        for r in moved.difficulty - old.difficulty])  # fmt: skip
    if old.covariance is None or moved.covariance is None:
        return gap, np.full(gap.size, np.nan)
    variance = _difficulty_variance(old) + _difficulty_variance(moved)
    return gap, np.sqrt(np.where(np.isfinite(gap), np.maximum(variance, 0.0), np.nan))


def _difficulty_variance(bank: Bank) -> Floats:
    """Of the mean difficulty of each item, by the delta method."""
    assert bank.covariance is not None
    steps = bank.intercepts.shape[1]
    count = bank.categories - 1
    slope = np.where(bank.discrimination == 0, np.nan, bank.discrimination)
    turn = np.where(np.isnan(bank.intercepts), 0.0, -1.0 / (slope * count)[:, None])
    if bank.model in ("pcm", "gpcm"):
        # Differences of intercepts add up to the last.
        turn = np.where(np.arange(1, steps + 1) == count[:, None], turn, 0.0)
    mean = np.sum(turn * np.where(np.isnan(bank.intercepts), 0.0, bank.intercepts), axis=1)
    gradient = np.concatenate([(-mean / slope)[:, None], turn], axis=1)
    known = np.where(np.isnan(bank.covariance), 0.0, bank.covariance)
    known = known[:, : steps + 1, : steps + 1]
    found: Floats = np.einsum("ji,jik,jk->j", gradient, known, gradient)
    return found


def _robust_z(x: Floats) -> Floats:
    middle = np.median(x)
    spread = 0.74 * float(np.subtract(*np.quantile(x, [0.75, 0.25])))
    found: Floats = (x - middle) / max(spread, 1e-9)
    return found


def _two_sided(z: Floats) -> Floats:
    found: Floats = 2 * ndtr(-np.abs(z))
    return found
