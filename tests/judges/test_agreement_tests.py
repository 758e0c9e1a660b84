"""The tests for agreement below chance against plain twins, and the certificates in short."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import hypergeom

from calibrant.judges.agreement.certificates import CERTIFICATES
from calibrant.judges.agreement.inversion import inversions
from calibrant.judges.agreement.pairs import Table, against_rest, below_chance, fisher, pair_kappa
from calibrant.stats.agreement.estimate import Coefficient, bootstrapped, estimate
from calibrant.stats.agreement.ratios import alpha, cohen
from calibrant.stats.certificates import measure_certificate

LABELS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=6)


def table_of(pairs, size=3):
    cells = np.zeros((size, size), np.int64)
    for a, b in pairs:
        cells[a, b] += 1
    return Table(0, 1, cells, None)


@settings(max_examples=60, deadline=None)
@given(LABELS)
def test_dealing_labels_at_random_has_the_mean_and_variance_of_all_permutations(pairs):
    one, two = zip(*pairs, strict=True)
    seen = sum(a == b for a, b in pairs)
    every = [sum(a == b for a, b in zip(one, p, strict=True)) for p in itertools.permutations(two)]
    mean, sd = np.mean(every), np.std(every)
    table = table_of(pairs)
    used = set(one) | set(two)
    p = below_chance(table, "identity", None, Coefficient("kappa"))
    if len(used) < 2 or sd < 1e-9:
        assert p == 1
    elif len(used) == 2:
        assert p == pytest.approx(np.mean(np.array(every) <= seen), abs=1e-12)
    else:
        assert p == pytest.approx(float(ndtr((seen + 0.5 - mean) / sd)), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-1, 1)] * 3), min_size=3, max_size=6))
def test_one_grader_against_the_rest_is_all_its_permutations(rows):
    matrix = np.array(rows)
    found = against_rest(matrix, np.eye(2))
    for g in range(3):
        others = [[sum(r[h] == k for h in range(3) if h != g) for k in (0, 1)] for r in rows]
        both = [i for i, r in enumerate(rows) if r[g] >= 0 and sum(others[i])]
        mine = [rows[i][g] for i in both]
        if len(both) < 2:
            assert found[g] == 1
            continue
        seen = sum(others[i][k] for i, k in zip(both, mine, strict=True))
        every = [
            sum(others[i][k] for i, k in zip(both, p, strict=True))
            for p in itertools.permutations(mine)
        ]
        sd = np.std(every)
        if sd < 1e-9:
            assert found[g] == 1
        else:
            assert found[g] == pytest.approx(float(ndtr((seen - np.mean(every)) / sd)), abs=1e-9)


@given(st.lists(st.integers(0, 12), min_size=4, max_size=4))
def test_fisher_is_the_hypergeometric_tail(cells):
    table = np.array(cells).reshape(2, 2)
    n, row, column = table.sum(), table[0].sum(), table[:, 0].sum()
    p, least = fisher(table)
    if n == 0 or max(0, row + column - n) == min(row, column):
        assert (p, least) == (1, 1)
    else:
        assert p == pytest.approx(hypergeom.cdf(table[0, 0], n, column, row), rel=1e-9, abs=1e-15)
        assert least <= p + 1e-12


def test_a_pair_in_clusters_is_the_same_pair():
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 4, (12, 2, 2))
    grouped = Table(0, 1, cells.sum(axis=0), cells)
    alone = Table(0, 1, cells.sum(axis=0), None)
    one = pair_kappa(grouped, "identity", None, 0.95)
    two = pair_kappa(alone, "identity", None, 0.95)
    assert one.value == pytest.approx(two.value) and one.standard_error != two.standard_error
    ratio, times = cohen(alone.cells)
    rows = np.repeat(ratio.rows, times.astype(int), axis=0)
    full = replace(ratio, rows=rows, used=np.ones(len(rows), bool))
    assert estimate(full).standard_error == pytest.approx(two.standard_error)


def test_a_circle_of_contradictions_names_nobody():
    kappas = [Coefficient("kappa", value=-0.4)] * 3
    tables = [Table(a, b, np.array([[1, 20], [20, 1]]), None) for a, b in ((0, 1), (0, 2), (1, 2))]
    [found] = inversions(tables, kappas, [1e-6] * 3, ["a", "b", "c"], ["x", "y"])
    assert found.odd == () and found.others == ("a", "b", "c") and len(found.pairs) == 3


def test_the_bootstrap_is_a_loop_over_items_drawn_again():
    rng = np.random.default_rng(2)
    counts = rng.multinomial(5, (0.5, 0.3, 0.2), 60)
    counts[:30] = rng.multinomial(5, (0.05, 0.9, 0.05), 30)
    ratio = alpha(counts)
    found = bootstrapped(estimate(ratio), ratio, draws=4000, seed=1, level=0.9, cluster=None)
    loop = [estimate(alpha(counts[rng.integers(0, 60, 60)])).value for _ in range(1500)]
    low, high = np.quantile(loop, (0.05, 0.95))
    assert found.bootstrap[0] == pytest.approx(low, abs=0.25 * (high - low))
    assert found.bootstrap[1] == pytest.approx(high, abs=0.25 * (high - low))
    assert np.std(loop) == pytest.approx(found.standard_error, rel=0.15)
    assert found.rests_on > 10 and math.isfinite(found.rests_on)


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_the_certificates_hold_in_short(certificate):
    short = replace(
        certificate, regimes=certificate.regimes[:: 3], beyond=certificate.beyond[:1],
        batch_draws=40,
    )  # fmt: skip
    found = measure_certificate(short, draws=40, seed=3)
    assert len(found) == len(short.regimes) + len(short.beyond)
    for m in found:
        assert not m.broken, (m.regime, m.broken)
    assert all(len(c.peers) >= 2 for c in CERTIFICATES)


def test_peers_fall_short_where_the_interval_does_not():
    [regime] = [r for r in CERTIFICATES[0].regimes if r["items"] == 30 and r["right"][0] == 0.99]
    short = replace(CERTIFICATES[0], regimes=(regime,), beyond=(), batch_draws=60)
    [m] = measure_certificate(short, draws=60, seed=0)
    assert m.statistics["covered"] > 0.9 > 0.75 > m.statistics["t covered"]
