"""Followers against the kernel by simulation; intervals against published numbers and coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.stats import (
    Follower,
    after_stopping,
    anytime,
    clopper_pearson,
    fixed,
    hypergeometric,
    sprt,
)


def run(design, rng, rate):
    path = Follower(design)
    while path.state == "open":
        path.add(bool(rng.random() < rate))
    return path


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_simulated_paths_stop_as_the_exact_distribution_says(rate):
    design = sprt(0.3, 0.15, at_most=80)
    rng = np.random.default_rng(5)
    paths = [run(design, rng, rate) for _ in range(1500)]
    exact = design.stops(rate)
    for kind in ("supported", "refuted"):
        share = np.mean([p.state == kind for p in paths])
        p = exact.probability(kind)
        assert abs(share - p) <= 4 * max(p * (1 - p) / 1500, 1e-6) ** 0.5
    assert np.mean([p.n for p in paths]) == pytest.approx(exact.expected_n, rel=0.1)


def test_a_follower_tells_its_distances_and_ends_once():
    design = sprt(0.3, 0.15, at_most=400)
    path = Follower(design)
    assert path.trials_to_support == design.boundary.support[0]
    more = path.events_to_refute
    for _ in range(more):
        path.add(True)
    assert path.state == "refuted"
    assert path.n == more
    with pytest.raises(ValueError, match="this path ended"):
        path.add(False)
    assert path.expected_to_go(0.2) == 0.0


def test_expected_trials_to_go_shrink_as_the_evidence_grows():
    path = Follower(sprt(0.3, 0.15, at_most=400))
    before = path.expected_to_go(0.05)
    for _ in range(5):
        path.add(False)
    assert 0 < path.expected_to_go(0.05) < before


# One-sided 95 % limits as R's binom.test gives them.
def test_clopper_pearson_agrees_with_published_limits():
    assert clopper_pearson(0, 149, side="upper").high == pytest.approx(0.01990481622, rel=1e-9)
    assert clopper_pearson(5, 100_000, side="upper").high == pytest.approx(
        0.0001051274512, rel=1e-9
    )
    two = clopper_pearson(3, 20)
    assert (two.low, two.high) == pytest.approx((0.03207094, 0.37892683), rel=1e-6)
    assert clopper_pearson(0, 0).low == 0.0
    assert clopper_pearson(0, 0).high == 1.0


def test_the_hypergeometric_interval_covers_at_every_number_of_events():
    items, n = 60, 23
    from scipy.stats import hypergeom

    intervals = [hypergeometric(k, n, items) for k in range(n + 1)]
    for events in range(items + 1):
        chance = sum(
            hypergeom.pmf(k, items, events, n)
            for k in range(n + 1)
            if intervals[k].low - 1e-12 <= events / items <= intervals[k].high + 1e-12
            and n - k <= items - events
        )
        assert chance >= 0.95 - 1e-9


def coverage(design, rate, level=0.95):
    found, covered = design.stops(rate), 0.0
    cache = {}
    for n, k, mass in zip(found.n.tolist(), found.k.tolist(), found.mass, strict=True):
        if mass < 1e-7:
            covered += mass  # too rare to matter either way
            continue
        if (n, k) not in cache:
            cache[n, k] = after_stopping(design, n, k, level=level)
        i = cache[n, k]
        covered += mass * (i.low - 1e-9 <= rate <= i.high + 1e-9)
    return covered


@pytest.mark.parametrize("rate", [0.02, 0.15, 0.3, 0.45, 0.8])
def test_intervals_after_stopping_cover_exactly(rate):
    assert coverage(sprt(0.3, 0.15, at_most=40), rate) >= 0.95 - 1e-6


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.6])
def test_intervals_after_stopping_cover_for_the_e_process(rate):
    assert coverage(anytime(0.3, at_most=40), rate) >= 0.95 - 1e-6


@pytest.mark.parametrize("events", [2, 9, 12, 20])
def test_intervals_after_stopping_cover_for_finite_sets(events):
    assert coverage(sprt(0.3, 0.1, items=40), events / 40) >= 0.95 - 1e-6


def test_the_interval_agrees_with_the_verdict():
    design = sprt(0.3, 0.15, at_most=60)
    ends = design.stops(0.25)
    for n, k, kind, mass in zip(ends.n, ends.k, ends.kind, ends.mass, strict=True):
        if mass < 1e-6:
            continue
        if kind == 0:
            upper = after_stopping(design, int(n), int(k), side="upper").high
            assert upper <= 0.3 + 1e-6, (n, k)
        if kind == 1:
            assert after_stopping(design, int(n), int(k), side="lower").low >= 0.3 - 1e-6, (n, k)


def test_a_fixed_design_that_runs_through_gives_clopper_pearsons_upper_limit():
    design = fixed(0.1, 0.05)
    accept = int(design.tuning["accept_at_most"])
    mine = after_stopping(design, design.at_most, accept, side="upper").high
    assert mine == pytest.approx(clopper_pearson(accept, design.at_most, side="upper").high)


@given(st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_intervals_hold_the_estimate_or_the_counts_are_refused(k, n):
    if k > n:
        with pytest.raises(ValueError, match="counts"):
            clopper_pearson(k, n)
        return
    i = clopper_pearson(k, n)
    assert 0 <= i.low <= (k / n if n else 0.5) <= i.high <= 1


def test_a_run_cut_short_says_so():
    design = sprt(0.3, 0.15, at_most=120)
    cut = after_stopping(design, 5, 1)
    assert "cut short" in cut.method
    assert after_stopping(design, 0, 0).high == 1.0
    with pytest.raises(ValueError, match="level"):
        clopper_pearson(1, 2, level=1.0)
