"""D studies against textbook formulas and Brennan's table; purchases against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.stats.variance.components import variance_components
from calibrant.stats.variance.generalizability import g_study
from calibrant.stats.variance.purchase import what_to_buy

# Components of Brennan's (2001) synthetic data set 4, p × (r:t).
BRENNAN = {"p": 0.4731, "t": 0.3252, "r/t": 0.6475, "p:t": 0.5596, "residual": 2.3802}

TRIALS = {"item": 0.08, "item:variant": 0.02, "grader": 0.004, "item:grader": 0.01, "residual": 0.1}
PRICES = {
    "item": 3.0,
    "item:variant": 0.5,
    "item:variant:epoch": 0.02,
    "item:variant:epoch:grader": 0.05,
}


def trials_study():
    return g_study(TRIALS, residual="item:variant:epoch:grader")


def test_the_nested_design_by_the_formula():
    study = g_study(BRENNAN, object="p", residual="p:r:t")
    d = study.d_study({"t": 3, "r": 4})
    relative = 0.5596 / 3 + 2.3802 / 12
    absolute = relative + 0.3252 / 3 + 0.6475 / 12
    assert d.universe == pytest.approx(0.4731)
    assert d.relative_error == pytest.approx(relative)
    assert d.absolute_error == pytest.approx(absolute)
    assert d.generalizability == pytest.approx(0.4731 / (0.4731 + relative))
    assert d.dependability == pytest.approx(0.4731 / (0.4731 + absolute))
    # Fixed tasks turn the person × task component into signal.
    fixed = study.d_study({"t": 3, "r": 4}, fixed=["t"])
    assert fixed.universe == pytest.approx(0.4731 + 0.5596 / 3)
    assert fixed.relative_error == pytest.approx(2.3802 / 12)
    assert fixed.absolute_error == pytest.approx(2.3802 / 12 + 0.6475 / 12)
    assert {r for _, _, r in fixed.parts} == {"universe", "relative", "absolute", "constant"}
    assert "Eρ²" in repr(d)
    assert d.to_dict()["n"] == {"t": 3, "r": 4}


def test_cronbachs_alpha_is_the_coefficient_of_persons_by_items():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(40, 1)) + rng.normal(size=(40, 7)) + rng.normal(size=7)
    person, item = (a.ravel() for a in np.indices(x.shape))
    found = variance_components({"p": person, "i": item}, x.ravel(), ["p", "i"], method="anova")
    d = g_study(found, object="p").d_study({"i": 7})
    alpha = 7 / 6 * (1 - x.var(axis=0, ddof=1).sum() / x.sum(axis=1).var(ddof=1))
    assert d.generalizability == pytest.approx(alpha)
    assert d.absolute_error_se > 0


def test_the_absolute_error_is_the_variance_of_a_fresh_mean():
    rng = np.random.default_rng(6)
    n = {"item": 5, "variant": 2, "epoch": 3, "grader": 2}
    d = trials_study().d_study(n)
    sd = {k: v**0.5 for k, v in TRIALS.items()}
    means = []
    for _ in range(4000):
        y = sd["item"] * rng.normal(size=(5, 1, 1, 1))
        y = y + sd["item:variant"] * rng.normal(size=(5, 2, 1, 1))
        y = y + sd["grader"] * rng.normal(size=(1, 1, 1, 2))
        y = y + sd["item:grader"] * rng.normal(size=(5, 1, 1, 2))
        means.append((y + sd["residual"] * rng.normal(size=(5, 2, 3, 2))).mean())
    assert np.var(means) == pytest.approx(d.absolute_error, rel=0.1)
    assert d.generalizability is None


def brute(study, prices, ranges, *, budget=None, target=None):
    """Every design, one by one."""
    best = None
    for n in itertools.product(*ranges):
        design = dict(zip(study.facets, n, strict=True))
        cost = sum(p * np.prod([design[f] for f in unit.split(":")]) for unit, p in prices.items())
        error = study.d_study(design).absolute_error
        if budget is not None and cost <= budget + 1e-9:
            key = (round(error, 12), cost)
        elif target is not None and error <= target**2 + 1e-12:
            key = (round(cost, 9), error)
        else:
            continue
        if best is None or key < best[0]:
            best = (key, design, cost, error)
    return best


@given(
    st.lists(st.sampled_from([0.0, 0.01, 0.1, 0.5]), min_size=5, max_size=5),
    st.lists(st.sampled_from([0.1, 0.5, 2.0]), min_size=4, max_size=4),
    st.sampled_from([8.0, 20.0, 45.0]),
)
@settings(max_examples=40, deadline=None)
def test_what_to_buy_is_the_best_of_all_designs(variances, prices, goal):
    study = g_study(dict(zip(TRIALS, variances, strict=True)), residual="item:variant:epoch:grader")
    cost = dict(zip(PRICES, prices, strict=True))
    at_most = {"item": 9, "variant": 3, "epoch": 3, "grader": 3}
    ranges = [range(1, at_most[f] + 1) for f in study.facets]
    best = brute(study, cost, ranges, budget=goal)
    found = what_to_buy(study, cost, budget=goal, at_most=at_most)
    assert found.error_variance == pytest.approx(best[3], rel=1e-9, abs=1e-12)
    assert found.cost <= goal * (1 + 1e-9)
    assert found.cost == pytest.approx(best[2])
    target = max(best[3], 1e-6) ** 0.5 * 1.1
    cheapest = brute(study, cost, ranges, target=target)
    found = what_to_buy(study, cost, target=target, at_most=at_most)
    assert found.cost == pytest.approx(cheapest[2])
    assert found.standard_error <= target * (1 + 1e-9)


def test_marginals_say_what_to_buy_next():
    study = trials_study()
    now = {"item": 20, "variant": 1, "epoch": 4, "grader": 1}
    found = what_to_buy(study, PRICES, budget=400.0, current=now)
    by_facet = {m.facet: m for m in found.marginals}
    more = study.d_study({**now, "item": 21}).absolute_error
    fall = study.d_study(now).absolute_error - more
    assert by_facet["item"].reduction == pytest.approx(fall)
    assert by_facet["item"].cost == pytest.approx(3.0 + 0.5 + 4 * 0.02 + 4 * 0.05)
    assert found.next == max(found.marginals, key=lambda m: m.ratio).facet
    assert f"next, buy {found.next}s" in repr(found)
    assert found.cost <= 400
    again = what_to_buy(study, PRICES, target=found.standard_error)
    assert again.cost == pytest.approx(found.cost, rel=0.01)
    assert found.to_dict()["next"] == found.next


def test_relative_error_and_fixed_facets_can_be_bought_for():
    study = g_study(BRENNAN, object="p", residual="p:r:t")
    found = what_to_buy(study, {"t": 5.0, "t:r": 1.0}, budget=60.0, error="relative")
    n = dict(found.n)
    assert found.error_variance == pytest.approx(0.5596 / n["t"] + 2.3802 / (n["t"] * n["r"]))
    pinned = what_to_buy(
        study,
        {"t": 5.0, "t:r": 1.0},
        budget=60.0,
        fixed=["t"],
        at_least={"t": 3},
        at_most={"t": 3},
    )
    assert dict(pinned.n) == {"t": 3, "r": 15}


def test_a_table_with_repeats_gets_a_facet_for_them():
    rng = np.random.default_rng(1)
    item = np.repeat(np.arange(20), 4)
    y = rng.normal(size=20)[item] + rng.normal(size=80)
    found = variance_components({"item": item}, y, ["item"])
    study = g_study(found)
    assert study.facets == ("item", "replicate")
    d = study.d_study({"item": 20, "replicate": 4})
    assert d.absolute_error == pytest.approx(found.mean_se**2, rel=1e-6)


def test_what_is_refused():
    study = trials_study()
    with pytest.raises(InputError, match="wanted a number of 'grader'"):
        study.d_study({"item": 3, "variant": 1, "epoch": 1})
    with pytest.raises(InputError, match="1 or more"):
        study.d_study({"item": 0, "variant": 1, "epoch": 1, "grader": 1})
    with pytest.raises(InputError, match="n: wanted facets"):
        study.d_study({"day": 1})
    with pytest.raises(InputError, match="object: wanted"):
        g_study(TRIALS, object="subject")
    with pytest.raises(InputError, match="variance of 0 or more"):
        g_study({"item": -0.1})
    with pytest.raises(InputError, match="different terms"):
        g_study({"a:b": 1.0, "b/a": 1.0})
    with pytest.raises(InputError, match="either a budget or a target"):
        what_to_buy(study, PRICES)
    with pytest.raises(InputError, match="at least"):
        what_to_buy(study, PRICES, budget=1.0)
    with pytest.raises(InputError, match="costs nothing"):
        what_to_buy(study, {"item": 1.0}, budget=10.0)
    with pytest.raises(InputError, match="leave 3,000,000 designs"):
        what_to_buy(study, PRICES, target=1e-3)
    with pytest.raises(InputError, match="no design within the limits"):
        limits = {"item": 5, "variant": 2, "epoch": 2, "grader": 2}
        what_to_buy(study, PRICES, target=1e-3, at_most=limits)
    with pytest.raises(InputError, match="needs an object"):
        what_to_buy(study, PRICES, budget=50.0, error="relative")
    with pytest.raises(InputError, match="pinned|in both limits"):
        what_to_buy(study, PRICES, budget=50.0, fixed=["grader"])
    single = variance_components(
        {"item": np.repeat(np.arange(4), 2), "grader": np.zeros(8, int)},
        np.arange(8.0) ** 0.5,
        ["item", "grader"],
    )
    with pytest.raises(InputError, match="missing="):
        g_study(single)
    assert g_study(single, missing={"grader": 0.1}).covariance is None
