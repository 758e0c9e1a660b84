"""Intervals for means against scipy, hand calculation and exact coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, t, ttest_1samp

from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import clopper_pearson
from calibrant.stats.estimates.means import bounded_mean, stratified_mean, t_mean


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40), st.sampled_from([0.8, 0.95]))
@settings(max_examples=60, deadline=None)
def test_t_agrees_with_scipy(values, level):
    x = np.array(values)
    if np.ptp(x) < 1e-6:
        return
    for side, alternative in (("two", "two-sided"), ("upper", "less"), ("lower", "greater")):
        mine = t_mean(x, level=level, side=side)
        theirs = ttest_1samp(x, 0, alternative=alternative).confidence_interval(level)
        assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), rel=1e-7, abs=1e-7)
    assert mine.standard_error == pytest.approx(x.std(ddof=1) / math.sqrt(x.size))


def test_student_s_own_sleep_data():
    # "Student" (1908), gain in hours of sleep: mean 1.58, and R's t.test of the ten differences.
    sleep = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    mine = t_mean(sleep)
    assert mine.value == pytest.approx(1.58)
    assert (mine.low, mine.high) == pytest.approx((0.7001142, 2.4598858), abs=1e-6)


def test_extreme_magnitudes_are_refused_not_rounded_away():
    with pytest.raises(InputError, match="says nothing about their spread"):
        t_mean([0.0, 1e-250, 0.0])
    with pytest.raises(InputError, match="magnitudes up to 1e100"):
        t_mean([0.0, 1e200])
    with pytest.raises(InputError, match="strata: wanted all text or all integers"):
        stratified_mean([0, 1.0], np.array(["a", 1], dtype=object), weights={"a": 1, 1: 1})


def test_a_census_has_no_error_and_a_large_part_a_small_one():
    x = np.arange(10.0)
    assert t_mean(x, population=10).high == x.mean()
    assert t_mean(np.ones(5), population=5).low == 1.0
    assert t_mean([3.0], population=1).standard_error == 0
    half, none = t_mean(x, population=20), t_mean(x)
    assert half.standard_error == pytest.approx(none.standard_error * math.sqrt(0.5))


def test_equal_scores_are_refused_or_fall_back():
    with pytest.raises(InputError, match="all 30 are 1, which says nothing about their spread"):
        t_mean(np.ones(30))
    mine = t_mean(np.ones(30), bounds=(0, 1))
    assert "Clopper–Pearson" in mine.method
    assert "equal" in mine.method
    assert mine.low == pytest.approx(clopper_pearson(30, 30).low)
    middle = t_mean(np.full(30, 0.5), bounds=(0, 1))
    assert "betting" in middle.method
    assert middle.low < 0.5 < middle.high


def plain_stratified(groups, weights, sizes=None):
    total = sum(weights.values())
    value, parts, free = 0.0, [], []
    for name, x in groups.items():
        w, n = weights[name] / total, len(x)
        mean = sum(x) / n
        variance = sum((v - mean) ** 2 for v in x) / (n - 1)
        rest = 1 if sizes is None else 1 - n / sizes[name]
        value += w * mean
        parts.append(w * w * rest * variance / n)
        free.append(n - 1)
    v = sum(parts)
    return value, math.sqrt(v), v * v / sum(p * p / f for p, f in zip(parts, free, strict=True))


@given(
    st.lists(
        st.lists(st.floats(0, 1).map(lambda v: round(v, 3)), min_size=2, max_size=12),
        min_size=1, max_size=4,
    ),
    st.lists(st.floats(0.1, 5), min_size=4, max_size=4),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_strata_agree_with_the_plain_formulas(groups, weights, finite):
    groups = {f"s{i}": g for i, g in enumerate(groups)}
    if all(len(set(g)) == 1 for g in groups.values()):
        return
    shares = dict(zip(groups, weights, strict=False))
    sizes = {name: 2 * len(g) + 1 for name, g in groups.items()} if finite else None
    x = np.concatenate(list(groups.values()))
    labels = np.repeat(list(groups), [len(g) for g in groups.values()])
    mine = stratified_mean(x, labels, weights=shares, sizes=sizes)
    value, error, df = plain_stratified(groups, shares, sizes)
    assert mine.value == pytest.approx(value, abs=1e-9)
    assert mine.standard_error == pytest.approx(error, rel=1e-6)
    assert mine.df == pytest.approx(df, rel=1e-6)
    assert mine.high - mine.value == pytest.approx(t.isf(0.025, df) * error, rel=1e-6)


def test_one_stratum_is_the_ordinary_interval():
    x = np.random.default_rng(0).random(20)
    mine = stratified_mean(x, np.zeros(20, dtype=int), sizes={0: 100})
    plain = t_mean(x, population=100)
    assert (mine.low, mine.high, mine.df) == pytest.approx((plain.low, plain.high, plain.df))


def test_flat_strata_are_named_and_all_flat_ones_refused():
    x, s = [0.0, 0.0, 1.0, 0.0], ["a", "a", "b", "b"]
    assert "1 of them without spread" in stratified_mean(x, s, weights={"a": 1, "b": 1}).method
    with pytest.raises(InputError, match="no stratum shows any spread"):
        stratified_mean([0.1, 0.1, 1.0, 1.0], s, weights={"a": 1, "b": 1})
    whole = stratified_mean(x, s, sizes={"a": 2, "b": 2})
    assert whole.low == whole.high == 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "got neither"),
        ({"weights": {"a": 1}}, "got none for 'b'"),
        ({"weights": {"a": 1, "b": 0}}, r"weights\['b'\]: wanted above 0"),
        ({"weights": {"a": 1, "b": 1, "c": 1}}, "got none in 'c'"),
        ({"sizes": {"a": 1, "b": 5}}, r"sizes\['a'\]: wanted at least the 2"),
        ({"weights": {"a": 1, "b": 1}, "strata": ["a", "b"]}, "wanted one for each"),
        ({"weights": {"a": 1, "b": 1}, "strata": ["a", "b", "b", "b"]}, "got 1 in 'a'"),
    ],
)
def test_strata_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        stratified_mean([0, 1, 0.5, 1], **{"strata": ["a", "a", "b", "b"], **arguments})


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        ([], {}, "at least one"),
        ([1.0], {}, "at least 2"),
        ([1.0, math.inf], {}, "finite numbers, got inf at 1"),
        ([1.0, 2.0], {"level": 0}, "level"),
        ([1.0, 2.0], {"population": 1}, "population"),
        ([1.0, 2.0], {"side": "both"}, "side"),
    ],
)
def test_what_cannot_be_is_refused(values, arguments, message):
    with pytest.raises(InputError, match=message):
        t_mean(values, **arguments)


def test_bounded_scores_of_zero_and_one_get_the_exact_interval():
    mine = bounded_mean([0, 0, 0, 1, 0, 0, 1, 0, 0, 0], low=0, high=1)
    plain = clopper_pearson(2, 10)
    assert (mine.low, mine.high) == (plain.low, plain.high)
    scaled = bounded_mean([-2, -2, 4], low=-2, high=4)
    assert scaled.high == pytest.approx(-2 + 6 * clopper_pearson(1, 3).high)


@pytest.mark.parametrize("method", ["betting", "hoeffding"])
@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("n", [5, 40])
def test_bounded_means_cover_at_every_rate(method, rate, n):
    """Exact coverage over all outcomes of three scores in a row of outcomes 0 and 1."""
    covered = 0.0
    for k in range(n + 1):
        x = np.array([1.0] * k + [0.0] * (n - k))
        mine = bounded_mean(x, method=method, level=0.9)
        covered += binom.pmf(k, n, rate) * (mine.low <= rate <= mine.high)
    assert covered >= 0.9


def test_hoeffdings_bound_is_exact_for_clean_trials():
    assert bounded_mean(np.zeros(149), method="hoeffding", side="upper").high < 0.02
    assert bounded_mean(np.zeros(148), method="hoeffding", side="upper").high > 0.02


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms())
@settings(max_examples=40, deadline=None)
def test_bounded_means_do_not_depend_on_the_order_and_hold_the_mean(values, random):
    mine = bounded_mean(values)
    shuffled = values.copy()
    random.shuffle(shuffled)
    again = bounded_mean(shuffled)
    assert (mine.low, mine.high) == pytest.approx((again.low, again.high), abs=1e-9)
    assert 0 <= mine.low <= mine.value <= mine.high <= 1


def test_they_print_a_sentence_and_plain_data():
    mine = t_mean([0.0, 1.0, 1.0, 0.5], side="upper")
    assert repr(mine).startswith("mean 0.625, [-inf, ")
    assert mine.to_dict()["low"] is None
    with pytest.raises(InputError, match="method"):
        bounded_mean([0.5], method="guess")
