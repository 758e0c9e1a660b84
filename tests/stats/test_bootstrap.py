"""The fast bootstrap against scipy, plain resampling and its own promises about seeds."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, ks_2samp

from calibrant.errors import InputError
from calibrant.stats.estimates.bootstrap import (
    LEAST_UNITS,
    bootstrap_mean,
    cluster_totals,
    resample,
)


def ratio(totals):
    return totals[..., 0] / totals[..., 1]


def plain_draws(values, clusters, draws, rng):
    """Resample whole clusters row by row."""
    groups = [values[clusters == c] for c in np.unique(clusters)]
    found = []
    for _ in range(draws):
        picked = [groups[i] for i in rng.integers(0, len(groups), len(groups))]
        found.append(np.concatenate(picked).mean())
    return np.array(found)


@pytest.mark.parametrize("kind", ["few distinct", "continuous"])
def test_draws_have_the_law_of_plain_cluster_resampling(kind):
    rng = np.random.default_rng(1)
    clusters = np.arange(300).repeat(rng.integers(1, 4, 300))
    values = rng.random(clusters.size)
    if kind == "few distinct":
        values = (values < 0.15).astype(float)
    mine = resample(cluster_totals(values, clusters), ratio, draws=4000, seed=2)
    plain = plain_draws(values, clusters, 4000, rng)
    assert ks_2samp(mine.draws, plain).pvalue > 0.001
    assert mine.draws.mean() == pytest.approx(values.mean(), abs=4 * plain.std() / 60)


@given(seed=st.integers(0, 100), size=st.integers(10, 60))
@settings(max_examples=12, deadline=None)
def test_bca_agrees_with_scipy(seed, size):
    x = np.random.default_rng(seed).exponential(size=size)
    mine = bootstrap_mean(x, draws=10_000, seed=seed)
    theirs = bootstrap((x,), np.mean, n_resamples=10_000, rng=seed + 1, method="BCa")
    error = theirs.standard_error
    assert mine.standard_error == pytest.approx(error, rel=0.05)
    assert mine.low == pytest.approx(theirs.confidence_interval.low, abs=0.12 * error)
    assert mine.high == pytest.approx(theirs.confidence_interval.high, abs=0.2 * error)


def test_bca_for_clusters_agrees_with_scipy_on_their_totals():
    rng = np.random.default_rng(7)
    size = rng.integers(1, 8, 60)
    totals = np.column_stack([rng.binomial(size, 0.2), size]).astype(float)
    values = np.concatenate([[1.0] * int(k) + [0.0] * int(n - k) for k, n in totals])
    mine = bootstrap_mean(values, clusters=np.arange(60).repeat(size), draws=20_000)
    theirs = bootstrap(
        (totals[:, 0], totals[:, 1]),
        lambda a, b, axis=-1: a.sum(axis) / b.sum(axis),
        paired=True, n_resamples=20_000, rng=1, method="BCa",
    )  # fmt: skip
    reach = 0.1 * theirs.standard_error
    assert mine.low == pytest.approx(theirs.confidence_interval.low, abs=reach)
    assert mine.high == pytest.approx(theirs.confidence_interval.high, abs=reach)


def test_bca_interval_of_the_air_conditioning_data():
    # Davison and Hinkley (1997), example 1.1: 12 times between failures, mean 108.083;
    # scipy's BCa with 40,000 draws gives 56.8 to 226.9.
    air = [3, 5, 7, 18, 43, 85, 91, 98, 100, 130, 230, 487]
    mine = bootstrap_mean(air, draws=40_000)
    assert mine.value == pytest.approx(108.083, abs=1e-3)
    assert mine.low == pytest.approx(56.8, abs=2)
    assert mine.high == pytest.approx(226.9, abs=5)


@pytest.mark.parametrize("kind", ["few distinct", "continuous", "large"])
def test_the_same_seed_gives_the_same_numbers_for_any_number_of_workers(kind):
    rng = np.random.default_rng(0)
    values = rng.random({"few distinct": 500, "continuous": 500, "large": 70_000}[kind])
    values = np.round(values) if kind == "few distinct" else values
    draws = 130 if kind == "large" else 1030
    totals = cluster_totals(values)
    one = resample(totals, ratio, draws=draws, seed=3, workers=1)
    many = resample(totals, ratio, draws=draws, seed=3, workers=5)
    assert np.array_equal(one.draws, many.draws)
    # Fewer draws are the first of more.
    part = resample(totals, ratio, draws=100, seed=3)
    assert np.array_equal(part.draws, one.draws[:100])
    assert not np.array_equal(one.draws, resample(totals, ratio, draws=draws, seed=4).draws)


def test_a_seed_sequence_can_be_used_twice():
    sequence = np.random.SeedSequence(5)
    x = np.random.default_rng(0).random(40)
    assert bootstrap_mean(x, seed=sequence).low == bootstrap_mean(x, seed=sequence).low
    assert bootstrap_mean(x, seed=5).low == bootstrap_mean(x, seed=sequence).low


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 9), st.floats(0.1, 3)), min_size=1, max_size=50
    )
)
@settings(max_examples=50, deadline=None)
def test_cluster_totals_are_plain_sums(rows):
    x, c, w = (np.array(v) for v in zip(*rows, strict=True))
    mine = cluster_totals(x, c, w)
    for row, name in zip(mine, np.unique(c), strict=True):
        assert row[0] == pytest.approx(sum(w[c == name] * x[c == name]))
        assert row[1] == pytest.approx(sum(w[c == name]))


def test_the_jackknife_is_leave_one_out():
    x = np.array([0.1, 0.4, 0.4, 0.9, 0.2, 0.2, 0.7, 0.3, 0.5])
    mine = resample(cluster_totals(x), ratio, draws=100)
    expanded = np.repeat(mine.jackknife, mine.counts.astype(int))
    plain = [np.delete(x, i).mean() for i in range(x.size)]
    assert np.sort(expanded) == pytest.approx(np.sort(plain))


def plain_bootstrap_t(x, draws, rng, tail):
    pivots = []
    for _ in range(draws):
        y = rng.choice(x, x.size)
        pivots.append((y.mean() - x.mean()) / (y.std() / math.sqrt(x.size)))
    error = x.std() / math.sqrt(x.size)
    low, high = np.quantile(pivots, [tail, 1 - tail])
    return x.mean() - high * error, x.mean() - low * error


def test_the_bootstrap_t_agrees_with_the_plain_loop():
    rng = np.random.default_rng(2)
    x = rng.exponential(size=30)
    mine = bootstrap_mean(x, method="student")
    low, high = plain_bootstrap_t(x, 10_000, rng, 0.025)
    error = x.std(ddof=1) / math.sqrt(30)
    assert mine.standard_error == pytest.approx(error)
    assert mine.low == pytest.approx(low, abs=0.15 * error)
    assert mine.high == pytest.approx(high, abs=0.3 * error)


@pytest.mark.parametrize("method", ["bca", "percentile", "student"])
def test_one_sided_ends_spend_the_whole_error(method):
    x = np.random.default_rng(0).exponential(size=50)
    two = bootstrap_mean(x, method=method, level=0.9)
    up = bootstrap_mean(x, method=method, side="upper")
    down = bootstrap_mean(x, method=method, side="lower")
    assert up.high == pytest.approx(two.high)
    assert down.low == pytest.approx(two.low)
    assert up.low == -math.inf
    assert down.high == math.inf


def test_many_clusters_take_little_memory():
    x = np.random.default_rng(0).random(100_000)
    totals = cluster_totals(x)
    tracemalloc.start()
    resample(totals, ratio, draws=200, workers=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2**20  # a dense array of counts would take 160 MB


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [0.5] * 20}, "all 20 units have mean 0.5"),
        ({"values": [0.1, 0.2, 0.3]}, f"wanted at least {LEAST_UNITS} to draw from, got 3"),
        ({"clusters": [0, 1] * 10}, "units: wanted at least"),
        ({"clusters": [0]}, "clusters: wanted one for each"),
        ({"weights": [1.0] * 19 + [0.0]}, "weights: wanted above 0, got 0 at 19"),
        ({"weights": [1.0]}, "weights: wanted one for each"),
        ({"draws": 5}, "draws: wanted at least 100"),
        ({"level": 0.99999}, "draws: wanted more than"),
        ({"level": 1.5}, "level"),
        ({"side": "up"}, "side"),
        ({"method": "normal"}, "method"),
        ({"values": [math.nan] * 20}, "finite"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    defaults = {"values": np.linspace(0, 1, 20) ** 2}
    with pytest.raises(InputError, match=message):
        bootstrap_mean(**{**defaults, **arguments})


def test_one_event_among_many_clean_scores_is_not_a_quiet_number():
    x = np.zeros(30)
    x[0] = 1.0
    with pytest.raises(InputError, match="bootstrap t"):
        bootstrap_mean(x, method="student")


def test_it_prints_a_sentence_and_plain_data():
    x = np.random.default_rng(0).random(20)
    mine = bootstrap_mean(x)
    assert "BCa bootstrap, 10,000 draws of 20 items" in repr(mine)
    assert mine.to_dict()["n"] == 20
    found = resample(cluster_totals(x), ratio, draws=100)
    assert "100 draws of 20 units" in repr(found)
    assert found.to_dict()["draws"] == 100
