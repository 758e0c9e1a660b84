"""Maximum likelihood beside plain twins: MM in pure Python, numeric gradients, known numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from calibrant.errors import InputError
from calibrant.ratings import solve
from calibrant.ratings.counts import Counts, count
from calibrant.ratings.existence import existence, ties_bound
from calibrant.ratings.fit import Problem, RatingError, fit
from calibrant.ratings.likelihood import MODELS
from calibrant.records import read_comparisons

from .conftest import draw


def names(size):
    return [f"s{i}" for i in range(size)]


def mm(left, right, outcome, size, rounds=20_000):
    """Bradley–Terry by Hunter's MM, a tie half a win each; log-strengths about their mean."""
    wins = [0.0] * size
    games = {}
    for a, b, o in zip(left, right, outcome, strict=True):
        wins[a] += (1.0, 0.0, 0.5)[o]
        wins[b] += (0.0, 1.0, 0.5)[o]
        pair = (min(a, b), max(a, b))
        games[pair] = games.get(pair, 0) + 1
    p = [1.0] * size
    for _ in range(rounds):
        below = [0.0] * size
        for (a, b), n in games.items():
            below[a] += n / (p[a] + p[b])
            below[b] += n / (p[a] + p[b])
        new = [w / d for w, d in zip(wins, below, strict=True)]
        scale = math.exp(sum(map(math.log, new)) / size)
        new = [x / scale for x in new]
        moved = max(abs(x - y) / x for x, y in zip(new, p, strict=True))
        p = new
        if moved < 1e-13:
            break
    return np.log(p)


@st.composite
def connected(draw_from):
    """Comparisons of few subjects, each beating the next in a ring, so that ratings exist."""
    size = draw_from(st.integers(2, 5))
    ring = [(i, (i + 1) % size, 0) for i in range(size)]
    pair = st.tuples(st.integers(0, size - 1), st.integers(1, size - 1), st.integers(0, 2))
    more = draw_from(st.lists(pair, max_size=30))
    rows = ring + [(a, (a + k) % size, o) for a, k, o in more]
    left, right, outcome = (np.array(x) for x in zip(*rows, strict=True))
    return size, left, right, outcome


@given(connected())
def test_bradley_terry_is_what_mm_finds(case):
    size, left, right, outcome = case
    got = fit(count(left, right, outcome, names=names(size)))
    assert got.strengths == pytest.approx(
        mm(left.tolist(), right.tolist(), outcome.tolist(), size), abs=1e-8
    )
    assert got.convergence.gradient <= 1e-9 * len(left)


@given(connected(), st.sampled_from(sorted(MODELS)), st.booleans(), st.integers(0, 2**32))
def test_gradient_and_hessian_are_the_numeric_ones(case, model, order, seed):
    size, left, right, outcome = case
    problem = Problem(count(left, right, outcome, names=names(size)), model, order, 1.5)
    at = np.random.default_rng(seed).normal(0, 0.7, problem.size)
    terms = problem.terms(at)
    g, h = problem.gradient(at, terms), problem.hessian(terms)
    step = 1e-5

    def value(x):
        return problem.objective(x, problem.terms(x))

    for k in range(problem.size):
        e = np.zeros(problem.size)
        e[k] = step
        assert (value(at + e) - value(at - e)) / (2 * step) == pytest.approx(g[k], abs=1e-5)
        up, down = (problem.gradient(x, problem.terms(x)) for x in (at + e, at - e))
        assert (up - down) / (2 * step) == pytest.approx(h[k], abs=1e-5)


@pytest.mark.parametrize("model", ["davidson", "rao-kupper"])
def test_probabilities_of_a_comparison_add_up_to_one(model):
    d = np.linspace(-40, 40, 81)
    for t in (-5.0, 0.0, 3.0):
        assert np.exp(MODELS[model](d, t).value).sum(axis=1) == pytest.approx(1)


def test_the_published_numbers_of_the_board(board):
    data = read_comparisons(board)
    from calibrant.ratings.counts import count_blocks

    counts = count_blocks(data.blocks(), names=data.names)
    davidson, rao = fit(counts, "davidson"), fit(counts, "rao-kupper")
    assert davidson.tie == pytest.approx(1.4797076, abs=5e-8)
    assert davidson.log_likelihood == pytest.approx(-8995.8397, abs=5e-5)
    assert rao.tie == pytest.approx(2.5660002, abs=5e-8)
    assert rao.log_likelihood == pytest.approx(-8977.5204, abs=5e-5)


def test_a_long_chain_has_its_true_spread():
    size = 60
    left = np.repeat(np.arange(size - 1), 5)
    outcome = np.tile([0, 0, 0, 1, 1], size - 1)
    got = fit(count(left, left + 1, outcome, names=names(size)))
    assert got.strengths[0] - got.strengths[-1] == pytest.approx((size - 1) * np.log(1.5))
    assert (size - 1) * np.log(1.5) == pytest.approx(23.92, abs=0.005)


def test_ten_thousand_sparse_subjects_are_as_exact(monkeypatch):
    rng = np.random.default_rng(5)
    left, right, outcome = draw(rng, rng.normal(0, 0.5, 10_000), 60_000)
    counts = count(left, right, outcome, names=names(10_000))
    got = fit(counts, "davidson", prior_sd=1.0)
    assert got.convergence.gradient < 1e-6
    # The same equations, solved dense for fewer subjects.
    small = counts.restrict(np.arange(400))
    monkeypatch.setattr(solve, "DENSE", 10)
    sparse = fit(small, "davidson", order_effect=True, prior_sd=0.7)
    monkeypatch.setattr(solve, "DENSE", 1500)
    dense = fit(small, "davidson", order_effect=True, prior_sd=0.7)
    assert sparse.parameters == pytest.approx(dense.parameters, abs=1e-9)
    assert sparse.hessian.toarray() == pytest.approx(dense.hessian, abs=1e-9)


def test_a_long_sparse_chain_is_factorised(monkeypatch):
    size = 3000
    left = np.repeat(np.arange(size - 1), 3)
    outcome = np.tile([0, 0, 1], size - 1)
    got = fit(count(left, left + 1, outcome, names=names(size)))
    assert got.strengths[0] - got.strengths[-1] == pytest.approx((size - 1) * np.log(2), rel=1e-9)


def test_undefeated_winless_and_pools_are_named():
    c = count([0, 1, 2, 3, 4], [1, 2, 1, 4, 3], [0, 0, 0, 0, 0], names=names(5))
    found = existence(c)
    assert not found.exists
    assert found.undefeated == ("s0",) and found.winless == ()
    assert {frozenset(p) for p in found.pools} == {
        frozenset({"s0", "s1", "s2"}),
        frozenset({"s3", "s4"}),
    }
    with pytest.raises(RatingError, match="2 pools were never compared"):
        fit(c)
    with pytest.raises(RatingError, match="undefeated: 's0'"):
        fit(c.restrict([0, 1, 2]))
    with_prior = fit(c, prior_sd=1.0)
    assert with_prior.strengths[0] == max(with_prior.strengths)


def test_models_of_ties_refuse_data_without():
    c = count([0, 1], [1, 0], [0, 0], names=names(2))
    with pytest.raises(RatingError, match="davidson: wanted some ties"):
        fit(c, "davidson")


@pytest.mark.parametrize(
    ("what", "said"),
    [({"prior_sd": -1.0}, "prior"), ({"prior_sd": math.nan}, "prior"), ({"model": "elo"}, "model")],
)
def test_wrong_options_are_refused(what, said):
    with pytest.raises(InputError, match=said):
        fit(count([0, 1], [1, 0], [0, 0], names=names(2)), **what)


def test_count_tables_merge_and_forget():
    rng = np.random.default_rng(1)
    left, right, outcome = draw(rng, np.zeros(6), 500)
    whole = count(left, right, outcome, names=names(6))
    parts = [
        count(left[p], right[p], outcome[p], names=names(6))
        for p in (slice(0, 200), slice(200, None))
    ]
    merged = parts[0] + parts[1]
    assert np.array_equal(merged.outcomes, whole.outcomes)
    rest = whole - parts[0]
    assert np.array_equal(rest.outcomes, parts[1].outcomes)
    with pytest.raises(InputError, match="more is taken"):
        _ = parts[0] - whole
    assert isinstance(rest, Counts)


def test_order_effects_and_ties_without_end_are_refused():
    ab = [(0, 1, 0)] * 6
    one_order = count(*zip(*(ab + [(0, 1, 1)] * 4), strict=True), names=names(2))
    left_wins = count(*zip(*(ab + [(1, 0, 0)] * 4), strict=True), names=names(2))
    for c in (one_order, left_wins):
        assert np.isfinite(fit(c).strengths).all()
        with pytest.raises(RatingError, match="order effect: it has no finite estimate"):
            fit(c, order_effect=True)
    with pytest.raises(RatingError, match="order effect"):
        fit(left_wins, order_effect=True, prior_sd=1.0)
    never_loses = count(*zip(*(ab + [(0, 1, 2)] * 4), strict=True), names=names(2))
    with pytest.raises(RatingError, match="the tie parameter has no finite estimate"):
        fit(never_loses, "davidson")


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(0, 2)), min_size=2,
             max_size=14)
)  # fmt: skip
def test_tie_parameters_are_finite_where_a_linear_programme_finds_no_way_out(rows):
    left = np.array([a for a, _, _ in rows])
    right = (left + [k for _, k, _ in rows]) % 5
    table = count(left, right, np.array([o for _, _, o in rows]), names=names(5))
    played = np.flatnonzero(table.wins.sum(axis=1))
    table = table.restrict(played)
    ties = table.outcomes[:, 2].sum()
    if not existence(table).exists or not 0 < ties < table.total:
        return
    # Directions u, with one step of the tie parameter: wins span two steps or more, ties two at
    # most.
    wanted = []
    for a, b, o in zip(table.left, table.right, table.outcomes, strict=True):
        for i, j, steps, there in ((a, b, 2, o[0]), (b, a, 2, o[1]), (a, b, -2, o[2]),
                                   (b, a, -2, o[2])):  # fmt: skip
            if there:
                row = np.zeros(played.size)
                row[i], row[j] = -1, 1
                wanted.append((row, -steps))
    found = linprog(
        np.zeros(played.size), A_ub=[r for r, _ in wanted], b_ub=[s for _, s in wanted],
        bounds=[(None, None)] * played.size,
    )  # fmt: skip
    assert ties_bound(table) == (found.status == 2)
    if found.status == 2:
        assert fit(table, "davidson").convergence.gradient < 1e-6
    else:
        with pytest.raises(RatingError, match="the tie parameter has no finite"):
            fit(table, "rao-kupper")
