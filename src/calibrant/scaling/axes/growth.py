"""How does an axis grow with compute, in each family and over all? Lines, with what they hide."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, fdtrc, stdtrit

from calibrant.stats.relations.spread import Estimate, estimates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_POINTS = 3
"""Subjects of different compute below which a family has no line of its own: two always fit."""

NOT_IN_LINES = "without compute are in no line"
"""How the note on subjects without compute ends."""


@dataclass(frozen=True)
class Line:
    """The axis against log10 compute in one family, by least squares.

    Attributes:
        family: its name.
        subjects: how many with compute.
        slope, intercept: of the axis per order of magnitude of compute.
        low, high: of the slope, Student's t with subjects - 2 degrees of freedom: exact if the
            family lies about a straight line with equal normal noise.
        r2: share of the axis's variance in the family; adjusted: with a line's two numbers paid
            for, as three points fit a line by chance (half of r2 there, on average).
        smallest, largest: log10 of compute.
    """

    family: str
    subjects: int
    slope: float
    intercept: float
    low: float
    high: float
    r2: float
    adjusted: float
    smallest: float
    largest: float


@dataclass(frozen=True)
class Growth:
    """An axis against log10 of compute.

    Attributes:
        lines: of each family with at least 3 subjects of different compute.
        median_r2: over these families; interval by order statistics, exact for families drawn at
            random; None below six.
        median_adjusted: the same of the adjusted ones.
        pooled_r2: of one line for all subjects that know their compute; interval by families.
        common_slope: within all families together, each at its own height; interval by families.
        common_r2: share of the axis's variance held by one slope with a height for each family.
        equal_slopes_p: that all families have the same slope (analysis of covariance, exact for
            equal normal noise); None below two lines.
        subjects: with compute.
        notes: what to keep in mind.
    """

    lines: tuple[Line, ...]
    median_r2: Estimate
    median_adjusted: float | None
    pooled_r2: Estimate
    common_slope: Estimate
    common_r2: float | None
    equal_slopes_p: float | None
    subjects: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; medians and shares as numbers, with their intervals apart."""
        said = asdict(self)
        for name in ("median_r2", "pooled_r2", "common_slope"):
            e: Estimate = getattr(self, name)
            said[name] = e.value
            said[f"{name}_interval"] = None if e.low is None else [e.low, e.high]
        said["families"] = said.pop("lines")
        return said


def growth(
    score: Floats, scale: Floats, family: Ints, names: tuple[str, ...], *, level: float = 0.95
) -> Growth:
    """Fit the lines.

    Args:
        score: shape (n,); of subjects on an axis.
        scale: shape (n,); log10 of compute, NaN where not known.
        family: shape (n,), numbers from 0 without gaps.
        names: of the families, by number.
        level: of the intervals.
    """
    known = np.isfinite(scale)
    y, x, of = score[known], scale[known], family[known]
    notes = []
    if not known.all():
        notes.append(f"{int((~known).sum())} subjects {NOT_IN_LINES}")
    lines = tuple(
        _line(names[g], x[of == g], y[of == g], level)
        for g in np.unique(of)
        if np.unique(x[of == g]).size >= LEAST_POINTS
    )
    short = np.unique(of).size - len(lines)
    if short:
        notes.append(
            f"{short} families with fewer than {LEAST_POINTS} subjects of different compute have "
            "no line of their own"
        )
    if any(line.subjects == LEAST_POINTS for line in lines):
        notes.append("R² of three subjects is about one half by chance alone: see the adjusted")
    r2 = np.array([line.r2 for line in lines])
    pooled, slope = _together(x, y, of, level)
    return Growth(
        lines, _median(r2, level),
        float(np.median([line.adjusted for line in lines])) if lines else None,
        pooled, slope, _common_r2(x, y, of), _equal_slopes(x, y, of), int(known.sum()),
        tuple(notes),
    )  # fmt: skip


def _line(name: str, x: Floats, y: Floats, level: float) -> Line:
    n, centre = x.size, x - x.mean()
    square = float(centre @ centre)
    slope = float(centre @ y) / square
    rest = y - y.mean() - slope * centre
    total = float(((y - y.mean()) ** 2).sum())
    left = min(float(rest @ rest), total)
    r2 = 1 - left / total if total > 0 else 0.0
    half = float(stdtrit(n - 2, 0.5 + level / 2)) * (left / (n - 2) / square) ** 0.5
    return Line(
        name, n, slope, float(y.mean() - slope * x.mean()), slope - half, slope + half, r2,
        1 - (1 - r2) * (n - 1) / (n - 2), float(x.min()), float(x.max()),
    )  # fmt: skip


def _median(values: Floats, level: float) -> Estimate:
    """The median, with the narrowest pair of order statistics that covers it at the level."""
    m = values.size
    if m == 0:
        return Estimate(None, None, None, level, "no family has a line of its own")
    middle, ordered = float(np.median(values)), np.sort(values)
    # P(the j-th smallest lies above the median) = P(fewer than j of m fall below it).
    deep = [j for j in range(1, m // 2 + 1) if 2 * bdtr(j - 1, m, 0.5) <= 1 - level]
    if not deep:
        return Estimate(middle, None, None, level, f"wanted more than {m} families")
    j = max(deep)
    return Estimate(middle, float(ordered[j - 1]), float(ordered[m - j]), level)


def _together(x: Floats, y: Floats, of: Ints, level: float) -> tuple[Estimate, Estimate]:
    """R² of one line for all, and the slope within families, by the jackknife of families."""
    if x.size < LEAST_POINTS or np.ptp(x) == 0:
        none = Estimate(None, None, None, level, "fewer than 3 subjects with different compute")
        return none, none

    def correlation(rows: Ints) -> Floats:
        return np.array([_correlation(x[rows], y[rows])])

    def slope(rows: Ints) -> Floats:
        a, b = _within(x[rows], y[rows], of[rows])
        square = float(a @ a)
        return np.array([float(a @ b) / square if square > 1e-20 else np.nan])

    r = estimates(correlation, of, level=level)[0]
    steep = estimates(slope, of, level=level, scale="plain")[0]
    if r.value is None:
        return r, steep
    if r.low is None or r.high is None:
        return Estimate(r.value**2, None, None, level, r.note), steep
    crosses = r.low < 0 < r.high
    ends = sorted((r.low**2, r.high**2))
    return Estimate(r.value**2, 0.0 if crosses else ends[0], ends[1], level), steep


def _correlation(x: Floats, y: Floats) -> float:
    a, b = x - x.mean(), y - y.mean()
    under = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / under if under > 1e-20 else float("nan")


def _within(x: Floats, y: Floats, of: Ints) -> tuple[Floats, Floats]:
    """Both less their family's mean."""
    code = np.unique(of, return_inverse=True)[1].ravel()
    size = np.bincount(code)
    return (
        x - (np.bincount(code, x) / size)[code],
        y - (np.bincount(code, y) / size)[code],
    )


def _common_r2(x: Floats, y: Floats, of: Ints) -> float | None:
    total = float(((y - y.mean()) ** 2).sum()) if y.size else 0.0
    if total <= 0 or np.unique(of).size < 2:
        return None
    a, b = _within(x, y, of)
    square = float(a @ a)
    if square <= 1e-20:
        return None
    return 1 - float(((b - (a @ b) / square * a) ** 2).sum()) / total


def _equal_slopes(x: Floats, y: Floats, of: Ints) -> float | None:
    a, b = _within(x, y, of)
    groups = np.unique(of)
    square = np.array([float((a[of == g] ** 2).sum()) for g in groups])
    cross = np.array([float((a[of == g] * b[of == g]).sum()) for g in groups])
    with_slope = square > 1e-20
    m = int(with_slope.sum())
    free = x.size - groups.size - m
    if m < 2 or free < 1:
        return None
    own = float((cross[with_slope] ** 2 / square[with_slope]).sum())
    one = float(cross.sum() ** 2 / square.sum())
    left = float(b @ b) - own
    if left <= 1e-14 * float(b @ b):
        return None
    f = (own - one) / (m - 1) / (left / free)
    return float(fdtrc(m - 1, free, max(f, 0.0)))
