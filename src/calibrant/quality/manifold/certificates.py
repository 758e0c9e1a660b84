"""Do models of bounded scores, testlets, facets and several abilities keep what they promise?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import chdtrc, expit, ndtri

from calibrant.errors import GateError, InputError
from calibrant.quality.manifold.bounded import BoundedItems
from calibrant.quality.manifold.continuous import fit_continuous
from calibrant.quality.manifold.facets import fit_facets
from calibrant.quality.manifold.m2pl import fit_m2pl
from calibrant.quality.manifold.scale import Scale
from calibrant.quality.manifold.testlets import fit_testlets
from calibrant.quality.read import read_responses
from calibrant.quality.responses import of_matrix
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]
Z = float(ndtri(0.975))
BATCH = 25


def _share(inside: Floats | NDArray[np.bool_]) -> float:
    return float(np.mean(inside))


class _Sums:
    """Means of statistics over the data sets that were answered."""

    def __init__(self, names: str) -> None:
        self.total = dict.fromkeys([n.strip() for n in names.split(",")], 0.0)
        self.answered = 0

    def add(self, **values: float) -> None:
        self.answered += 1
        for name, value in values.items():
            self.total[name.replace("_", " ")] += value

    def means(self, draws: int) -> Mapping[str, float]:
        found = {k: v / max(self.answered, 1) for k, v in self.total.items()}
        return found | {"answered": self.answered / draws}


def bounded_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of slopes and abilities from bounded scores."""
    sums = _Sums("slope covered, ability covered, plug-in ability covered, linear slope covered")
    n, size = int(regime["subjects"]), int(regime["items"])
    for _ in range(draws):
        bank = BoundedItems(
            tuple(f"q{j}" for j in range(size)), rng.uniform(0.5, 1.5, size),
            rng.normal(0, 0.7, size), rng.uniform(0.5, 2.0, size), float(regime["edge"]),
        )  # fmt: skip
        theta = rng.normal(size=n)
        scores = bank.draw(theta, rng)
        try:
            fit = fit_continuous(of_matrix(scores), edge=None if regime["chosen"] else bank.edge)
        except (InputError, GateError):
            continue
        kept = [int(name.split()[1]) - 1 for name in fit.bank.items]
        low, high = fit.interval()
        truth = bank.discrimination[kept]
        slope, error = _linear(Scale(bank.edge).of(scores[:, kept]))
        sums.add(
            slope_covered=_share((low <= truth) & (truth <= high)),
            ability_covered=_share(np.abs(fit.ability - theta) <= Z * fit.ability_se),
            **{
                "plug-in_ability_covered": _share(np.abs(fit.ability - theta) <= Z * fit.ability_sd)
            },
            linear_slope_covered=_share(np.abs(slope - truth) <= Z * error),
        )
    return sums.means(draws)


def _linear(h: Floats) -> tuple[Floats, Floats]:
    """Slopes over noise by regression on the standardised mean of the other items."""
    rest = (h.sum(axis=1, keepdims=True) - h) / (h.shape[1] - 1)
    z = (rest - rest.mean(axis=0)) / rest.std(axis=0)
    slope = (z * (h - h.mean(axis=0))).mean(axis=0)
    left = h - h.mean(axis=0) - z * slope
    sd = np.sqrt((left**2).sum(axis=0) / (h.shape[0] - 2))
    sd = np.maximum(sd, 1e-9)
    return slope / sd, np.full(h.shape[1], 1 / np.sqrt(h.shape[0]))


def testlet_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """False alarms where clusters have no effect; coverage of abilities where they have."""
    sums = _Sums("alarm, ability covered, naive ability covered, naive alarm")
    n, clusters, each = (int(regime[k]) for k in ("subjects", "clusters", "each"))
    of = np.repeat(np.arange(clusters), each)
    names = {f"item {j + 1}": f"c{of[j]}" for j in range(of.size)}
    for _ in range(draws):
        theta, u = rng.normal(size=n), rng.normal(size=(n, clusters))
        a, d = rng.uniform(0.8, 1.6, of.size), rng.normal(0, 0.8, of.size)
        eta = a * (theta[:, None] + float(regime["sd"]) * u[:, of]) + d
        scores = (rng.random(eta.shape) < expit(eta)).astype(float)
        try:
            fit = fit_testlets(of_matrix(scores), cluster=names, tests=False)
        except (InputError, GateError):
            continue
        ratio = 2 * (fit.log_likelihood - fit.naive_log_likelihood)
        sums.add(
            alarm=fit.p <= 0.05,
            ability_covered=_share(np.abs(fit.ability - theta) <= Z * fit.ability_se),
            naive_ability_covered=_share(np.abs(fit.ability - theta) <= Z * fit.naive_sd),
            naive_alarm=float(chdtrc(1, max(ratio, 0.0))) <= 0.05,
        )
    return sums.means(draws)


def facets_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of severities; `related`: able subjects get other graders than weak ones."""
    sums = _Sums("severity covered, alarm, mean severity covered, mean alarm")
    n, items, graders, steps = (int(regime[k]) for k in ("subjects", "items", "graders", "steps"))
    for _ in range(draws):
        theta = rng.normal(size=n)
        d = rng.normal(0, 0.8, items)
        g = np.linspace(-1, 1, graders) * float(regime["spread"])
        by = theta if regime["related"] else rng.normal(size=n)
        first = np.argsort(np.argsort(by)) * graders // n
        who = np.stack([first, (first + 1 + rng.integers(0, graders - 1, n)) % graders], axis=1)
        row, item = np.divmod(np.arange(n * items), items)
        grader = who[row, rng.integers(0, 2, row.size)]
        eta = theta[row] - d[item] - g[grader]
        up = np.exp(np.arange(steps + 1) * eta[:, None])
        edges = np.cumsum(up / up.sum(axis=1, keepdims=True), axis=1)[:, :-1]
        score = (rng.random((row.size, 1)) > edges).sum(axis=1)
        table = pl.DataFrame({
            "subject": [f"s{i}" for i in row], "item": [f"q{j}" for j in item],
            "grader": [f"g{k}" for k in grader], "score": score / steps,
        })  # fmt: skip
        try:
            fit = fit_facets(read_responses(table))
        except (InputError, GateError):
            continue
        found = fit.facet("grader")
        covered = [v.low <= g[int(v.level[1:])] <= v.high for v in found.levels]
        plain, error, p = _per_grader(score / steps, grader, graders)
        sums.add(
            severity_covered=_share(np.array(covered)),
            alarm=found.p <= 0.05,
            mean_severity_covered=_share(np.abs(plain - g) <= Z * error),
            mean_alarm=p <= 0.05,
        )
    return sums.means(draws)


def _per_grader(
    score: Floats, grader: NDArray[np.int64], size: int
) -> tuple[Floats, Floats, float]:
    """Minus logits of each grader's mean, their errors, and a test of equal means."""
    count = np.bincount(grader, minlength=size)
    mean = (np.bincount(grader, score, minlength=size) + 0.5) / (count + 1)
    logit = np.log((1 - mean) / mean)
    error = np.sqrt(1 / (count * mean * (1 - mean)))
    weight = 1 / error**2
    centre = (weight @ logit) / weight.sum()
    return logit - logit.mean(), error, float(chdtrc(size - 1, weight @ (logit - centre) ** 2))


def factor_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often two abilities are claimed where there is one."""
    sums = _Sums("two claimed, chi-square two claimed, linear two claimed")
    n, size = int(regime["subjects"]), int(regime["items"])
    for _ in range(draws):
        a, theta = rng.uniform(0.8, 2.0, size), rng.normal(size=n)
        d = np.linspace(-1, 1, size) * float(regime["spread"])
        scores = (rng.random((n, size)) < expit(a * theta[:, None] + d)).astype(float)
        try:
            one = fit_m2pl(of_matrix(scores), dimensions=1)
            two = fit_m2pl(of_matrix(scores), dimensions=2, rotation="none")
        except (InputError, GateError):
            continue
        ratio = max(2 * (two.log_likelihood - one.log_likelihood), 0.0)
        roots = np.linalg.eigvalsh(np.corrcoef(scores.T))
        sums.add(
            two_claimed=two.bic < one.bic,
            **{"chi-square_two_claimed": float(chdtrc(size - 1, ratio)) <= 0.05},
            linear_two_claimed=roots[-2] > 1.0,
        )
    return sums.means(draws)


def pattern_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of the correlation of two abilities, and of slopes."""
    sums = _Sums("correlation covered, slope covered, linear correlation covered")
    n, half, rho = int(regime["subjects"]), int(regime["each"]), float(regime["correlation"])
    names = [f"item {j + 1}" for j in range(2 * half)]
    for _ in range(draws):
        theta = rng.normal(size=(n, 2)) @ np.array([[1, rho], [0, np.sqrt(1 - rho**2)]])
        a, d = rng.uniform(1.0, 2.0, 2 * half), rng.normal(0, 0.8, 2 * half)
        eta = a * np.repeat(theta, half, axis=1) + d
        scores = (rng.random(eta.shape) < expit(eta)).astype(float)
        try:
            fit = fit_m2pl(of_matrix(scores), pattern={"a": names[:half], "b": names[half:]})
        except (InputError, GateError):
            continue
        own = fit.slopes[np.arange(2 * half), np.repeat([0, 1], half)]
        error = fit.errors[np.arange(2 * half), np.repeat([0, 1], half)]
        sums_of = [scores[:, :half].sum(axis=1), scores[:, half:].sum(axis=1)]
        r = float(np.corrcoef(*sums_of)[0, 1])
        sums.add(
            correlation_covered=abs(fit.correlations[0, 1] - rho) <= Z * fit.correlation_se[0, 1],
            slope_covered=_share(np.abs(own - a) <= Z * error),
            linear_correlation_covered=abs(np.arctanh(r) - np.arctanh(rho)) <= Z / np.sqrt(n - 3),
        )
    return sums.means(draws)


CERTIFICATES = (
    Certificate(
        "bounded-scores", "calibrant.items.fit_continuous",
        "95 % intervals of slopes, and of abilities on the scale of the population, cover.",
        regimes("subjects items edge chosen", (60, 15, 0.5, False), (30, 30, 0.01, False),
                (100, 6, 0.01, True)),
        bounded_batch,
        {"slope covered": Bound(low=0.92), "ability covered": Bound(low=0.93),
         "answered": Bound(low=0.99)},
        {"plug-in": "posterior standard deviations that take the calibration for known, as IRT "
                    "packages report them",
         "linear": "regression of scores on the mean of the others, limits ignored"},
        batch_draws=BATCH,
    ),
    Certificate(
        "testlets", "calibrant.items.fit_testlets",
        "Where clusters have no effect, one is claimed at most 5 % of the time; abilities' 95 % "
        "intervals cover with and without.",
        regimes("subjects clusters each sd", (80, 2, 3, 0.0), (80, 2, 3, 0.7)),
        testlet_batch, {"ability covered": Bound(low=0.93), "answered": Bound(low=0.95)},
        {"naive": "clusters ignored: posterior standard deviations of the 2PL"},
        batch_draws=BATCH,
    ),
    Certificate(
        "facets", "calibrant.items.fit_facets",
        "95 % intervals of graders' severities cover, where each subject meets two of them without "
        "regard to its ability.",
        regimes("subjects items graders steps spread related", (40, 6, 4, 1, 0.0, False),
                (40, 6, 4, 2, 0.5, False)),
        facets_batch, {"severity covered": Bound(low=0.93), "answered": Bound(low=0.99)},
        {"mean": "each grader's mean score, on the logit scale, with its binomial error"},
        beyond=regimes("subjects items graders steps spread related", (40, 6, 4, 1, 0.0, True)),
        batch_draws=BATCH,
    ),
    Certificate(
        "factor-number", "calibrant.items.fit_m2pl",
        "Two abilities are claimed by BIC at most 5 % of the time where there is one.",
        regimes("subjects items spread", (250, 5, 1.0)),
        factor_batch, {"two claimed": Bound(high=0.05), "answered": Bound(low=0.95)},
        {"chi-square": "the likelihood-ratio test against χ², whose conditions do not hold",
         "linear": "eigenvalues of the correlations of 0 and 1 above 1"},
        batch_draws=BATCH,
    ),
    Certificate(
        "factor-pattern", "calibrant.items.fit_m2pl",
        "95 % intervals of the correlation of two abilities, and of slopes, cover.",
        regimes("subjects each correlation", (250, 3, 0.5)),
        pattern_batch,
        {"correlation covered": Bound(low=0.92), "slope covered": Bound(low=0.92),
         "answered": Bound(low=0.95)},
        {"linear": "the correlation of the two sums of 0 and 1, by Fisher's z"},
        batch_draws=BATCH,
    ),
)  # fmt: skip
