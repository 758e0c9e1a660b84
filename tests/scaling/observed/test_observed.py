"""Forecasts from given scores: places, links, and what is never looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.optimize import curve_fit

from calibrant.errors import InputError, UnfitError
from calibrant.scaling.backtests.cuts import cuts_of, read_rule
from calibrant.scaling.backtests.keep import Keep
from calibrant.scaling.backtests.run import ask, distance_in_ability
from calibrant.scaling.curves.forecasters import FORECASTERS as CURVES
from calibrant.scaling.given import Given, given_of
from calibrant.scaling.observed import certificates
from calibrant.scaling.observed.forecasters import FORECASTERS
from calibrant.scaling.observed.link import (
    TAILS,
    Priors,
    Seen,
    log_likelihood,
    log_prior,
    seen,
)
from calibrant.scaling.observed.peers import by_components, by_compute
from calibrant.scaling.observed.place import Standing, placed, standing
from calibrant.scaling.observed.said import described, odd_ones, too_able, warnings_of
from calibrant.scaling.observed.sample import sample
from calibrant.scaling.observed.worlds import world
from calibrant.scaling.scores import scores

ONE, SEVERAL = FORECASTERS


@pytest.fixture(scope="module")
def made():
    return world("smooth", np.random.default_rng(4), axes=2)


def rng(seed=0):
    return np.random.default_rng(seed)


# ------------------------------------------------------------------------------------ places


def plain_standing(apart, weights, noise, wide):
    """Each subject by itself, by the joint normal of its places and its scores."""
    q, means, spreads = weights.shape[1], [], []
    for row in apart:
        there = np.isfinite(row)
        w = weights[there]
        whole = wide**2 * w @ w.T + noise**2 * np.eye(there.sum())
        gain = wide**2 * w.T @ np.linalg.inv(whole)
        means.append(gain @ row[there])
        spreads.append(wide**2 * (np.eye(q) - gain @ w))
    return np.array(means), np.array(spreads)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 5), st.floats(0.2, 2),
       st.floats(0.5, 3))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_places_are_those_of_the_joint_normal(seed, q, k, noise, wide):
    draw = rng(seed)
    x = draw.normal(size=(6, k))
    x[draw.random(x.shape) < 0.3] = np.nan
    weights = draw.normal(size=(k, q))
    found = standing(x, weights, noise, wide)
    mean, spread = plain_standing(x, weights, noise, wide)
    assert found.mean == pytest.approx(mean, abs=1e-8)
    assert found.spread == pytest.approx(spread, abs=1e-8)


def test_later_subjects_are_placed_but_found_nothing(made):
    known, later = made
    x, y = known.given.of(known.subject), known.given.of(later.subject)
    first, other = placed(x, y, axes=2), placed(x, y[:3] + 0.3, axes=2)
    assert np.array_equal(first.weights, other.weights)
    assert np.array_equal(first.known.mean, other.known.mean)
    assert (other.here.mean[:, 0] > first.here.mean[:3, 0]).all()
    assert 0.8 < first.reliability[0] < 1


def test_gaps_widen_places(made):
    known, later = made
    x, y = known.given.of(known.subject), known.given.of(later.subject)
    less = y.copy()
    less[:, 1:] = np.nan
    full, gaps = (placed(x, v, axes=1).here.spread[:, 0, 0] for v in (y, less))
    assert (gaps > 2 * full).all()


def test_measures_that_say_nothing_are_no_part():
    x = rng().normal(size=(9, 3))
    x[:, 1], x[3:, 2] = 0.5, np.nan
    found = placed(x, x, axes=3)
    assert found.used.tolist() == [True, False, False]
    with pytest.raises(UnfitError, match="no given measure"):
        placed(x[:, 1:2], x[:, 1:2], axes=1)


# -------------------------------------------------------------------------------------- link


def plain_likelihood(vector, data):
    """One vector: each family's own level integrated out on a fine grid, subject by subject."""
    q = data.mean.shape[1]
    level, slope, bend = vector[0], vector[1 : q + 1].copy(), vector[q + 1]
    own, family = np.exp(vector[q + 3]), np.exp(vector[q + 4])
    grid = np.linspace(-8, 8, 1601)
    total = 0.0
    for f in range(len(data.families)):
        log = -0.5 * grid**2 - 0.5 * np.log(2 * np.pi)
        for i in np.flatnonzero(data.family == f):
            z = data.mean[i]
            tilt = slope.copy()
            tilt[0] += bend * z[0] / np.sqrt(1 + z[0] ** 2)
            size = np.sqrt(own**2 + tilt @ data.spread[i] @ tilt + data.error[i])
            centre = level + slope @ z + bend * (np.sqrt(1 + z[0] ** 2) - 1) + family * grid
            t = (data.odds[i] - centre) / size
            if data.side[i] == 0:
                gamma = special.gammaln((TAILS + 1) / 2) - special.gammaln(TAILS / 2)
                log += gamma - 0.5 * np.log(TAILS * np.pi) - np.log(size)
                log -= (TAILS + 1) / 2 * np.log1p(t**2 / TAILS)
            else:
                log += np.log(special.stdtr(TAILS, -data.side[i] * t))
        total += special.logsumexp(log) + np.log(grid[1] - grid[0])
    return total


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_likelihood_is_the_plain_integral(seed, q):
    draw = rng(seed)
    n = 9
    root = draw.normal(size=(n, q, q)) * 0.2
    data = Seen(
        odds=draw.normal(size=n), side=draw.integers(-1, 2, n), error=draw.random(n) * 0.1,
        mean=draw.normal(size=(n, q)), spread=root @ root.transpose(0, 2, 1),
        family=np.arange(n) % 3, families=("a", "b", "c"), base=0.0, span=1.0, bounded=True,
        rough=0.0,
    )  # fmt: skip
    vector = np.append(draw.normal(size=q + 2), np.log([0.4, 0.6, 0.4]))
    found, by_family = log_likelihood(vector[None], data)
    # Nine nodes, for a family of three whose own level is of the size of its noise.
    assert found[0] == pytest.approx(plain_likelihood(vector, data), abs=0.02)
    assert special.logsumexp(by_family[0], axis=1).sum() == pytest.approx(found[0])


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_prior_is_a_product(seed, q):
    draw, p = rng(seed), Priors()
    a, b = draw.normal(size=(2, q + 5))

    def plain(v):
        minor = np.exp(v[q + 2])
        terms = [((v[0] - p.level) / p.level_sd) ** 2, ((v[1] - p.slope) / p.slope_sd) ** 2,
                 (v[q + 1] / p.bend) ** 2]  # fmt: skip
        for log, typical in zip(v[q + 2 :], (p.minor, p.own, p.family), strict=True):
            terms.append(((log - np.log(typical)) / p.loose) ** 2)
        terms += [(s / minor) ** 2 + 2 * np.log(minor) for s in v[2 : q + 1]]
        return -0.5 * sum(terms)

    found = log_prior(np.vstack([a, b]), q, p)
    assert found[0] - found[1] == pytest.approx(plain(a) - plain(b))


def test_what_is_too_little_is_refused(made):
    known, later = made
    with pytest.raises(UnfitError, match="wanted 8 subjects"):
        ONE.predict(known.take(np.arange(5)), later, rng())
    flat = replace(known, score=np.where(np.arange(len(known)) < 2, 0.5, 0.0))
    with pytest.raises(UnfitError, match="lie between chance and ceiling"):
        ONE.predict(flat, later, rng())
    with pytest.raises(UnfitError, match="nothing is given"):
        ONE.predict(replace(known, given=None), later, rng())
    alone = Given(known.given.subjects, ("g0",), known.given.values[:, :1])
    assert len(ONE.predict(replace(known, given=alone), later, rng())) == len(later)
    with pytest.raises(UnfitError, match="one axis is all"):
        SEVERAL.predict(replace(known, given=alone), later, rng())


def test_no_later_target_is_read_and_no_other_subject_moves_a_forecast(made):
    known, later = made
    first = SEVERAL.predict(known, later, rng(1)).quantile(0.5)
    other = replace(later, score=1 - later.score)
    assert np.array_equal(SEVERAL.predict(known, other, rng(1)).quantile(0.5), first)
    values = known.given.values.copy()
    moved = str(later.subject[0])
    values[known.given.subjects == moved] += 0.2
    changed = replace(known.given, values=values)
    again = SEVERAL.predict(
        replace(known, given=changed), replace(later, given=changed), rng(1)
    ).quantile(0.5)
    assert np.array_equal(again[1:], first[1:])
    assert again[0] > first[0]


def test_forecasts_follow_ability_not_compute(made):
    known, later = made
    said = ONE.predict(known, later, rng())
    able = later.given.ability(later.subject)
    assert np.corrcoef(said.mean(), able)[0, 1] > 0.9
    small = replace(later, scale=np.full(len(later), np.nan))
    assert np.array_equal(ONE.predict(known, small, rng()).mean(), said.mean())


def test_a_score_without_limits_is_a_line(made):
    known, later = made
    free = {"target": (-np.inf, np.inf)}
    wide = replace(known, score=200 * known.score + 1000, limits=free)
    said = ONE.predict(wide, replace(later, limits=free), rng())
    low, high = said.interval(0.9)
    assert np.mean((low <= 200 * later.score + 1000) & (200 * later.score + 1000 <= high)) > 0.5
    assert (high - low > 1).all()


def test_links_say_where_scores_begin(made):
    known, _ = made
    where = Standing(np.zeros((len(known), 1)), np.zeros((len(known), 1, 1)))
    data = seen(replace(known, chance={"target": 0.2}), where)
    assert data.base == 0.2
    assert data.span == pytest.approx(0.8)
    assert set(np.flatnonzero(data.side < 0)) == set(np.flatnonzero(known.score <= 0.216))


# ------------------------------------------------------------------------------ given, cuts


def test_given_scores_are_read_once_a_subject():
    names = np.array(["a", "a", "b"])
    found = given_of(names, ["x", "y"], np.array([[1, np.nan], [1, 2.0], [3, 4.0]]))
    assert found.of(["a", "c"])[0].tolist() == [1, 2]
    assert np.isnan(found.of(["c"])).all()
    assert found.has(["a", "c"]).tolist() == [True, False]
    with pytest.raises(InputError, match="in two rows"):
        given_of(names, ["x"], np.array([[1], [2], [3.0]]))
    with pytest.raises(InputError, match="named twice"):
        given_of(names, ["x", "x"], np.ones((3, 2)))
    with pytest.raises(InputError, match="no two that differ"):
        given_of(names, ["x"], np.ones((3, 1)))


def test_cuts_and_distances_along_ability(made):
    known, later = made
    cuts = cuts_of(known, read_rule("axis<=0.3"))
    able = known.given.ability(known.subject)
    assert (able[cuts[-1].known] <= 0.3).all()
    assert (able[cuts[-1].later] > 0.3).all()
    assert len(cuts_of(known, read_rule("rolling axis:4"))) >= 2
    d = distance_in_ability(known, later)
    assert d == pytest.approx(np.maximum(later.given.ability(later.subject) - able.max(), 0))
    with pytest.raises(InputError, match="no row has a given score"):
        cuts_of(replace(known, given=None), read_rule("rolling axis"))


def test_models_speak_of_the_rows_that_have_what_they_need(made, tmp_path):
    known, later = made
    some = replace(later, scale=np.where(np.arange(len(later)) % 2, later.scale, np.nan))
    zoo = (ONE, CURVES[0], CURVES[4])
    said = ask(zoo, known, some, seed=1, where="now")
    assert said.forecasts[ONE.name][1].all()
    assert said.forecasts["persistence"][1].tolist() == np.isfinite(some.scale).tolist()
    none = ask(zoo, known, replace(later, scale=np.full(len(later), np.nan)), seed=1, where="now")
    assert set(none.forecasts) == {ONE.name}
    assert {f.why for f in none.failures} == {"no row has a scale (compute)"}
    keep, less = Keep(tmp_path), replace(known.given, values=known.given.values + 0.1)
    paths = {keep.path(ONE, replace(known, given=g), later, 0, "x") for g in (known.given, less)}
    assert len(paths) == 2


# -------------------------------------------------------------------------- what is said of it


def test_subjects_whose_scores_do_not_go_together_are_named(made):
    known, later = made
    values = known.given.values.copy()
    row = np.flatnonzero(known.given.subjects == str(later.subject[2]))[0]
    values[row, 1] += 0.8
    odd = replace(known, given=replace(known.given, values=values))
    assert not any(str(later.subject[2]) in text for text in odd_ones(known, later))
    found = odd_ones(odd, later)
    assert f"{later.subject[2]} on g1" in found[0]
    assert "above what its others let expect" in found[0]
    assert any("do not go together" in w for w in warnings_of(odd, later))
    told = described(known, later)
    assert told is not None
    assert told["axes"][0]["variance_explained"] > told["axes"][1]["variance_explained"]
    assert told["measures"] == [f"g{j}" for j in range(6)]


def test_draws_reach_a_curved_posterior():
    def loss(x):
        return 0.5 * (x[:, 0] ** 2 + (x[:, 1] - x[:, 0] ** 2) ** 2 / 0.3 + x[:, 2] ** 2 / 4)

    # Far narrower a proposal than the posterior, so that weights fail and it is tempered.
    draws, worth = sample(np.zeros(3), np.diag([0.2, 0.1, 4.0]), loss, rng(1))
    assert draws.shape == (1000, 3)
    assert worth > 100
    assert draws[:, 0].std() == pytest.approx(1, abs=0.3)
    assert draws[:, 2].std() == pytest.approx(2, abs=0.3)
    assert draws[:, 1].mean() == pytest.approx(1, abs=0.5)
    with pytest.raises(UnfitError, match="do not move"):
        sample(np.zeros(2), np.eye(2), lambda x: 1e9 * rng(3).random(len(x)), rng())


def test_abilities_beyond_all_that_was_tried_are_silent():
    found = too_able(np.array([0.1, 2.0, np.nan]), {"m": 0.5}, ["m"] * 3)
    assert found[0] is None
    assert "2 standard deviations" in found[1]
    assert found[2] is None


# ------------------------------------------------------------------------------------- peers


def test_least_squares_is_that_of_scipy(made):
    known, later = made
    # Scores that are such a sigmoid of compute, but for a little noise.
    x = known.scale - known.scale.mean()
    y = 0.1 + 0.9 * special.expit(-0.5 + x) + rng(2).normal(0, 0.01, x.size)
    found = by_compute(replace(known, score=y), later)
    p, _ = curve_fit(lambda x, a, b, c: c + (1 - c) * special.expit(a + b * x), x, y,
                     p0=(0, 0.5, 0.05), bounds=([-9, -9, 0], [9, 9, 0.2]))  # fmt: skip
    new = later.scale - known.scale.mean()
    assert found.at == pytest.approx(p[2] + (1 - p[2]) * special.expit(p[0] + p[1] * new), abs=1e-3)
    assert found.log_density(found.at) == pytest.approx(found.log_density(found.at)[0])
    able = by_components(known, later)
    assert np.corrcoef(able.at, later.score)[0, 1] > 0.6
    one = scores(np.ones(3), np.ones(3))
    for peer in (by_components, by_compute):
        with pytest.raises(UnfitError):
            peer(one, one)


def test_the_certificate_in_short():
    mine = certificates.CERTIFICATES[0]
    found = certificates.coverage_batch(mine.regimes[0], rng(1), 3)
    assert found["refused"] == 0
    assert found["covered"] > 0.75
    assert found.keys() >= {"least squares covered", "compute covered", "new families covered"}
