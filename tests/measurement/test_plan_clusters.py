"""Plans for trials in clusters, and curves: limits that are known, honest numbers about the ICC."""

import numpy as np
import pytest

from calibrant import plan
from calibrant.errors import DesignError
from calibrant.stats.stopping.cluster_walks import beta_binomial


def by_name(designs):
    return {d.design: d for d in designs}


@pytest.mark.parametrize(
    "clusters", [{"cluster_size": 1, "icc": 0.3}, {"cluster_size": 10, "icc": 0}]
)
def test_without_correlation_the_plan_is_the_independent_one(clusters):
    plain, same = plan(below=0.1, if_really=0.03), plan(below=0.1, if_really=0.03, **clusters)
    assert same.one_per_cluster is None
    assert same.wald_bound == pytest.approx(plain.wald_bound)
    for a, b in zip(plain.designs, same.designs, strict=True):
        assert (a.design, a.trials, a.accept_at_most) == (b.design, b.trials, b.accept_at_most)
        assert a.expected_trials == b.expected_trials
        assert a.support_probability == b.support_probability
        assert b.false_support_if_icc is None


def test_correlation_costs_trials_and_one_per_cluster_saves_them():
    plans = plan(below=0.1, if_really=0.03, cluster_size=8, icc=0.2)
    clustered, single = by_name(plans.designs), by_name(plans.one_per_cluster)
    assert (
        single["fixed"].trials == by_name(plan(below=0.1, if_really=0.03).designs)["fixed"].trials
    )
    assert clustered["fixed"].trials > single["fixed"].trials > clustered["fixed"].clusters
    for name, design in clustered.items():
        assert design.trials == 8 * design.clusters
        assert design.support_probability["0.1"] <= 0.05
        if name != "anytime":
            assert design.support_probability["0.03"] >= 0.9
    assert clustered["sprt"].expected_trials["0.03"] >= plans.wald_bound
    assert clustered["sprt"].expected_trials["0.03"] <= 1.2 * plans.wald_bound


def test_the_plan_says_what_a_larger_correlation_does():
    plans = plan(below=0.1, if_really=0.03, cluster_size=8, icc=0.2)
    found = by_name(plans.designs)
    fixed = found["fixed"]
    assert list(fixed.false_support_if_icc) == ["0.2", "0.3", "0.4", "1"]
    for icc, chance in fixed.false_support_if_icc.items():
        total = np.ones(1)
        for _ in range(fixed.clusters):
            total = np.convolve(total, beta_binomial(8, 0.1, float(icc))[0])
        assert chance == pytest.approx(total[: fixed.accept_at_most + 1].sum(), abs=1e-12)
    assert list(fixed.false_support_if_icc.values()) == sorted(fixed.false_support_if_icc.values())
    assert fixed.false_support_if_icc["1"] > 0.1
    assert max(found["anytime"].false_support_if_icc.values()) <= 0.05


def test_above_is_below_in_a_mirror_with_clusters():
    up = plan(above=0.9, if_really=0.97, cluster_size=4, icc=0.1)
    down = plan(below=0.1, if_really=0.03, cluster_size=4, icc=0.1)
    for a, b in zip(up.designs, down.designs, strict=True):
        assert a.trials == b.trials
        assert a.expected_trials["0.97"] == pytest.approx(b.expected_trials["0.03"])


@pytest.mark.parametrize(
    "claim",
    [
        {"below": 0.1, "if_really": 0.03},
        {"above": 0.8, "if_really": 0.95},
        {"below": 0.2, "if_really": 0.05, "items": 80},
        {"below": 0.2, "if_really": 0.05, "cluster_size": 4, "icc": 0.2},
    ],
)
def test_curves_pass_through_the_numbers_of_the_plan(claim):
    plans = plan(**claim)
    threshold = claim.get("below", claim.get("above"))
    for design, curve in zip(plans.designs, plans.curves(31), strict=True):
        assert curve.design == design.design
        assert list(curve.rates) == sorted(curve.rates)
        assert set(map(len, (curve.support_probability, curve.expected_trials))) == {
            len(curve.rates)
        }
        for rate in (threshold, claim["if_really"]):
            at, name = curve.rates.index(pytest.approx(rate, abs=1e-12)), f"{rate:g}"
            support = curve.support_probability[at]
            assert support == pytest.approx(design.support_probability[name], abs=1e-9)
            assert curve.expected_trials[at] == pytest.approx(design.expected_trials[name])
        steps = np.diff(curve.support_probability)
        assert np.all(steps <= 1e-9) if "below" in claim else np.all(steps >= -1e-9)


def test_curves_are_in_the_document_when_asked_for():
    plans = plan(below=0.1, if_really=0.03)
    assert "curves" not in plans.to_dict()
    curves = plans.to_dict(curves=True)["curves"]
    assert [c["design"] for c in curves] == ["fixed", "curtailed", "sprt", "anytime"]
    with pytest.raises(DesignError, match="points"):
        plans.curves(1)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ({"cluster_size": 3}, "cluster size: wanted with an icc"),
        ({"icc": 0.3}, "icc: wanted with a cluster size"),
        ({"cluster_size": 0, "icc": 0.1}, "cluster size: wanted a whole number"),
        ({"cluster_size": 3, "icc": -0.1}, "icc: wanted"),
        ({"cluster_size": 3, "icc": float("nan")}, "icc: wanted"),
        ({"cluster_size": 3, "icc": 0.2, "items": 90}, "items: wanted without clusters"),
        ({"cluster_size": 30, "icc": 0.2, "at_most": 20}, "less than one cluster"),
        ({"at_most": 0}, "at_most: wanted at least 1"),
        ({"tokens": -1.0}, "tokens: wanted at least 0"),
        ({"price": float("nan")}, "price: wanted"),
    ],
)
def test_impossible_plans_are_refused(claim, said):
    with pytest.raises(DesignError, match=said):
        plan(below=0.1, if_really=0.03, **claim)
