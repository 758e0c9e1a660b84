"""Two rates: published numbers, SciPy's and plain twins, and exact coverage."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, fisher_exact
from scipy.stats.contingency import odds_ratio as scipy_odds_ratio

from calibrant.errors import InputError
from calibrant.stats.comparisons.two_rates import (
    fisher,
    matched_difference,
    mcnemar,
    miettinen_nurminen,
    mover,
    newcombe,
    odds_ratio,
    rate_ratio,
    score_test,
    tango,
    wilson,
)
from calibrant.stats.estimates.intervals import Interval

counts = st.integers(0, 40)


def limits(interval):
    return interval.low, interval.high


# Fagerland, Lydersen and Laake (2013, 2014): airway hyper-responsiveness, 1 and 7 discordant of 21.
def test_the_airway_example():
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar(1, 7, mid=True) == pytest.approx(0.0391, abs=5e-5)
    assert limits(tango(1, 7, 21)) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert limits(newcombe(1, 1, 7, 12)) == pytest.approx((-0.507, -0.026), abs=5e-4)


# Newcombe, Stat. Med. 17 (1998) 873, table II: 56/70 against 48/80.
def test_miettinen_and_nurminens_interval_as_published():
    assert limits(miettinen_nurminen(56, 70, 48, 80)) == pytest.approx((0.0528, 0.3382), abs=5e-5)


# The examples of R's help pages for fisher.test and poisson.test.
def test_r_examples():
    assert fisher(3, 4, 1, 4) == pytest.approx(0.4857, abs=5e-5)
    assert fisher(3, 4, 1, 4, alternative="greater") == pytest.approx(0.2429, abs=5e-5)
    assert fisher(2, 17, 10, 13, alternative="less") == pytest.approx(0.0004652, abs=5e-8)
    at, found = odds_ratio(3, 4, 1, 4)
    assert at == pytest.approx(6.408309, rel=1e-5)
    assert found.low == pytest.approx(0.2117329, rel=1e-4)
    assert odds_ratio(2, 17, 10, 13)[0] == pytest.approx(0.04693661, rel=1e-5)
    ratio, around = rate_ratio(11, 21, exposure_a=800, exposure_b=3011)
    assert ratio == pytest.approx(1.971488, abs=5e-7)
    assert limits(around) == pytest.approx((0.8584264, 4.2772659), rel=1e-5)


@given(counts, counts)
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_the_sign_test(b, c):
    if b + c == 0:
        assert mcnemar(b, c) == mcnemar(b, c, mid=True) == 1
        return
    assert mcnemar(b, c) == pytest.approx(binomtest(b, b + c).pvalue, abs=1e-12)
    for side in ("less", "greater"):
        exact = binomtest(b, b + c, alternative=side).pvalue
        assert mcnemar(b, c, alternative=side) == pytest.approx(exact, abs=1e-12)
        half = exact - binom.pmf(b, b + c, 0.5) / 2
        assert mcnemar(b, c, alternative=side, mid=True) == pytest.approx(half, abs=1e-10)


@given(counts, counts, st.integers(0, 60))
@settings(max_examples=80, deadline=None)
def test_the_exact_interval_agrees_with_the_exact_test(b, c, rest):
    n = b + c + rest
    if n == 0:
        return
    for level in (0.8, 0.95):
        low, high = limits(matched_difference(b, c, n, level=level))
        assert -1 <= low <= (b - c) / n <= high <= 1
        assert (low > 1e-9 or high < -1e-9) == (mcnemar(b, c) < 1 - level)
        assert limits(matched_difference(c, b, n, level=level)) == pytest.approx((-high, -low))


@pytest.mark.parametrize(
    ("b", "c", "n"),
    [(7, 1, 21), (5, 0, 50), (30, 20, 50), (12, 3, 5000), (0, 9, 12), (300, 200, 501)],
)
def test_melding_against_random_draws(b, c, n):
    # Fay and Lumbard's definition, by brute force: the lower quantile of (share) · (2 · part - 1).
    rng, m, size = np.random.default_rng(1), b + c, 400_000
    part = rng.beta(b, c + 1, size) if b else np.zeros(size)
    least = rng.beta(m, n - m + 1, size)
    most = rng.beta(m + 1, n - m, size) if n > m else np.ones(size)
    low = matched_difference(b, c, n).low
    share = least if mcnemar(b, c, alternative="greater") < 0.025 else most
    # The share of draws below my limit is itself a proportion with a known error.
    assert np.mean(share * (2 * part - 1) <= low) == pytest.approx(0.025, abs=0.001)


def plain_tango_score(b, c, n, d):
    # Likeliest "only B" chance q on a fine grid, "only A" being q + d.
    q = np.linspace(max(0.0, -d), (1 - d) / 2, 200_001)[1:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = (n - b - c) * np.log(1 - 2 * q - d) + b * np.log(q + d) + c * np.log(q)
    best = q[np.nanargmax(logs)]
    return (b - c - n * d) / math.sqrt(n * (2 * best + d - d * d))


@pytest.mark.parametrize(("b", "c", "n"), [(12, 2, 50), (1, 7, 21), (0, 5, 40), (3, 3, 200)])
def test_tangos_limits_solve_the_score_equation(b, c, n):
    low, high = limits(tango(b, c, n))
    assert plain_tango_score(b, c, n, low) == pytest.approx(1.95996, abs=5e-3)
    assert plain_tango_score(b, c, n, high) == pytest.approx(-1.95996, abs=5e-3)


def plain_score(ka, na, kb, nb, d):
    q = np.linspace(max(0.0, -d), min(1.0, 1 - d), 400_001)[1:-1]
    a = q + d
    logs = ka * np.log(a) + (na - ka) * np.log1p(-a) + kb * np.log(q) + (nb - kb) * np.log1p(-q)
    i = np.argmax(logs)
    variance = a[i] * (1 - a[i]) / na + q[i] * (1 - q[i]) / nb
    return (ka / na - kb / nb - d) / math.sqrt(variance)


@pytest.mark.parametrize(
    "table", [(56, 70, 48, 80), (0, 30, 3, 40), (9, 10, 3, 10), (1, 200, 0, 90)]
)
def test_independent_score_limits_solve_the_score_equation(table):
    n = table[1] + table[3]
    low, high = limits(miettinen_nurminen(*table))
    for d, z in ((low, 1.95996), (high, -1.95996)):
        if abs(d) < 1:
            assert plain_score(*table, d) / math.sqrt(n / (n - 1)) == pytest.approx(z, abs=0.01)
    p = score_test(*table, difference=-0.2, alternative="greater")
    z = plain_score(*table, -0.2)
    assert p == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), abs=1e-3)


@given(st.integers(1, 30), st.integers(1, 30), st.data())
@settings(max_examples=60, deadline=None)
def test_fisher_and_the_odds_ratio_against_scipy(na, nb, data):
    ka, kb = data.draw(st.integers(0, na)), data.draw(st.integers(0, nb))
    table = [[ka, na - ka], [kb, nb - kb]]
    for side in ("two-sided", "less", "greater"):
        expected = fisher_exact(table, alternative=side).pvalue
        assert fisher(ka, na, kb, nb, alternative=side) == pytest.approx(expected, abs=1e-9)
        assert 0 <= fisher(ka, na, kb, nb, alternative=side, mid=True) < expected
    if 0 < ka + kb < na + nb:
        theirs = scipy_odds_ratio(table)
        at, found = odds_ratio(ka, na, kb, nb)
        around = theirs.confidence_interval(0.95)
        assert at == pytest.approx(theirs.statistic, rel=1e-4)
        assert limits(found) == pytest.approx((around.low, around.high), rel=1e-4)
    else:
        with pytest.raises(InputError, match="some events"):
            odds_ratio(ka, na, kb, nb)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=80, deadline=None)
def test_all_difference_intervals_hold_the_estimate_and_mirror(both, b, c, neither):
    n = both + b + c + neither
    if n == 0:
        return
    pairs = [
        (newcombe(both, b, c, neither), newcombe(both, c, b, neither)),
        (tango(b, c, n), tango(c, b, n)),
        (
            miettinen_nurminen(both + b, n, both + c, n),
            miettinen_nurminen(both + c, n, both + b, n),
        ),
    ]
    for one, other in pairs:
        assert -1 <= one.low <= (b - c) / n + 1e-9
        assert (b - c) / n - 1e-9 <= one.high <= 1
        assert limits(one) == pytest.approx((-other.high, -other.low), abs=1e-7)


def trinomial(n, p, q):
    """All (b, c, chance) of n pairs, by the plain formula."""
    logs = [math.lgamma(i + 1) for i in range(n + 1)]
    for b in range(n + 1):
        for c in range(n - b + 1):
            rest = n - b - c
            mass = logs[n] - logs[b] - logs[c] - logs[rest]
            mass += b * math.log(p) + c * math.log(q) + rest * math.log(1 - p - q)
            if mass > -20:
                yield b, c, math.exp(mass)


@pytest.mark.parametrize("n", [10, 30])
@pytest.mark.parametrize(
    ("p", "q"), [(0.01, 0.01), (0.05, 0.001), (0.1, 0.05), (0.3, 0.3), (0.7, 0.05), (0.97, 0.01)]
)
def test_the_exact_interval_covers_by_full_enumeration(n, p, q):
    found = cache(lambda b, c: limits(matched_difference(b, c, n)))
    missed = sum(
        mass
        for b, c, mass in trinomial(n, p, q)
        if not found(b, c)[0] - 1e-9 <= p - q <= found(b, c)[1] + 1e-9
    )
    assert missed <= 0.05


def test_wilson_and_mover():
    assert limits(wilson(81, 263)) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998
    a, b = Interval(0.2, 0.6, 0.95, "x"), Interval(0.1, 0.4, 0.95, "x")
    assert limits(mover(0.4, a, 0.2, b)) == pytest.approx((0.2 - 0.08**0.5, 0.2 + 0.05**0.5))
    assert mover(0.4, a, 0.2, b, correlation=1).low == pytest.approx(0.2)
    with pytest.raises(InputError, match="inside"):
        mover(0.7, a, 0.2, b)
    with pytest.raises(InputError, match="levels"):
        mover(0.4, a, 0.2, Interval(0.1, 0.4, 0.9, "x"))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: mcnemar(-1, 2), "only_a"),
        (lambda: mcnemar(1.5, 2), "whole"),
        (lambda: mcnemar(1, 2, alternative="two"), "alternative"),
        (lambda: matched_difference(5, 6, 10), "pairs"),
        (lambda: matched_difference(0, 0, 0), "pairs"),
        (lambda: tango(1, 2, 10, level=1.0), "level"),
        (lambda: newcombe(0, 0, 0, 0), "at least one"),
        (lambda: fisher(5, 4, 1, 4), "counts of A"),
        (lambda: score_test(1, 4, 1, 4, difference=1.0), "difference"),
        (lambda: rate_ratio(0, 0), "at least one event"),
        (lambda: rate_ratio(1, 2, exposure_a=0.0), "exposure"),
        (lambda: wilson(1, 0), "counts"),
    ],
)
def test_refusals_are_one_line(call, match):
    with pytest.raises(InputError, match=match) as error:
        call()
    assert "\n" not in str(error.value)


def test_ratios_at_the_ends_are_infinite_or_zero():
    assert rate_ratio(3, 0)[1].high == math.inf
    assert rate_ratio(0, 3)[0] == 0
    assert odds_ratio(4, 4, 0, 4)[0] == math.inf
