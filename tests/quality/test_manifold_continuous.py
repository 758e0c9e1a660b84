"""Bounded scores on one ability, beside plain twins by brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr

from calibrant.errors import InputError
from calibrant.quality.manifold import BoundedItems, fit_continuous
from calibrant.quality.manifold.limited import Limited
from calibrant.quality.manifold.scale import Scale
from calibrant.quality.responses import of_matrix

REAL = Path(__file__).parents[3] / "shared/data/quality"


def items(edge: float = 0.1, size: int = 12, seed: int = 0) -> BoundedItems:
    rng = np.random.default_rng(seed)
    precision = rng.uniform(0.5, 2.5, size)
    precision[0] = 0.0
    return BoundedItems(
        tuple(f"q{j}" for j in range(size)), rng.uniform(0.5, 1.5, size),
        rng.normal(0, 0.8, size), precision, edge,
    )  # fmt: skip


def plain_log(bank: BoundedItems, scores: np.ndarray, theta: float) -> float:
    """The definition, one score at a time."""
    scale, total = Scale(bank.edge), 0.0
    for j, y in enumerate(scores):
        z = bank.discrimination[j] * theta + bank.intercepts[j]
        tau = bank.precision[j]
        if np.isnan(y):
            continue
        if y == 0:
            total += log_ndtr(-tau - z)
        elif y == 1:
            total += log_ndtr(z - tau)
        else:
            e = tau * scale.of(np.array(y)) - z
            total += np.log(tau) - e**2 / 2 - np.log(2 * np.pi) / 2
            total += scale.log_slope(np.array(y))
    return float(total)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.1, 1e-3, 1e-7]))
def test_density_is_its_definition(seed: int, edge: float) -> None:
    rng = np.random.default_rng(seed)
    bank = items(edge, 6, seed)
    scores = bank.draw(rng.normal(size=3), rng)
    scores[0, 1] = np.nan
    at = np.array([-1.3, 0.4])
    plain = [[plain_log(bank, row, t) for t in at] for row in scores]
    np.testing.assert_allclose(bank.log_density(scores, at), plain, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("edge", [0.5, 0.1, 1e-3])
def test_density_adds_up_and_curves_are_its_moments(edge: float) -> None:
    bank = items(edge, 3)
    theta = np.array([0.3])
    for j in range(3):
        one = bank.select(np.array([j]))

        def density(y: float, t: float = 0.3, one: BoundedItems = one) -> float:
            return float(np.exp(one.log_density(np.array([[y]]), np.array([t]))[0, 0]))

        def slope(y: float, one: BoundedItems = one) -> float:
            low, high = one.log_density(np.array([[y]]), np.array([0.3 - 1e-5, 0.3 + 1e-5]))[0]
            return float((high - low) / 2e-5)

        inner = one.precision[0] > 0
        parts = [lambda y: 1.0, lambda y: y, lambda y, s=slope: s(y) ** 2]
        total = []
        for f in parts:
            mass = f(0.0) * density(0.0) + f(1.0) * density(1.0)
            if inner:
                mass += quad(lambda y, f=f: f(y) * density(y), 0, 1, limit=400,
                             points=[1e-3, 0.01, 0.1, 0.9, 0.99, 0.999])[0]  # fmt: skip
            total.append(mass)
        assert total[0] == pytest.approx(1.0, abs=1e-6)
        assert one.expected(theta)[0, 0] == pytest.approx(total[1], abs=1e-6)
        assert one.information(theta)[0, 0] == pytest.approx(total[2], rel=1e-4)


def test_gradient_and_standard_errors_are_those_of_the_likelihood() -> None:
    rng = np.random.default_rng(3)
    scores = items(size=5).draw(rng.normal(size=40), rng)
    scores[rng.random(scores.shape) < 0.1] = np.nan
    model = Limited(scores, Scale(0.1))
    x = model.start()
    model.place(x)

    def slope(x: np.ndarray) -> np.ndarray:
        found = np.zeros(x.size)
        for k in range(x.size):
            e = np.zeros(x.size)
            e[k] = 1e-5
            e = e.reshape(x.shape)
            found[k] = (model.evaluate(x + e).value - model.evaluate(x - e).value) / 2e-5
        return found

    free = np.ones(x.shape, bool)
    free[~model.free, 2] = False
    at = model.evaluate(x)
    np.testing.assert_allclose(at.gradient[free], slope(x).reshape(x.shape)[free], atol=1e-5)

    fit = fit_continuous(of_matrix(scores), edge=0.1)
    log_tau = np.log(np.where(fit.bank.precision > 0, fit.bank.precision, 1))
    x = np.stack([fit.bank.discrimination, fit.bank.intercepts, log_tau], axis=1)
    x[~model.free, 2] = -40.0
    model.place(x)
    hessian = np.zeros((x.size, x.size))
    for k in range(x.size):
        e = np.zeros(x.size)
        e[k] = 1e-4
        e = e.reshape(x.shape)
        more, less = model.evaluate(x + e).gradient, model.evaluate(x - e).gradient
        hessian[k] = -(more - less).ravel() / 2e-4
    keep = free.ravel()
    covariance = np.linalg.inv((hessian + hessian.T)[np.ix_(keep, keep)] / 2)
    se = np.zeros(x.size)
    se[keep] = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(fit.errors[:, :2], se.reshape(x.shape)[:, :2], rtol=1e-4)


def test_likelihood_is_the_integral() -> None:
    rng = np.random.default_rng(5)
    bank = items(size=4)
    scores = bank.draw(rng.normal(size=12), rng)
    model = Limited(scores, Scale(0.1), prior=None)
    x = np.stack([bank.discrimination, bank.intercepts,
                  np.where(bank.precision > 0, np.log(np.maximum(bank.precision, 1e-9)), -40.0)],
                 axis=1)  # fmt: skip
    for row, log in zip(scores, model.posterior(x)[2], strict=True):
        exact = quad(
            lambda t, row=row: np.exp(plain_log(bank, row, t) - t**2 / 2) / np.sqrt(2 * np.pi),
            -9, 9, epsabs=0, epsrel=1e-10, limit=300,
        )[0]  # fmt: skip
        assert log == pytest.approx(np.log(exact), abs=1e-6)


def test_the_edge_of_the_scale_is_found() -> None:
    rng = np.random.default_rng(7)
    for edge in (0.5, 1e-4):
        bank = items(edge, 25)
        fit = fit_continuous(of_matrix(bank.draw(rng.normal(size=80), rng)))
        assert abs(np.log10(fit.bank.edge) - np.log10(edge)) <= 1.0
        assert fit.adequacy.adequate
        assert np.corrcoef(fit.bank.discrimination, bank.discrimination)[0, 1] > 0.8


def test_right_or_wrong_items_are_a_normal_ogive() -> None:
    rng = np.random.default_rng(8)
    theta = rng.normal(size=150)
    scores = (rng.normal(size=(150, 10)) < theta[:, None]).astype(float)
    fit = fit_continuous(of_matrix(scores))
    assert (fit.bank.precision == 0).all() and (fit.between == 0).all()
    np.testing.assert_allclose(
        fit.bank.expected(np.array([0.5]))[0],
        ndtr(0.5 * fit.bank.discrimination + fit.bank.intercepts),
    )


def test_wrong_way_round_items_keep_their_sign() -> None:
    rng = np.random.default_rng(9)
    scores = items(size=8).draw(rng.normal(size=100), rng)
    scores[:, 3] = 1 - scores[:, 3]
    fit = fit_continuous(of_matrix(scores))
    assert fit.bank.discrimination[3] < 0 < fit.bank.discrimination[4]


def test_bad_inputs_are_named() -> None:
    rng = np.random.default_rng(1)
    scores = items().draw(rng.normal(size=20), rng)
    with pytest.raises(InputError, match="at least 10 subjects"):
        fit_continuous(of_matrix(scores[:6]))
    with pytest.raises(InputError, match="at least 3 items"):
        fit_continuous(of_matrix(scores[:, :2]))
    with pytest.raises(InputError, match="edge"):
        fit_continuous(of_matrix(scores), edge=0.7)
    apart = scores.copy()
    apart[:10, :6], apart[10:, 6:] = np.nan, np.nan
    with pytest.raises(InputError, match="2 parts that share no item"):
        fit_continuous(of_matrix(apart))
    bank = items()
    with pytest.raises(InputError, match="only, got one between"):
        bank.score(np.full((1, 12), 0.5))
    with pytest.raises(InputError, match=r"0 to 1, got 1\.5"):
        bank.score(np.full((1, 12), 1.5))


def test_all_right_constant_and_duplicated_are_survived() -> None:
    rng = np.random.default_rng(2)
    scores = items().draw(rng.normal(size=30), rng)
    scores[0], scores[1], scores[2] = 1.0, 0.0, scores[3]
    scores[:, 5] = 1.0
    scores[4, 7] = np.nan
    fit = fit_continuous(of_matrix(scores))
    assert fit.aside == ("item 6",) and np.isfinite(fit.ability).all()
    assert any("very scores of another" in c for c in fit.adequacy.concerns)
    assert fit.ability[0] > np.median(fit.ability) > fit.ability[1]
    assert fit.ability_sd[0] > np.median(fit.ability_sd)
    assert (fit.ability_se > fit.ability_sd).all()


def test_units_do_not_change_abilities() -> None:
    rng = np.random.default_rng(4)
    scores = items().draw(rng.normal(size=30), rng)
    one = fit_continuous(of_matrix(scores))
    ten = fit_continuous(of_matrix(scores * 10, high=10.0))
    np.testing.assert_allclose(one.ability, ten.ability, atol=1e-5)
    np.testing.assert_allclose(one.bank.expected(np.array([0.0])) * 10,
                               ten.bank.expected(np.array([0.0])), atol=1e-4)  # fmt: skip
    mean, sd = ten.bank.score(scores[:3] * 10)
    np.testing.assert_allclose(mean, ten.ability[:3], atol=1e-6)
    np.testing.assert_allclose(sd, ten.ability_sd[:3], atol=1e-6)


@pytest.mark.skipif(not REAL.exists(), reason="the shared data are not here")
def test_a_real_benchmark_of_preferences() -> None:
    fit = fit_continuous(REAL / "alpacaeval2_pref.csv", edge=1e-6)
    assert fit.adequacy.adequate and len(fit.bank.items) == 805
    assert fit.subjects[int(fit.ability.argmax())] == "FuseChat-Gemma-2-9B-Instruct"
    assert fit.log_likelihood == pytest.approx(304543.9, abs=0.5)
