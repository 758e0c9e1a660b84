"""Designs: error rates, optimality against Wald's bound, published sizes, and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from calibrant.errors import DesignError
from calibrant.stats import Follower, anytime, fixed, fixed_size, sprt

# Published or recomputed elsewhere: (threshold, alternative, Wald's bound, fixed size).
REGIMES = [
    (0.02, 0.005, 290.4, 456),
    (0.02, 0.01, 761.8, 1271),
    (0.01, 0.002, 493.7, 773),
    (0.05, 0.02, 195.7, 311),
    (0.10, 0.05, 142.2, 239),
]


@pytest.mark.parametrize(("threshold", "really", "wald", "size"), REGIMES)
def test_fixed_sizes_are_the_smallest_exact_ones(threshold, really, wald, size):
    assert fixed_size(threshold, really) == size
    for n in (size - 1, size):
        k = np.arange(n)
        accept = k[binom.cdf(k, n, threshold) <= 0.05].max()
        assert (binom.cdf(accept, n, really) >= 0.9) == (n == size)
    assert wald < size


@pytest.mark.parametrize(("threshold", "really", "wald", "size"), REGIMES[::2])
def test_the_tuned_test_is_within_one_percent_of_walds_bound(threshold, really, wald, size):
    decision = sprt(threshold, really, pursue=False)
    assert decision.false_support <= 0.05
    assert decision.power >= 0.90
    assert decision.expected_trials(really) <= 1.01 * wald
    whole = sprt(threshold, really)
    assert whole.false_support == pytest.approx(decision.false_support)
    assert whole.power == pytest.approx(decision.power)
    assert whole.expected_trials(really) <= 1.03 * wald
    assert whole.expected_trials(really) < 0.7 * size


@given(
    st.floats(0.05, 0.6),
    st.floats(0.2, 0.7),
    st.sampled_from([0.01, 0.05, 0.1]),
    st.sampled_from([0.05, 0.1, 0.2]),
    st.floats(0.6, 3.0),
)
@settings(max_examples=12, deadline=None)
def test_error_rates_hold_for_every_rate(threshold, share, alpha, beta, room):
    really = threshold * share
    size = fixed_size(threshold, really, alpha=alpha, beta=beta)
    try:
        design = sprt(threshold, really, alpha=alpha, beta=beta, at_most=math.ceil(size * room))
    except DesignError:
        assert room < 1
        return
    if room >= 1.2:
        assert design.power >= 1 - beta
    for rate in (threshold, threshold * 1.1, (1 + threshold) / 2, 1.0):
        assert design.probability("supported", rate) <= alpha + 1e-12
    for rate in (0.0, really, (threshold + really) / 2, threshold * 0.999):
        assert design.probability("refuted", rate) <= alpha + 1e-9


@pytest.mark.parametrize("threshold", [0.02, 0.3, 0.7, 0.95])
def test_the_e_process_never_exceeds_alpha(threshold):
    design = anytime(threshold)
    for rate in (threshold, (1 + threshold) / 2):
        assert design.probability("supported", rate) <= 0.05
    for rate in (threshold * 0.5, threshold * 0.9, threshold * 0.999):
        assert design.probability("refuted", rate) <= 0.05
    assert design.probability("refuted", 1.0) == pytest.approx(1.0)
    assert design.probability("supported", 0.0) == pytest.approx(1.0)


@pytest.mark.parametrize(("threshold", "really"), [(t, r) for t, r, *_ in REGIMES])
def test_the_e_process_is_close_to_the_power_one_bound(threshold, really):
    design = anytime(threshold, at_most=math.ceil(60 / threshold))

    def bound(p):
        kl = (1 - p) * math.log((1 - p) / (1 - threshold))
        return math.log(20) / (kl + (p * math.log(p / threshold) if p else 0))

    assert design.expected_trials(0.0) <= 1.30 * bound(0.0)
    assert design.expected_trials(really) <= 1.20 * bound(really)


@pytest.mark.parametrize("items", [20, 57, 200, 1000])
def test_finite_sets_hold_their_error_rates_at_every_number_of_events(items):
    for design in (sprt(0.3, 0.1, items=items), anytime(0.3, items=items)):
        false = design.rates.false_events
        for events in range(0, items + 1, max(1, items // 25)):
            supported = design.probability("supported", events / items)
            refuted = design.probability("refuted", events / items)
            if events >= false:
                assert supported <= 0.05 + 1e-9, events
            else:
                assert refuted <= 0.05 + 1e-9, events


def test_a_whole_data_set_decides_for_certain():
    design = anytime(0.25, items=8)
    assert design.at_most == 8
    for events in range(9):
        wanted = "supported" if events < 2 else "refuted"
        assert design.probability(wanted, events / 8) + design.probability(
            "supported" if wanted == "refuted" else "refuted", events / 8
        ) == pytest.approx(1.0)


def test_the_fixed_design_of_a_finite_set_is_exact():
    size = fixed_size(0.2, 0.05, items=200)
    k = np.arange(size)
    accept = k[hypergeom.cdf(k, 200, 40, size) <= 0.05].max()
    assert hypergeom.cdf(accept, 200, 10, size) >= 0.9
    design = fixed(0.2, 0.05, items=200)
    assert design.false_support == pytest.approx(hypergeom.cdf(accept, 200, 40, size))


def test_the_fixed_design_curtails_without_changing_its_errors():
    design = fixed(0.1, 0.05)
    accept = int(design.tuning["accept_at_most"])
    assert design.false_support == pytest.approx(binom.cdf(accept, 239, 0.1))
    assert design.power == pytest.approx(binom.cdf(accept, 239, 0.05))
    assert design.expected_trials(0.3) < 239


@pytest.mark.parametrize("method", ["sprt", "anytime", "fixed"])
def test_no_events_always_decide_at_a_finite_number_of_trials(method):
    design = {"sprt": lambda: sprt(0.02, 0.005), "anytime": lambda: anytime(0.02),
              "fixed": lambda: fixed(0.02, 0.005)}[method]()  # fmt: skip
    path = Follower(design)
    while path.state == "open":
        path.add(False)
    assert path.state == "supported"
    assert path.n <= 456


def test_too_few_trials_for_beta_keep_alpha_and_say_the_power():
    design = sprt(0.3, 0.15, at_most=40)
    assert design.false_support <= 0.05
    assert 0.5 < design.power < 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sprt(1.2, 0.1), "threshold: wanted a rate strictly between 0 and 1, got 1.2"),
        (lambda: sprt(0.1, 0.2), "alternative: wanted a rate from 0 to below the threshold 0.1"),
        (lambda: sprt(0.02, 0.005, at_most=100), "at_most 100 is too few"),
        (lambda: anytime(0.02, at_most=100), "188 trials are needed"),
        (lambda: sprt(0.3, 0.1, alpha=0.6), "alpha: wanted an error rate"),
        (lambda: sprt(0.3, 0.1, beta=1.0), "beta: wanted an error rate"),
        (lambda: fixed_size(0.1, 0.09999999), "more than 10 million trials"),
    ],
)
def test_designs_that_cannot_exist_are_refused_in_one_line(call, message):
    with pytest.raises(DesignError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_design_says_what_it_is():
    assert repr(sprt(0.3, 0.15, at_most=400)).startswith(
        "sprt design: rate below 0.3 against 0.15, at most 400 trials"
    )


DOUBTFUL = (
    sprt(0.05, 0.01, alpha=0.025, doubt=0.08),
    anytime(0.05, alpha=0.025, doubt=0.08, at_most=400),
)


@pytest.mark.parametrize("design", DOUBTFUL, ids=lambda d: d.method)
def test_between_threshold_and_doubt_a_design_neither_supports_nor_refutes(design):
    assert design.false_support <= 0.025 and design.false_refutation <= 0.025
    assert design.probability("supported", 0.05) == design.false_support
    assert design.probability("refuted", 0.08) == design.false_refutation
    for rate in (0.05, 0.06, 0.07, 0.08):
        assert design.probability("supported", rate) <= 0.025
        assert design.probability("refuted", rate) <= 0.025
    assert design.probability("refuted", 0.3) > 0.9


def test_doubt_is_for_generators_and_not_below_the_threshold():
    for more in ({"doubt": 0.04}, {"doubt": 1.0}, {"doubt": 0.08, "items": 100}):
        with pytest.raises(DesignError, match="doubt: wanted a rate from the threshold"):
            sprt(0.05, 0.01, **more)


@pytest.mark.parametrize(
    "design",
    [
        lambda: sprt(0.3, 0.15),
        lambda: sprt(0.2, 0.1, items=60, pursue=False),
        lambda: fixed(0.3, 0.1),
        lambda: anytime(0.2, at_most=80),
    ],
    ids=["sprt", "finite", "fixed", "anytime"],
)
def test_support_alone_has_the_chance_that_the_whole_walk_gives_it(design):
    design = design()
    for rate in (0.0, 0.01, 0.1, 0.2, 0.35, 0.9, 1.0):
        alone = design.probability("supported", rate)
        assert alone == design.stops(rate).probability("supported")
    with pytest.raises(ValueError, match="wanted 0–1"):
        sprt(0.3, 0.15).probability("supported", 1.5)
