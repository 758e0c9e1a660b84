"""Intervals for claims: what they hold, that they are monotone, and when they refuse to decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.judges.correction.claim import (
    Validation,
    apparent_level,
    corrected_interval,
)
from calibrant.stats.estimates.intervals import clopper_pearson

GOOD = Validation(95, 100, 98, 100)
LEVEL = apparent_level(0.95)


def plain(study, low, high, rest):
    """Every true rate on a grid for which some sensitivity and specificity fit."""
    se = clopper_pearson(study.hits, study.positives, level=1 - rest / 2)
    sp = clopper_pearson(study.rejections, study.negatives, level=1 - rest / 2)
    t = np.linspace(0, 1, 4001)
    least = t * se.low + (1 - t) * (1 - sp.high)
    most = t * se.high + (1 - t) * (1 - sp.low)
    fits = t[(least <= high) & (most >= low)]
    return (fits[0], fits[-1]) if fits.size else None


counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts, st.floats(0, 1), st.floats(0, 1))
def test_the_interval_is_every_rate_that_fits(yes, no, a, b):
    study = Validation(*yes, *no)
    low, high = min(a, b), max(a, b)
    found = corrected_interval(study, low, high, apparent_level=LEVEL)
    wanted = plain(study, low, high, 0.05 - (1 - LEVEL))
    if wanted is None:
        assert not found.consistent or found.high - found.low < 1e-3
    else:
        assert found.consistent
        assert (found.low, found.high) == pytest.approx(wanted, abs=4e-4)


@given(counts, counts, st.floats(0.05, 0.9), st.floats(0, 0.1))
def test_wider_apparent_limits_and_higher_levels_never_narrow(yes, no, low, more):
    study = Validation(*yes, *no)
    inner = corrected_interval(study, low, low + 0.02, apparent_level=LEVEL)
    outer = corrected_interval(study, max(0, low - more), low + 0.02 + more / 2,
                               apparent_level=LEVEL)  # fmt: skip
    if inner.consistent:
        assert outer.low <= inner.low + 1e-12
        assert outer.high >= inner.high - 1e-12
        surer = corrected_interval(study, low, low + 0.02, apparent_level=0.995, level=0.99)
        assert surer.low <= inner.low + 1e-12
        assert surer.high >= inner.high - 1e-12


def test_a_grader_no_better_than_chance_leaves_all_rates():
    found = corrected_interval(Validation(10, 20, 10, 20), 0.3, 0.5, apparent_level=LEVEL)
    assert (found.low, found.high) == (0, 1)
    assert found.consistent


def test_without_a_study_nothing_is_known():
    found = corrected_interval(Validation(0, 0, 0, 0), 0.0, 0.01, apparent_level=LEVEL)
    assert (found.low, found.high) == (0, 1)


def test_a_study_that_does_not_fit_is_said():
    """Specificity 0.5 for sure, but hardly any positive grade among the trials."""
    found = corrected_interval(Validation(1000, 1000, 500, 1000), 0.0, 0.01, apparent_level=LEVEL)
    assert not found.consistent
    assert (found.low, found.high) == (0, 1)
    assert "acts differently" in repr(found)


def test_one_side_spends_all_its_error_there():
    high = clopper_pearson(3, 300, level=LEVEL, side="upper").high
    one = corrected_interval(GOOD, 0.0, high, apparent_level=LEVEL, side="upper", seen=0.01)
    two = corrected_interval(GOOD, 0.0, high, apparent_level=LEVEL)
    assert one.low == 0
    assert one.high < two.high
    assert one.high > high * 0.9
    lower = corrected_interval(GOOD, 0.2, 1.0, apparent_level=LEVEL, side="lower")
    assert lower.high == 1
    assert 0.1 < lower.low < 0.3


def test_least_and_most_are_the_graders_part_alone():
    found = corrected_interval(GOOD, 0.05, 0.2, apparent_level=LEVEL, seen=0.1)
    assert found.low <= found.least < 0.1 < found.most <= found.high


def test_could_flip():
    found = corrected_interval(GOOD, 0.05, 0.09, apparent_level=LEVEL)
    assert found.high > 0.09
    # The grades alone say "below 0.095"; the grader's errors do not allow that.
    assert found.could_flip(0.095, "<")
    assert not found.could_flip(0.9, "<")
    # The grades alone decide nothing.
    assert not found.could_flip(0.07, "<")
    # The grades say "above 0.04", but all of them may be false alarms.
    assert found.could_flip(0.04, ">")
    assert found.could_flip(0.0, ">=") is False
    with pytest.raises(InputError, match="relation"):
        found.could_flip(0.1, "=")
    with pytest.raises(InputError, match="threshold"):
        found.could_flip(1.1, "<")


def test_studies_from_rows_with_clusters():
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 2, 200)
    verdicts = np.where(rng.random(200) < 0.9, gold, 1 - gold)
    alone = Validation.of(verdicts, gold)
    grouped = Validation.of(verdicts, gold, np.arange(200) // 5)
    assert (alone.hits, alone.positives) == (grouped.hits, grouped.positives)
    one = corrected_interval(alone, 0.1, 0.2, apparent_level=LEVEL)
    two = corrected_interval(grouped, 0.1, 0.2, apparent_level=LEVEL)
    assert two.high - two.low >= one.high - one.low
    assert "betting" in two.method
    single = Validation.of(verdicts, gold, np.zeros(200, int))
    found = corrected_interval(single, 0.1, 0.2, apparent_level=LEVEL)
    assert (found.low, found.high) == (0, 1)


def test_plain_data():
    data = corrected_interval(GOOD, 0.05, 0.2, apparent_level=LEVEL, seen=0.1).to_dict()
    assert data["apparent"] == [0.05, 0.2]
    assert set(data) >= {"low", "high", "level", "least", "most", "consistent"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"low": 0.4, "high": 0.3}, "apparent limits"),
        ({"high": 1.2}, "apparent limits"),
        ({"apparent_level": 0.95}, "wanted above the level"),
        ({"apparent_level": 1.0}, "level"),
        ({"side": "both"}, "side"),
        ({"seen": 2.0}, "seen"),
    ],
)
def test_what_is_refused(change, said):
    given_ = {"low": 0.1, "high": 0.3, "apparent_level": LEVEL} | change
    with pytest.raises(InputError, match=said):
        corrected_interval(GOOD, given_.pop("low"), given_.pop("high"), **given_)


def test_rows_that_are_no_study_are_refused():
    with pytest.raises(InputError, match="0 and 1"):
        Validation.of([0, 2], [0, 1])
    with pytest.raises(InputError, match="each"):
        Validation.of([0, 1, 1], [0, 1])
    with pytest.raises(InputError, match="clusters"):
        Validation.of([0, 1], [0, 1], [1])
    with pytest.raises(InputError, match="share"):
        apparent_level(0.95, share=1.0)
