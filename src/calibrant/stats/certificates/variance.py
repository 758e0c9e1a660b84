"""Are variance components unbiased, and do their intervals and errors hold?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.stats.certificates import Bound, Certificate, Regime
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
    """Bias and coverage of both methods on the same tables.

    "unbiased" is whether a batch's mean lies within 3.3 of its standard errors of the truth.
    """
    truth = regime["item"]
    sums = dict.fromkeys(("anova_covered", "reml_covered", "residual_covered"), 0.0)
    ratios: dict[str, list[float]] = {"anova": [], "reml": [], "residual": []}
    for _ in range(draws):
        factors, y = _table(regime, rng)
        anova = variance_components(factors, y, ["item", "grader"], method="anova")
        reml = variance_components(factors, y, ["item", "grader"])
        for name, one in (("anova", anova["item"]), ("reml", reml["item"])):
            if one.se is None:
                continue  # at the boundary: no interval, counted as a miss
            low, high = one.interval(0.9)
            sums[f"{name}_covered"] += low <= truth <= high
        low, high = reml["residual"].interval(0.9)
        sums["residual_covered"] += low <= 1.0 <= high
        ratios["anova"].append(anova["item"].raw or 0.0)
        ratios["reml"].append(reml["item"].estimate or 0.0)
        ratios["residual"].append(reml["residual"].estimate or 0.0)
    found = {name: value / draws for name, value in sums.items()}
    for name, values in ratios.items():
        true = 1.0 if name == "residual" else truth
        array = np.array(values)
        error = float(array.std(ddof=1)) / draws**0.5
        found[f"{name}_relative_bias"] = float(array.mean() / true - 1)
        found[f"{name}_unbiased"] = float(abs(array.mean() - true) <= 3.3 * error)
    return found


REGIMES: tuple[Regime, ...] = (
    {"items": 30, "graders": 3, "epochs": 2, "lost": 0.0, "item": 0.5, "grader": 0.2},
    {"items": 30, "graders": 3, "epochs": 2, "lost": 0.3, "item": 0.5, "grader": 0.2},
    {"items": 8, "graders": 4, "epochs": 2, "lost": 0.2, "item": 1.0, "grader": 0.2},
)

CERTIFICATES = (
    Certificate(
        name="variance-components",
        method="calibrant.stats.variance.components.variance_components",
        statement=(
            "Raw ANOVA components and the REML residual are unbiased within simulation error, "
            "and 90 % Satterthwaite intervals of a component well above 0 cover 85 % or more."
        ),
        regimes=REGIMES,
        batch=components_batch,
        bounds={
            "anova_unbiased": Bound(low=1.0, slack=0.02),
            "residual_unbiased": Bound(low=1.0, slack=0.02),
            "reml_covered": Bound(low=0.85),
            "anova_covered": Bound(low=0.85),
            "residual_covered": Bound(low=0.87),
        },
    ),
)
