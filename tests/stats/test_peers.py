"""Peers' formulas are those of the packages they stand for."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from calibrant.stats.certificates import peers

# 3 to 6 clusters of 1 to 5 outcomes each.
TRIALS = [
    [[1, 0, 1], [0, 0], [1, 1, 1, 0], [0]],
    [[1, 1], [1], [0, 1, 1, 1, 1]],
    [[0, 0, 0], [0], [0, 0]],
    [[1, 0], [0, 1], [1, 0]],
    [[1, 0, 0, 0, 0], [0, 0, 1], [0], [0, 0], [1, 1, 1, 1], [0, 1]],
]

INSPECT = """
import json, sys
from inspect_ai.scorer import SampleScore, Score, ci, ci_wilson, stderr
found = []
for clusters in json.load(sys.stdin):
    scores = [
        SampleScore(score=Score(value=float(x)), sample_metadata={"c": i})
        for i, some in enumerate(clusters) for x in some
    ]
    pair = lambda r: [r["lower"], r["upper"]]
    found.append({
        "stderr": float(stderr()(scores)),
        "clustered stderr": float(stderr(cluster="c")(scores)),
        "t": pair(ci()(scores)),
        "clustered t": pair(ci(cluster="c")(scores)),
        "wilson": pair(ci_wilson()(scores)),
        "clustered wilson": pair(ci_wilson(cluster="c")(scores)),
    })
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def inspect_metrics():
    """What Inspect's own metrics say of TRIALS; in a process of its own, as the import is heavy."""
    if importlib.util.find_spec("inspect_ai") is None:
        pytest.skip("inspect-ai is not installed")
    done = subprocess.run(
        [sys.executable, "-c", INSPECT], input=json.dumps(TRIALS), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("at", range(len(TRIALS)))
def test_formulas_are_inspects(inspect_metrics, at):
    theirs, clusters = inspect_metrics[at], TRIALS[at]
    x = np.array([v for some in clusters for v in some], float)
    sums, sizes = np.array([sum(c) for c in clusters]), np.array([len(c) for c in clusters])
    mean, k, n = x.mean(), int(x.sum()), x.size
    assert float(peers.stderr(x)) == pytest.approx(theirs["stderr"], abs=1e-12)
    assert float(peers.rate_stderr(k, n)) == pytest.approx(theirs["stderr"], abs=1e-12)
    error = peers.cluster_stderr(sums, sizes)
    assert float(error) == pytest.approx(theirs["clustered stderr"], abs=1e-12)
    found = {
        "t": peers.around(mean, peers.t(n - 1) * peers.stderr(x)),
        "clustered t": peers.around(mean, peers.t(sizes.size - 1) * error),
        "wilson": peers.wilson(mean, n, peers.z()),
        "clustered wilson": peers.cluster_wilson(sums, sizes),
    }
    for name, limits in found.items():
        assert [float(v) for v in limits] == pytest.approx(theirs[name], abs=1e-9), name


def test_clustered_errors_are_statsmodels():
    sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")
    for clusters in (TRIALS[0], TRIALS[4]):
        x = np.array([v for some in clusters for v in some], float)
        of = np.repeat(np.arange(len(clusters)), [len(c) for c in clusters])
        for correct in (True, False):
            fit = sm.OLS(x, np.ones(x.size)).fit(
                cov_type="cluster", cov_kwds={"groups": of, "use_correction": correct}
            )
            mine = peers.cluster_stderr(np.bincount(of, x), np.bincount(of), correct=correct)
            assert float(mine) == pytest.approx(float(fit.bse[0]))
            # Its default is the normal quantile.
            low, high = peers.around(x.mean(), peers.z() * mine)
            assert (low, high) == pytest.approx(tuple(fit.conf_int()[0]))


@given(
    st.lists(st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
             min_size=2, max_size=8)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_clustered_errors_are_the_sum_over_pairs(pairs):
    """Miller (2024), appendix A: the sum over pairs of trials of one cluster, times G/(G - 1)."""
    x = np.concatenate([[1.0] * k + [0.0] * (n - k) for k, n in pairs])
    of = np.repeat(np.arange(len(pairs)), [n for _, n in pairs])
    total = sum(
        (x[i] - x.mean()) * (x[j] - x.mean())
        for i in range(x.size)
        for j in range(x.size)
        if of[i] == of[j]
    )
    many = len(pairs)
    plain = (max(total, 0.0) * many / (many - 1)) ** 0.5 / x.size
    k, n = np.array(pairs).T
    assert float(peers.cluster_stderr(k, n)) == pytest.approx(plain, abs=1e-9)
    # Rows of data sets at once are what each row is alone.
    both = peers.cluster_stderr(np.stack([k, n - k]), np.stack([n, n]))
    assert both == pytest.approx([plain, plain], abs=1e-9)


def test_quantiles_and_sides():
    assert peers.z() == pytest.approx(norm.ppf(0.975))
    assert peers.z("upper") == pytest.approx(norm.ppf(0.95))
    assert peers.t(4) == pytest.approx(t.ppf(0.975, 4))
    low, high = peers.around(np.array([0.5]), 0.1, "upper")
    assert (low[0], high[0]) == (-np.inf, 0.6)
    low, high = peers.around(np.array([0.5]), 0.1, "lower")
    assert (low[0], high[0]) == (0.4, np.inf)
    assert peers.held(0.5, (np.array([0.4, 0.6]), np.array([0.6, 0.7]))) == 0.5


def test_the_percentile_bootstrap_is_scipys_up_to_its_noise():
    from scipy.stats import bootstrap

    x = np.random.default_rng(3).exponential(size=40)
    theirs = bootstrap(
        (x,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(4)
    ).confidence_interval
    low, high = peers.percentile(x[None, :], np.random.default_rng(5), resamples=20_000)
    width = theirs.high - theirs.low
    assert low[0] == pytest.approx(theirs.low, abs=0.02 * width)
    assert high[0] == pytest.approx(theirs.high, abs=0.02 * width)
