"""Double samples: the likelihood against plain twins, exact limits by enumerating all outcomes."""

import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binom, chi2

from calibrant.errors import InputError
from calibrant.judges.correction.double import (
    DoubleSample,
    constrained,
    likelihood_limits,
    log_likelihood,
    statistic,
)
from calibrant.judges.correction.exact import exact_limits, gold_only
from calibrant.judges.correction.identify import fieller, identify, identify_by_verdict
from calibrant.stats.estimates.intervals import clopper_pearson
from calibrant.stats.estimates.rates import interval


@st.composite
def samples(draw, kinds=None):
    rows = []
    for _ in range(draw(st.integers(1, 4)) if kinds is None else kinds):
        m = draw(st.integers(1, 60))
        n = draw(st.integers(1, m))
        rows.append((m, n, draw(st.integers(0, n))))
    return DoubleSample(*(np.array(c) for c in zip(*rows, strict=True)))


@given(samples(), st.floats(0.02, 0.98))
@settings(max_examples=60)
def test_the_constrained_maximum_meets_its_constraint_and_no_other_point_is_better(sample, rate):
    share, within = constrained(sample, np.array(rate))
    assert share.sum() == pytest.approx(1)
    assert share @ within == pytest.approx(rate, abs=1e-6)
    best = float(log_likelihood(sample, share, within))
    rng = np.random.default_rng(0)
    for _ in range(60):
        q = rng.dirichlet(1 + sample.items)
        a = rng.beta(1 + sample.positives, 1 + sample.labels - sample.positives)
        # Move the rates until the whole rate is right.
        for _ in range(80):
            odds = a / (1 - a) * (rate / (q @ a)) / ((1 - rate) / (1 - q @ a))
            a = odds / (1 + odds)
        if abs(q @ a - rate) < 1e-9:
            assert float(log_likelihood(sample, q, a)) <= best + 1e-5


def test_the_constrained_maximum_is_that_of_a_general_optimiser():
    sample = DoubleSample(np.array([40, 160]), np.array([20, 30]), np.array([15, 3]))
    share, within = constrained(sample, np.array(0.4))

    def cells(v):
        e = np.exp(np.append(v, 0.0))
        return (e / e.sum()).reshape(2, 2)  # kinds × (positive, negative)

    def loss(v):
        p = cells(v)
        q = p.sum(1)
        return -float(log_likelihood(sample, q, p[:, 0] / q))

    found = minimize(
        loss,
        np.zeros(3),
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
        constraints={"type": "eq", "fun": lambda v: cells(v)[:, 0].sum() - 0.4},
    )
    p = cells(found.x)
    assert share == pytest.approx(p.sum(1), abs=1e-4)
    assert within == pytest.approx(p[:, 0] / p.sum(1), abs=1e-4)


def test_estimate_and_variance_are_tenenbeins():
    """Tenenbein (1970): p(1-p)/n (1 - K) + p(1-p)/N K, K the squared correlation of both labels."""
    q, a, b, n, total = 0.3, 0.8, 0.1, 90, 600
    labels = np.array([27, 63])
    sample = DoubleSample(np.array([180, 420]), labels, np.rint(labels * [a, b]).astype(int))
    rates = sample.positives / sample.labels
    p = q * rates[0] + (1 - q) * rates[1]
    assert float(sample.estimate()) == pytest.approx(p)
    k = (rates[0] - rates[1]) ** 2 * q * (1 - q) / (p * (1 - p))
    wanted = p * (1 - p) / n * (1 - k) + p * (1 - p) / total * k
    assert float(sample.plain_variance()) == pytest.approx(wanted)


@pytest.mark.parametrize(("k", "n"), [(0, 12), (3, 12), (12, 12), (40, 300)])
def test_one_verdict_gives_the_intervals_of_one_rate(k, n):
    sample = DoubleSample(np.array([n + 500]), np.array([n]), np.array([k]))
    low, high = likelihood_limits(sample)
    wilson = interval(k, n, method="wilson")
    assert (float(low), float(high)) == pytest.approx((wilson.low, wilson.high), abs=1e-6)
    low, high = likelihood_limits(sample, method="profile")
    for end in (float(low), float(high)):
        if 0 < end < 1:
            lost = 2 * (binom.logpmf(k, n, k / n) - binom.logpmf(k, n, end))
            assert lost == pytest.approx(chi2.ppf(0.95, 1), rel=1e-4)


@given(samples(2), st.sampled_from(["score", "profile"]))
@settings(max_examples=30)
def test_limits_hold_the_estimate_and_mirror(sample, method):
    low, high = likelihood_limits(sample, method=method)
    assert low - 1e-9 <= sample.estimate() <= high + 1e-9
    turned = DoubleSample(sample.items, sample.labels, sample.labels - sample.positives)
    back = likelihood_limits(turned, method=method)
    assert (1 - float(back[1]), 1 - float(back[0])) == pytest.approx(
        (float(low), float(high)), abs=1e-6
    )


def test_many_data_sets_at_once_are_each_alone():
    tables = np.array([[[9, 1], [2, 18]], [[0, 3], [1, 26]]])
    more = np.array([[40, 60], [10, 90]])
    both = likelihood_limits(DoubleSample.of(tables, more))
    for i in range(2):
        alone = likelihood_limits(DoubleSample.of(tables[i], more[i]))
        assert (both[0][i], both[1][i]) == pytest.approx((float(alone[0]), float(alone[1])))


def test_a_verdict_without_labels_has_no_estimate_but_exact_limits():
    sample = DoubleSample(np.array([30, 70]), np.array([0, 20]), np.array([0, 1]))
    assert math.isnan(sample.estimate())
    assert np.isnan(likelihood_limits(sample)).all()
    found = exact_limits(sample)
    # All, or none, of the flagged items may be positive.
    assert found.high > 0.3 + 0.7 * 0.05
    assert found.low < 0.05


def plain_upper(m, n, x, alpha, share_of_error, for_rates, steps=160):
    """Buehler's upper limit by brute force over a grid: the test of the module, term by term."""
    total = sum(m)
    q = clopper_pearson(m[0], total, level=1 - 2 * alpha * share_of_error)
    left = alpha * (1 - share_of_error - for_rates)
    w = [k / total for k in m]
    z = -float(__import__("scipy.special", fromlist=["ndtri"]).ndtri(left))

    def order(i, j):
        r = [(i + 1) / (n[0] + 2), (j + 1) / (n[1] + 2)]
        spread = sum(w[k] ** 2 * r[k] * (1 - r[k]) / (n[k] + 2) for k in (0, 1))
        return w[0] * r[0] + w[1] * r[1] + z * spread**0.5

    seen = order(*x) + 1e-12
    inside = {(i, j) for i in range(n[0] + 1) for j in range(n[1] + 1) if order(i, j) <= seen}
    closed = {(i, j) for i in range(n[0] + 1) for j in range(n[1] + 1)
              if any(i <= a and j <= b for a, b in inside)}  # fmt: skip
    boxes = [clopper_pearson(x[k], n[k], level=1 - alpha * for_rates / 2) for k in (0, 1)]
    best = 0.0
    for a in np.linspace(boxes[0].low, boxes[0].high, steps):
        for b in np.linspace(boxes[1].low, boxes[1].high, steps):
            chance = sum(binom.pmf(i, n[0], a) * binom.pmf(j, n[1], b) for i, j in closed)
            if chance > left:
                best = max(best, *(s * a + (1 - s) * b for s in (q.low, q.high)))
    return best


@pytest.mark.parametrize(("m", "n", "x"), [((30, 70), (4, 5), (2, 1)), ((8, 92), (4, 3), (0, 0))])
def test_the_exact_limit_is_that_of_brute_force(m, n, x):
    from calibrant.judges.correction.exact import FOR_RATES, _for_shares

    sample = DoubleSample(*(np.array(c) for c in (m, n, x)))
    found = exact_limits(sample, level=0.95, side="upper").high
    plain = plain_upper(m, n, x, 0.05, _for_shares(sum(n), sum(m)), FOR_RATES, steps=40)
    # The grid can only fall short, and by no more than its step.
    assert plain - 1e-9 <= found <= plain + 0.04


@functools.cache
def limits_of(items, labels, positives):
    found = exact_limits(
        DoubleSample(*(np.array(c) for c in (items, labels, positives))), level=0.9
    )
    return found.low, found.high


JUDGES = list(itertools.product((0.05, 0.6), (0.02, 0.5, 0.97), (0.0, 0.03, 0.4)))


def covered_by(chances, q, a, b):
    """Chance that the limits hold the truth, over (chance, items, labels) of all verdicts."""
    truth, covered = q * a + (1 - q) * b, 0.0
    for chance, items, labels in chances:
        for x in itertools.product(*(range(n + 1) for n in labels)):
            here = chance * binom.pmf(x[0], labels[0], a) * binom.pmf(x[1], labels[1], b)
            if here > 1e-9:
                low, high = limits_of(items, labels, x)
                covered += here * (low <= truth <= high)
    return covered


def test_exact_limits_cover_for_every_outcome_of_a_random_sample():
    """Four of ten items labelled at random, for judges from perfect to reversed."""
    n, more = 4, 6
    for q, a, b in JUDGES:
        chances = [
            (binom.pmf(k, n, q) * binom.pmf(m, more, q), (k + m, n + more - k - m), (k, n - k))
            for k in range(n + 1)
            for m in range(more + 1)
        ]
        assert covered_by(chances, q, a, b) >= 0.9 - 1e-6, (q, a, b)


def test_exact_limits_cover_for_every_outcome_of_labels_by_verdict():
    """Up to three flagged and two other items of ten labelled."""
    for q, a, b in JUDGES:
        chances = [
            (binom.pmf(m, 10, q), (m, 10 - m), (min(m, 3), min(10 - m, 2))) for m in range(11)
        ]
        assert covered_by(chances, q, a, b) >= 0.9 - 1e-6, (q, a, b)


def test_gold_on_all_and_one_verdict_are_clopper_pearson():
    whole = DoubleSample(np.array([10, 30]), np.array([10, 30]), np.array([8, 1]))
    one = DoubleSample(np.array([100, 0]), np.array([40, 0]), np.array([9, 0]))
    for sample in (whole, one):
        wanted = gold_only(9, 40)
        found = exact_limits(sample)
        assert (found.low, found.high) == (wanted.low, wanted.high)


def test_three_verdicts_split_the_error():
    sample = DoubleSample(np.array([30, 60, 10]), np.array([20, 30, 0]), np.array([15, 1, 0]))
    found = exact_limits(sample)
    assert "split" in found.method
    assert found.low < (30 * 0.75 + 60 / 30) / 100 < found.high
    # Items without a verdict may all be positive.
    assert found.high > (30 * 0.75 + 60 / 30 + 10) / 100


def test_sides_of_the_exact_interval():
    sample = DoubleSample(np.array([30, 70]), np.array([15, 20]), np.array([12, 2]))
    upper, two = exact_limits(sample, side="upper"), exact_limits(sample, level=0.9)
    assert upper.low == 0
    assert upper.high == pytest.approx(two.high)
    assert exact_limits(sample, side="lower").low == pytest.approx(two.low)


@pytest.mark.parametrize(
    ("items", "labels", "positives", "said"),
    [
        ([3], [4], [1], "positives ≤ labels ≤ items"),
        ([3], [2], [-1], "positives ≤ labels ≤ items"),
        ([0], [0], [0], "at least one item"),
        ([3.5], [2], [1], "whole numbers"),
        ([3, 4], [2], [1], "one shape"),
    ],
)
def test_impossible_counts_are_refused(items, labels, positives, said):
    with pytest.raises(InputError, match=said):
        DoubleSample(np.array(items), np.array(labels), np.array(positives))


def test_unknown_methods_and_many_sets_are_refused():
    sample = DoubleSample.of([[3, 1], [1, 5]], [10, 20])
    with pytest.raises(InputError, match="'score' or 'profile'"):
        likelihood_limits(sample, method="wald")
    with pytest.raises(InputError, match="one data set"):
        exact_limits(DoubleSample.of([[[3, 1], [1, 5]]] * 2, [[10, 20]] * 2))


def test_the_statistic_is_zero_at_the_estimate():
    sample = DoubleSample.of([[13, 4], [3, 30]], [100, 200])
    for method in ("score", "profile"):
        assert abs(float(statistic(sample, sample.estimate(), method))) < 1e-4


# Identification


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.data())
@settings(max_examples=80)
def test_the_fieller_set_is_what_the_test_does_not_refute(yes, no, n, data):
    hit, right, k = (data.draw(st.integers(0, top)) for top in (yes, no, n))
    segments = fieller((k, n), (hit, yes), (right, no))

    def spread(j, m):
        p = (j + 1) / (m + 2)
        return p * (1 - p) / (m + 2)

    p, se, sp = k / n, hit / yes, right / no
    for t in np.linspace(-3, 4, 71):
        far = (p + sp - 1 - t * (se + sp - 1)) ** 2 - 3.8414588 * (
            spread(k, n) + t * t * spread(hit, yes) + (1 - t) ** 2 * spread(right, no)
        )
        if abs(far) > 1e-6:
            assert (far < 0) == any(low <= t <= high for low, high in segments)


def test_a_useless_judge_leaves_the_whole_line_and_says_so():
    found = identify(((10, 10), (10, 10)), (100, 200))
    assert found.fit == "none"
    assert found.youden == 0
    assert found.rates == ((-math.inf, math.inf),)
    assert "may say nothing" in found.warning
    assert found.to_dict()["rates"] == [[None, None]]


def test_weak_judges_may_leave_two_half_lines():
    found = fieller((60, 1000), (30, 100), (80, 100))
    assert len(found) == 2
    assert found[0][0] == -math.inf
    assert found[1][1] == math.inf


def test_good_and_reversed_judges():
    good = identify(((45, 5), (3, 47)), (100, 400))
    assert (good.fit, good.warning) == ("good", None)
    assert good.intervals["sensitivity"] == (
        clopper_pearson(45, 50).low, clopper_pearson(45, 50).high
    )  # fmt: skip
    assert "worse than chance" in identify(((5, 45), (47, 3)), (100, 400)).warning
    assert "no positive gold" in identify(((0, 0), (3, 47)), (100, 400)).warning


def test_labels_by_verdict_do_not_flatter_the_judge():
    """All flagged items labelled, a tenth of the others: sensitivity from labels alone is wrong."""
    sample = DoubleSample(np.array([100, 900]), np.array([100, 90]), np.array([80, 9]))
    found = identify_by_verdict(sample)
    assert found.sensitivity == pytest.approx(80 / (80 + 90))
    assert found.sensitivity < 80 / 89
    low, high = found.intervals["sensitivity"]
    assert low < found.sensitivity < high
    assert found.intervals["positive predictive value"] == (
        clopper_pearson(80, 100).low, clopper_pearson(80, 100).high
    )  # fmt: skip
