"""Latent-class models: published numbers, plain twins, planted truth, and what is refused."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from calibrant.errors import GateError, InputError
from calibrant.judge import latent
from calibrant.judges.latent import bayesian, glad, severity
from calibrant.judges.latent.ability import severity as severities
from calibrant.judges.latent.certificates import CERTIFICATES
from calibrant.judges.latent.data import LatentError, marks, parts
from calibrant.judges.latent.dawid_skene import Model, coins, fit
from calibrant.judges.latent.information import information

# Table 1 of Dawid and Skene (1979): 45 patients; the first observer three times, then four others.
TABLE = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 "
    "2223343 1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 "
    "2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 "
    "2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 "
    "2222222"
)


def anaesthetists():
    code = np.array([int(c) - 1 for c in TABLE.replace(" ", "")])
    return marks(np.repeat(np.arange(45), 7), np.tile([0, 0, 0, 1, 2, 3, 4], 45), code, 4)


def drawn(seed, n=200, accuracy=(0.9, 0.85, 0.8, 0.75), prevalence=(0.6, 0.4), missing=0.0):
    """Labels of one-coin graders, some of them missing, and the classes."""
    rng = np.random.default_rng(seed)
    k, j = len(prevalence), len(accuracy)
    z = rng.choice(k, n, p=prevalence)
    item, grader = np.repeat(np.arange(n), j), np.tile(np.arange(j), n)
    right = rng.random(item.size) < np.array(accuracy)[grader]
    code = np.where(right, z[item], (z[item] + rng.integers(1, k, item.size)) % k)
    keep = rng.random(item.size) >= missing
    keep[np.flatnonzero(grader == 0)] = True
    return marks(item[keep], grader[keep], code[keep], k), z


def test_the_published_solution_from_majority_votes():
    found = fit(anaesthetists(), starts=1)
    assert np.allclose(found.prevalence, [0.40, 0.42, 0.11, 0.07], atol=0.005)
    # Table 4: the first observer gives class 1 its label in 89 % of cases, and class 2 in 7 %.
    assert found.confusion[0, 0, 0] == pytest.approx(0.89, abs=0.005)
    assert found.confusion[0, 1, 0] == pytest.approx(0.07, abs=0.005)
    assert found.posterior[2].argmax() == 1
    assert found.monotone
    assert found.residual < 1e-8


def test_more_starts_find_a_higher_maximum_than_the_published_one():
    one, many = fit(anaesthetists(), starts=1), fit(anaesthetists(), starts=12)
    assert one.log_likelihood == pytest.approx(-192.89, abs=0.01)
    assert many.log_likelihood > one.log_likelihood + 1
    assert many.agreeing < 1


@given(st.integers(0, 10_000), st.integers(2, 3), st.booleans(), st.booleans())
@settings(max_examples=25, deadline=None)
def test_posterior_is_the_brute_force_sum(seed, k, gold, sampled):
    rng = np.random.default_rng(seed)
    item, grader = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    code = rng.integers(0, k, 18)
    known = np.where(rng.random(6) < 0.4, rng.integers(0, k, 6), -1) if gold else np.full(6, -1)
    known[0] = -1
    m = marks(item, grader, code, k, known)
    pi, theta = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k), (3, k))
    posterior, total = Model(m, sampled=sampled).posterior(pi, theta)
    plain = 0.0
    for i in range(6):
        p = np.array([
            (1.0 if known[i] >= 0 and not sampled else pi[c])
            * np.prod([theta[g, c, x] for j, g, x in zip(item, grader, code, strict=True)
                       if j == i])
            * (known[i] in (-1, c))
            for c in range(k)
        ])  # fmt: skip
        assert np.allclose(posterior[:, i], p / p.sum())
        plain += np.log(p.sum())
    assert total == pytest.approx(plain)


def _score(m, one_coin, pseudo, x):
    """The penalised log-likelihood in the free logits."""
    k = m.classes
    soft = lambda v: np.exp(v) / np.exp(v).sum()  # noqa: E731
    pi = soft(np.r_[x[: k - 1], 0])
    rest = x[k - 1 :]
    if one_coin:
        theta = coins(1 / (1 + np.exp(-rest)), k)
    else:
        theta = np.array([[soft(np.r_[rest[(j * k + c) * (k - 1) :][: k - 1], 0])
                           for c in range(k)] for j in range(m.graders)])  # fmt: skip
    model = Model(m, pseudo=pseudo, one_coin=one_coin)
    return model.objective(model.posterior(pi, theta)[1], pi, theta)


@pytest.mark.parametrize("one_coin", [False, True])
def test_information_is_the_numerical_hessian(one_coin):
    m, _ = drawn(3, n=80, accuracy=(0.9, 0.8, 0.75), prevalence=(0.5, 0.3, 0.2))
    f = fit(m, pseudo=0.5, one_coin=one_coin)
    info = information(m, f, pseudo=0.5, one_coin=one_coin, sampled=True)
    free = [np.log(f.prevalence[:-1] / f.prevalence[-1])]
    if one_coin:
        free.append(np.log(f.confusion[:, 0, 0] / (1 - f.confusion[:, 0, 0])))
    else:
        free += [np.log(row[:-1] / row[-1]) for g in f.confusion for row in g]
    x = np.concatenate(free)
    h = 1e-3
    numeric = np.empty((x.size, x.size))
    for a, b in product(range(x.size), repeat=2):
        ea, eb = np.eye(x.size)[a] * h, np.eye(x.size)[b] * h
        at = [_score(m, one_coin, 0.5, x + s * ea + t * eb) for s, t in
              ((1, 1), (1, -1), (-1, 1), (-1, -1))]  # fmt: skip
        numeric[a, b] = (at[0] - at[1] - at[2] + at[3]) / (4 * h * h)
    assert np.allclose(np.linalg.inv(info.covariance), -numeric, atol=0.02 * np.abs(numeric).max())
    assert 0 < info.share < 1


def test_gold_for_all_is_counting():
    m, z = drawn(4, n=150, accuracy=(0.9, 0.7, 0.6))
    known = marks(m.item, m.grader, m.code, 2, z)
    found = fit(known, starts=1)
    assert np.allclose(found.prevalence, np.bincount(z) / 150)
    mine = m.code[(m.grader == 1)]
    assert found.confusion[1, 0, 0] == pytest.approx((mine[z == 0] == 0).mean())
    assert np.allclose(found.posterior, np.eye(2)[z])


def test_gold_that_is_no_sample_does_not_count_for_prevalence():
    m, z = drawn(5, n=600, prevalence=(0.8, 0.2))
    known = np.where((z == 1) & (np.arange(600) < 300), z, -1)
    biased = fit(marks(m.item, m.grader, m.code, 2, known), sampled=False)
    rest = float((z[known < 0] == 1).mean())
    assert biased.prevalence[1] == pytest.approx(rest, abs=0.05)


@pytest.mark.parametrize(
    ("item", "grader", "said"),
    [
        ([0, 0, 1, 1], [0, 1, 0, 1], "at least 3 graders"),
        ([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 0, 2], "at most 2 an item"),
        ([0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4, 5], "2 separate groups"),
    ],
)
def test_what_labels_cannot_determine_is_refused(item, grader, said):
    m = marks(np.array(item), np.array(grader), np.tile([0, 1], 9)[: len(item)], 2)
    with pytest.raises(LatentError, match=said):
        fit(m)


def test_guessers_are_refused():
    m, _ = drawn(6, n=60, accuracy=(0.5, 0.5, 0.5))
    f = fit(m, pseudo=0.5)
    with pytest.raises(LatentError, match="hardly determine"):
        information(m, f, pseudo=0.5, one_coin=False, sampled=True)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_parts_are_those_of_a_plain_search(seed):
    rng = np.random.default_rng(seed)
    item, grader = np.arange(8), rng.integers(0, 6, 8)
    more = rng.integers(0, 8, 4)
    item = np.r_[item, more]
    grader = np.unique(np.r_[grader, rng.integers(0, 6, 4)], return_inverse=True)[1]
    m = marks(item, grader, np.zeros(item.size, np.int64), 2)
    group = {g: {g} for g in range(m.graders)}
    for _ in range(10):
        for i in range(8):
            here = set().union(*(group[g] for g in grader[item == i]))
            for g in here:
                group[g] = here
    assert len({frozenset(g) for g in group.values()}) == parts(m).max() + 1


def frame(m, z=None):
    """A long table with names."""
    table = {"item": [f"q{i}" for i in m.item], "grader": [f"g{j}" for j in m.grader],
             "label": [str(c) for c in m.code]}  # fmt: skip
    if z is not None:
        for i, c in enumerate(z):
            table["item"].append(f"q{i}")
            table["grader"].append("truth")
            table["label"].append(str(c))
    return pl.DataFrame(table)


@pytest.mark.parametrize("model", ["dawid-skene", "one-coin", "bayesian", "glad"])
def test_classes_are_found_and_named(model):
    m, z = drawn(7, n=250, missing=0.2)
    found = latent(frame(m), model=model)
    names = [int(x) for x in found.labels()]
    assert np.mean(np.array(names) == z) > 0.9
    assert found.prevalence[1].low < 0.4 < found.prevalence[1].high
    by_name = {g.grader: g.accuracy for g in found.graders}
    assert by_name["g0"].low < 0.9 < by_name["g0"].high
    assert by_name["g0"].value > by_name["g3"].value
    assert "graders" in repr(found)
    json.dumps(found.to_dict(), allow_nan=False)


def test_gold_of_some_items_by_name_or_by_grader():
    m, z = drawn(8, n=120, accuracy=(0.8, 0.7))
    with pytest.raises(InputError, match="at least 3 graders"):
        latent(frame(m))
    some = {f"q{i}": str(c) for i, c in enumerate(z) if i % 2}
    by_item = latent(frame(m), gold=some)
    assert by_item.gold == 60
    assert by_item.graders[0].accuracy.low < 0.8 < by_item.graders[0].accuracy.high
    by_grader = latent(frame(m, z[:60]), gold="truth")
    assert by_grader.gold == 60
    assert [g.grader for g in by_grader.graders] == ["g0", "g1"]
    with pytest.raises(InputError, match="no item"):
        latent(frame(m), gold={"nope": "1"})


def test_maximum_likelihood_has_no_intervals():
    m, _ = drawn(9)
    found = latent(frame(m), pseudo=0.0)
    assert found.prevalence[0].low is None
    assert "no intervals" in found.method


def test_chains_that_disagree_are_not_reported(monkeypatch):
    m, _ = drawn(10, n=60)
    monkeypatch.setattr(bayesian, "DRAWS", 8)
    monkeypatch.setattr(bayesian, "WARMUP", 1)
    with pytest.raises(GateError, match="not reported"):
        bayesian.sample(m)


def test_gibbs_agrees_with_exact_enumeration():
    # Three items, three graders: all 2^3 assignments, parameters integrated out in closed form.
    rng = np.random.default_rng(2)
    code = rng.integers(0, 2, 9)
    m = marks(np.repeat(np.arange(3), 3), np.tile(np.arange(3), 3), code, 2)
    from scipy.special import gammaln

    def marginal(z):
        total = gammaln(2) - gammaln(2 + 3) + gammaln(1 + np.bincount(z, minlength=2)).sum()
        for j, c in product(range(3), range(2)):
            prior = np.where(np.arange(2) == c, 2.0, 1.0)
            n = np.bincount(code[(m.grader == j) & (z[m.item] == c)], minlength=2)
            total += gammaln(3.0) - gammaln(3.0 + n.sum()) + (
                gammaln(prior + n) - gammaln(prior)).sum()  # fmt: skip
        return total

    every = [np.array(z) for z in product(range(2), repeat=3)]
    log = np.array([marginal(z) for z in every])
    weight = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
    exact = [sum(w for w, z in zip(weight, every, strict=True) if z[i] == 1) for i in range(3)]
    gibbs = bayesian.Gibbs(m, np.broadcast_to(code, (50, 9)), 2.0, np.random.default_rng(0))
    found = gibbs.run(200, 1000)
    assert np.allclose(found.posterior[:, :, 1].mean(axis=0), exact, atol=0.012)


def test_glad_likelihood_and_gradient():
    m, _ = drawn(11, n=12, accuracy=(0.9, 0.8, 0.6), prevalence=(0.5, 0.3, 0.2))
    model = glad.Glad(m, nodes=7)
    x = np.array([1.2, 0.3, -0.4, -0.3, 0.4, -0.2])
    skill, spread, prevalence = model.unpack(x)
    z, w = np.polynomial.hermite_e.hermegauss(7)
    plain = 0.0
    for i in range(12):
        mine = np.flatnonzero(m.item == i)
        total = 0.0
        for k in range(3):
            for node, weight in zip(z, w / w.sum(), strict=True):
                p = prevalence[k] * weight
                for t in mine:
                    right = 1 / (1 + 2 * np.exp(-skill[m.grader[t]] * np.exp(spread * node)))
                    p *= right if m.code[t] == k else (1 - right) / 2
                total += p
        plain += np.log(total)
    assert model.value(x)[2] == pytest.approx(plain)
    numeric = approx_fprime(x, lambda y: model.value(y)[0], 1e-6)
    assert np.allclose(model.value(x)[1], numeric, atol=1e-3)


def test_glad_finds_hard_items():
    rng = np.random.default_rng(12)
    n, j = 300, 8
    z, ease = rng.integers(0, 2, n), rng.normal(0, 1, n)
    item, grader = np.repeat(np.arange(n), j), np.tile(np.arange(j), n)
    skill = np.linspace(0.5, 3, j)
    right = rng.random(item.size) < 1 / (1 + np.exp(-skill[grader] * np.exp(ease[item])))
    m = marks(item, grader, np.where(right, z[item], 1 - z[item]), 2)
    found = glad.fit_glad(m)
    assert np.corrcoef(found.ease, ease)[0, 1] > 0.6
    assert found.spread == pytest.approx(1, abs=0.35)
    sd = np.sqrt(np.diag(found.covariance))[:j]
    assert (np.abs(found.skills - skill) < 3 * sd).all()


def rated(seed, n=150, top=3, delta=(-0.8, 0.0, 0.8), spread=1.0):
    rng = np.random.default_rng(seed)
    j = len(delta)
    tau = np.linspace(-1, 1, top) if top > 1 else np.zeros(1)
    item, grader = np.repeat(np.arange(n), j), np.tile(np.arange(j), n)
    theta = rng.normal(0.2, spread, n)
    p = severity.probabilities(theta[item], np.array(delta)[grader][:, None] + tau)
    code = (rng.random(item.size)[:, None] > np.cumsum(p, axis=1)).sum(axis=1)
    return marks(item, grader, np.minimum(code, top), top + 1)


@pytest.mark.parametrize("scale", ["rating", "partial"])
def test_severity_likelihood_and_gradient(scale):
    m = rated(1, n=15)
    model = severity.Marginal(m, scale, 41)
    free = np.linspace(-0.5, 0.6, model.map.shape[1] + 1)
    model.place(free)
    steps, spread = model.steps(free), np.exp(free[-1])
    grid = np.linspace(-9, 9, 4001) * spread
    plain = 0.0
    for i in range(15):
        density = np.exp(-((grid / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
        for t in np.flatnonzero(m.item == i):
            density = density * severity.probabilities(grid, steps[m.grader[t]])[:, m.code[t]]
        plain += np.log(density.sum() * (grid[1] - grid[0]))
    assert model.value(free)[0] == pytest.approx(-plain, abs=1e-6)
    numeric = approx_fprime(free, lambda y: model.value(y)[0], 1e-6)
    assert np.allclose(model.value(free)[1], numeric, atol=2e-3)


def test_severe_graders_are_found_and_told_apart():
    m = rated(2, n=250)
    found = severities(m, ("soft", "middle", "hard"), ("0", "1", "2", "3"), "rating", 0.95)
    for g, true in zip(found.graders, (-0.8, 0, 0.8), strict=True):
        assert abs(g.severity.value - true) < 4 * g.standard_error
        assert 0.8 < g.infit < 1.2
    assert sum(g.severity.value for g in found.graders) == pytest.approx(0, abs=1e-9)
    assert ("soft", "hard") in found.separable
    assert found.reliability > 0.8
    assert found.checks["quadrature_shift"] < 0.05
    json.dumps(found.to_dict(), allow_nan=False)
    partial = severities(m, ("a", "b", "c"), ("0", "1", "2", "3"), "partial", 0.95)
    assert partial.checks["log_likelihood"] >= found.checks["log_likelihood"]


def test_an_erratic_grader_is_found():
    m = rated(3, n=300, delta=(0, 0, 0, 0))
    rng = np.random.default_rng(1)
    code = np.where((m.grader == 2) & (rng.random(m.size) < 0.6),
                    rng.integers(0, 4, m.size), m.code)  # fmt: skip
    found = severities(m.with_codes(code), tuple("abcd"), tuple("0123"), "rating", 0.95)
    assert found.graders[2].misfit < 0.05
    assert found.graders[2].infit > max(found.graders[i].infit for i in (0, 1, 3))
    assert any("c is more erratic" in n for n in found.notes)


def test_items_that_do_not_differ():
    m = rated(4, n=200, spread=1e-6, delta=(-0.5, 0.5))
    found = severities(m, ("a", "b"), tuple("0123"), "rating", 0.95)
    assert found.item_spread < 0.3


@pytest.mark.parametrize(
    ("code", "scale", "said"),
    [
        ([2, 0, 2, 1, 2, 0], "rating", "one end of the scale"),
        ([0, 1, 1, 1, 1, 0], "rating", "never given"),
        ([0, 1, 1, 2, 2, 1], "partial", "never gives"),
        ([0, 1, 1, 2, 2, 0], "odd", "scale: wanted"),
    ],
)
def test_severities_that_are_not_finite_are_refused(code, scale, said):
    m = marks(np.repeat(np.arange(3), 2), np.tile([0, 1], 3), np.array(code), 3)
    with pytest.raises(InputError, match=said):
        severity.fit_severity(m, scale)


def test_severity_of_names_without_order_is_refused():
    table = pl.DataFrame({"item": ["a", "a", "b", "b"], "grader": ["x", "y"] * 2,
                          "label": ["good", "bad", "bad", "bad"]})  # fmt: skip
    with pytest.raises(InputError, match="categories named in their order"):
        latent(table, model="severity")
    with pytest.raises(InputError, match="model: wanted one of"):
        latent(table, model="x")


def test_votes_without_names_are_refused():
    table = pl.DataFrame({"id": ["a", "b"], "votes": ["YNY", "YYN"]})
    with pytest.raises(InputError, match="graders with names"):
        latent(table, votes="votes", item="id")


def test_intervals_cover_in_short():
    found = CERTIFICATES[0].batch(CERTIFICATES[0].regimes[2], np.random.default_rng(3), 60)
    assert found["prevalence covered"] > 0.88
    assert found["sensitivity covered"] > 0.9
    assert found["answered"] > 0.9


def test_ranks_are_uniform_in_short():
    found = CERTIFICATES[1].batch(CERTIFICATES[1].regimes[0], np.random.default_rng(4), 120)
    for what in ("prevalence", "sensitivity", "accuracy"):
        assert found[f"{what} in 90 %"] == pytest.approx(0.9, abs=0.09)
        assert found[f"{what} in 50 %"] == pytest.approx(0.5, abs=0.15)
