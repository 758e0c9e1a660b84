"""Decisions on measurements: exact error rates at the limit, posteriors, and abstentions."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from calibrant import measure
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.records import trials_frame, write_parquet
from calibrant.stats import clopper_pearson
from calibrant.stats.budgets.conformity import Limits, decide
from calibrant.stats.budgets.conformity_rates import accepted_counts, rate_conformance


def table(scores, *, clusters=None):
    return trials_frame(
        {
            "subject": "s",
            "instrument": "i",
            "item": f"item{k}",
            "cluster": None if clusters is None else f"c{clusters[k]}",
            "epoch": 1,
            "grader": "g",
            "score": score,
            "error": "failed" if score is None else None,
        }
        for k, score in enumerate(scores)
    )


def decided(*args, **kwargs):
    (found,) = measure(*args, **kwargs)
    return found.conformity


def rate(events, n):
    return table([1.0] * events + [0.0] * (n - events))


def test_no_limits_no_decision():
    assert decided(rate(3, 20)) is None


@pytest.mark.parametrize(
    ("events", "decision"), [(0, "accept"), (4, "inconclusive"), (30, "reject")]
)
def test_a_rare_rate_is_decided_by_its_exact_limits(events, decision):
    found = decided(rate(events, 300), limit_upper=0.02)
    assert found["decision"] == decision
    assert found["bounds"][1] == pytest.approx(
        clopper_pearson(events, 300, level=0.95, side="upper").high
    )
    assert found["limits"] == [None, 0.02]
    posterior = stats.beta(events + 0.5, 300 - events + 0.5)
    assert found["consumer_risk"] == pytest.approx(posterior.sf(0.02), abs=1e-12)
    assert found["producer_risk"] == pytest.approx(posterior.cdf(0.02), abs=1e-12)
    assert found["conformance_probability"] + found["consumer_risk"] == pytest.approx(1)
    assert found["prior"] == {
        "distribution": "beta", "a": 0.5, "b": 0.5, "name": "Jeffreys", "of": "rate"
    }  # fmt: skip
    assert found["reason"] is None


def test_a_clean_record_is_accepted_only_when_it_is_long_enough():
    # 0.98¹⁴⁸ is above 5 %, 0.98¹⁴⁹ below it.
    assert decided(rate(0, 148), limit_upper=0.02)["decision"] == "inconclusive"
    assert decided(rate(0, 149), limit_upper=0.02)["decision"] == "accept"


@given(
    st.integers(1, 120), st.sampled_from([0.01, 0.05, 0.3, 0.6]), st.sampled_from([0.011, 0.049])
)
@settings(max_examples=60, deadline=None)
def test_a_rate_at_the_limit_is_accepted_no_more_often_than_declared(n, limit, risk):
    counts = accepted_counts(n, Limits(high=limit), risk)
    # Plain twin: every count, by its exact limit.
    twin = [
        k for k in range(n + 1) if clopper_pearson(k, n, level=1 - risk, side="upper").high <= limit
    ]
    assert (counts is None) == (not twin)
    if counts is not None:
        assert counts == (0, max(twin))
        assert stats.binom.cdf(counts[1], n, limit) <= risk * (1 + 1e-9)
    low = accepted_counts(n, Limits(low=limit), risk)
    twin = [
        k for k in range(n + 1) if clopper_pearson(k, n, level=1 - risk, side="lower").low >= limit
    ]
    assert low == ((min(twin), n) if twin else None)


def test_acceptance_limits_say_how_many_events_would_do():
    found = decided(rate(1, 300), limit_upper=0.02)
    edge = round(found["acceptance_limits"][1] * 300)
    assert decided(rate(edge, 300), limit_upper=0.02)["decision"] == "accept"
    assert decided(rate(edge + 1, 300), limit_upper=0.02)["decision"] == "inconclusive"
    assert decided(rate(0, 20), limit_upper=0.02)["acceptance_limits"] is None


def test_a_mean_has_a_guard_band():
    rng = np.random.default_rng(1)
    scores = rng.normal(3.0, 1.0, 60)
    u, value = scores.std(ddof=1) / math.sqrt(60), scores.mean()
    band = stats.t.ppf(0.95, 59) * u
    for limit in (value + 2 * band, value + 0.5 * band, value - 2 * band):
        found = decided(table(scores), limit_upper=limit)
        twin = decide(value, u, Limits(high=limit), rule="guarded", df=59)
        assert found["decision"] == twin.outcome
        assert found["guard_band"] == pytest.approx(twin.guard)
        assert found["acceptance_limits"] == [None, pytest.approx(limit - band)]
        assert found["conformance_probability"] == pytest.approx(twin.conformance)
        assert found["prior"]["distribution"] == "flat"
    narrow = decided(table(scores), limit_lower=value - band / 9, limit_upper=value + band / 9)
    assert narrow["decision"] == "inconclusive"
    assert narrow["acceptance_limits"] is None
    both = decided(table(scores), limit_lower=0.0, limit_upper=9.0)
    assert both["decision"] == "accept"


def test_the_simple_rule_looks_at_the_value_alone_and_shows_the_risk():
    found = decided(rate(4, 300), limit_upper=0.02, rule="simple")
    assert found["decision"] == "accept"
    assert found["acceptance_limits"] == [None, 0.02]
    assert found["guard_band"] is None
    assert 0.05 < found["consumer_risk"] < 0.5
    assert decided(rate(7, 300), limit_upper=0.02, rule="simple")["decision"] == "reject"


def test_a_declared_prior_is_used_and_shown():
    found = decided(rate(2, 100), limit_upper=0.05, prior=(1, 9))
    assert found["consumer_risk"] == pytest.approx(stats.beta.sf(0.05, 3, 107), abs=1e-12)
    assert found["prior"]["name"] == "declared"
    assert (found["prior"]["a"], found["prior"]["b"]) == (1.0, 9.0)


def test_clusters_make_a_decision_harder():
    scores = [0.0] * 300
    clusters = [k // 10 for k in range(300)]
    assert decided(table(scores), limit_upper=0.02)["decision"] == "accept"
    grouped = decided(table(scores, clusters=clusters), limit_upper=0.02)
    assert grouped["decision"] == "inconclusive"
    assert grouped["consumer_risk"] == pytest.approx(stats.beta.sf(0.02, 0.5, 30.5), abs=1e-12)
    assert grouped["acceptance_limits"] is None


def test_missing_trials_are_taken_at_their_worst():
    clean = [0.0] * 200
    assert decided(table(clean), limit_upper=0.02)["decision"] == "accept"
    holes = decided(table([*clean, *[None] * 4]), limit_upper=0.02)
    assert holes["decision"] == "inconclusive"
    assert holes["consumer_risk"] == pytest.approx(stats.beta.sf(0.02, 4.5, 200.5), abs=1e-9)
    assert holes["producer_risk"] == pytest.approx(stats.beta.cdf(0.02, 0.5, 204.5), abs=1e-9)
    simple = decided(table([*clean, *[None] * 9]), limit_upper=0.02, rule="simple")
    assert simple["decision"] == "inconclusive"


def test_what_cannot_be_estimated_cannot_be_decided():
    found = decided(table([0.4] * 9), limit_upper=1.0)
    assert found["decision"] == "inconclusive"
    assert "all 9 are 0.4" in found["reason"]
    assert found["consumer_risk"] is None
    assert decided(table([None, None]), limit_upper=1.0)["reason"] == "nothing observed"


def simulated(events, n, gold, limit, spread, draws=400_000):
    """Plain twin of the posterior: by Monte Carlo."""
    rng = np.random.default_rng(0)
    p = rng.beta(events + 0.5, n - events + 0.5, draws)
    if gold is not None:
        (a, m), (b, k) = gold
        se, sp = rng.beta(a + 0.5, m - a + 0.5, draws), rng.beta(b + 0.5, k - b + 0.5, draws)
        keep = se + sp > 1
        r = (p[keep] + sp[keep] - 1) / (se[keep] + sp[keep] - 1)
        p = r[(r >= 0) & (r <= 1)]
    return float(np.mean(p + spread * rng.normal(size=p.size) <= limit))


@pytest.mark.parametrize(
    ("events", "n", "gold", "limit", "spread"),
    [
        (12, 400, None, 0.04, 0.0),
        (12, 400, None, 0.04, 0.01),
        (12, 400, ((46, 50), (148, 150)), 0.04, 0.0),
        (0, 200, ((45, 50), (49, 50)), 0.02, 0.0),
        (90, 200, ((40, 50), (45, 50)), 0.6, 0.05),
    ],
)
def test_posteriors_against_monte_carlo(events, n, gold, limit, spread):
    found = rate_conformance(events, n, Limits(high=limit), gold=gold, spread=spread)
    assert found == pytest.approx(simulated(events, n, gold, limit, spread), abs=0.006)


def test_a_corrected_rate_is_decided_as_corrected():
    gold = ((46, 50), (148, 150))
    plain = decided(rate(20, 1000), limit_upper=0.03)
    found = decided(rate(20, 1000), limit_upper=0.03, grader=gold)
    assert found["bounds"] != plain["bounds"]
    assert found["prior"]["of"] == "rate of positive grades"
    assert found["consumer_risk"] == pytest.approx(
        1 - rate_conformance(20, 1000, Limits(high=0.03), gold=gold)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit_upper": 0.1, "limit_lower": 0.2}, "limits: wanted low < high"),
        ({"limit_upper": math.nan}, "limit_upper: wanted a finite number"),
        ({"limit_upper": 0.1, "rule": "kind"}, "rule: wanted"),
        ({"limit_upper": 0.1, "risk": 0.5}, "risk: wanted above 0 and below 0.5"),
        ({"limit_upper": 0.1, "prior": (0, 1)}, "prior: wanted two numbers above 0"),
    ],
)
def test_wrong_requirements_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        measure(rate(1, 10), **options)


def test_impossible_counts_are_refused():
    for call in (
        lambda: rate_conformance(3, 2, Limits(high=0.1)),
        lambda: rate_conformance(0, 2, Limits(high=0.1), spread=-1.0),
        lambda: accepted_counts(0, Limits(high=0.1), 0.05),
        lambda: accepted_counts(5, Limits(high=0.1), 0.7),
        lambda: rate_conformance(0, 1e7, Limits(high=0.1), gold=((90, 100), (50, 100))),
    ):
        with pytest.raises(InputError):
            call()


def test_the_command_decides(tmp_path, capsys):
    path = tmp_path / "t.parquet"
    write_parquet(rate(0, 300), path)
    with pytest.raises(SystemExit) as caught:
        main(["measure", str(path), "--limit-upper", "0.02", "--json"])
    assert caught.value.code == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert {"decision", "rule", "limits", "risk", "bounds", "guard_band", "acceptance_limits",
            "conformance_probability", "consumer_risk", "producer_risk", "prior",
            "reason"} == set(found["conformity"])  # fmt: skip
    with pytest.raises(SystemExit):
        main(["measure", str(path), "--limit-upper", "0.02", "--prior", "1,9"])
    out = capsys.readouterr().out
    assert "accept: at most 0.02 (guarded rule" in out
    assert "prior beta(1, 9)" in out
    with pytest.raises(SystemExit) as caught:
        main(["measure", str(path), "--limit-upper", "0.02", "--prior", "1"])
    assert caught.value.code == 2
    assert "wanted A,B" in capsys.readouterr().err
