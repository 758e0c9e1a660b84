"""Rare events beside plain twins: sums, products, subsets and grids that take no short cut."""

from __future__ import annotations

import math
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from calibrant.scaling.rare import pareto, thresholds
from calibrant.scaling.rare.attempts import best_of_n, loglik, pearson, reached
from calibrant.scaling.rare.deploy import (
    at_least_one,
    deployment,
    floor_of,
    hidden_mode,
    needed_trials,
)
from calibrant.scaling.rare.largest import tail
from calibrant.scaling.rare.passes import all_of, fixed_variance, pass_at_k, pass_hat_k
from calibrant.scaling.rare.profile import Fitted, drop_of
from calibrant.scaling.rare.thresholds import Threshold

SHAPES = st.one_of(st.just(0.0), st.floats(-0.45, 2.0), st.floats(-1e-6, 1e-6))


def drawn(shape: float, n: int, seed: int) -> np.ndarray:
    u = np.random.default_rng(seed).random(n)
    return pareto.quantile(u, np.asarray(shape), np.asarray(1.0))


# The generalised Pareto law.


def plain_loglik(y: np.ndarray, shape: float, scale: float) -> float:
    total = 0.0
    for one in y:
        z = one / scale
        if abs(shape) < 1e-12:
            total -= math.log(scale) + z
        elif 1 + shape * z <= 0:
            return -math.inf
        else:
            total -= math.log(scale) + (1 + 1 / shape) * math.log1p(shape * z)
    return total


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.floats(-0.5, 2.0), st.floats(0.3, 3.0), st.integers(0, 9999))
def test_log_likelihood(true: float, shape: float, scale: float, seed: int) -> None:
    y = drawn(true, 12, seed)
    found, plain = float(pareto.loglik(y, shape, scale)[0]), plain_loglik(y, shape, scale)
    assert found == plain if plain == -math.inf else found == pytest.approx(plain, rel=1e-6)
    back = pareto.log_survival(y, np.asarray(true), np.asarray(1.0))
    again = pareto.quantile(np.exp(back), np.asarray(true), np.asarray(1.0))
    assert again == pytest.approx(y, rel=1e-5)


@settings(max_examples=12, deadline=None)
@given(st.floats(-0.7, 1.5), st.integers(25, 60), st.integers(0, 9999))
def test_no_grid_point_is_likelier_than_the_fit(true: float, n: int, seed: int) -> None:
    y = drawn(true, n, seed)
    shape, scale = pareto.fit(y)
    assert pareto.LEAST_SHAPE <= shape <= pareto.MOST_SHAPE
    grid = [(s, c) for s in np.linspace(-0.5, 3, 36) for c in np.geomspace(0.2, 4, 40)]
    best = max(plain_loglik(y, s, c * y.mean()) for s, c in grid)
    top = plain_loglik(y, shape, scale)
    assert top >= best - 1e-7
    near = [plain_loglik(y, shape + a, scale * b) for a in (0, 0.01) for b in (0.99, 1, 1.01)]
    assert top >= max(near) - 1e-7


@settings(max_examples=5, deadline=None)
@given(st.floats(-0.3, 0.6), st.integers(0, 9999))
def test_profile_interval_of_a_return_level(true: float, seed: int) -> None:
    """The range of the level over all grid points that the likelihood allows."""
    n, k, m = 400, 60, 1e4
    x = np.concatenate([np.full(n - k, -1.0), drawn(true, k, seed)])
    shape, scale = pareto.fit(x[x > 0])
    law = Fitted.of(x, Threshold(0.0, k, shape, scale, 0.5), 0.9)
    found = law.estimate(law.reached(1 / m))
    s, c, z = np.meshgrid(
        np.linspace(-0.5, shape + 1.4, 141), scale * np.geomspace(0.4, 2.5, 121),
        np.linspace(0.07, 0.27, 41), indexing="ij",
    )  # fmt: skip
    fell = pareto.loglik(x[x > 0], shape, scale)[0] - pareto.loglik(
        x[x > 0], s[..., 0].ravel(), c[..., 0].ravel()
    ).reshape(s.shape[:2])
    share = k * np.log(z) + (n - k) * np.log1p(-z)
    share = k * np.log(k / n) + (n - k) * np.log1p(-k / n) - share
    allowed = fell[..., None] + share <= drop_of(0.9, k)
    level = pareto.quantile(1 / (m * z), s, c)[allowed]
    # A grid lies inside the region, whose edge is found to a thousandth along rays; its steps
    # leave a few hundredths.
    assert found.low <= level.min() * (1 + 1e-3) and found.high >= level.max() * (1 - 0.01)
    assert found.low == pytest.approx(level.min(), rel=0.04)
    assert found.high == pytest.approx(level.max(), rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.4, 1.0), st.integers(5, 40), st.integers(0, 9999))
def test_anderson_darling_is_its_integral(shape: float, n: int, seed: int) -> None:
    """n ∫ (empirical - law)² / (law (1 - law)), piece by piece between observations."""
    y = np.sort(drawn(shape, n, seed))
    u = 1 - np.exp(pareto.log_survival(y, np.asarray(shape), np.asarray(1.0)))
    ends, total = [0.0, *u, 1.0], 0.0
    for i, (a, b) in enumerate(pairwise(ends)):
        e = i / n
        # (e - x)²/(x(1 - x)) has the integral e² log x - (1-e)² log(1-x) - x.
        total += -(b - a)
        if e > 0:
            total += e**2 * math.log(b / a)
        if e < 1:
            total += (1 - e) ** 2 * math.log((1 - a) / (1 - b))
    found = thresholds.anderson_darling(y, shape, 1.0)
    assert found == pytest.approx(n * total, rel=1e-6, abs=1e-8)


PUBLISHED = {
    0.9: (0.339, 0.471, 0.641, 0.771, 0.905, 1.086, 1.226),
    0.5: (0.356, 0.499, 0.685, 0.830, 0.978, 1.180, 1.336),
    0.2: (0.376, 0.534, 0.741, 0.903, 1.069, 1.296, 1.471),
    0.1: (0.386, 0.550, 0.766, 0.935, 1.110, 1.348, 1.532),
    0.0: (0.397, 0.569, 0.796, 0.974, 1.158, 1.409, 1.603),
    -0.1: (0.410, 0.591, 0.831, 1.020, 1.215, 1.481, 1.687),
    -0.2: (0.426, 0.617, 0.873, 1.074, 1.283, 1.567, 1.788),
    -0.3: (0.445, 0.649, 0.924, 1.140, 1.365, 1.672, 1.909),
    -0.4: (0.468, 0.688, 0.985, 1.221, 1.465, 1.799, 2.058),
    -0.5: (0.496, 0.735, 1.061, 1.321, 1.590, 1.958, 2.243),
}
"""Choulakian and Stephens (2001), table 2, A² with both parameters unknown, by shape = -k."""
P = (0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005)


@pytest.mark.parametrize("shape", PUBLISHED)
def test_the_published_table(shape: float) -> None:
    for distance, p in zip(PUBLISHED[shape], P, strict=True):
        # 0.9 lies between two rows of ours; the others are rows, rounded to three digits.
        assert thresholds.p_value(distance, shape) == pytest.approx(p, rel=0.02)


def weights(xi: float, n: int = 300) -> tuple[np.ndarray, float]:
    """Eigenvalues of the covariance of the fitted empirical process, and their whole sum."""
    v = (np.arange(n) + 0.5) / n
    t, u = np.sin(np.pi * v / 2) ** 2, np.cos(np.pi * v / 2) ** 2
    grown = -np.expm1(xi * np.log(u)) / xi
    slopes = np.stack([-u * grown, u * (np.log(u) + grown) / xi])
    information = np.array([[1 + xi, 1.0], [1.0, 2.0]]) / ((1 + xi) * (1 + 2 * xi))
    k = np.minimum(t[:, None], t) * np.minimum(u[:, None], u)
    k -= slopes.T @ np.linalg.inv(information) @ slopes
    w = np.sqrt(np.pi / 2 * np.sin(np.pi * v) / n / (t * u))
    k = w[:, None] * k * w
    return np.linalg.eigvalsh(k)[::-1][:40], float(np.trace(k))


@pytest.mark.parametrize("shape", [-0.3, 0.35, 1.0])
def test_the_table_is_that_of_the_limit(shape: float) -> None:
    """The law of a sum of weighted chi-squares, by inverting its characteristic function."""
    most, whole = weights(shape)
    at = np.arange(1, 600) * 0.4

    def above(x: float) -> float:
        x -= whole - float(most.sum())
        angle = 0.5 * np.arctan(most[:, None] * at).sum(axis=0) - 0.5 * x * at
        size = np.exp(0.25 * np.log1p((most[:, None] * at) ** 2).sum(axis=0))
        first = 0.5 * (float(most.sum()) - x)
        return 0.5 + 0.4 * (float((np.sin(angle) / (at * size)).sum()) + first / 2) / math.pi

    row = thresholds._QUANTILES[list(thresholds._SHAPES).index(shape)]
    for p in (0.5, 0.1, 0.01):
        exact = brentq(lambda x, p=p: above(x) - p, 0.1, 4)
        assert row[list(thresholds._P).index(p)] == pytest.approx(exact, abs=0.002)


def test_the_rate_is_the_mean_probability_of_the_law() -> None:
    x = np.random.default_rng(3).gumbel(-2.0, 0.5, 600)
    found = tail(-np.exp(-x), of="logprob", deployments=(1e5,))
    u, k = found.law.threshold, found.law.count
    shape, scale = found.law.best
    share = (np.arange(200_000) + 0.5) / 200_000
    scores = u + pareto.quantile(share, np.asarray(shape), np.asarray(scale))
    mean = k / 600 * np.exp(-np.exp(-scores)).mean() + np.exp(-np.exp(-x[x <= u])).sum() / 600
    assert found.rate is not None
    assert found.rate.value == pytest.approx(mean, rel=1e-4)


# pass@k and pass^k.

ITEMS = st.lists(
    st.integers(2, 7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2, max_size=6,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(ITEMS, st.integers(1, 2))
def test_pass_is_the_share_of_all_choices(items: list[tuple[int, int]], k: int) -> None:
    c, n = np.array(items).T
    some, every = [], []
    for hits, tries in items:
        outcomes = [1] * hits + [0] * (tries - hits)
        chosen = list(combinations(outcomes, k))
        some.append(sum(any(o) for o in chosen) / len(chosen))
        every.append(sum(all(o) for o in chosen) / len(chosen))
    (a,), (b,) = pass_at_k(c, n, (k,)), pass_hat_k(c, n, (k,))
    assert (a.value, b.value) == pytest.approx((np.mean(some), np.mean(every)), abs=1e-12)
    assert a.low <= a.value <= a.high and b.low <= b.value <= b.high


def binomial(n: int, p: float) -> np.ndarray:
    return np.array([math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)])


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.integers(1, 2), st.integers(4, 6))
def test_variances_have_no_bias(p: float, q: float, k: int, n: int) -> None:
    """Expectations over every outcome of two items: fixed, and drawn from two kinds."""
    u = all_of(np.arange(n + 1), n, k)
    kinds = [binomial(n, p), binomial(n, q)]
    moments = [(float(m @ u), float(m @ u**2)) for m in kinds]
    within = sum(second - first**2 for first, second in moments) / 4
    both = np.outer(kinds[0], kinds[1])
    said = sum(
        both[a, b] * fixed_variance(np.array([a, b]), np.array([n, n]), k)
        for a, b in product(range(n + 1), repeat=2)
    )
    assert said == pytest.approx(within, rel=1e-9, abs=1e-14)
    mixed = (kinds[0] + kinds[1]) / 2
    true = (float(mixed @ u**2) - float(mixed @ u) ** 2) / 2
    said = 0.0
    for a, b in product(range(n + 1), repeat=2):
        (one,) = pass_hat_k([a, b], [n, n], (k,))
        said += mixed[a] * mixed[b] * (one.standard_error or 0.0) ** 2
    assert said == pytest.approx(true, rel=1e-9, abs=1e-14)


# Best of n.


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 4.0), st.floats(0.05, 8.0), st.integers(1, 60))
def test_the_beta_law_by_products(a: float, b: float, k: int) -> None:
    left = 1.0
    for i in range(k):
        left *= (b + i) / (a + b + i)
    total = a + b
    point = np.array([[math.log(a / b), math.log(1 / total)]])
    assert reached(point, k)[0] == pytest.approx(1 - left, rel=1e-9, abs=1e-12)
    # The chance of c of n is a product of an urn's draws.
    table, weight = np.array([[0, 3], [2, 3], [3, 5]]), np.array([2, 1, 3])
    plain = 0.0
    for (c, n), w in zip(table, weight, strict=True):
        for i in range(c):
            plain += w * math.log((a + i) / (total + i))
        for i in range(n - c):
            plain += w * math.log((b + i) / (total + c + i))
    assert loglik(table, weight, point)[0] == pytest.approx(plain, rel=1e-9)


def test_the_law_is_the_best_of_a_grid_and_its_power_a_line() -> None:
    rng = np.random.default_rng(4)
    n = np.full(60, 20)
    c = rng.binomial(n, rng.beta(0.4, 3, 60))
    found = best_of_n(c, n, (20, 300))
    table, weight = np.unique(np.stack([c, n], axis=1), axis=0, return_counts=True)
    grid = np.array(list(product(np.linspace(-5, 2, 141), np.linspace(-5, 4, 181))))
    best = grid[np.argmax(loglik(table, weight, grid))]
    assert 1 / (1 + math.exp(-best[0])) == pytest.approx(found.rate.value, rel=0.05)
    assert found.curve[-1].value == pytest.approx(reached(best[None], 300)[0], abs=0.01)
    ks = np.unique(np.rint(np.geomspace(1, 20, 20)).astype(int))
    asr = [np.mean([1 - math.comb(20 - x, k) / math.comb(20, k) for x in c]) for k in ks]
    slope, cut = np.polyfit(np.log(ks), np.log(-np.log(asr)), 1)
    power = math.exp(-math.exp(cut + slope * math.log(300)))
    assert found.curve[-1].power == pytest.approx(power, rel=1e-9)


def test_pearson_sums_the_classes() -> None:
    """Ten items of each count from 0 to 4, against the law with a = b = 1, which is uniform."""
    table, weight = np.array([[i, 4] for i in range(5)]), np.array([12, 8, 10, 10, 10])
    found = pearson(table, weight, np.array([0.0, math.log(0.5)]))
    # 0.8 on 5 - 3 = 2 degrees of freedom: exp(-0.4).
    assert found == pytest.approx(math.exp(-0.4), rel=1e-9)


# Deployment.


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.integers(1, 300), st.integers(1, 200))
def test_chances_are_products(rate: float, m: int, units: int) -> None:
    none = 1.0
    for _ in range(m):
        none *= 1 - rate
    assert at_least_one(rate, m) == pytest.approx(1 - none, abs=1e-12)
    mode = hidden_mode(units, m, rate=rate)
    assert (1 - mode.worst_share) ** units == pytest.approx(0.05, rel=1e-9)
    assert mode.worst_expected == pytest.approx(m * mode.worst_share)
    assert 1 - (1 - mode.small_share) ** m == pytest.approx(0.05, rel=1e-9)
    assert mode.small_unseen == pytest.approx((1 - mode.small_share) ** units, rel=1e-9)
    for i in (0, 20, 40):
        s = mode.shares[i]
        assert mode.unseen[i] == pytest.approx((1 - s) ** units, rel=1e-6, abs=1e-12)
        assert mode.from_mode[i] == pytest.approx(1 - (1 - s) ** m, rel=1e-6, abs=1e-12)
        both = 1 - ((1 - s) * (1 - rate)) ** m
        assert mode.at_least_one[i] == pytest.approx(both, rel=1e-6, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10_000), st.floats(0.01, 0.5))
def test_the_trials_needed_are_the_fewest(m: int, chance: float) -> None:
    n = int(needed_trials(chance, m, 0.95))
    assert at_least_one(floor_of(n, 0.95), m) <= chance * (1 + 1e-9)
    assert n == 1 or at_least_one(floor_of(n - 1, 0.95), m) > chance * (1 - 1e-9)


def test_a_maximum_over_deployments_by_counting() -> None:
    """P(no event in m) summed over how many of m draws fall in the mode."""
    share, rate, m = 0.03, 0.02, 25
    none = sum(
        math.comb(m, j) * share**j * (1 - share) ** (m - j) * 0.0**j * (1 - rate) ** (m - j)
        for j in range(m + 1)
    )
    mode = hidden_mode(100, m, rate=rate)
    at = int(np.argmin(np.abs(np.array(mode.shares) - share)))
    direct = at_least_one(rate + share * (1 - rate), m)
    assert direct == pytest.approx(1 - none, rel=1e-9)
    d = deployment(np.array([0, 1, 0, 0]), np.ones(4, int), deployments=(m,))
    assert d.at_least_one[0].value == pytest.approx(1 - 0.75**m)
    assert mode.shares[at] == pytest.approx(share, rel=0.2)
