"""How often are statements about axes of capability wrong?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant.scaling.axes.components import components, iterated, probabilistic
from calibrant.scaling.axes.growth import growth
from calibrant.scaling.axes.verb import log_odds, shares_of
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.relations.correlations import pearson
from calibrant.stats.relations.factors import parallel_analysis
from calibrant.stats.relations.simulate import SHAPES, families_of, normal, percentile
from calibrant.stats.relations.spread import Estimate, estimates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LOADS = np.array([
    (0.45, 0.12, 0.06), (0.34, -0.10, 0.0), (0.38, -0.16, 0.03), (0.24, -0.08, 0.02),
    (0.08, 0.03, -0.03), (0.55, 0.16, -0.08), (0.21, -0.06, 0.0), (0.35, 0.12, 0.10),
])  # fmt: skip
"""Eight measures like the observational table's: a large axis, a small one, and a smaller."""

_NOISE = 0.05


def _inside(e: Estimate, truth: float) -> bool:
    return e.low is not None and e.high is not None and e.low <= truth <= e.high + 1e-12


def _scores(rng: np.random.Generator, family: Ints, likeness: float, gaps: float) -> Floats:
    """Scores on eight measures, relatives alike, some of them missing."""
    k = len(_LOADS)
    latent = normal(rng, family, 3, likeness)
    x = latent @ _LOADS.T + _NOISE * normal(rng, family, k, likeness)
    lost = rng.random(x.shape) < gaps
    # No subject and no measure without most of its scores.
    lost[np.arange(len(x)), rng.integers(0, k, len(x))] = False
    return np.asarray(np.where(lost, np.nan, x))


def _shares(x: Floats) -> Floats:
    share = components(iterated(x, tolerance=1e-4)).share
    return np.array([share[0], share[:3].sum()])


def _first(x: Floats, rows: Ints) -> float:
    return float(_shares(x[rows])[0])


def _share(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family = families_of(regime["families"])
    values = np.linalg.eigvalsh(_LOADS @ _LOADS.T + _NOISE**2 * np.eye(len(_LOADS)))[::-1]
    truth = float(values[0] / values.sum()), float(values[:3].sum() / values.sum())
    names = ("first covered", "three covered", "width", "bootstrap first covered")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        x = _scores(rng, family, regime["likeness"], regime["gaps"])

        def both(rows: Ints, x: Floats = x) -> Floats:
            return log_odds(_shares(x[rows]))

        seen = _shares(x)
        one, three = (
            shares_of(e, float(v)) for e, v in zip(estimates(both, family, scale="plain"), seen,
                                                   strict=True)
        )  # fmt: skip
        sums["first covered"] += _inside(one, truth[0])
        sums["three covered"] += _inside(three, truth[1])
        sums["width"] += (one.high or 1.0) - (one.low or 0.0)
        low, high = percentile(partial(_first, x), None, len(x), rng, 49)
        sums["bootstrap first covered"] += low <= truth[0] <= high
    return {name: v / draws for name, v in sums.items()}


def _number(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family, k = families_of(regime["families"]), 8
    loads = np.zeros((k, 2))
    loads[:, 0] = regime["general"]
    loads[:3, 1], loads[3:6, 1] = regime["second"], -regime["second"]
    own = np.sqrt(1 - (loads**2).sum(axis=1))
    truth = int(regime["general"] > 0) + int(regime["second"] > 0)
    names = ("right", "too many", "Horn right", "Kaiser right", "share right")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        z = normal(rng, family, 2 + k, regime["likeness"])
        x = z[:, :2] @ loads.T + z[:, 2:] * own
        gaps = rng.random(x.shape) < regime["gaps"]
        gaps[np.arange(len(x)), rng.integers(0, k, len(x))] = False

        def treated(y: Floats, gaps: NDArray[np.bool_] = gaps) -> Floats:
            return iterated(np.where(gaps, np.nan, y), tolerance=1e-3, rounds=30)

        full = treated(x)
        found = parallel_analysis(
            full, family, draws=40, seed=int(rng.integers(2**31)),
            treated=treated if gaps.any() else None,
        )  # fmt: skip
        sums["right"] += found.factors == truth
        sums["too many"] += found.factors > truth
        sums["Horn right"] += found.horn == truth
        sums["Kaiser right"] += sum(v > 1 for v in found.eigenvalues) == truth
        held = np.cumsum(np.linalg.eigvalsh(pearson(full))[::-1]) / k
        sums["share right"] += int(np.argmax(held >= 0.9)) + 1 == truth
    return {name: v / draws for name, v in sums.items()}


def _families(
    rng: np.random.Generator, family: Ints, spread: float, noise: float
) -> tuple[Floats, Floats]:
    """Compute and an axis: each family at its own height with its own slope about 0.25."""
    groups = int(family.max()) + 1
    x = rng.uniform(20.5, 23, groups)[family] + rng.uniform(0, 2, family.size)
    slope = 0.25 + spread * rng.standard_normal(groups)
    height = 0.2 * rng.standard_normal(groups)
    y = height[family] + slope[family] * (x - 22) + noise * rng.standard_normal(family.size)
    return x, y


@cache
def _typical_r2(shape: str, spread: float, noise: float) -> float:
    """The median of R² over many families of these sizes that are large enough for a line."""
    rng = np.random.default_rng(7)
    sizes = tuple(s for s in SHAPES[shape] if s >= 3)
    family = np.repeat(np.arange(len(sizes) * 400), np.tile(sizes, 400))
    x, y = _families(rng, family, spread, noise)
    r2 = []
    for rows in np.split(np.arange(family.size), np.cumsum(np.tile(sizes, 400))[:-1]):
        a, b = x[rows] - x[rows].mean(), y[rows] - y[rows].mean()
        r2.append(float((a @ b) ** 2 / ((a @ a) * (b @ b))))
    return float(np.median(r2))


def _growth(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family, spread, noise = families_of(regime["families"]), regime["spread"], regime["noise"]
    names = tuple(f"f{i:02d}" for i in range(int(family.max()) + 1))
    typical = _typical_r2(regime["families"], spread, noise)
    keys = ("slope covered", "median covered", "unequal said", "least squares slope covered")
    sums = dict.fromkeys(keys, 0.0)
    for _ in range(draws):
        x, y = _families(rng, family, spread, noise)
        found = growth(y, x, family, names)
        sums["slope covered"] += _inside(found.common_slope, 0.25)
        sums["median covered"] += _inside(found.median_r2, typical)
        p = found.equal_slopes_p
        sums["unequal said"] += p is not None and p <= 0.05
        a, b = x - x.mean(), y - y.mean()
        slope = float(a @ b / (a @ a))
        rest = b - slope * a
        half = float(stdtrit(x.size - 2, 0.975) * np.sqrt(rest @ rest / (x.size - 2) / (a @ a)))
        sums["least squares slope covered"] += abs(slope - 0.25) <= half
    return {name: v / draws for name, v in sums.items()}


def _gaps(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family = families_of(regime["families"])
    nearer, covered, mean, many = 0, 0, 0, 0
    for _ in range(draws):
        whole = _scores(rng, family, regime["likeness"], 0.0)
        size = whole.std(axis=0)
        gaps = rng.random(whole.shape) < regime["gaps"]
        gaps[np.arange(len(whole)), rng.integers(0, whole.shape[1], len(whole))] = False
        seen = np.where(gaps, np.nan, whole) / size
        found = probabilistic(seen, axes=regime["axes"], tolerance=1e-6)
        error = np.sqrt(np.einsum("nkk->nk", found.spread))
        off = np.abs(found.fill - whole / size)[gaps]
        covered += int((off <= 1.96 * error[gaps]).sum())
        plain = np.abs(np.nanmean(seen, axis=0) - whole / size)[gaps]
        nearer += int((off < plain).sum())
        wide = np.broadcast_to(np.nanstd(seen, axis=0), gaps.shape)[gaps]
        mean += int((plain <= 1.96 * wide).sum())
        many += int(gaps.sum())
    return {"covered": covered / many, "nearer than the mean": nearer / many,
            "mean covered": mean / many}  # fmt: skip


CERTIFICATES = (
    Certificate(
        "axes-share",
        "calibrant.scaling.axes.verb.capability_axes",
        "Intervals of the share of variance of the first axis, and of the first three together, "
        "cover the share among subjects of such families in at least 92 % of data sets at level "
        "95 %, gaps filled.",
        regimes(
            "families likeness gaps",
            ("77 in 21", 0.6, 0.0), ("77 in 21", 0.6, 0.02), ("20 of 4", 0.3, 0.0),
            ("23 unequal", 0.8, 0.0), ("40 of 1", 0.0, 0.0), ("26 in 9", 0.6, 0.0),
        ),
        _share, {"first covered": Bound(low=0.92), "three covered": Bound(low=0.92)},
        {"bootstrap": "percentile bootstrap of subjects as if they were no relatives"},
        beyond=regimes("families likeness gaps", ("20 of 4", 0.3, 0.1)),
        batch_draws=125,
    ),
    Certificate(
        "axes-number",
        "calibrant.stats.relations.factors.parallel_analysis",
        "Parallel analysis finds the right number of axes of 8 measures in at least 85 % of data "
        "sets, and too many in at most 10 %, with gaps filled in data and references alike.",
        regimes(
            "families likeness general second gaps",
            ("77 in 21", 0.6, 0.0, 0.0, 0.0), ("77 in 21", 0.6, 0.8, 0.0, 0.0),
            ("77 in 21", 0.6, 0.8, 0.0, 0.1), ("20 of 4", 0.6, 0.7, 0.55, 0.0),
            ("40 of 1", 0.0, 0.8, 0.0, 0.0),
        ),
        _number, {"right": Bound(low=0.85), "too many": Bound(high=0.10)},
        {"Horn": "one reference of independent normal scores for all eigenvalues: R psych",
         "Kaiser": "eigenvalues above 1: SPSS",
         "share": "as many as hold 90 % of the variance"},
        beyond=regimes("families likeness general second gaps", ("26 in 9", 0.6, 0.7, 0.55, 0.0)),
        batch_draws=50,
    ),
    Certificate(
        "axes-growth",
        "calibrant.scaling.axes.growth.growth",
        "The interval of the slope within families covers the mean slope of families in at least "
        "93 % of data sets at level 95 %, that of the median R² covers in at least 93 %; and "
        "where slopes are equal they are called unequal in at most 5 %.",
        regimes(
            "families spread noise",
            ("77 in 21", 0.0, 0.05), ("20 of 4", 0.0, 0.2), ("23 unequal", 0.0, 0.1),
        ),
        _growth,
        {"slope covered": Bound(low=0.93), "median covered": Bound(low=0.93),
         "unequal said": Bound(high=0.05)},
        {"least squares": "one line for all subjects by least squares, families ignored"},
        beyond=regimes("families spread noise", ("77 in 21", 0.1, 0.05), ("23 unequal", 0.1, 0.05)),
        batch_draws=125,
    ),
    Certificate(
        "axes-gaps",
        "calibrant.scaling.axes.components.probabilistic",
        "Missing scores lie within 1.96 of their standard deviations from what probabilistic "
        "components let expect in at least 92 % of gaps, where measures have equal noise; nearer "
        "than the mean of the measure in at least 80 %.",
        regimes(
            "families likeness axes gaps", ("77 in 21", 0.6, 3, 0.02), ("20 of 4", 0.3, 3, 0.1),
        ),
        _gaps, {"covered": Bound(low=0.92), "nearer than the mean": Bound(low=0.80)},
        {"mean": "the mean of the measure, give or take 1.96 standard deviations"},
        beyond=regimes("families likeness axes gaps", ("77 in 21", 0.6, 1, 0.02)),
        batch_draws=50,
    ),
)  # fmt: skip
