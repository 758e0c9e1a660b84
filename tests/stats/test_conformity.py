"""Decision rules: the guide's worked numbers, bivariate normal probabilities, simulation."""

import itertools
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from calibrant.errors import InputError
from calibrant.stats.budgets.conformity import (
    Limits,
    conformance_of_draws,
    conformance_probability,
    decide,
    global_risk,
    global_risk_of_draws,
    guard_band,
    guard_for_global_risk,
    guard_for_risk,
)


def test_conformance_of_a_breakdown_voltage():
    # JCGM 106:2012's Zener diode: limit -5.40 V, measured -5.47 V with u 0.05 V gives 92 %.
    p = conformance_probability(-5.47, 0.05, Limits(high=-5.40))
    assert p == pytest.approx(0.92, abs=0.005)
    assert p == pytest.approx(stats.norm.cdf(1.4))


@given(
    st.floats(-5, 5), st.floats(0.01, 3), st.floats(-4, 3.5), st.floats(0.05, 6),
    st.sampled_from([inf, 3.0, 12.0]),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_conformance_is_the_integral_of_the_density(value, u, low, width, df):
    twin = stats.norm(value, u) if df == inf else stats.t(df, value, u)
    both = Limits(low, low + width)
    p = conformance_probability(value, u, both, df=df)
    assert p == pytest.approx(twin.cdf(low + width) - twin.cdf(low), abs=1e-12)
    below = conformance_probability(value, u, Limits(high=low), df=df)
    above = conformance_probability(value, u, Limits(low=low), df=df)
    assert below + above == pytest.approx(1)


def test_rules_accept_reject_and_abstain():
    tolerance = Limits(high=0.02)
    assert decide(0.010, 0.003, tolerance).outcome == "accept"
    assert decide(0.018, 0.003, tolerance).outcome == "inconclusive"
    assert decide(0.030, 0.003, tolerance).outcome == "reject"
    assert decide(0.018, 0.003, tolerance, rule="simple").outcome == "accept"
    close = decide(0.0199, 0.003, tolerance, rule="simple")
    assert close.risk == pytest.approx(1 - stats.norm.cdf(0.1 / 3), rel=1e-6)
    guarded = decide(0.018, 0.003, tolerance, rule="guarded", guard=guard_band(0.006))
    assert guarded.outcome == "inconclusive"
    assert guarded.risk is None
    assert decide(0.0139, 0.003, tolerance, rule="guarded", guard=0.006).outcome == "accept"
    assert decide(0.0261, 0.003, tolerance, rule="guarded", guard=0.006).outcome == "reject"
    assert "met with probability" in repr(close)
    assert guarded.to_dict()["tolerance"] == [None, 0.02]


@given(st.floats(-4, 4), st.floats(0.1, 2), st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=100, deadline=None)
def test_guarded_and_probability_rules_agree_at_one_limit(value, u, level):
    tolerance = Limits(low=0.0)
    a = decide(value, u, tolerance, level=level)
    b = decide(value, u, tolerance, level=level, rule="guarded")
    if abs(abs(value) - guard_for_risk(u, 1 - level)) > 1e-9:
        assert a.outcome == b.outcome
    if a.risk is not None:
        assert a.risk <= 1 - level + 1e-12


def test_the_expanded_guard_band_leaves_2_3_percent():
    # w = U = 2u at one limit: the guide's 2.3 %.
    edge = Limits(high=1.0).guarded(guard_band(2 * 0.1)).high
    assert 1 - conformance_probability(edge, 0.1, Limits(high=1.0)) == pytest.approx(
        0.0228, abs=5e-5
    )
    assert guard_for_risk(0.1, 0.05, df=4) == pytest.approx(0.1 * stats.t.ppf(0.95, 4))


def bivariate(tolerance, acceptance, mean, sd, u):
    """Risks by integrating the other way round: over the measured value, posterior inside."""
    joint = np.hypot(sd, u)
    gain, post = sd**2 / joint**2, sd * u / joint

    def bad(x):
        centre = mean + gain * (x - mean)
        inside = stats.norm.cdf(tolerance.high, centre, post) - stats.norm.cdf(
            tolerance.low, centre, post
        )
        return 1 - inside, inside

    def density(x):
        return stats.norm.pdf(x, mean, joint)

    def over(a, b, which):
        a, b = max(a, mean - 9 * joint), min(b, mean + 9 * joint)
        if a >= b:
            return 0.0
        points = np.linspace(a, b, 9)
        return sum(
            quad(lambda x: bad(x)[which] * density(x), *p, epsabs=1e-13)[0]
            for p in itertools.pairwise(points)
        )

    consumer = over(acceptance.low, acceptance.high, 0)
    producer = over(-inf, acceptance.low, 1) + over(acceptance.high, inf, 1)
    return consumer, producer


@pytest.mark.parametrize(
    ("tolerance", "acceptance", "mean", "sd", "u"),
    [
        # Resistors of 1500 Ω, permitted ±0.2 Ω, process sd 0.12 Ω, meter u 0.04 Ω.
        (Limits(1499.8, 1500.2), Limits(1499.8, 1500.2), 1500.0, 0.12, 0.04),
        (Limits(1499.8, 1500.2), Limits(1499.82, 1500.18), 1500.0, 0.12, 0.04),
        (Limits(high=0.02), Limits(high=0.015), 0.012, 0.01, 0.002),
        (Limits(low=-1), Limits(low=0), 0.0, 1.0, 2.0),
        (Limits(-1, 1), Limits(-0.999, 0.999), 0.2, 0.8, 0.001),
    ],
)
def test_global_risks_against_an_integral_the_other_way_round(tolerance, acceptance, mean, sd, u):
    found = global_risk(tolerance, acceptance, prior_mean=mean, prior_sd=sd, u=u)
    consumer, producer = bivariate(tolerance, acceptance, mean, sd, u)
    assert found.consumer == pytest.approx(consumer, rel=1e-6, abs=1e-9)
    assert found.producer == pytest.approx(producer, rel=1e-6, abs=1e-9)
    # Accepted = conforming and accepted + not conforming and accepted.
    assert found.accepted == pytest.approx(found.conforming - found.producer + found.consumer)
    assert found.false_accepted == pytest.approx(found.consumer / found.accepted)


def test_the_ball_bearings_of_the_guide():
    # JCGM 106:2012, 9.5.4: radial error motion below 2 µm; a population with a gamma
    # distribution of mean 1 µm and standard deviation 0.5 µm, measured with u 0.25 µm.
    middles = (np.arange(200_000) + 0.5) / 200_000
    motion = stats.gamma.ppf(middles, 4, scale=0.25)
    tolerance = Limits(high=2.0)
    simple = global_risk_of_draws(tolerance, tolerance, motion, u=0.25)
    assert 1 - simple.conforming == pytest.approx(0.042, abs=5e-4)
    assert simple.consumer == pytest.approx(0.008, abs=1e-4)
    guarded = global_risk_of_draws(tolerance, Limits(high=1.67), motion, u=0.25)
    assert guarded.consumer == pytest.approx(0.001, abs=2e-5)
    assert guarded.producer > simple.producer
    assert guarded.accepted == pytest.approx(
        guarded.conforming - guarded.producer + guarded.consumer
    )


def test_risks_of_draws_are_those_of_their_distribution():
    tolerance, acceptance = Limits(-1.0, 1.5), Limits(-0.8, 1.2)
    draws = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000, 0.2, 0.8)
    found = global_risk_of_draws(tolerance, acceptance, draws, u=0.3)
    exact = global_risk(tolerance, acceptance, prior_mean=0.2, prior_sd=0.8, u=0.3)
    for name in ("consumer", "producer", "accepted", "conforming"):
        assert getattr(found, name) == pytest.approx(getattr(exact, name), abs=2e-5)


def test_a_guard_band_for_a_global_risk():
    tolerance = Limits(1499.8, 1500.2)
    given_prior = {"prior_mean": 1500.0, "prior_sd": 0.12, "u": 0.04}
    plain = global_risk(tolerance, tolerance, **given_prior).consumer
    guard = guard_for_global_risk(tolerance, plain / 10, **given_prior)
    found = global_risk(tolerance, tolerance.guarded(guard), **given_prior)
    assert found.consumer == pytest.approx(plain / 10, rel=1e-6)
    assert guard_for_global_risk(tolerance, 0.5, **given_prior) == 0
    one = guard_for_global_risk(Limits(high=0.0), 1e-4, prior_mean=0.0, prior_sd=1.0, u=0.5)
    risk = global_risk(Limits(high=0.0), Limits(high=-one), prior_mean=0.0, prior_sd=1.0, u=0.5)
    assert risk.consumer == pytest.approx(1e-4, rel=1e-6)


def test_draws_of_a_posterior():
    y = np.random.default_rng(0).beta(1.5, 200.5, 20_000)
    p = conformance_of_draws(y, Limits(high=0.02))
    assert p == pytest.approx(stats.beta.cdf(0.02, 1.5, 200.5), abs=0.01)


def test_what_is_refused():
    tolerance = Limits(0, 1)
    for call in (
        lambda: Limits(),
        lambda: Limits(1, 1),
        lambda: Limits(float("nan"), 1),
        lambda: tolerance.guarded(0.5),
        lambda: conformance_probability(float("nan"), 1, tolerance),
        lambda: conformance_probability(0, 0, tolerance),
        lambda: conformance_probability(0, 1, tolerance, df=0),
        lambda: conformance_of_draws([], tolerance),
        lambda: conformance_of_draws([0.1, float("nan")], tolerance),
        lambda: decide(0, 1, tolerance, level=0.5),
        lambda: decide(0, 1, tolerance, guard=0.1),
        lambda: decide(0, 1, tolerance, rule="lucky"),
        lambda: guard_band(0.0),
        lambda: guard_for_risk(0.1, 0.0),
        lambda: global_risk(tolerance, tolerance, prior_mean=0, prior_sd=0, u=1),
        lambda: global_risk_of_draws(tolerance, tolerance, [], u=1),
        lambda: global_risk_of_draws(tolerance, tolerance, [0.5], u=0),
        lambda: guard_for_global_risk(tolerance, 1.0, prior_mean=0, prior_sd=1, u=1),
    ):
        with pytest.raises(InputError):
            call()
