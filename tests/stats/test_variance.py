"""Variance components: dense twins, textbook mean squares, lme4's and Brennan's numbers."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from calibrant.errors import InputError
from calibrant.stats.variance.components import variance_components

# Davies and Goldsmith (1972): yields of dyestuff, strength of paste, zones of penicillin.
DYESTUFF = (
    "1545 1440 1440 1520 1580 1540 1555 1490 1560 1495 1595 1550 1605 1510 1560 "
    "1445 1440 1595 1465 1545 1595 1630 1515 1635 1625 1520 1455 1450 1480 1445"
)
PASTES = (
    "62.8 62.6 60.1 62.3 62.7 63.1 60 61.4 57.5 56.9 61.1 58.9 58.7 57.5 63.9 63.1 65.4 63.7 "
    "57.1 56.4 56.9 58.6 64.7 64.5 55.1 55.1 54.7 54.2 58.8 57.5 63.4 64.9 59.3 58.1 60.5 60 "
    "62.5 62.6 61 58.7 56.9 57.7 59.2 59.4 65.2 66 64.8 64.1 54.8 54.8 64 64 57.7 56.8 "
    "58.3 59.3 59.2 59.2 58.9 56.6"
)
PENICILLIN = (
    "27 23 26 23 23 21 27 23 26 23 23 21 25 21 25 24 24 20 26 23 25 23 23 20 25 22 26 22 23 20 "
    "24 22 25 23 22 19 24 20 23 21 22 19 26 22 26 24 24 21 24 21 24 22 22 20 24 21 24 23 22 19 "
    "26 23 26 24 24 21 25 22 26 24 24 20 26 24 26 24 25 22 26 23 26 23 23 20 26 23 25 24 24 22 "
    "25 22 25 23 23 20 25 21 24 23 23 20 25 22 24 23 23 19 24 21 23 21 21 19 26 23 26 24 24 21 "
    "25 21 24 22 22 18 25 22 25 22 22 20 24 21 24 22 24 19 24 21 24 22 21 18"
)
# Brennan (2001), synthetic data set 4, p × (r:t): 12 raters (4 within each of 3 tasks) × 10
# persons, rater by rater.
BRENNAN_4 = (
    "5 9 3 7 9 3 7 5 9 4 6 3 4 5 2 4 3 8 9 4 5 7 3 5 9 3 7 5 8 4 5 7 3 3 7 5 7 7 8 3 "
    "5 7 5 3 7 3 7 7 6 3 3 5 3 1 7 3 5 5 6 5 4 5 3 4 3 6 5 5 6 6 5 5 5 3 7 3 7 4 5 5 "
    "6 7 6 5 2 4 5 3 5 5 7 7 5 3 7 5 5 2 8 7 3 5 1 3 5 1 5 1 1 1 3 2 6 5 3 2 4 1 1 1"
)


def numbers(text):
    return np.array([float(x) for x in text.split()])


def crossed(*levels):
    return [a.ravel() for a in np.indices(levels)]


def brennan():
    rater, person = crossed(12, 10)
    return {"person": person, "task": rater // 4, "rater": rater}, numbers(BRENNAN_4)


def incidence(code):
    return (code[:, None] == np.unique(code)[None, :]).astype(float)


def label(columns):
    return np.unique(np.column_stack(columns), axis=0, return_inverse=True)[1].ravel()


def twin_criterion(parts, y, values):
    """Minus twice the restricted log-likelihood from its definition, with dense matrices."""
    n, ones = y.size, np.ones((y.size, 1))
    v = values[-1] * np.eye(n)
    for code, s in zip(parts, values, strict=False):
        v += s * incidence(code) @ incidence(code).T
    inverse = np.linalg.inv(v)
    xvx = ones.T @ inverse @ ones
    p = inverse - inverse @ ones @ ones.T @ inverse / xvx
    dets = np.linalg.slogdet(v)[1] + np.log(xvx[0, 0])
    return (n - 1) * np.log(2 * np.pi) + dets + y @ p @ y


def twin_henderson(parts, y):
    """Method 1 and its covariance from explicit quadratic forms."""
    n = y.size
    mean = np.full((n, n), 1 / n)
    forms = []
    for code in parts:
        z = incidence(code)
        forms.append(z @ np.diag(1 / z.sum(axis=0)) @ z.T - mean)
    forms.append(np.eye(n) - mean)
    covers = [incidence(c) @ incidence(c).T for c in parts] + [np.eye(n)]
    expected = np.array([[np.trace(a @ v) for v in covers] for a in forms])
    raw = np.linalg.solve(expected, [y @ a @ y for a in forms])
    v = sum(max(s, 0) * c for s, c in zip(raw, covers, strict=True))
    q = np.array([[2 * np.trace(a @ v @ b @ v) for b in forms] for a in forms])
    inverse = np.linalg.inv(expected)
    return raw, inverse @ q @ inverse.T


# --- published -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["reml", "anova"])
def test_dyestuff_as_in_lme4(method):
    found = variance_components(
        {"batch": np.repeat(np.arange(6), 5)}, numbers(DYESTUFF), ["batch"], method=method
    )
    assert found["batch"].estimate == pytest.approx(1764.05, abs=0.01)
    assert found["residual"].estimate == pytest.approx(2451.25, abs=0.01)
    assert found.mean == pytest.approx(1527.5)
    assert found.mean_se == pytest.approx(19.38, abs=0.005)
    if method == "reml":
        assert found.criterion == pytest.approx(319.6543, abs=1e-4)
    # Balanced one-way: variances of mean squares are 2 EMS² / df.
    ems = 2451.25 + 5 * 1764.05
    assert found["residual"].se == pytest.approx(2451.25 * (2 / 24) ** 0.5, rel=1e-5)
    by_hand = (2 * ems**2 / 5 + 2 * 2451.25**2 / 24) ** 0.5 / 5
    assert found["batch"].se == pytest.approx(by_hand, rel=1e-5)


def test_penicillin_as_in_lme4():
    plate, sample = crossed(24, 6)
    found = variance_components(
        {"plate": plate, "sample": sample}, numbers(PENICILLIN), ["plate", "sample"]
    )
    deviations = [c.estimate**0.5 for c in found.components]
    assert deviations == pytest.approx([0.8467, 1.9316, 0.5499], abs=6e-5)
    assert found.criterion == pytest.approx(330.8606, abs=1e-4)
    assert found.mean == pytest.approx(22.97, abs=0.005)


def test_pastes_agree_with_nested_mean_squares():
    batch, cask, _ = crossed(10, 3, 2)
    y = numbers(PASTES)
    for method in ("reml", "anova"):
        found = variance_components(
            {"batch": batch, "cask": cask}, y, ["batch", "cask/batch"], method=method
        )
        cell = y.reshape(10, 3, 2)
        ms_error = ((cell - cell.mean(axis=2, keepdims=True)) ** 2).sum() / 30
        ms_cask = 2 * ((cell.mean(axis=2) - cell.mean(axis=(1, 2))[:, None]) ** 2).sum() / 20
        ms_batch = 6 * ((cell.mean(axis=(1, 2)) - y.mean()) ** 2).sum() / 9
        assert found["residual"].estimate == pytest.approx(ms_error, rel=1e-5)
        assert found["cask/batch"].estimate == pytest.approx((ms_cask - ms_error) / 2, rel=1e-5)
        assert found["batch"].estimate == pytest.approx((ms_batch - ms_cask) / 6, rel=1e-4)


@pytest.mark.parametrize("method", ["reml", "anova"])
def test_brennans_synthetic_data_set_4(method):
    factors, y = brennan()
    terms = ["person", "task", "rater/task", "person:task"]
    found = variance_components(factors, y, terms, method=method)
    published = {
        "person": 0.4731,
        "task": 0.3252,
        "rater/task": 0.6475,
        "person:task": 0.5596,
        "residual": 2.3802,
    }
    for term, value in published.items():
        assert found[term].estimate == pytest.approx(value, abs=1e-4), term


def test_a_one_facet_table_agrees_with_hand_computed_mean_squares():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, size=(10, 12)).astype(float)
    x[:, 0] = 1 - x[:, 1]
    person, item = crossed(10, 12)
    found = variance_components({"p": person, "i": item}, x.ravel(), ["p", "i"], method="anova")
    ms_p = 12 * x.mean(axis=1).var(ddof=1)
    ms_i = 10 * x.mean(axis=0).var(ddof=1)
    rest = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0) + x.mean()
    ms_pi = (rest**2).sum() / (9 * 11)
    raws = [found[t].raw for t in ("p", "i", "residual")]
    assert raws == pytest.approx([(ms_p - ms_pi) / 12, (ms_i - ms_pi) / 10, ms_pi])


# --- twins ---------------------------------------------------------------------------------


@st.composite
def tables(draw):
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    items, graders, epochs = (draw(st.integers(3, 6)), draw(st.integers(2, 4)), 3)
    i, g, _ = crossed(items, graders, epochs)
    keep = rng.random(i.size) < draw(st.sampled_from([1.0, 0.8]))
    i, g = i[keep], g[keep]
    scales = rng.choice([0.0, 0.3, 1.0], size=3)
    y = (
        draw(st.sampled_from([0.0, 50.0]))
        + scales[0] * rng.normal(size=items)[i]
        + scales[1] * rng.normal(size=graders)[g]
        + scales[2] * rng.normal(size=(items, graders))[i, g]
        + rng.normal(size=i.size)
    )
    return i, g, y


@given(tables())
@settings(max_examples=25, deadline=None)
def test_anova_is_its_dense_twin(table):
    i, g, y = table
    parts = [i, g, label([i, g])]
    raw, covariance = twin_henderson(parts, y)
    found = variance_components({"i": i, "g": g}, y, ["i", "g", "i:g"], method="anova")
    assert [c.raw for c in found.components] == pytest.approx(raw, rel=1e-6, abs=1e-8)
    assert np.array(found.covariance) == pytest.approx(covariance, rel=1e-6, abs=1e-9)


@given(tables())
@settings(max_examples=10, deadline=None)
def test_reml_is_the_maximum_of_the_definition(table):
    i, g, y = table
    parts = [i, g, label([i, g])]
    found = variance_components({"i": i, "g": g}, y, ["i", "g", "i:g"])
    values = np.array([c.estimate for c in found.components])
    mine = twin_criterion(parts, y, values)
    assert found.criterion == pytest.approx(mine, rel=1e-6, abs=1e-5)

    def objective(logs):
        return twin_criterion(parts, y, np.exp(logs))

    for start in (values + 1e-3, np.ones(4)):
        best = minimize(objective, np.log(np.maximum(start, 1e-6)), bounds=[(-16, 5)] * 4)
        assert mine <= best.fun + 1e-4


def test_average_information_errors_agree_with_curvature_when_balanced():
    i, g, _ = crossed(8, 4, 2)
    rng = np.random.default_rng(0)
    y = rng.normal(size=8)[i] + rng.normal(size=4)[g] + rng.normal(size=i.size)
    found = variance_components({"i": i, "g": g}, y, ["i", "g"])
    values = np.array([c.estimate for c in found.components])
    hessian = np.empty((3, 3))
    for a, b in itertools.product(range(3), range(3)):
        total = 0.0
        for sa, sb in itertools.product((1, -1), (1, -1)):
            at = values.copy()
            at[a] += sa * 1e-3 * values[a]
            at[b] += sb * 1e-3 * values[b]
            total += sa * sb * twin_criterion([i, g], y, at)
        hessian[a, b] = total / (4e-6 * values[a] * values[b]) / 2
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    assert [c.se for c in found.components] == pytest.approx(errors, rel=1e-3)


def test_thousands_of_levels():
    rng = np.random.default_rng(8)
    i, g, _ = crossed(600, 3, 2)
    keep = rng.random(i.size) < 0.9
    i, g = i[keep], g[keep]
    y = rng.normal(size=600)[i] + 0.7 * rng.normal(size=(600, 3))[i, g] + rng.normal(size=i.size)
    for method in ("reml", "anova"):
        found = variance_components({"i": i, "g": g}, y, ["i", "g", "i:g"], method=method)
        assert found["i"].estimate == pytest.approx(1.0, abs=0.2)
        assert found["i:g"].estimate == pytest.approx(0.49, abs=0.15)
        assert found["residual"].estimate == pytest.approx(1.0, abs=0.1)


def test_labels_and_scale_do_not_matter():
    factors, y = brennan()
    terms = ["person", "task", "rater/task", "person:task"]
    a = variance_components(factors, y, terms)
    moved = {k: 1000 - 7 * v for k, v in factors.items()}
    b = variance_components(moved, 1e4 + 100 * y, terms)
    for term in terms:
        assert b[term].estimate == pytest.approx(1e4 * a[term].estimate, rel=1e-4)


# --- edges ---------------------------------------------------------------------------------


def test_a_negative_estimate_is_zero_and_keeps_its_raw_value():
    batch = np.repeat([0, 1, 2], 4)
    y = np.tile([1.0, 2.0, 3.0, 4.0], 3) + 0.01 * np.arange(12)
    found = variance_components({"batch": batch}, y, ["batch"], method="anova")["batch"]
    assert found.estimate == 0
    assert found.raw < 0
    assert "negative" in found.note
    reml = variance_components({"batch": batch}, y, ["batch"])
    assert reml["batch"].estimate == 0
    assert "boundary" in repr(reml)
    # All rows are then one sample.
    assert reml["residual"].estimate == pytest.approx(y.var(ddof=1), rel=1e-6)
    assert found.interval()[0] == 0
    assert found.interval()[1] >= 0
    assert reml.covariance is None
    with pytest.raises(InputError, match="no interval"):
        reml["batch"].interval()


def test_a_component_on_its_way_to_zero_gets_there():
    # Few rows, and little information about d: plain steps would creep for ever.
    i = np.array([0, 1, 1, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5])
    g = np.array([1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1])
    d = np.array([0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1])
    rng = np.random.default_rng(2)
    for _ in range(30):
        y = 8 * rng.normal(size=6)[i] + 3 * rng.normal(size=2)[g] + 2 * rng.normal(size=15)
        found = variance_components({"i": i, "g": g, "d": d}, y, ["i", "g", "d"])
        values = np.array([c.estimate for c in found.components])
        for j in range(4):
            for factor in (0.9, 1.1):
                near = values.copy()
                near[j] = max(factor * near[j], 1e-3)
                assert found.criterion <= twin_criterion([i, g, d], y, near) + 1e-6


def test_a_facet_with_one_level_cannot_be_estimated():
    item = np.repeat(np.arange(5), 3)
    y = np.random.default_rng(0).normal(size=15)
    factors = {"item": item, "grader": np.zeros(15, dtype=int)}
    for method in ("reml", "anova"):
        found = variance_components(factors, y, ["item", "grader"], method=method)
        assert found["grader"].estimate is None
        assert "cannot be estimated" in repr(found)
        assert "grader" not in found.estimates()
        with pytest.raises(InputError, match="cannot be estimated"):
            found["grader"].interval()
        assert found.to_dict()["components"][1]["estimate"] is None


def test_what_is_refused():
    item = np.repeat(np.arange(4), 3)
    y = np.arange(12.0) ** 1.5

    def run(factors=None, response=y, terms=("item",), **options):
        return variance_components(factors or {"item": item}, response, list(terms), **options)

    with pytest.raises(InputError, match=r"response\[3\]"):
        run(response=np.where(np.arange(12) == 3, np.nan, y))
    with pytest.raises(InputError, match="wanted 12 labels"):
        run({"item": item[:5]})
    with pytest.raises(InputError, match="integer labels"):
        run({"item": item + 0.5})
    with pytest.raises(InputError, match="wanted facets of"):
        run(terms=["grader"])
    with pytest.raises(InputError, match="each once"):
        run(terms=["item", "item"])
    with pytest.raises(InputError, match="joined by"):
        run(terms=["item:"])
    with pytest.raises(InputError, match="group the rows alike"):
        run({"item": item, "twin": item + 9}, terms=["item", "twin"])
    with pytest.raises(InputError, match="is the residual"):
        run({"item": item, "row": np.arange(12)}, terms=["item", "item:row"])
    with pytest.raises(InputError, match="numbers that differ"):
        run(response=np.full(12, 0.1))
    with pytest.raises(InputError, match="at least 2 rows"):
        run({"item": item[:0]}, response=[])
    with pytest.raises(InputError, match="no residual"):
        run(response=item.astype(float))
    with pytest.raises(InputError, match="method"):
        run(method="bayes")
    with pytest.raises(InputError, match="term: wanted one of"):
        run()["other"]
    with pytest.raises(InputError, match="level"):
        run()["item"].interval(1.0)


def test_intervals_hold_the_estimate():
    factors, y = brennan()
    found = variance_components(factors, y, ["person", "task", "rater/task", "person:task"])
    for c in found.components:
        low, high = c.interval(0.9)
        assert 0 <= low <= c.estimate <= high
    assert sum(found.shares().values()) == pytest.approx(1)
    assert not found.replicated
