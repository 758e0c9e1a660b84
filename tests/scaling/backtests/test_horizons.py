"""Which horizon a forecast is judged by."""

from __future__ import annotations

import numpy as np
import pytest

from calibrant.scaling.backtests.gate import judge
from calibrant.scaling.backtests.horizons import Horizon, judging, silence


def made(low: float, high: float, reach: float, held: int = 38) -> Horizon:
    covered = np.arange(40) < held
    pit = np.random.default_rng(0).uniform(size=40)
    gate = judge(covered, pit, np.array([f"f{i % 20}" for i in range(40)]), 0.9)
    return Horizon("m", low, high, "orders of magnitude", reach, False, gate)


@pytest.mark.parametrize(
    ("distance", "place", "says"),
    [(0.3, 0, None), (0.49, 1, None), (0.9, 1, None), (1.6, 0, "no back-test reaches that far")],
)
def test_a_forecast_is_judged_by_the_nearest_horizon_that_reaches_it(distance, place, says):
    there = [made(0, 0.5, 0.4), made(0.5, 1, 1.2)]
    judged = judging(there.__getitem__, 0, 1, distance)
    assert judged is there[place]
    found = silence(judged, distance, 1.2)
    assert found is None if says is None else says in str(found)


def test_what_failed_nearby_is_not_mended_farther_out():
    there = [made(0, 0.5, 0.4, held=20), made(0.5, 1, 1.2)]
    judged = judging(there.__getitem__, 0, 1, 0.49)
    assert "intervals failed" in str(silence(judged, 0.49, 1.2))
