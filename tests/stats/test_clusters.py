"""Clustered trials: kernels against plain twins and textbook algebra, bounds against simulation."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from calibrant.errors import InputError
from calibrant.stats.estimates.clusters import (
    METHODS,
    Clusters,
    betting,
    cluster_interval,
    cluster_upper,
    korn_graubard,
    robust,
)
from calibrant.stats.estimates.clusters_betabinomial import (
    BetaBinomialTest,
    cluster_score,
    log_mass,
)
from calibrant.stats.estimates.intervals import clopper_pearson

# A design and its events: sizes 1–12, 2–15 clusters.
designs = st.lists(
    st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2,
    max_size=15,
).map(lambda pairs: (np.array([k for k, _ in pairs]), np.array([n for _, n in pairs])))


# --- aggregation


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 10**12)), min_size=2, max_size=40))
def test_aggregation_is_a_loop_over_trials(trials):
    table = {}
    for outcome, cluster in trials:
        events, size = table.get(cluster, (0, 0))
        table[cluster] = (events + outcome, size + 1)
    y, ids = [t[0] for t in trials], [t[1] for t in trials]
    if len(table) < 2:
        with pytest.raises(InputError, match="at least 2"):
            Clusters.of(y, ids)
        return
    found = Clusters.of(y, ids)
    assert [*zip(found.sums, found.sizes, strict=True)] == [table[c] for c in sorted(table)]


def test_ten_million_trials_aggregate_in_a_moment():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 100_000, 10_000_000)
    y = rng.random(ids.size) < 0.01
    start = time.process_time()
    found = korn_graubard(Clusters.of(y, ids))
    assert time.process_time() - start < 5  # about 0.3 s on an idle machine
    assert found.trials == ids.size and found.clusters == 100_000


# --- beta-binomial kernels


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.floats(1e-6, 1 - 1e-6), st.floats(0.001, 0.98))
def test_masses_are_scipys_and_scores_their_slopes(n, p, rho):
    a, b = p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho
    ours = log_mass(n, np.array([p]), np.array([rho]))[0]
    assert ours == pytest.approx(stats.betabinom.logpmf(np.arange(n + 1), n, a, b), abs=1e-7)
    step = 1e-4 * min(p, 1 - p)
    up, down = (log_mass(n, np.array([p + s]), np.array([rho]))[0] for s in (step, -step))
    score = cluster_score(n, np.array([p]), np.array([rho]))[0]
    assert score == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-3)


def test_without_correlation_the_mass_is_binomial():
    ours = np.exp(log_mass(9, np.array([0.2]), np.array([0.0]))[0])
    assert ours == pytest.approx(stats.binom.pmf(np.arange(10), 9, 0.2), abs=1e-12)


def plain_statistic(test, events, sizes, p):
    """T by its definition: a sum over clusters and over the grid of rho."""
    q, u, i = [], [], []
    for rho, weight in zip(test.rho, np.gradient(test.rho), strict=True):
        log_q, score, information = 2 * np.log(1 - rho) + np.log(weight), 0.0, 0.0
        for k, n in zip(events, sizes, strict=True):
            mass = log_mass(int(n), np.array([p]), np.array([rho]))[0]
            slopes = cluster_score(int(n), np.array([p]), np.array([rho]))[0]
            log_q, score = log_q + mass[k], score + slopes[k]
            information += float(np.exp(mass) @ slopes**2)
        q.append(log_q)
        u.append(score)
        i.append(information)
    q = np.exp(np.array(q) - max(q))
    return (q @ u) / q.sum() / np.sqrt((q @ i) / q.sum())


@settings(max_examples=15, deadline=None)
@given(designs, st.floats(0.01, 0.99))
def test_the_statistic_is_its_definition(design, p):
    events, sizes = design
    test = BetaBinomialTest(sizes)
    fast = test._statistic(*test._observed(events), *test._terms(p))[0][0]
    assert fast == pytest.approx(plain_statistic(test, events, sizes, p), rel=1e-7, abs=1e-9)


def test_p_values_agree_with_data_sets_drawn_plainly():
    sizes = np.repeat([3, 10, 25], 8)
    test, rng = BetaBinomialTest(sizes, draws=4000), np.random.default_rng(3)
    node, at = round(float(np.log(0.1 / 0.9)) / test.step), 24
    rate = 1 / (1 + np.exp(-node * test.step))
    share = (1 - test.rho[at]) / test.rho[at]
    draws = rng.binomial(sizes, rng.beta(rate * share, (1 - rate) * share, (4000, sizes.size)))
    drawn = np.array([test._statistic(*test._observed(k), *test._terms(rate))[0][0] for k in draws])
    null = test._null(node, rate, at)
    assert stats.ks_2samp(drawn, null).pvalue > 1e-3


# --- the bound


@settings(max_examples=15, deadline=None)
@given(designs)
def test_intervals_hold_the_estimate_and_nest(design):
    events, sizes = design
    data = Clusters(events, sizes)
    two, upper = (cluster_interval(data, side=s, draws=300) for s in ("two", "upper"))
    assert 0 <= two.low <= two.value <= upper.high <= two.high <= 1
    assert (two.low == 0) == (events.sum() == 0)
    assert (upper.high == 1) == (events.sum() == sizes.sum())


def test_lower_bounds_mirror_upper_bounds_of_non_events():
    sizes = np.repeat([4, 12], 15)
    events = np.random.default_rng(4).binomial(sizes, 0.1)
    low = cluster_interval(Clusters(events, sizes), side="lower", draws=4000).low
    high = cluster_upper(Clusters(sizes - events, sizes), draws=4000)
    assert low == pytest.approx(1 - high, rel=0.05)


def test_bounds_repeat_with_the_seed_and_move_little_with_it():
    data = Clusters(np.r_[3, 2, 1, 1, np.zeros(46, int)], np.full(50, 10))
    assert cluster_upper(data, seed=1) == cluster_upper(data, seed=1)
    found = [cluster_upper(data, seed=seed) for seed in range(4)]
    assert np.std(found) < 0.04 * np.mean(found)
    result = cluster_interval(data)
    assert result.method == "beta-binomial, simulated"
    assert repr(result).endswith("beta-binomial, simulated; 500 trials in 50 clusters)")
    assert result.to_dict()["icc"] == result.icc


def test_clustered_events_widen_the_bound():
    sizes = np.full(50, 10)
    spread = Clusters(np.r_[np.ones(8, int), np.zeros(42, int)], sizes)
    lumped = Clusters(np.r_[8, np.zeros(49, int)], sizes)
    assert cluster_upper(lumped) > 1.3 * cluster_upper(spread)


def test_clusters_of_one_trial_are_independent_trials():
    data = Clusters(np.r_[np.ones(3, int), np.zeros(37, int)], np.ones(40, int))
    exact = clopper_pearson(3, 40)
    found = cluster_interval(data)
    assert (found.low, found.high) == (exact.low, exact.high)
    # The simulated test of such data agrees with the exact one.
    high, simulated = BetaBinomialTest(data.sizes, 8000).bound(
        data.sums.astype(np.int64), 0.025, "upper"
    )
    assert simulated and high == pytest.approx(exact.high, rel=0.04)


def test_many_clusters_use_the_normal_limit_and_say_so():
    rng = np.random.default_rng(5)
    sizes = np.full(40_000, 4)
    data = Clusters(rng.binomial(sizes, rng.beta(2, 3, sizes.size)), sizes)
    found = cluster_interval(data)
    assert found.method == "beta-binomial, normal limit"
    twin = robust(data)
    assert (found.low, found.high) == pytest.approx((twin.low, twin.high), abs=3e-4)
    assert found.icc == pytest.approx(1 / 6, abs=0.03)


# --- Korn–Graubard, robust, betting


def plain_korn_graubard(k, n, level):
    g, total = len(k), sum(n)
    p = sum(k) / total
    if p in (0, 1):
        m = g
    else:
        v = g / (g - 1) * sum((a - p * b) ** 2 for a, b in zip(k, n, strict=True)) / total**2
        t = [stats.t.ppf((1 + level) / 2, df) for df in (total - 1, g - 1)]
        m = min(total, p * (1 - p) / v * (t[0] / t[1]) ** 2) if v > 0 else total
    x, a = p * m, (1 - level) / 2
    return (
        0.0 if p == 0 else stats.beta.ppf(a, x, m - x + 1),
        1.0 if p == 1 else stats.beta.ppf(1 - a, x + 1, m - x),
        m,
    )


@settings(max_examples=60, deadline=None)
@given(designs, st.sampled_from([0.5, 0.9, 0.95]))
def test_korn_graubard_is_its_definition(design, level):
    found = korn_graubard(Clusters(*design), level=level)
    low, high, effective = plain_korn_graubard(*(x.tolist() for x in design), level)
    assert (found.low, found.high, found.effective) == pytest.approx((low, high, effective))


def test_without_events_each_cluster_counts_once():
    found = korn_graubard(Clusters(np.zeros(30, int), np.full(30, 8)), side="upper")
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 30)) and found.effective == 30
    default = cluster_interval(Clusters(np.zeros(30, int), np.full(30, 8)), side="upper")
    assert default.high == pytest.approx(found.high) and default.method.startswith("exact")
    mirrored = cluster_interval(Clusters(np.full(30, 8), np.full(30, 8)), side="lower")
    assert mirrored.low == pytest.approx(1 - found.high) and mirrored.high == 1


@settings(max_examples=40, deadline=None)
@given(designs)
def test_robust_is_bell_and_mccaffreys_matrix_formula(design):
    events, sizes = design
    owner = np.repeat(np.arange(sizes.size), sizes)
    total = owner.size
    y = np.concatenate([np.r_[np.ones(k), np.zeros(n - k)] for k, n in zip(*design, strict=True)])
    residual_maker = np.eye(total) - 1 / total
    rows = []
    for g in range(sizes.size):
        mine = owner == g
        values, vectors = np.linalg.eigh(residual_maker[np.ix_(mine, mine)])
        adjust = vectors @ np.diag(np.maximum(values, 1e-12) ** -0.5) @ vectors.T
        rows.append(np.ones(sizes[g]) @ adjust @ residual_maker[mine] / total)
    rows = np.array(rows)
    error = np.sqrt(((rows @ y) ** 2).sum())
    products = rows @ rows.T
    df = np.trace(products) ** 2 / (products**2).sum()
    if error < 1e-9:
        with pytest.raises(InputError, match="cluster means that differ"):
            robust(Clusters(events, sizes))
        return
    found = robust(Clusters(events, sizes))
    reach = stats.t.ppf(0.975, df) * error
    assert found.df == pytest.approx(df)
    assert (found.low, found.high) == pytest.approx((y.mean() - reach, y.mean() + reach))


@settings(max_examples=25, deadline=None)
@given(designs)
def test_betting_is_a_loop_over_clusters(design):
    events, sizes = design
    found = betting(Clusters(events, sizes), side="upper").high

    def largest_wealth(p):
        wealth, best, seen, spread, total = 1.0, 0.0, 0.5, 0.25, 0.5
        variance = 0.25
        for t, (k, n) in enumerate(zip(events, sizes, strict=True), 1):
            x, part = k / sizes.max(), n / sizes.max()
            stake = min(np.sqrt(2 * np.log(20) / (sizes.size * variance)), 0.75 / (1 - p))
            wealth *= 1 + stake * (p * part - x)
            best = max(best, wealth)
            total += x
            seen = total / (t + 1)
            spread += (x - seen) ** 2
            variance = spread / (t + 1)
        return best

    if found < 1 - 1e-9:
        assert largest_wealth(min(found + 1e-7, 1 - 1e-12)) >= 20
    if found > 1e-9:
        assert largest_wealth(found - 1e-9) < 20 * (1 + 1e-6)


def test_float_outcomes_have_robust_and_betting_intervals():
    rng = np.random.default_rng(6)
    ids = np.repeat(np.arange(40), 5)
    scores = np.clip(rng.normal(0.6, 0.1, 40)[ids] + rng.normal(0, 0.1, 200), 0, 1)
    data = Clusters.of(scores, ids)
    near, wide = robust(data), betting(data)
    assert wide.low < near.low < 0.6 < near.high < wide.high
    for method in ("beta-binomial", "korn-graubard"):
        with pytest.raises(InputError, match="for other scores use method robust"):
            cluster_interval(data, method=method)
    with pytest.raises(InputError, match="cluster mean outside"):
        betting(Clusters(data.sums + 9, data.sizes))


# --- refusals


@pytest.mark.parametrize(
    ("sums", "sizes", "message"),
    [
        ([1], [2], "at least 2, got 1"),
        ([], [], "at least 2, got 0"),
        ([1, 2], [2], "one sum and one size each"),
        ([1, 2], [2, 0], "at least 1 trial, got 0"),
        ([1, 2], [2.0, 3.0], "sizes: wanted whole numbers"),
        ([1, np.nan], [2, 3], "finite numbers"),
        (["a", "b"], [2, 3], "wanted numbers"),
    ],
)
def test_wrong_counts_are_refused(sums, sizes, message):
    with pytest.raises(InputError, match=message):
        Clusters(np.array(sums), np.array(sizes, dtype=None if sizes else int))


@pytest.mark.parametrize(
    ("outcomes", "ids", "message"),
    [
        ([], [], "at least one, got none"),
        ([1, 0], [1], "one outcome and one cluster id each"),
        ([1, 0], [1.0, 2.0], "ids: wanted whole numbers"),
        ([1.0, np.inf], [1, 2], "got inf at position 1"),
        ([1, 0], [7, 7], "at least 2, got 1"),
        ([True, None], [1, 2], "outcomes: wanted numbers"),
    ],
)
def test_wrong_trials_are_refused(outcomes, ids, message):
    with pytest.raises(InputError, match=message):
        Clusters.of(outcomes, ids)


def test_wrong_options_are_refused():
    data = Clusters([1, 2], [5, 5])
    for options, message in (
        ({"method": "bootstrap"}, "method: wanted one of beta-binomial"),
        ({"level": 0.0}, "level: wanted strictly"),
        ({"side": "both"}, "side: wanted two"),
        ({"draws": 10}, "draws: wanted at least 200"),
    ):
        with pytest.raises(InputError, match=message):
            cluster_interval(data, **options)
    with pytest.raises(InputError, match="at most 5000 trials"):
        cluster_interval(Clusters([1, 2], [5, 6000]))
    with pytest.raises(InputError, match="got a sum of 6 over 5 trials in cluster 1"):
        cluster_interval(Clusters([1, 6], [5, 5]))


def test_every_method_is_quiet_at_the_ends():
    for events in ([0, 0, 0], [4, 5, 6], [0, 0, 1], [4, 5, 5]):
        for method in METHODS:
            try:
                found = cluster_interval(Clusters(events, [4, 5, 6]), method=method, draws=200)
            except InputError:
                assert method == "robust"
                continue
            assert found.low <= found.value <= found.high
