"""What would the plainest models say? The last score again, and straight lines of log-odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import UnfitError
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Scores

Floats = NDArray[np.float64]

LEVELS = 16
"""Parts into which a distribution of log-odds is cut to become one of scores."""


def persistence(known: Scores, at: Scores, _: np.random.Generator) -> Predictive:
    """The next score of a family is its last one, of a new family that of any large subject.

    Steps between consecutive members of families say how far off that is; where fewer than three
    are known, the spread of all scores does.

    Raises:
        UnfitError: if fewer than two scores are known.
    """
    known = known.take(np.isfinite(known.score) & np.isfinite(known.scale))
    if len(known) < 2:
        raise UnfitError(f"persistence: wanted at least 2 known scores, got {len(known)}")
    order = np.argsort(known.scale, kind="stable")
    family, score = known.family[order], known.score[order]
    last = {str(f): float(s) for f, s in zip(family, score, strict=True)}
    steps = np.concatenate([np.diff(score[family == f]) for f in np.unique(family)])
    large = score[-max(2, len(score) // 3) :]
    unit = _unit(known)
    new = float(np.mean(large)), float(np.std(large, ddof=1)) * (1 + 1 / large.size) ** 0.5
    far = float(np.sqrt(np.mean(steps**2))) if steps.size > 2 else max(new[1], float(np.std(score)))
    old = np.array([str(f) in last for f in at.family])
    place = np.array([last.get(str(f), new[0]) for f in at.family])
    spread = np.where(old, far, new[1])
    df = np.where(old, max(steps.size, 2) if steps.size > 2 else 2, large.size - 1)
    return Predictive.of(
        place, np.maximum(spread, 0.005 * unit), df=df, low=known.low[0], high=known.high[0]
    )


def line(known: Scores, at: Scores, _: np.random.Generator, *, families: bool) -> Predictive:
    """A straight line of log-odds against log scale, by least squares; Student's t.

    Exact where no known score is nearer than 2 % to an end; those are taken as 2 % away from it,
    which bends the line (see the certificates).

    Args:
        families: whether each family has a level of its own (fixed effects; a new family's level
            is drawn from the spread of those that were estimated).

    Raises:
        UnfitError: if there are fewer than four scales, families or degrees of freedom for that,
            or no limits.
    """
    known = known.take(np.isfinite(known.score) & np.isfinite(known.scale))
    floor, high = float(known.floor[0]), float(known.high[0])
    if not np.isfinite([floor, high]).all():
        raise UnfitError("line of log-odds: it stands on a lowest and a highest score")
    if np.unique(known.scale).size < 4:
        raise UnfitError(f"line of log-odds: wanted 4 scales, got {np.unique(known.scale).size}")
    share = np.clip((known.score - floor) / (high - floor), 0.02, 0.98)
    y, middle = np.log(share / (1 - share)), known.scale.mean()
    if families:
        place, spread, df = _within(y, known, at, middle)
    else:
        x = np.stack([np.ones(len(known)), known.scale - middle], axis=1)
        new = np.stack([np.ones(len(at)), at.scale - middle], axis=1)
        inverse = np.linalg.inv(x.T @ x)
        beta, df = inverse @ x.T @ y, np.full(len(at), len(y) - 2.0)
        var = np.sum((y - x @ beta) ** 2) / (len(y) - 2)
        place = new @ beta
        spread = np.sqrt(var * (1 + np.sum((new @ inverse) * new, axis=1)))
    return from_log_odds(place, np.maximum(spread, 1e-3), df, known, floor)


def _within(y: Floats, known: Scores, at: Scores, middle: float) -> tuple[Floats, Floats, Floats]:
    """Levels of families and one slope, by least squares within families."""
    names, group, size = np.unique(known.family, return_inverse=True, return_counts=True)
    x = known.scale - middle
    x_mean = np.bincount(group, x) / size
    y_mean = np.bincount(group, y) / size
    within = x - x_mean[group]
    total, df = float(within @ within), len(y) - len(names) - 1
    if df < 3 or total <= 1e-9:
        raise UnfitError(
            f"family lines: wanted at least 3 degrees of freedom within families, got {df}"
        )
    slope = float(within @ y) / total
    level = y_mean - slope * x_mean
    gap = y - level[group] - slope * x
    var = float(gap @ gap) / df
    of = {str(n): k for k, n in enumerate(names)}
    row = np.array([of.get(str(f), -1) for f in at.family])
    new = at.scale - middle
    old = row >= 0
    away = np.where(old, new - x_mean[row], new - x.mean())
    if (~old).any() and len(names) < 3:
        raise UnfitError(f"family lines: a new family wants 3 families known, got {len(names)}")
    between = float(np.var(level, ddof=1)) if len(names) > 1 else 0.0
    place = np.where(old, level[row], level.mean()) + slope * new
    doubt = np.where(old, var / size[row], between * (1 + 1 / len(names)))
    spread = np.sqrt(var + doubt + var * away**2 / total)
    return place, spread, np.where(old, df, min(df, len(names) - 1)).astype(float)


def from_log_odds(
    place: Floats, spread: Floats, df: Floats, known: Scores, floor: float
) -> Predictive:
    """Student's t of log-odds as a distribution of scores: parts of equal probability.

    Each part is as wide as its share of log-odds, at its own slope.
    """
    from scipy import special

    high = float(known.high[0])
    edges = np.linspace(0, 1, LEVELS + 1)
    levels = (edges[1:] + edges[:-1]) / 2
    odds = place + spread * special.stdtrit(df, levels[:, None])
    ends = place + spread * special.stdtrit(df, np.clip(edges, 0.004, 0.996)[:, None])
    value = special.expit(odds)
    # The gap between a part's ends is 2 sd of a normal of about the same reach.
    wide = np.diff(special.expit(ends), axis=0) / 2
    reach = high - floor
    return Predictive.of(
        floor + reach * value,
        reach * np.maximum(wide, 0.01),
        low=float(known.low[0]),
        high=high,
    )


def _unit(known: Scores) -> float:
    reach = float(known.high[0] - known.floor[0])
    return reach if np.isfinite(reach) else max(float(np.ptp(known.score)), 1e-6)
