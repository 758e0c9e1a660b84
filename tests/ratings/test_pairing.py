"""Choosing pairs and stopping: twins, exact error rates, and what a simulation shows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from calibrant.errors import InputError
from calibrant.ratings.counts import count
from calibrant.ratings.fit import fit
from calibrant.ratings.pairing.certificates import CERTIFICATES
from calibrant.ratings.pairing.choose import choose, decision_scores, growth, posterior, to_go
from calibrant.ratings.pairing.settle import Goal, settle, threshold
from calibrant.ratings.pairing.simulate import simulate
from calibrant.ratings.uncertainty.live import evidence


def table(size, **games):
    wins = np.zeros((size, size))
    for pair, n in games.items():
        wins[int(pair[1]), int(pair[2])] = n
    return wins


@st.composite
def tables(draw, most=6, games=30):
    size = draw(st.integers(2, most))
    cells = draw(st.lists(st.integers(0, games), min_size=size * size, max_size=size * size))
    wins = np.array(cells, dtype=float).reshape(size, size)
    np.fill_diagonal(wins, 0)
    return wins


# Evidence


@given(st.integers(0, 25), st.integers(0, 25))
@settings(max_examples=40)
def test_evidence_is_the_mixture_of_likelihood_ratios(wins, losses):
    def ratio(p):
        density = 2 / (math.pi * math.sqrt(p * (1 - p)))
        return density * (2 * p) ** wins * (2 * (1 - p)) ** losses

    plain, _ = quad(ratio, 0.5, 1, limit=200)
    found = evidence(np.array([float(wins)]), np.array([float(losses)]))[0]
    assert found == pytest.approx(math.log(plain), abs=1e-6)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_two_equal_subjects_are_ever_separated_with_at_most_alpha(alpha):
    """Exactly: the chance that a watched pair crosses within 400 games."""
    k = np.arange(402.0)
    alive, crossed = np.zeros(402), 0.0
    alive[0] = 1
    for n in range(1, 401):
        alive[1:] = (alive[1:] + alive[:-1]) / 2
        alive[0] /= 2
        w = k[: n + 1]
        log_e = np.maximum(evidence(w, n - w), evidence(n - w, w)) - np.log(2)
        out = log_e >= np.log(1 / alpha)
        crossed += alive[: n + 1][out].sum()
        alive[: n + 1][out] = 0
    assert 0.05 * alpha < crossed <= alpha


# Settling


def plain_holm(log_e, alpha):
    size = log_e.shape[0]
    pairs = sorted(
        ((max(log_e[i, j], log_e[j, i]), i, j) for i in range(size) for j in range(i + 1, size)),
        key=lambda x: -x[0],
    )
    out = set()
    for k, (value, i, j) in enumerate(pairs):
        if math.exp(-value) > alpha / (len(pairs) - k):
            break
        out.add((i, j) if log_e[i, j] >= log_e[j, i] else (j, i))
    return out


def plain_tier(chain, k):
    above = [i for i in range(len(chain)) if chain[i][k] and not chain[k][i]]
    return 1 + max((plain_tier(chain, i) for i in above), default=0)


def reaches(direct, i, j, seen=()):
    return direct[i][j] or any(
        direct[i][k] and k not in seen and reaches(direct, k, j, (*seen, k))
        for k in range(len(direct))
    )


@given(tables())
@settings(max_examples=60)
def test_settling_is_holm_closure_and_longest_chains(wins):
    found = settle(wins, Goal("order", 0.1))
    assert set(zip(*np.nonzero(found.direct), strict=True)) == plain_holm(found.log_e, 0.1)
    size = len(wins)
    chain = [[reaches(found.direct, i, j) for j in range(size)] for i in range(size)]
    assert found.cyclic == any(chain[i][i] for i in range(size))
    if not found.cyclic:
        assert (found.better == np.array(chain)).all()
    assert found.tiers.tolist() == [plain_tier(chain, k) for k in range(size)]


@given(tables(most=4), tables(most=4))
@settings(max_examples=40)
def test_what_is_settled_stays_settled(before, more):
    size = min(len(before), len(more))
    first = before[:size, :size]
    goal = Goal("tiers", 0.1, 0.3)
    early = settle(first, goal)
    late = settle(first + more[:size, :size], goal, early)
    assert (late.direct | ~(early.direct | early.direct.T) | late.direct.T).all()
    assert (late.tied >= early.tied).all()


def test_an_order_needs_every_pair_and_a_chain_gives_the_rest():
    wins = table(3, p01=40, p12=40)
    found = settle(wins, Goal("order"))
    assert found.settled
    assert found.better[0, 2] and not found.direct[0, 2]
    alone = settle(wins, Goal("order", transitive=False))
    assert not alone.settled
    assert np.argwhere(np.triu(alone.open)).tolist() == [[0, 2]]


def test_the_best_is_found_when_everybody_else_was_beaten_by_somebody():
    wins = table(4, p01=40, p12=40, p13=40)
    assert settle(wins, Goal("top-1")).settled
    assert not settle(wins, Goal("order")).settled
    assert "2 open" not in repr(settle(wins, Goal("top-1")))


def test_equals_are_tied_only_where_a_margin_says_what_tied_means():
    wins = table(2, p01=300, p10=300)
    assert settle(wins, Goal("tiers", tied_within=0.15)).settled
    assert not settle(wins, Goal("tiers")).settled
    assert repr(settle(wins, Goal("tiers", tied_within=0.15))) == (
        "tiers of 2 subjects: 0 pairs separated, 1 tied, settled"
    )


def test_a_circle_is_said_and_never_settled():
    found = settle(table(3, p01=60, p12=60, p20=60), Goal("tiers", tied_within=0.2))
    assert found.cyclic and not found.settled
    assert found.tiers.tolist() == [1, 1, 1]
    assert "circle" in repr(found)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Goal("best"), "decision: wanted one of top-1, order, tiers, got 'best'"),
        (lambda: Goal(alpha=0.7), "alpha: wanted an error rate between 0 and 0.5, got 0.7"),
        (lambda: Goal("order", tied_within=0.1), "an order has no ties"),
        (lambda: Goal(tied_within=0.6), "tied_within: wanted between 0 and 0.5"),
        (lambda: settle(np.zeros((1, 1)), Goal()), "at least 2 subjects"),
        (lambda: settle(np.full((2, 2), 1.0), Goal()), "a subject against itself"),
        (lambda: settle(table(2, p01=0.5), Goal()), "whole numbers"),
        (lambda: settle(table(2, p01=math.nan), Goal()), "whole numbers"),
        (lambda: settle(np.zeros((201, 201)), Goal()), "at most 200"),
    ],
)
def test_nonsense_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


# Choosing


@given(tables(most=5))
@settings(max_examples=30)
def test_the_posterior_is_the_penalised_fit(wins):
    if not wins.sum():
        return
    i, j = np.nonzero(wins)
    n = wins[i, j].astype(int)
    counts = count(
        np.repeat(i, n), np.repeat(j, n), np.zeros(n.sum(), int), names=[str(k) for k in range(5)]
    )
    s, covariance = posterior(np.pad(wins, (0, 5 - len(wins))), 1.5)
    peer = fit(counts, "bt", prior_sd=1.5)
    assert s == pytest.approx(peer.strengths, abs=1e-6)
    assert covariance == pytest.approx(np.linalg.inv(-np.asarray(peer.hessian)), abs=1e-6)


def test_growth_is_the_divergence_from_a_coin():
    p = np.array([0.0, 0.25, 0.5, 1.0])
    kl = [math.log(2), 0.25 * math.log(0.5) + 0.75 * math.log(1.5), 0.0, math.log(2)]
    assert growth(p) == pytest.approx(kl, abs=1e-12)


@given(tables(most=6), st.sampled_from(["top-1", "order", "tiers"]), st.integers(1, 12))
@settings(max_examples=40)
def test_only_open_pairs_are_asked_as_often_as_they_can_be(wins, decision, size):
    goal = Goal(decision, 0.1, 0.3 if decision == "tiers" else None)
    standing = settle(wins, goal)
    asked = (wins + wins.T).astype(int)
    room = np.full(wins.shape, 2)
    for strategy in ("decision", "d-optimal"):
        pairs = choose(standing, asked, size=size, strategy=strategy, seed=3, available=room)
        assert len(pairs) == min(size, int(np.triu(standing.open).sum()) * 2)
        for a, b in pairs:
            assert a < b and standing.open[a, b]
        if len(pairs):
            assert np.unique(pairs, axis=0, return_counts=True)[1].max() <= 2
        again = choose(standing, asked, size=size, strategy=strategy, seed=3, available=room)
        assert (pairs == again).all()


def test_uniform_pairing_asks_everybody_alike():
    standing = settle(table(4, p01=60), Goal("order"))
    pairs = choose(standing, np.zeros((4, 4), int), size=12, strategy="uniform")
    assert np.unique(pairs, axis=0, return_counts=True)[1].tolist() == [2] * 6


def test_the_d_optimal_pair_raises_the_determinant_most():
    wins = table(4, p01=5, p10=3, p23=1, p12=2, p20=1)
    standing = settle(wins, Goal("order"))
    s, covariance = posterior(wins)
    best = None
    for i in range(4):
        for j in range(i + 1, 4):
            p = 1 / (1 + math.exp(s[j] - s[i]))
            x = np.zeros(4)
            x[i], x[j] = 1, -1
            more = np.linalg.inv(covariance) + p * (1 - p) * np.outer(x, x)
            value = np.linalg.slogdet(more)[1]
            if best is None or value > best[0]:
                best = value, [i, j]
    assert choose(standing, wins, size=1, strategy="d-optimal").tolist() == [best[1]]


def test_an_order_asks_neighbours_and_the_best_asks_its_rivals():
    wins = table(4, p01=9, p10=6, p12=9, p21=6, p23=9, p32=6, p02=12, p20=3, p13=12, p31=3,
                 p03=14, p30=1)  # fmt: skip
    rng = np.random.default_rng(0)
    s, c = posterior(wins * 3)
    scores = decision_scores(settle(wins * 3, Goal("order", 1e-6)), s, c, rng)
    assert scores[0, 1] > 2 * scores[0, 3] and scores[1, 2] > 2 * scores[0, 2]
    scores = decision_scores(settle(wins * 3, Goal("top-1", 1e-6)), s, c, rng)
    assert scores[0, 1] > 5 * scores[2, 3]


def test_nonsense_choices_are_refused():
    standing = settle(np.zeros((3, 3)), Goal())
    with pytest.raises(InputError, match="strategy: wanted one of decision"):
        choose(standing, np.zeros((3, 3), int), size=1, strategy="best")
    with pytest.raises(InputError, match="size: wanted at least 1"):
        choose(standing, np.zeros((3, 3), int), size=0)


def test_the_forecast_falls_to_nothing():
    goal = Goal("order")
    few, many = table(2, p01=12, p10=4), table(2, p01=60, p10=20)
    assert to_go(settle(few, goal), 1.0) > 5
    assert to_go(settle(few, goal), 0.5) == pytest.approx(2 * to_go(settle(few, goal), 1.0))
    assert to_go(settle(many, goal), 1.0) == 0
    assert to_go(settle(table(2, p01=100, p10=100), Goal(tied_within=0.15)), 1.0) < 300
    assert threshold(4, 0.05) == pytest.approx(math.log(120))


# What it amounts to


def test_watching_is_paid_for_by_us_and_not_by_wald():
    certificate = next(c for c in CERTIFICATES if c.name == "arena-false-separation")
    regime = {**certificate.regimes[0], "budget": 400, "step": 20}
    found = certificate.batch(regime, np.random.default_rng(5), 60)
    assert found["falsely separated"] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 60)
    assert found["watched Wald falsely separated"] > 0.15


def test_choosing_saves_comparisons_over_uniform_pairing():
    s = np.array([1.6, 0.8, 0.0, -0.8, -1.6])
    used = {}
    for strategy in ("decision", "uniform"):
        runs = [
            simulate(s, Goal("order"), np.random.default_rng(k), strategy=strategy, budget=5000,
                     step=20)
            for k in range(6)
        ]  # fmt: skip
        assert all(r.settled and not r.false for r in runs)
        used[strategy] = np.mean([r.comparisons for r in runs])
    assert used["decision"] < 0.6 * used["uniform"]
