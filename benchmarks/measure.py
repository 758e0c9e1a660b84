"""How fast is a clustered estimate? `measure` on 10 million trials in 100,000 clusters, one pass.

All start from the same rows in a table. Inspect's clustered standard error takes one object per
trial; making these is its first step, and both steps are printed. statsmodels' takes arrays with
integer groups, so its first step is to number the names of the clusters; it runs where it is
installed. calibrant's time counts validating the table, and its interval.
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec

import numpy as np
import polars as pl

from calibrant.measurement import measure
from calibrant.records import SCHEMA
from calibrant.stats.estimates.clusters import Clusters, cluster_interval

TRIALS, CLUSTERS = 10_000_000, 100_000
PEER_TRIALS = 200_000
"""Rows for Inspect's route, which is too slow for all of them; its time is scaled up linearly."""


def table(trials: int, clusters: int) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    rates = rng.beta(2, 6, clusters)
    ids = rng.integers(0, clusters, trials)
    columns = {
        "subject": pl.lit("s"),
        "instrument": pl.lit("i"),
        "item": pl.Series("item", np.arange(trials)).cast(pl.String),
        "cluster": pl.Series("cluster", ids).cast(pl.String),
        "epoch": pl.lit(1, dtype=pl.Int64),
        "grader": pl.lit("g"),
        "score": pl.Series("score", (rng.random(trials) < rates[ids]).astype(float)),
    }
    return pl.DataFrame({"x": np.zeros(trials)}).select(
        columns.get(c, pl.lit(None)).cast(t).alias(c) for c, t in SCHEMA.items()
    )


def timed(call: object) -> tuple[float, object]:
    start = time.process_time()
    result = call()  # type: ignore[operator]
    return time.process_time() - start, result


def inspect_route(frame: pl.DataFrame) -> tuple[float, float]:
    """CPU seconds to make Inspect's scores of these rows, and of its clustered standard error."""
    from inspect_ai.scorer import SampleScore, Score, stderr

    def objects() -> list[SampleScore]:
        rows = zip(frame["score"].to_list(), frame["cluster"].to_list(), strict=True)
        return [SampleScore(score=Score(value=s), sample_metadata={"cluster": c}) for s, c in rows]

    making, scores = timed(objects)
    metric = stderr(cluster="cluster")
    return making, timed(lambda: metric(scores))[0]  # type: ignore[arg-type]


def statsmodels_fit(y: np.ndarray, groups: np.ndarray) -> float:
    """CPU seconds of an intercept with clustered standard error, which statsmodels must have."""
    import statsmodels.api as sm

    model = sm.OLS(y, np.ones(y.size))
    return timed(lambda: model.fit(cov_type="cluster", cov_kwds={"groups": groups}).bse)[0]


def against_statsmodels(frame: pl.DataFrame, ours: float) -> None:
    """Print the ratios to statsmodels, from the table and from arrays."""
    numbering, groups = timed(lambda: frame["cluster"].cast(pl.Categorical).to_physical())
    y, ids = frame["score"].to_numpy(), groups.to_numpy().astype(np.int64)  # type: ignore[attr-defined]
    fit = statsmodels_fit(y, ids)
    peer = numbering + fit
    print(f"statsmodels, from the table: {peer:.1f} s; ratio {peer / ours:.1f}")
    arrays = timed(lambda: cluster_interval(Clusters.of(y, ids), method="robust"))[0]
    print(f"  from arrays: {fit:.1f} s, calibrant {arrays:.3f} s; ratio {fit / arrays:.0f}")


def main() -> int:
    frame = table(TRIALS, CLUSTERS)
    ours, result = timed(lambda: measure(frame))
    print(f"calibrant measure, {TRIALS:,} trials: {ours:.2f} s CPU")
    print(f"  {result[0]!r}")  # type: ignore[index]
    scale = TRIALS / PEER_TRIALS
    making, metric = inspect_route(table(PEER_TRIALS, int(CLUSTERS / scale)))
    making, metric = making * scale, metric * scale
    print(f"Inspect, scaled from {PEER_TRIALS:,}: {making:.0f} s for objects, {metric:.1f} s for")
    print(f"  stderr(cluster=…); ratio {(making + metric) / ours:.0f}, {metric / ours:.1f} without")
    if find_spec("statsmodels"):
        against_statsmodels(frame, ours)
    return 0 if making + metric >= 20 * ours else 1


if __name__ == "__main__":
    sys.exit(main())
