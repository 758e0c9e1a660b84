"""Rare events: unbiased pass@k, floors, tails against their law, and refusals."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest

from calibrant.errors import InputError, UnfitError
from calibrant.scaling.rare.attempts import best_of_n
from calibrant.scaling.rare.deploy import deployment, hidden_mode
from calibrant.scaling.rare.largest import tail
from calibrant.scaling.rare.passes import all_of, fixed_variance, pass_at_k, pass_hat_k


def test_pass_at_k_is_the_share_of_subsets():
    for n, c, k in product((4, 9), (0, 1, 3, 4), (1, 2, 4)):
        (one,) = pass_at_k([c, c], [n, n], (k,))
        assert one.value == pytest.approx(1 - comb(n - c, k) / comb(n, k), abs=1e-12)
        (every,) = pass_hat_k([c, c], [n, n], (k,))
        assert every.value == pytest.approx(comb(c, k) / comb(n, k), abs=1e-12)


def test_the_variance_over_fixed_items_has_no_bias():
    n, k, p = 7, 3, 0.4
    mass = np.array([comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)])
    u = all_of(np.arange(n + 1), n, k)
    true = float(mass @ u**2 - (mass @ u) ** 2)
    found = [fixed_variance(np.array([c]), np.array([n]), k) for c in range(n + 1)]
    assert float(mass @ found) == pytest.approx(true, rel=1e-9)


def test_without_events_the_limit_is_the_floor():
    d = deployment(np.zeros(500, int), np.ones(500, int), deployments=(1e4,))
    assert d.floor == pytest.approx(1 - 0.05 ** (1 / 500)) and d.high >= d.floor
    assert d.at_least_one[0].value == 0 and d.at_least_one[0].high > 0.999
    assert hidden_mode(500, 1e4).worst_share == pytest.approx(d.floor)


def test_a_tail_of_known_law_is_found_and_few_values_are_refused():
    x = np.random.default_rng(0).exponential(size=2000)
    found = tail(x, of="score", deployments=(1e5,))
    assert found.levels[0].low < np.log(1e5) < found.levels[0].high
    assert found.shape.low < 0 < found.shape.high
    with pytest.raises(UnfitError, match="at least 125"):
        tail(x[:100], of="score")
    with pytest.raises(InputError, match="wanted 0 ≤ p < 1"):
        tail([0.5, 1.0], of="probability")


def test_best_of_n_stays_within_what_any_law_allows():
    rng = np.random.default_rng(1)
    n = np.full(200, 50)
    found = best_of_n(rng.binomial(n, rng.beta(0.3, 3, 200)), n, (1000,))
    (one,) = found.curve
    assert one.bound_low <= one.low <= one.value <= one.high <= one.bound_high
    assert found.exponent.low < 0.3 < found.exponent.high
    with pytest.raises(UnfitError, match="events in at least 3 items"):
        best_of_n(np.zeros(50, int), np.full(50, 5), (10,))
