"""The rule that withholds a forecast."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from calibrant.scaling.backtests.gate import (
    indicator_correlation,
    judge,
    mid_p,
    needed_for,
    within,
)


@given(st.integers(1, 60), st.integers(0, 60), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
@settings(max_examples=30)
def test_mid_p_is_that_of_the_binomial_at_whole_numbers(n: int, misses: int, level: float) -> None:
    m = min(misses, n)
    b = stats.binom(n, 1 - level)
    assert mid_p(m, n, level) == pytest.approx(b.sf(m) + b.pmf(m) / 2, abs=1e-9)


@pytest.mark.parametrize("likeness", [0.3, 0.7, 0.95])
def test_covered_together_is_what_two_normals_say(likeness: float) -> None:
    q = stats.norm.ppf(0.95)
    pair = stats.multivariate_normal(cov=[[1, likeness], [likeness, 1]])
    both = pair.cdf([q, q], lower_limit=[-q, -q])
    assert indicator_correlation(likeness, 0.9) == pytest.approx(
        (both - 0.81) / 0.09, abs=2e-3 / (1 - likeness)
    )


def test_as_many_are_needed_as_catch_one_half() -> None:
    n = needed_for(0.9)
    for m in range(n, 60):
        few = next(k for k in range(m) if mid_p(k, m, 0.9) < 0.1)
        assert stats.binom.cdf(few - 1, m, 0.5) <= 0.1


def test_families_that_miss_together_are_worth_less() -> None:
    rng = np.random.default_rng(1)
    family = np.repeat([f"f{i}" for i in range(10)], 6)
    same = np.repeat(rng.random(10), 6)
    apart = rng.random(60)
    assert within(same, family) > 0.9 > 0.3 > within(apart, family)
    hits = np.ones(60, dtype=bool)
    alike, free = (judge(hits, u, family) for u in (same, apart))
    assert 9.9 < alike.effective < 13 < 50 < free.effective <= 60
    assert alike.verdict == free.verdict == "held"


def test_held_failed_and_too_few() -> None:
    rng = np.random.default_rng(0)
    family = np.array([f"f{i}" for i in range(20)])
    u = rng.random(20)
    assert judge(np.arange(20) < 18, u, family).verdict == "held"
    failed = judge(np.arange(20) < 15, u, family)
    assert failed.verdict == "failed" and "held 15 of 20" in failed.says
    few = judge(np.arange(6) < 6, u[:6], family[:6])
    assert few.verdict == "too few" and few.p is None and "9 in 5 families" in few.says
    one = judge(np.ones(40, dtype=bool), rng.random(40), np.full(40, "f"))
    assert one.verdict == "too few"
    assert judge(np.zeros(0, dtype=bool), np.zeros(0), np.zeros(0, dtype=str)).n == 0
