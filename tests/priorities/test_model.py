"""The survey's model: derivatives, plain twins, coverage in short, the sampler, and bad input."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from calibrant.errors import GateError, InputError
from calibrant.priorities import area_posterior, fit_ratings
from calibrant.priorities.model import certificates
from calibrant.priorities.model.certificates import simulate
from calibrant.priorities.model.field import Field, expand, likelihood, settle
from calibrant.priorities.model.fit import ModelFit, components, fit_layout
from calibrant.priorities.model.hyper import Frozen, explore, pareto, smooth
from calibrant.priorities.model.layout import Layout, lay_out, own_pairs
from calibrant.priorities.model.measurand import mean_rating
from calibrant.priorities.model.nuts import sampler
from calibrant.priorities.model.priors import names, size, spreads
from calibrant.priorities.model.shift import shift
from calibrant.records.ratings import as_ratings
from calibrant.stats.certificates import measure_certificate

SMALL = {"raters": 8, "categories": 3, "each": 3, "chosen": 2, "severity": 0.6, "unknown": 0.1}


def table(rows: list[tuple[str, str, str, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema=["respondent", "area", "question", "value"], orient="row"
    ).with_columns(pl.col("value").cast(pl.Float64))


def survey(seed: int = 0, **changes: float) -> tuple[Layout, np.ndarray, np.ndarray]:
    return simulate(SMALL | changes, np.random.default_rng(seed))


def as_table(layout: Layout) -> pl.DataFrame:
    return table([
        (f"r{r}", f"{c + 1}{chr(97 + a)}", name, float(v + 1))
        for name, x in zip(layout.questions, layout.answers, strict=True)
        for r, a, v in zip(x.respondent, x.area, x.value, strict=True)
        for c in [layout.category[a]]
    ])  # fmt: skip


def plain(layout: Layout, f: np.ndarray, b: np.ndarray, field: Field) -> float:
    """The log likelihood, one answer at a time."""
    total = 0.0
    for q, x in enumerate(layout.answers):
        edges = [-np.inf, *f[field.thresholds(q)], np.inf]
        for r, a, v, own in zip(x.respondent, x.area, x.value, x.own, strict=True):
            centre = f[field.scores(q)][a] + b[r, q] + own * f[field.thresholds(q).stop]
            total += np.log(ndtr(edges[v + 1] - centre) - ndtr(edges[v] - centre))
        scaled = np.array(edges) / 1.5
        total += np.log(np.diff(ndtr(scaled))).sum() - 0.5 * (scaled[1:-1] ** 2).sum()
        total -= 0.5 * f[field.thresholds(q).stop] ** 2
    return total


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_derivatives_are_those_of_the_plain_likelihood(seed):
    layout, _, _ = survey(seed)
    if not layout.owns:
        return
    field = Field(layout)
    rng = np.random.default_rng(seed)
    f = field.start() + 0.03 * rng.standard_normal(field.size)
    b = rng.standard_normal((field.raters, 2))
    e = expand(field, f, b)
    assert e.value == pytest.approx(plain(layout, f, b, field), rel=1e-10)
    assert likelihood(field, f, b) == pytest.approx(e.value, rel=1e-10)
    d, db = rng.standard_normal(field.size), rng.standard_normal(b.shape)
    h = 1e-5
    up, down = expand(field, f + h * d, b + h * db), expand(field, f - h * d, b - h * db)
    assert (up.value - down.value) / (2 * h) == pytest.approx(
        e.f_slope @ d + (e.b_slope * db).sum(), rel=1e-5, abs=1e-5
    )
    f_curve, b_curve = e.matrix @ d, e.weight * db
    for q, at in enumerate(field.blocks):
        f_curve[at] += e.cross[q].T @ db[:, q]
        b_curve[:, q] += e.cross[q] @ d[at]
    np.testing.assert_allclose((down.f_slope - up.f_slope) / (2 * h), f_curve, atol=1e-4)
    np.testing.assert_allclose((down.b_slope - up.b_slope) / (2 * h), b_curve, atol=1e-4)


def test_newton_step_is_that_of_the_whole_matrix():
    """Eliminating raters changes nothing: a dense twin of curvature, determinant and shift."""
    layout, _, _ = survey(3)
    field = Field(layout)
    s = spreads(np.full(9, 0.2), 2, pooled=True)
    e, found = settle(field, expand(field, field.start(), np.zeros((field.raters, 2))), s)
    prior, log_prior = field.precision(s)
    # The prior of scores by its covariance: area + shared category.
    same = layout.category[:, None] == layout.category
    dense = np.kron(s.area, np.eye(field.areas)) + np.kron(s.category, same)
    at = np.concatenate([np.arange(field.size)[field.scores(q)] for q in range(2)])
    np.testing.assert_allclose(prior[np.ix_(at, at)], np.linalg.inv(dense), atol=1e-8)
    assert log_prior == pytest.approx(-np.linalg.slogdet(dense)[1])
    whole = np.zeros((field.size + 2 * field.raters,) * 2)
    whole[: field.size, : field.size] = e.matrix + prior
    for q, block in enumerate(field.blocks):
        spot = field.size + np.arange(field.raters) * 2 + q
        whole[block, spot], whole[spot, block] = e.cross[q].T, e.cross[q]
        whole[spot, spot] += e.weight[:, q]
    whole[field.size :, field.size :] += np.kron(np.eye(field.raters), np.linalg.inv(s.rater))
    assert found.log_det == pytest.approx(np.linalg.slogdet(whole)[1])
    inverse = np.linalg.inv(whole)
    # The mean lies where half the third derivatives contracted with the covariance push it.
    h = 1e-4
    value, vector = np.linalg.eigh(inverse)
    push = np.zeros(len(whole))
    base = expand(field, e.f, e.b)
    for k in range(len(whole)):
        d = h * vector[:, k]
        ends = [
            expand(field, e.f + t * d[: field.size], e.b + t * d[field.size :].reshape(-1, 2))
            for t in (1, -1)
        ]
        f = sum(x.f_slope for x in ends) - 2 * base.f_slope
        b = sum(x.b_slope for x in ends) - 2 * base.b_slope
        push += value[k] * np.concatenate([f, b.ravel()]) / h**2
    wanted = inverse @ push / 2
    got, severity = shift(field, e, found)
    # Thresholds have a prior that is not quadratic, which the shift leaves out.
    np.testing.assert_allclose(got[at], wanted[at], atol=0.02)
    np.testing.assert_allclose(severity.ravel(), wanted[field.size :], atol=0.02)


def test_gradient_of_the_held_evidence():
    layout, _, _ = survey(1)
    field = Field(layout)
    x = np.linspace(-0.5, 0.5, 9)
    s = spreads(x, 2, pooled=True)
    e, _ = settle(field, expand(field, field.start(), np.zeros((field.raters, 2))), s)
    frozen = Frozen(field, e, pooled=True)
    slope = frozen.value(x)[1]
    for i in range(9):
        d = np.zeros(9)
        d[i] = 1e-4
        difference = (frozen.value(x + d)[0] - frozen.value(x - d)[0]) / 2e-4
        assert slope[i] == pytest.approx(difference, abs=1e-4)


def test_priors():
    s = spreads(np.array([0.0, 1.96, 0.0, -1.96, 0.0, 9.0]), 2, pooled=False)
    assert np.sqrt(np.diag(s.rater)) == pytest.approx([0.5, 0.5 * np.exp(0.8 * 1.96)])
    assert np.sqrt(s.area[0, 0]) == pytest.approx(0.104, abs=1e-3)
    assert s.rater[0, 1] == 0 and s.area[0, 1] ** 2 < s.area[0, 0] * s.area[1, 1]
    assert size(3, pooled=True) == len(names(("a", "b", "c"), pooled=True)) == 18
    s = spreads(np.random.default_rng(1).standard_normal(12), 3, pooled=False)
    assert s.category is None and np.linalg.eigvalsh(s.rater).min() > 0


def test_weights_with_a_heavy_tail_are_found_and_smoothed():
    rng = np.random.default_rng(0)
    x = np.sort(0.5 * np.expm1(-0.6 * np.log(rng.random(4000))) / 0.6)
    assert pareto(x)[0] == pytest.approx(0.6, abs=0.06)
    w, k = smooth(np.log(rng.pareto(1.0, 400)))
    assert w.sum() == pytest.approx(1) and k > 0.7
    assert smooth(rng.normal(0, 0.1, 400))[1] < 0.3


def test_mean_rating_is_the_mean_over_raters():
    rng = np.random.default_rng(0)
    steps = np.array([-1.0, 0.0, 1.5])
    z = 0.4 + rng.normal(0, 0.8, 400_000) + rng.standard_normal(400_000)
    wanted = 1 + np.searchsorted(steps, z).mean()
    assert mean_rating(np.array([0.4]), steps, 0.64)[0] == pytest.approx(wanted, abs=0.01)


@pytest.fixture(scope="module")
def fitted() -> tuple[Layout, ModelFit]:
    layout, _, _ = survey(5, raters=14)
    return layout, fit_layout(layout, draws=4000, seed=1)


def test_from_a_table_as_from_arrays(fitted):
    layout, fit = fitted
    rows = as_table(layout)
    own = [
        (f"r{r}", f"{layout.category[a] + 1}{chr(97 + a)}")
        for x in layout.answers
        for r, a in zip(x.respondent[x.own > 0], x.area[x.own > 0], strict=True)
    ]
    again = fit_ratings(rows, own=own, seed=1, points=32)
    np.testing.assert_allclose(
        again.posterior.draws["importance"].mean(axis=0),
        fit.posterior.draws["importance"].mean(axis=0), atol=0.05,
    )  # fmt: skip
    assert "14 raters, 9 areas" in repr(again)
    first = again.to_dict()["areas"][0]
    assert first["id"] == "1a" and first["importance"]["low"] < first["importance"]["high"]
    assert set(again.to_dict()["own_area"]) == {"importance", "tractability"}
    same = [area_posterior(rows, own=own, draws=100, points=16).draws["importance"] for _ in "ab"]
    assert (same[0] == same[1]).all()


@pytest.mark.slow
def test_the_sampler_agrees(fitted):
    """The same posterior by NUTS: means within 0.12 posterior sd, sds within 12 %."""
    pytest.importorskip("numpyro", reason="the sampler needs the extra 'bayes'")
    layout, fit = fitted
    exact = fit_layout(layout, method="nuts", draws=1600, seed=0)
    assert exact.posterior.method == "nuts"
    for q in fit.questions:
        a, b = fit.posterior.draws[q], exact.posterior.draws[q]
        assert np.abs((a.mean(axis=0) - b.mean(axis=0)) / b.std(axis=0)).max() < 0.12
        np.testing.assert_allclose(a.std(axis=0), b.std(axis=0), rtol=0.12)
        np.testing.assert_allclose(fit.own[q].mean(), exact.own[q].mean(), atol=0.06)
    for kind in fit.spreads:
        mine, theirs = (np.sqrt(x.spreads[kind][:, 0, 0]) for x in (fit, exact))
        assert abs(mine.mean() - theirs.mean()) < 0.2 * theirs.std()


def test_chains_that_found_nothing_are_refused():
    pytest.importorskip("numpyro", reason="the sampler needs the extra 'bayes'")
    from types import SimpleNamespace

    from calibrant.priorities.model.nuts import _check

    rng = np.random.default_rng(0)
    scores = rng.standard_normal((2, 100, 1, 1)) + np.array([0.0, 9.0])[:, None, None, None]
    chain = SimpleNamespace(diverging=np.zeros(100, bool), energy=rng.standard_normal(100))
    with pytest.raises(GateError, match="R-hat"):
        _check(scores, scores[..., 0], [chain, chain])


def test_no_sampler_is_one_line(monkeypatch):
    import sys

    from calibrant.priorities import model

    monkeypatch.delattr(model, "sampler", raising=False)
    monkeypatch.setitem(sys.modules, "calibrant.priorities.model.sampler", None)
    with pytest.raises(Exception, match=r"calibrant\[bayes\]"):
        sampler()


@pytest.mark.parametrize(
    "rows",
    [
        [("r", "1a", "i", 5)],
        [("r", "1a", "i", 5), ("r", "1a", "t", 1)],
        [(f"r{i}", a, "i", 5) for i in range(8) for a in ("1a", "1b", "2a")],
        [(f"r{i}", a, "i", 3) for i in range(40) for a in ("1a", "1b", "2a", "2b")],
        [(f"r{i}", a, "i", 1 + 4 * (i % 2)) for i in range(8) for a in ("1a", "1b", "2a")],
    ],
    ids=["one rating", "one rater", "all five", "all three", "only the ends"],
)
def test_surveys_on_the_edge(rows):
    fit = fit_ratings(table(rows), draws=200, points=16)
    for q, draws in fit.posterior.draws.items():
        assert np.isfinite(draws).all() and (draws >= 1).all() and (draws <= 5).all()
        assert (np.diff(fit.thresholds[q], axis=1) >= 0).all()
        given = [v for _, _, name, v in rows if name == q]
        if len(given) > 20:
            assert abs(draws.mean() - np.mean(given)) < 0.3


def test_scales_of_other_lengths_and_many_questions():
    rows = [
        (f"r{i}", f"{c}{x}", q, float((i * 7 + j) % 2 + 1))
        for i in range(6) for c in (1, 2) for j, x in enumerate("ab") for q in "uvw"
    ]  # fmt: skip
    fit = fit_ratings(table(rows), levels={"u": 2, "v": 7, "w": 3}, draws=200, points=16)
    assert [fit.thresholds[q].shape[1] for q in "uvw"] == [1, 6, 2]
    assert fit.spreads["rater"].shape == (200, 3, 3)


def test_groups_of_areas_without_raters_in_common_are_said():
    rows = [
        (f"r{i}", f"{1 + i % 2}{x}", "i", float(1 + (3 * i + j) % 5))
        for i in range(8) for j, x in enumerate("ab")
    ]  # fmt: skip
    fit = fit_ratings(table(rows), draws=100, points=16)
    assert fit.component.tolist() == [0, 0, 1, 1]
    assert any("in 2 groups" in n for n in fit.posterior.notes)
    assert components(survey(0)[0]).max() == 0


def test_an_area_without_a_rating_of_one_question():
    rows = [(f"r{i}", a, "i", 1.0 + i % 5) for i in range(6) for a in ("1a", "1b", "2a", "2b")]
    rows += [(f"r{i}", "1a", "t", 4.0) for i in range(6)]
    fit = fit_ratings(table(rows), draws=200, points=16)
    assert fit.posterior.n["t"].tolist() == [6, 0, 0, 0]
    assert any(n.startswith("Without a rating of t: 1b, 2a, 2b") for n in fit.posterior.notes)
    widths = fit.posterior.draws["t"].std(axis=0)
    assert widths[0] < widths[1]


def test_own_areas_and_generous_raters_are_taken_out():
    """Own areas rated 5, others 3: the area that only its own people rated is not the best."""
    rows, own = [], []
    for i in range(30):
        mine = "1a" if i < 10 else "1b"
        for a in ("1a", "1b", "2a", "2b"):
            if a == "1a" and i >= 10:
                continue
            rows.append((f"r{i}", a, "i", 5.0 if a == mine else 3.0 + (i + ord(a[1])) % 2))
            own += [(f"r{i}", a)] if a == mine else []
    fit = fit_ratings(table(rows), own=own, draws=500, points=16)
    plain_fit = fit_ratings(table(rows), draws=500, points=16)
    assert fit.own["i"].mean() > 0.8
    assert fit.posterior.draws["i"].mean(axis=0)[0] < plain_fit.posterior.draws["i"].mean(axis=0)[0]


def test_dont_knows_shift_the_areas_that_have_them():
    rows = table([(f"r{i}", a, "i", 3.0) for i in range(9) for a in ("1a", "1b", "2a", "2b")])
    rows = rows.with_columns(
        pl.when((pl.col("area") == "1a") & (pl.col("respondent") > "r3"))
        .then(pl.lit("don't know")).otherwise(pl.lit("answered")).alias("state")
    ).with_columns(
        pl.when(pl.col("state") == "answered").then("value").alias("value")
    )  # fmt: skip
    low = area_posterior(rows, dont_know=-1.0, draws=400, points=16)
    same = area_posterior(rows, draws=400, points=16)
    gap = (same.draws["i"] - low.draws["i"]).mean(axis=0)
    assert gap[0] > 2 * gap[1] > 0
    assert any("-1 residual" in n for n in low.notes)


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([("r", "1a", "i", 5.5)], {}, "whole number from 1 to 5"),
        ([("r", "1a", "i", 6)], {}, "whole number from 1 to 5"),
        ([("r", "1a", "i", None)], {}, "no answered rating"),
        ([("r", "1a", "i", 5)], {"levels": 1}, "2 to 11 labels"),
        ([("r", "1a", "i", 5)], {"levels": {"t": 5}}, "2 to 11 labels"),
        ([("r", "1a", "i", 5)], {"questions": ["t"]}, "no answered rating for 't'"),
        ([("r", "1a", "i", 5)], {"taxonomy": {"1b": "1"}}, "no category for area '1a'"),
        ([("r", "1a", "i", 5)], {"draws": 5}, "100 draws"),
        ([("r", "1a", "i", 5)], {"method": "magic"}, "laplace or nuts"),
    ],
)
def test_refusals(rows, options, said):
    with pytest.raises(InputError, match=said):
        fit_ratings(table(rows), **options)


def test_categories_are_read_off_ids_or_given():
    rows = as_ratings(table([("r", a, "i", 3) for a in ("10a", "2a", "2b", "10b")]))
    layout = lay_out(rows)
    assert layout.areas == ("2a", "2b", "10a", "10b") and layout.categories == ("2", "10")
    assert lay_out(
        rows, taxonomy={"2a": "x", "2b": "y", "10a": "x", "10b": "y"}
    ).category.tolist() == [0, 1, 0, 1]
    other = lay_out(as_ratings(table([("r", a, "i", 3) for a in ("cyber", "2a")])))
    assert other.categories == ()
    assert own_pairs({"r": ["2a"], "s": "2b"}) == {("r", "2a"), ("s", "2b")}


def test_one_expansion_serves_all_points_of_a_large_survey(monkeypatch):
    layout, _, _ = survey(2, raters=150, chosen=3)
    each = fit_layout(layout, draws=2000, points=16)
    monkeypatch.setattr("calibrant.priorities.model.hyper.MANY", 100)
    once = fit_layout(layout, draws=2000, points=16)
    for q in each.questions:
        a, b = each.posterior.draws[q], once.posterior.draws[q]
        assert np.abs(a.mean(axis=0) - b.mean(axis=0)).max() < 0.15 * b.std(axis=0).min()
        np.testing.assert_allclose(a.std(axis=0), b.std(axis=0), rtol=0.1)
    assert (
        len(
            {id(p.expansion) for p in explore(Field(layout), pooled=True, points=16, seed=0).points}
        )
        == 1
    )


def test_certificate_in_short():
    from dataclasses import replace

    c = certificates.CERTIFICATES[0]
    short = replace(c, regimes=c.regimes[5:6], beyond=(), batch_draws=20)
    for measured in measure_certificate(short, draws=20, seed=2):
        assert not measured.broken, measured.statistics
        assert measured.statistics["normal covered"] < measured.statistics["covered"]
