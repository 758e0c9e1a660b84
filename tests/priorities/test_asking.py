"""Which area to ask whom next: worth against a plain twin, rules, and what people type."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.priorities.asking.ask import Person, ask, people_of
from calibrant.priorities.asking.certificates import CERTIFICATES
from calibrant.priorities.asking.choose import Rules, choose
from calibrant.priorities.asking.design import links, pieces
from calibrant.priorities.asking.simulate import belief_of, run
from calibrant.priorities.asking.worth import (
    STRATEGIES,
    gain,
    outlook,
    promise,
    shifts,
    updated,
    worths,
)
from calibrant.priorities.linear import Heard, believe
from calibrant.priorities.ranks.simulate import Experts
from calibrant.stats.certificates import measure_certificate

SMALL = Experts(raters=14, categories=4, areas=16, chosen=2.0)


@pytest.fixture(scope="module")
def panel():
    return SMALL.draw(3)


@pytest.fixture(scope="module")
def belief(panel):
    half = np.random.default_rng(0).random(panel.may.shape) < 0.5
    return belief_of(panel, panel.may & half)


def test_the_belief_is_the_posterior_of_a_plain_regression():
    """Variances held, a rater's two answers tied: the textbook formula with all matrices whole."""
    rng = np.random.default_rng(1)
    category = np.array([0, 0, 1])
    value = rng.integers(1, 6, (7, 2)).astype(float)
    value[2, 1] = np.nan
    heard = Heard(
        np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 0, 1, 2]), value,
        np.array([1, 0, 0, 0, 0, 1, 0], bool),
    )  # fmt: skip
    found = believe(heard, category, 3)
    g = found.coefficients
    rows, y, cells = [], [], []
    for i, (r, a) in enumerate(zip(heard.rater, heard.area, strict=True)):
        for q in range(2):
            if np.isnan(value[i, q]):
                continue
            x = np.zeros(2 * g)
            for at in (0, 2 + category[a], 4 + a, 7 + r):
                x[q * g + at] = 1
            x[q * g + 1] = heard.own[i]
            rows.append(x)
            y.append(value[i, q] - 3)
            cells.append((i, q))
    x, y = np.array(rows), np.array(y)
    noise = np.array([[found.noise[q, p] * (i == j) for j, p in cells] for i, q in cells])
    prior = np.zeros((2 * g, 2 * g))
    for q in range(2):
        prior[[q * g, q * g + 1], [q * g, q * g + 1]] = 100.0
        for p in range(2):
            for at in range(2, g):
                level = 0 if at < 4 else 1 if at < 7 else 2
                prior[q * g + at, p * g + at] = found.spread[level][q, p]
    inner = np.linalg.inv(x @ prior @ x.T + noise)
    mean = prior @ x.T @ inner @ y
    mean[[0, g]] += 3
    assert np.allclose(found.mean, mean, atol=1e-7)
    assert np.allclose(found.covariance, prior - prior @ x.T @ inner @ x @ prior, atol=1e-7)


def test_the_belief_finds_a_planted_halo():
    loud = Experts(raters=150, halo=0.6, categories=4, areas=16).draw(0)
    b = belief_of(loud, loud.may)
    assert b.noise[0, 1] / (b.noise[0, 0] * b.noise[1, 1]) ** 0.5 == pytest.approx(0.53, abs=0.1)


def test_an_answer_moves_the_belief_as_far_as_forecast(panel, belief):
    """The forecast covariance of the new means is what the rank-two update takes away."""
    look = outlook(belief)
    own = panel.own[2]
    after = updated(look, 2, 5, own)
    assert np.trace(after.covariance) < np.trace(look.covariance)
    x = np.stack([belief.answers(2, q, own)[5] for q in range(2)])
    whole = belief.covariance @ x.T
    fall = whole @ np.linalg.solve(x @ whole + belief.noise, whole.T)
    plain = np.vstack([belief.areas(0), belief.areas(1)]) @ fall
    plain = plain @ np.vstack([belief.areas(0), belief.areas(1)]).T
    got = (look.covariance - after.covariance)[: 2 * look.areas, : 2 * look.areas]
    assert np.allclose(got, plain)
    # Along its own direction, an area's promise moves by all that its variance falls.
    gradient = np.zeros(2 * look.areas)
    gradient[5], gradient[look.areas + 5] = look.mean[look.areas + 5], look.mean[5]
    shift = shifts(look, 2, np.array([5]), own)[0, 5]
    assert shift**2 == pytest.approx(gradient @ plain @ gradient)


def test_gain_is_the_rise_of_the_best_by_simulation():
    rng = np.random.default_rng(0)
    mean, shift = rng.normal(10, 1, 8), rng.normal(0, 1, (3, 8))
    z = rng.standard_normal(40_000)
    after = np.sort(mean + z[:, None, None] * shift, axis=2)[:, :, -3:].sum(axis=2)
    plain = (after.mean(axis=0) - np.sort(mean)[-3:].sum()) / 3
    assert gain(mean, shift, 3) == pytest.approx(plain, abs=0.03)
    assert gain(mean, np.zeros((1, 8)), 3) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("strategy", ["regret", "boundary", "uncertainty"])
def test_an_answer_is_never_worth_less_than_nothing(panel, belief, strategy):
    look = outlook(belief)
    got = worths(look, strategy, 4, 1, np.arange(16), panel.own[1])
    assert (got >= 0).all()
    assert got.max() > 0
    assert np.isfinite(promise(look)).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_keeps_the_rules(panel, belief, strategy):
    asked = np.zeros(panel.own.shape, bool)
    asked[0, :3] = True
    rules = Rules(per=3, top=4, strategy=strategy, link=2, explore=1)
    chosen = choose(
        outlook(belief), asked, panel.may, panel.own, rules, raters=np.arange(14), seed=1
    )
    pairs = {(c.rater, c.area) for c in chosen}
    assert len(pairs) == len(chosen)
    assert not any(asked[p] for p in pairs)
    assert all(panel.may[p] for p in pairs)
    after = asked.copy()
    for p in pairs:
        after[p] = True
    for r in range(14):
        assert after[r].sum() - asked[r].sum() == min(3, (panel.may & ~asked)[r].sum())
        shareable = panel.may[r] & (np.delete(panel.may, r, axis=0).any(axis=0))
        assert links(after, r) >= min(2, shareable.sum())
    again = choose(
        outlook(belief), asked, panel.may, panel.own, rules, raters=np.arange(14), seed=1
    )
    assert again == chosen


def test_someone_who_can_joins_two_groups():
    asked = np.zeros((5, 6), bool)
    asked[0, :3] = asked[1, :3] = True
    asked[2, 3:] = asked[3, 3:] = True
    of_raters, of_areas = pieces(asked)
    assert of_raters.tolist() in ([0, 0, 1, 1, -1], [1, 1, 0, 0, -1])
    assert len(set(of_areas[:3])) == 1
    rules = Rules(per=2, top=2, strategy="random")
    allowed = np.zeros((5, 6), bool)
    allowed[4] = True
    chosen = choose(
        None, asked, allowed, np.zeros((5, 6), bool), rules, raters=np.array([4]), seed=0
    )
    assert [c.kind for c in chosen] == ["joins", "joins"]
    for c in chosen:
        asked[c.rater, c.area] = True
    assert pieces(asked)[0].max() == 0


def test_a_survey_in_batches_asks_as_many_as_it_says(panel):
    found = run(panel, Rules(per=3, top=4, strategy="boundary"), batch=7, seed=2)
    assert found.answers.tolist() == sorted(found.answers.tolist())
    assert found.asked.sum() == found.answers[-1]
    assert (found.regret >= 0).all()


def test_ask_tells_why_and_who_is_left_out(panel):
    half = np.random.default_rng(1).random(panel.may.shape) < 0.5
    ratings = panel.ratings(panel.may & half)
    people = [
        Person("r001"), Person("newcomer", ("1", "2"), ("1a",)),
    ]  # fmt: skip
    found = ask(ratings, people, per=3, top=4)
    assert {a.respondent for a in found.asks} <= {"r001", "newcomer"}
    assert [a.order for a in found.asks if a.respondent == "newcomer"] == [1, 2, 3]
    assert all(a.why for a in found.asks)
    assert found.expected_regret_after < found.expected_regret
    assert "questions for" in repr(found)
    # Who never answered and chose no category can be asked nothing.
    none = ask(ratings, [Person("nobody")], per=3, top=4)
    assert none.unasked == ("nobody",)
    assert not none.asks


@pytest.mark.parametrize(
    ("people", "options", "said"),
    [
        ({"name": ["a"]}, {}, "people: no column respondent; there are name"),
        ({"respondent": ["a", "a"]}, {}, "people: row 2: 'a' is there twice"),
        ({"respondent": [" "]}, {}, "people: row 1: respondent is empty"),
        ({"respondent": ["a"], "categories": ["1;77"]}, {}, "a: no category '77'"),
        ({"respondent": ["a"]}, {"top": 400}, "top: wanted fewer than the [0-9]+ areas"),
        ({"respondent": ["a"]}, {"per": 0}, "per: wanted at least 1, got 0"),
        ({"respondent": ["a"]}, {"strategy": "magic"}, "strategy: wanted one of regret"),
    ],
)
def test_wrong_input_is_said_in_one_line(panel, people, options, said):
    with pytest.raises(InputError, match=said):
        ask(panel.ratings(), pl.DataFrame(people), **({"top": 4} | options))


def test_a_value_off_the_scale_is_refused(panel):
    frame = (
        panel.ratings()
        .frame.with_columns(pl.lit(9.0).alias("value"))
        .with_columns(pl.lit("answered").alias("state"))
    )
    with pytest.raises(InputError, match="value 9; wanted a whole number from 1 to 5"):
        ask(frame, [Person("r001")], top=4)


def test_people_may_be_written_with_any_separator():
    (a,) = people_of({"respondent": ["a"], "categories": ["1, 2;3"], "own": ["1a 2b"]})
    assert a == Person("a", ("1", "2", "3"), ("1a", "2b"))


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate):
    first = replace(certificate, regimes=certificate.regimes[1:], batch_draws=16)
    (measured,) = measure_certificate(first, draws=16, seed=2)
    assert not measured.broken
    assert measured.statistics["answers"] > 200
