"""Abilities and their intervals against plain integrals, and in the hard cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from calibrant.errors import InputError
from calibrant.quality.bank import Bank, two_pl
from calibrant.quality.scoring import kernel, score_bank
from calibrant.quality.scoring.curves import curves

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
