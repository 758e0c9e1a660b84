"""Are variance components unbiased, and do their intervals and errors hold?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import chdtri

from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.variance.components import variance_components
from calibrant.stats.variance.terms import Floats, Ints


def _table(regime: Regime, rng: np.random.Generator) -> tuple[dict[str, Ints], Floats]:
    """Items × graders with repeats; some trials lost, at random."""
    items, graders = int(regime["items"]), int(regime["graders"])
    i = np.repeat(np.arange(items), graders * regime["epochs"])
    g = np.tile(np.repeat(np.arange(graders), regime["epochs"]), items)
    keep = rng.random(i.size) >= regime["lost"]
    keep[: regime["epochs"]] = True
    i, g = i[keep], g[keep]
    y = (
        np.sqrt(regime["item"]) * rng.normal(size=items)[i]
        + np.sqrt(regime["grader"]) * rng.normal(size=graders)[g]
        + rng.normal(size=i.size)
    )
    return {"item": i, "grader": g}, y


def components_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Bias and coverage of both methods on the same tables, and of what needs no model.

    "unbiased" is whether a batch's mean lies within 3.3 of its standard errors of the truth.
    """
    truth = regime["item"]
    estimates: dict[str, list[float]] = {}
    covered: dict[str, float] = dict.fromkeys(("anova", "reml", "residual", *PEERS), 0.0)
    for _ in range(draws):
        factors, y = _table(regime, rng)
        anova = variance_components(factors, y, ["item", "grader"], method="anova")
        reml = variance_components(factors, y, ["item", "grader"])
        for name, one, true in (
            ("anova", anova["item"], truth),
            ("reml", reml["item"], truth),
            ("residual", reml["residual"], 1.0),
        ):
            # Not cut off at 0, so that it can be unbiased; REML's is not negative.
            found = one.raw if name == "anova" else one.estimate
            estimates.setdefault(name, []).append((found or 0.0) / true)
            if one.se is not None:  # else at the boundary: no interval, counted as a miss
                low, high = one.interval(0.9)
                covered[name] += float(low <= true <= high)
        for name, (value, df) in _usual(factors["item"], y).items():
            estimates.setdefault(name, []).append(value / truth)
            limits = value * df / chdtri(df, [0.05, 0.95]) if value > 0 else np.zeros(2)
            covered[name] += float(limits[0] <= truth <= limits[1])
    statistics = {f"{name} covered": value / draws for name, value in covered.items()}
    for name, values in estimates.items():
        array = np.array(values)
        error = float(array.std(ddof=1)) / draws**0.5
        statistics[f"{name} / truth"] = float(array.mean())
        statistics[f"{name} unbiased"] = float(abs(array.mean() - 1) <= 3.3 * error)
    return statistics


def _usual(item: Ints, y: Floats) -> dict[str, tuple[float, float]]:
    """Estimates of the variance between items, and degrees of freedom for their intervals."""
    item = np.unique(item, return_inverse=True)[1]
    n = np.bincount(item)
    means = np.bincount(item, y) / n
    many = n.size
    between = float(np.var(means, ddof=1))
    within = float(np.sum((y - means[item]) ** 2) / (y.size - many))
    part = within * float(np.mean(1 / n))
    return {
        "variance of item means": (between, many - 1.0),
        "one-way ANOVA": (between - part, many - 1.0),
    }


PEERS = {
    "variance of item means": "the spread of items as reports show it, noise included",
    "one-way ANOVA": "items only, graders pooled into the error",
}

_NAMES = "items graders epochs lost item grader"

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "variance-components",
        "variance_components",
        "Raw ANOVA components and the REML residual are unbiased within simulation error, and 90 % "
        "Satterthwaite intervals cover within one percentage point from 30 items and a component "
        "of half the residual on.",
        regimes(_NAMES, (30, 3, 2, 0.0, 0.5, 0.2), (30, 3, 2, 0.3, 0.5, 0.2)),
        components_batch,
        {
            "anova unbiased": Bound(low=1.0, slack=0.02),
            "residual unbiased": Bound(low=1.0, slack=0.02),
            "reml covered": Bound(low=0.9, slack=0.01),
            "anova covered": Bound(low=0.9, slack=0.01),
            "residual covered": Bound(low=0.9, slack=0.01),
        },
        PEERS,
        regimes(_NAMES, (8, 4, 2, 0.2, 1.0, 0.2)),
    ),
)  # fmt: skip
