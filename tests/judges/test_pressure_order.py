"""Best-of-n: the fast kernel against going through every subset, and against the source."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.judges.pressure import best_of, kl_bound, kl_levels, planted, rank_weights
from calibrant.judges.pressure.kl import n_at
from calibrant.judges.pressure.order import grid, level_shares


def plain(judge, value, n):
    """The mean over all subsets of n of the value of the best, ties at random."""
    total = 0.0
    for chosen in combinations(range(len(judge)), n):
        top = max(judge[i] for i in chosen)
        best = [value[i] for i in chosen if judge[i] == top]
        total += sum(best) / len(best)
    return total / comb(len(judge), n)


answers = st.lists(st.tuples(st.integers(0, 4), st.floats(-5, 5, width=32)), min_size=1, max_size=8)


@given(answers)
@settings(deadline=None, max_examples=60)
def test_every_n_equals_going_through_all_subsets(rows):
    judge, value = np.array(rows, dtype=float).T
    n = np.arange(1, judge.size + 1)
    found = best_of(judge[None, :], value[None, :], n)[0]
    assert found == pytest.approx([plain(judge, value, int(k)) for k in n], abs=1e-9)


def test_weights_are_exact_binomials():
    for answers, n in ((7, 3), (200, 150), (60, 60)):
        got = rank_weights(answers, [n])[0]
        whole = comb(answers, n)
        exact = [comb(r - 1, n - 1) / whole for r in range(1, answers + 1)]
        assert got == pytest.approx(exact, rel=1e-10, abs=1e-300)


def test_ten_thousand_answers_stay_exact():
    weights = rank_weights(10_000, [1, 2, 5_000, 9_999, 10_000])
    assert weights.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-12)
    assert weights[4, -1] == pytest.approx(1, rel=1e-12)
    assert weights[3, -1] == pytest.approx(0.9999, rel=1e-9)
    assert weights[1, 99] == pytest.approx(99 / comb(10_000, 2), rel=1e-8)
    # The judge's own scores 1…N: the mean of the largest of n is n(N + 1)/(n + 1).
    n = np.array([1, 3, 100, 7_777])
    judge = np.arange(1.0, 10_001)[None, :]
    assert best_of(judge, judge, n)[0] == pytest.approx(n * 10_001 / (n + 1), rel=1e-9)


def test_pass_at_k_of_human_eval():
    # Chen et al. 2021: 1 - C(n - c, k)/C(n, k), with gold as the judge.
    right, total, k = 7, 40, 5
    judge = np.r_[np.ones(right), np.zeros(total - right)][None, :]
    exact = 1 - comb(total - right, k) / comb(total, k)
    assert best_of(judge, judge, [k])[0, 0] == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    "options",
    [{}, {"levels": 4}, {"binary": True}, {"df": np.inf}, {"binary": True, "levels": 10}],
)
def test_source_and_estimate_agree(options):
    source = planted(**options)
    n = np.array([1, 2, 5, 20, 60])
    judge, gold = source.draw(3000, 60, np.random.default_rng(0))
    by_prompt = best_of(judge, gold, n)
    error = by_prompt.std(axis=0) / 3000**0.5
    assert np.all(np.abs(by_prompt.mean(axis=0) - source.truth(n)) < 4 * error)


def test_heavy_tails_turn_and_normal_errors_do_not():
    assert planted(df=2.0).best_n(10_000) == pytest.approx(15, abs=1)
    assert planted(df=np.inf).best_n(10_000) == 10_000
    # Normal: gold is a fixed share of the judge's gain.
    source = planted(df=np.inf, error=1.0)
    assert source.truth([2])[0] == pytest.approx(1 / np.sqrt(np.pi) / np.sqrt(2), rel=1e-4)


def test_divergence_bound_and_what_levels_leave():
    n = np.array([1, 2, 8, 100])
    assert kl_bound(n)[0] == 0
    assert kl_bound(np.array([4]))[0] == pytest.approx(np.log(4) - 0.75)
    # Two answers alike often: the bound grows without end, the truth never beyond log 2.
    two = kl_levels([[0.5, 0.5]], n)
    top = 1 - 0.5**n
    exact = top * np.log(top / 0.5) + 0.5**n * np.log(0.5**n / 0.5)
    assert two == pytest.approx(exact, abs=1e-12)
    assert np.all(two <= np.minimum(kl_bound(n), np.log(2)) + 1e-12)
    fine = kl_levels([np.full(100_000, 1e-5)], n)
    assert fine == pytest.approx(kl_bound(n), rel=1e-2, abs=1e-4)


@given(st.integers(1, 10**9))
def test_n_at_undoes_the_bound(n):
    distance = float(np.sqrt(kl_bound(np.array([n]))[0]))
    assert n_at(distance) == pytest.approx(n, rel=1e-4)


def test_grid_and_levels():
    assert grid(30).tolist() == list(range(1, 31))
    wide = grid(10_000)
    assert wide[0] == 1
    assert wide[-1] == 10_000
    assert wide.size <= 97
    assert np.all(np.diff(wide) > 0)
    assert level_shares([[3, 1, 3, 2.0]])[0].tolist() == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("judge", "value", "n", "said"),
    [
        ([[1.0, 2]], [[1.0]], [1], "one shape"),
        ([[1.0, np.nan]], [[1.0, 1]], [1], "finite"),
        ([[1.0, 2]], [[1.0, 1]], [3], "1–2"),
        ([[1.0, 2]], [[1.0, 1]], [1.5], "whole numbers"),
        ([[1.0, 2]], [[1.0, 1]], [], "whole numbers"),
    ],
)
def test_mistakes_are_named(judge, value, n, said):
    with pytest.raises(InputError, match=said):
        best_of(judge, value, n)
