"""The hierarchy of families and measures, with SciPy only: derivatives, forecasts, refusals."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError, UnfitError
from calibrant.scaling import fit_families
from calibrant.scaling.hierarchical.certificates import CERTIFICATES
from calibrant.scaling.hierarchical.forecasters import FORECASTERS
from calibrant.scaling.hierarchical.laplace import (
    SHARED,
    _effects,
    _loss,
    fit_laplace,
    jacobian,
    predictors,
    start,
)
from calibrant.scaling.hierarchical.layout import curve, elbow, layout
from calibrant.scaling.hierarchical.priors import Priors
from calibrant.scaling.hierarchical.worlds import world
from calibrant.scaling.read import read_scores
from calibrant.scaling.scores import scores
from calibrant.stats.certificates import measure_certificate

OBSERVED = Path("/work/shared/data/scaling/obsscaling/base_llm_benchmark_eval.csv")


@pytest.fixture(scope="module")
def known_and_later():
    return world("smooth", np.random.default_rng(5))


def test_derivatives_are_those_of_the_curves(known_and_later):
    at = layout(known_and_later[0])
    rng = np.random.default_rng(0)
    effects = 0.3 * rng.standard_normal(sum(at.blocks.values()))

    def mean_and_noise(effects):
        here = curve(at, at.measure, predictors(at, effects)[1])
        return here.mean, np.log(here.noise)

    ability, eta = predictors(at, effects)
    found = jacobian(at, effects, ability, curve(at, at.measure, eta))
    for k in rng.choice(effects.size, 25, replace=False):
        step = np.zeros(effects.size)
        step[k] = 1e-6
        up, down = mean_and_noise(effects + step), mean_and_noise(effects - step)
        for mine, high, low in zip(found, up, down, strict=True):
            assert mine[:, k] == pytest.approx((high - low) / 2e-6, abs=1e-6)


def plain_rows(at, effects, scales):
    """Expected score and variance of each row, one after another: the twin of `predictors`."""
    parts = {name: effects[s] for name, s in at.starts().items()}
    means, variances = [], []
    for i in range(at.y.size):
        f, j, c = at.family[i], at.measure[i], at.cell[i]
        growth, ahead = (parts[n][f] if at.blocks[n] else 0.0 for n in ("growth", "family"))
        a = (1 + growth) * at.x[i] + ahead
        a += parts["subject"][at.subject[i]] if at.blocks["subject"] else 0.0
        eta = parts["level"][j] + parts["slope"][j] * a
        eta += parts["bend"][j] * (math.sqrt(1 + a * a) - 1)
        eta += parts["cell"][c] if at.blocks["cell"] else 0.0
        if at.bounded[j]:
            mean = at.base[j] + at.span[j] / (1 + math.exp(-eta))
            rate = (mean - at.low[j]) / at.reach[j]
            unit = at.reach[j] ** 2 * (rate * (1 - rate) + 0.01)
        else:
            mean, unit = at.base[j] + at.span[j] * eta, at.span[j] ** 2
        means.append(mean)
        variances.append(scales["noise"][j] ** 2 * unit + at.error[i] ** 2)
    return np.array(means), np.array(variances)


def plain_prior(at, priors, scales):
    """Prior mean and SD of each effect, one after another: the twin of `prior_of`."""
    fixed = {"slope": priors.slope_sd, "level": priors.level_sd}
    centre, sd = [], []
    for name, size in at.blocks.items():
        for k in range(size):
            where = at.cells[k, 1] if name == "cell" else 0
            centre.append(priors.slope if name == "slope" else 0.0)
            sd.append(fixed[name] if name in fixed else scales[name][where])
    return np.array(centre), np.array(sd)


def plain_loss(at, priors, effects, scales):
    """Minus the log posterior up to a constant: the twin of `_loss`."""
    mean, variance = plain_rows(at, effects, scales)
    total = 0.0
    for y, m, v in zip(at.y, mean, variance, strict=True):
        z = (y - m) ** 2 / v
        total += (priors.tails + 1) / 2 * math.log(1 + z / priors.tails) + math.log(v) / 2
    for u, c, sd in zip(effects, *plain_prior(at, priors, scales), strict=True):
        total += (u - c) ** 2 / sd**2 / 2
    return total


def layout_of(seed, families, measures, lines, chance):
    """A random layout: known standard errors in part, chance told or not, a measure of lines."""
    rng = np.random.default_rng(seed)
    f, s, m = (a.ravel() for a in np.indices((families, 7, measures)))
    keep = rng.random(f.size) < 0.85
    keep[: 7 * measures] = True
    f, s, m = f[keep], s[keep], m[keep]
    names = np.array([f"m{j}" for j in m])
    score = np.clip(rng.random(f.size), 0.01, 0.99)
    limits = {f"m{j}": (0.0, 1.0) for j in range(measures)}
    if lines:
        limits["m0"] = (-math.inf, math.inf)
        score[m == 0] = 3 + 2 * rng.standard_normal((m == 0).sum())
    found = scores(
        score, 20 + 0.7 * s + 0.1 * f, family=np.array([f"f{i}" for i in f]),
        subject=np.array([f"f{i}s{j}" for i, j in zip(f, s, strict=True)]), measure=names,
        se=np.where(rng.random(f.size) < 0.5, 0.03, np.nan), limits=limits,
        chance={f"m{measures - 1}": 0.25} if chance and not (lines and measures == 1) else None,
    )  # fmt: skip
    return layout(found), rng


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.booleans()
)
def test_the_posterior_and_its_derivatives_are_those_of_plain_code(
    seed, families, measures, lines, chance
):
    at, rng = layout_of(seed, families, measures, lines, chance)
    priors, size = Priors(), sum(at.blocks.values())
    effects = start(at, priors) + 0.3 * rng.standard_normal(size)
    many = at.measures.size
    scales = {n: rng.uniform(0.1, 0.6, 1) for n in SHARED}
    scales |= {n: rng.uniform(0.1, 0.6, many) for n in ("cell", "noise")}
    found = _loss(at, priors, effects, scales)
    assert found == pytest.approx(plain_loss(at, priors, effects, scales), rel=1e-10)

    # Derivatives of the plain code by differences.
    ups, downs = (
        [plain_rows(at, e, scales) for e in effects + step * np.eye(size)] for step in (1e-5, -1e-5)
    )
    by_mean = np.array([(u[0] - d[0]) / 2e-5 for u, d in zip(ups, downs, strict=True)])
    by_log = np.array([np.log(u[1] / d[1]) / 2e-5 for u, d in zip(ups, downs, strict=True)])
    mean, variance = plain_rows(at, effects, scales)
    v, z = priors.tails, (at.y - mean) ** 2 / variance
    weight = (v + 1) / (v + z)
    centre, sd = plain_prior(at, priors, scales)
    uphill = by_mean @ (weight * (at.y - mean) / variance) + by_log @ (weight * z - 1) / 2
    uphill -= (effects - centre) / sd**2
    information = (by_mean * weight / variance) @ by_mean.T + np.diag(1 / sd**2)
    information += 0.5 * v / (v + 3) * by_log @ by_log.T

    after, covariance, _ = _effects(at, priors, effects, scales)
    size_of = np.sqrt(np.outer(np.diag(information), np.diag(information)))
    assert np.linalg.inv(covariance) / size_of == pytest.approx(information / size_of, abs=1e-5)
    # A step is shortened to a half as often as it does not help.
    full = np.linalg.solve(information, uphill)
    share = float((after - effects) @ full / (full @ full))
    assert math.log2(share) == pytest.approx(round(math.log2(share)), abs=1e-3)
    assert 0 < share < 1 + 1e-3
    assert after - effects == pytest.approx(share * full, rel=1e-4, abs=1e-6)


def test_a_bend_goes_on_as_a_line():
    value, slope = elbow(np.array([-50.0, 0.0, 50.0]))
    assert value == pytest.approx([49.01, 0, 49.01], abs=0.01)
    assert slope == pytest.approx([-1, 0, 1], abs=1e-3)


def test_steps_end_where_the_posterior_is_highest(known_and_later):
    fitted = fit_laplace(layout(known_and_later[0]))
    at, priors, scales = fitted.layout, fitted.priors, fitted.scales
    best = _loss(at, priors, fitted.effects, scales)
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = 0.3 * rng.multivariate_normal(np.zeros(fitted.effects.size), fitted.covariance)
        assert _loss(at, priors, fitted.effects + step, scales) > best - 0.02


def test_a_known_family_is_forecast_more_narrowly_than_a_new_one(known_and_later):
    known, later = known_and_later
    found = FORECASTERS[0].predict(known, later, np.random.default_rng(0))
    low, high = found.interval()
    new = ~np.isin(later.family, known.family)
    assert 0.75 <= np.mean((low <= later.score) & (later.score <= high)) <= 1
    assert (high - low)[new].mean() > 1.3 * (high - low)[~new].mean()


def test_the_same_seed_gives_the_same_numbers_and_order_does_not_matter(known_and_later):
    known, later = known_and_later
    other = known.take(np.random.default_rng(1).permutation(len(known)))
    one, two, three = (
        FORECASTERS[0].predict(k, later, np.random.default_rng(0)).interval()[0]
        for k in (known, known, other)
    )
    assert np.array_equal(one, two)
    assert three == pytest.approx(one, abs=1e-6)


def test_scores_to_be_forecast_are_never_read(known_and_later):
    known, later = known_and_later
    blind = replace(later, score=np.full(len(later), np.nan))
    one, two = (FORECASTERS[0].predict(known, x, np.random.default_rng(0)) for x in (later, blind))
    assert np.array_equal(one.location, two.location)


def test_a_measure_without_limits_and_one_that_falls_with_scale():
    rng = np.random.default_rng(3)
    x = np.tile(np.linspace(20, 23, 8), 3)
    family = np.repeat(["a", "b", "c"], 8)
    loss = 4 - 0.6 * (x - 20) + np.repeat([0, 0.2, -0.2], 8) + 0.03 * rng.standard_normal(24)
    known = scores(loss, x, family=family, measure="loss", limits=(-math.inf, math.inf))
    found = fit_families(known)
    assert found.slopes[0].high < 0
    at = scores(np.full(1, np.nan), np.array([23.5]), family=np.array(["a"]), measure="loss",
                limits=(-math.inf, math.inf))  # fmt: skip
    low, high = found.predict(at).interval()
    assert low[0] < 4 - 0.6 * 3.5 < high[0]


def test_an_outlier_moves_a_forecast_little(known_and_later):
    known, later = known_and_later
    wrong = known.score.copy()
    wrong[7] = 1 - wrong[7]
    one, two = (
        FORECASTERS[0].predict(replace(known, score=s), later, np.random.default_rng(0))
        for s in (known.score, wrong)
    )
    assert np.abs(one.quantile(0.5) - two.quantile(0.5)).max() < 0.1


def test_results_say_who_is_ahead(known_and_later):
    found = fit_families(known_and_later[0])
    assert repr(found).startswith("Families by Laplace: 120 scores of 40 subjects in 8 families")
    assert "measures' slope" in found.summary()
    assert {g["passed"] for g in found.to_dict()["gates"]} == {True}
    assert len(found.head_start) == 8
    assert all(e.low <= e.median <= e.high for e in (*found.head_start, *found.scales))


def test_refusals(known_and_later):
    known, later = known_and_later
    with pytest.raises(UnfitError, match="wanted 6 scores at 3 scales or more, got 3 at"):
        fit_families(known.take(np.arange(3)))
    with pytest.raises(InputError, match="level"):
        fit_families(known, level=1.0)
    found = fit_families(known)
    with pytest.raises(UnfitError, match="the scale of 's"):
        found.predict(replace(later, scale=np.full(len(later), np.nan)))
    with pytest.raises(UnfitError, match="no score of 'other' is known"):
        found.predict(replace(later, measure=np.full(len(later), "other"),
                              limits={"other": (0.0, 1.0)}))  # fmt: skip
    two = fit_families(known.take(np.isin(known.family, ["f00", "f01"])))
    with pytest.raises(UnfitError, match="2 known families do not tell how families differ"):
        two.predict(later)


def test_one_family_and_one_measure_are_enough_for_its_next_member(known_and_later):
    known, later = known_and_later
    mine = known.take((known.family == "f00") & (known.measure == "m0"))
    next_ = later.take((later.family == "f00") & (later.measure == "m0"))
    more = replace(mine, scale=mine.scale + 0.15)
    both = replace(mine, **{
        n: np.concatenate([getattr(mine, n), getattr(more, n)])
        for n in ("subject", "family", "measure", "scale", "date", "score", "se")
    })  # fmt: skip
    low, high = fit_families(both).predict(next_).interval()
    assert 0 < high[0] - low[0] < 1


def test_the_certificate_keeps_its_promises_in_short():
    short = replace(CERTIFICATES[0], regimes=CERTIFICATES[0].regimes[:1], beyond=())
    found = measure_certificate(short, draws=20)
    assert 0.8 < found[0].statistics["covered"] < 0.99


def test_held_out_subjects_of_observational_scaling_are_covered():
    """77 base models in 21 families (Ruan et al. 2024): known up to 8.4e22 FLOPs, 220 beyond."""
    if not OBSERVED.exists():
        pytest.skip("needs base_llm_benchmark_eval.csv of ObsScaling")
    later = {"Llama-3.1-70B", "Llama-3.1-8B", "Qwen1.5-110B", "gemma-2-27b", "gemma-2-9b",
             "gemma-2-2b", "Mixtral-8x22B-v0.1", "Yi-1.5-34B", "Yi-1.5-9B", "Yi-1.5-6B",
             "Jamba-v0.1", "Meta-Llama-3.1-70B", "Meta-Llama-3.1-8B",
             "Meta-Llama-3.1-405B-FP8"}  # fmt: skip
    families = ["Llama-2", "Llama", "Llama-3", "Qwen1.5", "Qwen", "Mistral", "Mixtral", "Yi",
                "Gemma", "Falcon", "Phi", "Pythia", "BLOOM", "GPT-Neo/J", "OPT", "MPT", "XGLM",
                "CodeLlama", "StarCoder", "StarCoder2", "DeepSeek-Coder"]  # fmt: skip
    measures = ["MMLU", "ARC-C", "HellaSwag", "Winograd", "TruthfulQA", "GSM8K", "XWinograd",
                "HumanEval"]  # fmt: skip
    with OBSERVED.open() as file:
        count = sum(r["Model Family"] in families for r in csv.DictReader(file))
    assert count >= 77
    every = read_scores(OBSERVED, target=measures, scale="FLOPs (1E21)", family="Model Family")
    mine = np.isin(every.family, families)
    mine &= ~np.isin([s.split("/")[-1] for s in every.subject], list(later))
    every = every.take(mine & np.isfinite(every.score) & np.isfinite(every.scale))
    early = every.scale <= math.log10(84e21) + 1e-9
    known, beyond = every.take(early), every.take(~early)
    assert (len(known), len(beyond)) == (374, 220)
    found = FORECASTERS[0].predict(known, beyond, np.random.default_rng(0))
    low, high = found.interval()
    held = np.mean((low <= beyond.score) & (beyond.score <= high))
    assert 0.86 <= held <= 0.96
    assert np.mean(high - low) <= 0.40
    assert np.mean(found.log_density(beyond.score)) > 1.0


def test_a_measure_with_outliers_is_warned_of(known_and_later):
    known = known_and_later[0]
    assert fit_families(known).warnings == ()
    first = np.flatnonzero(known.measure == "m0")
    wild = known.score.copy()
    wild[first[[3, 17, 31]]] = 1 - wild[first[[3, 17, 31]]].round()
    found = fit_families(replace(known, score=wild))
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("m0: ") and "far off their curve" in found.warnings[0]
    assert found.fits[0].far_p < 0.005 < found.fits[1].far_p
    assert f"warning: {found.warnings[0]}" in found.summary()
    assert found.to_dict()["warnings"] == list(found.warnings)
    assert sum(found.to_dict()["fits"][0]["pit"]) == pytest.approx(1)


def test_shares_far_off_and_above_are_those_of_a_plain_count(known_and_later):
    from calibrant.scaling.hierarchical.checks import _at_least, fits_of

    found = fit_families(known_and_later[0]).draws
    one = replace(
        found, effects=found.effects[:1], scales={k: v[:1] for k, v in found.scales.items()}
    )
    at, told = one.layout, fits_of(one)
    eta = predictors(at, one.effects[0])[1]
    here = curve(at, at.measure, eta)
    for j, fit in enumerate(told):
        mine = [i for i in range(at.y.size) if at.measure[i] == j]
        z = [
            (at.y[i] - here.mean[i]) / math.hypot(
                one.scales["noise"][0, j] * math.sqrt(here.noise[i]), at.error[i]
            )
            for i in mine
        ]  # fmt: skip
        assert fit.far == pytest.approx(sum(abs(a) > 5 for a in z) / len(z))
        limit = np.quantile([at.x[i] for i in mine], 2 / 3)
        top = [a for i, a in zip(mine, z, strict=True) if at.x[i] >= limit]
        assert fit.above == pytest.approx(sum(a > 0 for a in top) / len(top))
    plain = [sum(math.comb(9, i) * 0.03**i * 0.97 ** (9 - i) for i in range(k, 10)) for k in (0, 2)]
    assert _at_least(np.array([0, 2]), 9, 0.03) == pytest.approx(plain)


def test_families_are_drawn_with_names_that_cannot_harm(known_and_later):
    known = known_and_later[0]
    names = np.char.replace(known.family.astype("U80"), "f00", "<script>" + "x" * 60)
    drawn = fit_families(replace(known, family=names)).plot()
    assert "<script>" not in drawn.svg() and "head start" in drawn.svg()
    assert len(drawn.spec["hconcat"][0]["layer"][1]["data"]["values"]) == 8
    one = known.take(known.family == "f01")
    with pytest.raises(UnfitError, match="two families"):
        fit_families(one).plot()
