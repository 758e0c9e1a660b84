"""Paired comparisons: twins, exact enumeration, the rules of choice, refusals."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_1samp

from calibrant.errors import InputError
from calibrant.stats.comparisons.paired import compare_items, effective_counts, paired_t, sign_flip
from calibrant.stats.comparisons.two_rates import matched_difference, mcnemar, tango

some = st.lists(st.integers(-3, 3), min_size=3, max_size=9).filter(lambda x: len(set(x)) > 1)


@given(some)
@settings(max_examples=60, deadline=None)
def test_paired_t_is_students(d):
    found, theirs = paired_t(d), ttest_1samp(d, 0)
    around = theirs.confidence_interval(0.95)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=1e-9)
    assert (found.interval.low, found.interval.high) == pytest.approx((around.low, around.high))
    assert found.df == len(d) - 1


def plain_cluster(d, clusters):
    """Bell and McCaffrey's CR2 and its degrees of freedom for a mean, with matrices."""
    d, labels = np.asarray(d, float), np.asarray(clusters)
    n, ones = d.size, np.ones(d.size)
    rest = d - d.mean()
    meat, vectors = 0.0, []
    for label in dict.fromkeys(clusters):
        of = labels == label
        hat = np.outer(ones[of], ones[of]) / n
        values, basis = np.linalg.eigh(np.eye(of.sum()) - hat)
        root = basis @ np.diag(values**-0.5) @ basis.T
        meat += (ones[of] @ root @ rest[of]) ** 2
        picked = (np.eye(n) - np.outer(ones, ones) / n)[of]
        vectors.append(picked.T @ root @ ones[of] / n)
    dfs = []
    for cov in (np.eye(n), (labels[:, None] == labels[None, :]).astype(float)):
        m = np.array(vectors) @ cov @ np.array(vectors).T
        dfs.append(np.trace(m) ** 2 / np.sum(m * m))
    return math.sqrt(meat) / n, min(dfs)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3)), min_size=4, max_size=14))
@settings(max_examples=80, deadline=None)
def test_cluster_robust_uncertainty_is_cr2(rows):
    d, clusters = zip(*rows, strict=True)
    means = {c: np.mean([x for x, k in rows if k == c]) for c in clusters}
    if len(means) < 2 or np.ptp(list(means.values())) < 1e-9:
        with pytest.raises(InputError, match=r"clusters|variation"):
            paired_t(d, clusters)
        return
    found = paired_t(d, clusters)
    u, df = plain_cluster(d, clusters)
    assert found.standard_uncertainty == pytest.approx(u, rel=1e-8)
    assert found.df == pytest.approx(df, rel=1e-8)


def test_equal_clusters_are_a_t_test_of_their_means():
    d = np.random.default_rng(0).normal(size=(7, 4)) + 0.2
    found = paired_t(d.ravel(), np.repeat(np.arange(7), 4))
    theirs = ttest_1samp(d.mean(axis=1), 0)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.df == pytest.approx(6)


def plain_flip(total, size, shift):
    """The two-sided p-value of `shift` over all signs."""
    rest = np.asarray(total, float) - shift * np.asarray(size)
    sums = [float(np.dot(s, rest)) for s in itertools.product((1, -1), repeat=len(rest))]
    tiny = 1e-9
    up = np.mean([s >= rest.sum() - tiny for s in sums])
    down = np.mean([s <= rest.sum() + tiny for s in sums])
    return min(1.0, 2 * min(up, down))


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.integers(1, 4)), min_size=6, max_size=8).filter(
        lambda x: len({a / b for a, b in x}) > 1
    )
)
@settings(max_examples=30, deadline=None)
def test_sign_flips_by_full_enumeration(rows):
    total, size = zip(*rows, strict=True)
    d = np.concatenate([np.full(n, t / n) for t, n in rows])
    clusters = np.repeat(np.arange(len(rows)), size)
    found = sign_flip(d, clusters)
    assert found.p_value == pytest.approx(plain_flip(total, size, 0.0))
    # The interval holds exactly the shifts that the test does not reject.
    for limit, out in ((found.interval.low, -1), (found.interval.high, 1)):
        assert plain_flip(total, size, limit + out * 1e-6) <= 0.05
        assert plain_flip(total, size, limit - out * 1e-6) > 0.05 or found.interval.low == (
            found.interval.high
        )


def test_sign_flips_agree_with_scipy_and_with_mcnemar():
    d = np.random.default_rng(5).normal(0.3, 1, 11)
    theirs = permutation_test(
        (d, np.zeros(11)), lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples", vectorized=True, n_resamples=np.inf,
    )  # fmt: skip
    assert sign_flip(d).p_value == pytest.approx(theirs.pvalue)
    counts = [1] * 7 + [-1] * 2 + [0] * 5
    assert sign_flip(counts).p_value == pytest.approx(mcnemar(7, 2))


def test_random_sign_flips_come_near_and_repeat():
    d = np.random.default_rng(6).normal(0.35, 1, 40)
    one, two = sign_flip(d, seed=3), sign_flip(d, seed=3)
    assert one == two
    assert sign_flip(d, seed=np.random.SeedSequence(3)).p_value > 0
    t = paired_t(d)
    assert one.p_value == pytest.approx(t.p_value, abs=0.02)
    assert one.interval.low == pytest.approx(t.interval.low, abs=0.05)


@given(st.integers(1, 12), st.integers(0, 12), st.integers(5, 60))
@settings(max_examples=40, deadline=None)
def test_effective_counts_agree_with_their_p_value(up, down, rest):
    d = np.array([1] * up + [-1] * down + [0] * rest)
    clusters = np.random.default_rng(up * 100 + down).integers(0, 8, d.size)
    found = effective_counts(d, clusters)
    low, high = found.interval.low, found.interval.high
    assert -1 <= low <= found.difference <= high <= 1
    if abs(found.p_value - 0.05) > 1e-6:
        assert (low > 0 or high < 0) == (found.p_value < 0.05)
    plain = matched_difference(up, down, d.size)
    assert high - low >= plain.high - plain.low - 1e-9


def test_effective_counts_of_independent_whole_items_are_close_to_the_exact_ones():
    d = np.array([1] * 9 + [-1] * 2 + [0] * 189)
    found, plain = effective_counts(d), matched_difference(9, 2, 200)
    assert found.interval.low == pytest.approx(plain.low, abs=1e-3)
    assert found.interval.high == pytest.approx(plain.high, abs=1e-3)
    wide = effective_counts(d * 4, score_range=4)
    assert wide.interval.high == pytest.approx(4 * found.interval.high)
    assert wide.p_value == found.p_value == pytest.approx(mcnemar(9, 2), rel=0.05)


def test_effective_counts_without_a_design_effect_are_nearly_exact():
    d = np.zeros(4000)
    d[[5, 1000, 2000, 3000]] = 1
    found, plain = (
        effective_counts(d, np.repeat(np.arange(2000), 2)),
        matched_difference(4, 0, 4000),
    )
    assert found.interval.low == pytest.approx(plain.low, abs=2e-5)
    assert found.interval.high == pytest.approx(plain.high, rel=0.01)


RIGHT = np.array([1] * 60 + [0] * 40)


def flipped(up, down):
    b = RIGHT.copy()
    b[:up], b[60 : 60 + down] = 0, 1
    return b


def test_binary_scores_get_the_exact_test_and_a_matching_interval():
    found = compare_items(RIGHT, flipped(9, 1), margin=0.2)
    assert found.p_value == mcnemar(9, 1)
    assert found.interval == matched_difference(9, 1, 100)
    assert found.difference == pytest.approx(0.08)
    assert found.a_higher == tuple(range(9))
    assert found.b_higher == (60,)
    assert str(found.conclusion) == "A is better, by less than the margin"
    assert "A is better" in repr(found)
    d = RIGHT - flipped(9, 1)
    assert found.standard_uncertainty == pytest.approx(d.std(ddof=1) / 10)
    assert found.mde == pytest.approx(2.801585 * found.standard_uncertainty, rel=1e-6)
    score = compare_items(RIGHT, flipped(9, 1), method="score")
    assert score.interval == tango(9, 1, 100)
    assert score.p_value == mcnemar(9, 1, mid=True)


def test_identical_subjects_say_so_and_are_bounded_by_how_rarely_they_may_differ():
    found = compare_items(RIGHT, RIGHT, margin=0.05)
    assert found.identical
    assert found.p_value == 1
    assert found.interval.high == pytest.approx(1 - 0.025**0.01)
    assert str(found.conclusion) == "equivalent within margin"
    assert found.standard_uncertainty > 0
    assert "identical on all items" in repr(found)
    clustered = compare_items(RIGHT, RIGHT, clusters=np.arange(100) // 10)
    assert clustered.interval.high == pytest.approx(1 - 0.025**0.1)
    halves = RIGHT / 2
    with pytest.raises(InputError, match="score_range"):
        compare_items(halves, halves)
    assert compare_items(halves, halves, score_range=5).interval.high == pytest.approx(
        5 * found.interval.high
    )


def test_the_rules_of_choice():
    rng = np.random.default_rng(1)
    x, y = rng.random(100), rng.random(100)
    groups = np.arange(100) // 5
    assert compare_items(x, y).method == "paired t, 99 df"
    assert compare_items(x[:12], y[:12]).method == "sign flips, exact"
    assert compare_items(x[:4], y[:4]).method == "paired t, 3 df"
    assert compare_items(x, y, clusters=groups).method == "cluster-robust t, 19 df"
    assert "sign flips of clusters" in compare_items(x, y, clusters=groups // 2).method
    assert "effective" in compare_items(RIGHT, flipped(6, 2), clusters=groups).method
    alone = compare_items(RIGHT, flipped(6, 2), clusters=range(100))
    assert alone.method.startswith("exact")
    assert alone.clusters is None
    few = np.where(np.arange(100) < 3, 0.5, 1.0)
    assert "sign flips" in compare_items(few, np.ones(100)).method
    assert "effective" in compare_items(few, np.ones(100), score_range=1).method
    # Subjects that differ everywhere in the same way leave no variation to measure.
    same = compare_items(np.ones(90), np.zeros(90), clusters=np.arange(90) // 2)
    assert "effective" in same.method
    assert same.conclusion.better == "A"
    even = compare_items([[1, 1], [1, 0]] * 4, [[0, 1], [0, 0]] * 4)
    assert even.difference == 0.5
    assert "effective" in even.method


def test_epochs_are_averaged_first():
    a = np.array([[1, 1], [1, 0], [0, 0], [1, 1], [0, 1], [1, 0]])
    b = np.array([[0], [1], [0], [1], [0], [0]])
    found = compare_items(a, b)
    assert found.n == 6
    long = compare_items(
        a.ravel(), np.repeat(b, 2), items=[f"q{i}" for i in range(6) for _ in range(2)]
    )
    assert long.interval == found.interval
    assert long.a_higher == ("q0", "q4", "q5")
    assert long.b_higher == ("q1",)


def test_rounding_of_epochs_is_no_difference():
    found = compare_items([[0.1, 0.2, 0.3]] * 9, [[0.3, 0.2, 0.1]] * 9, score_range=1)
    assert found.identical


def test_results_are_plain_data():
    ids = np.arange(100) + 1000
    found = compare_items(RIGHT, flipped(9, 1), items=ids, clusters=ids // 5, margin=0.1).to_dict()
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again["a_higher"][0] == 1000
    assert again["conclusion"]["margin"] == 0.1
    assert again["clusters"] == 20
    json.dumps(paired_t([1, 2, 4]).to_dict(), allow_nan=False)
    assert "p =" in repr(sign_flip(np.arange(-3, 6)))


@given(st.integers(0, 30), st.integers(0, 20), st.booleans())
@settings(max_examples=40, deadline=None)
def test_swapping_the_subjects_mirrors_everything(up, down, grouped):
    clusters = np.arange(100) // 4 if grouped else None
    b = flipped(up, down)
    one = compare_items(RIGHT, b, clusters=clusters, margin=0.1)
    two = compare_items(b, RIGHT, clusters=clusters, margin=0.1)
    assert one.difference == pytest.approx(-two.difference)
    assert one.interval.low == pytest.approx(-two.interval.high, abs=1e-9)
    assert one.p_value == pytest.approx(two.p_value)
    assert one.a_higher == two.b_higher
    assert one.narrow.low >= one.interval.low


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: compare_items([], []), "no common items"),
        (lambda: compare_items([1, 0], [1]), "scores of B"),
        (lambda: compare_items([1, np.nan], [1, 0]), "row 1"),
        (lambda: compare_items([1, 0], [1, 1], items=["a"]), "items"),
        (lambda: compare_items([1, 0], [1, 1], clusters=[1]), "clusters"),
        (lambda: compare_items([1, 0], [1, 1], clusters=[1, 1]), "at least 2"),
        (lambda: compare_items([1, 0], [1, 1], items=["a", "a"], clusters=[1, 2]), "one cluster"),
        (lambda: compare_items([1, 0], [1, 1], level=0.4), "level"),
        (lambda: compare_items([1, 0], [1, 1], margin=-0.1), "margin"),
        (lambda: compare_items([1, 0], [1, 1], method="bayes"), "method"),
        (lambda: compare_items([0.5, 0.1], [1, 1], method="exact"), "0 and 1"),
        (lambda: compare_items([1, 0.5], [1, 1], method="effective"), "score_range"),
        (lambda: compare_items([3, 0.5], [1, 1], score_range=1, method="effective"), "largest"),
        (lambda: compare_items([1, 0.5], [1, 1], score_range=0), "score_range"),
        (
            lambda: compare_items([1, 0, 1], [1] * 3, clusters=[1, 2, 2], method="exact"),
            "without",
        ),
        (lambda: compare_items([0.5] * 9, [0.25] * 9), "variation"),
        (lambda: compare_items([0.5], [0.25]), "at least 2"),
        (lambda: sign_flip([1.0, 2.0, 3.0, -1.0, 2.0]), "at least 6"),
        (lambda: sign_flip(np.arange(9.0), draws=5), "draws"),
        (lambda: paired_t([1.0, np.inf]), "finite"),
        (lambda: effective_counts([0.5, 1.5, 0.0], [1, 2, 3]), "largest"),
    ],
)
def test_refusals_are_one_line(call, match):
    with pytest.raises(InputError, match=match) as error:
        call()
    assert "\n" not in str(error.value)
