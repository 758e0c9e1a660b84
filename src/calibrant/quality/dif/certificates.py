"""How often are fair items called unfair? Few subjects, groups of unequal ability, short tests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, expit, ndtr

from calibrant.quality.bank import Floats, two_pl
from calibrant.quality.dif.dif import dif
from calibrant.quality.dif.ratio import Ratios
from calibrant.quality.responses import of_matrix
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.comparisons.multiplicity import adjust


def draw(regime: Regime, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Answers of two groups; on the first `unfair` items the focal group's odds are worse.

    The regime's keys: items, focal and reference subjects, impact (mean ability of the focal group
    below the reference), unfair, odds (ratio against the focal group), slopes "equal" or "unequal".
    """
    n = int(regime["items"])
    a = np.full(n, 1.2) if regime["slopes"] == "equal" else rng.lognormal(0.1, 0.35, n)
    b = rng.normal(0, 1, n)
    focal = np.arange(int(regime["focal"]) + int(regime["reference"])) < int(regime["focal"])
    theta = rng.normal(0, 1, focal.size) - float(regime["impact"]) * focal
    p = two_pl(a, b).probabilities(theta)[:, :, 1]
    less = np.log(float(regime["odds"])) * (np.arange(n) < int(regime["unfair"]))
    p = expit(np.log(p / (1 - p)) - less * focal[:, None])
    return (rng.random(p.shape) < p).astype(np.float64), focal


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("alarm", "exact alarm", "non-uniform alarm", "false findings", "found",
             "mantel-haenszel alarm", "wald alarm")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    unfair = int(regime["unfair"])
    for _ in range(draws):
        x, focal = draw(regime, rng)
        found = dif(of_matrix(x), group=["focal" if f else "reference" for f in focal],
                    focal="focal")  # fmt: skip
        fair = [i for i in found.items[unfair:] if i.p is not None]
        for name, key in (("alarm", "p_logistic"), ("exact alarm", "p_mantel"),
                          ("non-uniform alarm", "p_nonuniform")):  # fmt: skip
            sums[name] += float(np.mean([getattr(i, key) <= 0.05 for i in fair]))
        flagged = np.array([i.flagged for i in found.items])
        sums["false findings"] += float(flagged[unfair:].sum() / max(flagged.sum(), 1))
        sums["found"] += float(flagged[:unfair].mean()) if unfair else 0.0
        sums["mantel-haenszel alarm"] += float(np.mean(_asymptotic(x, focal)[unfair:] <= 0.05))
        sums["wald alarm"] += float(np.mean(_wald(x, focal, unfair) <= 0.05))
    return {name: total / draws for name, total in sums.items()}


def _asymptotic(x: Floats, focal: NDArray[np.bool_]) -> Floats:
    """Mantel and Haenszel's χ² on five strata of the total score, never purified."""
    total = x.sum(axis=1)
    strata = np.searchsorted(np.quantile(total, [0.2, 0.4, 0.6, 0.8]), total)
    gap, spread = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for s in range(5):
        here = strata == s
        n, f = here.sum(), (here & focal).sum()
        if n > 1:
            right = x[here].sum(axis=0)
            gap += x[here & focal].sum(axis=0) - f * right / n
            spread += f * (n - f) * right * (n - right) / (n**2 * (n - 1))
    square = np.divide(gap**2, spread, out=np.zeros_like(gap), where=spread > 0)
    return np.asarray(chdtrc(1, square))


def _wald(x: Floats, focal: NDArray[np.bool_], first: int) -> Floats:
    """Logistic regression on total score and group, unpurified; Wald's test, for six items."""
    total = x.sum(axis=1)
    s = (total - total.mean()) / max(total.std(), 1e-9)
    g = focal - focal.mean()
    design = np.column_stack([np.ones_like(s), s, g])
    x = x[:, first : first + 6]
    found = np.ones(x.shape[1])
    for j in range(x.shape[1]):
        beta = np.zeros(3)
        for _ in range(25):
            p = expit(np.clip(design @ beta, -30, 30))
            information = design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(3)
            step = np.linalg.solve(information, design.T @ (x[:, j] - p))
            beta = beta + np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-6:
                break
        error = np.sqrt(np.linalg.inv(information)[2, 2])
        found[j] = 2 * ndtr(-abs(beta[2]) / error)
    return found


def _ratio_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("alarm", "difficulty alarm", "false findings", "found", "easier covered",
             "unpurified alarm", "unpurified false findings")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    unfair, answered = int(regime["unfair"]), 0
    # Slopes are 1.2 wherever there are unfair items.
    there = np.arange(int(regime["items"])) < unfair
    truth = -np.log(float(regime["odds"])) / 1.2 * there
    for _ in range(draws):
        x, focal = draw(regime, rng)
        labels = ["focal" if f else "reference" for f in focal]
        found = dif(of_matrix(x), group=labels, focal="focal", test="irt-lr")
        curves = [i.irt for i in found.items[unfair:] if i.irt is not None]
        known = [
            (i.irt.low, i.irt.high, t)
            for i, t in zip(found.items, truth, strict=True)
            if i.irt is not None and i.irt.low is not None and i.irt.high is not None
        ]
        if not (curves and known):
            continue
        answered += 1
        sums["alarm"] += float(np.mean([c.p <= 0.05 for c in curves]))
        sums["difficulty alarm"] += float(np.mean([c.p_difficulty <= 0.05 for c in curves]))
        flagged = np.array([i.flagged for i in found.items])
        sums["false findings"] += float(flagged[unfair:].sum() / max(flagged.sum(), 1))
        sums["found"] += float(flagged[:unfair].mean()) if unfair else 0.0
        sums["easier covered"] += float(np.mean([low <= t <= high for low, high, t in known]))
        # Where nothing was flagged, all others were anchors already.
        same = np.array([1.0 if i.p is None else i.p for i in found.items])
        plain = _unpurified(x, focal) if flagged.any() else same
        sums["unpurified alarm"] += float(np.nanmean(plain[unfair:] <= 0.05))
        flagged = adjust(plain, "benjamini-hochberg") <= 0.05
        sums["unpurified false findings"] += float(flagged[unfair:].sum() / max(flagged.sum(), 1))
    means = {name: total / max(answered, 1) for name, total in sums.items()}
    return {"answered": answered / draws, **means}


def _unpurified(x: Floats, focal: NDArray[np.bool_]) -> Floats:
    """χ² of the same ratios, all other items being anchors, whatever they are; 1 if constant."""
    varied = x.max(axis=0) > x.min(axis=0)
    p = np.ones(x.shape[1])
    every = np.ones(int(varied.sum()), bool)
    p[varied] = Ratios(x[:, varied], focal, every).p(every)
    return p


_NAMES = "items focal reference impact unfair odds slopes"
CERTIFICATES = (
    Certificate(
        "items-dif",
        "calibrant.quality.dif.dif",
        "Fair items are called unfair at most 5 % of the time by each test alone, and of the items "
        "flagged at most 5 % are fair, with 10 subjects against 30 as with 60 against 60, where "
        "one group is abler by a standard deviation too.",
        regimes(_NAMES, (20, 20, 60, 0.0, 0, 1.0, "equal"), (20, 20, 60, 1.0, 0, 1.0, "equal"),
                (30, 10, 30, 1.0, 0, 1.0, "unequal"), (40, 20, 60, 1.0, 0, 1.0, "unequal"),
                (30, 60, 60, 0.5, 3, 8.0, "unequal")),
        _batch,
        {
            "alarm": Bound(high=0.05, slack=0.01), "exact alarm": Bound(high=0.05, slack=0.01),
            "non-uniform alarm": Bound(high=0.05, slack=0.01),
            "false findings": Bound(high=0.05, slack=0.02),
        },
        {
            "mantel-haenszel": "χ² on five strata of the total score, not purified",
            "wald": "Wald's test of a logistic regression on the total score, not purified",
        },
        beyond=regimes(_NAMES, (8, 60, 60, 1.5, 0, 1.0, "unequal"),
                       (30, 60, 60, 0.0, 12, 8.0, "equal")),
        batch_draws=25,
    ),
    Certificate(
        "dif-irt-lr",
        "calibrant.quality.dif.dif",
        "By likelihood ratios of two-parameter models fair items are called unfair at most 5 % of "
        "the time, with 40 subjects a group as with 60, where one group is abler by a standard "
        "deviation too, and of the items flagged at most 5 % are fair, also if a fifth of the "
        "items is unfair in one direction; then, as not all of these are found, the test of "
        "difficulty alone may err in 7 %.",
        regimes(_NAMES, (20, 40, 40, 0.0, 0, 1.0, "equal"), (20, 40, 40, 1.0, 0, 1.0, "unequal"),
                (20, 60, 60, 1.0, 0, 1.0, "unequal"), (20, 60, 60, 0.5, 4, 8.0, "equal")),
        _ratio_batch,
        {
            "alarm": Bound(high=0.05, slack=0.01),
            "difficulty alarm": Bound(high=0.05, slack=0.02),
            "answered": Bound(low=0.98),
            "easier covered": Bound(low=0.95, slack=0.02),
            "false findings": Bound(high=0.05, slack=0.02),
        },
        {"unpurified": "χ² of the same ratios, all other items being anchors"},
        beyond=regimes(_NAMES, (20, 60, 60, 0.0, 10, 8.0, "equal")),
        batch_draws=25,
    ),
)  # fmt: skip
