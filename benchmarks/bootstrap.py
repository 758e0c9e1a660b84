"""How fast is the bootstrap? The same rows and 10,000 draws here and in scipy.stats.bootstrap.

Run `python benchmarks/bootstrap.py`; it prints one line a case, the ratio last.
"""

from __future__ import annotations

import time
import tracemalloc
import warnings

import numpy as np
from scipy.stats import bootstrap

from calibrant.stats.estimates.bootstrap import bootstrap_mean

DRAWS = 10_000


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(name, ours, theirs):
    print(f"{name:58s} ours {ours:8.3f} s   scipy {theirs:8.3f} s   ratio {theirs / ours:8.1f}")


def rows(rng, kind, clusters, size):
    rate = rng.beta(2, 5, size=clusters).repeat(size)
    score = rng.random(rate.size)
    return (score < rate).astype(float) if kind == "pass or fail" else score * rate


def main():
    rng = np.random.default_rng(1)
    for kind in ("pass or fail", "continuous"):
        values, clusters = rows(rng, kind, 2000, 10), np.arange(2000).repeat(10)
        ours = min(
            seconds(lambda v=values, c=clusters: bootstrap_mean(v, clusters=c)) for _ in range(3)
        )
        # The percentile interval of plain rows is the least work scipy can be asked for.
        theirs = seconds(
            lambda v=values: bootstrap(
                (v,), np.mean, n_resamples=DRAWS, batch=500, method="percentile", vectorized=True
            )
        )
        report(f"2,000 clusters x 10, {kind}, scipy on rows", ours, theirs)
        plain = min(seconds(lambda v=values: bootstrap_mean(v)) for _ in range(2))
        report(f"20,000 rows without clusters, {kind}", plain, theirs)
        sums, sizes = values.reshape(2000, 10).sum(axis=1), np.full(2000, 10.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = seconds(
                lambda s=sums, m=sizes: bootstrap(
                    (s, m), lambda a, b, axis=-1: a.sum(axis) / b.sum(axis), paired=True,
                    n_resamples=DRAWS, batch=500, method="BCa", vectorized=True,
                )
            )  # fmt: skip
        report(f"2,000 clusters x 10, {kind}, scipy on cluster totals", ours, theirs)
    values, clusters = rows(rng, "continuous", 100_000, 2), np.arange(100_000).repeat(2)
    tracemalloc.start()
    ours = seconds(lambda: bootstrap_mean(values, clusters=clusters))
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    print(f"100,000 clusters, continuous: {ours:.1f} s, peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
