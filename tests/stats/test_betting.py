"""Confidence sequences by betting against plain loops over candidates and the papers' formulas."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.stats.estimates.betting import (
    BETS,
    WEIGHTS,
    capital_path,
    confidence_sequence,
    log_capital,
    predictable_bets,
    upper_bound,
)

scores = st.lists(
    st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)), min_size=1, max_size=80
)


def plain_bets(x, alpha):
    """λ_t of Waudby-Smith and Ramdas (2024), one trial at a time."""
    bets, total, squares = [], 0.5, 0.25
    variance = 0.25
    for t, value in enumerate(x, start=1):
        bets.append(math.sqrt(2 * math.log(1 / alpha) / (variance * t * math.log(1 + t))))
        total += value
        mean = total / (t + 1)
        squares += (value - mean) ** 2
        variance = squares / (t + 1)
    return bets


def plain_upper(x, alpha, method, grid, population=None):
    """The upper bounds, candidate by candidate."""
    candidates = [math.sin(math.pi / 2 * i / grid) ** 2 for i in range(1, grid)]
    bets = plain_bets(x, alpha)
    refuted_at = {}
    for candidate in candidates:
        shares = [(float(c), float(w)) for c, w in zip(BETS, WEIGHTS, strict=True)]
        if method == "hedged":
            shares = [(0.5, 1.0)]
        capital = [w for _, w in shares]
        drawn = 0.0
        for t, value in enumerate(x):
            m = candidate
            if population is not None:
                m = (population * candidate - drawn) / (population - t)
                if m > 1 + 1e-9:
                    refuted_at[candidate] = t
                    break
                m = min(max(m, 0.0), 1 - 1e-8)
            for j, (share, _) in enumerate(shares):
                bet = share / (1 - m)
                if method == "hedged":
                    bet = min(bet, bets[t])
                capital[j] *= max(1 - bet * (value - m), 0.0)
            drawn += value
            if sum(capital) >= 1 / alpha:
                refuted_at[candidate] = t
                break
    bounds = []
    for t in range(len(x)):
        bound = min([c for c, at in refuted_at.items() if at <= t], default=1.0)
        if population is not None:
            seen = sum(1 - v for v in x[: t + 1])
            bound = min(bound, 1 - seen / population)
        bounds.append(min([bound, *bounds[-1:]]))
    return bounds


@pytest.mark.parametrize("method", ["mixture", "hedged"])
@given(x=scores, alpha=st.sampled_from([0.05, 0.2]), extra=st.none() | st.integers(0, 30))
@settings(max_examples=25, deadline=None)
def test_bounds_agree_with_the_plain_loop(method, x, alpha, extra):
    population = None if extra is None else len(x) + extra
    mine = confidence_sequence(
        x, level=1 - alpha, side="upper", method=method, population=population, grid=40
    )
    plain = plain_upper(x, alpha, method, 40, population)
    # A capital that equals 1/alpha up to rounding may fall on either side of one grid step.
    assert np.mean(np.abs(mine.high - plain) > 1e-9) <= 0.02
    assert np.all(mine.low == 0)


@given(x=scores, alpha=st.sampled_from([0.05, 0.01]))
@settings(max_examples=30, deadline=None)
def test_empirical_bernstein_agrees_with_the_papers_formula(x, alpha):
    mine = confidence_sequence(x, level=1 - alpha, method="empirical-bernstein")
    bets = [min(b, 0.5) for b in plain_bets(x, alpha / 2)]
    low, high, top, bottom, spent, mean, total = 0.0, 1.0, 0.0, 0.0, 0.0, 0.5, 0.5
    for t, value in enumerate(x):
        top += bets[t] * value
        bottom += bets[t]
        # 4 (x - mean)² times ψ_E = (-log(1 - λ) - λ)/4
        spent += (value - mean) ** 2 * (-math.log(1 - bets[t]) - bets[t])
        total += value
        mean = total / (t + 2)
        reach = (math.log(2 / alpha) + spent) / bottom
        low, high = max(low, top / bottom - reach), min(high, top / bottom + reach)
        assert mine.low[t] == pytest.approx(low, abs=1e-9)
        assert mine.high[t] == pytest.approx(high, abs=1e-9)


def test_bets_use_only_the_past():
    x = np.random.default_rng(0).random(50)
    assert predictable_bets(x, 0.05) == pytest.approx(plain_bets(x, 0.05))
    y = x.copy()
    y[30:] = 0
    assert np.all(predictable_bets(x, 0.05)[:31] == predictable_bets(y, 0.05)[:31])


@given(x=scores, m=st.floats(0.01, 0.99))
@settings(max_examples=60, deadline=None)
def test_the_capital_is_the_mean_of_products_in_any_order(x, m):
    products = [math.prod(max(1 - c * (v - m) / (1 - m), 0) for v in x) for c in BETS]
    plain = sum(w * p for w, p in zip(WEIGHTS, products, strict=True))
    x = np.array(x)
    assert math.exp(log_capital(x, m)) == pytest.approx(plain, rel=1e-6, abs=1e-250)
    assert capital_path(x, m)[-1] == pytest.approx(log_capital(x[::-1], m), abs=1e-7)


@pytest.mark.parametrize("mean", [0.02, 0.3, 0.8])
def test_the_capital_is_fair_exactly(mean):
    """Sum over all outcomes of 12 trials: expectation 1 at the candidate, less above it."""
    from scipy.stats import binom

    def expectation(truth):
        outcomes = [np.array([1.0] * k + [0.0] * (12 - k)) for k in range(13)]
        return sum(
            binom.pmf(k, 12, truth) * math.exp(log_capital(x, mean)) for k, x in enumerate(outcomes)
        )

    assert expectation(mean) == pytest.approx(1, abs=1e-9)
    assert expectation(min(mean + 0.1, 1.0)) < 1


def first_clean(method):
    path = confidence_sequence(np.zeros(1000), side="upper", method=method).high
    return int(np.argmax(path < 0.02)) + 1


def test_clean_trials_needed_to_show_less_than_two_percent():
    # 149 is exact for a number of trials fixed beforehand.
    assert first_clean("mixture") <= 185
    assert first_clean("hedged") <= 300
    assert first_clean("empirical-bernstein") <= 310
    assert next(n for n in range(1, 999) if upper_bound(np.zeros(n), 0.05) < 0.02) <= 182


@pytest.mark.parametrize("method", ["mixture", "hedged", "empirical-bernstein"])
def test_sequences_never_widen_and_find_the_mean_of_a_whole_set(method):
    rng = np.random.default_rng(3)
    x = rng.beta(0.5, 2, 400)
    path = confidence_sequence(x, method=method, population=400)
    assert np.all(np.diff(path.low) >= 0)
    assert np.all(np.diff(path.high) <= 0)
    assert path.low[-1] == pytest.approx(x.mean(), abs=1e-9)
    assert path.high[-1] == pytest.approx(x.mean(), abs=1e-9)


@pytest.mark.parametrize("method", ["mixture", "hedged"])
def test_without_replacement_covers_at_all_times(method):
    """Drawn through to the end, where an invalid bound would surely miss."""
    rng = np.random.default_rng(4)
    missed, runs = 0, 300
    population = np.concatenate([np.ones(4), np.full(10, 0.5), np.zeros(46)])
    for _ in range(runs):
        x = rng.permutation(population)
        path = confidence_sequence(x, level=0.8, method=method, population=60, grid=100)
        missed += bool(np.any((path.low > x.mean() + 1e-9) | (path.high < x.mean() - 1e-9)))
    assert missed / runs <= 0.2 + 3 * (0.16 / runs) ** 0.5


def test_a_range_is_only_a_change_of_units():
    x = np.random.default_rng(5).random(200)
    mine = confidence_sequence(10 * x - 3, low=-3, high=7)
    plain = confidence_sequence(x)
    assert mine.low == pytest.approx(10 * plain.low - 3)
    assert mine.high == pytest.approx(10 * plain.high - 3)


def test_a_one_sided_bound_is_tighter_and_leaves_the_other_end_open():
    x = np.random.default_rng(6).random(300)
    two, up = confidence_sequence(x), confidence_sequence(x, side="upper")
    assert up.high[-1] <= two.high[-1]
    assert np.all(up.low == 0)
    assert np.all(confidence_sequence(x, side="lower").high == 1)


@given(x=scores)
@settings(max_examples=25, deadline=None)
def test_nothing_warns_and_the_fixed_bound_holds_the_mean(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Streams of earlier tests that Inspect leaves to the garbage collector.
        warnings.filterwarnings("ignore", "Unclosed <MemoryObject", ResourceWarning)
        bound = upper_bound(np.array(x), 0.05)
        path = confidence_sequence(x, grid=30)
    assert np.mean(x) - 1e-12 <= bound <= 1
    assert np.all((path.low >= 0) & (path.high <= 1))


def test_long_clean_and_long_failing_runs_stay_finite():
    for value in (0.0, 1.0, 0.5):
        path = confidence_sequence(np.full(5000, value), grid=200)
        assert np.all(np.isfinite(path.low) & np.isfinite(path.high))
        assert path.high[-1] - path.low[-1] < 0.02
    assert upper_bound(np.ones(10), 0.05) == 1.0


def test_it_prints_a_sentence_and_plain_data():
    path = confidence_sequence([0.0, 1.0, 0.5])
    assert repr(path).startswith("mean 0.5, [")
    assert "valid at every look" in repr(path)
    assert len(path.to_dict()["low"]) == path.n == 3


def test_scores_whose_mean_changes_contradict_each_other_openly():
    path = confidence_sequence([0.0] * 200 + [1.0] * 200)
    assert path.empty
    assert repr(path).startswith("no mean fits all 400 scores")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": []}, "values: wanted at least one"),
        ({"values": [0.1, math.nan]}, "values: wanted finite numbers, got nan at 1"),
        ({"values": [0.1, 1.2]}, "values: wanted numbers in 0–1, got 1.2 at 1"),
        ({"values": [[0.1]]}, "one dimension"),
        ({"values": ["a"]}, "array of numbers"),
        ({"values": [0.1], "level": 1.0}, "level: wanted strictly between"),
        ({"values": [0.1], "side": "left"}, "side: wanted"),
        ({"values": [0.1], "method": "magic"}, "method: wanted"),
        ({"values": [0.1, 0.2], "population": 1}, "population: wanted at least the 2"),
        ({"values": [0.1], "low": 1.0, "high": 1.0}, "range: wanted finite low < high"),
        ({"values": [0.1], "grid": 2}, "grid: wanted 10–10,000"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        confidence_sequence(**arguments)
