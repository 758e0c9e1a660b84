"""The probability that a claim holds for the next subject: integrals, priors, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from calibrant.errors import InputError, UnfitError
from calibrant.scaling import will_hold
from calibrant.scaling.transfer import holds
from calibrant.scaling.transfer.certificates import calibration as _calibration


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 100_000), st.floats(0, 1), st.floats(-12, 12), st.floats(0.03, 8))
@example(77, 0.0, 3.0, 0.5)  # the mass lies 8.5 standard deviations from the centre
@example(100_000, 1.0, -10.94, 0.59)  # where a free Newton step lands a million away
@example(100_000, 1e-5, 10.8, 0.28)
@example(10_000, 1.0, -6.46, 0.04)  # where free Newton steps go to and fro
@example(77, 0.0, -7.6, 6.8)  # a plateau beside a normal tail
def test_the_integral_agrees_with_the_trapezium_rule(
    trials: int, share: float, centre: float, spread: float
) -> None:
    count = round(share * trials)

    def log(z: np.ndarray) -> np.ndarray:
        eta = centre + spread * z
        return count * eta - trials * np.logaddexp(0, eta) - 0.5 * z**2

    # Over all that is not negligible, wherever it lies.
    coarse = np.linspace(-900, 900, 400_001)
    seen = coarse[log(coarse) > log(coarse).max() - 50]
    z = np.linspace(seen.min() - 0.01, seen.max() + 0.01, 20_001)
    each = log(z)
    mass = np.exp(each - each.max()).sum() * (z[1] - z[0]) / np.sqrt(2 * np.pi)
    found = holds._integrated(float(count), float(trials), np.array([centre]), np.array([spread]))
    assert found[0] == pytest.approx(each.max() + np.log(mass), abs=5e-3)


def test_the_probability_agrees_with_a_plain_sum() -> None:
    """Everything by brute force on a coarse grid, for two subjects."""
    x, n, cut = np.array([2.0, 5.0]), np.array([100.0, 80.0]), np.log(0.1 / 0.9)
    z = np.linspace(-6, 6, 241)
    weight, held = 0.0, 0.0
    for spread in holds._SPREADS:
        for mean in np.linspace(cut - 9, cut + 9, 121):
            eta = mean + spread * z
            each = np.exp(x[:, None] * eta - n[:, None] * np.logaddexp(0, eta) - 0.5 * z**2 + 30)
            w = each.sum(axis=1).prod() * np.exp(-0.5 * ((mean - cut) / holds.MEAN_SD) ** 2)
            w *= spread / (1 + spread**2)
            weight += w
            held += w * 0.5 * (1 + _erf((cut - mean) / spread / np.sqrt(2)))
    found = will_hold(x, n, threshold=0.1)
    assert found.probability == pytest.approx(held / weight, abs=5e-3)
    assert "two subjects" in found.warnings[0]


def _erf(x: float) -> float:
    from math import erf

    return erf(x)


def test_above_mirrors_below() -> None:
    n = np.full(4, 100.0)
    a = will_hold([3, 5, 2, 9], n, threshold=0.1)
    b = will_hold([97, 95, 98, 91], n, threshold=0.9, relation="above")
    assert a.probability == pytest.approx(b.probability, abs=1e-6)
    assert a.share_low < a.share < a.share_high
    assert a.next_high == pytest.approx(1 - b.next_low, abs=1e-6)
    assert set(a.sensitivity) == {"subjects differ half as much", "subjects differ twice as much"}


def test_more_subjects_say_more() -> None:
    chances = [will_hold([0] * k, [300] * k, threshold=0.02).probability for k in (2, 4, 8)]
    assert chances == sorted(chances)
    assert 0.85 < chances[0] < 0.96


def test_one_subject_is_not_a_family() -> None:
    found = will_hold([0], [1000], threshold=0.02)
    assert found.probability is None
    assert "one subject" in found.withheld
    assert "not said" in repr(found)


def test_a_subject_unlike_the_others_is_named() -> None:
    found = will_hold([0, 1, 0, 1, 90], [300] * 5, threshold=0.02, subject=[*"abcd", "odd"])
    assert list(found.outlying) == ["odd"]
    same = will_hold([3, 1, 2, 1, 4], [300] * 5, threshold=0.02)
    assert same.outlying == {}


def test_a_line_in_scale() -> None:
    falling = [60, 40, 25, 15, 10]
    flat = will_hold(falling, [300] * 5, threshold=0.05)
    found = will_hold(falling, [300] * 5, threshold=0.05, scale=[20, 21, 22, 23, 24], at=25)
    assert found.probability > flat.probability
    assert found.slope[2] < 0
    assert found.distance == pytest.approx(1)
    assert any("beyond the assessed" in w for w in found.warnings)


def test_a_line_is_not_followed_far() -> None:
    far = will_hold([60, 40, 25, 15], [300] * 4, threshold=0.05, scale=[20, 21, 22, 23], at=30)
    assert far.probability is None
    assert "further than they are apart" in far.withheld


def test_a_corrected_rate_is_worth_what_its_error_says() -> None:
    assert holds.worth(0.2, 0.04, 1000) == pytest.approx((20.0, 100.0))
    assert holds.worth(0.2, 0.0, 50) == (10.0, 50)
    counted, trials = holds.worth(0.0, 0.01, 400)
    assert counted == 0
    assert 0 < trials < 400


@pytest.mark.parametrize(
    ("counted", "options", "error", "says"),
    [
        ([5], {"threshold": 1.0}, InputError, "threshold"),
        ([500, 1], {}, InputError, "0 to 300"),
        ([1, 2], {"level": 2.0}, InputError, "level"),
        ([1, 2], {"at": 3.0}, InputError, "none of those assessed"),
        ([1, 2], {"scale": [1, 2]}, InputError, "wanted the scale of the next"),
        ([1, 2], {"scale": [1, np.nan], "at": 2.0}, InputError, "finite scale"),
        ([1, 2, 3], {"scale": [1, 2, 3], "at": 4.0}, UnfitError, "needs 4 subjects"),
        ([1, 2, 3, 4], {"scale": [2, 2, 2, 2], "at": 4.0}, UnfitError, "different scales"),
    ],
)
def test_wrong_input_is_refused(counted, options, error, says) -> None:
    with pytest.raises(error, match=says):
        will_hold(counted, [300] * len(counted), **{"threshold": 0.1} | options)


def test_families_from_the_prior_are_calibrated() -> None:
    rng = np.random.default_rng(5)
    said, truth = np.empty(60), np.empty(60)
    for i in range(60):
        eta = -3 + rng.normal(0, 2.5) + abs(rng.standard_cauchy()) * rng.normal(size=4)
        x = rng.binomial(200, expit(eta[:3]))
        cut = 1 / (1 + np.exp(3))
        said[i] = will_hold(x, [200] * 3, threshold=cut, checks=False).probability
        truth[i] = eta[3] < -3
    assert abs(said.mean() - truth.mean()) < 0.15
    assert np.mean((said - truth) ** 2) < 0.25
    assert _calibration(np.array([0.1, 0.9]), np.array([0.0, 1.0])) == pytest.approx(0.1)
