"""Hodge, cycles, lotteries, mElo, information, categories: plain twins and planted truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.ratings.audit import Votes
from calibrant.ratings.audit.clones import with_clone
from calibrant.ratings.audit.lens import look
from calibrant.ratings.beyond import (
    bits,
    categories,
    cycle_test,
    hodge,
    information,
    melo,
    nash,
)
from calibrant.ratings.beyond.certificates import CERTIFICATES, NULL, draw
from calibrant.ratings.beyond.cycles import _Leftovers
from calibrant.ratings.beyond.nash import lottery
from calibrant.ratings.counts import Counts
from calibrant.ratings.existence import existence
from calibrant.ratings.fit import RatingError, fit


def made(seed: int, subjects: int = 5, votes: int = 120, ring: float = 0.0) -> Votes:
    """Random comparisons with a rating; `ring` adds a cycle around all subjects."""
    for more in range(100):
        rng = np.random.default_rng([seed, more])
        left = rng.integers(0, subjects, votes)
        right = (left + rng.integers(1, subjects, votes)) % subjects
        angle = 2 * np.pi * (right - left) / subjects
        p = 1 / (1 + np.exp(-ring * np.sin(angle) - 0.2 * (right - left)))
        outcome = np.where(rng.random(votes) < 0.2, 2, (rng.random(votes) > p).astype(int))
        data = Votes(tuple("abcdefgh"[:subjects]), left, right, outcome)
        if existence(data.counts()).exists:
            return data
    raise AssertionError("no draw has a rating")


def table(pairs: dict[tuple[int, int], tuple[int, int, int]], subjects: int) -> Counts:
    keys = sorted(pairs)
    return Counts(
        tuple("abcdefgh"[:subjects]),
        np.array([a for a, _ in keys]),
        np.array([b for _, b in keys]),
        np.array([pairs[k] for k in keys], dtype=float),
    )


# Hodge.


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["log-odds", "margin"]))
def test_the_split_is_orthogonal_and_adds_up(seed: int, scale: str) -> None:
    found = hodge(made(seed).counts(), scale)  # type: ignore[arg-type]
    s = found.strengths
    grad = s[found.left] - s[found.right]
    np.testing.assert_allclose(grad + found.cyclic, found.flow, atol=1e-9)
    assert abs((found.weight * grad * found.cyclic).sum()) < 1e-6
    assert found.gradient_energy + found.cyclic_energy == pytest.approx(found.total_energy)
    assert found.curl_energy is not None and found.harmonic_energy is not None
    assert found.curl_energy + found.harmonic_energy == pytest.approx(found.cyclic_energy, abs=1e-6)


def test_the_gradient_is_the_rating_and_the_rest_is_pearson() -> None:
    counts = made(1).counts()
    found = hodge(counts)
    s = fit(counts).strengths
    np.testing.assert_allclose(found.strengths, s, atol=1e-9)
    flat = counts.unordered()
    chi = 0.0
    for a, b, (won, lost, ties) in zip(flat.left, flat.right, flat.outcomes, strict=True):
        n, p = won + lost + ties, 1 / (1 + np.exp(s[b] - s[a]))
        chi += (won + ties / 2 - n * p) ** 2 / (n * p * (1 - p))
    assert found.cyclic_energy == pytest.approx(chi)


def test_rock_paper_scissors_is_all_curl() -> None:
    counts = table({(0, 1): (8, 2, 0), (1, 2): (8, 2, 0), (0, 2): (2, 8, 0)}, 3)
    found = hodge(counts, "margin")
    assert found.gradient_energy == pytest.approx(0, abs=1e-12)
    assert found.curl_energy == pytest.approx(found.total_energy)


def test_a_square_without_diagonals_is_all_harmonic() -> None:
    counts = table({(0, 1): (8, 2, 0), (1, 2): (8, 2, 0), (2, 3): (8, 2, 0), (0, 3): (2, 8, 0)}, 4)
    found = hodge(counts, "margin")
    assert found.curl_energy == 0 and found.harmonic_energy == pytest.approx(found.total_energy)


def test_pools_have_margins_but_no_log_odds() -> None:
    counts = table({(0, 1): (3, 1, 0), (2, 3): (3, 1, 0)}, 4)
    assert hodge(counts, "margin").cyclic_energy == pytest.approx(0, abs=1e-12)
    with pytest.raises(RatingError, match="never compared"):
        hodge(counts)


# Cycles.


def test_leftovers_are_put_right_as_the_dense_formula_says() -> None:
    data = made(3, 5, 60)
    item = np.arange(60) % 12
    left = _Leftovers(data, item, 12)
    s = fit(data.counts()).strengths
    # The plain twin: one dense row for each item and pair.
    low, high = np.minimum(data.left, data.right), np.maximum(data.left, data.right)
    y = np.array([1.0, 0.0, 0.5])[data.outcome]
    y = np.where(data.left < data.right, y, 1 - y)
    p = 1 / (1 + np.exp(s[high] - s[low]))
    cells = sorted({(int(g), int(a), int(b)) for g, a, b in zip(item, low, high, strict=True)})
    x, z = np.zeros((len(cells), 5)), np.zeros(len(cells))
    for i, (g, a, b) in enumerate(cells):
        rows = (item == g) & (low == a) & (high == b)
        w = (p * (1 - p))[rows].sum()
        x[i, a], x[i, b] = np.sqrt(w), -np.sqrt(w)
        z[i] = (y - p)[rows].sum() / np.sqrt(w)
    hat = x @ np.linalg.pinv(x.T @ x) @ x.T
    for g in range(12):
        mine = [i for i, c in enumerate(cells) if c[0] == g]
        values, vectors = np.linalg.eigh(np.eye(len(mine)) - hat[np.ix_(mine, mine)])
        fixed = vectors @ np.diag(values**-0.5) @ vectors.T @ z[mine]
        for i, v in zip(mine, fixed, strict=True):
            _, a, b = cells[i]
            pair = int(np.flatnonzero((left.table.left == a) & (left.table.right == b))[0])
            scaled = v * np.linalg.norm(x[i]) / np.sqrt(2) / left.root[pair]
            assert left.matrix[[g], :].toarray()[0, pair] == pytest.approx(scaled)


def test_projection_leaves_the_observed_leftovers() -> None:
    left = _Leftovers(made(3, 5, 60), np.arange(60), 60)
    np.testing.assert_allclose(left.project(left.total[None])[0], left.total, atol=1e-8)


def test_a_planted_cycle_is_named_in_its_direction() -> None:
    data = made(0, 3, 1500, ring=1.5)
    found = cycle_test(data, seed=1)
    assert found.intransitive and found.replication > 0.3
    assert found.cycles[0].subjects in {("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b")}
    assert "cycle" in repr(found)
    json.dumps(found.to_dict(), allow_nan=False)


def test_without_a_cycle_the_word_is_not_used() -> None:
    found = cycle_test(made(2, 5, 800), seed=1)
    assert not found.intransitive and "cycle" not in repr(found)


def test_a_cycle_in_one_item_only_is_noise() -> None:
    # Forty items say nothing; one item with a thousand votes goes round.
    quiet = made(4, 3, 400)
    left = np.tile([0, 1, 2], 300)
    data = Votes(
        quiet.names,
        np.r_[quiet.left, left],
        np.r_[quiet.right, (left + 1) % 3],
        np.r_[quiet.outcome, np.zeros(900, int)],
        item=np.r_[np.arange(400) % 40, np.full(900, 40)],
    )
    assert not cycle_test(data).intransitive
    assert cycle_test(Votes(data.names, data.left, data.right, data.outcome)).intransitive


def test_too_few_items_or_subjects_are_refused() -> None:
    data = made(0, 3, 60)
    few = Votes(data.names, data.left, data.right, data.outcome, item=np.arange(60) % 4)
    with pytest.raises(InputError, match="at least 8 items, got 4"):
        cycle_test(few)
    with pytest.raises(InputError, match="at least 3 subjects, got 2"):
        cycle_test(made(0, 2, 30))


def test_the_certificate_holds_in_short() -> None:
    # Ties and votes that share items, where peers cry wolf; the long run is `calibrant certify`.
    alarms = 0
    rng = np.random.default_rng(0)
    for seed in range(150):
        alarms += cycle_test(draw(NULL[3], rng), rounds=99, seed=seed).intransitive
    assert alarms / 150 <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5
    assert CERTIFICATES[0].bounds["alarm"].high == 0.05


# Lotteries.


def test_rock_paper_scissors_is_one_third_each() -> None:
    ring = np.array([[0, 1, -1.0], [-1, 0, 1], [1, -1, 0]])
    np.testing.assert_allclose(lottery(ring), np.full(3, 1 / 3), atol=1e-9)
    skewed = np.array([[0, 1, -3.0], [-1, 0, 1], [3, -1, 0]])
    np.testing.assert_allclose(lottery(skewed), [0.2, 0.6, 0.2], atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7))
def test_nothing_beats_the_lottery(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    a = np.triu(rng.integers(-2, 3, (size, size)), 1).astype(float)
    payoff = a - a.T
    p = lottery(payoff)
    assert p.sum() == pytest.approx(1) and p.min() >= 0
    assert (payoff @ p).max() < 1e-6
    # Of most entropy: no step that keeps it a lottery has more, whichever way it goes.
    kinds = np.unique(payoff, axis=0).shape[0]
    if kinds == size:
        entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
        for q in (lottery_by_chance(payoff, rng) for _ in range(5)):
            assert -(q[q > 0] * np.log(q[q > 0])).sum() <= entropy + 1e-5


def lottery_by_chance(payoff: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A maximal lottery at a random corner."""
    from scipy.optimize import linprog

    n = payoff.shape[0]
    found = linprog(
        rng.normal(size=n), A_ub=payoff, b_ub=np.zeros(n), A_eq=np.ones((1, n)), b_eq=[1]
    )
    return np.maximum(found.x, 0)


@pytest.mark.parametrize("subject", range(5))
def test_copies_share_and_nobody_else_notices(subject: int) -> None:
    counts = made(5, 5, 200, ring=1.0).counts()
    before, after = nash(counts).probability, nash(with_clone(counts, subject)).probability
    others = [i for i in range(5) if i != subject]
    np.testing.assert_allclose(after[others], before[others], atol=1e-9)
    assert after[subject] + after[5] == pytest.approx(before[subject], abs=1e-9)


def test_a_champion_is_always_chosen() -> None:
    found = nash(table({(0, 1): (6, 4, 0), (0, 2): (6, 4, 0), (1, 2): (1, 1, 5)}, 3))
    assert found.support == ("a",) and found.skill[0] == pytest.approx(0)
    assert "always chooses 'a'" in repr(found)
    json.dumps(found.to_dict(), allow_nan=False)
    with pytest.raises(InputError, match="nash"):
        nash(table({}, 1) if False else Counts(("a",), *(np.zeros(0, int),) * 2, np.zeros((0, 3))))


# mElo.


def test_a_ring_of_skill_needs_one_dimension() -> None:
    found = melo(made(0, 5, 2500, ring=1.5), most=1)
    assert found.dimensions == 1
    p = found.win_probability()
    np.testing.assert_allclose(p + p.T, 1, atol=1e-12)
    assert p[0, 1] > 0.6 and p[1, 2] > 0.6  # each beats the next, whatever the strengths
    json.dumps(found.to_dict(), allow_nan=False)


def test_one_number_is_kept_where_it_is_enough() -> None:
    found = melo(made(1, 5, 600), most=2)
    assert found.dimensions == 0 and "One number" in repr(found)
    assert found.circles.shape == (5, 0)


def test_melo_refuses_too_little() -> None:
    with pytest.raises(InputError, match="melo: wanted at least 3 subjects"):
        melo(made(0, 2, 30))


# Information.


def test_bits_are_those_of_the_outcomes() -> None:
    data = made(1, 4, 300)
    found = fit(data.counts())
    s = found.strengths
    total = 0.0
    for a, b, o in zip(data.left, data.right, data.outcome, strict=True):
        p = 1 / (1 + np.exp(s[b] - s[a]))
        total += {0: np.log2(2 * p), 1: np.log2(2 * (1 - p)), 2: np.log2(4 * p * (1 - p)) / 2}[
            int(o)
        ]
    known, new = bits(found)
    assert known == pytest.approx(total / 300)
    assert new == pytest.approx(known - 3 / 300 / np.log(2))
    assert bits(fit(data.counts(), "davidson"))[0] > 0


def test_the_next_comparison_is_worth_what_sampling_says() -> None:
    lens = look(made(2, 4, 60).counts())
    v = lens.inverse[:4, :4]
    found = information(lens.fit, v)
    rng = np.random.default_rng(0)
    s = rng.multivariate_normal(lens.strengths, v, 200_000, method="eigh")
    p = 1 / (1 + np.exp(s[:, 1] - s[:, 0]))

    def h(q: np.ndarray) -> np.ndarray:
        return -(q * np.log2(q) + (1 - q) * np.log2(1 - q))

    assert found.gain[0] == pytest.approx(h(p.mean()) - h(p).mean(), rel=0.02)


def test_the_best_is_settled_by_asking_about_the_best() -> None:
    lens = look(made(2, 6, 400).counts())
    top = lens.counts.names[int(lens.ranking[0])]
    found = information(lens.fit, lens.covariance(), "top-1")
    assert top in found.best()[0][:2]
    assert found.uncertain is not None and found.uncertain > 0
    assert (found.gain >= 0).all() and found.gain.max() < found.uncertain


@pytest.mark.parametrize("objective", ["strengths", "top-1", "order", "tiers"])
def test_more_votes_leave_less_to_learn(objective: str) -> None:
    data = made(3, 5, 200)
    often = data.rows(np.tile(np.arange(200), 20))
    few, many = (
        information(x.fit, x.covariance(), objective)  # type: ignore[arg-type]
        for x in (look(data.counts()), look(often.counts()))
    )
    assert many.gain.max() < few.gain.max()
    json.dumps(few.to_dict(), allow_nan=False)


def test_information_refuses_nonsense() -> None:
    lens = look(made(3).counts())
    with pytest.raises(InputError, match="objective: wanted"):
        information(lens.fit, lens.covariance(), "fame")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="covariance: wanted finite"):
        information(lens.fit, np.eye(2))


# Categories.


def planted(sd: float, seed: int = 0) -> tuple[Votes, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, k, c = 6000, 6, 12
    left = rng.integers(0, k, n)
    right = (left + rng.integers(1, k, n)) % k
    category = rng.integers(0, c, n)
    s = np.linspace(0.8, -0.8, k) + rng.normal(0, sd, (c, k))
    p = 1 / (1 + np.exp(s[category, right] - s[category, left]))
    outcome = (rng.random(n) > p).astype(int)
    return Votes(tuple("abcdef"), left, right, outcome, category=category), s


def test_the_spread_between_categories_is_found_and_intervals_cover() -> None:
    data, truth = planted(0.5)
    found = categories(data)
    assert found.spread == pytest.approx(0.5, abs=0.12)
    truth = truth - truth.mean(axis=1, keepdims=True)
    covered = (found.low <= truth) & (truth <= found.high)
    assert 0.87 <= covered.mean() <= 1.0
    alone = np.stack(
        [fit(data.rows(data.category == c).counts()).strengths for c in range(12)]  # type: ignore[arg-type]
    )
    pooled = np.sqrt(((found.strengths - truth) ** 2).mean())
    assert pooled < np.sqrt(((alone - truth) ** 2).mean())
    json.dumps(found.to_dict(), allow_nan=False)


def test_categories_that_do_not_differ_are_one_board() -> None:
    data, _ = planted(0.0)
    found = categories(data)
    assert found.spread < 0.12
    np.testing.assert_allclose(found.strengths, np.tile(found.overall, (12, 1)), atol=0.15)


def test_a_category_with_one_vote_stays_near_the_board() -> None:
    data, _ = planted(0.5)
    category = np.where(np.arange(data.size) == 0, 12, data.category)  # type: ignore[arg-type]
    one = Votes(data.names, data.left, data.right, data.outcome, category=category)
    found = categories(one)
    np.testing.assert_allclose(found.strengths[12], found.overall, atol=0.2)
    with pytest.raises(InputError, match="at least 2 categories, got 0"):
        categories(made(0))
