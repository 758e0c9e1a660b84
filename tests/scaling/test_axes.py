"""The axes of scores: published numbers, twins, gaps, families, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError, UnfitError
from calibrant.scaling import capability_axes
from calibrant.scaling.axes.certificates import CERTIFICATES
from calibrant.scaling.axes.components import (
    closed_form,
    components,
    iterated,
    log_likelihood,
    probabilistic,
)
from calibrant.scaling.axes.growth import growth
from calibrant.scaling.axes.table import read_matrix
from calibrant.stats.certificates import measure_certificate
from calibrant.stats.relations.factors import parallel_analysis

OBSERVED = Path("/work/shared/data/scaling/obsscaling/base_llm_benchmark_eval.csv")

FAMILIES = (
    "Llama-2", "Llama", "Llama-3", "Qwen1.5", "Qwen", "Mistral", "Mixtral", "Yi", "Gemma", "Falcon",
    "Phi", "Pythia", "BLOOM", "GPT-Neo/J", "OPT", "MPT", "XGLM", "CodeLlama", "StarCoder",
    "StarCoder2", "DeepSeek-Coder",
)  # fmt: skip
"""The 21 families of the published fit."""

LATER = ("Qwen/Qwen1.5-110B", "mistralai/Mixtral-8x22B-v0.1", "mistralai/Mistral-Nemo-Base-2407")
"""Of these families, but released and measured after it."""


@pytest.fixture(scope="module")
def observed():
    if not OBSERVED.exists():
        pytest.skip("the observational scaling table is not on this machine")
    table = pl.read_csv(OBSERVED)
    return table.filter(
        pl.col("Model Family").is_in(list(FAMILIES)) & ~pl.col("Model").is_in(list(LATER))
    )


@pytest.fixture(scope="module")
def found(observed):
    return capability_axes(observed, family="Model Family", scale="FLOPs (1E21)", draws=60)


def test_the_published_shares_and_r2_of_77_base_models(found):
    assert len(found.subjects) == 77 and len(set(found.families)) == 21
    said = found.to_dict()
    assert said["variance_explained"][0] == pytest.approx(0.8016, abs=5e-5)
    assert said["cumulative"][2] == pytest.approx(0.9670, abs=5e-5)
    assert said["within_family"]["median_r2"] == pytest.approx(0.973, abs=5e-4)
    assert said["within_family"]["pooled_r2"] == pytest.approx(0.758, abs=5e-4)
    assert len(said["loadings"]) == 8 and found.filled == 6
    assert any("6 missing cells" in p for p in found.preprocessing)
    assert any("Model Size (B)" in n and "Pretraining Data" in n for n in found.notes)


def test_intervals_hold_the_values_and_axes_stay_where_they_are(found):
    for e in (*found.share[:3], *found.cumulative[:3], found.growth.pooled_r2):
        assert e.low < e.value < e.high
    assert (found.stable > 0.98).all()
    assert found.parallel.factors == 2
    assert found.growth.equal_slopes_p < 1e-6


def table(seed=0, n=24, k=5, families=6, gaps=0.0):
    rng = np.random.default_rng(seed)
    able = rng.normal(size=n)
    x = 0.5 + 0.1 * able[:, None] * rng.uniform(0.5, 1.5, k) + 0.03 * rng.normal(size=(n, k))
    lost = rng.random(x.shape) < gaps
    lost[np.arange(n), rng.integers(0, k, n)] = False
    x[lost] = np.nan
    made = {
        "model": [f"m{i}" for i in range(n)],
        "family": [f"f{i % families}" for i in range(n)],
        "FLOPs (1E21)": (10 ** (1 + 0.5 * able)).tolist(),
    }
    return pl.DataFrame(made | {f"b{j}": x[:, j] for j in range(k)}).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def test_components_are_those_of_the_singular_values():
    x = np.random.default_rng(1).normal(size=(30, 4)) * (1, 2, 3, 4)
    for standardise in (False, True):
        got = components(x, standardise=standardise)
        z = (x - x.mean(axis=0)) / (x.std(axis=0) if standardise else 1)
        _, s, v = np.linalg.svd(z, full_matrices=False)
        assert np.allclose(got.share, s**2 / (s**2).sum())
        assert np.allclose(np.abs(got.loadings.T @ v.T), np.eye(4), atol=1e-9)
        assert np.allclose(got.scores, z @ got.loadings)
    with pytest.raises(UnfitError, match="nothing varies"):
        components(np.full((5, 3), 0.3))


def test_filled_gaps_are_what_the_component_says():
    x = table(gaps=0.1).select("^b.*$").to_numpy()
    full = iterated(x)
    seen = ~np.isnan(x)
    assert np.array_equal(full[seen], x[seen])
    # A fixed point: one more fit of the filled table says the same in the gaps.
    z = (full - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0)
    centre = z.mean(axis=0)
    u, s, v = np.linalg.svd(z - centre, full_matrices=False)
    assert np.allclose((centre + s[0] * np.outer(u[:, 0], v[0]))[~seen], z[~seen], atol=1e-7)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), axes=st.integers(1, 3), gaps=st.sampled_from([0.0, 0.1, 0.2]))
def test_em_climbs_to_where_its_plain_likelihood_is_greatest(seed, axes, gaps):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 6)) + 0.5 * rng.normal(size=(40, 6))
    if gaps == 0:
        mean, weights, noise = closed_form(x, axes)
        got = probabilistic(x, axes=axes)
        assert got.log_likelihood == pytest.approx(log_likelihood(x, mean, weights, noise))
        assert got.noise**2 == pytest.approx(noise, rel=1e-4)
        return
    lost = rng.random(x.shape) < gaps
    lost[np.arange(40), rng.integers(0, 6, 40)] = False
    x[lost] = np.nan
    got = probabilistic(x, axes=axes, tolerance=1e-11)
    best = log_likelihood(x, got.mean, got.weights, got.noise**2)
    assert got.log_likelihood == pytest.approx(best)
    for _ in range(8):
        step = 1e-3 * rng.normal(size=got.weights.shape)
        moved = log_likelihood(x, got.mean, got.weights + step, got.noise**2)
        assert moved <= best + 1e-3
    assert (np.diagonal(got.spread, axis1=1, axis2=2)[~lost] == 0).all()
    assert (np.diagonal(got.spread, axis1=1, axis2=2)[lost] > 0).all()


def test_probabilistic_gaps_say_what_they_leave_open():
    found = capability_axes(table(gaps=0.1), family="family", missing="ppca", draws=20)
    gaps = table(gaps=0.1).select("^b.*$").to_numpy()
    lost = np.isnan(gaps).any(axis=1)
    assert (found.score_errors[lost, 0] > 0).all()
    assert (found.score_errors[~lost] == 0).all()
    dropped = capability_axes(table(gaps=0.1), family="family", missing="drop", draws=20)
    assert len(dropped.subjects) == int((~lost).sum()) and dropped.filled == 0
    assert any("with gaps are left out" in n for n in dropped.notes)


def test_many_filled_cells_other_units_and_no_families_are_said():
    notes = " ".join(capability_axes(table(gaps=0.3), draws=20).notes)
    assert "cells were filled" in notes and "counts as its own family" in notes
    percent = table().with_columns(pl.col("b1") * 100)
    assert "percent beside shares" in " ".join(
        capability_axes(percent, family="family", draws=20).notes
    )
    one = capability_axes(table(families=1), family="family", draws=20)
    assert one.share[0].low is None and "no intervals" in " ".join(one.notes)
    assert "1 family" in repr(one)


def test_lines_are_least_squares_and_three_points_are_named():
    rng = np.random.default_rng(3)
    family = np.repeat(np.arange(8), 4)
    x = rng.uniform(20, 24, 32)
    y = 0.3 * x + family + 0.1 * rng.normal(size=32)
    got = growth(y, x, family, tuple("abcdefgh"))
    for m, g in zip(got.lines, range(8), strict=True):
        slope, intercept = np.polyfit(x[family == g], y[family == g], 1)
        assert (m.slope, m.intercept) == pytest.approx((slope, intercept))
        assert m.r2 == pytest.approx(np.corrcoef(x[family == g], y[family == g])[0, 1] ** 2)
    # Analysis of covariance as two nested least-squares fits.
    heights = (family[:, None] == np.arange(8)).astype(float)
    own = np.column_stack([heights, heights * x[:, None]])
    one = np.column_stack([heights, x])
    full, less = (float(np.linalg.lstsq(d, y, rcond=None)[1][0]) for d in (own, one))
    from scipy.special import fdtrc

    assert got.equal_slopes_p == pytest.approx(fdtrc(7, 16, (less - full) / 7 / (full / 16)))
    assert got.common_slope.value == pytest.approx(np.linalg.lstsq(one, y, rcond=None)[0][-1])
    # Eight families: the smallest and largest cover the median with chance 1 - 2 / 256.
    r2 = sorted(m.r2 for m in got.lines)
    assert (got.median_r2.low, got.median_r2.high) == (r2[0], r2[-1])
    three = growth(y[:9], x[:9], np.repeat([0, 1, 2], 3), ("a", "b", "c"))
    assert "by chance" in " ".join(three.notes) and three.median_r2.low is None


def test_references_of_the_parallel_analysis_have_the_same_gaps():
    rng = np.random.default_rng(5)
    x, family = rng.normal(size=(40, 6)), np.arange(40)
    calls = []

    def treated(y):
        calls.append(y.shape)
        return y

    plain = parallel_analysis(x, family, draws=20, seed=1)
    same = parallel_analysis(x, family, draws=20, seed=1, treated=treated)
    assert plain == same and len(calls) >= 40


def test_the_table_says_what_it_left_out_and_refuses_what_it_cannot_read():
    t = table().with_columns(
        pl.lit("x").alias("maker"), pl.Series("b0", ["n/a"] + ["0.5"] * 23), pl.lit(1).alias("b1")
    )
    matrix = read_matrix(t, family="family", scale="FLOPs (1E21)")
    assert matrix.measures == ("b2", "b3", "b4")
    assert "b1" in matrix.notes[-2] and "b0" in matrix.notes[-1]
    assert matrix.scale[0] == pytest.approx(np.log10(t["FLOPs (1E21)"][0]) + 21)
    assert read_matrix(table(), family_pattern="^(m1)").families[:3] == ("m0", "m1", "m2")
    for bad, said in (
        (table().with_columns(pl.lit("m").alias("model")), "twice|more than one row"),
        (table().with_columns(pl.lit(np.inf).alias("b0")), "finite"),
    ):
        with pytest.raises(InputError, match=said):
            read_matrix(bad, columns=["b0", "b2"])
    plain = table().with_columns(pl.col("FLOPs (1E21)").alias("compute"))
    doubtful = read_matrix(plain, columns=["b0", "b1"], scale="compute")
    assert any(n.startswith("warning: compute") for n in doubtful.notes)
    with pytest.raises(InputError, match="no columns of numbers"):
        read_matrix(table().select("model", "family"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["b0"]}, "two measures"),
        ({"rank": 5}, "rank"),
        ({"draws": 3}, "draws"),
        ({"level": 1.0}, "level"),
        ({"missing": "guess"}, "iterate, ppca or drop"),
        ({"family": "family", "family_pattern": "(m)"}, "column or a pattern"),
    ],
)
def test_options_that_cannot_be_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        capability_axes(table(), **options)


def test_three_subjects_have_no_axes():
    with pytest.raises(InputError, match="at least 5 subjects, got 3"):
        capability_axes(table(n=3))


def test_figures_are_drawn(found):
    assert "<svg" in found.plot().svg() and "OPT" in found.plot_growth().svg()
    with pytest.raises(InputError, match="no compute"):
        capability_axes(table(), family="family", draws=20).plot_growth()


@pytest.mark.parametrize("name", ["axes-growth", "axes-gaps"])
def test_certificates_hold_in_short(name):
    from dataclasses import replace

    certificate = next(c for c in CERTIFICATES if c.name == name)
    small = replace(certificate, regimes=certificate.regimes[:1], beyond=(), batch_draws=30)
    assert not measure_certificate(small, draws=30)[0].broken


def test_missing_compute_is_said_once() -> None:
    table = _said_table()
    table["compute"][3] = None
    notes = capability_axes(pl.DataFrame(table), family="family", scale="compute", draws=20).notes
    assert sum("m3" in n or "without compute" in n for n in notes) == 1


def test_what_a_column_looks_like_is_said() -> None:
    table = _said_table()
    percent = {**table, "b1": [f"{100 * v:.1f} %" for v in table["b1"]]}
    notes = capability_axes(pl.DataFrame(percent), family="family", draws=20).notes
    assert any("not taken for measures" in n and "b1" in n for n in notes)
    both = {**table, "b1": [100 * v if i < 5 else v for i, v in enumerate(table["b1"])]}
    notes = capability_axes(pl.DataFrame(both), family="family", draws=20).notes
    assert any("percent and shares in one column" in n for n in notes)
    notes = capability_axes(pl.DataFrame(table), family="family", draws=20).notes
    assert not any("percent" in n for n in notes)


def test_axes_show_themselves_in_a_notebook() -> None:
    table = pl.DataFrame(_said_table())
    assert capability_axes(table, family="family", draws=20)._repr_html_().startswith("<svg")
    two = capability_axes(table, columns=["b0", "b1"], family="family")
    assert two._repr_html_().startswith("<pre>the first axis of 2 measures")


def _said_table() -> dict[str, list[Any]]:
    rng = np.random.default_rng(3)
    skill = rng.normal(size=24)
    scores = {f"b{j}": list(0.5 + 0.1 * skill + 0.03 * rng.normal(size=24)) for j in range(4)}
    return {
        "model": [f"m{i}" for i in range(24)],
        "family": [f"f{i % 6}" for i in range(24)],
        "compute": [10 ** (21 + 0.1 * i) for i in range(24)],
        **scores,
    }
