"""Do intervals for agreement cover, and how often is a grader wrongly called inverted?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from calibrant.errors import InputError
from calibrant.judges.agreement.gold import compare
from calibrant.judges.agreement.inversion import crowd_inversions, inversions
from calibrant.judges.agreement.pairs import below_chance, pair_kappa
from calibrant.judges.agreement.simulate import channel, drawn, panel, said, target, truths
from calibrant.stats.agreement.estimate import LEAST, Coefficient, by_cluster, estimate
from calibrant.stats.agreement.ratios import Ratio
from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.estimates.bootstrap import resample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 400
"""Bootstrap draws per data set."""


def _peers(
    found: Coefficient, ratio: Ratio, cluster: Ints | None, times: Floats | None, seed: int
) -> dict[str, tuple[float, float]]:
    """Intervals that people use: t, Fleiss' null variance, percentile; and our BCa beside."""
    assert found.value is not None and found.expected is not None
    error, n = found.standard_error or 0.0, found.items
    t = -float(stdtrit(max(n - 1, 1), 0.025))
    # Under the null of two categories and m pairs per item: variance 1 / (items × pairs).
    m = max(ratio.labels / n, 2.0)
    null = (2 / (n * m * (m - 1))) ** 0.5 * float(-ndtri(0.025))
    ends = {
        "t": (found.value - t * error, found.value + t * error),
        "null variance": (found.value - null, found.value + null),
    }
    rows = ratio.rows if cluster is None else by_cluster(ratio, cluster)
    if times is not None:
        rows = np.repeat(rows, times.astype(np.int64), axis=0)
    try:
        draws = resample(rows, ratio, draws=DRAWS, seed=seed, workers=1)
        ends["percentile"] = draws.quantile(0.025), draws.quantile(0.975)
        if found.rests_on is not None and found.rests_on >= LEAST:
            ends["bca"] = draws.bca(0.025), draws.bca(0.975)
    except InputError:
        return ends  # there is none: counted by the caller
    return ends


def interval_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of 95 % intervals; what is undefined, or not given, counts as covered."""
    true = target(regime)
    names = ("covered", "bca covered", "t covered", "null variance covered", "percentile covered")
    sums = dict.fromkeys((*names, "too high", "too low", "undefined", "no bca", "width"), 0.0)
    for _ in range(draws):
        ratio, cluster, times = drawn(regime, rng)
        found = estimate(ratio, cluster=cluster, times=times)
        seed = int(rng.integers(2**31))
        if found.value is None or found.interval is None:
            for name in (*names, "undefined", "no bca"):
                sums[name] += 1
            continue
        low, high = found.interval
        sums["covered"] += low <= true <= high
        sums["too high"] += true < low
        sums["too low"] += true > high
        sums["width"] += (high - low) / 2
        ends = _peers(found, ratio, cluster, times, seed)
        for name in ("t", "null variance", "percentile", "bca"):
            ask = ends.get(name)
            sums[f"{name} covered"] += ask is not None and ask[0] <= true <= ask[1]
        if "bca" not in ends:
            sums["bca covered"] += 1
            sums["no bca"] += 1
    return {name: value / draws for name, value in sums.items()}


def gold_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of intervals for sensitivity, specificity and predictive value of category 1."""
    share, right = np.asarray(regime["truth"]), regime["right"]
    how = channel(right)
    positive = share[1] * right[1] / max(float(share @ how[:, 1]), 1e-300)
    meant = {"sensitivity": right[1], "specificity": right[0], "positive": positive}
    sums = dict.fromkeys((*(f"{n} covered" for n in meant), "wald covered", "without clusters "
                          "covered", "refused"), 0.0)  # fmt: skip
    for _ in range(draws):
        truth, cluster = truths(regime, rng)
        label = said(rng, truth, how)
        lost = np.zeros(truth.size, np.bool_)
        found = compare("g", label, truth, lost, ("0", "1"), cluster, 0.95).categories[1]
        for name, value in meant.items():
            ends = getattr(found, name).interval
            sums[f"{name} covered"] += ends is None or ends[0] <= value <= ends[1]
        k, n = found.sensitivity.events, found.sensitivity.n
        if found.sensitivity.interval is None:
            sums["refused"] += 1
            sums["wald covered"] += 1
            sums["without clusters covered"] += 1
            continue
        reach = 1.96 * (k / n * (1 - k / n) / n) ** 0.5
        sums["wald covered"] += abs(k / n - right[1]) <= reach
        plain = compare("g", label, truth, lost, ("0", "1"), None, 0.95).categories[1]
        low, high = plain.sensitivity.interval or (0.0, 1.0)
        sums["without clusters covered"] += low <= right[1] <= high
    return {name: value / draws for name, value in sums.items()}


def inversion_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often anybody is accused, the inverted are named, or others are; peers on the same."""
    names = tuple(f"g{i}" for i in range(int(regime["graders"])))
    guilty = tuple(names[i] for i in regime["inverted"])
    categories = tuple(map(str, range(len(regime["truth"]))))
    sums = dict.fromkeys(("alarm", "crowd alarm", "named", "wrongly named", "any negative alarm",
                          "unadjusted alarm", "any negative named"), 0.0)  # fmt: skip
    for _ in range(draws):
        found, rest = panel(regime, rng)
        kappas = [pair_kappa(t, "identity", None, 0.95) for t in found]
        below = [below_chance(t, "identity", None, k) for t, k in zip(found, kappas, strict=True)]
        said_ = inversions(found, kappas, below, names, categories, rest=rest)
        odd = {o for i in said_ for o in i.odd}
        sums["alarm"] += bool(said_)
        sums["crowd alarm"] += bool(crowd_inversions(rest, names))
        sums["named"] += bool(guilty) and odd == set(guilty)
        sums["wrongly named"] += bool(odd - set(guilty))
        values: list[Any] = [k.value if k.value is not None else 0.0 for k in kappas]
        sums["any negative alarm"] += min(values) < 0
        sums["unadjusted alarm"] += min(below) <= 0.05
        mean = [np.mean([v for t, v in zip(found, values, strict=True) if g in (t.one, t.two)])
                for g in range(len(names))]  # fmt: skip
        sums["any negative named"] += min(values) < 0 and guilty == (names[int(np.argmin(mean))],)
    return {name: value / draws for name, value in sums.items()}


def _regime(
    coefficient: str,
    items: int,
    graders: int,
    truth: tuple[float, ...],
    right: tuple[float, ...],
    *,
    missing: float = 0.0,
    cluster: int = 1,
    shared: float = 0.0,
    other: tuple[float, ...] | None = None,
) -> Regime:
    return {
        "coefficient": coefficient, "items": items, "graders": graders, "truth": truth,
        "right": right, "other": other, "missing": missing, "cluster": cluster, "shared": shared,
    }  # fmt: skip


EVEN, RARE, THREE = (0.5, 0.5), (0.9, 0.1), (0.5, 0.3, 0.2)
FIVE = (0.1, 0.2, 0.3, 0.25, 0.15)

INTERVALS = (
    _regime("alpha", 20, 2, EVEN, (0.9, 0.9)),
    _regime("alpha", 12, 3, EVEN, (0.8, 0.8)),
    _regime("alpha", 30, 2, EVEN, (0.99, 0.99)),
    _regime("alpha", 40, 3, THREE, (0.9, 0.8, 0.7), missing=0.4),
    _regime("alpha", 200, 3, (0.95, 0.05), (0.99, 0.8)),
    _regime("alpha", 200, 10, (0.97, 0.03), (0.99, 0.7), missing=0.5),
    _regime("alpha", 100, 3, EVEN, (0.5, 0.5)),
    _regime("alpha", 120, 3, THREE, (0.8, 0.8, 0.8), cluster=4, shared=0.8),
    _regime("fleiss", 40, 5, (0.8, 0.2), (0.95, 0.8), missing=0.4),
    _regime("fleiss", 60, 3, THREE, (0.98, 0.98, 0.98)),
    _regime("AC1", 20, 2, RARE, (0.95, 0.9)),
    _regime("AC1", 100, 3, (0.98, 0.02), (0.99, 0.8)),
    _regime("kappa", 50, 2, (0.8, 0.2), (0.95, 0.8), other=(0.8, 0.95)),
    _regime("kappa", 200, 2, THREE, (0.9, 0.9, 0.9), other=(0.6, 0.6, 0.6)),
    _regime("quadratic kappa", 60, 2, FIVE, (0.8,) * 5),
    _regime("alpha ordinal", 40, 3, FIVE, (0.8,) * 5, missing=0.2),
    _regime("alpha interval", 40, 3, FIVE, (0.8,) * 5, missing=0.2),
    _regime("agreement", 25, 2, EVEN, (0.98, 0.98)),
    _regime("agreement", 40, 5, RARE, (0.95, 0.8), missing=0.3),
)

# A rare category that about five items or fewer have, or five clusters: nothing is promised.
FEW_OF_A_KIND = (
    _regime("alpha", 30, 2, RARE, (0.97, 0.9)),
    _regime("fleiss", 50, 5, RARE, (0.95, 0.8), missing=0.4),
    _regime("alpha", 40, 3, THREE, (0.8, 0.8, 0.8), cluster=8, shared=0.8),
)


def _panel(
    items: int,
    graders: int,
    truth: tuple[float, ...],
    right: tuple[float, ...],
    inverted: tuple[int, ...] = (),
    cluster: int = 1,
) -> Regime:
    return {
        "items": items, "graders": graders, "truth": truth, "right": right, "inverted": inverted,
        "cluster": cluster, "shared": 0.8 if cluster > 1 else 0.0,
        "sticky": 0.5 if cluster > 1 else 0.0,
    }  # fmt: skip


def _gold(items: int, truth: tuple[float, ...], right: tuple[float, ...], cluster: int) -> Regime:
    return {
        "items": items, "truth": truth, "right": right, "cluster": cluster,
        "shared": 0.6 if cluster > 1 else 0.0,
    }  # fmt: skip


CERTIFICATES = (
    Certificate(
        name="agreement-intervals",
        method="calibrant.judges.agreement.agree",
        statement=(
            "95 % intervals of every coefficient cover 95 % or more, with few items, near-perfect "
            "agreement, rare categories, missing labels, two graders and clusters; the BCa "
            "bootstrap, where one is given, 93 %."
        ),
        regimes=INTERVALS,
        batch=interval_batch,
        bounds={
            "covered": Bound(low=0.95, slack=0.01),
            "bca covered": Bound(low=0.93, slack=0.01),
        },
        peers={
            "t": "the linearised standard error and Student's t, as in irrCAC",
            "null variance": "Fleiss' standard error under no agreement beyond chance",
            "percentile": f"the percentile bootstrap over items, {DRAWS} draws",
        },
        beyond=FEW_OF_A_KIND,
    ),
    Certificate(
        name="agreement-gold",
        method="calibrant.judges.agreement.agree",
        statement=(
            "95 % intervals of sensitivity, specificity and positive predictive value against gold "
            "cover 95 % or more; without gold in a category none is given."
        ),
        regimes=(
            _gold(20, EVEN, (0.9, 0.9), 1),
            _gold(50, RARE, (0.98, 0.5), 1),
            _gold(200, (0.98, 0.02), (0.99, 0.9), 1),
            _gold(60, (0.3, 0.7), (1.0, 0.0), 1),
            _gold(200, EVEN, (0.9, 0.8), 5),
        ),
        batch=gold_batch,
        bounds={
            "sensitivity covered": Bound(low=0.95, slack=0.01),
            "specificity covered": Bound(low=0.95, slack=0.01),
            "positive covered": Bound(low=0.95, slack=0.01),
        },
        peers={
            "wald": "sensitivity plus or minus 1.96 standard errors",
            "without clusters": "Clopper–Pearson with the clusters ignored, for sensitivity",
        },
    ),
    Certificate(
        name="agreement-inversion-alarm",
        method="calibrant.judges.agreement.agree",
        statement="Where no grader is inverted, be they good or useless, none is accused in "
        "95 % of panels or more.",
        regimes=(
            _panel(50, 3, EVEN, (0.5, 0.5)),
            _panel(200, 8, RARE, (0.9, 0.1)),
            _panel(30, 4, THREE, (1 / 3,) * 3),
            _panel(300, 5, THREE, (1 / 3,) * 3),
            _panel(15, 6, EVEN, (0.5, 0.5)),
            _panel(100, 4, FIVE, (0.2,) * 5),
            _panel(100, 5, RARE, (0.95, 0.6)),
            _panel(60, 3, EVEN, (0.5, 0.5), cluster=4),
        ),
        batch=inversion_batch,
        bounds={"alarm": Bound(high=0.05), "crowd alarm": Bound(high=0.05)},
        peers={
            "any negative": "accuse where any kappa is negative",
            "unadjusted": "accuse where any pair has p ≤ 0.05, as if it were the only one",
        },
        batch_draws=125,
    ),
    Certificate(
        name="agreement-inversion-named",
        method="calibrant.judges.agreement.agree",
        statement="A grader who is right 8 times of 10 but has the labels the wrong way round is "
        "named in 80 % or more of panels of 3 or 5 with 60 to 120 items; somebody else in at most "
        "2.5 %.",
        regimes=(
            _panel(60, 3, EVEN, (0.8, 0.8), (0,)),
            _panel(100, 3, (0.8, 0.2), (0.9, 0.8), (1,)),
            _panel(80, 5, EVEN, (0.8, 0.8), (2,)),
            _panel(80, 5, EVEN, (0.8, 0.8), (1, 3)),
            _panel(100, 3, (0.45, 0.1, 0.45), (0.85, 0.5, 0.85), (0,)),
            _panel(120, 3, EVEN, (0.85, 0.85), (0,), cluster=4),
        ),
        batch=inversion_batch,
        bounds={"named": Bound(low=0.8), "wrongly named": Bound(high=0.025)},
        peers={
            "any negative": "name the grader of the lowest mean kappa where any is negative",
            "unadjusted": "accuse where any pair has p ≤ 0.05",
        },
        # Two graders: that one is inverted shows, but not which; and too few items, or too weak
        # graders, to be sure.
        beyond=(
            _panel(60, 5, EVEN, (0.75, 0.75), (2,)),
            _panel(60, 2, EVEN, (0.8, 0.8), (0,)),
            _panel(25, 3, EVEN, (0.8, 0.8), (0,)),
        ),
        batch_draws=125,
    ),
)
