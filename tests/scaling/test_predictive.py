"""Predictive distributions against SciPy's and against sampling."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from calibrant.errors import InputError
from calibrant.scaling.predictive import Predictive, joined, mixed


@given(
    st.floats(-0.5, 1.5), st.floats(0.005, 2), st.sampled_from([1.5, 4.0, np.inf]), st.floats(0, 1)
)
@settings(max_examples=25)
def test_a_cut_t_is_what_scipy_says(place: float, spread: float, df: float, y: float) -> None:
    p = Predictive.of(np.array([place]), np.array([spread]), df=df, low=0.0, high=1.0)
    t = stats.t(df, place, spread)
    share = t.cdf(1) - t.cdf(0)
    assert p.cdf(np.array([y]))[0] == pytest.approx((t.cdf(y) - t.cdf(0)) / share, abs=1e-9)
    assert p.log_density(np.array([y]))[0] == pytest.approx(t.logpdf(y) - np.log(share), abs=1e-7)
    grid = np.linspace(0, 1, 20001)
    gap = ((t.cdf(grid) - t.cdf(0)) / share - (grid >= y)) ** 2
    plain = np.sum((gap[1:] + gap[:-1]) / 2) * (grid[1] - grid[0])
    assert p.crps(np.array([y]))[0] == pytest.approx(plain, abs=3e-4)


def test_the_crps_of_a_normal_at_its_mean() -> None:
    # Gneiting and Raftery (2007), equation 21.
    p = Predictive.of(np.array([3.0]), np.array([2.0]))
    assert p.crps(np.array([3.0]))[0] == pytest.approx(2 * (np.sqrt(2) - 1) / np.sqrt(np.pi))


def test_a_mixture_is_the_weighted_sum_and_its_quantiles_invert_it() -> None:
    a = Predictive.of(np.array([0.2, 0.4]), np.array([0.1, 0.01]), low=0, high=1)
    b = Predictive.of(np.array([0.8, 0.5]), np.array([0.05, 0.2]), df=3, low=0, high=1)
    m = mixed([a, b], np.array([0.3, 0.7]))
    y = np.array([0.5, 0.41])
    assert m.cdf(y) == pytest.approx(0.3 * a.cdf(y) + 0.7 * b.cdf(y))
    low, high = m.interval(0.8)
    assert m.cdf(high) - m.cdf(low) == pytest.approx([0.8, 0.8])


def test_a_forecast_survives_json() -> None:
    p = Predictive.of(np.array([[0.2, 1.0], [0.3, 2.0]]), np.array([[0.1], [0.2]]), low=0.0)
    again = Predictive.from_dict(json.loads(json.dumps(p.to_dict()))[1])
    assert again.crps(np.array([1.4]))[0] == pytest.approx(p.crps(np.array([1.4, 1.4]))[1])


def test_what_is_no_distribution_is_refused() -> None:
    with pytest.raises(InputError, match="positive"):
        Predictive.of(np.array([0.2]), np.array([0.0]))
    with pytest.raises(InputError, match="not a predictive distribution"):
        Predictive.from_dict({"location": [1.0]})


def bisected(p: Predictive, levels: np.ndarray) -> np.ndarray:
    """Quantiles by halving, the plain way."""
    a, b = (np.repeat(e[None], levels.size, axis=0) for e in (p.low, p.high))
    for _ in range(60):
        middle = (a + b) / 2
        short = p.cdf(middle) < levels[:, None]
        a, b = np.where(short, middle, a), np.where(short, b, middle)
    return (a + b) / 2


@given(st.integers(0, 10**6), st.integers(1, 30), st.sampled_from([np.inf, 3.0, 40.0]))
@settings(max_examples=15, deadline=None)
def test_quantiles_and_crps_are_those_of_the_plain_way(seed: int, k: int, df: float) -> None:
    rng = np.random.default_rng(seed)
    place, wide = rng.uniform(0.05, 0.95, (k, 9)), rng.uniform(0.01, 0.4, (k, 9))
    p = Predictive.of(place, wide, df=df, low=0.0, high=1.0)
    levels = np.array([0.001, 0.05, 0.5, 0.9, 0.999])
    assert p.cdf(p.quantile(levels)) == pytest.approx(np.repeat(levels[:, None], 9, 1), abs=1e-8)
    assert p.quantile(levels) == pytest.approx(bisected(p, levels), abs=1e-6)
    y, t = rng.random(9), np.linspace(0, 1, 3001)[:, None]
    below, above = p.cdf(t * y) ** 2, (1 - p.cdf(y + t * (1 - y))) ** 2
    each = np.trapezoid(below, dx=1 / 3000, axis=0), np.trapezoid(above[1:], dx=1 / 3000, axis=0)
    plain = each[0] * y + each[1] * (1 - y)
    assert p.crps(y) == pytest.approx(plain, abs=5e-4)


def test_looked_up_is_what_scipy_says() -> None:
    rng = np.random.default_rng(0)
    df = rng.choice([1.0, 2.5, 4.0, 30.0], 200)
    y = np.clip(rng.standard_t(2, 200) * 3, -900, 900)
    p = Predictive.of(np.zeros((5, 200)), np.ones((5, 200)), df=df)
    assert p.cdf(y) == pytest.approx(stats.t(df).cdf(y), abs=1e-9)
    # A component almost wholly outside the limits, whose tail alone counts.
    far = Predictive.of(np.full((1, 600), -9.0), np.ones((1, 600)), df=30, low=0.0, high=1.0)
    t = stats.t(30, -9)
    share = (t.cdf(0.2) - t.cdf(0)) / (t.cdf(1) - t.cdf(0))
    assert far.cdf(np.full(600, 0.2)) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("df", [np.inf, 5.0])
def test_likes_merge_with_little_loss(df: float) -> None:
    rng = np.random.default_rng(2)
    place, wide = rng.normal(0.5, 0.1, (500, 4)), rng.uniform(0.02, 0.1, (500, 4))
    p = Predictive.of(place, wide, df=df, low=0.0, high=1.0)
    small = p.compressed()
    assert small.location.shape[0] <= 48 and small.weight.sum(axis=0) == pytest.approx(np.ones(4))
    grid = np.repeat(np.linspace(0, 1, 60)[:, None], 4, 1)
    assert np.abs(small.cdf(grid) - p.cdf(grid)).max() < 0.01
    y = rng.random(4)
    assert small.crps(y) == pytest.approx(p.crps(y), abs=1e-3)
    assert small.mean() == pytest.approx(p.mean(), abs=2e-3)
    assert p.compressed(1000) is p


def test_likes_of_uneven_weight_and_spread_keep_their_quantiles() -> None:
    rng = np.random.default_rng(2)
    mean, spread = rng.normal(size=(600, 2)), rng.gamma(3.0, 0.3, size=(600, 2)) + 0.1
    whole = Predictive.of(mean, spread, df=5.3, weight=rng.dirichlet(np.ones(600)))
    few = whole.compressed()
    assert few.location.shape[0] <= 48
    assert (few.df == 5.3).all()
    tails = np.array([0.05, 0.5, 0.95])
    assert few.quantile(tails) == pytest.approx(whole.quantile(tails), abs=0.06)
    assert few.mean() == pytest.approx(whole.mean(), abs=0.02)


def test_mean_and_sd_are_those_of_scipy() -> None:
    p = Predictive.of(np.array([0.4, 0.9]), np.array([0.1, 0.3]), low=0.0, high=1.0)
    for i, (place, wide) in enumerate(((0.4, 0.1), (0.9, 0.3))):
        t = stats.truncnorm(-place / wide, (1 - place) / wide, place, wide)
        assert p.mean()[i] == pytest.approx(t.mean(), abs=3e-5)
        assert p.sd()[i] == pytest.approx(t.std(), abs=1e-4)


def test_joined_side_by_side() -> None:
    a = Predictive.of(np.array([[0.2], [0.4]]), np.array([[0.1], [0.1]]), low=0.0, high=1.0)
    b = Predictive.of(np.array([3.0, 5.0]), np.array([1.0, 2.0]), df=4)
    both = joined([a, b], [np.array([1]), np.array([0, 2])], 3)
    assert both.quantile(0.5) == pytest.approx([3, a.quantile(0.5)[0], 5])
    assert both.log_density(np.array([3.0, 0.3, 1.0]))[1] == pytest.approx(
        a.log_density(np.array([0.3]))[0]
    )
