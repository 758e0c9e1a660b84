"""Short forms: which items, the formula on paper, and what it predicts."""

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
from calibrant.quality.responses import Responses, of_matrix
from calibrant.quality.shorter import form_of, read_form, shorten, write_form
from calibrant.quality.shorter.certificates import CERTIFICATES
from calibrant.quality.shorter.evidence import Evidence, factor, largest
from calibrant.quality.shorter.factors import Factors, fit_factors
from calibrant.quality.shorter.forms import form_order, formula_of, wrong_way
from calibrant.quality.shorter.posterior import cloud_of, posterior_of
from calibrant.quality.shorter.shorten import _reaching

LIVEBENCH = Path(__file__).parents[3] / "shared/data/quality/livebench_complete_block.csv"


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
def form():
    return shorten(planted(), 12)


def small(seed: int, items: int = 12, k: int = 2) -> tuple[Factors, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.normal(0, 0.2, (items, k + 1, k + 1))
    worth = rng.dirichlet(np.ones(items))
    mean = np.hstack([rng.normal(0, 1, (items, 1)), rng.normal(0.7, 0.7, (items, k))])
    return Factors(mean, root @ root.transpose(0, 2, 1), rng.uniform(0.3, 1, items)), worth


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 6), st.integers(0, 3))
def test_gains_are_falls_of_variance(seed: int, answered: int, waiting: int) -> None:
    # The plain twin: the joint covariance of scores and total, with what is pending conditioned on.
    factors, worth = small(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(12)
    asked, pending = np.sort(order[:answered]), order[answered : answered + waiting]
    known = posterior_of(factors, cloud_of(factors), worth, asked, rng.random(answered))
    p, w = known.cloud.expected, known.weight
    off = p - w @ p
    mean = w @ p
    noise = factors.dispersion * (mean - w @ p**2)
    joint = off.T @ (w[:, None] * off) + np.diag(np.maximum(noise, 1e-12))
    left = np.where(known.answered, 0.0, worth)
    assert known.variance == pytest.approx(float(left @ joint @ left), rel=1e-6)
    gains = known.gains(pending)
    for j in range(12):
        if j in asked or j in pending:
            assert gains[j] == -1.0
            continue
        both = [*pending, j]
        before, after = (
            left @ joint @ left
            - (left @ joint[:, s])
            @ np.linalg.solve(joint[np.ix_(s, s)], joint[s] @ left)
            if s else left @ joint @ left
            for s in (list(pending), both)
        )  # fmt: skip
        assert gains[j] == pytest.approx(float(before - after), rel=1e-5, abs=1e-10)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_the_first_item_of_a_form_is_the_best_of_all(seed: int) -> None:
    factors, worth = small(seed)
    cloud = cloud_of(factors)
    found = form_order(factors, cloud, worth, 3)
    p = cloud.expected[:96]
    ones = np.hstack([np.ones((96, 1)), cloud.places[:96]])
    slopes = factors.mean[:, 1:]
    gradient = (p * (1 - p) * worth) @ slopes
    loss = np.zeros(12)
    for j in range(12):
        for i in range(96):
            v = p[i, j] * (1 - p[i, j])
            noise = factors.dispersion[j] * v + v**2 * ones[i] @ factors.covariance[j] @ ones[i]
            information = np.eye(2) + v**2 / noise * np.outer(slopes[j], slopes[j])
            loss[j] += gradient[i] @ np.linalg.solve(information, gradient[i])
    assert loss[found[0]] == pytest.approx(loss.min())
    assert len(set(found)) == 3


def test_the_formula_is_the_best_line_for_simulated_answers() -> None:
    factors, worth = small(5)
    factors = Factors(factors.mean, factors.covariance, np.ones(12))
    cloud, items = cloud_of(factors), np.array([1, 4, 7])
    rng = np.random.default_rng(0)
    p = np.repeat(cloud.expected, 400, axis=0)
    x = (rng.random(p.shape) < p).astype(float)
    design = np.hstack([np.ones((len(x), 1)), x[:, items]])
    plain, *_ = np.linalg.lstsq(design, x @ worth, rcond=None)
    found = formula_of(factors, cloud, worth, items)
    assert np.allclose([found.intercept, *found.weights], plain, atol=0.01)
    assert found.error == pytest.approx(float(np.std(x @ worth - design @ plain)), rel=0.02)


def test_conformal_factor_of_equal_families_is_student_or_larger() -> None:
    rng = np.random.default_rng(0)
    ratios, family = rng.normal(0, 2, 4000), np.arange(4000) % 40
    assert factor(ratios, family, 0.95) == pytest.approx(2 * 1.96, rel=0.06)
    few = factor(np.array([1.0, -1.0, 3.0, -3.0]), np.array([0, 0, 1, 1]), 0.95)
    assert few > 1.96 * np.sqrt(5)
    assert factor(np.zeros(5), np.arange(5), 0.95) == 0.0


def test_wrong_way_items_are_left_out(form) -> None:
    planted_wrong = {f"item {j + 1}" for j in range(0, 60, 10)}
    assert len(planted_wrong & set(form.left_out)) >= 4
    assert not planted_wrong & set(form.items)
    cloud = cloud_of(fit_factors(planted(120).scores, 1))
    assert wrong_way(cloud, np.full(60, 1 / 60))[::10].all()


def test_a_form_beats_as_many_random_items(form) -> None:
    assert form.size == 12
    assert form.error().error < form.error("random sample").error
    assert form.error().error < form.error("average").error
    assert form.error().low < form.error().error < form.error().high


def test_by_hand_is_the_formula_that_is_printed(form) -> None:
    answers = planted(seed=9, subjects=12).select(items=range(60))
    found = form.predict(answers, scoring="by hand")
    rows = [answers.items.index(i) for i in form.items]
    value = form.intercept + answers.scores[:, rows] @ form.weights
    assert np.allclose([p.value for p in found], np.clip(value, 0, 1), atol=0.02)
    assert all(p.low <= p.value <= p.high for p in found)


def test_scores_on_another_scale_give_the_same_form() -> None:
    unit = planted(30, 24)
    wide = of_matrix(10 + 40 * unit.scores, low=10, high=50)
    one, other = shorten(of_matrix(unit.scores), 6), shorten(wide, 6)
    assert one.items == other.items
    assert other.error().error == pytest.approx(40 * one.error().error, rel=1e-3)
    rows = [unit.items.index(i) for i in one.items]
    by_hand = other.intercept + (10 + 40 * unit.scores[:, rows]) @ other.weights
    expected = one.intercept + unit.scores[:, rows] @ one.weights
    assert np.allclose(by_hand, 10 + 40 * expected)
    assert other.predict(wide)[0].value == pytest.approx(10 + 40 * one.predict(unit)[0].value)


def test_a_form_survives_its_file(form, tmp_path: Path) -> None:
    write_form(form, tmp_path / "form.json")
    again = read_form(tmp_path / "form.json")
    assert again.to_dict() == form.to_dict()
    assert again.predict(planted()) == form.predict(planted())
    plain = json.loads(json.dumps(form.to_dict()))
    plain["items"][0] = "unknown"
    with pytest.raises(InputError, match="do not fit"):
        form_of(plain)
    (tmp_path / "form.json").write_text("[]")
    with pytest.raises(InputError, match="wanted a short form, got list"):
        read_form(tmp_path / "form.json")


def test_options_are_obeyed_and_mistakes_named() -> None:
    responses = planted(30, 24)
    balanced = shorten(responses, 10, balance=True)
    kinds = [balanced.engine.categories[balanced.engine.number[i]] for i in balanced.items]
    assert kinds.count("sums") == 5
    without = shorten(responses, 10, exclude=balanced.items[:3])
    assert not set(without.items) & set(balanced.items[:3])
    reached = shorten(responses, error=0.1)
    assert reached.error().error <= 0.1
    for wrong, message in (
        ({"size": 0}, "at least 1"),
        ({"size": 25}, "at most"),
        ({"size": 5, "error": 0.1}, "got both"),
        ({"error": -1.0}, "above 0"),
        ({"exclude": ["x"]}, "no item 'x'"),
        ({"weights": "x"}, "items or categories"),
    ):
        with pytest.raises(InputError, match=message):
            shorten(responses, **wrong)


def test_an_error_must_be_reached_at_all_longer_lengths_too() -> None:
    errors = np.array([[0.3, 0.04, 0.2, 0.05, 0.03]])
    evidence = Evidence(np.array([1, 2, 3, 4, 5]), {"form": errors}, {}, np.array([0]))
    assert _reaching(evidence, 0.06, 5) == 4
    with pytest.raises(InputError, match="no form of up to 5 items"):
        _reaching(evidence, 0.01, 5)


def test_few_answers_are_said(form) -> None:
    answers = planted(seed=2, subjects=10).select(items=range(30))
    found = form.predict(answers)
    assert all("have no score" in p.note for p in found if p.items < form.size)
    with pytest.raises(InputError, match="none of the form's"):
        form.predict(of_matrix(np.ones((2, 2)), items=["a", "b"]))
    with pytest.raises(InputError, match="wanted model or by hand"):
        form.predict(answers, scoring="x")


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_promises_hold_in_short(certificate) -> None:
    found = certificate.batch(certificate.regimes[0], np.random.default_rng(3), 15)
    for name, bound in certificate.bounds.items():
        assert bound.low - 0.2 <= found[name] <= bound.high + 0.2
    assert found["error"] < found["normal error"]


@pytest.mark.skipif(not LIVEBENCH.is_file(), reason="LiveBench is not here")
def test_livebench_needs_few_of_its_items() -> None:
    table = pl.read_csv(LIVEBENCH)
    table = table[:, [0, *range(1, table.width, 4)]]
    form = shorten(table, 10, family_pattern="(?i)(qwen|llama|phi|gpt|claude|gemini|gemma|mistral)")
    assert form.error("adaptive").error < 0.045
    assert form.error().error < form.error("random + model").error


def test_the_largest_of_a_new_subject_lies_above_those_of_most() -> None:
    rng = np.random.default_rng(1)
    worst, family = np.abs(rng.normal(0, 1, 400)), np.arange(400) % 20
    found = largest(worst, family, 0.9)
    assert found >= np.quantile(worst, 0.9)
    assert largest(worst[:6], family[:6], 0.95) >= worst[:6].max()
