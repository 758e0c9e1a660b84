"""E-values: exact expectations under the null, plain twins, and e-BH against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom, hypergeom

from calibrant.errors import InputError
from calibrant.stats import anytime
from calibrant.stats.stopping.evalues import (
    EValue,
    e_bh,
    mean_e_value,
    merge_mean,
    merge_product,
    paired_e_value,
    rate_e_value,
    sign_e_value,
    two_rates_e_value,
)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=25), st.sampled_from([0.05, 0.2]))
@settings(max_examples=150, deadline=None)
def test_e_bh_agrees_with_its_definition(e, level):
    mine = e_bh(e, level=level)
    best = 0
    for k in range(1, len(e) + 1):
        if k * sorted(e, reverse=True)[k - 1] / len(e) >= 1 / level:
            best = k
    threshold = sorted(e, reverse=True)[best - 1] if best else math.inf
    assert mine.rejected.tolist() == [v >= threshold for v in e]


def test_e_bh_by_hand():
    mine = e_bh([100, 3, 41, 0, 50], level=0.05)
    # 100 ≥ 5/0.05; 50 ≥ 50; 41 ≥ 33.3; 3 < 25.
    assert mine.rejected.tolist() == [True, False, True, False, True]
    assert repr(mine).startswith("3 of 5 hypotheses rejected")
    assert e_bh([1.0, 2.0]).to_dict()["threshold"] is None


@pytest.mark.parametrize("threshold", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("evidence", ["below", "above"])
def test_the_rate_e_value_has_mean_at_most_one_under_the_null(threshold, evidence):
    n = 25
    for truth in np.linspace(0, 1, 41):
        if (truth >= threshold) != (evidence == "below"):
            continue
        mean = sum(
            binom.pmf(k, n, truth) * rate_e_value(k, n, threshold, evidence=evidence).value
            for k in range(n + 1)
        )
        assert mean <= 1 + 1e-9


@pytest.mark.parametrize("evidence", ["below", "above"])
def test_the_rate_e_value_holds_for_finite_sets(evidence):
    items, n, threshold = 40, 15, 0.25
    for events in range(items + 1):
        if (events >= 10) != (evidence == "below"):
            continue
        mean = sum(
            hypergeom.pmf(k, items, events, n)
            * rate_e_value(k, n, threshold, evidence=evidence, items=items).value
            for k in range(max(0, n - items + events), min(n, events) + 1)
        )
        assert mean <= 1 + 1e-9


def test_the_rate_e_value_is_that_of_the_design():
    design = anytime(0.02, alpha=0.05)
    n = int(design.boundary.support[0])
    assert rate_e_value(0, n, 0.02).value >= 20
    assert rate_e_value(0, n - 1, 0.02).value < 20


@pytest.mark.parametrize("evidence", ["below", "above"])
def test_the_mean_e_value_is_fair_for_three_scores(evidence):
    """Exact over all outcomes of six scores of 0, 1/2 and 1 with mean 0.4."""
    from itertools import product

    scores, chances = (0.0, 0.5, 1.0), (0.4, 0.4, 0.2)
    mean = sum(
        math.prod(chances[i] for i in path)
        * mean_e_value([scores[i] for i in path], 0.4, evidence=evidence).value
        for path in product(range(3), repeat=6)
    )
    assert mean == pytest.approx(1, abs=1e-9)


def test_the_sign_e_value_is_its_integral_and_fair():
    for wins, losses in [(0, 0), (7, 2), (2, 7), (30, 11)]:

        def density(p, w=wins, n=losses):
            return p ** (w - 0.5) * (1 - p) ** (n - 0.5)

        top = quad(density, 0.5, 1, limit=200)[0]
        bottom = quad(lambda p: (p * (1 - p)) ** -0.5, 0.5, 1)[0]
        plain = top / bottom * 2 ** (wins + losses)
        assert sign_e_value(wins, losses).value == pytest.approx(plain, rel=1e-6)
    for rate in (0.5, 0.3):
        mean = sum(binom.pmf(k, 20, rate) * sign_e_value(k, 20 - k).value for k in range(21))
        assert mean <= 1 + 1e-9
    assert sign_e_value(0, 5000).value == 0.0
    assert math.isfinite(sign_e_value(5000, 0).log)


@pytest.mark.parametrize(("n_a", "n_b"), [(8, 8), (4, 13), (1, 20)])
def test_the_two_rates_e_value_has_mean_at_most_one_under_the_null(n_a, n_b):
    table = np.array(
        [[two_rates_e_value(j, n_a, k, n_b).value for k in range(n_b + 1)] for j in range(n_a + 1)]
    )
    for p_a in np.linspace(0, 1, 11):
        for p_b in np.linspace(0, p_a, 5):
            mean = (
                binom.pmf(np.arange(n_a + 1), n_a, p_a)
                @ table
                @ binom.pmf(np.arange(n_b + 1), n_b, p_b)
            )
            assert mean <= 1 + 1e-9


def test_differences_that_are_there_are_found():
    rng = np.random.default_rng(0)
    a = (rng.random(400) < 0.7).astype(float)
    b = (rng.random(400) < 0.4).astype(float)
    assert paired_e_value(a, b).value > 20
    assert paired_e_value(b, a).value < 1
    assert paired_e_value(a, b, margin=0.5).value < 1
    assert sign_e_value(int(np.sum(a > b)), int(np.sum(a < b))).value > 20
    assert two_rates_e_value(int(b.sum()), 400, int(a.sum()), 400).value > 20
    assert two_rates_e_value(int(a.sum()), 400, int(b.sum()), 400).value < 1
    x = rng.beta(2, 8, 100)
    assert mean_e_value(x, 0.3).value > 20
    assert mean_e_value(1 - x, 0.7, evidence="above").log == pytest.approx(mean_e_value(x, 0.3).log)


def test_paired_differences_are_a_mean_of_rescaled_scores():
    a, b = np.array([3.0, 5, 4, 4]), np.array([1.0, 2, 4, 5])
    mine = paired_e_value(a, b, margin=0.5, low=1, high=5)
    # left - right > 0.5 is the same as (right - left)/8 + 1/2 < 1/2 - 1/16.
    plain = mean_e_value((b - a) / 8 + 0.5, 0.5 - 0.5 / 8)
    assert mine.log == pytest.approx(plain.log)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=10))
@settings(max_examples=50, deadline=None)
def test_merging_is_the_product_and_the_mean(e):
    values = [EValue(math.log(v), "n", "m") for v in e]
    assert merge_product(values, null="all").log == pytest.approx(math.log(math.prod(e)), abs=1e-6)
    assert merge_mean(values, null="all").value == pytest.approx(sum(e) / len(e))
    w = np.arange(1, len(e) + 1)
    weighted = merge_mean(values, null="all", weights=w)
    assert weighted.value == pytest.approx(np.average(e, weights=w))


def test_huge_and_zero_e_values_stay_numbers():
    huge, zero = EValue(5000.0, "n", "m"), EValue(-math.inf, "n", "m")
    assert huge.value < math.inf
    assert huge.p == 0.0
    assert zero.value == 0.0
    assert zero.p == 1.0
    assert zero.to_dict()["log"] is None
    assert merge_product([huge, zero], null="both").value == 0.0
    assert merge_mean([huge, zero], null="both").log == pytest.approx(5000 - math.log(2))
    assert "e = 1 against “n” (m)" in repr(EValue(0.0, "n", "m"))


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: e_bh([]), "evalues: wanted at least one"),
        (lambda: e_bh([1, -1]), "evalues: wanted at least 0, got -1 at 1"),
        (lambda: e_bh([1, math.nan]), "finite"),
        (lambda: e_bh([1], level=0), "level"),
        (lambda: rate_e_value(3, 2, 0.1), "counts"),
        (lambda: rate_e_value(1, 2, 1.0), "threshold"),
        (lambda: rate_e_value(1, 2, 0.5, evidence="up"), "evidence"),
        (lambda: mean_e_value([0.5], 1.0), "threshold"),
        (lambda: paired_e_value([0.5], [0.5, 0.1]), "right"),
        (lambda: paired_e_value([0.5], [0.5], margin=1.0), "margin"),
        (lambda: sign_e_value(-1, 2), "counts"),
        (lambda: two_rates_e_value(1, 2, 0, 0), "counts of b"),
        (lambda: merge_mean([], null="x"), "at least one"),
        (lambda: merge_mean([EValue(0, "n", "m")], null="x", weights=[0]), "weights"),
    ],
)
def test_what_cannot_be_is_refused(work, message):
    with pytest.raises(InputError, match=message):
        work()
