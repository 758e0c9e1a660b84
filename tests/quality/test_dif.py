"""Unequal items against enumeration and plain fits, and in the hard cases."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import fisher_exact

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.quality.dif import certificates, dif
from calibrant.quality.dif.firth import firth
from calibrant.quality.dif.mantel import mantel_haenszel, strata_of
from calibrant.quality.responses import of_matrix
from calibrant.stats.certificates import measure_certificate

UNFAIR = {
    "items": 30, "focal": 60, "reference": 60, "impact": 0.5, "unfair": 2, "odds": 20.0,
    "slopes": "equal",
}  # fmt: skip


def _drawn(**changes):
    x, focal = certificates.draw(UNFAIR | changes, np.random.default_rng(4))
    return x, ["f" if g else "r" for g in focal]


def test_one_stratum_is_fishers_exact_test():
    rng = np.random.default_rng(0)
    x = (rng.random((24, 6)) < 0.5).astype(float)
    focal = np.arange(24) < 9
    found = mantel_haenszel(x, focal, np.zeros(24, np.int64), rounds=10, seed=0)
    for j in range(6):
        a, c = x[focal, j].sum(), x[~focal, j].sum()
        table = [[a, 9 - a], [c, 15 - c]]
        assert found.p[j] == pytest.approx(fisher_exact(table).pvalue, rel=1e-6)


def test_exact_p_is_that_of_all_assignments():
    x = np.array([1, 0, 1, 1, 0, 0, 1.0])
    focal = np.array([1, 1, 0, 0, 1, 0, 0], bool)
    strata = np.array([0, 0, 0, 0, 1, 1, 1])
    found = mantel_haenszel(x[:, None], focal, strata, rounds=10, seed=0).p[0]
    counts: dict[int, int] = {}
    for labels in product([0, 1], repeat=7):
        g = np.array(labels)
        if g[:4].sum() == 2 and g[4:].sum() == 1:
            k = int(x @ g)
            counts[k] = counts.get(k, 0) + 1
    at = counts[int(x @ focal)]
    plain = sum(c for c in counts.values() if c <= at) / sum(counts.values())
    assert found == pytest.approx(plain)


def test_permutations_agree_with_the_exact_test():
    rng = np.random.default_rng(1)
    x = (rng.random((40, 3)) < 0.5).astype(float)
    graded = x * 0.5  # two values, but not 0 and 1: permuted
    focal, strata = np.arange(40) < 15, np.arange(40) % 3
    exact = mantel_haenszel(x, focal, strata, rounds=9, seed=0)
    drawn = mantel_haenszel(graded, focal, strata, rounds=9999, seed=0)
    assert np.isnan(drawn.odds).all()
    # The exact test orders by chance, the other by distance: alike up to the far tail.
    np.testing.assert_allclose(drawn.p, exact.p, atol=0.08)


def test_published_odds_ratio_of_three_strata():
    # Plainly: Σ ad/n over Σ bc/n.
    cells = [(8, 4, 5, 7), (6, 6, 3, 9), (9, 3, 8, 4)]
    rows, focal, strata = [], [], []
    for s, (a, b, c, d) in enumerate(cells):
        rows += [1] * a + [0] * b + [1] * c + [0] * d
        focal += [True] * (a + b) + [False] * (c + d)
        strata += [s] * (a + b + c + d)
    found = mantel_haenszel(
        np.array(rows, float)[:, None], np.array(focal), np.array(strata), rounds=9, seed=0
    )
    top = sum(a * d / (a + b + c + d) for a, b, c, d in cells)
    low = sum(b * c / (a + b + c + d) for a, b, c, d in cells)
    assert found.odds[0] == pytest.approx(np.log(top / low))


def test_firths_fit_is_the_highest_penalised_likelihood():
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(20), rng.normal(size=20), np.arange(20) < 8])
    y = np.stack([(rng.random(20) < 0.4).astype(float), x[:, 2]])  # the second is separated

    def loss(beta, y):
        eta = x @ beta
        p = 1 / (1 + np.exp(-eta))
        information = x.T @ (x * (p * (1 - p))[:, None])
        return -(y @ eta - np.logaddexp(0, eta).sum() + 0.5 * np.linalg.slogdet(information)[1])

    beta, value, _ = firth(np.stack([x, x]), y, np.ones_like(y), [0, 1, 2])
    for i in range(2):
        best = minimize(loss, np.zeros(3), args=(y[i],), method="Nelder-Mead",
                        options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000})  # fmt: skip
        np.testing.assert_allclose(beta[i], best.x, atol=2e-4)
        assert value[i] == pytest.approx(-best.fun, abs=1e-6)


def test_unfair_items_are_found_and_the_rest_left_alone():
    x, group = _drawn()
    for test in ("logistic", "non-uniform", "mantel-haenszel"):
        found = dif(of_matrix(x), group=group, focal="f", test=test)
        assert {"item 1", "item 2"} <= {i.item for i in found.flagged}
        assert len(found.flagged) <= 3 and found.rounds >= 1
    unfair = found.items[0]
    assert unfair.high < 0 and unfair.ets == "C" and unfair.delta < -1.5 and unfair.difference < 0
    turned = dif(of_matrix(x), group=group, focal="r").items[0]
    assert turned.odds == pytest.approx(-unfair.odds, rel=0.2)


def test_an_item_that_separates_the_groups_has_finite_numbers():
    x, group = _drawn(unfair=0, focal=20)
    x[:, 0] = [g == "f" for g in group]
    found = dif(of_matrix(x), group=group, focal="f").items[0]
    assert found.flagged and np.isfinite(found.odds) and found.low > 0


def test_graded_scores_and_holes():
    x, group = _drawn()
    rng = np.random.default_rng(0)
    x = np.where(rng.random(x.shape) < 0.1, 0.5, x)
    x[rng.random(x.shape) < 0.03] = np.nan
    x[:, 5] = 1.0
    found = dif(of_matrix(x), group=group, focal="f", permutations=199)
    assert found.items[1].flagged and found.items[5].p is None and not found.items[5].flagged
    assert any("do not vary" in n for n in found.notes)
    again = dif(of_matrix(x), group=group, focal="f", permutations=199)
    assert again.to_dict() == found.to_dict()


def test_what_cannot_be_compared_is_refused():
    x, group = _drawn()
    few = ["f"] * 4 + ["r"] * 116
    with pytest.raises(InputError, match=r"at least 5 subjects in each, got 4 .* odds would have"):
        dif(of_matrix(x), group=few, focal="f")
    with pytest.raises(InputError, match="wanted two groups"):
        dif(of_matrix(x), group=["a", "b", "c"] * 40)
    with pytest.raises(InputError, match="a label for each of 120"):
        dif(of_matrix(x), group=["a"])
    with pytest.raises(InputError, match="at least 4 that vary"):
        dif(of_matrix(x[:, :3]), group=group)
    with pytest.raises(InputError, match="no column 'family'"):
        dif(of_matrix(x), group="family")


def test_strata_leave_out_who_has_no_counterpart():
    score = np.concatenate([np.arange(20.0), np.arange(10.0, 60)])
    focal = np.arange(70) < 20
    strata = strata_of(score, focal)
    assert (strata[score < 10] == -1).all() and (strata[score > 19] == -1).all()
    for s in set(strata[strata >= 0]):
        assert (focal & (strata == s)).any() and (~focal & (strata == s)).any()


def test_the_command_compares_before_and_after_a_date(tmp_path, capsys):
    x, group = _drawn()
    names = [f"m{i}" for i in range(120)]
    rows = [",".join([n, *map(str, r)]) for n, r in zip(names, x, strict=True)]
    head = ",".join(["model", *(f"item {j + 1}" for j in range(30))])
    (tmp_path / "r.csv").write_text("\n".join([head, *rows]))
    dates = [
        f"{n},{'2025-03-01' if g == 'f' else '2024-01-01'}"
        for n, g in zip(names, group, strict=True)
    ]
    (tmp_path / "s.csv").write_text("\n".join(["model,date", *dates]))
    command = ["items", "dif", str(tmp_path / "r.csv"), "--subjects", str(tmp_path / "s.csv"),
               "--group", "date", "--before", "2025-01-01"]  # fmt: skip
    with pytest.raises(SystemExit):
        main([*command, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["n_focal"] == 60 and [i["flagged"] for i in told["items"][:2]] == [True, True]
    with pytest.raises(SystemExit):
        main([*command, "--figure", str(tmp_path / "f.svg")])
    assert "item 1" in capsys.readouterr().out and (tmp_path / "f.svg").exists()


def test_fair_items_keep_their_promise():
    certificate = replace(
        certificates.CERTIFICATES[0], regimes=certificates.CERTIFICATES[0].regimes[1:2], beyond=(),
        batch_draws=15,
    )  # fmt: skip
    for measured in measure_certificate(certificate, draws=15):
        assert not measured.broken
