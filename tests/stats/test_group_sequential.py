"""Group-sequential boundaries against published constants, simulation and a plain recursion."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from calibrant.errors import DesignError, InputError
from calibrant.stats.stopping.crossings import crossing
from calibrant.stats.stopping.group_sequential import (
    futility_boundaries,
    shaped_boundaries,
    spending_boundaries,
    spending_function,
)


# Jennison and Turnbull (2000), tables 2.1 and 2.3 (two-sided alpha 0.05), 2.2 and 2.4 (power 0.9).
@pytest.mark.parametrize(
    ("looks", "pocock", "fleming", "pocock_size", "fleming_size"),
    [
        (1, 1.960, 1.960, 1.000, 1.000),
        (2, 2.178, 1.977, 1.100, 1.007),
        (3, 2.289, 2.004, 1.151, 1.016),
        (4, 2.361, 2.024, 1.183, 1.022),
        (5, 2.413, 2.040, 1.207, 1.026),
        (10, 2.555, 2.087, 1.271, 1.037),
        (20, 2.672, 2.126, 1.327, 1.045),
    ],
)
def test_published_constants_and_sample_sizes(looks, pocock, fleming, pocock_size, fleming_size):
    flat, steep = shaped_boundaries(looks, "pocock"), shaped_boundaries(looks, "obrien-fleming")
    assert np.round(flat.upper, 3) == pytest.approx(np.full(looks, pocock))
    assert steep.upper[-1] == pytest.approx(fleming, abs=6e-4)
    k = np.arange(1, looks + 1)
    assert steep.upper == pytest.approx(steep.upper[-1] * np.sqrt(looks / k))
    assert flat.inflation(0.9) == pytest.approx(pocock_size, abs=6e-4)
    assert steep.inflation(0.9) == pytest.approx(fleming_size, abs=6e-4)


def test_wang_tsiatis_constants():
    # Jennison and Turnbull (2000), table 2.9: Δ = 0.25, K = 5, alpha 0.05.
    assert shaped_boundaries(5, 0.25).upper[-1] == pytest.approx(2.136, abs=6e-4)
    assert shaped_boundaries(5, 0.5).upper == pytest.approx(shaped_boundaries(5, "pocock").upper)


def test_published_spending_boundaries():
    # Lan and DeMets' type, as in the R packages ldbounds and gsDesign.
    mine = spending_boundaries(5).upper
    assert np.round(mine, 3) == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031])
    mine = spending_boundaries(5, "pocock").upper
    assert np.round(mine, 3) == pytest.approx([2.438, 2.427, 2.410, 2.397, 2.386])
    mine = spending_boundaries(3, "hwang-shih-decani", alpha=0.025, sides=1).upper
    assert np.round(mine, 4) == pytest.approx([3.0107, 2.5465, 1.9992])


def test_published_futility_boundaries():
    # gsDesign(k = 3) of the R package gsDesign: its default design.
    mine = futility_boundaries(3, "hwang-shih-decani", alpha=0.025, power=0.9)
    assert np.round(mine.upper, 4) == pytest.approx([3.0107, 2.5465, 1.9992])
    assert np.round(mine.lower, 4) == pytest.approx([-0.2387, 0.9411, 1.9992], abs=2e-4)
    fixed = norm.isf(0.025) + norm.isf(0.1)
    assert (mine.drift / fixed) ** 2 == pytest.approx(1.0699, abs=1e-4)


@pytest.mark.parametrize("binding", [False, True])
def test_futility_spends_exactly_what_it_says(binding):
    mine = futility_boundaries(4, alpha=0.025, power=0.8, binding=binding)
    true, null = mine.crossing(mine.drift), mine.crossing(0.0)
    assert true.power == pytest.approx(0.8, abs=1e-7)
    assert true.lower.sum() == pytest.approx(0.2, abs=1e-7)
    ignored = crossing(mine.fractions, mine.upper)
    if binding:
        assert null.power == pytest.approx(0.025, abs=1e-7)
        assert ignored.power > 0.025
    else:
        assert ignored.power == pytest.approx(0.025, abs=1e-7)
        assert null.power < 0.025
    assert null.expected < mine.crossing(mine.drift).expected < 1


def plain_crossing(t, upper, lower, drift):
    """Crossing chances from multivariate normal boxes."""
    t = np.asarray(t)
    scale = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    mean = drift * np.sqrt(t)

    def box(k, a, b):
        low = np.append(lower[:k], a)
        high = np.append(upper[:k], b)
        if k == 0:
            return norm.cdf(b, mean[0]) - norm.cdf(a, mean[0])
        law = multivariate_normal(
            mean[: k + 1], scale[: k + 1, : k + 1], seed=1, abseps=1e-7, releps=1e-7
        )
        return law.cdf(high, lower_limit=low)

    above = [box(k, upper[k], 30.0) for k in range(t.size)]
    below = [box(k, -30.0, lower[k]) for k in range(t.size)]
    return np.array(above), np.array(below)


@given(
    steps=st.lists(st.floats(0.01, 1), min_size=1, max_size=3),
    upper=st.lists(st.floats(0.5, 4), min_size=3, max_size=3),
    lower=st.lists(st.floats(-4, 0.4), min_size=3, max_size=3),
    drift=st.floats(-3, 4),
)
@settings(max_examples=12, deadline=None)
def test_crossing_agrees_with_multivariate_normal_boxes(steps, upper, lower, drift):
    t = np.cumsum(steps) / sum(steps)
    b, a = np.array(upper[: t.size]), np.array(lower[: t.size])
    mine = crossing(t, b, a, drift)
    above, below = plain_crossing(t, b, a, drift)
    assert mine.upper == pytest.approx(above, abs=2e-5)
    assert mine.lower == pytest.approx(below, abs=2e-5)


def test_crossing_agrees_with_simulated_paths():
    design = spending_boundaries([0.1, 0.15, 0.5, 0.9, 1.0], "pocock", alpha=0.1)
    rng = np.random.default_rng(1)
    steps = np.diff(np.append(0, design.fractions))
    paths = np.cumsum(rng.normal(2 * steps, np.sqrt(steps), (200_000, 5)), axis=1)
    z = paths / np.sqrt(design.fractions)
    out = (z >= design.upper) | (z <= design.lower)
    first = np.where(out.any(axis=1), out.argmax(axis=1), 5)
    found = design.crossing(2.0)
    for k in range(5):
        assert np.mean(first == k) == pytest.approx(found.upper[k] + found.lower[k], abs=0.004)
    ends = design.fractions[np.minimum(first, 4)]
    assert ends.mean() == pytest.approx(found.expected, abs=0.003)


def test_many_and_uneven_looks_spend_exactly_alpha():
    for fractions in (50, [0.001, 0.5, 0.501, 1.0], [0.2, 0.998, 1.0]):
        design = spending_boundaries(fractions, alpha=0.05)
        found = design.crossing()
        assert found.upper.sum() + found.lower.sum() == pytest.approx(0.05, abs=1e-7)
        assert design.upper[-1] >= norm.isf(0.025) - 1e-6


@pytest.mark.parametrize("t", [[0.5, 0.501, 1.0], [0.01, 0.99, 1.0], [0.2, 0.203, 0.206]])
def test_looks_close_together_are_resolved(t):
    b, a = np.array([2.0, 1.9, 2.1]), np.array([-0.5, -0.6, -2.1])
    mine = crossing(t, b, a, 1.0)
    above, below = plain_crossing(np.array(t), b, a, 1.0)
    assert mine.upper == pytest.approx(above, abs=2e-5)
    assert mine.lower == pytest.approx(below, abs=2e-5)


def test_one_sided_at_half_alpha_is_close_to_two_sided():
    one = shaped_boundaries(5, "pocock", alpha=0.025, sides=1)
    two = shaped_boundaries(5, "pocock", alpha=0.05, sides=2)
    assert one.upper == pytest.approx(two.upper, abs=1e-3)
    assert np.all(np.isneginf(one.lower))
    assert one.to_dict()["lower"] == [None] * 5


def test_spending_functions_run_from_nothing_to_all():
    for kind in ("obrien-fleming", "pocock", "hwang-shih-decani"):
        spend = spending_function(kind, 0.05)
        grid = [spend(t) for t in np.linspace(1e-6, 1, 50)]
        assert np.all(np.diff(grid) >= 0)
        assert grid[0] < 1e-6
        assert grid[-1] == 0.05
    assert spending_function("hwang-shih-decani", 0.05, 0.0)(0.3) == pytest.approx(0.015)


def test_expected_size_and_power_are_joined():
    # Jennison and Turnbull (2000), table 2.7: Pocock, K = 5, alpha 0.05, power 0.9: 68.5 % at δ.
    design = shaped_boundaries(5, "pocock")
    drift = design.drift_for(0.9)
    assert design.crossing(drift).power == pytest.approx(0.9)
    assert design.expected_size(drift, 0.9) == pytest.approx(0.685, abs=1e-3)
    assert "reject at z ≥ 2.413" in repr(design)


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (lambda: shaped_boundaries(0, "pocock"), InputError, "looks: wanted 1–100"),
        (lambda: shaped_boundaries([0.5, 0.5001, 1], "pocock"), InputError, "steps of at least"),
        (lambda: shaped_boundaries(np.linspace(0.5, 1, 101), "pocock"), InputError, "100 looks"),
        (lambda: shaped_boundaries([0.5, 0.4, 1], "pocock"), InputError, "rise"),
        (lambda: shaped_boundaries([0.5, 0.9], "pocock"), InputError, "last to be 1"),
        (lambda: shaped_boundaries([0.5, math.nan], "pocock"), InputError, "finite"),
        (lambda: shaped_boundaries(3, "haybittle"), DesignError, "shape"),
        (lambda: shaped_boundaries(3, 3.0), DesignError, "shape"),
        (lambda: shaped_boundaries(3, "pocock", alpha=0.7), DesignError, "alpha"),
        (lambda: shaped_boundaries(3, "pocock", sides=3), DesignError, "sides"),
        (lambda: spending_boundaries(3, "none"), DesignError, "spending"),
        (lambda: spending_boundaries(3, gamma=math.inf), DesignError, "gamma"),
        (lambda: futility_boundaries(3, power=0.01), DesignError, "power"),
        (lambda: crossing([0.5, 1], [2.0]), InputError, "upper: wanted one"),
        (lambda: crossing([0.5, 1], [2.0, 2.0], [0, 3.0]), InputError, "lower: wanted at most"),
        (lambda: shaped_boundaries(3, "pocock").drift_for(1.0), InputError, "power"),
        (lambda: spending_function("pocock", 1.5), DesignError, "error to spend"),
    ],
)
def test_what_cannot_be_is_refused(work, error, message):
    with pytest.raises(error, match=message):
        work()
