"""What do others put around a forecast? Trend intervals and split conformal, on the same cuts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.scaling.backtests.outcomes import Outcomes
from calibrant.scaling.backtests.run import Trial
from calibrant.scaling.scores import Floats, Scores

PEERS = {
    "trend": "a straight line through score and log compute, with its t interval",
    "conformal": "split conformal around that line: half of the subjects fit it, half its width",
}
"""Each peer with what it does."""


@dataclass(frozen=True)
class Peer:
    """How another's interval did on the same outcomes.

    Attributes:
        name, says: which, and what it does.
        coverage, width: share of outcomes held, mean width.
        n: outcomes it gave a finite interval for.
    """

    name: str
    says: str
    coverage: float | None
    width: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def trend_interval(x: Floats, y: Floats, at: Floats, level: float) -> tuple[Floats, Floats]:
    """The prediction interval of ordinary least squares; infinite for fewer than three points."""
    n = x.size
    if n < 3 or np.ptp(x) == 0:
        return np.full(at.size, -np.inf), np.full(at.size, np.inf)
    slope, middle, sxx = _line(x, y)
    residual = y - middle - slope * (x - x.mean())
    error = np.sqrt((residual**2).sum() / (n - 2) * (1 + 1 / n + (at - x.mean()) ** 2 / sxx))
    reach = special.stdtrit(n - 2, (1 + level) / 2) * error
    centre = middle + slope * (at - x.mean())
    return centre - reach, centre + reach


def split_conformal(
    x: Floats, y: Floats, at: Floats, level: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Split conformal (Lei and others, 2018, JASA 113, algorithm 2) around a straight line.

    Half of the points, drawn at random, fit the line; the ceil((m + 1) level)-th smallest absolute
    residual of the other m is the half width. Infinite where there are too few for the level.
    """
    order = rng.permutation(x.size)
    fit, rest = order[: x.size // 2], order[x.size // 2 :]
    rank = int(np.ceil((rest.size + 1) * level))
    if fit.size < 2 or np.ptp(x[fit]) == 0 or rank > rest.size:
        return np.full(at.size, -np.inf), np.full(at.size, np.inf)
    slope, middle, _ = _line(x[fit], y[fit])
    centre = x[fit].mean()
    residual = np.sort(np.abs(y[rest] - middle - slope * (x[rest] - centre)))
    line = middle + slope * (at - centre)
    return line - residual[rank - 1], line + residual[rank - 1]


def peers(
    scores: Scores, trials: tuple[Trial, ...], once: Outcomes, level: float, seed: int
) -> list[Peer]:
    """Both peers on the outcomes that were judged."""
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in PEERS}
    for k in np.unique(once.cut):
        known = scores.take(trials[k].cut.known)
        mine = once.take(once.cut == k)
        scale = scores.scale[mine.row]
        for i, name in enumerate(known.measures):
            have = (known.measure == name) & np.isfinite(known.scale)
            here = mine.measure == name
            if not here.any():
                continue
            x, y = known.scale[have], known.score[have]
            rng = np.random.default_rng([seed, int(k), i])
            ends = {
                "trend": trend_interval(x, y, scale[here], level),
                "conformal": split_conformal(x, y, scale[here], level, rng),
            }
            limits = scores.limits[name]
            for peer, (a, b) in ends.items():
                low, high = np.clip(a, *limits), np.clip(b, *limits)
                hit = (low <= mine.y[here]) & (mine.y[here] <= high)
                finite = np.isfinite(a) & np.isfinite(b)
                found[peer].append(np.column_stack([hit, high - low])[finite])
    return [_peer(name, np.vstack(rows) if rows else np.zeros((0, 2)))
            for name, rows in found.items()]  # fmt: skip


def _peer(name: str, rows: Floats) -> Peer:
    if not len(rows):
        return Peer(name, PEERS[name], None, None, 0)
    coverage, width = rows.mean(axis=0)
    return Peer(name, PEERS[name], float(coverage), float(width), len(rows))


def _line(x: Floats, y: Floats) -> tuple[float, float, float]:
    centred = x - x.mean()
    sxx = float((centred**2).sum())
    return float((centred * y).sum()) / sxx, float(y.mean()), sxx
