"""Audits against plain twins: every choice tried, every order replayed, every refit made."""

from __future__ import annotations

import csv
import json
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.ratings.audit import Votes, audit, from_counts
from calibrant.ratings.audit.agreement import agreement, kendall, overlap, weighted_kendall
from calibrant.ratings.audit.clones import clone_test, win_rate, with_clone
from calibrant.ratings.audit.confounding import confounding
from calibrant.ratings.audit.elo import elo, order_noise
from calibrant.ratings.audit.influence import influence, newton_steps
from calibrant.ratings.audit.lens import Lens, look
from calibrant.ratings.audit.mix import mix
from calibrant.ratings.audit.removal import upset
from calibrant.ratings.audit.rigging import rig
from calibrant.ratings.audit.sides import side_effects
from calibrant.ratings.audit.variants import best_of, extreme, variants_to_gain
from calibrant.ratings.counts import count
from calibrant.ratings.existence import existence
from calibrant.ratings.fit import RatingError, fit

DATA = Path(__file__).parents[3] / "shared" / "data" / "ratings"
CODE = {"left": 0, "right": 1, "tie": 2}


def made(seed: int, subjects: int = 4, votes: int = 40, **columns: object) -> Votes:
    """Random comparisons, some of them ties, with a rating."""
    for more in range(100):
        rng = np.random.default_rng([seed, more])
        left = rng.integers(0, subjects, votes)
        right = (left + rng.integers(1, subjects, votes)) % subjects
        d = np.linspace(0.6, -0.6, subjects)
        p = 1 / (1 + np.exp(d[right] - d[left]))
        outcome = np.where(rng.random(votes) < 0.2, 2, (rng.random(votes) > p).astype(int))
        names = tuple("abcdefghijkl"[:subjects])
        data = Votes(names, left, right, outcome, **columns)  # type: ignore[arg-type]
        if existence(data.counts()).exists:
            return data
    raise AssertionError("no draw has a rating")


def plain_strengths(data: Votes, keep: np.ndarray) -> np.ndarray | None:
    """Bradley–Terry by gradient steps on a list of rows: slow and obvious."""
    rows = data.rows(keep)
    if not rows.size or not existence(rows.counts()).exists:
        return None
    s = np.zeros(len(data.names))
    y = np.array([1.0, 0.0, 0.5])[rows.outcome]
    for _ in range(3000):
        g = np.zeros_like(s)
        e = y - 1 / (1 + np.exp(s[rows.right] - s[rows.left]))
        np.add.at(g, rows.left, e)
        np.add.at(g, rows.right, -e)
        s = s + g * 4 / rows.size
    return s


def fewest_by_trying(data: Votes, lens: Lens, most: int) -> int | None:
    """Every choice of up to `most` votes of the count table, each refitted."""
    holder, below = int(lens.ranking[0]), lens.ranking[1:]
    for number in range(1, most + 1):
        for chosen in combinations_with_replacement(range(lens.left.size), number):
            cells, votes = np.unique(chosen, return_counts=True)
            if (votes > lens.votes[cells]).any():
                continue
            table = lens.counts.outcomes.copy()
            index = {
                (int(a), int(b)): i
                for i, (a, b) in enumerate(zip(lens.counts.left, lens.counts.right, strict=True))
            }
            for c, v in zip(cells, votes, strict=True):
                table[index[int(lens.left[c]), int(lens.right[c])], lens.outcome[c]] -= v
            counts = type(lens.counts)(
                lens.counts.names, lens.counts.left, lens.counts.right, table
            )
            if not existence(counts).exists:
                continue
            s = fit(counts).strengths
            if (s[below] > s[holder] + 1e-9).any():
                return number
    return None


def load(which: str) -> dict[str, list[str]]:
    path = DATA / f"llmfao_{which}comparisons.csv"
    if not path.exists():
        pytest.skip("the board of 59 models is not on this machine (../shared/data/ratings)")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {k: [r[k] for r in rows] for k in rows[0]}


def llmfao(which: str = "crowd_") -> Votes:
    table = load(which)
    names = tuple(sorted(set(table["left"]) | set(table["right"])))
    place = {n: i for i, n in enumerate(names)}
    voters = np.array(table["worker"], dtype=int) if "worker" in table else None
    _, prompt = np.unique(np.array(table["prompt"], dtype=int), return_inverse=True)
    return Votes(
        names,
        np.array([place[n] for n in table["left"]]),
        np.array([place[n] for n in table["right"]]),
        np.array([CODE[w] for w in table["winner"]]),
        item=np.array(table["id"], dtype=int),
        voter=voters,
        category=prompt,
    )


# Fewest votes.


@pytest.mark.parametrize("seed", range(8))
def test_fewest_votes_agree_with_trying_every_choice(seed: int) -> None:
    data = made(seed, subjects=3, votes=24)
    lens = look(data.counts())
    truth = fewest_by_trying(data, lens, 4)
    found = upset(lens)
    if truth is None:
        assert found.votes is None or found.votes > 4
        assert found.at_least >= 1
    else:
        assert found.votes is not None
        assert found.at_least <= truth <= found.votes
        if found.exact:
            assert found.votes == truth


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 6), st.integers(40, 300))
def test_an_upset_is_true_when_refitted_by_hand(seed: int, subjects: int, votes: int) -> None:
    data = made(seed, subjects, votes)
    lens = look(data.counts())
    found = upset(lens)
    assert found.at_least >= 1
    if found.votes is None:
        return
    keep = np.ones(data.size, dtype=bool)
    for one, word, other, number in found.removed:
        a, b = data.names.index(one), data.names.index(other)
        wanted = {(a, b, 2), (b, a, 2)} if word == "ties" else {(a, b, 0), (b, a, 1)}
        rows = [
            i
            for i in range(data.size)
            if keep[i] and (data.left[i], data.right[i], data.outcome[i]) in wanted
        ]
        assert len(rows) >= number
        keep[rows[:number]] = False
    assert int((~keep).sum()) == found.votes
    s = plain_strengths(data, keep)
    assert s is not None
    assert s[data.names.index(found.rival)] > s[data.names.index(found.holder)] - 1e-7


def test_bounds_from_below_grow_with_the_data() -> None:
    # The same board ten times over needs about ten times the votes, and the bound says so.
    data = made(3, 5, 120)
    few = upset(look(data.counts()))
    tenfold = data.rows(np.tile(np.arange(data.size), 10))
    many = upset(look(tenfold.counts()))
    assert many.votes is not None and few.votes is not None
    assert many.at_least > few.at_least
    assert many.at_least <= many.votes <= 10 * few.votes


@pytest.mark.parametrize("model", ["davidson", "rao-kupper"])
def test_other_models_are_upset_too(model: str) -> None:
    lens = look(made(1, 4, 200).counts(), model)  # type: ignore[arg-type]
    found = upset(lens)
    assert found.votes is not None and found.votes >= found.at_least >= 1


def test_a_place_that_is_not_there() -> None:
    with pytest.raises(InputError, match="place: wanted 1 to 3, got 4"):
        upset(look(made(0).counts()), 4)


def test_weights_are_refused() -> None:
    counts = count([0, 1], [1, 0], [0, 0], names=("a", "b"), weights=[0.5, 0.7])
    with pytest.raises(InputError, match="whole votes"):
        look(counts)


def test_llmfao_places_two_and_three_swap_with_one_vote() -> None:
    lens = look(llmfao().counts())
    second = upset(lens, 2)
    assert (second.votes, second.at_least) == (1, 1)
    assert second.rival == "command" and second.holder == "Platypus-2 Instruct (70B)"
    first = upset(lens, 1)
    assert first.votes is not None and first.votes <= 13 and first.at_least >= 8


# Rigging.


@pytest.mark.parametrize("seed", range(5))
def test_rigging_agrees_with_trying_every_choice(seed: int) -> None:
    data = made(seed, subjects=3, votes=24)
    lens = look(data.counts())
    subject = int(lens.ranking[1])
    found = rig(lens, subject)
    assert found.votes is not None
    truth = None
    pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
    for number in range(1, found.votes + 1):
        for chosen in combinations_with_replacement(pairs, number):
            left = np.concatenate([data.left, [a for a, _ in chosen]])
            right = np.concatenate([data.right, [b for _, b in chosen]])
            outcome = np.concatenate([data.outcome, np.zeros(number, int)])
            s = fit(count(left, right, outcome, names=data.names)).strengths
            if (s > s[subject] - 1e-9).sum() <= 1:
                truth = number
                break
        if truth:
            break
    assert truth is not None
    assert found.at_least <= truth <= found.votes


def test_rigging_to_the_top_is_true_when_refitted() -> None:
    data = made(5, 6, 200)
    lens = look(data.counts())
    last = int(lens.ranking[-1])
    found = rig(lens, last, 5)
    assert found.votes == sum(n for _, _, n in found.added) and found.to_place == 1
    rows = [(data.names.index(a), data.names.index(b)) for a, b, n in found.added for _ in range(n)]
    added = np.array(rows)
    counts = count(
        np.concatenate([data.left, added[:, 0]]),
        np.concatenate([data.right, added[:, 1]]),
        np.concatenate([data.outcome, np.zeros(len(rows), int)]),
        names=data.names,
    )
    assert int(fit(counts).strengths.argmax()) == last


# Groups.


def test_one_newton_step_is_near_and_the_report_is_exact() -> None:
    data = made(2, 5, 600, voter=np.arange(600) % 30)
    lens = look(data.counts())
    for row in influence(lens, data, "voter"):
        rest = data.rows(data.voter != int(row.label))  # type: ignore[operator]
        moves = (fit(rest.counts()).strengths - lens.strengths) * 400 / np.log(10)
        assert row.moved == pytest.approx(moves[np.abs(moves).argmax()], abs=1e-6)
        assert row.predicted == pytest.approx(abs(row.moved), rel=0.3)


def test_newton_steps_add_up_over_all_groups_to_nothing() -> None:
    data = made(4, 5, 100)
    lens = look(data.counts())
    cell = lens.cells_of(data.left, data.right, data.outcome)
    steps = newton_steps(lens, np.arange(100), 100, cell)
    assert np.abs(steps.sum(axis=0)).max() < 1e-8  # scores add up to 0 at the maximum


def test_missing_voters_belong_to_nobody() -> None:
    voter = np.where(np.arange(200) % 4 == 0, -1, np.arange(200) % 10)
    data = made(6, 4, 200, voter=voter)
    found = influence(look(data.counts()), data, "voter")
    assert found and all(row.label != "-1" for row in found)
    assert any("voter: missing in 50 of 200" in n for n in audit(data, orders=5).notes)


# Elo.


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_elo_is_the_loop_everyone_writes(seed: int) -> None:
    data = made(seed, 4, 30)
    orders = np.stack([np.random.default_rng(seed + i).permutation(30) for i in range(3)])
    for row, order in zip(elo(data, orders, k=32.0), orders, strict=True):
        r = [1000.0] * 4
        for i in order:
            a, b = int(data.left[i]), int(data.right[i])
            expected = 1 / (1 + 10 ** ((r[b] - r[a]) / 400))
            change = 32.0 * ((1.0, 0.0, 0.5)[int(data.outcome[i])] - expected)
            r[a], r[b] = r[a] + change, r[b] - change
        np.testing.assert_allclose(row, r, atol=1e-9)


def test_order_noise_is_the_same_for_the_same_seed() -> None:
    data = made(1, 4, 60)
    one, other = order_noise(data, seed=3), order_noise(data, seed=3)
    np.testing.assert_array_equal(one.sd, other.sd)
    assert one.first.sum() == pytest.approx(1.0) and (one.sd > 0).all()


# Mixes, copies, variants.


def test_a_mix_that_flips_the_first_does_so_and_a_milder_one_does_not() -> None:
    rng = np.random.default_rng(0)
    n = 400
    category = rng.integers(0, 4, n)
    left = rng.integers(0, 2, n)
    # a wins in categories 0 to 2, b in category 3; a leads overall.
    p = np.where(category == 3, 0.25, 0.62)
    a_won = rng.random(n) < p
    outcome = np.where(a_won == (left == 0), 0, 1)
    data = Votes(("a", "b"), left, 1 - left, outcome, category=category)
    found = mix(look(data.counts()), data)
    assert found is not None and found.factor is not None
    assert found.rival == "b" and found.more == ("3",)

    def first(factor: float) -> int:
        weights = np.where(category == 3, factor, 1 / factor)
        return int(fit(data.counts(weights)).strengths.argmax())

    assert first(found.factor) == 1 and first(found.factor * 0.98) == 0


def test_copies_move_others_but_not_in_the_lottery() -> None:
    data = made(7, 5, 150)
    tests = {t.method: t for t in clone_test(look(data.counts()), data)}
    assert tests["nash"].largest < 1e-9
    assert tests["win rate"].largest > 0 and tests["bt"].largest > 0 and tests["elo"].largest > 0


def test_a_copy_has_the_rating_of_the_original() -> None:
    counts = made(7, 5, 150).counts()
    s = fit(with_clone(counts, 2)).strengths
    assert s[5] == pytest.approx(s[2], abs=1e-8)
    assert win_rate(counts)[0] == pytest.approx(
        np.mean([_rate(counts, 0, j) for j in range(1, 5)]), abs=1e-12
    )


def _rate(counts: object, a: int, b: int) -> float:
    from calibrant.ratings.audit.lens import half_wins

    w = half_wins(counts)  # type: ignore[arg-type]
    return float(w[a, b] / (w[a, b] + w[b, a]))


def test_the_largest_of_n_has_its_known_mean() -> None:
    assert extreme(1)[0] == pytest.approx(0, abs=1e-12)
    assert extreme(2)[0] == pytest.approx(1 / np.sqrt(np.pi), abs=1e-10)
    assert extreme(3)[0] == pytest.approx(1.5 / np.sqrt(np.pi), abs=1e-10)
    assert extreme(1)[1] == pytest.approx(1, abs=1e-10)


def test_best_of_n_is_put_right_on_average() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 6, (40_000, 10))
    seen = truth + rng.normal(0, 8, truth.shape)
    best = seen.argmax(axis=1)
    row = np.arange(best.size)
    excess = seen[row, best] - truth[row, best]
    found = best_of(10, observed=0.0, standard_error=8, spread=6)
    assert found.inflation == pytest.approx(excess.mean(), abs=0.1)
    assert found.corrected_error == pytest.approx(excess.std(), rel=0.02)


def test_variants_to_gain_is_the_least() -> None:
    n = variants_to_gain(20, 10)
    assert n is not None
    assert extreme(n)[0] * 10 >= 20 > extreme(n - 1)[0] * 10
    with pytest.raises(InputError, match="variants: wanted at least 1, got 0"):
        best_of(0, standard_error=1)


# Judges, sides, covariates.


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 30), st.booleans())
def test_kendall_is_that_of_scipy(seed: int, n: int, ties: bool) -> None:
    from scipy.stats import kendalltau, weightedtau

    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(size=n)
    if ties:
        x, y = np.round(x), np.round(y)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert kendall(x, y) == 0
        return
    assert kendall(x, y) == pytest.approx(kendalltau(x, y).statistic, abs=1e-12)
    assert weighted_kendall(x, y) == pytest.approx(weightedtau(x, y).statistic, abs=1e-12)


def test_overlap_counts_the_shared_top() -> None:
    assert overlap(np.array([3.0, 2, 1]), np.array([3.0, 1, 2]), 2) == 0.5


def test_llmfao_judges_agree_as_published() -> None:
    crowd, other = llmfao(), llmfao("gpt4_crowd_")
    data = Votes(
        crowd.names,
        np.concatenate([crowd.left, other.left]),
        np.concatenate([crowd.right, other.right]),
        np.concatenate([crowd.outcome, other.outcome]),
        item=np.concatenate([crowd.item, other.item]),  # type: ignore[arg-type]
        judge=np.repeat([0, 1], [crowd.size, other.size]),
        labels={"judge": ("crowd", "gpt-4")},
    )
    found, reasons = agreement(data, rounds=40)
    assert not reasons and round(found[0].tau, 2) == 0.54
    assert found[0].tau_interval is not None
    assert found[0].tau_interval[0] < 0.6 < found[0].tau_interval[1] + 0.1
    sides = {s.judge: s for s in side_effects(look(data.counts()), data)}
    assert sides["crowd"].favours == "left" and sides["gpt-4"].favours == "right"


def test_a_planted_side_effect_is_found_with_its_sign() -> None:
    rng = np.random.default_rng(1)
    n = 6000
    left = rng.integers(0, 4, n)
    right = (left + rng.integers(1, 4, n)) % 4
    judge = rng.integers(0, 2, n)
    d = (right - left) * 0.4 + np.where(judge == 0, 0.5, -0.5)
    outcome = (rng.random(n) > 1 / (1 + np.exp(-d))).astype(int)
    data = Votes(tuple("abcd"), left, right, outcome, judge=judge)
    one, other = side_effects(look(data.counts()), data)
    assert one.effect == pytest.approx(0.5, abs=0.12) and one.favours == "left"
    assert other.effect == pytest.approx(-0.5, abs=0.12) and other.favours == "right"


def test_a_judge_that_always_says_left() -> None:
    data = made(0, 4, 60, judge=np.r_[np.zeros(50, int), np.ones(10, int)])
    outcome = np.r_[data.outcome[:50], np.zeros(10, int)]
    data = Votes(data.names, data.left, data.right, outcome, judge=data.judge)
    if existence(data.counts()).exists:
        side = side_effects(look(data.counts()), data)[1]
        assert side.effect is None and side.left_share == 1.0 and side.favours == "left"


def test_length_that_makes_a_subject_better_is_taken_out() -> None:
    rng = np.random.default_rng(2)
    n = 8000
    left = rng.integers(0, 4, n)
    right = (left + rng.integers(1, 4, n)) % 4
    # Subject 0 writes longer, and length is all that wins.
    size = np.array([2.0, 0, 0, 0])
    length = size[left] - size[right] + rng.normal(size=n)
    outcome = (rng.random(n) > 1 / (1 + np.exp(-0.8 * length))).astype(int)
    data = Votes(tuple("abcd"), left, right, outcome, covariates={"length": length})
    found = confounding(look(data.counts()), data)
    assert found is not None and found.explained > 0.9
    assert found.effect[0] / length.std() == pytest.approx(0.8, abs=0.08)
    assert abs(found.gap_held) < abs(found.gap) / 3


@pytest.mark.parametrize(
    ("values", "word"),
    [("perfect", "separates"), ("constant", "tells nothing"), ("subjects", "cannot be told apart")],
)
def test_covariates_that_cannot_be_used_are_named(values: str, word: str) -> None:
    data = made(3, 4, 100)
    length = {
        "perfect": np.array([1.0, -1.0, 0.0])[data.outcome] * 5,
        "constant": np.ones(100),
        "subjects": (data.left - data.right).astype(float),
    }[values]
    data = Votes(data.names, data.left, data.right, data.outcome, covariates={"length": length})
    with pytest.raises(RatingError, match=f"length: .*{word}"):
        confounding(look(data.counts()), data)
    found = audit(data, orders=5)
    assert found.confounding is None and any(word in n for n in found.notes)


# The whole.


def test_the_audit_is_one_sentence_one_page_and_plain_data() -> None:
    found = audit(llmfao(), orders=20)
    assert repr(found).startswith("Audit of 8,931 votes on 59 subjects: place 1: removing")
    page = found.page()
    assert "Fewest votes" in page and "Without one voter" in page and len(page.splitlines()) < 80
    assert "cannot show that every subject is good" in page
    json.dumps(found.to_dict(), allow_nan=False)


def test_two_subjects() -> None:
    data = Votes(("a", "b"), np.zeros(8, int), np.ones(8, int), np.array([0] * 5 + [1] * 3))
    found = audit(data, orders=5)
    assert found.upsets[0].votes == 3  # five to three: three taken away put b ahead
    assert found.riggings[0].votes == 3
    json.dumps(found.to_dict(), allow_nan=False)


def test_all_ties() -> None:
    data = Votes(tuple("abc"), np.array([0, 1, 2] * 4), np.array([1, 2, 0] * 4), np.full(12, 2))
    found = audit(data, orders=5)
    assert found.upsets[0].margin == pytest.approx(0, abs=1e-9)
    assert found.sides[0].effect is None and found.sides[0].left_share is None
    json.dumps(found.to_dict(), allow_nan=False)
    assert audit(data, model="davidson", orders=5).notes[0].endswith("audited instead")


def test_pools_that_never_met() -> None:
    one = made(0, 4, 60)
    data = Votes(
        tuple("abcdxy"),
        np.r_[one.left, [4, 5]],
        np.r_[one.right, [5, 4]],
        np.r_[one.outcome, [0, 0]],
    )
    found = audit(data, orders=5)
    assert found.left_out == ("x", "y") and found.subjects == 4
    assert "never compared" in found.notes[0] and "'x'" in found.page()
    assert audit(data, orders=5, prior_sd=1.0).subjects == 6


def test_an_undefeated_subject_is_left_out_and_named() -> None:
    one = made(0, 4, 60)
    data = Votes(
        tuple("abcde"),
        np.r_[one.left, [4, 4]],
        np.r_[one.right, [0, 1]],
        np.r_[one.outcome, [0, 0]],
    )
    found = audit(data, orders=5)
    assert found.left_out == ("e",) and "undefeated: 'e'" in found.notes[0]
    assert found.upsets


def test_a_ladder_where_nobody_has_a_rating() -> None:
    data = Votes(tuple("abc"), np.array([0, 1, 0]), np.array([1, 2, 2]), np.zeros(3, int))
    found = audit(data, orders=5)
    assert not found.upsets and found.left_out == tuple("abc")
    assert "state a prior" in found.page()
    json.dumps(found.to_dict(), allow_nan=False)


def test_hostile_names_are_shown_harmless() -> None:
    data = made(1, 3, 60)
    names = ("\x1b[31mred", "<b>", "line\nbreak")
    data = Votes(names, data.left, data.right, data.outcome)
    page = audit(data, orders=5).page()
    assert "\x1b" not in page and "line\nbreak" not in page


def test_count_tables_can_be_audited() -> None:
    data = made(1, 4, 80)
    rows = from_counts(data.counts())
    assert rows.size == 80
    assert audit(data.counts(), orders=5).upsets == audit(rows, orders=5).upsets


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"left": np.array([0.5, 1])}, "left: wanted a column of whole numbers"),
        ({"outcome": np.array([0, 3])}, "outcome: row 1: wanted 0 to 2, got 3"),
        ({"right": np.array([0, 0])}, "'a' against itself"),
        ({"item": np.array([0])}, "item: wanted 2 codes"),
        ({"item": np.array([0, -2])}, "item: wanted codes from 0"),
        ({"judge": np.array([0, 1]), "labels": {"judge": ("x",)}}, "judge: wanted codes below 1"),
        ({"covariates": {"length": np.array([0.0, np.nan])}}, "length: row 1: wanted a finite"),
        ({"covariates": {"length": np.zeros(3)}}, "length: wanted 2 values"),
    ],
)
def test_wrong_columns_are_named(change: dict[str, object], words: str) -> None:
    good = {
        "names": ("a", "b"),
        "left": np.array([0, 1]),
        "right": np.array([1, 0]),
        "outcome": np.array([0, 2]),
    }
    with pytest.raises(InputError, match=words):
        Votes(**(good | change))  # type: ignore[arg-type]


def test_unknown_variants_and_empty_tables() -> None:
    with pytest.raises(InputError, match="variants: 'z' is not among the subjects"):
        audit(made(0), variants={"z": 3})
    empty = Votes(("a", "b"), *(np.zeros(0, int) for _ in range(3)))
    with pytest.raises(InputError, match="at least 2 subjects and one comparison"):
        audit(empty)
