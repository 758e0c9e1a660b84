"""Curves, turns, laws and null answers: plain twins, hand-made cases, short certificates."""

from itertools import product

import numpy as np
import polars as pl
import pytest

from calibrant import judge
from calibrant.errors import InputError
from calibrant.judges.drift.certificates import CERTIFICATES as DRIFT
from calibrant.judges.pressure import (
    best_of,
    curve,
    fit,
    kl_bound,
    null_answers,
    planted,
    pressure,
    turning,
)
from calibrant.judges.pressure.bands import Flips, beaten, declines, improves
from calibrant.judges.pressure.certificates import CERTIFICATES
from calibrant.judges.pressure.floors import floors
from calibrant.judges.pressure.order import rank_weights
from calibrant.stats.certificates import measure_certificate
from calibrant.stats.estimates.means import t_mean

COLUMNS = {"item": "item", "judge": "judge", "gold": "gold"}


def plain_beaten(rows, at):
    """All sign flips of prompts by hand: the largest t of the others against one column."""
    apart = np.delete(rows, at, axis=1) - rows[:, [at]]

    def largest(d):
        error = d.std(axis=0, ddof=1) / len(d) ** 0.5
        return float((d.mean(axis=0) / error).max())

    seen = largest(apart)
    flips = [largest(apart * np.array(s)[:, None]) for s in product((1, -1), repeat=len(rows))]
    return float(np.mean([f >= seen - 1e-9 for f in flips]))


def test_sign_flips_equal_going_through_all_of_them():
    rows = np.random.default_rng(0).normal(size=(7, 4)) + np.array([0, 0.5, 1, 0.2])
    p = beaten(Flips(rows))
    assert p == pytest.approx([plain_beaten(rows, k) for k in range(4)])


def test_tests_of_pairs_and_of_gains_agree_with_one_another():
    rows = np.random.default_rng(1).normal(size=(9, 2)) + np.array([0.0, 1.0])
    flips = Flips(rows)
    assert improves(flips)[1] == beaten(flips)[0]
    assert declines(flips, 0.05).p_value == beaten(flips)[1]
    assert declines(flips, 0.05).first is None
    down = Flips(rows[:, ::-1])
    assert declines(down, 0.05).first == 1


def test_equal_columns_are_never_told_apart():
    rows = np.repeat(np.random.default_rng(2).normal(size=(12, 1)), 5, axis=1)
    rows = rows + np.random.default_rng(3).normal(size=rows.shape) * 1e-13
    assert beaten(Flips(rows)).tolist() == [1.0] * 5


def test_a_curve_of_one_n_is_students_t():
    rows = np.random.default_rng(4).normal(size=(15, 1))
    found, plain = curve(rows, [1]), t_mean(rows[:, 0])
    assert (found.low[0], found.high[0]) == pytest.approx((plain.low, plain.high))
    assert found.band_high[0] == pytest.approx(plain.high, abs=0.05)


def test_bands_are_wider_than_intervals_and_hold_the_seed():
    source = planted()
    u, g = source.draw(20, 40, np.random.default_rng(5))
    n = np.arange(1, 41)
    rows = best_of(u, g, n)
    a, b, c = (curve(rows, n, seed=s) for s in (1, 1, 2))
    assert np.all(a.band_low <= a.low)
    assert np.all(a.band_high >= a.high)
    assert np.array_equal(a.band_low, b.band_low)
    assert not np.array_equal(a.band_low, c.band_low)


def test_agreement_by_luck_is_no_evidence():
    # Gold is 1 in 5 % whatever the judge says; of ten prompts none happens to be good at n = 64.
    rng = np.random.default_rng(6)
    n = np.array([1, 4, 16, 64])
    while True:  # until it happens
        u, g = rng.random((10, 64)), (rng.random((10, 64)) < 0.05).astype(float)
        rows = best_of(u, g, n)
        if rows[:, -1].max() == 0:
            break
    assert turning(rows, n).p_value < 0.05
    assert turning(rows, n, floors=floors(list(u), list(g), n)).p_value > 0.1


def test_floors_are_variances_of_weighted_sums():
    rng = np.random.default_rng(7)
    n = np.array([1, 3, 10])
    found = floors([rng.random(10)], [rng.random(10)], n)
    w = rank_weights(10, n)
    assert found.overlap == pytest.approx(w @ w.T)
    assert found.worth == pytest.approx([10, 1 / (w[1] @ w[1]), 1])
    ties = floors([[1.0, 1, 1, 2, 2, 2]], [rng.random(6)], np.array([6]))
    assert ties.worth == pytest.approx([3])


def test_a_law_that_is_exact_is_found_exactly():
    d = np.sqrt(kl_bound(2 ** np.arange(1, 8)))
    a = np.random.default_rng(8).normal(1.0, 0.2, (12, 1))
    found = fit(d, d * (a - 0.3 * a * d))
    assert found.alpha == pytest.approx(a.mean())
    assert found.beta == pytest.approx(0.3 * a.mean())
    assert found.peak.value == pytest.approx(1 / 0.6)
    assert found.p_value == 1
    # α and β move together, so the peak is known although they are not.
    assert found.peak.high - found.peak.low < 1e-3
    rl = fit(d, d * (a - 0.3 * a * np.log(d)), form="rl")
    assert rl.beta == pytest.approx(0.3 * a.mean())
    assert rl.peak.value == pytest.approx(np.exp(1 / 0.3 - 1))


def test_a_wrong_law_is_rejected_and_no_peak_is_said():
    d = np.sqrt(kl_bound(2 ** np.arange(1, 10)))
    noise = np.random.default_rng(9).normal(0, 0.02, (30, d.size))
    assert fit(d, np.sin(3 * d) + noise).p_value < 0.01
    rising = fit(d, d + 0.5 * d**2 + noise)
    assert rising.peak.value is None
    assert "no peak" in repr(rising)
    straight = fit(d, d + np.cumsum(noise, axis=1))
    assert straight.peak.high == np.inf
    assert straight.to_dict()["peak"]["high"] is None


def test_fieller_holds_the_zero_of_every_slope_it_should():
    # By hand: x is in the set exactly if the t test of α - βx = 0 does not reject.
    d = np.sqrt(kl_bound(2 ** np.arange(1, 8)))
    rng = np.random.default_rng(10)
    rows = d * rng.normal(1, 0.5, (10, 1)) - d**2 * rng.normal(0.4, 0.2, (10, 1))
    found = fit(d, rows)
    half = np.linalg.inv(np.linalg.cholesky(np.minimum.outer(d, d)))  # of a random walk in d
    x = half @ np.stack([d, -(d**2)], 1)
    each = np.linalg.lstsq(x, half @ rows.T, rcond=None)[0].T
    for x in np.linspace(0.05, 4, 200):
        slope = each[:, 0] - 2 * x * each[:, 1]
        t = abs(slope.mean()) / (slope.std(ddof=1) / 10**0.5)
        assert (t <= 2.262157) == (found.peak.low <= x <= found.peak.high)


def test_the_verb_finds_the_planted_turn():
    source = planted(df=2.0)
    found = judge.pressure(source.table(60, 400, seed=0), **COLUMNS)
    assert source.best_n(400) in found.turn.among
    assert found.turn.overoptimised
    assert found.turn.declines_from is not None
    assert found.turn.gains_to is not None
    truth = source.truth(found.gold.n)
    assert np.all((found.gold.band_low <= truth) & (truth <= found.gold.band_high))
    assert found.gap.value[-1] > 0
    assert "over-optimised" in repr(found)
    assert found.plot().svg().startswith("<svg")


def test_normal_errors_never_turn():
    found = pressure(planted(df=np.inf).table(40, 60, seed=1), **COLUMNS)
    assert not found.turn.overoptimised
    assert found.turn.declines_from is None
    assert 60 in found.turn.among
    # Gold gains what the judge promises: there is no gap but by chance.
    assert np.all(found.gap.band_low <= 0)
    assert np.all(found.gap.band_high >= 0)


def test_binary_gold_that_all_prompts_reach_has_an_interval():
    rows = planted(df=np.inf, error=0.05, binary=True).table(8, 16, seed=2)
    found = pressure(rows, **COLUMNS)
    assert found.gold.value[-1] == 1
    assert found.gold.band_high[-1] == 1
    assert found.gold.band_low[-1] < 0.8


def test_golds_missing_at_random_cost_width_and_no_bias():
    source = planted(df=3.0)
    rng = np.random.default_rng(3)
    z = []
    for seed in range(40):
        rows = source.table(25, 20, seed=seed).with_columns(
            pl.when(pl.Series(rng.random(500) < 0.5)).then("gold").alias("gold")
        )
        found = pressure(rows, **COLUMNS, labelled="random", draws=199)
        z.append((found.gold.value - source.truth(found.gold.n)) / found.gold.standard_error)
    assert abs(np.mean(z)) < 0.5
    assert 0.7 < np.std(z) < 1.4
    assert found.unlabelled > 200
    assert np.all(found.if_missing[0] < found.if_missing[1])


def test_labels_with_a_known_chance():
    source = planted(df=3.0)
    rng = np.random.default_rng(4)
    rows = source.table(80, 20, seed=1)
    # The judge's favourites are labelled more often: plain means of labels would be wrong.
    chance = np.where(rows["judge"].to_numpy() > 0, 0.9, 0.2)
    rows = rows.with_columns(
        pl.Series("chance", chance),
        pl.when(pl.Series(rng.random(1600) < chance)).then("gold").alias("gold"),
    )
    found = pressure(rows, **COLUMNS, chance="chance", draws=199)
    truth = source.truth(found.gold.n)
    assert np.all((found.gold.band_low <= truth) & (truth <= found.gold.band_high))


def test_failed_scores_and_short_prompts_are_counted():
    rows = planted(binary=True).table(10, 12, seed=5).with_row_index()
    rows = rows.with_columns(
        pl.when(pl.col("index") % 12 > 9).then(None).otherwise("judge").alias("judge")
    )
    found = pressure(rows, **COLUMNS)
    assert (found.failed, found.n_max, found.answers) == (20, 10, 120)
    low, high = found.if_missing
    assert np.all((low <= found.gold.value + 1e-12) & (found.gold.value <= high + 1e-12))
    assert low[-1] < 0.3
    last = pressure(rows, **COLUMNS, failed="last")
    assert (last.failed, last.n_max) == (0, 12)
    short = rows.filter((pl.col("item") != "prompt-1") | (pl.col("index") < 4))
    assert pressure(short, **COLUMNS).n_max == 4
    assert pressure(short, **COLUMNS, n=10).left_out == 1


def test_null_answers_by_hand():
    rows = pl.DataFrame(
        {
            "item": ["a"] * 4 + ["b"] * 4,
            "judge": [1.0, 2, 3, 2, 5, 5, 5, 9],
            "null": ["", "", "", "x", "", "", "", "x"],
        }
    )
    (found,) = null_answers(rows, item="item", judge="judge", null="null")
    assert found.win_rate == pytest.approx((0.5 + 1) / 2)
    assert found.picked == pytest.approx((0 + 1) / 2)
    assert found.low < 0.5
    assert (found.score, found.real) == (5.5, pytest.approx(3.5))
    tie = rows.with_columns(pl.when(pl.col("judge") == 9).then(5).otherwise("judge").alias("judge"))
    assert null_answers(tie, item="item", judge="judge", null="null")[0].picked == 1 / 8
    lost = rows.with_columns(
        pl.when(pl.col("judge") == 9).then(None).otherwise("judge").alias("judge")
    )
    (found,) = null_answers(lost, item="item", judge="judge", null="null")
    assert (found.failed, found.prompts, found.if_failed) == (1, 1, (0.25, 0.75))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 30}, "none has 30 answers"),
        ({"item": "none"}, "no column"),
        ({"labelled": "some"}, "labelled: wanted"),
        ({"failed": "first"}, "failed: wanted"),
        ({"draws": 3}, "draws: wanted"),
        ({"gold_range": (1.0, 0.0)}, "gold_range: wanted"),
    ],
)
def test_mistakes_are_named(options, said):
    rows = planted(binary=True).table(8, 6, seed=0)
    with pytest.raises(InputError, match=said):
        pressure(rows, **(COLUMNS | options))


def test_a_judge_or_gold_that_never_varies_is_refused():
    rows = planted(binary=True).table(8, 6, seed=0)
    with pytest.raises(InputError, match="judge: all its scores are 3"):
        pressure(rows.with_columns(judge=pl.lit(3.0)), **COLUMNS)
    with pytest.raises(InputError, match="give the range"):
        pressure(rows.with_columns(gold=pl.lit(1.0)), **COLUMNS)
    found = pressure(rows.with_columns(gold=pl.lit(1.0)), **COLUMNS, gold_range=(0.0, 1.0))
    assert found.gold.low[0] < 1
    assert found.fit is None
    assert found.gap is not None or "no gap" in " ".join(found.notes)
    assert not found.turn.overoptimised


def test_too_few_prompts_are_refused():
    with pytest.raises(InputError, match="prompts: wanted at least 6"):
        pressure(planted().table(5, 30), **COLUMNS)
    with pytest.raises(InputError, match="which says nothing about their spread"):
        curve(np.ones((8, 2)), [1, 2])


@pytest.mark.parametrize("certificate", [*CERTIFICATES, *DRIFT], ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate):
    from dataclasses import replace

    short = replace(certificate, batch_draws=25, regimes=certificate.regimes[:2], beyond=())
    for found in measure_certificate(short, draws=25, seed=1):
        assert not found.broken
