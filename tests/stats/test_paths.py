"""The path kernel against a plain dictionary walk, and against whole-number path counts."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.stats import Boundary, anytime, sprt, stops
from calibrant.stats.stopping.paths import KINDS, NEVER, without_replacement


def plain(boundary, p, items=None, events=None):
    """Walk every state (n, k, closed) one trial at a time, in exact arithmetic."""
    b, out = boundary, {}
    alive = {(0, False): Fraction(1)}
    for n in range(1, b.horizon + 1):
        after = {}
        for (k, closed), mass in alive.items():
            chance = p if items is None else Fraction(events - k, items - (n - 1))
            for outcome, share in ((1, chance), (0, 1 - chance)):
                if share == 0:
                    continue
                j, shut, kind = k + outcome, closed, None
                if outcome and n <= b.refute[j]:
                    kind = "refuted"
                elif outcome and n <= b.futile[j]:
                    shut = True
                if kind is None and not shut and n >= b.support[j]:
                    kind = "supported"
                elif kind is None and shut and n >= b.give_up[j]:
                    kind = "futile"
                elif kind is None and n >= b.horizon:
                    kind = "exhausted"
                if kind is None:
                    after[j, shut] = after.get((j, shut), 0) + mass * share
                else:
                    out[n, j, kind] = out.get((n, j, kind), 0) + mass * share
        alive = after
    assert not alive
    return out


def as_dict(found):
    out = {}
    for n, k, kind, mass in zip(found.n, found.k, found.kind, found.mass, strict=True):
        key = (int(n), int(k), KINDS[kind])
        out[key] = out.get(key, 0.0) + float(mass)
    return out


def same(found, expected):
    for key in set(found) | set(expected):
        assert found.get(key, 0.0) == pytest.approx(float(expected.get(key, 0)), abs=1e-13), key


@st.composite
def boundaries(draw):
    horizon = draw(st.integers(1, 14))
    rows = horizon + 1
    support, last = [], 0
    for _ in range(rows):
        last += draw(st.integers(1, 5))
        support.append(last if last <= horizon and draw(st.booleans()) else NEVER)
    seen = [s for s in support if s != NEVER]
    support = np.array([*seen, *[NEVER] * (rows - len(seen))])
    futile = np.array([-1] + [draw(st.integers(-1, horizon)) for _ in range(rows - 1)])
    futile = np.where(support == NEVER, horizon, np.minimum(futile, support - 1))
    futile[0] = -1
    refute = np.array([min(int(f), draw(st.integers(-1, horizon))) for f in futile])
    give_up = np.array([draw(st.integers(1, horizon + 2)) for _ in range(rows)])
    return Boundary(support, futile, refute, give_up, horizon)


@given(boundaries(), st.fractions(0, 1, max_denominator=20))
@settings(max_examples=150, deadline=None)
def test_the_kernel_agrees_with_the_plain_walk(boundary, p):
    found = stops(boundary, float(p))
    same(as_dict(found), plain(boundary, p))
    assert found.mass.sum() == pytest.approx(1.0, abs=1e-12)


@given(boundaries(), st.integers(1, 20), st.data())
@settings(max_examples=80, deadline=None)
def test_draws_without_replacement_agree_with_the_plain_walk(boundary, more, data):
    items = boundary.horizon + more
    events = data.draw(st.integers(1, items - 1))
    p = events / items
    found = without_replacement(stops(boundary, p), events, items, p)
    same(as_dict(found), plain(boundary, None, items, events))


def test_a_started_path_goes_on_from_where_it_stands():
    design = sprt(0.3, 0.15, at_most=60)
    whole = stops(design.boundary, 0.2)
    first = stops(design.boundary, 0.2, n=1, k=0)
    second = stops(design.boundary, 0.2, n=1, k=1)
    mixed = 0.8 * first.expected_n + 0.2 * second.expected_n
    assert mixed == pytest.approx(whole.expected_n)


def test_a_boundary_must_not_refute_outside_the_futile_region():
    n = np.array([5, NEVER])
    with pytest.raises(ValueError, match="refuting point"):
        Boundary(n, np.array([-1, 0]), np.array([-1, 3]), np.array([1, 2]), 9)


def test_probabilities_outside_zero_to_one_are_refused():
    with pytest.raises(ValueError, match="wanted 0–1, got 1.5"):
        stops(anytime(0.3, at_most=40).boundary, 1.5)


def test_quantiles_of_the_number_of_trials():
    found = stops(sprt(0.3, 0.15).boundary, 0.15)
    at = found.quantile_n(0.9)
    assert found.mass[found.n <= at].sum() >= 0.9 > found.mass[found.n < at].sum()


def test_a_path_without_events_has_the_textbook_probability():
    design = sprt(0.02, 0.005)
    n0 = int(design.boundary.support[0])
    found = stops(design.boundary, 0.01)
    clean = found.mass[(found.k == 0) & (found.n == n0)].sum()
    assert clean == pytest.approx(0.99**n0, rel=1e-10)
