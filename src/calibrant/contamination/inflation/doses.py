"""How do exposed items do by dose, and what is the score on the clean ones worth?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from calibrant.contamination.inflation.result import Ends
from calibrant.contamination.inflation.scans import Groups
from calibrant.contamination.inflation.twins import mean_interval

if TYPE_CHECKING:
    from calibrant.contamination.inflation.items import Fit

LEAST = 5
"""Clusters of a dose below which it has no interval."""


def by_dose(
    groups: Groups, fit: Fit, reach: float, apart: float, ends: Ends, level: float
) -> dict[str, Any]:
    clean = groups.score[~groups.exposed]
    low, high = mean_interval(clean, groups.unit[~groups.exposed], level)
    return {
        "exposed": int(groups.exposed.sum()),
        "unexposed": int((~groups.exposed).sum()),
        "exposed_score": float(groups.score[groups.exposed].mean()),
        "effect": fit.effect, "effect_interval": list(ends), "slope": fit.slope,
        "clean_subset": {
            "score": float(clean.mean()), "interval": [low, high], "easier_by": fit.gap,
            "said": "The score on unexposed items alone: for the reference subjects exposed items "
            f"are {abs(fit.gap):.3g} {'easier' if fit.gap > 0 else 'harder'}, so it is the score "
            "of a " + ("harder" if fit.gap > 0 else "easier") + " test.",
        },
        "tipping_point": max(0.0, ends[0]),
        "doses": _doses(groups, fit, reach, apart),
        "trend": _trend(groups, fit),
    }  # fmt: skip


def _doses(groups: Groups, fit: Fit, reach: float, apart: float) -> list[dict[str, Any]]:
    """Excess by the number of exposures, in doublings; intervals are for each by itself."""
    rows = []
    bins = np.where(groups.exposed, np.floor(np.log2(np.maximum(groups.exposures, 1))), -1)
    base = fit.error**2  # of the unexposed items, which all doses share, at most
    for k in range(-1, int(bins.max()) + 1):
        inside = bins == k
        if not inside.any():
            continue
        mean = float(fit.excess[inside].mean()) if k >= 0 else 0.0
        parts = np.bincount(groups.unit[inside], fit.excess[inside] - mean)
        many = np.unique(groups.unit[inside]).size
        own = float((parts**2).sum()) / inside.sum() ** 2 * many / max(many - 1, 1)
        row = {"exposures": "0" if k < 0 else _range(k), "items": int(inside.sum()),
               "score": float(groups.score[inside].mean()), "effect": mean,
               "low": None, "high": None}  # fmt: skip
        if k >= 0 and many >= LEAST:
            wide = reach * math.sqrt(own + base + apart**2)
            row |= {"low": mean - wide, "high": mean + wide}
        rows.append(row)
    return rows


def _range(k: int) -> str:
    return str(2**k) if k == 0 else f"{2**k}–{2 ** (k + 1) - 1}"


def _trend(groups: Groups, fit: Fit) -> dict[str, float] | None:
    """Slope of the excess in doublings of exposures, over exposed items; None if they are alike."""
    inside = groups.exposed
    x = np.log2(np.maximum(groups.exposures[inside], 1))
    unit = np.unique(groups.unit[inside], return_inverse=True)[1]
    many = int(unit.max()) + 1
    at = x - x.mean()
    square = float((at**2).sum())
    if square <= 1e-12 or many < 2 * LEAST:
        return None
    slope = float(at @ fit.excess[inside]) / square
    rest = fit.excess[inside] - fit.excess[inside].mean() - slope * at
    error = math.sqrt(float((np.bincount(unit, at * rest) ** 2).sum()) * many / (many - 2)) / square
    reach = -float(stdtrit(many - 2, 0.025)) * error
    return {"per_doubling": slope, "standard_error": error, "low": slope - reach,
            "high": slope + reach}  # fmt: skip
