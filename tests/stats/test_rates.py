"""Intervals for rates against published tables, SciPy, and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from calibrant.errors import InputError
from calibrant.stats.estimates.rates import METHODS, bounds, interval

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.6, 0.8, 0.9, 0.95, 0.99])
sides = st.sampled_from(["two", "upper", "lower"])

# Newcombe, Statistics in Medicine 17 (1998) 857, table I, 95 %: methods 3, 5 and 6.
NEWCOMBE = [
    ("wilson", 81, 263, 0.2553, 0.3662),
    ("wilson", 15, 148, 0.0624, 0.1605),
    ("wilson", 0, 20, 0.0, 0.1611),
    ("wilson", 1, 29, 0.0061, 0.1718),
    ("clopper-pearson", 81, 263, 0.2527, 0.3676),
    ("clopper-pearson", 15, 148, 0.0578, 0.1617),
    ("clopper-pearson", 0, 20, 0.0, 0.1684),
    ("clopper-pearson", 1, 29, 0.0009, 0.1776),
    ("mid-p", 81, 263, 0.2544, 0.3658),
    ("mid-p", 15, 148, 0.0601, 0.1581),
    ("mid-p", 0, 20, 0.0, 0.1391),
    ("mid-p", 1, 29, 0.0017, 0.1585),
]


@pytest.mark.parametrize(("method", "k", "n", "low", "high"), NEWCOMBE)
def test_published_intervals(method, k, n, low, high):
    found = interval(k, n, method=method)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5.1e-5)


def plain(k, n, method, below, above):
    """Each method by its definition, with SciPy's distributions and a root finder."""

    def lower(k, tail):
        if k == 0 or tail == 0:
            return 0.0
        if method == "jeffreys":
            return stats.beta.ppf(tail, k + 0.5, n - k + 0.5)
        if method == "wilson":
            # The rate below k/n whose score statistic equals the normal quantile.
            z = stats.norm.isf(tail)
            g = lambda p: k - n * p - z * (n * p * (1 - p)) ** 0.5  # noqa: E731
            return optimize.brentq(g, 1e-12, k / n - (k == n) * 1e-12, xtol=1e-14)
        weight = 1.0 if method == "clopper-pearson" else 0.5
        f = lambda p: (  # noqa: E731
            stats.binom.sf(k, n, p) + weight * stats.binom.pmf(k, n, p) - tail
        )
        return optimize.brentq(f, 0, 1, xtol=1e-14)

    return lower(k, below), 1 - lower(n - k, above)


@settings(max_examples=60, deadline=None)
@given(counts, levels, sides, st.sampled_from(METHODS))
def test_every_method_is_its_definition(kn, level, side, method):
    k, n = kn
    error = 1 - level
    below, above = {"two": (error / 2,) * 2, "upper": (0, error), "lower": (error, 0)}[side]
    found = interval(k, n, method=method, level=level, side=side)
    assert (found.low, found.high) == pytest.approx(plain(k, n, method, below, above), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(counts, levels, st.sampled_from(METHODS))
def test_events_and_non_events_mirror_and_arrays_agree(kn, level, method):
    k, n = kn
    one, other = (interval(x, n, method=method, level=level) for x in (k, n - k))
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-12)
    low, high = bounds([k, n - k], [n, n], method=method, level=level)
    assert (low[0], high[1]) == pytest.approx((one.low, other.high), abs=1e-12)
    assert 0 <= one.low <= k / n <= one.high <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.data())
def test_finite_mid_p_inverts_the_hypergeometric_mid_tail(items, data):
    n = data.draw(st.integers(1, items))
    k = data.draw(st.integers(0, n))
    found = interval(k, n, method="mid-p", items=items)

    def kept(tail):
        return [
            m / items
            for m in range(k, items - (n - k) + 1)
            for law in [stats.hypergeom(items, m, n)]
            if law.cdf(k) - law.pmf(k) / 2 > tail and law.sf(k) + law.pmf(k) / 2 > tail
        ]

    # A tail of exactly 0.025 may fall on either side in floating point.
    strict, loose = kept(0.025 + 1e-12), kept(0.025 - 1e-12)
    assert found.low in (min(strict), min(loose))
    assert found.high in (max(strict), max(loose))
    exact = interval(k, n, items=items)
    assert exact.low <= found.low and found.high <= exact.high


def test_with_nothing_seen_nothing_is_known():
    for method in METHODS:
        found = interval(0, 0, method=method)
        assert found.low <= 0.05 and found.high >= 0.95
    low, high = bounds(np.zeros((2, 0), int), 5)
    assert low.shape == high.shape == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 3, "n": 2}, "events ≤ trials, got 3 of 2"),
        ({"k": -1, "n": 2}, "got -1 of 2"),
        ({"k": 1.0, "n": 2}, "events: wanted a whole number, got 1.0"),
        ({"k": 1, "n": True}, "trials: wanted a whole number, got True"),
        ({"k": 1, "n": 2, "level": 1.0}, "level: wanted strictly"),
        ({"k": 1, "n": 2, "level": float("nan")}, "level: wanted strictly"),
        ({"k": 1, "n": 2, "side": "left"}, "side: wanted two, upper or lower"),
        ({"k": 1, "n": 2, "method": "wald"}, "method: wanted one of clopper-pearson"),
        ({"k": 1, "n": 2, "items": 1}, "items: wanted a whole number of at least the 2"),
        ({"k": 1, "n": 2, "items": 9, "method": "wilson"}, "for a finite set, got wilson"),
    ],
)
def test_wrong_input_is_refused_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        interval(**arguments)
    assert "\n" not in str(caught.value)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="shapes that fit together"):
        bounds([1, 2], [3, 4, 5])
    with pytest.raises(InputError, match="whole numbers"):
        bounds([np.nan], [3])
