"""Each kernel of validity beside its plain twin, and what happens at the edges."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.quality.validity import certificates
from calibrant.quality.validity.agreement import agreement
from calibrant.quality.validity.factors import factors
from calibrant.quality.validity.measures import reliability_of
from calibrant.quality.validity.overlap import capability, pairs
from calibrant.quality.validity.prediction import left_out, predict, unseen_intervals
from calibrant.quality.validity.redundancy import redundancy, ridge
from calibrant.quality.validity.simulate import (
    factor_scores,
    items_of,
    measures_from,
    plain_measures,
)
from calibrant.quality.validity.traits import discriminant, mtmm
from calibrant.stats.certificates import measure_certificate
from calibrant.stats.relations.correlations import kendall, kendall_without, pearson, ranks
from calibrant.stats.relations.factors import minres, residual_likeness, velicer
from calibrant.stats.relations.simulate import correlated, families_of, normal
from calibrant.stats.relations.spread import corrected, effective_families, estimates, folds_of

SEEDS = st.integers(0, 10**6)


def plain_kendall(x, y):
    score = tx = ty = 0
    for i, j in combinations(range(len(x)), 2):
        a, b = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
        score, tx, ty = score + a * b, tx + a * a, ty + b * b
    return score / np.sqrt(tx * ty) if tx * ty else np.nan


@given(SEEDS, st.integers(8, 20), st.integers(2, 5))
@settings(max_examples=15)
def test_kendall_without_families(seed, n, levels):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, levels, (2, n)).astype(float)
    family = np.sort(np.concatenate([np.arange(3), rng.integers(0, 3, n - 3)]))
    found = kendall_without(x, y, family)
    expected = [plain_kendall(x, y)]
    expected += [plain_kendall(x[family != g], y[family != g]) for g in range(3)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_ranks_share_ties():
    np.testing.assert_array_equal(ranks(np.array([[3.0], [1], [3], [2]]))[:, 0], [3.5, 1, 3.5, 2])


@given(SEEDS)
@settings(max_examples=10)
def test_the_jackknife_of_families(seed):
    rng = np.random.default_rng(seed)
    family = families_of("10, one large")
    x = correlated(rng, family, 0.5, 0.4)
    found = estimates(lambda rows: pearson(x[rows])[:1, 1], family)[0]
    without = [np.arctanh(np.corrcoef(x[family != g].T)[0, 1]) for g in range(10)]
    error = np.sqrt(9 / 10 * np.sum((without - np.mean(without)) ** 2))
    t = stdtrit(25**2 / (100 + 9 + 9 + 4 + 4 + 5) - 1, 0.975)
    centre = np.arctanh(np.corrcoef(x.T)[0, 1])
    np.testing.assert_allclose(
        [found.low, found.high], np.tanh([centre - t * error, centre + t * error])
    )
    assert effective_families(family) == pytest.approx(625 / 131)


@given(SEEDS, st.sampled_from([0.4, 0.9, 1.0]))
@settings(max_examples=10)
def test_corrected_intervals_hold_what_a_grid_accepts(seed, r):
    rng = np.random.default_rng(seed)
    family = families_of("8 of 5")
    made = measures_from(items_of(rng, correlated(rng, family, r, 0.5), 10, 0.6), family)

    def statistic(rows):
        alphas = [reliability_of(p[rows]) for p in made.parts]
        return np.array([[pearson(made.values[rows])[0, 1], np.sqrt(np.prod(alphas))]])

    found = corrected(statistic, family)[0]
    every = np.array([statistic(np.arange(40))] + [
        statistic(np.flatnonzero(family != g)) for g in range(8)
    ])[:, 0]  # fmt: skip
    inside = []
    for rho in np.linspace(-1, 1, 801):
        h = np.arctanh(every[:, 0]) - np.arctanh(np.minimum(rho * every[:, 1], 1 - 1e-12))
        error = np.sqrt(7 / 8 * np.sum((h[1:] - h[1:].mean()) ** 2))
        if abs(h[0]) <= stdtrit(7, 0.975) * error:
            inside.append(rho)
    assert found.low == pytest.approx(min(inside), abs=0.003)
    assert found.high == pytest.approx(max(inside), abs=0.003)
    assert found.value == pytest.approx(every[0, 0] / every[0, 1])
    assert ("above 1" in found.note) == (found.value > 1)


def test_reliability_is_cronbachs_alpha():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 1)) + rng.normal(size=(30, 7))
    alpha = 7 / 6 * (1 - x.var(axis=0, ddof=1).sum() / x.sum(axis=1).var(ddof=1))
    assert reliability_of(x) == pytest.approx(alpha)
    x[0, 0] = np.nan
    assert reliability_of(x) == pytest.approx(alpha, abs=0.02)
    assert np.isnan(reliability_of(x[:, :1]))


@given(SEEDS, st.booleans())
@settings(max_examples=10)
def test_htmt_is_what_its_definition_says(seed, absolute):
    rng = np.random.default_rng(seed)
    family = families_of("8 of 5")
    made = measures_from(items_of(rng, correlated(rng, family, 0.6, 0.3), 4, 0.8), family)
    found = discriminant(made, absolute=absolute)[0]
    r = np.corrcoef(np.column_stack(made.parts).T)
    between, one, two = r[:4, 4:].ravel(), *(
        np.array([b[i, j] for i, j in combinations(range(4), 2)]) for b in (r[:4, :4], r[4:, 4:])
    )  # fmt: skip
    if absolute:
        between, one, two = map(np.abs, (between, one, two))
    assert found.htmt.value == pytest.approx(between.mean() / np.sqrt(one.mean() * two.mean()))
    if (r > 0).all():
        logs = [np.log(v).mean() for v in (between, one, two)]
        assert found.htmt2.value == pytest.approx(np.exp(logs[0] - (logs[1] + logs[2]) / 2))
    else:
        assert found.htmt2.value is None and found.htmt2.note


def test_minres_finds_the_least_residuals():
    rng = np.random.default_rng(3)
    x = factor_scores(rng, families_of("20 of 4"), 0.6, 2, 0.0, 8)
    r = pearson(x)
    off = ~np.eye(8, dtype=bool)

    def loss(flat):
        load = flat.reshape(8, 2)
        return float((((r - load @ load.T)[off]) ** 2).sum())

    best = min(minimize(loss, rng.normal(size=16) * 0.5).fun for _ in range(4))
    found = minres(r, 2)
    assert found.residual == pytest.approx(np.sqrt(best / off.sum()), abs=1e-5)
    load = np.array([0.9, 0.8, 0.7, 0.6])
    exact = np.outer(load, load)
    np.fill_diagonal(exact, 1.0)
    np.testing.assert_allclose(minres(exact, 1).loadings[:, 0], load, atol=1e-4)
    with pytest.raises(InputError, match="factors: wanted 0 to 3"):
        minres(exact, 4)


def test_map_is_the_least_average_partial():
    rng = np.random.default_rng(4)
    x = factor_scores(rng, families_of("20 of 4"), 0.5, 3, 0.0, 12)
    z = (x - x.mean(0)) / x.std(0)
    top = np.linalg.eigh(z.T @ z)[1][:, ::-1]
    averages = []
    for m in range(11):
        scores = z @ top[:, :m]
        left = z - scores @ np.linalg.lstsq(scores, z, rcond=None)[0] if m else z
        r = np.corrcoef(left.T)
        averages.append((r[~np.eye(12, dtype=bool)] ** 2).mean())
    assert velicer(pearson(x)) == int(np.argmin(averages)) >= 2


def test_likeness_within_families_is_recovered():
    rng = np.random.default_rng(5)
    family = np.repeat(np.arange(300), rng.integers(1, 6, 300))
    x = normal(rng, family, 4, 0.6)
    assert residual_likeness(x, family, 0) == pytest.approx(0.6, abs=0.03)
    assert residual_likeness(x, np.arange(family.size), 0) == 0


def test_relatives_are_no_factor_for_us_as_they_are_for_horn():
    rng = np.random.default_rng(6)
    family = families_of("23 unequal")
    x = factor_scores(rng, family, 0.0, 0, 0.7, 10)
    found = factors(plain_measures(x, family), draws=60)
    assert found.factors == 0 and found.horn >= 1 and found.kaiser >= 2
    assert found.loadings.shape == (10, 0)
    again = factors(plain_measures(x, family), draws=60)
    assert again.limits == found.limits
    assert "0 factors in 10 measures" in repr(found)


@given(SEEDS)
@settings(max_examples=8)
def test_leaving_two_families_out(seed):
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(5), [4, 3, 3, 2, 4])
    x = np.column_stack([np.ones(16), rng.normal(size=16)])
    y = rng.normal(size=16)
    found = left_out(x, y, family)
    for g in range(5):
        for h in range(5):
            keep = (family != g) & (family != h)
            expected = np.linalg.lstsq(x[keep], y[keep], rcond=None)[0]
            np.testing.assert_allclose(found[g, h], expected, atol=1e-5)


def test_intervals_for_unseen_families_are_the_jackknife_plus():
    rng = np.random.default_rng(8)
    family = np.repeat(np.arange(12), [3, 2, 1, 4, 2, 2, 1, 1, 3, 2, 2, 1])
    x = np.column_stack([np.ones(24), rng.normal(size=24)])
    y = x[:, 1] + rng.normal(size=24)
    low, high, share = unseen_intervals(x, y, family, 0.8)
    i = 7
    points = []
    for j in range(24):
        if family[j] == family[i]:
            continue
        keep = (family != family[i]) & (family != family[j])
        b = np.linalg.lstsq(x[keep], y[keep], rcond=None)[0]
        weight = 1 / (12 * (family == family[j]).sum())
        points.append((x[i] @ b + abs(y[j] - x[j] @ b), weight))
    values, weights = np.array(sorted(points)).T
    at = int(np.argmax(np.cumsum(weights) >= 0.8 - 1e-12))
    assert high[i] == pytest.approx(values[at], abs=1e-5)
    assert (low < high).all() and 0.5 < share <= 1
    # Eight families cannot vouch for 95 %.
    few = unseen_intervals(x, y, np.minimum(family, 7), 0.95)
    assert np.isinf(few[1]).all()


def test_ridge_is_what_its_equations_say():
    rng = np.random.default_rng(9)
    x, new = rng.normal(size=(20, 6)), rng.normal(size=(3, 6))
    y = x[:, 0] + rng.normal(size=20)
    z = (x - x.mean(0)) / x.std(0)
    best = None
    for penalty in np.logspace(-3, 4, 22):
        hat = z @ np.linalg.solve(z.T @ z + penalty * np.eye(6), z.T)
        left = (y - y.mean()) - hat @ (y - y.mean())
        score = left @ left / (19 - np.trace(hat)) ** 2
        if best is None or score < best[0]:
            best = score, penalty
    weights = np.linalg.solve(z.T @ z + best[1] * np.eye(6), z.T @ (y - y.mean()))
    expected = y.mean() + (new - x.mean(0)) / x.std(0) @ weights
    np.testing.assert_allclose(ridge(x, y, new), expected)
    # More measures than subjects, and a column that says nothing, are no trouble.
    wide = np.column_stack([x, np.ones(20), rng.normal(size=(20, 30))])
    assert np.isfinite(ridge(wide, y, wide[:4])).all()


def test_folds_keep_families_together():
    family = families_of("40 of 1")
    assert np.unique(folds_of(family, 7)).size == 7
    family = families_of("23 unequal")
    folds = folds_of(family, 5)
    assert all(np.unique(folds[family == g]).size == 1 for g in range(23))


def test_agreement_with_few_models_counts_their_pairs():
    rng = np.random.default_rng(10)
    family = families_of("8 of 5")
    x = correlated(rng, family, 0.8, 0.2)
    found = agreement(plain_measures(x, family), reference="m1", draws=50)
    assert [a.benchmark for a in found] == ["m0"]
    order = np.argsort(x[:, 1])
    windows = [order[s : s + 10] for s in range(31)]
    expected = np.mean([kendall(x[w, 0], x[w, 1]) for w in windows])
    ten = next(s for s in found[0].by_size if s.models == 10)
    assert ten.adjacent == pytest.approx(expected)
    assert ten.random == pytest.approx(found[0].tau.value, abs=0.1)
    assert ten.adjacent < ten.random - 0.1
    assert found[0].ceiling is None and found[0].redraw is None


def test_the_ceiling_is_what_one_thing_would_reach():
    rng = np.random.default_rng(11)
    family = families_of("40 of 1")
    truth = np.repeat(np.random.default_rng(1).normal(size=(40, 1)), 2, axis=1)
    made = measures_from(items_of(rng, truth, 20, 0.5), family)
    found = agreement(made, reference="m1", draws=50)[0]
    assert found.ceiling == pytest.approx(found.tau.value, abs=0.12)
    assert 0.4 < found.ceiling < 0.95 and found.redraw > 0


def test_ability_under_another_name():
    rng = np.random.default_rng(12)
    family = families_of("20 of 4")
    x = factor_scores(rng, family, 0.8, 0, 0.3, 6)
    x[:, 5] = rng.normal(size=80)
    by = {c.measure: c for c in capability(plain_measures(x, family))}
    assert by["m0"].pearson.low > 0.5 and by["m5"].left.value > 0.8
    assert by["m0"].own.value is None and by["m0"].error is None
    fixed = capability(plain_measures(x, family), of=["m0", "m1", "m2", "m3"])
    assert fixed[4].pearson.value == pytest.approx(by["m4"].pearson.value, abs=0.1)
    with pytest.raises(InputError, match="at least three other measures"):
        capability(plain_measures(x[:, :3], family))


def test_edges_have_no_quiet_numbers():
    rng = np.random.default_rng(13)
    family = families_of("8 of 5")
    x = rng.normal(size=(40, 3))
    x[:, 1] = 2 * x[:, 0]
    first = pairs(plain_measures(x, family))[0]
    assert first.pearson.value == pytest.approx(1) and first.pearson.low is None
    assert "up to scale" in first.pearson.note and first.partial.value is None
    few = plain_measures(x, np.minimum(family, 2))
    assert pairs(few)[1].pearson.low is None
    with pytest.raises(InputError, match="4 families"):
        redundancy(few)
    with pytest.raises(InputError, match="4 families"):
        predict(few, x[:, 2])
    with pytest.raises(InputError, match="for all"):
        predict(plain_measures(x, family), np.ones(40))
    with pytest.raises(InputError, match="fewer than the"):
        factors(plain_measures(rng.normal(size=(12, 15)), np.arange(12)))
    with pytest.raises(InputError, match="a trait and a method"):
        mtmm(plain_measures(x, family))
    noise = measures_from([rng.normal(size=(40, 5)) for _ in range(3)], family)
    for p in pairs(noise):
        assert p.true.value is None or np.isfinite(p.true.value)


def test_later_models_are_predicted_from_earlier_ones():
    from dataclasses import replace

    rng = np.random.default_rng(14)
    family = families_of("20 of 4")
    x = factor_scores(rng, family, 0.8, 0, 0.3, 4)
    made = replace(plain_measures(x, family),
                   dates=tuple(f"2024-{1 + i // 7:02d}-01" for i in range(80)))  # fmt: skip
    found = predict(made, "m3")
    assert [p.measure for p in found] == ["m0", "m1", "m2"]
    later = found[0].later
    assert later is not None and 30 <= later.subjects <= 45
    assert later.benchmark < later.mean and found[0].benchmark < found[0].mean
    assert 0.8 <= found[0].coverage <= 1
    assert found[0].in_sample > found[0].r_squared.value


@pytest.mark.parametrize("certificate", certificates.CERTIFICATES, ids=lambda c: c.name)
def test_a_short_run_of_each_certificate(certificate):
    from dataclasses import replace

    short = replace(certificate, regimes=certificate.regimes[:1], beyond=(), batch_draws=16)
    for measured in measure_certificate(short, draws=16):
        assert not measured.broken
        assert set(certificate.bounds) <= set(measured.statistics)
        assert all(0 <= v <= 1 for v in measured.statistics.values())
