"""Operating curves: the same numbers as walking at every rate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import DesignError
from calibrant.stats import anytime, fixed, sprt
from calibrant.stats.stopping.curves import curve


def walked(design, rates):
    ends = [design.stops(float(r)) for r in rates]
    return np.array(
        [[e.probability("supported"), e.probability("refuted"), e.expected_n] for e in ends]
    ).T


@given(
    threshold=st.floats(0.02, 0.6),
    share=st.floats(0.1, 0.6),
    kind=st.sampled_from(["sprt", "fixed", "anytime"]),
    rates=st.lists(st.floats(0, 1), min_size=1, max_size=12),
)
@settings(max_examples=25)
def test_a_curve_is_what_walks_find(threshold, share, kind, rates):
    if kind == "anytime":
        design = anytime(threshold, at_most=400)
    else:
        design = (sprt if kind == "sprt" else fixed)(threshold, share * threshold)
    found = curve(design, rates)
    supported, refuted, expected = walked(design, found.rates)
    assert found.supported == pytest.approx(supported, abs=1e-9)
    assert found.refuted == pytest.approx(refuted, abs=1e-9)
    assert found.expected_trials == pytest.approx(expected, rel=1e-8)


def test_a_curve_of_a_finite_set_is_at_whole_items():
    design = sprt(0.2, 0.05, items=150)
    found = curve(design, np.linspace(0, 1, 40))
    assert found.rates * 150 == pytest.approx(np.round(found.rates * 150))
    supported, _, expected = walked(design, found.rates)
    assert found.supported == pytest.approx(supported, abs=1e-9)
    assert found.expected_trials == pytest.approx(expected, rel=1e-8)


def test_rates_so_far_apart_that_one_reference_cannot_hold_them():
    design = sprt(0.5, 0.4)
    found = curve(design, [1e-12, 0.001, 0.4, 0.5, 0.999, 1 - 1e-12])
    supported, _, expected = walked(design, found.rates)
    assert found.supported == pytest.approx(supported, abs=1e-9)
    assert found.expected_trials == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("rates", [[], [-0.1], [0.5, 1.2], [float("nan")]])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(DesignError, match="rates: wanted"):
        curve(sprt(0.3, 0.1), rates)
