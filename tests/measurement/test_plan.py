"""Plans for a claim: four designs beside each other, with the agreed fields."""

import json

import pytest
from scipy.stats import binom

from calibrant import plan
from calibrant.cli import main
from calibrant.errors import DesignError


def by_name(plans):
    return {d.design: d for d in plans.designs}


def test_the_published_plan_for_two_percent():
    plans = plan(below=0.02, if_really=0.005)
    designs = by_name(plans)
    assert plans.wald_bound == pytest.approx(290.4, abs=0.05)
    assert (designs["fixed"].trials, designs["fixed"].accept_at_most) == (456, 4)
    assert designs["sprt"].expected_trials["0.005"] <= 1.01 * plans.wald_bound
    assert designs["fixed"].support_probability["0.02"] == pytest.approx(binom.cdf(4, 456, 0.02))
    assert designs["curtailed"].support_probability == pytest.approx(
        designs["fixed"].support_probability
    )
    for rate, trials in designs["curtailed"].expected_trials.items():
        assert trials <= designs["fixed"].expected_trials[rate]
    for design in designs.values():
        assert design.support_probability["0.02"] <= 0.05
        assert design.support_probability["0"] == pytest.approx(1.0)


def test_above_is_below_in_a_mirror():
    up = by_name(plan(above=0.9, if_really=0.97))["sprt"]
    down = by_name(plan(below=0.1, if_really=0.03))["sprt"]
    assert up.expected_trials["0.97"] == pytest.approx(down.expected_trials["0.03"])


def test_a_finite_set_needs_fewer_trials_and_money_follows_tokens():
    free = by_name(plan(below=0.2, if_really=0.05))["fixed"].trials
    finite = plan(below=0.2, if_really=0.05, items=80, tokens=500, price=2.0)
    designs = by_name(finite)
    assert designs["fixed"].trials < free
    assert designs["fixed"].cost["at_most"] == pytest.approx(designs["fixed"].trials * 500 * 2e-6)
    assert designs["sprt"].cost["expected"] < designs["fixed"].cost["expected"]


@pytest.mark.parametrize(
    "claim",
    [
        {"below": 0.1, "above": 0.2, "if_really": 0.05},
        {"if_really": 0.05},
        {"below": 0.1, "if_really": 0.2},
        {"below": 1.1, "if_really": 0.2},
    ],
)
def test_impossible_plans_are_refused(claim):
    with pytest.raises(DesignError):
        plan(**claim)


def test_the_command_prints_the_agreed_fields(capsys):
    with pytest.raises(SystemExit):
        main(["plan", "--below", "0.1", "--if-really", "0.05", "--json"])
    data = json.loads(capsys.readouterr().out)
    assert {d["design"] for d in data["designs"]} == {"fixed", "curtailed", "sprt", "anytime"}
    wanted = {"design", "trials", "accept_at_most", "expected_trials", "support_probability"}
    assert all(wanted <= set(d) for d in data["designs"])
    assert data["wald_bound"] == pytest.approx(142.2, abs=0.05)
    with pytest.raises(SystemExit):
        main(["plan", "--below", "0.1", "--if-really", "0.05"])
    assert "Wald's lower bound" in capsys.readouterr().out
