"""Scores over prompt variants: what was run stays, what was not is filled in with its doubt."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from scipy.stats import kendalltau

from calibrant.errors import InputError
from calibrant.items import reliability
from calibrant.quality.reliability.prompts import draw_means, fit_prompts
from calibrant.quality.reliability.variants import over_variants


def made(prompts=20, items=60, share=0.3, seed=0, sd=0.6, level=0.4):
    rng = np.random.default_rng(seed)
    p = expit(level + sd * rng.normal(size=(prompts, 1)) + 1.2 * rng.normal(size=items))
    y = (rng.random((prompts, items)) < p).astype(float)
    seen = rng.random(y.shape) < share
    seen[np.arange(prompts), rng.integers(0, items, prompts)] = True
    seen[rng.integers(0, prompts, items), np.arange(items)] = True
    return y, np.where(seen, y, np.nan)


def table(ys, names=None):
    frames = []
    for s, y in enumerate(ys):
        v, i = np.nonzero(~np.isnan(y))
        frames.append(pl.DataFrame({
            "subject": [f"m{s}" if names is None else names[s]] * v.size,
            "variant": [f"v{a}" for a in v], "item": [f"q{a}" for a in i], "score": y[v, i],
        }))  # fmt: skip
    return pl.concat(frames)


def test_the_mode_is_where_the_penalised_likelihood_is_flat():
    _, seen = made()
    model = fit_prompts(seen)
    there = ~np.isnan(seen)
    for mode in (model.modes[0], model.modes[6]):
        at = model.modes.index(mode)
        from calibrant.quality.reliability.prompts import PROMPT_SD

        level = mode.prompts.mean()
        rest = np.where(there, np.nan_to_num(seen) - expit(mode.prompts[:, None] + mode.items), 0)
        assert rest.sum() == pytest.approx(0, abs=1e-3)
        deviation = rest.sum(axis=1) - (mode.prompts - level) / PROMPT_SD[at] ** 2
        assert np.abs(deviation).max() < 1e-2
        assert rest.sum(axis=0) == pytest.approx(mode.items / model.item_sd**2, abs=1e-3)
    assert model.weights.sum() == pytest.approx(1)


def test_the_evidence_is_the_laplace_approximation():
    _, seen = made(prompts=5, items=7, share=0.8)
    model = fit_prompts(seen)
    mode = model.modes[5]
    whole = np.zeros((13, 13))
    whole[:6, :6] = mode.factor @ mode.factor.T + (mode.cross / mode.own) @ mode.cross.T
    whole[:6, 6:], whole[6:, :6] = mode.cross, mode.cross.T
    whole[6:, 6:] = np.diag(mode.own)
    half = np.log(np.diag(mode.factor)).sum() + 0.5 * np.log(mode.own).sum()
    assert np.linalg.slogdet(whole)[1] / 2 == pytest.approx(half)


def test_what_was_run_is_kept_and_the_rest_is_filled_in():
    _y, seen = made()
    drawn = draw_means(seen, fit_prompts(seen), 300, np.random.default_rng(0))
    lowest = np.nansum(seen, axis=1) / 60
    highest = lowest + np.isnan(seen).mean(axis=1)
    assert (drawn >= lowest - 1e-12).all() and (drawn <= highest + 1e-12).all()
    again = draw_means(seen, fit_prompts(seen), 300, np.random.default_rng(0))
    assert (drawn == again).all()


def test_borrowing_strength_beats_plain_averages():
    model, plain = [], []
    for seed in range(6):
        y, seen = made(seed=seed, share=0.2)
        drawn = draw_means(seen, fit_prompts(seen), 100, np.random.default_rng(0))
        model.append(np.mean((drawn.mean(axis=0) - y.mean(axis=1)) ** 2))
        plain.append(np.mean((np.nanmean(seen, axis=1) - y.mean(axis=1)) ** 2))
    assert np.mean(model) < 0.8 * np.mean(plain)


def test_a_complete_table_needs_no_model():
    ys = [made(seed=s)[0] for s in range(4)]
    found = over_variants(table(ys))
    for s, y in zip(found.subjects, ys, strict=True):
        means = y.mean(axis=1)
        assert s.mean.low == s.mean.high == pytest.approx(means.mean())
        assert s.worst.value == pytest.approx(means.min())
        assert dict(s.quantiles)[0.25].value == pytest.approx(np.quantile(means, 0.25))
        t = 2.093024 * means.std(ddof=1) / np.sqrt(20)
        assert s.drawn.low == pytest.approx(means.mean() - t, abs=1e-6)
    scores = np.array([y.mean(axis=1) for y in ys])
    taus = [kendalltau(scores[:, a], scores[:, b]).statistic for a in range(20) for b in range(a)]
    if not np.isnan(taus).any():
        assert found.agreement == pytest.approx(np.mean(taus))
    assert all(s.ranks[0] <= s.ranks[1] for s in found.subjects)


def test_the_verb_finds_variants_and_their_share():
    ys = [made(seed=s, share=0.6, level=s / 2 - 1)[1] for s in range(5)]
    found = reliability(table(ys), draws=200)
    assert found.variants is not None and len(found.variants.variants) == 20
    assert 0 < found.variants.share < 0.5
    assert found.plot("variants").svg().startswith("<svg")
    for s in found.variants.subjects:
        assert s.worst.value <= s.mean.value <= s.best.value
        assert s.mean.low <= s.mean.value <= s.mean.high


def test_variants_of_single_items_are_no_prompts():
    rows = [(f"m{s}", f"q{i}", f"q{i}-v{v}", float((s + i + v) % 2))
            for s in range(4) for i in range(5) for v in range(3)]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["subject", "item", "variant", "score"], orient="row")
    with pytest.raises(InputError, match="each is of one item"):
        over_variants(frame)
    with pytest.raises(InputError, match="at least 2"):
        over_variants(frame.with_columns(variant=pl.lit("v")))
