"""Random tables: what they keep, that all are equally likely, that p-values are uniform."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from calibrant.priorities.integrity.answers import Answers
from calibrant.priorities.integrity.certificates import ALPHA, _tests
from calibrant.priorities.integrity.chain import tables
from calibrant.priorities.integrity.persons import evenness, longest_runs, most


def table(codes, questions=1, levels=5):
    codes = np.array(codes, np.int8)
    areas = tuple(f"{i}a" for i in range(codes.shape[1] // questions))
    names = tuple(f"r{i}" for i in range(len(codes)))
    asked = tuple(f"q{i}" for i in range(questions))
    return Answers(names, areas, asked, np.arange(1.0, levels + 1), codes)


def random_table(rng, people=12, cells=16, questions=2):
    """From the null itself: log odds of each answer are a cell's plus a respondent's."""
    odds = rng.normal(0, 0.8, (cells, 5)) + rng.normal(0, 0.8, (people, 1, 5))
    codes = (odds + rng.gumbel(size=(people, cells, 5))).argmax(axis=2)
    codes[rng.random((people, cells)) < 0.25] = -1
    return table(codes, questions)


@pytest.mark.parametrize("keep", ["answers", "mean"])
def test_what_is_kept(keep):
    answers = random_table(np.random.default_rng(1))
    drawn = tables(answers, keep, 20, np.random.default_rng(0), 30)
    assert ((drawn >= 0) == answers.there).all()
    for level in range(5):  # every cell's counts stay
        assert ((drawn == level).sum(axis=1) == (answers.codes == level).sum(axis=0)).all()
    whole = np.where(drawn >= 0, drawn, 0), np.where(answers.there, answers.codes, 0)
    for q in range(2):
        mine = answers.question == q
        assert (whole[0][:, :, mine].sum(axis=2) == whole[1][:, mine].sum(axis=1)).all()
        if keep == "answers":
            for level in range(5):
                of = (drawn[:, :, mine] == level).sum(axis=2)
                assert (of == (answers.codes[:, mine] == level).sum(axis=1)).all()
    assert (drawn != answers.codes).any(axis=(1, 2)).all()


def test_all_tables_with_the_counts_are_equally_likely():
    """Against a plain list of every table of 0s and 1s with these row and column sums."""
    codes = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0]])
    every = [
        t for cells in product((0, 1), repeat=12)
        if ((t := np.array(cells).reshape(3, 4)).sum(0) == codes.sum(0)).all()
        and (t.sum(1) == codes.sum(1)).all()
    ]  # fmt: skip
    drawn = tables(table(codes, levels=2), "answers", 3000, np.random.default_rng(3), 30)
    counts = Counter(t.tobytes() for t in drawn)
    assert len(counts) == len(every)
    expected = 3000 / len(every)
    chi = sum((c - expected) ** 2 / expected for c in counts.values())
    assert chi < len(every) + 4 * (2 * len(every)) ** 0.5


def test_p_values_hold_where_the_null_does():
    """Tables from the null: each kind alarms in about one of twenty."""
    alarms = np.zeros(3)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        persons, pairs = _tests(random_table(rng, people=9), rng)
        alarms += [
            (np.nan_to_num(persons["odd"].adjusted, nan=1) <= ALPHA).any(),
            (pairs.adjusted <= ALPHA).any(),
            pairs.groups[0][1] <= ALPHA,
        ]
    # Fewer than 6 of 30 with probability 0.997 at a rate of 0.05.
    assert (alarms < 6).all(), alarms


def test_the_same_seed_gives_the_same_tables():
    answers = random_table(np.random.default_rng(1))
    one, two = (tables(answers, "mean", 5, np.random.default_rng(9), 10) for _ in range(2))
    assert (one == two).all()


def test_nobody_shares_a_cell():
    answers = table([[1, 2, -1, -1], [-1, -1, 3, 4]])
    drawn = tables(answers, "answers", 3, np.random.default_rng(0))
    assert (drawn == answers.codes).all()


def plain_run(row):
    best = now = 0
    last = None
    for value in (v for v in row if v >= 0):
        now = now + 1 if value == last else 1
        best, last = max(best, now), value
    return best


def test_runs_against_a_plain_count():
    rng = np.random.default_rng(4)
    codes = rng.integers(-1, 3, (30, 24))
    answers = table(codes, questions=2)
    found = longest_runs(answers)(answers.codes[None])[0]
    plain = [max(plain_run(row[:12]), plain_run(row[12:])) for row in codes]
    assert found.tolist() == plain


def test_evenness_is_the_variance_within_questions():
    rng = np.random.default_rng(5)
    answers = table(rng.integers(0, 5, (6, 10)), questions=2)
    found = evenness(answers)(answers.codes[None])[0]
    halves = answers.codes.reshape(6, 2, 5).astype(float)
    assert np.allclose(-found, ((halves - halves.mean(2, keepdims=True)) ** 2).mean((1, 2)))


def test_step_down_against_the_definition():
    rng = np.random.default_rng(6)
    draws, reached = rng.normal(size=(200, 5)), np.array([0.1, 3.0, 1.5, -1.0, 2.2])
    found = most(reached, draws)
    order, running = np.argsort(-reached), 0.0
    for place, at in enumerate(order):
        highest = draws[:, order[place:]].max(axis=1)
        running = max(running, (1 + (highest >= reached[at]).sum()) / 201)
        assert found[at] == pytest.approx(running)
