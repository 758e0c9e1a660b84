"""The hierarchy by the No-U-Turn sampler: its density, its agreement, and its gates."""

import sys

import numpy as np
import pytest

from calibrant.errors import CalibrantError, GateError
from calibrant.scaling import fit_families
from calibrant.scaling.hierarchical.calibration import simulate, small
from calibrant.scaling.hierarchical.chains import (
    chain_draws,
    gates_of,
    prepare,
    room,
    sample,
    sampler,
)
from calibrant.scaling.hierarchical.forecast import forecast
from calibrant.scaling.hierarchical.forecasters import bayes_forecaster
from calibrant.scaling.hierarchical.laplace import _loss, fit_laplace
from calibrant.scaling.hierarchical.layout import layout
from calibrant.scaling.hierarchical.priors import Priors
from calibrant.scaling.hierarchical.verb import check
from calibrant.scaling.hierarchical.worlds import world

pytest.importorskip("numpyro", reason="chains need the extra 'bayes'")


@pytest.fixture(scope="module")
def small_world():
    known, later = world("smooth", np.random.default_rng(2), families=5, measures=2, new=1)
    fitted = fit_laplace(layout(known))
    return known, later, fitted, sample(fitted, draws=800, warmup=150, pilot=800)


def test_the_density_in_jax_is_that_in_numpy():
    import jax

    at, priors = small(), Priors()
    data, effects, scales = simulate(at, priors, np.random.default_rng(1))
    fitted = fit_laplace(data, priors)
    module = sampler()
    _, arrays = prepare(module, fitted)
    gaps = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        u = effects + 0.2 * rng.standard_normal(effects.size)
        s = {n: v * np.exp(0.3 * rng.standard_normal(v.size)) for n, v in scales.items()}
        with jax.enable_x64(True):
            logs = np.log(np.concatenate(list(s.values())))
            there = module.Parameters(np.append(u, np.zeros(arrays.group.size - u.size)), logs, 1.0)
            found = float(jax.jit(module.log_density)(arrays, there))
        plain = -_loss(data, priors, u, s)
        for n, v in s.items():
            plain -= (priors.weight / 2 * (2 * np.log(v) + (getattr(priors, n) / v) ** 2)).sum()
            counts = np.full(1, at.blocks.get(n, 0))
            if n == "cell":
                counts = np.bincount(at.cells[:, 1])
            plain -= (counts * np.log(v)).sum() if n != "noise" else 0.0
        gaps.append(found - plain)
    assert np.ptp(gaps) < 1e-8


def test_what_fills_up_a_program_changes_no_density(monkeypatch):
    """Rows without weight, effects of no row: the density of the others moves by a constant."""
    import jax

    known, _ = world("smooth", np.random.default_rng(2), families=5, measures=2, new=1)
    fitted = fit_laplace(layout(known))
    module, rng = sampler(), np.random.default_rng(0)
    _, roomy = prepare(module, fitted)
    monkeypatch.setattr(f"{prepare.__module__}.room", lambda *sizes: sizes)
    _, tight = prepare(module, fitted)
    size = tight.group.size
    assert roomy.group.size > size and roomy.y.size > tight.y.size
    gaps, density = [], jax.jit(module.log_density)
    for _ in range(3):
        logs = tight.about + 0.2 * rng.standard_normal(tight.about.size)
        u = fitted.effects + 0.2 * rng.standard_normal(size)
        more = rng.standard_normal(roomy.group.size - size)
        with jax.enable_x64(True):
            one = float(density(tight, module.Parameters(u, logs, 1.0)))
            filled = module.Parameters(np.append(u, more), logs, 1.0)
            two = float(density(roomy, filled)) + 0.5 * (more**2).sum()
        gaps.append(two - one)
    assert np.ptp(gaps) < 1e-9


def test_programs_have_room_and_are_few():
    ladder = {room(e, 1) for e in range(1, 1000)}
    assert sorted(e for e, _ in ladder) == [32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
    for effects, rows in np.random.default_rng(0).integers(1, 900, (200, 2)):
        most, long = room(int(effects), int(rows))
        assert most >= effects and long >= rows and (most, long) in {*ladder, (1024, 1536)}
        below = max((e for e, _ in ladder if e < most), default=0)
        assert most == 32 or below < effects or 1.5 * below < rows


@pytest.mark.slow
def test_pilots_and_data_of_about_one_size_share_one_program():
    known, _ = world("smooth", np.random.default_rng(2), families=3, measures=2, new=1)
    one, two = (fit_laplace(layout(k)) for k in (known, known.take(np.arange(1, len(known)))))
    module = sampler()
    module.compiled.cache_clear()
    short = sample(one, draws=12, warmup=10, pilot=8, chains=2)
    other = sample(two, draws=12, warmup=10, pilot=8, chains=2)
    assert short.effects.shape[-1] == one.effects.size
    assert other.energy.shape == (2, 12)
    assert module.compiled.cache_info().currsize == 1
    assert module.compiled(prepare(module, one)[0], 10, 12)._cache_size() == 1


@pytest.mark.slow
def test_both_ways_agree(small_world):
    _, later, fitted, chains = small_world
    check(gates_of(chains))
    starts = fitted.layout.starts()
    for name in ("slope", "level", "family"):
        ours = fitted.effects[starts[name]]
        spread = chains.effects[..., starts[name]].std(axis=(0, 1))
        assert np.all(np.abs(chains.effects[..., starts[name]].mean((0, 1)) - ours) < 1.5 * spread)
    one = forecast(chain_draws(chains), later, np.random.default_rng(0)).interval()
    two = fit_families(small_world[0]).predict(later).interval()
    assert np.abs(np.subtract(one, two)).mean() < 0.04


@pytest.mark.slow
def test_gates_refuse_an_axis_without_an_anchor_though_its_forecasts_would_cover(small_world):
    _, later, fitted, _ = small_world
    loose = sample(fitted, draws=60, warmup=60, pilot=60, anchored=False, seed=1)
    low, high = forecast(chain_draws(loose), later, np.random.default_rng(0)).interval()
    assert np.isfinite(high - low).all()
    with pytest.raises(GateError, match=r"^hierarchy by NUTS: .*R-hat.*FAILED") as caught:
        check(gates_of(loose))
    assert "\n" not in str(caught.value)
    assert any(not g["passed"] for g in caught.value.gates)


@pytest.mark.slow
def test_chains_that_are_too_short_predict_nothing(small_world):
    known, later, *_ = small_world
    hasty = bayes_forecaster(draws=10, warmup=10, chains=2)
    with pytest.raises(GateError, match="FAILED"):
        hasty.predict(known, later, np.random.default_rng(0))


def test_a_missing_extra_is_said_in_one_line(monkeypatch):
    name = "calibrant.scaling.hierarchical.sampler"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr("calibrant.scaling.hierarchical.sampler", raising=False)
    monkeypatch.setitem(sys.modules, "numpyro.infer.hmc", None)
    with pytest.raises(CalibrantError, match=r'pip install "calibrant\[bayes\]"'):
        fit_families(world("smooth", np.random.default_rng(2))[0], bayes=True)
