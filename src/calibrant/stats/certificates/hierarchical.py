"""Are the posteriors of the hierarchical model right? Simulation-based calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.hierarchical.calibration import layout, simulated_ranks

DRAWS = 99
"""Posterior draws that a true value is ranked among: 100 possible ranks."""


def calibration_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of central 50 % and 90 % intervals, and ranks in the lowest tenth, by quantity."""
    found = simulated_ranks(layout(**regime), rng, draws, draws=DRAWS)
    statistics = {"divergent": found.divergent}
    for name, ranks in found.ranks.items():
        statistics[f"{name}_covered50"] = float(((ranks >= 25) & (ranks < 75)).mean())
        statistics[f"{name}_covered90"] = float(((ranks >= 5) & (ranks < 95)).mean())
        statistics[f"{name}_lowest_tenth"] = float((ranks < 10).mean())
    return statistics


def _bounds(quantities: tuple[str, ...]) -> dict[str, Bound]:
    promised = {"covered50": 0.5, "covered90": 0.9, "lowest_tenth": 0.1}
    return {
        f"{q}_{name}": Bound(low=p, high=p, slack=0.01)
        for q in quantities
        for name, p in promised.items()
    }


def _certificate(
    name: str, where: str, quantities: tuple[str, ...], *regimes: Regime
) -> Certificate:
    return Certificate(
        name=f"hierarchical-{name}",
        method="calibrant.stats.hierarchical.fit.fit",
        statement=(
            f"Over data sets drawn from the prior ({where}), true values have uniform ranks among "
            "posterior draws, and central posterior intervals cover as often as they say."
        ),
        regimes=regimes,
        batch=calibration_batch,
        bounds=_bounds(quantities),
        batch_draws=50,
        needs="numpyro",
    )


CERTIFICATES = (
    _certificate(
        "one-subject", "one subject, repeated items", ("rate", "scale_item"),
        {"subjects": 1, "instruments": 1, "items": 20, "epochs": 3},
    ),
    _certificate(
        "subjects", "several subjects and instruments, repeated items",
        ("rate", "difference", "scale_subject", "scale_item", "scale_item_subject"),
        {"subjects": 3, "instruments": 2, "items": 12, "epochs": 2},
    ),
    _certificate(
        "graders", "items and answers seen by several graders, nothing integrated out",
        ("rate", "scale_item", "scale_answer", "scale_grader"),
        {"subjects": 1, "instruments": 1, "items": 15, "epochs": 2, "graders": 3},
    ),
    _certificate(
        "clusters", "items in clusters", ("rate", "scale_cluster", "scale_item"),
        {"subjects": 1, "instruments": 1, "items": 24, "epochs": 2, "clusters": 6},
    ),
    _certificate(
        "normal", "scores that are not 0 or 1",
        ("rate", "difference", "scale_item", "scale_item_subject", "scale_residual"),
        {"subjects": 3, "instruments": 1, "items": 15, "epochs": 3, "normal": True},
    ),
)  # fmt: skip
