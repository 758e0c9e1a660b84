"""Items, graders and variants in logits, beside a plain twin by brute force."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad

from calibrant.errors import InputError
from calibrant.quality.manifold import fit_facets
from calibrant.quality.manifold.facets_data import ratings_of
from calibrant.quality.manifold.facets_model import Facets
from calibrant.quality.read import read_responses
from calibrant.quality.responses import of_matrix


def table(
    n: int = 60, items: int = 8, graders: int = 3, steps: int = 1, seed: int = 0, each: int = 2
) -> tuple[pl.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    theta, d, g = rng.normal(0, 1.2, n), rng.normal(size=items), rng.normal(0, 0.6, graders)
    d, g = d - d.mean(), g - g.mean()
    rows = []
    for i in range(n):
        for j in range(items):
            for k in rng.choice(graders, each, replace=False):
                up = np.r_[0, np.arange(1, steps + 1) * (theta[i] - d[j] - g[k])]
                p = np.exp(up - up.max())
                x = rng.choice(steps + 1, p=p / p.sum()) / steps
                rows.append((f"s{i}", f"q{j}", f"g{k}", x))
    names = ["subject", "item", "grader", "score"]
    return pl.DataFrame(rows, schema=names, orient="row"), theta, d, g


@pytest.mark.parametrize("steps", [1, 2])
def test_likelihood_is_the_integral_and_gradient_its_derivative(steps: int) -> None:
    data, *_ = table(12, 4, 2, steps)
    model = Facets(ratings_of(read_responses(data), None))
    rng = np.random.default_rng(1)
    x = model.start() + rng.normal(0, 0.3, model.start().shape)
    model.place(x)
    effects, c, sd = model.unpack(x)
    m = model.m
    log = model.posterior(x)[2]
    for i in (0, 5):
        rows = np.flatnonzero(m.subject == i)

        def joint(t: float, rows: np.ndarray = rows) -> float:
            p = np.exp(-(t**2) / 2 / sd**2) / sd / np.sqrt(2 * np.pi)
            for r in rows:
                eta = t - effects[m.level[:, r]].sum()
                w = np.exp(np.r_[0, np.arange(1, steps + 1) * eta - np.cumsum(c)])
                p *= w[m.code[r]] / w.sum()
            return float(p)

        assert log[i] == pytest.approx(
            np.log(quad(joint, -12, 12, epsabs=0, limit=200)[0]), abs=1e-6
        )
    at = model.evaluate(x)
    slope = np.zeros(x.size)
    for k in range(x.size):
        e = np.zeros_like(x)
        e[0, k] = 1e-5
        slope[k] = (model.evaluate(x + e).value - model.evaluate(x - e).value) / 2e-5
    np.testing.assert_allclose(at.gradient[0], slope, atol=1e-5)
    hidden, _ = model.observed(x, at.information)
    second = hidden.blocks[0] - hidden.parts @ hidden.parts.T
    for k in range(x.size):
        e = np.zeros_like(x)
        e[0, k] = 1e-4
        plain = -(model.evaluate(x + e).gradient - model.evaluate(x - e).gradient)[0] / 2e-4
        np.testing.assert_allclose(second[k], plain, atol=1e-4)


def test_effects_are_recovered_within_their_errors() -> None:
    data, theta, d, g = table(80, 10, 4, 2, seed=3)
    fit = fit_facets(data)
    assert fit.adequacy.adequate
    for name, truth in (("item", d), ("grader", g)):
        facet = fit.facet(name)
        z = [(v.effect - truth[int(v.level[1:])]) / v.se for v in facet.levels]
        assert np.sqrt(np.mean(np.square(z))) < 2.0
        assert sum(v.effect for v in facet.levels) == pytest.approx(0, abs=1e-9)
        assert all(0.6 < v.infit < 1.6 for v in facet.levels)
    assert fit.facet("grader").p < 1e-3 and fit.facet("grader").reliability > 0.8
    assert np.corrcoef(fit.ability, theta)[0, 1] > 0.9
    assert (fit.ability_se >= fit.ability_sd).all()
    assert {"model", "log_likelihood", "adequacy", "items", "subjects"} <= set(fit.to_dict())


def test_an_erratic_grader_stands_out() -> None:
    data, *_ = table(60, 10, 4, seed=5)
    rng = np.random.default_rng(0)
    noise = pl.Series(rng.integers(0, 2, data.height).astype(float))
    data = data.with_columns(
        score=pl.when(pl.col("grader") == "g1").then(noise).otherwise(pl.col("score"))
    )
    levels = {v.level: v for v in fit_facets(data).facet("grader").levels}
    assert levels["g1"].infit_z > 3 > max(levels[k].infit_z for k in ("g0", "g2", "g3"))


def test_a_matrix_is_a_rasch_model() -> None:
    rng = np.random.default_rng(2)
    theta, d = rng.normal(size=150), np.linspace(-1, 1, 6)
    scores = (rng.random((150, 6)) < 1 / (1 + np.exp(d - theta[:, None]))).astype(float)
    scores[:, 5] = 1.0
    fit = fit_facets(of_matrix(scores))
    assert [f.name for f in fit.facets] == ["item"] and fit.aside == ("item 6",)
    effects = [v.effect for v in fit.facets[0].levels]
    assert (np.diff(effects) > -1e-9).all()


def test_bad_designs_are_named() -> None:
    data, *_ = table()
    apart = data.filter(
        ((pl.col("grader") == "g0") & (pl.col("subject") < "s4"))
        | ((pl.col("grader") == "g1") & (pl.col("subject") >= "s4"))
    )
    with pytest.raises(InputError, match="not linked by subjects"):
        fit_facets(apart)
    nested = data.filter((pl.col("grader") == "g0") == (pl.col("item") < "q4"))
    with pytest.raises(InputError, match="falls into parts"):
        fit_facets(nested.filter(pl.col("grader") != "g2"))
    harsh = data.with_columns(
        score=pl.when(pl.col("grader") == "g1").then(0.0).otherwise(pl.col("score"))
    )
    with pytest.raises(InputError, match="grader g1 gives one end"):
        fit_facets(harsh)
    with pytest.raises(InputError, match="at least 10 subjects"):
        fit_facets(data.filter(pl.col("subject").is_in(["s1", "s2", "s3"])))
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="at most 10 kinds"):
        fit_facets(data.with_columns(score=pl.Series(rng.random(data.height))))
    with pytest.raises(InputError, match="wanted some of item, grader"):
        fit_facets(data, facets=("judge",))
