"""Designs over clusters: plain twins by enumeration and simulation, exact error rates, limits."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom

from calibrant.errors import DesignError
from calibrant.stats import anytime, fixed_size, sprt
from calibrant.stats.stopping.cluster_designs import (
    anytime_clusters,
    fixed_clusters,
    sprt_clusters,
)
from calibrant.stats.stopping.cluster_walks import NEVER, ClusterRule, beta_binomial, ends


@given(st.integers(1, 30), st.floats(0.001, 0.999), st.floats(0.001, 0.95))
@settings(max_examples=60)
def test_counts_are_beta_binomial(size, rate, icc):
    a, b = rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc
    ours = beta_binomial(size, rate, icc)[0]
    assert ours == pytest.approx(betabinom(size, a, b).pmf(np.arange(size + 1)), abs=1e-9)


def test_limits_of_the_correlation():
    x = np.arange(6)
    assert beta_binomial(5, 0.3, 0.0)[0] == pytest.approx(binom(5, 0.3).pmf(x), abs=1e-14)
    assert beta_binomial(5, 0.3, 1e-13)[0] == pytest.approx(binom(5, 0.3).pmf(x), abs=1e-11)
    assert beta_binomial(5, 0.3, 1.0)[0] == pytest.approx([0.7, 0, 0, 0, 0, 0.3])
    assert beta_binomial(5, [0.0, 1.0], 0.4) == pytest.approx(np.eye(6)[[0, 5]])


def plain(rule, rate, icc):
    """Every sequence of counts, one after the other."""
    pmf = beta_binomial(rule.size, rate, icc)[0]
    found = {"supported": 0.0, "refuted": 0.0, "clusters": 0.0}
    for counts in itertools.product(range(rule.size + 1), repeat=rule.at_most):
        chance, total = math.prod(pmf[c] for c in counts), 0
        for g, count in enumerate(counts):
            total += count
            if total <= rule.support[g]:
                found["supported"] += chance
                break
            if total >= rule.refute[g]:
                found["refuted"] += chance
                break
            if total >= rule.futile[g]:
                break
        found["clusters"] += chance * (g + 1)
    return found


rules = st.integers(1, 3).flatmap(
    lambda size: st.integers(1, 5).flatmap(
        lambda n: st.tuples(
            st.just(size),
            st.lists(st.integers(-1, 4), min_size=n, max_size=n),
            st.lists(st.one_of(st.integers(1, 9), st.just(NEVER)), min_size=n, max_size=n),
            st.lists(st.one_of(st.integers(1, 9), st.just(NEVER)), min_size=n, max_size=n),
        )
    )
)


@given(rules, st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.7, 1.0]))
@settings(max_examples=80)
def test_the_walk_is_the_sum_over_all_sequences(parts, rate, icc):
    size, *bounds = parts
    rule = ClusterRule(size, *(np.array(b, dtype=np.int64) for b in bounds))
    found, twin = ends(rule, rate, icc), plain(rule, rate, icc)
    for name, value in twin.items():
        assert getattr(found, name)[0] == pytest.approx(value, abs=1e-12)


def test_several_rates_side_by_side_are_each_alone():
    rule = sprt_clusters(0.3, 0.15, size=4, icc=0.2).rule
    rates, iccs = [0.1, 0.3, 0.5], [0.2, 0.6, 1.0]
    together = ends(rule, rates, iccs)
    for i, (rate, icc) in enumerate(zip(rates, iccs, strict=True)):
        alone = ends(rule, rate, icc)
        assert together.supported[i] == pytest.approx(alone.supported[0], abs=1e-14)
        assert together.clusters[i] == pytest.approx(alone.clusters[0])


def by_convolution(size, clusters, rate, icc):
    total = np.ones(1)
    for _ in range(clusters):
        total = np.convolve(total, beta_binomial(size, rate, icc)[0])
    return np.cumsum(total)


@given(
    st.floats(0.05, 0.5), st.floats(0.1, 0.6), st.integers(2, 8), st.floats(0.02, 0.9)
)  # fmt: skip
@settings(max_examples=25)
def test_the_fixed_design_is_the_smallest(threshold, share, size, icc):
    really = share * threshold
    design = fixed_clusters(threshold, really, size=size, icc=icc)
    accept = int(design.tuning["accept_at_most"])

    def meets(clusters):
        false, true = (by_convolution(size, clusters, p, icc) for p in (threshold, really))
        best = int(np.searchsorted(false, 0.05, side="right")) - 1
        return best >= 0 and true[best] >= 0.9, best

    assert meets(design.clusters) == (True, accept)
    assert not any(meets(g)[0] for g in range(max(1, design.clusters - 12), design.clusters))


@pytest.mark.parametrize(
    ("threshold", "really", "size", "icc"),
    [(0.02, 0.005, 10, 0.1), (0.3, 0.2, 5, 0.3), (0.1, 0.02, 4, 1.0), (0.5, 0.35, 6, 0.05)],
)
def test_error_rates_hold_and_sequential_costs_less(threshold, really, size, icc):
    whole = fixed_clusters(threshold, really, size=size, icc=icc)
    tuned = sprt_clusters(threshold, really, size=size, icc=icc)
    for design in (whole, tuned):
        assert design.false_support <= 0.05
        assert design.power >= 0.9
        above = ends(design.rule, np.linspace(threshold, 1, 9), icc).supported
        assert np.all(np.diff(above) <= 1e-12)
    assert ends(tuned.rule, really, icc).clusters[0] < 0.75 * whole.clusters
    assert ends(whole.rule, really, icc).clusters[0] <= whole.clusters


def test_clusters_of_one_are_independent_trials():
    assert fixed_clusters(0.1, 0.03, size=1, icc=0.4).clusters == fixed_size(0.1, 0.03)
    ours = ends(sprt_clusters(0.1, 0.03, size=1, icc=0.0).rule, 0.03, 0.0).clusters[0]
    theirs = sprt(0.1, 0.03, pursue=False).expected_trials(0.03)
    assert ours == pytest.approx(theirs, rel=0.01)
    one = anytime_clusters(0.1, size=1, icc=0.0)
    both = anytime(0.1)
    assert one.clusters == both.at_most
    assert ends(one.rule, 0.03, 0.0).clusters[0] == pytest.approx(
        both.expected_trials(0.03), rel=1e-6
    )


def test_full_correlation_is_one_trial_per_cluster():
    ours = fixed_clusters(0.1, 0.03, size=7, icc=1.0)
    assert ours.clusters == fixed_size(0.1, 0.03)


def test_simulated_clusters_agree():
    design = sprt_clusters(0.2, 0.08, size=6, icc=0.25)
    rng, runs = np.random.default_rng(5), 20_000
    rates = rng.beta(0.2 * 3, 0.8 * 3, (runs, design.clusters))
    totals = rng.binomial(6, rates).cumsum(axis=1)
    support, stop = design.rule.support, design.rule.futile.copy()
    stop[-1] = 0
    over = (totals <= support) | (totals >= stop)
    first = over.argmax(axis=1)
    held = totals[np.arange(runs), first] <= support[first]
    assert held.mean() == pytest.approx(design.false_support, abs=0.006)
    mean = ends(design.rule, 0.2, 0.25).clusters[0]
    assert (first + 1).mean() == pytest.approx(mean, rel=0.02)


@pytest.mark.parametrize("icc", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(("threshold", "size"), [(0.1, 5), (0.4, 3)])
def test_the_anytime_design_holds_at_every_correlation(threshold, size, icc):
    design = anytime_clusters(threshold, size=size, icc=0.1)
    assert ends(design.rule, threshold, icc).supported[0] <= 0.05
    below = ends(design.rule, threshold * 0.999, icc)
    assert below.refuted[0] <= 0.05
    assert ends(design.rule, threshold / 4, icc).supported[0] > 0.9


def test_the_anytime_evidence_is_never_above_a_product_of_fair_bets():
    from calibrant.stats.stopping.eprocess import SUPPORT_PRIOR, support_mixture
    from calibrant.stats.stopping.ratios import check

    rng, t, size = np.random.default_rng(8), 0.3, 4
    bound = support_mixture(check(t, None, 0.05, None))
    for _ in range(200):
        counts = rng.integers(0, size + 1, rng.integers(1, 30))
        means = counts / size
        capital = 0.0
        for share, weight in SUPPORT_PRIOR:
            stake = (1 - share) / (1 - t)  # one trial: (1 - share t)/(1 - t), and share
            bets = 1 + stake * (t - means)
            assert t * (1 + stake * (t - 1)) + (1 - t) * (1 + stake * t) == pytest.approx(1)
            capital += weight * np.prod(bets)
        low = bound(np.array([counts.size]), np.array([means.sum()]))[0]
        assert low <= math.log(capital) + 1e-9


def test_a_threshold_claim_that_never_fails_needs_no_event():
    design = sprt_clusters(0.1, 0.0, size=3, icc=0.2)
    whole = fixed_clusters(0.1, 0.0, size=3, icc=0.2)
    assert design.clusters == whole.clusters
    assert design.power == pytest.approx(1.0)
    assert design.false_support <= 0.05


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fixed_clusters(0.1, 0.02, size=0, icc=0.1), "cluster size"),
        (lambda: fixed_clusters(0.1, 0.02, size=3, icc=1.5), "icc"),
        (lambda: fixed_clusters(0.5, 0.499, size=50, icc=0.5), "too many"),
        (lambda: sprt_clusters(0.02, 0.005, size=3, icc=0.5, at_most=4), "too few"),
        (lambda: sprt_clusters(0.02, 0.0, size=3, icc=0.5, at_most=4), "too few"),
        (lambda: anytime_clusters(0.02, size=3, icc=0.5, at_most=4), "too few"),
    ],
)
def test_what_cannot_be_is_refused(call, said):
    with pytest.raises(DesignError, match=said):
        call()
