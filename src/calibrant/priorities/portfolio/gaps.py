"""Which areas are important but hard, and how sure is that?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibrant._figure import Figure
from calibrant._forest import Row, forest
from calibrant.errors import InputError
from calibrant.priorities.portfolio.bars import titled
from calibrant.priorities.portfolio.worth import limits
from calibrant.priorities.posterior import AreaPosterior


@dataclass(frozen=True)
class Gap:
    """One area's importance less tractability.

    Attributes:
        gap, low, high: mean and 90 % interval.
        chance: that importance is at least 4 and tractability at most 3.5; see `worth.limits`.
    """

    id: str
    name: str
    importance: float
    tractability: float
    gap: float
    low: float
    high: float
    chance: float
    n: int


def gaps(
    posterior: AreaPosterior, *, names: Mapping[str, str] | None = None, min_ratings: int = 3
) -> tuple[Gap, ...]:
    """Every rated area, the likeliest to be important and hard first."""
    i, t = posterior.draws["importance"], posterior.draws["tractability"]
    rated = np.max(np.stack([np.asarray(v) for v in posterior.n.values()]), axis=0)
    important, hard = limits(posterior.most)
    found = []
    for a in np.flatnonzero(rated >= min_ratings):
        id, apart = posterior.areas[a], i[:, a] - t[:, a]
        low, high = np.quantile(apart, (0.05, 0.95))
        chance = float(((i[:, a] >= important) & (t[:, a] <= hard)).mean())
        found.append(
            Gap(id, (names or {}).get(id, id), float(i[:, a].mean()), float(t[:, a].mean()),
                float(apart.mean()), float(low), float(high), chance, int(rated[a]))
        )  # fmt: skip
    return tuple(sorted(found, key=lambda g: (-g.chance, -g.gap)))


def gap_figure(found: tuple[Gap, ...], most: int = 14, scale: int = 5) -> Figure:
    """Gaps with intervals, the likeliest to be important and hard on top.

    Args:
        most: areas shown.
        scale: the highest rating.

    Raises:
        InputError: without an area.
    """
    if not found:
        raise InputError("gaps: no area is rated enough")
    rows = [
        Row(titled(g.id, g.name), g.gap, g.low, g.high, f"{g.chance:.0%} · n {g.n}")
        for g in found[:most]
    ]
    important, hard = limits(scale)
    return forest(
        rows, title="Important, but hard: importance less tractability",
        said=f"90% intervals; right: chance of importance ≥ {important:g} and tractability "
        f"≤ {hard:g}",
        axis="points of the scale", description=f"Gaps of {len(rows)} areas with intervals.",
    )  # fmt: skip
