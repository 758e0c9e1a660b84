"""PPI kernels: against a plain twin, ppi_py's numbers, and what must hold of any such mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from calibrant.errors import InputError
from calibrant.judges.correction.ppi import moments, ppi_mean


def plain(y, f, u, lam=None, level=0.95):
    """The rule of the package ppi_py, as the papers print it."""
    n, more = len(y), len(u)
    if lam is None:
        spread = np.var(np.concatenate([f, u]), ddof=1)
        lam = np.clip(np.mean((y - y.mean()) * (f - f.mean())) / ((1 + n / more) * spread), 0, 1)
    value = y.mean() - lam * (f.mean() - u.mean())
    error = math.sqrt(np.var(y - lam * f) / n + lam**2 * np.var(u) / more)
    return (
        value,
        value - norm.ppf((1 + level) / 2) * error,
        value + norm.ppf((1 + level) / 2) * error,
    )


def plain_crossed(y, f, u):
    """Each label's weight by the others."""
    n = len(y)
    spread = np.var(np.concatenate([f, u]), ddof=1) * (1 + n / len(u))
    moved = np.empty(n)
    weights = []
    for i in range(n):
        rest = np.arange(n) != i
        weights.append(np.cov(y[rest], f[rest])[0, 1] / spread)
        moved[i] = y[i] - weights[-1] * (f[i] - u.mean())
    variance = moved.var(ddof=1) / n + np.mean(weights) ** 2 * u.var(ddof=1) / len(u)
    return moved.mean(), math.sqrt(variance)


@st.composite
def data(draw):
    seed, n, more = draw(st.integers(0, 2**32)), draw(st.integers(3, 60)), draw(st.integers(2, 90))
    rng = np.random.default_rng(seed)
    centre, scale = draw(st.sampled_from([(0, 1), (50, 0.1), (-3, 10)]))
    y = centre + scale * rng.normal(0, 1, n)
    f, u = y + scale * rng.normal(0, 1, n), centre + 1.4 * scale * rng.normal(0, 1, more)
    if draw(st.booleans()):
        return tuple((x > centre).astype(float) for x in (y, f, u)), rng
    return (y, f, u), rng


@given(data())
def test_the_kernel_is_the_plain_rule(case):
    (y, f, u), _ = case
    for lam in (1.0, 0.3, None):
        if lam is None and np.ptp(np.concatenate([f, u])) == 0:
            continue
        found = ppi_mean(y, f, u, lam="tuned" if lam is None else lam)
        scale = max(1.0, abs(found.value))
        assert np.allclose(
            (found.value, found.low, found.high), plain(y, f, u, lam), rtol=0, atol=1e-9 * scale
        )


@given(data())
def test_cross_fitted_is_the_plain_loop(case):
    (y, f, u), _ = case
    if np.ptp(np.concatenate([f, u])) == 0:
        return
    found = ppi_mean(y, f, u, lam="cross-fitted")
    value, error = plain_crossed(y, f, u)
    scale = 1e-8 * max(1, abs(value))
    assert found.value == pytest.approx(value, abs=scale)
    assert found.standard_error == pytest.approx(error, abs=scale)


def test_numbers_of_ppi_py():
    """ppi_py 0.2.3, ppi_mean_ci(alpha=0.05): 8 labels and 5 more verdicts."""
    y = np.array([0.5, 1.2, -0.3, 2.2, 0.9, 1.1, 0.0, -0.7])
    f = np.array([0.7, 1.0, 0.1, 1.8, 1.3, 0.6, 0.2, -0.5])
    u = np.array([0.4, 1.9, -0.2, 0.8, 1.5])
    plus, one = ppi_mean(y, f, u), ppi_mean(y, f, u, lam=1)
    assert (plus.value, plus.low, plus.high) == pytest.approx(PLUS, abs=1e-10)
    assert (one.value, one.low, one.high) == pytest.approx(ONE, abs=1e-10)


PLUS = 0.7012488503104162, 0.19297399011365146, 1.209523710507181
ONE = 0.8424999999999999, 0.14443778780908634, 1.5405622121909135


def test_cross_fitting_is_unbiased_where_tuning_is_not():
    rng = np.random.default_rng(3)
    n, more, tuned, crossed = 6, 30, [], []
    for _ in range(6000):
        f = rng.exponential(1, n + more)
        y = f[:n] ** 2 + rng.normal(0, 0.5, n)
        tuned.append(ppi_mean(y, f[:n], f[n:], lam="tuned").value)
        crossed.append(ppi_mean(y, f[:n], f[n:], lam="cross-fitted").value)
    assert abs(np.mean(crossed) - 2) < 4 * np.std(crossed) / 6000**0.5
    assert np.mean(tuned) < 2 - 4 * np.std(tuned) / 6000**0.5


def test_a_perfect_judge_leaves_the_sampling_error_of_all_items():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500).astype(float)
    found = ppi_mean(y[:100], y[:100], y[100:], lam=1)
    assert found.value == y[100:].mean()
    assert found.standard_error == pytest.approx(y[100:].std() / 400**0.5)
    assert found.gain > 3.5


def test_a_judge_that_always_says_the_same_is_gold_alone():
    y = np.array([0.0, 1, 1, 0, 1])
    for lam in ("tuned", "cross-fitted"):
        found = ppi_mean(y, np.ones(5), np.ones(50), lam=lam)
        assert found.value == 0.6
        assert found.lam == 0
        assert found.gain == pytest.approx(1)


def test_gold_on_all_is_the_mean_of_gold():
    y = np.array([0.0, 1, 1, 0, 1])
    found = ppi_mean(y, y, [])
    assert (found.value, found.lam, found.unlabelled) == (0.6, 0, 0)
    assert "gold labels alone" in found.method


def test_sides():
    rng = np.random.default_rng(0)
    y, u = rng.random(50), rng.random(80)
    upper = ppi_mean(y, y, u, side="upper")
    two = ppi_mean(y, y, u, level=0.9)
    assert upper.high == pytest.approx(two.high)
    assert upper.low == -math.inf
    assert upper.to_dict()["low"] is None


def test_moments_keep_digits_far_from_zero():
    x = 1e9 + np.random.default_rng(0).random(20_000)
    found = moments(x)
    assert found.squares / x.size == pytest.approx(np.var(x - 1e9), rel=1e-6)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.float32])
def test_verdicts_of_any_kind_of_number(dtype):
    y, u = np.array([0, 1, 1, 0]), np.array([1, 0, 0, 1, 1])
    found = ppi_mean(y.astype(dtype), y.astype(dtype), u.astype(dtype))
    assert found == ppi_mean(y.astype(float), y.astype(float), u.astype(float))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (([1.0], [1.0], [1.0, 2.0]), "at least 2 labels"),
        (([1.0, 0.0], [1.0], [1.0]), "a value for each of 2 gold labels, got 1"),
        (([1.0, math.nan], [1.0, 0.0], [1.0]), "finite numbers, got nan at 1"),
        (([1.0, 0.0], [1.0, 0.0], [1.0, math.inf]), "finite numbers, got inf at 1"),
        ((["a", "b"], [1.0, 0.0], [1.0]), "wanted numbers"),
        ((np.ones((2, 2)), np.ones((2, 2)), [1.0]), "one dimension"),
    ],
)
def test_what_is_refused(arrays, said):
    with pytest.raises(InputError, match=said):
        ppi_mean(*arrays)


def test_unknown_weights_are_refused():
    with pytest.raises(InputError, match="lam"):
        ppi_mean([0, 1], [0, 1], [1], lam="best")
    with pytest.raises(InputError, match="lam"):
        ppi_mean([0, 1], [0, 1], [1], lam=math.nan)
