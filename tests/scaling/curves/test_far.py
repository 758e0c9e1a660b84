"""Curves far out, in other units, and from other seeds: against plain twins."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.scaling.curves.curve import NEW, CurveReport, curve
from calibrant.scaling.curves.forecasters import FITS
from calibrant.scaling.curves.predict import fit
from calibrant.scaling.curves.shapes import BROKEN, KNOTS, SPLINE
from calibrant.scaling.scores import Scores, scores
from calibrant.scaling.weighted import weighted_quantiles

from .worlds import sigmoid_world


def plain_broken(t: list[float], z: float, u: float) -> float:
    """One minus exp of a line that bends, by the integral of its slope."""
    before, after = math.exp(t[1]), math.exp(t[2])
    x = (z - t[3]) / 0.3
    bend = 0.3 * (x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x)))
    log = t[0] - before * z - (after - before) * bend + u
    return 1 - math.exp(min(max(log, -60), 3))


def plain_spline(t: list[float], z: float, u: float) -> float:
    """Log-odds walked from the middle, one stretch between knots after another."""
    ends = [-math.inf, *KNOTS.tolist(), math.inf]
    line = t[0] + u
    for k, slope in enumerate(t[1:]):
        rate = math.exp(slope)
        low, high = (ends[k], ends[k + 1])
        if z >= 0:
            line += rate * max(0.0, min(z, high) - max(0.0, low))
        else:
            line -= rate * max(0.0, min(0.0, high) - max(z, low))
    return 1 / (1 + math.exp(-line)) if line > -700 else 0.0


@given(st.lists(st.floats(-3, 2), min_size=7, max_size=7), st.floats(-300, 300), st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_broken_laws_and_splines_are_their_plain_twins_far_out(
    t: list[float], z: float, u: float
) -> None:
    for shape, plain in ((BROKEN, plain_broken), (SPLINE, plain_spline)):
        own = t[: len(shape.parameters)]
        found = shape.curve(np.array([own]), np.array([z]), np.array([[u]])).value[0, 0]
        assert found == pytest.approx(plain(own, z, u), rel=1e-9, abs=1e-12)
        beyond = shape.curve(np.array([own]), np.array([z, z + 1.0]), 0.0).value[0]
        assert beyond[1] >= beyond[0]


@pytest.mark.parametrize("name", FITS)
def test_forecasts_stay_within_limits_however_far_and_do_not_depend_on_each_other(
    name: str,
) -> None:
    shape, families = FITS[name]
    found = fit(shape, sigmoid_world(4), np.random.default_rng(0), families=families)
    x = np.array([24.5, 40.0, 308.0, -300.0])
    at = scores(np.full(4, np.nan), x, family=np.array(["f1", "new", "f1", "new"]))
    p = found.predict(at)
    low, high = p.interval(0.9)
    assert np.isfinite([low, high]).all()
    assert (low >= 0).all() and (low < high).all() and (high <= 1).all()
    alone = found.predict(at.take(np.array([0]))).interval(0.9)
    # How components are merged may depend on the whole; what is said, hardly.
    assert (alone[0][0], alone[1][0]) == pytest.approx((low[0], high[0]), abs=0.01)


@pytest.fixture(scope="module")
def world() -> Scores:
    return sigmoid_world(5, size=5)


@pytest.fixture(scope="module")
def report(world: Scores) -> CurveReport:
    return curve(world, at=[(24.7, ""), (24.7, "f2")])


def test_the_figure_is_of_the_same_forecast_as_the_table(report: CurveReport) -> None:
    new = next(p for p in report.forecast if p.family == NEW)
    k = report.curve["scale"].index(new.scale)
    for name, value in (("median", new.median), ("low", new.low), ("high", new.high)):
        assert report.curve[name][k] == pytest.approx(value, abs=1e-6)
    inner = report.curve["inner_low"][k], report.curve["inner_high"][k]
    assert new.low < inner[0] < new.median < inner[1] < new.high
    drawn = str(report.plot().spec)
    assert "f2" in drawn
    assert "<svg" in report._repr_html_()


def test_other_seeds_move_interval_ends_by_little(world: Scores, report: CurveReport) -> None:
    again = curve(world, at=[(24.7, ""), (24.7, "f2")], seed=7)
    assert again.chosen == report.chosen
    for a, b in zip(report.forecast, again.forecast, strict=True):
        assert (b.low, b.high) == pytest.approx((a.low, a.high), abs=0.04 * (a.high - a.low))


def test_percent_say_what_shares_say(world: Scores, report: CurveReport) -> None:
    percent = replace(world, score=100 * world.score, limits={"score": (0.0, 100.0)})
    found = curve(percent, at=[(24.7, ""), (24.7, "f2")])
    assert found.chosen == report.chosen
    for a, b in zip(report.forecast, found.forecast, strict=True):
        assert (b.low, b.median, b.high) == pytest.approx(
            (100 * a.low, 100 * a.median, 100 * a.high), rel=1e-4
        )


def test_weighted_quantiles_of_equal_weights_are_those_of_hazen() -> None:
    x = np.random.default_rng(0).normal(size=40)
    found = weighted_quantiles(x, np.full(40, 1 / 40), (0.1, 0.5, 0.9))
    assert found == pytest.approx(np.quantile(x, [0.1, 0.5, 0.9], method="hazen"))
