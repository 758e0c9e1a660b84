"""Power: Miller's and R's published sizes, plain twins, simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from calibrant.errors import InputError
from calibrant.stats.comparisons.power import (
    design_effect,
    fisher_power,
    mcnemar_critical,
    mcnemar_items,
    mcnemar_power,
    normal_power,
    paired_effect,
    paired_items,
    paired_variance,
    quantiles,
    two_rates_trials,
)
from calibrant.stats.comparisons.two_rates import fisher, mcnemar


# Miller (arXiv 2411.00640), section 5: omega² = 1/9, sigma² = 1/6 in both.
def test_millers_worked_sizes():
    many = paired_variance(1 / 9, 1 / 6, 1 / 6, epochs_a=math.inf, epochs_b=math.inf)
    assert paired_items(0.03, many) == 969
    ten = paired_variance(1 / 9, 1 / 6, 1 / 6, epochs_a=10, epochs_b=10)
    assert paired_effect(198, ten) == pytest.approx(0.075, abs=1.5e-3)
    one = paired_variance(1 / 9, 1 / 6, 1 / 6)
    assert one == pytest.approx(4 / 9)
    assert paired_effect(198, one) == pytest.approx(0.132, abs=1.5e-3)


@given(st.floats(0.01, 0.5), st.floats(0.01, 2), st.floats(1, 4), st.floats(0.3, 0.95))
@settings(max_examples=60, deadline=None)
def test_items_and_effect_are_inverse_and_reach_the_power(effect, variance, deff, power):
    n = paired_items(effect, variance, power=power, deff=deff)
    assert paired_effect(n, variance, power=power, deff=deff) <= effect * (1 + 1e-9)
    if n > 1:
        assert paired_effect(n - 1, variance, power=power, deff=deff) > effect * (1 - 1e-9)
    reached = normal_power(effect, math.sqrt(deff * variance / n))
    assert reached >= power - 1e-9


def test_quantiles_of_t_come_to_those_of_the_normal():
    assert quantiles(0.05, 0.8) == pytest.approx(2.801585, abs=1e-6)
    assert quantiles(0.05, 0.8, df=1e9) == pytest.approx(quantiles(0.05, 0.8), abs=1e-6)
    assert quantiles(0.05, 0.8, df=5) > 3


def test_design_effect_is_the_variance_ratio_of_simulated_clusters():
    rng = np.random.default_rng(4)
    icc, size, g = 0.3, 5, 4
    shared = rng.standard_normal((20_000, g, 1)) * icc**0.5
    x = shared + rng.standard_normal((20_000, g, size)) * (1 - icc) ** 0.5
    ratio = x.mean(axis=(1, 2)).var() * g * size
    assert design_effect(size, icc) == pytest.approx(2.2)
    assert ratio == pytest.approx(2.2, rel=0.05)
    assert design_effect(5, 0.3, variation=1.0) == pytest.approx(1 + 9 * 0.3)


@pytest.mark.parametrize("mid", [False, True])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.4])
def test_critical_counts_are_those_of_the_test(alpha, mid):
    found = mcnemar_critical(40, alpha=alpha, mid=mid)
    for m in range(41):
        least = next(
            (k for k in range(m // 2 + 1, m + 1) if mcnemar(k, m - k, mid=mid) <= alpha),
            m + 1,
        )
        assert found[m] == least, m


@given(st.integers(1, 25), st.floats(0.001, 0.5), st.floats(0.01, 0.5), st.booleans())
@settings(max_examples=20, deadline=None)
def test_mcnemar_power_is_the_plain_sum(n, p, q, mid):
    total = 0.0
    for m in range(n + 1):
        for b in range(m + 1):
            if mcnemar(b, m - b, mid=mid) <= 0.05:
                total += binom.pmf(m, n, p + q) * binom.pmf(b, m, p / (p + q))
    assert mcnemar_power(n, p, q, mid=mid) == pytest.approx(total, abs=1e-9)


def test_mcnemar_items_reach_the_power_and_stay():
    n = mcnemar_items(0.15, 0.05)
    assert mcnemar_power(n - 1, 0.15, 0.05) < 0.8
    assert all(mcnemar_power(k, 0.15, 0.05) >= 0.8 for k in range(n, n + 21))
    # Connor, Biometrics 43 (1987) 207: the normal approximation, a little short of the exact test.
    z, zb, d, diff = 1.959964, 0.841621, 0.2, 0.1
    approximate = (z * d**0.5 + zb * (d - diff**2) ** 0.5) ** 2 / diff**2
    assert approximate < n < 1.2 * approximate
    assert mcnemar_items(0.15, 0.05, mid=True) < n


def test_independent_rates():
    # R: power.prop.test(p1 = .50, p2 = .75, power = .90) gives n = 76.7.
    assert two_rates_trials(0.5, 0.75, power=0.9) == 77
    plain = sum(
        binom.pmf(i, 12, 0.1) * binom.pmf(j, 15, 0.7)
        for i in range(13)
        for j in range(16)
        if fisher(i, 12, j, 15) <= 0.05
    )
    assert fisher_power(12, 0.1, 15, 0.7) == pytest.approx(plain, abs=1e-9)
    assert fisher_power(12, 0.1, 15, 0.7, mid=True) > plain
    assert fisher_power(20, 0.3, 20, 0.3) <= 0.05


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: paired_items(0.0, 1.0), "effect"),
        (lambda: paired_items(0.1, 0.0), "variance"),
        (lambda: paired_items(0.1, 1.0, power=0.04), "power"),
        (lambda: paired_effect(0, 1.0), "n:"),
        (lambda: paired_effect(5, 1.0, deff=0.5), "deff"),
        (lambda: paired_variance(0.0), "at least one above"),
        (lambda: paired_variance(-1.0), "between"),
        (lambda: paired_variance(1.0, epochs_a=0), "epochs_a"),
        (lambda: design_effect(0.5, 0.1), "size"),
        (lambda: design_effect(5, 1.1), "icc"),
        (lambda: mcnemar_power(10, 0.6, 0.6), "sum"),
        (lambda: mcnemar_items(0.1, 0.1), "differ"),
        (lambda: mcnemar_items(0.01, 0.00999), "at most"),
        (lambda: two_rates_trials(0.1, 0.1), "different"),
        (lambda: fisher_power(5, 1.2, 5, 0.1), "rate_a"),
        (lambda: normal_power(0.1, 0.0), "uncertainty"),
        (lambda: quantiles(0.05, 0.8, df=0), "df"),
    ],
)
def test_refusals(call, match):
    with pytest.raises(InputError, match=match):
        call()
