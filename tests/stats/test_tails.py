"""Tails against SciPy's distributions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from calibrant.stats.tails import binomial_cdf, hypergeometric_cdf, largest


@given(st.integers(-1, 60), st.integers(1, 50), st.floats(0.001, 0.999))
@settings(max_examples=100, deadline=None)
def test_binomial_tails(k, n, p):
    assert binomial_cdf(k, n, p) == pytest.approx(binom.cdf(k, n, p), abs=1e-12)


@given(st.integers(-1, 40), st.integers(1, 80), st.data())
@settings(max_examples=150, deadline=None)
def test_hypergeometric_tails(k, items, data):
    n = data.draw(st.integers(0, items))
    events = data.draw(st.integers(0, items))
    expected = hypergeom.cdf(k, items, events, n)
    assert hypergeometric_cdf(k, n, items, events) == pytest.approx(expected, abs=1e-10)


def test_the_largest_accepted():
    assert largest(lambda k: k * k <= 50, 100) == 7
    assert largest(lambda k: False, 5) == -1
    assert largest(lambda k: True, 5) == 5
