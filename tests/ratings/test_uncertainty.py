"""Covariances, bootstraps, ranks, live arenas and erring judges, beside plain twins."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.ratings.counts import Counts, count, count_blocks
from calibrant.ratings.fit import Problem, RatingError, fit
from calibrant.ratings.uncertainty.bootstrap import bootstrap
from calibrant.ratings.uncertainty.covariance import clustered, model_based, sandwich
from calibrant.ratings.uncertainty.judged import confusion, judge_corrected
from calibrant.ratings.uncertainty.live import evidence, live, share_limits
from calibrant.records import read_comparisons
from calibrant.stats.comparisons.ranks import ranks, tiers
from calibrant.stats.stopping.evalues import sign_e_value

from .conftest import draw

ELO = 400 / np.log(10)


def made(rows=3000, size=6, seed=0, clusters=40, nu=0.6):
    rng = np.random.default_rng(seed)
    left, right, outcome = draw(rng, np.linspace(0.8, -0.8, size), rows, nu=nu, order=0.1)
    item, voter = rng.integers(0, clusters, rows), rng.integers(0, 25, rows)
    data = read_comparisons(
        pl.DataFrame(
            {"left": left, "right": right, "winner": outcome, "item": item, "voter": voter}
        )
    )
    return data, count_blocks(data.blocks(), names=data.names)


def row_scores(fitted, data):
    """Each row's derivative by all parameters, numerically, from a table of that row alone."""
    rows = []
    every = slice(None)
    columns = (data.left.take(every), data.right.take(every), data.outcome.take(every))
    cache = {}
    for row in zip(*(c.tolist() for c in columns), strict=True):
        if row not in cache:
            one = count(*([x] for x in row), names=data.names)
            p = Problem(one, fitted.model, fitted.order_effect is not None, None)
            cache[row] = p.gradient(fitted.parameters, p.terms(fitted.parameters))
        rows.append(cache[row])
    return np.array(rows)


def plain_meat(scores, labels):
    """Outer products of the sums of scores by cluster."""
    groups = np.unique(labels)
    sums = np.stack([scores[labels == g].sum(axis=0) for g in groups])
    scale = groups.size / (groups.size - 1) if groups.size < labels.size else 1.0
    return sums.T @ sums * scale


def plain_covariance(fitted, meat):
    """Pseudo-inverse times meat times pseudo-inverse, strengths about their mean."""
    size = len(fitted.counts.names)
    h = np.linalg.pinv(-fitted.hessian, rcond=1e-10)
    c = np.eye(size) - 1 / size
    return c @ (h @ meat @ h)[:size, :size] @ c


@pytest.mark.parametrize("model", ["bt", "davidson", "rao-kupper"])
@pytest.mark.parametrize("order", [False, True])
def test_sandwiches_are_the_plain_ones(model, order):
    data, counts = made()
    fitted = fit(counts, model, order_effect=order)
    scores = row_scores(fitted, data)
    item, voter = (data.labels(n)[0] for n in ("item", "voter"))
    plain = plain_covariance(fitted, plain_meat(scores, np.arange(len(data))))
    assert sandwich(fitted).matrix == pytest.approx(plain, abs=1e-9)
    meats = [plain_meat(scores, x) for x in (item, voter, item * 1000 + voter)]
    one = clustered(fitted, data, ["item"])
    assert one.matrix == pytest.approx(plain_covariance(fitted, meats[0]), abs=1e-9)
    values, vectors = np.linalg.eigh(meats[0] + meats[1] - meats[2])
    whole = (vectors * np.maximum(values, 0)) @ vectors.T
    two = clustered(fitted, data, ["item", "voter"])
    assert two.matrix == pytest.approx(plain_covariance(fitted, whole), abs=1e-9)
    assert np.linalg.eigvalsh(two.matrix).min() > -1e-12


def test_half_win_errors_on_the_board_are_too_wide(board):
    data = read_comparisons(board)
    fitted = fit(count_blocks(data.blocks(), names=data.names), "bt")
    assert model_based(fitted).standard_errors.mean() * ELO == pytest.approx(24.4, abs=0.06)
    assert sandwich(fitted).standard_errors.mean() * ELO == pytest.approx(18.6, abs=0.06)


def test_few_clusters_are_refused_and_lopsided_ones_have_few_degrees_of_freedom():
    data, counts = made(clusters=4)
    fitted = fit(counts, "davidson")
    with pytest.raises(RatingError, match="wanted at least 6 of item, got 4"):
        clustered(fitted, data, ["item"])
    with pytest.raises(InputError, match="no column 'page'"):
        clustered(fitted, data, ["page"])
    data, counts = made(clusters=30)
    even = clustered(fit(counts, "davidson"), data, ["item"]).df
    assert (even > 20).all() and (even < 30).all()
    item = np.where(np.arange(len(data)) < 2000, 0, data.columns["item"].to_numpy())
    lop = read_comparisons(data.frame().with_columns(item=pl.Series(item)))
    assert (clustered(fit(counts, "davidson"), lop, ["item"]).df < 5).all()


def test_a_prior_keeps_what_only_it_says_uncertain():
    c = count([0, 0, 1, 2, 1], [1, 2, 2, 1, 0], [0, 0, 0, 0, 1], names="abc")
    got = sandwich(fit(c, prior_sd=2.0))
    assert got.standard_errors[0] > 0.6 and "prior of sd 2" in got.method


def test_bootstraps_agree_with_sandwiches():
    data, counts = made(rows=4000)
    fitted = fit(counts, "davidson", order_effect=True)
    plain = bootstrap(fitted, rounds=300, seed=1)
    assert plain.standard_errors == pytest.approx(sandwich(fitted).standard_errors, rel=0.2)
    by = bootstrap(fitted, rounds=300, seed=1, rows=data, by=["item"])
    assert by.standard_errors == pytest.approx(
        clustered(fitted, data, ["item"]).standard_errors, rel=0.2
    )
    two = bootstrap(fitted, rounds=100, seed=1, rows=data, by=["item", "voter"])
    assert (two.standard_errors > 0.9 * by.standard_errors).all()
    again = bootstrap(fitted, rounds=300, seed=1)
    assert np.array_equal(plain.draws, again.draws)
    low, high = plain.intervals(0.9).T
    assert (low < fitted.strengths).all() and (fitted.strengths < high).all()


def test_a_bootstrap_that_often_has_no_rating_is_refused():
    c = count([0, 1, 1, 2, 2], [1, 0, 2, 1, 1], [0, 0, 0, 0, 1], names="abc")
    with pytest.raises(RatingError, match="rounds have no finite rating"):
        bootstrap(fit(c), rounds=50)
    weighted = Counts(c.names, c.left, c.right, c.outcomes * 0.5)
    with pytest.raises(InputError, match="weighted"):
        bootstrap(fit(weighted), rounds=50)


def plain_tiers(strengths, better):
    order = sorted(range(len(strengths)), key=lambda k: -strengths[k])
    out = [0] * len(strengths)
    for k in order:
        out[k] = 1 + max([out[j] for j in range(len(strengths)) if better[j][k]], default=0)
    return out


@given(st.integers(2, 12), st.integers(0, 2**32), st.floats(0.05, 2))
def test_ranks_and_tiers_hang_together(size, seed, error):
    rng = np.random.default_rng(seed)
    s = rng.normal(size=size)
    got = ranks(s, error**2 * np.eye(size), draws=500, seed=seed)
    place = np.argsort(np.argsort(-s)) + 1
    assert ((got.low <= place) & (place <= got.high)).all()
    assert got.tiers.tolist() == plain_tiers(s, got.better)
    assert np.array_equal(tiers(s, got.better), got.tiers)
    # No two of a tier differ significantly, and being better puts one in a better tier.
    i, j = np.nonzero(got.better)
    assert (got.tiers[i] < got.tiers[j]).all() and (s[i] > s[j]).all()
    assert got.best.sum() == pytest.approx(1)


def test_step_down_is_no_weaker_than_one_step_and_holm_no_stronger():
    rng = np.random.default_rng(0)
    s = rng.normal(size=20)
    v = 0.05 * np.eye(20)
    got = ranks(s, v, seed=1)
    i, j = np.triu_indices(20, 1)
    noise = np.random.default_rng(9).normal(size=(4000, 20)) * np.sqrt(0.05)
    one = np.quantile(np.abs(noise[:, i] - noise[:, j]).max(axis=1) / np.sqrt(0.1), 0.95)
    single = np.abs(s[i] - s[j]) / np.sqrt(0.1) > one * 1.02
    assert got.better.sum() >= single.sum()
    holm = ranks(s, v, df=29.0, seed=1)
    assert holm.better.sum() <= got.better.sum() and "Holm" in holm.method


def test_live_evidence_is_the_sign_test_of_the_stopping_room():
    wins, losses = np.array([0.0, 3, 10, 60]), np.array([0.0, 3, 2, 20])
    got = evidence(wins, losses)
    for k in range(4):
        assert got[k] == pytest.approx(sign_e_value(int(wins[k]), int(losses[k])).log, abs=1e-9)
    low, high = share_limits(wins, losses, 0.95)
    assert low[0] == 0 and high[0] == 1 and low[3] > 0.5
    assert (low[1:] < 0.5 + (wins > losses)[1:] * 0.5).all() and (high >= low).all()


def test_a_live_arena_of_equals_rarely_decides_at_any_time():
    rng = np.random.default_rng(4)
    false = 0
    for _ in range(60):
        left, right, outcome = draw(rng, np.zeros(4), 600)
        ever = False
        for n in range(50, 601, 50):
            c = count(left[:n], right[:n], outcome[:n], names="abcd")
            ever |= bool(live(c).decided.any())
        false += ever
    assert false <= 6
    strong = draw(rng, np.array([2.0, 0, 0, 0]), 600)
    got = live(count(*strong, names="abcd"))
    assert {got.names[k] for k in got.a[got.decided]} == {"a"}
    assert got.to_dict()[0].keys() >= {"better", "worse", "log_e", "interval"}


def test_a_judge_that_errs_is_corrected():
    rng = np.random.default_rng(8)
    s = np.linspace(1, -1, 5)
    left, right, gold = draw(rng, s, 12_000, nu=0.8)
    table = np.array([[0.75, 0.1, 0.15], [0.1, 0.75, 0.15], [0.2, 0.2, 0.6]])
    verdict = (rng.random(gold.size)[:, None] > table.cumsum(axis=1)[gold]).sum(axis=1)
    known = np.arange(gold.size) < 1500
    counts = count(left[~known], right[~known], verdict[~known], names="abcde")
    got = judge_corrected(counts, confusion(gold[known], verdict[known]), rounds=60)
    assert np.abs(got.strengths - s).max() < 4 * got.standard_errors.max()
    assert np.abs(got.uncorrected.strengths[0]) < 0.75
    assert (got.standard_errors > sandwich(got.uncorrected).standard_errors).all()
    assert got.confusion == pytest.approx(table, abs=0.06)
    # A judge that is always right changes nothing but for the halves added to its table.
    exact = confusion(gold[known], gold[known]) * 1e6
    whole = count(left, right, gold, names="abcde")
    same = judge_corrected(whole, exact, rounds=20)
    assert same.strengths == pytest.approx(same.uncorrected.strengths, abs=1e-4)


def test_a_judge_that_guesses_or_has_no_gold_is_refused():
    c = count([0, 1, 0], [1, 0, 1], [0, 0, 2], names="ab")
    with pytest.raises(RatingError, match="hardly depend"):
        judge_corrected(c, np.full((3, 3), 50.0))
    with pytest.raises(RatingError, match="at least 10 gold"):
        judge_corrected(c, np.eye(3) * 4)
    with pytest.raises(InputError, match="wanted a table"):
        judge_corrected(c, np.ones((2, 2)))
