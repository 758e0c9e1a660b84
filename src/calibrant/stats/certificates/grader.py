"""Do rates corrected for grader error cover the true rate when trials come in clusters?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.errors import InputError
from calibrant.stats.budgets.grader import corrected_rate
from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.estimates.clusters import korn_graubard_bounds


def corrected_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of 95 % intervals and upper limits; peers: the same without clusters, no correction.

    A grader that gold labels show to be useless counts as covered: the correction is refused.
    """
    rate, se, sp = regime["rate"], regime["sensitivity"], regime["specificity"]
    icc, many, labels = regime["icc"], regime["clusters"], regime["validation"]
    sizes = np.full(many, regime["size"], np.int64)
    n = int(sizes.sum())
    spread = icc > 0 and 0 < rate < 1
    shape = (rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc) if spread else None
    names = ("covered", "upper_covered", "covered_as_independent", "covered_uncorrected")
    sums = dict.fromkeys((*names, "refused", "width"), 0.0)
    for _ in range(draws):
        truth = rng.beta(*shape, many) if shape else np.full(many, rate)
        k = rng.binomial(sizes, truth * se + (1 - truth) * (1 - sp))
        gold = tuple((int(rng.binomial(labels, p)), labels) for p in (se, sp))
        apparent = float(k.sum()) / n
        two, one = (
            korn_graubard_bounds(k, sizes, level=0.95, side=side) for side in ("two", "upper")
        )
        sums["covered_uncorrected"] += float(two[0]) <= rate <= float(two[1])
        try:
            found = corrected_rate(apparent, float(two[2]), *gold)
            upper = corrected_rate(apparent, float(one[2]), *gold, side="upper")
            alone = corrected_rate(apparent, n, *gold)
        except InputError:
            for name in (*names[:3], "refused"):
                sums[name] += 1
            continue
        sums["covered"] += found.low <= rate <= found.high
        sums["upper_covered"] += rate <= upper.high
        sums["covered_as_independent"] += alone.low <= rate <= alone.high
        sums["width"] += found.high - found.low
    return {name: value / draws for name, value in sums.items()}


def _regime(
    rate: float, icc: float, clusters: int, size: int, se: float, sp: float, labels: int
) -> Regime:
    return {
        "rate": rate, "icc": icc, "clusters": clusters, "size": size, "sensitivity": se,
        "specificity": sp, "validation": labels,
    }  # fmt: skip


CERTIFICATES = (
    Certificate(
        name="grader-correction-clusters",
        method="calibrant.stats.budgets.grader.corrected_rate",
        statement=(
            "95 % limits of a corrected rate from 10 clusters or more, by the effective sample "
            "size, cover at 93 % or more."
        ),
        regimes=(
            _regime(0.2, 0.1, 40, 5, 0.9, 0.95, 80),
            _regime(0.2, 0.3, 30, 10, 0.9, 0.95, 80),
            _regime(0.02, 0.2, 60, 5, 0.9, 0.98, 99),
            _regime(0.02, 0.2, 60, 5, 0.9, 0.98, 30),
            _regime(0.0, 0.0, 40, 5, 0.95, 0.99, 60),
            _regime(0.5, 0.3, 15, 10, 0.85, 0.9, 50),
            _regime(0.9, 0.2, 30, 5, 0.8, 0.8, 50),
            _regime(0.3, 0.2, 10, 50, 0.9, 0.9, 500),
            _regime(0.3, 0.0, 150, 1, 0.9, 0.9, 100),
        ),
        batch=corrected_batch,
        bounds={
            "covered": Bound(low=0.95, slack=0.02),
            "upper_covered": Bound(low=0.95, slack=0.02),
        },
    ),
)
