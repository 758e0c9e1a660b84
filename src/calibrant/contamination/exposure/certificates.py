"""Was it there? The error rates of tests of exposure, beside those of what people use today."""

from __future__ import annotations

from calibrant.contamination.exposure.measured.batches import (
    auroc_batch,
    blind_batch,
    bounds_batch,
    canary_batch,
    combined_batch,
    correct_batch,
    order_batch,
    power_batch,
    rank_batch,
    reference_batch,
    several_batch,
    split_batch,
    twin_batch,
)
from calibrant.stats.certificates import Bound, Certificate, regimes

_TODAY = "the t test on losses that most scripts use"

CERTIFICATES = (
    Certificate(
        "exposure-split",
        "calibrant.contamination.exposure.split_test",
        "Where a random split published items, p ≤ .05 comes at most 5 % of the time without "
        "exposure, whatever the tails, with ties, few items, and clusters drawn whole.",
        regimes(
            "signal published held_out per_cluster statistic",
            ("normal", 4, 4, 1, "rank"), ("t2", 6, 40, 1, "rank"), ("skew", 40, 6, 1, "mean"),
            ("ties", 30, 30, 1, "rank"), ("skew", 8, 40, 1, "rank"), ("normal", 8, 8, 6, "rank"),
            ("t2", 5, 12, 8, "mean"),
        ),
        split_batch,
        {"alarm": Bound(high=0.05)},
        {"t test": _TODAY, "threshold": "a bundled threshold on the mean loss, another prefix"},
    ),
    Certificate(
        "exposure-twin",
        "calibrant.contamination.exposure.twin_test",
        "Where chance published one of each pair of twins, p ≤ .05 comes at most 5 % of the time "
        "without exposure, one-sided and two-sided, with ties, clusters and any tails.",
        regimes(
            "signal pairs per_cluster statistic",
            ("normal", 5, 1, "rank"), ("t2", 12, 1, "mean"), ("skew", 60, 1, "mean"),
            ("ties", 25, 1, "rank"), ("skew", 200, 1, "rank"), ("normal", 10, 6, "rank"),
        ),
        twin_batch,
        {"alarm": Bound(high=0.05), "two-sided alarm": Bound(high=0.05)},
        {"t test": "a paired t test, clusters ignored"},
    ),
    Certificate(
        "exposure-order",
        "calibrant.contamination.exposure.order_test",
        "Where the published order was drawn at random, p ≤ .05 comes at most 5 % of the time "
        "without exposure, for any number of shards and permutations, any tails, unequal shards.",
        regimes(
            "signal shards permutations unequal sorted",
            ("normal", 3, 19, 0.0, 0.0), ("skew", 5, 9, 1.0, 0.0), ("t2", 10, 19, 0.5, 0.0),
            ("ties", 20, 9, 0.0, 0.0), ("normal", 50, 49, 1.0, 0.0), ("normal", 4, 250, 0.0, 0.0),
        ),
        order_batch,
        {"alarm": Bound(high=0.05), "standardised alarm": Bound(high=0.05)},
        {"reference code": "the authors' t test, with the standard deviation of a population"},
        beyond=regimes("signal shards permutations unequal sorted",
                       ("normal", 20, 19, 0.0, 0.5), ("normal", 50, 49, 0.0, 0.5)),
    ),
    Certificate(
        "exposure-canary",
        "calibrant.contamination.exposure.canary_test",
        "Where published canaries were drawn from the same space as the others, p ≤ .05 comes at "
        "most 5 % of the time without exposure.",
        regimes(
            "signal published others easier",
            ("normal", 1, 19, 0.0), ("skew", 1, 99, 0.0), ("t2", 1, 999, 0.0),
            ("ties", 1, 99, 0.0), ("skew", 5, 20, 0.0), ("ties", 8, 50, 0.0),
        ),
        canary_batch,
        {"alarm": Bound(high=0.05)},
        {"z score": "the number of standard deviations above the mean of the others"},
        beyond=regimes("signal published others easier", ("normal", 1, 99, 1.0)),
    ),
    Certificate(
        "exposure-rank",
        "calibrant.contamination.exposure.rank_test",
        "Where re-splits are drawn as the split was, p ≤ .05 comes at most 5 % of the time "
        "without exposure, though sources of unequal size were published whole.",
        regimes("sources largest", (8, 7), (20, 11), (40, 5)),
        rank_batch,
        {"alarm": Bound(high=0.05)},
        {"items at random": "a permutation test that takes items for independent"},
        batch_draws=125,
    ),
    Certificate(
        "exposure-combined",
        "calibrant.contamination.exposure.combined_test",
        "Signals combined by weights of the other half: p ≤ .05 comes at most 5 % of the time "
        "without exposure, at any number of items and signals.",
        regimes("tails items signals",
                ("normal", 12, 6), ("t2", 30, 8), ("ties", 60, 4), ("skew", 100, 8)),
        combined_batch,
        {"alarm": Bound(high=0.05)},
        {"same items": "weights learnt and tested on the same items"},
    ),
    Certificate(
        "exposure-several",
        "calibrant.contamination.exposure.several",
        "Of several signals of the same items any is found at most 5 % of the time without "
        "exposure.",
        regimes("pairs signals shared", (30, 3, 0.0), (30, 7, 1.0), (12, 7, 3.0)),
        several_batch,
        {"alarm": Bound(high=0.05)},
        {"each alone": "the smallest of the p-values"},
    ),
    Certificate(
        "exposure-reference",
        "calibrant.contamination.exposure.reference_test",
        "A subject of the same kind as unexposed reference subjects has p ≤ .05 at most 5 % of "
        "the time without exposure; one that is abler has not: beyond.",
        regimes("subjects references abler",
                ("normal", 19, 0.0), ("t2", 19, 0.0), ("skew", 40, 0.0)),
        reference_batch,
        {"alarm": Bound(high=0.05)},
        {"z score": "standard deviations above the mean of the references"},
        beyond=regimes("subjects references abler", ("normal", 19, 1.0), ("normal", 19, 2.0)),
    ),
    Certificate(
        "exposure-correct",
        "calibrant.contamination.exposure.correct_twin_test",
        "From answers alone, against twins of the same difficulty or a random split, p ≤ .05 "
        "comes at most 5 % of the time without exposure.",
        regimes("pairs published rate",
                (12, 4, 0.5), (60, 20, 0.95), (200, 30, 0.8), (40, 20, 0.1)),
        correct_batch,
        {"twin alarm": Bound(high=0.05), "split alarm": Bound(high=0.05)},
        {"z test": "the z test of two proportions"},
    ),
    Certificate(
        "exposure-auroc",
        "calibrant.contamination.exposure.auroc",
        "The interval of the blind baseline's AUROC covers in at least 95 % of cases (within a "
        "point), with few texts, unequal spread, and groups nearly apart.",
        regimes(
            "left right shift spread",
            (5, 5, 0.0, 1.0), (10, 60, 0.0, 4.0), (60, 10, 0.0, 0.25), (20, 8, 2.0, 0.4),
            (60, 10, 2.0, 0.4), (15, 15, 3.0, 1.0), (100, 100, 1.0, 1.0),
        ),
        auroc_batch,
        {"covered": Bound(low=0.95, slack=0.01)},
        {"delong": "DeLong's interval"},
    ),
    Certificate(
        "exposure-blind",
        "calibrant.contamination.exposure.blind_baseline",
        "Where old and new items differ in length or in numbers, and nobody saw any, \"seen\" is "
        "said at most 5 % of the time; a difference that no feature shows is beyond.",
        regimes(
            "items longer newer style",
            (40, 1.0, 0.02, 0.0), (40, 1.2, 0.02, 0.0), (40, 1.5, 0.02, 0.0),
            (100, 1.15, 0.02, 0.0), (100, 1.0, 0.06, 0.0), (100, 1.5, 0.1, 0.0),
        ),
        blind_batch,
        {"seen": Bound(high=0.05)},
        {
            "t test": _TODAY,
            "threshold": "an AUROC of old against new whose interval lies above .5",
        },
        beyond=regimes("items longer newer style", (100, 1.0, 0.02, 0.15)),
        batch_draws=50,
    ),
    Certificate(
        "exposure-bounds",
        "calibrant.contamination.signals.min_k_plus_plus_bounds",
        "Min-K %++ of the whole distribution always lies within its bounds from the top-k.",
        regimes("vocabulary top sharpness",
                (50, 1, 1.0), (500, 5, 2.0), (500, 20, 4.0), (2000, 100, 3.0), (500, 500, 2.0)),
        bounds_batch,
        {"held": Bound(low=1.0)},
        {"top alone": "the top-k taken for the whole distribution: off by more than .25"},
        batch_draws=50,
    ),
    Certificate(
        "exposure-power",
        "calibrant.contamination.exposure.planned_items",
        "With as many items as planned, a shift of normal values is found in at least 80 % of "
        "cases, within two points.",
        regimes("design shift", ("split", 1.0), ("split", 0.6), ("twin", 0.8), ("twin", 0.3),
                ("order", 0.6), ("order", 0.2)),
        power_batch,
        {"found": Bound(low=0.8, slack=0.02)},
        {"textbook": "as many as the formula for means of normal values says"},
        batch_draws=50,
    ),
)  # fmt: skip
