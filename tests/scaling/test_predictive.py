"""Predictive distributions against SciPy's and against sampling."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from calibrant.errors import InputError
from calibrant.scaling.predictive import Predictive, mixed


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
    assert p.crps(np.array([y]))[0] == pytest.approx(plain, abs=2e-4)


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
