"""Measures without limits."""

from __future__ import annotations

import numpy as np

from calibrant.scaling.curves.predict import fit
from calibrant.scaling.curves.shapes import POWER
from calibrant.scaling.scores import scores


def test_a_power_law_without_limits_may_end_well_beyond_what_was_seen() -> None:
    """More than the range that was seen is yet to come, and the interval is of about that width."""
    rng = np.random.default_rng(5)
    x = np.concatenate([np.linspace(20, 23, 10), [24.0, 25.0]])
    y = 1 - 0.7 * np.exp(-0.2 * (x - 21.5))
    seen = y + np.where(x <= 23, rng.normal(0, 0.01, x.size), 0)
    every = scores(seen, x, limits=(-np.inf, np.inf))
    found = fit(POWER, every.take(x <= 23), rng).predict(every.take(x > 23))
    low, high = found.interval(0.9)
    assert ((low <= y[-2:]) & (y[-2:] <= high)).all()
    assert (high - low < np.ptp(y[:10])).all()
