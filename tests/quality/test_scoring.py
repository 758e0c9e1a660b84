"""Abilities and their intervals against plain integrals, and in the hard cases."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from calibrant._text import dumps
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, two_pl, write_bank
from calibrant.quality.scoring import kernel, score_bank
from calibrant.quality.scoring.certificates import CERTIFICATES
from calibrant.quality.scoring.curves import curves
from calibrant.stats.certificates import measure_certificate

GRADED = Bank(
    "grm", ("x", "y"), np.array([1.3, -0.7]), np.array([[1.0, 0, -1], [0.5, -0.5, np.nan]]),
    np.zeros(2), np.array([[0, 1, 2, 3.0], [0, 1, 2, np.nan]]),
)  # fmt: skip
TWO = two_pl(np.array([1.0, 2, -0.5]), np.array([0, 0.5, 1]))
BANKS = [
    TWO,
    two_pl(np.array([1.0, 2]), np.array([0, 0.5]), guessing=np.array([0.2, 0.1])),
    GRADED,
    replace(GRADED, model="gpcm"),
]
NAMES = [b.model for b in BANKS]


@pytest.mark.parametrize("bank", BANKS, ids=NAMES)
def test_curves_are_the_banks_and_their_derivatives(bank):
    theta, h = np.linspace(-4, 4, 9), 1e-4
    found = curves(bank, theta)
    np.testing.assert_allclose(found.p, bank.probabilities(theta), atol=1e-12)
    up, down = curves(bank, theta + h), curves(bank, theta - h)
    np.testing.assert_allclose(found.rise, (up.p - down.p) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(found.bend, (up.rise - down.rise) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(found.information, bank.information(theta), atol=1e-10)


@pytest.mark.parametrize("bank", BANKS, ids=NAMES)
def test_the_posterior_is_that_of_plain_integrals(bank):
    x = bank.draw(np.array([-2.0, 0, 2]), np.random.default_rng(1))
    x[0, 0] = np.nan
    found = score_bank(bank, x, level=0.9)
    category = bank.category_of(x)
    for i in range(3):

        def density(t, i=i):
            p = bank.probabilities(np.array([t]))[0]
            seen = [p[j, k] for j, k in enumerate(category[i]) if k >= 0]
            return np.exp(-t * t / 2) * np.prod(seen)

        mass = quad(density, -9, 9)[0]
        mean = quad(lambda t, f=density: t * f(t), -9, 9)[0] / mass
        square = quad(lambda t, f=density: t * t * f(t), -9, 9)[0] / mass
        np.testing.assert_allclose(found.ability[i], mean, atol=1e-7)
        np.testing.assert_allclose(found.standard_error[i], (square - mean**2) ** 0.5, atol=1e-7)
        np.testing.assert_allclose(quad(density, -9, found.low[i])[0] / mass, 0.05, atol=1e-5)
        np.testing.assert_allclose(quad(density, -9, found.high[i])[0] / mass, 0.95, atol=1e-5)


def test_answers_one_by_one_are_answers_together():
    grid = kernel(TWO)
    x = np.array([[1.0, 0, 1], [0, 0, 0]])
    state = grid.start(2)
    for j in range(3):
        state = grid.update(state, j, x[:, j].astype(int))
    mean, sd = grid.summary(state)
    found = score_bank(TWO, x, grid=grid)
    np.testing.assert_allclose(mean, found.ability, atol=1e-9)
    np.testing.assert_allclose(sd, found.standard_error, atol=1e-9)


def test_a_score_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="item item 1: wanted a score of 0, 1, got 0.5"):
        score_bank(TWO, np.array([[0.5, 0, 1]]))
    with pytest.raises(InputError, match="matrix with 3 items"):
        score_bank(TWO, np.zeros((2, 2)))
    with pytest.raises(InputError, match="eap, map, wle"):
        score_bank(TWO, np.zeros((2, 3)), "ml")


@pytest.mark.parametrize("slopes", [np.full(7, 1.2), np.array([1.6, -0.8, 0.5, 1, 2, 0.7, -1.3])])
@pytest.mark.parametrize("guessing", [None, 0.25])
def test_intervals_without_a_prior_cover_at_every_ability(slopes, guessing):
    # Every pattern of answers there is, so coverage is exact, not simulated.
    g = None if guessing is None else np.full(7, guessing)
    bank = two_pl(slopes, np.linspace(-1.5, 1.5, 7), guessing=g)
    patterns = np.array(list(product([0.0, 1.0], repeat=7)))
    found = score_bank(bank, patterns, "wle", details=False)
    assert ((found.low <= found.ability) & (found.ability <= found.high)).all()
    theta = np.linspace(-3, 3, 41)
    right = bank.probabilities(theta)[:, :, 1]
    chance = np.exp(patterns @ np.log(right).T + (1 - patterns) @ np.log(1 - right).T)
    inside = (found.low[:, None] <= theta) & (theta <= found.high[:, None])
    covered = (inside * chance).sum(axis=0)
    assert covered.min() > 0.94 and covered.mean() < 0.99


def test_warms_estimate_solves_its_equation():
    x = np.array(list(product([0.0, 1.0], repeat=3)))
    found = score_bank(TWO, x, "wle")
    at = curves(TWO, found.ability)
    category = TWO.category_of(x)
    score = np.take_along_axis(at.slope, category[:, :, None], axis=2)[:, :, 0].sum(axis=1)
    bonus = at.warm.sum(axis=1) / (2 * at.information.sum(axis=1))
    np.testing.assert_allclose(score + bonus, 0, atol=1e-4)
    np.testing.assert_allclose(found.standard_error, at.information.sum(axis=1) ** -0.5, rtol=1e-5)


def test_all_right_has_no_upper_limit_and_clopper_pearsons_lower_one():
    bank = two_pl(np.array([1.0, 1.5, 0.7]), np.array([0, 1.0, -1]))
    found = score_bank(bank, np.array([[1.0, 1, 1], [0, 0, 0]]), "wle", 0.9)
    low = brentq(lambda t: bank.probabilities(np.array([t]))[0, :, 1].prod() - 0.05, -8, 8)
    np.testing.assert_allclose(found.low[0], low, atol=0.01)
    assert found.high[0] == np.inf and found.low[1] == -np.inf
    assert any("best for subject 1" in n for n in found.notes)


def test_a_wrong_way_item_answered_right_lowers_ability():
    bank = two_pl(np.array([1.0, -1.0]), np.zeros(2))
    found = score_bank(bank, np.array([[1.0, 0], [1, 1], [0, 1]]), "wle")
    assert found.ability[0] > found.ability[1] > found.ability[2]
    assert found.high[0] == np.inf and found.low[2] == -np.inf


def test_the_error_of_items_widens_intervals():
    sure = two_pl(np.full(30, 1.2), np.linspace(-2, 2, 30))
    unsure = replace(sure, covariance=np.tile(np.diag([0.1, 0.2]), (30, 1, 1)))
    x = sure.draw(np.array([-1.0, 0, 1]), np.random.default_rng(2))
    for method in ("eap", "map", "wle"):
        known, carried = score_bank(sure, x, method), score_bank(unsure, x, method)
        assert (carried.high - carried.low > known.high - known.low).all()
        left_out = score_bank(unsure, x, method, uncertainty=False)
        np.testing.assert_array_equal(left_out.low, known.low)


@pytest.mark.parametrize("model", ["2pl", "grm", "gpcm"])
def test_averaged_curves_are_those_of_many_drawn_parameters(model):
    bank = TWO if model == "2pl" else replace(GRADED, model=model)
    size = bank.intercepts.shape[1] + 1
    bank = replace(bank, covariance=np.tile(np.eye(size) * 0.04, (len(bank.items), 1, 1)))
    theta = np.array([-1.0, 0.5])
    z = np.random.default_rng(0).normal(0, 0.2, (4000, len(bank.items), size))
    drawn = [
        replace(bank, discrimination=bank.discrimination + s[:, 0], covariance=None,
                intercepts=bank.intercepts + s[:, 1:]).probabilities(theta) for s in z
    ]  # fmt: skip
    np.testing.assert_allclose(curves(bank, theta).p, np.mean(drawn, axis=0), atol=0.004)


def test_who_answered_nothing_is_named_and_gets_the_prior_or_nothing():
    x = np.array([[1.0, 0, 1], [np.nan] * 3])
    prior, nothing = score_bank(TWO, x), score_bank(TWO, x, "wle")
    np.testing.assert_allclose([prior.ability[1], prior.low[1]], [0, -1.959964], atol=1e-4)
    assert np.isnan(nothing.ability[1]) and nothing.low[1] == -np.inf
    assert any("subject 2" in n for n in prior.notes) and "null" in dumps(nothing.to_dict())


def test_answers_that_do_not_go_together_are_named():
    bank = two_pl(np.full(40, 1.5), np.linspace(-2.5, 2.5, 40))
    x = bank.draw(np.random.default_rng(1).normal(size=30), np.random.default_rng(4))
    x[7] = (np.arange(40) >= 20).astype(float)  # right on the hard half only
    found = score_bank(bank, x)
    assert found.aberrant.tolist() == [i == 7 for i in range(30)] and found.fit[7] < -3


def test_the_plain_formula_of_snijders():
    bank = two_pl(np.array([1.0, 2, 0.7, 1.4]), np.array([0, 0.5, -1, 1]))
    x = np.array([[1.0, 0, 1, 1]])
    found = score_bank(bank, x, "wle")
    t = found.ability
    p = bank.probabilities(t)[0, :, 1]
    a = bank.discrimination
    w, rise = np.log(p / (1 - p)), a * p * (1 - p)
    r0 = (a**3 * p * (1 - p) * (1 - 2 * p)).sum() / (2 * (a**2 * p * (1 - p)).sum())
    c = (rise * w).sum() / (rise * a).sum()
    top = ((x[0] - p) * w).sum() + c * r0
    z = top / np.sqrt((p * (1 - p) * (w - c * a) ** 2).sum())
    np.testing.assert_allclose(found.fit, z, atol=1e-4)


def test_the_score_on_the_whole_bank_keeps_what_was_seen():
    bank = two_pl(np.full(10, 1.0), np.linspace(-1, 1, 10))
    x = bank.draw(np.array([0.3, -1]), np.random.default_rng(0))
    whole = score_bank(bank, x)
    for end in (whole.whole, whole.whole_low, whole.whole_high):
        np.testing.assert_allclose(end, x.mean(axis=1))
    part = x.copy()
    part[:, 5:] = np.nan
    found = score_bank(bank, part)
    assert (found.whole_low < found.whole).all() and (found.whole < found.whole_high).all()
    assert (found.whole_low >= x[:, :5].sum(axis=1) / 10).all()


def test_scores_between_two_are_shared_or_rounded_if_asked():
    shared = score_bank(TWO, np.array([[0.5, 0, 1]]), fractional="share").ability[0]
    ends = score_bank(TWO, np.array([[0.0, 0, 1], [1, 0, 1]])).ability
    rounded = score_bank(TWO, np.array([[0.6, 0, 1]]), fractional="round").ability[0]
    assert ends[0] < shared < ends[1] and rounded == ends[1]


def test_the_command_scores_a_table(tmp_path, capsys):
    write_bank(TWO, tmp_path / "bank.json")
    (tmp_path / "r.csv").write_text("model,item 1,item 2,other\nx,1,0,1\n\x1b[31my,0,1,1\n")
    common = ["items", "score", str(tmp_path / "bank.json"), str(tmp_path / "r.csv")]
    with pytest.raises(SystemExit) as end:
        main([*common, "--json"])
    assert end.value.code in (0, None)
    found = json.loads(capsys.readouterr().out)
    expected = score_bank(TWO, np.array([[1, 0, np.nan], [0, 1, np.nan]]))
    assert [s["ability"] for s in found["subjects"]] == pytest.approx(list(expected.ability))
    with pytest.raises(SystemExit):
        main([*common, "--figure", str(tmp_path / "f.svg")])
    out = capsys.readouterr().out
    assert "1 items of the responses are not in the bank" in out and "\x1b[31m" not in out
    assert "<svg" in (tmp_path / "f.svg").read_text()


def test_nothing_in_common_is_one_line(tmp_path, capsys):
    write_bank(TWO, tmp_path / "bank.json")
    (tmp_path / "r.csv").write_text("model,a,b\nx,1,0\n")
    with pytest.raises(SystemExit) as end:
        main(["items", "score", str(tmp_path / "bank.json"), str(tmp_path / "r.csv")])
    assert end.value.code == 2 and "share no item" in capsys.readouterr().err


@pytest.mark.parametrize("which", [0, 1])
def test_intervals_keep_their_promise(which):
    certificate = replace(
        CERTIFICATES[which], regimes=CERTIFICATES[which].regimes[1:3], beyond=()
    )  # fmt: skip
    for measured in measure_certificate(certificate, draws=250):
        assert not measured.broken
