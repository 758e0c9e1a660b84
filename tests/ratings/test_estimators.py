"""The other estimators: golden numbers, published updates, plain twins, planted effects."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from calibrant.errors import InputError
from calibrant.ratings.counts import count, count_blocks
from calibrant.ratings.estimators import scores
from calibrant.ratings.estimators.covariates import adjusted
from calibrant.ratings.estimators.elo import elo
from calibrant.ratings.estimators.item_effects import item_effects
from calibrant.ratings.estimators.online import start
from calibrant.ratings.estimators.plackett_luce import plackett_luce, rankings
from calibrant.ratings.fit import RatingError, fit
from calibrant.records import read_comparisons

from .conftest import draw


def loaded(columns):
    data = read_comparisons(pl.DataFrame(columns))
    return data, count_blocks(data.blocks(), names=data.names)


def test_every_shared_algorithm_has_the_golden_numbers(board, golden):
    data = read_comparisons(board)
    counts = count_blocks(data.blocks(), names=data.names)
    every = slice(None)
    sequence = elo(
        data.left.take(every), data.right.take(every), data.outcome.take(every),
        subjects=59, permutations=2, most_rows=10,
    )  # fmt: skip
    davidson = fit(counts, "davidson")
    newman, v = scores.newman(davidson.strengths, davidson.tie)
    assert v == pytest.approx(1.4797076 / 2, abs=1e-7)
    ours = {
        "average_win_rate": scores.average_win_rate(counts),
        "bradley_terry": scores.bradley_terry_share(fit(counts, "bt").strengths),
        "counting": scores.counting(counts),
        "eigen": scores.eigen(counts, of_losses=True),
        "elo": sequence.ratings,
        "newman": newman,
        "pagerank": scores.pagerank(counts),
    }
    assert set(ours) == set(golden["algorithm"])
    for name, values in ours.items():
        part = golden.filter(pl.col("algorithm") == name)
        wanted = dict(zip(part["item"], part["score"], strict=True))
        theirs = np.array([wanted[n] for n in data.names])
        if name == "newman":
            # Fixed up to a factor only.
            theirs = theirs / np.exp(np.log(theirs).mean())
        assert values == pytest.approx(theirs, abs=1e-9, rel=1e-9), name


def test_eigen_of_losses_puts_the_strongest_last(board):
    data = read_comparisons(board)
    counts = count_blocks(data.blocks(), names=data.names)
    assert data.names[int(np.argmin(scores.eigen(counts, of_losses=True)))] == "GPT 4"


def test_elo_is_the_textbook_loop_and_shuffles_have_its_sum():
    rng = np.random.default_rng(0)
    left, right, outcome = draw(rng, np.array([1.0, 0, -1]), 400)
    got = elo(left, right, outcome, subjects=3, k=20, initial=1500, permutations=30, seed=3)
    state = [1500.0] * 3
    for a, b, o in zip(left, right, outcome, strict=True):
        expected = 1 / (1 + 10 ** ((state[b] - state[a]) / 400))
        gain = 20 * ((1.0, 0.0, 0.5)[o] - expected)
        state[a], state[b] = state[a] + gain, state[b] - gain
    assert got.ratings == pytest.approx(state)
    assert got.shuffled.sum(axis=1) == pytest.approx(4500)
    # One order, by hand.
    order = np.random.default_rng(3).permutation(400)
    once = elo(left[order], right[order], outcome[order], subjects=3, k=20, initial=1500)
    assert got.shuffled[0] == pytest.approx(once.ratings)
    assert (got.noise > 0).all() and "order of rows alone" in repr(got)


def test_online_updates_are_the_published_ones():
    for model in ("bradley-terry", "plackett-luce"):
        state = start(2, model)
        state.game([0, 1], [1, 2])
        assert state.mu == pytest.approx([27.63523138347365, 22.36476861652635])
        assert state.sigma == pytest.approx([8.065506316323548] * 2)
        tied = start(2, model)
        tied.game([0, 1], [1, 1])
        assert tied.mu == pytest.approx([25, 25])
    four = start(4)
    four.game([0, 1, 2, 3], [1, 2, 3, 4])
    assert four.mu == pytest.approx(
        [27.795084971874736, 26.552824984374855, 24.68943500312503, 20.96265504062538]
    )
    assert four.sigma == pytest.approx(
        [8.263160757613477, 8.179213704945203, 8.083731307186588, 8.083731307186588]
    )


def test_a_stream_is_game_after_game():
    rng = np.random.default_rng(2)
    left, right, outcome = draw(rng, np.zeros(5), 200)
    stream, single = start(5, tau=0.1), start(5, "bradley-terry", tau=0.1)
    stream.update([(left, right, outcome, None)])
    for a, b, o in zip(left.tolist(), right.tolist(), outcome.tolist(), strict=True):
        single.game([a, b], [(1, 2), (2, 1), (1, 1)][o])
    assert stream.mu == pytest.approx(single.mu)
    assert stream.sigma == pytest.approx(single.sigma)
    with pytest.raises(InputError, match="different players"):
        single.game([1, 1], [1, 2])


def mm_rankings(orders, size):
    """Plackett–Luce by Hunter's MM."""
    p = np.ones(size)
    for _ in range(20_000):
        wins, below = np.zeros(size), np.zeros(size)
        for order in orders:
            for m in range(len(order) - 1):
                wins[order[m]] += 1
                below[order[m:]] += 1 / p[order[m:]].sum()
        new = wins / below
        new /= np.exp(np.log(new).mean())
        moved, p = np.abs(np.log(new / p)).max(), new
        if moved < 1e-12:
            return np.log(p)
    raise AssertionError("MM has not settled")


@given(st.integers(3, 5), st.integers(0, 2**32), st.integers(0, 12))
def test_plackett_luce_is_what_mm_finds(size, seed, more):
    rng = np.random.default_rng(seed)
    # Each once first and once last in a ring, so that the rating exists.
    orders = [[(k + m) % size for m in range(size)] for k in range(size)]
    orders += [rng.permutation(size)[: rng.integers(2, size + 1)].tolist() for _ in range(more)]
    got = plackett_luce(rankings(orders, [str(k) for k in range(size)]))
    assert got.strengths == pytest.approx(
        mm_rankings([np.array(o) for o in orders], size), abs=1e-6
    )
    assert np.linalg.eigvalsh(got.covariance).min() > -1e-9


def test_rankings_of_two_are_bradley_terry():
    rng = np.random.default_rng(1)
    left, right, outcome = draw(rng, np.array([0.5, 0, -0.5]), 300, nu=0.0)
    orders = [[a, b] if o == 0 else [b, a] for a, b, o in zip(left, right, outcome, strict=True)]
    got = plackett_luce(rankings(orders, "abc"))
    pairs = fit(count(left, right, outcome, names="abc"))
    assert got.strengths == pytest.approx(pairs.strengths, abs=1e-9)
    assert got.log_likelihood == pytest.approx(pairs.log_likelihood)


def test_rankings_without_a_rating_are_refused():
    with pytest.raises(RatingError, match="undefeated: 'a'"):
        plackett_luce(rankings([[0, 1, 2], [0, 2, 1]], "abc"))
    assert np.isfinite(plackett_luce(rankings([[0, 1, 2]], "abc"), prior_sd=1.0).strengths).all()
    with pytest.raises(InputError, match="ranking 1: wanted at least 2 different"):
        rankings([[0, 1], [2, 2]], "abc")


def test_win_rates_against_field_and_baseline():
    c = count([0, 0, 1, 2], [1, 2, 2, 0], [0, 0, 2, 0], names="abc")
    got = scores.win_rate(c)
    assert got.rate == pytest.approx([2 / 3, 0.25, 0.5])
    assert (got.low < got.rate).all() and (got.rate < got.high).all()
    base = scores.win_rate(c, baseline="b")
    assert base.rate[0] == 1 and base.high[0] == 1 and base.played.tolist() == [1, 2, 1]
    with pytest.raises(InputError, match="no subject 'z'"):
        scores.win_rate(c, baseline="z")


def style(seed=3, rows=8000):
    rng = np.random.default_rng(seed)
    s = np.linspace(0.8, -0.8, 5)
    left, right = rng.integers(0, 5, rows), rng.integers(1, 5, rows)
    right = (left + right) % 5
    long_left = rng.normal(200 + 40 * s[left], 50)
    long_right = rng.normal(200 + 40 * s[right], 50)
    d = s[left] - s[right] + 0.01 * (long_left - long_right) + 0.15
    a, b = np.exp(d / 2), np.exp(-d / 2)
    u = rng.random(rows) * (a + b + 0.7)
    outcome = np.where(u < a, 0, np.where(u < a + b, 1, 2))
    columns = {"left": left, "right": right, "winner": outcome, "length_left": long_left,
               "length_right": long_right, "item": rng.integers(0, 300, rows)}  # fmt: skip
    return s, columns


def test_style_control_finds_planted_strengths_and_effect():
    s, columns = style()
    data, counts = loaded(columns)
    got = adjusted(data, counts, ["length"], "davidson", order_effect=True, by=["item"])
    error = np.sqrt(np.diag(got.covariance))
    assert (np.abs(got.strengths - s) < 4 * error[:5]).all()
    effect, at = got.parameters[got.at][0] / got.scales[0], got.at.start
    assert effect == pytest.approx(0.01, abs=4 * error[at] / got.scales[0])
    # Taken at their word, longer answers make better subjects.
    assert fit(counts, "davidson").strengths[0] > got.strengths[0] + 0.1
    assert got.convergence.gradient < 1e-6


def test_covariates_are_plain_logistic_regression():
    """Without ties: beside a dense design and Newton written out."""
    _, columns = style(rows=1500)
    keep = columns["winner"] < 2
    data, counts = loaded({k: v[keep] for k, v in columns.items()})
    got = adjusted(data, counts, ["length"], order_effect=True)
    x = np.zeros((len(data), 7))
    rows = np.arange(len(data))
    x[rows, columns["left"][keep]] += 1
    x[rows, columns["right"][keep]] -= 1
    x[:, 5] = 1
    x[:, 6] = (columns["length_left"] - columns["length_right"])[keep] / got.scales[0]
    y, b = (columns["winner"][keep] == 0).astype(float), np.zeros(7)
    for _ in range(30):
        p = expit(x @ b)
        b += np.linalg.pinv((x * (p * (1 - p))[:, None]).T @ x, rcond=1e-10) @ (x.T @ (y - p))
    b[:5] -= b[:5].mean()
    assert got.parameters == pytest.approx(b, abs=1e-8)
    p = expit(x @ b)
    h = np.linalg.pinv((x * (p * (1 - p))[:, None]).T @ x, rcond=1e-10)
    v = h @ ((x * ((y - p) ** 2)[:, None]).T @ x) @ h
    assert np.diag(got.covariance) == pytest.approx(np.diag(v), rel=1e-6)


def test_covariates_that_separate_or_say_nothing_are_named():
    _, columns = style(rows=600)
    keep = columns["winner"] < 2
    columns = {k: v[keep] for k, v in columns.items()}
    sign = np.where(columns["winner"] == 0, 1.0, -1.0)
    columns |= {"sure": sign, "zero": 0 * sign, "who": columns["left"] - columns["right"] * 1.0}
    data, counts = loaded(columns)
    with pytest.raises(RatingError, match="'sure' separates perfectly.*the higher value won"):
        adjusted(data, counts, ["sure"])
    assert np.isfinite(adjusted(data, counts, ["sure"], prior_sd=1.0).parameters).all()
    with pytest.raises(RatingError, match="'who' is determined by the subjects"):
        adjusted(data, counts, ["who"])
    with pytest.raises(InputError, match="'zero' is 0 in every"):
        adjusted(data, counts, ["zero"])
    with pytest.raises(InputError, match="no column 'tone'"):
        adjusted(data, counts, ["tone"])


def test_item_effects_find_a_planted_spread():
    rng = np.random.default_rng(5)
    rows, items = 12_000, 120
    s, u = np.linspace(0.8, -0.8, 5), rng.normal(0, 0.6, (items, 5))
    left = rng.integers(0, 5, rows)
    right, item = (left + rng.integers(1, 5, rows)) % 5, rng.integers(0, items, rows)
    d = s[left] - s[right] + u[item, left] - u[item, right]
    outcome = np.where(rng.random(rows) < expit(d), 0, 1)
    data, counts = loaded({"left": left, "right": right, "winner": outcome, "item": item})
    got = item_effects(data, counts)
    assert got.sd == pytest.approx(0.6, abs=0.1)
    error = np.sqrt(np.diag(got.covariance))
    assert (np.abs(got.strengths - s) < 4 * error).all()
    assert (error > 1.3 * np.sqrt(np.diag(np.linalg.pinv(-fit(counts).hessian)))).all()
    none = np.where(rng.random(rows) < expit(s[left] - s[right]), 0, 1)
    data, counts = loaded({"left": left, "right": right, "winner": none, "item": item})
    flat = item_effects(data, counts)
    assert flat.sd < 0.2
    assert flat.strengths == pytest.approx(fit(counts).strengths, abs=0.05)
