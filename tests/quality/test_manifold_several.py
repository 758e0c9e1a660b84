"""Several abilities and testlets, beside published numbers and plain twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from calibrant.errors import CalibrantError, GateError, InputError
from calibrant.quality.manifold import fit_m2pl, fit_testlets, rotate
from calibrant.quality.manifold.counts import counts_of
from calibrant.quality.manifold.nested import Nested
from calibrant.quality.manifold.rotation import quartimin, varimax
from calibrant.quality.manifold.several import Several
from calibrant.quality.manifold.sift import sift
from calibrant.quality.responses import Responses, of_matrix

# Law School Admission Test, section 7: how often each pattern 00000 … 11111 of 5 items occurs (Bock
# and Lieberman, Psychometrika 35 (1970) 179).
LSAT7 = (12, 19, 1, 7, 3, 19, 3, 17, 10, 5, 3, 7, 7, 23, 8, 28, 7, 39, 11, 34, 14, 51, 15, 90, 6,
         25, 7, 35, 18, 136, 32, 308)  # fmt: skip


def lsat7() -> Responses:
    rows = np.array([[int(c) for c in format(i, "05b")] for i in range(32)], float)
    return of_matrix(np.repeat(rows, LSAT7, axis=0), items=[f"i{j}" for j in range(1, 6)])


def test_one_factor_is_that_of_mirt() -> None:
    fit = fit_m2pl(lsat7(), dimensions=1, prior=None)
    assert fit.log_likelihood == pytest.approx(-2658.805, abs=1e-3)
    np.testing.assert_allclose(fit.slopes[:, 0], [0.988, 1.081, 1.707, 0.765, 0.736], atol=1e-3)
    np.testing.assert_allclose(fit.intercepts, [1.856, 0.808, 1.805, 0.486, 1.854], atol=1e-3)
    # Half the width of mirt's 95 % intervals (Oakes) over 1.96.
    se = np.array([0.348, 0.326, 0.6215, 0.265, 0.2985]) / 1.96
    np.testing.assert_allclose(fit.errors[:, 0], se, rtol=0.02)
    assert (fit.aic, fit.bic) == (
        pytest.approx(5337.61, abs=0.01),
        pytest.approx(5386.69, abs=0.01),
    )


def test_two_factors_are_those_of_mirt() -> None:
    fit = fit_m2pl(lsat7(), dimensions=2, prior=None)
    assert fit.log_likelihood == pytest.approx(-2653.520, abs=5e-3)
    assert fit.aic == pytest.approx(5335.04, abs=0.02) and fit.parameters == 14
    # mirt's oblimin loadings; it stops its EM earlier than the maximum.
    first, second = fit.loadings[:, ::-1].T
    np.testing.assert_allclose(first, [0.794, 0.080, -0.013, 0.279, 0.293], atol=0.02)
    np.testing.assert_allclose(second, [-0.011, 0.463, 0.863, 0.193, 0.177], atol=0.02)
    assert fit.correlations[0, 1] == pytest.approx(0.463, abs=0.02)


def draw(n: int, seed: int = 0, rho: float = 0.4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    theta = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    a = np.zeros((12, 2))
    a[:6, 0], a[6:, 1] = rng.uniform(0.9, 2, 6), rng.uniform(0.9, 2, 6)
    y = (rng.random((n, 12)) < expit(theta @ a.T + rng.normal(size=12))).astype(float)
    y[rng.random(y.shape) < 0.05] = np.nan
    return y, theta, a


def test_a_pattern_is_recovered_and_its_likelihood_and_errors_are_right() -> None:
    y, theta, a = draw(300)
    names = [f"item {j + 1}" for j in range(12)]
    fit = fit_m2pl(of_matrix(y), pattern={"math": names[:6], "code": names[6:]})
    assert abs(fit.correlations[0, 1] - 0.4) < 3 * fit.correlation_se[0, 1] < 0.4
    own = fit.slopes[a > 0]
    assert np.sqrt(np.mean(((own - a[a > 0]) / fit.errors[:, :2][a > 0]) ** 2)) < 2
    assert (fit.slopes[a == 0] == 0).all() and np.isnan(fit.errors[:, :2][a == 0]).all()
    assert np.corrcoef(fit.ability[:, 0], theta[:, 0])[0, 1] > 0.7
    apart = fit_m2pl(of_matrix(y), pattern={"math": names[:6], "code": names[6:]}, correlated=False)
    assert apart.log_likelihood < fit.log_likelihood - 5
    free = fit_m2pl(of_matrix(y), dimensions=2)
    assert free.log_likelihood > fit.log_likelihood - 0.5 and free.parameters == 35
    assert fit.bic < free.bic
    assert (np.abs(free.slopes[a == 0]) < np.abs(free.slopes[a > 0]).min() + 0.5).all()


def test_gradient_and_information_with_correlated_factors() -> None:
    y, *_ = draw(60, 2)
    data = of_matrix(y)
    sifted = sift(data, what="m2pl")
    free = np.zeros((12, 2), bool)
    free[:6, 0] = free[6:, 1] = True
    model = Several(counts_of(data, sifted, "m2pl"), free, correlated=True, prior=5.0, nodes=9)
    x = model.start()
    x[12, 0] = 0.3
    model.place(x)
    at = model.evaluate(x)
    hidden, _ = model.observed(x, at.information)
    second = np.zeros((39, 39))
    for j in range(13):
        second[3 * j : 3 * j + 3, 3 * j : 3 * j + 3] = hidden.blocks[j]
    second -= hidden.parts @ hidden.parts.T
    for j, k in ((0, 0), (7, 1), (3, 2), (12, 0)):
        e = np.zeros_like(x)
        e[j, k] = 1e-5
        more, less = model.evaluate(x + e), model.evaluate(x - e)
        assert at.gradient[j, k] == pytest.approx((more.value - less.value) / 2e-5, abs=1e-5)
        if j < 12:
            plain = -(more.gradient - less.gradient).ravel() / 2e-5
            np.testing.assert_allclose(second[3 * j + k], plain, atol=1e-5)


def test_what_is_not_identified_is_refused() -> None:
    with pytest.raises(GateError, match="do not determine"):
        fit_m2pl(lsat7(), pattern={"a": ["i1", "i4", "i5"], "b": ["i2", "i3"]}, correlated=False,
                 prior=None)  # fmt: skip
    with pytest.raises(InputError, match="is on no factor"):
        fit_m2pl(lsat7(), pattern={"a": ["i1", "i2", "i3"]})
    with pytest.raises(InputError, match="wanted right-or-wrong"):
        fit_m2pl(of_matrix(np.random.default_rng(0).random((30, 8))))
    with pytest.raises(InputError, match="dimensions"):
        fit_m2pl(lsat7(), dimensions=7)
    with pytest.raises(InputError, match="at least 7 items"):
        fit_m2pl(lsat7(), dimensions=3)


def test_perfect_separation_is_survived_and_said() -> None:
    rng = np.random.default_rng(0)
    y, *_ = draw(60, 5)
    y = np.nan_to_num(y, nan=1.0)
    y[:, 0] = y[:, 1] = y[:, 2]
    y[0] = 1.0
    try:
        fit = fit_m2pl(of_matrix(y), dimensions=2)
    except CalibrantError as e:
        assert "\n" not in str(e)
    else:
        assert np.isfinite(fit.slopes).all() and np.isfinite(fit.ability).all()
        assert any("Heywood" in c for c in fit.adequacy.concerns)
    assert rng is not None


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["varimax", "promax", "oblimin"]))
def test_rotations_keep_what_is_common(seed: int, rotation: str) -> None:
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(9, 3)) * 0.4
    rotated, phi, turn = rotate(loadings, rotation, seed=1)  # type: ignore[arg-type]
    np.testing.assert_allclose(rotated @ phi @ rotated.T, loadings @ loadings.T, atol=1e-8)
    np.testing.assert_allclose(np.diag(phi), 1.0, atol=1e-8)
    np.testing.assert_allclose(turn.T @ turn, phi, atol=1e-8)
    assert (rotated.sum(axis=0) >= 0).all()
    if rotation == "varimax":
        np.testing.assert_allclose(phi, np.eye(3), atol=1e-7)
        # No rotation by a small angle does better.
        angle = 0.01
        small = np.eye(3)
        small[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        assert varimax(rotated)[0] <= varimax(rotated @ small)[0] + 1e-9


def test_a_perfect_simple_structure_is_found() -> None:
    rng = np.random.default_rng(4)
    simple = np.zeros((9, 3))
    for j in range(9):
        simple[j, j // 3] = rng.uniform(0.4, 0.9)
    phi = np.array([[1, 0.3, 0.1], [0.3, 1, 0.2], [0.1, 0.2, 1]])
    unrotated = simple @ np.linalg.cholesky(phi) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotated, found, _ = rotate(unrotated, "oblimin")
    assert quartimin(rotated)[0] < 1e-12
    order = [int(np.argmax(rotated[3 * k])) for k in range(3)]
    np.testing.assert_allclose(rotated[:, order], simple, atol=1e-5)
    np.testing.assert_allclose(found[np.ix_(order, order)], phi, atol=1e-5)


def clustered(n: int, items: int, clusters: int, sd: float, seed: int = 0) -> tuple[
    np.ndarray, np.ndarray
]:  # fmt: skip
    rng = np.random.default_rng(seed)
    theta, u = rng.normal(size=n), rng.normal(size=(n, clusters))
    of = np.repeat(np.arange(clusters), items // clusters)
    a, d = rng.uniform(0.8, 1.8, items), rng.normal(size=items)
    right = rng.random((n, items)) < expit(a * (theta[:, None] + sd * u[:, of]) + d)
    return right.astype(float), of


def test_testlet_likelihood_is_the_brute_force_integral() -> None:
    y, of = clustered(12, 6, 2, 0.8)
    y[3, 2] = np.nan
    data = of_matrix(y)
    sifted = sift(data, what="testlet")
    counts = counts_of(data, sifted, "testlet")
    of = of[sifted.kept]
    model = Nested(counts, of, prior=None, inner=15)
    x = model.start()
    x[0, -2:] = [0.7, 1.2]
    log = model.log_likelihoods(x)
    a, d, s = model.unpack(x)
    grid = np.arange(-7, 7.001, 0.1)
    w = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi) * 0.1
    for i in range(counts.often.size):
        inner = np.ones(grid.size)
        for c in (0, 1):
            joint = np.ones((grid.size, grid.size))
            for j in np.flatnonzero(of == c):
                eta = a[j] * (grid[:, None] + s[c] * grid) + d[j]
                r, n = counts.right[i, j], counts.total[i, j]
                joint = joint * expit(eta) ** r * expit(-eta) ** (n - r)
            inner = inner * (joint @ w)
        assert log[i] == pytest.approx(np.log(inner @ w), abs=1e-5)


def test_testlets_are_found_and_what_they_cost() -> None:
    y, of = clustered(200, 12, 3, 1.0, seed=1)
    cluster = {f"item {j + 1}": f"passage {of[j]}" for j in range(12)}
    fit = fit_testlets(of_matrix(y), cluster=cluster)
    assert fit.adequacy.adequate and fit.p < 1e-6
    assert sum(c.low < 1.0 < c.high and c.p < 0.05 for c in fit.clusters) >= 2
    assert fit.overstated > 1.3 and fit.worth < 10
    assert fit.naive_reliability > fit.reliability
    assert fit.log_likelihood > fit.naive_log_likelihood + 10
    assert {"model", "log_likelihood", "adequacy", "items", "subjects"} <= set(fit.to_dict())


def test_no_testlet_effect_is_zero_not_noise() -> None:
    y, of = clustered(150, 12, 3, 0.0, seed=4)
    cluster = {f"item {j + 1}": f"passage {of[j]}" for j in range(12)}
    fit = fit_testlets(of_matrix(y), cluster=cluster, tests=False)
    assert fit.p > 0.05 and fit.overstated < 1.3


def test_bad_clusters_are_named() -> None:
    y, _ = clustered(40, 6, 2, 0.5)
    with pytest.raises(InputError, match="nothing known about items is called 'cluster'"):
        fit_testlets(of_matrix(y))
    with pytest.raises(InputError, match="at least one cluster of 2 items"):
        fit_testlets(of_matrix(y), cluster={"item 1": "a", "item 2": "b"})
    with pytest.raises(InputError, match="one cluster of all"):
        fit_testlets(of_matrix(y), cluster={f"item {j + 1}": "a" for j in range(6)})
