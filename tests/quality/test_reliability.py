"""Reliability: published identities, plain twins, real numbers, and inputs that must be refused."""

from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import f as f_distribution

from calibrant.errors import InputError
from calibrant.items import reliability
from calibrant.quality.bank import two_pl
from calibrant.quality.read import read_responses
from calibrant.quality.reliability import (
    bank_errors,
    generalizability,
    rank_reliability,
    split_halves,
)
from calibrant.quality.reliability import coefficients as c
from calibrant.quality.reliability.conditional import conditional, errors
from calibrant.quality.reliability.factors import hierarchy, omega, one_factor
from calibrant.quality.reliability.intervals import asymptotic, bootstrap_t, feldt, jackknife
from calibrant.quality.responses import of_matrix

DATA = Path(__file__).parents[2] / "shared/data/quality"
if not DATA.exists():
    DATA = Path(__file__).parents[3] / "shared/data/quality"
real = pytest.mark.skipif(not DATA.exists(), reason="the real responses are not here")

matrices = st.tuples(st.integers(4, 12), st.integers(3, 9)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 4).map(lambda v: v / 4))
)


def rasch(subjects=60, items=30, seed=0, sd=1.0):
    rng = np.random.default_rng(seed)
    logit = sd * rng.normal(size=(subjects, 1)) - rng.normal(size=items)
    return (rng.random((subjects, items)) < 1 / (1 + np.exp(-logit))).astype(float)


def spreads(x):
    return np.ptp(x.sum(axis=1)) > 0


# --- coefficients


def plain_alpha(x):
    covariance = np.cov(x, rowvar=False)
    k = x.shape[1]
    return k / (k - 1) * (1 - np.trace(covariance) / covariance.sum())


@given(matrices)
@settings(max_examples=40, deadline=None)
def test_coefficients_are_those_of_the_covariance_matrix(x):
    if not spreads(x):
        with pytest.raises(InputError, match="same mean"):
            c.alpha(x)
        return
    covariance = np.cov(x, rowvar=False)
    own, total, k = np.trace(covariance), covariance.sum(), x.shape[1]
    assert c.alpha(x) == pytest.approx(plain_alpha(x), abs=1e-9)
    off = covariance - np.diag(np.diag(covariance))
    lambda2 = (total - own + np.sqrt(k / (k - 1) * (off**2).sum())) / total
    assert c.lambda2(x) == pytest.approx(lambda2, abs=1e-9)
    assert c.lambda2(x) >= c.alpha(x) - 1e-9
    # Clusters of one item, and one stratum, are no clusters and no strata.
    assert c.cluster_alpha(x, np.arange(k)) == pytest.approx(c.alpha(x), abs=1e-9)
    assert c.stratified_alpha(x, np.zeros(k, np.int64)) == pytest.approx(c.alpha(x), abs=1e-9)


def test_kr20_and_kr21_of_a_worked_matrix():
    x = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0.0]])
    p = x.mean(axis=0)
    kr20 = 4 / 3 * (1 - (p * (1 - p)).sum() / x.sum(axis=1).var())
    assert c.alpha(x) == pytest.approx(kr20)
    assert c.kr21(x) == pytest.approx(4 / 3 * (1 - 2 * 2 / (4 * 2.0)))
    with pytest.raises(InputError, match="0 and 1"):
        c.kr21(x / 2)


def test_lambda6_is_that_of_squared_multiple_correlations():
    x = rasch(80, 6)
    r = np.corrcoef(x, rowvar=False)
    smc = []
    for j in range(6):
        rest = np.delete(np.arange(6), j)
        smc.append(r[j, rest] @ np.linalg.solve(r[np.ix_(rest, rest)], r[rest, j]))
    own = x.var(axis=0, ddof=1) * (1 - np.array(smc))
    assert c.lambda6(x) == pytest.approx(1 - own.sum() / x.sum(axis=1).var(ddof=1))
    with pytest.raises(InputError, match="subjects"):
        c.lambda6(rasch(6, 6))


def test_parallel_clusters_do_not_count_as_independent_items():
    rng = np.random.default_rng(1)
    passage = rng.normal(size=(200, 10)).repeat(5, axis=1)
    x = rng.normal(size=(200, 1)) + 2 * passage + rng.normal(size=(200, 50))
    clusters = np.arange(50) // 5
    # Population: 1 / (1 + 4/10 + 1/50).
    assert c.cluster_alpha(x, clusters) == pytest.approx(1 / 1.42, abs=0.06)
    assert c.alpha(x) > c.cluster_alpha(x, clusters) + 0.05


# --- intervals


def test_feldt_is_the_f_interval():
    low, high = feldt(0.8, 41, 26, 0.9)
    assert low == pytest.approx(1 - 0.2 * f_distribution.ppf(0.95, 40, 1000))
    assert high == pytest.approx(1 - 0.2 * f_distribution.ppf(0.05, 40, 1000))


def test_the_distribution_free_error_is_the_infinitesimal_jackknife():
    x = rasch(40, 12)
    low, high = asymptotic(x, np.arange(40), 0.9)
    step = 1e-6
    whole = np.ones(40)

    def weighted(w):
        mean = w @ x / w.sum()
        covariance = (x - mean).T @ (w[:, None] * (x - mean)) / w.sum()
        return np.log(1 - 12 / 11 * (1 - np.trace(covariance) / covariance.sum()))

    slopes = [(weighted(whole + step * np.eye(40)[i]) - weighted(whole)) / step for i in range(40)]
    error = np.sqrt(np.sum(np.square(slopes)) * 40 / 39)
    assert (np.log(1 - low) - np.log(1 - high)) / 2 == pytest.approx(1.684875 * error, rel=1e-4)


def test_the_bootstrap_pivot_is_that_of_the_rows_drawn():
    x, seen = rasch(12, 8), []

    def plain(rows):
        y = x[rows]
        low, high = asymptotic(y, np.arange(12), 0.95)
        t = 2.20098516
        error = (np.log(1 - low) - np.log(1 - high)) / 2 / t
        return (np.log(1 - plain_alpha(y)) - np.log(1 - plain_alpha(x))) / error

    import calibrant.quality.reliability.intervals as module

    original = module.resample

    def spy(totals, statistic, **options):
        rng = np.random.default_rng(5)
        for _ in range(5):
            rows = rng.integers(0, 12, 12)
            seen.append((statistic(totals[rows].sum(axis=0)[None])[0], plain(rows)))
        return original(totals, statistic, **options)

    module.resample = spy
    try:
        bootstrap_t(x, np.arange(12), draws=400)
    finally:
        module.resample = original
    fast, slow = np.array(seen).T
    assert fast == pytest.approx(slow, rel=1e-6)


def test_bootstrap_is_the_same_for_any_workers_and_keeps_families():
    x = rasch(60, 20)
    own = np.arange(60)
    one = bootstrap_t(x, own, seed=3, draws=600, workers=1)
    assert one == bootstrap_t(x, own, seed=3, draws=600, workers=2)
    doubled, pairs = np.vstack([x, x]), np.tile(own, 2)
    low, high = bootstrap_t(doubled, pairs, seed=3, draws=600)
    narrow = bootstrap_t(doubled, np.arange(120), seed=3, draws=600)
    assert high - low == pytest.approx(one[1] - one[0], rel=0.2)
    assert narrow[1] - narrow[0] < 0.85 * (high - low)


def test_the_jackknife_of_a_mean_is_its_t_interval():
    value = np.linspace(0, 0.5, 11)
    low, high = jackknife(
        1 - np.exp(value.mean()), lambda kept: 1 - np.exp(value[kept].mean()), np.arange(11), 0.95
    )
    t = 2.228138852 * value.std(ddof=1) / np.sqrt(11)
    assert np.log(1 - low) == pytest.approx(value.mean() + t)
    assert np.log(1 - high) == pytest.approx(value.mean() - t)


# --- factors and halves


def test_one_factor_finds_planted_loadings():
    loadings = np.linspace(0.3, 1.2, 10)
    # A sample whose covariances are exactly those of the model.
    root = np.linalg.cholesky(np.outer(loadings, loadings) + np.diag(np.full(10, 0.5)))
    z = np.random.default_rng(0).normal(size=(50, 10))
    z -= z.mean(axis=0)
    x = np.linalg.solve(np.linalg.cholesky(z.T @ z / 49), z.T).T @ root.T
    assert one_factor(x).loadings == pytest.approx(loadings, abs=1e-5)
    share = loadings.sum() ** 2 / (loadings.sum() ** 2 + 5.0)
    assert omega(x) == pytest.approx((share, share), abs=1e-6)


def test_hierarchy_finds_a_planted_general_factor():
    general, group = np.repeat([0.8, 0.6, 0.4], 5), np.repeat([0.3, 0.5, 0.6], 5)
    groups = np.repeat([0, 1, 2], 5)
    covariance = np.outer(general, general) + np.diag(np.full(15, 0.4))
    covariance += np.where(groups[:, None] == groups, np.outer(group, group), 0.0)
    z = np.random.default_rng(0).normal(size=(60, 15))
    z -= z.mean(axis=0)
    x = np.linalg.solve(np.linalg.cholesky(z.T @ z / 59), z.T).T @ np.linalg.cholesky(covariance).T
    found = hierarchy(x, groups)
    assert found.general == pytest.approx(general, abs=1e-4)
    assert found.group == pytest.approx(group, abs=1e-4)
    assert found.hierarchical == pytest.approx(general.sum() ** 2 / covariance.sum(), abs=1e-5)
    assert found.total == pytest.approx(1 - 15 * 0.4 / covariance.sum(), abs=1e-5)
    with pytest.raises(InputError, match="3 groups"):
        hierarchy(x, np.repeat([0, 1], [7, 8]))


def test_the_mean_over_all_halves_is_alpha_and_the_largest_is_lambda4():
    x = rasch(30, 8)
    found = split_halves(x)
    assert found.every and found.splits == 35
    assert found.mean == pytest.approx(c.alpha(x))
    total = x.sum(axis=1).var(ddof=1)
    plain = max(
        4 * np.cov(x[:, list(a)].sum(axis=1), np.delete(x, a, axis=1).sum(axis=1))[0, 1] / total
        for a in combinations(range(8), 4)
    )
    assert found.most == pytest.approx(plain)
    assert found.low < found.mean < found.high


def test_clusters_are_not_split():
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(10), 4)
    x = rng.normal(size=(100, 1)) + 2 * rng.normal(size=(100, 10))[:, clusters]
    x = x + rng.normal(size=(100, 40))
    split, whole = split_halves(x), split_halves(x, clusters)
    assert whole.units == "clusters" and whole.every
    assert whole.mean == pytest.approx(c.cluster_alpha(x, clusters), abs=1e-9)
    assert split.mean > whole.mean + 0.05
    with pytest.raises(InputError, match="at least 4"):
        split_halves(x, np.repeat([0, 1], 20))


# --- components


def test_components_are_the_analysis_of_variance_and_its_coefficient_is_alpha():
    x = rasch(25, 15)
    found = generalizability(of_matrix(x), cut=0.4)
    n, k = x.shape
    grand = x.mean()
    ms_s = k * ((x.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    ms_i = n * ((x.mean(axis=0) - grand) ** 2).sum() / (k - 1)
    rest = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0) + grand
    ms_r = (rest**2).sum() / ((n - 1) * (k - 1))
    s, i, r = (ms_s - ms_r) / k, (ms_i - ms_r) / n, ms_r
    assert [v.variance for v in found.components] == pytest.approx([s, i, r])
    assert [v.role for v in found.components] == ["universe", "absolute", "relative"]
    assert found.coefficient[0] == pytest.approx(c.alpha(x))
    assert found.dependability[0] == pytest.approx(s / (s + (i + r) / k))
    # Brennan and Kane (1977), with the squared distance freed of its error.
    away = (grand - 0.4) ** 2 - (s / n + i / k + r / (n * k))
    assert found.cut_dependability[0] == pytest.approx(
        (s + max(away, 0)) / (s + max(away, 0) + (i + r) / k)
    )
    needed = {(m.coefficient, m.target): m.items for m in found.needed}
    at = needed["Φ", 0.9]
    assert s / (s + (i + r) / at) >= 0.9 > s / (s + (i + r) / (at - 1))
    assert found.at(np.array([15.0]))[0][0] == pytest.approx(found.coefficient[0])


def test_epochs_and_clusters_are_taken_apart():
    rng = np.random.default_rng(4)
    n, clusters, each, epochs = 40, 20, 4, 3
    s, i, e = (a.ravel() for a in np.indices((n, clusters * each, epochs)))
    cluster = i // each
    score = (
        0.5 + 0.1 * rng.normal(size=n)[s] + 0.1 * rng.normal(size=(n, clusters))[s, cluster]
        + 0.1 * rng.normal(size=clusters * each)[i] + 0.1 * rng.normal(size=s.size)
    )  # fmt: skip
    table = pl.DataFrame({
        "subject": [f"m{v}" for v in s], "item": [f"q{v}" for v in i],
        "cluster": [f"c{v}" for v in cluster], "epoch": e, "score": score,
    })  # fmt: skip
    found = generalizability(read_responses(table, limits=(-2.0, 3.0)))
    value = {v.term: v.variance * 25 for v in found.components}
    assert set(value) == {
        "subject", "cluster", "cluster:item", "subject:cluster", "subject:cluster:item",
        "subject:cluster:item:epoch",
    }  # fmt: skip
    for term in ("subject", "cluster:item", "subject:cluster", "subject:cluster:item:epoch"):
        assert value[term] == pytest.approx(0.01, rel=0.5), term
    # The error of the mean takes clusters, not items, as drawn.
    assert found.relative * 25 == pytest.approx(0.01 / 20 + 0.01 / 240, rel=0.4)
    more = found.at(np.array([80.0, 160.0]))[2]
    assert more[1] == pytest.approx(more[0] / np.sqrt(2))


def test_more_items_cannot_help_what_graders_disagree_about():
    rng = np.random.default_rng(5)
    n, k, graders = 20, 30, 3
    s, i, g = (a.ravel() for a in np.indices((n, k, graders)))
    score = 0.3 * rng.normal(size=n)[s] + 0.3 * rng.normal(size=(n, graders))[s, g]
    score = score + 0.3 * rng.normal(size=s.size)
    table = pl.DataFrame({
        "subject": [f"m{v}" for v in s], "item": [f"q{v}" for v in i],
        "grader": [f"g{v}" for v in g], "score": score,
    })  # fmt: skip
    found = generalizability(read_responses(table, limits=(-5.0, 5.0)), targets=(0.95,))
    assert found.relative_kept * 100 == pytest.approx(0.03, rel=0.5)
    assert found.needed[0].items is None and found.needed[0].low is None


# --- errors at a score, ranks


@given(matrices)
@settings(max_examples=30, deadline=None)
def test_the_conditional_error_is_the_spread_of_a_subjects_own_items(x):
    k = x.shape[1]
    assert errors(x) == pytest.approx(x.std(axis=1, ddof=1) / np.sqrt(k), abs=1e-12)
    assert errors(x, np.arange(k)) == pytest.approx(errors(x), abs=1e-12)
    binary = (x > 0.5).astype(float)
    p = binary.mean(axis=1)
    assert errors(binary) == pytest.approx(np.sqrt(p * (1 - p) / (k - 1)), abs=1e-12)


def test_conditional_errors_average_to_the_components():
    x = rasch(60, 40)
    found = conditional(x, tuple(map(str, range(60))))
    study = generalizability(of_matrix(x))
    absolute = np.mean([s.absolute**2 for s in found.subjects])
    relative = np.mean([s.relative**2 for s in found.subjects])
    assert absolute == pytest.approx(study.absolute, rel=0.02)
    assert relative == pytest.approx(study.relative, rel=0.03)
    assert found.excess == pytest.approx(1.0)
    perfect = conditional(np.vstack([x, np.ones(40)]), tuple(map(str, range(61)))).subjects[-1]
    assert perfect.absolute == 0 and perfect.high == 1 and perfect.low < 0.95


def test_a_banks_errors_are_those_of_its_draws():
    bank = two_pl(np.full(30, 1.2), np.linspace(-2, 2, 30))
    theta = np.array([-1.0, 0.5])
    ability, mean, score = bank_errors(bank, theta)
    drawn = bank.draw(np.repeat(theta, 4000), np.random.default_rng(0)).mean(axis=1)
    drawn = drawn.reshape(2, 4000)
    assert drawn.mean(axis=1) == pytest.approx(mean, abs=0.005)
    assert drawn.std(axis=1) == pytest.approx(score, rel=0.05)
    p = bank.probabilities(theta)[:, :, 1]
    assert ability == pytest.approx(1 / np.sqrt((1.44 * p * (1 - p)).sum(axis=1)))


def test_ranks_of_pairs_are_paired_and_shrunk():
    x = rasch(20, 50, seed=3)
    found = rank_reliability(x, tuple(map(str, range(20))), 0.02, 0.8)
    n = found.neighbours[0]
    gap = x[int(n.above)] - x[int(n.below)]
    assert n.difference == pytest.approx(abs(gap.mean()))
    assert n.error == pytest.approx(gap.std(ddof=1) / np.sqrt(50))
    assert all(0.5 <= m.right <= 1 for m in found.neighbours)
    # Holes in none of the cells, but one code path for them and one without.
    holed = np.vstack([x, np.where(np.arange(50) < 40, x[0], np.nan)])
    other = rank_reliability(holed, tuple(map(str, range(21))), 0.02, 0.8)
    same = {(m.above, m.below): m.right for m in other.neighbours}
    shared = [m for m in found.neighbours if (m.above, m.below) in same]
    assert shared and all(same[m.above, m.below] == pytest.approx(m.right) for m in shared)


# --- the verb


@real
def test_livebench_to_all_digits():
    found = reliability(
        DATA / "livebench_complete_block.csv", items=DATA / "livebench_items.csv", splits=100,
        draws=500,
    )  # fmt: skip
    assert found["α"].value == pytest.approx(0.99432957, abs=5e-9)
    assert found.study.dependability[0] == pytest.approx(0.99009992, abs=5e-9)
    assert [v.variance for v in found.study.components] == pytest.approx(
        [0.02102606, 0.07804874, 0.10359949], abs=5e-9
    )
    assert found["ω_h"].value < found["ω"].value
    assert any("62 items have one score" in n for n in found.notes)


@real
def test_alpacaeval_means_are_the_published_win_rates():
    responses = read_responses(DATA / "alpacaeval2_pref.csv")
    found = conditional(responses.unit, responses.subjects)
    board = pl.read_csv(DATA / "alpacaeval2_leaderboard.csv")
    published = dict(zip(board[board.columns[0]], board["win_rate"] / 100, strict=True))
    near = [abs(published[s.subject] - s.score) for s in found.subjects if s.subject in published]
    assert len(near) == 57 and max(near) < 2e-6


def test_holes_are_not_filled_in():
    x = rasch(40, 30)
    rng = np.random.default_rng(0)
    x[rng.random(x.shape) < 0.2] = np.nan
    found = reliability(of_matrix(x))
    assert found["α"].value is None and "Eρ²" in found["α"].note
    assert found.halves is None and found.missing == int(np.isnan(x).sum())
    assert 0.6 < found.study.coefficient[0] < 0.95
    assert any("missing at random" in n for n in found.notes)


def test_what_falls_apart_is_said():
    x = np.full((20, 20), np.nan)
    x[:10, :10], x[10:, 10:] = rasch(10, 10), rasch(10, 10, seed=1)
    found = reliability(of_matrix(x))
    assert found.study is None
    assert "linked" in dict(found.cannot)["components"]


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.ones((12, 5)), "same mean"),
        (np.ones((1, 5)), "at least 2 subjects"),
        (np.array([[0.0], [1.0]]), "2 items"),
    ],
)
def test_refusals(x, said):
    with pytest.raises(InputError, match=said):
        reliability(of_matrix(x))


def test_hard_inputs_are_survived_and_named():
    x = rasch(5, 12)
    found = reliability(of_matrix(x))
    assert found["α"].low is None and "at least 8" in found["α"].note
    assert any("5 subjects" in n for n in found.notes)
    x = rasch(30, 12)
    x[:, 3] = 1.0
    x[4] = 1.0
    x[7] = x[8]
    found = reliability(of_matrix(100 * x, high=100.0), draws=200)
    assert any("1 items have one score" in n for n in found.notes)
    assert any("two names" in n for n in found.notes)
    assert found.conditional.subjects[4].score == 100.0
    perfect = (np.arange(20)[:, None] >= np.arange(1, 15)).astype(float)
    assert reliability(of_matrix(perfect), draws=200)["α"].value > 0.9
    same = np.repeat(rasch(12, 4)[:, :1], 6, axis=1)
    assert reliability(of_matrix(same), draws=200)["α"].value == pytest.approx(1.0)


def test_results_are_plain_data_and_say_what_they_are():
    from calibrant._text import dumps

    found = reliability(of_matrix(rasch()), bank=two_pl(np.ones(5), np.zeros(5)), draws=200)
    dumps(found.to_dict())
    assert "α 0." in repr(found) and "Eρ²" in repr(found)
    assert 0 < found.bank.marginal < 1
    for kind in ("items", "error"):
        assert found.plot(kind).svg().startswith("<svg")
    with pytest.raises(InputError, match="no variants"):
        found.plot("variants")
