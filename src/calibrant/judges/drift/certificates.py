"""How often is a judge said to have moved that has not, at one look or at many?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from calibrant.judges.drift.anchors import watch
from calibrant.judges.drift.pairs import Pairs
from calibrant.judges.drift.shift import drift_of
from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.comparisons.two_rates import mcnemar

Floats = NDArray[np.float64]


def _pairs(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    items, answers = regime["items"], regime["answers"]
    rate, up, down = regime["rate"], regime["up"], regime["down"]
    shift = round((1 - rate) * up - rate * down, 12)
    flips = (1 - rate) * up + rate * down
    chance = rate * (rate + shift) + (1 - rate) * (1 - rate - shift)
    kappa = 1 - flips / (1 - chance)
    names = ["covered", "flips covered", "kappa covered", "answers independent covered",
             "unpaired z covered"]  # fmt: skip
    names += ["false claim", "answers independent false claim", "unpaired z false claim"]
    sums = dict.fromkeys(names, 0.0)
    ids = [str(i) for i in range(items) for _ in range(answers)]
    for _ in range(draws):
        level = rng.beta(rate * 3, (1 - rate) * 3, (items, 1))
        before = (rng.random((items, answers)) < level).astype(float)
        # Half of the items never move, the others twice as often.
        touch = 2.0 * (rng.random((items, 1)) < 0.5) if answers > 1 else 1.0
        u = rng.random(before.shape)
        after = np.where(before == 1, u >= down * touch, u < up * touch).astype(float)
        x, y = before.ravel(), after.ravel()
        found = drift_of(Pairs(ids, x, y, None, None, 0, 0, 0, 0, 0, True))
        i, f, k = found.shift.interval, found.flip_interval, found.kappa_interval
        sums["covered"] += i.low - 1e-9 <= shift <= i.high + 1e-9
        sums["flips covered"] += f.low <= flips <= f.high
        sums["kappa covered"] += k is None or k.low <= kappa <= k.high
        d = y - x
        one = float(peers.stderr(d))
        sums["answers independent covered"] += abs(d.mean() - shift) <= peers.z() * one
        two = float(np.hypot(peers.stderr(x), peers.stderr(y)))
        sums["unpaired z covered"] += abs(d.mean() - shift) <= peers.z() * two
        wrong = shift * d.mean() <= 0  # a claim, if made, has the wrong sign
        p = mcnemar(int((d > 0).sum()), int((d < 0).sum()))
        sums["false claim"] += wrong and found.shift.p_value <= 0.05
        sums["answers independent false claim"] += wrong and p <= 0.05
        sums["unpaired z false claim"] += wrong and abs(d.mean()) > peers.z() * two
    return {name: total / draws for name, total in sums.items()}


def _watch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    weeks, anchors = regime["weeks"], regime["anchors"]
    a, b = regime["beta"]
    sums: dict[str, float] = dict.fromkeys(
        ("alarm", "flips covered", "beyond tolerance alarm", "watched McNemar alarm",
         "watched pooled z alarm"), 0.0,
    )  # fmt: skip
    for _ in range(draws):
        q = rng.beta(a, b, anchors)
        verdicts = (rng.random((weeks + 1, anchors)) < q).astype(float)
        if regime["moves"]:
            stricter = rng.random((weeks + 1, anchors)) < regime["moves"]
            stricter[: weeks // 2] = False
            verdicts = np.where(stricter, 0.0, verdicts)
        truth = float(np.abs(verdicts[0] - q).mean())
        tolerance = min(max(truth, 1e-6), 1 - 1e-6)
        found = watch(verdicts, tolerance=tolerance)
        last = found.looks[-1]
        sums["alarm"] += found.moved_at is not None
        sums["flips covered"] += last.flips_low <= truth <= last.flips_high
        sums["beyond tolerance alarm"] += found.beyond_at is not None
        apart = verdicts[1:] - verdicts[0]
        sums["watched McNemar alarm"] += any(
            mcnemar(int((row > 0).sum()), int((row < 0).sum())) <= 0.05 for row in apart
        )
        sums["watched pooled z alarm"] += _pooled(verdicts)
    return {name: total / draws for name, total in sums.items()}


def _pooled(verdicts: Floats) -> bool:
    """Two-sample z of all later verdicts against the reference, at every look."""
    first, m = verdicts[0].mean(), verdicts.shape[1]
    for t in range(1, len(verdicts)):
        later = verdicts[1 : t + 1].mean()
        both = (first + t * later) / (t + 1)
        error = (both * (1 - both) * (1 / m + 1 / (t * m))) ** 0.5
        if error > 0 and 2 * ndtr(-abs(later - first) / error) <= 0.05:
            return True
    return False


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "judge-drift",
        "calibrant.judge.drift",
        "Between two versions of a judge the shift, the rate of flips and kappa are covered at "
        "least 95 % of the time, and a shift that is none is claimed at most 5 % of the time, "
        "with rare flips and several answers an item.",
        regimes(
            "items answers rate up down",
            (40, 1, 0.5, 0.05, 0.05),
            (300, 1, 0.9, 0.18, 0.02),
            (200, 1, 0.7, 0.02, 0.10),
            (30, 6, 0.5, 0.10, 0.10),
            (60, 4, 0.8, 0.30, 0.10),
        ),
        _pairs,
        {
            "covered": Bound(low=0.95, slack=0.015),
            "flips covered": Bound(low=0.95, slack=0.015),
            "kappa covered": Bound(low=0.95, slack=0.02),
            "false claim": Bound(high=0.05, slack=0.01),
        },
        {
            "answers independent": "± 1.96 of the paired differences, and McNemar, items ignored",
            "unpaired z": "two independent rates",
        },
    ),
    Certificate(
        "judge-watch",
        "calibrant.judges.drift.watch",
        "A judge that does not move is said to have moved at any of all weekly looks at most 5 % "
        "of the time, whether its verdicts are random or firm; the share of contradicted "
        "references is covered at all looks at least 95 % of the time. Power is shown in the last.",
        regimes(
            "weeks anchors beta moves",
            (16, 30, (1.0, 1.0), 0.0),
            (16, 60, (0.3, 0.1), 0.0),
            (40, 20, (2.0, 2.0), 0.0),
            (8, 200, (0.05, 0.2), 0.0),
        ),
        _watch,
        {
            "alarm": Bound(high=0.05),
            "flips covered": Bound(low=0.95),
            "beyond tolerance alarm": Bound(high=0.05),
        },
        {
            "watched McNemar": "McNemar against the reference every week, at 0.05",
            "watched pooled z": "all later verdicts against the reference, every week, at 0.05",
        },
        beyond=regimes("weeks anchors beta moves", (16, 60, (0.3, 0.1), 0.15)),
        batch_draws=125,
    ),
)
