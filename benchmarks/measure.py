"""How fast is a clustered estimate? `measure` on 10 million trials in 100,000 clusters, one pass.

The peer is Inspect's clustered standard error on the same kind of rows. It takes Python objects, so
making those is not counted; calibrant's time counts validating the table and its interval as well.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import polars as pl

from calibrant.measurement import measure
from calibrant.records import SCHEMA

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


def inspect_route(frame: pl.DataFrame) -> float:
    """CPU seconds of Inspect's clustered standard error on these rows."""
    from inspect_ai.scorer import SampleScore, Score, stderr

    scores = [
        SampleScore(score=Score(value=s), sample_metadata={"cluster": c})
        for s, c in zip(frame["score"].to_list(), frame["cluster"].to_list(), strict=True)
    ]
    metric = stderr(cluster="cluster")
    return timed(lambda: metric(scores))[0]


def main() -> int:
    frame = table(TRIALS, CLUSTERS)
    ours, result = timed(lambda: measure(frame))
    print(f"calibrant measure, {TRIALS:,} trials: {ours:.1f} s CPU")
    print(f"  {result[0]!r}")  # type: ignore[index]
    small = table(PEER_TRIALS, CLUSTERS * PEER_TRIALS // TRIALS)
    peer = inspect_route(small) * TRIALS / PEER_TRIALS
    print(f"Inspect's stderr(cluster=…), scaled from {PEER_TRIALS:,}: {peer:.0f} s CPU")
    print(f"ratio: {peer / ours:.0f}")
    return 0 if peer >= 20 * ours else 1


if __name__ == "__main__":
    sys.exit(main())
