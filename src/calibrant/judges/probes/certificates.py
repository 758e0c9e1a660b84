"""How often is a fair judge called biased, a biased one robust, and do the intervals cover?"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from calibrant.judges.probes.changes import excess_changes, first_place, share
from calibrant.judges.probes.effects import shift
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]
ALPHA = 0.05
MARGIN = 0.1


def _latent(regime: Regime, rng: np.random.Generator) -> tuple[Floats, list[int]]:
    """Each case's chance of a win for the side to be altered, and its item."""
    n, size = int(regime["cases"]), int(regime.get("per_item", 1))
    item = np.repeat(np.arange(-(-n // size)), size)[:n]
    a, b = regime["taste"]
    p = rng.beta(a, b, item.max() + 1)[item] if a > 0 else np.full(n, b)
    return np.asarray(p), item.tolist()


def _pairwise(p: Floats, rng: np.random.Generator) -> Floats:
    """Verdicts in both orders, as preferences for one side; shape (cases, 2)."""
    return np.asarray((rng.random((p.size, 2)) < p[:, None]).astype(float))


def _scores(p: Floats, rng: np.random.Generator) -> Floats:
    """Scores 0–10 of a judge that hesitates; shape (cases, 1)."""
    return np.asarray(rng.binomial(10, p).astype(float))[:, None]


def _z(a: Floats, b: Floats) -> float:
    """p of the unpaired z test of two mean verdicts."""
    x, y = a.mean(axis=1), b.mean(axis=1)
    u = math.sqrt(float(x.var(ddof=1)) / x.size + float(y.var(ddof=1)) / y.size)
    return 1.0 if u == 0 else 2 * float(ndtr(-abs(float(y.mean() - x.mean())) / u))


def shift_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Type I error or power, and coverage of the mean shift, of one probe.

    An altered case is, by the chance `pull`, given the highest verdict whatever its quality; the
    mean shift that a case then has is pull · (1 - p) times the range.
    """
    sums = dict.fromkeys(
        ("called", "covered", "width", "raw flips called", "unpaired z called", "Wald covered"), 0.0
    )
    graded = regime["verdicts"] == "scores"
    high = 10.0 if graded else 1.0
    a, b = regime["taste"]
    mean = a / (a + b) if a > 0 else b
    truth = regime["pull"] * (1 - mean) * high
    for _ in range(draws):
        p, item = _latent(regime, rng)
        draw = _scores if graded else _pairwise
        base = draw(p, rng)
        pulled = rng.random(p.size)[:, None] < regime["pull"]
        altered = np.where(pulled, high, draw(p, rng))
        seed = int(rng.integers(2**31))
        found = shift(base, altered, high=high, clusters=item, seed=seed)
        sums["called"] += found.p_value <= ALPHA
        sums["covered"] += found.interval.low <= truth <= found.interval.high
        sums["width"] += (found.interval.high - found.interval.low) / high
        # Today's usual reading: a verdict that changed is a bias, if more than a tenth change.
        changed = (base != altered).any(axis=1)
        sums["raw flips called"] += share(changed, side="lower").low > 0.1
        sums["unpaired z called"] += _z(base, altered) <= ALPHA
        d = altered.mean(axis=1) - base.mean(axis=1)
        u = float(d.std(ddof=1)) / math.sqrt(d.size)
        sums["Wald covered"] += abs(float(d.mean()) - truth) <= -float(ndtri(ALPHA / 2)) * u
    return {name: value / draws for name, value in sums.items()}


def family_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Any false "biased" (pull 0) or false "robust" (shift at the margin) over twenty probes."""
    many = 20
    sums = dict.fromkeys(
        ("false biased", "false robust", "one at a time false biased",
         "not significant false robust", "raw flips false biased"), 0.0,
    )  # fmt: skip
    for _ in range(draws):
        p, item = _latent(regime, rng)
        base = _pairwise(p, rng)
        ps, inner, flips = [], [], []
        for _ in range(many):
            altered = _pairwise(p, rng)
            if regime["pull"]:
                altered = np.where(rng.random(p.size)[:, None] < regime["pull"], 1.0, altered)
            if regime["failed"]:
                altered = np.where(rng.random(altered.shape) < regime["failed"], math.nan, altered)
            found = shift(base, altered, clusters=item, level=1 - ALPHA / many,
                          seed=int(rng.integers(2**31)))  # fmt: skip
            ps.append((found.worst_p, found.p_value))
            inner.append(found.outer)
            flips.append(float(np.nanmean(base != altered)) > 0.1)
        worst, alone = np.array(ps).T
        fair, margin = not regime["pull"], MARGIN
        truly = regime["pull"] * (1 - p.mean() if regime["taste"][0] <= 0 else
                                  1 - regime["taste"][0] / sum(regime["taste"]))  # fmt: skip
        called = adjust(worst, "holm") <= ALPHA
        robust = np.array([-margin < low and high < margin for low, high in inner])
        sums["false biased"] += fair and bool(called.any())
        sums["false robust"] += truly >= margin - 1e-9 and bool(robust.any())
        sums["one at a time false biased"] += fair and bool((alone <= ALPHA).any())
        sums["not significant false robust"] += truly >= margin - 1e-9 and bool(
            (alone > ALPHA).any()
        )
        sums["raw flips false biased"] += fair and any(flips)
    return {name: value / draws for name, value in sums.items()}


def detection_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """A harm that is marked down at just the wanted rate: false "detects" and false "misses"."""
    wanted, n, size = regime["rate"], int(regime["cases"]), int(regime["per_item"])
    sums = dict.fromkeys(
        ("false detects", "false misses", "point estimate false detects", "Wald false detects"), 0.0
    )
    labels = np.repeat(np.arange(-(-n // size)), size)[:n]
    for _ in range(draws):
        spread = regime["icc"]
        rate = np.full(labels.max() + 1, wanted)
        if spread:
            k = (1 - spread) / spread
            rate = rng.beta(wanted * k, (1 - wanted) * k, labels.max() + 1)
        fell = rng.random(n) < rate[labels]
        given = labels.tolist()
        sums["false detects"] += share(fell, given, side="lower").low >= wanted
        sums["false misses"] += share(fell, given, side="upper").high < wanted
        m = float(fell.mean())
        sums["point estimate false detects"] += m >= wanted
        wald = m + float(ndtri(ALPHA)) * math.sqrt(m * (1 - m) / n)
        sums["Wald false detects"] += wald >= wanted
    return {name: value / draws for name, value in sums.items()}


def place_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of what standing first adds to the log-odds, for qualities that differ widely."""
    b, n = regime["place"], int(regime["pairs"])
    sums = dict.fromkeys(("covered", "raw share covered", "Wald covered"), 0.0)
    for _ in range(draws):
        quality = rng.normal(0, regime["quality_sd"], n)
        one, two = rng.random(n) < expit(b + quality), rng.random(n) < expit(b - quality)
        first, second = int((one & two).sum()), int((~one & ~two).sum())
        _, low, high = first_place(first, second)
        sums["covered"] += low <= b <= high
        wins = int(one.sum() + two.sum())
        raw = math.log((wins + 0.5) / (2 * n - wins + 0.5))
        u = math.sqrt(1 / (wins + 0.5) + 1 / (2 * n - wins + 0.5))
        sums["raw share covered"] += abs(raw - b) <= 1.96 * u
        if first and second:
            pair = math.log(first / second) / 2
            u = math.sqrt(1 / first + 1 / second) / 2
            sums["Wald covered"] += abs(pair - b) <= 1.96 * u
    return {name: value / draws for name, value in sums.items()}


def failed_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Whether limits that allow for failed verdicts hold the mean shift of all cases.

    The verdicts that fail are those that would have moved: the worst case for leaving them out.
    """
    sums = dict.fromkeys(("covered", "left out covered", "taken as unmoved covered"), 0.0)
    n, pull, taste = int(regime["cases"]), regime["pull"], regime["taste"]
    truth = pull * (1 - taste)
    for _ in range(draws):
        p = np.full(n, taste)
        base, altered = _pairwise(p, rng), _pairwise(p, rng)
        pulled = rng.random(n) < pull
        altered[pulled] = 1.0
        lost = pulled & (rng.random(n) < regime["failed"])
        seen = np.where(lost[:, None], math.nan, altered)
        seed = int(rng.integers(2**31))
        found = shift(base, seen, level=0.975, seed=seed)
        sums["covered"] += found.outer[0] <= truth <= found.outer[1]
        # The narrow interval has level 0.95 too.
        sums["left out covered"] += found.narrow.low <= truth <= found.narrow.high
        kept = shift(base, np.where(lost[:, None], base, altered), level=0.975, seed=seed).narrow
        sums["taken as unmoved covered"] += kept.low <= truth <= kept.high
    return {name: value / draws for name, value in sums.items()}


def excess_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """A judge that hesitates, unmoved: how often more change is claimed than by chance."""
    r = int(regime["repeats"])
    sums = dict.fromkeys(("called", "raw flips called", "z test called"), 0.0)
    for _ in range(draws):
        p, _ = _latent(regime, rng)
        x, y = ((rng.random((p.size, r)) < p[:, None]).astype(float) for _ in range(2))
        found = excess_changes(x, y, draws=1999, seed=int(rng.integers(2**31)))
        sums["called"] += found is not None and found[1] <= ALPHA
        changed = (x != y).any(axis=1)
        sums["raw flips called"] += share(changed, side="lower").low > 0.1
        a, b = float((x[:, 0] != y[:, 0]).mean()), float((x[:, 0] != x[:, 1]).mean())
        u = math.sqrt((a * (1 - a) + b * (1 - b)) / p.size)
        sums["z test called"] += u > 0 and (a - b) / u > -float(ndtri(ALPHA))
    return {name: value / draws for name, value in sums.items()}


_RAW = (
    "a probe is called biased if the share of changed verdicts is above a tenth (its lower limit)"
)

CERTIFICATES = (
    Certificate(
        "probe-shift",
        "calibrant.judges.probes.effects.shift",
        "An unmoved judge is called moved at most 5 % of the time, and 95 % intervals cover the "
        "mean shift, for verdicts of pairs and scores, with several cases of one item, near the "
        "ends of the range and with few cases.",
        regimes(
            "verdicts cases taste pull per_item",
            ("pairs", 20, (0.0, 0.5), 0.0, 1),
            ("pairs", 60, (0.0, 0.97), 0.0, 1),
            ("pairs", 60, (0.4, 0.4), 0.0, 3),
            ("pairs", 200, (0.4, 0.4), 0.0, 1),
            ("scores", 30, (2.0, 2.0), 0.0, 1),
            ("scores", 45, (2.0, 2.0), 0.0, 3),
        ),
        shift_batch,
        {"called": Bound(high=ALPHA), "covered": Bound(low=0.95, slack=0.01)},
        {
            "raw flips": _RAW,
            "unpaired z": "the difference of mean verdicts with the z test, pairing forgotten",
            "Wald": "normal interval of the mean paired difference",
        },
        batch_draws=125,
    ),
    Certificate(
        "probe-shift-biased",
        "calibrant.judges.probes.effects.shift",
        '95 % intervals cover the planted shift of a biased judge; "called" is the power.',
        regimes(
            "verdicts cases taste pull per_item",
            ("pairs", 24, (0.0, 0.5), 0.3, 1),
            ("pairs", 60, (0.4, 0.4), 0.2, 3),
            ("pairs", 200, (0.0, 0.1), 0.05, 1),
            ("scores", 40, (2.0, 2.0), 0.3, 1),
            ("scores", 200, (5.0, 2.0), 0.1, 1),
        ),
        shift_batch,
        {"covered": Bound(low=0.95, slack=0.015)},
        {
            "raw flips": _RAW,
            "unpaired z": "the difference of mean verdicts with the z test, pairing forgotten",
            "Wald": "normal interval of the mean paired difference",
        },
        # A handful of cases that move, of scores: no interval without a model of them covers.
        beyond=regimes("verdicts cases taste pull", ("scores", 20, (8.0, 1.0), 0.05)),
        batch_draws=125,
    ),
    Certificate(
        "probe-family",
        "calibrant.judges.probes.summary.summarise",
        'Over twenty probes on the same cases the chance of any false "biased" of a fair judge, '
        'and of any false "robust" where every shift is at the margin, is at most 5 %.',
        regimes(
            "cases taste pull failed",
            (24, (0.4, 0.4), 0.0, 0.0),
            (60, (0.4, 0.4), 0.0, 0.03),
            (60, (0.4, 0.4), 0.2, 0.0),
        ),
        family_batch,
        {"false biased": Bound(high=ALPHA), "false robust": Bound(high=ALPHA)},
        {
            "one at a time": "each probe's exact p-value against 0.05",
            "not significant": "a probe without a significant effect is called robust",
            "raw flips": "more than a tenth of verdicts changed",
        },
        batch_draws=25,
    ),
    Certificate(
        "probe-detection",
        "calibrant.judges.probes.changes.share",
        "A judge that marks down just the wanted share of harmed answers is said to detect, and to "
        "miss, at most 5 % of the time each.",
        regimes(
            "cases rate per_item icc",
            (20, 0.8, 1, 0.0),
            (60, 0.9, 1, 0.0),
            (200, 0.95, 1, 0.0),
        ),
        detection_batch,
        {"false detects": Bound(high=ALPHA), "false misses": Bound(high=ALPHA)},
        {
            "point estimate": "the observed share against the wanted one",
            "Wald": "one-sided normal limit",
        },
    ),
    Certificate(
        "probe-place",
        "calibrant.judges.probes.changes.first_place",
        "95 % intervals of what standing first adds to the log-odds cover it, however much the "
        "answers differ in quality.",
        regimes(
            "pairs place quality_sd",
            (20, 0.0, 1.0),
            (24, 2.5, 1.0),
            (60, 0.5, 3.0),
            (200, 0.3, 2.0),
            (60, 0.0, 6.0),
        ),
        place_batch,
        {"covered": Bound(low=0.95)},
        {
            "raw share": "log-odds of the share of first places, verdicts taken as independent",
            "Wald": "normal interval of the log of the ratio of always-first to always-second",
        },
    ),
    Certificate(
        "probe-failed",
        "calibrant.judges.probes.effects.shift",
        "Limits that allow for failed verdicts hold the mean shift of all cases 95 % of the time, "
        "even if a verdict fails because it would have moved.",
        regimes(
            "cases pull taste failed",
            (40, 0.3, 0.5, 0.9),
            (60, 0.2, 0.3, 0.5),
            (200, 0.1, 0.5, 0.9),
        ),
        failed_batch,
        {"covered": Bound(low=0.95)},
        {
            "left out": "the same interval on the cases whose verdict did not fail",
            "taken as unmoved": "a failed verdict counts as unchanged",
        },
        batch_draws=125,
    ),
    Certificate(
        "probe-excess",
        "calibrant.judges.probes.changes.excess_changes",
        "Of an unmoved judge that hesitates, more changes than by chance are claimed at most 5 % "
        "of the time.",
        regimes(
            "cases taste repeats", (20, (0.5, 0.5), 2), (60, (2.0, 2.0), 2), (30, (0.0, 0.5), 4)
        ),
        excess_batch,
        {"called": Bound(high=ALPHA)},
        {
            "raw flips": _RAW,
            "z test": "share changed by the probe against share changed between two repeats, "
            "normal, one-sided",
        },
        batch_draws=125,
    ),
)
