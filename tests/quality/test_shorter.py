"""Short tests: the factor model, the engine and its sessions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from calibrant.errors import InputError
from calibrant.quality.bank import two_pl
from calibrant.quality.responses import Responses, of_matrix
from calibrant.quality.shorter import (
    Engine,
    Policy,
    ScoreClaim,
    Stop,
    calibrate,
    engine_of,
    read_engine,
    write_engine,
)
from calibrant.quality.shorter.factors import fit_factors


def planted(subjects: int = 40, items: int = 60, seed: int = 0, families: int = 8) -> Responses:
    """Answers of subjects in families; every tenth item is keyed the wrong way round."""
    rng = np.random.default_rng(seed)
    family = np.arange(subjects) % families
    ability = rng.normal(0, 0.8, families)[family] + rng.normal(0, 0.8, subjects)
    slope = rng.lognormal(0.3, 0.4, items)
    slope[::10] *= -1
    p = expit(slope * (ability[:, None] - rng.normal(0, 1, items)))
    found = of_matrix((rng.random(p.shape) < p).astype(float))
    kinds = pl.Series([("sums", "words")[j % 2] for j in range(items)])
    return replace(
        found,
        item_facts=found.item_facts.with_columns(category=kinds),
        subject_facts=found.subject_facts.with_columns(family=pl.Series(family)),
    )


@pytest.fixture(scope="module")
def responses() -> Responses:
    return planted()


@pytest.fixture(scope="module")
def engine(responses: Responses) -> Engine:
    return calibrate(responses)


def test_signs_and_order_of_slopes_are_found() -> None:
    found = planted(80, 60, seed=3)
    slopes = fit_factors(found.scores, 1).mean[:, 1]
    wrong = np.zeros(60, bool)
    wrong[::10] = True
    assert (slopes[~wrong] > 0).mean() > 0.95
    assert (slopes[wrong] < 0).all()


def test_chosen_items_beat_drawn_ones_on_unseen_families(engine: Engine) -> None:
    chosen, drawn, average = (
        engine.evidence.error_of(m, 20).error for m in ("target", "random sample", "average")
    )
    assert chosen < 0.8 * drawn
    assert chosen < 0.6 * average
    assert engine.fine


def test_a_session_depends_on_the_set_of_answers_alone(
    engine: Engine, responses: Responses
) -> None:
    answers = dict(zip(responses.items[:9], responses.scores[0, :9], strict=True))
    turned = dict(reversed(answers.items()))
    one, other = engine.session(answers, seed=4), engine.session(turned, seed=4)
    assert one.next(5) == other.next(5)
    assert one.estimate() == other.estimate()
    again = engine_of(json.loads(json.dumps(engine.to_dict()))).session(answers, seed=4)
    assert again.next(5) == one.next(5)
    assert again.estimate() == one.estimate()


@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(0, 59), max_size=20), st.integers(1, 8), st.sets(st.integers(0, 59)))
def test_no_item_is_asked_twice(
    engine: Engine, responses: Responses, done: set[int], n: int, waiting: set[int]
) -> None:
    answers = {responses.items[j]: float(responses.scores[1, j]) for j in done}
    pending = [responses.items[j] for j in waiting]
    batch = engine.session(answers, stop=Stop(items=None)).next(n, pending)
    assert len(set(batch)) == len(batch) == min(n, 60 - len(done | waiting))
    assert not set(batch) & (set(answers) | set(pending))


def test_a_batch_counts_what_is_in_flight(engine: Engine) -> None:
    session = engine.session()
    first = session.next(1)
    assert session.next(3)[0] == first[0]
    assert session.next(2, pending=first) == session.next(3)[1:]


def test_limits_on_items_count_what_is_in_flight(engine: Engine, responses: Responses) -> None:
    session = engine.session(stop=Stop(items=4))
    assert len(session.next(10)) == 4
    assert session.next(10, pending=session.next(4)) == ()


def test_all_answers_give_the_score_itself(engine: Engine, responses: Responses) -> None:
    answers = dict(zip(responses.items, responses.scores[2], strict=True))
    found = engine.session(answers, stop=Stop(items=None)).estimate()
    assert found.value == pytest.approx(responses.scores[2].mean())
    assert found.low == pytest.approx(found.high)


def test_failures_are_asked_once_and_tell_nothing(engine: Engine, responses: Responses) -> None:
    first = engine.session().next(1)[0]
    failed = engine.session({first: None})
    assert first not in failed.next(5)
    assert failed.estimate().items == 0
    assert failed.answers == {first: None}


def test_exposure_bars_items_over_seeds(engine: Engine) -> None:
    policy = Policy(exposure=0.3)
    used = [i for seed in range(60) for i in engine.session(seed=seed, policy=policy).next(5)]
    assert max(used.count(i) for i in set(used)) / 60 < 0.5
    varied = {engine.session(seed=s, policy=Policy(among=5)).next(1) for s in range(20)}
    assert 2 <= len(varied) <= 5


def test_balance_keeps_categories_in_step(engine: Engine) -> None:
    batch = engine.session(policy=Policy(balance=True)).next(10)
    kinds = [engine.categories[engine.number[i]] for i in batch]  # type: ignore[index]
    assert kinds.count("sums") == 5


def test_claims_are_decided_by_an_interval_that_may_be_watched(
    engine: Engine, responses: Responses
) -> None:
    best = int(np.argmax(responses.scores.mean(axis=1)))
    stop = Stop(items=60, claim=ScoreClaim("above", 0.05), least=3)
    session = engine.session(stop=stop)
    while batch := session.next(2):
        scores = {i: float(responses.scores[best, engine.number[i]]) for i in batch}
        session = session.after(scores)
    done = session.decide()
    assert done.verdict == "supported"
    assert len(session.asked) < 60
    once, watched = session.estimate(), session.estimate(watched=True)
    assert watched.high - watched.low >= once.high - once.low


def test_few_subjects_may_not_adapt(responses: Responses) -> None:
    few = calibrate(responses.select(subjects=range(20)))
    assert few.verdict == "random only"
    with pytest.raises(InputError, match="random only"):
        few.session()
    assert few.session(policy=Policy("random")).next(3)
    assert few.session(force=True).next(3)


def test_wrong_input_is_named(engine: Engine, responses: Responses, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 10 subjects, got 9"):
        calibrate(responses.select(subjects=range(9)))
    with pytest.raises(InputError, match="no item 'x'"):
        engine.session({"x": 1.0})
    with pytest.raises(InputError, match="wanted a score from 0 to 1, got 2"):
        engine.session({responses.items[0]: 2.0})
    with pytest.raises(InputError, match="no item"):
        engine.session().next(1, pending=["x"])
    path = tmp_path / "engine.json"
    write_engine(engine, path)
    assert read_engine(path).to_dict() == engine.to_dict()
    path.write_text("{}")
    with pytest.raises(InputError, match="wanted format"):
        read_engine(path)
    plain = engine.to_dict()
    plain["worth"] = plain["worth"][:3]
    with pytest.raises(InputError, match="do not fit"):
        engine_of(plain)


def test_hard_regimes_are_survived() -> None:
    rng = np.random.default_rng(1)
    scores = (rng.random((24, 30)) < 0.5).astype(float)
    scores[0], scores[1] = 1.0, 0.0
    scores[:, 0], scores[:, 1] = 1.0, 0.0
    scores[3] = scores[2]
    scores[5:, 4:7] = np.nan
    scores[:, 29] = np.nan
    found = calibrate(of_matrix(scores))
    assert len(found.items) == 29
    assert any("same scores everywhere" in n for n in found.notes)
    assert not found.fine
    assert np.isfinite(found.session(force=True).estimate().value)


def test_disconnected_subjects_are_refused() -> None:
    scores = planted(20, 20).scores.copy()
    scores[:10, :10], scores[10:, 10:] = np.nan, np.nan
    with pytest.raises(InputError, match="10 subjects share no item"):
        calibrate(of_matrix(scores))


def test_balance_wants_categories() -> None:
    engine = calibrate(of_matrix(planted(20, 20).scores))
    with pytest.raises(InputError, match="wanted categories"):
        engine.session(policy=Policy(balance=True), force=True)


def test_a_bank_with_a_quarter_turned_round_is_not_adapted_on():
    rng = np.random.default_rng(7)
    bank = two_pl(rng.lognormal(0.2, 0.3, 60), rng.normal(0, 1.5, 60))
    scores = bank.draw(rng.normal(0, 1.4, 60), rng)
    names = [f"{i % 12}-{i}" for i in range(60)]
    fair = calibrate(of_matrix(scores, subjects=names), family_pattern="^([0-9]+)-")
    turned = scores.copy()
    turned[:, ::4] = 1 - turned[:, ::4]
    found = calibrate(of_matrix(turned, subjects=names), family_pattern="^([0-9]+)-")
    assert fair.fine and found.verdict == "random only"
    assert any(
        "negative slope" in reason or "weaker subjects" in reason for reason in found.reasons
    )
    unchecked = calibrate(
        of_matrix(turned, subjects=names), family_pattern="^([0-9]+)-", check=False
    )
    assert unchecked.fine
    with pytest.raises(InputError, match="random only"):
        found.session()
