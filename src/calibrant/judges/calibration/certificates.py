"""May a judge's score be read as a probability, and used as one? Measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, expit, logit, ndtri

from calibrant.judges.calibration.crossfit import calibration_map
from calibrant.judges.calibration.measures import bin_of, calibration
from calibrant.judges.calibration.ppi import calibrated_ppi
from calibrant.judges.calibration.venn_abers import venn_abers
from calibrant.judges.correction.ppi import ppi_mean
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Z = float(ndtri(0.975))


def draw(regime: Regime, rng: np.random.Generator) -> tuple[Floats, Floats, Ints, float]:
    """Scores, labels and clusters of all items, and the population's rate.

    The regime's keys: items; rate; apart, standard deviations between the scores of positive and
    negative items ("verdict 0.02": a verdict that errs so often in place of a score); cluster,
    items per cluster, which share a normal effect of sd 1 on the log-odds and one of 1/2 on scores.
    """
    items, rate, size = int(regime["items"]), float(regime["rate"]), int(regime["cluster"])
    group = np.arange(items) // size
    effect = np.zeros(items)
    truth = rate
    if size > 1:
        effect = rng.normal(0, 1, int(group.max()) + 1)[group]
        nodes = np.linspace(-6, 6, 1201)
        density = np.exp(-(nodes**2) / 2)
        truth = float(expit(logit(rate) + nodes) @ density / density.sum())
    y = (rng.random(items) < expit(logit(rate) + effect)).astype(np.float64)
    judge = str(regime["judge"])
    if judge.startswith("verdict"):
        wrong = rng.random(items) < float(judge.split()[1])
        return np.where(wrong, 1 - y, y), y, group, truth
    score = float(judge.split()[1]) * (y - 0.5) + rng.normal(0, 1, items) + effect / 2
    return score, y, group, truth


def _chosen(n: int, group: Ints, rng: np.random.Generator) -> Ints:
    """Items with gold labels: n at random, or whole clusters of about as many."""
    count = int(group.max()) + 1
    size = group.size // count
    if size == 1:
        return rng.permutation(group.size)[:n]
    return np.flatnonzero(np.isin(group, rng.permutation(count)[: n // size]))


def _mean_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("covered", "width")
    sums = dict.fromkeys(
        [*names, *(f"{p} {s}" for p in ("plug-in", "in-sample", "ppi++") for s in names)], 0.0
    )

    def add(name: str, low: float, high: float, truth: float) -> None:
        low, high = max(low, 0.0), min(high, 1.0)
        sums[f"{name}covered"] += low <= truth <= high
        sums[f"{name}width"] += high - low

    for _ in range(draws):
        score, y, group, truth = draw(regime, rng)
        at = _chosen(int(regime["gold"]), group, rng)
        gold, seed = y[at], int(rng.integers(2**31))
        clusters = group if regime["cluster"] > 1 else None
        method = regime["method"]
        found = calibrated_ppi(score, at, gold, method=method, clusters=clusters, seed=seed)
        add("", found.low, found.high, truth)
        f = calibration_map(score[at], gold, method=method)(score)
        half = Z * float(f.std()) / f.size**0.5
        add("plug-in ", float(f.mean()) - half, float(f.mean()) + half, truth)
        free = np.delete(np.arange(score.size), at)
        for name, values in (("in-sample ", f), ("ppi++ ", score)):
            p = ppi_mean(gold, values[at], values[free])
            add(name, p.low, p.high, truth)
    return {name: total / draws for name, total in sums.items()}


def _venn_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("label above low", "label below high", "right one unbiased", "certain and wrong",
             "isotonic certain and wrong", "histogram certain and wrong")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    n = int(regime["gold"])
    for _ in range(draws):
        score, y, _, _ = draw({**regime, "items": n + 20, "cluster": 1}, rng)
        s, gold, new, label = score[:n], y[:n], score[n:], y[n:]
        v = venn_abers(s, gold, new)
        sums["label above low"] += float(np.mean(1 + label - v.low)) / 2
        sums["label below high"] += float(np.mean(1 + v.high - label)) / 2
        right = np.where(label == 1, v.high, v.low)
        sums["right one unbiased"] += float(np.mean(1 + label - right)) / 2
        edges = np.unique(np.quantile(s, np.linspace(0, 1, 6)[1:-1]))
        part, ones = np.searchsorted(edges, s), np.zeros(edges.size + 1)
        counts = np.bincount(part, minlength=ones.size)
        ones[:] = np.bincount(part, weights=gold, minlength=ones.size)
        bins = np.where(counts > 0, ones / np.maximum(counts, 1), 0.5)[np.searchsorted(edges, new)]
        plain = calibration_map(s, gold, method="isotonic")(new)
        for name, p in (("", v.value), ("isotonic ", plain), ("histogram ", bins)):
            sums[f"{name}certain and wrong"] += float(np.any(np.abs(p - label) == 1))
    return {name: total / draws for name, total in sums.items()}


def _true_error(p: Floats, q: Floats, bins: int = 10) -> float:
    """The calibration error over the bins of these predictions, from the true probabilities."""
    which = bin_of(p, bins)
    gap = np.bincount(which, weights=q - p)
    return float(np.abs(gap).sum() / p.size)


def _plain_error(p: Floats, y: Floats) -> float:
    return _true_error(p, y)


def _hosmer(p: Floats, y: Floats) -> float:
    """p of Hosmer and Lemeshow's statistic on ten groups, for predictions from elsewhere."""
    which = bin_of(p, 10)
    expected, seen, n = (np.bincount(which, weights=w) for w in (p, y, np.ones(p.size)))
    v = expected * (1 - expected / n)
    return float(chdtrc(n.size, float(((seen - expected) ** 2 / np.maximum(v, 1e-12)).sum())))


def _measures_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("large alarm", "slope alarm", "error covered", "brier covered",
             "hosmer-lemeshow alarm", "bootstrap error covered")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    n = int(regime["items"])
    a, b = regime["shape"]
    for _ in range(draws):
        p = np.clip(rng.beta(a, b, n), 0.001, 0.999)
        q = expit(float(regime["bend"]) * logit(p))
        y = (rng.random(n) < q).astype(np.float64)
        found = calibration(p, y, seed=1)
        sums["large alarm"] += found.large.p is not None and found.large.p <= 0.05
        slope = found.slope
        sums["slope alarm"] += slope is not None and slope.p is not None and slope.p <= 0.05
        error, brier = _true_error(p, q), float(np.mean(q * (1 - p) ** 2 + (1 - q) * p**2))
        sums["error covered"] += found.error.low <= error <= found.error.high
        sums["brier covered"] += found.brier.low <= brier <= found.brier.high
        sums["hosmer-lemeshow alarm"] += _hosmer(p, y) <= 0.05
        again = rng.integers(0, n, (40, n))
        low, high = np.quantile([_plain_error(p[i], y[i]) for i in again], [0.025, 0.975])
        sums["bootstrap error covered"] += low <= error <= high
    return {name: total / draws for name, total in sums.items()}


MEAN = regimes(
    "items gold rate judge method cluster",
    (1000, 20, 0.3, "score 2", "isotonic", 1),
    (1000, 50, 0.02, "score 2", "isotonic", 1),
    (2000, 100, 0.3, "score 0", "isotonic", 1),
    (2000, 100, 0.05, "verdict 0.01", "isotonic", 1),
    (2000, 100, 0.3, "verdict 0", "platt", 1),
    (2000, 200, 0.1, "score 3", "venn-abers", 1),
    (2000, 200, 0.97, "score 2", "platt", 1),
    (2000, 100, 0.1, "score 2", "isotonic", 5),
    (2000, 300, 0.3, "score 2", "platt", 10),
)
VENN = regimes(
    "gold rate judge",
    (10, 0.3, "score 2"), (50, 0.05, "score 2"), (50, 0.5, "score 0"), (200, 0.3, "verdict 0.02"),
)  # fmt: skip
RIGHT = regimes(
    "items shape bend",
    (60, (1.0, 1.0), 1.0), (150, (0.5, 2.0), 1.0), (400, (0.3, 0.3), 1.0),
)  # fmt: skip
WRONG = regimes(
    "items shape bend",
    (100, (1.0, 1.0), 0.5), (400, (0.5, 2.0), 2.0), (400, (0.3, 3.0), 0.7),
)  # fmt: skip

PEERS_OF_MEASURES = {
    "hosmer-lemeshow": "Hosmer and Lemeshow's test on ten groups",
    "bootstrap": "percentile bootstrap of the plain expected calibration error",
}

CERTIFICATES = (
    Certificate(
        "judge-calibrated-mean",
        "calibrant.judge.calibrated_ppi",
        "The interval of a calibrated judge's estimate holds the gold mean at least 95 % of the "
        "time, with 20 labels and with 300, for useless and perfect judges, rare labels and "
        "clusters.",
        MEAN,
        _mean_batch,
        {"covered": Bound(low=0.95, slack=0.01)},
        {
            "plug-in": "the mean of calibrated scores, without correction by the labels",
            "in-sample": "PPI++ with a map that was fitted to the same labels",
            "ppi++": "PPI++ with the score as it is",
        },
        batch_draws=50,
    ),
    Certificate(
        "judge-venn-abers",
        "calibrant.judges.calibration.venn_abers",
        "Of the two Venn–Abers probabilities the one of the true label is unbiased, so that labels "
        "lie between the two on average, and their merger never calls certain what then fails.",
        VENN,
        _venn_batch,
        {
            "label above low": Bound(low=0.5),
            "label below high": Bound(low=0.5),
            "right one unbiased": Bound(low=0.5, high=0.5),
            "certain and wrong": Bound(high=0.0),
        },
        {
            "isotonic": "the plain isotonic map",
            "histogram": "rates in five bins of equal numbers",
        },
        batch_draws=100,
    ),
    Certificate(
        "judge-calibration-right",
        "calibrant.judge.calibration",
        "Where every probability is right, calibration in the large is doubted at most 5 % of the "
        "time and the slope about as often, and the limits of error and Brier score hold theirs.",
        RIGHT,
        _measures_batch,
        {
            "large alarm": Bound(high=0.05),
            "slope alarm": Bound(high=0.05, slack=0.03),
            "error covered": Bound(low=0.95),
            "brier covered": Bound(low=0.95, slack=0.02),
        },
        PEERS_OF_MEASURES,
        batch_draws=50,
    ),
    Certificate(
        "judge-calibration-wrong",
        "calibrant.judge.calibration",
        "Where probabilities are bent, the limits of the calibration error and of the Brier score "
        "hold the true ones at least 95 % of the time (Brier: 93 %).",
        WRONG,
        _measures_batch,
        {"error covered": Bound(low=0.95), "brier covered": Bound(low=0.95, slack=0.02)},
        PEERS_OF_MEASURES,
        batch_draws=50,
    ),
)
