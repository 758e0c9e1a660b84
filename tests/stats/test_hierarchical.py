"""Hierarchical models: diagnostics by published code, densities by brute force, calibration."""

import math
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import pytest
from scipy.special import betaincinv, expit

from calibrant.errors import InputError
from calibrant.stats.certificates import Bound, Certificate, measure_certificate
from calibrant.stats.hierarchical.calibration import layout, simulate, uniformity
from calibrant.stats.hierarchical.diagnostics import (
    e_bfmi,
    ess_bulk,
    ess_tail,
    rank_rhat,
    split_rhat,
)
from calibrant.stats.hierarchical.fit import Posterior, fit, prepare, sampler, unpack
from calibrant.stats.hierarchical.gates import predictive_gates, prior_gates
from calibrant.stats.hierarchical.model import LOGIT, Priors, design
from calibrant.stats.hierarchical.rates import mean_rate, rates


def needs_jax():
    pytest.importorskip("numpyro", reason="hierarchical models need the extra 'bayes'")


def chains():
    """Four autocorrelated chains by a linear congruence."""
    x, state = np.empty((4, 200)), 12345
    for c in range(4):
        v = 0.0
        for d in range(200):
            state = (1103515245 * state + 12345) % 2**31
            v = 0.6 * v + state / 2**31 - 0.5
            x[c, d] = round(v + 0.05 * c, 3)
    return x


def test_diagnostics_agree_with_arviz_stats():
    # Values of arviz-stats 0.8.0: rhat(method="rank"), ess "bulk" and "tail" (0.05, 0.95), bfmi.
    x = chains()
    assert rank_rhat(x) == pytest.approx(1.03282755, abs=1e-8)
    assert ess_bulk(x) == pytest.approx(152.11469921, abs=1e-7)
    assert ess_tail(x) == pytest.approx(273.26735389, abs=1e-7)
    walk = np.cumsum(x, axis=1)
    assert rank_rhat(walk) == pytest.approx(2.517557534, abs=1e-8)
    assert ess_bulk(walk) == pytest.approx(4.974699233, abs=1e-8)
    assert ess_tail(walk) == pytest.approx(11.69685992, abs=1e-7)
    assert e_bfmi(x) == pytest.approx([0.83056143, 0.80774064, 0.9868717, 1.02153155], abs=1e-8)


def test_chains_that_stand_still_are_told_apart_from_agreement():
    assert rank_rhat(np.ones((2, 8))) == 1.0
    apart = np.repeat([[0.0], [1.0]], 8, axis=1)
    assert rank_rhat(apart) == math.inf
    assert split_rhat(np.stack([np.ones((2, 8)), apart], axis=-1)).tolist() == [1.0, math.inf]
    with pytest.raises(InputError, match="finite"):
        ess_bulk([[0.0, 1.0, math.nan, 2.0]])
    with pytest.raises(InputError, match="4 or more draws"):
        rank_rhat([[0.0, 1.0]])


def test_terms_that_cannot_be_told_apart_are_left_out_with_a_reason():
    once = design([0] * 4, [0] * 4, [0, 1, 2, 3], [0, 0, 1, 0])
    assert once.terms == ()
    assert once.dropped["subject"] == "one level"
    assert "chance" in once.dropped["item"]
    two = design([0, 0, 1, 1], [0] * 4, [0, 1, 0, 1], [0, 0, 1, 0], cluster=[5, 7, 5, 7])
    assert [t.name for t in two.terms] == ["subject", "item"]
    assert two.dropped["subject:instrument"] == "the same groups as subject"
    assert "cluster" not in two.dropped  # it is the item
    epochs = design([0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 1])
    assert (epochs.n.tolist(), epochs.total.tolist()) == ([2, 2], [1, 2])
    assert [t.name for t in epochs.terms] == ["instrument"]


@pytest.mark.parametrize(
    ("scores", "said"),
    [([], "got none"), ([0.5, math.nan], "finite"), ([0.4, 0.4], "nothing varies")],
)
def test_scores_without_information_are_refused(scores, said):
    zeros = [0] * len(scores)
    with pytest.raises(InputError, match=said):
        design(zeros, zeros, list(range(len(scores))), scores)


def test_priors_are_checked_and_shown():
    with pytest.raises(InputError, match=r"priors: item: wanted 0.01 to 100, got 0"):
        Priors(item=0)
    model = layout(subjects=2, instruments=1, items=3, epochs=2)
    shown = {row["parameter"]: row["prior"] for row in model.prior_rows()}
    assert shown["mean rate"] == "Beta(0.5, 0.5)"
    assert shown["scale of item"] == "half-Normal(2)"
    assert all(g.passed for g in prior_gates(model))
    sharp = replace(model, priors=replace(LOGIT, mean=0.01))
    assert not all(g.passed for g in prior_gates(sharp))


@pytest.mark.parametrize(("centre", "spread"), [(0.0, 3.0), (-7.0, 1.0), (-4.0, 5.0), (2.0, 0.0)])
def test_the_mean_rate_of_new_items_is_an_integral(centre, spread):
    z = np.linspace(-12, 12, 200_001)
    w = np.exp(-0.5 * z * z)
    exact = float(expit(centre + spread * z) @ w / w.sum())
    found = float(mean_rate(np.array([centre]), np.array([spread]))[0])
    assert found == pytest.approx(exact, rel=1e-5, abs=1e-9)


def log_binomial(model, mean, scales, effects):
    """Log likelihood with both item effects integrated, cell by cell, on fine grids."""
    z = np.linspace(-7, 7, 141)
    w = np.exp(-0.5 * z * z)
    w /= w.sum()
    item, both = model.term("item"), model.term("item:subject")
    total = 0.0
    for i in range(item.levels):
        each = np.ones_like(z)
        for cell in np.flatnonzero(item.codes == i):
            grid = mean + effects[model.subject[cell]] + scales["item"] * z[:, None]
            if both is not None:
                grid = grid + scales["item:subject"] * z
            k, n = model.total[cell], model.n[cell]
            p = expit(grid)
            likelihood = p**k * (1 - p) ** (n - k)
            each = each * (likelihood @ w if both is not None else likelihood[:, 0])
        total += math.log(each @ w)
    return total


@lru_cache(maxsize=1)
def densities():
    import jax

    module = sampler()

    def both(shape, data, z):
        return *module.constrain(shape, data, z), module.potential(shape, data, z)

    return jax.jit(both, static_argnums=0)


def flat(posterior, *, binomial):
    """All parameters in a row, whatever the leading axes."""
    residual = [] if binomial else [posterior.residual[..., None]]
    return np.concatenate(
        [posterior.scales, *residual, posterior.mean[..., None], *posterior.effects.values()], -1
    )


def anywhere(model, seed, *, fixed=False):
    """The log likelihood at a random position, its parameters, and the gap of two log priors:
    the sampler's, and that of the parameters with the Jacobian (by differences) of the plain map.
    """
    import jax

    module = sampler()
    shape, data = prepare(module, model, fixed=fixed)
    rng = np.random.default_rng(seed)
    size = shape.scales + (not shape.binomial) + 1 + shape.head
    x = rng.normal(0, 0.7, size + shape.effects - shape.head)

    def plain(x):
        z = {"head": x[..., :size], "units": x[..., size:]}
        return unpack(model, shape, data, module.Chain(z, False, 0.0, 1), 0.9)

    with jax.enable_x64(True):
        z = {"head": x[:size], "units": x[size:]}
        at, prior, energy = jax.tree.map(np.asarray, densities()(shape, data, z))
    posterior = plain(x)
    theirs = [at.scales, [at.residual][shape.binomial :], [at.mean], at.effects]
    assert flat(posterior, binomial=shape.binomial) == pytest.approx(np.concatenate(theirs))
    steps = 1e-5 * np.eye(x.size)
    up, down = (flat(plain(x + s), binomial=shape.binomial) for s in (steps, -steps))
    jacobian = np.linalg.slogdet((up - down) / 2e-5)[1]
    own = at.scales[data.group]
    log = -0.5 * np.sum((at.scales / data.prior[:-1]) ** 2)
    log -= np.sum(0.5 * (at.effects / own) ** 2 + np.log(own))
    if shape.binomial:
        log -= 0.5 * (np.logaddexp(0, at.mean) + np.logaddexp(0, -at.mean))
    else:
        log -= 0.5 * at.mean**2 + 0.5 * at.residual**2
    return float(-energy - prior), posterior, float(prior - log - jacobian)


LAYOUTS = [
    {"subjects": 2, "instruments": 2, "items": 4, "epochs": 2},
    {"subjects": 1, "instruments": 1, "items": 6, "epochs": 2, "graders": 2},
    {"subjects": 3, "instruments": 1, "items": 4, "epochs": 2, "normal": True},
]


@pytest.mark.parametrize("where", LAYOUTS)
def test_positions_and_parameters_have_the_same_posterior(where):
    # The gap between the log densities is a constant: the straightening changes no posterior.
    needs_jax()
    model, _ = simulate(layout(**where), np.random.default_rng(1))
    gaps = [anywhere(model, seed)[2] for seed in (1, 2)]
    assert gaps[0] == pytest.approx(gaps[1], abs=1e-6)


def test_many_effects_are_centred_one_by_one(monkeypatch):
    needs_jax()
    monkeypatch.setattr("calibrant.stats.hierarchical.fit.LIMIT", 5)
    model, _ = simulate(layout(**LAYOUTS[1]), np.random.default_rng(2))
    gaps = [anywhere(model, seed)[2] for seed in (1, 2)]
    assert gaps[0] == pytest.approx(gaps[1], abs=1e-6)


def test_integrated_items_have_the_brute_force_likelihood():
    needs_jax()
    plain = layout(subjects=2, instruments=1, items=5, epochs=3)
    for seed in (1, 2):
        model, _ = simulate(plain, np.random.default_rng(seed))
        for fixed in (False, True):
            found, at, _ = anywhere(model, seed, fixed=fixed)
            named = dict(zip([n for n, _ in model.scale_names()], at.scales, strict=True))
            exact = log_binomial(model, float(at.mean), named, at.effects["subject"])
            assert found == pytest.approx(exact, abs=5e-3)


def test_integrated_items_of_normal_scores_are_exact():
    needs_jax()
    model = layout(subjects=2, instruments=1, items=4, epochs=1, normal=True)
    model, _ = simulate(model, np.random.default_rng(4))
    item = model.term("item").codes
    values = []
    for seed in (1, 2):
        found, at, _ = anywhere(model, seed)
        cov = at.scales[1] ** 2 * (item[:, None] == item) + at.residual**2 * np.eye(item.size)
        gap = model.total - at.mean - at.effects["subject"][model.subject]
        plain = -0.5 * (np.linalg.slogdet(cov)[1] + gap @ np.linalg.solve(cov, gap))
        values.append(found - plain)
    assert values[0] == pytest.approx(values[1], abs=1e-9)


def test_without_repeats_the_posterior_is_jeffreys():
    needs_jax()
    model = design([0] * 60, [0] * 60, range(60), [1.0] + [0.0] * 59)
    posterior = fit(model, seed=3)
    found = rates(model, posterior)[0, 0]
    exact = betaincinv(1.5, 59.5, [0.025, 0.5, 0.975])
    assert np.quantile(found, [0.025, 0.5, 0.975]) == pytest.approx(exact, rel=0.15)
    assert found.mean() == pytest.approx(1.5 / 61, rel=0.06)


HERDS = [4, 3, 4, 4, 4, 4, 4, 1, 4, 4, 4, 4, 4, 4, 4]
ILL = """2 3 4 0 3 1 1 8 2 0 2 2 0 2 0 5 0 0 1 3 0 0 1 8 1 3 0 12 2 0 0 0 1 1 0 2 0 5 3 1 2 1 0 0
1 2 0 0 11 0 0 0 1 1 1 0"""
SIZE = """14 12 9 5 22 18 21 22 16 16 20 10 10 9 6 18 25 24 4 17 17 18 20 16 10 9 5 34 9 6 8 6 22 22
18 22 25 27 22 22 10 8 6 5 21 24 19 23 19 2 3 2 19 15 15 15"""


@pytest.mark.slow
def test_cattle_herds_have_the_published_spread():
    # lme4's cbpp: glmer(period + (1 | herd)) gives 0.642 for herds (ML), and periods at
    # -0.992, -1.128, -1.580 from the first. Here periods are shrunk and scales have priors.
    needs_jax()
    ill, size = ([int(x) for x in text.split()] for text in (ILL, SIZE))
    herd = np.repeat(np.arange(15), HERDS)
    period = np.concatenate([np.arange(n) for n in HERDS])
    rows = np.repeat(np.arange(56), size)
    within = np.concatenate([np.arange(n) for n in size])
    score = (within < np.array(ill)[rows]).astype(float)
    model = design(period[rows], np.zeros_like(rows), herd[rows], score)
    model = replace(model, terms=tuple(t for t in model.terms if t.name != "item:subject"))
    posterior = fit(model, seed=1, draws=300, warmup=150)
    scale = posterior.scales[..., 1]
    assert 0.55 < np.median(scale) < 0.85
    subject = posterior.effects["subject"].mean(axis=(0, 1))
    assert subject[1:] - subject[0] == pytest.approx([-0.992, -1.128, -1.580], abs=0.3)


def posterior_of(model, mean, scales, effects):
    """200 equal draws: what a model would be if its parameters were known."""
    n = (2, 100)
    return Posterior(
        np.full(n, mean), np.tile(scales, (*n, 1)), np.ones(n),
        {k: np.tile(v, (*n, 1)) for k, v in effects.items()}, np.zeros(n, bool), np.zeros(n), 0.9,
    )  # fmt: skip


def test_a_model_that_cannot_make_the_data_is_found_out():
    # Every item is always right or always wrong; the posterior claims that items are alike.
    model = layout(subjects=1, instruments=1, items=40, epochs=6)
    good = replace(model, total=np.full(40, 3.0) + np.resize([-2, -1, 0, 1, 2], 40))
    bad = replace(model, total=np.resize([0.0, 6.0], 40))
    alike = posterior_of(model, 0.0, [0.3], {})
    assert all(g.passed for g in predictive_gates(good, alike))
    failed = [g.name for g in predictive_gates(bad, alike) if not g.passed]
    assert "items with every trial 0, tail share" in failed


def test_uniform_ranks_pass_and_crooked_ones_do_not():
    even = np.repeat(np.arange(100), 5)
    assert uniformity(even, 99) == pytest.approx(1.0)
    assert uniformity(even // 2, 99) < 1e-10
    with pytest.raises(InputError, match="a divisor of 100"):
        uniformity(even, 99, bins=7)


def coins(regime, rng, draws):
    return {"heads": float(rng.binomial(draws, 0.5) / draws), "draws": draws / 100}


def test_certificates_choose_their_batches_and_run_beside_jax():
    needs_jax()
    sampler()  # now a fork would be unsafe, and processes are spawned
    made = partial(Certificate, "coins", "none", "Coins are fair.", ({"n": 1},), coins)
    bounds = {"heads": Bound(0.5, 0.5)}
    (one,) = measure_certificate(made(bounds, batch_draws=20), draws=50, seed=1)
    assert (one.draws, one.statistics["draws"]) == (60, pytest.approx(0.2))
    from calibrant.stats.certificates.rates import CERTIFICATES

    short = replace(CERTIFICATES[0], regimes=CERTIFICATES[0].regimes[:1])
    alone = measure_certificate(short, draws=250, seed=1)
    assert measure_certificate(short, draws=250, seed=1, workers=2) == alone
