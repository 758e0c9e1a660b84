"""Adjusted p-values against R's and twins, simultaneous coverage, the logic of margins."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import false_discovery_control

from calibrant.errors import InputError
from calibrant.stats.comparisons.multiplicity import adjust, conclude, simultaneous, tost
from calibrant.stats.estimates.intervals import Interval

METHODS = ["bonferroni", "holm", "hochberg", "benjamini-hochberg", "benjamini-yekutieli"]

# Benjamini and Hochberg (1995), section 3.2: 15 p-values of a thrombolysis study.
PUBLISHED = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
    0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip


def test_benjamini_and_hochbergs_example():
    rejected = {m: int((adjust(PUBLISHED, m) <= 0.05).sum()) for m in METHODS}
    assert rejected["bonferroni"] == rejected["holm"] == rejected["hochberg"] == 3
    assert rejected["benjamini-hochberg"] == 4


def test_as_r_p_adjust():
    p = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert adjust(p, "holm") == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert adjust(p, "hochberg") == pytest.approx([0.05] * 5)
    assert adjust(p, "benjamini-hochberg") == pytest.approx([0.05] * 5)
    assert adjust(p, "benjamini-yekutieli") == pytest.approx([0.05 * 137 / 60] * 5)
    assert adjust(p, "bonferroni") == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25])


def plain_holm(p, alpha):
    """Reject from the smallest on until one is too large."""
    rejected, left = set(), len(p)
    for i in sorted(range(len(p)), key=lambda i: p[i]):
        if p[i] * left > alpha:
            break
        rejected.add(i)
        left -= 1
    return rejected


def plain_step_up(p, alpha, factor):
    """Reject all up to the largest p that is small enough for its rank."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    last = max((r for r in range(1, len(p) + 1) if p[order[r - 1]] * factor(r) <= alpha), default=0)
    return set(order[:last])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.3))
@settings(max_examples=150, deadline=None)
def test_adjusting_is_the_step_by_step_procedure(p, alpha):
    m = len(p)
    harmonic = sum(1 / i for i in range(1, m + 1))
    twins = {
        "bonferroni": {i for i in range(m) if p[i] * m <= alpha},
        "holm": plain_holm(p, alpha),
        "hochberg": plain_step_up(p, alpha, lambda r: m + 1 - r),
        "benjamini-hochberg": plain_step_up(p, alpha, lambda r: m / r),
        "benjamini-yekutieli": plain_step_up(p, alpha, lambda r: harmonic * m / r),
    }
    for method, twin in twins.items():
        assert set(np.flatnonzero(adjust(p, method) <= alpha)) == twin, method
    for method, name in (("benjamini-hochberg", "bh"), ("benjamini-yekutieli", "by")):
        assert adjust(p, method) == pytest.approx(false_discovery_control(p, method=name))


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_rows_are_families(rows, m, seed):
    p = np.random.default_rng(seed).random((rows, m))
    for method in METHODS:
        together = adjust(p, method)
        assert np.array_equal(together, np.array([adjust(r, method) for r in p]))
        assert bool(np.all(together >= p))


@pytest.mark.parametrize("method", ["bonferroni", "holm"])
@pytest.mark.parametrize("effects", [(0, 0, 0, 0), (4, 4, 0, 0), (3, -3, 1, 0), (5, 5, 5, 5)])
def test_simultaneous_intervals_cover_together(method, effects):
    rng = np.random.default_rng(2)
    true = np.array(effects, float)
    shared = 0.6 * rng.standard_normal((600, 1)) + 0.8 * rng.standard_normal((600, 4))
    held = 0
    for x in true + shared:
        found = simultaneous(x, np.ones(4), method=method).intervals
        # A limit at 0 is open: it decides the sign.
        held += all(
            (i.low < t if i.low == 0 else i.low <= t)
            and (t < i.high if i.high == 0 else t <= i.high)
            for i, t in zip(found, true, strict=True)
        )
    assert held / 600 >= 0.95 - 3 * (0.05 * 0.95 / 600) ** 0.5


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_holm_decides_at_least_as_many_signs(x):
    one = simultaneous(x, np.ones(len(x)))
    two = simultaneous(x, np.ones(len(x)), method="holm")
    for a, b in zip(one.decided, two.decided, strict=True):
        assert a in (0, b)
    reach = -ndtri(0.05 / (2 * len(x)))
    assert one.intervals[0].high == pytest.approx(x[0] + reach)
    json.dumps(two.to_dict(), allow_nan=False)
    assert "hold together" in repr(two)


def interval(low, high, level=0.95):
    return Interval(low, high, level, "test")


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.01, 0.3, "A is better"),
        (-0.3, -0.01, "B is better"),
        (0.01, 0.05, "A is better, by less than the margin"),
        (-0.05, 0.05, "equivalent within margin"),
        (-0.05, 0.2, "A is not inferior by the margin; no evidence that either is better"),
        (-0.2, 0.05, "B is not inferior by the margin; no evidence that either is better"),
        (-0.2, 0.2, "no evidence either way"),
        (-0.1, 0.1, "no evidence either way"),
    ],
)
def test_conclusions(low, high, text):
    assert str(conclude(interval(low, high), 0.1)) == text


def test_the_margin_is_judged_by_the_narrow_interval():
    wide, narrow = interval(-0.12, 0.11), interval(-0.09, 0.08, 0.9)
    assert conclude(wide, 0.1).equivalent is False
    assert conclude(wide, 0.1, narrow=narrow).equivalent is True
    assert conclude(wide).equivalent is None
    assert str(conclude(wide)) == "no evidence either way"
    with pytest.raises(InputError, match="level"):
        conclude(wide, 0.1, narrow=interval(-0.09, 0.08))
    with pytest.raises(InputError, match="inside"):
        conclude(wide, 0.1, narrow=interval(-0.2, 0.08, 0.9))
    with pytest.raises(InputError, match="margin"):
        conclude(wide, 0.0)


@given(st.floats(-1, 1), st.floats(0.01, 1), st.floats(0.05, 1))
@settings(max_examples=60, deadline=None)
def test_tost_agrees_with_the_interval(d, u, margin):
    reach = 1.6448536269514722 * u
    inside = -margin < d - reach and d + reach < margin
    p = tost(d, u, margin)
    assert 0 <= p <= 1
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == inside


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: adjust([]), "at least one"),
        (lambda: adjust([0.1, np.nan]), "0–1"),
        (lambda: adjust([0.1], "fdr"), "method"),
        (lambda: simultaneous([1.0], [0.0]), "above 0"),
        (lambda: simultaneous([1.0, 2.0], [1.0]), "as long"),
        (lambda: simultaneous([1.0], [1.0], level=1.0), "level"),
        (lambda: simultaneous([1.0], [1.0], df=[1, 2]), "df"),
        (lambda: simultaneous([1.0], [1.0], method="none"), "method"),
        (lambda: tost(0.1, 0.0, 0.1), "standard_uncertainty"),
    ],
)
def test_refusals(call, match):
    with pytest.raises(InputError, match=match):
        call()
