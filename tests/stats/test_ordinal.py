"""Cumulative link models: R's numbers for the wine data, plain twins, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr

from calibrant.errors import InputError
from calibrant.stats.ordinal.clm import SeparationError, clm
from calibrant.stats.ordinal.clmm import clmm
from calibrant.stats.ordinal.likelihood import log_chance, slopes

# Bitterness of wine, 1 to 5: nine judges, one line each, rated eight bottles, cold then warm, of
# each two without and two with contact of juice and skins. Randall, Biometrical Journal 31 (1989)
# 109, the data set `wine` of R's package ordinal.
WINE = "23344455 12132354 23325544 32323253 23433333 32322454 11222323 22233334 12323244"
RATING = np.array([int(x) for x in WINE.replace(" ", "")])
TEMP = np.tile([0.0, 0, 0, 0, 1, 1, 1, 1], 9)
CONTACT = np.tile([0.0, 0, 1, 1], 18)
JUDGE = np.repeat(np.arange(9), 8)
BOTTLE = np.tile(np.arange(8), 9)
DESIGN = np.column_stack([TEMP, CONTACT])
WEIGHTS = np.tile([1.0, 2.0, 0.5], 24)

# ordinal 2022.11.16 of R 4: log-likelihood, thresholds and coefficients, their standard errors.
CLM = {
    "logit": (
        -86.4919233656,
        [-1.344383411, 1.250808798, 3.466886926, 5.006404204, 2.503102008, 1.527797658],
        [0.5171020453, 0.437880203, 0.5977604246, 0.7309063437, 0.5286801008, 0.4766226296],
    ),
    "probit": (
        -85.7611483648,
        [-0.7732627288, 0.7360214898, 2.0446804639, 2.9413449823, 1.4993745784, 0.8677435389],
        [0.2828623571, 0.2499388183, 0.3218210139, 0.3872592804, 0.2917903911, 0.2669070093],
    ),
    "interaction": (
        -85.7229961687,
        [-0.803058399, 0.6950621541, 2.0069214839, 2.9100474915, 1.4277452288, 0.7954446301,
         0.1430205343],
        [0.302141292, 0.2897172994, 0.3492047528, 0.4038511772, 0.3897998525, 0.3733487187,
         0.5176657204],
    ),
    "thresholds": (
        -103.719076204,
        [-2.595254707, -0.5108256238, 1.0258529344, 2.2284771208],
        [0.4636004456, 0.2434322478, 0.2673939107, 0.3977961265],
    ),
    "weights": (
        -102.663389225,
        [-1.050661496, 1.343483878, 3.481726353, 5.022498646, 2.659770262, 1.331588838],
        [0.4447106031, 0.4087452818, 0.5544802032, 0.6773933336, 0.4993824169, 0.4311107935],
    ),
}  # fmt: skip
# The same for one random intercept, with its standard deviation and the first two intercepts;
# gradTol = 1e-8, as by default R stops its search early, but errors as R gives them by default.
CLMM = {
    "laplace logit": (
        -81.5654127768,
        [-1.623673445, 1.513359146, 4.228524201, 6.088773981, 3.063004636, 1.83490299],
        [0.682441, 0.6037533, 0.8089661, 0.9724537, 0.5953762, 0.5125293],
        1.131142874,
        [1.69617489704, -0.56579808563],
    ),
    "laplace probit": (
        -80.9306071536,
        [-0.9264797134, 0.8894378109, 2.4675927816, 3.5366622283, 1.8000144466, 1.0482054861],
        [0.3881516049, 0.3484766468, 0.4468724492, 0.5256160232, 0.3269400214, 0.2855452671],
        0.6631532403,
        [0.95969336369, -0.38822689672],
    ),
    "quadrature probit": (
        -80.9312946159,
        [-0.9263254407, 0.8893514231, 2.4673334572, 3.5363559541, 1.7998721969, 1.0481141764],
        [0.3881043788, 0.3484333268, 0.4467956218, 0.5255329348, 0.3269124943, 0.2855313487],
        0.6630288199,
        [0.95951343078, -0.3881553937],
    ),
    "bottle": (
        -94.8075578732,
        [-1.439943301315, -0.003689654918, 1.213912163239, 2.06152070906, 0.82173348924],
        [0.423364035, 0.3776002247, 0.4001418783, 0.4410991119, 0.5219413128],
        0.6359284418,
        [-0.6990880934, -0.3262920847],
    ),
}


@pytest.mark.parametrize("name", list(CLM))
def test_clm_agrees_with_r(name):
    design = {"interaction": np.column_stack([DESIGN, TEMP * CONTACT]), "thresholds": None}
    fit = clm(
        RATING,
        design.get(name, DESIGN),
        link="probit" if name in ("probit", "interaction") else "logit",
        weights=WEIGHTS if name == "weights" else None,
    )
    value, estimates, errors = CLM[name]
    assert fit.log_likelihood == pytest.approx(value, abs=1e-8)
    np.testing.assert_allclose(
        np.concatenate([fit.thresholds, fit.coefficients]), estimates, atol=1e-5
    )
    np.testing.assert_allclose(fit.standard_errors, errors, atol=1e-5)


@pytest.mark.parametrize("name", list(CLMM))
def test_clmm_agrees_with_r(name):
    fit = clmm(
        RATING,
        CONTACT if name == "bottle" else DESIGN,
        BOTTLE if name == "bottle" else JUDGE,
        link="logit" if name == "laplace logit" else "probit",
        nodes=10 if name.startswith("quadrature") else 1,
    )
    value, estimates, errors, spread, intercepts = CLMM[name]
    assert fit.log_likelihood == pytest.approx(value, abs=1e-5)
    np.testing.assert_allclose(
        np.concatenate([fit.thresholds, fit.coefficients]), estimates, atol=5e-5
    )
    np.testing.assert_allclose(fit.standard_errors, errors, atol=1e-4)
    assert fit.spread == pytest.approx(spread, abs=1e-5)
    np.testing.assert_allclose(fit.intercepts[:2], intercepts, atol=5e-5)


def test_quadrature_is_the_integral():
    """A plain twin: the marginal likelihood on a fine grid."""
    fit = clmm(RATING, DESIGN, JUDGE, link="probit", nodes=15)
    grid = np.linspace(-9, 9, 4001)
    edges = np.concatenate([[-np.inf], fit.thresholds, [np.inf]])
    total = 0.0
    for judge in range(9):
        mine = judge == JUDGE
        centre = (DESIGN[mine] @ fit.coefficients)[:, None] + fit.spread * grid
        p = ndtr(edges[RATING[mine]][:, None] - centre) - ndtr(
            edges[RATING[mine] - 1][:, None] - centre
        )
        total += math.log(
            (p.prod(axis=0) * np.exp(-(grid**2) / 2)).sum()
            * (grid[1] - grid[0])
            * 0.3989422804014327
        )
    assert fit.log_likelihood == pytest.approx(total, abs=1e-8)


def test_groups_that_do_not_differ():
    fit = clmm(RATING, DESIGN, BOTTLE, link="probit")
    assert fit.spread == 0 and not fit.intercepts.any()
    assert fit.log_likelihood == pytest.approx(CLM["probit"][0], abs=1e-8)
    assert fit.to_dict()["spread_error"] is None


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-8, 8), st.floats(0.05, 5), st.sampled_from(["probit", "logit"]),
    st.sampled_from(["both", "upper", "lower"]),
)  # fmt: skip
def test_slopes_are_those_of_the_log_chance(middle, width, link, which):
    u, l = middle + width / 2, middle - width / 2  # noqa: E741
    upper = np.array([math.inf if which == "lower" else u])
    lower = np.array([-math.inf if which == "upper" else l])
    cdf = ndtr if link == "probit" else expit
    s = slopes(upper, lower, link, third=True)
    if -6 < middle < 6:
        assert math.exp(s.log[0]) == pytest.approx(float((cdf(upper) - cdf(lower))[0]), rel=1e-6)
    assert s.log[0] == pytest.approx(float(log_chance(upper, lower, link)[0]), rel=1e-9, abs=1e-12)
    h = 1e-5
    up = [slopes(upper + d, lower, link) for d in (h, -h)]
    low = [slopes(upper, lower + d, link) for d in (h, -h)]
    pairs = [
        (up, "log", s.u), (low, "log", s.l), (up, "u", -s.uu), (low, "u", -s.ul),
        (low, "l", -s.ll), (up, "uu", -s.third[0]), (low, "uu", -s.third[1]),
        (up, "ll", -s.third[2]), (low, "ll", -s.third[3]),
    ]  # fmt: skip
    for (high, less), name, wanted in pairs:
        slope = (getattr(high, name)[0] - getattr(less, name)[0]) / (2 * h)
        assert slope == pytest.approx(float(wanted[0]), rel=1e-4, abs=1e-4)


def test_chances_far_out_are_exact():
    far = log_chance(np.array([31.0, -30.0]), np.array([30.0, -31.0]))
    assert far[0] == pytest.approx(far[1]) == pytest.approx(-454.3212439955, abs=1e-6)
    assert log_chance(np.array([1.0]), np.array([2.0]))[0] == -math.inf


@pytest.mark.parametrize(
    ("answers", "design", "said"),
    [
        ([1, 1, 1], None, "two different"),
        (RATING, np.ones(72), "depend on each other"),
        (RATING, DESIGN[:5], "shapes"),
        (["a", "b"], None, "numbers"),
        ([1, math.nan], None, "finite"),
    ],
)
def test_clm_refuses(answers, design, said):
    with pytest.raises(InputError, match=said):
        clm(answers, design)


@pytest.mark.parametrize("link", ["probit", "logit"])
def test_separation_is_said(link):
    with pytest.raises(SeparationError, match="'late'"):
        clm(RATING, np.column_stack([TEMP, RATING > 3]), link=link, names=["warm", "late"])
    # Also where one group's answers all are the highest.
    first = np.zeros(72)
    first[:5] = 1
    with pytest.raises(SeparationError):
        clm(np.where(first == 1, 5, RATING), first, link=link)


def test_clmm_refuses():
    with pytest.raises(InputError, match="groups"):
        clmm(RATING, DESIGN, np.arange(72))
    with pytest.raises(InputError, match="nodes"):
        clmm(RATING, DESIGN, JUDGE, nodes=2)
    with pytest.raises(SeparationError):
        clmm(np.repeat([1, 5], 20), None, np.repeat([0, 1], 20))
