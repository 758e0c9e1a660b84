"""Laws of loss and error: against SciPy, published relative errors, and bad input."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from calibrant.errors import InputError, UnfitError
from calibrant.scaling.curves.losses import error_law, loss_law
from calibrant.scaling.curves.worlds import loss_world

GADRE = Path("/work/shared/data/scaling/gadre/gadre_flat.csv")


@given(st.integers(0, 10**6))
@settings(max_examples=6, deadline=None)
def test_the_law_of_loss_is_the_least_squares_of_scipy(seed: int) -> None:
    loss, n, d, _ = loss_world(8, 0.005, np.random.default_rng(seed))
    law = loss_law(loss, n, d)

    def gap(v: np.ndarray) -> np.ndarray:
        e = np.exp(v[3])
        return v[0] + np.exp(v[1]) * (n / 1e8) ** -e + v[2] * (d / 5e9) ** -e - loss

    e = law.exponent
    here = [
        law.irreducible,
        np.log(max(law.a * 1e8**-e, 1e-9)),
        law.b * (np.sqrt(6) * 5e9) ** -e,
        np.log(e),
    ]
    rss = float(np.sum((law.predict(n, d) - loss) ** 2))
    best = min(
        float(2 * optimize.least_squares(gap, start, x_scale="jac").cost)
        for start in (here, [1.8, 0.5, 1.5, -1.2], [1.0, 1.0, 1.0, -2.0])
    )
    assert rss <= best * (1 + 1e-6) + 1e-12


def test_without_noise_the_laws_are_found_again() -> None:
    _, n, d, truth = loss_world(12, 0.0, np.random.default_rng(1))
    law = loss_law(truth, n, d)
    assert law.irreducible == pytest.approx(1.8, abs=1e-3)
    error = error_law(truth, 0.8 - 2 * np.exp(-0.7 * truth))
    assert (error.ceiling, error.k, error.rate) == pytest.approx((0.8, 2, 0.7), rel=1e-3)


def test_intervals_are_students_and_wider_where_loss_is_forecast_too() -> None:
    loss, n, d, _ = loss_world(9, 0.01, np.random.default_rng(2))
    law = loss_law(loss, n, d)
    low, high = law.interval(n, d, 0.9)
    wide = law.interval(n, d, 0.99)
    assert (wide[0] < low).all()
    assert (high < wide[1]).all()
    assert law.df == n.size - 4
    t = stats.t(law.df).ppf(0.95)
    assert (high - low) / 2 == pytest.approx(t * law.sd(n, d))
    error = error_law(loss, 0.8 - 2 * np.exp(-0.7 * loss) + 0.01 * np.sin(loss * 50))
    a = error.interval(np.array([3.0]))
    b = error.interval(np.array([3.0]), loss_sd=0.1)
    assert b[0] < a[0] < a[1] < b[1]


@pytest.mark.skipif(not GADRE.exists(), reason="the data of Gadre et al. is not here")
def test_the_example_gives_the_relative_errors_of_figure_1_of_gadre_et_al() -> None:
    example = Path(__file__).parents[3] / "examples" / "forecast" / "loss_to_error.py"
    if not example.is_file():
        pytest.skip("the examples are not beside an installed package")
    found = runpy.run_path(str(example))["forecast"](GADRE)
    off = {(f["model"], f["what"]): 100 * f["off"] for f in found}
    assert off == pytest.approx(
        {("open_lm_1b", "loss"): 0.7103, ("open_lm_1b", "err"): 3.6365,
         ("open_lm_7b", "loss"): 0.7320, ("open_lm_7b", "err"): 0.0464}, abs=6e-5
    )  # fmt: skip
    assert all(f["low"] < f["measured"] < f["high"] for f in found)


def test_what_no_law_can_be_fitted_to_is_refused() -> None:
    n = np.array([1e7, 1e8, 1e9, 1e10, 1e11])
    loss = 2 + 5 * (n / 1e7) ** -0.3
    with pytest.raises(UnfitError, match="same tokens per parameter"):
        loss_law(loss, n, 20 * n)
    with pytest.raises(UnfitError, match="at least 4 models, got 3"):
        loss_law(loss[:3], n[:3], n[:3])
    with pytest.raises(InputError, match="row 2, loss: wanted above 0"):
        loss_law(np.array([1.0, -1, 1, 1]), n[:4], n[:4])
    with pytest.raises(InputError, match="tokens: wanted 5 values, got 4"):
        loss_law(loss, n, n[:4])
    with pytest.raises(UnfitError, match="at least 3 losses"):
        error_law(np.array([2.0, 2, 3]), np.array([0.5, 0.5, 0.6]))
    exact = loss_law(loss[:4], n[:4], n[:4] * np.array([20, 40, 20, 80]))
    with pytest.raises(UnfitError, match="no interval"):
        exact.interval(n, n)
    with pytest.raises(InputError, match="level"):
        loss_law(loss, n, n * np.array([20, 40, 20, 80, 10])).interval(n, n, 1.5)
