"""Coefficients of agreement against plain twins, published numbers, and what goes wrong."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from calibrant import judge
from calibrant.judges.agreement.agree import agreement_bounds
from calibrant.judges.labels import as_labels
from calibrant.stats.agreement.estimate import estimate
from calibrant.stats.agreement.ratios import alpha, cohen, kappa, percent

DATA = Path(__file__).parents[3] / "shared/data/judges"
PEOPLE = ["annotator1", "annotator2", "annotator3"]


def needs(name):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not here")
    return DATA / name


# Plain twins: one loop for each sum in the definition.


def plain_alpha(counts, distance):
    """Krippendorff's alpha from all ordered pairs of labels within items."""
    q = len(counts[0])
    o = np.zeros((q, q))
    for row in counts:
        n = sum(row)
        if n < 2:
            continue
        said = [k for k in range(q) for _ in range(row[k])]
        for a, b in itertools.permutations(range(n), 2):
            o[said[a], said[b]] += 1 / (n - 1)
    margin, n = o.sum(axis=1), o.sum()
    seen = sum(o[k, m] * distance(k, m, margin) for k in range(q) for m in range(q)) / n
    chance = sum(
        margin[k] * (margin[m] - (k == m)) * distance(k, m, margin)
        for k in range(q) for m in range(q)
    ) / (n * (n - 1))  # fmt: skip
    return None if chance == 0 else 1 - seen / chance


def ordinal(k, m, margin):
    low, high = min(k, m), max(k, m)
    return (sum(margin[low : high + 1]) - (margin[k] + margin[m]) / 2) ** 2


DISTANCES = {
    "nominal": lambda k, m, margin: float(k != m),
    "ordinal": ordinal,
    "interval": lambda k, m, margin: float((k - m) ** 2),
    "ratio": lambda k, m, margin: ((k - m) / (k + m)) ** 2 if k + m else 0.0,
}


def plain_kappa(counts, weight, chance):
    """Gwet's handbook, chapters 2 and 3: labels may be missing."""
    q = len(counts[0])
    seen, n = [], 0
    share = np.zeros(q)
    for row in counts:
        r = sum(row)
        if r >= 2:
            near = sum(
                row[k] * (sum(weight(k, m) * row[m] for m in range(q)) - 1) for k in range(q)
            )
            seen.append(near / (r * (r - 1)))
        if r:
            n += 1
            share += np.array(row) / r
    pi = share / n
    total = sum(weight(k, m) for k in range(q) for m in range(q))
    if chance == "fleiss":
        pe = sum(weight(k, m) * pi[k] * pi[m] for k in range(q) for m in range(q))
    else:
        pe = total / (q * (q - 1)) * sum(p * (1 - p) for p in pi)
    if not seen or pe > 1 - 1e-12:
        return None
    return (np.mean(seen) - pe) / (1 - pe)


def weight_of(name, q):
    return {
        "identity": lambda k, m: float(k == m),
        "linear": lambda k, m: 1 - abs(k - m) / (q - 1),
        "quadratic": lambda k, m: 1 - ((k - m) / (q - 1)) ** 2,
    }[name]


COUNTS = st.integers(2, 4).flatmap(
    lambda q: st.lists(
        st.lists(st.integers(0, 3), min_size=q, max_size=q), min_size=2, max_size=12
    )
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(COUNTS, st.sampled_from(sorted(DISTANCES)))
def test_alpha_is_its_plain_twin(rows, metric):
    counts = np.array(rows)
    assume((counts.sum(axis=1) >= 2).sum() >= 2)
    found = estimate(alpha(counts, metric, np.arange(counts.shape[1], dtype=float)))
    plain = plain_alpha(rows, DISTANCES[metric])
    if plain is None:
        assert found.value is None and found.undefined == "undefined: all labels are one category"
    else:
        assert found.value == pytest.approx(plain, abs=1e-11)


@settings(max_examples=150, deadline=None)
@given(COUNTS, st.sampled_from(["identity", "linear", "quadratic"]), st.booleans())
def test_kappa_and_gwet_are_their_plain_twin(rows, weights, fleiss):
    counts = np.array(rows)
    assume((counts.sum(axis=1) >= 2).sum() >= 2)
    chance = "fleiss" if fleiss else "gwet"
    found = estimate(kappa(counts, chance, weights=weights))
    plain = plain_kappa(rows, weight_of(weights, counts.shape[1]), chance)
    assert (found.value is None) == (plain is None)
    if plain is not None:
        assert found.value == pytest.approx(plain, abs=1e-11)
        assert found.interval[0] <= found.value + 1e-12 and found.interval[1] <= 1
        assert found.value <= found.interval[1] + 1e-12


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 4).flatmap(
    lambda q: st.lists(st.tuples(st.integers(0, q - 1), st.integers(0, q - 1)),
                       min_size=2, max_size=25).map(lambda x: (q, x))),
    st.sampled_from(["identity", "linear", "quadratic"]))  # fmt: skip
def test_cohens_kappa_is_its_plain_twin(given_, weights):
    q, pairs = given_
    w = weight_of(weights, q)
    table = np.zeros((q, q), np.int64)
    for a, b in pairs:
        table[a, b] += 1
    n = len(pairs)
    po = sum(w(a, b) for a, b in pairs) / n
    pe = sum(w(a, b) for a, _ in pairs for _, b in pairs) / n**2
    ratio, times = cohen(table, weights=weights)
    found = estimate(ratio, times=times)
    if pe > 1 - 1e-12:
        assert found.value is None
    else:
        assert found.value == pytest.approx((po - pe) / (1 - pe), abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(COUNTS)
def test_standard_errors_are_gwets(rows):
    """Handbook, equations of chapter 5 with items as the only source of error."""
    counts = np.array(rows)
    assume((counts.sum(axis=1) >= 2).sum() >= 2 and (counts.sum(axis=1) >= 1).all())
    n, q = counts.shape
    r = counts.sum(axis=1)
    share = counts / r[:, None]
    pi = share.mean(axis=0)
    there = r >= 2
    pa = np.where(there, (counts * (counts - 1)).sum(axis=1) / np.maximum(r * (r - 1), 1), 0.0)
    scale = n / there.sum()
    for chance in ("fleiss", "gwet"):
        each = share @ pi if chance == "fleiss" else (share * (1 - pi)).sum(axis=1) / (q - 1)
        pe = float((pi**2).sum()) if chance == "fleiss" else float((pi * (1 - pi)).sum()) / (q - 1)
        if pe > 1 - 1e-9:
            continue
        value = (pa[there].mean() - pe) / (1 - pe)
        one = np.where(there, scale * (pa - pe) / (1 - pe), 0.0)
        # Items without a pair count as gamma = 0, as in his formula for missing labels.
        pull = one - 2 * (1 - value) * (each - pe) / (1 - pe)
        error = math.sqrt(((pull - value) ** 2).sum() / (n * (n - 1)))
        found = estimate(kappa(counts, chance))
        assert found.value == pytest.approx(value, abs=1e-10)
        if there.all():
            assert (found.standard_error or 0.0) == pytest.approx(error, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(0, 2**31))
def test_nothing_hangs_on_order_and_a_cluster_an_item_changes_nothing(rows, seed):
    counts = np.array(rows)
    assume((counts.sum(axis=1) >= 2).sum() >= 2)
    order = np.random.default_rng(seed).permutation(len(counts))
    for ratio in (alpha, percent, lambda c: kappa(c, "fleiss")):
        one, two = estimate(ratio(counts)), estimate(ratio(counts[order]))
        assert (one.value is None) == (two.value is None)
        if one.value is None:
            continue
        assert one.value == pytest.approx(two.value, abs=1e-12)
        assert one.interval == pytest.approx(two.interval, abs=1e-9)
        assert two.interval[0] >= 1 - 1 / two.expected - 1e-9
    alone = estimate(alpha(counts), cluster=np.arange(len(counts)))
    assert alone.interval == pytest.approx(estimate(alpha(counts)).interval or (), abs=1e-9) or (
        alone.value is None
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(0, 2), min_size=3, max_size=3), st.integers(0, 2)),
                min_size=1, max_size=4))  # fmt: skip
def test_bounds_for_unread_labels_are_what_trying_all_of_them_gives(rows):
    counts, unread = np.array([c for c, _ in rows]), np.array([u for _, u in rows])
    assume((counts.sum(axis=1) + unread >= 2).any())
    worst, best = agreement_bounds(counts, unread)
    lows, highs = [], []
    for row, more in zip(counts, unread, strict=True):
        n = int(row.sum() + more)
        if n < 2:
            continue
        seen = []
        for filled in itertools.product(range(3), repeat=int(more)):
            full = row + np.bincount(filled, minlength=3) if filled else row
            seen.append((full * (full - 1)).sum() / (n * (n - 1)))
        lows.append(min(seen))
        highs.append(max(seen))
    assert worst == pytest.approx(np.mean(lows)) and best == pytest.approx(np.mean(highs))


# Published numbers.


def test_dices_990_is_what_the_package_krippendorff_gives():
    counts = as_labels(needs("dices_990.csv"), votes="ratings").counts()
    assert estimate(alpha(counts)).value == pytest.approx(0.14324966231784253, abs=1e-12)
    assert estimate(alpha(counts, "ordinal")).value == pytest.approx(0.1690525393034188, abs=1e-12)
    found = estimate(alpha(counts, "interval", np.arange(3.0)))
    assert found.value == pytest.approx(0.1688520450726222, abs=1e-12)


def test_pandalms_people():
    found = judge.agree(needs("pandalm_testset_labels.csv"), graders=PEOPLE, item="idx")
    assert [round(p.kappa.value, 3) for p in found.pairs] == [0.852, 0.879, 0.862]
    assert not found.inversions and found.labels == 2997 and found.used == (326, 1255, 1416)


def test_textbook_tables():
    # Fleiss 1971, table 1: 30 patients, 6 psychiatrists, 5 categories; kappa 0.430.
    fleiss = [[0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0],
              [2, 0, 4, 0, 0], [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6],
              [1, 0, 0, 5, 0], [1, 1, 0, 4, 0], [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1],
              [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0], [0, 2, 0, 4, 0], [1, 0, 2, 0, 3],
              [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0], [1, 0, 0, 4, 1],
              [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
              ]  # fmt: skip
    found = estimate(kappa(np.array(fleiss), "fleiss"))
    assert found.value == pytest.approx(0.430, abs=5e-4)
    # Krippendorff 2011, "Computing Krippendorff's alpha-reliability", with missing labels.
    told = [[1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
            [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0]]  # fmt: skip
    counts = np.array(
        [[col.count(k) for k in range(1, 6)] for col in map(list, zip(*told, strict=True))]
    )
    values = np.arange(1, 6.0)
    published = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849, "ratio": 0.797}
    for metric, value in published.items():
        assert estimate(alpha(counts, metric, values)).value == pytest.approx(value, abs=5e-4)
