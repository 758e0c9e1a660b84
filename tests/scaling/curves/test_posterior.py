"""The posterior of a curve: against SciPy's optimiser, differences and brute-force integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from calibrant.errors import UnfitError
from calibrant.scaling.curves.posterior import Known, best, marginal, variance
from calibrant.scaling.curves.predict import fit
from calibrant.scaling.curves.shapes import POWER, SHAPES, SIGMOID, Shape
from calibrant.scaling.scores import scores

from .worlds import sigmoid_world


def _known(*, shifts: bool, n: int = 12, limited: bool = True) -> Known:
    rng = np.random.default_rng(4)
    z = np.sort(rng.uniform(-2, 2, n))
    y = 1 / (1 + np.exp(-z)) + rng.normal(0, 0.05, n)
    return Known(z, y, np.arange(n) % 3, 3, np.zeros(n), shifts, limited)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
def test_slopes_are_those_of_differences(shape: Shape) -> None:
    z = np.linspace(-2.5, 5, 9)
    theta = shape.starts[:3] + 0.1
    found = shape.jacobian(theta, z)
    for k in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[k] = 1e-5
        up, down = (shape.curve(theta + s * step, z, 0.0).value for s in (1, -1))
        assert found[:, :, k] == pytest.approx((up - down) / 2e-5, abs=1e-5)
    up, down = (shape.curve(theta, z, s * 1e-5).value for s in (1, -1))
    assert shape.curve(theta, z, 0.0).shifted == pytest.approx((up - down) / 2e-5, abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
def test_the_best_fit_is_no_worse_than_scipys(shape: Shape) -> None:
    known = _known(shifts=False)

    def objective(t: np.ndarray) -> float:
        gap = known.y - shape.curve(t[None], known.z, 0.0).value[0]
        prior = np.sum((shape.root @ (t - shape.centre)) ** 2)
        return float(known.y.size * np.log(max(np.mean(gap**2), 1e-6)) + prior)

    found = best(shape, known)
    assert found[2][0] == pytest.approx(objective(found[0][0]))
    plain = min(
        optimize.minimize(objective, s, method="BFGS").fun for s in (found[0][0], shape.starts[1])
    )
    assert found[2][0] <= plain + 0.02


@pytest.mark.parametrize("shape", [SIGMOID, POWER], ids=lambda s: s.name)
def test_shifts_are_integrated_out_as_by_brute_force(shape: Shape) -> None:
    known = _known(shifts=True)
    theta = np.array([[0.1, 0.2]]) if shape is SIGMOID else np.array([[0.5, 1.2, -1.0]])
    noise, spread = np.array([0.08]), np.array([[0.3, 0.15]]) * (1 if shape is SIGMOID else 0.3)
    found, shifts = marginal(shape, known, theta, noise, spread)
    sd = np.sqrt(variance(noise, shape.curve(theta, known.z, 0.0).value, True))[0]
    total = 0.0
    for g in range(3):
        rows = known.group == g
        z, y, s = known.z[rows], known.y[rows], sd[rows]

        a, b = (np.linspace(-5 * w, 5 * w, 61) for w in spread[0])
        both = (a[:, None, None] + b[:, None] * z).reshape(-1, z.size)
        mean = shape.curve(np.repeat(theta, len(both), axis=0), z, both).value
        log = stats.norm.logpdf(y, mean, s).sum(axis=1).reshape(61, 61)
        log += stats.norm.logpdf(a, 0, spread[0, 0])[:, None]
        grid = np.exp(log + stats.norm.logpdf(b, 0, spread[0, 1]))
        total += float(np.log(integrate.simpson(integrate.simpson(grid, x=b), x=a)))
    # Laplace's method is exact for a power law, and within a tenth for each of three families here.
    assert found[0] == pytest.approx(total, abs=0.3 if shape is SIGMOID else 1e-3)
    _, sd_of = shifts.at(np.zeros(3), np.arange(3))
    assert (sd_of > 0).all()
    assert (sd_of <= spread[0, 0] + 1e-9).all()


def test_a_fit_finds_what_made_the_scores() -> None:
    f = fit(SIGMOID, sigmoid_world(2, families=12), np.random.default_rng(0))
    half = f.units.middle + f.units.step * f.posterior.theta[:, 0]
    mean = f.posterior.weight @ half
    sd = np.sqrt(f.posterior.weight @ (half - mean) ** 2)
    assert abs(mean - 22.5) < 3 * sd + 0.05
    assert sd < 0.4
    assert "sigmoid" in repr(f)


def test_known_errors_of_scores_widen_a_forecast() -> None:
    known = sigmoid_world(3)
    at = scores(np.array([np.nan] * 2), np.array([23.0, 23.0]), se=np.array([np.nan, 0.2]))
    low, high = fit(SIGMOID, known, np.random.default_rng(0)).predict(at).interval(0.9)
    assert high[1] - low[1] > high[0] - low[0]


def test_a_sigmoid_without_limits_is_refused_and_a_power_law_is_not() -> None:
    x = np.linspace(20, 24, 9)
    loss = scores(4 * 10 ** (-0.1 * (x - 20)), x, limits=(0.0, np.inf))
    with pytest.raises(UnfitError, match="lowest and a highest"):
        fit(SIGMOID, loss, np.random.default_rng(0))
    p = fit(POWER, loss, np.random.default_rng(0)).predict(loss.take(np.array([8])))
    assert p.quantile(0.5)[0] == pytest.approx(4 * 10**-0.4, rel=0.05)
