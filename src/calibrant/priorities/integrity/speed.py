"""Was anyone too fast to have read what they rated?

Log seconds per answer against the pool: the distance from its median in units of its median
absolute deviation, which a few cheats cannot move. The null distribution of this distance for a
log-normal pool of the same size is simulated, as it does not depend on the pool's centre and scale.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from calibrant.errors import InputError
from calibrant.priorities.integrity.answers import Floats
from calibrant.records.ratings import Ratings

FLOOR = 2.0
"""Seconds per answer below which nobody reads and rates (a common rule: Huang et al., J. Bus.
Psychol. 27 (2012) 99)."""

LEAST = 8
"""Respondents with times that make a pool."""

_POOLS = 2000


def seconds_per_answer(
    ratings: Ratings, given: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Seconds per answer of every respondent of whom it is known.

    Args:
        given: seconds that a respondent took for the whole form; without it, the times of the
            answers are read. Answers sent together (one page) share a time, so a respondent's first
            page has no start and does not count; the median over the other pages is taken, which
            a pause does not move.

    Raises:
        InputError: for seconds that are not above 0 and finite.
    """  # fmt: skip
    answered = ratings.frame.filter(pl.col("state") != "not shown")
    counts = dict(answered.group_by("respondent").len().iter_rows())
    if given is not None:
        for name, value in given.items():
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"seconds: {name!r}: wanted above 0 and finite, got {value!r}")
        return {r: s / counts[r] for r, s in given.items() if counts.get(r)}
    pages = (
        answered.filter(pl.col("time").is_not_null())
        .group_by("respondent", "time")
        .len()
        .sort("respondent", "time")
        .with_columns(gap=pl.col("time").diff().over("respondent").dt.total_microseconds() / 1e6)
        .filter(pl.col("gap") > 0)
        .group_by("respondent", maintain_order=True)
        .agg((pl.col("gap") / pl.col("len")).median())
    )
    return dict(pages.iter_rows())


def too_fast(seconds: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """How far below the pool each is, and the chance of that in a log-normal pool.

    Args:
        seconds: shape (n,), above 0; n at least `LEAST`.

    Returns:
        Distances (negative: faster than the median) and one-sided p-values, shape (n,).
    """
    own = _distances(np.log(seconds)[None])[0]
    null = np.sort(_distances(rng.standard_normal((_POOLS, seconds.size))).ravel())
    p = (1 + np.searchsorted(null, own, side="right")) / (1 + null.size)
    return own, np.asarray(p, dtype=float)


def _distances(pools: Floats) -> Floats:
    centre = np.median(pools, axis=1, keepdims=True)
    scale = np.median(np.abs(pools - centre), axis=1, keepdims=True)
    # Where over half took equally long, only those who differ at all stand apart.
    distances: Floats = (pools - centre) / np.maximum(1.4826 * scale, 1e-9)
    return distances
