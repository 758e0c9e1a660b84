"""Label plans: samples, estimates and chances against plain twins and enumeration."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from calibrant.errors import InputError
from calibrant.judge import calibrated_ppi, plan
from calibrant.judges.planning import certifying_labels, stratified_rate, weighted_mean
from calibrant.judges.planning.designs import (
    draw_active,
    draw_strata,
    neyman,
    phase_weights,
    probabilities,
)
from calibrant.judges.planning.estimate import grouped_mean
from calibrant.judges.planning.model import from_assumptions, from_pilot, strata_of
from calibrant.judges.planning.operating import gold_only_power, two_strata_power
from calibrant.judges.planning.search import Costs, Goal, option
from calibrant.judges.planning.simulate import simulate
from calibrant.stats.budgets.grader import rogan_gladen
from calibrant.stats.estimates.intervals import clopper_pearson


def scores(seed=0, items=2000, pilot=120):
    rng = np.random.default_rng(seed)
    s = rng.beta(0.5, 1.0, items)
    y = (rng.random(items) < s).astype(float)
    gold = np.full(items, np.nan)
    at = rng.permutation(items)[:pilot]
    gold[at] = y[at]
    return pl.DataFrame({"judge": s, "gold": gold}).with_columns(pl.col("gold").fill_nan(None)), y


def test_one_stratum_has_the_exact_interval():
    value, low, high = stratified_rate([3], [40], [10**9])
    exact = clopper_pearson(3, 40)
    assert value == 3 / 40
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-6)


def test_distances_are_added_in_squares():
    k, n, sizes = [2, 9], [20, 15], np.array([300, 100])
    _, low, high = stratified_rate(k, n, sizes)
    each = [clopper_pearson(a, b) for a, b in zip(k, n, strict=True)]
    share = sizes / 400
    rate = np.array(k) / n
    left = 1 - np.array(n) / sizes
    below = np.sqrt(sum(left * share**2 * (rate - [e.low for e in each]) ** 2))
    above = np.sqrt(sum(left * share**2 * (rate - [e.high for e in each]) ** 2))
    assert (share @ rate - low, high - share @ rate) == pytest.approx((below, above))
    wider = stratified_rate(k, n, sizes, measurand="population")
    assert wider[2] > high
    assert stratified_rate([2, 0], [20, 0], sizes)[2] > 0.25  # nothing is known of a quarter


@given(st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_grouped_means_are_those_of_single_items(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(20, 60, 4)
    f, p = rng.random(4), rng.uniform(0.1, 0.9, 4)
    group = np.repeat(np.arange(4), sizes)
    y = (rng.random(group.size) < f[group]).astype(float)
    hit = np.flatnonzero(rng.random(group.size) < p[group])
    one = weighted_mean(y[hit], f[group[hit]], p[group[hit]], f[group])
    labels = np.bincount(group[hit], minlength=4)[None]
    events = np.bincount(group[hit], weights=y[hit], minlength=4)[None]
    value, low, high = grouped_mean(events, labels, f, p, sizes)
    assert np.clip(value[0], 0, 1) == pytest.approx(one.value)
    if 0 <= value[0] <= 1:
        assert (low[0], high[0]) == pytest.approx((one.low, one.high))


def test_a_census_has_no_error_but_the_population_has():
    y = np.array([0.0, 1, 1, 0, 1])
    found = weighted_mean(y, y, np.ones(5), y)
    assert found.value == pytest.approx(0.6)
    assert found.high - found.low == pytest.approx(0, abs=1e-12)
    wide = weighted_mean(y, y, np.ones(5), y, measurand="population")
    assert wide.high - wide.low > 0.4


@given(
    st.integers(0, 200),
    st.lists(st.tuples(st.integers(1, 80), st.floats(0.01, 0.5)), min_size=1, max_size=6),
)
def test_allocations_add_up_and_fit(n, strata):
    sizes = np.array([s for s, _ in strata])
    spread = np.array([x for _, x in strata])
    n = min(n, int(sizes.sum()))
    found = neyman(n, sizes, spread)
    assert found.sum() == n
    assert np.all(found <= sizes)
    assert np.all(found >= np.minimum(sizes, min(10, n // sizes.size)) - 1)


def test_an_allocation_follows_size_times_spread():
    found = neyman(300, np.array([1000, 1000, 2000]), np.array([0.1, 0.2, 0.1]))
    assert found.tolist() == [60, 120, 120]
    kept = neyman(50, np.array([100, 100]), np.array([0.1, 0.4]), already=np.array([30, 5]))
    assert kept.tolist() == [30, 20]


@given(st.lists(st.floats(1e-3, 1), min_size=2, max_size=40), st.floats(0.05, 1))
def test_probabilities_add_up_and_stay_above_a_floor(doubt, share):
    d = np.array(doubt)
    n = share * d.size
    p = probabilities(n, d)
    assert p.sum() == pytest.approx(n, rel=1e-6)
    assert np.all(p <= 1)
    assert np.all(p >= 0.3 * n / d.size - 1e-9)
    assert np.all(np.diff(p[np.argsort(d)]) >= -1e-9)


def test_draws_take_what_is_asked_and_nothing_twice():
    rng = np.random.default_rng(0)
    stratum = np.repeat([0, 1, 2], 100)
    taken = np.arange(0, 300, 10)
    new = draw_strata(stratum, np.array([20, 10, 40]), taken, rng)
    assert np.bincount(stratum[new], minlength=3).tolist() == [10, 0, 30]
    assert not set(new) & set(taken)
    p = np.full(300, 0.25)
    counts = [draw_active(p, taken, rng).size for _ in range(300)]
    assert np.mean(counts) == pytest.approx(0.25 * 270, rel=0.03)


def test_weights_of_two_phases_estimate_the_total_without_bias():
    rng = np.random.default_rng(0)
    y = rng.random(80)
    totals = []
    for _ in range(4000):
        first = rng.permutation(80)[:20]
        # The second phase may look at the first.
        p = probabilities(15, 0.2 + np.abs(y - y[first].mean()))
        new = draw_active(p, first, rng)
        one, two = phase_weights(20, 15, 80, p)
        totals.append(one * y[first].sum() + two[new] @ y[new])
    assert np.mean(totals) == pytest.approx(y.sum(), abs=4 * np.std(totals) / 4000**0.5)


def test_chances_are_sums_over_all_outcomes():
    twin = sum(
        stats.binom.pmf(k, 60, 0.03)
        for k in range(61)
        if clopper_pearson(k, 60, side="upper").high < 0.1
    )
    assert gold_only_power(60, 0.03, 0.1, "below") == pytest.approx(twin)
    sizes, labels, rates = np.array([700, 300]), (15, 12), (0.02, 0.6)
    total = 0.0
    for k in itertools.product(range(16), range(13)):
        mass = np.prod([stats.binom.pmf(*a) for a in zip(k, labels, rates, strict=True)])
        low = stratified_rate(k, labels, sizes, side="lower", measurand="population")[1]
        total += mass * (low > 0.05)
    found = two_strata_power(labels, rates, (700, 300), 0.05, "above", measurand="population")
    assert found == pytest.approx(total)


@pytest.mark.parametrize(
    ("threshold", "relation", "rate"), [(0.15, "below", 0.08), (0.05, "above", 0.12)]
)
def test_certifying_labels_are_those_of_rogan_and_gladen(threshold, relation, rate):
    se, sp, items = 0.9, 0.97, 3000
    found = certifying_labels(se, sp, rate, threshold, relation, items=items)
    events = round(found.apparent * items)
    side = "upper" if relation == "below" else "lower"
    chance = 0.0
    a = stats.binom.pmf(np.arange(found.positives + 1), found.positives, se)
    b = stats.binom.pmf(np.arange(found.negatives + 1), found.negatives, sp)
    for i in np.flatnonzero(a > 1e-7):
        for j in np.flatnonzero(b > 1e-7):
            counts = (int(i), found.positives), (int(j), found.negatives)
            try:
                limits = rogan_gladen(events, items, *counts, side=side)
            except InputError:
                continue
            good = limits.high < threshold if relation == "below" else limits.low > threshold
            chance += a[i] * b[j] * good
    assert found.power == pytest.approx(chance, abs=1e-4)
    assert 0.8 <= found.power < 0.9
    assert found.labels >= found.positives / rate


def test_a_judge_too_poor_to_certify_is_none():
    assert certifying_labels(0.6, 0.6, 0.1, 0.11, items=300, most=200) is None
    with pytest.raises(InputError, match="say nothing"):
        certifying_labels(0.5, 0.5, 0.1, 0.2, items=300)


def test_simulated_uniform_studies_are_those_of_ppi():
    model = from_assumptions(None, 4000, 0.85, 0.9, 0.3)
    found = simulate(model, "uniform", 200, measurand="population", level=0.95, side="two",
                     draws=400, seed=1)  # fmt: skip
    rng = np.random.default_rng(0)
    widths = []
    for _ in range(200):
        y = (rng.random(4000) < 0.3).astype(float)
        f = (rng.random(4000) < np.where(y == 1, 0.85, 0.1)).astype(float)
        real = calibrated_ppi(f, np.arange(200), y[:200])
        widths.append(real.high - real.low)
    assert found.width == pytest.approx(np.mean(widths), rel=0.03)
    assert 0.92 < found.coverage < 0.99


def test_strata_are_verdicts_scores_and_doubts():
    verdict = np.array([0.0, 1, 0, 1, 1, 0])
    assert strata_of(verdict, None)[1] == ("judge 0", "judge 1")
    assert len(strata_of(np.linspace(0, 1, 50), None)[1]) == 5
    both = strata_of(verdict, np.array([0.1, 0.9, 0.5, 0.2, 0.5, 0.8]))
    assert "judge 1, much doubt" in both[1]


def test_assumptions_imply_what_a_verdict_says():
    judge = np.repeat([0.0, 1.0], [800, 200])
    model = from_assumptions(judge, 1000, 0.9, 0.95, None)
    rate = (0.2 + 0.95 - 1) / 0.85
    assert model.overall == pytest.approx(rate)
    assert model.rate[1] == pytest.approx(rate * 0.9 / 0.2)
    gain, low, high = model.gain(0.95, 0)
    v = model.rate * (1 - model.rate)
    assert gain == pytest.approx(rate * (1 - rate) / (model.share @ v))
    assert low is None
    assert high is None


def test_a_pilot_counts_and_its_doubt_shows():
    table, _ = scores()
    judge = table["judge"].to_numpy()
    gold = table["gold"].to_numpy()
    at = np.flatnonzero(~np.isnan(gold))
    model = from_pilot(judge, None, at, gold[at])
    assert model.pilot_labels().sum() == 120
    gain, low, high = model.gain(0.95, 0)
    assert low < gain < high
    need = option(model, Goal(0.09, None, None, 0.8, 0.95, "population"), "stratified",
                  costs=Costs(1, 0), most=2000, seed=0)  # fmt: skip
    assert need.more == need.labels - 120
    assert need.chance >= 0.8


def test_the_same_seed_gives_the_same_plan():
    table, _ = scores()
    one, two = (plan(table, gold="gold", width=0.1, seed=3) for _ in range(2))
    assert one.to_dict() == two.to_dict()
    other = plan(table, gold="gold", width=0.1, seed=4)
    assert other.to_label["row"].to_list() != one.to_label["row"].to_list()


def test_labelling_the_chosen_items_gives_the_wanted_width():
    table, y = scores(1)
    found = plan(table, gold="gold", width=0.09, design="stratified", seed=1)
    rows = found.to_label
    assert rows.height == found.labels
    names = rows["stratum"].to_numpy()
    strata = [s.name for s in found.strata]
    labels = y[rows["row"].to_numpy() - 1]
    k = np.array([int(labels[names == s].sum()) for s in strata])
    n = np.array([int((names == s).sum()) for s in strata])
    _, low, high = stratified_rate(k, n, [s.items for s in found.strata], measurand="population")
    assert high - low < 0.1
    assert n.tolist() == [s.labels for s in found.strata]
    assert rows["probability"].to_numpy() == pytest.approx(
        [n[strata.index(s)] / found.strata[strata.index(s)].items for s in names]
    )


def test_a_budget_that_is_too_small_buys_the_best_it_can():
    table, _ = scores(2)
    found = plan(table, gold="gold", width=0.05, budget=60, seed=0)
    assert found.limited
    assert found.recommended.more <= 60
    assert found.recommended.width > 0.05
    assert "budget" in repr(found)
    dear = plan(table, gold="gold", width=0.05, budget=1, cost_label=100, seed=0)
    assert dear.recommended is not None
    assert dear.recommended.more == 0


def test_a_width_that_these_items_cannot_give_is_said():
    found = plan(100, sensitivity=0.9, specificity=0.9, rate=0.4, width=0.01)
    assert found.recommended is None
    assert found.labels is None
    assert not found.worth_it
    assert "no design reaches" in repr(found)
    assert found.to_dict()["recommended"] is None


def test_a_judge_that_never_erred_under_the_assumptions_still_needs_labels():
    found = plan(1000, sensitivity=1, specificity=1, rate=0.0, claim=(0.01, "below"))
    assert all(o.labels is None or o.labels > 100 for o in found.options)


def test_a_judge_that_always_says_the_same_is_not_recommended():
    table, _ = scores(3, 600, 100)
    found = plan(table.with_columns(judge=pl.lit(1.0)), gold="gold", width=0.15)
    assert found.recommended.design == "gold only"
    assert "say nothing" in found.reason


def test_a_claim_that_is_probably_false_is_noted():
    found = plan(500, sensitivity=0.9, specificity=0.9, rate=0.3, claim=(0.2, "below"))
    assert any("probably false" in n for n in found.notes)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"width": None}, "either a width or a claim"),
        ({"claim": (0.1, "below")}, "either a width or a claim"),
        ({"power": 1.0}, "power"),
        ({"design": "random"}, "design"),
        ({"measurand": "world"}, "measurand"),
        ({"cost_label": -1.0}, "cost_label"),
        ({"judge": "absent"}, "columns"),
        ({"gold": None}, "pilot"),
        ({"doubt": "absent"}, "columns"),
        ({"item": "absent"}, "columns"),
    ],
)
def test_what_cannot_be_planned_is_refused(change, wanted):
    table, _ = scores()
    with pytest.raises(InputError, match=wanted):
        plan(table, **({"gold": "gold", "width": 0.1} | change))
