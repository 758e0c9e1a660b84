"""How far would a statistic move with other models? The jackknife that leaves out whole families.

Versions of one model rise and fall together, so that families, not subjects, are drawn from the
world. Leaving out one family at a time is deterministic, needs no seed, and with Student's t at
the effective number of families covers as promised where a bootstrap of families does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Statistic = Callable[[Ints], Floats]
Scale = Literal["z", "log", "plain"]

LEAST_FAMILIES = 4
"""Families below which no interval is given."""

MOST_GROUPS = 200
"""Families beyond which several are left out together."""

_EDGE = 1 - 1e-12

ABOVE_ONE = "above 1: the same up to error, or the reliabilities are too low"

NOTHING = "nothing repeatable is measured, with some family left out"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, for subjects of other families of the same kind.

    Attributes:
        value: the estimate; None where it is not defined, for which `note` gives the reason.
        low, high: the interval; None where there is none, with the reason in `note`.
        level: its confidence.
        note: what a reader should know; often empty.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    note: str = ""

    def __repr__(self) -> str:
        if self.value is None:
            return f"none ({self.note})"
        if self.low is None or self.high is None:
            return f"{self.value:.3g} (no interval: {self.note})"
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def check_level(level: float) -> None:
    """Refuse a confidence that is not inside 0 to 1."""
    if not 0 < level < 1:
        raise InputError(f"level: wanted above 0 and below 1, got {level:g}")


def effective_families(family: Ints) -> float:
    """Families of the same size that would say as much: n² / Σ n², from 1 to their number."""
    sizes = np.bincount(family)
    return float(family.size**2 / (sizes.astype(np.float64) ** 2).sum())


def folds_of(family: Ints, most: int) -> Ints:
    """A fold for each subject; families stay together, large ones are spread first.

    Families of one size fall into folds by a fixed shuffle: tables are often sorted by score, and
    every so-many-th row would make folds too much alike.
    """
    sizes = np.bincount(family)
    if (sizes > 0).sum() <= most:
        return np.asarray(np.unique(family, return_inverse=True)[1].ravel(), np.int64)
    fold, load = np.zeros(sizes.size, np.int64), np.zeros(most)
    order = np.random.default_rng(0).permutation(sizes.size)
    for g in order[np.argsort(-sizes[order], kind="stable")]:
        fold[g] = int(np.argmin(load))
        load[fold[g]] += sizes[g]
    return fold[family]


def estimates(
    statistic: Statistic,
    family: Ints,
    *,
    scale: Scale = "z",
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> list[Estimate]:
    """Each number of a statistic with its interval by the jackknife of families.

    Args:
        statistic: from the numbers of the subjects that are in, shape (some,), to values of shape
            (m,), NaN where one is not defined.
        family: shape (subjects,), the number of each subject's family.
        scale: where the values are about normal: "z" for correlations (Fisher's), "log" for what
            is positive, "plain".
        level: of each interval by itself.
        bounds: where intervals end at most, such as -1 and 1.

    The degrees of freedom are `effective_families` less one. With more than 200 families, several
    are left out together.
    """
    return estimates_of(left_out(statistic, family), scale=scale, level=level, bounds=bounds)


@dataclass(frozen=True)
class LeftOut:
    """A statistic of all subjects, and without each family in turn.

    Attributes:
        every: shape (1 + folds, ...): of all; then without each, where families are enough.
        families: how many folds there are.
        free: degrees of freedom.
    """

    every: Floats
    families: int
    free: float

    def take(self, which: Any) -> LeftOut:
        """Some of the values."""
        return LeftOut(self.every[:, which], self.families, self.free)

    @property
    def few(self) -> str:
        """Why there is no interval; empty if there is."""
        if self.families >= LEAST_FAMILIES:
            return ""
        return f"wanted at least {LEAST_FAMILIES} families, got {self.families}"


def left_out(statistic: Statistic, family: Ints) -> LeftOut:
    """A statistic without each family, or of more than 200 without several at a time."""
    family = folds_of(family, MOST_GROUPS)
    groups = np.unique(family)
    rows = np.arange(family.size)
    every = [np.asarray(statistic(rows), np.float64)]
    if groups.size >= LEAST_FAMILIES:
        every += [np.asarray(statistic(rows[family != g]), np.float64) for g in groups]
    return LeftOut(np.stack(every), groups.size, max(effective_families(family) - 1, 1.0))


def estimates_of(
    left: LeftOut,
    *,
    scale: Scale = "z",
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> list[Estimate]:
    """As `estimates`, of values that have been computed; `every` has shape (1 + folds, m)."""
    check_level(level)
    whole, without, g = left.every[0], left.every[1:], left.families
    if left.few:
        return [_lonely(float(v), level, left.few) for v in whole]
    with np.errstate(invalid="ignore", divide="ignore"):
        centre, moved = _forward(whole, scale), _forward(without, scale)
    t = float(stdtrit(left.free, 0.5 + level / 2))
    found = []
    for j, value in enumerate(whole):
        if not np.isfinite(value):
            found.append(_lonely(float("nan"), level, "not defined"))
        elif scale == "z" and abs(value) >= _EDGE:
            found.append(_lonely(float(value), level, "one is the other up to scale"))
        elif not np.isfinite(moved[:, j]).all() or not np.isfinite(centre[j]):
            found.append(_lonely(float(value), level, "not defined without some family"))
        else:
            apart = moved[:, j] - moved[:, j].mean()
            error = float(np.sqrt((g - 1) / g * (apart @ apart)))
            ends = _back(np.array([centre[j] - t * error, centre[j] + t * error]), scale)
            if bounds is not None:
                ends = np.clip(ends, *bounds)
            found.append(Estimate(float(value), float(ends[0]), float(ends[1]), level))
    return found


def corrected(statistic: Statistic, family: Ints, *, level: float = 0.95) -> list[Estimate]:
    """Correlations r divided by w, the root of reliabilities, with intervals that end at ±1.

    A value ρ is inside if artanh(r) − artanh(ρ w) does not differ from 0 by the jackknife of
    families, its error taken for that ρ: Fieller's way, on Fisher's scale, on which both the
    skewness of r and the error of w are seen.

    Args:
        statistic: from the numbers of the subjects that are in to shape (m, 2): r and w, w in
            0 to 1, NaN where not defined.
        family, level: as `estimates`.

    Returns:
        The values are not clipped: one above 1 has a note.
    """
    return corrected_of(left_out(statistic, family), level=level)


def corrected_of(left: LeftOut, *, level: float = 0.95) -> list[Estimate]:
    """As `corrected`, of pairs that have been computed; `every` has shape (1 + folds, m, 2)."""
    check_level(level)
    whole, every = left.every[0], left.every
    good = np.isfinite(whole).all(axis=1) & (whole[:, 1] > 0)
    value = np.where(good, whole[:, 0] / np.where(good, whole[:, 1], 1.0), np.nan)
    if left.few:
        return [_lonely(float(v), level, left.few if np.isfinite(v) else NOTHING) for v in value]
    fine = _usable(every)
    t = float(stdtrit(left.free, 0.5 + level / 2))

    def inside(rho: Floats) -> Bools:
        """Whether each pair's ρ is compatible; shape (pairs,)."""
        gap, error = _apart(every[:, fine], rho)
        return np.asarray(np.abs(gap) <= t * error + 1e-15, np.bool_)

    centre = np.clip(value[fine], -1.0, 1.0)
    there: Bools = inside(centre)
    low, high = (_search(inside, centre, end) for end in (-1.0, 1.0))
    ends = iter(np.column_stack([low, high, there]))
    found = []
    for j, v in enumerate(value):
        if not fine[j]:
            found.append(_lonely(float(v), level, NOTHING))
            continue
        least, most, some = next(ends)
        note = ABOVE_ONE if v > 1 else ""
        # Beyond 1 by more than chance: all that is left of the interval is its end.
        ends_at = (least, most) if some else (centre_of(v), centre_of(v))
        found.append(Estimate(float(v), float(ends_at[0]), float(ends_at[1]), level, note))
    return found


def beyond_p(left: LeftOut, margin: float) -> Floats:
    """P-values of corrected correlations whose size is `margin` or more; shape (m,).

    The larger of two one-sided ones, by the same pivot as `corrected`: small where the size is
    surely below. NaN where there is none.
    """
    found = np.full(left.every.shape[1], np.nan)
    if left.few:
        return found
    fine = _usable(left.every)
    some = left.every[:, fine]
    tails = []
    for side in (1.0, -1.0):
        gap, error = _apart(some, np.full(some.shape[1], side * margin))
        with np.errstate(divide="ignore", invalid="ignore"):
            tails.append(stdtr(left.free, np.where(error > 0, side * gap / error, np.nan)))
    found[fine] = np.maximum(*tails)
    return found


def _usable(every: Floats) -> Bools:
    """Which pairs are defined with all families, and without each."""
    return np.asarray((np.isfinite(every).all(axis=2) & (every[..., 1] > 0)).all(axis=0), np.bool_)


def _apart(every: Floats, rho: Floats) -> tuple[Floats, Floats]:
    """How far each r lies from ρ w on Fisher's scale, and the jackknife's error of that."""
    r, w = every[..., 0], every[..., 1]
    h = np.arctanh(np.clip(r, -_EDGE, _EDGE)) - np.arctanh(np.clip(rho * w, -_EDGE, _EDGE))
    apart, g = h[1:] - h[1:].mean(axis=0), len(every) - 1
    return h[0], np.sqrt((g - 1) / g * (apart**2).sum(axis=0))


def centre_of(value: float) -> float:
    """The nearest correlation that there can be."""
    return min(max(float(value), -1.0), 1.0)


def _search(inside: Callable[[Floats], Bools], centre: Floats, end: float) -> Floats:
    """By halving, how far the values inside reach from the centre towards an end."""
    near, far = centre.copy(), np.full(centre.shape, end)
    reach = inside(far)
    for _ in range(40):
        middle = (near + far) / 2
        ok = inside(middle)
        near, far = np.where(ok, middle, near), np.where(ok, far, middle)
    return np.where(reach, end, near)


def _lonely(value: float, level: float, why: str) -> Estimate:
    return Estimate(value if np.isfinite(value) else None, None, None, level, why)


def _forward(x: Floats, scale: Scale) -> Floats:
    if scale == "z":
        return np.asarray(np.arctanh(np.clip(x, -_EDGE, _EDGE)))
    if scale == "log":
        return np.asarray(np.log(np.where(x > 0, x, np.nan)))
    return x


def _back(x: Floats, scale: Scale) -> Floats:
    if scale == "z":
        return np.asarray(np.tanh(x))
    return np.asarray(np.exp(x)) if scale == "log" else x
