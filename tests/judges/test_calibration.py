"""Calibration of judge scores: kernels against plain twins, tables by hand, refusals."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from calibrant.errors import InputError
from calibrant.judges.calibration import (
    calibrated,
    calibrated_ppi,
    calibration,
    calibration_map,
    cross_venn_abers,
    isotonic,
    platt,
    venn_abers,
)
from calibrant.judges.calibration.crossfit import fold_of
from calibrant.judges.calibration.measures import (
    bin_of,
    decompose,
    poisson_binomial,
    positives_p,
    slope,
)
from calibrant.judges.calibration.platt import SLOPE_SD, targets

# Few distinct scores, so that ties are the normal case.
labelled = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from([0.0, 1.0])), min_size=1, max_size=14
)


def split(pairs):
    return np.array([float(s) for s, _ in pairs]), np.array([y for _, y in pairs])


def plain_isotonic(s, y):
    """The max-min formula (Barlow, Bartholomew, Bremner and Brunk 1972), O(k³)."""
    values = np.unique(s)
    return {
        x: max(
            min(y[(s >= a) & (s <= b)].mean() for b in values[values >= x])
            for a in values[values <= x]
        )
        for x in values
    }


@given(labelled)
def test_isotonic_is_the_max_min_formula(pairs):
    s, y = split(pairs)
    found = isotonic(s, y)
    twin = plain_isotonic(s, y)
    assert found.values == pytest.approx([twin[x] for x in found.scores], abs=1e-12)


@given(labelled)
@settings(max_examples=200)
def test_venn_abers_is_two_refits_per_score(pairs):
    s, y = split(pairs)
    new = np.arange(-0.5, 8.5, 0.5)
    found = venn_abers(s, y, new)
    for x, low, high in zip(new, found.low, found.high, strict=True):
        p0, p1 = (plain_isotonic(np.append(s, x), np.append(y, label))[x] for label in (0.0, 1.0))
        assert (low, high) == pytest.approx((p0, p1), abs=1e-12)
    assert np.all(found.low <= found.value)
    assert np.all(found.value <= found.high)


def test_venn_abers_by_hand():
    # One label each at 1 (0) and 2 (1): a 0 at 2 ties with the 1, a 1 at 1 with the 0.
    found = venn_abers(np.array([1.0, 2.0]), np.array([0.0, 1.0]), np.array([1.0, 2.0, 3.0]))
    assert found.low.tolist() == [0.0, 0.5, 0.5]
    assert found.high.tolist() == [0.5, 1.0, 1.0]
    assert found.value.tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_cross_venn_abers_merges_by_geometric_means():
    rng = np.random.default_rng(0)
    s = rng.random(30)
    y = (rng.random(30) < s).astype(float)
    folds = np.arange(30) % 3
    found = cross_venn_abers(s, y, np.array([0.2, 0.9]), folds)
    each = [venn_abers(s[folds == k], y[folds == k], np.array([0.2, 0.9])) for k in range(3)]
    one = np.prod([v.high for v in each], axis=0) ** (1 / 3)
    zero = np.prod([1 - v.low for v in each], axis=0) ** (1 / 3)
    assert found.value == pytest.approx(one / (one + zero))


@given(labelled)
@settings(max_examples=60, deadline=None)
def test_platt_is_the_minimum_of_its_penalised_loss(pairs):
    s, y = split(pairs)
    found = platt(s, y)
    assert np.isfinite([found.intercept, found.slope]).all()
    if np.ptp(s) == 0:
        assert found.slope == 0
        return
    t, sd = targets(y), s.std()

    def loss(b):
        eta = b[0] + b[1] * s
        return np.sum(np.logaddexp(0, eta) - t * eta) + (b[1] * sd / SLOPE_SD) ** 2 / 2

    best = optimize.minimize(loss, [0.0, 0.0], method="BFGS", options={"gtol": 1e-9})
    assert loss([found.intercept, found.slope]) <= best.fun + 1e-8


def test_platt_targets_are_those_of_1999():
    assert targets(np.array([1.0, 1, 1, 0])) == pytest.approx([0.8, 0.8, 0.8, 1 / 3])


def test_separation_gives_a_steep_and_finite_curve():
    found = platt(np.arange(10.0), (np.arange(10) >= 5).astype(float))
    assert 0.5 < found.slope < 10
    p = found(np.array([-1e6, 4.5, 1e6]))
    assert p == pytest.approx([0, 0.5, 1], abs=0.02)


def test_values_of_labelled_items_have_not_seen_their_label():
    rng = np.random.default_rng(3)
    s = rng.random(200)
    at = rng.permutation(200)[:40]
    y = (rng.random(40) < s[at]).astype(float)
    for method in ("isotonic", "platt", "venn-abers"):
        before = calibrated(s, at, y, method=method, seed=4)
        changed = y.copy()
        changed[7] = 1 - changed[7]
        after = calibrated(s, at, changed, method=method, seed=4)
        assert before[at[7]] == after[at[7]]
        assert not np.array_equal(before, after)
        assert np.all((before >= 0) & (before <= 1))


def test_unlabelled_items_get_the_mean_map_of_the_folds():
    rng = np.random.default_rng(5)
    s = rng.random(60)
    at = np.arange(20)
    y = (rng.random(20) < s[:20]).astype(float)
    fold = fold_of(np.arange(60), at, 4, seed=9)
    twin = np.mean(
        [calibration_map(s[:20][fold[:20] != k], y[fold[:20] != k])(s[20:]) for k in range(4)],
        axis=0,
    )
    assert calibrated(s, at, y, folds=4, seed=9)[20:] == pytest.approx(twin)


def test_a_cluster_stays_in_one_fold_and_its_other_items_follow():
    group = np.repeat(np.arange(12), 5)
    at = np.flatnonzero(group < 8)[::2]
    fold = fold_of(group, at, 3, seed=1)
    for g in range(12):
        assert np.unique(fold[group == g]).size == 1
    assert np.all(fold[group >= 8] == -1)
    assert set(fold[at]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"y": [0.0, 2.0, 1.0]}, "gold"),
        ({"gold_index": [0, 0, 1]}, "at most once"),
        ({"gold_index": [0, 1, 99]}, "0–9"),
        ({"gold_index": [0.5, 1, 2]}, "whole numbers"),
        ({"gold_index": [0, 1]}, "one label for each"),
        ({"method": "spline"}, "method"),
        ({"folds": 1}, "folds"),
        ({"clusters": [0] * 10}, "at least 2"),
        ({"judge_scores": [float("nan")] * 10}, "finite"),
        ({"method": "venn-abers", "y": [0.0, 0.5, 1.0]}, "0 and 1"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(change, wanted):
    args = {"judge_scores": np.arange(10.0), "gold_index": [0, 4, 9], "y": [0.0, 1.0, 1.0]} | change
    with pytest.raises(InputError, match=wanted):
        calibrated(**args)


def test_a_calibrated_estimate_is_unbiased_and_says_what_it_is_worth():
    rng = np.random.default_rng(1)
    misses = []
    for k in range(150):
        y = (rng.random(600) < 0.3).astype(float)
        s = 3 * y + rng.normal(0, 1, 600)
        at = rng.permutation(600)[:60]
        found = calibrated_ppi(s, at, y[at], seed=k)
        misses.append(found.value - 0.3)
    assert abs(np.mean(misses)) < 4 * np.std(misses) / 150**0.5
    assert found.gain > 1
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_perfect_judge_is_not_taken_at_its_word():
    y = (np.arange(400) % 10 == 0).astype(float)
    at = np.arange(0, 400, 8)
    found = calibrated_ppi(y, at, y[at])
    assert found.high - found.low > 0.03


def test_a_judge_that_always_says_the_same_costs_little():
    rng = np.random.default_rng(4)
    y = (rng.random(400) < 0.5).astype(float)
    at = rng.permutation(400)[:50]
    found = calibrated_ppi(np.ones(400), at, y[at])
    assert found.value == pytest.approx(y[at].mean(), abs=1e-6)
    assert found.high - found.low < 0.33


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(60), 10)
    y = (rng.random(600) < np.repeat(rng.beta(0.3, 0.7, 60), 10)).astype(float)
    s = y + rng.normal(0, 2, 600)
    at = np.flatnonzero(group < 20)
    plain = calibrated_ppi(s, at, y[at])
    found = calibrated_ppi(s, at, y[at], clusters=group)
    assert found.high - found.low > 1.3 * (plain.high - plain.low)
    assert found.df == 19


@given(st.lists(st.floats(0, 1), max_size=9))
def test_the_number_of_positives_is_counted_over_all_outcomes(p):
    twin = np.zeros(len(p) + 1)
    for outcome in itertools.product([0, 1], repeat=len(p)):
        twin[sum(outcome)] += np.prod([a if o else 1 - a for a, o in zip(p, outcome, strict=True)])
    assert poisson_binomial(np.array(p)) == pytest.approx(twin, abs=1e-12)


def test_calibration_in_the_large_is_a_binomial_test_where_predictions_are_alike():
    p = positives_p(np.full(20, 0.3), 11)
    assert p == pytest.approx(2 * stats.binom.sf(10, 20, 0.3))
    near = positives_p(np.full(6000, 0.3), 1900)
    assert near == pytest.approx(2 * stats.binom.sf(1899, 6000, 0.3), rel=0.05)


def test_parts_of_the_brier_score_add_up_where_bins_are_distinct_values():
    rng = np.random.default_rng(0)
    p = rng.choice([0.1, 0.4, 0.8], 300)
    y = (rng.random(300) < p).astype(float)
    reliability, resolution, uncertainty = decompose(p, y, bin_of(p, 10))
    assert reliability - resolution + uncertainty == pytest.approx(np.mean((p - y) ** 2))


def test_debiased_reliability_is_zero_on_average_for_right_probabilities():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        p = rng.choice([0.1, 0.4, 0.8], 40)
        y = (rng.random(40) < p).astype(float)
        found.append(decompose(p, y, bin_of(p, 10))[0])
    assert abs(np.mean(found)) < 4 * np.std(found) / 20


def test_the_slope_is_that_of_logistic_regression():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1.5, 400)
    p = 1 / (1 + np.exp(-x))
    y = (rng.random(400) < 1 / (1 + np.exp(-0.5 * x - 0.2))).astype(float)

    def loss(b):
        eta = b[0] + b[1] * x
        return np.sum(np.logaddexp(0, eta) - y * eta)

    best = optimize.minimize(loss, [0.0, 1.0], method="BFGS").x
    found = slope(p, y, None, 0.95)
    assert found.value == pytest.approx(best[1], abs=1e-4)
    assert found.low < 0.5 < found.high
    assert found.p < 0.01
    assert slope(np.full(10, 0.5), np.arange(10) % 2.0, None, 0.95) is None
    assert slope(np.linspace(0.1, 0.9, 10), (np.arange(10) > 4).astype(float), None, 0.95) is None


def test_measures_of_bent_probabilities():
    rng = np.random.default_rng(0)
    q = rng.random(2000)
    y = (rng.random(2000) < q).astype(float)
    found = calibration(q**2, y)
    assert found.large.value > 0.1
    assert found.large.p < 1e-6
    assert found.error.low > 0.05
    assert found.reliability.low > 0
    assert len(found.bins) == 10
    assert sum(b.n for b in found.bins) == 2000
    assert "calibration on 2,000 labels" in repr(found)
    assert found.to_dict()["n"] == 2000
    right = calibration(q, y, clusters=np.arange(2000) // 4)
    assert right.error.low == 0
    assert right.clusters == 500
    assert right.large.p is None


def test_measures_of_constant_predictions_have_width():
    found = calibration(np.zeros(20), np.zeros(20))
    assert found.brier.value == 0
    assert found.brier.high > 0.1
    assert found.slope is None


@pytest.mark.parametrize(
    ("p", "y", "wanted"),
    [
        (np.full(20, 1.5), np.zeros(20), "predicted"),
        (np.full(20, 0.5), np.full(20, 0.5), "0 and 1"),
        (np.full(5, 0.5), np.zeros(5), "at least 10"),
    ],
)
def test_what_cannot_be_measured_is_refused(p, y, wanted):
    with pytest.raises(InputError, match=wanted):
        calibration(p, y)
