"""Plans for comparisons: published sizes, powers by enumeration and simulation, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, nct, norm
from scipy.stats import t as student

from calibrant import plan_paired
from calibrant.errors import DesignError, InputError
from calibrant.stats.comparisons.planning import (
    equivalence_power,
    mcnemar_effect,
    not_inferior_power,
    t_effect,
    t_power,
    units_for,
)
from calibrant.stats.comparisons.power import mcnemar_power

MILLER = {"sd": 1 / 3, "beta": 0.2}


def by_test(plans):
    return {d.test: d for d in plans.designs}


# Miller (arXiv 2411.00640), section 5: omega² = 1/9, sigma² = 1/6 in both subjects.
def test_millers_sizes_and_smallest_differences():
    normal = "normal (Miller 2024)"
    assert by_test(plan_paired(difference=0.03, **MILLER))[normal].items == 969
    within = math.sqrt(1 / 6)
    ten = plan_paired(within=within, epochs=10, items_available=198, **MILLER)
    assert ten.mde[normal] == pytest.approx(0.075, abs=1.5e-3)
    one = plan_paired(within=within, items_available=198, **MILLER)
    assert one.mde[normal] == pytest.approx(0.132, abs=1.5e-3)
    assert one.designs == ()
    assert plan_paired(difference=0.03, **MILLER).designs[0].items == 971  # t, as R's power.t.test


@given(st.integers(2, 400), st.floats(0.0, 1.0), st.floats(0.05, 3), st.floats(0.005, 0.2))
@settings(max_examples=80)
def test_the_power_of_t_is_that_of_the_noncentral_t(n, effect, sd, alpha):
    shift, critical = effect * math.sqrt(n) / sd, student.ppf(1 - alpha / 2, n - 1)
    twin = nct.sf(critical, n - 1, shift) + nct.cdf(-critical, n - 1, shift)
    if math.isfinite(twin):  # SciPy gives up at some
        assert t_power(n, effect, sd, alpha=alpha) == pytest.approx(twin, abs=1e-7)
    at = np.random.default_rng(n).chisquare(n - 1, 20_000)
    wide = critical * np.sqrt(at / (n - 1))
    drawn = (norm.cdf(shift - wide) + norm.cdf(-shift - wide)).mean()
    assert t_power(n, effect, sd, alpha=alpha) == pytest.approx(drawn, abs=0.02)


def test_far_effects_and_large_samples_are_certain_not_wrong():
    assert t_power(5, 1e6, 1.0) == pytest.approx(1.0)
    assert t_power(3, 50.0, 1.0) == pytest.approx(1.0, abs=1e-4)
    assert t_power(200_000, 0.01, 1.0) == pytest.approx(norm.sf(1.959964 - 4.472136), abs=1e-5)
    assert not_inferior_power(300_000, 0.0, 0.01, 1.0) == pytest.approx(
        norm.cdf(5.477 - 1.645), abs=1e-4
    )
    assert not_inferior_power(10, -60.0, 0.1, 1.0) == 0.0


def test_margins_against_simulation():
    rng, n, sd, d, margin = np.random.default_rng(3), 25, 1.0, 0.1, 0.6
    x = rng.normal(d, sd, (40_000, n))
    mean, u = x.mean(axis=1), x.std(axis=1, ddof=1) / math.sqrt(n)
    wide = student.ppf(0.95, n - 1) * u
    inside = (mean - wide > -margin) & (mean + wide < margin)
    assert equivalence_power(n, d, margin, sd) == pytest.approx(inside.mean(), abs=0.01)
    above = mean - wide > -margin
    assert not_inferior_power(n, d, margin, sd) == pytest.approx(above.mean(), abs=0.01)
    assert not_inferior_power(n, -margin, margin, sd) == pytest.approx(0.05, abs=1e-9)
    assert equivalence_power(400, margin, margin, sd) == pytest.approx(0.05, abs=1e-4)


def test_scores_of_zero_or_one_get_the_exact_test():
    plans = plan_paired(difference=0.04, discordant=0.12, beta=0.2)
    found = by_test(plans)
    exact = found["exact McNemar"]
    assert exact.exact and exact.trials == 2 * exact.items
    n, a, b = exact.items, 0.08, 0.04
    total = 0.0
    for m in range(n + 1):  # differing items; two-sided binomial test of their halves
        k = np.arange(m + 1)
        p = np.minimum(1, 2 * np.minimum(binom.cdf(k, m, 0.5), binom.sf(k - 1, m, 0.5)))
        total += binom.pmf(m, n, a + b) * binom.pmf(k, m, a / (a + b))[p <= 0.05].sum()
    assert exact.support_probability["0.04"] == pytest.approx(total, abs=1e-9)
    assert exact.support_probability["0.04"] >= 0.8
    assert exact.support_probability["0"] <= 0.05
    assert found["mid-P McNemar"].items < n
    assert "622 items" in repr(plans)


def test_sequential_comparisons_by_simulation():
    plans = plan_paired(difference=-0.2, discordant=0.4, beta=0.2)
    sprt = next(d for d in plans.designs if d.design == "sprt")
    assert sprt.claim == "B better"
    assert sprt.support_probability["0"] <= 0.025
    assert sprt.support_probability["-0.2"] >= 0.8
    fixed = plans.designs[0]
    assert sprt.expected_items["-0.2"] < fixed.items
    from calibrant.stats import Follower
    from calibrant.stats import sprt as tuned

    design = tuned(0.5, 0.25, alpha=0.025, beta=0.2, pursue=False)
    rng, used, shown = np.random.default_rng(2), [], 0
    for _ in range(1500):
        path, items = Follower(design), 0
        while path.state == "open":
            items += 1
            u = rng.random()
            if u < 0.4:  # B alone is right with chance 0.3, A alone with 0.1
                path.add(bool(u < 0.1))
        used.append(items)
        shown += path.state == "supported"
    assert np.mean(used) == pytest.approx(sprt.expected_items["-0.2"], rel=0.06)
    assert shown / 1500 == pytest.approx(sprt.support_probability["-0.2"], abs=0.03)
    assert np.mean(np.array(used) <= sprt.items) >= 0.998


def test_clusters_cost_their_design_effect():
    plain = plan_paired(difference=0.1, sd=1.0)
    for size, icc in ((1, 0.5), (4, 0.0)):
        same = plan_paired(difference=0.1, sd=1.0, cluster_size=size, icc=icc)
        assert same.designs[1].items == pytest.approx(plain.designs[1].items, abs=size)
    clustered = plan_paired(difference=0.1, sd=1.0, cluster_size=8, icc=0.2)
    assert clustered.design_effect == pytest.approx(2.4)
    t = clustered.designs[0]
    assert t.items == 8 * t.clusters
    assert t.items == pytest.approx(2.4 * plain.designs[0].items, rel=0.02)
    assert t.support_probability["0.1"] == pytest.approx(
        t_power(t.clusters, 0.1, math.sqrt(2.4 / 8)), abs=1e-12
    )
    rough = plan_paired(difference=0.04, discordant=0.12, cluster_size=5, icc=0.2)
    assert [d.design for d in rough.designs] == ["fixed", "fixed"]
    assert not rough.designs[0].exact


def test_what_items_show_is_what_needs_them():
    n = plan_paired(difference=0.05, discordant=0.15).designs[0].items
    assert mcnemar_effect(n, 0.15, power=0.9) <= 0.05
    assert mcnemar_effect(n // 2, 0.15, power=0.9) > 0.05
    assert mcnemar_effect(5, 0.15) is None
    assert plan_paired(discordant=0.1, items_available=5).mde["exact McNemar"] is None
    d = mcnemar_effect(200, 0.2)
    assert mcnemar_power(200, (0.2 + d) / 2, (0.2 - d) / 2) == pytest.approx(0.8, abs=1e-6)
    assert t_power(50, t_effect(50, 2.0), 2.0) == pytest.approx(0.8, abs=1e-9)
    assert units_for(lambda n: t_power(n, 0.5, 1.0), 0.8) == 34  # as R's power.t.test, paired


def test_a_margin_plans_equivalence_and_non_inferiority():
    plans = plan_paired(margin=0.05, discordant=0.1)
    assert [d.claim for d in plans.designs] == ["A not inferior", "equivalent"]
    assert not any(d.exact for d in plans.designs)
    # (z.95 + z.90)² var/margin² and (z.95 + z.95)² var/margin² (Julious, Stat. Med. 23 (2004) 1921)
    for design, z in zip(plans.designs, (1.645 + 1.2816, 1.645 + 1.645), strict=True):
        assert design.items == pytest.approx(z**2 * 0.1 / 0.05**2, abs=3)
        assert design.support_probability["-0.05"] <= 0.0501
        assert design.support_probability["0"] >= 0.9
    both = plan_paired(difference=0.02, margin=0.05, sd=0.4)
    assert [d.claim for d in both.designs] == [
        "different", "different", "A not inferior", "equivalent"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"difference": 0.1}, "one of discordant"),
        ({"difference": 0.1, "sd": 1, "discordant": 0.2}, "one of discordant"),
        ({"sd": 1}, "difference, a margin or items available"),
        ({"difference": 0.2, "discordant": 0.1}, "at least .difference."),
        ({"difference": 0, "sd": 1}, "other than 0"),
        ({"difference": math.inf, "sd": 1}, "finite"),
        ({"difference": 0.1, "discordant": 1.5}, "share"),
        ({"difference": 0.1, "discordant": math.nan}, "discordant"),
        ({"difference": 0.1, "sd": 0}, "sd: wanted above 0"),
        ({"difference": 0.1, "sd": -1}, "sd: wanted a finite"),
        ({"difference": 0.1, "sd": 1, "epochs": 3}, "epochs"),
        ({"difference": 0.1, "sd": 1, "within": 1, "epochs": 0}, "epochs"),
        ({"difference": 0.1, "discordant": 0.2, "within": 1}, "within"),
        ({"difference": 0.1, "sd": 1, "margin": 0}, "margin"),
        ({"difference": -0.1, "sd": 1, "margin": 0.1}, "nothing to show"),
        ({"sd": 1, "items_available": 1}, "items available"),
        ({"sd": 1, "items_available": 5, "cluster_size": 4, "icc": 0.1}, "fewer than 2 clusters"),
        ({"difference": 0.1, "sd": 1, "cluster_size": 4}, "both a cluster size and an icc"),
        ({"difference": 0.1, "sd": 1, "cluster_size": 0, "icc": 0}, "cluster size"),
        ({"difference": 0.1, "sd": 1, "cluster_size": 2, "icc": 2}, "icc"),
        ({"difference": 0.1, "sd": 1, "alpha": 0.6}, "alpha"),
        ({"difference": 0.1, "sd": 1, "beta": 0.99}, "beta"),
    ],
)
def test_impossible_plans_are_refused(asked, said):
    with pytest.raises(DesignError, match=said):
        plan_paired(**asked)


def test_more_than_anybody_can_run_is_refused():
    with pytest.raises(InputError, match="would be needed"):
        plan_paired(difference=1e-6, sd=1)
