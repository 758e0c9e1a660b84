"""Budgets against the GUM's own examples, JCGM 101's, and exact integrals."""

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from calibrant.errors import InputError
from calibrant.stats.budgets.budget import (
    Component,
    combine,
    df_from_doubt,
    from_observations,
    result_correlation,
)
from calibrant.stats.budgets.grader import grader_budget, rogan_gladen
from calibrant.stats.budgets.montecarlo import (
    beta,
    binomial_posterior,
    coverage_interval,
    normal,
    propagate,
    rectangular,
    student,
    triangular,
    u_shaped,
)
from calibrant.stats.budgets.rare_rates import Declared, RatePart, bound_total, missing_bounds
from calibrant.stats.variance.components import variance_components

# JCGM 100:2008, table H.2: volts, milliamperes, radians, observed together.
H2 = np.array(
    [
        [5.007, 19.663, 1.0456],
        [4.994, 19.639, 1.0438],
        [5.005, 19.640, 1.0468],
        [4.990, 19.685, 1.0428],
        [4.999, 19.678, 1.0433],
    ]
)


def impedance(v, i, phi):
    i = i / 1000
    return v / i * np.cos(phi), v / i * np.sin(phi), v / i


def test_gum_h2_resistance_reactance_impedance():
    r, x, z = from_observations(impedance, H2, ["V", "I", "phi"])
    assert [b.value for b in (r, x, z)] == pytest.approx([127.732, 219.847, 254.260], abs=6e-4)
    assert [b.u for b in (r, x, z)] == pytest.approx([0.071, 0.295, 0.236], abs=6e-4)
    pairs = [result_correlation(a, b) for a, b in ((r, x), (r, z), (x, z))]
    assert pairs == pytest.approx([-0.588, -0.485, 0.993], abs=6e-4)
    assert r.correlation[0][1:] == pytest.approx((-0.36, 0.86), abs=0.006)
    # Approach 2 of H.2.4: transform each observation, then take means of the results.
    each = np.array(impedance(*H2.T))
    assert [b.u for b in (r, x, z)] == pytest.approx(each.std(axis=1, ddof=1) / sqrt(5), rel=0.01)
    # Means of five simultaneous observations: four degrees of freedom, whatever the mixture.
    assert [b.df for b in (r, x, z)] == pytest.approx([4, 4, 4])
    assert sum(r.shares) == pytest.approx(1)


def test_gum_h5_day_to_day_variance():
    means = np.array([172, 116, 13, 144, 106, 31, 60, 125, 163, 41], float)  # µV above 10 V
    sds = np.array([60, 77, 111, 101, 67, 93, 80, 73, 88, 86], float)
    # Five readings with exactly these means and deviations stand for the unpublished ones.
    shape = np.array([-2, -1, 0, 1, 2]) / sqrt(2.5)
    y = (means[:, None] + sds[:, None] * shape).ravel()
    day = np.repeat(np.arange(10), 5)
    found = variance_components({"day": day}, y, ["day"], method="anova")
    assert found.mean == pytest.approx(97, abs=0.5)
    assert found["residual"].estimate ** 0.5 == pytest.approx(85, abs=0.5)  # s_W
    assert found["day"].estimate ** 0.5 == pytest.approx(43, abs=0.5)  # s_B
    assert found.mean_se == pytest.approx(18, abs=0.5)


def test_welch_satterthwaite_by_hand_and_gum_g4():
    parts = [
        Component("a", "A", 0.3, 1.0, 9),
        Component("b", "A", 0.2, -2.0, 4),
        Component.from_limits("c", 0.5, "rectangular"),
    ]
    b = combine(10.0, parts)
    u2 = 0.09 + 0.16 + 0.25 / 3
    assert b.u == pytest.approx(sqrt(u2))
    assert b.df == pytest.approx(u2**2 / (0.09**2 / 9 + 0.16**2 / 4))
    assert b.expanded(0.95) == pytest.approx(stats.t.ppf(0.975, b.df) * b.u)
    assert b.shares == pytest.approx([0.09 / u2, 0.16 / u2, 0.25 / 3 / u2])
    # G.4.1's example: relative uncertainties 0.25, 0.57, 0.82 % with 9, 4, 14 df give 19.0.
    example = combine(1.0, [Component(str(d), "A", u, df=d) for u, d in
                            ((0.25, 9), (0.57, 4), (0.82, 14))])  # fmt: skip
    assert example.u == pytest.approx(1.03, abs=0.005)
    assert example.df == pytest.approx(19.0, abs=0.05)
    assert example.expanded() == pytest.approx(2.16, abs=0.01)
    assert df_from_doubt(0.25) == 8
    assert df_from_doubt(0.0) == inf
    assert combine(0.0, parts[2:]).coverage_factor() == pytest.approx(1.959964)
    assert combine(0.0, parts[2:]).to_dict()["df"] is None


@given(st.integers(0, 10_000), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_combination_is_the_double_sum(seed, k):
    rng = np.random.default_rng(seed)
    r = np.corrcoef(rng.normal(size=(k, k + 3)))
    parts = [Component(str(i), "B", float(rng.random()), float(rng.normal())) for i in range(k)]
    total = 0.0
    for i in range(k):
        for j in range(k):
            total += parts[i].contribution * parts[j].contribution * r[i, j]
    b = combine(0.0, parts, correlation=r)
    assert b.u == pytest.approx(sqrt(total))
    assert sum(b.shares) == pytest.approx(1)
    assert b.df == inf


def test_budgets_refuse():
    one = Component("a", "A", 0.1, df=3)
    two = Component("b", "A", 0.1, df=5)
    with pytest.raises(InputError, match="same df"):
        combine(0.0, [one, two], correlation=[[1, 0.2], [0.2, 1]])
    with pytest.raises(InputError, match="different sources"):
        combine(0.0, [one, one])
    with pytest.raises(InputError, match="at least one"):
        combine(0.0, [])
    with pytest.raises(InputError, match="above 0, got 0"):
        combine(0.0, [Component("a", "A", 0.0)])
    with pytest.raises(InputError, match="finite number"):
        combine(inf, [one])
    with pytest.raises(InputError, match="eigenvalue"):
        combine(0.0, [one, two, Component("c", "B", 1.0)],
                correlation=[[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])  # fmt: skip
    for bad in ({"u": -1.0}, {"u": inf}, {"df": 0.0}, {"kind": "C"}, {"source": ""},
                {"sensitivity": inf}, {"distribution": "cauchy"}):  # fmt: skip
        with pytest.raises(InputError):
            Component(**{"source": "a", "kind": "A", "u": 0.1, **bad})
    with pytest.raises(InputError, match="level"):
        combine(0.0, [one]).expanded(0)
    with pytest.raises(InputError, match="wanted one of"):
        Component.from_limits("a", 1.0, "normal")


# --- Monte Carlo ---------------------------------------------------------------------------


def total(**x):
    return sum(x.values())


def test_jcgm_101_additive_models():
    rng = np.random.default_rng(1)
    names = ["x1", "x2", "x3", "x4"]
    found = propagate(total, {n: normal(0, 1) for n in names}, rng=rng)  # 9.2.2
    assert (found.u, found.low, found.high) == pytest.approx((2.0, -3.92, 3.92), abs=0.06)
    edge = sqrt(3)
    flat = {n: rectangular(-edge, edge) for n in names}
    found = propagate(total, flat, rng=rng, interval="symmetric")  # 9.2.3
    assert (found.u, found.low, found.high) == pytest.approx((2.0, -3.88, 3.88), abs=0.06)
    found = propagate(
        total, {**flat, "x4": rectangular(-10 * edge, 10 * edge)}, rng=rng, interval="symmetric"
    )  # 9.2.4
    assert (found.u, found.low, found.high) == pytest.approx((10.1, -17.0, 17.0), abs=0.15)
    assert max(found.numerical) <= found.tolerance
    assert "draws" in repr(found)


def test_jcgm_101_mass_calibration():
    def deviation(m_r, dm_r, air, rho_w, rho_r):
        return (m_r + dm_r) * (1 + (air - 1.2) * (1 / rho_w - 1 / rho_r)) - 100_000

    inputs = {
        "m_r": normal(100_000, 0.05),
        "dm_r": normal(1.234, 0.02),
        "air": rectangular(1.10, 1.30),
        "rho_w": rectangular(7000, 9000),
        "rho_r": rectangular(7950, 8050),
    }
    found = propagate(deviation, inputs, rng=np.random.default_rng(2), digits=2)
    # 9.3.2.2: 1.2341 mg, u 0.0754 mg, [1.0834, 1.3825] mg; first order alone would give 0.0539.
    assert found.value == pytest.approx(1.2341, abs=0.001)
    assert found.u == pytest.approx(0.0754, abs=0.001)
    assert (found.low, found.high) == pytest.approx((1.0834, 1.3825), abs=0.008)


def test_jcgm_101_comparison_loss_where_first_order_fails():
    found = propagate(
        lambda x1, x2: x1**2 + x2**2,
        {"x1": normal(0, 0.005), "x2": normal(0, 0.005)},
        rng=np.random.default_rng(3),
    )  # 9.4.2.2: 50e-6, u 50e-6, [0, 150e-6]
    assert found.value == pytest.approx(50e-6, rel=0.03)
    assert found.u == pytest.approx(50e-6, rel=0.03)
    assert found.low == pytest.approx(0, abs=1e-6)
    assert found.high == pytest.approx(150e-6, rel=0.03)


@pytest.mark.parametrize(
    ("given_input", "twin"),
    [
        (student(1, 2, 5), stats.t(5, 1, 2)),
        (triangular(-1, 3), stats.triang(0.5, -1, 4)),
        (u_shaped(0, 2), stats.arcsine(0, 2)),
        (beta(2, 5), stats.beta(2, 5)),
        (binomial_posterior(3, 20), stats.beta(3.5, 17.5)),
        (rectangular(2, 5), stats.uniform(2, 3)),
    ],
)
def test_distributions_are_what_they_say(given_input, twin):
    y = given_input.draw(np.random.default_rng(4), 4000)
    assert stats.kstest(y, twin.cdf).pvalue > 1e-3


def test_correlated_normals_and_the_shortest_interval():
    found = propagate(
        lambda a, b: a - b,
        {"a": normal(3, 1), "b": normal(1, 1)},
        rng=np.random.default_rng(5),
        correlation=[[1, 0.8], [0.8, 1]],
    )
    assert found.value == pytest.approx(2, abs=0.02)
    assert found.u == pytest.approx(sqrt(0.4), rel=0.03)
    y = np.sort(np.random.default_rng(0).exponential(size=2000))
    low, high = coverage_interval(y, 0.9)
    inside = [(y[i + 1800] - y[i]) for i in range(200)]
    assert high - low == pytest.approx(min(inside))
    assert low < 0.05


def test_monte_carlo_refuses():
    rng = np.random.default_rng(0)
    x = {"x": normal(0, 1)}
    with pytest.raises(InputError, match="not"):
        propagate(lambda x: np.log(x), x, rng=rng)
    with pytest.raises(InputError, match="constant"):
        propagate(lambda x: x * 0, x, rng=rng)
    with pytest.raises(InputError, match="shape"):
        propagate(lambda x: x.mean(), x, rng=rng)
    with pytest.raises(InputError, match="max_draws"):
        propagate(lambda x: x, {"x": student(0, 1, 1.2)}, rng=rng, max_draws=60_000)
    with pytest.raises(InputError, match="only normal"):
        propagate(total, {"a": normal(0, 1), "b": beta(1, 1)}, rng=rng,
                  correlation=[[1, 0.5], [0.5, 1]])  # fmt: skip
    with pytest.raises(InputError, match="at least one"):
        propagate(total, {}, rng=rng)
    for bad in (lambda: beta(0, 1), lambda: normal(0, -1), lambda: rectangular(2, 1),
                lambda: student(0, 1, 0), lambda: binomial_posterior(3, 2)):  # fmt: skip
        with pytest.raises(InputError):
            bad()


# --- rare events, graders, missing trials ---------------------------------------------------


def test_upper_bounds_are_added_at_split_levels_never_in_squares():
    parts = [RatePart("direct", 0, 300, weight=0.7), RatePart("indirect", 1, 200, weight=0.3)]
    found = bound_total(parts, [Declared("items not covered", 0.002, "expert judgement")])
    limits = [stats.beta.ppf(0.975, 1, 300), stats.beta.ppf(0.975, 2, 199)]
    assert found.bound == pytest.approx(0.7 * limits[0] + 0.3 * limits[1] + 0.002)
    assert sum(p.contribution for p in found.parts) == pytest.approx(found.bound)
    assert sum(p.alpha for p in found.parts) == pytest.approx(0.05)
    assert found.value == pytest.approx(0.3 / 200)
    one = bound_total([RatePart("all", 0, 149)])
    assert one.bound == pytest.approx(0.01990481622, rel=1e-9)
    worst = bound_total([RatePart("all", 0, 147, missing=2)])
    assert worst.bound == pytest.approx(stats.beta.ppf(0.95, 3, 147))
    assert "At most" in repr(one)


def test_missing_trials_count_as_the_worst():
    found = missing_bounds(3, 90, 10)
    assert (found.least, found.most) == (0.03, 0.13)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, 3, 98))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, 14, 87))
    with pytest.raises(InputError):
        missing_bounds(3, 2, 0)


def test_rogan_gladen_by_hand():
    found = rogan_gladen(30, 200, (45, 50), (95, 100))
    assert found.raw == pytest.approx((0.15 + 0.95 - 1) / (0.9 + 0.95 - 1))
    assert 0 <= found.low < found.value < found.high <= 1
    perfect = rogan_gladen(3, 20, 1.0, 1.0)
    assert (perfect.low, perfect.high) == pytest.approx((0.03207094, 0.37892683), rel=1e-6)
    # A known specificity of 0.95 at 3 % positive grades: nothing need be there.
    assert rogan_gladen(6, 200, 0.9, 0.95).value == 0
    few = rogan_gladen(0, 300, (48, 50), (100, 100), side="upper", shares=(1, 1, 0))
    top = stats.beta.ppf(0.975, 1, 300) / stats.beta.ppf(0.025, 48, 3)
    assert few.high == pytest.approx(top)
    assert few.low == 0


def test_lang_and_reiczigel_by_hand():
    found = rogan_gladen(30, 200, (45, 50), (95, 100), method="lang-reiczigel")
    z = 1.959963984540054
    p, se, sp = (30 + z**2 / 2) / (200 + z**2), 46 / 52, 96 / 102
    rate = (p + sp - 1) / (se + sp - 1)
    v1, v2, v3 = p * (1 - p) / (200 + z**2), se * (1 - se) / 52, sp * (1 - sp) / 102
    half = z * sqrt(v1 + rate**2 * v2 + (1 - rate) ** 2 * v3) / (se + sp - 1)
    middle = rate + 2 * z**2 * (rate * v2 - (1 - rate) * v3)
    assert (found.low, found.high) == pytest.approx((max(0, middle - half), middle + half))


@given(
    st.integers(0, 60), st.integers(0, 20), st.integers(0, 20), st.sampled_from([0.5, 0.9, 0.99])
)
@settings(max_examples=80, deadline=None)
def test_corrected_rates_stay_in_range_or_are_refused(k, se, sp, level):
    if se + sp <= 20:
        with pytest.raises(InputError, match="say nothing"):
            rogan_gladen(k, 60, (se, 20), (sp, 20), level=level)
        return
    for method in ("alpha-split", "lang-reiczigel"):
        found = rogan_gladen(k, 60, (se, 20), (sp, 20), level=level, method=method)
        assert 0 <= found.low <= found.high <= 1
        if method == "alpha-split":
            assert found.low <= found.value <= found.high


def test_the_grader_budget_says_who_is_to_blame():
    found = grader_budget(30, 200, (45, 50), (95, 100))
    assert [c.source for c in found.components] == ["trials", "sensitivity", "specificity"]
    assert sum(found.shares) == pytest.approx(1)
    known = grader_budget(30, 200, 0.9, 0.95)
    assert [c.source for c in known.components] == ["trials"]


def test_rates_refuse():
    with pytest.raises(InputError, match="every part or for none"):
        bound_total([RatePart("a", 0, 9, share=1.0), RatePart("b", 0, 9)])
    with pytest.raises(InputError, match="0 ≤ events"):
        bound_total([RatePart("a", 4, 3)])
    with pytest.raises(InputError, match="weight"):
        bound_total([RatePart("a", 0, 3, weight=0.0)])
    with pytest.raises(InputError, match="bound of 0"):
        bound_total([RatePart("a", 0, 3)], [Declared("b", -0.1)])
    with pytest.raises(InputError, match="level"):
        bound_total([RatePart("a", 0, 3)], level=1.0)
    with pytest.raises(InputError, match="at least one"):
        bound_total([])
    with pytest.raises(InputError, match="validation counts"):
        rogan_gladen(3, 20, 0.9, 0.9, method="lang-reiczigel")
    with pytest.raises(InputError, match="0–1"):
        rogan_gladen(3, 20, 1.2, 0.9)
    with pytest.raises(InputError, match="shares"):
        rogan_gladen(3, 20, 0.9, 0.9, shares=(0, 1, 1))
